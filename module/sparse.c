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
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/workqueue.h>
#include "address.h"
#include "arena.h"
#include "class.h"
#include "depot.h"
#include "heap.h"
#include "magazine.h"
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

static bool class_add_spare(struct ouro_class *class, int node)
{
	struct ouro_pool *pool = ouro_pool_create_within(class, node);

	if (!pool)
		return false;
	ouro_class_add_spare(pool);
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
 * The last pools of an arena become sparse; for classes that have none to spare others
 * are made before.
 */
static void replace_pools(struct ouro_arena *arena)
{
	struct ouro_class *class;
	unsigned int unit;

	for (unit = 0; unit < arena->units; unit++) {
		class = replace(arena, unit);
		if (class && class_add_spare(class, arena->node))
			replace(arena, unit);
	}
}

/**
 * struct look - at the arenas of a heap
 * @heap: the heap
 * @share: of those that are looked at now
 * @room: free units where pools go that are not minor, less those that will be needed
 *	for what is in closing arenas
 * @closing: there are such arenas
 */
struct look {
	struct ouro_heap *heap;
	unsigned int share;
	unsigned long room;
	bool closing;
};

static void look_weigh(struct look *look, struct ouro_arena *arena)
{
	weigh(arena);
	if (arena->minor)
		return;
	look->room += ouro_arena_room(arena);
	if (arena->share >= FEW)
		ouro_arena_set_closing(arena, false);
}

static void look_mark(struct look *look, struct ouro_arena *arena)
{
	unsigned long few = look->share < FEW;
	bool closing;

	if (arena->share != look->share)
		return;
	visit_pools(arena, mark, &few);
	if (!few || arena->minor)
		return;
	/* What is free there is of no use; what is free elsewhere is enough. */
	closing = look->room >= arena->units;
	ouro_arena_set_closing(arena, closing);
	if (!closing)
		return;
	look->room -= arena->units;
	look->closing = true;
}

static void look_replace(struct look *look, struct ouro_arena *arena)
{
	if (READ_ONCE(arena->closing))
		replace_pools(arena);
}

static void look_at_all(struct look *look,
			void (*fn)(struct look *look, struct ouro_arena *arena))
{
	struct ouro_arena *arena;
	unsigned long place = 0;

	rcu_read_lock();
	while ((arena = ouro_address_next(look->heap, &place))) {
		fn(look, arena);
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

/*
 * What lies in depots and magazines lies there for long, most of all at the bottom of
 * one, blocks of pools that became sparse since among it.
 */
static void drain(struct ouro_heap *heap, bool depots)
{
	unsigned long before = count_sparse(heap);
	bool loose = READ_ONCE(heap->loose);
	struct ouro_class *class;

	ouro_heap_for_each_class(heap, class) {
		if (!READ_ONCE(class->nsparse))
			continue;
		if (depots)
			ouro_depot_drain(class);
		else
			ouro_magazine_drain(class, -1);
	}
	/*
	 * What magazines lack for that is nothing that pools can spare.  Were there
	 * a note of somebody else's since, the next free makes another.
	 */
	WRITE_ONCE(heap->loose, loose);
	if (count_sparse(heap) < before)
		ouro_sparse_note(heap);
}

/* On each CPU.  A heap that is not dying stays while the lock is held. */
static void sparse_drain_work(struct work_struct *work)
{
	struct ouro_heap *heap;

	mutex_lock(&ouro_heaps_lock);
	list_for_each_entry(heap, &ouro_heaps, link) {
		if (heap->drain && !heap->dying)
			drain(heap, false);
		cond_resched();
	}
	mutex_unlock(&ouro_heaps_lock);
}

static DEFINE_PER_CPU(struct work_struct, drain_works);

/* Magazines are emptied once the last pools are marked, and there are some. */
static void heap_drain(struct ouro_heap *heap, unsigned long before)
{
	unsigned long after = count_sparse(heap);

	heap->drain = after && after <= before;
	if (!after)
		return;
	drain(heap, true);
	if (heap->drain && !ouro_pressure_queue(heap, &drain_works))
		ouro_sparse_note(heap);
}

/* Empty pools that classes keep back keep arenas, too. */
static void trim(struct ouro_heap *heap)
{
	struct ouro_class *class;

	ouro_heap_for_each_class(heap, class) {
		if (!class->ops)
			ouro_class_trim(class);
	}
}

/*
 * The emptiest arenas first, in one order for all classes: so that the same arenas
 * become empty for all of them.
 */
static void heap_mark_sparse(struct ouro_heap *heap)
{
	unsigned long before = count_sparse(heap);
	struct look look = { .heap = heap };

	look_at_all(&look, look_weigh);
	while (look.share < FEW || (look.share < SHARES && is_loose(heap))) {
		look_at_all(&look, look_mark);
		look.share++;
	}
	if (look.closing) {
		trim(heap);
		look_at_all(&look, look_replace);
	}
	heap_drain(heap, before);
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
	list_for_each_entry(heap, &ouro_heaps, link) {
		noted += READ_ONCE(heap->loose);
		/* CPUs had a second for that. */
		heap->drain = false;
	}
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

void __init ouro_sparse_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		INIT_WORK(per_cpu_ptr(&drain_works, cpu),
			  sparse_drain_work);
}

/* No heap is left.  What is queued for CPUs ends with its queue, after this. */
void ouro_sparse_exit(void)
{
	irq_work_sync(&sparse_irq_work);
	cancel_delayed_work_sync(&sparse);
}
