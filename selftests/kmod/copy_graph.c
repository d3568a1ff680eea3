// SPDX-License-Identifier: GPL-2.0
/* Copies of graphs: a large one, and one that changes meanwhile. */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <ouro/copy.h>
#include <ouro/list.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include <ouro/vector.h>
#include "test_item.h"

struct node {
	struct ouro_object object;
	struct ouro_slot next;
	struct ouro_slot other;
	u64 number;
};

static const struct ouro_type node_type = {
	OURO_TYPE(struct node, object),
	OURO_SLOTS(struct node, next, other),
	.copy = ouro_copy_payload,
};

struct scene {
	struct ouro_test *t;
	struct ouro_heap *heap;
	struct ouro_kind *kind;
};

static bool scene_open(struct scene *s, struct ouro_test *t)
{
	*s = (struct scene) { .t = t, .heap = test_heap(t) };
	if (!s->heap)
		return false;
	s->kind = ouro_type_register(s->heap, &node_type);
	return EXPECT(t, !IS_ERR(s->kind));
}

static void scene_close(struct scene *s)
{
	ouro_heap_flush(s->heap);
	test_heap_settle(s->t, s->heap, 0);
	test_heap_close(s->t, s->heap);
}

static struct node *to_node(struct ouro_object *object)
{
	return container_of(object, struct node, object);
}

/* What a slot leads to, which something else keeps alive. */
static struct node *in(struct ouro_slot *slot)
{
	struct ouro_object *object = ouro_slot_load(slot);

	ouro_put(object);
	return object ? to_node(object) : NULL;
}

/* ---- a large one: a ring by @next, any edges by @other ---- */

static bool ring_new(struct scene *s, struct node **ring, u32 count)
{
	u32 i, random = 3;

	for (i = 0; i < count; i++) {
		ring[i] = ouro_new(s->kind, GFP_KERNEL);
		if (!EXPECT(s->t, ring[i]))
			return false;
		ring[i]->number = i;
		cond_resched();
	}
	for (i = 0; i < count; i++) {
		ouro_slot_store(&ring[i]->next, &ring[(i + 1) % count]->object);
		ouro_slot_store(&ring[i]->other,
				&ring[test_random(&random) % count]->object);
	}
	/* The ring keeps itself, and the caller has a reference to the first. */
	for (i = 1; i < count; i++)
		ouro_put(&ring[i]->object);
	return true;
}

/* By @next one comes to all nodes of the copy, in order. */
static bool ring_follow(struct scene *s, struct node **copy, struct node *first,
			u32 count)
{
	struct node *node = first;
	u32 i;

	for (i = 0; i < count; i++) {
		if (!EXPECT(s->t, node) || !EXPECT_EQ(s->t, node->number, i))
			return false;
		copy[i] = node;
		node = in(&node->next);
		cond_resched();
	}
	return EXPECT(s->t, node == first);
}

static void ring_compare(struct scene *s, struct node **copy,
			 struct node **ring, u32 count)
{
	u32 i, to;

	for (i = 0; i < count; i++) {
		to = in(&ring[i]->other)->number;
		EXPECT(s->t, copy[i] != ring[i]);
		EXPECT(s->t, in(&copy[i]->other) == copy[to]);
		EXPECT_EQ(s->t, ouro_refcount(&copy[i]->object),
			  ouro_refcount(&ring[i]->object));
		cond_resched();
	}
}

static void ring_put(struct node **ring, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++) {
		ouro_slot_clear(&ring[i]->other);
		cond_resched();
	}
	ouro_slot_clear(&ring[count - 1]->next);
	ouro_put(&ring[0]->object);
}

static void large(struct ouro_test *t)
{
	u32 count = TEST_MANY(100000, 5000);
	struct node **ring = kvcalloc(count, sizeof(*ring), GFP_KERNEL);
	struct node **copy = kvcalloc(count, sizeof(*copy), GFP_KERNEL);
	struct ouro_object *first;
	struct scene s;

	if (!EXPECT(t, ring && copy) || !scene_open(&s, t) ||
	    !ring_new(&s, ring, count))
		goto free_arrays;
	first = ouro_copy_deep(&ring[0]->object, GFP_KERNEL);
	if (!EXPECT_MSG(t, !IS_ERR(first), "%pe", first) ||
	    !ring_follow(&s, copy, to_node(first), count))
		goto free_arrays;
	test_heap_check(t, s.heap, 2 * count);
	ring_compare(&s, copy, ring, count);
	ring_put(ring, count);
	ouro_heap_flush(s.heap);
	test_heap_settle(t, s.heap, count);
	ring_follow(&s, copy, to_node(first), count);
	ring_put(copy, count);
	scene_close(&s);
free_arrays:
	kvfree(copy);
	kvfree(ring);
}

/* ---- one that changes ---- */

#define NODES	40

static struct crowd {
	struct scene s;
	struct node *node[NODES];
	struct ouro_vector *vector;	/* of all nodes, then the list */
	struct ouro_list *list;		/* of some, in which there is always @node[0] */
	unsigned long copies;
	unsigned long refs;		/* found in them */
} crowd;

static void change(unsigned int who, u32 *random)
{
	u32 r = test_random(random);
	struct ouro_object *object = &crowd.node[r / 8 % NODES]->object;
	struct node *from = crowd.node[r / 1024 % NODES];

	switch (r % 8) {
	case 0 ... 3:
		ouro_slot_store(&from->other, object);
		break;
	case 4:
		ouro_slot_store(&from->next, object);
		break;
	case 5:
		ouro_slot_clear(&from->other);
		break;
	case 6:
		if (ouro_list_length(crowd.list) < 20)
			ouro_list_add_tail(crowd.list, object, GFP_KERNEL);
		break;
	default:
		/* The first one stays. */
		if (ouro_list_length(crowd.list) > 10)
			ouro_put(ouro_list_pop_tail(crowd.list));
	}
}

/* @to, unless NULL, is one of the nodes of the copy. */
static void expect_inside(struct node **copy, struct node *to)
{
	struct ouro_test *t = crowd.s.t;

	if (!to)
		return;
	if (EXPECT_LE(t, to->number, NODES - 1))
		EXPECT(t, copy[to->number] == to);
	crowd.refs++;
}

static void check_copy(struct ouro_vector *vector)
{
	struct ouro_test *t = crowd.s.t;
	struct node *copy[NODES];
	struct ouro_list_iter iter;
	struct ouro_object *object;
	struct ouro_list *list;
	int i;

	if (!EXPECT(t, vector) ||
	    !EXPECT_EQ(t, ouro_vector_length(vector), NODES + 1))
		return;
	for (i = 0; i < NODES; i++) {
		copy[i] = to_node(ouro_vector_load(vector, i));
		EXPECT_EQ(t, copy[i]->number, i);
		EXPECT(t, copy[i] != crowd.node[i]);
	}
	for (i = 0; i < NODES; i++) {
		expect_inside(copy, in(&copy[i]->next));
		expect_inside(copy, in(&copy[i]->other));
		/* Nobody else will break a cycle. */
		ouro_slot_clear(&copy[i]->next);
		ouro_slot_clear(&copy[i]->other);
	}
	list = ouro_list_of(ouro_vector_load(vector, NODES));
	ouro_list_iter_begin(&iter, list);
	ouro_list_for_each(&iter, object)
		expect_inside(copy, to_node(object));
	ouro_list_iter_end(&iter);
	ouro_list_put(list);
	for (i = 0; i < NODES; i++)
		ouro_put(&copy[i]->object);
}

static void look(unsigned int who, u32 *random)
{
	struct ouro_object *copy;

	copy = ouro_copy_deep(ouro_vector_object(crowd.vector), GFP_KERNEL);
	if (!EXPECT_MSG(crowd.s.t, !IS_ERR(copy), "%pe", copy))
		return;
	check_copy(ouro_vector_of(copy));
	ouro_put(copy);
	crowd.copies++;
}

static bool crowd_new(struct scene *s)
{
	int i, err = 0;

	crowd.vector = ouro_vector_new(s->heap, 0, GFP_KERNEL);
	crowd.list = ouro_list_new(s->heap, GFP_KERNEL);
	if (!EXPECT(s->t, crowd.vector && crowd.list))
		return false;
	for (i = 0; i < NODES; i++) {
		crowd.node[i] = ouro_new(s->kind, GFP_KERNEL);
		if (!EXPECT(s->t, crowd.node[i]))
			return false;
		crowd.node[i]->number = i;
		err |= ouro_vector_append(crowd.vector, &crowd.node[i]->object,
					  GFP_KERNEL);
	}
	err |= ouro_vector_append(crowd.vector, ouro_list_object(crowd.list),
				  GFP_KERNEL);
	err |= ouro_list_add_tail(crowd.list, &crowd.node[0]->object,
				  GFP_KERNEL);
	return EXPECT_EQ(s->t, err, 0);
}

static void concurrent(struct ouro_test *t)
{
	int i;

	memset(&crowd, 0, sizeof(crowd));
	if (!scene_open(&crowd.s, t) || !crowd_new(&crowd.s))
		return;
	test_crowd(t, change, look, 2);
	for (i = 0; i < NODES; i++) {
		ouro_slot_clear(&crowd.node[i]->next);
		ouro_slot_clear(&crowd.node[i]->other);
		ouro_put(&crowd.node[i]->object);
	}
	ouro_list_put(crowd.list);
	ouro_vector_put(crowd.vector);
	EXPECT_GE(t, crowd.copies, 2);
	EXPECT_GE(t, crowd.refs, crowd.copies);
	test_note(t, "%lu copies, %lu references in them", crowd.copies,
		  crowd.refs);
	scene_close(&crowd.s);
}

static const struct ouro_case graph_cases[] = {
	EACH_KIND(large),
	EACH_KIND(concurrent),
};

OURO_SUITE("copy_graph", graph_cases);
