// SPDX-License-Identifier: GPL-2.0
/*
 * Sites: who allocated what is live.
 *
 * Without them nothing is paid: the branch that leads here is the one that
 * init_on_alloc needs.  Notes are made in any context; where there is no memory for
 * them a block counts as one whose site is not known.
 */
#include "ouro.h"
#include <linux/kmemleak.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/stackdepot.h>
#include <linux/stacktrace.h>
#include "backing.h"
#include "census.h"
#include "heap.h"
#include "large.h"
#include "site.h"

#define FRAMES_MOST	16
#define FRAMES_OURS	2	/* of ouro_site_note_slow(), and its caller */

DEFINE_STATIC_KEY_FALSE(ouro_begin_long);

/* Orders changes of the mode. */
static DEFINE_MUTEX(mode_lock);

static bool have_stacks;

/* ---- notes ---- */

static size_t sites_size(const struct ouro_pool *pool)
{
	struct ouro_sites *sites;

	return struct_size(sites, note, pool->blocks);
}

static size_t stacks_size(const struct ouro_pool *pool)
{
	struct ouro_stacks *stacks;

	return struct_size(stacks, handle, pool->blocks);
}

static struct ouro_sites *sites_create(struct ouro_pool *pool,
				       enum ouro_site_mode mode)
{
	struct ouro_sites *sites;
	unsigned long value, old;

	if (ouro_context_is_tight())
		return NULL;
	sites = ouro_backing_meta(pool->heap, sites_size(pool),
				  GFP_NOWAIT | __GFP_NOWARN, NUMA_NO_NODE);
	if (!sites)
		return NULL;
	/* Linked from headers that kmemleak does not see, and with a bit set. */
	kmemleak_not_leak(sites);
	value = (unsigned long)sites;
	if (mode == OURO_SITES_CALLER)
		value |= OURO_SITES_PLAIN;
	/* Full barrier; pairs with ouro_sites_of(). */
	old = cmpxchg(&pool->sites, 0, value);
	if (!old)
		return sites;
	ouro_backing_free_meta(pool->heap, sites, sites_size(pool));
	return (struct ouro_sites *)(old & ~OURO_SITES_PLAIN);
}

static struct ouro_stacks *stacks_create(struct ouro_pool *pool,
					 struct ouro_sites *sites)
{
	struct ouro_stacks *stacks, *old;

	if (ouro_context_is_tight())
		return NULL;
	stacks = ouro_backing_meta(pool->heap, stacks_size(pool),
				   GFP_NOWAIT | __GFP_NOWARN, NUMA_NO_NODE);
	if (!stacks)
		return NULL;
	kmemleak_not_leak(stacks);
	old = cmpxchg(&sites->stacks, NULL, stacks);
	if (!old)
		return stacks;
	ouro_backing_free_meta(pool->heap, stacks, stacks_size(pool));
	return old;
}

/* A handle for the stack we are on, or 0. */
static u32 stack_save(void)
{
	unsigned long entries[FRAMES_MOST];
	unsigned int n;

	if (!IS_ENABLED(CONFIG_STACKDEPOT) || ouro_context_is_tight())
		return 0;
	n = stack_trace_save(entries, ARRAY_SIZE(entries), FRAMES_OURS);
	return stack_depot_save(entries, n, GFP_NOWAIT | __GFP_NOWARN);
}

/* One allocation in so many: whichever it is, they are counted together. */
static bool is_sampled(struct ouro_heap *heap)
{
	unsigned int every = READ_ONCE(heap->sites_every);

	return every <= 1 ||
	       !((unsigned int)atomic_inc_return(&heap->sites_seen) % every);
}

static void note_stack(struct ouro_pool *pool, struct ouro_sites *sites,
		       unsigned int block)
{
	/* Pairs with stacks_create(). */
	struct ouro_stacks *stacks = smp_load_acquire(&sites->stacks);

	if (!stacks)
		stacks = stacks_create(pool, sites);
	if (stacks)
		WRITE_ONCE(stacks->handle[block],
			   is_sampled(pool->heap) ? stack_save() : 0);
}

/**
 * ouro_site_note_slow() - note who has a block, where there is more to do
 * @pool: it lies in
 * @block: the block
 * @caller: return address of who asked for it
 *
 * Context: Any, NMI included.
 */
noinline void ouro_site_note_slow(struct ouro_pool *pool, const void *block,
				  unsigned long caller)
{
	struct ouro_heap *heap = pool->heap;
	struct ouro_sites *sites = ouro_sites_of(pool);
	unsigned int index = ouro_pool_index(pool, block);
	enum ouro_site_mode mode;

	rcu_read_lock();	/* pairs with the grace period in ouro_sites_set() */
	mode = READ_ONCE(heap->sites_mode);
	if (mode != OURO_SITES_OFF && !sites)
		sites = sites_create(pool, mode);
	if (mode != OURO_SITES_OFF && sites) {
		WRITE_ONCE(sites->note[index].when, (u32)jiffies);
		WRITE_ONCE(sites->note[index].caller, (u32)caller);
	}
	if (mode == OURO_SITES_STACK && sites)
		note_stack(pool, sites, index);
	rcu_read_unlock();
}

/* The same for a large block. */
void ouro_site_note_large(struct ouro_heap *heap, struct ouro_site_note *note,
			  unsigned long caller)
{
	if (READ_ONCE(heap->sites_mode) == OURO_SITES_OFF)
		return;
	WRITE_ONCE(note->when, (u32)jiffies);
	WRITE_ONCE(note->caller, (u32)caller);
}

/* The memory of a pool goes; a census may still read what was noted. */
void ouro_sites_forget(struct ouro_pool *pool)
{
	struct ouro_sites *sites = ouro_sites_of(pool);

	if (!sites)
		return;
	pool->sites = 0;
	if (sites->stacks) {
		atomic_long_sub(stacks_size(pool), &pool->heap->metadata);
		kvfree_rcu(sites->stacks, rcu);
	}
	atomic_long_sub(sites_size(pool), &pool->heap->metadata);
	kvfree_rcu(sites, rcu);
}

/* ---- modes ---- */

/* What was noted is forgotten, as another mode would take it for its own. */
static void pool_begin(struct ouro_pool *pool, void *arg)
{
	struct ouro_sites *sites = ouro_sites_of(pool);
	enum ouro_site_mode *mode = arg;

	if (!sites)
		return;
	memset(sites->note, 0, pool->blocks * sizeof(sites->note[0]));
	if (sites->stacks)
		memset(sites->stacks->handle, 0, pool->blocks * sizeof(u32));
	WRITE_ONCE(pool->sites, (unsigned long)sites |
		   (*mode == OURO_SITES_CALLER ? OURO_SITES_PLAIN : 0));
}

static int mode_change(struct ouro_heap *heap, enum ouro_site_mode mode)
{
	enum ouro_site_mode before = heap->sites_mode;
	int err;

	if (before != OURO_SITES_OFF) {
		WRITE_ONCE(heap->sites_mode, OURO_SITES_OFF);
		static_branch_dec(&ouro_begin_long);
	}
	synchronize_rcu();	/* nobody notes by the mode before */
	err = ouro_census(heap, pool_begin, &mode);
	if (err || mode == OURO_SITES_OFF)
		return err;
	WRITE_ONCE(heap->sites_mode, mode);
	WRITE_ONCE(heap->sites_since, jiffies);
	static_branch_inc(&ouro_begin_long);
	return 0;
}

/**
 * ouro_sites_set() - choose what is noted of allocations from a heap
 * @heap: the heap
 * @mode: of enum ouro_site_mode
 * @every: with OURO_SITES_STACK, of how many allocations one has its stack saved
 *
 * What was noted before is forgotten.
 *
 * Context: Process context, may sleep.
 * Return: 0; -EOPNOTSUPP where the kernel saves no stacks; -EINTR when there is a
 * signal: nothing is noted then.
 */
int ouro_sites_set(struct ouro_heap *heap, enum ouro_site_mode mode,
		   unsigned int every)
{
	int err;

	might_sleep();
	if (mode == OURO_SITES_STACK && !have_stacks)
		return -EOPNOTSUPP;
	mutex_lock(&mode_lock);
	WRITE_ONCE(heap->sites_every, every);
	err = mode_change(heap, mode);
	mutex_unlock(&mode_lock);
	return err;
}

/* Of a heap that nobody uses any more. */
void ouro_sites_end(struct ouro_heap *heap)
{
	if (heap->sites_mode != OURO_SITES_OFF)
		static_branch_dec(&ouro_begin_long);
	heap->sites_mode = OURO_SITES_OFF;
}

/* ---- names ---- */

/* Modules lie within two gigabytes of each other, and so of this one. */
unsigned long ouro_site_address(u32 caller)
{
	unsigned long here = (unsigned long)ouro_site_address;

	return here + (s32)(caller - (u32)here);
}

/* A caller for people, never as a number: its module may be gone. */
void ouro_site_name(unsigned long address, char *text, size_t size)
{
	snprintf(text, size, "%pS", (void *)address);
	if (!address || !strchr(text, '+'))
		strscpy(text, "(unknown)", size);
}

void __init ouro_sites_init(void)
{
	if (want_init_on_alloc(0))
		static_branch_inc(&ouro_begin_long);
	have_stacks = IS_ENABLED(CONFIG_STACKTRACE) &&
		      IS_ENABLED(CONFIG_STACKDEPOT) && !stack_depot_init();
}
