// SPDX-License-Identifier: GPL-2.0
/*
 * Sparse pools: those that are to become empty.
 *
 * Blocks cannot be moved, but blocks come and go.  When many are freed, and those
 * that stay are spread over all pools, what is freed from then on goes to a magazine
 * and is allocated from there again, so that no pool gets any fuller or emptier.
 * After a second of that, in heaps of 4 MiB and more, some pools become sparse:
 * blocks that are freed there go home, which magazines then lack, and are refilled
 * with from the fullest pools.
 */
#include "ouro.h"
#include <linux/irq_work.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include "address.h"
#include "arena.h"
#include "class.h"
#include "heap.h"
#include "pool.h"
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

/* How much of it is live, in sixteenths: one that is full is left alone. */
static void weigh(struct ouro_arena *arena)
{
	unsigned long live = 0;

	visit_pools(arena, add_live, &live);
	arena->share = live * SHARES /
		       ((unsigned long)arena->units << OURO_UNIT_SHIFT);
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

/*
 * The emptiest arenas first, in one order for all classes: so that the same arenas
 * become empty for all of them.
 */
static void heap_mark_sparse(struct ouro_heap *heap)
{
	unsigned int share;

	walk(heap, SHARES);
	for (share = 0; share < FEW || (share < SHARES && is_loose(heap)); share++)
		walk(heap, share);
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
	/* Nobody waits for this, and it waits for nobody. */
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
