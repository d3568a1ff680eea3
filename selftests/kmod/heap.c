// SPDX-License-Identifier: GPL-2.0
/* Heaps: names, flags, life and death, what an idle one costs. */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <ouro/reserve.h>
#include "ouro_test.h"

#define HEAP_UNIT	SZ_16K	/* bytes of the smallest arena */
#define COMPACT_BLOCKS	60000	/* far more than magazines and depot hold */

static long create_error(const char *name, unsigned int flags)
{
	struct ouro_heap *heap = ouro_heap_create(name, flags);

	if (!IS_ERR(heap)) {
		ouro_heap_destroy(heap);
		return 0;
	}
	return PTR_ERR(heap);
}

static void names(struct ouro_test *t)
{
	char name[OURO_NAME_MAX + 1];
	struct ouro_heap *heap;

	EXPECT_EQ(t, create_error("", 0), -EINVAL);
	EXPECT_EQ(t, create_error(NULL, 0), -EINVAL);
	EXPECT_EQ(t, create_error("two words", 0), -EINVAL);
	EXPECT_EQ(t, create_error("a/b", 0), -EINVAL);
	EXPECT_EQ(t, create_error("../up", 0), -EINVAL);
	EXPECT_EQ(t, create_error("line\n", 0), -EINVAL);
	EXPECT_EQ(t, create_error("caf\303\251", 0), -EINVAL);
	EXPECT_EQ(t, create_error("%s%n", 0), -EINVAL);
	EXPECT_EQ(t, create_error(".", 0), -EINVAL);
	EXPECT_EQ(t, create_error("..", 0), -EINVAL);
	EXPECT_EQ(t, create_error("Good_name-0.1", 0), 0);

	memset(name, 'n', sizeof(name));
	name[OURO_NAME_MAX] = '\0';
	EXPECT_EQ(t, create_error(name, 0), -EINVAL);
	name[OURO_NAME_MAX - 1] = '\0';
	heap = ouro_heap_create(name, 0);
	if (EXPECT(t, !IS_ERR(heap))) {
		/* The name is copied. */
		memset(name, 'x', OURO_NAME_MAX - 1);
		EXPECT_EQ(t, ouro_heap_name(heap)[OURO_NAME_MAX - 2], 'n');
		EXPECT_EQ(t, strlen(ouro_heap_name(heap)), OURO_NAME_MAX - 1);
		EXPECT_EQ(t, ouro_heap_destroy(heap), 0);
	}
}

/* Names of the files in the debugfs directory of the module. */
static void names_taken(struct ouro_test *t)
{
	static const char * const taken[] = {
		"heaps", "heaps.json", "misuse", "fail_ouro"
	};
	struct ouro_heap *heap;
	struct test_log log;
	int i;

	test_log_mark(&log);
	for (i = 0; i < ARRAY_SIZE(taken); i++) {
		heap = ouro_heap_create(taken[i], 0);
		EXPECT_EQ(t, PTR_ERR_OR_ZERO(heap), -EINVAL);
		EXPECT_EQ(t, ouro_heap_destroy(heap), 0);
	}
}

static void twins(struct ouro_test *t)
{
	struct ouro_heap *heap;
	int i;

	for (i = 0; i < 3; i++) {
		heap = ouro_heap_create("twin", 0);
		if (!EXPECT(t, !IS_ERR(heap)))
			return;
		EXPECT_EQ(t, create_error("twin", 0), -EEXIST);
		EXPECT_EQ(t, create_error("twin", OURO_HEAP_DEBUG), -EEXIST);
		EXPECT_EQ(t, create_error("Twin", 0), 0);
		EXPECT_EQ(t, ouro_heap_destroy(heap), 0);
	}
}

static void attributes(struct ouro_test *t)
{
	struct ouro_heap_attr attr = { .node = NUMA_NO_NODE };
	struct ouro_heap *heap;
	unsigned int flags;

	for (flags = 0; flags <= OURO_HEAP_FLAGS; flags++)
		EXPECT_EQ(t, create_error("every-flag", flags), 0);
	EXPECT_EQ(t, create_error("bad-flag", OURO_HEAP_FLAGS + 1), -EINVAL);
	EXPECT_EQ(t, create_error("bad-flag", 1U << 31), -EINVAL);

	attr.name = "bad-node";
	attr.node = MAX_NUMNODES;
	EXPECT_EQ(t, PTR_ERR_OR_ZERO(ouro_heap_create_attr(&attr)), -EINVAL);
	attr.node = -2;
	EXPECT_EQ(t, PTR_ERR_OR_ZERO(ouro_heap_create_attr(&attr)), -EINVAL);

	attr = (struct ouro_heap_attr){ .name = "bad-reserve",
		.node = NUMA_NO_NODE, .reserve_count = 5 };
	EXPECT_EQ(t, PTR_ERR_OR_ZERO(ouro_heap_create_attr(&attr)), -EINVAL);

	attr = (struct ouro_heap_attr){ .node = NUMA_NO_NODE,
		.limit = SZ_1M, .reserve_size = 100, .reserve_count = 5 };
	heap = test_heap_attr(t, &attr);
	if (!heap)
		return;
	EXPECT_EQ(t, ouro_heap_limit(heap), SZ_1M);
	EXPECT(t, ouro_heap_reserve(heap));
	/* Its reserve counts as live, and goes with it unless some is out. */
	test_heap_check(t, heap, 5);
	test_heap_close_reserve(t, heap);
}

static void idle_cost(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_heap_stat s;
	void *ptr;

	if (!heap)
		return;
	ouro_heap_stat(heap, &s);
	EXPECT_EQ(t, s.held, 0);
	EXPECT_EQ(t, s.arenas, 0);
	EXPECT_EQ(t, s.allocs, 0);
	EXPECT_LE(t, s.metadata, SZ_4K);
	ptr = ouro_alloc(heap, 64, GFP_KERNEL);
	ouro_heap_stat(heap, &s);
	EXPECT_LE(t, s.held, HEAP_UNIT);
	EXPECT_EQ(t, s.arenas, 1);
	EXPECT_EQ(t, s.pools, 1);
	EXPECT_EQ(t, s.live, 1);
	EXPECT_EQ(t, s.allocs, 1);
	ouro_free(ptr);
	ouro_heap_stat(heap, &s);
	EXPECT_EQ(t, s.frees, 1);
	test_heap_close(t, heap);
}

static const size_t mixed_sizes[] = { 8, 56, 64, 200, 1000, 5000, 20000,
				      SZ_256K };

static void destroy_live(struct ouro_test *t)
{
	struct ouro_heap *heap;
	long before, after;
	int i, round;
	void *ptr;

	before = test_free_pages();
	for (round = 0; round < 5; round++) {
		heap = test_heap(t);
		if (!heap)
			return;
		for (i = 0; i < 400; i++) {
			ptr = ouro_alloc(heap, mixed_sizes[i % 8], GFP_KERNEL);
			if (EXPECT(t, ptr))
				memset(ptr, i, mixed_sizes[i % 8]);
			if (i % 3 == 0) {
				ouro_free(ouro_alloc(heap, 64, GFP_KERNEL));
				cond_resched();
			}
		}
		test_heap_abandon(t, heap, 400);
	}
	/* 5 x 14 MB went in; what CPUs keep in their lists is below half of it. */
	after = test_free_pages();
	EXPECT_MSG(t, after > before - (long)(SZ_32M >> PAGE_SHIFT),
		   "%ld pages free before, %ld after", before, after);
}

/* What is left in the pages is no header of a pool to whoever looks for one. */
static void destroy_magic(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	u64 *header, magic;
	void *ptr;

	if (!heap)
		return;
	if (IS_ENABLED(CONFIG_KASAN)) {
		SKIP(t, "KASAN reports who reads that");
		test_heap_close(t, heap);
		return;
	}
	/* Of a class whose pools have their headers in front. */
	ptr = ouro_alloc(heap, 64, GFP_KERNEL);
	if (EXPECT(t, ptr)) {
		header = PTR_ALIGN_DOWN(ptr, HEAP_UNIT);
		magic = READ_ONCE(*header);
		EXPECT(t, magic);
		test_heap_abandon(t, heap, 1);
		EXPECT(t, READ_ONCE(*header) != magic);
	}
}

/* At most @count blocks in a chain through their first words. */
static void *chain_make(struct ouro_test *t, struct ouro_heap *heap,
			size_t size, unsigned int count)
{
	void **ptr, *chain = NULL;

	while (count--) {
		ptr = ouro_alloc(heap, size, GFP_KERNEL);
		if (!EXPECT(t, ptr))
			break;
		*ptr = chain;
		chain = ptr;
		if (!(count & 1023))
			cond_resched();
	}
	return chain;
}

static void chain_free(void *chain)
{
	unsigned int n = 0;
	void **ptr;

	while (chain) {
		ptr = chain;
		chain = *ptr;
		ouro_free(ptr);
		if (!(++n & 1023))
			cond_resched();
	}
}

static void destroy_million(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_heap_stat s;
	long before, after;
	ktime_t start;
	s64 us;

	if (!heap)
		return;
	chain_make(t, heap, 64, 1000000);
	before = test_free_pages();
	ouro_heap_stat(heap, &s);
	EXPECT_LE(t, s.held, 64000000UL * 106 / 100);
	start = ktime_get();
	test_heap_abandon(t, heap, 1000000);
	us = ktime_us_delta(ktime_get(), start);
	after = test_free_pages();
	test_note(t, "a million live blocks gone in %lld us", us);
	EXPECT_MSG(t, (after - before) * (long)PAGE_SIZE >
		      (long)s.held / 10 * 9,
		   "%lu held, %ld pages back", s.held, after - before);
}

/* All comes back once everything is free and the heap is trimmed. */
static void trim(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_heap_stat s, after;
	unsigned long back;
	void *chain;
	int i;

	if (!heap)
		return;
	for (i = 0; i < ARRAY_SIZE(mixed_sizes); i++) {
		chain = chain_make(t, heap, mixed_sizes[i],
				   min_t(size_t, SZ_1M / mixed_sizes[i],
					 TEST_MANY(20000, 5000)));
		chain_free(chain);
	}
	test_heap_check(t, heap, 0);
	ouro_heap_stat(heap, &s);
	back = ouro_heap_trim(heap);
	ouro_heap_stat(heap, &after);
	EXPECT_EQ(t, s.held - after.held, back);
	EXPECT_EQ(t, after.held, 0);
	EXPECT_EQ(t, after.cached, 0);
	EXPECT_EQ(t, after.pools, 0);
	EXPECT_EQ(t, after.arenas, 0);
	EXPECT_EQ(t, ouro_heap_trim(heap), 0);
	/* And the heap goes on. */
	chain = chain_make(t, heap, 64, 100);
	test_heap_check(t, heap, 100);
	chain_free(chain);
	test_heap_close(t, heap);
}

/* Held back only by what is live: a tenth stays, the rest must go. */
static void drains(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_heap_stat full, tenth;
	size_t size = TEST_MANY(256, 1024);
	void *kept, *chain;

	if (!heap)
		return;
	kept = chain_make(t, heap, size, SZ_1M / size);
	chain = chain_make(t, heap, size, 9 * (SZ_1M / size));
	ouro_heap_stat(heap, &full);
	chain_free(chain);
	ouro_heap_trim(heap);
	ouro_heap_stat(heap, &tenth);
	EXPECT_MSG(t, tenth.held <= full.held / 10 + SZ_2M,
		   "held %lu, then %lu", full.held, tenth.held);
	chain_free(kept);
	test_heap_close(t, heap);
}

/* Free half of what is live, at random, then allocate as much again. */
static void churn(struct ouro_heap *heap, void **blocks, u32 *random)
{
	int i, n = 0;

	for (i = 0; i < COMPACT_BLOCKS; i++) {
		if (!blocks[i] || test_random(random) % 2)
			continue;
		ouro_free(blocks[i]);
		blocks[i] = NULL;
		n++;
	}
	for (i = 0; n && i < COMPACT_BLOCKS; i++) {
		if (blocks[i])
			continue;
		blocks[i] = ouro_alloc(heap, 512, GFP_KERNEL);
		n--;
	}
	cond_resched();
}

/* The fullest pools are refilled first, so a scattered heap contracts. */
static void compacts(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	void **blocks = kvmalloc_array(COMPACT_BLOCKS, sizeof(*blocks),
				       GFP_KERNEL);
	struct ouro_heap_stat scattered, later;
	u32 random = 7;
	int i;

	if (!heap || !EXPECT(t, blocks))
		goto free_blocks;
	for (i = 0; i < COMPACT_BLOCKS; i++)
		blocks[i] = ouro_alloc(heap, 512, GFP_KERNEL);
	for (i = 0; i < COMPACT_BLOCKS; i++) {
		if (test_random(&random) % 4) {
			ouro_free(blocks[i]);
			blocks[i] = NULL;
		}
	}
	ouro_heap_trim(heap);
	ouro_heap_stat(heap, &scattered);
	for (i = 0; i < 20; i++)
		churn(heap, blocks, &random);
	ouro_heap_trim(heap);
	ouro_heap_stat(heap, &later);
	test_note(t, "%lu KiB live; scattered %lu held in %lu pools, after churn %lu in %lu",
		  later.live_bytes / SZ_1K, scattered.held / SZ_1K,
		  scattered.pools, later.held / SZ_1K, later.pools);
	EXPECT_LE(t, later.pools, scattered.pools / 4 * 3);
	EXPECT_LE(t, later.held, scattered.held);
	ouro_free_bulk(COMPACT_BLOCKS, blocks);
	test_heap_close(t, heap);
free_blocks:
	kvfree(blocks);
}

static void on_node(struct ouro_test *t)
{
	struct ouro_heap_attr attr = {};
	struct ouro_heap *heap;
	size_t size;
	int node;
	void *ptr;

	if (num_online_nodes() < 2) {
		SKIP(t, "one memory node only");
		return;
	}
	for_each_online_node(node) {
		attr = (struct ouro_heap_attr){ .node = node };
		heap = test_heap_attr(t, &attr);
		if (!heap)
			return;
		for (size = 64; size < 30000; size *= 7) {
			ptr = ouro_alloc(heap, size, GFP_KERNEL);
			if (EXPECT(t, ptr))
				EXPECT_EQ(t, page_to_nid(virt_to_page(ptr)),
					  node);
			ouro_free(ptr);
		}
		test_heap_close(t, heap);
	}
	heap = test_heap(t);
	if (!heap)
		return;
	for_each_online_node(node) {
		ptr = ouro_alloc_node(heap, 64, GFP_KERNEL | __GFP_THISNODE,
				      node);
		if (EXPECT(t, ptr))
			EXPECT_EQ(t, page_to_nid(virt_to_page(ptr)), node);
		ouro_free(ptr);
	}
	test_heap_close(t, heap);
}

static void destroy_twice(struct ouro_test *t)
{
	struct ouro_heap *heap = ouro_heap_create("brief", t->c->flags);
	struct test_log log;

	if (!EXPECT(t, !IS_ERR(heap)))
		return;
	EXPECT(t, ouro_alloc(heap, 64, GFP_KERNEL));
	EXPECT_EQ(t, ouro_heap_destroy(heap), 1);
	test_log_mark(&log);
	EXPECT_EQ(t, ouro_heap_destroy(heap), 0);
	EXPECT_EQ(t, test_log_count(&log, "not alive"), 1);
	EXPECT_EQ(t, test_log_count(&log, ""), 1);
}

#define OVERLAPS	50

/* Two who destroy one heap at the same time. */
struct destroyer {
	struct completion done;
	struct ouro_heap *heap;
	atomic_t missing;
	unsigned long live;	/* what the second was told */
};

static unsigned long meet_and_destroy(struct destroyer *d)
{
	atomic_dec(&d->missing);
	while (atomic_read(&d->missing))
		cond_resched();
	return ouro_heap_destroy(d->heap);
}

static int destroyer_thread(void *data)
{
	struct destroyer *d = data;

	d->live = meet_and_destroy(d);
	kthread_complete_and_exit(&d->done, 0);
}

static bool overlap(struct ouro_test *t)
{
	struct destroyer d = { .missing = ATOMIC_INIT(2) };
	struct task_struct *task;
	struct test_log log;
	unsigned long live;

	d.heap = ouro_heap_create("brief", t->c->flags);
	if (!EXPECT(t, !IS_ERR(d.heap)))
		return false;
	EXPECT(t, ouro_alloc(d.heap, 64, GFP_KERNEL));
	init_completion(&d.done);
	test_log_mark(&log);
	task = kthread_run(destroyer_thread, &d, "ouro_destroy");
	if (!EXPECT(t, !IS_ERR(task))) {
		ouro_heap_destroy(d.heap);
		return false;
	}
	live = meet_and_destroy(&d);
	wait_for_completion(&d.done);
	return EXPECT_EQ(t, live + d.live, 1) &&
	       EXPECT_EQ(t, test_log_count(&log, "not alive"), 1);
}

/* One of them does it, the other is told. */
static void destroy_overlapping(struct ouro_test *t)
{
	int i;

	for (i = 0; i < OVERLAPS; i++)
		if (!overlap(t))
			break;
}

static const struct ouro_case heap_cases[] = {
	{ "names", names },
	{ "names_taken", names_taken },
	{ "twins", twins },
	{ "attributes", attributes },
	EACH_KIND(idle_cost),
	EACH_KIND(destroy_live),
	EACH_KIND(destroy_magic),
	EACH_KIND(destroy_twice),
	EACH_KIND(destroy_overlapping),
	{ "destroy_million", destroy_million, .full = true },
	EACH_KIND(trim),
	EACH_KIND(drains),
	{ "compacts", compacts, .full = true },
	{ "on_node", on_node },
};

OURO_SUITE("heap", heap_cases);
