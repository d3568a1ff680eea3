// SPDX-License-Identifier: GPL-2.0
/*
 * Pools: blocks of one class in a few units of an arena.
 */
#include "ouro.h"
#include <linux/kmemleak.h>
#include <linux/random.h>
#include "arena.h"
#include "backing.h"
#include "check.h"
#include "heap.h"
#include "pool.h"
#include "site.h"
#include "trace.h"

u64 ouro_secret __ro_after_init;
u64 ouro_object_secret __ro_after_init;
u64 ouro_hardened_secret __ro_after_init;
long ouro_direct_end __ro_after_init;

/* Draws the secret and learns where the direct map ends.  From module init. */
void __init ouro_pool_init(void)
{
	ouro_secret = get_random_u64();
	ouro_object_secret = ouro_secret ^ OURO_MAGIC_OBJECTS;
	ouro_hardened_secret = ouro_secret ^ OURO_MAGIC_HARDENED;
#if defined(CONFIG_X86_64) && !defined(CONFIG_UML)
	ouro_direct_end = VMALLOC_START;
#endif
}

/*
 * Whether the private words of a pool's pages lead to it: where its header lies
 * apart, and where what is written in memory is not to be believed.
 */
static bool pages_tell(const struct ouro_class *class)
{
	return !class->geo->inband || (!class->geo->objects &&
				       ouro_heap_is_hardened(class->heap));
}

/*
 * A header that lies apart begins with the inverse of the secret, so that one at a
 * multiple of OURO_UNIT is not taken for an in-band one.
 */
static u64 magic_of(const struct ouro_class *class)
{
	const struct ouro_geometry *geo = class->geo;
	u64 magic = geo->inband ? ouro_secret : ~ouro_secret;

	if (geo->objects)
		return magic ^ OURO_MAGIC_OBJECTS;
	return geo->inband && pages_tell(class) ? magic ^ OURO_MAGIC_HARDENED :
						  magic;
}

/* The header that the page of @ptr, a direct one, leads to, or NULL. */
struct ouro_pool *ouro_pool_apart(const void *ptr)
{
	return ouro_pool_by_page(ptr);
}

/* Where what is freed in the pools of a class goes, unless they are sparse. */
struct ouro_front __percpu *ouro_pool_front(const struct ouro_class *class)
{
	/* Of a hardened one it is not used but for blocks that were claimed. */
	return ouro_heap_is_fast(class->heap) ||
	       magic_of(class) == ouro_hardened_secret ?
	       class->fronts : ouro_idle_fronts;
}

/* Lets every page of the units lead to @pool, or to nothing again. */
static void pages_lead_to(char *base, unsigned int units,
			  struct ouro_pool *pool)
{
	unsigned int i, pages = (units << OURO_UNIT_SHIFT) >> PAGE_SHIFT;

	for (i = 0; i < pages; i++)
		set_page_private(ouro_pool_page(base + i * PAGE_SIZE),
				 (unsigned long)pool);
}

/* Bytes of a header with the two maps every pool has. */
size_t ouro_pool_header_size(unsigned int blocks)
{
	struct ouro_pool *pool;

	return struct_size(pool, bits, 2 * BITS_TO_LONGS(blocks));
}

static void pool_setup(struct ouro_pool *pool, struct ouro_class *class,
		       char *base)
{
	const struct ouro_geometry *geo = class->geo;
	unsigned int longs = BITS_TO_LONGS(geo->blocks);

	pool->heap = class->heap;
	pool->class = class;
	pool->size = geo->size;
	pool->blocks = geo->blocks;
	pool->free = geo->blocks;
	pool->bucket = OURO_EMPTY;
	pool->mult = geo->mult;
	pool->bound = geo->bound;
	pool->first = base + ((size_t)geo->units << OURO_UNIT_SHIFT) -
		      (size_t)geo->blocks * geo->size;
	pool->bias = (u32)(unsigned long)pool->first * geo->mult;
	pool->map = pool->bits;
	pool->remote = pool->bits + longs;
	bitmap_set(pool->map, 0, geo->blocks);
	pool->top_word = longs - 1;
	if (geo->objects)
		pool->objects = (void *)pool + geo->objects;
	pool->front = ouro_pool_front(class);
}

static void pool_publish(struct ouro_pool *pool, struct ouro_arena *arena,
			 unsigned int unit, unsigned int units)
{
	unsigned int i;

	/*
	 * Pairs with the address dependency of whoever follows the pointer, or
	 * reads the magic first.
	 */
	smp_store_release(&pool->magic, magic_of(pool->class));
	for (i = 0; i < units; i++)
		/* As above. */
		smp_store_release(&arena->pool[unit + i], pool);
	if (pages_tell(pool->class)) {
		smp_wmb();	/* pairs with the second one of claim_hardened() */
		pages_lead_to(ouro_arena_unit(arena, unit), units, pool);
	}
}

/* @grow: in a new arena, or one that is closing, where there is no other room. */
static struct ouro_pool *pool_create(struct ouro_class *class, gfp_t gfp,
				     int node, bool grow)
{
	const struct ouro_geometry *geo = class->geo;
	struct ouro_heap *heap = class->heap;
	struct ouro_pool *pool = NULL;
	struct ouro_arena *arena;
	unsigned int unit;
	char *base;

	if (!geo->inband) {
		pool = ouro_backing_meta(heap, geo->header, gfp, node);
		if (!pool)
			return NULL;
		/* Linked from headers that kmemleak does not see. */
		kmemleak_not_leak(pool);
	}
	arena = grow ? ouro_arena_take(class, gfp, node, &unit) :
		       ouro_arena_find(class, node, &unit);
	if (!arena)
		goto free_pool;
	base = ouro_arena_unit(arena, unit);
	if (geo->inband) {
		pool = (struct ouro_pool *)base;
		memset(pool, 0, geo->header);
	}
	pool_setup(pool, class, base);
	pool->arena = arena;
	pool->unit = unit;
	if (ouro_heap_is_checked(heap) &&
	    ouro_check_pool_init(pool, gfp))
		goto give_units;
	ouro_kasan_poison(pool->first, (size_t)geo->blocks * geo->size);
	if (class->ops && class->ops->populate(pool, gfp))
		goto forget;
	pool_publish(pool, arena, unit, geo->units);
	return pool;

forget:
	ouro_check_pool_exit(pool);
	ouro_kasan_unpoison(pool->first, (size_t)geo->blocks * geo->size);
give_units:
	ouro_arena_give(arena, unit, geo->units);
	if (geo->inband)
		return NULL;
free_pool:
	ouro_backing_free_meta(heap, pool, geo->header);
	return NULL;
}

/**
 * ouro_pool_create() - a pool with all its blocks free
 * @class: it will belong to
 * @gfp: the caller's
 * @node: where its pages must be, or NUMA_NO_NODE
 *
 * Context: As @gfp says; takes heap->arena_lock.
 * Return: the pool, on no list yet, or NULL.
 */
struct ouro_pool *ouro_pool_create(struct ouro_class *class, gfp_t gfp,
				   int node)
{
	return pool_create(class, gfp, node, true);
}

/**
 * ouro_pool_create_within() - the same, if an arena that is to stay has room
 * @class: it will belong to
 * @node: where its pages are to be
 *
 * Context: Any but NMI; takes heap->arena_lock.
 * Return: the pool, on no list yet, or NULL.
 */
struct ouro_pool *ouro_pool_create_within(struct ouro_class *class, int node)
{
	return pool_create(class, GFP_NOWAIT | __GFP_NOWARN, node, false);
}

/* For tracers the quarters are one. */
static enum ouro_pool_state state_of(unsigned int bucket)
{
	switch (bucket) {
	case OURO_SPARSE_FULL:
	case OURO_FULL:		return OURO_POOL_FULL;
	case OURO_EMPTY:	return OURO_POOL_EMPTY;
	case OURO_BUCKETS:	return OURO_POOL_NONE;
	default:		return OURO_POOL_PARTIAL;
	}
}

/**
 * ouro_pool_trace() - tell tracers that a pool changes its bucket
 * @pool: the pool
 * @from: the bucket it was in, OURO_BUCKETS: it is new
 * @to: the bucket it is in, OURO_BUCKETS: its units are given back
 *
 * Context: Any.
 */
void ouro_pool_trace(const struct ouro_pool *pool, unsigned int from,
		     unsigned int to)
{
	const struct ouro_class *class = pool->class;

	if (!trace_ouro_pool_enabled() || state_of(from) == state_of(to))
		return;
	trace_ouro_pool(class->heap->name, class->geo->size,
			ouro_class_type(class), state_of(from), state_of(to));
}

/* Whatever a pool has besides its units.  The pages may go after that. */
void ouro_pool_forget(struct ouro_pool *pool)
{
	const struct ouro_geometry *geo = pool->class->geo;
	struct ouro_heap *heap = pool->heap;

	ouro_pool_trace(pool, pool->bucket, OURO_BUCKETS);
	if (pool->class->ops)
		pool->class->ops->forget(pool);
	/* Not found from here on: what RCU keeps for who looks goes after that. */
	WRITE_ONCE(pool->magic, 0);
	if (pages_tell(pool->class))
		pages_lead_to(ouro_arena_unit(pool->arena, pool->unit),
			      geo->units, NULL);
	ouro_check_pool_exit(pool);
	ouro_sites_forget(pool);
	ouro_kasan_unpoison(pool->first, (size_t)geo->blocks * geo->size);
	if (geo->inband)
		return;
	atomic_long_sub(geo->header, &heap->metadata);
	kfree_rcu(pool, rcu);
}

/* Nothing but its units, as seen above: pages lead to those with marks, or apart. */
static bool pool_is_bare(const struct ouro_pool *pool)
{
	return !IS_ENABLED(CONFIG_KASAN) && !trace_ouro_pool_enabled() &&
	       pool->class->geo->inband && !pool->class->ops && !pool->marks &&
	       !pool->sites;
}

/**
 * ouro_pool_forget_all() - forget the pools of an arena
 * @arena: of a dying heap
 *
 * Each header is a cache miss or two.  Most pools are bare, and in a loop as short as
 * it is for these the misses overlap.
 *
 * Context: As ouro_class_bury(); nobody uses the pools.
 */
void ouro_pool_forget_all(struct ouro_arena *arena)
{
	struct ouro_pool *pool;
	unsigned int unit = 0;

	while (unit < arena->units) {
		pool = arena->pool[unit];
		if (!pool) {
			unit++;
		} else if (pool_is_bare(pool)) {
			WRITE_ONCE(pool->magic, 0);
			unit++;
		} else {
			/* The header may be gone after that. */
			unit += pool->class->geo->units;
			ouro_pool_forget(pool);
		}
	}
}

/* Whoever walks over arenas finds the pool no more. */
static void pool_hide(struct ouro_pool *pool)
{
	unsigned int i;

	for (i = 0; i < pool->class->geo->units; i++)
		WRITE_ONCE(pool->arena->pool[pool->unit + i], NULL);
}

static void pool_give_units(struct ouro_pool *pool)
{
	unsigned int unit = pool->unit, units = pool->class->geo->units;
	struct ouro_arena *arena = pool->arena;

	ouro_pool_forget(pool);
	ouro_arena_give(arena, unit, units);
}

static void release_after_grace(struct rcu_head *rcu)
{
	struct ouro_pool *pool = container_of(rcu, struct ouro_pool, rcu);
	struct ouro_heap *heap = pool->heap;
	struct ouro_pool *next;

	for (; pool; pool = next) {
		next = hlist_entry_safe(pool->link.next, struct ouro_pool,
					link);
		pool_give_units(pool);
	}
	/* Pairs with the acquire in ouro_heap_settle(). */
	atomic_long_dec_return_release(&heap->rcu_pending);
}

/* Of objects: retired, and nobody has a use for them.  Few, by their links. */
void ouro_pool_release_retired(struct hlist_head *pools)
{
	struct ouro_pool *first = hlist_entry(pools->first, struct ouro_pool,
					      link);

	atomic_long_inc(&first->heap->rcu_pending);
	call_rcu(&first->rcu, release_after_grace);
}

/**
 * ouro_pool_release() - give an empty pool's units back to their arena
 * @pool: all free, on no list, not queued
 *
 * Objects' memory is theirs for an RCU grace period more: who looks at one
 * without a reference finds the word and the slots of an object there.
 *
 * Context: Any but NMI; takes heap->arena_lock.
 */
void ouro_pool_release(struct ouro_pool *pool)
{
	HLIST_HEAD(retired);

	pool_hide(pool);
	if (!pool->objects) {
		pool_give_units(pool);
		return;
	}
	if (!pool->class->ops->retire(pool))
		return;
	hlist_add_head(&pool->link, &retired);
	ouro_pool_release_retired(&retired);
}

/**
 * ouro_pool_find() - the pool that a pointer points into
 * @ptr: anything
 *
 * Context: Any, NMI included; under rcu_read_lock() unless @ptr is known to be
 * a live block.
 * Return: the pool, or NULL.
 */
struct ouro_pool *ouro_pool_find(const void *ptr)
{
	if (!ouro_ptr_is_direct(ptr))
		return NULL;
	if (ouro_pool_is_inband(ptr) ||
	    ouro_pool_has_magic(ptr, ouro_object_secret) ||
	    ouro_pool_has_magic(ptr, ouro_hardened_secret))
		return ouro_pool_inband(ptr);
	return ouro_pool_apart(ptr);
}

/**
 * ouro_pool_take() - move blocks out of a pool
 * @pool: with pool->free blocks
 * @count: wanted
 * @blocks: where to put them, so that the last is the lowest in memory
 *
 * Context: class->lock held.
 * Return: how many were taken.
 */
unsigned int ouro_pool_take(struct ouro_pool *pool, unsigned int count,
			    void **blocks)
{
	unsigned int taken = 0, word = pool->top_word, bit;
	unsigned int size = pool->size;

	count = min_t(unsigned int, count, pool->free);
	while (taken < count) {
		char *first = ouro_pool_block(pool, word * BITS_PER_LONG);
		unsigned long bits = pool->map[word];

		while (bits && taken < count) {
			bit = __fls(bits);
			bits ^= BIT(bit);
			blocks[taken++] = first + bit * size;
		}
		pool->map[word] = bits;
		if (!bits)
			word--;
	}
	pool->free -= taken;
	/* Nothing is set above top_word. */
	pool->top_word = pool->free ? word : 0;
	return taken;
}

/**
 * ouro_pool_give() - put a block back into its pool
 * @pool: it belongs to
 * @block: its start
 *
 * Context: class->lock held.
 * Return: false when it is there already.
 */
bool ouro_pool_give(struct ouro_pool *pool, const void *block)
{
	unsigned int index = ouro_pool_index(pool, block);

	if (unlikely(__test_and_set_bit(index, pool->map)))
		return false;
	pool->free++;
	if (index / BITS_PER_LONG > pool->top_word)
		pool->top_word = index / BITS_PER_LONG;
	return true;
}

/**
 * ouro_pool_give_map() - put many blocks back into their pool
 * @pool: it belongs to
 * @map: bit set: this one
 *
 * Context: class->lock held.
 * Return: how many of them are there already.
 */
unsigned int ouro_pool_give_map(struct ouro_pool *pool,
				const unsigned long *map)
{
	unsigned int word, twice = 0;
	unsigned long both;

	for (word = 0; word < BITS_TO_LONGS(pool->blocks); word++) {
		if (!map[word])
			continue;
		both = map[word] & pool->map[word];
		twice += hweight_long(both);
		pool->free += hweight_long(map[word] & ~both);
		pool->map[word] |= map[word];
		pool->top_word = max_t(u8, pool->top_word, word);
	}
	return twice;
}

/**
 * ouro_pool_harvest() - take in what was freed past the lock
 * @pool: that was queued
 * @twice: how many of these blocks were in the pool already
 *
 * Context: class->lock held.
 * Return: how many bits were found in the remote map.
 */
unsigned int ouro_pool_harvest(struct ouro_pool *pool, unsigned int *twice)
{
	unsigned int word, found = 0;

	*twice = 0;
	for (word = 0; word < BITS_TO_LONGS(pool->blocks); word++) {
		unsigned long bits = READ_ONCE(pool->remote[word]);
		unsigned long both;

		if (!bits)
			continue;
		/* Pairs with test_and_set_bit() in ouro_class_give_remote(). */
		bits = xchg(&pool->remote[word], 0);
		both = bits & pool->map[word];
		found += hweight_long(bits);
		*twice += hweight_long(both);
		pool->free += hweight_long(bits & ~both);
		pool->map[word] |= bits;
		pool->top_word = max_t(u8, pool->top_word, word);
	}
	return found;
}
