// SPDX-License-Identifier: GPL-2.0
/*
 * Relief: allocations that wait for what is about to be free, at the limit of a
 * heap, and for the collector where garbage comes faster than it goes.
 */
#include "ouro.h"
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include "heap.h"
#include "pressure.h"
#include "reap.h"
#include "slice.h"

#define PATIENCE	HZ	/* how long who waits looks on without progress */

static bool is_reached(const struct ouro_collector *collector,
		       unsigned long want)
{
	return (long)(READ_ONCE(collector->runs) - want) >= 0 ||
	       READ_ONCE(collector->stop);
}

/*
 * Waits for a scan that begins after this; no longer than PATIENCE after it has
 * come to a stand: it may have called what waits for us.
 */
static bool wait_for_scan(struct ouro_collector *collector)
{
	unsigned long seen, want;

	spin_lock(&collector->lock);
	WRITE_ONCE(collector->pressed, true);
	/* The one that is under way has begun before, and may be young. */
	want = collector->runs + (collector->task ? 2 : 1);
	spin_unlock(&collector->lock);
	atomic_inc(&collector->waiters);
	wake_up_all(&collector->over);
	do {
		ouro_collector_kick(collector);
		seen = READ_ONCE(collector->progress);
		wait_event_timeout(collector->over, is_reached(collector, want),
				   PATIENCE);
	} while (!is_reached(collector, want) &&
		 READ_ONCE(collector->progress) != seen);
	atomic_dec(&collector->waiters);
	if (is_reached(collector, want))
		return true;
	WRITE_ONCE(collector->stuck, true);
	return false;
}

/*
 * Not in what a scan, or a death, has called; nor where what finalizers take may
 * be held, or the caller has another way out.
 */
static bool may_wait(const struct ouro_heap *heap, gfp_t gfp)
{
	gfp = current_gfp_context(gfp);
	return (gfp & (GFP_KERNEL | __GFP_NORETRY)) == GFP_KERNEL &&
	       !ouro_collector_is_inside(&heap->collector) &&
	       current_work() != &heap->reaper.work &&
	       !(current->flags & PF_MEMALLOC) && !ouro_slice_around();
}

/* Whether a scan would come and free something. */
static bool may_collect(const struct ouro_collector *collector)
{
	return READ_ONCE(collector->enabled) &&
	       READ_ONCE(collector->mode) == OURO_COLLECT_ON &&
	       !READ_ONCE(collector->stop);
}

/**
 * ouro_collector_relieve() - get memory back for an allocation
 * @heap: the heap
 * @gfp: of an allocation that is about to fail
 *
 * Garbage, where scans start by themselves, what waits in the magazines of any CPU,
 * for a few blocks there may keep whole arenas, and what only a grace period keeps.
 *
 * Context: As @gfp says.
 * Return: true when it was for the limit, and may be tried again.
 */
bool ouro_collector_relieve(struct ouro_heap *heap, gfp_t gfp)
{
	struct ouro_collector *collector = &heap->collector;
	bool waited = false;

	if (!READ_ONCE(heap->limited) || !may_wait(heap, gfp))
		return false;
	if (may_collect(collector) &&
	    (READ_ONCE(collector->task) ||
	     atomic_long_read(&collector->tracked) > 0))
		waited = wait_for_scan(collector);
	return ouro_heap_drain_everywhere(heap) || waited;
}

/**
 * ouro_collector_throttle() - let the collector keep up
 * @heap: the heap
 * @gfp: of an allocation of an object that may be part of a cycle
 *
 * Where more objects are there than twice the sum of what the last scan of all has
 * left and the young threshold, one that may sleep waits for the next.
 *
 * Context: As @gfp says.
 */
void ouro_collector_throttle(struct ouro_heap *heap, gfp_t gfp)
{
	struct ouro_collector *collector = &heap->collector;

	if (likely(atomic_long_read(&collector->tracked) <=
		   READ_ONCE(collector->lift)) ||
	    READ_ONCE(collector->stuck) || !may_collect(collector) ||
	    !may_wait(heap, gfp))
		return;
	wait_for_scan(collector);
}
