// SPDX-License-Identifier: GPL-2.0
/*
 * What scans take: of a graph that lives, of one that does not, and of a few
 * young objects among many old ones.
 */
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "collect.h"

#define YOUNG	10000	/* objects */

/* Young objects in a vector make the pool young that the old ones' is in, too. */
enum { LOOSE, IN_VECTOR };

/* Sizes of one number's row. */
#define MIL	1000000

/* Until all is over, what falls afterwards included.  Nanoseconds or an error. */
s64 collect_scan(struct graph *graph, enum ouro_generation generation,
		 long *freed)
{
	u64 start = ktime_get_ns();

	*freed = ouro_heap_collect(graph->heap, generation);
	if (*freed < 0)
		return *freed;
	ouro_heap_flush(graph->heap);
	return ktime_get_ns() - start;
}

/*
 * Thousandths of a nanosecond for each of @count: at @column the median of the
 * rounds, the least after it.
 */
static int sum_up(s64 *samples, unsigned int rounds, u64 count,
		  struct bench_result *result, unsigned int column)
{
	int err = bench_round_keep(result, column, samples, rounds, count);

	result->value[column + 1] = div64_u64(1000 * samples[0], count);
	return err;
}

/*
 * What scans took beside the heap, and the most they should have taken: 4 bytes
 * a candidate; for each that is freed 16, and 8 for each of its edges.
 */
static void sum_up_memory(struct graph *graph, unsigned long candidates,
			  unsigned long freed, u64 *value)
{
	struct ouro_collector_stat stat;

	ouro_collector_stat(graph->heap, &stat);
	value[2] = stat.peak_bytes;
	value[3] = 4 * candidates + 16 * freed + 8 * graph_edges(graph, freed);
}

/* The first round is for practice. */
static int scan_live(const struct collect_case *which, struct graph *graph,
		     unsigned int rounds, s64 *samples)
{
	unsigned int i;
	long freed;
	s64 ns;
	int err;

	err = graph_fill(graph, which->objects);
	for (i = 0; i <= rounds && !err; i++) {
		ns = collect_scan(graph, OURO_OLD, &freed);
		if (ns < 0 || freed)
			return ns < 0 ? ns : -EBADE;
		if (i)
			samples[i - 1] = ns;
	}
	return err;
}

/* Value: as of sum_up() and sum_up_memory(). */
static int run_live(const struct collect_case *which, unsigned int rounds,
		    struct bench_result *result)
{
	s64 *samples = kcalloc(rounds, sizeof(*samples), GFP_KERNEL);
	struct graph graph;
	int err;

	if (!samples)
		return -ENOMEM;
	err = graph_create(&graph, "bench_live");
	if (err)
		goto free_samples;
	graph.shape = which->way;
	err = scan_live(which, &graph, rounds, samples);
	if (!err) {
		err = sum_up(samples, rounds, which->objects, result, 0);
		sum_up_memory(&graph, which->objects, 0, result->value);
	}
	graph_destroy(&graph);
free_samples:
	kfree(samples);
	return err;
}

/* Whether another scan finds nothing at all. */
static bool is_empty(struct graph *graph)
{
	struct ouro_collector_stat stat;

	if (ouro_heap_collect(graph->heap, OURO_OLD))
		return false;
	ouro_collector_stat(graph->heap, &stat);
	return !stat.last.visited;
}

/* Of a random graph what is in no cycle, nor behind one, goes with the root. */
static bool is_right(const struct graph *graph, size_t count, long freed)
{
	return graph->shape == GRAPH_RANDOM ? freed > 0 : freed == count;
}

/* What goes with the root is not counted, and nothing may be left of the rest. */
static int scan_garbage(const struct collect_case *which, struct graph *graph,
			unsigned int rounds, s64 *samples, long *freed)
{
	unsigned int i;
	int err;

	for (i = 0; i < rounds; i++) {
		err = graph_fill(graph, which->objects);
		if (err)
			return err;
		graph_drop(graph);
		samples[i] = collect_scan(graph, OURO_OLD, freed);
		if (samples[i] < 0)
			return samples[i];
		if (!is_right(graph, which->objects, *freed) ||
		    !is_empty(graph))
			return -EBADE;
	}
	return 0;
}

/* Value: as of sum_up() and sum_up_memory(). */
static int run_garbage(const struct collect_case *which, unsigned int rounds,
		       struct bench_result *result)
{
	s64 *samples = kcalloc(rounds, sizeof(*samples), GFP_KERNEL);
	struct graph graph;
	long freed;
	int err;

	if (!samples)
		return -ENOMEM;
	err = graph_create(&graph, "bench_garbage");
	if (err)
		goto free_samples;
	graph.shape = which->way;
	err = scan_garbage(which, &graph, rounds, samples, &freed);
	if (!err) {
		err = sum_up(samples, rounds, freed, result, 0);
		sum_up_memory(&graph, freed, freed, result->value);
	}
	graph_destroy(&graph);
free_samples:
	kfree(samples);
	return err;
}

/* ---- the young ones ---- */

/* A scan of live young objects, which are gone again when it returns. */
static s64 scan_young(struct graph *graph, bool loose)
{
	struct graph young = {
		.heap = graph->heap, .kind = graph->kind, .loose = loose,
	};
	long freed;
	s64 ns, err;

	err = graph_fill(&young, YOUNG);
	ns = err ?: collect_scan(&young, OURO_YOUNG, &freed);
	if (ns >= 0 && freed)
		ns = -EBADE;
	graph_drop(&young);
	err = collect_scan(&young, OURO_OLD, &freed);
	return err < 0 ? err : ns;
}

static int scan_both(struct graph *with, struct graph *without, bool loose,
		     unsigned int rounds, s64 *samples)
{
	unsigned int i;

	for (i = 0; i < rounds; i++) {
		samples[i] = scan_young(with, loose);
		if (samples[i] < 0)
			return samples[i];
		samples[rounds + i] = scan_young(without, loose);
		if (samples[rounds + i] < 0)
			return samples[rounds + i];
	}
	return 0;
}

/* Value: median and least for each young object, over old ones; then alone. */
static int run_young(const struct collect_case *which, unsigned int rounds,
		     struct bench_result *result)
{
	s64 *samples = kcalloc(rounds, 2 * sizeof(*samples), GFP_KERNEL);
	struct graph with, without;
	long freed;
	int err;

	if (!samples)
		return -ENOMEM;
	err = graph_create(&with, "bench_young_over_old");
	if (err)
		goto free_samples;
	err = graph_create(&without, "bench_young");
	if (err)
		goto destroy_with;
	err = graph_fill(&with, which->objects);
	if (!err)
		err = min_t(s64, 0, collect_scan(&with, OURO_OLD, &freed));
	if (!err)
		err = scan_both(&with, &without, which->way == LOOSE, rounds,
				samples);
	if (!err)
		err = sum_up(samples, rounds, YOUNG, result, 0) ?:
		      sum_up(samples + rounds, rounds, YOUNG, result, 2);
	graph_destroy(&without);
destroy_with:
	graph_destroy(&with);
free_samples:
	kfree(samples);
	return err;
}

/* Of all sizes, alive and dead. */
#define SCANS(name, shape)						\
	{ "live" name "-10k", MIL / 100, run_live, shape },		\
	{ "live" name "-100k", MIL / 10, run_live, shape },		\
	{ "live" name "-1m", MIL, run_live, shape },			\
	{ "live" name "-10m", 10 * MIL, run_live, shape },		\
	{ "garbage" name "-10k", MIL / 100, run_garbage, shape },	\
	{ "garbage" name "-100k", MIL / 10, run_garbage, shape },	\
	{ "garbage" name "-1m", MIL, run_garbage, shape },		\
	{ "garbage" name "-10m", 10 * MIL, run_garbage, shape }

const struct collect_case collect_scan_cases[] = {
	SCANS("", GRAPH_RANDOM),
	SCANS("-rings", GRAPH_RINGS),
	SCANS("-tree", GRAPH_TREE),
	SCANS("-chain", GRAPH_CHAIN),
	{ "young", 10 * MIL, run_young, LOOSE },
	{ "young-vector", 10 * MIL, run_young, IN_VECTOR },
	{ }
};

/* ---- all cases ---- */

static const struct collect_case *const tables[] = {
	collect_scan_cases, collect_mutate_cases, collect_wait_cases,
	collect_observe_cases,
};

static const struct collect_case *find_case(const char *name)
{
	const struct collect_case *which;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (which = tables[i]; which->name; which++)
			if (!strcmp(which->name, name))
				return which;
	return NULL;
}

/**
 * bench_collect_run() - measure a case that is about the collector
 * @name: of the case
 * @rounds: how often
 * @result: filled; what the values are is said at each case
 *
 * Return: 0, -ENOENT when there is no such case, or an error: -EBADE when a scan
 * freed what lived, or left what did not.
 */
int bench_collect_run(const char *name, unsigned int rounds,
		      struct bench_result *result)
{
	const struct collect_case *which = find_case(name);

	if (!which)
		return -ENOENT;
	result->name = which->name;
	return which->run(which, rounds, result);
}
