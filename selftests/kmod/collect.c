// SPDX-License-Identifier: GPL-2.0
/* The collector's interface: what calls return, refuse, and tell. */
#include <linux/cpumask.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include "collect.h"

static void returns(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	struct link *kept;

	if (!collect_open(s, t))
		return;
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 0);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_YOUNG), 0);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_GENERATIONS), -EINVAL);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, -1), -EINVAL);
	kept = ring_new(s, LINK_TOLD, 10, GFP_KERNEL);
	EXPECT(t, ring_drop(s, LINK_TOLD, 7, GFP_KERNEL));
	EXPECT(t, ring_drop(s, LINK_PLAIN, 5, GFP_KERNEL));
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_GENERATIONS), -EINVAL);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_YOUNG), 12);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 0);
	if (!EXPECT(t, kept))
		return;
	EXPECT(t, ring_is_whole(kept, 10));
	ouro_put(&kept->object);
	/* It is old by now. */
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 10);
	collect_close(s);
}

/* What was put last with interrupts off is on its way, and is not counted. */
static void flushes(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	struct link *link;
	unsigned long flags;
	int i;

	if (!collect_open(s, t))
		return;
	for (i = 0; i < 50; i++) {
		link = link_new(s, LINK_TOLD, i, GFP_KERNEL);
		if (!EXPECT(t, link))
			break;
		local_irq_save(flags);
		ouro_put(&link->object);
		local_irq_restore(flags);
	}
	EXPECT(t, ring_drop(s, LINK_TOLD, 3, GFP_KERNEL));
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 3);
	EXPECT_EQ(t, atomic_long_read(&s->released), 53);
	collect_close(s);
}

static unsigned long sum(const unsigned long *counts, unsigned int n)
{
	unsigned long sum = 0;

	while (n--)
		sum += counts[n];
	return sum;
}

static void stat_is(struct collect *s, enum ouro_generation generation,
		    unsigned long runs, unsigned long visited,
		    unsigned long freed)
{
	struct ouro_collector_stat stat;
	struct ouro_test *t = s->t;

	ouro_collector_stat(s->heap, &stat);
	EXPECT_EQ(t, stat.runs[generation], runs);
	EXPECT_EQ(t, stat.freed[generation], freed);
	EXPECT_EQ(t, stat.last.generation, generation);
	EXPECT_EQ(t, stat.last.visited, visited);
	EXPECT_EQ(t, stat.last.uncollectable, 0);
	EXPECT_EQ(t, stat.last.resurrected, 0);
	EXPECT_EQ(t, stat.last.skipped, 0);
	EXPECT_GE(t, stat.last.ns, 1);
	EXPECT_GE(t, stat.ns[generation], stat.last.ns);
	EXPECT_GE(t, stat.longest_ns[generation], stat.last.ns);
	EXPECT_GE(t, stat.ns[generation], stat.longest_ns[generation]);
	EXPECT_EQ(t, sum(stat.duration[generation], OURO_SCAN_BUCKETS), runs);
}

static void told(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	struct ouro_collector_stat stat;
	struct link *kept;

	if (!collect_open(s, t))
		return;
	ouro_collector_stat(s->heap, &stat);
	EXPECT_EQ(t, stat.runs[OURO_YOUNG] + stat.runs[OURO_OLD], 0);
	EXPECT_EQ(t, stat.tracked, 0);
	kept = ring_new(s, LINK_TOLD, 100, GFP_KERNEL);
	EXPECT(t, ring_drop(s, LINK_TOLD, 60, GFP_KERNEL));
	ouro_collector_stat(s->heap, &stat);
	/* Those in magazines are in it; more than a few hundred are not. */
	EXPECT_GE(t, stat.tracked, 160);
	EXPECT_LE(t, stat.tracked, 160 + 1000 * num_possible_cpus());
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 60);
	stat_is(s, OURO_OLD, 1, 160, 60);
	ouro_collector_stat(s->heap, &stat);
	EXPECT_EQ(t, stat.last.finalized, 60);
	EXPECT_EQ(t, stat.finalized[OURO_OLD], 60);
	EXPECT_GE(t, stat.live, 100);
	EXPECT_GE(t, stat.peak_bytes, 1);
	/* Pools that magazines have blocks of would be young still. */
	ouro_heap_trim(s->heap);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 0);
	stat_is(s, OURO_OLD, 2, 100, 60);
	EXPECT(t, ring_drop(s, LINK_PLAIN, 4, GFP_KERNEL));
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_YOUNG), 4);
	stat_is(s, OURO_YOUNG, 1, 4, 4);
	if (EXPECT(t, kept))
		ring_cut(kept);
	collect_close(s);
}

/* What is set is what is read; it starts as CPython's. */
static void thresholds(struct ouro_test *t)
{
	static const struct ouro_collect_threshold sets[] = {
		{ 0, 0, 0 }, { 1, 1, 1 }, { UINT_MAX, UINT_MAX, UINT_MAX },
		{ 5000, 3, 7 },
	};
	struct ouro_collect_threshold got = { };
	struct collect *s = &collect_scene;
	int i;

	if (!collect_open(s, t))
		return;
	ouro_collector_threshold(s->heap, &got);
	EXPECT_EQ(t, got.young, 700);
	EXPECT_EQ(t, got.middle, 10);
	EXPECT_EQ(t, got.old, 10);
	for (i = 0; i < ARRAY_SIZE(sets); i++) {
		ouro_collector_set_threshold(s->heap, &sets[i]);
		ouro_collector_threshold(s->heap, &got);
		EXPECT(t, !memcmp(&got, &sets[i], sizeof(got)));
		EXPECT(t, ring_drop(s, LINK_TOLD, 3, GFP_KERNEL));
		EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_YOUNG), 3);
	}
	collect_close(s);
}

static void budgets(struct ouro_test *t)
{
	static const struct ouro_collect_budget bad[] = {
		{ 0, 5 }, { 9, 5 }, { 10001, 5 }, { UINT_MAX, 5 },
		{ 1000, 0 }, { 1000, 101 }, { 1000, UINT_MAX }, { 0, 0 },
	};
	static const struct ouro_collect_budget good[] = {
		{ 10, 1 }, { 10000, 1 }, { 10, 100 }, { 10000, 100 },
		{ 1000, 5 },
	};
	struct collect *s = &collect_scene;
	int i;

	if (!collect_open(s, t))
		return;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(t, ouro_collector_set_budget(s->heap, &bad[i]),
			  -EINVAL);
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(t, ouro_collector_set_budget(s->heap, &good[i]), 0);
		EXPECT(t, ring_drop(s, LINK_TOLD, 100, GFP_KERNEL));
		EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 100);
	}
	collect_close(s);
}

#define EACH(name)	EACH_KIND_IN(collect, name)

/* What takes seconds: in the short set once. */
#define LONG(name)							\
	{ #name "_plain", collect_##name },				\
	{ #name "_debug", collect_##name, OURO_HEAP_DEBUG, .full = true }

static const struct ouro_case collect_cases[] = {
	EACH_KIND(returns),
	EACH_KIND(flushes),
	EACH_KIND(told),
	EACH_KIND(thresholds),
	EACH_KIND(budgets),
	EACH(mode_heap),
	EACH(report_heap),
	EACH(mode_type),
	EACH(report_type),
	EACH(report_reached),
	EACH(notified),
	EACH(enabled),
	LONG(by_itself),
	LONG(threshold_zero),
	LONG(growth),
	LONG(growth_meanwhile),
	LONG(bounded),
	LONG(turn),
	LONG(turn_never),
	LONG(turn_late),
	LONG(share),
	EACH(freeze),
	EACH(freeze_inside),
	EACH(freeze_fails),
	LONG(freeze_beside),
	LONG(limit),
	LONG(limit_only),
	LONG(limit_types),
	LONG(limit_grace),
	EACH(limit_live),
	EACH(limit_nowait),
	LONG(limit_blocks),
	LONG(limit_large),
	LONG(limit_vector),
	EACH(final_allocates),
	EACH(final_collects),
	EACH(final_other),
	EACH(final_drops),
	EACH(final_cuts),
	EACH(final_sleeps),
	LONG(final_waits),
	LONG(destroyed),
	LONG(two_at_once),
	EACH(two_heaps),
	LONG(upgraded),
	LONG(disturbed),
	EACH(fault_each),
};

OURO_SUITE("collect", collect_cases);
