// SPDX-License-Identifier: GPL-2.0
/*
 * Bulk: many blocks at once.  What such a call takes depends on where the blocks
 * lie that are at hand, so a heap and a cache of their own are brought into a
 * state before: all pages are given back, a batch is allocated block by block, and
 * freed in the same order or in one that has nothing to do with it.
 */
#include <linux/ktime.h>
#include <linux/slab.h>
#include "bench.h"
#include "ways.h"

#define BLOCKS	16000	/* in a round: a multiple of 128 and 250 */

enum { IN_ORDER, SHUFFLED };

static __always_inline void *alloc_own(struct bench *bench, size_t size)
{
	return ouro_alloc(bench->own, size, GFP_KERNEL);
}

static __always_inline void *alloc_own_cache(struct bench *bench, size_t size)
{
	return kmem_cache_alloc(bench->own_cache, GFP_KERNEL);
}

static __always_inline void free_own_cache(struct bench *bench, void *block,
					   size_t size)
{
	kmem_cache_free(bench->own_cache, block);
}

/* What is at hand when the clock starts; false: nothing is live all the same. */
static __always_inline bool prepare(struct bench *bench, unsigned int order,
				    alloc_way alloc, free_way free)
{
	unsigned int i, filled = fill(bench, 64, alloc);
	bool whole = filled == BENCH_BATCH;

	for (i = 0; i < filled; i++)
		free(bench, bench->block[whole && order == SHUFFLED ?
					 bench->order[i] : i], 64);
	return whole;
}

static __always_inline s64 bulk_ouro(struct bench *bench, unsigned int loops,
				     size_t count, unsigned int order)
{
	unsigned int i;
	u64 start;

	ouro_heap_trim(bench->own);
	if (!prepare(bench, order, alloc_own, free_ouro))
		return -ENOMEM;
	start = ktime_get_ns();
	for (i = 0; i < loops; i += count) {
		if (ouro_alloc_bulk(bench->own, 64, GFP_KERNEL, count,
				    bench->block))
			return -ENOMEM;
		ouro_free_bulk(count, bench->block);
	}
	return ktime_get_ns() - start;
}

static __always_inline s64 bulk_cache(struct bench *bench, unsigned int loops,
				      size_t count, unsigned int order)
{
	struct kmem_cache *cache = bench->own_cache;
	unsigned int i;
	u64 start;

	kmem_cache_shrink(cache);
	if (!prepare(bench, order, alloc_own_cache, free_own_cache))
		return -ENOMEM;
	start = ktime_get_ns();
	for (i = 0; i < loops; i += count) {
		if (!kmem_cache_alloc_bulk(cache, GFP_KERNEL, count,
					   bench->block))
			return -ENOMEM;
		kmem_cache_free_bulk(cache, count, bench->block);
	}
	return ktime_get_ns() - start;
}

/* The sides of a case: @count at a time. */
#define BULK_SIDE(count, who, order)					\
static s64 who##_##count##_##order(struct bench *bench, unsigned int loops) \
{									\
	return bulk_##who(bench, loops, count, order);			\
}

#define BULK_SIDES(count)						\
BULK_SIDE(count, ouro, IN_ORDER)					\
BULK_SIDE(count, cache, IN_ORDER)					\
BULK_SIDE(count, ouro, SHUFFLED)					\
BULK_SIDE(count, cache, SHUFFLED)

BULK_SIDES(1);
BULK_SIDES(2);
BULK_SIDES(4);
BULK_SIDES(8);
BULK_SIDES(16);
BULK_SIDES(32);
BULK_SIDES(64);
BULK_SIDES(128);
BULK_SIDES(250);

#define BULK_CASES(count)						\
	{ "bulk-" #count, BLOCKS,					\
	  { ouro_##count##_IN_ORDER, cache_##count##_IN_ORDER } },	\
	{ "bulk-" #count "-shuffled", BLOCKS,				\
	  { ouro_##count##_SHUFFLED, cache_##count##_SHUFFLED } }

const struct bench_case bench_bulk_cases[] = {
	BULK_CASES(1),
	BULK_CASES(2),
	BULK_CASES(4),
	BULK_CASES(8),
	BULK_CASES(16),
	BULK_CASES(32),
	BULK_CASES(64),
	BULK_CASES(128),
	BULK_CASES(250),
	{ }
};
