// SPDX-License-Identifier: GPL-2.0
/*
 * The cases of the test with several threads.
 */
#include <linux/bitmap.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include "test.h"

#define THREADS	8	/* of each of two sorts at most */
#define HANDLES	2	/* that each thread has */
#define LOOKS	16	/* in a turn of a thread that looks for them */
#define LONG	64	/* finds for each that is held for long */

#define LASTS	HZ	/* in jiffies, a race: as many turns as there are in that */
#define TURNS	500	/* of each thread at the least, however slow it is */

/* ---- a remove waits ---- */

/**
 * struct wait - a remove, and somebody who holds the resource
 * @check: of the case
 * @resource: what is removed
 * @work: removes it
 * @irq_work: puts it, where an interrupt shall
 * @let_go: about to put the last reference
 * @removed: the remove has returned
 */
struct wait {
	struct check *check;
	struct registry_resource *resource;
	struct work_struct work;
	struct irq_work irq_work;
	bool let_go;
	bool removed;
};

static void wait_remove(struct work_struct *work)
{
	struct wait *wait = container_of(work, struct wait, work);

	wait->check->ops->remove(wait->resource);
	CHECK(wait->check, READ_ONCE(wait->let_go));
	WRITE_ONCE(wait->removed, true);
}

static void wait_let_go(struct irq_work *irq_work)
{
	struct wait *wait = container_of(irq_work, struct wait, irq_work);

	WRITE_ONCE(wait->let_go, true);
	wait->check->ops->put(wait->resource);
}

/* While another thread removes what we hold. */
static void wait_held(struct check *c, struct wait *wait)
{
	const struct registry_handle handle = port(1, 5);
	struct registry_resource *again;

	while (check_peek(c, handle) && !check_is_over(c))
		;
	again = check_add(c, handle, NULL);
	CHECK(c, again != wait->resource);
	CHECK(c, check_peek(c, handle) == again);
	msleep(20);
	CHECK(c, !READ_ONCE(wait->removed));
	CHECK(c, wait->resource->data == wait);
	CHECK(c, wait->resource->handle.id == 5);
	c->ops->put(c->ops->get(wait->resource));
	CHECK(c, check_peek(c, handle) == again);
	if (again)
		c->ops->remove(again);
	CHECK(c, !READ_ONCE(wait->removed));
}

static void wait_for(struct check *c, bool interrupt)
{
	struct wait wait = {
		.check = c,
		.irq_work = IRQ_WORK_INIT_HARD(wait_let_go),
	};

	wait.resource = check_add(c, port(1, 5), &wait);
	if (!wait.resource)
		return;
	c->ops->get(wait.resource);
	INIT_WORK_ONSTACK(&wait.work, wait_remove);
	schedule_work(&wait.work);
	wait_held(c, &wait);
	if (interrupt)
		irq_work_queue(&wait.irq_work);
	else
		wait_let_go(&wait.irq_work);
	irq_work_sync(&wait.irq_work);
	flush_work(&wait.work);
	destroy_work_on_stack(&wait.work);
	CHECK(c, wait.removed);
}

void race_waits(struct check *c)
{
	wait_for(c, false);
}

void race_interrupt(struct check *c)
{
	wait_for(c, true);
}

/* ---- races ---- */

/**
 * struct thread - a thread of a race
 * @task: it
 * @number: among those of its sort
 * @turns: that it had; read by others
 */
struct thread {
	struct task_struct *task;
	unsigned int number;
	unsigned int turns;
};

/**
 * struct race - threads of two sorts, one of each on every CPU
 * @check: of the case
 * @thread: the threads
 * @started: how many
 * @ended: by id: the last resource whose remove has returned
 * @owners: who have the one handle that all want
 * @ids: that were given for REGISTRY_ANY
 */
static struct race {
	struct check *check;
	struct thread thread[2 * THREADS];
	unsigned int started;
	atomic_long_t ended[THREADS * HANDLES];
	atomic_t owners;
	DECLARE_BITMAP(ids, REGISTRY_IDS);
} race;	/* cases run one at a time */

static void turn_ends(struct thread *thread)
{
	WRITE_ONCE(thread->turns, thread->turns + 1);
	cond_resched();
}

/*
 * The resources of a thread are numbered from 1.  Each has a handle of its own,
 * so that their memory becomes that of one with another handle.
 */
static int adds_and_removes(void *arg)
{
	struct thread *thread = arg;
	struct registry_resource *resource;
	unsigned long number;
	u32 id;

	for (number = 1; !kthread_should_stop(); number++) {
		id = thread->number * HANDLES + number % HANDLES;
		resource = check_add(race.check, handle_of(REGISTRY_QUEUE, 1, id),
				     (void *)number);
		cond_resched();
		if (resource)
			race.check->ops->remove(resource);
		atomic_long_set_release(&race.ended[id], number);
		turn_ends(thread);
	}
	return 0;
}

static bool look_for(u32 id, bool long_time)
{
	unsigned long ended = atomic_long_read_acquire(&race.ended[id]);
	struct check *c = race.check;
	struct registry_resource *resource;
	unsigned long number;

	resource = c->ops->find(handle_of(REGISTRY_QUEUE, 1, id));
	if (!resource)
		return false;
	number = (unsigned long)resource->data;
	CHECK(c, number > ended);
	CHECK(c, resource->handle.type == REGISTRY_QUEUE);
	CHECK(c, resource->handle.id == id);
	if (long_time)
		udelay(5);
	/* As long as we have a reference no remove returns. */
	CHECK(c, atomic_long_read(&race.ended[id]) < number);
	CHECK(c, (unsigned long)resource->data == number);
	c->ops->put(resource);
	return true;
}

/* Only turns that found something count. */
static int finds(void *arg)
{
	struct thread *thread = arg;
	unsigned int found = 0, before, look, ids;

	while (!kthread_should_stop()) {
		ids = READ_ONCE(race.started) / 2 * HANDLES;
		before = found;
		for (look = 0; look < LOOKS && ids; look++)
			found += look_for(look % ids, found % LONG == 0);
		if (found != before)
			turn_ends(thread);
		cond_resched();
	}
	return 0;
}

/* Only one at a time has a handle that all want, in this or in any context. */
static void want(struct check *c, struct thread *thread)
{
	u32 context = thread->turns % 2 ? REGISTRY_ANY : 1;
	struct registry_resource *resource;

	resource = c->ops->add(port(context, 5), thread);
	if (IS_ERR(resource)) {
		CHECK(c, PTR_ERR(resource) == -EEXIST);
		return;
	}
	CHECK(c, atomic_inc_return(&race.owners) == 1);
	CHECK(c, check_peek(c, port(1, 5)) == resource);
	CHECK(c, resource->data == thread);
	atomic_dec(&race.owners);
	c->ops->remove(resource);
}

/* An id for each thread at the least, so that all find one. */
static_assert(REGISTRY_IDS >= 2 * THREADS);

static int adds_any(void *arg)
{
	struct check *c = race.check;
	struct registry_resource *resource;
	u32 id;

	while (!kthread_should_stop()) {
		cond_resched();
		resource = check_add(c, port(1, REGISTRY_ANY), NULL);
		if (!resource)
			continue;
		id = resource->handle.id - REGISTRY_FIRST_ID;
		if (!CHECK(c, id < REGISTRY_IDS))
			id = 0;
		CHECK(c, !test_and_set_bit(id, race.ids));
		want(c, arg);
		CHECK(c, test_and_clear_bit(id, race.ids));
		c->ops->remove(resource);
		turn_ends(arg);
	}
	return 0;
}

static bool race_start(int (*run)(void *arg), unsigned int cpu)
{
	struct thread *thread = &race.thread[race.started];

	thread->number = race.started / 2;
	thread->task = kthread_run_on_cpu(run, thread, cpu, REGISTRY_NAME "/%u");
	if (!CHECK(race.check, !IS_ERR(thread->task)))
		return false;
	WRITE_ONCE(race.started, race.started + 1);
	return true;
}

static void run_race(struct check *c, int (*one)(void *arg),
		     int (*other)(void *arg))
{
	const unsigned long end = jiffies + LASTS;
	unsigned int cpu, i;

	memset(&race, 0, sizeof(race));
	race.check = c;
	cpus_read_lock();
	for_each_online_cpu(cpu)
		if (race.started == 2 * THREADS || !race_start(one, cpu) ||
		    !race_start(other, cpu))
			break;
	cpus_read_unlock();
	for (i = 0; i < race.started; i++)
		while ((time_before(jiffies, end) ||
			READ_ONCE(race.thread[i].turns) < TURNS) &&
		       !check_is_over(c))
			msleep(20);
	for (i = 0; i < race.started; i++)
		kthread_stop(race.thread[i].task);
}

void race_handles(struct check *c)
{
	run_race(c, adds_and_removes, finds);
}

void race_adds(struct check *c)
{
	run_race(c, adds_any, adds_any);
}
