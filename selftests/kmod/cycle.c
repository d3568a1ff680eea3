// SPDX-License-Identifier: GPL-2.0
/*
 * Cycles: graphs of every shape, of members of every make, are collected when
 * nothing outside refers to them, and not while something does.
 */
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include "cycle.h"

#define SEEDS	TEST_MANY(6, 2)	/* of random graphs */
#define PLACES	3			/* that are held in turn, where not all are */

/*
 * @held is held while there is a collection, or two, and then let go of.  What
 * came through a scan is old, so that what comes last has to look at all.
 */
static void hold(struct cycle *s, const struct cycle_shape *shape,
		 const struct cycle_variant *variant, u64 held, bool handles)
{
	if (!cycle_build(s, shape, variant, handles))
		return;
	cycle_hold_only(s, held);
	cycle_check(s);
	cycle_collect(s, handles ? OURO_OLD : OURO_YOUNG);
	if (!held)
		return;
	cycle_collect(s, OURO_OLD);
	cycle_hold_only(s, 0);
	cycle_check(s);
	cycle_collect(s, OURO_OLD);
	EXPECT_EQ(s->t, s->alive, 0);
	cond_resched();
}

/* Each member in turn, or the first, the last and some between. */
static unsigned int stride(unsigned int n, bool each)
{
	if (each && TEST_MANY(true, false))
		return 1;
	return max(DIV_ROUND_UP(n - 1, PLACES - 1), 1U);
}

/*
 * The same graph again and again: with nothing held, and with each member.  In
 * the short set, what takes long is tried twice.
 */
static void shape_try(struct cycle *s, const struct cycle_shape *shape,
		      const struct cycle_variant *variant, bool each)
{
	unsigned int i, step = stride(shape->n, each);
	u32 random = s->random;

	hold(s, shape, variant, 0, true);
	s->random = random;
	if (variant->slow && !s->t->c->full) {
		hold(s, shape, variant, BIT_ULL(shape->n / 2), true);
		return;
	}
	hold(s, shape, variant, 0, false);
	for (i = 0; i < shape->n; i += step) {
		s->random = random;
		hold(s, shape, variant, BIT_ULL(i), i % (2 * step) == 0);
	}
	/* Two at once, far from each other. */
	s->random = random;
	hold(s, shape, variant, BIT_ULL(0) | BIT_ULL(shape->n / 2), false);
	test_heap_settle(s->t, s->heap, 0);
}

/* The case's name tells the shape. */
static void shape(struct ouro_test *t)
{
	const struct cycle_shape *shape = cycle_shape_find(t->c->name);
	struct cycle *s = &cycle_scene;
	unsigned int i, tried = 0;

	if (!EXPECT(t, shape) || !cycle_open(s, t))
		return;
	for (i = 0; i < cycle_variants_count; i++) {
		if (cycle_variants[i].degree < shape->degree ||
		    cycle_variants[i].most < shape->n)
			continue;
		shape_try(s, shape, &cycle_variants[i], i < 3);
		tried++;
	}
	EXPECT_GE(t, tried, 9);
	cycle_close(s);
}

/* Graphs that nobody thought of; the seed that fails is told. */
void cycle_random(struct ouro_test *t)
{
	const struct cycle_shape *shape = cycle_shape_find("random_");
	const struct cycle_variant *variant;
	struct cycle *s = &cycle_scene;
	u32 seed, random;
	int failures;

	if (!EXPECT(t, shape) || !cycle_open(s, t))
		return;
	for (seed = 1; seed <= SEEDS; seed++) {
		failures = atomic_read(&t->failures);
		variant = cycle_variant_find(seed % 3 == 0 ? "boxed" :
					     seed % 3 == 1 ? "mixed" : "lists");
		random = seed;
		s->random = 2654435761U * seed;
		shape_try(s, shape, variant, false);
		/* And some held at random. */
		s->random = 2654435761U * seed;
		hold(s, shape, variant, test_random(&random) &
		     test_random(&random), false);
		if (atomic_read(&t->failures) != failures)
			test_note(t, "seed %u", seed);
	}
	cycle_close(s);
}

/* In the short set some do for debug heaps. */
#define SHAPE(name, few)						\
	{ name "_plain", shape },					\
	{ name "_hardened", shape, OURO_HEAP_HARDENED, .full = true },	\
	{ name "_debug", shape, OURO_HEAP_DEBUG, .full = few }

/* What takes long: in other kinds of heaps it is tried in the full set only. */
#define LARGE(name)							\
	{ #name "_plain", cycle_##name },				\
	{ #name "_debug", cycle_##name, OURO_HEAP_DEBUG, .full = true }

#define EACH(name)	EACH_KIND_IN(cycle, name)

static const struct ouro_case cycle_cases[] = {
	SHAPE("self", true),
	SHAPE("self_twice", true),
	SHAPE("pair", false),
	SHAPE("parallel", true),
	SHAPE("triangle", true),
	SHAPE("ring", true),
	SHAPE("eight", false),
	SHAPE("ladder", true),
	SHAPE("cross", true),
	SHAPE("tail_in", true),
	SHAPE("tail_out", false),
	SHAPE("complete", false),
	SHAPE("twins", true),
	SHAPE("one_way", true),
	SHAPE("rosary", true),
	SHAPE("hub", true),
	SHAPE("wheel", false),
	SHAPE("order", true),
	EACH(random),
	LARGE(ring_live),
	{ "ring_long", cycle_ring_long, .full = !IS_ENABLED(CONFIG_UML),
	  .seconds = 120 },
	LARGE(hub_out),
	LARGE(hub_back),
	LARGE(hub_crowd),
	EACH(rise_one),
	EACH(rise_some),
	EACH(rise_all),
	EACH(rise_other),
	EACH(generations),
	EACH(two_heaps),
	EACH(leaves),
	EACH(watched),
	EACH(weak_values),
	EACH(weak_holder),
	EACH(slots_left),
	EACH(acyclic),
	LARGE(places),
	LARGE(places_aged),
	EACH(places_beside),
	EACH(stuck),
	EACH(tails),
	LARGE(rise_through),
	EACH(version_ops),
	EACH(version_words),
	EACH(version_life),
	EACH(version_scan),
};

OURO_SUITE("cycle", cycle_cases);
