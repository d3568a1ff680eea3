// SPDX-License-Identifier: GPL-2.0
/*
 * Passing: one CPU allocates while another frees what it gets.
 *
 * xmalloc: Lever and Boreham, "malloc() Performance in a Multithreaded Linux
 * Environment", USENIX 2000, in batches and sizes as others run it since.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "bench.h"
#include "gang.h"
#include "ways.h"

/**
 * struct ring - from one producer to one consumer
 * @put: blocks put in so far; written by the producer
 * @taken: blocks taken out so far; written by the consumer
 * @block: the @put - @taken blocks between are valid
 */
struct ring {
	unsigned int put ____cacheline_aligned_in_smp;
	unsigned int taken ____cacheline_aligned_in_smp;
	void *block[];
};

/**
 * struct manner - in which blocks are passed
 * @room: blocks on their way, at most; a power of two
 * @portion: published at a time; divides @room and a round's loops
 * @size: of the next block, by what it changes for that
 */
struct manner {
	unsigned int room;
	unsigned int portion;
	size_t (*size)(u32 *state);
};

static __always_inline size_t size_64(u32 *state)
{
	return 64;
}

static __always_inline size_t size_xmalloc(u32 *state)
{
	static const u16 sizes[] = {
		8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768,
		1024, 2048
	};

	return sizes[bench_random(state) % ARRAY_SIZE(sizes)];
}

static const struct manner pass = { 1024, 64, size_64 };
static const struct manner xmalloc = {
	4 * BENCH_BATCH, BENCH_BATCH, size_xmalloc
};

/*
 * Only work is timed, not waiting for the other one.  A block that could not be
 * had travels as NULL.
 */
static __always_inline s64 produce(struct bench *bench, unsigned int loops,
				   const struct manner *manner, alloc_way alloc)
{
	struct ring *ring = bench_worker(bench)->gang->shared;
	unsigned int put, looks = 0;
	bool failed = false;
	u32 state = 1;
	void *block;
	s64 ns = 0;

	for (put = 0; put < loops;) {
		/* Pairs with the release in consume(). */
		while (put - smp_load_acquire(&ring->taken) >
		       manner->room - manner->portion)
			bench_wait(&looks);
		ns -= ktime_get_ns();
		do {
			block = alloc(bench, manner->size(&state));
			failed |= !block;
			write_word(block, put);
			ring->block[put % manner->room] = block;
		} while (++put % manner->portion);
		ns += ktime_get_ns();
		/* Pairs with the acquire in consume(). */
		smp_store_release(&ring->put, put);
	}
	return failed ? -ENOMEM : ns;
}

/* The way to free needs no size but where that is a constant. */
static __always_inline s64 consume(struct bench *bench, unsigned int loops,
				   const struct manner *manner, free_way free)
{
	struct ring *ring = bench_worker(bench)->gang->shared;
	unsigned int taken, looks = 0;
	s64 ns = 0;

	for (taken = 0; taken < loops;) {
		/* Pairs with the release in produce(). */
		while (smp_load_acquire(&ring->put) == taken)
			bench_wait(&looks);
		ns -= ktime_get_ns();
		do {
			read_and_free(bench, ring->block[taken % manner->room],
				      64, free);
		} while (++taken % manner->portion);
		ns += ktime_get_ns();
		/* Pairs with the acquire in produce(). */
		smp_store_release(&ring->taken, taken);
	}
	return ns;
}

/* What both do for a block. */
static s64 both(struct bench *bench, unsigned int loops,
		const struct manner *manner, const bench_fn *fn)
{
	struct ring *ring = kvzalloc(struct_size(ring, block, manner->room),
				     GFP_KERNEL);
	s64 ns = -ENOMEM;

	if (ring)
		ns = bench_gang_run(bench, loops, fn, 0, BENCH_CPUS, ring);
	kvfree(ring);
	return ns < 0 ? ns : BENCH_CPUS * ns;
}

#define PASS_SIDE(manner, way)						\
static s64 manner##_produce_##way(struct bench *bench, unsigned int loops) \
{									\
	return produce(bench, loops, &(manner), alloc_##way);		\
}									\
static s64 manner##_consume_##way(struct bench *bench, unsigned int loops) \
{									\
	return consume(bench, loops, &(manner), free_##way);		\
}									\
static s64 manner##_##way(struct bench *bench, unsigned int loops)	\
{									\
	const bench_fn fn[BENCH_CPUS] = { manner##_produce_##way,	\
					  manner##_consume_##way };	\
									\
	return both(bench, loops, &(manner), fn);				\
}

PASS_SIDE(pass, ouro);
PASS_SIDE(pass, cache);
PASS_SIDE(xmalloc, ouro);
PASS_SIDE(xmalloc, kmalloc);

const struct bench_case bench_pass_cases[] = {
	{ "pass", 4096, { pass_ouro, pass_cache } },
	{ "xmalloc", 16 * BENCH_BATCH, { xmalloc_ouro, xmalloc_kmalloc } },
	{ }
};
