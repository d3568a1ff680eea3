// SPDX-License-Identifier: GPL-2.0
/* Races of readers, while what they read dies and becomes something new. */
#include <linux/ktime.h>
#include <linux/processor.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include "race.h"

#define READ_MS		TEST_MANY(60, 300)

static void replace(struct race *r)
{
	while (ktime_get_ns() < r->end) {
		EXPECT_EQ(r->t, ouro_slot_move(r->slot,
					       race_make(r, GFP_KERNEL)), 0);
		cond_resched();
	}
	WRITE_ONCE(r->over, true);
}

/* What is in the slot becomes newer only. */
static void look(struct race *r, struct ouro_object *object, u64 *last)
{
	struct race_item *item = (struct race_item *)object;
	u64 serial = READ_ONCE(item->serial);

	EXPECT_MSG(r->t, race_is_good(object) && serial >= *last,
		   "stamp %llx, %llu behind %llu", item->stamp, serial, *last);
	*last = serial;
	cpu_relax();
	EXPECT(r->t, race_is_good(object));
	EXPECT_EQ(r->t, READ_ONCE(item->serial), serial);
}

static void load(struct race *r, u64 *last)
{
	struct ouro_object *object = ouro_slot_load(r->slot);

	/* The slot is never empty. */
	if (!EXPECT(r->t, object))
		return;
	look(r, object, last);
	ouro_put(object);
}

/* By hand what a load does, without the second try. */
static void peek(struct race *r, u64 *last)
{
	struct ouro_object *object;
	u64 serial = 0;
	bool got, same;
	int i;

	rcu_read_lock();
	object = ouro_slot_peek(r->slot);
	if (r->now == r->kind[RACE_RCU]) {
		serial = READ_ONCE(((struct race_item *)object)->serial);
		for (i = 0; i < 100; i++)
			cpu_relax();
		EXPECT_EQ(r->t, READ_ONCE(((struct race_item *)object)->serial),
			  serial);
	}
	got = ouro_tryget(object);
	same = got && ouro_slot_peek(r->slot) == object;
	rcu_read_unlock();
	if (same)
		look(r, object, last);
	if (same && serial)
		EXPECT_EQ(r->t, *last, serial);
	if (got)
		ouro_put(object);
}

static enum hrtimer_restart read_tick(struct hrtimer *timer)
{
	struct race_agent *a = container_of(timer, struct race_agent, timer);
	struct race *r = &race;

	test_hardirq();
	atomic_inc(&r->interrupts);
	load(r, &a->irq_serial);
	peek(r, &a->irq_serial);
	hrtimer_forward_now(timer, ns_to_ktime(20000 +
				test_random(&a->irq_random) % 60000));
	return HRTIMER_RESTART;
}

static void read_thread(void *arg, unsigned int id)
{
	struct race *r = arg;
	struct race_agent *a = &r->agent[id];
	u64 last = 0;

	race_timer_begin(a, read_tick);
	if (!id)
		replace(r);
	while (!READ_ONCE(r->over)) {
		load(r, &last);
		peek(r, &last);
		cond_resched();
	}
	hrtimer_cancel(&a->timer);
}

void replaced(struct ouro_test *t)
{
	struct race *r = &race;
	int i;

	if (!race_open(r, t))
		return;
	for (i = 0; i < RACE_TYPES; i++) {
		r->now = r->kind[i];
		r->over = false;
		r->agent[0].irq_serial = 0;
		r->agent[1].irq_serial = 0;
		EXPECT_EQ(t, ouro_slot_move(r->slot, race_make(r, GFP_KERNEL)),
			  0);
		r->end = ktime_get_ns() + READ_MS * NSEC_PER_MSEC;
		if (!test_threads_run(t, RACE_CPUS, read_thread, r))
			break;
		ouro_slot_clear(r->slot);
		race_count(r);
	}
	test_note(t, "%ld objects, %d interrupts", atomic_long_read(&r->made),
		  atomic_read(&r->interrupts));
	race_close(r);
}
