// SPDX-License-Identifier: GPL-2.0
/*
 * Many CPUs: the same loop on all at once, and blocks that one allocates before
 * another frees them.
 */
#include <linux/cpumask.h>
#include <linux/minmax.h>
#include "bench.h"
#include "gang.h"
#include "ways.h"

#define TURNS		9	/* in a round */

/* One CPU allocates a batch; when it is done the other one frees it. */
static s64 hand(struct bench *bench, unsigned int loops, bench_fn fill_fn,
		bench_fn free_fn)
{
	s64 filled, freed;

	/* What is allocated must find its way back. */
	if (!cpu_online(1))
		return -ENODEV;
	filled = bench_gang_run(bench, loops, fill_fn, 0, 1, NULL);
	if (filled < 0)
		return filled;
	freed = bench_gang_run(bench, loops, free_fn, 1, 1, NULL);
	return freed < 0 ? freed : filled + freed;
}

static __always_inline s64 fill_only(struct bench *bench, unsigned int loops,
				     size_t size, alloc_way alloc,
				     free_way free)
{
	u64 start = ktime_get_ns();
	unsigned int i, filled = fill(bench, size, alloc);

	for (i = 0; i < filled; i++)
		write_word(bench->block[i], i);
	if (filled == loops)
		return ktime_get_ns() - start;
	while (filled)
		free(bench, bench->block[--filled], size);
	return -ENOMEM;
}

static __always_inline s64 free_only(struct bench *bench, unsigned int loops,
				     size_t size, alloc_way alloc,
				     free_way free)
{
	u64 start = ktime_get_ns();
	unsigned int i;

	for (i = 0; i < loops; i++)
		read_and_free(bench, bench->block[i], size, free);
	return ktime_get_ns() - start;
}

BENCH_SIDE(fill_ouro, fill_only, 64, alloc_ouro, free_ouro);
BENCH_SIDE(free_ouro, free_only, 64, alloc_ouro, free_ouro);
BENCH_SIDE(fill_cache, fill_only, 64, alloc_cache, free_cache);
BENCH_SIDE(free_cache, free_only, 64, alloc_cache, free_cache);

static s64 hand_ouro(struct bench *bench, unsigned int loops)
{
	return hand(bench, loops, side_fill_ouro, side_free_ouro);
}

static s64 hand_cache(struct bench *bench, unsigned int loops)
{
	return hand(bench, loops, side_fill_cache, side_free_cache);
}

BENCH_SIDE(loop, pairs, 64, alloc_nothing, free_nothing);
BENCH_SIDE(pair_ouro, pairs, 64, alloc_ouro, free_ouro);
BENCH_SIDE(pair_cache, pairs, 64, alloc_cache, free_cache);
BENCH_SIDE(batch_ouro, batch, 64, alloc_ouro, free_ouro);
BENCH_SIDE(batch_cache, batch, 64, alloc_cache, free_cache);

/*
 * A side again and again, all CPUs beginning at once; the first time does not
 * count.  An error is no reason to leave the others waiting.
 */
static __always_inline s64 steady(struct bench *bench, unsigned int loops,
				  bench_fn fn)
{
	struct bench_worker *worker = bench_worker(bench);
	s64 err = 0, turns[TURNS];
	unsigned int i;

	fn(bench, loops);
	for (i = 0; i < TURNS; i++) {
		bench_meet(worker);
		turns[i] = fn(bench, loops);
		err = min(err, turns[i]);
	}
	return err ?: bench_round_median(turns, TURNS);
}

/* The sides that run another one on one CPU and on all. */
#define ON_CPUS(fn)							\
static s64 fn##_steady(struct bench *bench, unsigned int loops)		\
{									\
	return steady(bench, loops, fn);				\
}									\
BENCH_ON(1, fn##_steady);						\
BENCH_ON(all, fn##_steady)

ON_CPUS(side_loop);
ON_CPUS(side_pair_ouro);
ON_CPUS(side_pair_cache);
ON_CPUS(side_batch_ouro);
ON_CPUS(side_batch_cache);

/*
 * Ouro and its peer on one CPU, then on all; and what the machine makes of a
 * loop that touches no memory: its CPUs may be halves of one core.
 */
const struct bench_case bench_cpus_cases[] = {
	{ "cpus-loop", 40000, { side_loop_steady_on_1, side_loop_steady_on_all } },
	{ "cpus-free", 4000, { side_pair_ouro_steady_on_1, side_pair_cache_steady_on_1,
			       side_pair_ouro_steady_on_all, side_pair_cache_steady_on_all } },
	{ "cpus-batch", BENCH_BATCH,
	  { side_batch_ouro_steady_on_1, side_batch_cache_steady_on_1,
	    side_batch_ouro_steady_on_all, side_batch_cache_steady_on_all } },
	{ "hand", BENCH_BATCH, { hand_ouro, hand_cache } },
	{ }
};
