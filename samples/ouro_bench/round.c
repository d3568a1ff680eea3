// SPDX-License-Identifier: GPL-2.0
/*
 * Rounds: every side of a case in turn, many times, and the median of each, so
 * that what disturbs the machine meanwhile disturbs all sides alike; in every other
 * round the last side first, for what one leaves to the next.
 */
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include "bench.h"

#define WARM_ROUNDS	2	/* not counted */

static int compare(const void *a, const void *b)
{
	const s64 x = *(const s64 *)a, y = *(const s64 *)b;

	return x < y ? -1 : x > y;
}

/* The median of samples, which are sorted by it. */
s64 bench_round_median(s64 *samples, unsigned int count)
{
	sort(samples, count, sizeof(*samples), compare, NULL);
	return samples[count / 2];
}

/**
 * bench_round_keep() - note what each round took, and the median
 * @result: where
 * @column: which of its values
 * @samples: nanoseconds of each round; sorted then
 * @rounds: how many
 * @loops: in each
 *
 * Return: 0 or an error.
 */
int bench_round_keep(struct bench_result *result, unsigned int column,
		     s64 *samples, unsigned int rounds, u64 loops)
{
	u64 *kept = kvcalloc(rounds, sizeof(*kept), GFP_KERNEL);
	unsigned int i;

	if (!kept)
		return -ENOMEM;
	for (i = 0; i < rounds; i++)
		kept[i] = div64_u64(1000 * samples[i], loops);
	result->value[column] =
		div64_u64(1000 * bench_round_median(samples, rounds), loops);
	result->sample[column] = kept;
	result->rounds = rounds;
	return 0;
}

void bench_round_forget(struct bench_result *result)
{
	unsigned int column;

	for (column = 0; column < BENCH_SIDES; column++) {
		kvfree(result->sample[column]);
		result->sample[column] = NULL;
	}
}

static int run_side(struct bench *bench, const struct bench_case *which,
		    unsigned int side, s64 *sample)
{
	s64 ns;

	if (!which->side[side])
		return 0;
	ns = which->side[side](bench, which->loops);
	cond_resched();
	if (ns < 0)
		return ns;
	*sample = ns;
	return 0;
}

static int run_rounds(struct bench *bench, const struct bench_case *which,
		      unsigned int rounds, unsigned int warm, s64 *samples)
{
	unsigned int i, n, round, side;
	s64 unused;
	int err;

	for (i = 0; i < warm + rounds; i++) {
		round = i - warm;
		for (n = 0; n < BENCH_SIDES; n++) {
			side = i % 2 ? BENCH_SIDES - 1 - n : n;
			err = run_side(bench, which, side, i < warm ? &unused :
				       &samples[side * rounds + round]);
			if (err)
				return err;
		}
	}
	return 0;
}

static int sum_up(const struct bench_case *which, unsigned int rounds,
		  s64 *samples, struct bench_result *result)
{
	unsigned int side;
	int err;

	for (side = 0; side < BENCH_SIDES; side++, samples += rounds) {
		if (!which->side[side])
			continue;
		err = bench_round_keep(result, side, samples, rounds,
				       which->loops);
		if (err)
			return err;
	}
	return 0;
}

/**
 * bench_round_run() - measure a case
 * @bench: what it works on
 * @which: the case
 * @rounds: how often; a single one goes without warming up
 * @result: filled
 *
 * Return: 0 or an error.
 */
int bench_round_run(struct bench *bench, const struct bench_case *which,
		    unsigned int rounds, struct bench_result *result)
{
	unsigned int warm = rounds > 1 ? WARM_ROUNDS : 0;
	s64 *samples;
	int err;

	samples = kcalloc(rounds, BENCH_SIDES * sizeof(*samples), GFP_KERNEL);
	if (!samples)
		return -ENOMEM;
	err = run_rounds(bench, which, rounds, warm, samples);
	if (!err)
		err = sum_up(which, rounds, samples, result);
	result->name = which->name;
	kfree(samples);
	return err;
}
