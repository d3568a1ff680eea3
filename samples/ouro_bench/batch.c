// SPDX-License-Identifier: GPL-2.0
/*
 * Batches: many blocks are live before the first is freed.
 */
#include <linux/compiler.h>
#include <linux/ktime.h>
#include "bench.h"
#include "ways.h"

/* The last one is freed first. */
static __always_inline s64 lifo(struct bench *bench, unsigned int loops,
				size_t size, alloc_way alloc, free_way free)
{
	u64 start = ktime_get_ns();
	unsigned int i, filled;

	filled = fill(bench, size, alloc);
	for (i = filled; i--;)
		free(bench, bench->block[i], size);
	return filled == loops ? ktime_get_ns() - start : -ENOMEM;
}

/* Freed in an order that has nothing to do with it. */
static __always_inline s64 shuffled(struct bench *bench, unsigned int loops,
				    size_t size, alloc_way alloc, free_way free)
{
	u64 start = ktime_get_ns();
	unsigned int i, filled;

	filled = fill(bench, size, alloc);
	if (filled != loops) {
		for (i = 0; i < filled; i++)
			free(bench, bench->block[i], size);
		return -ENOMEM;
	}
	for (i = 0; i < filled; i++)
		free(bench, bench->block[bench->order[i]], size);
	return ktime_get_ns() - start;
}

BENCH_SIDE(batch, batch, 64, alloc_ouro, free_ouro);
BENCH_SIDE(batch_sized, batch, 64, alloc_ouro, free_sized);
BENCH_SIDE(batch_cache, batch, 64, alloc_cache, free_cache);
BENCH_SIDE(batch_kmalloc, batch, 64, alloc_kmalloc, free_kmalloc);
BENCH_SIDE(lifo, lifo, 64, alloc_ouro, free_ouro);
BENCH_SIDE(lifo_cache, lifo, 64, alloc_cache, free_cache);
BENCH_SIDE(shuffled, shuffled, 64, alloc_ouro, free_ouro);
BENCH_SIDE(shuffled_cache, shuffled, 64, alloc_cache, free_cache);

const struct bench_case bench_batch_cases[] = {
	{ "batch", BENCH_BATCH, { side_batch, side_batch_cache } },
	{ "batch-sized", BENCH_BATCH, { side_batch_sized, side_batch_cache } },
	{ "batch-kmalloc", BENCH_BATCH, { side_batch, side_batch_kmalloc } },
	{ "lifo", BENCH_BATCH, { side_lifo, side_lifo_cache } },
	{ "shuffled", BENCH_BATCH, { side_shuffled, side_shuffled_cache } },
	{ }
};
