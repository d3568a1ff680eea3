// SPDX-License-Identifier: GPL-2.0
/* Scopes: references that <linux/cleanup.h> puts when a variable goes. */
#include <linux/err.h>
#include <ouro/list.h>
#include <ouro/map.h>
#include <ouro/vector.h>
#include <ouro/weak_map.h>
#include "test_item.h"

/* <ouro/object.h> has it wherever the kernel has. */
#ifdef DEFINE_FREE

static void hold_none(void)
{
	struct ouro_object *none __free(ouro_put) = NULL;
	struct ouro_object *error __free(ouro_put) = ERR_PTR(-ENOMEM);
}

/* @early: out of the middle, before another reference is taken. */
static void hold(struct ouro_test *t, struct test_item *item, bool early)
{
	struct ouro_object *one __free(ouro_put) = ouro_get(&item->object);

	EXPECT_EQ(t, ouro_refcount(&item->object), 2);
	if (early)
		return;
	{
		/* Any pointer to an object will do. */
		struct test_item *other __free(ouro_put) = item;

		ouro_get(&other->object);
		EXPECT_EQ(t, ouro_refcount(&item->object), 3);
	}
	EXPECT_EQ(t, ouro_refcount(&item->object), 2);
}

static struct ouro_object *hand_out(struct test_item *item)
{
	struct ouro_object *one __free(ouro_put) = ouro_get(&item->object);

	return_ptr(one);
}

static void objects(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind = test_item_kind(t, heap);
	struct test_item *item = kind ? test_item_new(t, kind, 1) : NULL;

	if (!item)
		return;
	hold_none();
	hold(t, item, true);
	EXPECT_EQ(t, ouro_refcount(&item->object), 1);
	hold(t, item, false);
	EXPECT_EQ(t, ouro_refcount(&item->object), 1);
	EXPECT(t, hand_out(item) == &item->object);
	EXPECT_EQ(t, ouro_refcount(&item->object), 2);
	ouro_put(&item->object);
	for (int i = 0; i < 3; i++) {
		struct ouro_object *one __free(ouro_put) =
			ouro_get(&item->object);

		EXPECT_EQ(t, ouro_refcount(one), 2);
		if (!i)
			continue;
		ouro_put(no_free_ptr(one));
		EXPECT(t, !one);
	}
	EXPECT_EQ(t, ouro_refcount(&item->object), 1);
	{
		/* The last reference. */
		struct test_item *last __free(ouro_put) = item;

		EXPECT_EQ(t, ouro_refcount(&last->object), 1);
	}
	test_items_end(t, heap);
}

/* One that is put at the end of the scope, and one that is handed out. */
#define CONTAINER(name, make)						\
static void name##_hold_none(void)					\
{									\
	struct ouro_##name *none __free(ouro_##name##_put) = NULL;	\
	struct ouro_##name *error __free(ouro_##name##_put) =		\
		ERR_PTR(-ENOMEM);					\
}									\
									\
static struct ouro_##name *name##_hand_out(struct ouro_heap *heap)	\
{									\
	struct ouro_##name *one __free(ouro_##name##_put) = make;	\
									\
	return_ptr(one);						\
}									\
									\
static void name##_hold(struct ouro_test *t, struct ouro_##name *which)	\
{									\
	struct ouro_##name *one __free(ouro_##name##_put) = which;	\
									\
	ouro_get(ouro_##name##_object(one));				\
	EXPECT_EQ(t, ouro_refcount(ouro_##name##_object(one)), 2);	\
}									\
									\
static void name(struct ouro_test *t)					\
{									\
	struct ouro_heap *heap = test_heap(t);				\
	struct ouro_##name *one;					\
									\
	if (!heap)							\
		return;							\
	name##_hold_none();						\
	one = name##_hand_out(heap);					\
	if (!EXPECT(t, one))						\
		return;							\
	EXPECT_EQ(t, ouro_refcount(ouro_##name##_object(one)), 1);	\
	name##_hold(t, one);						\
	EXPECT_EQ(t, ouro_refcount(ouro_##name##_object(one)), 1);	\
	ouro_##name##_put(one);						\
	test_items_end(t, heap);					\
}

CONTAINER(vector, ouro_vector_new(heap, 4, GFP_KERNEL))
CONTAINER(list, ouro_list_new(heap, GFP_KERNEL))
CONTAINER(map, ouro_map_u64_new(heap, GFP_KERNEL))
CONTAINER(weak_map, ouro_weak_map_new(heap, GFP_KERNEL))

#else

static void objects(struct ouro_test *t)
{
	SKIP(t, "this kernel has no <linux/cleanup.h>");
}

#define vector objects
#define list objects
#define map objects
#define weak_map objects

#endif

static const struct ouro_case scope_cases[] = {
	{ "objects", objects },
	{ "vector", vector },
	{ "list", list },
	{ "map", map },
	{ "weak_map", weak_map },
};

OURO_SUITE("scope", scope_cases);
