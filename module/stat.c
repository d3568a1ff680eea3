// SPDX-License-Identifier: GPL-2.0
/*
 * Statistics.
 *
 * The fast path counts frees only.  Live blocks follow from what the slow paths
 * count: a front has handed out what was loaded into it less what it still
 * holds, and class->direct has what went past the fronts.  Each front is read
 * as one (front->seq), so a reading errs by the operations that are in flight
 * between the first CPU read and the last.
 */
#include "ouro.h"
#include "depot.h"
#include "heap.h"
#include "stat.h"
#include "trace.h"

static void read_depots(const struct ouro_class *class,
			struct ouro_class_stat *stat)
{
	unsigned int node;

	for (node = 0; node < nr_node_ids; node++)
		stat->depot += READ_ONCE(class->depot[node].nfull) *
			       class->geo->rounds;
}

/**
 * ouro_stat_class() - read the counters of a class
 * @class: the class
 * @stat: filled
 *
 * Context: Any; nobody is kept from anything.
 */
void ouro_stat_class(const struct ouro_class *class,
		     struct ouro_class_stat *stat)
{
	long live, frees;
	int cpu;

	memset(stat, 0, sizeof(*stat));
	live = atomic_long_read(&class->direct);
	frees = atomic_long_read(&class->direct_frees);
	for_each_possible_cpu(cpu) {
		const struct ouro_front *front =
			per_cpu_ptr(class->fronts, cpu);

		/* The owner waits for its cache line: all of it in one go. */
		frees += READ_ONCE(front->frees);
		live += ouro_front_read(front, class->geo->rounds,
					&stat->fronts);
	}
	/* A free on one CPU may be seen before its allocation on another. */
	stat->live = max(live, 0L);
	stat->frees = max(frees, 0L);
	stat->allocs = stat->frees + stat->live;
	stat->pools = READ_ONCE(class->npools);
	stat->empty = READ_ONCE(class->nempty);
	read_depots(class, stat);
}

/**
 * ouro_stat_kind() - read the counters of a type's objects
 * @heap: the owner
 * @kind: the type in it
 * @stat: filled
 *
 * Context: Any; nobody is kept from anything.
 */
void ouro_stat_kind(struct ouro_heap *heap, const struct ouro_kind *kind,
		    struct ouro_kind_stat *stat)
{
	struct ouro_class_stat read;
	struct ouro_class *class;

	memset(stat, 0, sizeof(*stat));
	ouro_heap_for_each_class(heap, class) {
		if (class->kind != kind)
			continue;
		ouro_stat_class(class, &read);
		stat->live += read.live;
		stat->peak += READ_ONCE(class->peak);
		stat->created += read.allocs;
		stat->destroyed += read.frees;
		stat->bytes += read.live * class->geo->size;
		stat->cached += read.fronts + read.depot;
		stat->pools += read.pools;
	}
}

/**
 * ouro_heap_stat() - read the counters of a heap
 * @heap: the heap
 * @stat: filled
 *
 * Context: Any; nobody is kept from anything.
 */
void ouro_heap_stat(struct ouro_heap *heap, struct ouro_heap_stat *stat)
{
	struct ouro_class_stat read;
	struct ouro_class *class;

	memset(stat, 0, sizeof(*stat));
	ouro_heap_for_each_class(heap, class) {
		ouro_stat_class(class, &read);
		stat->live += read.live;
		stat->live_bytes += read.live * class->geo->size;
		stat->cached += read.fronts + read.depot;
		stat->allocs += read.allocs;
		stat->frees += read.frees;
		stat->pools += read.pools;
	}
	stat->large = READ_ONCE(heap->nlarge);
	stat->live += stat->large;
	stat->live_bytes += READ_ONCE(heap->large_bytes);
	stat->allocs += atomic_long_read(&heap->large_allocs);
	stat->frees += max(atomic_long_read(&heap->large_allocs) -
			   (long)stat->large, 0L);
	stat->held = atomic_long_read(&heap->held);
	stat->peak = max_t(unsigned long, atomic_long_read(&heap->peak),
			   stat->held);
	stat->limit = READ_ONCE(heap->limit);
	stat->metadata = sizeof(*heap) + atomic_long_read(&heap->metadata);
	if (READ_ONCE(heap->body))
		stat->metadata += num_possible_cpus() * OURO_CLASSES *
				  sizeof(struct ouro_front);
	llist_for_each_entry(class, READ_ONCE(heap->typed.first), link)
		stat->metadata += num_possible_cpus() *
				  sizeof(struct ouro_front);
	stat->arenas = READ_ONCE(heap->narenas);
	stat->limit_hits = atomic_long_read(&heap->limit_hits);
	stat->failed = atomic_long_read(&heap->failed);
	stat->misuse = atomic_long_read(&heap->misuse);
}
EXPORT_SYMBOL_OURO(ouro_heap_stat);

/**
 * ouro_stat_trace_leaks() - tell tracers by class what is live
 * @heap: a heap that is about to be destroyed
 *
 * Context: Any; nobody is kept from anything.
 */
void ouro_stat_trace_leaks(const struct ouro_heap *heap)
{
	struct ouro_class_stat read;
	struct ouro_class *class;

	if (!trace_ouro_leak_enabled())
		return;
	ouro_heap_for_each_class(heap, class) {
		ouro_stat_class(class, &read);
		if (read.live)
			trace_ouro_leak(heap->name, ouro_class_type(class),
					class->geo->size, read.live,
					read.live * class->geo->size);
	}
	if (READ_ONCE(heap->nlarge))
		trace_ouro_leak(heap->name, "-", 0, READ_ONCE(heap->nlarge),
				READ_ONCE(heap->large_bytes));
}
