// SPDX-License-Identifier: GPL-2.0
/*
 * Workloads that allocators are compared by, from their descriptions: larson,
 * xmalloc, mstress, cache-scratch.  On two CPUs; sizes are not constants.
 *
 * Larson and Krishnan, "Memory Allocation for Long-Running Server Applications",
 * ISMM 1998; Lever and Boreham, "malloc() Performance in a Multithreaded Linux
 * Environment", USENIX 2000; Leijen, Zorn, de Moura, "Mimalloc: Free List Sharding
 * in Action", APLAS 2019; Berger and others, "Hoard", ASPLOS 2000.
 */
#include <linux/atomic.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "bench.h"
#include "gang.h"
#include "ways.h"

/* Each CPU has its own sequence, the same in every run. */
static u32 first_random(const struct bench_worker *worker)
{
	return 0x9e3779b9u * (worker->id + 1);
}

/* Frees what is left in an array of BENCH_BATCH, each of any size, or NULL. */
static __always_inline void free_all(struct bench *bench, free_way free)
{
	unsigned int i;

	for (i = 0; i < BENCH_BATCH; i++)
		free(bench, bench->block[i], 0);
}

/* ---- larson: a server whose threads take each other's work over ---- */

#define LARSON_SLOTS	1000
#define LARSON_TURNS	10
#define LARSON_LEAST	10	/* bytes */
#define LARSON_MOST	500

/* Another block, of a random size, in a random place.  False: there was none. */
static __always_inline bool larson_replace(struct bench *bench, void **slots,
					   u32 *state, alloc_way alloc,
					   free_way free)
{
	u32 random = bench_random(state);
	void **slot = &slots[random % LARSON_SLOTS];

	free(bench, *slot, 0);
	*slot = alloc(bench, LARSON_LEAST +
		      (random >> 16) % (LARSON_MOST - LARSON_LEAST + 1));
	write_word(*slot, random);
	return *slot;
}

/* The array goes to the other CPU after each turn; waiting is not timed. */
static __always_inline s64 larson(struct bench *bench, unsigned int loops,
				  alloc_way alloc, free_way free)
{
	struct bench_worker *worker = bench_worker(bench), *other;
	struct bench_gang *gang = worker->gang;
	u32 state = first_random(worker);
	unsigned int i, turn;
	bool failed = false;
	s64 ns = 0;

	memset(bench->block, 0, BENCH_BATCH * sizeof(*bench->block));
	for (turn = 0; turn < LARSON_TURNS; turn++) {
		bench_meet(worker);
		other = &gang->worker[(worker->id + turn) % gang->count];
		ns -= ktime_get_ns();
		for (i = 0; i < loops / LARSON_TURNS; i++)
			failed |= !larson_replace(bench, other->bench.block,
						  &state, alloc, free);
		ns += ktime_get_ns();
	}
	bench_meet(worker);
	free_all(bench, free);
	return failed ? -ENOMEM : ns;
}

/* ---- xmalloc: one allocates batches, the other frees them ---- */

#define XMALLOC_QUEUE	4	/* batches on their way, at most */

static const u16 xmalloc_sizes[] = {
	8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048
};

/**
 * struct queue - batches on their way
 * @put: batches put in so far; written by who allocates
 * @taken: batches taken out so far; written by who frees
 * @batch: the @put - @taken between are valid
 */
struct queue {
	unsigned int put ____cacheline_aligned_in_smp;
	unsigned int taken ____cacheline_aligned_in_smp;
	void *batch[XMALLOC_QUEUE][BENCH_BATCH];
};

static __always_inline s64 xmalloc_produce(struct bench *bench,
					   unsigned int loops, alloc_way alloc)
{
	struct queue *queue = bench_worker(bench)->gang->shared;
	u32 state = first_random(bench_worker(bench));
	unsigned int put, i, looks = 0;
	bool failed = false;
	void **batch;
	s64 ns = 0;

	for (put = 0; put < loops / BENCH_BATCH; put++) {
		/* Pairs with the release in xmalloc_consume(). */
		while (put - smp_load_acquire(&queue->taken) == XMALLOC_QUEUE)
			bench_wait(&looks);
		batch = queue->batch[put % XMALLOC_QUEUE];
		ns -= ktime_get_ns();
		for (i = 0; i < BENCH_BATCH; i++) {
			batch[i] = alloc(bench, xmalloc_sizes
					 [bench_random(&state) %
					  ARRAY_SIZE(xmalloc_sizes)]);
			failed |= !batch[i];
			write_word(batch[i], i);
		}
		ns += ktime_get_ns();
		/* Pairs with the acquire in xmalloc_consume(). */
		smp_store_release(&queue->put, put + 1);
	}
	return failed ? -ENOMEM : ns;
}

static __always_inline s64 xmalloc_consume(struct bench *bench,
					   unsigned int loops, free_way free)
{
	struct queue *queue = bench_worker(bench)->gang->shared;
	unsigned int taken, i, looks = 0;
	void **batch;
	s64 ns = 0;

	for (taken = 0; taken < loops / BENCH_BATCH; taken++) {
		/* Pairs with the release in xmalloc_produce(). */
		while (smp_load_acquire(&queue->put) == taken)
			bench_wait(&looks);
		batch = queue->batch[taken % XMALLOC_QUEUE];
		ns -= ktime_get_ns();
		for (i = 0; i < BENCH_BATCH; i++)
			read_and_free(bench, batch[i], 0, free);
		ns += ktime_get_ns();
		/* Pairs with the acquire in xmalloc_produce(). */
		smp_store_release(&queue->taken, taken + 1);
	}
	return ns;
}

/* What both do for one block. */
static s64 xmalloc(struct bench *bench, unsigned int loops, const bench_fn *fn)
{
	struct queue *queue = kvzalloc(sizeof(*queue), GFP_KERNEL);
	s64 ns = -ENOMEM;

	if (queue)
		ns = bench_gang_run(bench, loops, fn, 0, BENCH_CPUS, queue);
	kvfree(queue);
	return ns < 0 ? ns : BENCH_CPUS * ns;
}

/* ---- mstress: some live long, some go to the other CPU ---- */

#define MSTRESS_ON_WAY	1000	/* blocks between CPUs */
#define MSTRESS_SHORT	256	/* places whose blocks live shortly */
#define MSTRESS_LARGE	16	/* times as large as others */

/* Powers of two from 8 to 1024 bytes; one of a hundred is larger. */
static __always_inline size_t mstress_size(u32 random)
{
	size_t size = 8ul << (random >> 29);

	return (random >> 16) % 100 ? size : MSTRESS_LARGE * size;
}

/* Three of four go where blocks live shortly; one of eight to the other CPU. */
static __always_inline bool mstress_step(struct bench *bench, u32 random,
					 void **on_way, alloc_way alloc,
					 free_way free)
{
	unsigned int places = random & 3 ? MSTRESS_SHORT : BENCH_BATCH;
	void **place = &bench->block[(random >> 4) % places];
	void *old = *place;

	if ((random >> 2) % 8 == 0)
		old = xchg(&on_way[(random >> 8) % MSTRESS_ON_WAY], old);
	free(bench, old, 0);
	*place = alloc(bench, mstress_size(random));
	write_word(*place, random);
	return *place;
}

static __always_inline s64 mstress(struct bench *bench, unsigned int loops,
				   alloc_way alloc, free_way free)
{
	struct bench_worker *worker = bench_worker(bench);
	void **on_way = worker->gang->shared;
	u32 state = first_random(worker);
	bool failed = false;
	unsigned int i;
	s64 ns;

	memset(bench->block, 0, BENCH_BATCH * sizeof(*bench->block));
	bench_meet(worker);
	ns = -ktime_get_ns();
	for (i = 0; i < loops; i++)
		failed |= !mstress_step(bench, bench_random(&state), on_way,
					alloc, free);
	ns += ktime_get_ns();
	bench_meet(worker);
	free_all(bench, free);
	for (i = worker->id; i < MSTRESS_ON_WAY; i += worker->gang->count)
		free(bench, on_way[i], 0);
	return failed ? -ENOMEM : ns;
}

static s64 mstress_run(struct bench *bench, unsigned int loops,
		       const bench_fn *fn)
{
	void **on_way = kvcalloc(MSTRESS_ON_WAY, sizeof(*on_way), GFP_KERNEL);
	s64 ns = -ENOMEM;

	if (on_way)
		ns = bench_gang_run(bench, loops, fn, 0, BENCH_CPUS, on_way);
	kvfree(on_way);
	return ns;
}

/* ---- cache-scratch: blocks that lay beside each other go to two CPUs ---- */

#define SCRATCH_SIZE	8	/* bytes */
#define SCRATCH_WRITES	100	/* to each block */

static __always_inline s64 scratch(struct bench *bench, unsigned int loops,
				   alloc_way alloc, free_way free)
{
	struct bench_worker *worker = bench_worker(bench);
	void **given = worker->gang->shared;
	unsigned int i, n;
	void *block;
	u64 start;

	free(bench, given[worker->id], SCRATCH_SIZE);
	bench_meet(worker);
	start = ktime_get_ns();
	for (i = 0; i < loops; i++) {
		block = alloc(bench, SCRATCH_SIZE);
		for (n = 0; n < SCRATCH_WRITES; n++)
			write_word(block, n);
		free(bench, block, SCRATCH_SIZE);
	}
	return ktime_get_ns() - start;
}

/* What they begin with is allocated here, one after the other. */
static __always_inline s64 scratch_run(struct bench *bench, unsigned int loops,
				       const bench_fn *fn, unsigned int count,
				       alloc_way alloc, free_way free)
{
	void *given[BENCH_CPUS];
	unsigned int i;

	for (i = 0; i < BENCH_CPUS; i++)
		given[i] = alloc(bench, SCRATCH_SIZE);
	for (i = count; i < BENCH_CPUS; i++)
		free(bench, given[i], SCRATCH_SIZE);
	return bench_gang_run(bench, loops, fn, 0, count, given);
}

/* ---- the sides ---- */

/* @who: what a worker does with each allocator; @run: sends two of them. */
#define SIDES(name, who, run)						\
static s64 name##_ouro_one(struct bench *bench, unsigned int loops)	\
{									\
	return who(bench, loops, alloc_ouro, free_ouro);		\
}									\
static s64 name##_ouro(struct bench *bench, unsigned int loops)		\
{									\
	const bench_fn fn[BENCH_CPUS] = { name##_ouro_one, name##_ouro_one }; \
									\
	return run(bench, loops, fn);					\
}									\
static s64 name##_kmalloc_one(struct bench *bench, unsigned int loops)	\
{									\
	return who(bench, loops, alloc_kmalloc, free_kmalloc);		\
}									\
static s64 name##_kmalloc(struct bench *bench, unsigned int loops)	\
{									\
	const bench_fn fn[BENCH_CPUS] = { name##_kmalloc_one,		\
					  name##_kmalloc_one };		\
									\
	return run(bench, loops, fn);					\
}

static s64 larson_run(struct bench *bench, unsigned int loops,
		      const bench_fn *fn)
{
	return bench_gang_run(bench, loops, fn, 0, BENCH_CPUS, NULL);
}

SIDES(larson, larson, larson_run);
SIDES(mstress, mstress, mstress_run);

#define XMALLOC_SIDE(who)						\
static s64 xmalloc_produce_##who(struct bench *bench, unsigned int loops) \
{									\
	return xmalloc_produce(bench, loops, alloc_##who);		\
}									\
static s64 xmalloc_consume_##who(struct bench *bench, unsigned int loops) \
{									\
	return xmalloc_consume(bench, loops, free_##who);		\
}									\
static s64 xmalloc_##who(struct bench *bench, unsigned int loops)	\
{									\
	const bench_fn fn[BENCH_CPUS] = { xmalloc_produce_##who,	\
					  xmalloc_consume_##who };	\
									\
	return xmalloc(bench, loops, fn);				\
}

XMALLOC_SIDE(ouro);
XMALLOC_SIDE(kmalloc);

#define SCRATCH_SIDES(who)						\
static s64 scratch_##who##_one(struct bench *bench, unsigned int loops)	\
{									\
	return scratch(bench, loops, alloc_##who, free_##who);		\
}									\
static s64 scratch_##who(struct bench *bench, unsigned int loops,	\
			 unsigned int count)				\
{									\
	const bench_fn fn[BENCH_CPUS] = { scratch_##who##_one,		\
					  scratch_##who##_one };	\
									\
	return scratch_run(bench, loops, fn, count, alloc_##who,	\
			   free_##who);					\
}									\
static s64 scratch_##who##_on_1(struct bench *bench, unsigned int loops) \
{									\
	return scratch_##who(bench, loops, 1);				\
}									\
static s64 scratch_##who##_on_2(struct bench *bench, unsigned int loops) \
{									\
	return scratch_##who(bench, loops, 2);				\
}

SCRATCH_SIDES(ouro);
SCRATCH_SIDES(kmalloc);

const struct bench_case bench_workload_cases[] = {
	{ "larson", 20000, { larson_ouro, larson_kmalloc } },
	{ "xmalloc", 16 * BENCH_BATCH, { xmalloc_ouro, xmalloc_kmalloc } },
	{ "mstress", 40000, { mstress_ouro, mstress_kmalloc } },
	{ "scratch", 4000, { scratch_ouro_on_1, scratch_kmalloc_on_1,
			     scratch_ouro_on_2, scratch_kmalloc_on_2 } },
	{ }
};
