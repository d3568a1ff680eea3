// SPDX-License-Identifier: GPL-2.0
/*
 * Pairs: a block is allocated and freed at once.
 */
#include <linux/compiler.h>
#include <linux/ktime.h>
#include <linux/preempt.h>
#include "bench.h"
#include "ways.h"

static __always_inline s64 pairs_atomic(struct bench *bench, unsigned int loops,
					size_t size, alloc_way alloc,
					free_way free)
{
	s64 ns;

	preempt_disable();
	ns = pairs(bench, loops, size, alloc, free);
	preempt_enable();
	return ns;
}

static __always_inline void *zalloc_cache(struct bench *bench, size_t size)
{
	return kmem_cache_zalloc(bench_cache(bench, size), GFP_KERNEL);
}

static __always_inline void *alloc_atomic(struct bench *bench, size_t size)
{
	return ouro_alloc_nopreempt(bench->heap, size, GFP_NOWAIT);
}

static __always_inline void free_atomic(struct bench *bench, void *block,
					size_t size)
{
	ouro_free_sized_nopreempt(bench->heap, block, size);
}

static __always_inline void *alloc_cache_atomic(struct bench *bench,
						size_t size)
{
	return kmem_cache_alloc(bench_cache(bench, size), GFP_NOWAIT);
}

static __always_inline void *alloc_hardened(struct bench *bench, size_t size)
{
	return ouro_alloc(bench->hardened, size, GFP_KERNEL);
}

static __always_inline void *alloc_debug(struct bench *bench, size_t size)
{
	return ouro_alloc(bench->debug, size, GFP_KERNEL);
}

static __always_inline void *alloc_debug_cache(struct bench *bench, size_t size)
{
	return kmem_cache_alloc(bench->debug_cache, GFP_KERNEL);
}

static __always_inline void free_debug_cache(struct bench *bench, void *block,
					     size_t size)
{
	kmem_cache_free(bench->debug_cache, block);
}

/* One such cache changes a static key of the kernel, so it comes late. */
static __always_inline s64 pairs_debug_cache(struct bench *bench,
					     unsigned int loops, size_t size,
					     alloc_way alloc, free_way free)
{
	const slab_flags_t checks = SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE |
				    SLAB_POISON | SLAB_STORE_USER;

	if (!bench->debug_cache)
		bench->debug_cache = bench_cache_create("ouro_bench-debug",
							size, checks);
	if (!bench->debug_cache)
		return -ENOMEM;
	return pairs(bench, loops, size, alloc, free);
}

BENCH_SIDE(nothing, pairs, 64, alloc_nothing, free_nothing);
BENCH_SIDE(free, pairs, 64, alloc_ouro, free_ouro);
BENCH_SIDE(sized, pairs, 64, alloc_ouro, free_sized);
BENCH_SIDE(atomic, pairs_atomic, 64, alloc_atomic, free_atomic);
BENCH_SIDE(zalloc, pairs, 64, zalloc_ouro, free_ouro);
BENCH_SIDE(hardened, pairs, 64, alloc_hardened, free_ouro);
BENCH_SIDE(debug, pairs, 64, alloc_debug, free_ouro);
BENCH_SIDE(free_16, pairs, 16, alloc_ouro, free_ouro);
BENCH_SIDE(free_256, pairs, 256, alloc_ouro, free_ouro);
BENCH_SIDE(free_1024, pairs, 1024, alloc_ouro, free_ouro);
BENCH_SIDE(sized_1024, pairs, 1024, alloc_ouro, free_sized);
BENCH_SIDE(free_4096, pairs, 4096, alloc_ouro, free_ouro);

BENCH_SIDE(cache, pairs, 64, alloc_cache, free_cache);
BENCH_SIDE(cache_atomic, pairs_atomic, 64, alloc_cache_atomic, free_cache);
BENCH_SIDE(cache_zalloc, pairs, 64, zalloc_cache, free_cache);
BENCH_SIDE(cache_debug, pairs_debug_cache, 64, alloc_debug_cache,
	   free_debug_cache);
BENCH_SIDE(cache_16, pairs, 16, alloc_cache, free_cache);
BENCH_SIDE(cache_256, pairs, 256, alloc_cache, free_cache);
BENCH_SIDE(cache_1024, pairs, 1024, alloc_cache, free_cache);
BENCH_SIDE(cache_4096, pairs, 4096, alloc_cache, free_cache);
BENCH_SIDE(kmalloc, pairs, 64, alloc_kmalloc, free_kmalloc);

#define PAIRS	4000

const struct bench_case bench_pair_cases[] = {
	{ "loop", PAIRS, { side_nothing } },
	{ "free", PAIRS, { side_free, side_cache } },
	/* By what is noted of sites, which bench.sh says before. */
	{ "sites-off", PAIRS, { side_free } },
	{ "sites-caller", PAIRS, { side_free } },
	{ "sites-stack-64", PAIRS, { side_free } },
	{ "sites-stack", PAIRS / 10, { side_free } },
	{ "free-kmalloc", PAIRS, { side_free, side_kmalloc } },
	{ "free-sized", PAIRS, { side_sized, side_cache } },
	{ "nopreempt", PAIRS, { side_atomic, side_cache_atomic } },
	{ "zalloc", PAIRS, { side_zalloc, side_cache_zalloc } },
	{ "free-16", PAIRS, { side_free_16, side_cache_16 } },
	{ "free-256", PAIRS, { side_free_256, side_cache_256 } },
	{ "free-1024", PAIRS, { side_free_1024, side_cache_1024 } },
	{ "free-sized-1024", PAIRS, { side_sized_1024, side_cache_1024 } },
	{ "free-4096", PAIRS, { side_free_4096, side_cache_4096 } },
	{ "hardened", PAIRS, { side_hardened, side_cache } },
	{ "debug", PAIRS / 10, { side_debug, side_cache_debug } },
	{ }
};
