// SPDX-License-Identifier: GPL-2.0
/*
 * Regions and reserves beside what else one would take; and a yardstick.
 */
#include <linux/compiler.h>
#include <linux/ktime.h>
#include <linux/mempool.h>
#include <linux/refcount.h>
#include <ouro/region.h>
#include "bench.h"

#define PIECE		24	/* bytes */
#define PIECES		64	/* between two releases */
#define CHUNK		2048	/* bytes of a region: all these pieces fit */

static s64 pieces_region(struct bench *bench, unsigned int loops)
{
	u64 start = ktime_get_ns();
	struct ouro_region region;
	unsigned int i, j;
	void *piece;

	ouro_region_init(&region, bench->heap, CHUNK);
	for (i = 0; i < loops; i += PIECES) {
		for (j = 0; j < PIECES; j++) {
			piece = ouro_region_alloc(&region, PIECE, GFP_KERNEL);
			if (unlikely(!piece))
				break;
			bench->block[j] = piece;
		}
		ouro_region_release(&region);
		if (unlikely(j < PIECES))
			return -ENOMEM;
	}
	return ktime_get_ns() - start;
}

static s64 pieces_kmalloc(struct bench *bench, unsigned int loops)
{
	u64 start = ktime_get_ns();
	unsigned int i, j, got;
	void *piece;

	for (i = 0; i < loops; i += PIECES) {
		for (j = 0; j < PIECES; j++) {
			piece = kmalloc(PIECE, GFP_KERNEL);
			if (unlikely(!piece))
				break;
			bench->block[j] = piece;
		}
		got = j;
		for (j = 0; j < got; j++)
			kfree(bench->block[j]);
		if (unlikely(got < PIECES))
			return -ENOMEM;
	}
	return ktime_get_ns() - start;
}

static s64 pairs_reserve(struct bench *bench, unsigned int loops)
{
	u64 start = ktime_get_ns();
	unsigned int i;
	void *block;

	for (i = 0; i < loops; i++) {
		block = ouro_reserve_alloc(bench->reserve);
		OPTIMIZER_HIDE_VAR(block);
		ouro_reserve_free(bench->reserve, block);
	}
	return ktime_get_ns() - start;
}

static s64 pairs_mempool(struct bench *bench, unsigned int loops)
{
	u64 start = ktime_get_ns();
	unsigned int i;
	void *block;

	for (i = 0; i < loops; i++) {
		block = mempool_alloc(bench->mempool, GFP_KERNEL);
		OPTIMIZER_HIDE_VAR(block);
		mempool_free(block, bench->mempool);
	}
	return ktime_get_ns() - start;
}

static s64 pairs_refcount(struct bench *bench, unsigned int loops)
{
	u64 start = ktime_get_ns();
	refcount_t count = REFCOUNT_INIT(1);
	unsigned int i, last = 0;

	for (i = 0; i < loops; i++) {
		refcount_inc(&count);
		barrier();
		last |= refcount_dec_and_test(&count);
		barrier();
	}
	return last ? -EIO : ktime_get_ns() - start;
}

const struct bench_case bench_other_cases[] = {
	{ "region", 4096, { pieces_region, pieces_kmalloc } },
	{ "reserve", 4000, { pairs_reserve, pairs_mempool } },
	{ "refcount", 4000, { pairs_refcount } },
	{ }
};
