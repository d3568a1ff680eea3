/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The collector of a heap: when there are scans, and what came of them.
 */
#ifndef OURO_COLLECTOR_H
#define OURO_COLLECTOR_H

#include <linux/irq_work.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <ouro/collect.h>
#include "ouro.h"

struct ouro_heap;

#define OURO_BATCH	64

/**
 * struct ouro_collector - part of a heap
 * @transaction: number and state, see transaction.h; who upgrades a weak handle
 *	reads and may change it
 * @tracked: blocks of types that scans look at, outside of their pools
 * @trigger: a scan starts when @tracked is beyond, LONG_MAX: none for that
 * @lift: scans that start by themselves take what they can get when @tracked is
 *	beyond, and allocations wait for them; LONG_MAX: never
 * @live: @tracked when the last scan of all began that left nothing out, less
 *	what it freed
 * @after: @tracked after the last scan
 * @young_runs: since the last scan of all
 * @young_visited: objects, by these
 * @pressed: memory is short, or an allocation waits: scan all, wherever
 *	@trigger is
 * @stuck: who waited for a scan has given up; until the next one is over
 * @armed: @irq_work may have been queued, ever
 * @enabled: scans may start by themselves
 * @stop: the heap goes: no more scans
 * @mode: of enum ouro_collect_mode
 * @kind_modes: some type has had another than OURO_COLLECT_ON
 * @looking: an inspection may be in arrays that are apart
 * @threshold: as set
 * @budget: as set
 * @lock: guards @requests, @stat, @threshold, @budget, @live, @due, @young_runs,
 *	and changes of @trigger, @lift, @task, @runs and @stop
 * @requests: who waits for a scan that has not begun
 * @running: held while the roster's pools are pinned
 * @work: scans
 * @irq_work: queues @work from where @tracked is counted
 * @task: the worker, while it scans; changed under @lock
 * @waiters: allocations that wait for a scan
 * @progress: steps of all scans so far, for who waits
 * @runs: scans that are over
 * @over: woken at the end of each
 * @from: the number of the roster's first pool to look at, where memory did not
 *	do for all the last time
 * @batch: of the scan, for which there is no room on a stack
 * @notifiers: told of begin and end
 * @stat: what is to be told
 */
struct ouro_collector {
	atomic64_t transaction;
	atomic_long_t tracked;
	long trigger;
	long lift;
	long live;
	long after;
	unsigned int young_runs;
	long young_visited;
	bool pressed;
	bool stuck;
	bool armed;
	bool enabled;
	bool stop;
	u8 mode;
	bool kind_modes;
	bool looking;
	struct ouro_collect_threshold threshold;
	struct ouro_collect_budget budget;
	spinlock_t lock;	/* as said above */
	struct list_head requests;
	struct mutex running;	/* as said above */
	struct work_struct work;
	struct irq_work irq_work;
	struct task_struct *task;
	atomic_t waiters;
	unsigned long progress;
	unsigned long runs;
	wait_queue_head_t over;
	unsigned long from;
	u32 batch[OURO_BATCH];
	struct blocking_notifier_head notifiers;
	struct ouro_collector_stat stat;
};

/*
 * @more blocks of a type that scans look at have left their pools.  Any context
 * but NMI; not under a lock.
 */
static inline void ouro_collector_note(struct ouro_collector *collector,
				       long more)
{
	long tracked = atomic_long_add_return(more, &collector->tracked);

	/* Who scans, or inspects, sees to it afterwards; this is a full barrier. */
	if (more > 0 && unlikely(tracked > READ_ONCE(collector->trigger)) &&
	    !READ_ONCE(collector->task) && !READ_ONCE(collector->looking))
		irq_work_queue(&collector->irq_work);
}

/* Whether we are called by what a scan of the heap calls. */
static inline bool
ouro_collector_is_inside(const struct ouro_collector *collector)
{
	return READ_ONCE(collector->task) == current;
}

void ouro_collector_init(struct ouro_heap *heap, struct lock_class_key *key);
void ouro_collector_set_key(struct ouro_collector *collector,
			    struct lock_class_key *key);
void ouro_collector_stop(struct ouro_heap *heap);
void ouro_collector_end(struct ouro_heap *heap);
void ouro_collector_hold(struct ouro_collector *collector);
int ouro_collector_hold_interruptible(struct ouro_collector *collector);
void ouro_collector_kick(struct ouro_collector *collector);
void ouro_collector_reset(struct ouro_collector *collector);
bool ouro_collector_relieve(struct ouro_heap *heap, gfp_t gfp);
void ouro_collector_throttle(struct ouro_heap *heap, gfp_t gfp);
int ouro_collector_start(void);
void ouro_collector_exit(void);

#endif /* OURO_COLLECTOR_H */
