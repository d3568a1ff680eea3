// SPDX-License-Identifier: GPL-2.0
/*
 * Cycles with one reference from outside, wherever that may be: to each member
 * in turn, of members that take long; across generations; beside another heap.
 * And with a member that never dies.
 */
#include <linux/bitops.h>
#include <linux/kernel.h>
#include "cycle.h"

/* ---- each member of a ring ---- */

static void build_ring(struct cycle *s)
{
	unsigned int i;

	for (i = 0; i < s->n; i++)
		cycle_edge(s, i, (i + 1) % s->n);
}

/* @held alone keeps all, and when that is let go of all go. */
static void hold_one(struct cycle *s, unsigned int held)
{
	u64 all = s->alive;

	cycle_hold_only(s, BIT_ULL(held));
	cycle_collect(s, OURO_YOUNG);
	cycle_collect(s, OURO_OLD);
	EXPECT_EQ(s->t, s->alive, all);
	cycle_hold_only(s, 0);
	EXPECT_EQ(s->t, s->alive, all);
	cycle_collect(s, OURO_OLD);
	EXPECT_EQ(s->t, s->alive, 0);
}

static void each_place(struct cycle *s, const struct cycle_variant *variant,
		       unsigned int n)
{
	const struct cycle_shape shape = { "ring", n, 1, build_ring };
	unsigned int i;

	for (i = 0; i < n; i++)
		if (cycle_build(s, &shape, variant, i % 2))
			hold_one(s, i);
}

/* What is slow is left out elsewhere, or tried with some places only. */
void cycle_places(struct ouro_test *t)
{
	static const unsigned int sizes[] = { 1, 2, 3, 5, 8 };
	struct cycle *s = &cycle_scene;
	unsigned int i, v;

	if (!cycle_open(s, t))
		return;
	for (v = 0; v < cycle_variants_count; v++)
		for (i = 0; i < ARRAY_SIZE(sizes); i++)
			if (t->c->full || !cycle_variants[v].slow ||
			    sizes[i] <= 3)
				each_place(s, &cycle_variants[v], sizes[i]);
	cycle_close(s);
}

/* ---- across generations ---- */

/* A ring of three is old before a younger one is made; each leads to the other. */
static bool build_ages(struct cycle *s, enum cycle_make old,
		       enum cycle_make young)
{
	unsigned int i;

	cycle_begin(s, "old ring", "and young", 2, true);
	for (i = 0; i < 3; i++)
		if (!cycle_add(s, old))
			return false;
	for (i = 0; i < 3; i++)
		cycle_edge(s, i, (i + 1) % 3);
	/* A pool is not old as long as magazines have some of its blocks. */
	ouro_heap_trim(s->heap);
	cycle_collect(s, OURO_OLD);
	for (i = 3; i < 6; i++)
		if (!cycle_add(s, young))
			return false;
	for (i = 3; i < 6; i++)
		cycle_edge(s, i, i < 5 ? i + 1 : 3);
	cycle_edge(s, 1, 4);
	cycle_edge(s, 5, 2);
	return true;
}

void cycle_places_aged(struct ouro_test *t)
{
	struct cycle *s = &cycle_scene;
	unsigned int make, held;

	if (!cycle_open(s, t))
		return;
	for (make = 0; make < CYCLE_TYPES; make++)
		for (held = 0; held < 6; held++)
			if (build_ages(s, make, (make + 3) % CYCLE_TYPES))
				hold_one(s, held);
	for (held = 0; held < 6; held++)
		if (build_ages(s, CYCLE_VECTOR, CYCLE_LIST))
			hold_one(s, held);
	cycle_close(s);
}

/* ---- beside another heap ---- */

/* Callbacks tell the one in the scene, so the other has none. */
static void beside(struct cycle *s, struct cycle *other, unsigned int mine,
		   unsigned int theirs)
{
	if (!cycle_build(other, cycle_shape_find("eight_"),
			 cycle_variant_find("fans"), true) ||
	    !cycle_build(s, cycle_shape_find("eight_"),
			 cycle_variant_find("told"), true))
		return;
	cycle_hold_only(other, BIT_ULL(theirs));
	cycle_hold_only(s, BIT_ULL(mine));
	cycle_collect(s, OURO_OLD);
	cycle_check(other);
	cycle_collect(other, OURO_OLD);
	cycle_check(s);
	/* Each goes when it is let go of, and alone. */
	cycle_hold_only(s, 0);
	cycle_collect(other, OURO_OLD);
	EXPECT_EQ(s->t, s->alive, GENMASK_ULL(s->n - 1, 0));
	cycle_collect(s, OURO_OLD);
	EXPECT_EQ(s->t, s->alive, 0);
	EXPECT_EQ(s->t, other->alive, GENMASK_ULL(other->n - 1, 0));
	cycle_check(other);
	cycle_hold_only(other, 0);
	cycle_collect(other, OURO_OLD);
	EXPECT_EQ(s->t, other->alive, 0);
}

void cycle_places_beside(struct ouro_test *t)
{
	static struct cycle other;
	struct cycle *s = &cycle_scene;
	unsigned int i;

	if (!cycle_open(&other, t) || !cycle_open(s, t))
		return;
	for (i = 0; i < 9; i++)
		beside(s, &other, i, 8 - i);
	cycle_close(&other);
	cycle_close(s);
}

/* ---- members that never die ---- */

#define COUNT_ABOVE	(OURO_COUNT_SATURATED + OURO_COUNT_SATURATED / 2 + 99)

static void count_set(struct ouro_object *object, u32 count)
{
	u64 word = atomic64_read(&object->word);

	atomic64_set(&object->word, (word & ~(u64)OURO_COUNT_MASK) | count);
}

/* How many there are in slots of what lives, and the caller's. */
static u32 count_real(const struct cycle *s, unsigned int number)
{
	u32 i, count = OURO_COUNT_DEAD + 1;

	for (i = 0; i < s->nedges; i++)
		count += s->edge[i].to == number &&
			 s->alive & BIT_ULL(s->edge[i].from);
	return count;
}

/*
 * Member @number is stuck, and nobody holds any: what it reaches stays, the rest
 * goes, now and the next time; and all goes when it has a count again.
 */
static void stick(struct cycle *s, const char *shape, const char *variant,
		  unsigned int number, bool saturated)
{
	if (!cycle_build(s, cycle_shape_find(shape),
			 cycle_variant_find(variant), true))
		return;
	number %= s->n;
	if (saturated)
		count_set(s->object[number], COUNT_ABOVE);
	else
		ouro_immortalize(s->object[number]);
	s->stuck = BIT_ULL(number);
	cycle_hold_only(s, s->stuck);
	cycle_collect(s, OURO_YOUNG);
	cycle_collect(s, OURO_OLD);
	cycle_collect(s, OURO_OLD);
	EXPECT(s->t, s->alive & s->stuck);
	s->stuck = 0;
	count_set(s->object[number], count_real(s, number));
	cycle_check(s);
	cycle_hold_only(s, 0);
	cycle_collect(s, OURO_OLD);
	EXPECT_EQ(s->t, s->alive, 0);
}

void cycle_stuck(struct ouro_test *t)
{
	/* What leads to a stuck one goes, and takes no reference with it. */
	static const char * const shapes[] = {
		"self_twice_", "pair_", "triangle_", "complete_",
	};
	static const char * const variants[] = {
		"fans", "told", "late", "graves", "vectors", "lists",
	};
	struct cycle *s = &cycle_scene;
	unsigned int i, v, number;

	if (!cycle_open(s, t))
		return;
	for (i = 0; i < ARRAY_SIZE(shapes); i++)
		for (v = 0; v < ARRAY_SIZE(variants); v++)
			for (number = 0; number < 3; number++)
				stick(s, shapes[i], variants[v], number,
				      number % 2);
	/* The second ring stays, by its last member, and the first goes. */
	stick(s, "one_way_", "told", 7, false);
	stick(s, "tail_out_", "fans", 9, true);
	cycle_close(s);
}
