// SPDX-License-Identifier: GPL-2.0
/*
 * The trace replayed: the operations of a whole kernel, in the order in which
 * it did them, whatever CPU that was on.
 */
#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "bench.h"
#include "gang.h"
#include "ways.h"

#define LOOPS		1000000	/* that a replay's time is scaled to */

static __always_inline void *zalloc_kmalloc(struct bench *bench, size_t size)
{
	return kzalloc(size, GFP_KERNEL);
}

/* Memory that may be written to, and nothing done for it. */
static __always_inline void *alloc_same(struct bench *bench, size_t size)
{
	return bench->block;
}

/* False: there was no memory; what frees it later finds NULL. */
static __always_inline bool replay_op(struct bench *bench,
				      const struct bench_trace_op *op,
				      void **blocks, alloc_way alloc,
				      alloc_way zalloc, free_way free)
{
	u32 what = le32_to_cpu(op->what), size = le32_to_cpu(op->size);
	void **block = &blocks[what & TRACE_SLOT];

	if (what & TRACE_FREE) {
		free(bench, *block, 0);
		*block = NULL;
		return true;
	}
	*block = what & TRACE_ZEROED ? zalloc(bench, size) : alloc(bench, size);
	if (unlikely(!*block))
		return false;
	WRITE_ONCE(*(u8 *)*block, what);	/* as its owner would */
	return true;
}

static __always_inline int replay_ops(struct bench *bench, u32 count,
				      void **blocks, alloc_way alloc,
				      alloc_way zalloc, free_way free)
{
	const struct bench_trace_op *ops = bench->trace.ops;
	bool failed = false;
	u32 i;

	for (i = 0; i < count; i++) {
		failed |= !replay_op(bench, &ops[i], blocks, alloc, zalloc,
				     free);
		if (!(i % BENCH_BATCH))
			cond_resched();
	}
	return failed ? -ENOMEM : 0;
}

static __always_inline void free_all(struct bench *bench, void **blocks,
				     free_way free)
{
	u32 i;

	for (i = 0; i < bench->trace.slots; i++) {
		free(bench, blocks[i], 0);
		blocks[i] = NULL;
		if (!(i % BENCH_BATCH))
			cond_resched();
	}
}

/* Each CPU has its own slots. */
static __always_inline s64 replay(struct bench *bench, unsigned int loops,
				  alloc_way alloc, alloc_way zalloc,
				  free_way free)
{
	const struct bench_trace *trace = &bench->trace;
	void **blocks = trace->blocks + bench_worker(bench)->id * trace->slots;
	u64 start, ns;
	int err;

	if (!trace->count)
		return -ENODATA;
	start = ktime_get_ns();
	err = replay_ops(bench, trace->count, blocks, alloc, zalloc, free);
	ns = ktime_get_ns() - start;
	free_all(bench, blocks, free);
	return err ?: div_u64(ns * loops, trace->count);
}

/* What each worker does, and one or two of them. */
#define REPLAY(way, ...)						\
static s64 replay_##way(struct bench *bench, unsigned int loops)	\
{									\
	return replay(bench, loops, __VA_ARGS__);			\
}									\
BENCH_ON(1, replay_##way);						\
BENCH_ON(all, replay_##way)

REPLAY(ouro, alloc_ouro, zalloc_ouro, free_ouro);
REPLAY(kmalloc, alloc_kmalloc, zalloc_kmalloc, free_kmalloc);
REPLAY(nothing, alloc_same, alloc_same, free_nothing);

/* The third side is the walk alone. */
const struct bench_case bench_replay_cases[] = {
	{ "replay", LOOPS, { replay_ouro_on_1, replay_kmalloc_on_1,
			     replay_nothing_on_1 } },
	{ "cpus-replay", LOOPS, { replay_ouro_on_all, replay_kmalloc_on_all,
				  replay_nothing_on_all } },
	{ }
};

/* Up to where most bytes are live, in @heap. */
int bench_replay_fill_ouro(struct bench *bench, struct ouro_heap *heap)
{
	const struct bench_trace *trace = &bench->trace;
	struct bench there = *bench;

	if (!trace->count)
		return -ENODATA;
	there.heap = heap;
	return replay_ops(&there, trace->peak, trace->blocks, alloc_ouro,
			  zalloc_ouro, free_ouro);
}

int bench_replay_fill_kmalloc(struct bench *bench)
{
	const struct bench_trace *trace = &bench->trace;

	if (!trace->count)
		return -ENODATA;
	return replay_ops(bench, trace->peak, trace->blocks, alloc_kmalloc,
			  zalloc_kmalloc, free_kmalloc);
}

void bench_replay_drop_kmalloc(struct bench *bench)
{
	free_all(bench, bench->trace.blocks, free_kmalloc);
}

/* Of blocks that went with their heap. */
void bench_replay_forget(struct bench *bench)
{
	memset(bench->trace.blocks, 0,
	       array_size(bench->trace.slots, sizeof(void *)));
}
