// SPDX-License-Identifier: GPL-2.0
/*
 * What one CPU does to objects while another scans them back to back, beside
 * what it does when nobody scans.
 */
#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <ouro/slot.h>
#include <ouro/vector.h>
#include "collect.h"

#define LOOPS	4000000	/* of the mutator in a round: as long as some scans */
#define STEP	1024	/* loops until others get the CPU */

enum { SCANNER_CPU, MUTATOR_CPU };

/**
 * struct mutator - changes objects
 * @work: run on MUTATOR_CPU
 * @graph: the objects are in
 * @nodes: some of them, held by the graph's root
 * @count: of @nodes
 * @state: of random numbers
 * @ns: how long it took, or an error
 */
struct mutator {
	struct work_struct work;
	struct graph *graph;
	struct graph_node **nodes;
	size_t count;
	u32 state;
	s64 ns;
};

/**
 * struct scanner - scans until it is stopped
 * @work: run on SCANNER_CPU
 * @graph: what is scanned
 * @begun: when it is about to
 * @stop: set by who wants it to end
 * @err: or 0
 */
struct scanner {
	struct work_struct work;
	struct graph *graph;
	struct completion begun;
	bool stop;
	int err;
};

/* One of each: get and put, store, new and put. */
static __always_inline int mutate_once(struct mutator *m)
{
	u32 random = bench_random(&m->state);
	struct graph_node *node, *other;
	struct ouro_object *object;

	node = m->nodes[mul_u64_u32_shr(m->count, random, 32)];
	other = m->nodes[mul_u64_u32_shr(m->count, ~random, 32)];
	object = ouro_get(&other->object);
	OPTIMIZER_HIDE_VAR(object);
	ouro_slot_store(&node->left, object);
	ouro_put(object);
	object = ouro_new(m->graph->kind, GFP_KERNEL);
	OPTIMIZER_HIDE_VAR(object);
	ouro_put(object);
	return object ? 0 : -ENOMEM;
}

static void mutator_work(struct work_struct *work)
{
	struct mutator *m = container_of(work, struct mutator, work);
	u64 start = ktime_get_ns();
	unsigned int i;
	int err = 0;

	for (i = 0; i < LOOPS && !err; i++) {
		err = mutate_once(m);
		if (i % STEP == 0)
			cond_resched();
	}
	m->ns = err ?: ktime_get_ns() - start;
}

static s64 mutate(struct mutator *m)
{
	schedule_work_on(MUTATOR_CPU, &m->work);
	flush_work(&m->work);
	return m->ns;
}

static void scanner_work(struct work_struct *work)
{
	struct scanner *s = container_of(work, struct scanner, work);
	long freed = 0;

	complete(&s->begun);
	while (freed >= 0 && !READ_ONCE(s->stop)) {
		freed = ouro_heap_collect(s->graph->heap, OURO_OLD);
		cond_resched();
	}
	s->err = freed < 0 ? freed : 0;
}

/* A round of the mutator while scans are made. */
static s64 mutate_beside(struct mutator *m)
{
	struct scanner s = { .graph = m->graph };
	s64 ns;

	INIT_WORK_ONSTACK(&s.work, scanner_work);
	init_completion(&s.begun);
	schedule_work_on(SCANNER_CPU, &s.work);
	wait_for_completion(&s.begun);
	ns = mutate(m);
	WRITE_ONCE(s.stop, true);
	flush_work(&s.work);
	destroy_work_on_stack(&s.work);
	return s.err ?: ns;
}

/* Thousandths of the throughput that is left; turn by turn the one comes first. */
static s64 compare_once(struct mutator *m, bool beside_first, s64 *alone)
{
	s64 beside = beside_first ? mutate_beside(m) : 0;

	*alone = mutate(m);
	if (!beside_first)
		beside = mutate_beside(m);
	if (beside <= 0 || *alone < 0)
		return beside < 0 ? beside : *alone;
	return div64_s64(1000 * *alone, beside);
}

static int compare(struct mutator *m, unsigned int rounds, s64 *ratio,
		   s64 *alone)
{
	unsigned int i;

	/* Twice the first time, for practice. */
	for (i = 0; i <= rounds; i++) {
		s64 value = compare_once(m, i % 2, &alone[i ? i - 1 : 0]);

		if (value < 0)
			return value;
		ratio[i ? i - 1 : 0] = value;
	}
	return 0;
}

/* Evenly from everywhere in the graph. */
static void pick_nodes(struct mutator *m)
{
	size_t i, step = ouro_vector_length(m->graph->root) / m->count;
	struct ouro_object *object;

	for (i = 0; i < m->count; i++) {
		object = ouro_vector_load(m->graph->root, i * step);
		m->nodes[i] = (struct graph_node *)object;
		ouro_put(object);	/* the root holds it */
		if (i % STEP == 0)
			cond_resched();
	}
}

static int run_in(struct graph *graph, const struct collect_case *which,
		  unsigned int rounds, struct bench_result *result)
{
	u64 *value = result->value;
	struct mutator m = { .graph = graph, .count = which->way, .state = 1 };
	s64 *ratio = kcalloc(rounds, 2 * sizeof(*ratio), GFP_KERNEL);
	s64 *alone = ratio + rounds;
	int err = -ENOMEM;

	INIT_WORK_ONSTACK(&m.work, mutator_work);
	m.nodes = kvcalloc(m.count, sizeof(*m.nodes), GFP_KERNEL);
	if (ratio && m.nodes)
		err = graph_fill(graph, which->objects);
	if (!err) {
		pick_nodes(&m);
		err = compare(&m, rounds, ratio, alone);
	}
	if (!err)
		err = bench_round_keep(result, 0, ratio, rounds, 1000) ?:
		      bench_round_keep(result, 3, alone, rounds, LOOPS);
	if (!err) {
		value[1] = ratio[rounds / 4];
		value[2] = ratio[rounds - 1 - rounds / 4];
		value[3] = div_u64(1000 * bench_round_median(alone, rounds),
				   LOOPS);
	}
	kvfree(m.nodes);
	kfree(ratio);
	destroy_work_on_stack(&m.work);
	return err;
}

/*
 * Value: thousandths of the throughput that are left beside scans, the median and
 * what half of the rounds lies between; thousandths of a nanosecond that a loop
 * takes without scans.
 */
static int run_mutate(const struct collect_case *which, unsigned int rounds,
		      struct bench_result *result)
{
	struct graph graph;
	int err;

	if (!cpu_online(MUTATOR_CPU))
		return -ENODEV;
	err = graph_create(&graph, "bench_mutate");
	if (err)
		return err;
	err = run_in(&graph, which, rounds, result);
	graph_destroy(&graph);
	return err;
}

const struct collect_case collect_mutate_cases[] = {
	{ "mutate", 1000000, run_mutate, 4096 },
	{ "mutate-all", 1000000, run_mutate, 1000000 },
	{ }
};
