// SPDX-License-Identifier: GPL-2.0
/*
 * Passing: one CPU allocates while another, or all others, free what they get.
 *
 * xmalloc: Lever and Boreham, "malloc() Performance in a Multithreaded Linux
 * Environment", USENIX 2000, in batches and sizes as others run it since.
 */
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
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
 * struct rings - to all consumers
 * @count: of these
 * @ring: of each
 */
struct rings {
	unsigned int count;
	struct ring *ring[];
};

/* From whom to whom. */
enum to {
	TO_ONE,		/* from worker 0 to worker 1 */
	TO_ALL,		/* from worker 0 to all others, who get portions in turn */
	TO_EACH,	/* from each even one to the next */
};

/**
 * struct manner - in which blocks are passed
 * @room: blocks on their way to a consumer, at most; a power of two
 * @portion: published at a time; divides @room and a round's loops
 * @to: whom
 * @size: of the next block, by what it changes for that
 */
struct manner {
	unsigned int room;
	unsigned int portion;
	enum to to;
	size_t (*size)(u32 *state);
};

static bool is_producer(const struct manner *manner, unsigned int id)
{
	return manner->to == TO_EACH ? !(id % 2) : !id;
}

/* The first ring that a producer puts into, or the only one of a consumer. */
static unsigned int ring_of(const struct manner *manner, unsigned int id)
{
	return manner->to == TO_EACH ? id / 2 : id ? id - 1 : 0;
}

/* How many there are in turn. */
static unsigned int turns(const struct manner *manner,
			  const struct rings *rings)
{
	return manner->to == TO_EACH ? 1 : rings->count;
}

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

static const struct manner pass = { 1024, 64, TO_ONE, size_64 };
static const struct manner pass_all = { 1024, 64, TO_ALL, size_64 };
static const struct manner xmalloc = {
	4 * BENCH_BATCH, BENCH_BATCH, TO_EACH, size_xmalloc
};

/* The next portion.  False: there was not enough memory. */
static __always_inline bool put_portion(struct bench *bench, struct ring *ring,
					const struct manner *manner, u32 *state,
					alloc_way alloc)
{
	unsigned int put = ring->put;
	bool failed = false;
	void *block;

	do {
		block = alloc(bench, manner->size(state));
		failed |= !block;
		write_word(block, put);
		ring->block[put % manner->room] = block;
	} while (++put % manner->portion);
	/* Pairs with the acquire in consume(). */
	smp_store_release(&ring->put, put);
	return !failed;
}

/*
 * Only work is timed, not waiting for the others.  A block that could not be
 * had travels as NULL.
 */
static __always_inline s64 produce(struct bench *bench, unsigned int loops,
				   const struct manner *manner, alloc_way alloc)
{
	struct bench_worker *worker = bench_worker(bench);
	struct rings *rings = worker->gang->shared;
	struct ring **first = &rings->ring[ring_of(manner, worker->id)];
	unsigned int i, looks = 0, count = turns(manner, rings);
	bool failed = false;
	u32 state = 1;
	s64 ns = 0;

	for (i = 0; i < loops / manner->portion; i++) {
		struct ring *ring = first[i % count];

		/* Pairs with the release in consume(). */
		while (ring->put - smp_load_acquire(&ring->taken) >
		       manner->room - manner->portion)
			bench_wait(&looks);
		ns -= ktime_get_ns();
		failed |= !put_portion(bench, ring, manner, &state, alloc);
		ns += ktime_get_ns();
	}
	return failed ? -ENOMEM : ns;
}

/* The way to free needs no size but where that is a constant. */
static __always_inline s64 consume(struct bench *bench, unsigned int loops,
				   const struct manner *manner, free_way free)
{
	struct bench_worker *worker = bench_worker(bench);
	struct rings *rings = worker->gang->shared;
	unsigned int index = ring_of(manner, worker->id);
	unsigned int i, taken = 0, looks = 0, count = turns(manner, rings);
	struct ring *ring = rings->ring[index];
	s64 ns = 0;

	for (i = index % count; i < loops / manner->portion; i += count) {
		/* Pairs with the release in put_portion(). */
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

static void rings_destroy(struct rings *rings)
{
	unsigned int i;

	for (i = 0; i < rings->count; i++)
		kvfree(rings->ring[i]);
	kfree(rings);
}

static struct rings *rings_create(unsigned int count, unsigned int room)
{
	struct rings *rings;
	struct ring *ring;

	rings = kzalloc(struct_size(rings, ring, count), GFP_KERNEL);
	if (!rings)
		return NULL;
	while (rings->count < count) {
		ring = kvzalloc(struct_size(ring, block, room), GFP_KERNEL);
		if (!ring) {
			rings_destroy(rings);
			return NULL;
		}
		rings->ring[rings->count++] = ring;
	}
	return rings;
}

/* What all together do for a block, or in pairs for one each. */
static s64 run_all(struct bench *bench, unsigned int loops,
		   const struct manner *manner, bench_fn fn)
{
	unsigned int cpus = max(2u, bench->cpus);
	unsigned int count = manner->to == TO_ONE ? 2 :
			     manner->to == TO_ALL ? cpus : cpus & ~1u;
	unsigned int each = manner->to == TO_EACH ? 2 : count;
	struct rings *rings;
	s64 ns;

	rings = rings_create(manner->to == TO_EACH ? count / 2 : count - 1,
			     manner->room);
	if (!rings)
		return -ENOMEM;
	ns = bench_gang_run(bench, loops, fn, 0, count, rings);
	rings_destroy(rings);
	return ns < 0 ? ns : each * ns;
}

#define PASS_SIDE(manner, way)						\
static s64 manner##_##way##_one(struct bench *bench, unsigned int loops) \
{									\
	return is_producer(&(manner), bench_worker(bench)->id) ?	\
	       produce(bench, loops, &(manner), alloc_##way) :		\
	       consume(bench, loops, &(manner), free_##way);		\
}									\
static s64 manner##_##way(struct bench *bench, unsigned int loops)	\
{									\
	return run_all(bench, loops, &(manner), manner##_##way##_one);	\
}

PASS_SIDE(pass, ouro);
PASS_SIDE(pass, cache);
PASS_SIDE(pass_all, ouro);
PASS_SIDE(pass_all, cache);
PASS_SIDE(xmalloc, ouro);
PASS_SIDE(xmalloc, kmalloc);

const struct bench_case bench_pass_cases[] = {
	{ "pass", 4096, { pass_ouro, pass_cache } },
	{ "pass-all", 4096, { pass_all_ouro, pass_all_cache } },
	{ "xmalloc", 16 * BENCH_BATCH, { xmalloc_ouro, xmalloc_kmalloc } },
	{ }
};
