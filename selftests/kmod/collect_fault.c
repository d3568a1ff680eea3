// SPDX-License-Identifier: GPL-2.0
/*
 * Scans that want for memory: whatever allocation fails, they return, free what
 * they can, and leave the rest to the next one.
 */
#include <linux/kernel.h>
#include <linux/sched.h>
#include "collect.h"

#define FAULTS_MAX	2000	/* allocations of one scan at most */
#define RINGS		TEST_MANY(200, 40)
#define RING		7

/* Garbage of each make, and of these as much as takes several pools. */
static long litter(struct collect *s)
{
	long links = 0;
	int i;

	for (i = 0; i < RINGS; i++)
		if (EXPECT(s->t, ring_drop(s, i % LINK_MAKES, RING,
					   GFP_KERNEL)))
			links += RING;
	return links;
}

/* What was left is told, and gone after the next one. */
static void scan_rest(struct collect *s, long garbage, long ret,
		      unsigned int nth)
{
	struct ouro_collector_stat stat;

	ouro_collector_stat(s->heap, &stat);
	EXPECT_MSG(s->t, ret == -ENOMEM || (ret >= 0 && ret <= garbage),
		   "failure %u: %ld", nth, ret);
	if (ret >= 0 && ret < garbage)
		EXPECT_MSG(s->t, stat.last.skipped, "failure %u: %ld of %ld",
			   nth, ret, garbage);
	ret = max(ret, 0L);
	EXPECT_MSG(s->t, ouro_heap_collect(s->heap, OURO_OLD) == garbage - ret,
		   "after failure %u", nth);
	ouro_collector_stat(s->heap, &stat);
	EXPECT_EQ(s->t, stat.last.skipped, 0);
}

/* The Nth allocation of a scan fails; false: there is none. */
static bool fail_once(struct collect *s, struct link *kept, unsigned int nth,
		      unsigned int *short_ones)
{
	long garbage = litter(s), ret;
	bool failed;

	if (!EXPECT_EQ(s->t, test_fail_arm(nth), 0))
		return false;
	ret = ouro_heap_collect(s->heap, OURO_OLD);
	failed = !test_fail_disarm();
	*short_ones += ret != garbage;
	if (!failed)
		EXPECT_EQ(s->t, ret, garbage);
	scan_rest(s, garbage, ret, nth);
	EXPECT(s->t, ring_is_whole(kept, RING));
	cond_resched();
	return failed;
}

static unsigned int next_nth(unsigned int nth)
{
	return nth + (nth > 8 ? TEST_MANY(1, 11) : 1);
}

void collect_fault_each(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	unsigned int nth, short_ones = 0;
	struct link *kept;

	if (!collect_open(s, t))
		return;
	kept = ring_new(s, LINK_TOLD, RING, GFP_KERNEL);
	if (!EXPECT(t, kept))
		return;
	for (nth = 1; nth < FAULTS_MAX; nth = next_nth(nth))
		if (!fail_once(s, kept, nth, &short_ones))
			break;
	EXPECT_LE(t, nth, FAULTS_MAX - 1);
	/* A scan takes notes. */
	EXPECT_GE(t, nth, 2);
	EXPECT_GE(t, short_ones, 1);
	test_note(t, "%u failures, %u scans freed less", nth - 1, short_ones);
	ring_cut(kept);
	collect_close(s);
}
