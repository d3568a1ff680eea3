// SPDX-License-Identifier: GPL-2.0
/* Vectors: elements, growth under readers' eyes, a million of them. */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <ouro/copy.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include <ouro/vector.h>
#include "test_item.h"

/* A vector of the numbers below 1000. */
static struct ouro_vector *thousand(struct ouro_test *t, struct ouro_heap *heap)
{
	struct ouro_kind *kind = test_item_kind(t, heap);
	struct ouro_vector *vector = kind ?
		ouro_vector_new(heap, 0, GFP_KERNEL) : NULL;
	struct test_item *item;
	size_t i;

	if (!EXPECT(t, vector))
		return NULL;
	EXPECT_EQ(t, ouro_vector_length(vector), 0);
	EXPECT(t, !ouro_vector_load(vector, 0));
	EXPECT(t, !ouro_vector_pop(vector));
	EXPECT_EQ(t, ouro_vector_store(vector, 0, NULL), -ERANGE);
	EXPECT_EQ(t, ouro_vector_remove(vector, 0), -ERANGE);
	EXPECT(t, ouro_vector_of(ouro_vector_object(vector)) == vector);
	for (i = 0; i < 1000; i++) {
		item = test_item_new(t, kind, i);
		if (!item)
			break;
		EXPECT_EQ(t, ouro_vector_append(vector, &item->object,
						GFP_KERNEL), 0);
		EXPECT_EQ(t, ouro_refcount(&item->object), 2);
		ouro_put(&item->object);
	}
	EXPECT_EQ(t, ouro_vector_length(vector), 1000);
	return vector;
}

static void elements(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_vector *vector = thousand(t, heap);
	struct ouro_object *object;
	size_t i;

	if (!vector)
		return;
	for (i = 0; i < 1000; i += 7) {
		object = ouro_vector_load(vector, i);
		EXPECT_EQ(t, test_item_number(t, object), i);
		ouro_put(object);
	}
	/* Another in its place, and none. */
	object = ouro_vector_load(vector, 5);
	EXPECT_EQ(t, ouro_vector_store(vector, 6, object), 0);
	EXPECT_EQ(t, ouro_refcount(object), 3);
	EXPECT_EQ(t, ouro_vector_store(vector, 5, NULL), 0);
	EXPECT_EQ(t, ouro_refcount(object), 2);
	EXPECT(t, !ouro_vector_load(vector, 5));
	ouro_put(object);
	/* The last takes the place of one removed. */
	EXPECT_EQ(t, ouro_vector_remove(vector, 0), 0);
	object = ouro_vector_load(vector, 0);
	EXPECT_EQ(t, test_item_number(t, object), 999);
	ouro_put(object);
	object = ouro_vector_pop(vector);
	EXPECT_EQ(t, test_item_number(t, object), 998);
	EXPECT_EQ(t, ouro_refcount(object), 1);
	ouro_put(object);
	EXPECT_EQ(t, ouro_vector_length(vector), 998);
	ouro_vector_truncate(vector, 10);
	EXPECT_EQ(t, ouro_vector_length(vector), 10);
	EXPECT_EQ(t, ouro_vector_shrink(vector, GFP_KERNEL), 0);
	object = ouro_vector_load(vector, 9);
	EXPECT_EQ(t, test_item_number(t, object), 9);
	ouro_put(object);
	ouro_vector_clear(vector);
	EXPECT_EQ(t, ouro_vector_length(vector), 0);
	ouro_vector_put(vector);
	test_items_end(t, heap);
}

static void foreign(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t), *other = test_heap(t);
	struct ouro_kind *kind = test_item_kind(t, other);
	struct ouro_vector *vector = ouro_vector_new(heap, 4, GFP_KERNEL);
	struct test_item *item = kind ? test_item_new(t, kind, 1) : NULL;
	struct ouro_object *objects[2];

	if (!EXPECT(t, vector && item))
		return;
	objects[0] = NULL;
	objects[1] = &item->object;
	EXPECT_EQ(t, ouro_vector_append(vector, objects[1], GFP_KERNEL), -EXDEV);
	EXPECT_EQ(t, ouro_vector_fill(vector, objects, 2, GFP_KERNEL), -EXDEV);
	EXPECT_EQ(t, ouro_vector_append(vector, NULL, GFP_KERNEL), 0);
	EXPECT_EQ(t, ouro_vector_store(vector, 0, objects[1]), -EXDEV);
	EXPECT_EQ(t, ouro_vector_length(vector), 1);
	EXPECT_EQ(t, ouro_refcount(&item->object), 1);
	EXPECT(t, !ouro_vector_of(&item->object));
	ouro_put(&item->object);
	ouro_vector_put(vector);
	test_items_end(t, other);
	test_items_end(t, heap);
}

/* A million elements, filled in bulk, visited, and dropped with the vector. */
static void million(struct ouro_test *t)
{
	size_t count = TEST_MANY(1000000, 20000), i, seen = 0;
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind = test_item_kind(t, heap);
	struct ouro_vector *vector = kind ?
		ouro_vector_new(heap, 0, GFP_KERNEL) : NULL;
	struct ouro_object *object, *bulk[100];
	struct test_item *item;
	u64 sum = 0;
	int n;

	if (!EXPECT(t, vector))
		return;
	for (i = 0; i < count; i += ARRAY_SIZE(bulk)) {
		for (n = 0; n < ARRAY_SIZE(bulk); n++) {
			item = test_item_new(t, kind, i + n);
			if (!item)
				return;
			bulk[n] = &item->object;
		}
		EXPECT_EQ(t, ouro_vector_fill(vector, bulk, n, GFP_KERNEL), n);
		while (n--)
			ouro_put(bulk[n]);
		cond_resched();
	}
	EXPECT_EQ(t, ouro_vector_length(vector), count);
	ouro_vector_for_each(vector, i, object) {
		sum += test_item_number(t, object);
		seen++;
	}
	EXPECT_EQ(t, seen, count);
	EXPECT_EQ(t, sum, (u64)count * (count - 1) / 2);
	EXPECT_EQ(t, atomic_long_read(&test_items_live), count);
	ouro_vector_put(vector);
	test_items_end(t, heap);
}

/* ---- two who change it, and one who reads ---- */

static struct crowd {
	struct ouro_test *t;
	struct ouro_kind *kind;
	struct ouro_vector *vector;
	atomic_t number;
	unsigned long loads;
} crowd;

static void change(unsigned int who, u32 *random)
{
	struct ouro_vector *vector = crowd.vector;
	struct test_item *item;
	u32 r = test_random(random);

	switch (r % 8) {
	case 0 ... 3:
		item = test_item_new(crowd.t, crowd.kind,
				     atomic_inc_return(&crowd.number));
		if (!item)
			return;
		if (r % 8 == 3)
			ouro_vector_store(vector, (r >> 8) % 64, &item->object);
		else
			ouro_vector_append(vector, &item->object, GFP_KERNEL);
		ouro_put(&item->object);
		break;
	case 4:
		ouro_vector_remove(vector, (r >> 8) % 64);
		break;
	case 5:
		ouro_put(ouro_vector_pop(vector));
		break;
	case 6:
		if (!(r % 64 / 8))
			ouro_vector_truncate(vector, (r >> 8) % 32);
		break;
	default:
		if (!(r % 64 / 8))
			ouro_vector_shrink(vector, GFP_KERNEL);
	}
}

static void look(unsigned int who, u32 *random)
{
	struct ouro_object *object;

	object = ouro_vector_load(crowd.vector, test_random(random) % 64);
	if (object) {
		test_item_check(crowd.t, object);
		crowd.loads++;
		ouro_put(object);
	}
}

static void concurrent(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind = test_item_kind(t, heap);

	crowd = (struct crowd) { .t = t, .kind = kind };
	crowd.vector = kind ? ouro_vector_new(heap, 0, GFP_KERNEL) : NULL;
	if (!EXPECT(t, crowd.vector))
		return;
	test_crowd(t, change, look, 2);
	EXPECT_GE(t, crowd.loads, 100);
	test_note(t, "%d made, %lu loaded", atomic_read(&crowd.number),
		  crowd.loads);
	ouro_vector_put(crowd.vector);
	test_items_end(t, heap);
}

static const struct ouro_case vector_cases[] = {
	EACH_KIND(elements),
	{ "foreign", foreign },
	EACH_KIND(concurrent),
	{ "million", million },
};

OURO_SUITE("vector", vector_cases);
