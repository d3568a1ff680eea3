// SPDX-License-Identifier: GPL-2.0
/*
 * Look-ups beside scans: in maps, lists, and a weak map.
 *
 * A node holds the containers, and is an element of one of them.  At times the
 * actor holds it, and changes what is in them, so that garbage comes of it; at
 * times nobody does, and he comes back by its weak handle.  Then he finds all as
 * he left it, though a scan may have been about to free it; or nothing.
 */
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <ouro/list.h>
#include <ouro/map.h>
#include <ouro/weak_map.h>
#include "graph.h"

#define SPIN	3000	/* as in graph_scene.c */
#define KEYS	8
#define ANCHOR	KEYS	/* the key of the node, in the first map */
#define OPS	4	/* in a turn */
#define TURNS	8	/* until the node is let go of */

enum { NUMBERS, BYTES, LIST, WEAK };	/* slots of the node */

/* A key of bytes; longer than what is kept in a word. */
struct graph_key {
	char text[40];
};

/**
 * struct box - the containers, and what is in them
 * @numbers: a map; with a reference while there is a turn, as the others
 * @bytes: another, with keys of bytes
 * @list: a list
 * @weak: a weak map
 * @number: stamps of the values
 * @byte: the same
 * @element: stamps of the elements, from the first on
 * @elements: how many
 * @name: handles of what was put into the weak map
 */
static struct box {
	struct ouro_map *numbers;
	struct ouro_map *bytes;
	struct ouro_list *list;
	struct ouro_weak_map *weak;
	u64 number[KEYS];
	u64 byte[KEYS];
	u64 element[KEYS];
	unsigned int elements;
	struct ouro_weak name[KEYS];
} box;

static struct graph_key key_of(u32 number)
{
	struct graph_key key = { };

	snprintf(key.text, sizeof(key.text), "the key with the number %u",
		 number);
	return key;
}

static void store(const struct graph_ref *from, u32 index,
		  struct ouro_object *to)
{
	GRAPH_CHECK(!ouro_slot_store(graph_ref_slot(from, index), to),
		    from->stamp);
}

/* ---- the box ---- */

static void box_put(void)
{
	ouro_map_put(box.numbers);
	ouro_map_put(box.bytes);
	ouro_list_put(box.list);
	ouro_weak_map_put(box.weak);
}

static bool box_new(void)
{
	memset(&box, 0, sizeof(box));
	box.numbers = ouro_map_u64_new(graph.heap, GFP_KERNEL);
	box.bytes = ouro_map_new(graph.heap, sizeof(struct graph_key), GFP_KERNEL);
	box.list = ouro_list_new(graph.heap, GFP_KERNEL);
	box.weak = ouro_weak_map_new(graph.heap, GFP_KERNEL);
	if (box.numbers && box.bytes && box.list && box.weak)
		return true;
	box_put();
	return false;
}

/* All of it is held by the node, and the node by the first map. */
static bool box_make(struct graph_actor *a)
{
	struct graph_ref *anchor = &a->own[0];

	if (READ_ONCE(graph.crowded) || !box_new())
		return false;
	if (!graph_ref_new(a, anchor, GRAPH_WORKER)) {
		box_put();
		return false;
	}
	store(anchor, NUMBERS, ouro_map_object(box.numbers));
	store(anchor, BYTES, ouro_map_object(box.bytes));
	store(anchor, LIST, ouro_list_object(box.list));
	store(anchor, WEAK, ouro_weak_map_object(box.weak));
	GRAPH_CHECK(!ouro_map_u64_add(box.numbers, ANCHOR, anchor->object,
				      GFP_KERNEL), anchor->stamp);
	a->names[0] = graph_ref_weak(anchor);
	box_put();
	return true;
}

static struct ouro_object *box_load(const struct graph_ref *anchor, u32 index)
{
	struct ouro_object *object;

	object = ouro_slot_load(graph_ref_slot(anchor, index));
	GRAPH_CHECK(object, anchor->stamp);
	return object;
}

/* By way of the node, which is held. */
static bool box_open(const struct graph_ref *anchor)
{
	box.numbers = ouro_map_of(box_load(anchor, NUMBERS));
	box.bytes = ouro_map_of(box_load(anchor, BYTES));
	box.list = ouro_list_of(box_load(anchor, LIST));
	box.weak = ouro_weak_map_of(box_load(anchor, WEAK));
	return GRAPH_CHECK(box.numbers && box.bytes && box.list && box.weak,
			   anchor->stamp);
}

/* ---- values ---- */

/* It holds itself: whom it is taken from leaves garbage. */
static bool value_new(struct graph_actor *a, struct graph_ref *ref)
{
	if (READ_ONCE(graph.crowded) || !graph_ref_new(a, ref, GRAPH_TOLD))
		return false;
	store(ref, 0, ref->object);
	return true;
}

/* @object is what was put there, and stays so. */
static void value_found(struct graph_actor *a, const char *op,
			struct ouro_object *object, u64 stamp, u32 index)
{
	struct graph_ref ref = { };

	if (!stamp) {
		GRAPH_CHECK(!object, index);
		return;
	}
	if (!GRAPH_CHECK(object, stamp) || !graph_ref_set(&ref, object))
		return;
	graph_note(a, op, &ref, NULL, index);
	if (!GRAPH_CHECK(ref.stamp == stamp, stamp))
		return;
	graph_spin(a, SPIN / 8);
	graph_ref_drop(&ref);
}

/* ---- a map with numbers ---- */

/* Such a value holds the map, too. */
static void number_store(struct graph_actor *a, u32 i)
{
	struct graph_ref ref = { };

	if (!value_new(a, &ref))
		return;
	store(&ref, 1, ouro_map_object(box.numbers));
	graph_note(a, "map store", &ref, NULL, i);
	if (GRAPH_CHECK(!ouro_map_u64_store(box.numbers, i, ref.object,
					    GFP_KERNEL), ref.stamp))
		box.number[i] = ref.stamp;
	graph_ref_drop(&ref);
}

static void number_load(struct graph_actor *a, u32 i)
{
	value_found(a, "map load", ouro_map_u64_load(box.numbers, i),
		    box.number[i], i);
}

static void number_peek(struct graph_actor *a, u32 i)
{
	struct ouro_object *object;

	rcu_read_lock();
	object = ouro_map_u64_peek(box.numbers, i);
	if (object)
		GRAPH_CHECK(ouro_tryget(object), box.number[i]);
	rcu_read_unlock();
	value_found(a, "map peek", object, box.number[i], i);
}

static void number_take(struct graph_actor *a, u32 i)
{
	u64 stamp = box.number[i];

	box.number[i] = 0;
	value_found(a, "map take", ouro_map_u64_take(box.numbers, i), stamp, i);
}

/* ---- a map with bytes ---- */

static void byte_store(struct graph_actor *a, u32 i)
{
	struct graph_key key = key_of(i);
	struct graph_ref ref = { };

	if (!value_new(a, &ref))
		return;
	graph_note(a, "bytes store", &ref, NULL, i);
	if (GRAPH_CHECK(!ouro_map_store(box.bytes, &key, sizeof(key),
					ref.object, GFP_KERNEL), ref.stamp))
		box.byte[i] = ref.stamp;
	graph_ref_drop(&ref);
}

static void byte_load(struct graph_actor *a, u32 i)
{
	struct graph_key key = key_of(i);

	value_found(a, "bytes load",
		    ouro_map_load(box.bytes, &key, sizeof(key)), box.byte[i],
		    i);
}

static void byte_walk(struct graph_actor *a, u32 unused)
{
	struct ouro_object *object;
	size_t place = 0, len;
	struct graph_key key;
	u32 i;

	while ((object = ouro_map_next(box.bytes, &place, &key, sizeof(key),
				       &len))) {
		for (i = 0; i < KEYS - 1; i++)
			if (!strcmp(key.text, key_of(i).text))
				break;
		value_found(a, "bytes next", object, box.byte[i], i);
	}
}

/* ---- a list ---- */

static void element_add(struct graph_actor *a, u32 i)
{
	struct graph_ref ref = { };

	if (box.elements == KEYS || !value_new(a, &ref))
		return;
	store(&ref, 1, ouro_list_object(box.list));
	graph_note(a, "list add", &ref, NULL, box.elements);
	if (GRAPH_CHECK(!ouro_list_add_tail(box.list, ref.object, GFP_KERNEL),
			ref.stamp))
		box.element[box.elements++] = ref.stamp;
	graph_ref_drop(&ref);
}

static void element_pop(struct graph_actor *a, u32 i)
{
	u64 stamp = box.elements ? box.element[0] : 0;

	if (box.elements)
		memmove(box.element, box.element + 1,
			--box.elements * sizeof(box.element[0]));
	value_found(a, "list pop", ouro_list_pop(box.list), stamp, 0);
}

static void element_walk(struct graph_actor *a, u32 unused)
{
	struct ouro_list_iter iter;
	struct ouro_object *object;
	unsigned int i = 0;

	ouro_list_iter_begin(&iter, box.list);
	while ((object = ouro_list_iter_next(&iter))) {
		if (!GRAPH_CHECK(i < box.elements, i))
			break;
		value_found(a, "list next", object, box.element[i], i);
		i++;
	}
	ouro_list_iter_end(&iter);
	GRAPH_CHECK(graph_is_over() || i == box.elements, i);
}

/* ---- a weak map ---- */

/* What the map gave for a key; what it does not give is dead for good. */
static void weak_found(struct graph_actor *a, const char *op,
		       struct ouro_object *object, u32 i)
{
	struct graph_ref ref = { }, again = { };

	if (!object) {
		atomic_long_inc(&graph.vanished);
		if (box.name[i].generation)
			graph_ref_upgrade(&again, box.name[i]);
		GRAPH_CHECK(!again.object, again.stamp);
		return;
	}
	if (!graph_ref_set(&ref, object))
		return;
	atomic_long_inc(&graph.revived);
	graph_note(a, op, &ref, NULL, i);
	if (!GRAPH_CHECK(ouro_weak_equal(graph_ref_weak(&ref), box.name[i]),
			 ref.stamp))
		return;
	graph_spin(a, SPIN / 8);
	graph_ref_drop(&ref);
}

static void weak_store(struct graph_actor *a, u32 i)
{
	struct graph_key key = key_of(i);
	struct graph_ref ref = { };

	if (!value_new(a, &ref))
		return;
	graph_note(a, "weak store", &ref, NULL, i);
	if (GRAPH_CHECK(!ouro_weak_map_store(box.weak, &key, sizeof(key),
					     ref.object, GFP_KERNEL), ref.stamp))
		box.name[i] = graph_ref_weak(&ref);
	graph_ref_drop(&ref);
}

static void weak_load(struct graph_actor *a, u32 i)
{
	struct graph_key key = key_of(i);

	weak_found(a, "weak load",
		   ouro_weak_map_load(box.weak, &key, sizeof(key)), i);
}

static struct ouro_object *intern_make(const void *key, size_t len, void *arg)
{
	struct graph_ref ref = { };

	return value_new(arg, &ref) ? ref.object : NULL;
}

/* There is one already, or that is dead for good. */
static void weak_intern(struct graph_actor *a, u32 i)
{
	struct graph_key key = key_of(i);
	struct graph_ref again = { };
	struct ouro_object *object;
	struct ouro_weak weak;

	object = ouro_intern(box.weak, &key, sizeof(key), intern_make, a,
			     GFP_KERNEL);
	if (!object)
		return;
	weak = graph_node(object)->tag.weak;
	if (!ouro_weak_equal(weak, box.name[i]) && box.name[i].generation) {
		graph_ref_upgrade(&again, box.name[i]);
		GRAPH_CHECK(!again.object, again.stamp);
	}
	box.name[i] = weak;
	weak_found(a, "intern", object, i);
}

/* ---- a turn ---- */

static void (*const ops[])(struct graph_actor *a, u32 i) = {
	number_store, number_load, number_load, number_peek, number_take,
	byte_store, byte_load, byte_walk,
	element_add, element_add, element_pop, element_walk,
	weak_store, weak_load, weak_load, weak_intern,
};

static void turn(struct graph_actor *a)
{
	unsigned int i;
	u32 random;

	if (!box_open(&a->own[0]))
		return;
	for (i = 0; i < OPS && !graph_is_over(); i++) {
		random = test_random(&a->random);
		ops[random % ARRAY_SIZE(ops)](a, random / 64 % KEYS);
	}
	if (!READ_ONCE(graph.failed))
		box_put();
}

void graph_scene_keys(struct graph_actor *a)
{
	struct graph_ref *anchor = &a->own[0];

	if (!anchor->object && a->names[0].generation) {
		graph_spin(a, SPIN);
		graph_ref_upgrade(anchor, a->names[0]);
	}
	if (!anchor->object && !box_make(a))
		return;
	turn(a);
	if (a->turn++ % TURNS == 0)
		graph_ref_drop(anchor);
}
