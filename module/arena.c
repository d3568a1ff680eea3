// SPDX-License-Identifier: GPL-2.0
/*
 * Arenas: taken from the page allocator in one go, given back as a whole.
 *
 * The first arena of a heap is as large as its first pool; each next one is
 * about half as large as all so far together, up to 1 MiB, so that a heap that
 * grows holds no more than half again what it needs.  When memory is fragmented, or
 * the limit near, smaller ones are tried down to what the pool at hand needs.  Pools
 * go where the fewest units are free, so that the emptiest arenas drain.  In large
 * heaps those that seldom become empty have arenas of their own.
 */
#include "ouro.h"
#include <linux/kmemleak.h>
#include <linux/log2.h>
#include <linux/workqueue.h>
#include "arena.h"
#include "backing.h"
#include "heap.h"
#include "address.h"
#include "pool.h"
#include "trace.h"

/* Arenas that became empty where pages cannot be given back. */
static LLIST_HEAD(arena_dead);

/* Of those that are on a list none has all its units free, so the last is left over. */
static_assert(OURO_ARENA_BUCKETS > ilog2(OURO_ARENA_UNITS) + 1);

static struct list_head *list_of(struct ouro_arena *arena)
{
	unsigned int bucket = fls(hweight64(arena->free));

	if (bucket && arena->closing)
		bucket = OURO_ARENA_BUCKETS - 1;
	return &arena->heap->arenas[bucket + arena->minor * OURO_ARENA_BUCKETS];
}

static size_t arena_meta_size(unsigned int units)
{
	struct ouro_arena *arena;

	return struct_size(arena, pool, units);
}

static u64 units_mask(unsigned int unit, unsigned int units)
{
	return GENMASK_ULL(unit + units - 1, unit);
}

/* The first run of @units free units, or -1.  At most 64 steps. */
static int find_run(const struct ouro_arena *arena, unsigned int units)
{
	u64 free = arena->free;
	unsigned int i;

	for (i = 1; i < units; i++)
		free &= free >> 1;
	return free ? __ffs64(free) : -1;
}

static void mark_units(struct ouro_heap *heap, struct ouro_arena *arena,
		       unsigned int unit, unsigned int units, bool free)
{
	lockdep_assert_held(&heap->arena_lock);
	if (free) {
		arena->free |= units_mask(unit, units);
	} else {
		arena->free &= ~units_mask(unit, units);
		WRITE_ONCE(arena->closing, false);
	}
	list_move(&arena->link, list_of(arena));
}

#define FIND_TRIES 16	/* arenas looked at in a bucket */

static struct ouro_arena *find_arena(struct ouro_heap *heap, bool minor,
				     unsigned int units, int node, bool exact,
				     unsigned int *unit)
{
	struct list_head *arenas = heap->arenas + minor * OURO_ARENA_BUCKETS;
	struct ouro_arena *arena;
	unsigned int i, tries;
	int run;

	lockdep_assert_held(&heap->arena_lock);
	for (i = fls(units); i < OURO_ARENA_BUCKETS; i++) {
		tries = FIND_TRIES;
		list_for_each_entry(arena, &arenas[i], link) {
			if (!tries--)
				break;
			if (!ouro_arena_is_on(arena, node, exact))
				continue;
			run = find_run(arena, units);
			if (run < 0)
				continue;
			*unit = run;
			return arena;
		}
	}
	return NULL;
}

static void arena_free(struct ouro_arena *arena)
{
	struct ouro_heap *heap = arena->heap;

	ouro_address_remove_arena(arena);
	if (!ouro_heap_is_debug(heap))
		kmemleak_free(arena->base);
	ouro_backing_free_pages(heap, arena->base,
				ilog2(arena->units) + OURO_UNIT_ORDER);
	trace_ouro_arena_put(heap->name, arena->units << OURO_UNIT_SHIFT,
			     arena->node, READ_ONCE(heap->narenas),
			     atomic_long_read(&heap->held));
	atomic_long_sub(arena_meta_size(arena->units), &heap->metadata);
	kfree_rcu(arena, rcu);
}

static struct ouro_arena *arena_alloc(struct ouro_heap *heap, bool minor,
				      unsigned int units, gfp_t gfp, int node)
{
	struct ouro_arena *arena;

	arena = ouro_backing_meta(heap, arena_meta_size(units), gfp, node);
	if (!arena)
		return NULL;
	arena->base = ouro_backing_pages(heap, ilog2(units) + OURO_UNIT_ORDER,
					 gfp, node);
	if (!arena->base)
		goto free_meta;
	arena->heap = heap;
	arena->units = units;
	arena->node = page_to_nid(virt_to_page(arena->base));
	arena->wanted = node == NUMA_NO_NODE ? arena->node : node;
	arena->minor = minor;
	arena->share = U8_MAX;
	arena->free = units_mask(0, units);
	if (ouro_address_add_arena(arena, gfp))
		goto free_pages;
	/* Blocks may hold the only pointers to kmalloc()ed memory. */
	if (!ouro_heap_is_debug(heap))
		kmemleak_alloc(arena->base, units << OURO_UNIT_SHIFT, 1,
			       gfp & ~GFP_ZONEMASK);
	return arena;

free_pages:
	ouro_backing_free_pages(heap, arena->base,
				ilog2(units) + OURO_UNIT_ORDER);
	/* Who goes through the map may have met it. */
	atomic_long_sub(arena_meta_size(units), &heap->metadata);
	kfree_rcu(arena, rcu);
	return NULL;
free_meta:
	ouro_backing_free_meta(heap, arena, arena_meta_size(units));
	return NULL;
}

#define MINOR_SHARE	64	/* one of so many units is the most for a minor class */
#define MINOR_UNITS	4	/* of an arena for few pools, at most */

/*
 * Whether pools of a class, in a heap large enough to care, keep to themselves: those
 * that there are few of, unless these are most of the heap, or of objects.  They hardly
 * ever become empty, and would each keep an arena when the others do.
 */
static bool is_minor(const struct ouro_class *class)
{
	unsigned int held = READ_ONCE(class->heap->units);

	if (held < OURO_ARENA_MANY)
		return false;
	return class->ops ||
	       (READ_ONCE(class->npools) * class->geo->units <
		held / MINOR_SHARE &&
		READ_ONCE(class->heap->minor_units) <= held / 4);
}

/* In an arena that is there.  @other: on the lists where it does not belong, too. */
static struct ouro_arena *take_units(struct ouro_heap *heap, bool minor,
				     bool other, unsigned int units, int node,
				     bool exact, unsigned int *unit)
{
	struct ouro_arena *arena;
	unsigned long flags;

	raw_spin_lock_irqsave(&heap->arena_lock, flags);
	arena = find_arena(heap, minor, units, node, exact, unit);
	if (!arena && (other || !heap->minor_units))
		arena = find_arena(heap, !minor, units, node, exact, unit);
	if (arena)
		mark_units(heap, arena, *unit, units, false);
	raw_spin_unlock_irqrestore(&heap->arena_lock, flags);
	return arena;
}

/*
 * A new arena for a pool, and if it can be had without reclaim for more: sizes tried
 * are as grown, 16, 4.
 */
static struct ouro_arena *arena_grow(const struct ouro_class *class, bool minor,
				     gfp_t gfp, int node)
{
	unsigned int most = minor && !class->ops ? MINOR_UNITS :
						   OURO_ARENA_UNITS;
	unsigned int least = roundup_pow_of_two(class->geo->units);
	struct ouro_heap *heap = class->heap;
	unsigned int held = READ_ONCE(heap->units);
	gfp_t eager = ouro_backing_eager(gfp);
	unsigned int units;
	struct ouro_arena *arena;

	units = held > 1 ? min_t(unsigned int, rounddown_pow_of_two(held / 2),
				 most) : 1;
	while (units > least) {
		arena = arena_alloc(heap, minor, units, eager, node);
		if (arena)
			return arena;
		WRITE_ONCE(heap->limited, false);
		units = units > 16 ? 16 : units > 4 ? 4 : least;
	}
	return NULL;
}

static void arena_list(struct ouro_arena *arena, unsigned int units)
{
	struct ouro_heap *heap = arena->heap;
	unsigned long flags;

	raw_spin_lock_irqsave(&heap->arena_lock, flags);
	list_add(&arena->link, &heap->arenas[0]);
	heap->narenas++;
	WRITE_ONCE(heap->units, heap->units + arena->units);
	if (arena->minor)
		WRITE_ONCE(heap->minor_units,
			   heap->minor_units + arena->units);
	mark_units(heap, arena, 0, units, false);
	raw_spin_unlock_irqrestore(&heap->arena_lock, flags);
	trace_ouro_arena_get(heap->name, arena->units << OURO_UNIT_SHIFT,
			     arena->node, READ_ONCE(heap->narenas),
			     atomic_long_read(&heap->held));
}

/**
 * ouro_arena_take() - find room for a pool
 * @class: of the pool
 * @gfp: for a new arena
 * @node: where the pages must be, or NUMA_NO_NODE
 * @unit: set to the first unit
 *
 * Context: As @gfp says; takes heap->arena_lock.
 * Return: the arena, or NULL.
 */
struct ouro_arena *ouro_arena_take(const struct ouro_class *class, gfp_t gfp,
				   int node, unsigned int *unit)
{
	bool minor = is_minor(class), exact = gfp & __GFP_THISNODE;
	unsigned int units = class->geo->units;
	struct ouro_heap *heap = class->heap;
	struct ouro_arena *arena;

	arena = take_units(heap, minor, READ_ONCE(heap->units) < OURO_ARENA_MANY,
			   units, node, exact, unit);
	if (arena)
		return arena;
	arena = arena_grow(class, minor, gfp, node);
	if (!arena) {
		/* Better than reclaim. */
		arena = take_units(heap, minor, true, units, node, exact, unit);
		if (arena)
			return arena;
		arena = arena_alloc(heap, minor, roundup_pow_of_two(units), gfp,
				    node);
	}
	if (!arena)
		return NULL;
	*unit = 0;
	arena_list(arena, units);
	return arena;
}

/**
 * ouro_arena_find() - find room for a pool, and none in an arena that is closing
 * @class: of the pool
 * @node: where the pages are to be
 * @unit: set to the first unit
 *
 * Context: Any but NMI; takes heap->arena_lock.
 * Return: the arena, or NULL.
 */
struct ouro_arena *ouro_arena_find(const struct ouro_class *class, int node,
				   unsigned int *unit)
{
	unsigned int units = class->geo->units;
	struct ouro_heap *heap = class->heap;
	struct ouro_arena *arena;
	unsigned long flags;

	raw_spin_lock_irqsave(&heap->arena_lock, flags);
	arena = find_arena(heap, is_minor(class), units, node, false, unit);
	/* Those are found last. */
	if (arena && arena->closing)
		arena = NULL;
	if (arena)
		mark_units(heap, arena, *unit, units, false);
	raw_spin_unlock_irqrestore(&heap->arena_lock, flags);
	return arena;
}

/* On a list, that is: neither new nor about to go. */
static bool is_in_use(const struct ouro_arena *arena)
{
	lockdep_assert_held(&arena->heap->arena_lock);
	return arena->free != units_mask(0, arena->units);
}

/**
 * ouro_arena_room() - how many units are free
 * @arena: in use, or else it has no room
 *
 * Context: Any but NMI, under rcu_read_lock(); takes heap->arena_lock.
 * Return: units.
 */
unsigned int ouro_arena_room(struct ouro_arena *arena)
{
	struct ouro_heap *heap = arena->heap;
	unsigned int room = 0;
	unsigned long flags;

	raw_spin_lock_irqsave(&heap->arena_lock, flags);
	if (is_in_use(arena))
		room = hweight64(arena->free);
	raw_spin_unlock_irqrestore(&heap->arena_lock, flags);
	return room;
}

/**
 * ouro_arena_set_closing() - have pools go anywhere else as long as there is room
 * @arena: in use, or it stays as it is
 * @closing: until units of it are taken all the same; false: no more
 *
 * Context: Any but NMI, under rcu_read_lock(); takes heap->arena_lock.
 */
void ouro_arena_set_closing(struct ouro_arena *arena, bool closing)
{
	struct ouro_heap *heap = arena->heap;
	unsigned long flags;

	raw_spin_lock_irqsave(&heap->arena_lock, flags);
	if (is_in_use(arena) && arena->closing != closing) {
		WRITE_ONCE(arena->closing, closing);
		list_move(&arena->link, list_of(arena));
	}
	raw_spin_unlock_irqrestore(&heap->arena_lock, flags);
}

/* Arenas are off the list and not yet gone only while this is held. */
static DEFINE_MUTEX(arena_reap_lock);

static void arena_reap(struct work_struct *work)
{
	struct ouro_arena *arena, *next;
	struct llist_node *dead;

	mutex_lock(&arena_reap_lock);
	dead = llist_del_all(&arena_dead);
	llist_for_each_entry_safe(arena, next, dead, dead)
		arena_free(arena);
	mutex_unlock(&arena_reap_lock);
}

static DECLARE_WORK(arena_work, arena_reap);

/**
 * ouro_arena_give() - take back the units of a pool
 * @arena: they lie in
 * @unit: the first
 * @units: how many
 *
 * An arena that is all free goes back to the page allocator: at once where
 * that may be done, else from a work item.
 *
 * Context: Any but NMI; takes heap->arena_lock.
 */
void ouro_arena_give(struct ouro_arena *arena, unsigned int unit,
		     unsigned int units)
{
	struct ouro_heap *heap = arena->heap;
	unsigned long flags;
	bool empty;

	raw_spin_lock_irqsave(&heap->arena_lock, flags);
	mark_units(heap, arena, unit, units, true);
	empty = arena->free == units_mask(0, arena->units);
	if (empty) {
		list_del(&arena->link);
		heap->narenas--;
		WRITE_ONCE(heap->units, heap->units - arena->units);
		if (arena->minor)
			WRITE_ONCE(heap->minor_units,
				   heap->minor_units - arena->units);
	}
	raw_spin_unlock_irqrestore(&heap->arena_lock, flags);
	if (!empty)
		return;
	if (ouro_context_is_easy())
		arena_free(arena);
	else if (llist_add(&arena->dead, &arena_dead))
		queue_work(ouro_wq, &arena_work);
}

/*
 * Arenas handed to the worker so far are gone when this returns.  Not left to
 * flush_work(): who made the list non-empty may not have queued the work yet.
 */
void ouro_arena_flush(void)
{
	arena_reap(NULL);
}

void ouro_arena_exit(void)
{
	flush_work(&arena_work);
}

/**
 * ouro_arena_destroy_all() - give back every page of a dying heap
 * @heap: that nobody uses any more
 *
 * Context: Process context.  Costs a fixed amount per arena and per pool with
 * a header of its own, whatever the number of live blocks.
 */
void ouro_arena_destroy_all(struct ouro_heap *heap)
{
	struct ouro_arena *arena, *next;
	unsigned int i;

	for (i = 0; i < OURO_ARENA_LISTS; i++) {
		list_for_each_entry_safe(arena, next, &heap->arenas[i], link) {
			ouro_pool_forget_all(arena);
			list_del(&arena->link);
			heap->narenas--;
			arena_free(arena);
			cond_resched();
		}
	}
}
