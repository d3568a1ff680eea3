// SPDX-License-Identifier: GPL-2.0
/*
 * The mix is held, and what becomes of it: blocks are freed at random, replaced by
 * others, memory is trimmed.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <ouro/block.h>
#include "bench.h"
#include "hold.h"
#include "ways.h"

#define CHURN	10	/* blocks replaced for each of the mix */

static struct ouro_heap *mix_heap;

/* How many blocks are live, and what was asked for these. */
static void look(const struct bench_mix *mix, u64 *value)
{
	size_t i;

	value[0] = 0;
	value[1] = 0;
	for (i = 0; i < mix->count; i++) {
		if (!mix->blocks[i])
			continue;
		value[0]++;
		value[1] += mix->sizes[i];
	}
}

static void look_ouro(const struct bench_mix *mix, u64 *value)
{
	struct ouro_heap_stat stat;

	look(mix, value);
	ouro_heap_stat(mix_heap, &stat);
	value[2] = stat.held;
	value[3] = stat.metadata;
}

/* ---- what becomes of it ---- */

static __always_inline void **any_live(struct bench_mix *mix, u32 *state)
{
	void **slot;

	do {
		slot = &mix->blocks[mul_u64_u32_shr(mix->count,
						    bench_random(state), 32)];
	} while (!*slot);
	return slot;
}

/* Until @percent of the mix are left. */
static __always_inline void thin_out(struct bench *bench, unsigned int percent,
				     free_way free)
{
	struct bench_mix *mix = &bench->mix;
	u32 state = percent;
	u64 value[2];
	void **slot;

	look(mix, value);
	while (value[0] > mix->count * percent / 100) {
		slot = any_live(mix, &state);
		free(bench, *slot, 0);
		*slot = NULL;
		if (--value[0] % BENCH_BATCH == 0)
			cond_resched();
	}
}

/*
 * Any block is freed, then the next is allocated of those that are not there: so
 * what is live is a random part of the mix all the time, and always as much.
 */
static __always_inline int churn(struct bench *bench, alloc_way alloc,
				 free_way free)
{
	struct bench_mix *mix = &bench->mix;
	size_t i, next = 0;
	u32 state = 1;
	void **slot;

	for (i = 0; i < CHURN * mix->count; i++) {
		slot = any_live(mix, &state);
		free(bench, *slot, 0);
		*slot = NULL;
		while (mix->blocks[next])
			next = (next + 1) % mix->count;
		mix->blocks[next] = alloc(bench, mix->sizes[next]);
		if (unlikely(!mix->blocks[next]))
			return -ENOMEM;
		if (i % BENCH_BATCH == 0)
			cond_resched();
	}
	return 0;
}

/* ---- in a heap ---- */

static int heap_get(struct bench *bench, u64 *value)
{
	int err;

	if (!bench->mix.count)
		return -ENODATA;
	mix_heap = ouro_heap_create("bench_mix", 0);
	if (IS_ERR(mix_heap))
		return PTR_ERR(mix_heap);
	err = bench_mix_fill_ouro(&bench->mix, mix_heap);
	look_ouro(&bench->mix, value);
	return err;
}

static void heap_put(struct bench *bench)
{
	ouro_heap_destroy(mix_heap);
	mix_heap = NULL;
	bench_mix_forget(&bench->mix);
}

static int heap_half_get(struct bench *bench, u64 *value)
{
	thin_out(bench, 50, free_ouro);
	look_ouro(&bench->mix, value);
	return 0;
}

static int heap_tenth_get(struct bench *bench, u64 *value)
{
	thin_out(bench, 10, free_ouro);
	look_ouro(&bench->mix, value);
	return 0;
}

static int heap_churned_get(struct bench *bench, u64 *value)
{
	struct bench own = *bench;
	int err;

	own.heap = mix_heap;
	err = churn(&own, alloc_ouro, free_ouro);
	look_ouro(&bench->mix, value);
	return err;
}

static int heap_trimmed_get(struct bench *bench, u64 *value)
{
	ouro_heap_trim(mix_heap);
	look_ouro(&bench->mix, value);
	return 0;
}

/* ---- by kmalloc ---- */

static int kmalloc_get(struct bench *bench, u64 *value)
{
	int err = bench->mix.count ? bench_mix_fill_kmalloc(&bench->mix) :
				     -ENODATA;

	look(&bench->mix, value);
	return err;
}

static void kmalloc_put(struct bench *bench)
{
	bench_mix_drop_kmalloc(&bench->mix);
}

static int kmalloc_half_get(struct bench *bench, u64 *value)
{
	thin_out(bench, 50, free_kmalloc);
	look(&bench->mix, value);
	return 0;
}

static int kmalloc_tenth_get(struct bench *bench, u64 *value)
{
	thin_out(bench, 10, free_kmalloc);
	look(&bench->mix, value);
	return 0;
}

static int kmalloc_churned_get(struct bench *bench, u64 *value)
{
	int err = churn(bench, alloc_kmalloc, free_kmalloc);

	look(&bench->mix, value);
	return err;
}

/* Nobody but the superuser can: bench.sh has done it. */
static int kmalloc_trimmed_get(struct bench *bench, u64 *value)
{
	look(&bench->mix, value);
	return 0;
}

#define MIX(name, who)						\
	{ "mix-" #name, who##_get, who##_put },				\
	{ "mix-" #name "-half", who##_half_get, who##_put,		\
	  "mix-" #name },						\
	{ "mix-" #name "-churned", who##_churned_get, who##_put,		\
	  "mix-" #name "-half" },					\
	{ "mix-" #name "-tenth", who##_tenth_get, who##_put,		\
	  "mix-" #name "-half" },					\
	{ "mix-" #name "-trimmed", who##_trimmed_get, who##_put,		\
	  "mix-" #name "-tenth" }

const struct holding hold_mix_holdings[] = {
	MIX(ouro, heap),
	MIX(kmalloc, kmalloc),
	{ }
};
