// SPDX-License-Identifier: GPL-2.0
/*
 * Regions and reserves beside what else one would take; and a yardstick.
 */
#include <linux/compiler.h>
#include <linux/ktime.h>
#include <linux/mempool.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <ouro/region.h>
#include "bench.h"

#define PIECES		64	/* between two releases */
#define CHUNK		2048	/* bytes of a region: all these pieces fit */

/* The newest leads the chain. */
struct piece {
	struct piece *next;
	char payload[16];
};

static s64 chains_region(struct bench *bench, unsigned int loops)
{
	u64 start = ktime_get_ns();
	struct ouro_region region;
	struct piece *piece, *chain;
	unsigned int i, j;

	ouro_region_init(&region, bench->heap, CHUNK);
	for (i = 0; i < loops; i += PIECES) {
		for (j = 0, chain = NULL; j < PIECES; j++) {
			piece = ouro_region_alloc(&region, sizeof(*piece),
						  GFP_KERNEL);
			if (unlikely(!piece))
				break;
			piece->next = chain;
			chain = piece;
		}
		ouro_region_release(&region);
		if (unlikely(j < PIECES))
			return -ENOMEM;
	}
	return ktime_get_ns() - start;
}

static s64 chains_kmalloc(struct bench *bench, unsigned int loops)
{
	u64 start = ktime_get_ns();
	struct piece *piece, *chain;
	unsigned int i, j;

	for (i = 0; i < loops; i += PIECES) {
		for (j = 0, chain = NULL; j < PIECES; j++) {
			piece = kmalloc(sizeof(*piece), GFP_KERNEL);
			if (unlikely(!piece))
				break;
			piece->next = chain;
			chain = piece;
		}
		while (chain) {
			piece = chain;
			chain = piece->next;
			kfree(piece);
		}
		if (unlikely(j < PIECES))
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
	{ "region", 4096, { chains_region, chains_kmalloc } },
	{ "reserve", 4000, { pairs_reserve, pairs_mempool } },
	{ "refcount", 4000, { pairs_refcount } },
	{ }
};
