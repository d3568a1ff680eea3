// SPDX-License-Identifier: GPL-2.0
/* Races of two with an interrupt in the middle of each. */
#include <linux/cpumask.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include "race.h"

#define THIRD_MS	10
#define THIRD_LEAST	2		/* interrupts, however long that takes */

static bool third_is_over(struct race *r)
{
	if (test_expired(r->t))
		return true;
	return atomic_read(&r->interrupts) >= r->interrupts_least &&
	       ktime_get_ns() > r->end;
}

/* A new object, or one of those that do not die. */
static struct ouro_object *bring(struct race *r, u32 random, gfp_t gfp)
{
	struct ouro_object *object = random & 1 ? race_make(r, gfp) : NULL;

	return object ?: ouro_get(r->held[random / 2 % RACE_HELD]);
}

/* An operation and what becomes of its outcome. */
static void act(struct race *r, enum race_op op, u32 random, gfp_t gfp)
{
	struct ouro_object *got;

	got = race_perform(r, op, race_op_brings(op) ? bring(r, random, gfp) :
						       NULL);
	if (!got)
		return;
	EXPECT_GE(r->t, ouro_refcount(got), 1);
	EXPECT_MSG(r->t, race_is_good(got), "%s", race_op_names[op]);
	ouro_put(got);
}

static void third_visit(void *arg)
{
	struct race *r = arg;
	unsigned int turn = atomic_inc_return(&r->interrupts);

	act(r, r->interrupt_op, turn, GFP_ATOMIC | __GFP_NOWARN);
}

static enum hrtimer_restart third_tick(struct hrtimer *timer)
{
	struct race_agent *a = container_of(timer, struct race_agent, timer);

	test_hardirq();
	third_visit(&race);
	hrtimer_forward_now(timer, ns_to_ktime(20000 +
				test_random(&a->irq_random) % 60000));
	return HRTIMER_RESTART;
}

/* Somebody has to fill the slot, whatever the operations are. */
static void third_work(struct race *r, struct race_agent *a)
{
	u32 random = test_random(&a->random);

	if (ouro_slot_is_empty(r->slot) && random % 4)
		race_perform(r, STORE, bring(r, random >> 8, GFP_KERNEL));
	act(r, a->op, random >> 16, GFP_KERNEL);
}

static void third_thread(void *arg, unsigned int id)
{
	struct race *r = arg;
	struct race_agent *a = &r->agent[id];

	race_timer_begin(a, third_tick);
	while (!third_is_over(r)) {
		third_work(r, a);
		cond_resched();
	}
	hrtimer_cancel(&a->timer);
}

/* From the other CPU: to one's own it would come between two operations. */
static void third_thread_nmi(void *arg, unsigned int id)
{
	struct race *r = arg;
	struct race_agent *a = &r->agent[id];
	int cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());
	unsigned int i;

	for (i = 0; !third_is_over(r); i++) {
		third_work(r, a);
		if (!(i % 8) && cpu < nr_cpu_ids)
			test_nmi_send(cpu);
		cond_resched();
	}
}

static bool held_make(struct race *r)
{
	int i;

	for (i = 0; i < RACE_HELD; i++) {
		r->held[i] = race_make(r, GFP_KERNEL);
		if (!EXPECT(r->t, r->held[i]))
			return false;
	}
	return true;
}

static void held_put(struct race *r)
{
	int i;

	ouro_slot_clear(r->slot);
	for (i = 0; i < RACE_HELD; i++) {
		EXPECT_MSG(r->t, ouro_refcount(r->held[i]) == 1,
			   "%s, %s, %s: %u", race_op_names[r->agent[0].op],
			   race_op_names[r->agent[1].op],
			   race_op_names[r->interrupt_op],
			   ouro_refcount(r->held[i]));
		ouro_put(r->held[i]);
	}
}

/* Every pair with every third; the type of the objects changes each time. */
static void thirds(struct race *r, void (*fn)(void *arg, unsigned int id))
{
	unsigned int i;

	for (i = 0; i < RACE_OPS * RACE_OPS * RACE_OPS; i++) {
		r->agent[0].op = i % RACE_OPS;
		r->agent[1].op = i / RACE_OPS % RACE_OPS;
		r->interrupt_op = i / RACE_OPS / RACE_OPS;
		if (r->agent[0].op > r->agent[1].op)
			continue;
		r->now = r->kind[i % RACE_TYPES];
		r->end = ktime_get_ns() + THIRD_MS * NSEC_PER_MSEC;
		r->interrupts_least = atomic_read(&r->interrupts) + THIRD_LEAST;
		if (!held_make(r) || !test_threads_run(r->t, RACE_CPUS, fn, r))
			break;
		if (!EXPECT(r->t, test_nmi_wait()))
			break;
		held_put(r);
	}
	race_count(r);
	test_note(r->t, "%d interrupts", atomic_read(&r->interrupts));
	EXPECT_GE(r->t, atomic_read(&r->interrupts), r->interrupts_least);
}

void interrupted(struct ouro_test *t)
{
	struct race *r = &race;

	if (!race_open(r, t))
		return;
	thirds(r, third_thread);
	race_close(r);
}

void interrupted_nmi(struct ouro_test *t)
{
	struct race *r = &race;

	if (!test_context_exists(TEST_NMI) || num_online_cpus() < RACE_CPUS) {
		SKIP(t, "no NMI from one CPU to another on this kernel");
		return;
	}
	if (!race_open(r, t))
		return;
	if (EXPECT_EQ(t, test_nmi_begin(third_visit, r), 0)) {
		thirds(r, third_thread_nmi);
		test_nmi_end();
	}
	race_close(r);
}
