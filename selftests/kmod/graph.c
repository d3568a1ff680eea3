// SPDX-License-Identifier: GPL-2.0
/*
 * The collector under stress: one graph, changed by all CPUs and interrupts
 * while scans of it run back to back.
 */
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <ouro/collect.h>
#include "compat.h"
#include "graph.h"

#define BATCH		32	/* operations until others may have their turn */
#define CROWD		3000	/* objects that are too many */
#define SCANS_LEAST	2	/* in a case */
#define LATE_SECONDS	20	/* that it has for these, at most */
#define CHECK_MS	250	/* between two looks at the shadow graph */

struct graph graph;

/* ---- scans ---- */

static struct completion scans_done;

/* Of those kinds that tell of their end: all but one. */
static bool is_crowded(void)
{
	unsigned int i;
	long live = 0;

	for (i = 0; i < GRAPH_KINDS; i++)
		live += atomic_long_read(&graph.live[i]);
	return live > CROWD;
}

/* At times scans leave alone what is there. */
static void freeze(unsigned int turn)
{
	if (!graph.play->freezes)
		return;
	if (turn % 64 == 32)
		GRAPH_CHECK(!ouro_heap_freeze(graph.heap), turn);
	else if (turn % 64 == 40)
		GRAPH_CHECK(!ouro_heap_unfreeze(graph.heap), turn);
}

/* A few objects that live long would be old, and looked at seldom. */
static enum ouro_generation generation(unsigned int turn)
{
	return (turn % 4 == 0) == !graph.play->actors ? OURO_OLD : OURO_YOUNG;
}

static int collector_thread(void *unused)
{
	unsigned int turn = 0;
	long freed;

	while (!graph_is_over()) {
		freed = ouro_heap_collect(graph.heap, generation(++turn));
		if (!GRAPH_CHECK(freed >= 0, -freed))
			break;
		WRITE_ONCE(graph.freed, graph.freed + freed);
		WRITE_ONCE(graph.scans, graph.scans + 1);
		WRITE_ONCE(graph.crowded, is_crowded());
		freeze(turn);
		cond_resched();
	}
	if (graph.play->freezes)
		GRAPH_CHECK(!ouro_heap_unfreeze(graph.heap), turn);
	kthread_complete_and_exit(&scans_done, 0);
}

/* ---- actors ---- */

static enum hrtimer_restart tick(struct hrtimer *timer)
{
	struct graph_actor *a = container_of(timer, struct graph_actor, timer);

	test_hardirq();
	if (!graph_is_over())
		graph.play->act(a);
	hrtimer_forward_now(timer, ns_to_ktime(20000 +
				test_random(&a->random) % 100000));
	return HRTIMER_RESTART;
}

static void act(struct graph_actor *a)
{
	unsigned long flags;
	unsigned int i;

	down_read(&graph.gate);
	for (i = 0; i < BATCH && !graph_is_over(); i++) {
		flags = graph_lock();
		graph.play->act(a);
		graph_unlock(flags);
	}
	up_read(&graph.gate);
}

static int actor_thread(void *data)
{
	struct graph_actor *a = data, *irq = a + GRAPH_ACTORS;

	if (graph.play->interrupts)
		hrtimer_start(&irq->timer, ns_to_ktime(50000),
			      HRTIMER_MODE_REL_PINNED_HARD);
	while (!graph_is_over()) {
		act(a);
		cond_resched();
	}
	if (graph.play->interrupts)
		hrtimer_cancel(&irq->timer);
	kthread_complete_and_exit(&a->done, 0);
}

static void actor_init(struct graph_actor *a, unsigned int id)
{
	a->id = id;
	a->hard = id >= GRAPH_ACTORS;
	a->random = graph_seed * 7919 + id + 1;
	init_completion(&a->done);
	hrtimer_setup(&a->timer, tick, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_HARD);
}

/* ---- a case ---- */

static bool start(int (*fn)(void *arg), void *arg, unsigned int cpu)
{
	struct task_struct *task = kthread_create(fn, arg, "ouro_graph/%u",
						  cpu);

	if (!EXPECT(graph.t, !IS_ERR(task)))
		return false;
	set_cpus_allowed_ptr(task, cpumask_of(cpu));
	wake_up_process(task);
	return true;
}

/* How many actors were started. */
static unsigned int actors_start(void)
{
	unsigned int cpu, i, n, count = graph.play->actors;

	for (i = 0; i < ARRAY_SIZE(graph.actor); i++)
		actor_init(&graph.actor[i], i);
	cpus_read_lock();
	if (!count)
		count = min(num_online_cpus(), (unsigned int)GRAPH_ACTORS);
	cpu = cpumask_first(cpu_online_mask);
	for (n = 0; n < count; n++) {
		if (!start(actor_thread, &graph.actor[n], cpu))
			break;
		cpu = cpumask_next(cpu, cpu_online_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_online_mask);
	}
	cpus_read_unlock();
	return n;
}

/* What the case is about. */
static bool has_happened(void)
{
	const struct graph_play *play = graph.play;

	return READ_ONCE(graph.scans) >= SCANS_LEAST &&
	       (!play->freed || READ_ONCE(graph.freed)) &&
	       (!play->revived || atomic_long_read(&graph.revived)) &&
	       (!play->vanished || atomic_long_read(&graph.vanished)) &&
	       (!play->rescued || atomic_long_read(&graph.rescued));
}

/* On a machine that is slow, or busy, a case lasts until there is something to tell. */
static bool is_enough(void)
{
	return time_after_eq(jiffies, graph.end) &&
	       (has_happened() ||
		time_after(jiffies, graph.end + LATE_SECONDS * HZ));
}

static void wait_for_end(void)
{
	while (!graph_is_over() && !is_enough()) {
		msleep(CHECK_MS);
		graph_shadow_check();
	}
	WRITE_ONCE(graph.over, true);
}

static void run_all(void)
{
	unsigned int i, n;
	bool scanning;

	init_completion(&scans_done);
	graph_delay_begin();
	n = actors_start();
	scanning = start(collector_thread, NULL,
			 cpumask_last(cpu_online_mask));
	wait_for_end();
	for (i = 0; i < n; i++)
		wait_for_completion(&graph.actor[i].done);
	if (scanning)
		wait_for_completion(&scans_done);
	graph_delay_end();
}

static void report(void)
{
	unsigned long ops = 0, interrupts = 0;
	unsigned int i;

	for (i = 0; i < GRAPH_ACTORS; i++) {
		ops += graph.actor[i].ops;
		interrupts += graph.actor[GRAPH_ACTORS + i].ops;
	}
	test_note(graph.t, "%lu operations, %lu of interrupts; %lu scans freed %lu",
		  ops, interrupts, graph.scans, graph.freed);
	test_note(graph.t, "%ld upgrades, %ld in vain, %ld rescued",
		  atomic_long_read(&graph.revived),
		  atomic_long_read(&graph.vanished),
		  atomic_long_read(&graph.rescued));
	if (graph.failed)
		return;
	EXPECT_GE(graph.t, ops, 100);
	EXPECT(graph.t, has_happened());
	if (graph.play->interrupts)
		EXPECT_GE(graph.t, interrupts, 10);
}

static bool prepare(struct ouro_test *t, const struct graph_play *play)
{
	unsigned int i, seconds = max(test_stress_seconds() / play->share, 1U);

	memset(&graph, 0, sizeof(graph));
	graph.t = t;
	graph.play = play;
	init_rwsem(&graph.gate);
	for (i = 0; i < GRAPH_NAMES; i++)
		raw_spin_lock_init(&graph.name[i].lock);
	t->deadline += seconds * HZ;
	graph.end = jiffies + seconds * HZ;
	graph.heap = test_heap(t);
	return graph.heap && EXPECT_EQ(t, graph_register(), 0) &&
	       EXPECT_EQ(t, graph_shadow_init(), 0);
}

static void graph_run(struct ouro_test *t, const struct graph_play *play)
{
	if (!prepare(t, play))
		return;
	run_all();
	report();
	graph_finish();
	graph_shadow_exit();
}

#define PLAY(name)							\
static void name(struct ouro_test *t)					\
{									\
	graph_run(t, &name##_play);					\
}

static const struct graph_play all_play = {
	.act = graph_act, .interrupts = true, .freed = true, .revived = true,
	.vanished = true, .rescued = true, .freezes = true, .share = 1,
};

PLAY(all)

static const struct graph_play clear_play = {
	.act = graph_scene_clear, .actors = 1, .share = 4,
};

PLAY(clear)

static const struct graph_play shuttle_play = {
	.act = graph_scene_shuttle, .actors = 1, .share = 4,
};

PLAY(shuttle)

static const struct graph_play pair_play = {
	.act = graph_scene_pair, .actors = 1, .freed = true, .revived = true,
	.vanished = true, .share = 4,
};

PLAY(pair)

static const struct graph_play recycle_play = {
	.act = graph_scene_recycle, .actors = 1, .freed = true,
	.revived = true, .share = 4,
};

PLAY(recycle)

static const struct graph_play keys_play = {
	.act = graph_scene_keys, .actors = 1, .freed = true, .revived = true,
	.vanished = true, .share = 4,
};

PLAY(keys)

static const struct graph_play vector_play = {
	.act = graph_scene_vector, .actors = 1, .share = 4,
};

PLAY(vector)

static const struct graph_play vectors_play = {
	.act = graph_scene_vectors, .actors = 2, .share = 4,
};

PLAY(vectors)

/* One operation at a time, each with what it does in the shadow graph. */
static void sample(struct ouro_test *t)
{
	static const struct graph_play play = {
		.act = graph_act,
		.shadowed = true,
		.freed = true,
		.revived = true,
		.vanished = true,
		.rescued = true,
		.share = 1,
	};

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		SKIP(t, "callbacks come under the lock of the shadow graph");
	else
		graph_run(t, &play);
}

static const struct ouro_case graph_cases[] = {
	EACH_KIND(all),
	{ "sample", sample },
	{ "sample_debug", sample, OURO_HEAP_DEBUG, .full = true },
	{ "clear", clear },
	{ "shuttle", shuttle },
	{ "pair", pair },
	{ "recycle", recycle },
	{ "keys", keys },
	{ "vector", vector },
	{ "vectors", vectors },
	{ "inspect", graph_inspect },
};

OURO_SUITE("graph", graph_cases);
