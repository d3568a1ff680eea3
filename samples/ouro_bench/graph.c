// SPDX-License-Identifier: GPL-2.0
/*
 * The graph that is scanned.  Of a random one a neighbour in memory is one in the
 * graph only by chance; nodes of other shapes are in the order of their making.
 */
#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <ouro/heap.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include <ouro/vector.h>
#include "bench.h"
#include "graph.h"

#define STEP	256	/* nodes made at a time */
#define RING	10	/* nodes of each ring */

static_assert(sizeof(struct graph_node) == 64);

static const struct ouro_type node_type = {
	OURO_TYPE(struct graph_node, object),
	OURO_SLOTS(struct graph_node, left, right),
};

/**
 * graph_create() - make an empty one
 * @graph: filled in
 * @name: of its heap
 *
 * Return: 0 or an error; there is nothing to be destroyed then.
 */
int graph_create(struct graph *graph, const char *name)
{
	int err;

	*graph = (struct graph) { };
	graph->heap = ouro_heap_create(name, 0);
	if (IS_ERR(graph->heap))
		return PTR_ERR(graph->heap);
	graph->kind = ouro_type_register(graph->heap, &node_type);
	err = PTR_ERR_OR_ZERO(graph->kind);
	if (err)
		ouro_heap_destroy(graph->heap);
	return err;
}

/* Whatever is still in it. */
void graph_destroy(struct graph *graph)
{
	graph_drop(graph);
	ouro_heap_destroy(graph->heap);
}

/* Whoever made the nodes holds them no longer. */
static void put_nodes(struct graph *graph)
{
	size_t i;

	for (i = 0; i < graph->count; i++) {
		if (graph->nodes[i])
			ouro_put(&graph->nodes[i]->object);
		if (i % STEP == 0)
			cond_resched();
	}
	kvfree(graph->nodes);
	graph->nodes = NULL;
	graph->count = 0;
}

/* Who holds the nodes goes, and with it what is in no cycle. */
void graph_drop(struct graph *graph)
{
	ouro_vector_put(graph->root);
	graph->root = NULL;
	put_nodes(graph);
	ouro_heap_flush(graph->heap);
}

/* Makes some nodes, and leaves them to the root if there is one. */
static int add_nodes(struct graph *graph, struct graph_node **nodes,
		     size_t count)
{
	struct ouro_object **objects = (struct ouro_object **)nodes;
	size_t i, made;
	ssize_t done = 0;

	for (made = 0; made < count; made++) {
		nodes[made] = ouro_new(graph->kind, GFP_KERNEL);
		if (!nodes[made])
			break;
	}
	if (graph->root) {
		done = ouro_vector_fill(graph->root, objects, made, GFP_KERNEL);
		for (i = 0; i < made; i++)
			ouro_put(objects[i]);
	}
	return made < count ? -ENOMEM : done < 0 ? done : 0;
}

static struct ouro_object *any_of(struct graph_node **nodes, size_t count,
				  u32 *state)
{
	return &nodes[mul_u64_u32_shr(count, bench_random(state), 32)]->object;
}

static void add_edges(struct graph_node **nodes, size_t count)
{
	u32 state = 1;
	size_t i;

	for (i = 0; i < count; i++) {
		/* Of one heap, so neither of them can fail. */
		ouro_slot_store(&nodes[i]->left, any_of(nodes, count, &state));
		ouro_slot_store(&nodes[i]->right, any_of(nodes, count, &state));
		if (i % STEP == 0)
			cond_resched();
	}
}

/* Where the first edge of node @i leads; to @count: nowhere. */
static size_t left_of(enum graph_shape shape, size_t i, size_t count)
{
	switch (shape) {
	case GRAPH_RINGS:
		return (i + 1) % RING && i + 1 < count ? i + 1 : i - i % RING;
	case GRAPH_TREE:
		return i == count - 1 ? 0 : min(2 * i + 1, count);
	default:
		return (i + 1) % count;
	}
}

static size_t right_of(enum graph_shape shape, size_t i, size_t count)
{
	return shape == GRAPH_TREE ? min(2 * i + 2, count) : count;
}

static bool is_held(enum graph_shape shape, size_t i)
{
	return shape == GRAPH_RINGS ? i % RING == 0 : i == 0;
}

/* Of one heap, so they cannot fail. */
static void shape_edges(struct graph *graph)
{
	size_t i, left, right, count = graph->count;
	struct graph_node **nodes = graph->nodes;

	for (i = 0; i < count; i++) {
		left = left_of(graph->shape, i, count);
		right = right_of(graph->shape, i, count);
		if (left < count)
			ouro_slot_store(&nodes[i]->left, &nodes[left]->object);
		if (right < count)
			ouro_slot_store(&nodes[i]->right,
					&nodes[right]->object);
		if (i % STEP == 0)
			cond_resched();
	}
}

/* From who made the nodes to the root, which is made for that. */
static int hand_over(struct graph *graph)
{
	int err = 0;
	size_t i;

	graph->root = ouro_vector_new(graph->heap, 0, GFP_KERNEL);
	if (!graph->root)
		return -ENOMEM;
	for (i = 0; i < graph->count && !err; i++) {
		if (is_held(graph->shape, i))
			err = ouro_vector_append(graph->root,
						 &graph->nodes[i]->object,
						 GFP_KERNEL);
		if (i % STEP == 0)
			cond_resched();
	}
	if (!err)
		put_nodes(graph);
	return err;
}

static int make_nodes(struct graph *graph, struct graph_node **nodes,
		      size_t count)
{
	size_t i;
	int err;

	for (i = 0, err = 0; i < count && !err; i += STEP) {
		err = add_nodes(graph, nodes + i, min_t(size_t, STEP, count - i));
		cond_resched();
	}
	return err;
}

static int fill_shape(struct graph *graph, struct graph_node **nodes,
		      size_t count)
{
	int err;

	graph->nodes = nodes;
	graph->count = count;
	err = make_nodes(graph, nodes, count);
	if (err)
		return err;
	shape_edges(graph);
	return hand_over(graph);
}

static int fill_random(struct graph *graph, struct graph_node **nodes,
		       size_t count)
{
	int err = -ENOMEM;

	if (graph->loose) {
		graph->nodes = nodes;
		graph->count = count;
	} else {
		graph->root = ouro_vector_new(graph->heap, count, GFP_KERNEL);
		if (!graph->root)
			goto free_nodes;
	}
	err = make_nodes(graph, nodes, count);
	if (!err)
		add_edges(nodes, count);
free_nodes:
	if (!graph->loose)
		kvfree(nodes);
	return err;
}

/**
 * graph_fill() - make nodes, edges and a root
 * @graph: without root
 * @count: of nodes
 *
 * The same edges each time.
 *
 * Return: 0, or an error; what there is by then goes with graph_drop().
 */
int graph_fill(struct graph *graph, size_t count)
{
	struct graph_node **nodes;

	nodes = kvcalloc(count, sizeof(*nodes), GFP_KERNEL);
	if (!nodes)
		return -ENOMEM;
	return graph->shape == GRAPH_RANDOM ?
	       fill_random(graph, nodes, count) :
	       fill_shape(graph, nodes, count);
}

/**
 * graph_edges() - how many edges there are, those of the root left out
 * @graph: of any shape
 * @count: of nodes
 *
 * Return: as said.
 */
size_t graph_edges(const struct graph *graph, size_t count)
{
	return graph->shape == GRAPH_RANDOM ? 2 * count : count;
}
