// SPDX-License-Identifier: GPL-2.0
/*
 * References that actors hold, and weak handles.
 *
 * From the moment an actor has a reference until it lets go of it, the object is
 * the same, is alive, and is what its handle gives.
 */
#include <linux/kernel.h>
#include <linux/preempt.h>
#include "graph.h"

/* With the lock of the shadow graph interrupts are off. */
gfp_t graph_gfp(const struct graph_actor *a)
{
	return (a->hard || graph.play->shadowed ? GFP_ATOMIC : GFP_KERNEL) |
	       __GFP_NOWARN;
}

/* Mostly not at all, at times longer than a scan. */
void graph_spin(struct graph_actor *a, unsigned int most)
{
	u32 random = test_random(&a->random);
	unsigned int spins = random / 4 % (most + 1);

	if (random % 4 > 1)
		return;
	if (random % 4)
		spins /= 32;
	while (spins--)
		cpu_relax();
}

/* ---- what is held ---- */

struct ouro_weak graph_ref_weak(const struct graph_ref *ref)
{
	return ref->kind == GRAPH_VECTOR ? ref->weak :
	       graph_node(ref->object)->tag.weak;
}

u32 graph_ref_slots(const struct graph_ref *ref)
{
	return ref->kind == GRAPH_VECTOR ? 0 :
	       graph_node(ref->object)->tag.slots;
}

struct ouro_slot *graph_ref_slot(const struct graph_ref *ref, u32 index)
{
	return &graph_node(ref->object)->slot[index];
}

/* Whether it is still what it was. */
bool graph_ref_check(const struct graph_ref *ref)
{
	struct ouro_object *object = ref->object;
	struct ouro_weak weak;

	if (ref->kind != GRAPH_VECTOR)
		return graph_is_alive(object, ref->kind, ref->stamp);
	return GRAPH_CHECK(ouro_refcount(object) >= 1, ref->stamp) &&
	       GRAPH_CHECK(!ouro_weak_init(&weak, object, GFP_NOWAIT),
			   ref->stamp) &&
	       GRAPH_CHECK(ouro_weak_equal(weak, ref->weak), ref->stamp);
}

/* @object, with a reference, is @ref's from here on.  False: it is no object. */
static bool ref_fill(struct graph_ref *ref, struct ouro_object *object)
{
	int kind = graph_kind_of(object);

	if (!GRAPH_CHECK(kind >= 0, 0))
		return false;
	ref->object = object;
	ref->kind = kind;
	if (kind != GRAPH_VECTOR) {
		ref->stamp = graph_node(object)->tag.stamp;
	} else {
		/* There is one already: see graph_vector_new(). */
		if (!GRAPH_CHECK(!ouro_weak_init(&ref->weak, object,
						 GFP_NOWAIT), 0))
			return false;
		ref->stamp = ref->weak.generation << 16 ^ ref->weak.name;
	}
	if (graph_ref_check(ref))
		return true;
	ref->object = NULL;
	return false;
}

bool graph_ref_set(struct graph_ref *ref, struct ouro_object *object)
{
	if (!object || !ref_fill(ref, object))
		return false;
	graph_shadow_hold(ref);
	return true;
}

bool graph_ref_get(struct graph_ref *ref, const struct graph_ref *from)
{
	return graph_ref_set(ref, ouro_get(from->object));
}

void graph_ref_drop(struct graph_ref *ref)
{
	struct ouro_object *object = ref->object;

	/* What went wrong is left alone. */
	if (!object || READ_ONCE(graph.failed) || !graph_ref_check(ref))
		return;
	graph_shadow_drop(ref);
	ref->object = NULL;
	ouro_put(object);
}

static bool is_named(unsigned int kind)
{
	return graph.play->shadowed ||
	       (kind != GRAPH_PLAIN && kind != GRAPH_LEAF);
}

bool graph_ref_new(struct graph_actor *a, struct graph_ref *ref,
		   unsigned int kind)
{
	struct ouro_object *object = NULL;
	struct graph_node *node;
	struct ouro_weak weak;

	if (graph_shadow_is_full())
		return false;
	/* The shadow graph has to be told of each end. */
	if (kind == GRAPH_PLAIN && graph.play->shadowed)
		kind = GRAPH_TOLD;
	if (kind == GRAPH_VECTOR) {
		object = ouro_vector_object(graph_vector_new(&weak,
							     graph_gfp(a)));
	} else {
		node = graph_node_new(kind, 1 + test_random(&a->random) % 7,
				      is_named(kind), graph_gfp(a));
		object = node ? &node->object : NULL;
	}
	if (!object || !ref_fill(ref, object))
		return false;
	graph_shadow_new(ref);
	graph_note(a, "new", ref, NULL, kind);
	return true;
}

/* ---- weak handles ---- */

/* What @weak names, or not. */
void graph_ref_upgrade(struct graph_ref *ref, struct ouro_weak weak)
{
	struct ouro_object *object = ouro_weak_get(weak);

	if (!object) {
		atomic_long_inc(&graph.vanished);
		graph_shadow_vanish(weak);
		return;
	}
	atomic_long_inc(&graph.revived);
	if (graph_ref_set(ref, object))
		GRAPH_CHECK(ouro_weak_equal(graph_ref_weak(ref), weak),
			    ref->stamp);
}

void graph_name_set(struct graph_name *name, const struct graph_ref *ref)
{
	struct ouro_weak weak = graph_ref_weak(ref);
	unsigned long flags;

	raw_spin_lock_irqsave(&name->lock, flags);
	name->weak = weak;
	name->dead = false;
	raw_spin_unlock_irqrestore(&name->lock, flags);
}

/* What gave nothing once gives nothing for ever. */
void graph_name_get(struct graph_name *name, struct graph_ref *ref)
{
	struct ouro_weak weak;
	unsigned long flags;
	bool dead;

	raw_spin_lock_irqsave(&name->lock, flags);
	weak = name->weak;
	dead = name->dead;
	raw_spin_unlock_irqrestore(&name->lock, flags);
	if (!weak.generation)
		return;
	graph_ref_upgrade(ref, weak);
	if (ref->object) {
		GRAPH_CHECK(!dead, ref->stamp);
		return;
	}
	raw_spin_lock_irqsave(&name->lock, flags);
	if (ouro_weak_equal(name->weak, weak))
		name->dead = true;
	raw_spin_unlock_irqrestore(&name->lock, flags);
}
