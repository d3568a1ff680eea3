// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a case: what is left is what the roots lead to, and then nothing.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/xarray.h>
#include <ouro/collect.h>
#include "graph.h"

/**
 * struct visit - a walk over what can be reached
 * @seen: by address
 * @objects: in the order in which they were come to; nobody changes anything
 * @count: of them
 * @room: for so many
 * @of: so many of each kind
 */
struct visit {
	struct xarray seen;
	struct ouro_object **objects;
	unsigned long count;
	unsigned long room;
	unsigned long of[GRAPH_KINDS];
};

/* Takes the caller's reference. */
static void visit_add(struct visit *v, struct ouro_object *object)
{
	unsigned long index = (unsigned long)object >> 3;
	int kind;

	if (!object)
		return;
	ouro_put(object);
	if (xa_load(&v->seen, index))
		return;
	kind = graph_kind_of(object);
	if (!GRAPH_CHECK(kind >= 0, 0) || !GRAPH_CHECK(v->count < v->room, 0) ||
	    xa_err(xa_store(&v->seen, index, object, GFP_KERNEL)))
		return;
	if (kind != GRAPH_VECTOR)
		graph_is_alive(object, kind, graph_node(object)->tag.stamp);
	v->of[kind]++;
	v->objects[v->count++] = object;
}

/* What a vector holds; it has an array, one, from here on. */
static void visit_vector(struct visit *v, struct ouro_vector *vector)
{
	struct ouro_object *object;
	size_t i;

	GRAPH_CHECK(!ouro_vector_reserve(vector, 1, GFP_KERNEL), 0);
	ouro_vector_for_each(vector, i, object)
		visit_add(v, ouro_get(object));
}

static void visit_all(struct visit *v)
{
	struct ouro_vector *vector;
	struct graph_node *node;
	unsigned long at;
	u32 i;

	for (i = 0; i < GRAPH_ROOTS; i++)
		visit_add(v, ouro_slot_load(&graph.root[i]));
	for (at = 0; at < v->count && !graph.failed; at++) {
		vector = ouro_vector_of(v->objects[at]);
		if (vector) {
			visit_vector(v, vector);
			continue;
		}
		node = graph_node(v->objects[at]);
		for (i = 0; i < node->tag.slots; i++)
			visit_add(v, ouro_slot_load(&node->slot[i]));
	}
}

/* All that lives is what can be reached. */
static void check_live(const struct visit *v)
{
	unsigned int i;

	for (i = 0; i < GRAPH_KINDS; i++)
		if (graph_is_told(i))
			EXPECT_MSG(graph.t, atomic_long_read(&graph.live[i]) ==
				   v->of[i], "kind %u: %ld, %lu", i,
				   atomic_long_read(&graph.live[i]), v->of[i]);
	if (graph.play->shadowed)
		EXPECT_EQ(graph.t, graph_shadow_live(), v->count);
	/* A vector is two blocks. */
	test_heap_settle(graph.t, graph.heap,
			 v->count + v->of[GRAPH_VECTOR]);
}

static void check_reachable(void)
{
	struct ouro_heap_stat stat;
	struct visit v = { };

	ouro_heap_stat(graph.heap, &stat);
	v.room = stat.live;
	v.objects = kvmalloc_array(v.room + 1, sizeof(*v.objects), GFP_KERNEL);
	if (!EXPECT(graph.t, v.objects))
		return;
	xa_init(&v.seen);
	visit_all(&v);
	if (!graph.failed)
		check_live(&v);
	test_note(graph.t, "%lu objects left of %lld", v.count,
		  atomic64_read(&graph.stamps));
	xa_destroy(&v.seen);
	kvfree(v.objects);
}

static void collect_all(void)
{
	unsigned int i;

	ouro_heap_flush(graph.heap);
	for (i = 0; i < 2; i++)
		EXPECT_GE(graph.t, ouro_heap_collect(graph.heap, OURO_OLD), 0);
	ouro_heap_flush(graph.heap);
}

static void let_go(struct graph_ref *ref)
{
	unsigned long flags = graph_lock();

	graph_ref_drop(ref);
	graph_unlock(flags);
}

static void let_go_all(void)
{
	struct graph_actor *a;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(graph.actor); i++) {
		a = &graph.actor[i];
		for (j = 0; j < ARRAY_SIZE(a->held); j++)
			let_go(&a->held[j]);
		for (j = 0; j < ARRAY_SIZE(a->own); j++)
			let_go(&a->own[j]);
	}
}

static void clear_roots(void)
{
	unsigned long flags;
	unsigned int i;

	for (i = 0; i < GRAPH_ROOTS; i++) {
		flags = graph_lock();
		graph_shadow_set(NULL, i, NULL);
		ouro_slot_clear(&graph.root[i]);
		graph_unlock(flags);
	}
}

/* Nobody acts any more. */
void graph_finish(void)
{
	if (graph.failed)
		return;
	WRITE_ONCE(graph.calm, true);
	let_go_all();
	collect_all();
	check_reachable();
	if (graph.failed)
		return;
	clear_roots();
	collect_all();
	if (graph.play->shadowed)
		EXPECT_EQ(graph.t, graph_shadow_live(), 0);
	test_heap_settle(graph.t, graph.heap, 0);
	if (!graph.failed)
		test_heap_close(graph.t, graph.heap);
}
