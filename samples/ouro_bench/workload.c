// SPDX-License-Identifier: GPL-2.0
/*
 * Workloads that allocators are compared by, from their descriptions: larson,
 * mstress, cache-scratch.  On all CPUs; sizes are not constants.
 *
 * Larson and Krishnan, "Memory Allocation for Long-Running Server Applications",
 * ISMM 1998; Leijen, Zorn, de Moura, "Mimalloc: Free List Sharding in Action",
 * APLAS 2019; Berger and others, "Hoard", ASPLOS 2000.
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

/* The array goes to the next CPU after each turn; waiting is not timed. */
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

/* ---- mstress: some live long, some go to another CPU ---- */

#define MSTRESS_ON_WAY	1000	/* blocks between CPUs */
#define MSTRESS_SHORT	256	/* places whose blocks live shortly */
#define MSTRESS_LARGE	16	/* times as large as others */

/* Powers of two from 8 to 1024 bytes; one of a hundred is larger. */
static __always_inline size_t mstress_size(u32 random)
{
	size_t size = 8ul << (random >> 29);

	return (random >> 16) % 100 ? size : MSTRESS_LARGE * size;
}

/* Three of four go where blocks live shortly; one of eight to whoever comes by. */
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
	u64 start, ns;

	memset(bench->block, 0, BENCH_BATCH * sizeof(*bench->block));
	bench_meet(worker);
	start = ktime_get_ns();
	for (i = 0; i < loops; i++)
		failed |= !mstress_step(bench, bench_random(&state), on_way,
					alloc, free);
	ns = ktime_get_ns() - start;
	bench_meet(worker);
	free_all(bench, free);
	for (i = worker->id; i < MSTRESS_ON_WAY; i += worker->gang->count)
		free(bench, on_way[i], 0);
	return failed ? -ENOMEM : ns;
}

static s64 mstress_run(struct bench *bench, unsigned int loops, bench_fn fn)
{
	void **on_way = kvcalloc(MSTRESS_ON_WAY, sizeof(*on_way), GFP_KERNEL);
	s64 ns = -ENOMEM;

	if (on_way)
		ns = bench_gang_run(bench, loops, fn, 0, bench->cpus, on_way);
	kvfree(on_way);
	return ns;
}

/* ---- cache-scratch: blocks that lay beside each other go to many CPUs ---- */

#define SCRATCH_SIZE	8	/* bytes */
#define SCRATCH_WRITES	100	/* to each block */

static __always_inline s64 scratch(struct bench *bench, unsigned int loops,
				   alloc_way alloc, free_way free)
{
	struct bench_worker *worker = bench_worker(bench);
	struct bench_gang *gang = worker->gang;
	unsigned int i, n;
	void *block;
	u64 start;

	/* What all begin with is allocated by one. */
	for (i = 0; !worker->id && i < gang->count; i++)
		gang->worker[i].bench.block[0] = alloc(bench, SCRATCH_SIZE);
	bench_meet(worker);
	free(bench, bench->block[0], SCRATCH_SIZE);
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

/* ---- the sides ---- */

/* What each worker does, by Ouro or kmalloc, and those that send them. */
#define SIDES(way)							\
static s64 larson_##way(struct bench *bench, unsigned int loops)	\
{									\
	return larson(bench, loops, alloc_##way, free_##way);		\
}									\
BENCH_ON(all, larson_##way);						\
static s64 mstress_##way(struct bench *bench, unsigned int loops)	\
{									\
	return mstress(bench, loops, alloc_##way, free_##way);		\
}									\
static s64 mstress_##way##_on_all(struct bench *bench, unsigned int loops) \
{									\
	return mstress_run(bench, loops, mstress_##way);		\
}									\
static s64 scratch_##way(struct bench *bench, unsigned int loops)	\
{									\
	return scratch(bench, loops, alloc_##way, free_##way);		\
}									\
BENCH_ON(1, scratch_##way);						\
BENCH_ON(all, scratch_##way)

SIDES(ouro);
SIDES(kmalloc);

const struct bench_case bench_workload_cases[] = {
	{ "larson", 20000, { larson_ouro_on_all, larson_kmalloc_on_all } },
	{ "mstress", 40000, { mstress_ouro_on_all, mstress_kmalloc_on_all } },
	{ "scratch", 4000, { scratch_ouro_on_1, scratch_kmalloc_on_1,
			     scratch_ouro_on_all, scratch_kmalloc_on_all } },
	{ }
};
