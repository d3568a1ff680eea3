// SPDX-License-Identifier: GPL-2.0
/* Pins: names of references, and what comes of wrong ones. */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <ouro/block.h>
#include <ouro/object.h>
#include <ouro/weak.h>
#include "pin.h"

#define NO_NAME		"no reference of the object has this name"

/* Cases run one at a time. */
static struct pin_scene scene;

const char * const pin_names[5] = { "one", "two", "three", "four", "five" };

unsigned long pin_metadata(struct ouro_heap *heap)
{
	struct ouro_heap_stat s;

	ouro_heap_stat(heap, &s);
	return s.metadata;
}

struct ouro_object *pin_item(struct pin_scene *s, u64 number)
{
	struct test_item *item = test_item_new(s->t, s->kind, number);

	return item ? &item->object : NULL;
}

/* A heap with an item, where no reference ever had a name. */
struct pin_scene *pin_scene_begin(struct ouro_test *t)
{
	struct pin_scene *s = &scene;

	*s = (struct pin_scene) { .t = t, .heap = test_heap(t) };
	s->kind = test_item_kind(t, s->heap);
	s->object = s->kind ? pin_item(s, 1) : NULL;
	test_log_mark(&s->log);
	return s->object ? s : NULL;
}

/* With the tables that names, and reports of wrong ones, need. */
struct pin_scene *pin_scene_open(struct ouro_test *t)
{
	struct pin_scene *s = pin_scene_begin(t);
	struct ouro_weak weak;

	if (!s)
		return NULL;
	EXPECT_EQ(t, ouro_weak_init(&weak, s->object, GFP_KERNEL), 0);
	ouro_track(s->object, "first");
	EXPECT(t, ouro_untrack(s->object, "first"));
	EXPECT_EQ(t, ouro_refcount(s->object), 1);
	s->metadata = pin_metadata(s->heap);
	return s;
}

/* @misuses were provoked; otherwise all is as it was. */
void pin_scene_close(struct pin_scene *s, unsigned int misuses)
{
	struct ouro_test *t = s->t;

	EXPECT_EQ(t, pin_metadata(s->heap), s->metadata);
	EXPECT_EQ(t, ouro_refcount(s->object), 1);
	test_item_check(t, s->object);
	EXPECT_EQ(t, test_heap_misuse(s->heap), misuses);
	ouro_put(s->object);
	ouro_heap_flush(s->heap);
	EXPECT_EQ(t, atomic_long_read(&test_items_live), 0);
	test_heap_settle(t, s->heap, 0);
	ouro_heap_trim(s->heap);
	test_heap_abandon(t, s->heap, 0);
}

static void balance(struct ouro_test *t)
{
	struct pin_scene *s = pin_scene_open(t);
	int i;

	if (!s)
		return;
	ouro_track(s->object, "maker");
	EXPECT_EQ(t, ouro_refcount(s->object), 1);
	for (i = 2; i < 6; i++) {
		ouro_get_tracked(s->object, "holder");
		EXPECT_EQ(t, ouro_refcount(s->object), i);
	}
	EXPECT_GE(t, pin_metadata(s->heap), s->metadata + 1);
	for (i = 4; i; i--) {
		ouro_put_tracked(s->object, "holder");
		EXPECT_EQ(t, ouro_refcount(s->object), i);
	}
	EXPECT(t, ouro_untrack(s->object, "maker"));
	EXPECT_EQ(t, ouro_refcount(s->object), 1);
	ouro_put_tracked(NULL, "nothing");
	pin_scene_close(s, 0);
}

/* The reference of ouro_new() is put under its name, and is the last. */
static void last(struct ouro_test *t)
{
	struct pin_scene *s = pin_scene_open(t);
	struct ouro_object *object = s ? pin_item(s, 2) : NULL;
	unsigned long before;

	if (!object)
		return;
	before = pin_metadata(s->heap);
	ouro_track(object, "maker");
	ouro_get_tracked(object, "other");
	ouro_put_tracked(object, "maker");
	EXPECT_EQ(t, ouro_refcount(object), 1);
	ouro_put_tracked(object, "other");
	ouro_heap_flush(s->heap);
	EXPECT_EQ(t, atomic_long_read(&test_items_live), 1);
	EXPECT_EQ(t, pin_metadata(s->heap), before);
	s->metadata = before;
	pin_scene_close(s, 0);
}

/* Far more of them than buckets; taken away in another order. */
static void several(struct ouro_test *t)
{
	static struct ouro_object *objects[800];
	struct pin_scene *s = pin_scene_open(t);
	int i, j, count = TEST_MANY(800, 200), n = ARRAY_SIZE(pin_names);
	struct ouro_weak weak;
	unsigned long before;

	for (i = 0; s && i < count; i++) {
		objects[i] = pin_item(s, i);
		if (!objects[i])
			return;
		EXPECT_EQ(t, ouro_weak_init(&weak, objects[i], GFP_KERNEL), 0);
	}
	if (!s)
		return;
	before = pin_metadata(s->heap);
	for (i = 0; i < count * n; i++)
		for (j = 0; j <= i / count; j++)
			ouro_get_tracked(objects[i % count], pin_names[i / count]);
	EXPECT_GE(t, pin_metadata(s->heap), before + 64 * count * n);
	for (i = 0; i < count; i++)
		EXPECT_EQ(t, ouro_refcount(objects[i]), 1 + n * (n + 1) / 2);
	for (i = count * n - 1; i >= 0; i--) {
		/* Each name as often as it was given. */
		for (j = 0; j <= i % n; j++)
			ouro_put_tracked(objects[i / n], pin_names[i % n]);
		if (i % (n * 50) == 0)
			EXPECT(t, !ouro_untrack(objects[i / n], "one"));
	}
	EXPECT_EQ(t, pin_metadata(s->heap), before);
	for (i = 0; i < count; i++) {
		EXPECT_EQ(t, ouro_refcount(objects[i]), 1);
		ouro_put(objects[i]);
	}
	s->metadata = pin_metadata(s->heap);
	pin_scene_close(s, count / 50);
}

/* The name counts, not where it stands: it may be gone at the put. */
static void other_address(struct ouro_test *t)
{
	struct pin_scene *s = pin_scene_open(t);
	char *name;

	if (!s)
		return;
	name = kstrdup("holder", GFP_KERNEL);
	if (!EXPECT(t, name))
		return;
	ouro_get_tracked(s->object, name);
	ouro_get_tracked(s->object, "holder");
	memset(name, 'x', strlen(name));
	EXPECT(t, !ouro_untrack(s->object, name));
	kfree(name);
	ouro_put_tracked(s->object, "holder");
	ouro_put_tracked(s->object, "holder");
	pin_scene_close(s, 1);
}

void pin_put_reported(struct pin_scene *s, struct ouro_object *object,
		      const char *why, const char *said)
{
	unsigned long misuse = test_heap_misuse(s->heap);
	unsigned int refs = ouro_refcount(object);

	test_log_mark(&s->log);
	ouro_put_tracked(object, why);
	EXPECT_EQ(s->t, ouro_refcount(object), refs);
	EXPECT_EQ(s->t, test_heap_misuse(s->heap), misuse + 1);
	EXPECT_EQ(s->t, test_log_count(&s->log, ""), 1);
	EXPECT_EQ(s->t, test_log_count(&s->log, NO_NAME), 1);
	EXPECT_EQ(s->t, test_log_count(&s->log, said), 1);
	EXPECT_EQ(s->t, test_log_count(&s->log, ": test_item "), 1);
	EXPECT_EQ(s->t, test_log_count(&s->log, "by pin_put_reported+"), 1);
}

/* Reported and not done: the object lives on, whole, and the right put works. */
static void wrong_name(struct ouro_test *t)
{
	struct pin_scene *s = pin_scene_open(t);
	struct ouro_object *other = s ? pin_item(s, 2) : NULL;

	if (!other)
		return;
	pin_put_reported(s, s->object, "never", "\"never\"");
	ouro_get_tracked(s->object, "right");
	pin_put_reported(s, s->object, "wrong", "\"wrong\"");
	pin_put_reported(s, other, "right", "\"right\"");
	pin_put_reported(s, s->object, "righ", "\"righ\"");
	pin_put_reported(s, s->object, "right ", "\"right \"");
	pin_put_reported(s, s->object, "", "\"\"");
	pin_put_reported(s, s->object, NULL, "\"(none)\"");
	EXPECT(t, !ouro_untrack(s->object, "wrong"));
	EXPECT_EQ(t, ouro_refcount(s->object), 2);
	ouro_put_tracked(s->object, "right");
	EXPECT_EQ(t, ouro_refcount(s->object), 1);
	EXPECT_EQ(t, pin_metadata(s->heap), s->metadata);
	ouro_put(other);
	pin_scene_close(s, 8);
}

static void too_often(struct ouro_test *t)
{
	struct pin_scene *s = pin_scene_open(t);
	int i;

	if (!s)
		return;
	for (i = 0; i < 3; i++)
		ouro_get_tracked(s->object, "thrice");
	for (i = 0; i < 3; i++)
		ouro_put_tracked(s->object, "thrice");
	for (i = 0; i < 3; i++)
		pin_put_reported(s, s->object, "thrice", "\"thrice\"");
	pin_scene_close(s, 3);
}

/* A heap without a table for names, and then one without a name in it. */
static void never_used(struct ouro_test *t)
{
	struct pin_scene *s = pin_scene_begin(t);

	if (!s)
		return;
	pin_put_reported(s, s->object, "early", "\"early\"");
	s->metadata = pin_metadata(s->heap);
	pin_scene_close(s, 1);
}

#define TEN	"0123456789"

/* 31 bytes of a name count; what cannot be printed, or ends a string, goes. */
static void long_names(struct ouro_test *t)
{
	struct pin_scene *s = pin_scene_open(t);

	if (!s)
		return;
	ouro_get_tracked(s->object, TEN TEN TEN "0 and more");
	EXPECT(t, ouro_untrack(s->object, TEN TEN TEN "0"));
	ouro_track(s->object, TEN TEN TEN "0 or less");
	EXPECT(t, !ouro_untrack(s->object, TEN TEN TEN "1"));
	EXPECT(t, !ouro_untrack(s->object, TEN TEN TEN));
	ouro_put_tracked(s->object, TEN TEN TEN "0 and more");
	ouro_get_tracked(s->object, "");
	ouro_get_tracked(s->object, NULL);
	ouro_put_tracked(s->object, "(none)");
	ouro_put_tracked(s->object, "");
	ouro_get_tracked(s->object, "a\"b\\c\nd\x80");
	ouro_put_tracked(s->object, "a_b_c_d_");
	pin_put_reported(s, s->object, "%s\n%p", "\"%s_%p\"");
	pin_scene_close(s, 3);
}

/* A dead object gets no name, and what is no object at all none either. */
static void no_object(struct ouro_test *t)
{
	struct pin_scene *s = pin_scene_open(t);
	struct ouro_object *dead = s ? pin_item(s, 2) : NULL;
	void *block = s ? ouro_alloc(s->heap, 64, GFP_KERNEL) : NULL;
	u64 stranger[2] = { };
	unsigned long meta;

	if (!EXPECT(t, dead && block))
		return;
	memset(block, 0, 64);
	ouro_put(dead);
	ouro_heap_flush(s->heap);
	meta = pin_metadata(s->heap);
	ouro_track(dead, "ghost");
	EXPECT_EQ(t, pin_metadata(s->heap), meta);
	test_log_mark(&s->log);
	ouro_track(block, "block");
	EXPECT(t, !ouro_untrack(block, "block"));
	ouro_track((void *)stranger, "stranger");
	EXPECT(t, !ouro_untrack((void *)stranger, "stranger"));
	ouro_track(NULL, "null");
	EXPECT(t, !ouro_untrack(NULL, "null"));
	EXPECT_EQ(t, test_log_count(&s->log, "what is no object"), 6);
	EXPECT_EQ(t, pin_metadata(s->heap), meta);
	EXPECT(t, test_is_byte(block, 64, 0));
	ouro_free(block);
	s->metadata = pin_metadata(s->heap);
	pin_scene_close(s, 0);
}

static const struct ouro_case pin_cases[] = {
	EACH_KIND(balance),
	EACH_KIND(last),
	EACH_KIND(several),
	{ "other_address", other_address },
	EACH_KIND(wrong_name),
	EACH_KIND(too_often),
	{ "never_used", never_used },
	{ "long_names", long_names },
	EACH_KIND(no_object),
	EACH_KIND_IN(pin, contexts),
	{ "first", pin_first },
	EACH_KIND_IN(pin, crowd),
	{ "crowd_first", pin_crowd_first },
	EACH_KIND_IN(pin, lost),
	{ "lost_many", pin_lost_many },
	EACH_KIND_IN(pin, left_behind),
	EACH_KIND_IN(pin, released),
};

OURO_SUITE("pin", pin_cases);
