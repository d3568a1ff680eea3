// SPDX-License-Identifier: GPL-2.0
/* Unwatching: watches that go while the death that they wait for comes. */
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <ouro/object.h>
#include <ouro/type.h>
#include <ouro/weak.h>
#include "ouro_test.h"

struct thing {
	struct ouro_object object;
	u64 value;
};

static void thing_release(void *object)
{
}

static const struct ouro_type here_type = {
	.name = "here",
	.size = sizeof(struct thing),
};

static const struct ouro_type late_type = {
	.name = "late",
	.size = sizeof(struct thing),
	.release = thing_release,
	.flags = OURO_TYPE_WORKER,
};

static struct thing *make(struct ouro_test *t, struct ouro_heap *heap,
			  const struct ouro_type *type)
{
	struct ouro_kind *kind = heap ? ouro_type_register(heap, type) : NULL;
	struct thing *thing;

	if (!EXPECT(t, !IS_ERR_OR_NULL(kind)))
		return NULL;
	thing = ouro_new(kind, GFP_KERNEL);
	EXPECT(t, thing);
	return thing;
}

#define MOURNERS	10

static atomic_t freed;

/* Frees the watch that it is called for. */
static void died_freeing(struct ouro_watch *watch)
{
	memset(watch, 0x6b, sizeof(*watch));
	kfree(watch);
	atomic_inc(&freed);
}

static void frees_of(struct ouro_test *t, const struct ouro_type *type)
{
	struct ouro_heap *heap = test_heap(t);
	struct thing *thing = make(t, heap, type);
	struct ouro_watch *watch;
	int i;

	if (!thing)
		return;
	atomic_set(&freed, 0);
	for (i = 0; i < MOURNERS; i++) {
		watch = kmalloc(sizeof(*watch), GFP_KERNEL);
		if (EXPECT(t, watch))
			EXPECT_EQ(t, ouro_watch_add(watch, &thing->object,
						    died_freeing, GFP_KERNEL),
				  0);
	}
	ouro_put(&thing->object);
	ouro_heap_flush(heap);
	EXPECT_EQ(t, atomic_read(&freed), MOURNERS);
	test_heap_settle(t, heap, 0);
	test_heap_close(t, heap);
}

static void frees_itself(struct ouro_test *t)
{
	frees_of(t, &here_type);
	frees_of(t, &late_type);
}

/* A callback that lasts, and one who waits for it; cases run one at a time. */
static struct lasting {
	struct ouro_test *t;
	struct ouro_watch watch;
	struct completion started;	/* the callback */
	struct completion ready;	/* the remover is about to wait */
	struct completion done;		/* the remover */
	bool finished;			/* the callback */
} lasting;

static void died_lasting(struct ouro_watch *watch)
{
	struct lasting *l = &lasting;

	EXPECT(l->t, !ouro_weak_get(watch->weak));
	complete(&l->started);
	wait_for_completion(&l->ready);
	msleep(30);
	/* Pairs with remover_thread(). */
	smp_store_release(&l->finished, true);
}

static int remover_thread(void *data)
{
	struct lasting *l = data;

	wait_for_completion(&l->started);
	/* This one does not wait: the callback is waiting for us. */
	EXPECT(l->t, !ouro_watch_remove(&l->watch));
	complete(&l->ready);
	EXPECT(l->t, !ouro_watch_remove_sync(&l->watch));
	/* Pairs with died_lasting(). */
	EXPECT(l->t, smp_load_acquire(&l->finished));
	kthread_complete_and_exit(&l->done, 0);
}

static struct thing *lasting_begin(struct ouro_test *t, struct ouro_heap *heap)
{
	struct thing *thing = make(t, heap, &late_type);
	struct lasting *l = &lasting;
	struct task_struct *task;

	if (!thing)
		return NULL;
	*l = (struct lasting){ .t = t };
	init_completion(&l->started);
	init_completion(&l->ready);
	init_completion(&l->done);
	EXPECT_EQ(t, ouro_watch_add(&l->watch, &thing->object, died_lasting,
				    GFP_KERNEL), 0);
	task = kthread_run(remover_thread, l, "ouro_remover");
	return EXPECT(t, !IS_ERR(task)) ? thing : NULL;
}

static void remove_sync(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct thing *thing = lasting_begin(t, heap);

	if (!thing)
		return;
	ouro_put(&thing->object);
	wait_for_completion(&lasting.done);
	test_heap_settle(t, heap, 0);
	test_heap_close(t, heap);
}

/* The same where it is the end of the heap that tells. */
static void remove_sync_destroyed(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);

	if (!lasting_begin(t, heap))
		return;
	test_heap_abandon(t, heap, 1);
	wait_for_completion(&lasting.done);
}

/* Two who meet: one puts the last reference, the other removes the watch. */
static struct duel {
	struct ouro_test *t;
	struct completion killed;	/* the rounds are over */
	struct completion done;		/* the remover */
	struct ouro_kind *kind;
	struct ouro_watch watch;
	unsigned long rounds;
	unsigned long removals;
	bool sync;			/* how it is removed */
	unsigned int spin;		/* before it is */
	unsigned long turn;		/* the round that may begin */
	unsigned long put;		/* the last whose object died */
	unsigned long over;		/* the last that the remover ended */
	bool removed;
	bool gone;			/* the watch may be used no more */
	bool quit;			/* there was none to remove */
	atomic_t told;
} duel;

static void died_duel(struct ouro_watch *watch)
{
	EXPECT(duel.t, !READ_ONCE(duel.gone));
	atomic_inc(&duel.told);
}

static void spin(unsigned int count)
{
	while (count--)
		cpu_relax();
}

static int duel_thread(void *data)
{
	struct duel *d = data;
	unsigned long i;

	for (i = 1; i <= d->rounds; i++) {
		/* Pairs with duel_round(). */
		while (smp_load_acquire(&d->turn) < i)
			cond_resched();
		if (d->quit)
			break;
		spin(d->spin);
		/* As above. */
		while (i % 8 == 1 && smp_load_acquire(&d->put) < i)
			cond_resched();
		d->removed = d->sync ? ouro_watch_remove_sync(&d->watch) :
				       ouro_watch_remove(&d->watch);
		if (d->removed || d->sync)
			WRITE_ONCE(d->gone, true);
		/* Pairs with duel_round(). */
		smp_store_release(&d->over, i);
	}
	kthread_complete_and_exit(&d->done, 0);
}

static struct thing *duel_thing(struct duel *d)
{
	struct thing *thing = ouro_new(d->kind, GFP_KERNEL);

	if (!EXPECT(d->t, thing))
		return NULL;
	if (EXPECT_EQ(d->t, ouro_watch_add(&d->watch, &thing->object, died_duel,
					   GFP_KERNEL), 0))
		return thing;
	ouro_put(&thing->object);
	return NULL;
}

static void duel_wait(struct duel *d)
{
	/* Pairs with duel_thread(). */
	while (smp_load_acquire(&d->over) < d->turn)
		cond_resched();
}

/*
 * Whoever comes first, either it is told or it was removed.  Now and then it is
 * certain who comes first, so that both are seen.
 */
static void duel_round(struct duel *d, u32 random)
{
	struct thing *thing = duel_thing(d);

	d->quit = !thing;
	d->gone = false;
	d->spin = random % 64;
	atomic_set(&d->told, 0);
	/* Pairs with duel_thread(). */
	smp_store_release(&d->turn, d->turn + 1);
	if (d->quit)
		return;
	spin(random / 64 % 64);
	if (d->turn % 8 == 2)
		duel_wait(d);
	ouro_put(&thing->object);
	/* As above. */
	smp_store_release(&d->put, d->turn);
	duel_wait(d);
	EXPECT_EQ(d->t, atomic_read(&d->told) + d->removed, 1);
	d->removals += d->removed;
}

static int killer_thread(void *data)
{
	struct duel *d = data;
	u32 random = 1;

	while (d->turn < d->rounds && !d->quit)
		duel_round(d, test_random(&random));
	kthread_complete_and_exit(&d->killed, 0);
}

static bool start_on(struct ouro_test *t, unsigned int cpu,
		     int (*thread)(void *data), struct duel *d)
{
	struct task_struct *task;

	task = kthread_create(thread, d, "ouro_duel/%u", cpu);
	if (!EXPECT(t, !IS_ERR(task)))
		return false;
	set_cpus_allowed_ptr(task, cpumask_of(cpu));
	wake_up_process(task);
	return true;
}

/* Each on a CPU of its own; until both have ended. */
static void duel_start(struct duel *d)
{
	bool removes, kills;

	init_completion(&d->killed);
	init_completion(&d->done);
	cpus_read_lock();
	removes = start_on(d->t, cpumask_last(cpu_online_mask), duel_thread, d);
	kills = removes && start_on(d->t, cpumask_first(cpu_online_mask),
				    killer_thread, d);
	cpus_read_unlock();
	if (kills) {
		wait_for_completion(&d->killed);
	} else {
		d->quit = true;
		/* Pairs with duel_thread(). */
		smp_store_release(&d->turn, 1);
	}
	if (removes)
		wait_for_completion(&d->done);
}

static void duel_run(struct ouro_test *t, bool sync, unsigned long rounds)
{
	struct duel *d = &duel;
	struct ouro_heap *heap;

	if (num_online_cpus() < 2) {
		SKIP(t, "needs two CPUs");
		return;
	}
	heap = test_heap(t);
	if (!heap)
		return;
	*d = (struct duel){ .t = t, .sync = sync, .rounds = rounds };
	d->kind = ouro_type_register(heap, &here_type);
	if (!EXPECT(t, !IS_ERR(d->kind)))
		return;
	duel_start(d);
	test_note(t, "%lu removed, %lu told", d->removals,
		  rounds - d->removals);
	EXPECT_GE(t, d->removals, 1);
	EXPECT_GE(t, rounds - d->removals, 1);
	test_heap_settle(t, heap, 0);
	test_heap_close(t, heap);
}

static void contended(struct ouro_test *t)
{
	duel_run(t, false, IS_ENABLED(CONFIG_UML) ? 10000 : 1000);
}

/* A grace period each time that it is too late. */
static void contended_sync(struct ouro_test *t)
{
	duel_run(t, true, 50);
}

static const struct ouro_case unwatch_cases[] = {
	EACH_KIND(frees_itself),
	EACH_KIND(remove_sync),
	EACH_KIND(remove_sync_destroyed),
	EACH_KIND(contended),
	EACH_KIND(contended_sync),
};

OURO_SUITE("unwatch", unwatch_cases);
