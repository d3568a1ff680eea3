// SPDX-License-Identifier: GPL-2.0
/*
 * Versions that come round: what is below them in the word, the flags and the
 * count, does not notice; neither with one operation, nor in a life, nor in a
 * scan of objects all of whose versions are at their end.
 */
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <ouro/list.h>
#include <ouro/map.h>
#include <ouro/vector.h>
#include "cycle.h"

#define VERSIONS	3	/* the last ones */

/* Nobody else has the object, or can be at its word. */
static void word_set(struct ouro_object *object, u32 version, u32 low)
{
	atomic64_set(&object->word, (u64)version << 32 | low);
}

static u32 word_low(const struct ouro_object *object)
{
	return atomic64_read(&object->word);
}

static void version_set(struct ouro_object *object, u32 version)
{
	word_set(object, version, word_low(object));
}

/* ---- one operation ---- */

/* What an operation is about: an object, and who else holds it. */
static struct thing {
	struct ouro_object *object;
	struct cycle_node *node;
	struct ouro_vector *vector;
	struct ouro_list *list;
	struct ouro_map *map;
	struct ouro_weak weak;
} thing;

static bool do_get(void)
{
	return ouro_get(thing.object);
}

static bool do_put(void)
{
	ouro_put(thing.object);
	return true;
}

static bool do_tryget(void)
{
	bool got;

	rcu_read_lock();
	got = ouro_tryget(thing.object);
	rcu_read_unlock();
	return got;
}

static bool do_upgrade(void)
{
	return ouro_weak_get(thing.weak) == thing.object;
}

static bool do_weak_init(void)
{
	return !ouro_weak_init(&thing.weak, thing.object, GFP_KERNEL);
}

static bool do_load(void)
{
	return ouro_slot_load(&thing.node->left) == thing.object;
}

static bool do_take(void)
{
	return ouro_slot_take(&thing.node->left) == thing.object;
}

static bool do_swap(void)
{
	struct ouro_object *old;

	return !ouro_slot_swap(&thing.node->left, NULL, &old) &&
	       old == thing.object;
}

static bool do_swap_in(void)
{
	struct ouro_object *old;

	return !ouro_slot_swap(&thing.node->right, thing.object, &old) && !old;
}

static bool do_clear(void)
{
	ouro_slot_clear(&thing.node->left);
	return true;
}

static bool do_store(void)
{
	return !ouro_slot_store(&thing.node->right, thing.object);
}

/* Once more to where it is: a get, and a put of what was there. */
static bool do_store_again(void)
{
	return !ouro_slot_store(&thing.node->left, thing.object);
}

static bool do_move(void)
{
	return !ouro_slot_move(&thing.node->right, thing.object);
}

static bool do_vector_load(void)
{
	return ouro_vector_load(thing.vector, 0) == thing.object;
}

static bool do_vector_pop(void)
{
	return ouro_vector_pop(thing.vector) == thing.object;
}

static bool do_vector_append(void)
{
	return !ouro_vector_append(thing.vector, thing.object, GFP_KERNEL);
}

static bool do_list_next(void)
{
	struct ouro_list_iter iter;
	struct ouro_object *object;

	ouro_list_iter_begin(&iter, thing.list);
	object = ouro_list_iter_next(&iter);
	ouro_list_iter_end(&iter);
	return object == thing.object;
}

static bool do_list_pop(void)
{
	return ouro_list_pop(thing.list) == thing.object;
}

static bool do_list_add(void)
{
	return !ouro_list_add(thing.list, thing.object, GFP_KERNEL);
}

static bool do_map_load(void)
{
	return ouro_map_u64_load(thing.map, 0) == thing.object;
}

static bool do_map_take(void)
{
	return ouro_map_u64_take(thing.map, 0) == thing.object;
}

static bool do_map_store(void)
{
	return !ouro_map_u64_store(thing.map, 1, thing.object, GFP_KERNEL);
}

/* What each adds to version and count. */
static const struct op {
	const char *name;
	bool (*fn)(void);
	u32 version;
	int count;
} ops[] = {
	{ "get", do_get, 1, 1 },
	{ "put", do_put, 0, -1 },
	{ "tryget", do_tryget, 1, 1 },
	{ "upgrade", do_upgrade, 1, 1 },
	{ "weak init", do_weak_init, 0, 0 },
	{ "load", do_load, 1, 1 },
	{ "take", do_take, 1, 0 },
	{ "swap", do_swap, 1, 0 },
	{ "swap in", do_swap_in, 0, 0 },
	{ "clear", do_clear, 0, -1 },
	{ "store", do_store, 1, 1 },
	{ "store again", do_store_again, 1, 0 },
	{ "move", do_move, 0, 0 },
	{ "vector load", do_vector_load, 1, 1 },
	{ "vector pop", do_vector_pop, 1, 0 },
	{ "vector append", do_vector_append, 1, 1 },
	{ "list next", do_list_next, 1, 1 },
	{ "list pop", do_list_pop, 1, 0 },
	{ "list add", do_list_add, 1, 1 },
	{ "map load", do_map_load, 1, 1 },
	{ "map take", do_map_take, 1, 0 },
	{ "map store", do_map_store, 1, 1 },
};

/* Of an object that lives; nobody's transaction is under way. */
static const u32 flags[] = {
	0,
	OURO_WORD_FINALIZE,
	OURO_WORD_CLAIM,
	OURO_WORD_FINALIZE | OURO_WORD_CLAIM,
	OURO_WORD_FROZEN,
	OURO_WORD_FINALIZE | OURO_WORD_FROZEN,
};

#define REFS	6	/* the caller's two, and one in each holder */
#define REFS_SAFE	1000	/* while all is made as it was */

static bool thing_make(struct cycle *s)
{
	cycle_begin(s, "thing", "version", 2, false);
	if (!cycle_add(s, CYCLE_FAN) || !cycle_add(s, CYCLE_FAN) ||
	    !cycle_add(s, CYCLE_VECTOR) || !cycle_add(s, CYCLE_LIST) ||
	    !cycle_add(s, CYCLE_MAP))
		return false;
	thing.object = s->object[0];
	thing.node = container_of(s->object[1], struct cycle_node, object);
	thing.vector = ouro_vector_of(s->object[2]);
	thing.list = ouro_list_of(s->object[3]);
	thing.map = ouro_map_of(s->object[4]);
	return EXPECT(s->t, do_weak_init());
}

/* Each of the holders has it once. */
static void thing_reset(struct cycle *s)
{
	word_set(thing.object, 0, OURO_COUNT_DEAD + REFS_SAFE);
	ouro_slot_clear(&thing.node->right);
	EXPECT(s->t, do_store_again());
	ouro_vector_clear(thing.vector);
	EXPECT(s->t, do_vector_append());
	ouro_list_clear(thing.list);
	EXPECT(s->t, do_list_add());
	ouro_map_clear(thing.map);
	EXPECT(s->t, !ouro_map_u64_add(thing.map, 0, thing.object, GFP_KERNEL));
}

static void thing_free(struct cycle *s)
{
	thing_reset(s);
	word_set(thing.object, 0, OURO_COUNT_DEAD + REFS - 1);
	cycle_hold_only(s, 0);
}

static void expect_word(struct cycle *s, const char *what, u32 version, u32 low)
{
	u64 word = atomic64_read(&thing.object->word);

	EXPECT_MSG(s->t, word == ((u64)version << 32 | low),
		   "%s: %llx, not %x %x", what, word, version, low);
}

static void op_try(struct cycle *s, const struct op *op, u32 flag, u32 back)
{
	thing_reset(s);
	word_set(thing.object, U32_MAX - back, OURO_COUNT_DEAD + REFS + flag);
	EXPECT_MSG(s->t, op->fn(), "%s", op->name);
	expect_word(s, op->name, U32_MAX - back + op->version,
		    OURO_COUNT_DEAD + REFS + op->count + flag);
}

/* Operations that take the version over its end, and those that do not. */
void cycle_version_ops(struct ouro_test *t)
{
	struct cycle *s = &cycle_scene;
	unsigned int i, f;
	u32 back;

	if (!cycle_open(s, t) || !thing_make(s))
		return;
	for (i = 0; i < ARRAY_SIZE(ops); i++)
		for (f = 0; f < ARRAY_SIZE(flags); f++)
			for (back = 0; back < VERSIONS; back++)
				op_try(s, &ops[i], flags[f], back);
	thing_free(s);
	cycle_close(s);
}

/* ---- words that no operation of ours leads to at once ---- */

static void tryget_as(struct cycle *s, const char *what, u32 low, bool got,
		      u32 version, u32 becomes)
{
	word_set(thing.object, U32_MAX, low);
	EXPECT_MSG(s->t, do_tryget() == got, "%s", what);
	expect_word(s, what, version, becomes);
}

static void get_as(struct cycle *s, const char *what, u32 low, u32 becomes)
{
	word_set(thing.object, U32_MAX, low);
	ouro_get(thing.object);
	expect_word(s, what, 0, becomes);
}

/* As they are between the last put and the end, and near saturation. */
void cycle_version_words(struct ouro_test *t)
{
	const u32 dead = OURO_COUNT_DEAD, full = OURO_COUNT_SATURATED - 2;
	struct cycle *s = &cycle_scene;

	if (!cycle_open(s, t) || !thing_make(s))
		return;
	tryget_as(s, "unclaimed", dead | OURO_WORD_FINALIZE, true, 0,
		  (dead + 1) | OURO_WORD_FINALIZE | OURO_WORD_CLAIM);
	tryget_as(s, "revived", (dead + 1) | OURO_WORD_FINALIZE |
		  OURO_WORD_CLAIM, true, 0,
		  (dead + 2) | OURO_WORD_FINALIZE | OURO_WORD_CLAIM);
	tryget_as(s, "dead", dead, false, U32_MAX, dead);
	tryget_as(s, "late", (dead + 2) | OURO_WORD_DEAD, false, 0,
		  (dead + 2) | OURO_WORD_DEAD);
	tryget_as(s, "full", full, true, 0, full + 1);
	get_as(s, "full and frozen", full | OURO_WORD_FROZEN,
	       (full + 1) | OURO_WORD_FROZEN);
	get_as(s, "one", dead + 1, dead + 2);

	word_set(thing.object, U32_MAX, (dead + 1) | OURO_WORD_FINALIZE);
	ouro_immortalize(thing.object);
	EXPECT_EQ(t, test_version(thing.object), U32_MAX);
	EXPECT(t, word_low(thing.object) & OURO_WORD_FINALIZE);
	EXPECT_EQ(t, ouro_refcount(thing.object), UINT_MAX);
	get_as(s, "stuck", word_low(thing.object), word_low(thing.object) + 1);
	thing_free(s);
	cycle_close(s);
}

/* ---- a life ---- */

#define LIVES	64

static atomic_t finalized;
static bool at_end;		/* those that die have the last version */

static void life_finalize(void *object)
{
	u64 word = atomic64_read((atomic64_t *)object);

	/* The claim took a reference; that step was the one over the end. */
	if (at_end)
		EXPECT_MSG(cycle_scene.t, word == OURO_COUNT_DEAD + 1, "%llx",
			   word);
	atomic_inc(&finalized);
}

struct life {
	struct ouro_object object;
	struct ouro_slot next;
};

static const struct ouro_type life_types[] = {
	{ .name = "leaf_life", .size = 64 },
	{ .name = "life_life", .size = sizeof(struct life),
	  OURO_SLOTS(struct life, next) },
	{ .name = "told_life", .size = sizeof(struct life),
	  OURO_SLOTS(struct life, next), .finalize = life_finalize },
	{ .name = "late_life", .size = sizeof(struct life),
	  OURO_SLOTS(struct life, next), .finalize = life_finalize,
	  .flags = OURO_TYPE_WORKER },
};

static bool has(struct ouro_object **objects, const struct ouro_object *object)
{
	unsigned int i;

	for (i = 0; i < LIVES; i++)
		if (objects[i] == object)
			return true;
	return false;
}

/* All die with the last version; their blocks come back with the first. */
static void lives(struct cycle *s, const struct ouro_type *type)
{
	struct ouro_object *first[LIVES], *next[LIVES], *anchor;
	u64 fresh = OURO_COUNT_DEAD + 1;
	struct ouro_kind *kind = ouro_type_register(s->heap, type);
	unsigned int i, again = 0;

	if (!EXPECT(s->t, !IS_ERR(kind)))
		return;
	if (type->finalize)
		fresh |= OURO_WORD_FINALIZE;
	atomic_set(&finalized, 0);
	/* So that the pool stays, when all is back in it. */
	anchor = ouro_new(kind, GFP_KERNEL);
	if (!EXPECT(s->t, anchor))
		return;
	for (i = 0; i < LIVES; i++) {
		first[i] = ouro_new(kind, GFP_KERNEL);
		if (!EXPECT(s->t, first[i]))
			return;
		version_set(first[i], U32_MAX);
	}
	at_end = true;
	for (i = 0; i < LIVES; i++)
		ouro_put(first[i]);
	ouro_heap_flush(s->heap);
	at_end = false;
	EXPECT_EQ(s->t, atomic_read(&finalized), type->finalize ? LIVES : 0);
	/* They may have died on another CPU. */
	ouro_heap_trim(s->heap);
	for (i = 0; i < LIVES; i++) {
		next[i] = ouro_new(kind, GFP_KERNEL);
		if (!EXPECT(s->t, next[i]))
			return;
		if (!has(first, next[i]))
			continue;
		again++;
		/* One step on the way to its end, where that was claimed. */
		EXPECT_EQ(s->t, test_version(next[i]), !!type->finalize);
		EXPECT_EQ(s->t, word_low(next[i]), fresh);
	}
	/* Not all: checked heaps and others keep some back. */
	EXPECT_GE(s->t, again, 1);
	ouro_put(anchor);
	for (i = 0; i < LIVES; i++)
		ouro_put(next[i]);
	ouro_heap_flush(s->heap);
}

void cycle_version_life(struct ouro_test *t)
{
	struct cycle *s = &cycle_scene;
	unsigned int i;

	if (!cycle_open(s, t))
		return;
	for (i = 0; i < ARRAY_SIZE(life_types); i++)
		lives(s, &life_types[i]);
	cycle_close(s);
}

/* ---- scans ---- */

static const char * const shapes[] = {
	"self_twice_", "pair_", "eight_", "complete_", "one_way_", "tail_out_",
};

static const char * const variants[] = {
	"pairs", "fans", "told", "late", "graves", "vectors", "lists", "mixed",
};

/* Versions about to come round, all at once, or each at another time. */
static void age(struct cycle *s, u32 version, bool scattered)
{
	unsigned int i;

	for (i = 0; i < s->n; i++)
		if (s->alive & BIT_ULL(i))
			version_set(s->object[i],
				    version - (scattered ? i % VERSIONS : 0));
}

/* No flag is left but that of a finalizer which has yet to run. */
static void expect_flags(struct cycle *s)
{
	u32 wanted, found;
	unsigned int i;

	for (i = 0; i < s->n; i++) {
		if (!(s->alive & BIT_ULL(i)))
			continue;
		wanted = cycle_is_told(s->made[i]) ? OURO_WORD_FINALIZE : 0;
		found = word_low(s->object[i]) & ~(u32)OURO_COUNT_MASK;
		EXPECT_MSG(s->t, found == wanted, "%s of %s, held %llx: %u: %x",
			   s->what, s->how, s->held, i, found);
	}
}

static void scan(struct cycle *s, u32 version, bool scattered)
{
	age(s, version, scattered);
	cycle_collect(s, OURO_OLD);
	expect_flags(s);
}

static void scans(struct cycle *s, const struct cycle_shape *shape,
		  const struct cycle_variant *variant, u64 held, u32 version)
{
	if (!cycle_build(s, shape, variant, true))
		return;
	cycle_hold_only(s, held);
	scan(s, version, false);
	if (!held)
		return;
	scan(s, version, true);
	cycle_hold_only(s, 0);
	scan(s, version, true);
	EXPECT_EQ(s->t, s->alive, 0);
}

/* What is held stays, what is not goes, as with any other version. */
void cycle_version_scan(struct ouro_test *t)
{
	const struct cycle_variant *variant;
	const struct cycle_shape *shape;
	struct cycle *s = &cycle_scene;
	unsigned int i, v;
	u32 back;

	if (!cycle_open(s, t))
		return;
	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		shape = cycle_shape_find(shapes[i]);
		for (v = 0; v < ARRAY_SIZE(variants); v++) {
			variant = cycle_variant_find(variants[v]);
			if (!EXPECT(t, shape && variant) ||
			    variant->degree < shape->degree)
				continue;
			for (back = 0; back < VERSIONS; back++) {
				scans(s, shape, variant, 0, U32_MAX - back);
				scans(s, shape, variant, BIT_ULL(0),
				      U32_MAX - back);
			}
		}
	}
	cycle_close(s);
}
