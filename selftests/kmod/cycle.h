/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Graphs of known shape, and an oracle that tells what of them must live.
 *
 * A shape is built of nodes, which tell whether they are whole, and of
 * containers.  All edges are noted beside the graph; so what a collection must
 * leave follows from what is held from outside, by rules that know nothing of
 * the collector.
 */
#ifndef _OURO_TEST_CYCLE_H
#define _OURO_TEST_CYCLE_H

#include <ouro/collect.h>
#include <ouro/object.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include <ouro/weak.h>
#include "ouro_test.h"

#define CYCLE_NODES	64	/* of a graph at most: bits of a u64 */
#define CYCLE_EDGES	512
#define CYCLE_CHECK	0x736e616b65626974ULL

/* What a member of a graph can be: of a type, or a container. */
enum cycle_make {
	CYCLE_PAIR,		/* two slots, no callbacks */
	CYCLE_FAN,		/* and a trailing array */
	CYCLE_TOLD,		/* a fan with finalizer and release */
	CYCLE_LATE,		/* the same, by a worker; its callbacks sleep */
	CYCLE_GRAVE,		/* the same, with OURO_TYPE_RCU */
	CYCLE_ONCE,		/* the same, with OURO_TYPE_INIT_ONCE */
	CYCLE_BIG,		/* two slots and callbacks, whole pages */
	CYCLE_WIDE,		/* a fan whose array takes whole pages */
	CYCLE_TYPES,		/* from here on: containers */
	CYCLE_VECTOR = CYCLE_TYPES,
	CYCLE_LIST,
	CYCLE_MAP,
	CYCLE_BYTES,		/* a map with keys of bytes */
	CYCLE_MAKES
};

/**
 * struct cycle_node - a member that tells whether it is whole
 * @object: the header
 * @left: the first slot that is used
 * @right: the second
 * @once: set by the type's init, if it has one
 * @check: follows from @number, until the node is dead
 * @number: of the node in its graph
 * @room: slots in @rib
 * @used: slots that have an edge
 * @rib: further slots
 */
struct cycle_node {
	struct ouro_object object;
	struct ouro_slot left;
	struct ouro_slot right;
	u64 once;
	u64 check;
	u32 number;
	u32 room;
	u32 used;
	struct ouro_slot rib[];
};

struct cycle_edge {
	u8 from;
	u8 to;
	u16 place;		/* among those of @from */
};

/**
 * struct cycle - a graph, and what it is made in
 * @t: the run of the case
 * @heap: of all members
 * @kind: by enum cycle_make, for types
 * @what: for people: the shape
 * @how: for people: the variant
 * @degree: edges from one member at most
 * @n: members
 * @random: of the shape
 * @object: the members
 * @made: of enum cycle_make, for each
 * @weak: a handle for each, if @handles
 * @handles: there are
 * @edge: all edges
 * @nedges: how many
 * @out: edges from each
 * @held: members that have one reference from outside
 * @alive: members that live
 * @stuck: members that never die, one of @held each
 * @rescue: members whose finalizers store them in @root
 * @root: outside
 * @finalized: calls of each one's finalizer
 * @released: calls of each one's release
 */
struct cycle {
	struct ouro_test *t;
	struct ouro_heap *heap;
	struct ouro_kind *kind[CYCLE_TYPES];
	const char *what;
	const char *how;
	unsigned int degree;
	unsigned int n;
	u32 random;
	struct ouro_object *object[CYCLE_NODES];
	u8 made[CYCLE_NODES];
	struct ouro_weak weak[CYCLE_NODES];
	bool handles;
	struct cycle_edge edge[CYCLE_EDGES];
	unsigned int nedges;
	unsigned int out[CYCLE_NODES];
	u64 held;
	u64 alive;
	u64 stuck;
	u64 rescue;
	struct ouro_slot root[CYCLE_NODES];
	atomic_t finalized[CYCLE_NODES];
	atomic_t released[CYCLE_NODES];
};

/**
 * struct cycle_shape - a graph to build
 * @name: of the shape
 * @n: members
 * @degree: edges from one member at most
 * @build: calls cycle_edge() for each edge
 */
struct cycle_shape {
	const char *name;
	unsigned int n;
	unsigned int degree;
	void (*build)(struct cycle *s);
};

/* A way to make the members of a shape. */
struct cycle_variant {
	const char *name;
	u8 pattern[8];
	unsigned int npattern;
	unsigned int degree;	/* that its members have room for */
	unsigned int most;	/* members */
	bool slow;		/* maps are in it, which take long to go */
};

/* The one that callbacks tell; cases run one at a time. */
extern struct cycle cycle_scene;

/* cycle_type.c */
extern const struct ouro_type cycle_types[CYCLE_TYPES];
bool cycle_is_node(const struct ouro_object *object);
bool cycle_node_is_whole(const struct ouro_object *object);
bool cycle_is_told(enum cycle_make make);
struct ouro_slot *cycle_node_slot(struct cycle_node *node, unsigned int place);

/* cycle_graph.c */
bool cycle_open(struct cycle *s, struct ouro_test *t);
void cycle_close(struct cycle *s);
void cycle_begin(struct cycle *s, const char *what, const char *how,
		 unsigned int degree, bool handles);
bool cycle_add(struct cycle *s, enum cycle_make make);
bool cycle_build(struct cycle *s, const struct cycle_shape *shape,
		 const struct cycle_variant *variant, bool handles);
void cycle_edge(struct cycle *s, unsigned int from, unsigned int to);
void cycle_hold_only(struct cycle *s, u64 held);
u64 cycle_counted(const struct cycle *s);
u64 cycle_reached(const struct cycle *s, u64 from);
void cycle_check(struct cycle *s);
void cycle_collect(struct cycle *s, enum ouro_generation generation);

/* cycle_shape.c */
extern const struct cycle_shape cycle_shapes[];
extern const unsigned int cycle_shapes_count;
extern const struct cycle_variant cycle_variants[];
extern const unsigned int cycle_variants_count;
const struct cycle_shape *cycle_shape_find(const char *name);
const struct cycle_variant *cycle_variant_find(const char *name);

/* The cases of the other files, for the table in cycle.c. */
void cycle_random(struct ouro_test *t);
void cycle_ring_live(struct ouro_test *t);
void cycle_ring_long(struct ouro_test *t);
void cycle_hub_out(struct ouro_test *t);
void cycle_hub_back(struct ouro_test *t);
void cycle_hub_crowd(struct ouro_test *t);
void cycle_rise_one(struct ouro_test *t);
void cycle_rise_some(struct ouro_test *t);
void cycle_rise_all(struct ouro_test *t);
void cycle_rise_other(struct ouro_test *t);
void cycle_generations(struct ouro_test *t);
void cycle_two_heaps(struct ouro_test *t);
void cycle_leaves(struct ouro_test *t);
void cycle_watched(struct ouro_test *t);
void cycle_weak_values(struct ouro_test *t);
void cycle_weak_holder(struct ouro_test *t);
void cycle_slots_left(struct ouro_test *t);
void cycle_acyclic(struct ouro_test *t);
void cycle_places(struct ouro_test *t);
void cycle_places_aged(struct ouro_test *t);
void cycle_places_beside(struct ouro_test *t);
void cycle_stuck(struct ouro_test *t);
void cycle_tails(struct ouro_test *t);
void cycle_rise_through(struct ouro_test *t);
void cycle_version_ops(struct ouro_test *t);
void cycle_version_words(struct ouro_test *t);
void cycle_version_life(struct ouro_test *t);
void cycle_version_scan(struct ouro_test *t);

#endif /* _OURO_TEST_CYCLE_H */
