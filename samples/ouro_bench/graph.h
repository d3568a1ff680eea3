/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A graph to scan: many objects of 64 bytes with two slots each, and a vector
 * that holds them all, or a few of them that all others are reached from.
 */
#ifndef OURO_BENCH_GRAPH_H
#define OURO_BENCH_GRAPH_H

#include <linux/types.h>
#include <ouro/object.h>

struct ouro_heap;
struct ouro_kind;
struct ouro_vector;

struct graph_node {
	struct ouro_object object;
	struct ouro_slot left, right;
	char payload[40];
};

/**
 * enum graph_shape - where edges lead
 * @GRAPH_RANDOM: two from everywhere to anywhere; the root holds all nodes
 * @GRAPH_RINGS: from each of ten to the next, from the last to the first, which
 *	the root holds
 * @GRAPH_TREE: to two children, from the last leaf to the top, which the root
 *	holds: so the whole tree hangs on a cycle
 * @GRAPH_CHAIN: one ring of all nodes; the root holds the first
 */
enum graph_shape {
	GRAPH_RANDOM,
	GRAPH_RINGS,
	GRAPH_TREE,
	GRAPH_CHAIN,
};

/**
 * struct graph - a heap, and what is in it
 * @heap: of its own; nothing is scanned there unless asked for
 * @kind: nodes are made with
 * @shape: of what is made next
 * @root: holds the nodes, as @shape says, or NULL
 * @loose: there shall be no root: the nodes are held by whoever made them
 * @nodes: these, or NULL
 * @count: of @nodes
 */
struct graph {
	struct ouro_heap *heap;
	struct ouro_kind *kind;
	enum graph_shape shape;
	struct ouro_vector *root;
	bool loose;
	struct graph_node **nodes;
	size_t count;
};

int graph_create(struct graph *graph, const char *name);
void graph_destroy(struct graph *graph);
int graph_fill(struct graph *graph, size_t count);
size_t graph_edges(const struct graph *graph, size_t count);
void graph_drop(struct graph *graph);

#endif /* OURO_BENCH_GRAPH_H */
