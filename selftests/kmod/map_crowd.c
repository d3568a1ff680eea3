// SPDX-License-Identifier: GPL-2.0
/* Maps: visited and read while they change, a million values, what they cost. */
#include <linux/bitmap.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <ouro/slot.h>
#include "test_map.h"

/* ---- one visit, and changes between its steps ---- */

#define STAYING	500	/* keys below are in the map all the time */
#define COMING	TEST_MANY(5000, 2000)	/* others */

/* @act is called for each that is seen. */
static void visit(struct test_map *s, void (*act)(struct test_map *s, u64 key,
						  u32 *random))
{
	static DECLARE_BITMAP(seen, STAYING);
	struct ouro_object *object;
	size_t place = 0, others = 0;
	u32 random = 5;
	u64 key;

	bitmap_zero(seen, STAYING);
	ouro_map_u64_for_each(s->map, place, key, object) {
		EXPECT_EQ(s->t, test_item_number(s->t, object), key);
		if (key < STAYING)
			EXPECT(s->t, !test_and_set_bit(key, seen));
		else if (!EXPECT_LE(s->t, others++, 10 * COMING))
			break;
		act(s, key, &random);
	}
	ouro_put(object);
	EXPECT(s->t, bitmap_full(seen, STAYING));
}

static void add_some(struct test_map *s, u64 key, u32 *random)
{
	u64 other;
	int i;

	for (i = 0; i < 3 && ouro_map_length(s->map) < STAYING + COMING; i++) {
		other = STAYING + test_random(random) % COMING;
		test_map_u64_add(s, other, other);
	}
}

static void remove_some(struct test_map *s, u64 key, u32 *random)
{
	int i;

	for (i = 0; i < 20; i++)
		ouro_map_u64_remove(s->map,
				    STAYING + test_random(random) % COMING);
}

static void remove_seen(struct test_map *s, u64 key, u32 *random)
{
	if (key >= STAYING)
		EXPECT(s->t, ouro_map_u64_remove(s->map, key));
}

/* What is removed makes place for what is added. */
static void exchange(struct test_map *s, u64 key, u32 *random)
{
	remove_some(s, key, random);
	add_some(s, key, random);
}

static void visited(struct ouro_test *t)
{
	struct test_map s;
	u64 i;

	if (!test_map_open(&s, t, sizeof(u64)))
		return;
	for (i = 0; i < STAYING; i++)
		EXPECT_EQ(t, test_map_u64_add(&s, i, i), 0);
	/* It grows to several times its size under the visitor. */
	visit(&s, add_some);
	EXPECT_GE(t, ouro_map_length(s.map), 3 * STAYING);
	visit(&s, exchange);
	visit(&s, add_some);
	visit(&s, remove_some);
	visit(&s, exchange);
	visit(&s, remove_seen);
	EXPECT_EQ(t, ouro_map_length(s.map), STAYING);
	test_map_close(&s);
}

/* ---- many change it ---- */

/*
 * Keys by what may happen to them.  The number of an item is its key, shifted,
 * and a count, so that whoever finds an item knows where it belongs.
 */
#define FIXED		40	/* keys below are there always, one value each */
#define REPLACED	80	/* below: there always, the value changes */
#define SHARED		336	/* below: come and go, and their slots with them */

static struct crowd {
	struct test_map s;
	struct ouro_slot map;	/* the current one, which is replaced, too */
	atomic64_t count;
	unsigned long loads;
	unsigned long visits;
	unsigned long maps;
} crowd;

static u64 fresh_number(u64 key)
{
	return key << 40 | atomic64_inc_return(&crowd.count);
}

static void expect_key(struct ouro_object *object, u64 key, const char *what)
{
	u64 number = test_item_number(crowd.s.t, object);

	EXPECT_MSG(crowd.s.t, number >> 40 == key, "%s: %llu has %llx", what,
		   key, number);
}

static void map_replace(void)
{
	struct test_map s = crowd.s;
	u64 key;

	s.map = ouro_map_u64_new(s.heap, GFP_KERNEL);
	if (!EXPECT(s.t, s.map))
		return;
	for (key = 0; key < REPLACED; key++)
		EXPECT_EQ(s.t, test_map_u64_add(&s, key, fresh_number(key)), 0);
	EXPECT_EQ(s.t, ouro_slot_move(&crowd.map, ouro_map_object(s.map)), 0);
	crowd.maps++;
}

static void change(unsigned int who, u32 *random)
{
	u32 r = test_random(random), op = r % 8;
	u64 key = REPLACED + r / 8 % (SHARED - REPLACED);
	struct ouro_object *object = NULL;
	struct test_map s = crowd.s;

	if (!who && !(r / 4096 % TEST_MANY(4096, 256)))
		map_replace();
	s.map = ouro_map_of(ouro_slot_load(&crowd.map));
	if (op < 2) {
		test_map_u64_add(&s, key, fresh_number(key));
	} else if (op < 4) {
		EXPECT_EQ(s.t, test_map_u64_store(&s, key, fresh_number(key)),
			  0);
	} else if (op < 7) {
		object = ouro_map_u64_take(s.map, key);
		if (object)
			expect_key(object, key, "taken");
		ouro_put(object);
	} else {
		key = FIXED + r / 8 % (REPLACED - FIXED);
		EXPECT_EQ(s.t, test_map_u64_store(&s, key, fresh_number(key)),
			  0);
	}
	ouro_map_put(s.map);
}

static void look_at_all(struct ouro_map *map)
{
	DECLARE_BITMAP(seen, FIXED) = { };
	struct ouro_object *object;
	size_t place;
	u64 key;

	ouro_map_u64_for_each(map, place, key, object) {
		expect_key(object, key, "visited");
		if (key < FIXED)
			EXPECT(crowd.s.t, !test_and_set_bit(key, seen));
	}
	EXPECT(crowd.s.t, bitmap_full(seen, FIXED));
	crowd.visits++;
}

/* A reference by the way of readers who need none, unless it died meanwhile. */
static struct ouro_object *peek(struct ouro_map *map, u64 key)
{
	struct ouro_object *object, *wrong = NULL;

	rcu_read_lock();
	object = ouro_map_u64_peek(map, key);
	EXPECT(crowd.s.t, object || key >= REPLACED);
	if (object && !ouro_tryget(object))
		object = NULL;
	if (object && ouro_map_u64_peek(map, key) != object)
		swap(object, wrong);
	rcu_read_unlock();
	/* What does not change is not wrong. */
	EXPECT(crowd.s.t, key >= FIXED || (object && !wrong));
	ouro_put(wrong);
	return object;
}

static void look(unsigned int who, u32 *random)
{
	struct ouro_map *map = ouro_map_of(ouro_slot_load(&crowd.map));
	struct ouro_object *object;
	unsigned int i;
	u64 key;

	for (i = 0; i < 100; i++) {
		key = test_random(random) % SHARED;
		object = ouro_map_u64_load(map, key);
		if (object)
			expect_key(object, key, "loaded");
		else
			EXPECT_GE(crowd.s.t, key, REPLACED);
		ouro_put(object);
		object = peek(map, key);
		if (object)
			expect_key(object, key, "peeked at");
		ouro_put(object);
		crowd.loads++;
	}
	look_at_all(map);
	ouro_map_put(map);
}

static void concurrent(struct ouro_test *t)
{
	memset(&crowd, 0, sizeof(crowd));
	if (!test_map_open(&crowd.s, t, sizeof(u64)))
		return;
	map_replace();
	test_crowd(t, change, look, 3);
	look(0, &(u32){ 1 });
	EXPECT_GE(t, crowd.maps, 2);
	EXPECT_GE(t, crowd.visits, 2);
	test_note(t, "%lld stored, %lu maps, %lu loaded, %lu visits",
		  atomic64_read(&crowd.count), crowd.maps, crowd.loads,
		  crowd.visits);
	ouro_slot_clear(&crowd.map);
	test_map_close(&crowd.s);
}

/* ---- where maps may be changed ---- */

static void there(void *arg)
{
	gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN;
	struct test_map *s = arg;
	struct ouro_object *object = ouro_map_u64_take(s->map, 0);
	u64 key;

	if (!EXPECT(s->t, object))
		return;
	for (key = 1; key < 100; key++) {
		EXPECT_EQ(s->t, ouro_map_u64_add(s->map, key, object, gfp), 0);
		EXPECT_EQ(s->t, ouro_map_u64_store(s->map, key, object, gfp), 0);
		EXPECT_EQ(s->t, test_map_u64_load(s, key), 0);
		if (key % 4)
			EXPECT(s->t, ouro_map_u64_remove(s->map, key));
	}
	EXPECT_EQ(s->t, ouro_map_length(s->map), 24);
	ouro_put(object);
}

static void contexts(struct ouro_test *t)
{
	static const enum test_context possible[] = { TEST_TASK,
						      TEST_PREEMPT_OFF,
						      TEST_SOFTIRQ };
	struct test_map s;
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(possible); i++) {
		if (test_context_may_fail(possible[i]))
			continue;
		if (!test_map_open(&s, t, sizeof(u64)))
			return;
		EXPECT_EQ(t, test_map_u64_add(&s, 0, 0), 0);
		ret = test_context_run(possible[i], there, &s);
		EXPECT_MSG(t, !ret, "%s: %d", test_context_name(possible[i]),
			   ret);
		EXPECT_EQ(t, ouro_map_length(s.map), 24);
		test_map_close(&s);
	}
}

/* ---- a million values, and the memory for them ---- */

#define BATCH	100

static bool fill_up(struct test_map *s, u64 count)
{
	static struct ouro_map_pair pairs[BATCH];
	static u64 keys[BATCH];
	struct test_item *item;
	u64 done;
	int i;

	for (done = 0; done < count; done += BATCH) {
		for (i = 0; i < BATCH; i++) {
			item = test_item_new(s->t, s->kind, done + i);
			if (!item)
				return false;
			keys[i] = done + i;
			pairs[i] = (struct ouro_map_pair) {
				&keys[i], sizeof(keys[i]), &item->object };
		}
		EXPECT_EQ(s->t, ouro_map_fill(s->map, pairs, BATCH, GFP_KERNEL),
			  BATCH);
		while (i--)
			ouro_put(pairs[i].object);
		cond_resched();
	}
	return true;
}

static void million(struct ouro_test *t)
{
	u64 count = TEST_MANY(1000000, 20000), key, sum = 0;
	struct ouro_object *object;
	struct test_map s;
	size_t place;

	if (!test_map_open(&s, t, sizeof(u64)) || !fill_up(&s, count))
		return;
	EXPECT_EQ(t, ouro_map_length(s.map), count);
	ouro_map_u64_for_each(s.map, place, key, object) {
		EXPECT_EQ(t, test_item_number(t, object), key);
		sum += key;
		if (!(place % 1024))
			cond_resched();
	}
	EXPECT_EQ(t, sum, count * (count - 1) / 2);
	for (key = 0; key < count; key += 3) {
		EXPECT_EQ(t, test_map_u64_load(&s, key), key);
		EXPECT(t, ouro_map_u64_remove(s.map, key));
		if (!(key % 1024))
			cond_resched();
	}
	EXPECT_EQ(t, ouro_map_length(s.map), count - DIV_ROUND_UP(count, 3));
	EXPECT_EQ(t, atomic_long_read(&test_items_live),
		  count - DIV_ROUND_UP(count, 3));
	test_map_close(&s);
}

static unsigned long metadata(struct ouro_heap *heap)
{
	struct ouro_heap_stat stat;

	ouro_heap_trim(heap);
	ouro_heap_stat(heap, &stat);
	return stat.metadata;
}

/* Fills a map, and drops it; returns by how much it had the heap's metadata grow. */
static unsigned long fill_and_drop(struct test_map *s, u64 count)
{
	unsigned long before = metadata(s->heap), most;

	if (!fill_up(s, count))
		return 0;
	most = metadata(s->heap);
	ouro_map_put(s->map);
	ouro_heap_flush(s->heap);
	test_heap_settle(s->t, s->heap, 0);
	s->map = ouro_map_u64_new(s->heap, GFP_KERNEL);
	EXPECT(s->t, s->map);
	return most - before;
}

static void memory(struct ouro_test *t)
{
	u64 count = TEST_MANY(200000, 20000);
	unsigned long first, again, grown;
	struct test_map s;

	if (!test_map_open(&s, t, sizeof(u64)))
		return;
	/* The first round leaves what a heap has once: tables of CPUs and so on. */
	fill_and_drop(&s, count);
	first = metadata(s.heap);
	grown = fill_and_drop(&s, count);
	again = metadata(s.heap);
	test_note(t, "%lu bytes, %lu more with %llu values, %lu then", first,
		  grown, count, again);
	EXPECT_GE(t, grown, count * sizeof(void *));
	/* Another CPU may have got its tables. */
	EXPECT_LE(t, again, first + grown / 16);
	test_map_close(&s);
}

static const struct ouro_case crowd_cases[] = {
	EACH_KIND(visited),
	EACH_KIND(concurrent),
	{ "contexts", contexts },
	{ "million", million },
	{ "memory", memory },
};

OURO_SUITE("map_crowd", crowd_cases);
