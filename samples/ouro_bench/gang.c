// SPDX-License-Identifier: GPL-2.0
#include <linux/cpumask.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "gang.h"

#define PATIENCE	1000	/* looks before others get the CPU */

/* Looks once more whether another CPU has got on; @looks is 0 at first. */
void bench_wait(unsigned int *looks)
{
	if (++*looks % PATIENCE)
		cpu_relax();
	else
		cond_resched();
}

/* Goes on when all workers are here.  Each must come equally often. */
void bench_meet(struct bench_worker *worker)
{
	struct bench_gang *gang = worker->gang;
	unsigned int looks = 0;
	int all = ++worker->met * gang->count;

	atomic_inc(&gang->arrived);
	while (atomic_read(&gang->arrived) < all)
		bench_wait(&looks);
}

static void worker_run(struct work_struct *work)
{
	struct bench_worker *worker = container_of(work, struct bench_worker,
						   work);

	bench_meet(worker);
	worker->ns = worker->fn(&worker->bench, worker->loops);
}

static struct bench_gang *gang_create(struct bench *bench, unsigned int loops,
				      unsigned int count)
{
	struct bench_gang *gang = kvzalloc(struct_size(gang, worker, count),
					   GFP_KERNEL);
	unsigned int i;

	if (!gang)
		return NULL;
	gang->count = count;
	for (i = 0; i < count; i++) {
		struct bench_worker *worker = &gang->worker[i];

		INIT_WORK(&worker->work, worker_run);
		worker->gang = gang;
		worker->id = i;
		worker->bench = *bench;
		worker->bench.block = bench->block + i * BENCH_BATCH;
		worker->loops = loops;
	}
	return gang;
}

/**
 * bench_gang_run() - run something on several CPUs at once
 * @bench: what it works on
 * @loops: how often
 * @fn: what each worker does, with blocks of its own
 * @first: CPU, of worker 0
 * @count: of workers, at most @bench->cpus
 * @shared: what they have in common
 *
 * Return: the mean of their times, or an error.
 */
s64 bench_gang_run(struct bench *bench, unsigned int loops, bench_fn fn,
		   unsigned int first, unsigned int count, void *shared)
{
	struct bench_gang *gang;
	unsigned int i;
	s64 sum = 0;

	if (count > bench->cpus)
		return -ENODEV;
	for (i = first; i < first + count; i++)
		if (!cpu_online(i))
			return -ENODEV;
	gang = gang_create(bench, loops, count);
	if (!gang)
		return -ENOMEM;
	gang->shared = shared;
	for (i = 0; i < count; i++) {
		gang->worker[i].fn = fn;
		schedule_work_on(first + i, &gang->worker[i].work);
	}
	for (i = 0; i < count; i++) {
		flush_work(&gang->worker[i].work);
		if (sum >= 0)
			sum = gang->worker[i].ns < 0 ? gang->worker[i].ns :
			      sum + gang->worker[i].ns;
	}
	kvfree(gang);
	return sum < 0 ? sum : div_s64(sum, count);
}
