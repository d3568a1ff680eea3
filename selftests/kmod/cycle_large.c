// SPDX-License-Identifier: GPL-2.0
/* Cycles: large ones, where only a sample of places is held in turn. */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <ouro/vector.h>
#include "cycle.h"

/* A full ring where memory and time are there; and what else takes its time. */
#define RING_LONG	(IS_ENABLED(CONFIG_UML) && !IS_ENABLED(CONFIG_KASAN) ? \
			 TEST_MANY(10000000UL, 1000000UL) : 100000UL)
#define RING_MANY	TEST_MANY(100000UL, 10000UL)
#define SPOKES		TEST_MANY(1000000UL, 20000UL)
#define CROWD		TEST_MANY(20000UL, 2000UL)
#define STEP		4096	/* objects between looks at the time */

struct bead {
	struct ouro_object object;
	struct ouro_slot next;
};

static const struct ouro_type bead_type = {
	OURO_TYPE(struct bead, object),
	OURO_SLOTS(struct bead, next),
};

static struct scene {
	struct ouro_test *t;
	struct ouro_heap *heap;
	struct ouro_kind *kind;
} scene;

static bool scene_open(struct scene *s, struct ouro_test *t)
{
	*s = (struct scene) { .t = t, .heap = test_heap(t) };
	if (!s->heap)
		return false;
	s->kind = ouro_type_register(s->heap, &bead_type);
	return EXPECT(t, !IS_ERR(s->kind));
}

static void scene_close(struct scene *s)
{
	ouro_heap_flush(s->heap);
	test_heap_settle(s->t, s->heap, 0);
	test_heap_close(s->t, s->heap);
}

static void collect(struct scene *s, long freed)
{
	EXPECT_EQ(s->t, ouro_heap_collect(s->heap, OURO_OLD), freed);
}

/*
 * A ring of @count; returns one that is held.  The last one made is held only by
 * its neighbour, in the order of their making.
 */
static struct bead *ring_new(struct scene *s, unsigned long count)
{
	struct bead *first, *head, *bead;
	unsigned long i;

	first = ouro_new(s->kind, GFP_KERNEL);
	if (!EXPECT(s->t, first))
		return NULL;
	ouro_get(&first->object);
	for (head = first, i = 1; i < count; i++, head = bead) {
		bead = ouro_new(s->kind, GFP_KERNEL);
		if (!EXPECT(s->t, bead))
			break;
		ouro_slot_move(&bead->next, &head->object);
		if (i % STEP == 0)
			cond_resched();
	}
	ouro_slot_move(&first->next, &head->object);
	return i == count ? first : NULL;
}

/* From @bead to itself, and how far that is. */
static unsigned long ring_length(const struct bead *bead)
{
	const struct bead *at = bead;
	unsigned long n = 0;

	do {
		at = container_of(READ_ONCE(at->next.object), struct bead,
				  object);
		if (++n % STEP == 0)
			cond_resched();
	} while (at != bead);
	return n;
}

/* The one that is @steps away is held instead. */
static struct bead *ring_walk(struct bead *bead, unsigned long steps)
{
	struct ouro_object *object = &bead->object;

	while (steps--) {
		object = ouro_slot_load(&bead->next);
		ouro_put(&bead->object);
		bead = container_of(object, struct bead, object);
		if (steps % STEP == 0)
			cond_resched();
	}
	return bead;
}

static void ring(struct ouro_test *t, unsigned long count, int places)
{
	struct scene *s = &scene;
	struct bead *bead;
	int i;

	if (!scene_open(s, t))
		return;
	bead = ring_new(s, count);
	if (!bead)
		return;
	for (i = 0; i < places; i++) {
		collect(s, 0);
		EXPECT_EQ(t, ouro_refcount(&bead->object), 2);
		EXPECT_EQ(t, ring_length(bead), count);
		bead = ring_walk(bead, count / places + 1);
	}
	test_heap_check(t, s->heap, count);
	ouro_put(&bead->object);
	collect(s, count);
	scene_close(s);
}

/* The place that is held makes the round, then nobody holds any. */
void cycle_ring_live(struct ouro_test *t)
{
	ring(t, RING_MANY, 3);
}

void cycle_ring_long(struct ouro_test *t)
{
	ring(t, RING_LONG, 1);
	test_note(t, "%lu objects", RING_LONG);
}

/* ---- tails ---- */

#define TAIL	1000UL

/* @count in a row, the last of which leads to @to; returns the first, held. */
static struct bead *tail_new(struct scene *s, struct ouro_object *to,
			     unsigned long count)
{
	struct bead *bead = NULL;

	ouro_get(to);
	while (count--) {
		bead = ouro_new(s->kind, GFP_KERNEL);
		if (!EXPECT(s->t, bead))
			return NULL;
		ouro_slot_move(&bead->next, to);
		to = &bead->object;
	}
	return bead;
}

/*
 * A ring of three, the first of which is a vector; one tail leads to it, another
 * from it.  The one is held by its end, then the other in its middle.
 */
void cycle_tails(struct ouro_test *t)
{
	struct bead *in, *out, *middle, *last;
	struct scene *s = &scene;
	struct ouro_vector *ring;
	struct ouro_object *object;

	if (!scene_open(s, t))
		return;
	ring = ouro_vector_new(s->heap, 2, GFP_KERNEL);
	last = ouro_new(s->kind, GFP_KERNEL);
	if (!EXPECT(t, ring && last))
		return;
	object = ouro_vector_object(ring);
	middle = tail_new(s, &last->object, TAIL / 2);
	out = middle ? tail_new(s, &middle->object, TAIL / 2) : NULL;
	in = tail_new(s, object, TAIL);
	if (!in || !out)
		return;
	EXPECT_EQ(t, ouro_vector_append(ring, &out->object, GFP_KERNEL), 0);
	ouro_put(&out->object);
	ouro_put(&middle->object);
	ouro_put(&last->object);
	out = tail_new(s, object, 2);
	if (!out)
		return;
	EXPECT_EQ(t, ouro_vector_append(ring, &out->object, GFP_KERNEL), 0);
	ouro_put(&out->object);
	ouro_vector_put(ring);
	collect(s, 0);
	/* The vector is two blocks. */
	test_heap_settle(t, s->heap, 2 * TAIL + 5);
	ouro_get(&middle->object);
	ouro_put(&in->object);
	ouro_heap_flush(s->heap);
	test_heap_settle(t, s->heap, TAIL + 5);
	collect(s, TAIL / 2 + 3);
	EXPECT_EQ(t, ouro_refcount(&middle->object), 1);
	EXPECT_EQ(t, ouro_refcount(&last->object), 1);
	ouro_heap_flush(s->heap);
	test_heap_settle(t, s->heap, TAIL / 2 + 1);
	ouro_put(&middle->object);
	scene_close(s);
}

/* ---- a hub ---- */

/* @count spokes in the hub, which may lead back; one of them is held. */
static struct ouro_object *hub_fill(struct scene *s, struct ouro_vector *hub,
				    unsigned long count, bool back)
{
	struct ouro_object *held = NULL;
	struct bead *bead;
	unsigned long i;

	for (i = 0; i < count; i++) {
		bead = ouro_new(s->kind, GFP_KERNEL);
		if (!EXPECT(s->t, bead))
			return held;
		if (back)
			ouro_slot_store(&bead->next, ouro_vector_object(hub));
		if (!EXPECT_EQ(s->t, ouro_vector_append(hub, &bead->object,
							GFP_KERNEL), 0))
			return held;
		if (i == count / 3)
			held = &bead->object;
		else
			ouro_put(&bead->object);
		if (i % STEP == 0)
			cond_resched();
	}
	return held;
}

/* With a spoke held; with the hub held; with none. */
static void hub(struct ouro_test *t, bool back)
{
	struct scene *s = &scene;
	struct ouro_object *spoke;
	struct ouro_vector *hub;

	if (!scene_open(s, t))
		return;
	hub = ouro_vector_new(s->heap, SPOKES + 1, GFP_KERNEL);
	if (!EXPECT(t, hub))
		return;
	EXPECT_EQ(t, ouro_vector_append(hub, ouro_vector_object(hub),
					GFP_KERNEL), 0);
	spoke = hub_fill(s, hub, SPOKES, back);
	collect(s, 0);
	EXPECT_EQ(t, ouro_vector_length(hub), SPOKES + 1);
	EXPECT_EQ(t, ouro_refcount(ouro_vector_object(hub)),
		  back ? SPOKES + 2 : 2);
	ouro_vector_put(hub);
	if (!EXPECT(t, spoke))
		return;
	if (back) {
		collect(s, 0);
		EXPECT_EQ(t, ouro_vector_length(hub), SPOKES + 1);
		EXPECT_EQ(t, ouro_refcount(spoke), 2);
		ouro_put(spoke);
		collect(s, SPOKES + 1);
	} else {
		/* Each spoke but this one. */
		collect(s, SPOKES);
		EXPECT_EQ(t, ouro_refcount(spoke), 1);
		ouro_put(spoke);
		collect(s, 0);
	}
	scene_close(s);
}

void cycle_hub_out(struct ouro_test *t)
{
	hub(t, false);
}

void cycle_hub_back(struct ouro_test *t)
{
	hub(t, true);
}

/* Many pairs, none of which knows the others; every tenth is held. */
void cycle_hub_crowd(struct ouro_test *t)
{
	struct scene *s = &scene;
	struct ouro_vector *holder;
	unsigned long i, held = 0;
	struct bead *bead;

	if (!scene_open(s, t))
		return;
	holder = ouro_vector_new(s->heap, 0, GFP_KERNEL);
	if (!EXPECT(t, holder))
		return;
	for (i = 0; i < CROWD; i++) {
		bead = ring_new(s, 2);
		if (!bead)
			return;
		if (i % 10 == 0)
			held += !ouro_vector_append(holder, &bead->object,
						    GFP_KERNEL);
		ouro_put(&bead->object);
		if (i % STEP == 0)
			cond_resched();
	}
	EXPECT_EQ(t, held, CROWD / 10);
	collect(s, 2 * (CROWD - held));
	for (i = 0; i < held; i++) {
		bead = (struct bead *)ouro_vector_load(holder, i);
		if (bead)
			EXPECT_EQ(t, ring_length(bead), 2);
		ouro_put(&bead->object);
	}
	ouro_vector_put(holder);
	ouro_heap_flush(s->heap);
	collect(s, 2 * held);
	scene_close(s);
}
