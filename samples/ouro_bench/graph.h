/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A graph to scan: many objects of 64 bytes with two random edges each, and a
 * vector that holds them all.
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
 * struct graph - a heap, and what is in it
 * @heap: of its own; nothing is scanned there unless asked for
 * @kind: nodes are made with
 * @root: holds all nodes, or NULL
 * @loose: there shall be no root: the nodes are held by whoever made them
 * @nodes: these, or NULL
 * @count: of @nodes
 */
struct graph {
	struct ouro_heap *heap;
	struct ouro_kind *kind;
	struct ouro_vector *root;
	bool loose;
	struct graph_node **nodes;
	size_t count;
};

int graph_create(struct graph *graph, const char *name);
void graph_destroy(struct graph *graph);
int graph_fill(struct graph *graph, size_t count);
void graph_drop(struct graph *graph);

#endif /* OURO_BENCH_GRAPH_H */
