// SPDX-License-Identifier: GPL-2.0
/* Cycles and what hangs on them: old ones, leaves, watches, weak maps. */
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <ouro/weak_map.h>
#include "cycle.h"
#include "test_handle.h"

static bool build(struct cycle *s, const char *shape, const char *variant,
		  bool handles)
{
	return cycle_build(s, cycle_shape_find(shape),
			   cycle_variant_find(variant), handles);
}

/* ---- generations ---- */

/*
 * The first of a pair is old before the second is made, of another type: so they
 * lie in different pools.
 */
static void half_old(struct cycle *s, enum cycle_make old,
		     enum cycle_make young)
{
	cycle_begin(s, "old", "and young", 2, true);
	if (!cycle_add(s, old))
		return;
	/* A pool is not old as long as magazines have some of its blocks. */
	ouro_heap_trim(s->heap);
	EXPECT_EQ(s->t, ouro_heap_collect(s->heap, OURO_OLD), 0);
	if (!cycle_add(s, young))
		return;
	cycle_edge(s, 0, 1);
	cycle_edge(s, 1, 0);
	cycle_hold_only(s, 0);
	/* A young scan takes the old one's references for granted. */
	EXPECT_EQ(s->t, ouro_heap_collect(s->heap, OURO_YOUNG), 0);
	cycle_check(s);
	cycle_collect(s, OURO_OLD);
	EXPECT_EQ(s->t, s->alive, 0);
}

void cycle_generations(struct ouro_test *t)
{
	struct cycle *s = &cycle_scene;
	unsigned int i;

	if (!cycle_open(s, t))
		return;
	for (i = 0; i < CYCLE_MAKES; i++)
		half_old(s, i, (i + 4) % CYCLE_MAKES);
	cycle_close(s);
}

/* ---- two heaps ---- */

void cycle_two_heaps(struct ouro_test *t)
{
	static struct cycle other;
	struct cycle *s = &cycle_scene;

	if (!cycle_open(&other, t) || !cycle_open(s, t))
		return;
	/* Callbacks tell the one in the scene, so the other has none. */
	if (!build(&other, "complete_", "fans", true) ||
	    !build(s, "complete_", "told", true))
		return;
	cycle_hold_only(&other, 0);
	cycle_hold_only(s, 0);
	cycle_collect(s, OURO_OLD);
	EXPECT_EQ(t, s->alive, 0);
	cycle_check(&other);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 0);
	cycle_check(&other);
	cycle_collect(&other, OURO_OLD);
	EXPECT_EQ(t, other.alive, 0);
	cycle_close(&other);
	cycle_close(s);
}

/* ---- leaves ---- */

static atomic_t leaves_released;

static void leaf_release(void *object)
{
	atomic_inc(&leaves_released);
}

struct leaf {
	struct ouro_object object;
	u64 value;
};

static const struct ouro_type leaf_type = {
	OURO_TYPE(struct leaf, object),
	.release = leaf_release,
};

/* Each member has one more child, without slots; every third has another owner. */
void cycle_leaves(struct ouro_test *t)
{
	struct ouro_object *kept[CYCLE_NODES] = { };
	struct cycle *s = &cycle_scene;
	struct ouro_kind *kind;
	struct cycle_node *node;
	struct leaf *leaf;
	unsigned int i, n = 0;

	if (!cycle_open(s, t))
		return;
	kind = ouro_type_register(s->heap, &leaf_type);
	if (!EXPECT(t, !IS_ERR(kind)) || !build(s, "ring_", "fans", true))
		return;
	atomic_set(&leaves_released, 0);
	for (i = 0; i < s->n; i++) {
		leaf = ouro_new(kind, GFP_KERNEL);
		if (!EXPECT(t, leaf))
			return;
		node = container_of(s->object[i], struct cycle_node, object);
		ouro_slot_store(&node->right, &leaf->object);
		if (i % 3)
			ouro_put(&leaf->object);
		else
			kept[n++] = &leaf->object;
	}
	cycle_hold_only(s, 0);
	/* Leaves are not looked at, so they are not counted. */
	cycle_collect(s, OURO_OLD);
	EXPECT_EQ(t, atomic_read(&leaves_released), s->n - n);
	for (i = 0; i < n; i++) {
		EXPECT_EQ(t, ouro_refcount(kept[i]), 1);
		ouro_put(kept[i]);
	}
	EXPECT_EQ(t, atomic_read(&leaves_released), s->n);
	cycle_close(s);
}

/* ---- watches ---- */

static struct watcher {
	struct ouro_watch watch;
	atomic_t told;
	int *released;
} watchers[CYCLE_NODES];

/* After the death of all, and without the object. */
static void died(struct ouro_watch *watch)
{
	struct watcher *w = container_of(watch, struct watcher, watch);
	struct cycle *s = &cycle_scene;
	unsigned int number = w - watchers;

	EXPECT(s->t, test_handle_is_null(watch->weak));
	EXPECT_EQ(s->t, atomic_read(&s->released[number]), 1);
	atomic_inc(&w->told);
}

static void watch_all(struct cycle *s, const char *variant)
{
	unsigned int i;

	if (!build(s, "eight_", variant, true))
		return;
	memset(watchers, 0, sizeof(watchers));
	for (i = 0; i < s->n; i++)
		EXPECT_EQ(s->t, ouro_watch_add(&watchers[i].watch, s->object[i],
					       died, GFP_KERNEL), 0);
	cycle_hold_only(s, BIT_ULL(2));
	cycle_collect(s, OURO_OLD);
	for (i = 0; i < s->n; i++)
		EXPECT_EQ(s->t, atomic_read(&watchers[i].told), 0);
	cycle_hold_only(s, 0);
	/* One that is not wanted any more is not told. */
	EXPECT(s->t, ouro_watch_remove(&watchers[3].watch));
	cycle_collect(s, OURO_OLD);
	for (i = 0; i < s->n; i++)
		EXPECT_EQ(s->t, atomic_read(&watchers[i].told), i != 3);
}

void cycle_watched(struct ouro_test *t)
{
	struct cycle *s = &cycle_scene;

	if (!cycle_open(s, t))
		return;
	watch_all(s, "told");
	watch_all(s, "late");
	watch_all(s, "graves");
	watch_all(s, "once");
	watch_all(s, "wide");
	cycle_close(s);
}

/* ---- weak maps ---- */

/* Values of a map that lives on: the dead are not in it any more. */
void cycle_weak_values(struct ouro_test *t)
{
	struct cycle *s = &cycle_scene;
	struct ouro_weak_map *map;
	struct ouro_object *object;
	u64 key;

	if (!cycle_open(s, t))
		return;
	map = ouro_weak_map_new(s->heap, GFP_KERNEL);
	if (!EXPECT(t, map) || !build(s, "twins_", "boxed", true))
		return;
	for (key = 0; key < s->n; key++)
		EXPECT_EQ(t, ouro_weak_map_store(map, &key, sizeof(key),
						 s->object[key], GFP_KERNEL), 0);
	cycle_hold_only(s, BIT_ULL(0));
	cycle_collect(s, OURO_OLD);
	EXPECT_EQ(t, ouro_weak_map_length(map), s->n / 2);
	for (key = 0; key < s->n; key++) {
		object = ouro_weak_map_load(map, &key, sizeof(key));
		EXPECT_EQ(t, !!object, key < s->n / 2);
		ouro_put(object);
	}
	cycle_hold_only(s, 0);
	cycle_collect(s, OURO_OLD);
	EXPECT_EQ(t, ouro_weak_map_length(map), 0);
	ouro_weak_map_put(map);
	cycle_close(s);
}

/* A map that only its own values hold: it keeps none of them. */
void cycle_weak_holder(struct ouro_test *t)
{
	struct cycle *s = &cycle_scene;
	struct ouro_weak_map *map;
	struct cycle_node *node;
	struct ouro_weak weak;
	u64 key;

	if (!cycle_open(s, t))
		return;
	map = ouro_weak_map_new(s->heap, GFP_KERNEL);
	if (!EXPECT(t, map) || !build(s, "ring_", "told", true))
		return;
	for (key = 0; key < s->n; key++) {
		EXPECT_EQ(t, ouro_weak_map_store(map, &key, sizeof(key),
						 s->object[key], GFP_KERNEL), 0);
		node = container_of(s->object[key], struct cycle_node, object);
		EXPECT_EQ(t, ouro_slot_store(&node->right,
					     ouro_weak_map_object(map)), 0);
	}
	EXPECT_EQ(t, ouro_weak_init(&weak, ouro_weak_map_object(map),
				    GFP_KERNEL), 0);
	ouro_weak_map_put(map);
	cycle_hold_only(s, BIT_ULL(1));
	cycle_collect(s, OURO_OLD);
	EXPECT_EQ(t, ouro_weak_map_length(map), s->n);
	cycle_hold_only(s, 0);
	/* The map has no slots: it goes with the ring, and is not counted. */
	cycle_collect(s, OURO_OLD);
	EXPECT_EQ(t, s->alive, 0);
	EXPECT(t, test_handle_is_null(weak));
	cycle_close(s);
}

/* ---- what leads to the dead, and what the dead lead to ---- */

/* Objects that live on have lost only the references of the dead. */
void cycle_slots_left(struct ouro_test *t)
{
	struct ouro_slot root = { };
	struct cycle *s = &cycle_scene;
	int round;

	if (!cycle_open(s, t))
		return;
	for (round = 0; round < 3; round++) {
		if (!build(s, "one_way_", round ? "told" : "boxed", true))
			return;
		/* The second ring is held by a slot that is in no object. */
		EXPECT_EQ(t, ouro_slot_store(&root, s->object[5]), 0);
		cycle_hold_only(s, 0);
		s->held = BIT_ULL(5);
		cycle_collect(s, OURO_OLD);
		EXPECT_EQ(t, s->alive, GENMASK_ULL(s->n - 1, s->n / 2));
		ouro_slot_clear(&root);
		s->held = 0;
		cycle_collect(s, OURO_OLD);
		EXPECT_EQ(t, s->alive, 0);
	}
	cycle_close(s);
}

/* ---- acyclic types ---- */

struct wire {
	struct ouro_object object;
	struct ouro_slot end;
};

static const struct ouro_type wire_type = {
	OURO_TYPE(struct wire, object),
	OURO_SLOTS(struct wire, end),
	.flags = OURO_TYPE_ACYCLIC,
};

/* One of them in a cycle holds it for ever; what it holds is held from outside. */
void cycle_acyclic(struct ouro_test *t)
{
	struct cycle *s = &cycle_scene;
	struct ouro_collector_stat stat;
	struct ouro_kind *kind;
	struct wire *wire;

	if (!cycle_open(s, t))
		return;
	kind = ouro_type_register(s->heap, &wire_type);
	if (!EXPECT(t, !IS_ERR(kind)) || !build(s, "eight_", "told", true))
		return;
	wire = ouro_new(kind, GFP_KERNEL);
	if (!EXPECT(t, wire))
		return;
	EXPECT_EQ(t, ouro_slot_store(&wire->end, s->object[3]), 0);
	cycle_hold_only(s, 0);
	s->held = BIT_ULL(3);
	cycle_collect(s, OURO_OLD);
	ouro_collector_stat(s->heap, &stat);
	EXPECT_EQ(t, stat.last.visited, s->n);
	EXPECT_EQ(t, stat.last.freed, 0);
	ouro_slot_clear(&wire->end);
	s->held = 0;
	cycle_collect(s, OURO_OLD);
	EXPECT_EQ(t, s->alive, 0);
	ouro_put(&wire->object);
	cycle_close(s);
}
