// SPDX-License-Identifier: GPL-2.0
/* Regions: alignment, marks, what they cost. */
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <ouro/region.h>
#include "ouro_test.h"

#define REGION_PIECES	500

/* Pieces live at once; cases run one at a time. */
static struct {
	void *ptr;
	size_t size;
} pieces[REGION_PIECES];

static bool take(struct ouro_test *t, struct ouro_region *region, int i,
		 size_t size, size_t align)
{
	void *ptr = ouro_region_alloc_aligned(region, size, align, GFP_KERNEL);

	pieces[i].ptr = ptr;
	pieces[i].size = size;
	if (!EXPECT_MSG(t, ptr, "%zu bytes aligned to %zu", size, align))
		return false;
	EXPECT_MSG(t, IS_ALIGNED((unsigned long)ptr, align),
		   "%zu bytes aligned to %zu", size, align);
	memset(ptr, i, size);
	return true;
}

static void verify(struct ouro_test *t, int from, int to)
{
	int i;

	for (i = from; i < to; i++)
		if (pieces[i].ptr)
			EXPECT_MSG(t, test_is_byte(pieces[i].ptr,
						   pieces[i].size, i),
				   "piece %d", i);
}

static void pieces_mixed(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_region region;
	u32 random = 3;
	int i, round;

	if (!heap)
		return;
	ouro_region_init(&region, heap, 0);
	EXPECT_EQ(t, ouro_region_held(&region), 0);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < REGION_PIECES; i++)
			if (!take(t, &region, i,
				  1 + test_random(&random) % 700,
				  1UL << test_random(&random) % 8))
				break;
		verify(t, 0, i);
		EXPECT(t, ouro_region_held(&region));
		ouro_region_release(&region);
		EXPECT_EQ(t, ouro_region_held(&region), 0);
		test_heap_check(t, heap, 0);
	}
	test_heap_close(t, heap);
}

static void alignments(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_region region;
	size_t align;
	int i = 0;

	if (!heap)
		return;
	ouro_region_init(&region, heap, 0);
	for (align = 1; align <= PAGE_SIZE; align *= 2) {
		take(t, &region, i++, 1, align);
		take(t, &region, i++, 24, align);
		take(t, &region, i++, align + 1, align);
	}
	verify(t, 0, i);
	/* What cannot be had is NULL: reported once in the life of the module. */
	EXPECT(t, !ouro_region_alloc_aligned(&region, 8, 3, GFP_KERNEL));
	EXPECT(t, !ouro_region_alloc_aligned(&region, 8, 0, GFP_KERNEL));
	EXPECT(t, !ouro_region_alloc_aligned(&region, 8, 2 * PAGE_SIZE,
					     GFP_KERNEL));
	ouro_region_release(&region);
	test_heap_close(t, heap);
}

static void one_block(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_heap_stat s;
	struct ouro_region region;
	int i;

	if (!heap)
		return;
	ouro_region_init(&region, heap, 1024);
	ouro_heap_stat(heap, &s);
	EXPECT_EQ(t, s.live, 0);
	for (i = 0; i < 15; i++)
		EXPECT(t, ouro_region_alloc(&region, 64, GFP_KERNEL));
	ouro_heap_stat(heap, &s);
	EXPECT_EQ(t, s.live, 1);
	EXPECT_EQ(t, s.allocs, 1);
	EXPECT_EQ(t, ouro_region_held(&region), 1024);
	ouro_region_release(&region);
	test_heap_check(t, heap, 0);
	test_heap_close(t, heap);
}

static void marks(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_mark empty, low, high;
	struct ouro_region region;
	size_t held;
	int i;

	if (!heap)
		return;
	ouro_region_init(&region, heap, 256);
	empty = ouro_region_mark(&region);
	for (i = 0; i < 20; i++)
		take(t, &region, i, 50, 8);
	low = ouro_region_mark(&region);
	held = ouro_region_held(&region);
	for (; i < 200; i++)
		take(t, &region, i, 100, 8);
	high = ouro_region_mark(&region);
	for (; i < 400; i++)
		take(t, &region, i, 100, 8);
	ouro_region_reset(&region, high);
	verify(t, 0, 200);
	ouro_region_reset(&region, low);
	verify(t, 0, 20);
	EXPECT_EQ(t, ouro_region_held(&region), held);
	/* The same memory comes again. */
	held = (size_t)pieces[20].ptr;
	take(t, &region, 20, 100, 8);
	EXPECT_EQ(t, (size_t)pieces[20].ptr, held);
	verify(t, 0, 21);
	ouro_region_reset(&region, empty);
	EXPECT_EQ(t, ouro_region_held(&region), 0);
	test_heap_check(t, heap, 0);
	EXPECT(t, ouro_region_alloc(&region, 10, GFP_KERNEL));
	ouro_region_release(&region);
	test_heap_close(t, heap);
}

static void odd_sizes(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_region region;
	size_t huge = SIZE_MAX - 8;
	u8 *ptr;

	if (!heap)
		return;
	OPTIMIZER_HIDE_VAR(huge);
	ouro_region_init(&region, heap, 0);
	EXPECT(t, ouro_region_alloc(&region, 0, GFP_KERNEL) == ZERO_SIZE_PTR);
	EXPECT(t, !ouro_region_alloc(&region, huge, GFP_KERNEL));
	EXPECT(t, !ouro_region_alloc(&region, huge / 2, GFP_KERNEL));
	EXPECT(t, !ouro_region_alloc(&region, 8, GFP_KERNEL | __GFP_DMA));
	EXPECT_EQ(t, ouro_region_held(&region), 0);
	take(t, &region, 0, 200000, 8);
	take(t, &region, 1, 5, 1);
	take(t, &region, 2, SZ_1M, PAGE_SIZE);
	verify(t, 0, 3);
	ouro_region_release(&region);
	/* Zeroes where memory was dirty before. */
	ptr = ouro_region_alloc(&region, 300, GFP_KERNEL);
	if (EXPECT(t, ptr))
		memset(ptr, 0xff, 300);
	ouro_region_release(&region);
	ptr = ouro_region_alloc(&region, 300, GFP_KERNEL | __GFP_ZERO);
	EXPECT(t, ptr && test_is_byte(ptr, 300, 0));
	ouro_region_release(&region);
	ouro_region_release(&region);
	test_heap_close(t, heap);
}

static void at_limit(struct ouro_test *t)
{
	struct ouro_heap_attr attr = { .flags = t->c->flags,
				       .node = NUMA_NO_NODE, .limit = SZ_1M };
	struct ouro_heap *heap = test_heap_attr(t, &attr);
	struct ouro_region region;
	unsigned int count = 0;

	if (!heap)
		return;
	ouro_region_init(&region, heap, 0);
	while (count < 100000 && ouro_region_alloc(&region, 100, GFP_KERNEL))
		count++;
	EXPECT_GE(t, count * 100, SZ_512K);
	EXPECT_LE(t, count * 100, SZ_1M);
	EXPECT_EQ(t, ouro_heap_set_limit(heap, SZ_2M), 0);
	EXPECT(t, ouro_region_alloc(&region, 100, GFP_KERNEL));
	ouro_region_release(&region);
	test_heap_close(t, heap);
}

/* A mark that is void is told from a good one and changes nothing. */
static void void_mark(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_region region;
	struct ouro_mark late;
	int i;

	if (!heap)
		return;
	ouro_region_init(&region, heap, 256);
	take(t, &region, 0, 40, 8);
	for (i = 1; i < 50; i++)
		take(t, &region, i, 100, 8);
	late = ouro_region_mark(&region);
	ouro_region_release(&region);
	take(t, &region, 0, 40, 8);
	ouro_region_reset(&region, late);
	verify(t, 0, 1);
	take(t, &region, 1, 40, 8);
	verify(t, 0, 2);
	ouro_region_release(&region);
	test_heap_close(t, heap);
}

static const struct ouro_case region_cases[] = {
	EACH_KIND(pieces_mixed),
	EACH_KIND(alignments),
	EACH_KIND(one_block),
	EACH_KIND(marks),
	EACH_KIND(odd_sizes),
	EACH_KIND(at_limit),
	{ "void_mark", void_mark },
};

OURO_SUITE("region", region_cases);
