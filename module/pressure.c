// SPDX-License-Identifier: GPL-2.0
/*
 * Pressure: giving free memory back, when asked, when the system is short of
 * it, and when a CPU goes.
 */
#include "ouro.h"
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/sched/isolation.h>
#include "depot.h"
#include "heap.h"
#include "large.h"
#include "pressure.h"

/* Gives back the pools that are all free; returns how many. */
static unsigned long trim_pools(struct ouro_heap *heap)
{
	struct ouro_class *class;
	unsigned long pools = 0;

	ouro_heap_for_each_class(heap, class)
		pools += ouro_class_trim(class);
	return pools;
}

/* Empties a CPU's magazines, see ouro_magazine_drain(); returns how many blocks. */
static unsigned long drain_magazines(struct ouro_heap *heap, int cpu)
{
	struct ouro_class *class;
	unsigned long blocks = 0;

	ouro_heap_for_each_class(heap, class)
		blocks += ouro_magazine_drain(class, cpu);
	return blocks;
}

static unsigned long drain_depots(struct ouro_heap *heap)
{
	struct ouro_class *class;
	unsigned long blocks = 0;

	ouro_heap_for_each_class(heap, class)
		blocks += ouro_depot_drain(class);
	return blocks;
}

/**
 * ouro_heap_drain_here() - give back what can be had without waiting
 * @heap: the heap
 *
 * This CPU's magazines, the depots, and pools that are all free then.
 *
 * Context: Task context.
 * Return: whether anything was; it may be worth another try then.
 */
bool ouro_heap_drain_here(struct ouro_heap *heap)
{
	unsigned long blocks, pools;

	blocks = drain_magazines(heap, -1);
	blocks += drain_depots(heap);
	pools = trim_pools(heap);
	return blocks || pools;
}

/* Bound to CPUs: empties their magazines. */
static struct workqueue_struct *drain_wq;

struct drain_work {
	struct work_struct work;
	struct ouro_heap *heap;
};

static void drain_work(struct work_struct *work)
{
	struct drain_work *drain = container_of(work, struct drain_work, work);

	drain_magazines(drain->heap, -1);
}

/* Isolated CPUs keep what they have; the mask may change meanwhile. */
static bool cpu_is_drained(int cpu)
{
	bool drained;

	rcu_read_lock();
	drained = housekeeping_cpu(cpu, HK_TYPE_DOMAIN) &&
		  housekeeping_cpu(cpu, HK_TYPE_WQ);
	rcu_read_unlock();
	return drained;
}

/* Whether a CPU has free blocks in its magazines, as far as a look at them tells. */
static bool cpu_has_rounds(struct ouro_heap *heap, int cpu)
{
	struct ouro_class *class;
	unsigned long rounds = 0;

	ouro_heap_for_each_class(heap, class) {
		ouro_front_read(per_cpu_ptr(class->fronts, cpu),
				class->geo->rounds, &rounds);
		if (rounds)
			return true;
	}
	return false;
}

/*
 * Drains the magazines of CPUs that have some, but for those kept free of such work.
 * CPUs neither come nor go meanwhile: see the callers.  @drains: zeroed.
 */
static bool drain_on_cpus(struct ouro_heap *heap,
			  struct drain_work __percpu *drains)
{
	struct drain_work *drain;
	bool any = false;
	int cpu;

	for_each_online_cpu(cpu) {
		if (!cpu_is_drained(cpu) || !cpu_has_rounds(heap, cpu))
			continue;
		any = true;
		drain = per_cpu_ptr(drains, cpu);
		drain->heap = heap;
		INIT_WORK(&drain->work, drain_work);
		queue_work_on(cpu, drain_wq, &drain->work);
	}
	for_each_online_cpu(cpu) {
		drain = per_cpu_ptr(drains, cpu);
		if (drain->heap)
			flush_work(&drain->work);
	}
	return any;
}

/* @try: not while CPUs come or go, for it may be on behalf of that. */
static bool drain_elsewhere(struct ouro_heap *heap, bool try)
{
	struct drain_work __percpu *drains = alloc_percpu(struct drain_work);
	bool any = false;

	if (!drains)
		return false;
	if (!try)
		cpus_read_lock();
	if (!try || cpus_read_trylock()) {
		any = drain_on_cpus(heap, drains);
		cpus_read_unlock();
	}
	free_percpu(drains);
	return any;
}

/* Everywhere; returns whether there was anything.  @try: as above. */
static bool drain_all(struct ouro_heap *heap, bool try)
{
	unsigned int turns = 2;
	bool any;

	any = drain_elsewhere(heap, try);
	/* At least where we are, isolated or not. */
	any |= ouro_heap_drain_here(heap);
	/*
	 * Blocks may be freed a grace period later, into magazines.  Pools of objects
	 * go one later, and those that became empty by that another one.
	 */
	while (turns-- && atomic_long_read(&heap->rcu_pending)) {
		rcu_barrier();
		drain_elsewhere(heap, try);
		ouro_heap_drain_here(heap);
		any = true;
	}
	return any;
}

/**
 * ouro_pressure_queue() - have a work done on each CPU that has blocks in magazines
 * @heap: of the blocks
 * @works: one for each CPU; isolated ones are left alone
 *
 * Nobody waits for them.
 *
 * Context: Process context.
 * Return: false: not while CPUs come or go.
 */
bool ouro_pressure_queue(struct ouro_heap *heap,
			 struct work_struct __percpu *works)
{
	int cpu;

	/* Who waits for CPUs to come or go may want what the caller holds. */
	if (!cpus_read_trylock())
		return false;
	for_each_online_cpu(cpu)
		if (cpu_is_drained(cpu) && cpu_has_rounds(heap, cpu))
			queue_work_on(cpu, drain_wq, per_cpu_ptr(works, cpu));
	cpus_read_unlock();
	return true;
}

/**
 * ouro_heap_drain_everywhere() - give back what can be had without a scan
 * @heap: the heap
 *
 * As ouro_heap_trim(), for an allocation that is about to fail: so not while CPUs
 * come or go.
 *
 * Context: Process context, may sleep.
 * Return: whether anything was; it may be worth another try then.
 */
bool ouro_heap_drain_everywhere(struct ouro_heap *heap)
{
	might_sleep();
	return drain_all(heap, true);
}

/**
 * ouro_heap_trim() - give back every page that no live block is in
 * @heap: the heap
 *
 * Magazines of all CPUs are emptied, except on isolated ones.
 *
 * Context: Process context, may sleep.
 * Return: bytes given back.
 */
unsigned long ouro_heap_trim(struct ouro_heap *heap)
{
	unsigned long before = atomic_long_read(&heap->held);
	unsigned long after;

	might_sleep();
	if (ouro_heap_next_class(heap, NULL))
		drain_all(heap, false);
	ouro_large_flush();
	after = atomic_long_read(&heap->held);
	return before > after ? before - after : 0;
}
EXPORT_SYMBOL_OURO(ouro_heap_trim);

static unsigned long shrink_count(struct shrinker *shrinker,
				  struct shrink_control *sc)
{
	struct ouro_heap *heap;
	unsigned long pages = 0;

	if (!mutex_trylock(&ouro_heaps_lock))
		return 0;
	/* In magazines and empty pools there may be as much again. */
	list_for_each_entry(heap, &ouro_heaps, link)
		pages += (max(atomic_long_read(&heap->parked), 0L) +
			  (READ_ONCE(heap->narenas) ? OURO_UNIT : 0)) >>
			 PAGE_SHIFT;
	mutex_unlock(&ouro_heaps_lock);
	return pages ?: SHRINK_EMPTY;
}

/* Waits for nothing: a lock that is taken means another time. */
static unsigned long shrink_scan(struct shrinker *shrinker,
				 struct shrink_control *sc)
{
	struct ouro_heap *heap, *next;
	unsigned long freed = 0;
	long before;
	LIST_HEAD(done);

	if (!mutex_trylock(&ouro_heaps_lock))
		return SHRINK_STOP;
	list_for_each_entry_safe(heap, next, &ouro_heaps, link) {
		if (freed >= sc->nr_to_scan)
			break;
		/* There may be garbage, too: some other time. */
		if (READ_ONCE(heap->collector.trigger) != LONG_MAX &&
		    !READ_ONCE(heap->collector.task) &&
		    atomic_long_read(&heap->collector.tracked) >
		    READ_ONCE(heap->collector.after)) {
			WRITE_ONCE(heap->collector.pressed, true);
			irq_work_queue(&heap->collector.irq_work);
		}
		before = atomic_long_read(&heap->held);
		ouro_heap_drain_here(heap);
		before -= atomic_long_read(&heap->held);
		freed += max(before, 0L) >> PAGE_SHIFT;
		/* Others have their turn first the next time. */
		list_move_tail(&heap->link, &done);
	}
	list_splice_tail(&done, &ouro_heaps);
	mutex_unlock(&ouro_heaps_lock);
	return freed ?: SHRINK_STOP;
}

static struct shrinker *shrinker;
static int cpu_state;

/* Runs on another CPU once @cpu is dead: its magazines have no owner. */
static int cpu_dead(unsigned int cpu)
{
	struct ouro_heap *heap;

	mutex_lock(&ouro_heaps_lock);
	list_for_each_entry(heap, &ouro_heaps, link)
		drain_magazines(heap, cpu);
	mutex_unlock(&ouro_heaps_lock);
	return 0;
}

int __init ouro_pressure_init(void)
{
	int err = -ENOMEM;

	drain_wq = alloc_workqueue("ouro_drain",
				   WQ_MEM_RECLAIM | OURO_WQ_PERCPU, 0);
	if (!drain_wq)
		return -ENOMEM;
	shrinker = ouro_shrinker_create("ouro", shrink_count, shrink_scan);
	if (!shrinker)
		goto destroy_wq;
	/* Torn down in a PREPARE state: after the CPU ran its last code. */
	cpu_state = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN,
					      "ouro:dead", NULL, cpu_dead);
	err = cpu_state;
	if (err < 0)
		goto destroy_shrinker;
	return 0;

destroy_shrinker:
	ouro_shrinker_destroy(shrinker);
destroy_wq:
	destroy_workqueue(drain_wq);
	return err;
}

void ouro_pressure_exit(void)
{
	cpuhp_remove_state_nocalls(cpu_state);
	ouro_shrinker_destroy(shrinker);
	destroy_workqueue(drain_wq);
}
