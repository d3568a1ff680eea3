// SPDX-License-Identifier: GPL-2.0
/*
 * Censuses: a visit to every pool of a heap that is in use.
 *
 * Pools are found by address, so that a visit goes on where it was when others
 * have come and gone.  As long as heap->arena_lock is held a pool that is found
 * has its header and its blocks: its units are given back under that lock.  One of
 * objects stays for the RCU read section, since it goes a grace period after it
 * was hidden.
 */
#include "ouro.h"
#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include "address.h"
#include "arena.h"
#include "census.h"
#include "check.h"
#include "heap.h"
#include "kind.h"
#include "pool.h"

/* The pool that begins at a unit, or else NULL. */
static struct ouro_pool *pool_at(const struct ouro_arena *arena,
				 unsigned long at)
{
	unsigned int unit = ouro_address_unit_in(arena, at);
	/* Pairs with pool_publish(). */
	struct ouro_pool *pool = smp_load_acquire(&arena->pool[unit]);

	return pool && pool->unit == unit ? pool : NULL;
}

#define BLOCKS_AT_ONCE	128	/* looked at while others wait for the lock */

/*
 * Some blocks of the pool at a unit, from @first on.  False: there are no more.
 * Where the pool became another one they are of that: each block is met once at
 * most.
 */
static bool visit_blocks(struct ouro_heap *heap, struct ouro_arena *arena,
			 unsigned long at, unsigned int first,
			 ouro_census_fn fn, void *arg)
{
	struct ouro_pool *pool;
	unsigned long flags;
	bool found;

	raw_spin_lock_irqsave(&heap->arena_lock, flags);
	pool = pool_at(arena, at);
	found = pool && first < pool->blocks;
	if (found)
		fn(pool, first, min_t(unsigned int, pool->blocks,
				      first + BLOCKS_AT_ONCE), arg);
	raw_spin_unlock_irqrestore(&heap->arena_lock, flags);
	return found;
}

/* One unit.  False at the end. */
static bool visit_unit(struct ouro_heap *heap, unsigned long *at,
		       ouro_census_fn fn, void *arg)
{
	struct ouro_arena *arena;
	unsigned int first = 0;

	rcu_read_lock();
	arena = ouro_address_next(heap, at);
	if (arena) {
		while (visit_blocks(heap, arena, *at, first, fn, arg))
			first += BLOCKS_AT_ONCE;
		++*at;
	}
	rcu_read_unlock();
	return arena;
}

#define LARGES_AT_ONCE	256	/* in one RCU read section */

/* Some large blocks.  False at the end. */
static bool visit_larges(struct ouro_heap *heap, unsigned long *at,
			 ouro_census_large_fn fn, void *arg)
{
	unsigned int i = LARGES_AT_ONCE;
	struct ouro_large *large;

	rcu_read_lock();
	do {
		large = ouro_address_next_large(heap, at);
		if (large)
			fn(large, arg);
	} while (large && --i);
	rcu_read_unlock();
	return large;
}

/* Whether a census shall go on; that of a dying heap does, whatever comes. */
static bool goes_on(const struct ouro_heap *heap)
{
	cond_resched();
	return READ_ONCE(heap->dying) || !signal_pending(current);
}

/**
 * ouro_census() - call functions for all blocks of a heap
 * @heap: the heap
 * @fn: called under heap->arena_lock, with interrupts off, for some blocks of a
 *	pool at a time
 * @large: called for each large block, within an RCU read section
 * @arg: for both
 *
 * Pools that come and go meanwhile may be left out.
 *
 * Context: Process context, may sleep; takes heap->arena_lock for some blocks at
 * a time.
 * Return: 0, or -EINTR when there is a signal.
 */
int ouro_census(struct ouro_heap *heap, ouro_census_fn fn,
		ouro_census_large_fn large, void *arg)
{
	unsigned long unit = 0, page = 0;

	while (visit_unit(heap, &unit, fn, arg))
		if (!goes_on(heap))
			return -EINTR;
	while (visit_larges(heap, &page, large, arg))
		if (!goes_on(heap))
			return -EINTR;
	return 0;
}

/* The pool of objects that begins at a unit, or else NULL. */
static struct ouro_pool *objects_at(struct ouro_heap *heap,
				    struct ouro_arena *arena, unsigned long at)
{
	struct ouro_pool *pool;
	unsigned long flags;

	raw_spin_lock_irqsave(&heap->arena_lock, flags);
	pool = pool_at(arena, at);
	if (pool && !pool->objects)
		pool = NULL;
	raw_spin_unlock_irqrestore(&heap->arena_lock, flags);
	return pool;
}

#define UNITS_AT_ONCE	256	/* looked at in one RCU read section */

/**
 * ouro_census_pool() - the next pool of objects in a heap
 * @heap: the heap
 * @at: where to begin, 0 at first; moved behind the first unit of the pool
 *
 * Context: Process context, under one rcu_read_lock() and nothing else, until the
 * end of which the pool stays; takes heap->arena_lock.  See ouro_address_next().
 * Return: the pool; NULL at the end; ERR_PTR(-EAGAIN) when there was none in many
 * units: others shall have their turn before one goes on.
 */
struct ouro_pool *ouro_census_pool(struct ouro_heap *heap, unsigned long *at)
{
	unsigned int units = UNITS_AT_ONCE;
	struct ouro_arena *arena;
	struct ouro_pool *pool;

	while ((arena = ouro_address_next(heap, at))) {
		pool = objects_at(heap, arena, (*at)++);
		if (pool)
			return pool;
		if (!--units)
			return ERR_PTR(-EAGAIN);
	}
	return NULL;
}

static bool visit_next(struct ouro_heap *heap, unsigned long *at,
		       ouro_roster_fn fn, void *arg, bool *more)
{
	struct ouro_pool *pool;

	rcu_read_lock();
	pool = ouro_census_pool(heap, at);
	if (!IS_ERR_OR_NULL(pool)) {
		raw_spin_lock_irq(&heap->roster.lock);
		if (!pool->objects->retired)
			*more = fn(pool, arg);
		raw_spin_unlock_irq(&heap->roster.lock);
	}
	rcu_read_unlock();
	return pool;
}

/**
 * ouro_census_visit() - as ouro_roster_visit(), for objects of every kind
 * @heap: the heap
 * @fn: called under roster->lock; returns false to end the visit
 * @arg: for @fn
 *
 * Context: Task context; takes roster->lock for a pool at a time.
 * Return: false when @fn did.
 */
bool ouro_census_visit(struct ouro_heap *heap, ouro_roster_fn fn, void *arg)
{
	unsigned long at = 0;
	bool more = true;

	while (more && visit_next(heap, &at, fn, arg, &more))
		cond_resched();
	return more;
}

/**
 * ouro_census_is_live() - whether somebody has a block
 * @pool: that may be looked at
 * @block: its number in the pool
 *
 * In a heap that is not checked, a block of which nobody has ever had anything, and
 * which is in a magazine, is taken for one that somebody has.
 *
 * Context: Any.
 * Return: true when somebody has it, at this moment.
 */
bool ouro_census_is_live(const struct ouro_pool *pool, unsigned int block)
{
	const void *ptr = ouro_pool_block(pool, block);

	if (pool->objects)
		return ouro_object_is_live(ptr);
	if (pool->marks)
		return test_bit(block, pool->marks->live);
	if (test_bit(block, pool->map) || test_bit(block, pool->remote))
		return false;
	/* A free block is poisoned. */
	return READ_ONCE_NOCHECK(*(const u64 *)ptr) != ouro_mark_of(ptr);
}
