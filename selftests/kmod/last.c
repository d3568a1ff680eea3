// SPDX-License-Identifier: GPL-2.0
/* The last put: what it does where little is to be done, and where more is. */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <ouro/object.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include <ouro/weak.h>
#include "last.h"

#define WIDE	9	/* slots: more than are cleared in any context */

struct leaf {
	struct ouro_object object;
	u64 value;
};

struct node {
	struct ouro_object object;
	struct ouro_slot left, right;
};

struct wide {
	struct ouro_object object;
	struct ouro_slot s0, s1, s2, s3, s4, s5, s6, s7, s8;
};

/* What callbacks saw; cases run one at a time. */
static atomic_t released, told;

static void release(void *object)
{
	atomic_inc(&released);
}

static void died(struct ouro_watch *watch)
{
	atomic_inc(&told);
}

static const struct ouro_type leaf_type = {
	OURO_TYPE(struct leaf, object),
};

static const struct ouro_type node_type = {
	OURO_TYPE(struct node, object),
	OURO_SLOTS(struct node, left, right),
};

static const struct ouro_slot_desc wide_slots[] = {
	OURO_SLOT(struct wide, s0), OURO_SLOT(struct wide, s1),
	OURO_SLOT(struct wide, s2), OURO_SLOT(struct wide, s3),
	OURO_SLOT(struct wide, s4), OURO_SLOT(struct wide, s5),
	OURO_SLOT(struct wide, s6), OURO_SLOT(struct wide, s7),
	OURO_SLOT(struct wide, s8),
};

static const struct ouro_type wide_type = {
	OURO_TYPE(struct wide, object),
	.slots = wide_slots,
	.nslots = WIDE,
};

static const struct ouro_type loud_type = {
	.name = "loud",
	.size = sizeof(struct leaf),
	.release = release,
};

static const struct ouro_type loud_node_type = {
	.name = "loud_node",
	.size = sizeof(struct node),
	OURO_SLOTS(struct node, left, right),
	.release = release,
};

static const struct ouro_type final_type = {
	.name = "final",
	.size = sizeof(struct leaf),
	.finalize = release,
};

static const struct ouro_type final_node_type = {
	.name = "final_node",
	.size = sizeof(struct node),
	OURO_SLOTS(struct node, left, right),
	.finalize = release,
};

static const struct ouro_type rcu_type = {
	.name = "rcu",
	.size = sizeof(struct leaf),
	.flags = OURO_TYPE_RCU,
};

/* An object of a type of its own in @heap, or NULL. */
static void *new_of(struct ouro_test *t, struct ouro_heap *heap,
		    struct ouro_kind **kind, const struct ouro_type *type)
{
	void *object;

	if (!*kind)
		*kind = ouro_type_register(heap, type);
	if (!EXPECT(t, !IS_ERR(*kind)))
		return NULL;
	object = ouro_new(*kind, GFP_KERNEL);
	EXPECT(t, object);
	return object;
}

/* The types above in the heap of a case, each registered when it is needed. */
struct kinds {
	struct ouro_test *t;
	struct ouro_heap *heap;
	struct ouro_kind *leaf, *node, *wide, *loud, *loud_node, *rcu;
	struct ouro_kind *final, *final_node;
};

#define NEW(k, type) new_of((k)->t, (k)->heap, &(k)->type, &type##_type)

static bool kinds_get(struct ouro_test *t, struct kinds *k)
{
	memset(k, 0, sizeof(*k));
	k->t = t;
	k->heap = test_heap(t);
	atomic_set(&released, 0);
	atomic_set(&told, 0);
	return k->heap;
}

static void move(struct ouro_test *t, struct ouro_slot *slot, void *object)
{
	EXPECT_EQ(t, ouro_slot_move(slot, object), 0);
}

/* All that is dying is dead, and @live objects are there. */
static void settle(struct kinds *k, unsigned long live)
{
	ouro_heap_flush(k->heap);
	test_heap_settle(k->t, k->heap, live);
}

/* With a node goes what only it held. */
static void shared(struct ouro_test *t)
{
	struct kinds k;
	struct leaf *kept;
	struct node *node;

	if (!kinds_get(t, &k))
		return;
	kept = NEW(&k, leaf);
	node = NEW(&k, node);
	if (!kept || !node)
		return;
	EXPECT_EQ(t, ouro_slot_store(&node->left, &kept->object), 0);
	move(t, &node->right, NEW(&k, leaf));
	EXPECT_EQ(t, ouro_refcount(&kept->object), 2);
	test_heap_check(t, k.heap, 3);
	ouro_put(&node->object);
	settle(&k, 1);
	EXPECT_EQ(t, ouro_refcount(&kept->object), 1);
	/* Its block is the next node's, whose slots are empty. */
	node = NEW(&k, node);
	if (!node)
		return;
	EXPECT_EQ(t, ouro_refcount(&node->object), 1);
	EXPECT(t, ouro_slot_is_empty(&node->left));
	EXPECT(t, ouro_slot_is_empty(&node->right));
	ouro_put(&node->object);
	ouro_put(&kept->object);
	settle(&k, 0);
	test_heap_close(t, k.heap);
}

/* Both slots of a node hold the same leaf. */
static void twice(struct ouro_test *t)
{
	struct kinds k;
	struct leaf *leaf;
	struct node *node;

	if (!kinds_get(t, &k))
		return;
	leaf = NEW(&k, leaf);
	node = NEW(&k, node);
	if (!leaf || !node)
		return;
	EXPECT_EQ(t, ouro_slot_store(&node->left, &leaf->object), 0);
	move(t, &node->right, leaf);
	ouro_put(&node->object);
	settle(&k, 0);
	test_heap_close(t, k.heap);
}

/* A node whose slots hold nodes, one of which somebody else has, too. */
static void tree(struct ouro_test *t)
{
	struct node *root, *left, *kept;
	struct kinds k;

	if (!kinds_get(t, &k))
		return;
	root = NEW(&k, node);
	left = NEW(&k, node);
	kept = NEW(&k, node);
	if (!root || !left || !kept)
		return;
	move(t, &kept->left, NEW(&k, leaf));
	EXPECT_EQ(t, ouro_slot_store(&left->left, &kept->object), 0);
	move(t, &left->right, NEW(&k, leaf));
	move(t, &root->left, left);
	EXPECT_EQ(t, ouro_slot_store(&root->right, &kept->object), 0);
	ouro_put(&root->object);
	settle(&k, 2);
	EXPECT_EQ(t, ouro_refcount(&kept->object), 1);
	EXPECT(t, !ouro_slot_is_empty(&kept->left));
	ouro_put(&kept->object);
	settle(&k, 0);
	test_heap_close(t, k.heap);
}

/* More slots than are cleared in any context. */
static void wide(struct ouro_test *t)
{
	struct wide *wide;
	struct kinds k;
	int i;

	if (!kinds_get(t, &k))
		return;
	wide = NEW(&k, wide);
	if (!wide)
		return;
	for (i = 0; i < WIDE; i++)
		move(t, &wide->s0 + i, NEW(&k, leaf));
	test_heap_check(t, k.heap, 1 + WIDE);
	ouro_put(&wide->object);
	settle(&k, 0);
	test_heap_close(t, k.heap);
}

/* Callbacks run once for each, wherever in a structure it is that dies. */
static void loud(struct ouro_test *t)
{
	struct node *node, *loud_node;
	struct kinds k;

	if (!kinds_get(t, &k))
		return;
	ouro_put(NEW(&k, loud));
	EXPECT_EQ(t, atomic_read(&released), 1);
	node = NEW(&k, node);
	loud_node = NEW(&k, loud_node);
	if (!node || !loud_node)
		return;
	move(t, &node->left, NEW(&k, loud));
	move(t, &node->right, NEW(&k, leaf));
	ouro_put(&node->object);
	EXPECT_EQ(t, atomic_read(&released), 2);
	move(t, &loud_node->left, NEW(&k, leaf));
	move(t, &loud_node->right, NEW(&k, loud));
	ouro_put(&loud_node->object);
	EXPECT_EQ(t, atomic_read(&released), 4);
	/* A finalizer is one, too. */
	ouro_put(NEW(&k, final));
	EXPECT_EQ(t, atomic_read(&released), 5);
	node = NEW(&k, final_node);
	if (!node)
		return;
	move(t, &node->left, NEW(&k, final));
	move(t, &node->right, NEW(&k, leaf));
	ouro_put(&node->object);
	EXPECT_EQ(t, atomic_read(&released), 7);
	settle(&k, 0);
	test_heap_close(t, k.heap);
}

/*
 * A handle to an object names nothing once that died, also where it was the
 * first handle in a pool that has been in use: before and after that, alone and
 * with what held it.
 */
static void named(struct ouro_test *t)
{
	struct ouro_weak of_leaf, of_node, of_child;
	struct leaf *leaf, *child;
	struct node *node;
	struct kinds k;
	int i;

	if (!kinds_get(t, &k))
		return;
	for (i = 0; i < 3; i++) {
		ouro_put(NEW(&k, leaf));
		ouro_put(NEW(&k, node));
		leaf = NEW(&k, leaf);
		child = NEW(&k, leaf);
		node = NEW(&k, node);
		if (!leaf || !child || !node)
			return;
		EXPECT_EQ(t, ouro_weak_init(&of_leaf, &leaf->object,
					    GFP_KERNEL), 0);
		EXPECT_EQ(t, ouro_weak_init(&of_child, &child->object,
					    GFP_KERNEL), 0);
		if (i)
			EXPECT_EQ(t, ouro_weak_init(&of_node, &node->object,
						    GFP_KERNEL), 0);
		move(t, &node->left, child);
		ouro_put(&leaf->object);
		ouro_put(&node->object);
		EXPECT(t, !ouro_weak_get(of_leaf));
		EXPECT(t, !ouro_weak_get(of_child));
		EXPECT(t, !i || !ouro_weak_get(of_node));
		/* Also when there is another in the block. */
		leaf = NEW(&k, leaf);
		child = NEW(&k, leaf);
		node = NEW(&k, node);
		EXPECT(t, !ouro_weak_get(of_leaf));
		EXPECT(t, !ouro_weak_get(of_child));
		EXPECT(t, !i || !ouro_weak_get(of_node));
		ouro_put(&leaf->object);
		ouro_put(&child->object);
		ouro_put(&node->object);
	}
	settle(&k, 0);
	test_heap_close(t, k.heap);
}

/* A watch is told, whether its object dies alone or with what held it. */
static void watched(struct ouro_test *t)
{
	struct ouro_watch on_leaf, on_child, on_node;
	struct leaf *leaf, *child;
	struct node *node;
	struct kinds k;

	if (!kinds_get(t, &k))
		return;
	leaf = NEW(&k, leaf);
	child = NEW(&k, leaf);
	node = NEW(&k, node);
	if (!leaf || !child || !node)
		return;
	move(t, &node->right, child);
	EXPECT_EQ(t, ouro_watch_add(&on_leaf, &leaf->object, died, GFP_KERNEL),
		  0);
	EXPECT_EQ(t, ouro_watch_add(&on_child, &child->object, died,
				    GFP_KERNEL), 0);
	EXPECT_EQ(t, ouro_watch_add(&on_node, &node->object, died, GFP_KERNEL),
		  0);
	ouro_put(&leaf->object);
	EXPECT_EQ(t, atomic_read(&told), 1);
	EXPECT(t, !ouro_watch_remove_sync(&on_leaf));
	ouro_put(&node->object);
	EXPECT_EQ(t, atomic_read(&told), 3);
	/* One that was taken back is not told. */
	leaf = NEW(&k, leaf);
	if (!leaf)
		return;
	EXPECT_EQ(t, ouro_watch_add(&on_leaf, &leaf->object, died, GFP_KERNEL),
		  0);
	EXPECT(t, ouro_watch_remove(&on_leaf));
	ouro_put(&leaf->object);
	EXPECT_EQ(t, atomic_read(&told), 3);
	settle(&k, 0);
	test_heap_close(t, k.heap);
}

/* What readers may still be in is not handed out again before they have left. */
static void rcu(struct ouro_test *t)
{
	struct leaf *leaf, *next[64];
	struct kinds k;
	int i;

	if (!kinds_get(t, &k))
		return;
	leaf = NEW(&k, rcu);
	if (!leaf)
		return;
	rcu_read_lock();
	ouro_put(&leaf->object);
	for (i = 0; i < ARRAY_SIZE(next); i++) {
		next[i] = ouro_new(k.rcu, GFP_NOWAIT);
		EXPECT(t, next[i] != leaf);
	}
	rcu_read_unlock();
	for (i = 0; i < ARRAY_SIZE(next); i++)
		if (next[i])
			ouro_put(&next[i]->object);
	settle(&k, 0);
	test_heap_close(t, k.heap);
}

/* Wherever the last put is. */
static void there(void *object)
{
	ouro_put(object);
}

static void anywhere(struct ouro_test *t)
{
	enum test_context context;
	struct node *node, *inner;
	struct kinds k;
	int loudly;

	if (!kinds_get(t, &k))
		return;
	for (context = 0; context < TEST_CONTEXTS; context++) {
		if (!test_context_exists(context))
			continue;
		for (loudly = 0; loudly < 2; loudly++) {
			node = NEW(&k, node);
			inner = NEW(&k, node);
			if (!node || !inner)
				return;
			move(t, &inner->left, NEW(&k, leaf));
			move(t, &node->left, loudly ? NEW(&k, loud) :
						      NEW(&k, leaf));
			move(t, &node->right, inner);
			atomic_set(&released, 0);
			EXPECT_EQ(t, test_context_run(context, there, node), 0);
			settle(&k, 0);
			EXPECT_EQ(t, atomic_read(&released), loudly);
		}
	}
	test_heap_close(t, k.heap);
}

static const struct ouro_case last_cases[] = {
	EACH_KIND(shared),
	EACH_KIND(twice),
	EACH_KIND(tree),
	EACH_KIND(wide),
	EACH_KIND(loud),
	EACH_KIND(named),
	EACH_KIND(watched),
	EACH_KIND(rcu),
	EACH_KIND(anywhere),
	EACH_KIND(both),
};

OURO_SUITE("last", last_cases);
