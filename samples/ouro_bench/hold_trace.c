// SPDX-License-Identifier: GPL-2.0
/*
 * The trace is held where most of it is live.
 */
#include <linux/err.h>
#include "bench.h"
#include "hold.h"

static struct ouro_heap *trace_heap;

static int heap_get(struct bench *bench, u64 *value)
{
	struct ouro_heap_stat stat;
	int err;

	trace_heap = ouro_heap_create("bench_trace", 0);
	if (IS_ERR(trace_heap))
		return PTR_ERR(trace_heap);
	err = bench_replay_fill_ouro(bench, trace_heap);
	ouro_heap_stat(trace_heap, &stat);
	value[0] = bench->trace.live;
	value[1] = bench->trace.asked;
	value[2] = stat.held;
	value[3] = stat.metadata;
	return err;
}

static void heap_put(struct bench *bench)
{
	ouro_heap_destroy(trace_heap);
	trace_heap = NULL;
	bench_replay_forget(bench);
}

static int kmalloc_get(struct bench *bench, u64 *value)
{
	return bench_replay_fill_kmalloc(bench);
}

const struct holding hold_trace_holdings[] = {
	{ "trace-ouro", heap_get, heap_put },
	{ "trace-kmalloc", kmalloc_get, bench_replay_drop_kmalloc },
	{ }
};
