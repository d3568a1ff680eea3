// SPDX-License-Identifier: GPL-2.0
/*
 * Bulk: many blocks at once.  What such a call takes depends on where the blocks
 * lie that are at hand, so a heap and a cache of their own are brought into a
 * state before: all pages are given back, a batch is allocated block by block, and
 * freed in the same order or in one that has nothing to do with it.
 *
 * It depends, too, on how many are at hand: a call may take the last of a magazine
 * or of a page, and the next give it back, again and again.  So a round has many
 * turns, and before each of them one block more is taken away.
 */
#include <linux/ktime.h>
#include <linux/slab.h>
#include "bench.h"
#include "ways.h"

#define TURNS	128	/* of a round: some more than a magazine has room for */
#define BLOCKS	1024	/* of a turn, or somewhat less */

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

typedef bool (*bulk_way)(struct bench *bench, size_t count, void **blocks);

static __always_inline bool trip_ouro(struct bench *bench, size_t count,
				      void **blocks)
{
	if (ouro_alloc_bulk(bench->own, 64, GFP_KERNEL, count, blocks))
		return false;
	ouro_free_bulk(count, blocks);
	return true;
}

static __always_inline bool trip_cache(struct bench *bench, size_t count,
				       void **blocks)
{
	struct kmem_cache *cache = bench->own_cache;

	if (!kmem_cache_alloc_bulk(cache, GFP_KERNEL, count, blocks))
		return false;
	kmem_cache_free_bulk(cache, count, blocks);
	return true;
}

/* The blocks that are taken away come first in @bench->block. */
static __always_inline s64 turns(struct bench *bench, unsigned int calls,
				 size_t count, alloc_way alloc, free_way free,
				 bulk_way trip)
{
	unsigned int i, turn;
	bool done = true;
	s64 ns = 0;

	for (turn = 0; turn < TURNS && done; turn++) {
		bench->block[turn] = alloc(bench, 64);
		done = bench->block[turn];
		ns -= ktime_get_ns();
		for (i = 0; i < calls && done; i++)
			done = trip(bench, count, bench->block + TURNS);
		ns += ktime_get_ns();
	}
	while (turn--)
		if (bench->block[turn])
			free(bench, bench->block[turn], 64);
	return done ? ns : -ENOMEM;
}

static __always_inline s64 bulk_ouro(struct bench *bench, unsigned int loops,
				     size_t count, unsigned int order)
{
	ouro_heap_trim(bench->own);
	if (!prepare(bench, order, alloc_own, free_ouro))
		return -ENOMEM;
	return turns(bench, loops / TURNS / count, count, alloc_own, free_ouro,
		     trip_ouro);
}

static __always_inline s64 bulk_cache(struct bench *bench, unsigned int loops,
				      size_t count, unsigned int order)
{
	kmem_cache_shrink(bench->own_cache);
	if (!prepare(bench, order, alloc_own_cache, free_own_cache))
		return -ENOMEM;
	return turns(bench, loops / TURNS / count, count, alloc_own_cache,
		     free_own_cache, trip_cache);
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
	{ "bulk-" #count, TURNS * (BLOCKS / (count) * (count)),		\
	  { ouro_##count##_IN_ORDER, cache_##count##_IN_ORDER } },	\
	{ "bulk-" #count "-shuffled", TURNS * (BLOCKS / (count) * (count)), \
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
