// SPDX-License-Identifier: GPL-2.0
/* Pins: without memory, and at the end of a heap. */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <ouro/type.h>
#include "pin.h"

#define FAULTS_MAX	20	/* allocations for a name, at most */

/* ---- without memory ---- */

/* A heap's first name, with the @nth allocation failing; false: none did. */
static bool lost_once(struct ouro_test *t, unsigned int nth)
{
	struct pin_scene *s = pin_scene_begin(t);
	struct ouro_object *object;
	unsigned int left;

	if (!s)
		return false;
	object = s->object;
	EXPECT_EQ(t, test_fail_arm(nth), 0);
	ouro_get_tracked(object, "lost");
	left = test_fail_disarm();
	EXPECT_EQ(t, ouro_refcount(object), 2);
	ouro_get_tracked(object, "lost");
	ouro_get_tracked(object, "other");
	EXPECT_EQ(t, ouro_refcount(object), 4);
	/* One of them has no name; which does not matter to who puts it. */
	ouro_put_tracked(object, "lost");
	ouro_put_tracked(object, "lost");
	ouro_put_tracked(object, "other");
	EXPECT_EQ(t, ouro_refcount(object), 1);
	EXPECT_EQ(t, test_heap_misuse(s->heap), 0);
	/* All of them are back: from now on a wrong one is one again. */
	ouro_put_tracked(object, "lost");
	s->metadata = pin_metadata(s->heap);
	pin_scene_close(s, 1);
	return !left;
}

void pin_lost(struct ouro_test *t)
{
	unsigned int nth;

	for (nth = 1; nth < FAULTS_MAX; nth++)
		if (!lost_once(t, nth))
			break;
	/* The table, and the pin. */
	EXPECT_EQ(t, nth, 3);
}

/* Many that have no name, of objects that share locks; and a report. */
void pin_lost_many(struct ouro_test *t)
{
	struct pin_scene *s = pin_scene_begin(t);
	int i;

	if (!s)
		return;
	ouro_track(s->object, "first");
	EXPECT(t, ouro_untrack(s->object, "first"));
	s->metadata = pin_metadata(s->heap);
	for (i = 0; i < 100; i++) {
		EXPECT_EQ(t, test_fail_arm(1), 0);
		ouro_get_tracked(s->object, pin_names[i % 5]);
		EXPECT_EQ(t, test_fail_disarm(), 0);
	}
	EXPECT_EQ(t, pin_metadata(s->heap), s->metadata);
	EXPECT_EQ(t, ouro_refcount(s->object), 101);
	for (i = 0; i < 50; i++) {
		ouro_put_tracked(s->object, pin_names[i % 5]);
		EXPECT(t, ouro_untrack(s->object, pin_names[i % 5]));
		ouro_put(s->object);
	}
	EXPECT_EQ(t, test_heap_misuse(s->heap), 0);
	/* A report needs no memory. */
	EXPECT_EQ(t, test_fail_arm(1), 0);
	pin_put_reported(s, s->object, "late", " \"late\"");
	EXPECT_EQ(t, test_fail_disarm(), 1);
	pin_scene_close(s, 1);
}

/* ---- the end ---- */

/* Names that are left go with the heap, and so does what they took. */
void pin_left_behind(struct ouro_test *t)
{
	int i, j, n, rounds = TEST_MANY(30, 8);
	struct pin_scene *s;
	unsigned long taken = 0;
	struct ouro_object *object;
	long before = 0, after;

	for (i = 0; i < rounds; i++) {
		/* The first one fills what the kernel keeps for itself. */
		if (i == 1) {
			rcu_barrier();
			before = test_free_pages();
			taken = 0;
		}
		s = pin_scene_open(t);
		if (!s)
			return;
		for (j = 0; j < 500; j++) {
			object = pin_item(s, j);
			if (!object)
				return;
			ouro_track(object, "left");
			for (n = 0; n < 8; n++)
				ouro_get_tracked(object, pin_names[n % 4]);
		}
		taken += pin_metadata(s->heap) - s->metadata;
		test_heap_abandon(t, s->heap, 501);
		EXPECT_EQ(t, atomic_long_read(&test_items_live), 0);
		cond_resched();
	}
	rcu_barrier();
	after = test_free_pages();
	EXPECT_GE(t, taken, (rounds - 1) * 2500 * 64);
	/* KASAN keeps what was freed for a while. */
	EXPECT_MSG(t, IS_ENABLED(CONFIG_KASAN) ||
		   after > before - (long)(taken >> PAGE_SHIFT) / 2,
		   "%ld pages free before, %ld after", before, after);
}

static struct ouro_object *friend;

static void holder_release(void *object)
{
	ouro_put_tracked(friend, "holder");
}

static const struct ouro_type holder_type = {
	.name = "holder",
	.size = sizeof(struct test_item),
	.flags = OURO_TYPE_TRACKED,
	.release = holder_release,
};

static bool holder_make(struct ouro_test *t, struct ouro_heap *heap,
			struct ouro_object **holder)
{
	struct ouro_kind *kind;

	kind = heap ? ouro_type_register(heap, &holder_type) : NULL;
	if (!EXPECT(t, !IS_ERR_OR_NULL(kind)))
		return false;
	*holder = ouro_new(kind, GFP_KERNEL);
	if (!EXPECT(t, *holder))
		return false;
	ouro_track(*holder, "case");
	ouro_get_tracked(friend, "holder");
	return true;
}

/* What a type's release puts under a name, also while its heap goes. */
void pin_released(struct ouro_test *t)
{
	struct pin_scene *s = pin_scene_open(t);
	struct ouro_object *holder;
	struct ouro_heap *other;

	if (!s)
		return;
	friend = s->object;
	if (!holder_make(t, s->heap, &holder))
		return;
	ouro_put_tracked(holder, "case");
	ouro_heap_flush(s->heap);
	EXPECT_EQ(t, ouro_refcount(friend), 1);

	other = test_heap(t);
	if (!holder_make(t, other, &holder))
		return;
	test_heap_abandon(t, other, 1);
	EXPECT_EQ(t, ouro_refcount(friend), 1);
	s->metadata = pin_metadata(s->heap);
	pin_scene_close(s, 0);
}

