// SPDX-License-Identifier: GPL-2.0
/*
 * Sparse pools: those that are to become empty.
 *
 * Blocks cannot be moved, but blocks come and go.  When many are freed, and those
 * that stay are spread over all pools, what is freed from then on goes to a magazine
 * and is allocated from there again, so that no pool gets any fuller or emptier.
 * After a second of that, in heaps of 4 MiB and more, some pools become sparse:
 * blocks that are freed there go home, which magazines then lack, and are refilled
 * with from the fullest pools.  For those that a class cannot do without there are
 * others made, where that lets an arena become empty.
 */
#include "ouro.h"
#include <linux/irq_work.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include "address.h"
#include "arena.h"
#include "class.h"
#include "depot.h"
#include "heap.h"
#include "pool.h"
#include "pressure.h"
#include "sparse.h"

#define SHARES		16	/* of an arena that is told apart from others */
#define FEW		4	/* shares: what is live there keeps much that is not */
#define AT_ONCE		16u	/* heaps; for each one it comes by the arenas of all */
#define DELAY		HZ	/* what only shrinks, or is to grow again, has done so */

/* The work was asked for since it began last. */
static bool armed;

typedef void (*pool_fn)(struct ouro_pool *pool, unsigned long *arg);

static void add_live(struct ouro_pool *pool, unsigned long *live)
{
	unsigned int free = data_race(pool->free);	/* of class->lock */

	/* What is live there is on its way out. */
	if (ouro_pool_is_sparse(pool))
		return;
	*live += (unsigned long)(pool->blocks - free) * pool->size;
}

static void mark(struct ouro_pool *pool, unsigned long *few)
{
	ouro_class_mark_sparse(pool, *few);
}

/* One pool at a time: as long as the lock is held its header stays. */
static void visit_pools(struct ouro_arena *arena, pool_fn fn,
			unsigned long *arg)
{
	struct ouro_heap *heap = arena->heap;
	struct ouro_pool *pool;
	unsigned int unit;

	for (unit = 0; unit < arena->units; unit++) {
		raw_spin_lock_irq(&heap->arena_lock);
		/* What is read of it depends on it: see pool_publish(). */
		pool = READ_ONCE(arena->pool[unit]);
		if (pool && pool->unit == unit)
			fn(pool, arg);
		raw_spin_unlock_irq(&heap->arena_lock);
	}
}

/* How much of it is live and stays, in sixteenths: one that is full is left alone. */
static void weigh(struct ouro_arena *arena)
{
	unsigned long live = 0;

	visit_pools(arena, add_live, &live);
	arena->share = live * SHARES /
		       ((unsigned long)arena->units << OURO_UNIT_SHIFT);
}

/* Another pool for a class, in an arena that is fuller than @arena. */
static bool class_add_elsewhere(struct ouro_class *class,
				const struct ouro_arena *arena)
{
	struct ouro_pool *pool;
	HLIST_HEAD(dead);
	void *block;

	if (class->ops || !ouro_arena_has_room(class, arena))
		return false;
	pool = ouro_pool_create(class, GFP_NOWAIT | __GFP_NOWARN, arena->node);
	if (!pool)
		return false;
	block = ouro_class_add(pool);
	ouro_class_give(class, 1, &block, &dead);
	ouro_class_bury(&dead);
	return true;
}

/* Returns the class that needs another pool before, or NULL. */
static struct ouro_class *replace(struct ouro_arena *arena, unsigned int unit)
{
	struct ouro_heap *heap = arena->heap;
	struct ouro_class *class = NULL;
	struct ouro_pool *pool;

	raw_spin_lock_irq(&heap->arena_lock);
	pool = READ_ONCE(arena->pool[unit]);
	if (pool && pool->unit == unit && !ouro_class_replace(pool))
		class = pool->class;
	raw_spin_unlock_irq(&heap->arena_lock);
	return class;
}

/*
 * The last pools of an arena, of classes that have none to spare: others are made for
 * these elsewhere.
 */
static void replace_pools(struct ouro_arena *arena)
{
	struct ouro_class *class;
	unsigned int unit;

	for (unit = 0; unit < arena->units; unit++) {
		class = replace(arena, unit);
		if (class && class_add_elsewhere(class, arena))
			replace(arena, unit);
	}
}

/* Weighs all arenas (@share is SHARES), or marks pools where that much is live. */
static void walk(struct ouro_heap *heap, unsigned int share)
{
	unsigned long place = 0, few = share < FEW;
	struct ouro_arena *arena;

	rcu_read_lock();
	while ((arena = ouro_address_next(heap, &place))) {
		if (share == SHARES)
			weigh(arena);
		else if (arena->share == share)
			visit_pools(arena, mark, &few);
		if (arena->share == share && few && !arena->minor)
			replace_pools(arena);
		place += arena->units - ouro_address_unit_in(arena, place);
		/* A grace period must not wait for all of them. */
		rcu_read_unlock();
		cond_resched();
		rcu_read_lock();
	}
	rcu_read_unlock();
}

static bool is_loose(struct ouro_heap *heap)
{
	struct ouro_class *class;

	ouro_heap_for_each_class(heap, class)
		if (ouro_class_is_loose(class))
			return true;
	return false;
}

static unsigned long count_sparse(struct ouro_heap *heap)
{
	struct ouro_class *class;
	unsigned long count = 0;

	ouro_heap_for_each_class(heap, class)
		count += READ_ONCE(class->nsparse);
	return count;
}

static void drain_depots(struct ouro_heap *heap)
{
	struct ouro_class *class;

	ouro_heap_for_each_class(heap, class) {
		if (READ_ONCE(class->nsparse))
			ouro_depot_drain(class);
	}
}

/*
 * What lies in magazines lies there for long, at the bottom or in a depot, blocks of
 * pools that became sparse since among it.  Emptied once the last are marked.
 */
static void drain(struct ouro_heap *heap, bool last)
{
	if (last)
		ouro_heap_drain_cpus(heap);
	else
		drain_depots(heap);
	/* What magazines lack for that is nothing that pools can spare. */
	WRITE_ONCE(heap->loose, false);
}

/*
 * The emptiest arenas first, in one order for all classes: so that the same arenas
 * become empty for all of them.
 */
static void heap_mark_sparse(struct ouro_heap *heap)
{
	unsigned long before = count_sparse(heap), after;
	unsigned int share;

	walk(heap, SHARES);
	for (share = 0; share < FEW || (share < SHARES && is_loose(heap)); share++)
		walk(heap, share);
	after = count_sparse(heap);
	if (after)
		drain(heap, after <= before);
}

static void sparse_work(struct work_struct *work);

/* Not deferrable: a CPU that stays idle would keep it from all heaps. */
static DECLARE_DELAYED_WORK(sparse, sparse_work);

/* Marks pools of the next few noted heaps, in turn.  Returns how many are left. */
static unsigned int mark_next_heaps(void)
{
	static unsigned int turn;	/* of ouro_heaps_lock */
	unsigned int noted = 0, i = 0, first;
	struct ouro_heap *heap;

	lockdep_assert_held(&ouro_heaps_lock);
	list_for_each_entry(heap, &ouro_heaps, link)
		noted += READ_ONCE(heap->loose);
	if (!noted)
		return 0;
	first = noted > AT_ONCE ? turn % noted : 0;
	turn += AT_ONCE;
	list_for_each_entry(heap, &ouro_heaps, link) {
		if (!READ_ONCE(heap->loose) || i++ < first)
			continue;
		if (i > first + AT_ONCE)
			break;
		WRITE_ONCE(heap->loose, false);
		if (!heap->dying)
			heap_mark_sparse(heap);
	}
	return noted - min(noted, AT_ONCE);
}

static void sparse_work(struct work_struct *work)
{
	unsigned int left = 1;

	WRITE_ONCE(armed, false);
	/* Full barrier; pairs with the one in ouro_sparse_note(). */
	smp_mb();
	/* Nobody waits for this, and it waits for no scan and no grace period. */
	if (mutex_trylock(&ouro_heaps_lock)) {
		left = mark_next_heaps();
		mutex_unlock(&ouro_heaps_lock);
	}
	if (left) {
		WRITE_ONCE(armed, true);
		queue_delayed_work(ouro_wq, &sparse, DELAY);
	}
}

static void sparse_kick(struct irq_work *work)
{
	queue_delayed_work(ouro_wq, &sparse, DELAY);
}

static struct irq_work sparse_irq_work = IRQ_WORK_INIT_LAZY(sparse_kick);

/**
 * ouro_sparse_note() - there are pools that had better be empty
 * @heap: of them
 *
 * Context: Any.
 */
void ouro_sparse_note(struct ouro_heap *heap)
{
	if (READ_ONCE(heap->units) < OURO_ARENA_MANY)
		return;
	if (!READ_ONCE(heap->loose)) {
		WRITE_ONCE(heap->loose, true);
		/* Full barrier; pairs with the one in sparse_work(). */
		smp_mb();
	}
	if (READ_ONCE(armed))
		return;
	WRITE_ONCE(armed, true);
	irq_work_queue(&sparse_irq_work);
}

/* No heap is left. */
void ouro_sparse_exit(void)
{
	irq_work_sync(&sparse_irq_work);
	cancel_delayed_work_sync(&sparse);
}
