// SPDX-License-Identifier: GPL-2.0
/*
 * What actors do to slots, at random.
 *
 * Room for a reference is made before what it is to be read from is chosen: what
 * is let go of may be the holder.
 */
#include <linux/kernel.h>
#include "graph.h"

/* A place for a reference: slot @index of what is held, or a root. */
struct place {
	const struct graph_ref *holder;
	u32 index;
	struct ouro_slot *slot;
};

/* ---- choices ---- */

static u32 random_below(struct graph_actor *a, u32 limit)
{
	return test_random(&a->random) % limit;
}

/* Something that is held, or NULL. */
struct graph_ref *graph_held(struct graph_actor *a)
{
	u32 i, first = random_below(a, GRAPH_HELD);
	struct graph_ref *ref;

	for (i = 0; i < GRAPH_HELD; i++) {
		ref = &a->held[(first + i) % GRAPH_HELD];
		if (ref->object)
			return ref;
	}
	return NULL;
}

struct graph_ref *graph_held_kind(struct graph_actor *a, unsigned int kind)
{
	u32 i, first = random_below(a, GRAPH_HELD);
	struct graph_ref *ref;

	for (i = 0; i < GRAPH_HELD; i++) {
		ref = &a->held[(first + i) % GRAPH_HELD];
		if (ref->object && ref->kind == kind)
			return ref;
	}
	return NULL;
}

/* Where another reference can be; what was there is let go of. */
struct graph_ref *graph_room(struct graph_actor *a)
{
	struct graph_ref *ref = &a->held[random_below(a, GRAPH_HELD)];

	graph_ref_drop(ref);
	return ref;
}

/* Mostly a slot of something that is held, but is not @other. */
static struct place place_any(struct graph_actor *a,
			      const struct graph_ref *other)
{
	const struct graph_ref *holder = graph_held(a);
	u32 index, slots = 0;

	if (holder && holder != other && random_below(a, 8))
		slots = graph_ref_slots(holder);
	if (!slots) {
		index = random_below(a, GRAPH_ROOTS);
		return (struct place) { NULL, index, &graph.root[index] };
	}
	index = random_below(a, slots);
	return (struct place) { holder, index, graph_ref_slot(holder, index) };
}

static void note(struct graph_actor *a, const char *op,
		 const struct place *place, const struct graph_ref *ref)
{
	graph_note(a, op, ref && ref->object ? ref : NULL, place->holder,
		   place->index);
}

/* ---- operations ---- */

static void do_new(struct graph_actor *a)
{
	struct graph_ref *ref = graph_room(a);
	unsigned int kind = random_below(a, GRAPH_KINDS);

	if (a->hard && kind == GRAPH_VECTOR)
		kind = GRAPH_TOLD;
	if (!READ_ONCE(graph.crowded))
		graph_ref_new(a, ref, kind);
}

static void do_get(struct graph_actor *a)
{
	struct graph_ref *ref = graph_room(a);
	struct graph_ref *from = graph_held(a);

	if (!from)
		return;
	graph_ref_get(ref, from);
	graph_note(a, "get", ref, NULL, 0);
}

static void do_drop(struct graph_actor *a)
{
	struct graph_ref *ref = graph_held(a);

	if (!ref)
		return;
	graph_note(a, "drop", ref, NULL, 0);
	graph_ref_drop(ref);
}

static void do_load(struct graph_actor *a)
{
	struct graph_ref *ref = graph_room(a);
	struct place p = place_any(a, NULL);

	graph_ref_set(ref, ouro_slot_load(p.slot));
	graph_shadow_expect(p.holder, p.index, ref);
	note(a, "load", &p, ref);
}

static void do_take(struct graph_actor *a)
{
	struct graph_ref *ref = graph_room(a);
	struct place p = place_any(a, NULL);

	graph_ref_set(ref, ouro_slot_take(p.slot));
	graph_shadow_expect(p.holder, p.index, ref);
	graph_shadow_set(p.holder, p.index, NULL);
	note(a, "take", &p, ref);
}

static void do_store(struct graph_actor *a)
{
	struct graph_ref *ref = graph_held(a);
	struct place p = place_any(a, NULL);

	if (!ref)
		return;
	note(a, "store", &p, ref);
	graph_shadow_set(p.holder, p.index, ref);
	GRAPH_CHECK(!ouro_slot_store(p.slot, ref->object), ref->stamp);
}

/* The reference that goes is not the one that the holder is held by. */
static void do_move(struct graph_actor *a)
{
	struct graph_ref *ref = graph_held(a);
	struct place p = place_any(a, ref);

	if (!ref || !graph_ref_check(ref))
		return;
	note(a, "move", &p, ref);
	graph_shadow_set(p.holder, p.index, ref);
	graph_shadow_drop(ref);
	GRAPH_CHECK(!ouro_slot_move(p.slot, ref->object), ref->stamp);
	ref->object = NULL;
}

static void do_swap(struct graph_actor *a)
{
	struct graph_ref *ref = graph_held(a);
	struct place p = place_any(a, ref);
	struct graph_ref got = { };
	struct ouro_object *old;

	if (!ref || !graph_ref_check(ref))
		return;
	note(a, "swap in", &p, ref);
	GRAPH_CHECK(!ouro_slot_swap(p.slot, ref->object, &old), ref->stamp);
	graph_ref_set(&got, old);
	graph_shadow_expect(p.holder, p.index, &got);
	graph_shadow_set(p.holder, p.index, ref);
	graph_shadow_drop(ref);
	*ref = got;
	note(a, "swap out", &p, ref);
}

static void do_clear(struct graph_actor *a)
{
	struct place p = place_any(a, NULL);

	note(a, "clear", &p, NULL);
	graph_shadow_set(p.holder, p.index, NULL);
	ouro_slot_clear(p.slot);
}

/* There are too many: whatever can be reached from here goes. */
static void do_prune(struct graph_actor *a)
{
	struct graph_ref *ref = graph_held(a);
	u32 i;

	i = random_below(a, GRAPH_ROOTS);
	graph_shadow_set(NULL, i, NULL);
	ouro_slot_clear(&graph.root[i]);
	if (!ref)
		return;
	graph_note(a, "prune", ref, NULL, 0);
	for (i = 0; i < graph_ref_slots(ref); i++) {
		graph_shadow_set(ref, i, NULL);
		ouro_slot_clear(graph_ref_slot(ref, i));
	}
}

/* ---- more than one step ---- */

static void link(const struct graph_ref *from, u32 index,
		 const struct graph_ref *to)
{
	graph_shadow_set(from, index, to);
	GRAPH_CHECK(!ouro_slot_store(graph_ref_slot(from, index), to->object),
		    to->stamp);
}

/* Objects that hold each other, one or two of the next; then nobody holds them. */
static void do_ring(struct graph_actor *a)
{
	struct graph_ref ring[6] = { };
	struct graph_ref *other = graph_held(a);
	u32 i, n = 1 + random_below(a, ARRAY_SIZE(ring));

	if (READ_ONCE(graph.crowded))
		return;
	for (i = 0; i < n; i++)
		if (!graph_ref_new(a, &ring[i], random_below(a, GRAPH_LEAF)))
			break;
	for (n = i, i = 0; i < n; i++) {
		link(&ring[i], 0, &ring[(i + 1) % n]);
		if (graph_ref_slots(&ring[i]) > 1 && random_below(a, 2))
			link(&ring[i], 1, &ring[random_below(a, n)]);
	}
	if (n && other && random_below(a, 4) == 0)
		link(&ring[0], 0, other);
	if (n && ring[0].kind != GRAPH_PLAIN)
		graph_name_set(&graph.name[random_below(a, GRAPH_NAMES)],
			       &ring[0]);
	for (i = 0; i < n; i++) {
		graph_note(a, "leave", &ring[i], NULL, i);
		graph_ref_drop(&ring[i]);
	}
}

static void do_name(struct graph_actor *a)
{
	struct graph_ref *ref = graph_held(a);

	if (ref && graph_ref_weak(ref).generation)
		graph_name_set(&graph.name[random_below(a, GRAPH_NAMES)], ref);
}

static void do_upgrade(struct graph_actor *a)
{
	struct graph_ref *ref = graph_room(a);
	u32 i = random_below(a, GRAPH_NAMES);

	graph_name_get(&graph.name[i], ref);
	graph_note(a, "upgrade", ref->object ? ref : NULL, NULL, i);
}

/* What is held has a handle that says so. */
static void do_look(struct graph_actor *a)
{
	struct graph_ref *ref = graph_held(a);
	struct ouro_object *object;
	struct ouro_weak weak;

	if (!ref || !graph_ref_check(ref))
		return;
	weak = graph_ref_weak(ref);
	if (!weak.generation)
		return;
	object = ouro_weak_get(weak);
	GRAPH_CHECK(object == ref->object, ref->stamp);
	ouro_put(object);
}

static const struct {
	void (*fn)(struct graph_actor *a);
	u32 weight;
	bool hard;		/* can be done by an interrupt */
} ops[] = {
	{ do_new, 10, true },
	{ do_get, 4, true },
	{ do_drop, 6, true },
	{ do_load, 14, true },
	{ do_take, 8, true },
	{ do_store, 14, true },
	{ do_move, 8, true },
	{ do_swap, 6, true },
	{ do_clear, 8, true },
	{ do_ring, 6, true },
	{ do_name, 2, true },
	{ do_upgrade, 6, true },
	{ do_look, 4, true },
	{ graph_act_vector, 10, false },
};

#define WEIGHTS	106

/* One operation. */
void graph_act(struct graph_actor *a)
{
	u32 i, at = random_below(a, WEIGHTS);

	if (READ_ONCE(graph.crowded) && at % 2) {
		do_prune(a);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(ops) - 1 && at >= ops[i].weight; i++)
		at -= ops[i].weight;
	if (a->hard && !ops[i].hard)
		do_load(a);
	else
		ops[i].fn(a);
}
