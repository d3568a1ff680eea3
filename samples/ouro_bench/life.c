// SPDX-License-Identifier: GPL-2.0
/*
 * Lives: a heap is created and destroyed, beside a cache.
 */
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <ouro/block.h>
#include "bench.h"

/* With or without a block in between. */
static __always_inline s64 lives_ouro(unsigned int loops, bool used)
{
	u64 start = ktime_get_ns();
	struct ouro_heap *heap;
	unsigned int i;
	void *block;

	for (i = 0; i < loops; i++) {
		heap = ouro_heap_create("bench_life", 0);
		if (IS_ERR(heap))
			return PTR_ERR(heap);
		block = used ? ouro_alloc(heap, 64, GFP_KERNEL) : NULL;
		ouro_free(block);
		ouro_heap_destroy(heap);
		if (used && !block)
			return -ENOMEM;
	}
	return ktime_get_ns() - start;
}

static __always_inline s64 lives_cache(unsigned int loops, bool used)
{
	u64 start = ktime_get_ns();
	struct kmem_cache *cache;
	unsigned int i;
	void *block;

	for (i = 0; i < loops; i++) {
		cache = bench_cache_create("bench_life", 64, 0);
		if (!cache)
			return -ENOMEM;
		block = used ? kmem_cache_alloc(cache, GFP_KERNEL) : NULL;
		if (block)
			kmem_cache_free(cache, block);
		kmem_cache_destroy(cache);
		if (used && !block)
			return -ENOMEM;
	}
	return ktime_get_ns() - start;
}

static s64 idle_ouro(struct bench *bench, unsigned int loops)
{
	return lives_ouro(loops, false);
}

static s64 idle_cache(struct bench *bench, unsigned int loops)
{
	return lives_cache(loops, false);
}

static s64 used_ouro(struct bench *bench, unsigned int loops)
{
	return lives_ouro(loops, true);
}

static s64 used_cache(struct bench *bench, unsigned int loops)
{
	return lives_cache(loops, true);
}

const struct bench_case bench_life_cases[] = {
	{ "life", 10, { idle_ouro, idle_cache } },
	{ "life-used", 10, { used_ouro, used_cache } },
	{ }
};
