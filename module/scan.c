// SPDX-License-Identifier: GPL-2.0
/*
 * Scans: pools join, others have their turn, pools leave.
 */
#include "ouro.h"
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include <linux/vmalloc.h>
#include "fail.h"
#include "roster.h"
#include "scan.h"

#ifdef OURO_TEST_DELAYS
void (*ouro_delay_hook)(unsigned int point);
EXPORT_SYMBOL_OURO(ouro_delay_hook);
#endif

/* ---- turns ---- */

static bool may_go_on(struct ouro_scan *scan)
{
	struct ouro_collector *collector = &scan->heap->collector;

	return READ_ONCE(collector->stop) ||
	       !list_empty_careful(&collector->requests) ||
	       atomic_long_read(&collector->tracked) >
	       READ_ONCE(collector->lift);
}

/* A slice is over: the others' share of the CPU. */
static void keep_share(struct ouro_scan *scan, u64 now)
{
	struct ouro_collector *collector = &scan->heap->collector;
	struct ouro_collect_budget budget = collector->budget;
	u64 us = (u64)budget.slice_us * (100 - budget.share) / budget.share;

	if (us)
		wait_event_timeout(collector->over, may_go_on(scan),
				   usecs_to_jiffies(us));
	scan->slice_end = ktime_get_ns() + budget.slice_us * NSEC_PER_USEC;
}

void ouro_scan_breathe_slowly(struct ouro_scan *scan)
{
	struct ouro_collector *collector = &scan->heap->collector;
	u64 now;

	scan->steps = OURO_SCAN_STEPS;
	WRITE_ONCE(collector->progress, collector->progress + 1);
	cond_resched();
	if (scan->asked || scan->second)
		return;
	now = ktime_get_ns();
	if (now >= scan->slice_end && !may_go_on(scan))
		keep_share(scan, now);
}

/* ---- memory ---- */

/* Zeroed, for the time of the scan; NULL where it would take pains to have it. */
void *ouro_scan_memory(struct ouro_scan *scan, size_t n, size_t size)
{
	size_t bytes = array_size(n, size);
	void *memory;

	if (ouro_fail(bytes))
		return NULL;
	memory = kvzalloc(bytes, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (memory)
		scan->bytes += bytes;
	return memory;
}

/* ---- join and leave ---- */

static bool is_wanted(const struct ouro_pool *pool)
{
	return READ_ONCE(pool->class->kind->mode) != OURO_COLLECT_OFF;
}

struct count {
	u64 notes;
	unsigned long pools;
};

static bool count_one(struct ouro_pool *pool, void *arg)
{
	struct count *count = arg;

	if (is_wanted(pool)) {
		count->notes += pool->blocks;
		count->pools++;
	}
	return true;
}

/* Under the roster's lock, and so the pool is there. */
static bool join_one(struct ouro_pool *pool, void *arg)
{
	struct ouro_scan *scan = arg;
	struct ouro_objects *objects = pool->objects;

	if (pool->note || !is_wanted(pool))
		return true;
	if (scan->room - scan->notes < pool->blocks)
		return false;
	WRITE_ONCE(pool->note, scan->notes + 1);
	scan->notes += pool->blocks;
	objects->scanned = NULL;
	objects->waiting = NULL;
	objects->pending = 0;
	objects->alive = 0;
	objects->suspects = 0;
	objects->retired = false;
	*scan->last = objects;
	scan->last = &objects->scanned;
	return true;
}

/* Where memory did not do the last time, others come first now. */
static bool join_from(struct ouro_pool *pool, void *arg)
{
	struct ouro_scan *scan = arg;

	if (scan->stat.skipped) {
		scan->stat.skipped--;
		return true;
	}
	return join_one(pool, scan);
}

#define NOTES_LEAST	1024U

static bool notes_get(struct ouro_scan *scan, u64 wanted)
{
	u32 room = min_t(u64, wanted, U32_MAX - 1);

	do {
		scan->note = ouro_scan_memory(scan, room, sizeof(*scan->note));
		if (scan->note)
			break;
		room /= 2;
	} while (room >= NOTES_LEAST);
	scan->room = scan->note ? room : 0;
	return scan->note;
}

/**
 * ouro_scan_join() - pin the pools that the scan is about
 * @scan: empty
 *
 * As many as there is memory for notes; where it did not do for all, the next
 * scan begins with those that were left out.
 *
 * Context: Process context, may sleep; takes roster->lock.
 * Return: false when there are none.
 */
bool ouro_scan_join(struct ouro_scan *scan)
{
	struct ouro_collector *collector = &scan->heap->collector;
	bool young = scan->stat.generation == OURO_YOUNG;
	struct ouro_objects *objects;
	unsigned long joined = 0;
	struct count count = { };

	ouro_roster_visit(scan->heap, young, count_one, &count);
	if (!count.pools)
		return false;
	if (!notes_get(scan, count.notes)) {
		scan->stat.skipped = count.pools;
		return false;
	}
	ouro_delay(OURO_DELAY_PIN);
	scan->stat.skipped = collector->from % count.pools;
	if (scan->stat.skipped)
		ouro_roster_visit(scan->heap, young, join_from, scan);
	scan->stat.skipped = 0;
	ouro_roster_visit(scan->heap, young, join_one, scan);
	for (objects = scan->first; objects; objects = objects->scanned)
		joined++;
	if (joined < count.pools) {
		scan->stat.skipped = count.pools - joined;
		collector->from += joined;
	} else {
		collector->from = 0;
	}
	return joined;
}

/* Whether every block that is not in the pool was found to be alive. */
static bool is_old(struct ouro_pool *pool)
{
	struct ouro_class *class = pool->class;
	unsigned long flags;
	bool old;

	raw_spin_lock_irqsave(&class->lock, flags);
	old = pool->objects->alive == pool->blocks - pool->free;
	raw_spin_unlock_irqrestore(&class->lock, flags);
	return old;
}

/**
 * ouro_scan_leave() - let go of the pools
 * @scan: that has ended, or was stopped
 *
 * Context: Process context, may sleep; takes class->lock and roster->lock.
 */
void ouro_scan_leave(struct ouro_scan *scan)
{
	struct ouro_objects *objects, *next;
	struct ouro_pool *pool;

	for (objects = scan->first; objects; objects = next) {
		next = objects->scanned;
		pool = objects->pool;
		if (ouro_scan_is_stopped(scan) || !is_old(pool))
			ouro_roster_rejuvenate(pool);
		if (ouro_roster_unpin(pool))
			ouro_pool_release_retired(pool);
		scan->steps -= 16;
		ouro_scan_breathe(scan);
	}
	kvfree(scan->note);
	kvfree(scan->member);
	kvfree(scan->start);
	kvfree(scan->edge);
}

/**
 * ouro_scan_run() - search, and free what is found
 * @scan: zeroed, but for its heap, its generation and whether somebody asked
 *
 * Context: Process context, may sleep; one scan of a heap at a time.
 */
void ouro_scan_run(struct ouro_scan *scan)
{
	u64 start = ktime_get_ns();

	scan->last = &scan->first;
	scan->waiting_last = &scan->waiting;
	scan->steps = OURO_SCAN_STEPS;
	scan->slice_end = start +
		scan->heap->collector.budget.slice_us * NSEC_PER_USEC;
	ouro_slice_init(&scan->slice, scan->heap, OURO_SLICE_WORKER, true);
	if (ouro_scan_join(scan)) {
		ouro_survey(scan);
		scan->second = true;
		if (scan->suspects && !ouro_scan_is_stopped(scan) &&
		    ouro_verdict_gather(scan))
			ouro_verdict(scan);
		scan->second = false;
	}
	ouro_scan_leave(scan);
	ouro_slice_end(&scan->slice);
	scan->stat.ns = ktime_get_ns() - start;
}
