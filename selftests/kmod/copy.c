// SPDX-License-Identifier: GPL-2.0
/* Copies: of objects and containers, of graphs, and of parts that do not want to. */
#include <linux/err.h>
#include <linux/kernel.h>
#include <ouro/copy.h>
#include <ouro/list.h>
#include <ouro/map.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include <ouro/vector.h>
#include <ouro/weak_map.h>
#include "ouro_test.h"

/* The payload lies in front of, between and behind the slots. */
struct node {
	struct ouro_object object;
	u64 number;
	struct ouro_slot left;
	char text[24];
	struct ouro_slot right;
	u64 check;
	struct ouro_slot more[];
};

#define BAD	666	/* the number of a node that cannot be copied */

static atomic_long_t live;

static int node_copy(void *to, const void *from, size_t size)
{
	const struct node *node = from;

	/* Whatever is said here, the copy will be released. */
	atomic_long_inc(&live);
	if (node->number == BAD)
		return -EPERM;
	return ouro_copy_payload(to, from, size);
}

static void node_release(void *object)
{
	atomic_long_dec(&live);
}

static const struct ouro_type node_type = {
	OURO_TYPE(struct node, object),
	OURO_SLOTS(struct node, left, right),
	OURO_SLOT_ARRAY(struct node, more),
	.copy = node_copy,
	.release = node_release,
};

static const struct ouro_type single_type = {
	.name = "single",
	.size = sizeof(struct node),
	OURO_SLOTS(struct node, left, right),
	.release = node_release,
};

struct scene {
	struct ouro_test *t;
	struct ouro_heap *heap;
	struct ouro_kind *kind;
	struct ouro_kind *single;	/* of which there are no copies */
	unsigned long all;		/* objects and blocks, if counted */
};

static bool scene_open(struct scene *s, struct ouro_test *t)
{
	*s = (struct scene) { .t = t, .heap = test_heap(t) };
	if (!s->heap)
		return false;
	atomic_long_set(&live, 0);
	s->kind = ouro_type_register(s->heap, &node_type);
	s->single = ouro_type_register(s->heap, &single_type);
	return EXPECT(t, !IS_ERR(s->kind) && !IS_ERR(s->single));
}

/* Everything was put, and is gone. */
static void scene_close(struct scene *s)
{
	ouro_heap_flush(s->heap);
	test_heap_settle(s->t, s->heap, 0);
	EXPECT_EQ(s->t, atomic_long_read(&live), 0);
	test_heap_close(s->t, s->heap);
}

static struct node *node_init(struct scene *s, struct node *node, u64 number)
{
	if (!EXPECT(s->t, node))
		return NULL;
	atomic_long_inc(&live);
	node->number = number;
	snprintf(node->text, sizeof(node->text), "node %llu", number);
	node->check = ~number;
	return node;
}

static struct node *node_new(struct scene *s, u64 number)
{
	return node_init(s, ouro_new(s->kind, GFP_KERNEL), number);
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

static void link(struct scene *s, struct ouro_slot *slot, struct node *node)
{
	EXPECT_EQ(s->t, ouro_slot_store(slot, &node->object), 0);
}

/* Another node that tells the same; @copy may be an error. */
static bool expect_copy(struct scene *s, struct ouro_object *copy,
			struct node *node)
{
	struct node *other;
	char text[24];

	if (!EXPECT_MSG(s->t, !IS_ERR_OR_NULL(copy), "error %d",
			PTR_ERR_OR_ZERO(copy)) ||
	    !EXPECT(s->t, copy != &node->object))
		return false;
	other = to_node(copy);
	snprintf(text, sizeof(text), "node %llu", node->number);
	EXPECT(s->t, ouro_object_type(copy) == &node_type);
	EXPECT(s->t, ouro_object_heap(copy) == s->heap);
	EXPECT_EQ(s->t, ouro_object_slots(copy),
		  ouro_object_slots(&node->object));
	EXPECT_EQ(s->t, other->number, node->number);
	EXPECT(s->t, !strcmp(other->text, text));
	return EXPECT_EQ(s->t, other->check, ~node->number);
}

static void shallow(struct ouro_test *t)
{
	struct node *a, *b, *copy;
	struct scene s;
	int i;

	if (!scene_open(&s, t))
		return;
	a = node_init(&s, ouro_new_array(s.kind, 5, GFP_KERNEL), 1);
	b = node_new(&s, 2);
	if (!a || !b)
		return;
	link(&s, &a->left, b);
	link(&s, &a->right, a);
	for (i = 0; i < 5; i += 2)
		link(&s, &a->more[i], b);
	EXPECT_EQ(t, ouro_refcount(&b->object), 5);
	copy = to_node(ouro_copy(&a->object, GFP_KERNEL));
	if (!expect_copy(&s, &copy->object, a))
		return;
	EXPECT_EQ(t, ouro_refcount(&copy->object), 1);
	EXPECT_EQ(t, ouro_refcount(&b->object), 9);
	EXPECT_EQ(t, ouro_refcount(&a->object), 3);
	EXPECT(t, in(&copy->left) == b);
	EXPECT(t, in(&copy->right) == a);
	for (i = 0; i < 5; i++)
		EXPECT(t, in(&copy->more[i]) == (i & 1 ? NULL : b));
	ouro_put(&copy->object);
	EXPECT_EQ(t, ouro_refcount(&b->object), 5);
	ouro_slot_clear(&a->right);
	ouro_put(&a->object);
	EXPECT_EQ(t, ouro_refcount(&b->object), 1);
	ouro_put(&b->object);
	scene_close(&s);
}

/* A diamond from 0 by 1 and 2 to 3; a pair, 1 and 2; a loop at 3. */
static bool deep_build(struct scene *s, struct node *n[4])
{
	int i;

	for (i = 0; i < 4; i++) {
		n[i] = node_init(s, ouro_new_array(s->kind, i, GFP_KERNEL), i);
		if (!n[i])
			return false;
	}
	link(s, &n[0]->left, n[1]);
	link(s, &n[0]->right, n[2]);
	link(s, &n[1]->left, n[3]);
	link(s, &n[2]->left, n[3]);
	link(s, &n[1]->right, n[2]);
	link(s, &n[2]->more[1], n[1]);
	link(s, &n[3]->more[2], n[3]);
	return true;
}

/* What is shared, or part of a cycle, is so in the copy. */
static void deep(struct ouro_test *t)
{
	struct node *n[4], *c[4];
	struct scene s;
	int i;

	if (!scene_open(&s, t) || !deep_build(&s, n))
		return;
	c[0] = to_node(ouro_copy_deep(&n[0]->object, GFP_KERNEL));
	if (!expect_copy(&s, &c[0]->object, n[0]))
		return;
	c[1] = in(&c[0]->left);
	c[2] = in(&c[0]->right);
	c[3] = in(&c[1]->left);
	for (i = 1; i < 4; i++)
		if (!expect_copy(&s, &c[i]->object, n[i]))
			return;
	EXPECT(t, in(&c[2]->left) == c[3]);
	EXPECT(t, in(&c[1]->right) == c[2]);
	EXPECT(t, !in(&c[2]->more[0]));
	EXPECT(t, in(&c[2]->more[1]) == c[1]);
	EXPECT(t, in(&c[3]->more[2]) == c[3]);
	EXPECT_EQ(t, atomic_long_read(&live), 8);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(t, ouro_refcount(&c[i]->object) + !!i,
			  ouro_refcount(&n[i]->object));
	for (i = 1; i < 3; i++) {
		ouro_slot_clear(&c[i]->left);
		ouro_slot_clear(&n[i]->left);
	}
	ouro_slot_clear(&n[3]->more[2]);
	ouro_slot_clear(&n[2]->more[1]);
	ouro_slot_clear(&c[2]->more[1]);
	/* Whose loop is all that it has. */
	EXPECT_EQ(t, ouro_refcount(&c[3]->object), 1);
	ouro_slot_clear(&c[3]->more[2]);
	ouro_put(&c[0]->object);
	for (i = 0; i < 4; i++)
		ouro_put(&n[i]->object);
	scene_close(&s);
}

/*
 * A root with a weak map on its left, and a vector on its right: of @a, nothing,
 * a list of a, b and a, and a map.  From 7 the map leads to b, from 8 back to
 * the vector.  The weak map leads from "a" to a, from "c" to what is not in it.
 */
struct boxes {
	struct node *root, *a, *b, *c;
	struct ouro_vector *vector;
	struct ouro_list *list;
	struct ouro_map *map;
	struct ouro_weak_map *weak;
};

static bool boxes_new(struct scene *s, struct boxes *x)
{
	x->vector = ouro_vector_new(s->heap, 0, GFP_KERNEL);
	x->list = ouro_list_new(s->heap, GFP_KERNEL);
	x->map = ouro_map_u64_new(s->heap, GFP_KERNEL);
	x->weak = ouro_weak_map_new(s->heap, GFP_KERNEL);
	x->root = node_new(s, 1);
	x->a = node_new(s, 2);
	x->b = node_new(s, 3);
	x->c = node_new(s, 4);
	return EXPECT(s->t, x->vector && x->list && x->map && x->weak &&
			    x->root && x->a && x->b && x->c);
}

static bool boxes_fill(struct boxes *x)
{
	struct ouro_object *vector = ouro_vector_object(x->vector);
	struct ouro_object *a = &x->a->object, *b = &x->b->object;
	gfp_t gfp = GFP_KERNEL;

	return !ouro_slot_store(&x->root->left, ouro_weak_map_object(x->weak)) &&
	       !ouro_slot_store(&x->root->right, vector) &&
	       !ouro_vector_append(x->vector, a, gfp) &&
	       !ouro_vector_append(x->vector, NULL, gfp) &&
	       !ouro_vector_append(x->vector, ouro_list_object(x->list), gfp) &&
	       !ouro_vector_append(x->vector, ouro_map_object(x->map), gfp) &&
	       !ouro_list_add_tail(x->list, a, gfp) &&
	       !ouro_list_add_tail(x->list, b, gfp) &&
	       !ouro_list_add_tail(x->list, a, gfp) &&
	       !ouro_map_u64_store(x->map, 7, b, gfp) &&
	       !ouro_map_u64_store(x->map, 8, vector, gfp) &&
	       !ouro_weak_map_store(x->weak, "a", 1, a, gfp) &&
	       !ouro_weak_map_store(x->weak, "c", 1, &x->c->object, gfp);
}

/* Of a copy, whose root has a reference, find the rest; and put them. */
static void boxes_find(struct boxes *x, struct node *root)
{
	x->root = root;
	x->weak = ouro_weak_map_of(ouro_slot_load(&root->left));
	x->vector = ouro_vector_of(ouro_slot_load(&root->right));
	x->a = to_node(ouro_vector_load(x->vector, 0));
	x->list = ouro_list_of(ouro_vector_load(x->vector, 2));
	x->map = ouro_map_of(ouro_vector_load(x->vector, 3));
	x->b = to_node(ouro_map_u64_load(x->map, 7));
	x->c = NULL;
}

static void boxes_put(struct boxes *x)
{
	ouro_map_clear(x->map);
	ouro_put(&x->root->object);
	ouro_put(&x->a->object);
	ouro_put(&x->b->object);
	ouro_put((struct ouro_object *)x->c);
	ouro_vector_put(x->vector);
	ouro_list_put(x->list);
	ouro_map_put(x->map);
	ouro_weak_map_put(x->weak);
}

/* @object is @want, whose number it may be; the reference ends here. */
static void is(struct scene *s, struct ouro_object *object, void *want)
{
	EXPECT(s->t, object == want);
	ouro_put(object);
}

/* What is in the containers of @x, apart from the weak map's "c". */
static void boxes_check(struct scene *s, struct boxes *x)
{
	struct ouro_list_iter iter;
	size_t place = 0;
	u64 key;
	int i;

	EXPECT_EQ(s->t, ouro_vector_length(x->vector), 4);
	is(s, ouro_vector_load(x->vector, 0), x->a);
	is(s, ouro_vector_load(x->vector, 1), NULL);
	is(s, ouro_vector_load(x->vector, 2), x->list);
	is(s, ouro_vector_load(x->vector, 3), x->map);
	EXPECT_EQ(s->t, ouro_list_length(x->list), 3);
	ouro_list_iter_begin(&iter, x->list);
	for (i = 0; i < 3; i++)
		is(s, ouro_list_iter_next(&iter), i & 1 ? x->b : x->a);
	ouro_list_iter_end(&iter);
	EXPECT_EQ(s->t, ouro_map_length(x->map), 2);
	is(s, ouro_map_u64_load(x->map, 7), x->b);
	is(s, ouro_map_u64_load(x->map, 8), x->vector);
	ouro_put(ouro_map_u64_next(x->map, &place, &key));
	EXPECT(s->t, key == 7 || key == 8);
	is(s, ouro_weak_map_load(x->weak, "a", 1), x->a);
	is(s, ouro_weak_map_load(x->weak, "c", 1), x->c);
	EXPECT_EQ(s->t, ouro_weak_map_length(x->weak), x->c ? 2 : 1);
}

static void containers(struct ouro_test *t)
{
	struct boxes x, copy;
	struct ouro_object *root;
	struct scene s;

	if (!scene_open(&s, t) || !boxes_new(&s, &x) ||
	    !EXPECT(t, boxes_fill(&x)))
		return;
	boxes_check(&s, &x);
	root = ouro_copy_deep(&x.root->object, GFP_KERNEL);
	if (!expect_copy(&s, root, x.root))
		return;
	boxes_find(&copy, to_node(root));
	if (!EXPECT(t, copy.weak && copy.vector && copy.list && copy.map))
		return;
	EXPECT(t, copy.weak != x.weak && copy.vector != x.vector);
	EXPECT(t, copy.list != x.list && copy.map != x.map);
	expect_copy(&s, &copy.a->object, x.a);
	expect_copy(&s, &copy.b->object, x.b);
	boxes_check(&s, &copy);
	boxes_check(&s, &x);
	/* The copy lives without the original. */
	boxes_put(&x);
	boxes_check(&s, &copy);
	boxes_put(&copy);
	scene_close(&s);
}

/* Each of them, copied with the references that are in it. */
static void containers_shallow(struct ouro_test *t)
{
	struct boxes x, copy;
	unsigned int refs;
	struct scene s;

	if (!scene_open(&s, t) || !boxes_new(&s, &x) ||
	    !EXPECT(t, boxes_fill(&x)))
		return;
	copy = x;
	refs = ouro_refcount(&x.a->object);
	copy.vector = ouro_vector_of(ouro_copy(ouro_vector_object(x.vector),
					       GFP_KERNEL));
	copy.list = ouro_list_of(ouro_copy(ouro_list_object(x.list),
					   GFP_KERNEL));
	copy.map = ouro_map_of(ouro_copy(ouro_map_object(x.map), GFP_KERNEL));
	copy.weak = ouro_weak_map_of(ouro_copy(ouro_weak_map_object(x.weak),
					       GFP_KERNEL));
	EXPECT(t, copy.vector != x.vector && copy.list != x.list);
	EXPECT(t, copy.map != x.map && copy.weak != x.weak);
	EXPECT_EQ(t, ouro_refcount(&x.a->object), refs + 3);
	/* They refer to the originals of each other. */
	swap(copy.vector, x.vector);
	is(&s, ouro_map_u64_load(copy.map, 8), copy.vector);
	swap(copy.vector, x.vector);
	is(&s, ouro_vector_load(copy.vector, 2), x.list);
	is(&s, ouro_vector_load(copy.vector, 1), NULL);
	is(&s, ouro_list_pop(copy.list), x.a);
	is(&s, ouro_list_pop(copy.list), x.b);
	is(&s, ouro_list_pop(copy.list), x.a);
	is(&s, ouro_weak_map_load(copy.weak, "c", 1), x.c);
	EXPECT_EQ(t, ouro_weak_map_length(copy.weak), 2);
	ouro_vector_put(copy.vector);
	ouro_list_put(copy.list);
	ouro_map_put(copy.map);
	ouro_weak_map_put(copy.weak);
	ouro_heap_flush(s.heap);
	EXPECT_EQ(t, ouro_refcount(&x.a->object), refs);
	boxes_check(&s, &x);
	boxes_put(&x);
	scene_close(&s);
}

/* ---- what cannot be copied ---- */

/* @err for @object, and nothing is left of the try. */
static void no_copy(struct scene *s, struct ouro_object *object, int err)
{
	EXPECT_EQ(s->t, PTR_ERR_OR_ZERO(ouro_copy(object, GFP_KERNEL)), err);
	EXPECT_EQ(s->t, PTR_ERR_OR_ZERO(ouro_copy_deep(object, GFP_KERNEL)),
		  err);
	ouro_heap_flush(s->heap);
	test_heap_settle(s->t, s->heap, s->all);
}

/* There is an object, but not of all that it leads to. */
static void no_deep_copy(struct scene *s, struct node *root, int err)
{
	struct ouro_object *copy = ouro_copy(&root->object, GFP_KERNEL);

	if (expect_copy(s, copy, root))
		ouro_put(copy);
	copy = ouro_copy_deep(&root->object, GFP_KERNEL);
	EXPECT_EQ(s->t, PTR_ERR_OR_ZERO(copy), err);
	ouro_heap_flush(s->heap);
	test_heap_settle(s->t, s->heap, s->all);
}

/* What there is, to find later that nothing was added. */
static void count_all(struct scene *s)
{
	struct ouro_heap_stat stat;

	ouro_heap_stat(s->heap, &stat);
	s->all = stat.live;
}

static void refused(struct ouro_test *t)
{
	static struct ouro_object stranger = { ATOMIC64_INIT(1234) };
	struct node *single;
	struct boxes x;
	struct scene s;

	if (!scene_open(&s, t) || !boxes_new(&s, &x) ||
	    !EXPECT(t, boxes_fill(&x)))
		return;
	single = node_init(&s, ouro_new(s.single, GFP_KERNEL), 5);
	if (!single)
		return;
	count_all(&s);
	/* What is no object. */
	no_copy(&s, NULL, -EINVAL);
	no_copy(&s, &stranger, -EINVAL);
	no_copy(&s, &x.a->object + 1, -EINVAL);
	EXPECT_EQ(t, atomic64_read(&stranger.word), 1234);
	/* What has no copy, at the root and in the middle of a cycle. */
	no_copy(&s, &single->object, -EOPNOTSUPP);
	link(&s, &single->left, x.root);
	link(&s, &x.b->left, single);
	no_copy(&s, &single->object, -EOPNOTSUPP);
	no_deep_copy(&s, x.root, -EOPNOTSUPP);
	ouro_slot_clear(&x.b->left);
	ouro_slot_clear(&single->left);
	/* What says no itself. */
	link(&s, &x.b->right, x.root);
	x.b->number = BAD;
	no_copy(&s, &x.b->object, -EPERM);
	no_deep_copy(&s, x.root, -EPERM);
	ouro_slot_clear(&x.b->right);
	ouro_heap_flush(s.heap);
	EXPECT_EQ(t, atomic_long_read(&live), 5);
	boxes_check(&s, &x);
	ouro_put(&single->object);
	boxes_put(&x);
	scene_close(&s);
}

/* Each allocation of a deep copy fails once, with cycles half made. */
static void no_memory(struct ouro_test *t)
{
	struct ouro_object *copy;
	unsigned int nth, left = 0;
	struct boxes x, found;
	struct scene s;

	if (!scene_open(&s, t) || !boxes_new(&s, &x) ||
	    !EXPECT(t, boxes_fill(&x)))
		return;
	link(&s, &x.b->right, x.root);
	count_all(&s);
	for (nth = 1; nth < 200 && !left; nth++) {
		EXPECT_EQ(t, test_fail_arm(nth), 0);
		copy = ouro_copy_deep(&x.root->object, GFP_KERNEL);
		left = test_fail_disarm();
		if (IS_ERR(copy)) {
			EXPECT_EQ(t, PTR_ERR(copy), -ENOMEM);
			EXPECT_EQ(t, left, 0);
		} else if (expect_copy(&s, copy, x.root)) {
			boxes_find(&found, to_node(copy));
			boxes_check(&s, &found);
			ouro_slot_clear(&found.b->right);
			boxes_put(&found);
		}
		boxes_check(&s, &x);
		ouro_heap_flush(s.heap);
		test_heap_settle(t, s.heap, s.all);
		EXPECT_EQ(t, atomic_long_read(&live), 4);
	}
	EXPECT(t, left);
	EXPECT_GE(t, nth, 10);
	test_note(t, "%u failures", nth - 2);
	ouro_slot_clear(&x.b->right);
	boxes_put(&x);
	scene_close(&s);
}

static const struct ouro_case copy_cases[] = {
	EACH_KIND(shallow),
	EACH_KIND(deep),
	EACH_KIND(containers),
	EACH_KIND(containers_shallow),
	EACH_KIND(refused),
	EACH_KIND(no_memory),
};

OURO_SUITE("copy", copy_cases);
