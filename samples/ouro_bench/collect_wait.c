// SPDX-License-Identifier: GPL-2.0
/*
 * How long a scan keeps others from the CPU: a thread of highest priority sleeps
 * for moments, again and again, on the CPU where scans are made, and notes how
 * late it wakes up.  Where a nanosecond is one instruction this is the longest
 * stretch that cannot be preempted, what it takes to switch to the thread on top.
 */
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/delay.h>
#include <linux/sched.h>
#include <ouro/slot.h>
#include <ouro/vector.h>
#include "collect.h"

#define IDLE_MS		100
#define SLEEP_LEAST	4000	/* nanoseconds: no sleep is shorter, */
#define SLEEP_MORE	8192	/* or longer by more */

/**
 * struct sleeper - the thread
 * @task: it
 * @longest: nanoseconds that it woke up too late
 * @second: the longest but one
 * @sum: of all of them
 * @times: that it slept
 */
struct sleeper {
	struct task_struct *task;
	s64 longest;
	s64 second;
	s64 sum;
	u64 times;
};

static int sleeper_main(void *arg)
{
	struct sleeper *s = arg;
	u32 state = 1;
	ktime_t until;
	s64 late;

	sched_set_fifo(current);
	while (!kthread_should_stop()) {
		until = ktime_add_ns(ktime_get(), SLEEP_LEAST +
				     bench_random(&state) % SLEEP_MORE);
		set_current_state(TASK_UNINTERRUPTIBLE);
		schedule_hrtimeout(&until, HRTIMER_MODE_ABS);
		late = ktime_to_ns(ktime_sub(ktime_get(), until));
		s->second = max(s->second, min(s->longest, late));
		s->longest = max(s->longest, late);
		s->sum += late;
		s->times++;
	}
	return 0;
}

static int sleeper_start(struct sleeper *s)
{
	*s = (struct sleeper) { };
	s->task = kthread_create(sleeper_main, s, "bench_sleeper");
	if (IS_ERR(s->task))
		return PTR_ERR(s->task);
	kthread_bind(s->task, 0);
	wake_up_process(s->task);
	return 0;
}

/* ---- what goes on meanwhile ---- */

static int prepare_nothing(struct graph *graph, size_t count)
{
	return 0;
}

static int prepare_live(struct graph *graph, size_t count)
{
	return graph_fill(graph, count);
}

/*
 * Without a vector, whose pages would be given back during the scan: 6.1 frees a
 * thousand in one go, with interrupts off.
 */
static int prepare_garbage(struct graph *graph, size_t count)
{
	int err;

	graph->loose = true;
	err = graph_fill(graph, count);
	graph_drop(graph);
	return err;
}

/* Many times the same object, which holds the vector. */
static int fill_vector(struct graph *graph, struct graph_node *node,
		       size_t count)
{
	int err = 0;

	while (count-- && !err) {
		err = ouro_vector_append(graph->root, &node->object, GFP_KERNEL);
		cond_resched();
	}
	return err ?: ouro_slot_store(&node->left,
				      ouro_vector_object(graph->root));
}

static int prepare_vector(struct graph *graph, size_t count)
{
	struct graph_node *node = ouro_new(graph->kind, GFP_KERNEL);
	int err = -ENOMEM;

	graph->root = ouro_vector_new(graph->heap, count, GFP_KERNEL);
	if (node && graph->root)
		err = fill_vector(graph, node, count);
	if (node)
		ouro_put(&node->object);
	return err;
}

static int prepare_dead_vector(struct graph *graph, size_t count)
{
	int err = prepare_vector(graph, count);

	graph_drop(graph);
	return err;
}

enum { NOTHING, LIVE, GARBAGE, VECTOR, DEAD_VECTOR };

static int (*const prepare[])(struct graph *graph, size_t count) = {
	[NOTHING] = prepare_nothing,
	[LIVE] = prepare_live,
	[GARBAGE] = prepare_garbage,
	[VECTOR] = prepare_vector,
	[DEAD_VECTOR] = prepare_dead_vector,
};

static int scan_watched(struct graph *graph, struct sleeper *s)
{
	long freed;
	s64 ns = 0;
	int err;

	err = sleeper_start(s);
	if (err)
		return err;
	msleep(IDLE_MS);
	if (s->times && graph)
		ns = collect_scan(graph, OURO_OLD, &freed);
	kthread_stop(s->task);
	return min_t(s64, ns, 0);
}

static int run_round(const struct collect_case *which, struct sleeper *s)
{
	struct graph graph;
	int err;

	err = graph_create(&graph, "bench_wait");
	if (err)
		return err;
	err = prepare[which->way](&graph, which->objects);
	if (!err)
		err = scan_watched(which->way == NOTHING ? NULL : &graph, s);
	graph_destroy(&graph);
	return err;
}

/*
 * Value: the longest and the mean wait in nanoseconds; how often it slept; the
 * longest wait but one of a round.
 */
static int run_wait(const struct collect_case *which, unsigned int rounds,
		    struct bench_result *result)
{
	u64 *value = result->value;
	struct sleeper s;
	u64 sum = 0;
	int err = 0;

	while (rounds-- && !err) {
		err = run_round(which, &s);
		if (err)
			break;
		value[0] = max_t(u64, value[0], s.longest);
		value[2] += s.times;
		value[3] = max_t(u64, value[3], s.second);
		sum += s.sum;
	}
	value[1] = div64_u64(sum, value[2] ?: 1);
	return err;
}

/* The same once more for when the kernel was told to be preempted everywhere. */
const struct collect_case collect_wait_cases[] = {
	{ "wait-idle", 0, run_wait, NOTHING },
	{ "wait-live", 1000000, run_wait, LIVE },
	{ "wait-garbage", 1000000, run_wait, GARBAGE },
	{ "wait-vector", 1000000, run_wait, VECTOR },
	{ "wait-dead-vector", 1000000, run_wait, DEAD_VECTOR },
	{ "wait-idle-full", 0, run_wait, NOTHING },
	{ "wait-live-full", 1000000, run_wait, LIVE },
	{ "wait-garbage-full", 1000000, run_wait, GARBAGE },
	{ "wait-vector-full", 1000000, run_wait, VECTOR },
	{ "wait-dead-vector-full", 1000000, run_wait, DEAD_VECTOR },
	{ }
};
