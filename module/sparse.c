// SPDX-License-Identifier: GPL-2.0
/*
 * Sparse pools: those that are to become empty.
 *
 * Blocks cannot be moved, but blocks come and go.  When many are freed, and those
 * that stay are spread over all pools, what is freed from then on goes to a magazine
 * and is allocated from there again, so that no pool gets any fuller or emptier.
 * After a second of that some pools become sparse: blocks that are freed there go
 * home, which magazines then lack, and are refilled with from the fullest pools.
 */
#include "ouro.h"
#include <linux/irq_work.h>
#include <linux/rcupdate_wait.h>
#include <linux/sched.h>
#include "address.h"
#include "arena.h"
#include "class.h"
#include "heap.h"
#include "pool.h"
#include "sparse.h"

#define QUARTERS	4
#define DELAY	HZ	/* what only shrinks, or is to grow again, has done so */

/* A heap was noted since the work began. */
static bool armed;

typedef void (*pool_fn)(struct ouro_pool *pool, unsigned long *sum);

static void add_live(struct ouro_pool *pool, unsigned long *sum)
{
	unsigned int free = data_race(pool->free);	/* of class->lock */

	*sum += (unsigned long)(pool->blocks - free) * pool->size;
}

static void mark(struct ouro_pool *pool, unsigned long *unused)
{
	if (!pool->objects)
		ouro_class_mark_sparse(pool);
}

/* One pool at a time: as long as the lock is held its header stays. */
static void visit_pools(struct ouro_arena *arena, pool_fn fn,
			unsigned long *sum)
{
	struct ouro_heap *heap = arena->heap;
	struct ouro_pool *pool;
	unsigned int unit;

	for (unit = 0; unit < arena->units; unit++) {
		raw_spin_lock_irq(&heap->arena_lock);
		/* What is read of it depends on it: see pool_publish(). */
		pool = READ_ONCE(arena->pool[unit]);
		if (pool && pool->unit == unit)
			fn(pool, sum);
		raw_spin_unlock_irq(&heap->arena_lock);
	}
}

/* How many quarters of an arena are live, less one. */
static unsigned int quarter_of(struct ouro_arena *arena)
{
	unsigned long live = 0;

	visit_pools(arena, add_live, &live);
	return live * QUARTERS / ((unsigned long)arena->units << OURO_UNIT_SHIFT);
}

/* Marks pools in arenas of which that much is live. */
static void mark_quarter(struct ouro_heap *heap, unsigned int quarter)
{
	struct ouro_arena *arena;
	unsigned long place = 0;

	rcu_read_lock();
	while ((arena = ouro_address_next(heap, &place))) {
		if (quarter_of(arena) == quarter)
			visit_pools(arena, mark, NULL);
		place += arena->units - ouro_address_unit_in(arena, place);
		cond_resched_rcu();
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
	unsigned int quarter;

	for (quarter = 0; quarter < QUARTERS && is_loose(heap); quarter++)
		mark_quarter(heap, quarter);
}

static void sparse_work(struct work_struct *work)
{
	struct ouro_heap *heap;

	WRITE_ONCE(armed, false);
	/* Full barrier; pairs with the one in ouro_sparse_note(). */
	smp_mb();
	mutex_lock(&ouro_heaps_lock);
	list_for_each_entry(heap, &ouro_heaps, link) {
		if (!READ_ONCE(heap->loose))
			continue;
		WRITE_ONCE(heap->loose, false);
		if (!heap->dying)
			heap_mark_sparse(heap);
	}
	mutex_unlock(&ouro_heaps_lock);
}

/* An idle CPU is not woken for it. */
static DECLARE_DEFERRABLE_WORK(sparse, sparse_work);

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
	if (READ_ONCE(heap->loose))
		return;
	WRITE_ONCE(heap->loose, true);
	/* Full barrier; pairs with the one in sparse_work(). */
	smp_mb();
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
