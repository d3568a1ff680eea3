// SPDX-License-Identifier: GPL-2.0
/*
 * Cycles whose finalizers bring some of them back: those stay whole with all
 * they reach, the others of the same scan go; and the next time all do, without
 * being asked again.
 */
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include "cycle.h"

/* No member of these dies by counting alone. */
static const char * const shapes[] = {
	"self_", "pair_", "triangle_", "eight_", "ladder_", "tail_out_",
	"complete_", "twins_", "one_way_", "rosary_", "hub_", "wheel_",
};

static const char * const variants[] = { "told", "late", "graves", "once",
					  "mixed", "wide" };

/* What has a finalizer, so that it can bring itself back. */
static u64 told(const struct cycle *s)
{
	u64 mask = 0;
	unsigned int i;

	for (i = 0; i < s->n; i++)
		if (cycle_is_told(s->made[i]))
			mask |= BIT_ULL(i);
	return mask;
}

static void expect_finalized(struct cycle *s, u64 who)
{
	unsigned int i;

	for (i = 0; i < s->n; i++)
		EXPECT_MSG(s->t, atomic_read(&s->finalized[i]) ==
			   !!(who & BIT_ULL(i)), "%s of %s, rescue %llx: %u: %d",
			   s->what, s->how, s->rescue, i,
			   atomic_read(&s->finalized[i]));
}

static void expect_last(struct cycle *s, unsigned int finalized,
			unsigned int resurrected)
{
	struct ouro_collector_stat stat;

	ouro_collector_stat(s->heap, &stat);
	EXPECT_EQ(s->t, stat.last.finalized, finalized);
	EXPECT_EQ(s->t, stat.last.resurrected, resurrected);
}

/* Put what the finalizers stored. */
static void roots_clear(struct cycle *s)
{
	unsigned int i;

	for (i = 0; i < s->n; i++)
		ouro_slot_clear(&s->root[i]);
	s->held = 0;
	s->alive = cycle_counted(s);
	ouro_heap_flush(s->heap);
}

/* Those of @rescue store themselves; nobody held them before. */
static void rise(struct cycle *s, u64 rescue)
{
	u64 asked = told(s), all = s->alive;
	long ret;

	rescue &= asked;
	cycle_hold_only(s, 0);
	EXPECT_EQ(s->t, s->alive, all);
	s->rescue = rescue;
	ret = ouro_heap_collect(s->heap, OURO_OLD);
	ouro_heap_flush(s->heap);
	s->held = rescue;
	s->alive = cycle_reached(s, rescue);
	EXPECT_MSG(s->t, ret == hweight64(all & ~s->alive),
		   "%s of %s, rescue %llx: %ld", s->what, s->how, rescue, ret);
	expect_last(s, hweight64(asked), hweight64(s->alive));
	expect_finalized(s, asked);
	cycle_check(s);

	/* They are held now: nobody is asked again. */
	cycle_collect(s, OURO_OLD);
	expect_finalized(s, asked);
	roots_clear(s);
	cycle_check(s);
	cycle_collect(s, OURO_OLD);
	EXPECT_EQ(s->t, s->alive, 0);
	/* Each once, though it was garbage twice. */
	expect_finalized(s, asked);
}

static void each(struct ouro_test *t, u64 (*rescue)(unsigned int n,
						    unsigned int round),
		 unsigned int rounds)
{
	const struct cycle_variant *variant;
	const struct cycle_shape *shape;
	struct cycle *s = &cycle_scene;
	unsigned int i, v, round;

	if (!cycle_open(s, t))
		return;
	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		shape = cycle_shape_find(shapes[i]);
		for (v = 0; EXPECT(t, shape) && v < ARRAY_SIZE(variants); v++) {
			variant = cycle_variant_find(variants[v]);
			if (!EXPECT(t, variant))
				break;
			for (round = 0; round < rounds; round++)
				if (cycle_build(s, shape, variant, round & 1))
					rise(s, rescue(shape->n, round));
		}
	}
	cycle_close(s);
}

static u64 one(unsigned int n, unsigned int round)
{
	return BIT_ULL(round == 0 ? 0 : round == 1 ? n - 1 : n / 2);
}

void cycle_rise_one(struct ouro_test *t)
{
	each(t, one, 3);
}

static u64 some(unsigned int n, unsigned int round)
{
	u32 random = 77 * n + round + 1;

	return (u64)test_random(&random) << 32 | test_random(&random);
}

void cycle_rise_some(struct ouro_test *t)
{
	each(t, some, 3);
}

static u64 all(unsigned int n, unsigned int round)
{
	return GENMASK_ULL(n - 1, 0);
}

void cycle_rise_all(struct ouro_test *t)
{
	each(t, all, 2);
}

/* ---- by way of containers ---- */

static const struct cycle_variant through[] = {
	{ "told and vectors", { CYCLE_TOLD, CYCLE_VECTOR }, 2, 64, 64 },
	{ "told and lists", { CYCLE_LIST, CYCLE_TOLD, CYCLE_LATE }, 3, 64, 64 },
	{ "told and maps", { CYCLE_TOLD, CYCLE_MAP }, 2, 64, 64, true },
	{ "told and bytes", { CYCLE_BYTES, CYCLE_TOLD }, 2, 64, 64, true },
};

static const char * const through_shapes[] = {
	"pair_", "triangle_", "complete_", "one_way_",
};

/* Who is brought back brings with it what it reaches through containers. */
void cycle_rise_through(struct ouro_test *t)
{
	const struct cycle_shape *shape;
	struct cycle *s = &cycle_scene;
	unsigned int i, v, round;

	if (!cycle_open(s, t))
		return;
	for (i = 0; i < ARRAY_SIZE(through_shapes); i++) {
		shape = cycle_shape_find(through_shapes[i]);
		for (v = 0; v < ARRAY_SIZE(through); v++)
			for (round = 0; round < 3; round++)
				if (cycle_build(s, shape, &through[v],
						round & 1))
					rise(s, round ? some(shape->n, round) :
							all(shape->n, 0));
	}
	cycle_close(s);
}

/* ---- one that its neighbour's finalizer brings back ---- */

static struct saved {
	struct ouro_test *t;
	struct ouro_slot root;
	bool save;
	int finalized, released;
} saved;

struct saver {
	struct ouro_object object;
	struct ouro_slot next;
	struct ouro_slot child;
};

static void saver_finalize(void *object)
{
	struct saver *saver = object;
	struct ouro_object *child;

	saved.finalized++;
	child = ouro_slot_load(&saver->child);
	EXPECT(saved.t, child && ouro_is_alive(child));
	if (saved.save && child)
		EXPECT_EQ(saved.t, ouro_slot_store(&saved.root, child), 0);
	ouro_put(child);
}

static void saver_release(void *object)
{
	saved.released++;
}

static const struct ouro_type saver_type = {
	OURO_TYPE(struct saver, object),
	OURO_SLOTS(struct saver, next, child),
	.finalize = saver_finalize,
	.release = saver_release,
};

/* Two savers in a ring, each with a pair for a child; the last saved stays. */
static bool savers_make(struct cycle *s, struct ouro_kind *kind)
{
	struct saver *a = ouro_new(kind, GFP_KERNEL);
	struct saver *b = ouro_new(kind, GFP_KERNEL);

	if (!EXPECT(s->t, a && b))
		return false;
	ouro_slot_store(&a->child, s->object[0]);
	ouro_slot_store(&b->child, s->object[0]);
	ouro_slot_store(&a->next, &b->object);
	ouro_slot_move(&b->next, &a->object);
	ouro_put(&b->object);
	return true;
}

/* The savers go, and the graph that they had stays; it is not theirs alone. */
void cycle_rise_other(struct ouro_test *t)
{
	const struct cycle_variant *variant = cycle_variant_find("told");
	const struct cycle_shape *shape = cycle_shape_find("triangle_");
	struct cycle *s = &cycle_scene;
	struct ouro_kind *kind;
	int round;

	if (!EXPECT(t, variant && shape) || !cycle_open(s, t))
		return;
	kind = ouro_type_register(s->heap, &saver_type);
	if (!EXPECT(t, !IS_ERR(kind)))
		return;
	for (round = 0; round < 2; round++) {
		saved = (struct saved) { .t = t, .save = true };
		if (!cycle_build(s, shape, variant, true) ||
		    !savers_make(s, kind))
			return;
		cycle_hold_only(s, 0);
		EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 2);
		ouro_heap_flush(s->heap);
		EXPECT_EQ(t, saved.finalized, 2);
		EXPECT_EQ(t, saved.released, 2);
		expect_last(s, 5, 3);
		/* Finalized, as all that was garbage; and whole. */
		s->rescue = BIT_ULL(0);
		s->held = BIT_ULL(0);
		cycle_check(s);
		EXPECT(t, saved.root.object == s->object[0]);
		saved.save = false;
		ouro_slot_clear(&saved.root);
		s->held = 0;
		cycle_collect(s, OURO_OLD);
		expect_finalized(s, 7);
	}
	cycle_close(s);
}
