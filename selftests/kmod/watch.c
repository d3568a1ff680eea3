// SPDX-License-Identifier: GPL-2.0
/* Watches: who is told of a death, when, and what may be done then. */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <ouro/object.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include <ouro/weak.h>
#include "ouro_test.h"
#include "test_handle.h"

#define FAULT_FILE	"/sys/module/ouro/parameters/fail_nth"
#define FAULTS_MAX	20	/* allocations for a table, at most */
#define WATCH_GFP	(GFP_ATOMIC | __GFP_NOWARN)

struct thing {
	struct ouro_object object;
	struct ouro_slot next;
	u64 value;
};

/* What callbacks saw, and in which order; cases run one at a time. */
static struct seen {
	struct ouro_test *t;
	atomic_t step;
	int finalized;			/* steps */
	int released;
	struct thing *child;		/* of the object, held by the case */
	struct ouro_weak weak[4];	/* to the object */
} seen;

static bool all_null(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(seen.weak); i++)
		if (!test_handle_is_null(seen.weak[i]))
			return false;
	return true;
}

static void thing_finalize(void *object)
{
	struct ouro_weak none = { };

	seen.finalized = atomic_inc_return(&seen.step);
	if (!seen.child)
		return;
	EXPECT(seen.t, ouro_weak_equal(seen.weak[0], none) ||
	       !test_handle_is_null(seen.weak[0]));
	EXPECT_EQ(seen.t, ouro_weak_init(&seen.weak[3], object, WATCH_GFP), 0);
	EXPECT_EQ(seen.t, ouro_refcount(&seen.child->object), 2);
}

static void thing_release(void *object)
{
	struct thing *thing = object;

	seen.released = atomic_inc_return(&seen.step);
	EXPECT(seen.t, all_null());
	EXPECT(seen.t, ouro_slot_is_empty(&thing->next));
	if (seen.child)
		EXPECT_EQ(seen.t, ouro_refcount(&seen.child->object), 1);
}

/* Each dies in another way. */
static const struct ouro_type types[] = {
	{ .name = "leaf", .size = sizeof(struct thing) },
	{ OURO_TYPE(struct thing, object), OURO_SLOTS(struct thing, next) },
	{ .name = "told", .size = sizeof(struct thing),
	  OURO_SLOTS(struct thing, next),
	  .finalize = thing_finalize, .release = thing_release },
	{ .name = "late", .size = sizeof(struct thing),
	  OURO_SLOTS(struct thing, next), .flags = OURO_TYPE_WORKER,
	  .finalize = thing_finalize, .release = thing_release },
	{ .name = "rcu", .size = sizeof(struct thing),
	  OURO_SLOTS(struct thing, next), .flags = OURO_TYPE_RCU,
	  .release = thing_release },
};

static const struct ouro_type * const leaf_type = &types[0];
static const struct ouro_type * const plain_type = &types[1];

/* A watch that remembers. */
struct watcher {
	struct ouro_watch watch;
	atomic_t told;
	int step;		/* the last time */
};

static void died(struct ouro_watch *watch)
{
	struct watcher *w = container_of(watch, struct watcher, watch);

	atomic_inc(&w->told);
	w->step = atomic_inc_return(&seen.step);
	EXPECT(seen.t, test_handle_is_null(watch->weak));
	EXPECT(seen.t, !in_hardirq() && !in_nmi());
}

static int watch(struct watcher *w, struct thing *thing,
		 void (*fn)(struct ouro_watch *watch))
{
	memset(w, 0, sizeof(*w));
	return ouro_watch_add(&w->watch, &thing->object, fn, WATCH_GFP);
}

static struct ouro_kind *kind_of(struct ouro_test *t, struct ouro_heap *heap,
				 const struct ouro_type *type)
{
	struct ouro_kind *kind = ouro_type_register(heap, type);

	memset(&seen, 0, sizeof(seen));
	seen.t = t;
	return EXPECT(t, !IS_ERR(kind)) ? kind : NULL;
}

/* Finalize, handles, slots, release, the callback; each after the one before. */
static void order_of(struct ouro_test *t, const struct ouro_type *type)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind = heap ? kind_of(t, heap, type) : NULL;
	struct thing *thing = kind ? ouro_new(kind, GFP_KERNEL) : NULL;
	struct thing *child = kind ? ouro_new(kind, GFP_KERNEL) : NULL;
	struct watcher w;
	int i;

	if (!EXPECT(t, thing && child))
		return;
	seen.child = child;
	EXPECT_EQ(t, ouro_slot_store(&thing->next, &child->object), 0);
	for (i = 0; i < 2; i++)
		EXPECT_EQ(t, ouro_weak_init(&seen.weak[i], &thing->object,
					    GFP_KERNEL), 0);
	EXPECT_EQ(t, watch(&w, thing, died), 0);
	seen.weak[2] = w.watch.weak;
	EXPECT_EQ(t, ouro_refcount(&thing->object), 1);
	ouro_put(&thing->object);
	ouro_heap_flush(heap);
	i = type->finalize ? 1 : 0;
	EXPECT_EQ(t, seen.finalized, i);
	EXPECT_EQ(t, seen.released, type->release ? i + 1 : 0);
	EXPECT_EQ(t, atomic_read(&w.told), 1);
	EXPECT_EQ(t, w.step, atomic_read(&seen.step));
	EXPECT(t, all_null());
	EXPECT_EQ(t, ouro_refcount(&child->object), 1);
	seen.child = NULL;
	ouro_put(&child->object);
	ouro_heap_flush(heap);
	EXPECT_EQ(t, atomic_read(&w.told), 1);
	test_heap_settle(t, heap, 0);
	test_heap_close(t, heap);
}

static void order(struct ouro_test *t)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].nslots)
			order_of(t, &types[i]);
}

#define SEVERAL	10

static struct watcher several_w[SEVERAL];

/* It is too late for the others: all of them are being told. */
static void died_first(struct ouro_watch *watch)
{
	int i;

	for (i = 0; i < SEVERAL; i++)
		EXPECT(seen.t, !ouro_watch_remove(&several_w[i].watch));
	died(watch);
}

static void several_of(struct ouro_test *t, const struct ouro_type *type)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind = heap ? kind_of(t, heap, type) : NULL;
	struct thing *thing = kind ? ouro_new(kind, GFP_KERNEL) : NULL;
	struct watcher *w = several_w;
	int i;

	if (!EXPECT(t, thing))
		return;
	for (i = 0; i < SEVERAL; i++)
		EXPECT_EQ(t, watch(&w[i], thing, died_first), 0);
	for (i = 0; i < SEVERAL; i += 2) {
		EXPECT(t, i & 4 ? ouro_watch_remove(&w[i].watch) :
				  ouro_watch_remove_sync(&w[i].watch));
		EXPECT(t, !ouro_watch_remove(&w[i].watch));
	}
	/* One comes back. */
	EXPECT_EQ(t, watch(&w[2], thing, died_first), 0);
	ouro_put(&thing->object);
	ouro_heap_flush(heap);
	for (i = 0; i < SEVERAL; i++) {
		EXPECT_EQ(t, atomic_read(&w[i].told), i == 2 || (i & 1));
		EXPECT(t, !ouro_watch_remove(&w[i].watch));
	}
	EXPECT(t, !ouro_watch_remove_sync(&w[1].watch));
	test_heap_settle(t, heap, 0);
	test_heap_close(t, heap);
}

static void several(struct ouro_test *t)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		several_of(t, &types[i]);
}

/* What the busy callback has to do with; all in one pool, with one lock. */
static struct busy {
	struct watcher w;		/* busy */
	struct ouro_kind *kind;
	struct thing *dead;		/* watched by @w, only to compare */
	struct thing *put;		/* its last reference is put there */
	struct watcher put_w;
	struct thing *other;		/* lives on */
	struct watcher other_w;		/* added before, removed there */
	struct watcher new_w;		/* added there */
	struct thing *next;		/* made there */
	struct watcher next_w;
} busy;

static void died_busy(struct ouro_watch *watched)
{
	struct ouro_test *t = seen.t;
	struct busy *b = &busy;

	died(watched);
	b->next = ouro_new(b->kind, WATCH_GFP);
	if (b->next)
		EXPECT_EQ(t, watch(&b->next_w, b->next, died), 0);
	EXPECT(t, ouro_watch_remove(&b->other_w.watch));
	EXPECT_EQ(t, watch(&b->new_w, b->other, died), 0);
	EXPECT_EQ(t, ouro_slot_store(&b->other->next, &b->put->object), 0);
	ouro_put(&b->put->object);
	EXPECT_EQ(t, atomic_read(&b->put_w.told), 0);
	ouro_slot_clear(&b->other->next);
}

/* No lock is held: whatever is allowed there can be done. */
static void busy_callback(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind = heap ? kind_of(t, heap, plain_type) : NULL;
	struct busy *b = &busy;

	if (!kind)
		return;
	*b = (struct busy){ .kind = kind };
	b->dead = ouro_new(kind, GFP_KERNEL);
	b->put = ouro_new(kind, GFP_KERNEL);
	b->other = ouro_new(kind, GFP_KERNEL);
	if (!EXPECT(t, b->dead && b->put && b->other))
		return;
	EXPECT_EQ(t, watch(&b->w, b->dead, died_busy), 0);
	EXPECT_EQ(t, watch(&b->put_w, b->put, died), 0);
	EXPECT_EQ(t, watch(&b->other_w, b->other, died), 0);
	ouro_put(&b->dead->object);
	ouro_heap_flush(heap);
	EXPECT_EQ(t, atomic_read(&b->w.told), 1);
	EXPECT_EQ(t, atomic_read(&b->put_w.told), 1);
	EXPECT_EQ(t, atomic_read(&b->new_w.told), 0);
	/* The block was free for the next, which nobody mourned yet. */
	if (EXPECT(t, b->next)) {
		test_note(t, "the next object has %s block",
			  b->next == b->dead ? "the same" : "another");
		EXPECT_EQ(t, atomic_read(&b->next_w.told), 0);
		ouro_put(&b->next->object);
		EXPECT_EQ(t, atomic_read(&b->next_w.told), 1);
		EXPECT_EQ(t, atomic_read(&b->w.told), 1);
	}
	ouro_put(&b->other->object);
	EXPECT_EQ(t, atomic_read(&b->new_w.told), 1);
	EXPECT_EQ(t, atomic_read(&b->other_w.told), 0);
	test_heap_settle(t, heap, 0);
	test_heap_close(t, heap);
}

/* The watches of an object are not those of the next in its block. */
static void next_object(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind = heap ? kind_of(t, heap, leaf_type) : NULL;
	struct thing *thing, *last = NULL;
	static struct watcher w[20];
	int i, j, same = 0;

	for (i = 0; kind && i < ARRAY_SIZE(w); i++) {
		thing = ouro_new(kind, GFP_KERNEL);
		if (!EXPECT(t, thing))
			return;
		same += thing == last;
		last = thing;
		EXPECT_EQ(t, watch(&w[i], thing, died), 0);
		if (i % 4 == 3)
			EXPECT(t, ouro_watch_remove(&w[i].watch));
		ouro_put(&thing->object);
		for (j = 0; j <= i; j++)
			EXPECT_EQ(t, atomic_read(&w[j].told), j % 4 != 3);
	}
	EXPECT_GE(t, same, 10);
	test_heap_settle(t, heap, 0);
	test_heap_close(t, heap);
}

/* Those of what is live tell when the heap goes. */
static void destroyed(struct ouro_test *t)
{
	struct watcher w[2];
	struct ouro_heap *heap;
	struct ouro_kind *kind;
	struct thing *thing;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		heap = test_heap(t);
		kind = heap ? kind_of(t, heap, &types[i]) : NULL;
		thing = kind ? ouro_new(kind, GFP_KERNEL) : NULL;
		if (!EXPECT(t, thing))
			return;
		EXPECT_EQ(t, watch(&w[0], thing, died), 0);
		EXPECT_EQ(t, watch(&w[1], thing, died), 0);
		seen.weak[0] = w[0].watch.weak;
		EXPECT(t, ouro_watch_remove(&w[1].watch));
		test_heap_abandon(t, heap, 1);
		EXPECT_EQ(t, atomic_read(&w[0].told), 1);
		EXPECT_EQ(t, atomic_read(&w[1].told), 0);
		EXPECT_EQ(t, w[0].step, types[i].release ? 2 : 1);
		EXPECT_EQ(t, seen.released, types[i].release ? 1 : 0);
		EXPECT(t, !ouro_watch_remove(&w[0].watch));
		EXPECT(t, !ouro_watch_remove(&w[1].watch));
	}
}

/* A visit to a context, where the last reference is put. */
static struct visit {
	struct thing *thing;
	struct watcher w[3];
	int err;
	bool removed;
} visit;

static void visit_there(void *arg)
{
	struct visit *v = arg;

	/* The pool has its table: no memory is needed, but a lock. */
	if (!in_nmi()) {
		v->err = watch(&v->w[1], v->thing, died);
		v->removed = ouro_watch_remove(&v->w[2].watch);
	}
	ouro_put(&v->thing->object);
}

static void visit_once(struct ouro_test *t, enum test_context context,
		       struct ouro_heap *heap, struct ouro_kind *kind)
{
	bool nmi = context == TEST_NMI;
	struct visit *v = &visit;
	int ret;

	memset(v, 0, sizeof(*v));
	v->thing = ouro_new(kind, GFP_KERNEL);
	if (!EXPECT(t, v->thing))
		return;
	EXPECT_EQ(t, watch(&v->w[0], v->thing, died), 0);
	EXPECT_EQ(t, watch(&v->w[2], v->thing, died), 0);
	ret = test_context_run(context, visit_there, v);
	EXPECT_MSG(t, !ret && !v->err, "%s: %d %d",
		   test_context_name(context), ret, v->err);
	EXPECT_EQ(t, v->removed, !nmi);
	ouro_heap_flush(heap);
	EXPECT_EQ(t, atomic_read(&v->w[0].told), 1);
	EXPECT_EQ(t, atomic_read(&v->w[1].told), !nmi);
	EXPECT_EQ(t, atomic_read(&v->w[2].told), nmi);
}

/* Whoever puts the last reference, who is told is told elsewhere. */
static void contexts(struct ouro_test *t)
{
	struct ouro_heap *heap;
	struct ouro_kind *kind;
	unsigned int context, i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		heap = test_heap(t);
		kind = heap ? kind_of(t, heap, &types[i]) : NULL;
		if (!kind)
			return;
		for (context = 0; context < TEST_CONTEXTS; context++)
			if (test_context_exists(context))
				visit_once(t, context, heap, kind);
		test_heap_settle(t, heap, 0);
		test_heap_close(t, heap);
	}
}

/* What could not be added is not told, and may be removed. */
static void not_added(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind = heap ? kind_of(t, heap, plain_type) : NULL;
	struct thing *thing = kind ? ouro_new(kind, GFP_KERNEL) : NULL;
	void *block = heap ? ouro_alloc(heap, 64, GFP_KERNEL) : NULL;
	struct watcher w;
	unsigned long nth, left;
	int err;

	if (!EXPECT(t, thing && block))
		return;
	EXPECT_EQ(t, watch(&w, block, died), -EINVAL);
	EXPECT(t, !ouro_watch_remove(&w.watch));
	ouro_free(block);
	for (nth = 1; nth < FAULTS_MAX; nth++) {
		EXPECT_EQ(t, test_file_write(FAULT_FILE, nth), 0);
		err = watch(&w, thing, died);
		EXPECT_EQ(t, test_file_read(FAULT_FILE, &left), 0);
		EXPECT_EQ(t, test_file_write(FAULT_FILE, 0), 0);
		if (left)
			break;
		EXPECT_EQ(t, err, -ENOMEM);
		EXPECT(t, test_handle_is_null(w.watch.weak));
		EXPECT(t, !ouro_watch_remove(&w.watch));
		EXPECT_EQ(t, ouro_refcount(&thing->object), 1);
	}
	EXPECT_GE(t, nth, 2);
	EXPECT_EQ(t, err, 0);
	ouro_put(&thing->object);
	EXPECT_EQ(t, atomic_read(&w.told), 1);
	test_heap_settle(t, heap, 0);
	test_heap_close(t, heap);
}

static const struct ouro_case watch_cases[] = {
	EACH_KIND(order),
	EACH_KIND(several),
	EACH_KIND(busy_callback),
	EACH_KIND(next_object),
	EACH_KIND(destroyed),
	EACH_KIND(contexts),
	{ "not_added", not_added },
};

OURO_SUITE("watch", watch_cases);
