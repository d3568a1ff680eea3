// SPDX-License-Identifier: GPL-2.0
/*
 * The mix: blocks of the sizes that a real process had live, in random order.
 */
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include "bench.h"
#include "ways.h"

#define MIX_MAX		4000000	/* blocks */

/* Marsaglia's xorshift32: the same sequence on every machine. */
u32 bench_random(u32 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* Adds the blocks of one line, "size,count", up to @room of them. */
static int add_line(struct bench_mix *mix, const char *line, size_t room)
{
	unsigned int size, count;

	if (!*line || *line == '#' || !strcmp(line, "size_bytes,live_blocks"))
		return 0;
	if (sscanf(line, "%u,%u", &size, &count) != 2 || !size ||
	    size > U16_MAX || count > room - mix->count)
		return -EINVAL;
	mix->asked += (size_t)size * count;
	while (count--)
		mix->sizes[mix->count++] = size;
	return 0;
}

static void shuffle(struct bench_mix *mix)
{
	u32 state = 1;
	size_t i, j;

	for (i = mix->count - 1; i; i--) {
		j = bench_random(&state) % (i + 1);
		swap(mix->sizes[i], mix->sizes[j]);
	}
}

void bench_mix_exit(struct bench_mix *mix)
{
	vfree(mix->sizes);
	vfree(mix->blocks);
	memset(mix, 0, sizeof(*mix));
}

/**
 * bench_mix_write() - take in the sizes
 * @mix: to be filled
 * @text: lines of "size,count"; comments begin with "#"; is cut to pieces
 *
 * Return: 0 or an error; there are no sizes then.
 */
int bench_mix_write(struct bench_mix *mix, char *text)
{
	int err = -ENOMEM;
	char *line;

	bench_mix_exit(mix);
	mix->sizes = vmalloc(array_size(MIX_MAX, sizeof(*mix->sizes)));
	if (!mix->sizes)
		goto drop;
	while ((line = strsep(&text, "\n"))) {
		err = add_line(mix, line, MIX_MAX);
		if (err)
			goto drop;
	}
	err = -EINVAL;
	if (mix->count < BENCH_BATCH)
		goto drop;
	shuffle(mix);
	err = -ENOMEM;
	mix->blocks = vzalloc(array_size(mix->count, sizeof(*mix->blocks)));
	if (!mix->blocks)
		goto drop;
	return 0;
drop:
	bench_mix_exit(mix);
	return err;
}

/* Both fill functions are the same loop. */
int bench_mix_fill_ouro(struct bench_mix *mix, struct ouro_heap *heap)
{
	size_t i;

	for (i = 0; i < mix->count; i++) {
		mix->blocks[i] = ouro_alloc(heap, mix->sizes[i], GFP_KERNEL);
		if (unlikely(!mix->blocks[i]))
			return -ENOMEM;
		if (!(i % BENCH_BATCH))
			cond_resched();
	}
	return 0;
}

int bench_mix_fill_kmalloc(struct bench_mix *mix)
{
	size_t i;

	for (i = 0; i < mix->count; i++) {
		mix->blocks[i] = kmalloc(mix->sizes[i], GFP_KERNEL);
		if (unlikely(!mix->blocks[i]))
			return -ENOMEM;
		if (!(i % BENCH_BATCH))
			cond_resched();
	}
	return 0;
}

void bench_mix_drop_kmalloc(struct bench_mix *mix)
{
	size_t i;

	for (i = 0; i < mix->count; i++) {
		kfree(mix->blocks[i]);
		mix->blocks[i] = NULL;
		if (!(i % BENCH_BATCH))
			cond_resched();
	}
}

/* Of blocks that went with their heap. */
void bench_mix_forget(struct bench_mix *mix)
{
	memset(mix->blocks, 0, mix->count * sizeof(*mix->blocks));
}

/* One life of a heap: the time to fill it, or that to destroy it. */
static s64 life_ouro(struct bench_mix *mix, bool want_fill)
{
	struct ouro_heap *heap = ouro_heap_create("bench_mix", 0);
	u64 begin, filled, gone;
	int err;

	if (IS_ERR(heap))
		return PTR_ERR(heap);
	begin = ktime_get_ns();
	err = bench_mix_fill_ouro(mix, heap);
	filled = ktime_get_ns();
	ouro_heap_destroy(heap);
	gone = ktime_get_ns();
	bench_mix_forget(mix);
	return err ?: want_fill ? filled - begin : gone - filled;
}

static s64 life_kmalloc(struct bench_mix *mix, bool want_fill)
{
	u64 begin, filled, gone;
	int err;

	begin = ktime_get_ns();
	err = bench_mix_fill_kmalloc(mix);
	filled = ktime_get_ns();
	bench_mix_drop_kmalloc(mix);
	gone = ktime_get_ns();
	return err ?: want_fill ? filled - begin : gone - filled;
}

static s64 destroy_ouro(struct bench *bench, unsigned int loops)
{
	return bench->mix.count ? life_ouro(&bench->mix, false) : -ENODATA;
}

static s64 destroy_kmalloc(struct bench *bench, unsigned int loops)
{
	return bench->mix.count ? life_kmalloc(&bench->mix, false) : -ENODATA;
}

static s64 fill_ouro(struct bench *bench, unsigned int loops)
{
	return bench->mix.count ? life_ouro(&bench->mix, true) : -ENODATA;
}

static s64 fill_kmalloc(struct bench *bench, unsigned int loops)
{
	return bench->mix.count ? life_kmalloc(&bench->mix, true) : -ENODATA;
}

/* A multiplicative hash chooses which of the live blocks is replaced next. */
static __always_inline void **victim(struct bench *bench, u32 turn)
{
	BUILD_BUG_ON(BENCH_BATCH != 1 << 12);
	return &bench->block[(turn * 0x9e3779b1u) >> 20];
}

/* Both ways of free take NULL: the slots are empty at first. */
static __always_inline s64 replace(struct bench *bench, unsigned int loops,
				   alloc_way alloc, free_way free)
{
	const u16 *sizes = bench->mix.sizes;
	unsigned int i;
	void **slot;
	u64 start;

	if (bench->mix.count < loops)
		return -ENODATA;
	memset(bench->block, 0, BENCH_BATCH * sizeof(*bench->block));
	start = ktime_get_ns();
	for (i = 0; i < loops; i++) {
		slot = victim(bench, i);
		free(bench, *slot, sizes[i]);
		*slot = alloc(bench, sizes[i]);
	}
	start = ktime_get_ns() - start;
	for (i = 0; i < BENCH_BATCH; i++)
		free(bench, bench->block[i], 0);
	return start;
}

static s64 replace_ouro(struct bench *bench, unsigned int loops)
{
	return replace(bench, loops, alloc_ouro, free_ouro);
}

static s64 replace_kmalloc(struct bench *bench, unsigned int loops)
{
	return replace(bench, loops, alloc_kmalloc, free_kmalloc);
}

const struct bench_case bench_mix_cases[] = {
	{ "replace", 1 << 15, { replace_ouro, replace_kmalloc } },
	{ "destroy", 1, { destroy_ouro, destroy_kmalloc } },
	{ "fill", 1, { fill_ouro, fill_kmalloc } },
	{ }
};
