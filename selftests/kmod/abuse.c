// SPDX-License-Identifier: GPL-2.0
/* Misuse of objects and slots: one report each, counted, and no damage. */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <ouro/object.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include <ouro/weak.h>
#include "abuse.h"

struct scene scene;

static void release(void *object)
{
	scene.released++;
}

#define THING(type_name)						\
	.name = (type_name),						\
	.size = sizeof(struct pair)

const struct ouro_type types[TYPES] = {
	[LEAF] = { THING("leaf") },
	[PAIR] = { THING("pair"), OURO_SLOTS(struct pair, left, right) },
	[TOLD] = {
		THING("told"), OURO_SLOTS(struct pair, left, right),
		.release = release,
	},
	[LATE] = {
		THING("late"), OURO_SLOTS(struct pair, left, right),
		.release = release,
		.flags = OURO_TYPE_WORKER,
	},
	[LARGE] = { .name = "large", .size = 20000 },
	[ROW] = {
		OURO_TYPE(struct row, object),
		OURO_SLOT_ARRAY(struct row, cell),
	},
};

static const struct ouro_type witness_type = {
	THING("witness"), OURO_SLOTS(struct pair, left, right),
};

bool scene_open(struct scene *s, struct ouro_test *t, int type)
{
	struct ouro_kind *kind;

	memset(s, 0, sizeof(*s));
	s->t = t;
	s->heap = test_heap(t);
	if (!s->heap)
		return false;
	s->kind = ouro_type_register(s->heap, &types[type]);
	kind = ouro_type_register(s->heap, &witness_type);
	if (!EXPECT(t, !IS_ERR(s->kind) && !IS_ERR(kind)))
		return false;
	s->object = ouro_new(s->kind, GFP_KERNEL);
	s->a = ouro_new(kind, GFP_KERNEL);
	s->b = ouro_new(kind, GFP_KERNEL);
	if (!EXPECT(t, s->object && s->a && s->b))
		return false;
	EXPECT_EQ(t, ouro_slot_store(&s->a->left, &s->b->object), 0);
	EXPECT_EQ(t, ouro_slot_store(&s->a->right, &s->b->object), 0);
	EXPECT_EQ(t, ouro_slot_store(&s->b->left, &s->a->object), 0);
	s->a->value = 0xa;
	s->b->value = 0xb;
	test_log_mark(&s->log);
	return true;
}

/* @count reports since the last time, and nothing else in the log. */
void told(struct scene *s, unsigned int count, const char *needle, bool ours)
{
	struct ouro_test *t = s->t;

	EXPECT_MSG(t, test_log_count(&s->log, "") == count, "\"%s\": %u lines",
		   needle, test_log_count(&s->log, ""));
	EXPECT_MSG(t, test_log_count(&s->log, needle) == count, "\"%s\"",
		   needle);
	EXPECT_MSG(t, test_heap_misuse(s->heap) == s->misuse +
		   (ours ? count : 0), "\"%s\"", needle);
	s->misuse = test_heap_misuse(s->heap);
	test_log_mark(&s->log);
}

/* As told(): the lines name heap, type and object. */
void told_of(struct scene *s, unsigned int count, const char *what,
	     struct ouro_object *object)
{
	struct ouro_weak weak;
	char needle[200];

	EXPECT_EQ(s->t, ouro_weak_init(&weak, object, GFP_KERNEL), 0);
	/* The generation is told only where there had been a handle before. */
	snprintf(needle, sizeof(needle), "heap %s: %s: %s %llx.%llx.%llx",
		 ouro_heap_name(s->heap), what, ouro_object_type(object)->name,
		 weak.name >> (OURO_WEAK_BLOCK_BITS + OURO_WEAK_POOL_BITS),
		 (weak.name >> OURO_WEAK_BLOCK_BITS) & U32_MAX,
		 weak.name & (BIT(OURO_WEAK_BLOCK_BITS) - 1));
	told(s, count, needle, true);
}

static void nothing_told(struct scene *s)
{
	told(s, 0, "", true);
}

/* The others are as they were; @live: of the misused, with a release or not. */
void scene_close(struct scene *s, int live, int released)
{
	struct ouro_test *t = s->t;

	nothing_told(s);
	EXPECT(t, s->a->value == 0xa && s->b->value == 0xb);
	EXPECT(t, s->a->left.object == &s->b->object);
	EXPECT(t, s->a->right.object == &s->b->object);
	EXPECT(t, s->b->left.object == &s->a->object);
	EXPECT_EQ(t, ouro_refcount(&s->a->object), 2);
	EXPECT_EQ(t, ouro_refcount(&s->b->object), 3);
	ouro_slot_clear(&s->b->left);
	ouro_put(&s->a->object);
	ouro_put(&s->b->object);
	ouro_heap_flush(s->heap);
	nothing_told(s);
	test_heap_settle(t, s->heap, live);
	test_heap_abandon(t, s->heap, live);
	EXPECT_EQ(t, s->released, released);
}

/* ---- references to the dead ---- */

void put_there(void *arg)
{
	ouro_put(arg);
}

static void get_there(void *arg)
{
	ouro_get(arg);
}

/* The next object in that block is as good as any. */
static void born_again(struct scene *s)
{
	struct ouro_object *object = ouro_new(s->kind, GFP_KERNEL);

	if (!EXPECT(s->t, object))
		return;
	EXPECT_EQ(s->t, ouro_refcount(object), 1);
	EXPECT_EQ(s->t, ouro_refcount(ouro_get(object)), 2);
	ouro_put(object);
	EXPECT_EQ(s->t, ouro_refcount(object), 1);
	ouro_put(object);
	ouro_heap_flush(s->heap);
	EXPECT_EQ(s->t, ouro_refcount(object), 0);
}

/* From a task first: a report in NMI cannot make a name for the object. */
static void misuse_dead(struct ouro_test *t, void (*misuse)(void *object),
			const char *what)
{
	struct scene *s = &scene;
	int i, j;

	for (i = 0; i < TYPES; i++) {
		if (!scene_open(s, t, i))
			return;
		ouro_put(s->object);
		ouro_heap_flush(s->heap);
		for (j = 0; j < TEST_CONTEXTS; j++) {
			if (!test_context_exists(j))
				continue;
			EXPECT_EQ(t, test_context_run(j, misuse, s->object), 0);
			told_of(s, 1, what, s->object);
			EXPECT_EQ(t, ouro_refcount(s->object), 0);
		}
		born_again(s);
		scene_close(s, 0, 2 * !!types[i].release);
	}
}

static void put_dead(struct ouro_test *t)
{
	misuse_dead(t, put_there, "reference put that nobody had");
}

static void get_dead(struct ouro_test *t)
{
	misuse_dead(t, get_there, "reference taken to a dead object");
}

/* That somebody asks is no misuse. */
static void try_dead(struct ouro_test *t)
{
	struct scene *s = &scene;

	if (!scene_open(s, t, TOLD))
		return;
	ouro_put(s->object);
	rcu_read_lock();
	EXPECT(t, !ouro_tryget(s->object));
	EXPECT(t, !ouro_is_alive(s->object));
	rcu_read_unlock();
	born_again(s);
	scene_close(s, 0, 2);
}

/* One put too many, and a slot is left with an object that has gone. */
static void dead_in_slot(struct ouro_test *t)
{
	struct ouro_slot slot = { };
	struct scene *s = &scene;
	struct pair *holder;

	if (!scene_open(s, t, PAIR))
		return;
	EXPECT_EQ(t, ouro_slot_store(&slot, s->object), 0);
	ouro_put(s->object);
	ouro_put(s->object);
	nothing_told(s);
	EXPECT(t, !ouro_slot_load(&slot));
	told_of(s, 1, "slot holds a dead object", s->object);
	ouro_slot_clear(&slot);
	told_of(s, 1, "reference put that nobody had", s->object);
	EXPECT(t, ouro_slot_is_empty(&slot));

	/* The same, and its holder dies. */
	s->object = ouro_new(s->kind, GFP_KERNEL);
	holder = ouro_new(s->kind, GFP_KERNEL);
	if (!EXPECT(t, s->object && holder))
		return;
	EXPECT_EQ(t, ouro_slot_store(&holder->left, s->object), 0);
	ouro_put(s->object);
	ouro_put(s->object);
	ouro_put(&holder->object);
	told_of(s, 1, "reference put that nobody had", s->object);
	scene_close(s, 0, 0);
}

/* ---- too many references ---- */

#define SATURATED "reference count saturated; the object stays for ever"

/* As so many ouro_get() would have it, of which one more is one too many. */
static void fill(struct ouro_object *object)
{
	atomic64_add(OURO_COUNT_SATURATED - 1 - OURO_COUNT_DEAD -
		     ouro_refcount(object), &object->word);
}

/* Nothing that is done to it is told of again, or kills it. */
static void lives_for_ever(struct scene *s)
{
	struct ouro_object *object = s->object;
	struct ouro_test *t = s->t;
	int i;

	for (i = 0; i < 1000; i++) {
		ouro_put(object);
		EXPECT_EQ(t, ouro_refcount(object), UINT_MAX);
	}
	for (i = 0; i < 2000; i++)
		ouro_get(object);
	/* What 2^28 of either come to. */
	for (i = 0; i < 16; i++) {
		atomic64_sub(OURO_COUNT_SATURATED / 8, &object->word);
		ouro_put(object);
		EXPECT_EQ(t, ouro_refcount(object), UINT_MAX);
	}
	for (i = 0; i < 16; i++) {
		atomic64_add(OURO_COUNT_SATURATED / 8, &object->word);
		ouro_get(object);
		EXPECT_EQ(t, ouro_refcount(object), UINT_MAX);
	}
	EXPECT(t, ouro_is_alive(object));
	rcu_read_lock();
	EXPECT(t, ouro_tryget(object));
	rcu_read_unlock();
	nothing_told(s);
	EXPECT_EQ(t, s->released, 0);
}

enum edge { BY_GET, BY_PUT, BY_TRYGET, BY_LOAD, BY_STORE, BY_DEATH, EDGES };

/* Goes over the edge, one way or another. */
static void go_over(struct scene *s, enum edge edge)
{
	struct ouro_object *object = s->object;
	struct ouro_test *t = s->t;

	EXPECT_EQ(t, ouro_slot_store(&s->b->right, object), 0);
	fill(object);
	ouro_get(object);
	nothing_told(s);
	switch (edge) {
	case BY_GET:
		ouro_get(object);
		break;
	case BY_PUT:
		ouro_put(object);
		break;
	case BY_TRYGET:
		rcu_read_lock();
		EXPECT(t, ouro_tryget(object));
		rcu_read_unlock();
		break;
	case BY_LOAD:
		EXPECT(t, ouro_slot_load(&s->b->right) == object);
		break;
	case BY_STORE:
		EXPECT_EQ(t, ouro_slot_store(&s->b->right, object), 0);
		break;
	default:
		ouro_slot_clear(&s->b->right);
	}
	told_of(s, 1, SATURATED, object);
	ouro_slot_clear(&s->b->right);
}

static void saturated(struct ouro_test *t)
{
	struct scene *s = &scene;
	enum edge edge;

	for (edge = 0; edge < EDGES; edge++) {
		if (!scene_open(s, t, TOLD))
			return;
		go_over(s, edge);
		lives_for_ever(s);
		scene_close(s, 1, 1);
	}
}

/* All at once: one report. */
static void get_many(void *arg, unsigned int id)
{
	struct scene *s = arg;
	int i;

	for (i = 0; i < 1000; i++)
		ouro_get(s->object);
}

static void saturated_by_all(struct ouro_test *t)
{
	unsigned int threads = min(num_online_cpus(), OURO_TEST_THREADS);
	struct scene *s = &scene;

	if (!scene_open(s, t, TOLD))
		return;
	fill(s->object);
	atomic64_sub(500, &s->object->word);
	test_threads_run(t, threads, get_many, s);
	told_of(s, 1, SATURATED, s->object);
	lives_for_ever(s);
	scene_close(s, 1, 1);
}

static void immortal(struct ouro_test *t)
{
	struct scene *s = &scene;

	if (!scene_open(s, t, TOLD))
		return;
	ouro_immortalize(s->object);
	EXPECT_EQ(t, ouro_refcount(s->object), UINT_MAX);
	ouro_put(s->object);
	ouro_put(s->object);
	lives_for_ever(s);
	EXPECT_EQ(t, ouro_slot_store(&s->b->right, s->object), 0);
	scene_close(s, 1, 1);
}

static const struct ouro_case abuse_cases[] = {
	EACH_KIND(put_dead),
	EACH_KIND(get_dead),
	EACH_KIND(try_dead),
	EACH_KIND(dead_in_slot),
	EACH_KIND(saturated),
	EACH_KIND(saturated_by_all),
	EACH_KIND(immortal),
	EACH_KIND(put_stranger),
	EACH_KIND(store_stranger),
	{ "no_slot_hardened", no_slot, OURO_HEAP_HARDENED },
	{ "no_slot_debug", no_slot, OURO_HEAP_DEBUG },
	EACH_KIND(freed),
	{ "freed_sized_hardened", freed_sized, OURO_HEAP_HARDENED },
	{ "freed_sized_debug", freed_sized, OURO_HEAP_DEBUG },
};

OURO_SUITE("abuse", abuse_cases);
