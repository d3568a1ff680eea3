// SPDX-License-Identifier: GPL-2.0
/* Misuse: what is no object, or no slot; and objects that are freed. */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <ouro/object.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include "abuse.h"

/* Looks like one with one reference. */
#define FAKE { ATOMIC64_INIT(OURO_COUNT_DEAD + 1) }

static struct ouro_object in_module = FAKE;

static void fake(void *where)
{
	atomic64_set(&((struct ouro_object *)where)->word,
		     OURO_COUNT_DEAD + 1);
}

void put_stranger(struct ouro_test *t)
{
	struct ouro_object on_stack = FAKE, *in_slab, *in_block;
	struct scene *s = &scene;
	int i;

	if (!scene_open(s, t, PAIR))
		return;
	in_slab = kzalloc(64, GFP_KERNEL);
	in_block = ouro_zalloc(s->heap, 64, GFP_KERNEL);
	if (!EXPECT(t, in_slab && in_block))
		return;
	for (i = 0; i < TEST_CONTEXTS; i++) {
		struct ouro_object *strange[] = { &in_module, &on_stack,
						  in_slab, in_block };
		int j;

		if (!test_context_exists(i))
			continue;
		for (j = 0; j < ARRAY_SIZE(strange); j++) {
			fake(strange[j]);
			EXPECT_EQ(t, test_context_run(i, put_there, strange[j]),
				  0);
			told(s, 1, "heap (none): reference to what is no object, by ",
			     false);
		}
		fake(&s->a->value);
		EXPECT_EQ(t, test_context_run(i, put_there, &s->a->value), 0);
		told(s, 1, "reference to what is no object, by ", true);
		s->a->value = 0xa;
	}
	kfree(in_slab);
	ouro_free(in_block);
	ouro_put(s->object);
	scene_close(s, 0, 0);
}

/* Operations on a slot that fail, and change nothing. */
static void refuse(struct scene *s, struct ouro_slot *slot,
		   struct ouro_object *object)
{
	struct ouro_object *in = READ_ONCE(slot->object), *old = object;
	s64 word = object ? atomic64_read(&object->word) : 0;
	struct ouro_test *t = s->t;

	EXPECT_EQ(t, ouro_slot_store(slot, object), -EINVAL);
	EXPECT_EQ(t, ouro_slot_move(slot, object), -EINVAL);
	EXPECT_EQ(t, ouro_slot_swap(slot, object, &old), -EINVAL);
	EXPECT(t, !old);
	EXPECT(t, READ_ONCE(slot->object) == in);
	if (object)
		EXPECT(t, atomic64_read(&object->word) == word);
}

void store_stranger(struct ouro_test *t)
{
	struct ouro_slot nowhere = { }, *slots[3] = { &nowhere };
	struct scene *s = &scene;
	struct row *row;
	int i;

	if (!scene_open(s, t, ROW))
		return;
	row = ouro_new_array(s->kind, 4, GFP_KERNEL);
	if (!EXPECT(t, row))
		return;
	slots[1] = &row->cell[3];
	slots[2] = &s->b->right;
	for (i = 0; i < ARRAY_SIZE(slots); i++) {
		fake(&in_module);
		EXPECT_EQ(t, ouro_slot_store(slots[i], &s->b->object), 0);
		refuse(s, slots[i], &in_module);
		told(s, 3, "heap (none): reference to what is no object, by ",
		     false);
		refuse(s, slots[i], (void *)&s->a->value);
		told(s, 3, "reference to what is no object, by ", true);
		EXPECT_EQ(t, ouro_refcount(&s->b->object), 4);
		ouro_slot_clear(slots[i]);
	}
	ouro_put(&row->object);
	ouro_put(s->object);
	scene_close(s, 0, 0);
}

/* Places in objects that a checked heap knows to be no slots. */
void no_slot(struct ouro_test *t)
{
	const char *what = "store to what is no slot of the object's type";
	struct scene *s = &scene;
	struct row *row;

	if (!scene_open(s, t, ROW))
		return;
	row = ouro_new_array(s->kind, 4, GFP_KERNEL);
	if (!EXPECT(t, row))
		return;
	row->count = 0;
	refuse(s, (void *)&row->count, &s->b->object);
	told_of(s, 3, what, &row->object);
	refuse(s, (void *)&row->object, NULL);
	told_of(s, 3, what, &row->object);
	refuse(s, (void *)&s->a->value, &s->b->object);
	told_of(s, 3, what, &s->a->object);
	refuse(s, (void *)&s->a->object, s->object);
	told_of(s, 3, what, &s->a->object);
	EXPECT_EQ(t, ouro_slot_store(row->cell, &s->b->object), 0);
	EXPECT_EQ(t, ouro_refcount(&s->b->object), 4);
	ouro_put(&row->object);
	ouro_put(s->object);
	scene_close(s, 0, 0);
}

/* ---- freed and not put ---- */

#define PAYLOAD		(sizeof(struct pair) - offsetofend(struct pair, right))

static const int freed_types[] = { LEAF, TOLD, LARGE };

void freed(struct ouro_test *t)
{
	const char *what = "free of an object, which is put, not freed";
	struct scene *s = &scene;
	void *bulk[2], *payload;
	int i;

	for (i = 0; i < ARRAY_SIZE(freed_types); i++) {
		if (!scene_open(s, t, freed_types[i]))
			return;
		payload = (char *)s->object + offsetofend(struct pair, right);
		test_fill(payload, PAYLOAD, i);
		ouro_free(s->object);
		told(s, 1, what, true);
		EXPECT(t, !ouro_realloc(s->heap, s->object, 100, GFP_KERNEL));
		told(s, 1, what, true);
		ouro_realloc(s->heap, s->object, 0, GFP_KERNEL);
		told(s, 1, what, true);
		bulk[0] = ouro_alloc(s->heap, 64, GFP_KERNEL);
		bulk[1] = s->object;
		ouro_free_bulk(ARRAY_SIZE(bulk), bulk);
		told(s, 1, what, true);
		ouro_free_rcu((struct pair *)s->object, rcu);
		told(s, 1, what, true);
		rcu_barrier();
		EXPECT_EQ(t, ouro_refcount(s->object), 1);
		EXPECT(t, test_filled(payload, PAYLOAD, i));
		test_heap_check(t, s->heap, 3);
		ouro_put(s->object);
		scene_close(s, 0, !!types[freed_types[i]].release);
	}
}

/* Where a size is named, a checked heap notices. */
void freed_sized(struct ouro_test *t)
{
	const char *what = "free of an object, which is put, not freed";
	struct scene *s = &scene;

	if (!scene_open(s, t, TOLD))
		return;
	ouro_free_sized(s->heap, s->object, sizeof(struct pair));
	told(s, 1, what, true);
	EXPECT_EQ(t, ouro_refcount(s->object), 1);
	ouro_put(s->object);
	scene_close(s, 0, 1);
}
