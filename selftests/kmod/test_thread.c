// SPDX-License-Identifier: GPL-2.0
/* Threads: a function on several CPUs at once. */
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include "ouro_test.h"

/* Cases run one at a time. */
static struct thread {
	struct completion done;
	struct task_struct *task;
	void (*fn)(void *arg, unsigned int id);
	void *arg;
	unsigned int id;
} threads[OURO_TEST_THREADS];

static int thread_fn(void *data)
{
	struct thread *thread = data;

	thread->fn(thread->arg, thread->id);
	/* Whoever waits may unload the module that this function is in. */
	kthread_complete_and_exit(&thread->done, 0);
}

static bool thread_make(struct thread *thread, unsigned int id, int cpu,
			void (*fn)(void *arg, unsigned int id), void *arg)
{
	*thread = (struct thread){ .fn = fn, .arg = arg, .id = id };
	init_completion(&thread->done);
	thread->task = kthread_create(thread_fn, thread, "ouro_test/%u", id);
	if (IS_ERR(thread->task))
		return false;
	kthread_bind(thread->task, cpu);
	return true;
}

/*
 * Runs @fn in @count threads, numbered from 0, on one CPU each as long as there
 * are enough; returns when all did.  Either all of them run or, with the failure
 * noted, none.  CPUs stay online meanwhile.
 */
bool test_threads_run(struct ouro_test *t, unsigned int count,
		      void (*fn)(void *arg, unsigned int id), void *arg)
{
	unsigned int i, n;
	int cpu;

	cpus_read_lock();
	cpu = cpumask_first(cpu_online_mask);
	for (n = 0; n < count; n++) {
		if (!EXPECT(t, n < OURO_TEST_THREADS &&
			    thread_make(&threads[n], n, cpu, fn, arg)))
			break;
		cpu = cpumask_next(cpu, cpu_online_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_online_mask);
	}
	for (i = 0; i < n; i++) {
		if (n < count)
			kthread_stop(threads[i].task);
		else
			wake_up_process(threads[i].task);
	}
	for (i = 0; i < n && n == count; i++)
		wait_for_completion(&threads[i].done);
	cpus_read_unlock();
	return n == count;
}
EXPORT_SYMBOL_GPL(test_threads_run);

#define SPIN_NS		(500 * NSEC_PER_USEC)

/*
 * Waits until another thread has set *@word to @value with a release, or @over;
 * false for that.  Spins, for what threads wait for here is over too soon to
 * sleep, unless the other's CPU is a virtual one that does not run.
 */
bool test_wait_for(const u32 *word, u32 value, const bool *over)
{
	u64 start = ktime_get_ns();
	unsigned int spins = 0;

	/* Pairs with the release of whoever sets it. */
	while (smp_load_acquire(word) != value) {
		if (READ_ONCE(*over))
			return false;
		cpu_relax();
		if (++spins % 1024)
			continue;
		cond_resched();
		if (ktime_get_ns() - start > SPIN_NS)
			usleep_range(10, 50);
	}
	return true;
}
EXPORT_SYMBOL_GPL(test_wait_for);
