/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ways to get a block and to give it back, all of one form, and loops around
 * them, which are so the same for every allocator.  Sizes are constants but in
 * mix.c, workload.c, replay.c and hold_mix.c.
 */
#ifndef OURO_BENCH_WAYS_H
#define OURO_BENCH_WAYS_H

#include <linux/compiler.h>
#include <linux/ktime.h>
#include <ouro/block.h>
#include "bench.h"

typedef void *(*alloc_way)(struct bench *bench, size_t size);
typedef void (*free_way)(struct bench *bench, void *block, size_t size);

static __always_inline void *alloc_ouro(struct bench *bench, size_t size)
{
	return ouro_alloc(bench->heap, size, GFP_KERNEL);
}

static __always_inline void *zalloc_ouro(struct bench *bench, size_t size)
{
	return ouro_zalloc(bench->heap, size, GFP_KERNEL);
}

static __always_inline void free_ouro(struct bench *bench, void *block,
				      size_t size)
{
	ouro_free(block);
}

static __always_inline void free_sized(struct bench *bench, void *block,
				       size_t size)
{
	ouro_free_sized(bench->heap, block, size);
}

static __always_inline void *alloc_cache(struct bench *bench, size_t size)
{
	return kmem_cache_alloc(bench_cache(bench, size), GFP_KERNEL);
}

static __always_inline void free_cache(struct bench *bench, void *block,
				       size_t size)
{
	kmem_cache_free(bench_cache(bench, size), block);
}

static __always_inline void *alloc_kmalloc(struct bench *bench, size_t size)
{
	return kmalloc(size, GFP_KERNEL);
}

static __always_inline void free_kmalloc(struct bench *bench, void *block,
					 size_t size)
{
	kfree(block);
}

static __always_inline void *alloc_nothing(struct bench *bench, size_t size)
{
	return bench;
}

static __always_inline void free_nothing(struct bench *bench, void *block,
					 size_t size)
{
	barrier();	/* else nothing is left of the loop */
}

/*
 * Only the first is checked, before the clock runs; the others get it again.  It
 * counts down, which takes the compiler one instruction less than up to a number.
 */
static __always_inline s64 pairs(struct bench *bench, unsigned int loops,
				 size_t size, alloc_way alloc, free_way free)
{
	void *block = alloc(bench, size);
	u64 start;

	if (!block)
		return -ENOMEM;
	free(bench, block, size);
	start = ktime_get_ns();
	for (; loops; loops--) {
		block = alloc(bench, size);
		OPTIMIZER_HIDE_VAR(block);
		free(bench, block, size);
	}
	return ktime_get_ns() - start;
}

/* A failed allocation ends the round; what there is by then is freed. */
static __always_inline unsigned int fill(struct bench *bench, size_t size,
					 alloc_way alloc)
{
	unsigned int i;

	for (i = 0; i < BENCH_BATCH; i++) {
		bench->block[i] = alloc(bench, size);
		if (unlikely(!bench->block[i]))
			break;
	}
	return i;
}

/* Freed in the order of allocation. */
static __always_inline s64 batch(struct bench *bench, unsigned int loops,
				 size_t size, alloc_way alloc, free_way free)
{
	u64 start = ktime_get_ns();
	unsigned int i, filled;

	filled = fill(bench, size, alloc);
	for (i = 0; i < filled; i++)
		free(bench, bench->block[i], size);
	return filled == loops ? ktime_get_ns() - start : -ENOMEM;
}

/* One side of a case: a loop around a way to get and a way to give back. */
#define BENCH_SIDE(name, loop, size, alloc, free)			\
static s64 side_##name(struct bench *bench, unsigned int loops)		\
{									\
	return loop(bench, loops, size, alloc, free);			\
}

#endif /* OURO_BENCH_WAYS_H */
