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

#define FRAMES_MOST	16	/* kept of a stack */
#define FRAMES_OURS	6	/* at most, of this module in front of them */

/*
 * Of ouro/front.h: a new block needs more than that its mark goes.  It is to be zeroed,
 * whoever asks, or some heap has its sites noted.
 */
DEFINE_STATIC_KEY_FALSE(__ouro_begin_long);
EXPORT_SYMBOL_OURO(__ouro_begin_long);
DEFINE_STATIC_KEY_FALSE(ouro_sites_noted);

/* Orders changes of the mode. */
static DEFINE_MUTEX(mode_lock);

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

/*
 * Zeroed, or NULL.  Linked from headers that kmemleak does not see, and with a bit
 * set.
 */
static void *note_memory(struct ouro_pool *pool, size_t bytes)
{
	void *memory;

	if (ouro_context_is_tight())
		return NULL;
	ouro_slow_begin();
	memory = ouro_backing_meta(pool->heap, bytes, GFP_NOWAIT | __GFP_NOWARN,
				   NUMA_NO_NODE);
	if (memory)
		kmemleak_not_leak(memory);
	ouro_slow_end();
	return memory;
}

static unsigned long plain(enum ouro_site_mode mode)
{
	return mode == OURO_SITES_CALLER && !want_init_on_alloc(0) ?
	       OURO_SITES_PLAIN : 0;
}

static struct ouro_sites *sites_create(struct ouro_pool *pool,
				       enum ouro_site_mode mode)
{
	struct ouro_sites *sites;
	unsigned long value, old;

	sites = note_memory(pool, sites_size(pool));
	if (!sites)
		return NULL;
	value = (unsigned long)sites | plain(mode);
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

	stacks = note_memory(pool, stacks_size(pool));
	if (!stacks)
		return NULL;
	/* Full barrier; pairs with note_stack() and with readers. */
	old = cmpxchg(&sites->stacks, NULL, stacks);
	if (!old)
		return stacks;
	ouro_backing_free_meta(pool->heap, stacks, stacks_size(pool));
	return old;
}

/* A handle for the stack we are on, from @caller on, or 0. */
static u32 stack_save(unsigned long caller)
{
	unsigned long entries[FRAMES_OURS + FRAMES_MOST];
	unsigned int n, skip = 0;
	u32 handle;

	if (!IS_ENABLED(CONFIG_STACKDEPOT) || ouro_context_is_tight())
		return 0;
	n = stack_trace_save(entries, ARRAY_SIZE(entries), 0);
	/* How many are ours depends on what the compiler has inlined. */
	while (skip < n && entries[skip] != caller)
		skip++;
	if (skip == n)
		skip = 0;
	ouro_slow_begin();
	handle = stack_depot_save(entries + skip,
				  min_t(unsigned int, n - skip, FRAMES_MOST),
				  GFP_NOWAIT | __GFP_NOWARN);
	ouro_slow_end();
	return handle;
}

/* One allocation in so many: whichever it is, they are counted together. */
static bool is_sampled(struct ouro_heap *heap)
{
	unsigned int every = READ_ONCE(heap->sites_every);

	return every <= 1 ||
	       !((unsigned int)atomic_inc_return(&heap->sites_seen) % every);
}

static void note_stack(struct ouro_pool *pool, struct ouro_sites *sites,
		       unsigned int block, unsigned long caller)
{
	/* Pairs with stacks_create(). */
	struct ouro_stacks *stacks = smp_load_acquire(&sites->stacks);

	if (!stacks)
		stacks = stacks_create(pool, sites);
	if (stacks)
		WRITE_ONCE(stacks->handle[block],
			   is_sampled(pool->heap) ? stack_save(caller) : 0);
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
	unsigned int index = ouro_pool_index(pool, block);
	enum ouro_site_mode mode;
	struct ouro_sites *sites;

	/* It is another heap's sites that are noted. */
	if (READ_ONCE(heap->sites_mode) == OURO_SITES_OFF)
		return;
	rcu_read_lock();	/* pairs with the grace period in mode_change() */
	mode = READ_ONCE(heap->sites_mode);
	sites = ouro_sites_of(pool);
	if (mode != OURO_SITES_OFF && !sites)
		sites = sites_create(pool, mode);
	if (mode != OURO_SITES_OFF && sites) {
		WRITE_ONCE(sites->note[index].when, (u32)jiffies);
		WRITE_ONCE(sites->note[index].caller, (u32)caller);
	}
	if (mode == OURO_SITES_STACK && sites)
		note_stack(pool, sites, index, caller);
	rcu_read_unlock();
}

/* The same for a large block. */
void ouro_site_note_large(struct ouro_heap *heap, struct ouro_site_note *note,
			  unsigned long caller)
{
	rcu_read_lock();	/* as above */
	if (READ_ONCE(heap->sites_mode) != OURO_SITES_OFF) {
		WRITE_ONCE(note->when, (u32)jiffies);
		WRITE_ONCE(note->caller, (u32)caller);
	}
	rcu_read_unlock();
}

/* The memory of a pool goes; a census may still read what was noted. */
void ouro_sites_forget(struct ouro_pool *pool)
{
	struct ouro_sites *sites = ouro_sites_of(pool);

	if (!sites)
		return;
	WRITE_ONCE(pool->sites, 0);
	if (sites->stacks) {
		atomic_long_sub(stacks_size(pool), &pool->heap->metadata);
		kvfree_rcu(sites->stacks, rcu);
	}
	atomic_long_sub(sites_size(pool), &pool->heap->metadata);
	kvfree_rcu(sites, rcu);
}

/* ---- modes ---- */

static void keys_inc(void)
{
	static_branch_inc(&ouro_sites_noted);
	static_branch_inc(&__ouro_begin_long);
}

static void keys_dec(void)
{
	static_branch_dec(&__ouro_begin_long);
	static_branch_dec(&ouro_sites_noted);
}

/*
 * Some architectures find nobody on the stack without frame pointers.  The depot
 * takes up to some MiB, so it is not asked before it is needed.
 */
static bool have_stacks(void)
{
	unsigned long entry;

	return IS_ENABLED(CONFIG_STACKTRACE) && IS_ENABLED(CONFIG_STACKDEPOT) &&
	       stack_trace_save(&entry, 1, 0) && !stack_depot_init();
}

/* What was noted is forgotten, as another mode would take it for its own. */
static void pool_begin(struct ouro_pool *pool, unsigned int first,
		       unsigned int end, void *arg)
{
	struct ouro_sites *sites = ouro_sites_of(pool);
	enum ouro_site_mode *mode = arg;
	struct ouro_stacks *stacks;
	unsigned int i;

	if (!sites)
		return;
	/* Pairs with stacks_create(). */
	stacks = smp_load_acquire(&sites->stacks);
	/* Who was about to note by the mode before may do so still. */
	for (i = first; i < end; i++) {
		WRITE_ONCE(sites->note[i].caller, 0);
		if (stacks)
			WRITE_ONCE(stacks->handle[i], 0);
	}
	WRITE_ONCE(pool->sites, (unsigned long)sites | plain(*mode));
}

static void large_begin(struct ouro_large *large, void *arg)
{
	WRITE_ONCE(large->site.caller, 0);
}

static int mode_change(struct ouro_heap *heap, enum ouro_site_mode mode)
{
	enum ouro_site_mode before = heap->sites_mode;
	int err;

	WRITE_ONCE(heap->sites_mode, OURO_SITES_OFF);
	/*
	 * Pairs with ouro_site_table_read(): who sees this one sees that nothing
	 * is noted, and who began with the last one sees in the end that it is over.
	 */
	smp_store_release(&heap->sites_epoch, heap->sites_epoch + 1);
	if (before != OURO_SITES_OFF)
		keys_dec();
	synchronize_rcu();	/* nobody notes by the mode before */
	err = ouro_census(heap, pool_begin, large_begin, &mode);
	if (err || mode == OURO_SITES_OFF)
		return err;
	WRITE_ONCE(heap->sites_since, jiffies);
	keys_inc();
	WRITE_ONCE(heap->sites_mode, mode);
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
	if (mode == OURO_SITES_STACK && !have_stacks())
		return -EOPNOTSUPP;
	if (mutex_lock_interruptible(&mode_lock))
		return -EINTR;
	WRITE_ONCE(heap->sites_every, every);
	err = mode_change(heap, mode);
	mutex_unlock(&mode_lock);
	return err;
}

/* Of a heap that nobody uses any more. */
void ouro_sites_end(struct ouro_heap *heap)
{
	if (heap->sites_mode != OURO_SITES_OFF)
		keys_dec();
	heap->sites_mode = OURO_SITES_OFF;
}

/* ---- names ---- */

/* Modules lie within two gigabytes of each other, and so of this one. */
unsigned long ouro_site_address(u32 caller)
{
	unsigned long here = (unsigned long)ouro_site_address;

	return here + (s32)(caller - (u32)here);
}

/* Who allocated a block last, 0: not noted. */
unsigned long ouro_site_of(const struct ouro_pool *pool, const void *block)
{
	const struct ouro_sites *sites = ouro_sites_of(pool);
	u32 caller;

	if (!sites)
		return 0;
	caller = READ_ONCE(sites->note[ouro_pool_index(pool, block)].caller);
	return caller ? ouro_site_address(caller) : 0;
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
		static_branch_inc(&__ouro_begin_long);
}
