// SPDX-License-Identifier: GPL-2.0
/* Bulk: many at once, all or nothing. */
#include <linux/kernel.h>
#include <linux/mm.h>
#include "ouro_test.h"

#define BULK_MAX	5000

static const size_t sizes[] = { 8, 64, 104, 1000, 8192, 10000 };
static const size_t counts[] = { 1, 2, 31, 64, 65, 500 };

static void some(struct ouro_test *t, struct ouro_heap *heap, void **blocks,
		 size_t size, size_t count)
{
	struct ouro_heap_stat before, after;
	size_t i;

	ouro_heap_stat(heap, &before);
	if (!EXPECT_EQ(t, ouro_alloc_bulk(heap, size, GFP_KERNEL, count,
					  blocks), 0))
		return;
	test_heap_check(t, heap, count);
	for (i = 0; i < count; i++)
		if (EXPECT(t, blocks[i]))
			test_fill(blocks[i], size, i);
	for (i = 0; i < count; i++)
		EXPECT_MSG(t, test_filled(blocks[i], size, i),
			   "%zu of size %zu", i, size);
	if (count & 1) {
		ouro_free_bulk(count, blocks);
	} else {
		for (i = 0; i < count; i++)
			ouro_free(blocks[i]);
	}
	test_heap_check(t, heap, 0);
	ouro_heap_stat(heap, &after);
	EXPECT_EQ(t, after.frees - before.frees, count);
	EXPECT_EQ(t, after.allocs - before.allocs, count);
	cond_resched();
}

static void in_and_out(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	void **blocks = kvmalloc_array(BULK_MAX, sizeof(*blocks), GFP_KERNEL);
	int i, j;

	if (heap && EXPECT(t, blocks)) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++)
			for (j = 0; j < ARRAY_SIZE(counts); j++)
				some(t, heap, blocks, sizes[i], counts[j]);
		some(t, heap, blocks, 64, BULK_MAX);
		EXPECT_EQ(t, ouro_alloc_bulk(heap, 64, GFP_KERNEL, 0, blocks),
			  0);
		test_heap_close(t, heap);
	}
	kvfree(blocks);
}

static void zeroed(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	static void *blocks[100];
	int i, round;

	if (!heap)
		return;
	for (round = 0; round < 3; round++) {
		if (!EXPECT_EQ(t, ouro_alloc_bulk(heap, 200,
						  GFP_KERNEL | __GFP_ZERO,
						  ARRAY_SIZE(blocks), blocks),
			       0))
			break;
		for (i = 0; i < ARRAY_SIZE(blocks); i++) {
			EXPECT(t, test_is_byte(blocks[i], 200, 0));
			memset(blocks[i], 0xff, 200);
		}
		ouro_free_bulk(ARRAY_SIZE(blocks), blocks);
	}
	test_heap_close(t, heap);
}

/* More than the limit allows: none, and what was live stays live. */
static void nothing(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	void **blocks = kvmalloc_array(BULK_MAX, sizeof(*blocks), GFP_KERNEL);
	void *before;
	int i;

	if (!heap || !EXPECT(t, blocks))
		goto free_blocks;
	before = ouro_alloc(heap, 64, GFP_KERNEL);
	EXPECT(t, before);
	EXPECT_EQ(t, ouro_heap_set_limit(heap, SZ_256K), 0);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (sizes[i] * BULK_MAX <= SZ_512K)
			continue;
		EXPECT_EQ(t, ouro_alloc_bulk(heap, sizes[i], GFP_KERNEL,
					     BULK_MAX, blocks), -ENOMEM);
		test_heap_check(t, heap, 1);
		/* What was handed back can be had again. */
		blocks[0] = ouro_alloc(heap, sizes[i], GFP_KERNEL);
		EXPECT(t, blocks[0]);
		ouro_free(blocks[0]);
		ouro_heap_trim(heap);
	}
	ouro_free(before);
	test_heap_close(t, heap);
free_blocks:
	kvfree(blocks);
}

static void mixed(struct ouro_test *t)
{
	struct ouro_heap *a = test_heap(t), *b = test_heap(t);
	void *blocks[64];
	u32 random = 1;
	int i;

	if (!a || !b)
		return;
	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		blocks[i] = i % 7 ? ouro_alloc(i & 1 ? a : b,
					       test_random(&random) % 12000,
					       GFP_KERNEL) : NULL;
	ouro_free_bulk(ARRAY_SIZE(blocks), blocks);
	test_heap_close(t, a);
	test_heap_close(t, b);
}

static const struct ouro_case bulk_cases[] = {
	EACH_KIND_OF_BLOCKS(in_and_out),
	EACH_KIND_OF_BLOCKS(zeroed),
	EACH_KIND_OF_BLOCKS(nothing),
	EACH_KIND_OF_BLOCKS(mixed),
};

OURO_SUITE("bulk", bulk_cases);
