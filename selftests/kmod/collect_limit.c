// SPDX-License-Identifier: GPL-2.0
/* At the limit of a heap: there is memory as long as it is full of garbage. */
#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <ouro/block.h>
#include <ouro/vector.h>
#include "collect.h"

#define LIMIT		SZ_2M
#define LIMIT_TIMES	TEST_MANY(6, 3)	/* as many bytes as the limit */

/* A quarter of the heap lives, the rest is garbage, of a make that @make tells. */
static void at_limit(struct collect *s, enum link_make (*make)(unsigned long n))
{
	unsigned long n, links = LIMIT_TIMES * LIMIT / sizeof(struct link);
	struct ouro_slot chain = { };
	struct ouro_heap_stat stat;
	struct ouro_test *t = s->t;

	EXPECT(t, ring_hoard(s, &chain, LIMIT / sizeof(struct link) / 4,
			     GFP_KERNEL));
	for (n = 0; n < links; n += LITTER_RING) {
		if (!ring_drop(s, make(n), LITTER_RING, GFP_KERNEL))
			break;
		if (n % (100 * LITTER_RING) == 0)
			cond_resched();
	}
	EXPECT_GE(t, n, links);
	ouro_heap_stat(s->heap, &stat);
	EXPECT_LE(t, stat.peak, LIMIT);
	test_note(t, "%lu links, %lu young scans, %lu of all, %lu limit hits",
		  n, collect_runs(s, OURO_YOUNG), collect_runs(s, OURO_OLD),
		  stat.limit_hits);
	EXPECT_GE(t, collect_runs(s, OURO_GENERATIONS), 1);
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

/*
 * What a scan has freed can be had at once, though pools go a little later; also
 * where none starts by itself.
 */
void collect_limit_grace(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	int round;

	if (!open_only(s, t))
		return;
	for (round = 0; round < 20; round++) {
		ouro_collector_disable(s->heap);
		EXPECT_GE(t, ring_litter(s, 2 * LIMIT / sizeof(struct link),
					 GFP_KERNEL),
			  LIMIT / 2 / sizeof(struct link));
		ouro_collector_enable(s->heap);
		EXPECT_GE(t, ouro_heap_collect(s->heap, OURO_OLD), LITTER_RING);
		EXPECT(t, ring_drop(s, LINK_TOLD, LITTER_RING, GFP_KERNEL));
		EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), LITTER_RING);
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
	EXPECT(t, !ring_hoard(s, &chain, 4 * SZ_512K / sizeof(struct link),
			      GFP_KERNEL));
	start = ktime_get_ns();
	for (i = 0; i < 20; i++)
		EXPECT(t, !link_new(s, LINK_PLAIN, 0, GFP_KERNEL));
	EXPECT_LE(t, ktime_get_ns() - start, 10 * NSEC_PER_SEC);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	ouro_slot_clear(&chain);
	ouro_heap_flush(s->heap);
	EXPECT(t, ring_hoard(s, &chain, 100, GFP_KERNEL));
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
	made = ring_litter(s, links, GFP_NOWAIT | __GFP_NOWARN);
	EXPECT_LE(t, made, links - LITTER_RING);
	EXPECT_GE(t, made, links / 16);
	/* Larger than what other CPUs' magazines have. */
	for (i = 0; i < 10; i++) {
		EXPECT(t, !ring_drop(s, LINK_PLAIN, 100 * LITTER_RING, GFP_NOWAIT));
		EXPECT(t, !ring_drop(s, LINK_PLAIN, 100 * LITTER_RING, GFP_KERNEL));
	}
	EXPECT_EQ(t, collect_runs(s, OURO_GENERATIONS), 0);
	ouro_heap_flush(s->heap);
	test_heap_check(t, s->heap, made);
	/* With it, what is asked for is there at once. */
	ouro_collector_enable(s->heap);
	EXPECT(t, ring_drop(s, LINK_PLAIN, 100 * LITTER_RING, GFP_KERNEL));
	EXPECT_GE(t, collect_runs(s, OURO_GENERATIONS), 1);
	collect_close(s);
}

/* ---- what is no object ---- */

/*
 * The heap is full of garbage, all of which a scan frees; @take has half of the
 * limit in other ways then.  What it takes is never seen by a scan.
 */
static void take_round(struct ouro_test *t, void (*take)(struct collect *s))
{
	struct collect *s = &collect_scene;

	if (!open_only(s, t))
		return;
	ouro_collector_disable(s->heap);
	EXPECT_LE(t, ring_litter(s, 4 * LIMIT / sizeof(struct link), GFP_KERNEL),
		  2 * LIMIT / sizeof(struct link));
	ouro_collector_enable(s->heap);
	take(s);
	EXPECT_GE(t, collect_runs(s, OURO_OLD), 1);
	collect_close(s);
}

/* A heap each: an array goes late, and what follows would not find it full. */
static void take_half(struct ouro_test *t, void (*take)(struct collect *s))
{
	int round;

	for (round = 0; round < 3; round++)
		take_round(t, take);
}

/* @size bytes each; a list of them, all of which go in the end. */
static void take_blocks(struct collect *s, size_t size)
{
	unsigned int i, n = LIMIT / 2 / size;
	void **first = NULL, **block;

	for (i = 0; i < n; i++) {
		block = ouro_alloc(s->heap, size, GFP_KERNEL);
		if (!EXPECT_MSG(s->t, block, "block %u of %u", i, n))
			break;
		*block = first;
		first = block;
	}
	while (first) {
		block = first;
		first = *block;
		ouro_free(block);
	}
}

static void take_small(struct collect *s)
{
	take_blocks(s, 512);
}

static void take_large(struct collect *s)
{
	take_blocks(s, SZ_64K);
}

void collect_limit_blocks(struct ouro_test *t)
{
	take_half(t, take_small);
}

void collect_limit_large(struct ouro_test *t)
{
	take_half(t, take_large);
}

/* Its array grows to a quarter of the limit, with the old one beside the new. */
static void take_vector(struct collect *s)
{
	unsigned int i, n = LIMIT / 4 / sizeof(struct ouro_slot);
	struct ouro_vector *vector;

	vector = ouro_vector_new(s->heap, 0, GFP_KERNEL);
	if (!EXPECT(s->t, vector))
		return;
	for (i = 0; i < n; i++)
		if (!EXPECT_EQ(s->t, ouro_vector_append(vector, NULL,
							GFP_KERNEL), 0))
			break;
	ouro_vector_put(vector);
	ouro_heap_flush(s->heap);
}

void collect_limit_vector(struct ouro_test *t)
{
	take_half(t, take_vector);
}
