// SPDX-License-Identifier: GPL-2.0
/*
 * The collector: when there are scans, and who asks for them.
 *
 * All scans of a heap run on its one work item, one after the other.  Who asks
 * for one waits; it begins after the request.
 */
#include "ouro.h"
#include <linux/completion.h>
#include <linux/export.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include "collector.h"
#include "scan.h"
#include "trace.h"

#define THRESHOLD_YOUNG		700
#define THRESHOLD_MIDDLE	10
#define THRESHOLD_OLD		10
#define SLICE_US		1000
#define SHARE			5	/* per cent of a CPU */
#define GROWTH			4	/* a part of what lives: a quarter */

static struct workqueue_struct *collect_wq;

/**
 * struct request - somebody waits for a scan
 * @link: on collector->requests
 * @generation: of the scan
 * @done: the scan is over
 * @freed: by it
 */
struct request {
	struct list_head link;
	enum ouro_generation generation;
	struct completion done;
	long freed;
};

void ouro_collector_kick(struct ouro_collector *collector)
{
	if (!READ_ONCE(collector->stop))
		queue_work(collect_wq, &collector->work);
}

static void kick(struct irq_work *work)
{
	ouro_collector_kick(container_of(work, struct ouro_collector, irq_work));
}

/* ---- when ---- */

static long grown(long from, long least)
{
	return from + max(from / GROWTH, least);
}

static long young_threshold(const struct ouro_collector *collector)
{
	return min_t(unsigned int, collector->threshold.young, INT_MAX / 4);
}

/* A scan of all is due when so many are exceeded. */
static long due_for_all(const struct ouro_collector *collector)
{
	return grown(collector->live, young_threshold(collector));
}

/*
 * @scanned: what the next young scan will look at, if it is what the last one
 * did: it is due when that is worth it.  collector->lock is held, or nobody else
 * is there.
 */
static void set_triggers(struct ouro_collector *collector, unsigned long scanned)
{
	long young = young_threshold(collector);
	long now = atomic_long_read(&collector->tracked);

	if (!READ_ONCE(collector->enabled) || !young || collector->stop ||
	    READ_ONCE(collector->mode) == OURO_COLLECT_OFF) {
		WRITE_ONCE(collector->trigger, LONG_MAX);
		WRITE_ONCE(collector->lift, LONG_MAX);
		return;
	}
	WRITE_ONCE(collector->armed, true);
	/* In the past where more than that has come while it was scanned. */
	WRITE_ONCE(collector->trigger,
		   min(now + max_t(long, scanned / GROWTH, young),
		       due_for_all(collector)));
	WRITE_ONCE(collector->lift, 2 * (collector->live + young));
}

/*
 * A scan could not do for all: not again before there is something new, and what
 * is there is no reason to wait.
 */
static void set_triggers_short(struct ouro_collector *collector)
{
	long after = collector->after;

	WRITE_ONCE(collector->trigger, max(collector->trigger, after));
	WRITE_ONCE(collector->lift, max(collector->lift, 2 * after));
}

/* What the triggers depend on has changed. */
void ouro_collector_reset(struct ouro_collector *collector)
{
	spin_lock(&collector->lock);
	set_triggers(collector, 0);
	spin_unlock(&collector->lock);
}

/* Whether a scan is due that nobody has asked for. */
static bool is_due(struct ouro_collector *collector,
		   enum ouro_generation *generation)
{
	struct ouro_collect_threshold *threshold = &collector->threshold;
	long now = atomic_long_read(&collector->tracked);
	u64 runs = (u64)threshold->middle * threshold->old;

	lockdep_assert_held(&collector->lock);
	if (!READ_ONCE(collector->enabled))
		return false;
	if (!READ_ONCE(collector->pressed) && now <= collector->trigger)
		return false;
	if (READ_ONCE(collector->pressed) || now > due_for_all(collector) ||
	    (runs && collector->young_runs >= runs &&
	     collector->young_visited >= collector->live / GROWTH))
		*generation = OURO_OLD;
	return true;
}

/* ---- scans ---- */

/*
 * Takes the requests that the next scan will answer.  False: there is nothing to
 * do.
 */
static bool begin_scan(struct ouro_collector *collector, struct ouro_scan *scan,
		       struct list_head *requests)
{
	enum ouro_generation generation = OURO_YOUNG;
	struct request *request;
	bool due;

	spin_lock(&collector->lock);
	due = !collector->stop &&
	      READ_ONCE(collector->mode) != OURO_COLLECT_OFF &&
	      is_due(collector, &generation);
	list_splice_init(&collector->requests, requests);
	list_for_each_entry(request, requests, link) {
		scan->asked = true;
		generation = max(generation, request->generation);
	}
	if (generation == OURO_OLD)
		WRITE_ONCE(collector->pressed, false);
	scan->stat.generation = generation;
	if (due || scan->asked)
		WRITE_ONCE(collector->task, current);
	spin_unlock(&collector->lock);
	smp_mb();	/* pairs with free_after_grace() of arrays */
	return due || scan->asked;
}

static void add_stat(struct ouro_collector_stat *sum,
		     const struct ouro_scan *scan)
{
	const struct ouro_scan_stat *one = &scan->stat;
	unsigned int g = one->generation, bucket = 0;
	u64 ns;

	for (ns = div_u64(one->ns, 10000);
	     ns && bucket < OURO_SCAN_BUCKETS - 1; ns = div_u64(ns, 10))
		bucket++;
	sum->runs[g]++;
	sum->visited[g] += one->visited;
	sum->freed[g] += one->freed;
	sum->uncollectable[g] += one->uncollectable;
	sum->resurrected[g] += one->resurrected;
	sum->finalized[g] += one->finalized;
	sum->aborts[g] += one->aborts;
	sum->skipped[g] += one->skipped;
	sum->ns[g] += one->ns;
	sum->longest_ns[g] = max(sum->longest_ns[g], one->ns);
	sum->duration[g][bucket]++;
	sum->peak_bytes = max_t(unsigned long, sum->peak_bytes, scan->peak);
	sum->last = *one;
}

static void tell(const struct ouro_heap *heap, const struct ouro_scan_stat *stat)
{
	if (stat->uncollectable)
		pr_info("heap %s: %lu unreachable objects in cycles, left for report mode\n",
			heap->name, stat->uncollectable);
}

static void end_scan(struct ouro_heap *heap, struct ouro_scan *scan,
		     struct list_head *requests)
{
	struct ouro_collector *collector = &heap->collector;
	struct request *request, *next;

	spin_lock(&collector->lock);
	add_stat(&collector->stat, scan);
	collector->young_runs++;
	collector->young_visited += scan->stat.visited;
	WRITE_ONCE(collector->stuck, false);
	WRITE_ONCE(collector->after, atomic_long_read(&collector->tracked));
	if (scan->stat.generation == OURO_OLD) {
		/* One that left something out does not know what lives. */
		if (!scan->stat.skipped)
			collector->live = max(scan->tracked -
					      (long)scan->stat.freed, 0L);
		collector->young_runs = 0;
		collector->young_visited = 0;
	}
	/* A young scan after one of all looks at what has come since. */
	set_triggers(collector, scan->stat.generation == OURO_OLD ?
				0 : scan->stat.visited);
	if (scan->stat.skipped)
		set_triggers_short(collector);
	WRITE_ONCE(collector->runs, collector->runs + 1);
	/* Pairs with the reader in free_after_grace() of arrays. */
	smp_store_release(&collector->task, NULL);
	spin_unlock(&collector->lock);
	list_for_each_entry_safe(request, next, requests, link) {
		request->freed = scan->stat.freed;
		complete(&request->done);
	}
	wake_up_all(&collector->over);
}

static void scan_once(struct ouro_heap *heap, struct ouro_scan *scan)
{
	struct ouro_collector *collector = &heap->collector;
	void *stat = &scan->stat;

	scan->heap = heap;
	scan->tracked = atomic_long_read(&collector->tracked);
	trace_ouro_scan_begin(heap->name, scan->stat.generation, scan->tracked);
	blocking_notifier_call_chain(&collector->notifiers, OURO_SCAN_BEGIN,
				     stat);
	if (!READ_ONCE(collector->stop))
		ouro_scan_run(scan);
	tell(heap, stat);
	trace_ouro_scan_end(heap->name, stat);
	blocking_notifier_call_chain(&collector->notifiers, OURO_SCAN_END,
				     stat);
}

static void collect_work(struct work_struct *work)
{
	struct ouro_collector *collector =
		container_of(work, struct ouro_collector, work);
	struct ouro_heap *heap = container_of(collector, struct ouro_heap,
					      collector);
	struct ouro_scan scan = { };
	LIST_HEAD(requests);
	bool more;

	mutex_lock(&collector->running);
	more = begin_scan(collector, &scan, &requests);
	if (more) {
		scan_once(heap, &scan);
		end_scan(heap, &scan, &requests);
	}
	mutex_unlock(&collector->running);
	/* What was asked for, or came about, since it began. */
	if (more)
		ouro_collector_kick(collector);
}

/* ---- who waits ---- */

/**
 * ouro_heap_collect() - find and free what only cycles keep alive
 * @heap: the heap
 * @generation: OURO_OLD: everywhere; OURO_YOUNG: where objects were made since
 *	the last scan
 *
 * The scan begins after the call, and what was put before the call is dead by
 * then.  All that is unreachable at that moment is gone when this returns, after
 * OURO_OLD, but for what finalizers bring back, what handles are upgraded to
 * meanwhile, what a mode or ouro_heap_freeze() keeps, and, where there is not the
 * memory for notes about all objects (4 bytes for each block of their pools, 16
 * for an unreachable one, and 4 for each reference to one), what it does not do
 * for.  See docs/collector.rst for its other limits.
 *
 * Several callers share a scan.  It takes all of a CPU if there is one.
 *
 * Context: Process context, may sleep.  What the callbacks of the heap's types
 * take must not be held.  Two heaps whose callbacks collect each other wait for
 * ever.  In a callback of a type what was put before may not be dead yet.
 * Return: the number of objects freed that had slots, by the scan that was waited
 * for; or -EBUSY when called from a callback or a notifier that a scan of this
 * heap has called, -EOPNOTSUPP in mode OURO_COLLECT_OFF, -EINVAL when there is no
 * such generation.
 */
long ouro_heap_collect(struct ouro_heap *heap, enum ouro_generation generation)
{
	struct ouro_collector *collector = &heap->collector;
	struct request request = { .generation = generation };
	bool inside, stop;

	might_sleep();
	if ((unsigned int)generation >= OURO_GENERATIONS)
		return -EINVAL;
	if (ouro_collector_is_inside(collector))
		return -EBUSY;
	if (READ_ONCE(collector->mode) == OURO_COLLECT_OFF)
		return -EOPNOTSUPP;
	inside = ouro_slice_around() || current_work() == &heap->reaper.work;
	if (!inside)
		ouro_heap_flush(heap);
	init_completion(&request.done);
	spin_lock(&collector->lock);
	stop = collector->stop;
	if (!stop)
		list_add_tail(&request.link, &collector->requests);
	spin_unlock(&collector->lock);
	if (stop)
		return 0;
	ouro_collector_kick(collector);
	/* One that is under way shall not keep its share any more. */
	wake_up_all(&collector->over);
	wait_for_completion(&request.done);
	/* What fell with them and was left to the worker. */
	if (!inside)
		ouro_heap_flush(heap);
	return request.freed;
}
EXPORT_SYMBOL_OURO(ouro_heap_collect);

/* No scan until @running is let go; one under way does not keep its share. */
void ouro_collector_hold(struct ouro_collector *collector)
{
	atomic_inc(&collector->waiters);
	wake_up_all(&collector->over);
	mutex_lock(&collector->running);
	atomic_dec(&collector->waiters);
}

/* The same, or -EINTR when there is a signal. */
int ouro_collector_hold_interruptible(struct ouro_collector *collector)
{
	int err;

	atomic_inc(&collector->waiters);
	wake_up_all(&collector->over);
	err = mutex_lock_interruptible(&collector->running);
	atomic_dec(&collector->waiters);
	return err;
}

/* ---- the life of a heap's collector ---- */

void ouro_collector_set_key(struct ouro_collector *collector,
			    struct lock_class_key *key)
{
#ifdef CONFIG_LOCKDEP
	lockdep_init_map(&collector->work.lockdep_map, "ouro_collect", key, 0);
#endif
	lockdep_set_class(&collector->running, key + 1);
}

/* @key: of the work and of the mutex, for lockdep. */
void ouro_collector_init(struct ouro_heap *heap, struct lock_class_key *key)
{
	struct ouro_collector *collector = &heap->collector;

	spin_lock_init(&collector->lock);
	mutex_init(&collector->running);
	atomic_set(&collector->waiters, 0);
	INIT_LIST_HEAD(&collector->requests);
	INIT_WORK(&collector->work, collect_work);
	ouro_collector_set_key(collector, key);
	init_irq_work(&collector->irq_work, kick);
	init_waitqueue_head(&collector->over);
	BLOCKING_INIT_NOTIFIER_HEAD(&collector->notifiers);
	collector->threshold = (struct ouro_collect_threshold) {
		.young = THRESHOLD_YOUNG,
		.middle = THRESHOLD_MIDDLE,
		.old = THRESHOLD_OLD,
	};
	collector->budget = (struct ouro_collect_budget) {
		.slice_us = SLICE_US, .share = SHARE,
	};
	collector->enabled = heap->flags & OURO_HEAP_COLLECT;
	set_triggers(collector, 0);
}

/* Nobody is left who could start one. */
void ouro_collector_end(struct ouro_heap *heap)
{
	struct ouro_collector *collector = &heap->collector;

	/* Costs a grace period where the kernel has no interrupt for it. */
	if (READ_ONCE(collector->armed))
		irq_work_sync(&collector->irq_work);
	cancel_work_sync(&collector->work);
}

/* Nobody will answer what has come since the last scan. */
static void drop_requests(struct ouro_collector *collector)
{
	struct request *request, *next;
	LIST_HEAD(requests);

	spin_lock(&collector->lock);
	list_splice_init(&collector->requests, &requests);
	spin_unlock(&collector->lock);
	list_for_each_entry_safe(request, next, &requests, link) {
		request->freed = 0;
		complete(&request->done);
	}
}

/**
 * ouro_collector_stop() - no more scans, for good
 * @heap: that nobody uses any more
 *
 * A scan under way is given up at the next opportunity; what it has decided to
 * free is freed.
 *
 * Context: Process context, may sleep.
 */
void ouro_collector_stop(struct ouro_heap *heap)
{
	struct ouro_collector *collector = &heap->collector;

	spin_lock(&collector->lock);
	WRITE_ONCE(collector->stop, true);
	set_triggers(collector, 0);
	spin_unlock(&collector->lock);
	wake_up_all(&collector->over);
	ouro_collector_end(heap);
	drop_requests(collector);
	/* Inspections are not scans, and end all the same. */
	mutex_lock(&collector->running);
	mutex_unlock(&collector->running);
}

int __init ouro_collector_start(void)
{
	/* Finalizers wait for work of others: this is not for WQ_MEM_RECLAIM. */
	collect_wq = alloc_workqueue("ouro_collect", WQ_UNBOUND, 0);
	return collect_wq ? 0 : -ENOMEM;
}

void ouro_collector_exit(void)
{
	destroy_workqueue(collect_wq);
}
