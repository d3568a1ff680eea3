// SPDX-License-Identifier: GPL-2.0
/*
 * Heaps whose live blocks are spread over too many pools: as blocks come and go
 * they become smaller.
 */
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include "ouro_test.h"

#define SLOTS	TEST_MANY(32768, 24576)	/* blocks: more than 4 MiB */
#define PATIENCE (60 * HZ)	/* for what takes three seconds on its own */
#define THREADS	4

/*
 * Slots for blocks, half of which are live at a time; or, if others are @kept, half
 * but for one in so many, of a class that has no pool to spare then.
 */
struct crowd {
	struct ouro_heap *heap;
	unsigned int kept;
	unsigned long **slot;
	unsigned int count;
	unsigned int next;	/* where to look for one that is not live */
	u32 random;
	unsigned int lost;	/* blocks that were not as they were left */
	bool failed;
};

static bool is_kept(const struct crowd *c, unsigned int i)
{
	return c->kept && i % c->kept == 0;
}

static size_t size_of(const struct crowd *c, unsigned int i)
{
	/* One of them has its headers apart. */
	static const size_t sizes[] = { 64, 96, 64, 208, 64, 1024, 64, 96 };

	if (c->kept)
		return !is_kept(c, i) ? 64 : i / c->kept % 8 ? 400 : 1664;
	return sizes[i % ARRAY_SIZE(sizes)];
}

static bool occupy(struct crowd *c, unsigned int i)
{
	c->slot[i] = ouro_alloc(c->heap, size_of(c, i), GFP_KERNEL);
	if (!c->slot[i])
		return false;
	*c->slot[i] = i;
	return true;
}

static void vacate(struct crowd *c, unsigned int i)
{
	void *block = c->slot[i];
	unsigned long flags;

	c->lost += *c->slot[i] != i;
	c->slot[i] = NULL;
	switch (i / 8 % 4) {
	case 0:
		ouro_free_bulk(1, &block);
		break;
	case 1:
		local_irq_save(flags);
		ouro_free(block);
		local_irq_restore(flags);
		break;
	default:
		ouro_free(block);
	}
}

static unsigned int any_live(struct crowd *c)
{
	unsigned int i;

	do {
		i = mul_u64_u32_shr(c->count, test_random(&c->random), 32);
	} while (!c->slot[i]);
	return i;
}

/* Another slot becomes live for each one that was; one that is kept, the same. */
static bool churn(struct crowd *c)
{
	unsigned int i, gone;

	for (i = 0; i < c->count; i++) {
		gone = any_live(c);
		vacate(c, gone);
		if (is_kept(c, gone) && !occupy(c, gone))
			return false;
		if (is_kept(c, gone))
			continue;
		while (c->slot[c->next])
			c->next = (c->next + 1) % c->count;
		if (!occupy(c, c->next))
			return false;
		if (i % 256 == 0)
			cond_resched();
	}
	return true;
}

static bool crowd_fill(struct crowd *c)
{
	unsigned int i;

	for (i = 0; i < c->count; i++)
		if (!c->slot[i] && !occupy(c, i))
			return false;
	return true;
}

static bool crowd_open(struct crowd *c, struct ouro_heap *heap,
		       unsigned int count, unsigned int kept, u32 random)
{
	*c = (struct crowd) {
		.heap = heap, .count = count, .kept = kept, .random = random
	};
	c->slot = kvcalloc(count, sizeof(*c->slot), GFP_KERNEL);
	return c->slot && crowd_fill(c);
}

static void crowd_thin_out(struct crowd *c)
{
	unsigned int i;

	for (i = 0; i < c->count; i++)
		if (!is_kept(c, i) && test_random(&c->random) & 1)
			vacate(c, i);
}

static unsigned long crowd_live(const struct crowd *c)
{
	unsigned long bytes = 0;
	unsigned int i;

	for (i = 0; i < c->count; i++)
		if (c->slot[i])
			bytes += size_of(c, i);
	return bytes;
}

static void crowd_close(struct crowd *c)
{
	unsigned int i;

	for (i = 0; c->slot && i < c->count; i++)
		if (c->slot[i])
			vacate(c, i);
	kvfree(c->slot);
}

static unsigned long held(struct ouro_heap *heap)
{
	struct ouro_heap_stat stat;

	ouro_heap_stat(heap, &stat);
	return stat.held;
}

/* Not more than a quarter above what is live, an arena, and what magazines hold. */
static bool is_dense(struct ouro_heap *heap, unsigned long live)
{
	return held(heap) <= live + live / 4 + SZ_1M;
}

/* Whether it became dense while all of it is replaced again and again. */
static bool churn_until_dense(struct ouro_test *t, struct crowd *c)
{
	unsigned long end = jiffies + PATIENCE, before = held(c->heap);

	do {
		if (!EXPECT(t, churn(c)))
			return false;
	} while (!is_dense(c->heap, crowd_live(c)) && time_before(jiffies, end));
	test_note(t, "%lu KiB, then %lu for %lu", before / SZ_1K,
		  held(c->heap) / SZ_1K, crowd_live(c) / SZ_1K);
	return is_dense(c->heap, crowd_live(c));
}

/* What half of all blocks leave behind goes, and comes back when it is needed. */
static void leave_half(struct ouro_test *t, unsigned int count,
		       unsigned int kept)
{
	struct ouro_heap *heap = test_heap(t);
	unsigned long before;
	struct crowd c;

	if (!heap || !EXPECT(t, crowd_open(&c, heap, count, kept, 1)))
		return;
	before = held(heap);
	crowd_thin_out(&c);
	EXPECT(t, churn_until_dense(t, &c));
	EXPECT(t, crowd_fill(&c));
	EXPECT_LE(t, held(heap), before + before / 8 + SZ_1M);
	EXPECT_EQ(t, c.lost, 0);
	crowd_close(&c);
	test_heap_close(t, heap);
}

static void churned(struct ouro_test *t)
{
	leave_half(t, SLOTS, 0);
}

#define MANY	TEST_MANY(131072, 98304)	/* of 64 bytes, 6 MiB and more */

/*
 * Nor do full pools of classes that need all of them, a few in each arena, keep what
 * the others leave.
 */
static void kept(struct ouro_test *t)
{
	leave_half(t, MANY, 200);
}

/* Nor do blocks of many pools in the magazines of a CPU that does no more. */
static void parked(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	unsigned int i;
	struct crowd c;

	/* Nearly all of one class. */
	if (!heap || !EXPECT(t, crowd_open(&c, heap, MANY, MANY, 1)))
		return;
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_last(cpu_online_mask)));
	crowd_thin_out(&c);
	/* From anywhere, and more than magazines hold. */
	for (i = 0; i < 1024; i++)
		vacate(&c, any_live(&c));
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	EXPECT(t, churn_until_dense(t, &c));
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	EXPECT_EQ(t, c.lost, 0);
	crowd_close(&c);
	test_heap_close(t, heap);
}

/* A heap that grows again before they are empty has them back, and no more pages. */
static void regrown(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	unsigned long before;
	struct crowd c;

	if (!heap || !EXPECT(t, crowd_open(&c, heap, SLOTS, 0, 1)))
		return;
	before = held(heap);
	crowd_thin_out(&c);
	msleep(3 * MSEC_PER_SEC);	/* pools become sparse after one */
	EXPECT(t, crowd_fill(&c));
	EXPECT_LE(t, held(heap), before);
	EXPECT_EQ(t, c.lost, 0);
	crowd_close(&c);
	test_heap_close(t, heap);
}

static void churn_thread(void *arg, unsigned int id)
{
	struct crowd *c = (struct crowd *)arg + id;
	unsigned long end = jiffies + 3 * HZ;

	do {
		c->failed |= !churn(c);
	} while (!c->failed && time_before(jiffies, end));
}

/* The same on several CPUs at once: blocks of all are in the same pools. */
static void shared(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	static struct crowd c[THREADS];
	unsigned long live = 0;
	unsigned int i;

	if (!heap)
		return;
	for (i = 0; i < THREADS; i++)
		if (!EXPECT(t, crowd_open(&c[i], heap, SLOTS / THREADS, 0,
					  i + 1)))
			return;
	for (i = 0; i < THREADS; i++)
		crowd_thin_out(&c[i]);
	EXPECT(t, test_threads_run(t, THREADS, churn_thread, c));
	for (i = 0; i < THREADS; i++) {
		EXPECT(t, !c[i].failed);
		live += crowd_live(&c[i]);
	}
	test_note(t, "%lu KiB for %lu", held(heap) / SZ_1K, live / SZ_1K);
	for (i = 0; i < THREADS; i++) {
		crowd_close(&c[i]);
		EXPECT_EQ(t, c[i].lost, 0);
	}
	test_heap_close(t, heap);
}

static const struct ouro_case sparse_cases[] = {
	EACH_KIND_OF_BLOCKS(churned),
	EACH_KIND_OF_BLOCKS(kept),
	EACH_KIND_OF_BLOCKS(parked),
	{ "regrown", regrown },
	{ "shared_plain", shared },
	{ "shared_hardened", shared, OURO_HEAP_HARDENED, .full = true },
	{ "shared_debug", shared, OURO_HEAP_DEBUG, .full = true },
};

OURO_SUITE("sparse", sparse_cases);
