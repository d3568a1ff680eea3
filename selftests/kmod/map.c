// SPDX-License-Identifier: GPL-2.0
/* Maps: keys of all kinds, and what they lead to. */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/string.h>
#include "test_map.h"

#define NONE	TEST_MAP_NONE

static void empty(struct test_map *s)
{
	struct ouro_test *t = s->t;
	size_t place = 0;
	u64 key = 5;

	EXPECT_EQ(t, ouro_map_length(s->map), 0);
	EXPECT(t, !ouro_map_u64_load(s->map, key));
	rcu_read_lock();
	EXPECT(t, !ouro_map_u64_peek(s->map, key));
	rcu_read_unlock();
	EXPECT(t, !ouro_map_u64_take(s->map, key));
	EXPECT(t, !ouro_map_u64_remove(s->map, key));
	EXPECT(t, !ouro_map_u64_next(s->map, &place, &key));
	EXPECT_EQ(t, atomic_long_read(&test_items_live), 0);
}

/* The number of what a peek sees. */
static u64 peek_number(struct test_map *s, const void *key, size_t len)
{
	struct ouro_object *object;
	u64 number = NONE;

	rcu_read_lock();
	object = ouro_map_peek(s->map, key, len);
	if (object)
		number = test_item_number(s->t, object);
	rcu_read_unlock();
	return number;
}

/* What becomes of a value and its references. */
static void one_key(struct ouro_test *t)
{
	struct ouro_object *object;
	struct test_item *item;
	struct test_map s;

	if (!test_map_open(&s, t, sizeof(u64)))
		return;
	empty(&s);
	ouro_map_clear(s.map);
	EXPECT(t, ouro_map_of(ouro_map_object(s.map)) == s.map);
	item = test_item_new(t, s.kind, 1);
	if (!item)
		return;
	object = &item->object;
	EXPECT(t, !ouro_map_of(object));
	EXPECT_EQ(t, ouro_map_u64_add(s.map, 5, object, GFP_KERNEL), 0);
	EXPECT_EQ(t, ouro_refcount(object), 2);
	EXPECT_EQ(t, ouro_map_u64_add(s.map, 5, object, GFP_KERNEL), -EEXIST);
	EXPECT_EQ(t, ouro_refcount(object), 2);
	EXPECT_EQ(t, ouro_map_u64_store(s.map, 5, object, GFP_KERNEL), 0);
	EXPECT_EQ(t, ouro_refcount(object), 2);
	EXPECT_EQ(t, ouro_map_u64_store(s.map, 6, object, GFP_KERNEL), 0);
	EXPECT_EQ(t, ouro_refcount(object), 3);
	EXPECT_EQ(t, ouro_map_length(s.map), 2);
	ouro_put(object);
	/* Another in its place. */
	EXPECT_EQ(t, test_map_u64_add(&s, 6, 2), -EEXIST);
	EXPECT_EQ(t, test_map_u64_store(&s, 6, 3), 0);
	EXPECT_EQ(t, test_map_u64_load(&s, 5), 1);
	EXPECT_EQ(t, test_map_u64_load(&s, 6), 3);
	EXPECT_EQ(t, test_map_u64_load(&s, 7), NONE);
	EXPECT_EQ(t, ouro_refcount(object), 1);
	EXPECT_EQ(t, test_map_u64_store(&s, 5, 4), 0);
	EXPECT_EQ(t, atomic_long_read(&test_items_live), 2);
	/* Its reference moves to the caller. */
	object = ouro_map_u64_take(s.map, 5);
	EXPECT_EQ(t, ouro_refcount(object), 1);
	EXPECT_EQ(t, test_map_number(&s, object), 4);
	EXPECT_EQ(t, test_map_u64_load(&s, 5), NONE);
	EXPECT_EQ(t, test_map_u64_add(&s, 5, 5), 0);
	EXPECT(t, ouro_map_u64_remove(s.map, 6));
	EXPECT(t, !ouro_map_u64_remove(s.map, 6));
	EXPECT_EQ(t, ouro_map_length(s.map), 1);
	ouro_map_clear(s.map);
	empty(&s);
	EXPECT_EQ(t, test_map_u64_add(&s, 5, 6), 0);
	EXPECT_EQ(t, test_map_u64_load(&s, 5), 6);
	test_map_close(&s);
}

/* ---- keys of bytes ---- */

/* Of all lengths, each the beginning of the next. */
static void any_length(struct ouro_test *t)
{
	static u8 key[OURO_KEY_MAX + 1], copy[OURO_KEY_MAX];
	struct ouro_object *object;
	size_t len, place = 0, got;
	struct test_map s;
	u64 sum = 0;

	if (!test_map_open(&s, t, 0))
		return;
	for (len = 1; len <= OURO_KEY_MAX; len++)
		EXPECT_EQ(t, test_map_store(&s, key, len, len, false), 0);
	EXPECT_EQ(t, ouro_map_length(s.map), OURO_KEY_MAX);
	for (len = 1; len <= OURO_KEY_MAX; len++) {
		EXPECT_EQ(t, test_map_store(&s, key, len, 0, false), -EEXIST);
		EXPECT_EQ(t, test_map_number(&s, ouro_map_load(s.map, key, len)),
			  len);
		EXPECT_EQ(t, peek_number(&s, key, len), len);
		/* The last byte counts. */
		key[len - 1] = 1;
		EXPECT(t, !ouro_map_load(s.map, key, len));
		EXPECT_EQ(t, peek_number(&s, key, len), NONE);
		key[len - 1] = 0;
	}
	while ((object = ouro_map_next(s.map, &place, copy, sizeof(copy), &got)))
		if (EXPECT_EQ(t, test_map_number(&s, object), got))
			sum += got;
	EXPECT_EQ(t, sum, OURO_KEY_MAX * (OURO_KEY_MAX + 1) / 2);
	for (len = 1; len <= OURO_KEY_MAX; len += 2)
		EXPECT(t, ouro_map_remove(s.map, key, len));
	for (len = 1; len <= OURO_KEY_MAX; len++)
		EXPECT_EQ(t, test_map_number(&s, ouro_map_take(s.map, key, len)),
			  len & 1 ? NONE : len);
	EXPECT_EQ(t, ouro_map_length(s.map), 0);
	test_map_close(&s);
}

static void refuse_length(struct test_map *s, const void *key, size_t len)
{
	struct ouro_test *t = s->t;

	EXPECT_EQ(t, test_map_store(s, key, len, 1, true), -EINVAL);
	EXPECT_EQ(t, test_map_store(s, key, len, 1, false), -EINVAL);
	EXPECT(t, !ouro_map_load(s->map, key, len));
	EXPECT_EQ(t, peek_number(s, key, len), NONE);
	EXPECT(t, !ouro_map_take(s->map, key, len));
	EXPECT(t, !ouro_map_remove(s->map, key, len));
}

static void lengths(struct ouro_test *t)
{
	static const size_t fixed[] = { 0, 1, 7, 8, 9, 24, OURO_KEY_MAX };
	static u8 key[OURO_KEY_MAX + 1];
	struct ouro_map *like;
	struct test_map s;
	int i;

	for (i = 0; i < ARRAY_SIZE(fixed); i++) {
		if (!test_map_open(&s, t, fixed[i]))
			return;
		refuse_length(&s, key, 0);
		refuse_length(&s, key, OURO_KEY_MAX + 1);
		refuse_length(&s, key, SIZE_MAX);
		if (fixed[i]) {
			refuse_length(&s, key, fixed[i] - 1);
			refuse_length(&s, key, fixed[i] + 1);
		}
		EXPECT_EQ(t, test_map_store(&s, key, fixed[i] ?: 3, i, false), 0);
		/* Another that is like it. */
		like = ouro_map_like(s.map, GFP_KERNEL);
		swap(like, s.map);
		EXPECT(t, !ouro_map_load(s.map, key, fixed[i] ?: 3));
		EXPECT_EQ(t, test_map_store(&s, key, fixed[i] ?: 3, 7, false), 0);
		refuse_length(&s, key, fixed[i] ? fixed[i] + 1 : 0);
		ouro_map_put(like);
		if (i == ARRAY_SIZE(fixed) - 1)
			EXPECT(t, !ouro_map_new(s.heap, OURO_KEY_MAX + 1,
						GFP_KERNEL));
		test_map_close(&s);
	}
}

/* A key that there is no room for is copied as far as there is. */
static void little_room(struct ouro_test *t)
{
	static const char key[] = "a key of many letters";
	char room[8] = "#######";
	struct ouro_object *object;
	size_t place = 0, len = 0;
	struct test_map s;

	if (!test_map_open(&s, t, 0))
		return;
	EXPECT_EQ(t, test_map_store(&s, key, sizeof(key), 1, false), 0);
	object = ouro_map_next(s.map, &place, room, 5, &len);
	EXPECT_EQ(t, test_map_number(&s, object), 1);
	EXPECT_EQ(t, len, sizeof(key));
	EXPECT(t, !memcmp(room, "a key##", 8));
	EXPECT(t, !ouro_map_next(s.map, &place, room, 5, &len));
	test_map_close(&s);
}

/* ---- many at once ---- */

#define PAIRS	500

/* Numbers and keys from @first on; the last two have one key. */
static bool pairs_make(struct test_map *s, struct ouro_map_pair *pairs,
		       u64 *keys, u64 first)
{
	struct test_item *item;
	int i;

	for (i = 0; i < PAIRS; i++) {
		item = test_item_new(s->t, s->kind, first + i);
		if (!item)
			return false;
		keys[i] = first + min(i, PAIRS - 2);
		pairs[i] = (struct ouro_map_pair) { &keys[i], sizeof(u64),
						    &item->object };
	}
	return true;
}

static void pairs_put(struct ouro_map_pair *pairs)
{
	int i;

	for (i = 0; i < PAIRS; i++)
		ouro_put(pairs[i].object);
}

static void fill(struct ouro_test *t)
{
	static struct ouro_map_pair pairs[PAIRS];
	struct ouro_object *object;
	static u64 keys[PAIRS];
	struct test_map s;
	u64 i;

	if (!test_map_open(&s, t, sizeof(u64)) ||
	    !pairs_make(&s, pairs, keys, 0))
		return;
	EXPECT_EQ(t, test_map_u64_add(&s, 3, 1000), 0);
	EXPECT_EQ(t, ouro_map_fill(s.map, pairs, 0, GFP_KERNEL), 0);
	EXPECT_EQ(t, ouro_map_fill(s.map, pairs, PAIRS, GFP_KERNEL), PAIRS);
	EXPECT_EQ(t, ouro_map_length(s.map), PAIRS - 1);
	pairs_put(pairs);
	/* The later of two stays. */
	for (i = 0; i < PAIRS - 1; i++)
		EXPECT_EQ(t, test_map_u64_load(&s, i), i < PAIRS - 2 ? i : i + 1);
	EXPECT_EQ(t, atomic_long_read(&test_items_live), PAIRS - 1);
	/* Those in front of a bad one are stored. */
	if (!pairs_make(&s, pairs, keys, PAIRS))
		return;
	pairs[100].len = 7;
	EXPECT_EQ(t, ouro_map_fill(s.map, pairs, PAIRS, GFP_KERNEL), 100);
	EXPECT_EQ(t, ouro_map_fill(s.map, pairs + 100, 1, GFP_KERNEL), -EINVAL);
	EXPECT_EQ(t, ouro_map_length(s.map), PAIRS - 1 + 100);
	EXPECT_EQ(t, test_map_u64_load(&s, PAIRS + 99), PAIRS + 99);
	EXPECT_EQ(t, test_map_u64_load(&s, PAIRS + 100), NONE);
	object = pairs[50].object;
	pairs[50].object = NULL;
	EXPECT_EQ(t, ouro_map_fill(s.map, pairs + 40, 20, GFP_KERNEL), 10);
	pairs[50].object = object;
	pairs_put(pairs);
	test_map_close(&s);
}

static void foreign(struct ouro_test *t)
{
	struct ouro_heap *other = test_heap(t);
	struct ouro_kind *kind = test_item_kind(t, other);
	struct test_item *item = kind ? test_item_new(t, kind, 1) : NULL;
	struct ouro_map_pair pair;
	struct test_map s;
	u64 key = 1;

	if (!item || !test_map_open(&s, t, sizeof(u64)))
		return;
	EXPECT_EQ(t, test_map_u64_add(&s, key, 5), 0);
	pair = (struct ouro_map_pair) { &key, sizeof(key), &item->object };
	EXPECT_EQ(t, ouro_map_u64_store(s.map, 1, &item->object, GFP_KERNEL),
		  -EXDEV);
	EXPECT_EQ(t, ouro_map_u64_add(s.map, 2, &item->object, GFP_KERNEL),
		  -EXDEV);
	EXPECT_EQ(t, ouro_map_fill(s.map, &pair, 1, GFP_KERNEL), -EXDEV);
	EXPECT_EQ(t, ouro_map_u64_store(s.map, 1, NULL, GFP_KERNEL), -EINVAL);
	EXPECT_EQ(t, ouro_map_u64_add(s.map, 2, NULL, GFP_KERNEL), -EINVAL);
	EXPECT_EQ(t, ouro_map_length(s.map), 1);
	EXPECT_EQ(t, test_map_u64_load(&s, 1), 5);
	EXPECT_EQ(t, ouro_refcount(&item->object), 1);
	ouro_put(&item->object);
	test_heap_settle(t, other, 0);
	test_heap_close(t, other);
	test_map_close(&s);
}

/* ---- against a model ---- */

#define MODEL_KEYS	200

/* What each key should lead to, and how a key looks. */
static struct model {
	u64 number[MODEL_KEYS];
	size_t length;
	u64 fresh;
	bool bytes;
} model;

static size_t model_key(unsigned int i, void *key)
{
	u64 number = i * 0x9e3779b97f4a7c15ULL;

	memset(key, i, model.bytes ? 1 + 5 * i : 0);
	if (model.bytes)
		return 1 + 5 * i;
	memcpy(key, &number, sizeof(number));
	return sizeof(number);
}

/* Each is there once, with its key. */
static void model_visit(struct test_map *s)
{
	static u8 key[OURO_KEY_MAX], want[OURO_KEY_MAX];
	static u64 seen[MODEL_KEYS];
	struct ouro_object *object;
	size_t len, count = 0, place = 0;
	unsigned int i;
	u64 number;

	for (i = 0; i < MODEL_KEYS; i++)
		seen[i] = NONE;
	while ((object = ouro_map_next(s->map, &place, key, sizeof(key), &len))) {
		number = test_map_number(s, object);
		i = number % MODEL_KEYS;
		EXPECT_EQ(s->t, seen[i], NONE);
		EXPECT_EQ(s->t, model.number[i], number);
		EXPECT_EQ(s->t, len, model_key(i, want));
		EXPECT(s->t, !memcmp(key, want, len));
		seen[i] = number;
		count++;
	}
	EXPECT_EQ(s->t, count, model.length);
}

static void model_change(struct test_map *s, unsigned int i, bool replace)
{
	u64 number = model.fresh++ * MODEL_KEYS + i;
	static u8 key[OURO_KEY_MAX];
	size_t len = model_key(i, key);
	bool there = model.number[i] != NONE;

	EXPECT_EQ(s->t, test_map_store(s, key, len, number, replace),
		  there && !replace ? -EEXIST : 0);
	if (there && !replace)
		return;
	model.number[i] = number;
	model.length += !there;
}

static void model_act(struct test_map *s, u32 r)
{
	unsigned int i = r / 64 % MODEL_KEYS;
	static u8 key[OURO_KEY_MAX];
	size_t len = model_key(i, key);

	switch (r % 64) {
	case 0 ... 29:
		model_change(s, i, r & 1);
		return;
	case 30 ... 39:
		EXPECT_EQ(s->t, test_map_number(s, ouro_map_load(s->map, key,
								 len)),
			  model.number[i]);
		return;
	case 40 ... 49:
		EXPECT_EQ(s->t, test_map_number(s, ouro_map_take(s->map, key,
								 len)),
			  model.number[i]);
		break;
	case 50 ... 59:
		EXPECT_EQ(s->t, ouro_map_remove(s->map, key, len),
			  model.number[i] != NONE);
		break;
	case 60 ... 62:
		model_visit(s);
		return;
	default:
		if (r / 64 % 32)
			return;
		ouro_map_clear(s->map);
		memset(model.number, 0xff, sizeof(model.number));
		model.length = 0;
	}
	model.length -= model.number[i] != NONE;
	model.number[i] = NONE;
}

static void random(struct ouro_test *t, bool bytes)
{
	int i, ops = TEST_MANY(30000, 3000);
	u32 state = 815;
	struct test_map s;

	if (!test_map_open(&s, t, bytes ? 0 : sizeof(u64)))
		return;
	memset(model.number, 0xff, sizeof(model.number));
	model.length = 0;
	model.fresh = 0;
	model.bytes = bytes;
	for (i = 0; i < ops && !atomic_read(&t->failures); i++) {
		model_act(&s, test_random(&state));
		EXPECT_EQ(t, ouro_map_length(s.map), model.length);
		cond_resched();
	}
	test_note(t, "%d operations, %llu values", i, model.fresh);
	test_map_close(&s);
}

static void random_u64(struct ouro_test *t)
{
	random(t, false);
}

static void random_bytes(struct ouro_test *t)
{
	random(t, true);
}

static const struct ouro_case map_cases[] = {
	EACH_KIND(one_key),
	EACH_KIND(any_length),
	{ "lengths", lengths },
	{ "little_room", little_room },
	EACH_KIND(fill),
	{ "foreign", foreign },
	EACH_KIND(random_u64),
	EACH_KIND(random_bytes),
};

OURO_SUITE("map", map_cases);
