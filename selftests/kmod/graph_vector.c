// SPDX-License-Identifier: GPL-2.0
/*
 * What actors do to vectors: at random, and two scenes.
 *
 * The scenes have vectors that hold themselves, or each other, and get another
 * array again and again: whoever counts references in two arrays of a vector
 * takes for garbage what is held.
 */
#include <linux/kernel.h>
#include "graph.h"

static void do_append(struct graph_actor *a, const struct graph_ref *v)
{
	struct ouro_vector *vector = ouro_vector_of(v->object);
	const struct graph_ref *ref = graph_held(a);

	/* About so many, where others append, too. */
	if (ouro_vector_length(vector) >= GRAPH_SLOTS)
		return;
	graph_note(a, "append", ref, v, 0);
	if (!ouro_vector_append(vector, ref->object, graph_gfp(a)))
		graph_shadow_append(v, ref);
}

static void do_pop(struct graph_actor *a)
{
	struct graph_ref *ref = graph_room(a);
	struct graph_ref *v = graph_held_kind(a, GRAPH_VECTOR);
	u32 last;

	if (!v)
		return;
	last = ouro_vector_length(ouro_vector_of(v->object)) - 1;
	graph_ref_set(ref, ouro_vector_pop(ouro_vector_of(v->object)));
	graph_note(a, "pop", ref, v, last);
	if (last == U32_MAX)
		return;
	graph_shadow_expect(v, last, ref);
	graph_shadow_pop(v, last);
}

static void do_load(struct graph_actor *a, u32 random)
{
	struct graph_ref *ref = graph_room(a);
	struct graph_ref *v = graph_held_kind(a, GRAPH_VECTOR);

	if (!v)
		return;
	graph_ref_set(ref, ouro_vector_load(ouro_vector_of(v->object),
					    random % GRAPH_SLOTS));
	graph_note(a, "load", ref, v, random % GRAPH_SLOTS);
	if (random % GRAPH_SLOTS < graph_shadow_length(v))
		graph_shadow_expect(v, random % GRAPH_SLOTS, ref);
}

static void do_store(struct graph_actor *a, const struct graph_ref *v,
		     u32 index)
{
	const struct graph_ref *ref = graph_held(a);

	graph_note(a, "store", ref, v, index);
	if (!ouro_vector_store(ouro_vector_of(v->object), index, ref->object))
		graph_shadow_set(v, index, ref);
}

static void do_remove(struct graph_actor *a, const struct graph_ref *v,
		      u32 index)
{
	graph_note(a, "remove", NULL, v, index);
	if (!ouro_vector_remove(ouro_vector_of(v->object), index))
		graph_shadow_remove(v, index);
}

/* Another array: a larger one, or one as small as can be. */
static void do_resize(struct graph_actor *a, const struct graph_ref *v,
		      u32 random)
{
	struct ouro_vector *vector = ouro_vector_of(v->object);

	graph_note(a, "resize", NULL, v, random % 64);
	if (random % 2)
		ouro_vector_reserve(vector, random % 64, graph_gfp(a));
	else
		ouro_vector_shrink(vector, graph_gfp(a));
}

static void do_shorten(struct graph_actor *a, const struct graph_ref *v,
		       u32 length)
{
	graph_note(a, "truncate", NULL, v, length);
	ouro_vector_truncate(ouro_vector_of(v->object), length);
	graph_shadow_pop(v, length);
}

/* One operation on a vector that is held, if one is. */
void graph_act_vector(struct graph_actor *a)
{
	const struct graph_ref *v = graph_held_kind(a, GRAPH_VECTOR);
	u32 random = test_random(&a->random), what = random % 16;

	random /= 16;
	if (what < 2)
		do_pop(a);
	else if (what < 4)
		do_load(a, random);
	else if (!v)
		return;
	else if (what < 9)
		do_append(a, v);
	else if (what < 11)
		do_store(a, v, random % GRAPH_SLOTS);
	else if (what < 13)
		do_remove(a, v, random % GRAPH_SLOTS);
	else if (what < 15)
		do_resize(a, v, random);
	else
		do_shorten(a, v, random % GRAPH_SLOTS);
}

/* ---- scenes ---- */

#define ROUNDS	64	/* arrays before a vector is replaced */

static void resize_around(struct graph_actor *a, const struct graph_ref *v)
{
	struct ouro_vector *vector = ouro_vector_of(v->object);

	ouro_vector_reserve(vector, 2 + test_random(&a->random) % 8,
			    graph_gfp(a));
	graph_spin(a, 500);
	graph_ref_check(v);
	ouro_vector_shrink(vector, graph_gfp(a));
	graph_spin(a, 500);
	graph_ref_check(v);
	graph_note(a, "resize", v, NULL, 0);
}

/* A new vector, that as yet holds nothing. */
static bool vector_begin(struct graph_actor *a, struct graph_ref *v)
{
	if (v->object) {
		ouro_vector_clear(ouro_vector_of(v->object));
		graph_ref_drop(v);
	}
	return graph_ref_new(a, v, GRAPH_VECTOR);
}

/* A vector that holds itself. */
void graph_scene_vector(struct graph_actor *a)
{
	struct graph_ref *v = &a->own[0];

	if (a->turn++ % ROUNDS == 0) {
		if (!vector_begin(a, v))
			return;
		ouro_vector_append(ouro_vector_of(v->object), v->object,
				   graph_gfp(a));
	}
	if (v->object)
		resize_around(a, v);
}

/* Two actors, each with a vector that holds the other's. */
void graph_scene_vectors(struct graph_actor *a)
{
	struct graph_ref *v = &a->own[0], other = { };
	unsigned int turn = a->turn++ % ROUNDS;

	if (turn == 0) {
		if (!vector_begin(a, v))
			return;
		graph_name_set(&graph.name[a->id], v);
	}
	if (!v->object)
		return;
	if (turn % 8 == 4) {
		ouro_vector_clear(ouro_vector_of(v->object));
		graph_name_get(&graph.name[a->id ^ 1], &other);
		if (other.object) {
			ouro_vector_append(ouro_vector_of(v->object),
					   other.object, graph_gfp(a));
			graph_ref_drop(&other);
		}
	}
	resize_around(a, v);
}
