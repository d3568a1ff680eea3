// SPDX-License-Identifier: GPL-2.0
/* Reference counts: in every context, and by everybody at once. */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <ouro/object.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include "compat.h"
#include "ouro_test.h"

struct thing {
	struct ouro_object object;
	struct ouro_slot child;
	u64 type;
};

enum { LEAF, LARGE, NODE, TOLD, LATE, GRAVE, TYPES };

/* What a case works on; cases run one at a time. */
static struct scene {
	struct ouro_test *t;
	struct ouro_heap *heap;
	enum test_context context;
	struct ouro_kind *kind[TYPES];
	struct thing *thing[TYPES];
	struct thing *child[TYPES];
	atomic_t released[TYPES];
	bool at_once[TYPES];		/* released before the put returned */
} scene;

static void release(void *object)
{
	struct thing *thing = object;

	atomic_inc(&scene.released[thing->type]);
	EXPECT(scene.t, !in_nmi() && !in_hardirq());
	EXPECT(scene.t, ouro_slot_is_empty(&thing->child));
}

static void release_late(void *object)
{
	release(object);
	EXPECT(scene.t, in_task() && !irqs_disabled());
	usleep_range(10, 20);
}

#define THING(type_name)						\
	.name = (type_name),						\
	.size = sizeof(struct thing)

static const struct ouro_type types[TYPES] = {
	[LEAF] = { THING("leaf") },
	/* More than a class has: in a pool with its header apart. */
	[LARGE] = { .name = "large", .size = 20000 },
	[NODE] = { THING("node"), OURO_SLOTS(struct thing, child) },
	[TOLD] = {
		THING("told"), OURO_SLOTS(struct thing, child),
		.release = release,
	},
	[LATE] = {
		THING("late"), OURO_SLOTS(struct thing, child),
		.release = release_late,
		.flags = OURO_TYPE_WORKER,
	},
	[GRAVE] = {
		THING("grave"), OURO_SLOTS(struct thing, child),
		.release = release,
		.flags = OURO_TYPE_RCU,
	},
};

static bool scene_open(struct scene *s, struct ouro_test *t)
{
	int i;

	memset(s, 0, sizeof(*s));
	s->t = t;
	s->heap = test_heap(t);
	if (!s->heap)
		return false;
	for (i = 0; i < TYPES; i++) {
		s->kind[i] = ouro_type_register(s->heap, &types[i]);
		if (!EXPECT(t, !IS_ERR(s->kind[i])))
			return false;
	}
	return true;
}

static struct thing *thing_make(struct scene *s, int type)
{
	struct thing *thing = ouro_new(s->kind[type], GFP_KERNEL);

	if (EXPECT(s->t, thing))
		thing->type = type;
	return thing;
}

/* That many objects of the type were released since the last time. */
static void released(struct scene *s, int type, int count)
{
	EXPECT_MSG(s->t, atomic_xchg(&s->released[type], 0) == count, "%s",
		   types[type].name);
}

/* ---- in every context ---- */

/* Whether a last put there destroys objects that need more than a push. */
static bool destroys_at_once(enum test_context context)
{
	if (context >= TEST_IRQ_WORK || context == TEST_IRQ_OFF)
		return false;
	return !IS_ENABLED(CONFIG_PREEMPT_RT) || context == TEST_TASK ||
	       context == TEST_SOFTIRQ;
}

static void live(struct ouro_test *t, struct ouro_object *object)
{
	u32 v = test_version(object);
	int i;

	for (i = 2; i < 5; i++) {
		EXPECT(t, ouro_get(object) == object);
		EXPECT_EQ(t, ouro_refcount(object), i);
	}
	EXPECT(t, ouro_tryget(object));
	EXPECT_EQ(t, ouro_refcount(object), 5);
	EXPECT_EQ(t, test_version(object), v + 4);
	for (i = 4; i; i--) {
		ouro_put(object);
		EXPECT_EQ(t, ouro_refcount(object), i);
		EXPECT(t, ouro_is_alive(object));
	}
	EXPECT_EQ(t, test_version(object), v + 4);
}

static void live_and_die(void *arg)
{
	struct scene *s = arg;
	struct ouro_object *object;
	int i;

	for (i = 0; i < TYPES; i++) {
		object = &s->thing[i]->object;
		rcu_read_lock();
		live(s->t, object);
		ouro_put(object);
		s->at_once[i] = atomic_read(&s->released[i]);
		EXPECT_EQ(s->t, ouro_refcount(object), 0);
		EXPECT(s->t, !ouro_is_alive(object));
		EXPECT(s->t, !ouro_tryget(object));
		rcu_read_unlock();
	}
}

static bool live_begin(struct scene *s)
{
	int i;

	for (i = 0; i < TYPES; i++) {
		s->thing[i] = thing_make(s, i);
		s->child[i] = thing_make(s, i);
		if (!s->thing[i] || !s->child[i])
			return false;
		if (!types[i].nslots)
			continue;
		EXPECT_EQ(s->t, ouro_slot_store(&s->thing[i]->child,
						&s->child[i]->object), 0);
		EXPECT_EQ(s->t, ouro_refcount(&s->child[i]->object), 2);
	}
	return true;
}

static void live_end(struct scene *s)
{
	int i;

	ouro_heap_flush(s->heap);
	for (i = 0; i < TYPES; i++) {
		released(s, i, !!types[i].release);
		if (types[i].release && i != LATE)
			EXPECT_MSG(s->t, s->at_once[i] ==
				   destroys_at_once(s->context), "%s",
				   types[i].name);
		EXPECT_EQ(s->t, ouro_refcount(&s->child[i]->object), 1);
		ouro_put(&s->child[i]->object);
	}
	ouro_heap_flush(s->heap);
	for (i = 0; i < TYPES; i++)
		released(s, i, !!types[i].release);
	test_heap_settle(s->t, s->heap, 0);
}

static void live_in(struct ouro_test *t, enum test_context context)
{
	struct scene *s = &scene;

	if (!test_context_exists(context)) {
		SKIP(t, "no %s on this kernel", test_context_name(context));
		return;
	}
	if (!scene_open(s, t))
		return;
	s->context = context;
	if (!live_begin(s))
		return;
	EXPECT_EQ(t, test_context_run(context, live_and_die, s), 0);
	live_end(s);
	test_heap_close(t, s->heap);
}

#define LIVE_IN(name, context)						\
static void name(struct ouro_test *t)					\
{									\
	live_in(t, context);						\
}

LIVE_IN(task, TEST_TASK)
LIVE_IN(preempt_off, TEST_PREEMPT_OFF)
LIVE_IN(irq_off, TEST_IRQ_OFF)
LIVE_IN(softirq, TEST_SOFTIRQ)
LIVE_IN(irq_work, TEST_IRQ_WORK)
LIVE_IN(hrtimer, TEST_HRTIMER)
LIVE_IN(ipi, TEST_IPI)
LIVE_IN(nmi, TEST_NMI)

/* ---- everybody at once ---- */

#define CROWD		4		/* threads at most */
#define CROWD_MS	TEST_MANY(300, 1000)

/* Threads and interrupts; each keeps a reference now and then. */
static struct crowd {
	struct ouro_test *t;
	struct ouro_object *object;
	atomic_long_t gets;
	atomic_long_t kept;
	atomic_t interrupts;
	u64 end;			/* ktime_get_ns() */
	struct hrtimer timer[CROWD];
} crowd;

static void come_and_go(struct crowd *c, u32 random)
{
	unsigned int i, gets = 1 + random % 8;

	for (i = 0; i < gets; i++)
		ouro_get(c->object);
	rcu_read_lock();
	EXPECT(c->t, ouro_tryget(c->object));
	rcu_read_unlock();
	atomic_long_add(++gets, &c->gets);
	if (random >> 8 & 1) {
		atomic_long_inc(&c->kept);
		gets--;
	}
	for (i = 0; i < gets; i++)
		ouro_put(c->object);
}

static void come_and_go_there(void *arg)
{
	struct crowd *c = arg;

	come_and_go(c, 0x85ebca6b * atomic_inc_return(&c->interrupts) >> 8);
}

static enum hrtimer_restart tick(struct hrtimer *timer)
{
	test_hardirq();
	come_and_go_there(&crowd);
	hrtimer_forward_now(timer, ns_to_ktime(30000));
	return HRTIMER_RESTART;
}

static void crowd_thread(void *arg, unsigned int id)
{
	struct hrtimer *timer = &crowd.timer[id];
	u32 random = id + 1;

	hrtimer_setup(timer, tick, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_HARD);
	hrtimer_start(timer, ns_to_ktime(30000), HRTIMER_MODE_REL_PINNED_HARD);
	while (ktime_get_ns() < crowd.end) {
		come_and_go(&crowd, test_random(&random));
		cond_resched();
	}
	hrtimer_cancel(timer);
}

/* What they left is what they say they left, to the last one. */
static void crowd_settle(struct crowd *c, u32 was)
{
	long kept = atomic_long_read(&c->kept);

	test_note(c->t, "%ld gets, %ld kept, %d interrupts",
		  atomic_long_read(&c->gets), kept,
		  atomic_read(&c->interrupts));
	EXPECT_EQ(c->t, ouro_refcount(c->object), 1 + kept);
	EXPECT_EQ(c->t, test_version(c->object),
		  (u32)(was + atomic_long_read(&c->gets)));
	EXPECT_GE(c->t, atomic_read(&c->interrupts), 20);
	while (kept--)
		ouro_put(c->object);
	EXPECT_EQ(c->t, ouro_refcount(c->object), 1);
}

static void shared(struct ouro_test *t)
{
	unsigned int threads = min(num_online_cpus(), CROWD);
	struct scene *s = &scene;
	struct crowd *c = &crowd;
	struct thing *thing;
	u32 was;
	int i;

	if (!scene_open(s, t))
		return;
	thing = thing_make(s, TOLD);
	if (!thing)
		return;
	*c = (struct crowd){ .t = t, .object = &thing->object };
	was = test_version(c->object);
	c->end = ktime_get_ns() + CROWD_MS * NSEC_PER_MSEC;
	if (!test_threads_run(t, threads, crowd_thread, c))
		return;
	for (i = 0; i < TEST_CONTEXTS; i++)
		if (test_context_exists(i))
			EXPECT_EQ(t, test_context_run(i, come_and_go_there, c),
				  0);
	crowd_settle(c, was);
	test_heap_check(t, s->heap, 1);
	released(s, TOLD, 0);
	ouro_put(c->object);
	released(s, TOLD, 1);
	test_heap_settle(t, s->heap, 0);
	test_heap_close(t, s->heap);
}

/* ---- the last of many, at once ---- */

#define FALLS		TEST_MANY(10000, 300)
#define FALLS_LEAST	10
#define FALL_MS		500	/* for more than these */

/* Two threads have a reference each, and put it at once. */
static struct fall {
	struct scene *scene;
	int type;
	struct thing *thing;
	u32 round;
	u32 done;
	u32 rounds;
	u64 end;			/* ktime_get_ns() */
	bool over;
	atomic_long_t tries;		/* to get it back that succeeded */
} fall;

static void fall_act(struct fall *f, u32 *random)
{
	struct ouro_object *object = &f->thing->object;
	u32 wait = test_random(random) % 32, tries = 3;

	while (wait--)
		cpu_relax();
	rcu_read_lock();
	ouro_put(object);
	while (tries-- && ouro_tryget(object)) {
		atomic_long_inc(&f->tries);
		ouro_put(object);
	}
	rcu_read_unlock();
}

static void fall_lead(struct fall *f)
{
	u32 i, random = 1;

	for (i = 1; i <= FALLS; i++) {
		if (i > FALLS_LEAST && ktime_get_ns() > f->end)
			break;
		f->thing = thing_make(f->scene, f->type);
		if (!f->thing)
			break;
		ouro_get(&f->thing->object);
		/* Pairs with test_wait_for(): the object is there. */
		smp_store_release(&f->round, i);
		fall_act(f, &random);
		if (!test_wait_for(&f->done, i, &f->over))
			break;
		f->rounds = i;
		cond_resched();
	}
	WRITE_ONCE(f->over, true);
}

static void fall_thread(void *arg, unsigned int id)
{
	struct fall *f = arg;
	u32 i, random = 2;

	if (!id)
		fall_lead(f);
	for (i = 1; id && test_wait_for(&f->round, i, &f->over); i++) {
		fall_act(f, &random);
		/* Pairs with test_wait_for(): the object is not used any more. */
		smp_store_release(&f->done, i);
	}
}

static void last_two(struct ouro_test *t)
{
	struct scene *s = &scene;
	struct fall *f = &fall;
	int i;

	if (num_online_cpus() < 2) {
		SKIP(t, "one CPU only");
		return;
	}
	if (!scene_open(s, t))
		return;
	for (i = 0; i < TYPES; i++) {
		*f = (struct fall){ .scene = s, .type = i };
		f->end = ktime_get_ns() + FALL_MS * NSEC_PER_MSEC;
		if (!test_threads_run(t, 2, fall_thread, f))
			break;
		EXPECT_GE(t, f->rounds, FALLS_LEAST);
		ouro_heap_flush(s->heap);
		released(s, i, types[i].release ? f->rounds : 0);
		test_heap_settle(t, s->heap, 0);
		test_note(t, "%s: %u rounds, %ld tries succeeded",
			  types[i].name, f->rounds,
			  atomic_long_read(&f->tries));
	}
	test_heap_close(t, s->heap);
}

static const struct ouro_case refcount_cases[] = {
	EACH_KIND(task),
	EACH_KIND(preempt_off),
	EACH_KIND(irq_off),
	EACH_KIND(softirq),
	EACH_KIND(irq_work),
	EACH_KIND(hrtimer),
	EACH_KIND(ipi),
	EACH_KIND(nmi),
	EACH_KIND(shared),
	EACH_KIND(last_two),
};

OURO_SUITE("refcount", refcount_cases);
