// SPDX-License-Identifier: GPL-2.0
/* Arrays and copies: overflow, contents, ends. */
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/string.h>
#include "ouro_test.h"

static void overflow(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	size_t half = SIZE_MAX / 2, max = SIZE_MAX;
	void *ptr;

	if (!heap)
		return;
	OPTIMIZER_HIDE_VAR(half);
	OPTIMIZER_HIDE_VAR(max);
	EXPECT(t, !ouro_alloc_array(heap, half, 3, GFP_KERNEL));
	EXPECT(t, !ouro_alloc_array(heap, 3, half, GFP_KERNEL));
	EXPECT(t, !ouro_zalloc_array(heap, half, 3, GFP_KERNEL));
	EXPECT(t, !ouro_zalloc_array(heap, max, max, GFP_KERNEL));
	/* 2^64 + 8: a product that looks small when it wraps. */
	EXPECT(t, !ouro_alloc_array(heap, half / 4 + 2, 8, GFP_KERNEL));
	ptr = ouro_alloc(heap, 64, GFP_KERNEL);
	if (EXPECT(t, ptr)) {
		test_fill(ptr, 64, 0);
		EXPECT(t, !ouro_realloc_array(heap, ptr, half, 3, GFP_KERNEL));
		EXPECT(t, test_filled(ptr, 64, 0));
		ouro_free(ptr);
	}
	test_heap_close(t, heap);
}

static void contents(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	u32 *a, *b;
	size_t n;

	if (!heap)
		return;
	for (n = 1; n < 3000; n = n * 3 / 2 + 1) {
		a = ouro_alloc_array(heap, n, sizeof(*a), GFP_KERNEL);
		b = ouro_zalloc_array(heap, n, sizeof(*b), GFP_KERNEL);
		if (!EXPECT(t, a && b))
			break;
		EXPECT_GE(t, ouro_block_size(a), n * sizeof(*a));
		EXPECT(t, test_is_byte(b, n * sizeof(*b), 0));
		memset(a, 0x11, n * sizeof(*a));
		memset(b, 0x22, n * sizeof(*b));
		a = ouro_realloc_array(heap, a, 2 * n, sizeof(*a), GFP_KERNEL);
		if (!EXPECT(t, a))
			break;
		EXPECT(t, test_is_byte(a, n * sizeof(*a), 0x11));
		EXPECT(t, test_is_byte(b, n * sizeof(*b), 0x22));
		ouro_free(a);
		ouro_free(b);
	}
	test_heap_close(t, heap);
}

static void copy_memory(struct ouro_test *t)
{
	static const size_t sizes[] = { 1, 7, 8, 9, 63, 64, 65, 1000, 4096,
					8192, 9000, 70000 };
	struct ouro_heap *heap = test_heap(t);
	char *src, *copy;
	int i;

	if (!heap)
		return;
	src = ouro_alloc(heap, sizes[ARRAY_SIZE(sizes) - 1], GFP_KERNEL);
	for (i = 0; src && i < ARRAY_SIZE(sizes); i++) {
		test_fill(src, sizes[i], i);
		copy = ouro_memdup(heap, src, sizes[i], GFP_KERNEL);
		if (!EXPECT(t, copy))
			continue;
		EXPECT(t, copy != src);
		EXPECT(t, !memcmp(copy, src, sizes[i]));
		EXPECT(t, ouro_owns(heap, copy));
		ouro_free(copy);
	}
	EXPECT(t, src);
	ouro_free(src);
	test_heap_close(t, heap);
}

static void copy_string(struct ouro_test *t)
{
	static const char * const texts[] = { "", "a", "1234567", "12345678",
		"a line that is a little longer than one small block" };
	struct ouro_heap *heap = test_heap(t);
	char *copy;
	int i;

	if (!heap)
		return;
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		copy = ouro_strdup(heap, texts[i], GFP_KERNEL);
		if (!EXPECT(t, copy))
			continue;
		EXPECT(t, !strcmp(copy, texts[i]));
		EXPECT_GE(t, ouro_block_size(copy), strlen(texts[i]) + 1);
		ouro_free(copy);
	}
	EXPECT(t, !ouro_strdup(heap, NULL, GFP_KERNEL));
	test_heap_check(t, heap, 0);
	test_heap_close(t, heap);
}

static const struct ouro_case array_cases[] = {
	EACH_KIND(overflow),
	EACH_KIND(contents),
	EACH_KIND(copy_memory),
	EACH_KIND(copy_string),
};

OURO_SUITE("array", array_cases);
