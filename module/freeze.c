// SPDX-License-Identifier: GPL-2.0
/*
 * Freezing: objects that no scan looks at until further notice.
 *
 * Which ones stands in a bitmap beside their pool.  As long as there is one,
 * objects of the pool die the long way only, so that the next object in a block
 * is not taken for the one before.
 */
#include "ouro.h"
#include <linux/kmemleak.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include "backing.h"
#include "roster.h"
#include "scan.h"

struct pins {
	struct ouro_objects *first;
	struct ouro_objects **last;
};

static bool pin_one(struct ouro_pool *pool, void *arg)
{
	struct ouro_objects *objects = pool->objects;
	struct pins *pins = arg;

	if (pool->note)
		return true;
	WRITE_ONCE(pool->note, 1);
	objects->scanned = NULL;
	*pins->last = objects;
	pins->last = &objects->scanned;
	return true;
}

static int bitmap_get(struct ouro_pool *pool)
{
	struct ouro_objects *objects = pool->objects;

	if (objects->frozen)
		return 0;
	objects->frozen = ouro_backing_meta(pool->heap,
					    BITS_TO_LONGS(pool->blocks) *
					    sizeof(long), GFP_KERNEL,
					    NUMA_NO_NODE);
	if (!objects->frozen)
		return -ENOMEM;
	/* Linked from headers that kmemleak does not see. */
	kmemleak_not_leak(objects->frozen);
	return 0;
}

/*
 * Whoever dies clears the bit, if it sees that there are bits; so an object with
 * the same word before and after its bit was set has it, and lives.
 */
static void freeze_object(struct ouro_objects *objects,
			  struct ouro_object *object, unsigned int i)
{
	u64 word = atomic64_read(&object->word), before;

	do {
		before = word;
		if ((word & OURO_COUNT_MASK) <= OURO_COUNT_DEAD) {
			clear_bit(i, objects->frozen);
			return;
		}
		set_bit(i, objects->frozen);
		smp_mb__after_atomic();	/* pairs with the last put */
		word = atomic64_read(&object->word);
	} while (word != before);
}

/* Whatever ouro_roster_rejuvenate() is about to make of it. */
static void close_end(struct ouro_pool *pool)
{
	enum ouro_end end = READ_ONCE(pool->end);

	while ((end == OURO_END_SLOTS || end == OURO_END_OLD) &&
	       !try_cmpxchg(&pool->end, &end, OURO_END_FROZEN))
		;
}

static void freeze_pool(struct ouro_pool *pool)
{
	struct ouro_objects *objects = pool->objects;
	unsigned int i;

	/* Pairs with ouro_object_free(): the bitmap is there. */
	smp_store_release(&objects->holds_frozen, true);
	close_end(pool);
	smp_mb();	/* pairs with the last put, which sees that, or we see it */
	for (i = 0; i < pool->blocks; i++)
		freeze_object(objects, ouro_pool_block(pool, i), i);
}

/**
 * ouro_heap_freeze() - have no scan look at what is alive
 * @heap: the heap
 *
 * Objects that are alive now, and of types that scans look at, are taken for
 * reachable, and what they refer to with them, until ouro_heap_unfreeze().  They
 * die with their last reference as ever.  For what is built once and stays: scans
 * get by without it.
 *
 * Context: Process context, may sleep; waits for a scan under way.
 * Return: 0, -ENOMEM, or -EBUSY when called from what a scan of this heap calls;
 * in the latter cases nothing is frozen that was not before.
 */
int ouro_heap_freeze(struct ouro_heap *heap)
{
	struct ouro_objects *objects;
	struct pins pins = { .first = NULL };
	int err = 0;

	might_sleep();
	if (ouro_collector_is_inside(&heap->collector))
		return -EBUSY;
	pins.last = &pins.first;
	ouro_collector_hold(&heap->collector);
	ouro_roster_visit(heap, false, pin_one, &pins);
	for (objects = pins.first; objects && !err; objects = objects->scanned)
		err = bitmap_get(objects->pool);
	for (objects = pins.first; objects && !err; objects = objects->scanned) {
		freeze_pool(objects->pool);
		cond_resched();
	}
	while (pins.first) {
		ouro_roster_unpin(heap, &pins.first);
		cond_resched();
	}
	mutex_unlock(&heap->collector.running);
	return err;
}
EXPORT_SYMBOL_OURO(ouro_heap_freeze);

static bool unfreeze_pool(struct ouro_pool *pool, void *arg)
{
	struct ouro_objects *objects = pool->objects;

	if (!READ_ONCE(objects->holds_frozen))
		return true;
	WRITE_ONCE(objects->holds_frozen, false);
	bitmap_zero(objects->frozen, pool->blocks);
	/* As if it had been old, so that the short end opens again. */
	cmpxchg(&pool->end, OURO_END_FROZEN, OURO_END_OLD);
	xchg(&objects->old, true);
	ouro_roster_rejuvenate(pool);
	return true;
}

/**
 * ouro_heap_unfreeze() - have scans look at everything again
 * @heap: the heap
 *
 * What was frozen is young afterwards.
 *
 * Context: Process context, may sleep; waits for a scan under way.
 * Return: 0, or -EBUSY when called from what a scan of this heap calls.
 */
int ouro_heap_unfreeze(struct ouro_heap *heap)
{
	might_sleep();
	if (ouro_collector_is_inside(&heap->collector))
		return -EBUSY;
	ouro_collector_hold(&heap->collector);
	ouro_roster_visit(heap, false, unfreeze_pool, NULL);
	mutex_unlock(&heap->collector.running);
	return 0;
}
EXPORT_SYMBOL_OURO(ouro_heap_unfreeze);
