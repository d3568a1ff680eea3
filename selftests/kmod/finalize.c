// SPDX-License-Identifier: GPL-2.0
/* Finalizers: once, with the object whole, before anybody is told of a death. */
#include <linux/cpumask.h>
#include <linux/err.h>
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
#include <ouro/weak.h>
#include "ouro_test.h"

#define STAMP	0x600d600d600d600dULL

struct thing {
	struct ouro_object object;
	struct ouro_slot left;
	struct ouro_slot right;
	u64 stamp;			/* spoilt in release */
	atomic_t *finalized;		/* told */
	atomic_t *released;
	struct ouro_slot *rescue;	/* where its finalizer stores it */
	bool drop;			/* its finalizer empties its slots */
};

/* What a case works on; cases run one at a time. */
static struct scene {
	struct ouro_test *t;
	struct ouro_heap *heap;
	struct ouro_kind *kind;
	bool crowded;			/* others take references, too */
	unsigned int depth;		/* of finalizers within each other */
	unsigned int deepest;
} scene;

static void expect_whole(const struct ouro_object *object)
{
	EXPECT(scene.t, ouro_is_alive(object));
	EXPECT_GE(scene.t, ouro_refcount(object), 1);
	EXPECT(scene.t, ((struct thing *)object)->stamp == STAMP);
}

/* It and what it refers to is all there. */
static void finalize(void *object)
{
	struct thing *thing = object;
	struct ouro_object *next;

	EXPECT(scene.t, !in_nmi() && !in_hardirq());
	if (!scene.crowded)
		EXPECT_EQ(scene.t, ouro_refcount(object), 1);
	expect_whole(object);
	next = ouro_slot_load(&thing->left);
	if (next) {
		expect_whole(next);
		EXPECT_GE(scene.t, ouro_refcount(next), 2);
		ouro_put(next);
	}
	atomic_inc(thing->finalized);
	if (thing->rescue)
		EXPECT_EQ(scene.t, ouro_slot_store(thing->rescue, object), 0);
	if (thing->drop) {
		scene.deepest = max(scene.deepest, ++scene.depth);
		ouro_slot_clear(&thing->left);
		ouro_slot_clear(&thing->right);
		scene.depth--;
	}
}

static void release(void *object)
{
	struct thing *thing = object;

	EXPECT(scene.t, !ouro_is_alive(object));
	EXPECT(scene.t, thing->stamp == STAMP);
	EXPECT(scene.t, ouro_slot_is_empty(&thing->left));
	EXPECT(scene.t, ouro_slot_is_empty(&thing->right));
	thing->stamp = ~STAMP;
	atomic_inc(thing->released);
}

static const struct ouro_type told_type = {
	.name = "told",
	.size = sizeof(struct thing),
	OURO_SLOTS(struct thing, left, right),
	.finalize = finalize,
	.release = release,
};

static const struct ouro_type late_type = {
	.name = "late",
	.size = sizeof(struct thing),
	OURO_SLOTS(struct thing, left, right),
	.finalize = finalize,
	.release = release,
	.flags = OURO_TYPE_WORKER,
};

/* In a read section that began before its death nothing else is there. */
static const struct ouro_type grave_type = {
	.name = "grave",
	.size = sizeof(struct thing),
	OURO_SLOTS(struct thing, left, right),
	.finalize = finalize,
	.release = release,
	.flags = OURO_TYPE_RCU,
};

static bool scene_open(struct scene *s, struct ouro_test *t,
		       const struct ouro_type *type)
{
	memset(s, 0, sizeof(*s));
	s->t = t;
	s->heap = test_heap(t);
	if (!s->heap)
		return false;
	s->kind = ouro_type_register(s->heap, type);
	return EXPECT(t, !IS_ERR(s->kind));
}

static void scene_close(struct scene *s)
{
	ouro_heap_flush(s->heap);
	test_heap_settle(s->t, s->heap, 0);
	test_heap_close(s->t, s->heap);
}

/* Who is told of its end: two counters. */
static struct thing *thing_make(struct scene *s, atomic_t told[2])
{
	struct thing *thing = ouro_new(s->kind, GFP_KERNEL | __GFP_ZERO);

	if (!EXPECT(s->t, thing))
		return NULL;
	thing->finalized = &told[0];
	thing->released = &told[1];
	thing->stamp = STAMP;
	return thing;
}

/* ---- one that comes back ---- */

enum { TOP, LEFT, RIGHT, BOTTOM, THINGS };

/* A top, two below it, and one below both. */
static struct graph {
	struct scene *scene;
	struct thing *thing[THINGS];
	struct ouro_slot rescue;	/* a root */
	atomic_t told[THINGS][2];
} graph;

static bool graph_make(struct graph *g, struct scene *s)
{
	struct ouro_test *t = s->t;
	int i;

	memset(g, 0, sizeof(*g));
	g->scene = s;
	for (i = 0; i < THINGS; i++) {
		g->thing[i] = thing_make(s, g->told[i]);
		if (!g->thing[i])
			return false;
	}
	EXPECT_EQ(t, ouro_slot_store(&g->thing[TOP]->left,
				     &g->thing[LEFT]->object), 0);
	EXPECT_EQ(t, ouro_slot_store(&g->thing[TOP]->right,
				     &g->thing[RIGHT]->object), 0);
	EXPECT_EQ(t, ouro_slot_store(&g->thing[LEFT]->left,
				     &g->thing[BOTTOM]->object), 0);
	EXPECT_EQ(t, ouro_slot_store(&g->thing[RIGHT]->right,
				     &g->thing[BOTTOM]->object), 0);
	for (i = LEFT; i < THINGS; i++)
		ouro_put(&g->thing[i]->object);
	return true;
}

static void graph_told(struct graph *g, int i, int finalized, int released)
{
	struct ouro_test *t = g->scene->t;

	EXPECT_MSG(t, atomic_read(&g->told[i][0]) == finalized, "%d: %d", i,
		   atomic_read(&g->told[i][0]));
	EXPECT_MSG(t, atomic_read(&g->told[i][1]) == released, "%d: %d", i,
		   atomic_read(&g->told[i][1]));
}

static void graph_is_whole(struct graph *g)
{
	static const unsigned int counts[THINGS] = { 1, 1, 1, 2 };
	struct ouro_test *t = g->scene->t;
	int i;

	for (i = 0; i < THINGS; i++) {
		expect_whole(&g->thing[i]->object);
		EXPECT_EQ(t, ouro_refcount(&g->thing[i]->object), counts[i]);
	}
	EXPECT(t, g->thing[TOP]->left.object == &g->thing[LEFT]->object);
	EXPECT(t, g->thing[TOP]->right.object == &g->thing[RIGHT]->object);
	EXPECT(t, g->thing[LEFT]->left.object == &g->thing[BOTTOM]->object);
	EXPECT(t, g->thing[RIGHT]->right.object == &g->thing[BOTTOM]->object);
}

static void put_top(void *arg)
{
	struct graph *g = arg;

	ouro_put(&g->thing[TOP]->object);
}

static void clear_rescue(void *arg)
{
	struct graph *g = arg;

	ouro_slot_clear(&g->rescue);
}

/* The top saves itself, with all it reaches, and dies the next time. */
static void rise_and_fall(struct scene *s, enum test_context context)
{
	struct graph *g = &graph;
	struct ouro_test *t = s->t;
	struct ouro_weak weak;
	u32 version;
	int i;

	if (!graph_make(g, s))
		return;
	g->thing[TOP]->rescue = &g->rescue;
	EXPECT_EQ(t, ouro_weak_init(&weak, &g->thing[TOP]->object, GFP_KERNEL),
		  0);
	version = test_version(&g->thing[TOP]->object);
	EXPECT_EQ(t, test_context_run(context, put_top, g), 0);
	ouro_heap_flush(s->heap);
	graph_told(g, TOP, 1, 0);
	for (i = LEFT; i < THINGS; i++)
		graph_told(g, i, 0, 0);
	EXPECT(t, g->rescue.object == &g->thing[TOP]->object);
	/* The reference that the finalizer had, and that of the rescue. */
	EXPECT_EQ(t, test_version(&g->thing[TOP]->object), version + 2);
	graph_is_whole(g);
	EXPECT(t, ouro_weak_get(weak) == &g->thing[TOP]->object);
	ouro_put(&g->thing[TOP]->object);
	graph_is_whole(g);

	EXPECT_EQ(t, test_context_run(context, clear_rescue, g), 0);
	ouro_heap_flush(s->heap);
	for (i = 0; i < THINGS; i++)
		graph_told(g, i, 1, 1);
	EXPECT(t, ouro_slot_is_empty(&g->rescue));
	EXPECT(t, !ouro_weak_get(weak));
	test_heap_settle(t, s->heap, 0);
}

static void resurrect(struct ouro_test *t, const struct ouro_type *type)
{
	int i;

	if (!scene_open(&scene, t, type))
		return;
	for (i = 0; i < TEST_CONTEXTS; i++)
		if (test_context_exists(i))
			rise_and_fall(&scene, i);
	scene_close(&scene);
}

static void resurrected(struct ouro_test *t)
{
	resurrect(t, &told_type);
}

static void resurrected_late(struct ouro_test *t)
{
	resurrect(t, &late_type);
}

/* ---- finalizers that put what has a finalizer ---- */

#define NEST	TEST_MANY(20000, 2000)

static void nested(struct ouro_test *t)
{
	struct thing *head = NULL, *thing;
	struct scene *s = &scene;
	atomic_t told[2] = { };
	int i;

	if (!scene_open(s, t, &told_type))
		return;
	for (i = 0; i < NEST; i++) {
		thing = thing_make(s, told);
		if (!thing)
			break;
		thing->drop = true;
		if (head)
			EXPECT_EQ(t, ouro_slot_move(&thing->left,
						    &head->object), 0);
		head = thing;
	}
	if (head)
		ouro_put(&head->object);
	ouro_heap_flush(s->heap);
	EXPECT_EQ(t, atomic_read(&told[0]), NEST);
	EXPECT_EQ(t, atomic_read(&told[1]), NEST);
	/* Each finds the slice that it was called in. */
	EXPECT_EQ(t, s->deepest, 1);
	scene_close(s);
}

/* ---- gone is gone, whatever a finalizer still does ---- */

#define ROUNDS		TEST_MANY(5000, 200)
#define ROUNDS_LEAST	10
#define ROUNDS_MS	1000	/* for more than these */
#define LOOKS		8	/* at an object that is gone, or stays */

/* One object a round: a thread puts it, and another asks for it. */
static struct doubt {
	struct scene *scene;
	struct thing *thing;
	struct ouro_weak weak;
	struct ouro_slot rescue;	/* a root */
	atomic_t told[2];
	bool rescued;			/* in this round, it will be */
	bool by_handle;			/* else by the pointer */
	u32 round;
	u32 ready;			/* to ask */
	u32 done;
	u32 rounds;
	u32 rescues;
	u64 end;			/* ktime_get_ns() */
	bool over;
	atomic_long_t found;
	atomic_long_t gone;
} doubt;

static struct ouro_object *ask_once(struct doubt *d)
{
	struct ouro_object *object = &d->thing->object;

	if (d->by_handle)
		return ouro_weak_get(d->weak);
	return ouro_tryget(object) ? object : NULL;
}

/*
 * Until the answer has been no, and some times more, or it was rescued.  A
 * reference that is put here may be the last.
 */
static void ask(struct doubt *d)
{
	struct ouro_test *t = d->scene->t;
	struct ouro_object *object;
	bool gone = false;
	int looks = LOOKS;

	while (looks && !test_expired(t)) {
		object = ask_once(d);
		if (object) {
			EXPECT_MSG(t, !gone, "round %u: back again", d->round);
			expect_whole(object);
			atomic_long_inc(&d->found);
			ouro_put(object);
		} else {
			EXPECT_MSG(t, !d->rescued, "round %u: not rescued",
				   d->round);
			gone = true;
		}
		looks -= gone || !ouro_slot_is_empty(&d->rescue);
		if (d->by_handle)
			cond_resched();
	}
	if (gone)
		atomic_long_inc(&d->gone);
}

static void ask_from_here(struct doubt *d, u32 round)
{
	/* Pairs with test_wait_for(): from here on it may die. */
	smp_store_release(&d->ready, round);
	ask(d);
}

static void ask_thread(struct doubt *d)
{
	u32 i;

	for (i = 1; test_wait_for(&d->round, i, &d->over); i++) {
		if (d->by_handle) {
			ask_from_here(d, i);
		} else {
			rcu_read_lock();
			ask_from_here(d, i);
			rcu_read_unlock();
		}
		/* Pairs with test_wait_for(): nobody asks any more. */
		smp_store_release(&d->done, i);
	}
}

static bool doubt_begin(struct doubt *d, u32 i)
{
	struct scene *s = d->scene;

	d->thing = thing_make(s, d->told);
	if (!d->thing)
		return false;
	d->rescued = i & 1;
	d->rescues += d->rescued;
	d->thing->rescue = d->rescued ? &d->rescue : NULL;
	return EXPECT_EQ(s->t, ouro_weak_init(&d->weak, &d->thing->object,
					      GFP_KERNEL), 0);
}

static void put_thread(struct doubt *d)
{
	u32 i, wait, random = 1;

	for (i = 1; i <= ROUNDS; i++) {
		if (i > ROUNDS_LEAST && ktime_get_ns() > d->end)
			break;
		if (!doubt_begin(d, i))
			break;
		/* Pairs with test_wait_for(): the object is there. */
		smp_store_release(&d->round, i);
		if (!test_wait_for(&d->ready, i, &d->over))
			break;
		for (wait = test_random(&random) % 64; wait; wait--)
			cpu_relax();
		ouro_put(&d->thing->object);
		if (!test_wait_for(&d->done, i, &d->over))
			break;
		d->rounds = i;
		ouro_slot_clear(&d->rescue);
		cond_resched();
	}
	WRITE_ONCE(d->over, true);
}

static void doubt_thread(void *arg, unsigned int id)
{
	if (id)
		ask_thread(arg);
	else
		put_thread(arg);
}

static void doubts(struct ouro_test *t, const struct ouro_type *type,
		   bool by_handle)
{
	struct scene *s = &scene;
	struct doubt *d = &doubt;

	if (num_online_cpus() < 2) {
		SKIP(t, "one CPU only");
		return;
	}
	if (!scene_open(s, t, type))
		return;
	s->crowded = true;
	*d = (struct doubt){ .scene = s, .by_handle = by_handle };
	d->end = ktime_get_ns() + ROUNDS_MS * NSEC_PER_MSEC;
	if (!test_threads_run(t, 2, doubt_thread, d))
		return;
	ouro_heap_flush(s->heap);
	test_note(t, "%u rounds, found %ld times, gone in %ld rounds",
		  d->rounds, atomic_long_read(&d->found),
		  atomic_long_read(&d->gone));
	EXPECT_GE(t, d->rounds, ROUNDS_LEAST);
	EXPECT_GE(t, atomic_long_read(&d->found), d->rescues);
	EXPECT_EQ(t, atomic_long_read(&d->gone), d->rounds - d->rescues);
	EXPECT_EQ(t, atomic_read(&d->told[0]), d->rounds);
	EXPECT_EQ(t, atomic_read(&d->told[1]), d->rounds);
	scene_close(s);
}

static void asked_by_handle(struct ouro_test *t)
{
	doubts(t, &told_type, true);
}

static void asked_by_handle_late(struct ouro_test *t)
{
	doubts(t, &late_type, true);
}

static void asked_by_pointer(struct ouro_test *t)
{
	doubts(t, &grave_type, false);
}

static const struct ouro_case finalize_cases[] = {
	EACH_KIND(resurrected),
	EACH_KIND(resurrected_late),
	EACH_KIND(nested),
	EACH_KIND(asked_by_handle),
	EACH_KIND(asked_by_handle_late),
	EACH_KIND(asked_by_pointer),
};

OURO_SUITE("finalize", finalize_cases);
