/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The collector: frees objects that only each other refer to.
 *
 * Counting alone never frees a cycle.  A scan of a heap finds the objects that
 * nothing outside of them refers to, makes sure that this is so while everybody
 * goes on, and frees them: finalizers run, once each; what these did not bring
 * back is dead for everybody at one moment; then weak handles name nothing, slots
 * are cleared, release runs.  No function of <ouro/object.h>, <ouro/slot.h> and
 * <ouro/weak.h> takes a lock for that or waits for a scan, with one exception:
 * ouro_new() and ouro_new_array().  Where scans start by themselves these may
 * wait for one, when there is much garbage; and so may whatever allocates a block
 * or an object of the heap, before it fails for the limit.  Both only in mode
 * OURO_COLLECT_ON, and where their gfp has all of GFP_KERNEL.
 *
 * Objects of types with OURO_TYPE_ACYCLIC, and of types without slots, are never
 * looked at.  Scans run in slices on a worker.  By themselves they start only in
 * heaps made with OURO_HEAP_COLLECT, or after ouro_collector_enable();
 * ouro_heap_collect() starts one in any heap.
 *
 * Two generations: objects are young until a scan of theirs has found them
 * alive.  Young ones are scanned often and take old ones for granted, all are
 * scanned when there is reason to.  (After the thresholds of CPython's gc; the
 * count of references from inside is Lins', "Cyclic reference counting with lazy
 * mark-scan", 1992, and CPython's.)
 *
 * Do not enable it where all types are acyclic, or cycles are always taken apart
 * by hand: it would find nothing.
 */
#ifndef _OURO_COLLECT_H
#define _OURO_COLLECT_H

#include <linux/types.h>

struct notifier_block;
struct ouro_heap;
struct ouro_kind;

/**
 * enum ouro_generation - which objects a scan looks at
 * @OURO_YOUNG: those in pools where objects were made since the last scan
 * @OURO_OLD: all
 * @OURO_GENERATIONS: how many there are
 */
enum ouro_generation {
	OURO_YOUNG,
	OURO_OLD,
	OURO_GENERATIONS
};

/**
 * enum ouro_collect_mode - what is done with unreachable cycles
 * @OURO_COLLECT_ON: they are freed
 * @OURO_COLLECT_REPORT: they are counted, and one line in the log tells of each
 *	scan that found some; nothing is freed and no finalizer runs
 * @OURO_COLLECT_OFF: of a heap: no scan is made; of a type: no object of it is
 *	looked at
 * @OURO_COLLECT_MODES: how many there are
 */
enum ouro_collect_mode {
	OURO_COLLECT_ON,
	OURO_COLLECT_REPORT,
	OURO_COLLECT_OFF,
	OURO_COLLECT_MODES
};

/**
 * struct ouro_collect_threshold - when scans start by themselves
 * @young: a young scan, when so many more objects are there than after the last
 *	scan; 0: none for their number, but where memory is short, or an
 *	allocation is about to fail for the limit, one of all starts still
 * @middle: with @old: all objects are scanned after @middle * @old young scans,
 *	when these have looked at a quarter as many as live; 0: not for that reason
 * @old: as said
 *
 * As CPython's three: 700, 10, 10 unless set.  All objects are scanned also when
 * a quarter more are there than the last time left, and @young at least.  A young
 * scan that has looked at many objects is followed by another when a quarter as
 * many have come.  So what scans cost is a constant for each new object.
 */
struct ouro_collect_threshold {
	unsigned int young;
	unsigned int middle;
	unsigned int old;
};

/**
 * struct ouro_collect_budget - what scans that start by themselves may take
 * @slice_us: microseconds of work before others have their turn, 10 to 10000
 * @share: per cent of one CPU, 1 to 100; not kept when there are more objects than
 *	twice the sum of those that the last scan of all has left and the young
 *	threshold, when somebody waits for a scan, nor while a scan makes sure of
 *	what it has found, or frees it, but between one try and the next after four
 */
struct ouro_collect_budget {
	unsigned int slice_us;
	unsigned int share;
};

/**
 * struct ouro_scan_stat - one scan, for its end
 * @generation: of enum ouro_generation
 * @visited: objects looked at
 * @freed: of these freed
 * @uncollectable: unreachable ones that were left, for a mode of report
 * @resurrected: whose finalizers, or those of others, brought them back
 * @finalized: finalizers called
 * @aborts: times that a weak upgrade met a decision under way
 * @skipped: pools that were left out for want of memory; one more where that did
 *	not do for all objects found, and one where not for all references to them;
 *	and one for each time that making sure took too long
 * @ns: nanoseconds from begin to end
 */
struct ouro_scan_stat {
	unsigned int generation;
	unsigned long visited;
	unsigned long freed;
	unsigned long uncollectable;
	unsigned long resurrected;
	unsigned long finalized;
	unsigned long aborts;
	unsigned long skipped;
	u64 ns;
};

/**
 * enum ouro_scan_event - what notifiers are told
 * @OURO_SCAN_BEGIN: data: a struct ouro_scan_stat with its generation
 * @OURO_SCAN_END: data: the same, whole
 */
enum ouro_scan_event {
	OURO_SCAN_BEGIN,
	OURO_SCAN_END,
};

#define OURO_SCAN_BUCKETS	8	/* of durations: below 10 us, 100 us, ... */

/**
 * struct ouro_collector_stat - one reading of a heap's collector
 * @runs: scans, by generation
 * @visited: sums over all scans, by generation, as those below
 * @freed: objects
 * @uncollectable: objects
 * @resurrected: objects
 * @finalized: finalizers called
 * @aborts: times
 * @skipped: pools, and what is added to them for a scan
 * @ns: nanoseconds spent from begin to end
 * @longest_ns: the longest scan
 * @duration: scans by how long they took: below 10^(n+4) ns for duration[n]
 * @tracked: objects that scans look at, live, or free in magazines and depots, at
 *	the moment
 * @live: of these, left by the last scan of all, of those it began with
 * @trigger: a scan starts when @tracked goes beyond; LONG_MAX: none does for that
 * @peak_bytes: memory the largest scan took for its notes
 * @last: the last scan
 */
struct ouro_collector_stat {
	unsigned long runs[OURO_GENERATIONS];
	unsigned long visited[OURO_GENERATIONS];
	unsigned long freed[OURO_GENERATIONS];
	unsigned long uncollectable[OURO_GENERATIONS];
	unsigned long resurrected[OURO_GENERATIONS];
	unsigned long finalized[OURO_GENERATIONS];
	unsigned long aborts[OURO_GENERATIONS];
	unsigned long skipped[OURO_GENERATIONS];
	u64 ns[OURO_GENERATIONS];
	u64 longest_ns[OURO_GENERATIONS];
	unsigned long duration[OURO_GENERATIONS][OURO_SCAN_BUCKETS];
	unsigned long tracked;
	unsigned long live;
	unsigned long trigger;
	unsigned long peak_bytes;
	struct ouro_scan_stat last;
};

long ouro_heap_collect(struct ouro_heap *heap, enum ouro_generation generation);
int ouro_heap_freeze(struct ouro_heap *heap);
int ouro_heap_unfreeze(struct ouro_heap *heap);

void ouro_collector_enable(struct ouro_heap *heap);
void ouro_collector_disable(struct ouro_heap *heap);
bool ouro_collector_is_enabled(const struct ouro_heap *heap);
int ouro_collector_set_mode(struct ouro_heap *heap,
			    enum ouro_collect_mode mode);
enum ouro_collect_mode ouro_collector_mode(const struct ouro_heap *heap);
int ouro_kind_set_mode(struct ouro_kind *kind, enum ouro_collect_mode mode);
enum ouro_collect_mode ouro_kind_mode(const struct ouro_kind *kind);
void ouro_collector_set_threshold(struct ouro_heap *heap,
				  const struct ouro_collect_threshold *threshold);
void ouro_collector_threshold(struct ouro_heap *heap,
			      struct ouro_collect_threshold *threshold);
int ouro_collector_set_budget(struct ouro_heap *heap,
			      const struct ouro_collect_budget *budget);
int ouro_collector_notify_add(struct ouro_heap *heap,
			      struct notifier_block *nb);
int ouro_collector_notify_remove(struct ouro_heap *heap,
				 struct notifier_block *nb);
void ouro_collector_stat(struct ouro_heap *heap,
			 struct ouro_collector_stat *stat);

#endif /* _OURO_COLLECT_H */
