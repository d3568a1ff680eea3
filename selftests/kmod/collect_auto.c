// SPDX-License-Identifier: GPL-2.0
/* Scans that start by themselves, and how much garbage there may be. */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/notifier.h>
#include <linux/sched.h>
#include "collect.h"

#define RING		10	/* links */
#define CALM_MS		200	/* in which nothing must start */

/* Rings of RING that are garbage; so many links in all. */
static unsigned long litter(struct collect *s, unsigned long links, gfp_t gfp)
{
	unsigned long n;

	for (n = 0; n < links; n += RING) {
		if (!ring_drop(s, LINK_PLAIN, RING, gfp))
			break;
		if (n % (100 * RING) == 0)
			cond_resched();
	}
	return n;
}

/* Links that are held by a chain; false where it does not grow by @links. */
static bool hoard(struct collect *s, struct ouro_slot *chain,
		  unsigned long links, gfp_t gfp)
{
	struct ouro_object *old;
	struct link *link;

	while (links--) {
		link = link_new(s, LINK_PLAIN, links, gfp);
		if (!link)
			return false;
		old = ouro_slot_take(chain);
		if (old)
			ouro_slot_move(&link->next, old);
		ouro_slot_move(chain, &link->object);
		if (links % 1000 == 0)
			cond_resched();
	}
	return true;
}

static unsigned long runs(struct collect *s, enum ouro_generation generation)
{
	return collect_runs(s, generation);
}

static unsigned long all_runs(struct collect *s)
{
	return runs(s, OURO_GENERATIONS);
}

/* Until there were so many scans of that kind, or five seconds have passed. */
static bool wait_runs(struct collect *s, enum ouro_generation generation,
		      unsigned long wanted)
{
	unsigned long end = jiffies + 5 * HZ;

	while (runs(s, generation) < wanted) {
		if (time_after(jiffies, end))
			return false;
		usleep_range(1000, 2000);
	}
	return true;
}

static unsigned long tracked(struct collect *s)
{
	struct ouro_collector_stat stat;

	ouro_collector_stat(s->heap, &stat);
	return stat.tracked;
}

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
	EXPECT_EQ(t, litter(s, 20000, GFP_KERNEL), 20000);
	msleep(CALM_MS);
	EXPECT_EQ(t, all_runs(s), 0);
	EXPECT_GE(t, tracked(s), 20000);

	ouro_collector_enable(s->heap);
	EXPECT_EQ(t, litter(s, 2000, GFP_KERNEL), 2000);
	EXPECT(t, wait_runs(s, OURO_GENERATIONS, 1));
	for (i = 0; i < 500 && tracked(s) > 5000; i++)
		usleep_range(1000, 2000);
	EXPECT_LE(t, tracked(s), 5000);

	ouro_collector_disable(s->heap);
	/* One that is under way is over when another one is. */
	EXPECT_GE(t, ouro_heap_collect(s->heap, OURO_YOUNG), 0);
	before = all_runs(s);
	EXPECT_EQ(t, litter(s, 20000, GFP_KERNEL), 20000);
	msleep(CALM_MS);
	EXPECT_EQ(t, all_runs(s), before);
	EXPECT_GE(t, tracked(s), 20000);
	collect_close(s);
}

void collect_threshold_zero(struct ouro_test *t)
{
	struct ouro_collect_threshold threshold = { 0, 10, 10 };
	struct collect *s = &collect_scene;

	if (!collect_open_limit(s, t, 0))
		return;
	ouro_collector_set_threshold(s->heap, &threshold);
	EXPECT_EQ(t, litter(s, 20000, GFP_KERNEL), 20000);
	msleep(CALM_MS);
	EXPECT_EQ(t, all_runs(s), 0);
	EXPECT_GE(t, tracked(s), 20000);
	/* Any threshold will do for what is there by now. */
	threshold.young = 5000;
	ouro_collector_set_threshold(s->heap, &threshold);
	EXPECT_EQ(t, litter(s, 1000, GFP_KERNEL), 1000);
	EXPECT(t, wait_runs(s, OURO_GENERATIONS, 1));
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
	EXPECT(t, hoard(s, &chain, LIVE, GFP_KERNEL));
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 0);
	before = runs(s, OURO_OLD);
	ouro_collector_set_threshold(s->heap, &threshold);
	ouro_collector_enable(s->heap);

	/* 12.5 %, and what is in magazines. */
	EXPECT(t, hoard(s, &chain, LIVE / 8, GFP_KERNEL));
	msleep(CALM_MS);
	EXPECT_EQ(t, runs(s, OURO_OLD), before);
	EXPECT(t, hoard(s, &chain, LIVE / 4, GFP_KERNEL));
	EXPECT(t, wait_runs(s, OURO_OLD, before + 1));
	test_note(t, "%lu young scans, %lu of all", runs(s, OURO_YOUNG),
		  runs(s, OURO_OLD));
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
	EXPECT(g->scene->t, hoard(g->scene, &g->chain, LIVE / 2, GFP_KERNEL));
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
	EXPECT(t, hoard(s, &chain, LIVE, GFP_KERNEL));
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 0);
	before = runs(s, OURO_OLD);
	EXPECT_EQ(t, ouro_collector_notify_add(s->heap, &nb), 0);
	ouro_collector_set_threshold(s->heap, &threshold);
	ouro_collector_enable(s->heap);
	/* One by one: once the scan has begun none comes from here. */
	for (i = 0; i < LIVE / 8 && !READ_ONCE(growth.done); i++)
		EXPECT(t, hoard(s, &chain, 1, GFP_KERNEL));
	EXPECT(t, wait_runs(s, OURO_OLD, before + 1));
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
	EXPECT(t, hoard(s, &chain, BOUNDED_LIVE, GFP_KERNEL));
	end = ktime_get_ns() + BOUNDED_MS * NSEC_PER_MSEC;
	while (ktime_get_ns() < end) {
		made += litter(s, 1000, GFP_KERNEL);
		peak = max(peak, tracked(s));
	}
	test_note(t, "%lu made with %u live, %lu at most: factor %lu.%02lu",
		  made, BOUNDED_LIVE, peak, peak / BOUNDED_LIVE,
		  peak * 100 / BOUNDED_LIVE % 100);
	test_note(t, "%lu young scans, %lu of all", runs(s, OURO_YOUNG),
		  runs(s, OURO_OLD));
	EXPECT_GE(t, made, FACTOR * BOUNDED_LIVE);
	EXPECT_LE(t, peak, FACTOR * BOUNDED_LIVE);
	ouro_slot_clear(&chain);
	collect_close(s);
}

/* ---- at the limit ---- */

#define LIMIT		SZ_2M
#define LIMIT_TIMES	TEST_MANY(6, 3)	/* as many bytes as the limit */

/* A quarter of the heap lives, the rest is garbage, of a make that @make tells. */
static void at_limit(struct collect *s, enum link_make (*make)(unsigned long n))
{
	unsigned long n, links = LIMIT_TIMES * LIMIT / sizeof(struct link);
	struct ouro_slot chain = { };
	struct ouro_heap_stat stat;
	struct ouro_test *t = s->t;

	EXPECT(t, hoard(s, &chain, LIMIT / sizeof(struct link) / 4,
			GFP_KERNEL));
	for (n = 0; n < links; n += RING) {
		if (!ring_drop(s, make(n), RING, GFP_KERNEL))
			break;
		if (n % (100 * RING) == 0)
			cond_resched();
	}
	EXPECT_GE(t, n, links);
	ouro_heap_stat(s->heap, &stat);
	EXPECT_LE(t, stat.peak, LIMIT);
	test_note(t, "%lu links, %lu young scans, %lu of all, %lu limit hits",
		  n, runs(s, OURO_YOUNG), runs(s, OURO_OLD), stat.limit_hits);
	EXPECT_GE(t, all_runs(s), 1);
	ouro_slot_clear(&chain);
	collect_close(s);
}

static enum link_make plain_only(unsigned long n)
{
	return LINK_PLAIN;
}

/* Whoever may sleep has memory as long as garbage is what fills the heap. */
void collect_limit(struct ouro_test *t)
{
	struct collect *s = &collect_scene;

	if (collect_open_limit(s, t, LIMIT))
		at_limit(s, plain_only);
}

/* The same where no scan starts but for the limit. */
static bool open_only(struct collect *s, struct ouro_test *t)
{
	struct ouro_collect_threshold never = { .young = INT_MAX };

	if (!collect_open_limit(s, t, LIMIT))
		return false;
	ouro_collector_set_threshold(s->heap, &never);
	return true;
}

void collect_limit_only(struct ouro_test *t)
{
	struct collect *s = &collect_scene;

	if (open_only(s, t))
		at_limit(s, plain_only);
}

/* As many of one type as fill the heap, then of the next. */
static enum link_make in_turn(unsigned long n)
{
	return n * sizeof(struct link) / LIMIT % LINK_MAKES;
}

/* What one type's garbage held is there for another's objects. */
void collect_limit_types(struct ouro_test *t)
{
	struct collect *s = &collect_scene;

	if (open_only(s, t))
		at_limit(s, in_turn);
}

/* What a scan has freed can be had at once, though pools go a little later. */
void collect_limit_grace(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	int round;

	if (!open_only(s, t))
		return;
	for (round = 0; round < 20; round++) {
		ouro_collector_disable(s->heap);
		litter(s, 2 * LIMIT / sizeof(struct link), GFP_KERNEL);
		ouro_collector_enable(s->heap);
		EXPECT_GE(t, ouro_heap_collect(s->heap, OURO_OLD), RING);
		EXPECT(t, ring_drop(s, LINK_TOLD, RING, GFP_KERNEL));
		EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), RING);
	}
	collect_close(s);
}

/* With all of it alive there is no memory, and no end of trying. */
void collect_limit_live(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	struct ouro_slot chain = { };
	unsigned long i;
	u64 start;

	if (!collect_open_limit(s, t, SZ_512K))
		return;
	/* What one CPU has left in its magazine another one does not have. */
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	EXPECT(t, !hoard(s, &chain, 4 * SZ_512K / sizeof(struct link),
			 GFP_KERNEL));
	start = ktime_get_ns();
	for (i = 0; i < 20; i++)
		EXPECT(t, !link_new(s, LINK_PLAIN, 0, GFP_KERNEL));
	EXPECT_LE(t, ktime_get_ns() - start, 10 * NSEC_PER_SEC);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	ouro_slot_clear(&chain);
	ouro_heap_flush(s->heap);
	EXPECT(t, hoard(s, &chain, 100, GFP_KERNEL));
	ouro_slot_clear(&chain);
	collect_close(s);
}

/* Without a collector, and where nobody may sleep, the limit is the end. */
void collect_limit_nowait(struct ouro_test *t)
{
	unsigned long links = 4 * SZ_512K / sizeof(struct link), made;
	struct collect *s = &collect_scene;
	int i;

	if (!collect_open_limit(s, t, SZ_512K))
		return;
	ouro_collector_disable(s->heap);
	made = litter(s, links, GFP_NOWAIT | __GFP_NOWARN);
	EXPECT_LE(t, made, links - RING);
	EXPECT_GE(t, made, links / 16);
	/* Larger than what other CPUs' magazines have. */
	for (i = 0; i < 10; i++) {
		EXPECT(t, !ring_drop(s, LINK_PLAIN, 100 * RING, GFP_NOWAIT));
		EXPECT(t, !ring_drop(s, LINK_PLAIN, 100 * RING, GFP_KERNEL));
	}
	EXPECT_EQ(t, all_runs(s), 0);
	ouro_heap_flush(s->heap);
	test_heap_check(t, s->heap, made);
	/* With it, what is asked for is there at once. */
	ouro_collector_enable(s->heap);
	EXPECT(t, ring_drop(s, LINK_PLAIN, 200, GFP_KERNEL));
	EXPECT_GE(t, all_runs(s), 1);
	collect_close(s);
}
