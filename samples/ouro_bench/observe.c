// SPDX-License-Identifier: GPL-2.0
/*
 * What one CPU allocates and frees while another reads the heap's files, beside
 * what it does when nobody reads.
 */
#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <ouro/block.h>
#include "collect.h"

#define LOOPS		3000000	/* of the mutator in a round */
#define STEP		1024	/* loops until others get the CPU */
#define PAGE_OF_FILE	4096	/* bytes of a read() */
#define FILES		"/sys/kernel/debug/ouro/bench_observe/"

enum { READER_CPU, MUTATOR_CPU };

enum { BY_CALL, STAT_FILE, AUDIT_FILE };

/* A way: what is read, and how often a second; 0: without a pause. */
#define WAY(what, rate)	((what) | (rate) << 2)
#define WAY_WHAT(way)	((way) & 3)
#define WAY_RATE(way)	((way) >> 2)

/**
 * struct observed - a heap that is used and read
 * @work: what uses it, run on MUTATOR_CPU
 * @done: when that is over
 * @graph: the heap's
 * @way: how it is read
 * @to: memory of this process, for what files say
 * @ns: how long the mutator took, or an error
 * @reads: so far
 * @read_ns: the time that they were made in
 */
struct observed {
	struct work_struct work;
	struct completion done;
	struct graph *graph;
	unsigned int way;
	unsigned long to;
	s64 ns;
	u64 reads;
	u64 read_ns;
};

static void mutator_work(struct work_struct *work)
{
	struct observed *o = container_of(work, struct observed, work);
	u64 start = ktime_get_ns();
	void *block = o;
	unsigned int i;

	for (i = 0; i < LOOPS && block; i++) {
		block = ouro_alloc(o->graph->heap, 64, GFP_KERNEL);
		OPTIMIZER_HIDE_VAR(block);
		ouro_free(block);
		if (i % STEP == 0)
			cond_resched();
	}
	o->ns = block ? ktime_get_ns() - start : -ENOMEM;
	complete(&o->done);
}

/* Audits are made when the file is opened. */
static int read_file(struct observed *o, const char *path)
{
	struct file *file = filp_open(path, O_RDONLY, 0);
	loff_t pos = 0;
	ssize_t got;

	if (IS_ERR(file))
		return PTR_ERR(file);
	got = file->f_op->read(file, (char __user *)o->to, PAGE_OF_FILE, &pos);
	filp_close(file, NULL);
	return got < 0 ? got : 0;
}

static int read_once(struct observed *o)
{
	struct ouro_heap_stat stat;

	switch (WAY_WHAT(o->way)) {
	case STAT_FILE:
		return read_file(o, FILES "stat");
	case AUDIT_FILE:
		return read_file(o, FILES "audit");
	default:
		ouro_heap_stat(o->graph->heap, &stat);
		return 0;
	}
}

/* Not longer than the mutator goes on; sleeps where it is worth it. */
static void pause_until(struct observed *o, u64 next)
{
	u64 now;

	while ((now = ktime_get_ns()) < next && !completion_done(&o->done)) {
		if (next - now < 20 * NSEC_PER_USEC)
			cpu_relax();
		else
			usleep_range(10, min_t(u64, next - now, NSEC_PER_MSEC) /
				     NSEC_PER_USEC);
	}
}

/* Until the mutator is done. */
static int read_on(struct observed *o)
{
	unsigned int rate = WAY_RATE(o->way);
	u64 start = ktime_get_ns(), next = start;
	int err = 0;

	while (!err && !completion_done(&o->done)) {
		err = read_once(o);
		o->reads++;
		cond_resched();
		if (!rate)
			continue;
		next += NSEC_PER_SEC / rate;
		pause_until(o, next);
	}
	o->read_ns += ktime_get_ns() - start;
	return err;
}

static s64 mutate(struct observed *o, bool beside)
{
	int err = 0;

	reinit_completion(&o->done);
	schedule_work_on(MUTATOR_CPU, &o->work);
	if (beside)
		err = read_on(o);
	flush_work(&o->work);
	return err ?: o->ns;
}

/* Thousandths of the throughput that is left; turn by turn the one comes first. */
static s64 compare_once(struct observed *o, bool beside_first, s64 *alone)
{
	s64 beside = beside_first ? mutate(o, true) : 0;

	*alone = mutate(o, false);
	if (!beside_first)
		beside = mutate(o, true);
	if (beside <= 0 || *alone < 0)
		return beside < 0 ? beside : *alone;
	return div64_s64(1000 * *alone, beside);
}

static int compare(struct observed *o, unsigned int rounds, s64 *ratio,
		   s64 *alone)
{
	unsigned int i;

	/* Twice the first time, for practice. */
	for (i = 0; i <= rounds; i++) {
		s64 value = compare_once(o, i % 2, &alone[i ? i - 1 : 0]);

		if (value < 0)
			return value;
		ratio[i ? i - 1 : 0] = value;
	}
	return 0;
}

static int run_in(struct observed *o, size_t objects, unsigned int rounds,
		  struct bench_result *result)
{
	u64 *value = result->value;
	s64 *ratio = kcalloc(rounds, 2 * sizeof(*ratio), GFP_KERNEL);
	s64 *alone = ratio + rounds;
	int err = -ENOMEM;

	if (ratio)
		err = graph_fill(o->graph, objects) ?:
		      compare(o, rounds, ratio, alone);
	if (!err)
		err = bench_round_keep(result, 0, ratio, rounds, 1000) ?:
		      bench_round_keep(result, 3, alone, rounds, LOOPS);
	if (!err) {
		value[1] = ratio[rounds / 4];
		value[2] = div64_u64(o->reads * NSEC_PER_SEC, o->read_ns);
		value[3] = div_u64(1000 * bench_round_median(alone, rounds),
				   LOOPS);
	}
	kfree(ratio);
	return err;
}

/*
 * Files are read in this process, which has the memory for what they say, and is
 * on READER_CPU already.
 */
static int run_here(struct observed *o, size_t objects, unsigned int rounds,
		    struct bench_result *result)
{
	int err;

	o->to = vm_mmap(NULL, 0, PAGE_OF_FILE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (IS_ERR_VALUE(o->to))
		return o->to;
	err = run_in(o, objects, rounds, result);
	vm_munmap(o->to, PAGE_OF_FILE);
	return err;
}

/*
 * Value: thousandths of the throughput that are left beside a reader, the median
 * and what a quarter of the rounds lies below; reads a second; thousandths of a
 * nanosecond that a pair takes without a reader.
 */
static int run_observe(const struct collect_case *which, unsigned int rounds,
		       struct bench_result *result)
{
	struct graph graph;
	struct observed o = { .graph = &graph, .way = which->way };
	int err;

	if (!cpu_online(MUTATOR_CPU))
		return -ENODEV;
	err = graph_create(&graph, "bench_observe");
	if (err)
		return err;
	INIT_WORK_ONSTACK(&o.work, mutator_work);
	init_completion(&o.done);
	err = run_here(&o, which->objects, rounds, result);
	destroy_work_on_stack(&o.work);
	graph_destroy(&graph);
	return err;
}

#define OBJECTS	100000

const struct collect_case collect_observe_cases[] = {
	{ "observe-call", OBJECTS, run_observe, WAY(BY_CALL, 0) },
	{ "observe-call-10k", OBJECTS, run_observe, WAY(BY_CALL, 10000) },
	{ "observe-call-1k", OBJECTS, run_observe, WAY(BY_CALL, 1000) },
	{ "observe-stat", OBJECTS, run_observe, WAY(STAT_FILE, 0) },
	{ "observe-stat-1k", OBJECTS, run_observe, WAY(STAT_FILE, 1000) },
	{ "observe-audit", OBJECTS, run_observe, WAY(AUDIT_FILE, 0) },
	{ }
};
