// SPDX-License-Identifier: GPL-2.0
/*
 * Objects beside what one writes by hand: a refcount_t in a block of a
 * kmem_cache, plain pointers for slots, an xarray for weak handles.
 */
#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/xarray.h>
#include <ouro/object.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include <ouro/weak.h>
#include "bench.h"
#include "ways.h"

#define OBJECT_SIZE	64	/* bytes of each, on both sides */

struct leaf {
	struct ouro_object object;
	char payload[56];
};

struct node {
	struct ouro_object object;
	struct ouro_slot left, right;
	char payload[40];
};

struct plain_leaf {
	refcount_t count;
	char payload[60];
};

struct plain_node {
	refcount_t count;
	struct plain_leaf *left, *right;
	char payload[40];
};

static_assert(sizeof(struct leaf) == OBJECT_SIZE);
static_assert(sizeof(struct node) == OBJECT_SIZE);
static_assert(sizeof(struct plain_leaf) == OBJECT_SIZE);
static_assert(sizeof(struct plain_node) == OBJECT_SIZE);

static const struct ouro_type leaf_type = {
	OURO_TYPE(struct leaf, object),
};

static const struct ouro_type node_type = {
	OURO_TYPE(struct node, object),
	OURO_SLOTS(struct node, left, right),
};

/* Its own pools: a weak handle to one object concerns all of a pool. */
static const struct ouro_type named_type = {
	.name = "named",
	.size = sizeof(struct leaf),
};

static int kind_get(struct bench *bench, const struct ouro_type *type,
		    struct ouro_kind **kind)
{
	*kind = ouro_type_register(bench->heap, type);
	return PTR_ERR_OR_ZERO(*kind);
}

/* Once there is bench->heap, with which the kinds go. */
int bench_object_init(struct bench *bench)
{
	return kind_get(bench, &leaf_type, &bench->leaf) ?:
	       kind_get(bench, &node_type, &bench->node) ?:
	       kind_get(bench, &named_type, &bench->named);
}

/* ---- what is written by hand ---- */

static __always_inline void *plain_alloc(struct bench *bench)
{
	return kmem_cache_alloc(bench_cache(bench, OBJECT_SIZE), GFP_KERNEL);
}

static __always_inline void *plain_new_leaf(struct bench *bench, size_t size)
{
	struct plain_leaf *leaf = plain_alloc(bench);

	if (likely(leaf))
		refcount_set(&leaf->count, 1);
	return leaf;
}

static __always_inline void *plain_new_node(struct bench *bench, size_t size)
{
	struct plain_node *node = plain_alloc(bench);

	if (unlikely(!node))
		return NULL;
	refcount_set(&node->count, 1);
	node->left = NULL;
	node->right = NULL;
	return node;
}

static __always_inline void plain_free(struct bench *bench, void *block)
{
	kmem_cache_free(bench_cache(bench, OBJECT_SIZE), block);
}

static __always_inline void plain_put(struct bench *bench,
				      struct plain_leaf *leaf)
{
	if (leaf && refcount_dec_and_test(&leaf->count))
		plain_free(bench, leaf);
}

static __always_inline void plain_put_leaf(struct bench *bench, void *leaf,
					   size_t size)
{
	plain_put(bench, leaf);
}

static __always_inline void plain_put_node(struct bench *bench, void *block,
					   size_t size)
{
	struct plain_node *node = block;

	if (!node || !refcount_dec_and_test(&node->count))
		return;
	plain_put(bench, node->left);
	plain_put(bench, node->right);
	plain_free(bench, node);
}

/* ---- birth and death ---- */

static __always_inline void *new_leaf(struct bench *bench, size_t size)
{
	return ouro_new(bench->leaf, GFP_KERNEL);
}

static __always_inline void *new_node(struct bench *bench, size_t size)
{
	return ouro_new(bench->node, GFP_KERNEL);
}

static __always_inline void *new_named(struct bench *bench, size_t size)
{
	return ouro_new(bench->named, GFP_KERNEL);
}

static __always_inline void put_object(struct bench *bench, void *object,
				       size_t size)
{
	ouro_put(object);
}

/* A node with a leaf on its left, both new. */
static __always_inline void *new_parent(struct bench *bench, size_t size)
{
	struct node *node = new_node(bench, size);
	struct ouro_object *leaf = new_leaf(bench, size);

	if (likely(node && leaf && !ouro_slot_move(&node->left, leaf)))
		return node;
	ouro_put(leaf);
	put_object(bench, node, size);
	return NULL;
}

static __always_inline void *plain_new_parent(struct bench *bench, size_t size)
{
	struct plain_node *node = plain_new_node(bench, size);
	struct plain_leaf *leaf = plain_new_leaf(bench, size);

	if (likely(node && leaf)) {
		node->left = leaf;
		return node;
	}
	plain_put(bench, leaf);
	plain_put_node(bench, node, size);
	return NULL;
}

BENCH_SIDE(leaf, pairs, OBJECT_SIZE, new_leaf, put_object);
BENCH_SIDE(node, pairs, OBJECT_SIZE, new_node, put_object);
BENCH_SIDE(parent, pairs, OBJECT_SIZE, new_parent, put_object);

BENCH_SIDE(plain_leaf, pairs, OBJECT_SIZE, plain_new_leaf, plain_put_leaf);
BENCH_SIDE(plain_node, pairs, OBJECT_SIZE, plain_new_node, plain_put_node);
BENCH_SIDE(plain_parent, pairs, OBJECT_SIZE, plain_new_parent, plain_put_node);

/* ---- what is done with objects that are there ---- */

/**
 * struct objects - what a side of Ouro's works on
 * @node: with @object on its left and nothing on its right
 * @object: is referenced from here, too
 * @other: another
 * @weak: names @object
 */
struct objects {
	struct node *node;
	struct ouro_object *object;
	struct ouro_object *other;
	struct ouro_weak weak;
};

static void objects_put(struct bench *bench, struct objects *o)
{
	ouro_put(o->other);
	ouro_put(o->object);
	if (o->node)
		ouro_put(&o->node->object);
}

static int objects_get(struct bench *bench, struct objects *o)
{
	int err = -ENOMEM;

	o->node = ouro_new(bench->node, GFP_KERNEL);
	o->object = ouro_new(bench->named, GFP_KERNEL);
	o->other = ouro_new(bench->named, GFP_KERNEL);
	if (o->node && o->object && o->other)
		err = ouro_slot_store(&o->node->left, o->object) ?:
		      ouro_weak_init(&o->weak, o->object, GFP_KERNEL);
	if (err)
		objects_put(bench, o);
	return err;
}

/* Beside an object that has a weak handle. */
static s64 side_named(struct bench *bench, unsigned int loops)
{
	struct objects o;
	s64 ns;

	ns = objects_get(bench, &o);
	if (ns)
		return ns;
	ns = pairs(bench, loops, OBJECT_SIZE, new_named, put_object);
	objects_put(bench, &o);
	return ns;
}

/**
 * struct plains - the same for a peer
 * @node: with @leaf on its left and nothing on its right
 * @leaf: is counted for here, too
 * @other: another
 * @swapped: the one of both that is not on the node's left
 * @names: leads to @leaf without counting
 */
struct plains {
	struct plain_node *node;
	struct plain_leaf *leaf;
	struct plain_leaf *other;
	struct plain_leaf *swapped;
	struct xarray names;
};

#define PLAIN_NAME	1	/* of @leaf; not 0, for which there is no look-up */

static void plains_put(struct bench *bench, struct plains *p)
{
	xa_destroy(&p->names);
	/* However often they were counted, and whatever was left in the node. */
	if (p->other)
		plain_free(bench, p->other);
	if (p->leaf)
		plain_free(bench, p->leaf);
	if (p->node)
		plain_free(bench, p->node);
}

static int plains_get(struct bench *bench, struct plains *p)
{
	int err = -ENOMEM;

	xa_init(&p->names);
	p->node = plain_new_node(bench, OBJECT_SIZE);
	p->leaf = plain_new_leaf(bench, OBJECT_SIZE);
	p->other = plain_new_leaf(bench, OBJECT_SIZE);
	if (p->node && p->leaf && p->other)
		err = xa_err(xa_store(&p->names, PLAIN_NAME, p->leaf,
				      GFP_KERNEL));
	if (err) {
		plains_put(bench, p);
		return err;
	}
	refcount_inc(&p->leaf->count);
	p->node->left = p->leaf;
	p->swapped = p->other;
	return 0;
}

/* One thing done to objects, or to plains. */
#define OBJECT_SIDE(name, things)					\
static s64 side_##name(struct bench *bench, unsigned int loops)		\
{									\
	struct things t;						\
	unsigned int i;							\
	u64 start;							\
	s64 ns;								\
									\
	ns = things##_get(bench, &t);					\
	if (ns)								\
		return ns;						\
	start = ktime_get_ns();						\
	for (i = 0; i < loops; i++)					\
		name(bench, &t);					\
	ns = ktime_get_ns() - start;					\
	things##_put(bench, &t);					\
	return ns;							\
}

/* Done by Ouro and by hand. */
#define OBJECT_SIDES(name)						\
	OBJECT_SIDE(name, objects)					\
	OBJECT_SIDE(plain_##name, plains)

static __always_inline void get_put(struct bench *bench, struct objects *o)
{
	struct ouro_object *object = ouro_get(o->object);

	OPTIMIZER_HIDE_VAR(object);
	ouro_put(object);
}

static __always_inline void plain_get_put(struct bench *bench, struct plains *p)
{
	struct plain_leaf *leaf = p->leaf;

	refcount_inc(&leaf->count);
	OPTIMIZER_HIDE_VAR(leaf);
	plain_put(bench, leaf);
}

OBJECT_SIDES(get_put)

/*
 * A slot is empty once its reference was taken.  A plain store of the pointer
 * fills it again, which no user may do; the reference is the one that was
 * taken.  The peer's loop has the same store.
 */
static __always_inline void take(struct bench *bench, struct objects *o)
{
	struct ouro_object *object;

	WRITE_ONCE(o->node->right.object, o->other);
	object = ouro_slot_take(&o->node->right);
	OPTIMIZER_HIDE_VAR(object);
	o->other = object;
}

static __always_inline void plain_take(struct bench *bench, struct plains *p)
{
	struct plain_leaf *leaf = p->other;

	WRITE_ONCE(p->node->right, leaf);
	refcount_inc(&leaf->count);
	OPTIMIZER_HIDE_VAR(leaf);
	p->other = leaf;
}

OBJECT_SIDES(take)

static __always_inline void store(struct bench *bench, struct objects *o)
{
	ouro_slot_store(&o->node->left, o->object);
}

static __always_inline void plain_store(struct bench *bench, struct plains *p)
{
	refcount_inc(&p->leaf->count);
	plain_put(bench, xchg(&p->node->left, p->leaf));
}

OBJECT_SIDES(store)

static __always_inline void load(struct bench *bench, struct objects *o)
{
	ouro_put(ouro_slot_load(&o->node->left));
}

static __always_inline void plain_load(struct bench *bench, struct plains *p)
{
	struct plain_leaf *leaf;

	rcu_read_lock();
	leaf = READ_ONCE(p->node->left);
	if (leaf && !refcount_inc_not_zero(&leaf->count))
		leaf = NULL;
	rcu_read_unlock();
	plain_put(bench, leaf);
}

OBJECT_SIDES(load)

static __always_inline void swap_slot(struct bench *bench, struct objects *o)
{
	ouro_slot_swap(&o->node->left, o->other, &o->other);
}

static __always_inline void plain_swap_slot(struct bench *bench, struct plains *p)
{
	p->swapped = xchg(&p->node->left, p->swapped);
}

OBJECT_SIDES(swap_slot)

/* What is cleared is put there as in take(), with a reference this time. */
static __always_inline void get_clear(struct bench *bench, struct objects *o)
{
	WRITE_ONCE(o->node->right.object, ouro_get(o->object));
	ouro_slot_clear(&o->node->right);
}

static __always_inline void plain_get_clear(struct bench *bench, struct plains *p)
{
	refcount_inc(&p->leaf->count);
	WRITE_ONCE(p->node->right, p->leaf);
	plain_put(bench, xchg(&p->node->right, NULL));
}

OBJECT_SIDES(get_clear)

static __always_inline void weak(struct bench *bench, struct objects *o)
{
	ouro_put(ouro_weak_get(o->weak));
}

static __always_inline void plain_weak(struct bench *bench, struct plains *p)
{
	struct plain_leaf *leaf;

	rcu_read_lock();
	leaf = xa_load(&p->names, PLAIN_NAME);
	if (leaf && !refcount_inc_not_zero(&leaf->count))
		leaf = NULL;
	rcu_read_unlock();
	plain_put(bench, leaf);
}

OBJECT_SIDES(weak)

#define LOOPS	4000

const struct bench_case bench_object_cases[] = {
	{ "get-put", LOOPS, { side_get_put, side_plain_get_put } },
	{ "new-leaf", LOOPS, { side_leaf, side_plain_leaf } },
	{ "new-node", LOOPS, { side_node, side_plain_node } },
	{ "new-parent", LOOPS, { side_parent, side_plain_parent } },
	{ "new-named", LOOPS, { side_named, side_plain_leaf } },
	{ "take", LOOPS, { side_take, side_plain_take } },
	{ "store", LOOPS, { side_store, side_plain_store } },
	{ "load", LOOPS, { side_load, side_plain_load } },
	{ "swap", LOOPS, { side_swap_slot, side_plain_swap_slot } },
	{ "clear", LOOPS, { side_get_clear, side_plain_get_clear } },
	{ "weak", LOOPS, { side_weak, side_plain_weak } },
	{ }
};
