// SPDX-License-Identifier: GPL-2.0
/* Slots: each operation alone, wherever a slot can be, in every context. */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <ouro/object.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include <ouro/weak.h>
#include "ouro_test.h"

struct pair {
	struct ouro_object object;
	struct ouro_slot left;
	u64 value;
	struct ouro_slot right;
};

struct row {
	struct ouro_object object;
	u64 count;
	struct ouro_slot cell[];
};

static const struct ouro_type pair_type = {
	OURO_TYPE(struct pair, object),
	OURO_SLOTS(struct pair, left, right),
};

static const struct ouro_type row_type = {
	OURO_TYPE(struct row, object),
	OURO_SLOT_ARRAY(struct row, cell),
};

#define ROW_CELLS	20

/* What a case works on; cases run one at a time. */
static struct scene {
	struct ouro_test *t;
	struct ouro_heap *heap;
	struct ouro_kind *pairs;
	struct ouro_slot *slot;
	const char *where;		/* that slot is */
	struct ouro_object *a;
	struct ouro_object *b;
	struct pair *pair;		/* with slots */
	struct row *row;		/* with more */
	unsigned long live;
	struct test_log log;
} scene;

static bool scene_open(struct scene *s, struct ouro_test *t)
{
	struct ouro_kind *rows;

	memset(s, 0, sizeof(*s));
	s->t = t;
	s->heap = test_heap(t);
	if (!s->heap)
		return false;
	s->pairs = ouro_type_register(s->heap, &pair_type);
	rows = ouro_type_register(s->heap, &row_type);
	if (!EXPECT(t, !IS_ERR(s->pairs) && !IS_ERR(rows)))
		return false;
	s->a = ouro_new(s->pairs, GFP_KERNEL);
	s->b = ouro_new(s->pairs, GFP_KERNEL);
	s->pair = ouro_new(s->pairs, GFP_KERNEL);
	s->row = ouro_new_array(rows, ROW_CELLS, GFP_KERNEL);
	s->live = 4;
	test_log_mark(&s->log);
	return EXPECT(t, s->a && s->b && s->pair && s->row);
}

/* There is one reference to each object, and no other object. */
static void scene_close(struct scene *s)
{
	struct ouro_object *all[] = { s->a, s->b, &s->pair->object,
				      &s->row->object };
	int i;

	EXPECT_EQ(s->t, test_log_count(&s->log, ""), 0);
	for (i = 0; i < ARRAY_SIZE(all); i++) {
		EXPECT_EQ(s->t, ouro_refcount(all[i]), 1);
		ouro_put(all[i]);
	}
	test_heap_settle(s->t, s->heap, 0);
	test_heap_close(s->t, s->heap);
}

/* References that there are to the two objects. */
static void counts(struct scene *s, unsigned int a, unsigned int b,
		   const char *when)
{
	EXPECT_MSG(s->t, ouro_refcount(s->a) == a && ouro_refcount(s->b) == b,
		   "%s, %s: %u and %u", s->where, when, ouro_refcount(s->a),
		   ouro_refcount(s->b));
}

/* ---- the operations, one by one ---- */

static void stores(struct scene *s)
{
	struct ouro_test *t = s->t;

	EXPECT_EQ(t, ouro_slot_store(s->slot, NULL), 0);
	EXPECT(t, ouro_slot_is_empty(s->slot));
	counts(s, 1, 1, "NULL into nothing");
	EXPECT_EQ(t, ouro_slot_store(s->slot, s->a), 0);
	EXPECT(t, !ouro_slot_is_empty(s->slot));
	counts(s, 2, 1, "stored");
	EXPECT_EQ(t, ouro_slot_store(s->slot, s->a), 0);
	counts(s, 2, 1, "stored over itself");
	EXPECT_EQ(t, ouro_slot_store(s->slot, s->b), 0);
	counts(s, 1, 2, "stored over another");
	EXPECT_EQ(t, ouro_slot_store(s->slot, NULL), 0);
	EXPECT(t, ouro_slot_is_empty(s->slot));
	counts(s, 1, 1, "NULL stored");
}

static void moves(struct scene *s)
{
	struct ouro_test *t = s->t;

	EXPECT_EQ(t, ouro_slot_move(s->slot, NULL), 0);
	counts(s, 1, 1, "NULL into nothing");
	EXPECT_EQ(t, ouro_slot_move(s->slot, ouro_get(s->a)), 0);
	EXPECT(t, !ouro_slot_is_empty(s->slot));
	counts(s, 2, 1, "moved");
	EXPECT_EQ(t, ouro_slot_move(s->slot, ouro_get(s->a)), 0);
	counts(s, 2, 1, "moved over itself");
	EXPECT_EQ(t, ouro_slot_move(s->slot, ouro_get(s->b)), 0);
	counts(s, 1, 2, "moved over another");
	EXPECT_EQ(t, ouro_slot_move(s->slot, NULL), 0);
	EXPECT(t, ouro_slot_is_empty(s->slot));
	counts(s, 1, 1, "NULL moved");
}

static void swaps(struct scene *s)
{
	struct ouro_object *old = s->b;
	struct ouro_test *t = s->t;

	EXPECT_EQ(t, ouro_slot_swap(s->slot, NULL, &old), 0);
	EXPECT(t, !old);
	EXPECT_EQ(t, ouro_slot_swap(s->slot, ouro_get(s->a), &old), 0);
	EXPECT(t, !old);
	counts(s, 2, 1, "swapped for nothing");
	EXPECT_EQ(t, ouro_slot_swap(s->slot, ouro_get(s->b), &old), 0);
	EXPECT(t, old == s->a);
	counts(s, 2, 2, "swapped for another");
	ouro_put(old);
	EXPECT_EQ(t, ouro_slot_swap(s->slot, ouro_get(s->b), &old), 0);
	EXPECT(t, old == s->b);
	counts(s, 1, 3, "swapped for itself");
	ouro_put(old);
	EXPECT_EQ(t, ouro_slot_swap(s->slot, NULL, &old), 0);
	EXPECT(t, old == s->b);
	EXPECT(t, ouro_slot_is_empty(s->slot));
	counts(s, 1, 2, "nothing swapped in");
	ouro_put(old);
	counts(s, 1, 1, "swapped");
}

static void takes(struct scene *s)
{
	struct ouro_test *t = s->t;

	EXPECT(t, !ouro_slot_take(s->slot));
	EXPECT_EQ(t, ouro_slot_store(s->slot, s->a), 0);
	EXPECT(t, ouro_slot_take(s->slot) == s->a);
	EXPECT(t, ouro_slot_is_empty(s->slot));
	counts(s, 2, 1, "taken");
	EXPECT(t, !ouro_slot_take(s->slot));
	ouro_put(s->a);
	counts(s, 1, 1, "taken and put");
}

static void loads(struct scene *s)
{
	struct ouro_test *t = s->t;

	EXPECT(t, !ouro_slot_load(s->slot));
	EXPECT_EQ(t, ouro_slot_store(s->slot, s->a), 0);
	EXPECT(t, ouro_slot_load(s->slot) == s->a);
	EXPECT(t, !ouro_slot_is_empty(s->slot));
	counts(s, 3, 1, "loaded");
	ouro_put(s->a);
	counts(s, 2, 1, "loaded and put");
}

/* Goes on with what loads() left in the slot. */
static void peeks_and_clears(struct scene *s)
{
	struct ouro_test *t = s->t;

	rcu_read_lock();
	EXPECT(t, ouro_slot_peek(s->slot) == s->a);
	rcu_read_unlock();
	counts(s, 2, 1, "peeked");
	ouro_slot_clear(s->slot);
	EXPECT(t, ouro_slot_is_empty(s->slot));
	counts(s, 1, 1, "cleared");
	ouro_slot_clear(s->slot);
	EXPECT(t, ouro_slot_is_empty(s->slot));
	rcu_read_lock();
	EXPECT(t, !ouro_slot_peek(s->slot));
	rcu_read_unlock();
	counts(s, 1, 1, "cleared twice");
}

static void each_operation(struct scene *s, struct ouro_slot *slot,
			   const char *where)
{
	s->slot = slot;
	s->where = where;
	stores(s);
	moves(s);
	swaps(s);
	takes(s);
	loads(s);
	peeks_and_clears(s);
}

static void fixed(struct ouro_test *t)
{
	struct scene *s = &scene;

	if (!scene_open(s, t))
		return;
	each_operation(s, &s->pair->left, "first");
	each_operation(s, &s->pair->right, "last");
	scene_close(s);
}

static void array(struct ouro_test *t)
{
	struct scene *s = &scene;

	if (!scene_open(s, t))
		return;
	each_operation(s, &s->row->cell[0], "first");
	each_operation(s, &s->row->cell[ROW_CELLS / 2], "middle");
	each_operation(s, &s->row->cell[ROW_CELLS - 1], "last");
	scene_close(s);
}

/* In memory of every sort that is no object. */
static void root(struct ouro_test *t)
{
	static struct ouro_slot in_module;
	struct ouro_slot on_stack = { };
	struct ouro_slot *in_block, *in_slab;
	struct scene *s = &scene;

	if (!scene_open(s, t))
		return;
	in_block = ouro_zalloc(s->heap, sizeof(*in_block), GFP_KERNEL);
	in_slab = kzalloc(sizeof(*in_slab), GFP_KERNEL);
	if (EXPECT(t, in_block && in_slab)) {
		each_operation(s, &in_module, "module");
		each_operation(s, &on_stack, "stack");
		each_operation(s, in_block, "block");
		each_operation(s, in_slab, "slab");
	}
	kfree(in_slab);
	ouro_free(in_block);
	scene_close(s);
}

/* An object in its own slot; what is cleared then is not the last reference. */
static void itself(struct ouro_test *t)
{
	struct scene *s = &scene;
	struct ouro_weak weak;
	struct pair *self;

	if (!scene_open(s, t))
		return;
	self = ouro_new(s->pairs, GFP_KERNEL);
	if (!EXPECT(t, self))
		return;
	EXPECT_EQ(t, ouro_weak_init(&weak, &self->object, GFP_KERNEL), 0);
	EXPECT_EQ(t, ouro_slot_store(&self->left, &self->object), 0);
	EXPECT_EQ(t, ouro_slot_store(&self->right, &self->object), 0);
	EXPECT_EQ(t, ouro_refcount(&self->object), 3);
	ouro_put(&self->object);
	test_heap_check(t, s->heap, s->live + 1);
	EXPECT(t, ouro_weak_get(weak) == &self->object);
	EXPECT(t, ouro_slot_load(&self->left) == &self->object);
	EXPECT_EQ(t, ouro_refcount(&self->object), 4);
	ouro_put(&self->object);
	ouro_slot_clear(&self->left);
	EXPECT_EQ(t, ouro_refcount(&self->object), 2);
	ouro_slot_clear(&self->right);
	EXPECT_EQ(t, ouro_refcount(&self->object), 1);
	ouro_put(&self->object);
	EXPECT(t, !ouro_weak_get(weak));
	test_heap_settle(t, s->heap, s->live);
	scene_close(s);
}

/* ---- what is refused ---- */

/* Each operation that may fail does, and nothing shows of it. */
static void refuse(struct scene *s, struct ouro_slot *slot,
		   struct ouro_object *alien)
{
	struct ouro_object *in = READ_ONCE(slot->object), *old = alien;
	s64 word = atomic64_read(&alien->word);
	struct ouro_test *t = s->t;

	EXPECT_EQ(t, ouro_slot_store(slot, alien), -EXDEV);
	EXPECT_EQ(t, ouro_slot_move(slot, alien), -EXDEV);
	EXPECT_EQ(t, ouro_slot_swap(slot, alien, &old), -EXDEV);
	EXPECT(t, !old);
	EXPECT(t, READ_ONCE(slot->object) == in);
	EXPECT(t, atomic64_read(&alien->word) == word);
}

static void other_heap(struct ouro_test *t)
{
	struct ouro_heap *other = test_heap(t);
	static struct ouro_slot nowhere;
	struct scene *s = &scene;
	struct ouro_object *alien;
	struct ouro_kind *kind;

	if (!other || !scene_open(s, t))
		return;
	kind = ouro_type_register(other, &pair_type);
	alien = IS_ERR(kind) ? NULL : ouro_new(kind, GFP_KERNEL);
	if (!EXPECT(t, alien))
		return;
	EXPECT_EQ(t, ouro_slot_store(&s->pair->right, s->b), 0);
	refuse(s, &s->pair->left, alien);
	refuse(s, &s->pair->right, alien);
	refuse(s, &s->row->cell[3], alien);
	EXPECT_EQ(t, ouro_refcount(s->b), 2);
	ouro_slot_clear(&s->pair->right);
	/* A root is nobody's. */
	EXPECT_EQ(t, ouro_slot_store(&nowhere, alien), 0);
	EXPECT_EQ(t, ouro_slot_store(&nowhere, s->a), 0);
	EXPECT_EQ(t, ouro_refcount(alien), 1);
	ouro_slot_clear(&nowhere);
	ouro_put(alien);
	test_heap_settle(t, other, 0);
	test_heap_close(t, other);
	scene_close(s);
}

/* ---- what others can see of it ---- */

/*
 * A reference that was made, or came out of a slot, shows in the version: the
 * collector relies on it.  One that goes does not.
 */
static void versions(struct ouro_test *t)
{
	struct ouro_object *old;
	struct scene *s = &scene;
	struct ouro_slot *slot;
	u32 v;

	if (!scene_open(s, t))
		return;
	slot = &s->pair->left;
	v = test_version(s->a);
	ouro_get(s->a);
	EXPECT_EQ(t, test_version(s->a), v + 1);
	EXPECT_EQ(t, ouro_slot_move(slot, s->a), 0);
	EXPECT_EQ(t, test_version(s->a), v + 1);
	EXPECT(t, ouro_slot_take(slot));
	EXPECT_EQ(t, test_version(s->a), v + 2);
	EXPECT_EQ(t, ouro_slot_move(slot, s->a), 0);
	EXPECT_EQ(t, ouro_slot_swap(slot, NULL, &old), 0);
	EXPECT_EQ(t, test_version(s->a), v + 3);
	ouro_put(s->a);
	EXPECT_EQ(t, test_version(s->a), v + 3);
	EXPECT_EQ(t, ouro_slot_store(slot, s->a), 0);
	EXPECT_EQ(t, test_version(s->a), v + 4);
	EXPECT(t, ouro_slot_load(slot));
	EXPECT_EQ(t, test_version(s->a), v + 5);
	ouro_put(s->a);
	ouro_slot_clear(slot);
	EXPECT_EQ(t, test_version(s->a), v + 5);
	scene_close(s);
}

/* ---- everywhere, and with the last reference ---- */

enum last {
	LAST_STORE, LAST_STORE_NULL, LAST_MOVE, LAST_SWAP, LAST_TAKE, LAST_LOAD,
	LAST_CLEAR, LASTS
};

/* What is in the slot dies of this. */
static void last_of(struct scene *s, struct ouro_slot *slot, enum last last)
{
	struct ouro_object *old = NULL;
	struct ouro_test *t = s->t;

	switch (last) {
	case LAST_STORE:
		EXPECT_EQ(t, ouro_slot_store(slot, s->a), 0);
		break;
	case LAST_STORE_NULL:
		EXPECT_EQ(t, ouro_slot_store(slot, NULL), 0);
		break;
	case LAST_MOVE:
		EXPECT_EQ(t, ouro_slot_move(slot, ouro_get(s->a)), 0);
		break;
	case LAST_SWAP:
		EXPECT_EQ(t, ouro_slot_swap(slot, NULL, &old), 0);
		break;
	case LAST_TAKE:
		old = ouro_slot_take(slot);
		break;
	case LAST_LOAD:
		old = ouro_slot_load(slot);
		ouro_slot_clear(slot);
		break;
	default:
		ouro_slot_clear(slot);
	}
	ouro_put(old);
}

static void last_there(void *arg)
{
	struct scene *s = arg;
	int i;

	for (i = 0; i < LASTS; i++)
		last_of(s, &s->row->cell[i], i);
}

/* Objects that refer to another, and that only a slot keeps alive. */
static void lasts(struct scene *s, enum test_context context)
{
	struct ouro_test *t = s->t;
	struct pair *doomed;
	int i;

	for (i = 0; i < LASTS; i++) {
		doomed = ouro_new(s->pairs, GFP_KERNEL);
		if (!EXPECT(t, doomed))
			return;
		EXPECT_EQ(t, ouro_slot_store(&doomed->left, s->b), 0);
		EXPECT_EQ(t, ouro_slot_move(&s->row->cell[i], &doomed->object),
			  0);
	}
	counts(s, 1, 1 + LASTS, "all kept");
	EXPECT_EQ(t, test_context_run(context, last_there, s), 0);
	ouro_heap_flush(s->heap);
	counts(s, 3, 1, "all gone");
	for (i = 0; i < LASTS; i++)
		ouro_slot_clear(&s->row->cell[i]);
	counts(s, 1, 1, "cleared");
	test_heap_settle(t, s->heap, s->live);
}

static void each_there(void *arg)
{
	struct scene *s = arg;

	each_operation(s, &s->pair->left, s->where);
}

static void contexts(struct ouro_test *t)
{
	struct scene *s = &scene;
	int i;

	if (!scene_open(s, t))
		return;
	for (i = 0; i < TEST_CONTEXTS; i++) {
		if (!test_context_exists(i))
			continue;
		s->where = test_context_name(i);
		EXPECT_MSG(t, !test_context_run(i, each_there, s), "%s",
			   s->where);
		lasts(s, i);
	}
	scene_close(s);
}

static const struct ouro_case slot_cases[] = {
	EACH_KIND(fixed),
	EACH_KIND(array),
	EACH_KIND(root),
	EACH_KIND(itself),
	EACH_KIND(other_heap),
	EACH_KIND(versions),
	EACH_KIND(contexts),
};

OURO_SUITE("slot", slot_cases);
