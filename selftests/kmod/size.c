// SPDX-License-Identifier: GPL-2.0
/* Sizes: each one, its class, its alignment, what it wastes. */
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include "ouro_test.h"

#define SIZE_SMALL_MAX	9000	/* every size up to here */
#define SIZE_WINDOW	97	/* blocks live at once */

struct size_item {
	void *ptr;
	size_t size;
};

/* As class.h promises, written down a second time. */
static size_t size_of_class(size_t size)
{
	if (size <= OURO_CLASS_FINE)
		return ALIGN(size, max_t(size_t, 8, ARCH_KMALLOC_MINALIGN));
	if (size <= OURO_CLASS_MEDIUM)
		return ALIGN(size, max_t(size_t, 16, ARCH_KMALLOC_MINALIGN));
	if (size <= OURO_CLASS_MAX)
		return ALIGN(size, 1UL << (fls(size - 1) - 4));
	return PAGE_ALIGN(size);
}

static size_t size_alignment(size_t size)
{
	size_t align = min_t(size_t, size & -size, PAGE_SIZE);

	return max_t(size_t, align, ARCH_KMALLOC_MINALIGN);
}

static void item_open(struct ouro_test *t, struct ouro_heap *heap,
		      struct size_item *item, size_t size)
{
	size_t got;

	item->size = size;
	item->ptr = ouro_alloc(heap, size, GFP_KERNEL);
	if (!EXPECT_MSG(t, item->ptr, "size %zu", size))
		return;
	got = ouro_block_size(item->ptr);
	EXPECT_MSG(t, got >= size, "size %zu, block %zu", size, got);
	if (!(t->c->flags & OURO_HEAP_DEBUG))
		EXPECT_MSG(t, got == size_of_class(size),
			   "size %zu, block %zu", size, got);
	EXPECT_MSG(t, IS_ALIGNED((unsigned long)item->ptr,
				 size_alignment(size)), "size %zu", size);
	EXPECT(t, ouro_owns(heap, item->ptr));
	test_fill(item->ptr, size, size);
}

static void item_close(struct ouro_test *t, struct size_item *item)
{
	if (!item->ptr)
		return;
	EXPECT_MSG(t, test_filled(item->ptr, item->size, item->size),
		   "size %zu", item->size);
	ouro_free(item->ptr);
	item->ptr = NULL;
}

static void each(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	static struct size_item window[SIZE_WINDOW];
	size_t size;
	int i;

	if (!heap)
		return;
	for (size = 1; size <= SIZE_SMALL_MAX; size += TEST_MANY(1, 3)) {
		i = size % SIZE_WINDOW;
		item_close(t, &window[i]);
		item_open(t, heap, &window[i], size);
		if (!(size % 256))
			cond_resched();
	}
	test_heap_check(t, heap, SIZE_WINDOW);
	for (i = 0; i < SIZE_WINDOW; i++)
		item_close(t, &window[i]);
	test_heap_close(t, heap);
}

static void large(struct ouro_test *t)
{
	static const size_t sizes[] = {
		8192, 8193, 12288, 12289, 16384, 20000, 32768, 32769, 65536,
		65537, 100000, 131072, 262144, 300001, 524288, 1000000,
		SZ_1M, SZ_1M + 1, SZ_2M, SZ_2M + PAGE_SIZE, SZ_4M, SZ_8M,
	};
	struct ouro_heap *heap = test_heap(t);
	struct size_item items[4] = {};
	int i;

	if (!heap)
		return;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		item_close(t, &items[i % 4]);
		item_open(t, heap, &items[i % 4], sizes[i]);
		cond_resched();
	}
	test_heap_check(t, heap, ARRAY_SIZE(items));
	for (i = 0; i < ARRAY_SIZE(items); i++)
		item_close(t, &items[i]);
	test_heap_close(t, heap);
}

/* The last size of each class and the first of the next differ in class. */
static void borders(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	size_t size, next, classes = 0;
	void *a, *b;

	if (!heap)
		return;
	for (size = size_of_class(1); size <= OURO_CLASS_MAX; size = next) {
		next = size_of_class(size + 1);
		a = ouro_alloc(heap, size, GFP_KERNEL);
		b = ouro_alloc(heap, size + 1, GFP_KERNEL);
		if (!EXPECT(t, a && b))
			break;
		if (!(t->c->flags & OURO_HEAP_DEBUG)) {
			EXPECT_EQ(t, ouro_block_size(a), size);
			EXPECT_EQ(t, ouro_block_size(b), next);
		}
		if (next <= OURO_CLASS_MAX)
			EXPECT_LE(t, next - size, max_t(size_t, 16, size / 8));
		ouro_free_sized(heap, a, size);
		ouro_free_sized(heap, b, size + 1);
		classes++;
		if (size == OURO_CLASS_MAX)
			break;
	}
	if (ARCH_KMALLOC_MINALIGN <= 8)
		EXPECT_EQ(t, classes, OURO_CLASSES);
	test_heap_close(t, heap);
}

/* A constant must give the class that a variable of the same value gives. */
static void constants(struct ouro_test *t)
{
#define CONSTANT(n)							\
do {									\
	size_t v = (n);							\
									\
	OPTIMIZER_HIDE_VAR(v);						\
	EXPECT_EQ(t, ouro_class_index(n), ouro_class_index(v));		\
} while (0)
	CONSTANT(1);
	CONSTANT(8);
	CONSTANT(9);
	CONSTANT(64);
	CONSTANT(127);
	CONSTANT(128);
	CONSTANT(129);
	CONSTANT(511);
	CONSTANT(512);
	CONSTANT(513);
	CONSTANT(576);
	CONSTANT(577);
	CONSTANT(1023);
	CONSTANT(1024);
	CONSTANT(1025);
	CONSTANT(2048);
	CONSTANT(2049);
	CONSTANT(4095);
	CONSTANT(4096);
	CONSTANT(4097);
	CONSTANT(8191);
	CONSTANT(8192);
#undef CONSTANT
	EXPECT_EQ(t, ouro_class_index(1), 0);
	EXPECT_EQ(t, ouro_class_index(OURO_CLASS_MAX), OURO_CLASSES - 1);
}

/* More than any machine has: NULL, and nothing in the log. */
static void absurd(struct ouro_test *t)
{
	static const size_t sizes[] = {
		SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - PAGE_SIZE, SIZE_MAX / 2,
		SIZE_MAX / 2 + 1, (size_t)INT_MAX + 1, (size_t)INT_MAX * 2,
	};
	struct ouro_heap *heap = test_heap(t);
	struct ouro_heap_stat stat;
	struct test_log log;
	size_t size;
	int i;

	if (!heap)
		return;
	test_log_mark(&log);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size = sizes[i];
		OPTIMIZER_HIDE_VAR(size);
		EXPECT(t, !ouro_alloc(heap, size, GFP_KERNEL));
		EXPECT(t, !ouro_alloc(heap, size, GFP_ATOMIC));
		EXPECT(t, !ouro_zalloc(heap, size, GFP_KERNEL));
	}
	EXPECT_EQ(t, test_log_count(&log, ""), 0);
	ouro_heap_stat(heap, &stat);
	EXPECT_EQ(t, stat.failed, 3 * ARRAY_SIZE(sizes));
	test_heap_check(t, heap, 0);
	test_heap_close(t, heap);
}

/*
 * What a full class holds beyond its blocks: headers, tails of pools and
 * arenas.  The chain of blocks runs through their first words.
 */
static void waste_of(struct ouro_test *t, size_t size)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_heap_stat s;
	void **ptr, *chain = NULL;
	size_t total = 0;

	if (!heap)
		return;
	while (total < SZ_8M) {
		ptr = ouro_alloc(heap, size, GFP_KERNEL);
		if (!EXPECT(t, ptr))
			break;
		*ptr = chain;
		chain = ptr;
		total += size;
	}
	ouro_heap_stat(heap, &s);
	/* An eighth of a megabyte for pools that are not yet full. */
	EXPECT_MSG(t, s.held <= total + total / 16 + SZ_1M + SZ_128K,
		   "size %zu: %lu held for %zu", size, s.held, total);
	while (chain) {
		ptr = chain;
		chain = *ptr;
		ouro_free(ptr);
	}
	test_heap_close(t, heap);
	cond_resched();
}

static void waste(struct ouro_test *t)
{
	size_t size;

	for (size = 8; size <= OURO_CLASS_MAX; size = size_of_class(size * 2 - 7))
		waste_of(t, size);
	for (size = 80; size <= OURO_CLASS_MAX;
	     size = size_of_class(size * 5 / 3))
		waste_of(t, size);
}

static const struct ouro_case size_cases[] = {
	EACH_KIND(each),
	EACH_KIND(large),
	EACH_KIND(borders),
	EACH_KIND(absurd),
	{ "constants", constants },
	{ "waste_plain", waste, .full = true },
};

OURO_SUITE("size", size_cases);
