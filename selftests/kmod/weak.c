// SPDX-License-Identifier: GPL-2.0
/* Weak handles: what one gives while its object lives, and once it is dead. */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mm.h>
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
#define WEAK_GFP	(GFP_ATOMIC | __GFP_NOWARN)

struct thing {
	struct ouro_object object;
	struct ouro_slot next;
	u64 value;
};

/* What callbacks saw and made; cases run one at a time. */
static struct seen {
	struct ouro_test *t;
	atomic_t finalized;
	atomic_t released;
	struct ouro_weak weak;		/* made by finalize */
	bool rescue;			/* finalize leaves its object in @root */
	struct ouro_slot root;
} seen;

static void thing_finalize(void *object)
{
	struct thing *thing = object;
	struct ouro_object *again;

	atomic_inc(&seen.finalized);
	EXPECT_EQ(seen.t, ouro_weak_init(&seen.weak, &thing->object, WEAK_GFP),
		  0);
	again = ouro_weak_get(seen.weak);
	EXPECT(seen.t, again == &thing->object);
	if (seen.rescue)
		EXPECT_EQ(seen.t, ouro_slot_store(&seen.root, again), 0);
	ouro_put(again);
}

static void thing_release(void *object)
{
	struct thing *thing = object;

	atomic_inc(&seen.released);
	EXPECT(seen.t, !ouro_is_alive(&thing->object));
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

static const struct ouro_type * const plain_type = &types[1];

static struct ouro_kind *kind_of(struct ouro_test *t, struct ouro_heap *heap,
				 const struct ouro_type *type)
{
	struct ouro_kind *kind = ouro_type_register(heap, type);

	memset(&seen, 0, sizeof(seen));
	seen.t = t;
	return EXPECT(t, !IS_ERR(kind)) ? kind : NULL;
}

/* An object with a handle to it. */
static struct thing *make(struct ouro_test *t, struct ouro_kind *kind,
			  struct ouro_weak *weak)
{
	struct thing *thing = ouro_new(kind, GFP_KERNEL);

	if (EXPECT(t, thing))
		EXPECT_EQ(t, ouro_weak_init(weak, &thing->object, GFP_KERNEL),
			  0);
	return thing;
}

/* A handle counts for nothing, each reference that it gave for one. */
static void handle(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind = heap ? kind_of(t, heap, plain_type) : NULL;
	struct ouro_weak weak, copy;
	struct thing *thing;
	int i;

	if (!kind)
		return;
	thing = make(t, kind, &weak);
	if (!thing)
		return;
	EXPECT_EQ(t, ouro_refcount(&thing->object), 1);
	copy = weak;
	for (i = 2; i < 100; i++) {
		EXPECT(t, ouro_weak_get(i & 1 ? weak : copy) == &thing->object);
		EXPECT_EQ(t, ouro_refcount(&thing->object), i);
	}
	for (; i > 2; i--) {
		ouro_put(&thing->object);
		EXPECT(t, test_handle_gives(weak, &thing->object));
	}
	EXPECT_EQ(t, ouro_refcount(&thing->object), 1);
	test_heap_check(t, heap, 1);
	ouro_put(&thing->object);
	for (i = 0; i < 100; i++)
		EXPECT(t, test_handle_is_null(i & 1 ? weak : copy));
	test_heap_check(t, heap, 0);
	test_heap_close(t, heap);
}

static void nothing(struct ouro_test *t)
{
	struct ouro_weak none = { }, weak;
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind = heap ? kind_of(t, heap, plain_type) : NULL;
	struct thing *thing;
	void *block;

	if (!kind)
		return;
	EXPECT(t, test_handle_is_null(none));
	thing = make(t, kind, &weak);
	block = ouro_alloc(heap, sizeof(*thing), GFP_KERNEL);
	if (!EXPECT(t, thing && block))
		return;
	EXPECT(t, !ouro_weak_equal(weak, none));
	EXPECT_EQ(t, ouro_weak_init(&weak, block, GFP_KERNEL), -EINVAL);
	EXPECT(t, ouro_weak_equal(weak, none));
	weak.generation = 1;
	EXPECT_EQ(t, ouro_weak_init(&weak, (void *)&thing->next, GFP_KERNEL),
		  -EINVAL);
	EXPECT(t, ouro_weak_equal(weak, none));
	EXPECT(t, test_handle_is_null(weak));
	EXPECT_EQ(t, ouro_refcount(&thing->object), 1);
	ouro_put(&thing->object);
	ouro_free(block);
	test_heap_close(t, heap);
}

static void equality(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind = heap ? kind_of(t, heap, plain_type) : NULL;
	struct ouro_weak first, again, second;
	struct thing *one, *two;

	if (!kind)
		return;
	one = make(t, kind, &first);
	two = make(t, kind, &second);
	if (!one || !two)
		return;
	EXPECT_EQ(t, ouro_weak_init(&again, &one->object, GFP_KERNEL), 0);
	EXPECT(t, ouro_weak_equal(first, again));
	EXPECT(t, !ouro_weak_equal(first, second));
	EXPECT(t, test_handle_gives(first, &one->object));
	EXPECT(t, test_handle_gives(again, &one->object));
	EXPECT(t, test_handle_gives(second, &two->object));
	/* The death of one changes nothing for the other. */
	ouro_put(&one->object);
	EXPECT(t, ouro_weak_equal(first, again));
	EXPECT(t, test_handle_is_null(first));
	EXPECT(t, test_handle_is_null(again));
	EXPECT(t, test_handle_gives(second, &two->object));
	ouro_put(&two->object);
	test_heap_close(t, heap);
}

static void text_of(struct ouro_weak weak, char text[48])
{
	snprintf(text, 48, OURO_WEAK_FMT, OURO_WEAK_ARG(weak));
}

static u64 heap_of(struct ouro_weak weak)
{
	return weak.name >> (OURO_WEAK_POOL_BITS + OURO_WEAK_BLOCK_BITS);
}

/*
 * What is printed stays the same, tells objects apart, and is no address.  It
 * begins with what is the same for all of one heap.
 */
static void printed(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind = heap ? kind_of(t, heap, plain_type) : NULL;
	struct ouro_weak weak[8], again;
	char text[8][48], other[48];
	struct thing *thing[8];
	int i, j;

	if (!kind)
		return;
	for (i = 0; i < 8; i++) {
		thing[i] = make(t, kind, &weak[i]);
		if (!thing[i])
			return;
		text_of(weak[i], text[i]);
		snprintf(other, sizeof(other), "%lx",
			 (unsigned long)thing[i]);
		EXPECT_MSG(t, !strstr(text[i], other), "%s", text[i]);
		EXPECT_EQ(t, heap_of(weak[i]), heap_of(weak[0]));
		for (j = 0; j < i; j++)
			EXPECT_MSG(t, strcmp(text[i], text[j]), "%s", text[i]);
	}
	for (i = 7; i >= 0; i--) {
		EXPECT_EQ(t, ouro_weak_init(&again, &thing[i]->object,
					    GFP_KERNEL), 0);
		text_of(again, other);
		EXPECT_MSG(t, !strcmp(text[i], other), "%s %s", text[i], other);
		ouro_put(&thing[i]->object);
		text_of(weak[i], other);
		EXPECT_MSG(t, !strcmp(text[i], other), "%s %s", text[i], other);
	}
	test_note(t, "%s", text[0]);
	test_heap_close(t, heap);
}

/* What finalize makes of its object names it until that is dead. */
static void finalize(struct ouro_test *t, const struct ouro_type *type)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind = heap ? kind_of(t, heap, type) : NULL;
	struct ouro_weak before, weak;
	struct thing *thing;

	if (!kind)
		return;
	/* With a handle before, and without. */
	thing = make(t, kind, &before);
	if (!thing)
		return;
	ouro_put(&thing->object);
	ouro_heap_flush(heap);
	EXPECT_EQ(t, atomic_read(&seen.finalized), 1);
	EXPECT(t, ouro_weak_equal(before, seen.weak));
	EXPECT(t, test_handle_is_null(before));
	EXPECT(t, test_handle_is_null(seen.weak));

	weak = seen.weak;
	thing = ouro_new(kind, GFP_KERNEL);
	if (!EXPECT(t, thing))
		return;
	ouro_put(&thing->object);
	ouro_heap_flush(heap);
	EXPECT_EQ(t, atomic_read(&seen.finalized), 2);
	EXPECT_EQ(t, atomic_read(&seen.released), 2);
	EXPECT(t, !ouro_weak_equal(weak, seen.weak));
	EXPECT(t, test_handle_is_null(before));
	EXPECT(t, test_handle_is_null(weak));
	EXPECT(t, test_handle_is_null(seen.weak));
	test_heap_settle(t, heap, 0);
	test_heap_close(t, heap);
}

static void finalized(struct ouro_test *t)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].finalize)
			finalize(t, &types[i]);
}

/* An object that its finalizer rescued is the one that it was. */
static void rescue(struct ouro_test *t, const struct ouro_type *type)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind = heap ? kind_of(t, heap, type) : NULL;
	struct ouro_weak weak, again;
	struct thing *thing;

	if (!kind)
		return;
	seen.rescue = true;
	thing = make(t, kind, &weak);
	if (!thing)
		return;
	ouro_put(&thing->object);
	ouro_heap_flush(heap);
	EXPECT_EQ(t, atomic_read(&seen.finalized), 1);
	EXPECT_EQ(t, atomic_read(&seen.released), 0);
	EXPECT_EQ(t, ouro_refcount(&thing->object), 1);
	EXPECT(t, test_handle_gives(weak, &thing->object));
	EXPECT(t, test_handle_gives(seen.weak, &thing->object));
	EXPECT(t, ouro_weak_equal(weak, seen.weak));
	EXPECT_EQ(t, ouro_weak_init(&again, &thing->object, GFP_KERNEL), 0);
	EXPECT(t, ouro_weak_equal(weak, again));
	test_heap_check(t, heap, 1);
	/* The second time it dies without being asked. */
	ouro_slot_clear(&seen.root);
	ouro_heap_flush(heap);
	EXPECT_EQ(t, atomic_read(&seen.finalized), 1);
	EXPECT_EQ(t, atomic_read(&seen.released), 1);
	EXPECT(t, test_handle_is_null(weak) && test_handle_is_null(seen.weak));
	test_heap_settle(t, heap, 0);
	test_heap_close(t, heap);
}

static void rescued(struct ouro_test *t)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].finalize)
			rescue(t, &types[i]);
}

/* A visit to a context, where the last reference is one that was upgraded. */
static struct visit {
	struct ouro_weak weak;
	struct ouro_weak again;		/* made there */
	struct ouro_object *given;	/* the task's, put there */
	struct ouro_object *after;	/* what came behind the last put */
	int err;
	bool same;
	unsigned int count[2];		/* with both references, with one */
} visit;

static void put_there(void *arg)
{
	struct visit *v = arg;
	struct ouro_object *object = ouro_weak_get(v->weak);

	v->same = object && object == v->given;
	if (!v->same)
		return;
	v->count[0] = ouro_refcount(object);
	v->err = ouro_weak_init(&v->again, object, WEAK_GFP);
	ouro_put(v->given);
	v->count[1] = ouro_refcount(object);
	ouro_put(object);
	v->after = ouro_weak_get(v->weak);
	ouro_put(v->after);
}

static void visit_once(struct ouro_test *t, enum test_context context,
		       struct ouro_heap *heap, struct ouro_kind *kind,
		       const struct ouro_type *type)
{
	struct thing *thing;
	int ret;

	memset(&visit, 0, sizeof(visit));
	thing = make(t, kind, &visit.weak);
	if (!thing)
		return;
	visit.given = &thing->object;
	ret = test_context_run(context, put_there, &visit);
	EXPECT_MSG(t, !ret && !visit.err && visit.same, "%s, %s: %d %d",
		   test_context_name(context), type->name, ret, visit.err);
	EXPECT_EQ(t, visit.count[0], 2);
	EXPECT_EQ(t, visit.count[1], 1);
	EXPECT(t, ouro_weak_equal(visit.weak, visit.again));
	/* With a finalizer the object lives until that has run. */
	if (!type->finalize)
		EXPECT(t, !visit.after);
	test_heap_settle(t, heap, 0);
	EXPECT(t, test_handle_is_null(visit.weak));
}

static void contexts(struct ouro_test *t)
{
	unsigned int context, i, visits;
	struct ouro_heap *heap;
	struct ouro_kind *kind;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		heap = test_heap(t);
		kind = heap ? kind_of(t, heap, &types[i]) : NULL;
		if (!kind)
			return;
		for (context = visits = 0; context < TEST_CONTEXTS; context++) {
			if (!test_context_exists(context))
				continue;
			visit_once(t, context, heap, kind, &types[i]);
			visits++;
		}
		EXPECT_EQ(t, atomic_read(&seen.finalized),
			  types[i].finalize ? visits : 0);
		EXPECT_EQ(t, atomic_read(&seen.released),
			  types[i].release ? visits : 0);
		test_heap_close(t, heap);
	}
}

static void name_there(void *arg)
{
	struct visit *v = arg;

	v->err = ouro_weak_init(&v->weak, v->given, WEAK_GFP);
}

/* The first handle in a pool, which takes memory. */
static void first(struct ouro_test *t)
{
	struct ouro_weak none = { };
	struct ouro_heap *heap;
	struct ouro_kind *kind;
	struct thing *thing;
	int i, ret;

	for (i = 0; i < TEST_CONTEXTS; i++) {
		if (!test_context_exists(i))
			continue;
		heap = test_heap(t);
		kind = heap ? kind_of(t, heap, plain_type) : NULL;
		thing = kind ? ouro_new(kind, GFP_KERNEL) : NULL;
		if (!EXPECT(t, thing))
			return;
		visit = (struct visit){ .given = &thing->object };
		ret = test_context_run(i, name_there, &visit);
		EXPECT_MSG(t, !ret && visit.err ==
			   (test_context_may_fail(i) ? -ENOMEM : 0),
			   "%s: %d %d", test_context_name(i), ret, visit.err);
		EXPECT(t, visit.err ? ouro_weak_equal(visit.weak, none) :
				      test_handle_gives(visit.weak, &thing->object));
		EXPECT_EQ(t, ouro_weak_init(&visit.again, &thing->object,
					    GFP_KERNEL), 0);
		EXPECT(t, test_handle_gives(visit.again, &thing->object));
		ouro_put(&thing->object);
		EXPECT(t, test_handle_is_null(visit.again));
		test_heap_close(t, heap);
	}
}

/* Each allocation for a table fails once, and harms nobody. */
static void table_fails(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind = heap ? kind_of(t, heap, plain_type) : NULL;
	struct thing *thing = kind ? ouro_new(kind, GFP_KERNEL) : NULL;
	struct ouro_weak none = { }, weak;
	unsigned long nth, left;
	int err;

	if (!EXPECT(t, thing))
		return;
	for (nth = 1; nth < FAULTS_MAX; nth++) {
		weak.generation = 1;
		EXPECT_EQ(t, test_file_write(FAULT_FILE, nth), 0);
		err = ouro_weak_init(&weak, &thing->object,
				     GFP_KERNEL | __GFP_NOWARN);
		EXPECT_EQ(t, test_file_read(FAULT_FILE, &left), 0);
		EXPECT_EQ(t, test_file_write(FAULT_FILE, 0), 0);
		if (left)
			break;
		EXPECT_EQ(t, err, -ENOMEM);
		EXPECT(t, ouro_weak_equal(weak, none) && test_handle_is_null(weak));
		EXPECT_EQ(t, ouro_refcount(&thing->object), 1);
		test_heap_check(t, heap, 1);
	}
	EXPECT_GE(t, nth, 2);
	EXPECT_EQ(t, err, 0);
	EXPECT(t, test_handle_gives(weak, &thing->object));
	ouro_put(&thing->object);
	EXPECT(t, test_handle_is_null(weak));
	test_note(t, "%lu failures", nth - 1);
	test_heap_close(t, heap);
}

static const struct ouro_case weak_cases[] = {
	EACH_KIND(handle),
	EACH_KIND(nothing),
	EACH_KIND(equality),
	EACH_KIND(printed),
	EACH_KIND(finalized),
	EACH_KIND(rescued),
	EACH_KIND(contexts),
	EACH_KIND(first),
	{ "table_fails", table_fails },
};

OURO_SUITE("weak", weak_cases);
