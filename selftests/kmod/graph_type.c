// SPDX-License-Identifier: GPL-2.0
/*
 * What the graph is made of: types, and what is known of an object.
 *
 * A tag says of an object which it is, and release() says of the tag that its
 * object is dead.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include "graph.h"

#define SLOT_AT(n)							\
	{								\
		.offset = offsetof(struct graph_node, slot) +		\
			  (n) * sizeof(struct ouro_slot),		\
		.name = "slot" #n,					\
	}

static const struct ouro_slot_desc slots[] = {
	SLOT_AT(0), SLOT_AT(1), SLOT_AT(2), SLOT_AT(3),
};

/* How many slots a node has, and what else there is room for. */
static const unsigned int slots_of[GRAPH_KINDS] = {
	[GRAPH_PLAIN] = 2,
	[GRAPH_TOLD] = 3,
	[GRAPH_PHOENIX] = 2,
	[GRAPH_WORKER] = 4,
	[GRAPH_GRAVE] = 3,
	[GRAPH_WIDE] = 1,
};

/* ---- the end of a node ---- */

static u64 check_of(const struct graph_node *node, unsigned int kind)
{
	return (node->tag.stamp ^ (unsigned long)node ^ (u64)kind << 56) *
	       0x9e3779b97f4a7c15ULL;
}

static bool tag_is(const struct graph_node *node, unsigned int kind, u32 state)
{
	return READ_ONCE(node->tag.state) == state &&
	       node->tag.check == check_of(node, kind);
}

static void node_release(struct graph_node *node, unsigned int kind)
{
	u64 stamp = node->tag.stamp;
	unsigned long flags;
	unsigned int i;

	if (READ_ONCE(graph.failed))
		return;
	GRAPH_CHECK(tag_is(node, kind, GRAPH_ALIVE) ||
		    tag_is(node, kind, GRAPH_FINALIZED), stamp);
	for (i = 0; i < node->tag.slots; i++)
		GRAPH_CHECK(ouro_slot_is_empty(&node->slot[i]), stamp);
	GRAPH_CHECK(kind != GRAPH_PHOENIX ||
		    READ_ONCE(node->tag.state) == GRAPH_FINALIZED, stamp);
	WRITE_ONCE(node->tag.state, GRAPH_DEAD);
	atomic_long_dec(&graph.live[kind]);
	flags = graph_lock();
	graph_shadow_release(node->tag.weak);
	graph_unlock(flags);
}

/* A finalizer finds all that its object refers to. */
static void check_whole(struct graph_node *node)
{
	struct ouro_object *object;
	unsigned int i;
	int kind;

	for (i = 0; i < node->tag.slots; i++) {
		object = ouro_slot_load(&node->slot[i]);
		if (!object)
			continue;
		kind = graph_kind_of(object);
		if (GRAPH_CHECK(kind >= 0, node->tag.stamp) &&
		    kind < GRAPH_TYPES)
			graph_is_alive(object, kind,
				       graph_node(object)->tag.stamp);
		ouro_put(object);
	}
}

static void phoenix_finalize(void *object)
{
	struct graph_node *node = object;
	u64 stamp = node->tag.stamp;
	struct ouro_object *self;
	unsigned long flags;
	int root = -1;

	if (READ_ONCE(graph.failed))
		return;
	if (!GRAPH_CHECK(tag_is(node, GRAPH_PHOENIX, GRAPH_ALIVE), stamp))
		return;
	WRITE_ONCE(node->tag.state, GRAPH_FINALIZED);
	check_whole(node);
	if (node->tag.weak.generation) {
		self = ouro_weak_get(node->tag.weak);
		GRAPH_CHECK(self == object, stamp);
		ouro_put(self);
	}
	flags = graph_lock();
	if (!READ_ONCE(graph.calm) && node->tag.weak.generation &&
	    stamp % 4 == 0)
		root = stamp / 4 % GRAPH_ROOTS;
	graph_shadow_finalize(node->tag.weak, &node->object, root);
	if (root >= 0) {
		ouro_slot_store(&graph.root[root], object);
		atomic_long_inc(&graph.rescued);
	}
	graph_unlock(flags);
}

#define RELEASE(name, kind)						\
static void name ## _release(void *object)				\
{									\
	node_release(object, kind);					\
}

RELEASE(told, GRAPH_TOLD)
RELEASE(phoenix, GRAPH_PHOENIX)
RELEASE(worker, GRAPH_WORKER)
RELEASE(grave, GRAPH_GRAVE)
RELEASE(wide, GRAPH_WIDE)
RELEASE(leaf, GRAPH_LEAF)

#define NODE(text, count)						\
	.name = text,							\
	.size = sizeof(struct graph_node) +				\
		(count) * sizeof(struct ouro_slot),			\
	.slots = (count) ? slots : NULL,				\
	.nslots = (count)

static const struct ouro_type types[GRAPH_TYPES] = {
	[GRAPH_PLAIN] = { NODE("plain", 2) },
	[GRAPH_TOLD] = { NODE("told", 3), .release = told_release },
	[GRAPH_PHOENIX] = {
		NODE("phoenix", 2),
		.finalize = phoenix_finalize,
		.release = phoenix_release,
	},
	[GRAPH_WORKER] = {
		NODE("worker", 4),
		.flags = OURO_TYPE_WORKER,
		.release = worker_release,
	},
	[GRAPH_GRAVE] = {
		NODE("grave", 3),
		.flags = OURO_TYPE_RCU,
		.release = grave_release,
	},
	[GRAPH_WIDE] = {
		NODE("wide", 1),
		.array = offsetof(struct graph_node, slot) +
			 sizeof(struct ouro_slot),
		.array_name = "more",
		.release = wide_release,
	},
	[GRAPH_LEAF] = { NODE("leaf", 0), .release = leaf_release },
};

/* ---- what an object is ---- */

/* -1: none of ours. */
int graph_kind_of(struct ouro_object *object)
{
	const struct ouro_type *type = ouro_object_type(object);

	if (type >= types && type < types + GRAPH_TYPES)
		return type - types;
	return ouro_vector_of(object) ? GRAPH_VECTOR : -1;
}

/* Whether the end of such an object is told in any case. */
bool graph_is_told(unsigned int kind)
{
	return kind != GRAPH_PLAIN;
}

/* For a node that the caller has a reference to. */
bool graph_is_alive(struct ouro_object *object, unsigned int kind, u64 stamp)
{
	struct graph_node *node = graph_node(object);
	u32 state = READ_ONCE(node->tag.state);

	if (GRAPH_CHECK(node->tag.stamp == stamp, stamp) &&
	    GRAPH_CHECK(node->tag.check == check_of(node, kind), stamp) &&
	    GRAPH_CHECK(state == GRAPH_ALIVE || state == GRAPH_FINALIZED,
			stamp) &&
	    GRAPH_CHECK(ouro_refcount(object) >= 1, stamp))
		return true;
	graph_tell(object, kind, stamp);
	return false;
}

/* ---- new ones ---- */

struct graph_node *graph_node_new(unsigned int kind, unsigned int more,
				  bool named, gfp_t gfp)
{
	struct graph_node *node;

	if (kind == GRAPH_WIDE)
		node = ouro_new_array(graph.kind[kind], more, gfp);
	else
		node = ouro_new(graph.kind[kind], gfp);
	if (!node)
		return NULL;
	/* Who was here before has told of its end. */
	GRAPH_CHECK(!graph_is_told(kind) || !tag_is(node, kind, GRAPH_ALIVE),
		    node->tag.stamp);
	node->tag.stamp = atomic64_inc_return(&graph.stamps);
	node->tag.check = check_of(node, kind);
	node->tag.slots = slots_of[kind] + (kind == GRAPH_WIDE ? more : 0);
	node->tag.weak = (struct ouro_weak) { };
	WRITE_ONCE(node->tag.state, GRAPH_ALIVE);
	if (graph_is_told(kind))
		atomic_long_inc(&graph.live[kind]);
	/* Without a name it goes the short way, as long as none there has one. */
	if (named && ouro_weak_init(&node->tag.weak, &node->object, gfp)) {
		ouro_put(&node->object);
		return NULL;
	}
	return node;
}

static void vector_died(struct ouro_watch *watch)
{
	unsigned long flags;

	atomic_long_dec(&graph.live[GRAPH_VECTOR]);
	if (!READ_ONCE(graph.failed)) {
		flags = graph_lock();
		graph_shadow_release(watch->weak);
		graph_unlock(flags);
	}
	kfree(watch);
}

/* A vector cannot tell of its end itself. */
struct ouro_vector *graph_vector_new(struct ouro_weak *weak, gfp_t gfp)
{
	struct ouro_watch *watch = kmalloc(sizeof(*watch), gfp);
	struct ouro_vector *vector;

	if (!watch)
		return NULL;
	vector = ouro_vector_new(graph.heap, 0, gfp);
	if (!vector || ouro_watch_add(watch, ouro_vector_object(vector),
				      vector_died, gfp)) {
		ouro_vector_put(vector);
		kfree(watch);
		return NULL;
	}
	atomic_long_inc(&graph.live[GRAPH_VECTOR]);
	*weak = watch->weak;
	return vector;
}

int graph_register(void)
{
	struct ouro_vector *vector;
	unsigned int i;

	for (i = 0; i < GRAPH_TYPES; i++) {
		graph.kind[i] = ouro_type_register(graph.heap, &types[i]);
		if (IS_ERR(graph.kind[i]))
			return PTR_ERR(graph.kind[i]);
	}
	/* The first one may sleep. */
	vector = ouro_vector_new(graph.heap, 0, GFP_KERNEL);
	ouro_vector_put(vector);
	return vector ? 0 : -ENOMEM;
}
