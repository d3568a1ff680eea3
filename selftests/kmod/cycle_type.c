// SPDX-License-Identifier: GPL-2.0
/* The types of nodes, and what their callbacks must find: see cycle.h. */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/string.h>
#include "cycle.h"

#define ONCE	0x6f6e6365ULL
#define BULK	9000	/* bytes: more than the largest class */

struct cycle cycle_scene;

struct ouro_slot *cycle_node_slot(struct cycle_node *node, unsigned int place)
{
	return place == 0 ? &node->left :
	       place == 1 ? &node->right : &node->rib[place - 2];
}

bool cycle_is_node(const struct ouro_object *object)
{
	const struct ouro_type *type = ouro_object_type(object);

	return type >= cycle_types && type < cycle_types + CYCLE_TYPES;
}

bool cycle_is_told(enum cycle_make make)
{
	return make < CYCLE_TYPES && cycle_types[make].release;
}

/* The caller has a reference, or is its finalizer. */
bool cycle_node_is_whole(const struct ouro_object *object)
{
	const struct cycle_node *node =
		container_of(object, struct cycle_node, object);

	return ouro_is_alive(object) && node->number < CYCLE_NODES &&
	       node->check == (node->number ^ CYCLE_CHECK);
}

static void init(void *object)
{
	struct cycle_node *node = object;

	node->once = ONCE;
}

static void expect_place(const struct cycle_node *node)
{
	const struct ouro_object *object = &node->object;

	EXPECT(cycle_scene.t, !in_nmi() && !in_hardirq() && !irqs_disabled());
	if (ouro_object_type(object)->flags & OURO_TYPE_WORKER) {
		EXPECT(cycle_scene.t, current->flags & PF_WQ_WORKER);
		might_sleep();
		/* A tick or more, where timers are coarse. */
		if (node->number == 0)
			usleep_range(1, 2);
	}
}

/* All that it refers to is still there. */
static void finalize(void *object)
{
	struct cycle_node *node = object;
	struct cycle *s = &cycle_scene;
	struct ouro_object *next;
	unsigned int i;

	expect_place(node);
	if (!EXPECT(s->t, cycle_node_is_whole(object)))
		return;
	EXPECT_GE(s->t, ouro_refcount(object), 1);
	for (i = 0; i < node->used; i++) {
		next = ouro_slot_load(cycle_node_slot(node, i));
		if (!EXPECT(s->t, next))
			continue;
		EXPECT(s->t, ouro_is_alive(next));
		if (cycle_is_node(next))
			EXPECT(s->t, cycle_node_is_whole(next));
		ouro_put(next);
	}
	atomic_inc(&s->finalized[node->number]);
	if (s->rescue & BIT_ULL(node->number))
		EXPECT_EQ(s->t, ouro_slot_store(&s->root[node->number], object),
			  0);
}

static void release(void *object)
{
	struct cycle_node *node = object;
	struct cycle *s = &cycle_scene;
	unsigned int i;

	expect_place(node);
	EXPECT(s->t, !ouro_is_alive(object));
	if (!EXPECT(s->t, node->number < CYCLE_NODES &&
		    node->check == (node->number ^ CYCLE_CHECK)))
		return;
	for (i = 0; i < node->room + 2; i++)
		EXPECT(s->t, ouro_slot_is_empty(cycle_node_slot(node, i)));
	if (ouro_object_type(object)->init)
		EXPECT_EQ(s->t, node->once, ONCE);
	if (s->handles)
		EXPECT(s->t, !ouro_weak_get(s->weak[node->number]));
	node->check = 0;
	atomic_inc(&s->released[node->number]);
}

#define CYCLE_PAIR_SLOTS						\
	.size = sizeof(struct cycle_node),				\
	OURO_SLOTS(struct cycle_node, left, right)

#define CYCLE_FAN_SLOTS							\
	CYCLE_PAIR_SLOTS, OURO_SLOT_ARRAY(struct cycle_node, rib)

#define CYCLE_CALLBACKS	.finalize = finalize, .release = release

const struct ouro_type cycle_types[CYCLE_TYPES] = {
	[CYCLE_PAIR] = { .name = "pair", CYCLE_PAIR_SLOTS },
	[CYCLE_FAN] = { .name = "fan", CYCLE_FAN_SLOTS },
	[CYCLE_TOLD] = { .name = "told", CYCLE_FAN_SLOTS, CYCLE_CALLBACKS },
	[CYCLE_LATE] = { .name = "late", CYCLE_FAN_SLOTS, CYCLE_CALLBACKS,
			 .flags = OURO_TYPE_WORKER },
	[CYCLE_GRAVE] = { .name = "grave", CYCLE_FAN_SLOTS, CYCLE_CALLBACKS,
			  .flags = OURO_TYPE_RCU },
	[CYCLE_ONCE] = { .name = "once", CYCLE_FAN_SLOTS, CYCLE_CALLBACKS,
			 .flags = OURO_TYPE_INIT_ONCE, .init = init },
	[CYCLE_BIG] = { .name = "big", .size = sizeof(struct cycle_node) + BULK,
			OURO_SLOTS(struct cycle_node, left, right),
			CYCLE_CALLBACKS },
	[CYCLE_WIDE] = { .name = "wide", CYCLE_FAN_SLOTS, CYCLE_CALLBACKS },
};
