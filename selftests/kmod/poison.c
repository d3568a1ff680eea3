// SPDX-License-Identifier: GPL-2.0
/*
 * What is written to free memory and behind the end of a block, and what a
 * free block holds.  The accesses are wrong on purpose, so the functions that
 * make them are kept from the sanitizers.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include "ouro_test.h"

/* Allocations until a bad block must come by: more than a pool has. */
#define POISON_BLOCKS(size)	(SZ_32K / (size) + TEST_MANY(2000, 100))

static noinline __no_sanitize_address
void raw_write(u8 *ptr, size_t at, u8 value)
{
	WRITE_ONCE(ptr[at], value);
}

static noinline __no_sanitize_address
u8 raw_read(const u8 *ptr, size_t at)
{
	return READ_ONCE(ptr[at]);
}

static noinline __no_sanitize_address
u64 raw_word(const u64 *ptr)
{
	return READ_ONCE(*ptr);
}

/* Allocate till the allocator has seen all that is free; give it back. */
static void sweep(struct ouro_test *t, struct ouro_heap *heap, size_t size)
{
	void **ptr, *chain = NULL;
	int i;

	for (i = 0; i < POISON_BLOCKS(size); i++) {
		ptr = ouro_alloc(heap, size, GFP_KERNEL);
		if (!EXPECT(t, ptr))
			break;
		*ptr = chain;
		chain = ptr;
	}
	while (chain) {
		ptr = chain;
		chain = *ptr;
		ouro_free(ptr);
	}
}

static void one_report(struct ouro_test *t, struct ouro_heap *heap,
		       struct test_log *log, unsigned long *misuse,
		       const char *needle, size_t size, size_t at)
{
	EXPECT_MSG(t, test_log_count(log, needle) == 1, "size %zu, byte %zu",
		   size, at);
	EXPECT_MSG(t, test_log_count(log, "") == 1, "size %zu, byte %zu", size,
		   at);
	EXPECT_MSG(t, test_heap_misuse(heap) == *misuse + 1,
		   "size %zu, byte %zu", size, at);
	*misuse = test_heap_misuse(heap);
	test_log_mark(log);
}

static const size_t sizes[] = { 8, 20, 64, 100, 500, 1000, 4000, 8000 };

static void write_after_free(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	unsigned long misuse = 0;
	struct test_log log;
	u8 *ptr;
	int i, j;

	if (!heap)
		return;
	test_log_mark(&log);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t at[] = { 0, sizes[i] / 2, sizes[i] - 1 };

		for (j = 0; j < ARRAY_SIZE(at); j++) {
			ptr = ouro_alloc(heap, sizes[i], GFP_KERNEL);
			if (!EXPECT(t, ptr))
				continue;
			ouro_free(ptr);
			raw_write(ptr, at[j], 0x42);
			sweep(t, heap, sizes[i]);
			one_report(t, heap, &log, &misuse, "after its free",
				   sizes[i], at[j]);
		}
		cond_resched();
	}
	test_heap_abandon(t, heap, 0);
}

static void overrun(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	unsigned long misuse = 0;
	struct test_log log;
	size_t whole;
	u8 *ptr;
	int i;

	if (!heap)
		return;
	test_log_mark(&log);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		/* There must be room behind the end that is nobody's. */
		ptr = ouro_alloc(heap, sizes[i] - 3, GFP_KERNEL);
		if (!EXPECT(t, ptr))
			continue;
		whole = ouro_block_size(ptr);
		EXPECT_GE(t, whole, sizes[i]);
		raw_write(ptr, sizes[i] - 3, 0x42);
		ouro_free(ptr);
		one_report(t, heap, &log, &misuse, "behind its end", sizes[i],
			   0);
		ptr = ouro_alloc(heap, sizes[i] - 3, GFP_KERNEL);
		if (!EXPECT(t, ptr))
			continue;
		raw_write(ptr, sizes[i] - 1, 0x42);
		ouro_free(ptr);
		one_report(t, heap, &log, &misuse, "behind its end", sizes[i],
			   2);
		sweep(t, heap, sizes[i]);
	}
	test_heap_abandon(t, heap, 0);
}

/* After a resize in place the end is where the new size says. */
static void overrun_resized(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	unsigned long misuse = 0;
	struct test_log log;
	u8 *ptr;

	if (!heap)
		return;
	test_log_mark(&log);
	ptr = ouro_alloc(heap, 1000, GFP_KERNEL);
	ptr = ouro_realloc(heap, ptr, 980, GFP_KERNEL);
	raw_write(ptr, 985, 0x42);
	ouro_free(ptr);
	one_report(t, heap, &log, &misuse, "behind its end", 980, 985);
	ptr = ouro_alloc(heap, 980, GFP_KERNEL);
	ptr = ouro_realloc(heap, ptr, 1000, GFP_KERNEL);
	memset(ptr, 0x42, 1000);
	ouro_free(ptr);
	EXPECT_EQ(t, test_log_count(&log, ""), 0);
	test_heap_abandon(t, heap, 0);
}

/* A report names who allocated the block and who freed it. */
static void call_sites(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct test_log log;
	void *ptr;

	if (!heap)
		return;
	test_log_mark(&log);
	ptr = ouro_alloc(heap, 64, GFP_KERNEL);
	ouro_free(ptr);
	ouro_free(ptr);
	EXPECT_EQ(t, test_log_count(&log, "allocated by call_sites+"), 1);
	EXPECT_EQ(t, test_log_count(&log, "freed by call_sites+"), 1);
	/* And no address of the kernel. */
	EXPECT_EQ(t, test_log_count(&log, "ffff"), 0);
	EXPECT_EQ(t, test_log_count(&log, "0x0000"), 0);
	test_heap_abandon(t, heap, 0);
}

/* A debug heap that dies says who held what. */
static void leak_sites(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct test_log log;
	int i;

	if (!heap)
		return;
	for (i = 0; i < 5; i++)
		EXPECT(t, ouro_alloc(heap, 100, GFP_KERNEL));
	test_log_mark(&log);
	test_heap_abandon(t, heap, 5);
	EXPECT_EQ(t, test_log_count(&log, "5 live blocks"), 1);
	EXPECT_EQ(t, test_log_count(&log, "by leak_sites+"), 1);
}

static void used_is_zero(struct ouro_test *t, u8 *ptr, size_t size)
{
	if (!EXPECT(t, ptr))
		return;
	EXPECT_MSG(t, test_is_byte(ptr, size, 0), "size %zu", size);
	memset(ptr, 0xff, size);
	ouro_free(ptr);
}

/* Twice, as the second time a block is one that was used. */
static void all_used_zeroed(struct ouro_test *t, struct ouro_heap *heap)
{
	static const size_t all[] = { 8, 64, 1000, 8192, 20000, 100000 };
	int i, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < ARRAY_SIZE(all); i++)
			used_is_zero(t, ouro_alloc(heap, all[i], GFP_KERNEL),
				     all[i]);
		used_is_zero(t, ouro_alloc(heap, 64, GFP_KERNEL), 64);
		used_is_zero(t, ouro_alloc(heap, 5000, GFP_KERNEL), 5000);
	}
}

/* Also where sites are noted, which makes the way of a new block another one. */
static void init_on_alloc_zeroes(struct ouro_test *t)
{
	struct ouro_heap *heap;
	char path[TEST_PATH];

	if (!want_init_on_alloc(0)) {
		SKIP(t, "init_on_alloc is off");
		return;
	}
	heap = test_heap(t);
	if (!heap)
		return;
	all_used_zeroed(t, heap);
	test_heap_path(heap, "sites", path);
	EXPECT_EQ(t, test_file_puts(path, "caller"), 0);
	all_used_zeroed(t, heap);
	test_heap_close(t, heap);
}

/* The first word of a free block is the allocator's, the rest is wiped. */
static void init_on_free_wipes(struct ouro_test *t)
{
	struct ouro_heap *heap;
	size_t at, left = 0;
	u8 *ptr;

	if (!want_init_on_free()) {
		SKIP(t, "init_on_free is off");
		return;
	}
	heap = test_heap(t);
	if (!heap)
		return;
	ptr = ouro_alloc(heap, 1000, GFP_KERNEL);
	if (!EXPECT(t, ptr))
		return;
	memset(ptr, 0xff, 1000);
	ouro_free(ptr);
	for (at = sizeof(u64); at < 1000; at++)
		left += raw_read(ptr, at) == 0xff;
	EXPECT_EQ(t, left, 0);
	test_heap_close(t, heap);
}

#define MARKED	(3 * (SZ_16K / 64))	/* blocks: more than magazines take */

/* Whatever way a block takes when it is freed, its first word is not its user's. */
static void marked(struct ouro_test *t)
{
	static u64 *blocks[MARKED];
	struct ouro_heap *heap = test_heap(t);
	unsigned int i, left = 0;

	if (!heap)
		return;
	for (i = 0; i < MARKED; i++) {
		blocks[i] = ouro_alloc(heap, 64, GFP_KERNEL);
		if (!EXPECT(t, blocks[i]))
			return;
		*blocks[i] = i;
	}
	/* One stays in each pool, and with it the pool. */
	for (i = 0; i < MARKED; i++)
		if (i % 32)
			ouro_free(blocks[i]);
	for (i = 0; i < MARKED; i++)
		left += i % 32 && raw_word(blocks[i]) == i;
	EXPECT_EQ(t, left, 0);
	for (i = 0; i < MARKED; i += 32)
		ouro_free(blocks[i]);
	test_heap_close(t, heap);
}

static const struct ouro_case poison_cases[] = {
	EACH_KIND_OF_BLOCKS(marked),
	{ "write_after_free", write_after_free, OURO_HEAP_DEBUG },
	{ "overrun", overrun, OURO_HEAP_DEBUG },
	{ "overrun_resized", overrun_resized, OURO_HEAP_DEBUG },
	{ "call_sites", call_sites, OURO_HEAP_DEBUG },
	{ "leak_sites", leak_sites, OURO_HEAP_DEBUG },
	EACH_KIND(init_on_alloc_zeroes),
	{ "init_on_free_wipes_plain", init_on_free_wipes },
	{ "init_on_free_wipes_hardened", init_on_free_wipes,
	  OURO_HEAP_HARDENED },
};

OURO_SUITE("poison", poison_cases);
