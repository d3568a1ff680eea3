/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only file that tests kernel versions: one name for what kernels from 6.1
 * on spell differently.
 */
#ifndef OURO_COMPAT_H
#define OURO_COMPAT_H

#include <linux/export.h>
#include <linux/kasan.h>
#include <linux/lockdep.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/shrinker.h>
#include <linux/version.h>

/* Export namespaces became string literals in 6.13. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define EXPORT_SYMBOL_OURO(sym) EXPORT_SYMBOL_NS_GPL(sym, "OURO")
#else
#define EXPORT_SYMBOL_OURO(sym) EXPORT_SYMBOL_NS_GPL(sym, OURO)
#endif

/* Orders below this one can be asked of the page allocator. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#define OURO_ORDER_LIMIT NR_PAGE_ORDERS
#else
#define OURO_ORDER_LIMIT MAX_ORDER
#endif

/* Later kernels want every queue to say WQ_UNBOUND or WQ_PERCPU. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define OURO_WQ_PERCPU WQ_PERCPU	/* an enumerator there */
#else
#define OURO_WQ_PERCPU 0
#endif

/* A file with NAME_show() and NAME_write(): later kernels have it themselves. */
#ifndef DEFINE_SHOW_STORE_ATTRIBUTE
#define DEFINE_SHOW_STORE_ATTRIBUTE(name)				\
static int name##_open(struct inode *inode, struct file *file)		\
{									\
	return single_open(file, name##_show, inode->i_private);	\
}									\
									\
static const struct file_operations name##_fops = {			\
	.owner = THIS_MODULE,						\
	.open = name##_open,						\
	.read = seq_read,						\
	.write = name##_write,						\
	.llseek = seq_lseek,						\
	.release = single_release,					\
}
#endif

/* Generic KASAN exports kasan_poison(), its prototype is private to mm/. */
#ifdef CONFIG_KASAN_GENERIC
void kasan_poison(const void *addr, size_t size, u8 value, bool init);

#define OURO_SHADOW_FREE	0xFB	/* as KASAN_SLAB_FREE */
#define OURO_SHADOW_GRANULE	8	/* bytes that one shadow byte describes */

static inline void ouro_kasan_poison(const void *block, size_t size)
{
	kasan_poison(block, round_up(size, OURO_SHADOW_GRANULE),
		     OURO_SHADOW_FREE, false);
}

static inline void ouro_kasan_unpoison(const void *block, size_t size)
{
	size_t whole = round_down(size, OURO_SHADOW_GRANULE);

	kasan_poison(block, whole, 0, false);
	if (size != whole)
		kasan_poison(block + whole, OURO_SHADOW_GRANULE, size - whole,
			     false);
}
#else
static inline void ouro_kasan_poison(const void *block, size_t size)
{
}

static inline void ouro_kasan_unpoison(const void *block, size_t size)
{
}
#endif

/*
 * Around the slow paths.  What they call of others takes spinlock_t; lockdep
 * would have none taken in hardirq or under a raw lock, for PREEMPT_RT's sake.
 * There we do not come so far in such a context, which is tight.  6.3 and
 * before have no way to say so.
 */
extern struct lockdep_map ouro_slow_map;

#if defined(DEFINE_WAIT_OVERRIDE_MAP) && defined(CONFIG_LOCKDEP) && \
	!defined(CONFIG_PREEMPT_RT)
#define OURO_SLOW_MAP DEFINE_WAIT_OVERRIDE_MAP(ouro_slow_map, LD_WAIT_CONFIG)

static inline void ouro_slow_begin(void)
{
	if (!preemptible())
		lock_map_acquire_try(&ouro_slow_map);
}

static inline void ouro_slow_end(void)
{
	if (!preemptible())
		lock_map_release(&ouro_slow_map);
}
#else
#define OURO_SLOW_MAP struct lockdep_map ouro_slow_map

static inline void ouro_slow_begin(void)
{
}

static inline void ouro_slow_end(void)
{
}
#endif

/* Shrinkers are allocated from 6.7 on, embedded before. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
static inline struct shrinker *
ouro_shrinker_create(const char *name,
		     unsigned long (*count)(struct shrinker *s,
					    struct shrink_control *sc),
		     unsigned long (*scan)(struct shrinker *s,
					   struct shrink_control *sc))
{
	struct shrinker *shrinker = shrinker_alloc(0, "%s", name);

	if (!shrinker)
		return NULL;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker->seeks = DEFAULT_SEEKS;
	shrinker_register(shrinker);
	return shrinker;
}

static inline void ouro_shrinker_destroy(struct shrinker *shrinker)
{
	shrinker_free(shrinker);
}
#else
static inline struct shrinker *
ouro_shrinker_create(const char *name,
		     unsigned long (*count)(struct shrinker *s,
					    struct shrink_control *sc),
		     unsigned long (*scan)(struct shrinker *s,
					   struct shrink_control *sc))
{
	struct shrinker *shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);

	if (!shrinker)
		return NULL;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker->seeks = DEFAULT_SEEKS;
	if (register_shrinker(shrinker, "%s", name)) {
		kfree(shrinker);
		return NULL;
	}
	return shrinker;
}

static inline void ouro_shrinker_destroy(struct shrinker *shrinker)
{
	unregister_shrinker(shrinker);
	kfree(shrinker);
}
#endif

#endif /* OURO_COMPAT_H */
