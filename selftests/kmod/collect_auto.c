// SPDX-License-Identifier: GPL-2.0
/* Scans that start by themselves, and how much garbage there may be. */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/notifier.h>
#include <linux/sched.h>
#include "collect.h"

#define CALM_MS		200	/* in which nothing must start */

void collect_enabled(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	struct ouro_heap *heap;

	if (!collect_open(s, t))
		return;
	EXPECT(t, !ouro_collector_is_enabled(s->heap));
	ouro_collector_enable(s->heap);
	EXPECT(t, ouro_collector_is_enabled(s->heap));
	ouro_collector_enable(s->heap);
	ouro_collector_disable(s->heap);
	EXPECT(t, !ouro_collector_is_enabled(s->heap));
	ouro_collector_disable(s->heap);
	collect_close(s);

	heap = test_heap_flags(t, t->c->flags | OURO_HEAP_COLLECT);
	if (!heap)
		return;
	EXPECT(t, ouro_collector_is_enabled(heap));
	ouro_collector_disable(heap);
	EXPECT(t, !ouro_collector_is_enabled(heap));
	test_heap_close(t, heap);
}

/* Not before it is enabled, then soon, and not after it was disabled. */
void collect_by_itself(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	unsigned long before;
	int i;

	if (!collect_open(s, t))
		return;
	EXPECT_EQ(t, ring_litter(s, 20000, GFP_KERNEL), 20000);
	msleep(CALM_MS);
	EXPECT_EQ(t, collect_runs(s, OURO_GENERATIONS), 0);
	EXPECT_GE(t, collect_tracked(s), 20000);

	ouro_collector_enable(s->heap);
	EXPECT_EQ(t, ring_litter(s, 2000, GFP_KERNEL), 2000);
	EXPECT(t, collect_wait_runs(s, OURO_GENERATIONS, 1));
	for (i = 0; i < 500 && collect_tracked(s) > 5000; i++)
		usleep_range(1000, 2000);
	EXPECT_LE(t, collect_tracked(s), 5000);

	ouro_collector_disable(s->heap);
	/* One that is under way is over when another one is. */
	EXPECT_GE(t, ouro_heap_collect(s->heap, OURO_YOUNG), 0);
	before = collect_runs(s, OURO_GENERATIONS);
	EXPECT_EQ(t, ring_litter(s, 20000, GFP_KERNEL), 20000);
	msleep(CALM_MS);
	EXPECT_EQ(t, collect_runs(s, OURO_GENERATIONS), before);
	EXPECT_GE(t, collect_tracked(s), 20000);
	collect_close(s);
}

void collect_threshold_zero(struct ouro_test *t)
{
	struct ouro_collect_threshold threshold = { 0, 10, 10 };
	struct collect *s = &collect_scene;

	if (!collect_open_limit(s, t, 0))
		return;
	ouro_collector_set_threshold(s->heap, &threshold);
	EXPECT_EQ(t, ring_litter(s, 20000, GFP_KERNEL), 20000);
	msleep(CALM_MS);
	EXPECT_EQ(t, collect_runs(s, OURO_GENERATIONS), 0);
	EXPECT_GE(t, collect_tracked(s), 20000);
	/* Any threshold will do for what is there by now. */
	threshold.young = 5000;
	ouro_collector_set_threshold(s->heap, &threshold);
	EXPECT_EQ(t, ring_litter(s, 1000, GFP_KERNEL), 1000);
	EXPECT(t, collect_wait_runs(s, OURO_GENERATIONS, 1));
	collect_close(s);
}

#define LIVE	8000

/* A scan of all when a quarter more live, and no sooner. */
void collect_growth(struct ouro_test *t)
{
	struct ouro_collect_threshold threshold = { 500, 1000, 1000 };
	struct collect *s = &collect_scene;
	struct ouro_slot chain = { };
	unsigned long before;

	if (!collect_open_limit(s, t, 0))
		return;
	ouro_collector_disable(s->heap);
	EXPECT(t, ring_hoard(s, &chain, LIVE, GFP_KERNEL));
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 0);
	before = collect_runs(s, OURO_OLD);
	ouro_collector_set_threshold(s->heap, &threshold);
	ouro_collector_enable(s->heap);

	/* 12.5 %, and what is in magazines. */
	EXPECT(t, ring_hoard(s, &chain, LIVE / 8, GFP_KERNEL));
	msleep(CALM_MS);
	EXPECT_EQ(t, collect_runs(s, OURO_OLD), before);
	EXPECT(t, ring_hoard(s, &chain, LIVE / 4, GFP_KERNEL));
	EXPECT(t, collect_wait_runs(s, OURO_OLD, before + 1));
	test_note(t, "%lu young scans, %lu of all",
		  collect_runs(s, OURO_YOUNG), collect_runs(s, OURO_OLD));
	ouro_slot_clear(&chain);
	collect_close(s);
}

/* ---- what comes while it is scanned ---- */

static struct growth {
	struct collect *scene;
	struct ouro_slot chain;
	bool done;
} growth;

/* As a young scan begins more come than a scan of all is due for. */
static int grow_once(struct notifier_block *nb, unsigned long event, void *data)
{
	const struct ouro_scan_stat *stat = data;
	struct growth *g = &growth;

	if (event != OURO_SCAN_BEGIN || stat->generation != OURO_YOUNG ||
	    g->done)
		return NOTIFY_OK;
	WRITE_ONCE(g->done, true);
	EXPECT(g->scene->t, ring_hoard(g->scene, &g->chain, LIVE / 2,
				       GFP_KERNEL));
	return NOTIFY_OK;
}

/* Nothing needs to come after it for the scan of all to start. */
void collect_growth_meanwhile(struct ouro_test *t)
{
	struct ouro_collect_threshold threshold = { 500, 1000, 1000 };
	struct notifier_block nb = { .notifier_call = grow_once };
	struct collect *s = &collect_scene;
	struct ouro_slot chain = { };
	unsigned long before;
	int i;

	if (!collect_open_limit(s, t, 0))
		return;
	growth = (struct growth) { .scene = s };
	ouro_collector_disable(s->heap);
	EXPECT(t, ring_hoard(s, &chain, LIVE, GFP_KERNEL));
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 0);
	before = collect_runs(s, OURO_OLD);
	EXPECT_EQ(t, ouro_collector_notify_add(s->heap, &nb), 0);
	ouro_collector_set_threshold(s->heap, &threshold);
	ouro_collector_enable(s->heap);
	/* One by one: once the scan has begun none comes from here. */
	for (i = 0; i < LIVE / 8 && !READ_ONCE(growth.done); i++)
		EXPECT(t, ring_hoard(s, &chain, 1, GFP_KERNEL));
	EXPECT(t, collect_wait_runs(s, OURO_OLD, before + 1));
	EXPECT(t, growth.done);
	ouro_collector_disable(s->heap);
	EXPECT_EQ(t, ouro_collector_notify_remove(s->heap, &nb), 0);
	ouro_slot_clear(&growth.chain);
	ouro_slot_clear(&chain);
	collect_close(s);
}

/*
 * Links that may be there for each that lives: two by the bound that
 * docs/collector.rst has, the rest is room for what that adds to them, in
 * magazines and depots, by the threshold, and for refills.
 */
#define FACTOR		4
#define BOUNDED_LIVE	TEST_MANY(20000, 4000)
#define BOUNDED_MS	TEST_MANY(1500, 3000)

/* Garbage is made as fast as it goes: what is there stays bounded. */
void collect_bounded(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	struct ouro_slot chain = { };
	unsigned long peak = 0, made = 0;
	u64 end;

	if (!collect_open_limit(s, t, 0))
		return;
	EXPECT(t, ring_hoard(s, &chain, BOUNDED_LIVE, GFP_KERNEL));
	end = ktime_get_ns() + BOUNDED_MS * NSEC_PER_MSEC;
	while (ktime_get_ns() < end) {
		made += ring_litter(s, 1000, GFP_KERNEL);
		peak = max(peak, collect_tracked(s));
	}
	test_note(t, "%lu made with %u live, %lu at most: factor %lu.%02lu",
		  made, BOUNDED_LIVE, peak, peak / BOUNDED_LIVE,
		  peak * 100 / BOUNDED_LIVE % 100);
	test_note(t, "%lu young scans, %lu of all",
		  collect_runs(s, OURO_YOUNG), collect_runs(s, OURO_OLD));
	EXPECT_GE(t, made, FACTOR * BOUNDED_LIVE);
	EXPECT_LE(t, peak, FACTOR * BOUNDED_LIVE);
	ouro_slot_clear(&chain);
	collect_close(s);
}

/* ---- after so many young scans ---- */

#define TURN_YOUNG	1000
#define TURN_LIVE	20000	/* a quarter is less than six scans look at */

/*
 * Garbage until a scan is due, and that scan; of which generation it was.  What
 * a young one has cost, and the next one would be put off for, is forgotten when
 * thresholds are set.
 */
static unsigned int next_scan(struct collect *s,
			      const struct ouro_collect_threshold *threshold)
{
	unsigned long before = collect_runs(s, OURO_GENERATIONS);
	struct ouro_collector_stat stat;
	struct ouro_test *t = s->t;

	ouro_collector_set_threshold(s->heap, threshold);
	do {
		EXPECT(t, ring_drop(s, LINK_PLAIN, LITTER_RING, GFP_KERNEL));
		ouro_collector_stat(s->heap, &stat);
	} while (stat.tracked <= stat.trigger && !test_expired(t));
	EXPECT(t, collect_wait_runs(s, OURO_GENERATIONS, before + 1));
	/* No more than have come are reason for a scan of all. */
	EXPECT_LE(t, stat.tracked, stat.live + stat.live / 4);
	ouro_collector_stat(s->heap, &stat);
	EXPECT_EQ(t, stat.runs[OURO_YOUNG] + stat.runs[OURO_OLD], before + 1);
	return stat.last.generation;
}

/* With so much alive that growth is no reason for a scan of all. */
static bool turn_open(struct collect *s, struct ouro_test *t,
		      struct ouro_slot *chain, unsigned long live)
{
	if (!collect_open(s, t))
		return false;
	EXPECT(t, ring_hoard(s, chain, live, GFP_KERNEL));
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 0);
	ouro_collector_enable(s->heap);
	return true;
}

static void turn_close(struct collect *s, struct ouro_slot *chain)
{
	ouro_collector_disable(s->heap);
	ouro_slot_clear(chain);
	collect_close(s);
}

/* All have their turn when there were middle * old young ones since the last. */
void collect_turn(struct ouro_test *t)
{
	struct ouro_collect_threshold threshold = { TURN_YOUNG, 2, 3 };
	struct collect *s = &collect_scene;
	struct ouro_slot chain = { };
	int i;

	if (!turn_open(s, t, &chain, TURN_LIVE))
		return;
	for (i = 1; i <= 21; i++)
		EXPECT_MSG(t, next_scan(s, &threshold) ==
			   (i % 7 ? OURO_YOUNG : OURO_OLD), "scan %d", i);
	/* One that was asked for counts, too. */
	for (i = 1; i <= 4; i++)
		EXPECT_EQ(t, next_scan(s, &threshold), OURO_YOUNG);
	EXPECT_GE(t, ouro_heap_collect(s->heap, OURO_OLD), 0);
	for (i = 1; i <= 6; i++)
		EXPECT_EQ(t, next_scan(s, &threshold), OURO_YOUNG);
	EXPECT_EQ(t, next_scan(s, &threshold), OURO_OLD);
	turn_close(s, &chain);
}

/* Where one of the two is 0 they never have. */
void collect_turn_never(struct ouro_test *t)
{
	struct ouro_collect_threshold threshold = { TURN_YOUNG, 0, 1 };
	struct collect *s = &collect_scene;
	struct ouro_slot chain = { };
	int i;

	if (!turn_open(s, t, &chain, TURN_LIVE))
		return;
	for (i = 1; i <= 10; i++)
		EXPECT_EQ(t, next_scan(s, &threshold), OURO_YOUNG);
	threshold.middle = 1;
	threshold.old = 0;
	for (i = 1; i <= 10; i++)
		EXPECT_EQ(t, next_scan(s, &threshold), OURO_YOUNG);
	/* And now there were more than enough. */
	threshold.old = 1;
	EXPECT_EQ(t, next_scan(s, &threshold), OURO_OLD);
	turn_close(s, &chain);
}

/* Nor before young ones have looked at a quarter as many as live. */
void collect_turn_late(struct ouro_test *t)
{
	struct ouro_collect_threshold threshold = { TURN_YOUNG, 1, 1 };
	struct collect *s = &collect_scene;
	struct ouro_collector_stat stat;
	struct ouro_slot chain = { };
	unsigned long live, visited = 0;
	unsigned int generation;

	if (!turn_open(s, t, &chain, 4 * TURN_LIVE))
		return;
	ouro_collector_stat(s->heap, &stat);
	do {
		/* As it was: a scan of all finds another number. */
		live = stat.live;
		generation = next_scan(s, &threshold);
		ouro_collector_stat(s->heap, &stat);
		EXPECT_EQ(t, generation, visited >= live / 4);
		visited += stat.last.visited;
	} while (generation == OURO_YOUNG && !test_expired(t));
	EXPECT_EQ(t, generation, OURO_OLD);
	EXPECT_GE(t, stat.runs[OURO_YOUNG], 2);
	turn_close(s, &chain);
}

/* ---- the share of a CPU ---- */

#define SHARED		TEST_MANY(100000, 20000)	/* links to look at */

/* What the first slice is followed by at least, but for the tick it began in. */
static u64 wait_ns(const struct ouro_collect_budget *budget)
{
	unsigned int us = budget->slice_us * (100 - budget->share) /
			  budget->share;
	unsigned long ticks = usecs_to_jiffies(us);

	return ticks > 1 ? jiffies_to_nsecs(ticks - 1) : 0;
}

/* A scan that nobody asks for, of so much that one slice is not enough. */
static void shared_scan(struct collect *s,
			const struct ouro_collect_budget *budget)
{
	static const struct ouro_collect_budget bad = { 1000, 101 };
	unsigned long before = collect_runs(s, OURO_OLD);
	struct ouro_collector_stat stat;
	struct ouro_test *t = s->t;

	EXPECT_EQ(t, ouro_collector_set_budget(s->heap, budget), 0);
	EXPECT_EQ(t, ouro_collector_set_budget(s->heap, &bad), -EINVAL);
	EXPECT_EQ(t, ring_litter(s, SHARED, GFP_KERNEL), SHARED);
	ouro_collector_enable(s->heap);
	EXPECT(t, collect_wait_runs(s, OURO_OLD, before + 1));
	ouro_collector_disable(s->heap);
	ouro_collector_stat(s->heap, &stat);
	EXPECT_GE(t, stat.last.freed, SHARED);
	EXPECT_GE(t, stat.last.ns, wait_ns(budget));
	test_note(t, "%u us, %u %%: %llu us", budget->slice_us, budget->share,
		  div_u64(stat.last.ns, NSEC_PER_USEC));
}

/* Only that it waits where it has to can be told on a machine that is busy. */
void collect_share(struct ouro_test *t)
{
	/* More have come than this, but not twice as many. */
	struct ouro_collect_threshold threshold = { SHARED * 2 / 3, 10, 10 };
	static const struct ouro_collect_budget budgets[] = {
		{ 10000, 100 }, { 10000, 10 }, { 10000, 5 }, { 10000, 3 },
		{ 10, 100 },
	};
	struct collect *s = &collect_scene;
	int i;

	if (!collect_open(s, t))
		return;
	ouro_collector_set_threshold(s->heap, &threshold);
	for (i = 0; i < ARRAY_SIZE(budgets); i++)
		shared_scan(s, &budgets[i]);
	collect_close(s);
}
