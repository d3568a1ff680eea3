// SPDX-License-Identifier: GPL-2.0
/* Realloc: keeps contents, stays put inside a class, zeroes what grows. */
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/string.h>
#include "ouro_test.h"

static const size_t steps[] = {
	1, 8, 9, 16, 17, 100, 128, 129, 500, 512, 513, 1000, 4000, 4096, 4097,
	8000, 8192, 8193, 12288, 12289, 40000, 200000, 1000000,
};

static bool same_prefix(const u8 *ptr, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (ptr[i] != (u8)(i * 7 + 1))
			return false;
	return true;
}

static void put_prefix(u8 *ptr, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		ptr[i] = (u8)(i * 7 + 1);
}

static void resize(struct ouro_test *t, struct ouro_heap *heap, size_t from,
		   size_t to)
{
	u8 *ptr, *next;

	ptr = ouro_alloc(heap, from, GFP_KERNEL);
	if (!EXPECT(t, ptr))
		return;
	put_prefix(ptr, from);
	next = ouro_realloc(heap, ptr, to, GFP_KERNEL);
	if (!EXPECT_MSG(t, next, "%zu to %zu", from, to)) {
		ouro_free(ptr);
		return;
	}
	EXPECT_MSG(t, same_prefix(next, min(from, to)), "%zu to %zu", from, to);
	EXPECT_GE(t, ouro_block_size(next), to);
	memset(next, 0x77, to);
	ouro_free(next);
	cond_resched();
}

static void all_pairs(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	int i, j;

	if (!heap)
		return;
	for (i = 0; i < ARRAY_SIZE(steps); i++)
		for (j = 0; j < ARRAY_SIZE(steps); j++)
			resize(t, heap, steps[i], steps[j]);
	test_heap_check(t, heap, 0);
	test_heap_close(t, heap);
}

/* Every size of a class is reached in place, from above and from below. */
static void stays(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	size_t size, low, to;
	void *ptr, *next;

	if (!heap)
		return;
	for (low = 1; low <= 8192; low = size + 1) {
		ptr = ouro_alloc(heap, low, GFP_KERNEL);
		if (!EXPECT(t, ptr))
			break;
		size = ouro_block_size(ptr);
		if (!EXPECT_GE(t, size, low))
			break;
		for (to = low; to <= size; to += max(1UL, (size - low) / 8)) {
			next = ouro_realloc(heap, ptr, to, GFP_KERNEL);
			EXPECT_MSG(t, next == ptr, "%zu to %zu", low, to);
			ptr = next ?: ptr;
		}
		next = ouro_realloc(heap, ptr, low, GFP_KERNEL);
		EXPECT_MSG(t, next == ptr, "%zu to %zu", size, low);
		ouro_free(next ?: ptr);
	}
	test_heap_close(t, heap);
}

static void dirty(struct ouro_test *t, struct ouro_heap *heap)
{
	static void *blocks[ARRAY_SIZE(steps)];
	int i;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		blocks[i] = ouro_alloc(heap, steps[i], GFP_KERNEL);
		if (EXPECT(t, blocks[i]))
			memset(blocks[i], 0xee, steps[i]);
	}
	ouro_free_bulk(ARRAY_SIZE(steps), blocks);
}

static void zero_one(struct ouro_test *t, struct ouro_heap *heap, size_t from,
		     size_t to)
{
	u8 *ptr, *next;

	dirty(t, heap);
	ptr = ouro_zalloc(heap, from, GFP_KERNEL);
	if (!EXPECT(t, ptr))
		return;
	memset(ptr, 0xff, from);
	next = ouro_realloc(heap, ptr, to, GFP_KERNEL | __GFP_ZERO);
	if (EXPECT(t, next)) {
		EXPECT(t, test_is_byte(next, min(from, to), 0xff));
		EXPECT_MSG(t, to <= from ||
			   test_is_byte(next + from, to - from, 0),
			   "%zu to %zu", from, to);
	}
	ouro_free(next ?: ptr);
	cond_resched();
}

static void zeroes(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	int i, j;

	if (!heap)
		return;
	for (i = 0; i < ARRAY_SIZE(steps); i += 2)
		for (j = i; j < ARRAY_SIZE(steps); j += 3)
			zero_one(t, heap, steps[i], steps[j]);
	zero_one(t, heap, 33, 40);
	zero_one(t, heap, 1025, 1100);
	zero_one(t, heap, 9000, 12000);
	test_heap_close(t, heap);
}

/* What is given up comes back as zeroes when every step asks for them. */
static void zeroes_again(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	static const size_t sizes[] = { 40, 120, 500, 1100, 8000, 12000 };
	u8 *ptr, *next;
	int i;

	if (!heap)
		return;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ptr = ouro_zalloc(heap, sizes[i], GFP_KERNEL);
		if (!EXPECT(t, ptr))
			continue;
		memset(ptr, 0xff, sizes[i]);
		next = ouro_realloc(heap, ptr, sizes[i] - 7,
				    GFP_KERNEL | __GFP_ZERO);
		ptr = next ?: ptr;
		next = ouro_realloc(heap, ptr, sizes[i],
				    GFP_KERNEL | __GFP_ZERO);
		ptr = next ?: ptr;
		EXPECT(t, test_is_byte(ptr, sizes[i] - 7, 0xff));
		EXPECT_MSG(t, test_is_byte(ptr + sizes[i] - 7, 7, 0),
			   "size %zu", sizes[i]);
		ouro_free(ptr);
	}
	test_heap_close(t, heap);
}

static void ends(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	size_t max = SIZE_MAX;
	void *ptr, *next;

	if (!heap)
		return;
	OPTIMIZER_HIDE_VAR(max);
	ptr = ouro_realloc(heap, NULL, 64, GFP_KERNEL);
	EXPECT(t, ptr);
	EXPECT(t, ouro_realloc(heap, ptr, 0, GFP_KERNEL) == ZERO_SIZE_PTR);
	test_heap_check(t, heap, 0);
	ptr = ouro_realloc(heap, ZERO_SIZE_PTR, 64, GFP_KERNEL | __GFP_ZERO);
	if (EXPECT(t, ptr))
		EXPECT(t, test_is_byte(ptr, 64, 0));
	EXPECT(t, !ouro_realloc(heap, ptr, max, GFP_KERNEL));
	EXPECT(t, !ouro_realloc(heap, ptr, max / 2, GFP_KERNEL));
	/* A refusal leaves the block alone. */
	EXPECT(t, test_is_byte(ptr, 64, 0));
	EXPECT_EQ(t, ouro_heap_set_limit(heap, SZ_256K), 0);
	next = ouro_realloc(heap, ptr, SZ_1M, GFP_KERNEL);
	EXPECT(t, !next);
	EXPECT(t, test_is_byte(ptr, 64, 0));
	test_heap_check(t, heap, 1);
	ouro_free(next ?: ptr);
	test_heap_close(t, heap);
}

/* Making a block smaller does not fail, whatever the limit says. */
static void shrinks(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	u8 *ptr, *next;
	size_t size;

	if (!heap)
		return;
	ptr = ouro_alloc(heap, SZ_256K, GFP_KERNEL);
	if (!EXPECT(t, ptr))
		return;
	put_prefix(ptr, SZ_256K);
	EXPECT_EQ(t, ouro_heap_set_limit(heap, SZ_4K), 0);
	for (size = SZ_128K; size; size /= 3) {
		next = ouro_realloc(heap, ptr, size, GFP_KERNEL);
		if (!EXPECT_MSG(t, next, "to %zu", size))
			break;
		ptr = next;
		EXPECT(t, same_prefix(ptr, size));
	}
	ouro_free(ptr);
	test_heap_close(t, heap);
}

static const struct ouro_case realloc_cases[] = {
	EACH_KIND_OF_BLOCKS(all_pairs),
	EACH_KIND_OF_BLOCKS(stays),
	EACH_KIND_OF_BLOCKS(zeroes),
	EACH_KIND_OF_BLOCKS(zeroes_again),
	EACH_KIND_OF_BLOCKS(ends),
	EACH_KIND_OF_BLOCKS(shrinks),
};

OURO_SUITE("realloc", realloc_cases);
