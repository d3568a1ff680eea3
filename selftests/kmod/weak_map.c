// SPDX-License-Identifier: GPL-2.0
/* Weak maps: entries that vanish, and nothing else that does. */
#include <linux/bitmap.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <ouro/weak.h>
#include "test_weak.h"

#define NONE	TEST_WEAK_NONE
#define VALUES	1000

static struct ouro_object *value[VALUES];

/* Keys 0 to VALUES - 1 lead to the values, which are held. */
static bool fill_up(struct test_weak *s)
{
	int i;

	for (i = 0; i < VALUES; i++) {
		value[i] = test_weak_new(s, i, i);
		if (!value[i])
			return false;
	}
	return EXPECT_EQ(s->t, ouro_weak_map_length(s->map), VALUES);
}

/* As many values die as @stride says; late: by a worker. */
static void drop_each(struct test_weak *s, int stride, bool late)
{
	int i;

	for (i = 0; i < VALUES; i += stride) {
		if (late)
			test_weak_put_late(value[i]);
		else
			ouro_put(value[i]);
		value[i] = NULL;
		/* For good, at once. */
		EXPECT_EQ(s->t, test_weak_load(s, i), NONE);
	}
	ouro_heap_flush(s->heap);
}

static void vanish(struct ouro_test *t)
{
	struct test_weak s;
	int i, late;

	for (late = 0; late < 2; late++) {
		if (!test_weak_open(&s, t) || !fill_up(&s))
			return;
		for (i = 0; i < VALUES; i++) {
			EXPECT_EQ(t, ouro_refcount(value[i]), 1);
			EXPECT_EQ(t, test_weak_load(&s, i), i);
		}
		EXPECT_EQ(t, test_weak_load(&s, VALUES), NONE);
		drop_each(&s, 3, late);
		EXPECT_EQ(t, ouro_weak_map_length(s.map),
			  VALUES - DIV_ROUND_UP(VALUES, 3));
		for (i = 0; i < VALUES; i++)
			EXPECT_EQ(t, test_weak_load(&s, i), i % 3 ? i : NONE);
		drop_each(&s, 1, late);
		EXPECT_EQ(t, ouro_weak_map_length(s.map), 0);
		/* The map is what is left. */
		test_heap_settle(t, s.heap, 1);
		test_weak_close(&s);
	}
}

/* Whatever died under a key, its successor stays. */
static void replaced(struct ouro_test *t)
{
	struct ouro_object *a, *b;
	struct test_weak s;
	int late;

	if (!test_weak_open(&s, t))
		return;
	EXPECT(t, ouro_weak_map_of(ouro_weak_map_object(s.map)) == s.map);
	for (late = 0; late < 2; late++) {
		/* Dies after it was replaced. */
		a = test_weak_new(&s, 1, 1);
		b = test_weak_new(&s, 1, 2);
		EXPECT_EQ(t, ouro_weak_map_length(s.map), 1);
		EXPECT_EQ(t, test_weak_load(&s, 1), 2);
		late ? test_weak_put_late(a) : ouro_put(a);
		ouro_heap_flush(s.heap);
		EXPECT_EQ(t, test_weak_load(&s, 1), 2);
		EXPECT_EQ(t, ouro_weak_map_length(s.map), 1);
		/* Is dead when it is replaced, and not yet buried. */
		test_weak_put_late(b);
		a = test_weak_new(&s, 1, 3);
		EXPECT_EQ(t, test_weak_load(&s, 1), 3);
		ouro_heap_flush(s.heap);
		EXPECT_EQ(t, test_weak_load(&s, 1), 3);
		EXPECT_EQ(t, ouro_weak_map_length(s.map), 1);
		/* The same object again. */
		EXPECT_EQ(t, test_weak_store(&s, 1, a), 0);
		EXPECT_EQ(t, test_weak_load(&s, 1), 3);
		EXPECT_EQ(t, ouro_weak_map_length(s.map), 1);
		ouro_put(a);
		ouro_heap_flush(s.heap);
		EXPECT_EQ(t, ouro_weak_map_length(s.map), 0);
	}
	test_weak_close(&s);
}

/* A key is free as soon as its object is dead. */
static void added(struct ouro_test *t)
{
	struct ouro_object *a, *b;
	struct test_item *item;
	struct test_weak s;

	if (!test_weak_open(&s, t))
		return;
	a = test_weak_new(&s, 1, 1);
	item = test_item_new(t, s.kind, 2);
	if (!a || !item)
		return;
	b = &item->object;
	EXPECT_EQ(t, test_weak_add(&s, 1, b), -EEXIST);
	EXPECT_EQ(t, ouro_refcount(a), 1);
	EXPECT_EQ(t, ouro_refcount(b), 1);
	EXPECT_EQ(t, test_weak_load(&s, 1), 1);
	test_weak_put_late(a);
	EXPECT_EQ(t, test_weak_add(&s, 1, b), 0);
	EXPECT_EQ(t, test_weak_add(&s, 1, b), -EEXIST);
	EXPECT_EQ(t, test_weak_add(&s, 2, b), 0);
	ouro_heap_flush(s.heap);
	EXPECT_EQ(t, ouro_weak_map_length(s.map), 2);
	EXPECT_EQ(t, test_weak_load(&s, 1), 2);
	EXPECT_EQ(t, test_weak_load(&s, 2), 2);
	/* With one object all its keys go. */
	ouro_put(b);
	ouro_heap_flush(s.heap);
	EXPECT_EQ(t, ouro_weak_map_length(s.map), 0);
	test_weak_close(&s);
}

static void keys(struct ouro_test *t)
{
	static u8 key[OURO_KEY_MAX + 1];
	struct ouro_object *object;
	struct test_weak s;
	size_t len;

	if (!test_weak_open(&s, t))
		return;
	object = test_weak_new(&s, 5, 5);
	if (!object)
		return;
	for (len = 1; len <= OURO_KEY_MAX; len++)
		EXPECT_EQ(t, ouro_weak_map_add(s.map, key, len, object,
					       GFP_KERNEL), 0);
	EXPECT_EQ(t, ouro_weak_map_length(s.map), OURO_KEY_MAX + 1);
	for (len = 1; len <= OURO_KEY_MAX; len += 2)
		EXPECT(t, ouro_weak_map_remove(s.map, key, len));
	for (len = 1; len <= OURO_KEY_MAX; len++)
		EXPECT_EQ(t, test_weak_number(&s, ouro_weak_map_load(s.map, key,
								     len)),
			  len & 1 ? NONE : 5);
	for (len = 0; len <= OURO_KEY_MAX + 1; len += OURO_KEY_MAX + 1) {
		EXPECT_EQ(t, ouro_weak_map_store(s.map, key, len, object,
						 GFP_KERNEL), -EINVAL);
		EXPECT_EQ(t, ouro_weak_map_add(s.map, key, len, object,
					       GFP_KERNEL), -EINVAL);
		EXPECT(t, !ouro_weak_map_load(s.map, key, len));
		EXPECT(t, !ouro_weak_map_remove(s.map, key, len));
	}
	EXPECT_EQ(t, test_weak_store(&s, 5, NULL), -EINVAL);
	EXPECT_EQ(t, test_weak_load(&s, 5), 5);
	ouro_put(object);
	ouro_heap_flush(s.heap);
	EXPECT_EQ(t, ouro_weak_map_length(s.map), 0);
	test_weak_close(&s);
}

static void foreign(struct ouro_test *t)
{
	struct test_weak s, other;
	struct ouro_object *object;

	if (!test_weak_open(&other, t) || !test_weak_open(&s, t))
		return;
	object = test_weak_new(&other, 1, 1);
	EXPECT_EQ(t, test_weak_store(&s, 1, object), -EXDEV);
	EXPECT_EQ(t, test_weak_add(&s, 1, object), -EXDEV);
	EXPECT(t, !ouro_weak_map_of(object));
	EXPECT_EQ(t, ouro_weak_map_length(s.map), 0);
	ouro_put(object);
	test_weak_close(&s);
	test_weak_close(&other);
}

/* What is removed lives on; what is dead already is buried all the same. */
static void removed(struct ouro_test *t)
{
	struct ouro_object *a, *b;
	struct test_weak s;

	if (!test_weak_open(&s, t))
		return;
	EXPECT(t, !test_weak_remove(&s, 1));
	a = test_weak_new(&s, 1, 1);
	b = test_weak_new(&s, 2, 2);
	EXPECT(t, test_weak_remove(&s, 1));
	EXPECT(t, !test_weak_remove(&s, 1));
	EXPECT_EQ(t, test_weak_load(&s, 1), NONE);
	EXPECT_EQ(t, ouro_weak_map_length(s.map), 1);
	test_item_check(t, a);
	test_weak_put_late(b);
	test_weak_remove(&s, 2);
	EXPECT_EQ(t, ouro_weak_map_length(s.map), 0);
	ouro_put(a);
	ouro_heap_flush(s.heap);
	test_heap_settle(t, s.heap, 1);
	test_weak_close(&s);
}

static void cleared(struct ouro_test *t)
{
	struct test_weak s;
	int i;

	if (!test_weak_open(&s, t) || !fill_up(&s))
		return;
	for (i = 0; i < VALUES; i += 4) {
		test_weak_put_late(value[i]);
		value[i] = NULL;
	}
	ouro_weak_map_clear(s.map);
	EXPECT_EQ(t, ouro_weak_map_length(s.map), 0);
	ouro_weak_map_clear(s.map);
	ouro_heap_flush(s.heap);
	for (i = 0; i < VALUES; i++) {
		EXPECT_EQ(t, test_weak_load(&s, i), NONE);
		if (value[i])
			EXPECT_EQ(t, test_item_number(t, value[i]), i);
	}
	test_heap_settle(t, s.heap, 1 + VALUES - DIV_ROUND_UP(VALUES, 4));
	ouro_put(test_weak_new(&s, 1, 1));
	for (i = 0; i < VALUES; i++)
		ouro_put(value[i]);
	ouro_heap_flush(s.heap);
	EXPECT_EQ(t, ouro_weak_map_length(s.map), 0);
	test_heap_settle(t, s.heap, 1);
	test_weak_close(&s);
}

/* ---- visits ---- */

static DECLARE_BITMAP(seen, VALUES);

/* Visits all, with @act between; returns how often something was seen again. */
static unsigned int visit(struct test_weak *s,
			  void (*act)(struct test_weak *s, u64 key))
{
	struct ouro_weak_map_iter iter;
	struct ouro_object *object;
	unsigned int again = 0;
	size_t len;
	u64 key;

	bitmap_zero(seen, VALUES);
	ouro_weak_map_walk(&iter, s->map);
	while ((object = ouro_weak_map_next(&iter, &key, sizeof(key), &len))) {
		EXPECT_EQ(s->t, len, sizeof(key));
		EXPECT_EQ(s->t, test_weak_number(s, object), key);
		if (key < VALUES && test_and_set_bit(key, seen) &&
		    !EXPECT_LE(s->t, again++, 100 * VALUES))
			break;
		if (act)
			act(s, key);
	}
	ouro_weak_map_walk_end(&iter);
	return again;
}

/* The value that was just seen dies, unless it is one of every third. */
static void drop_seen(struct test_weak *s, u64 key)
{
	if (key % 3 && key < VALUES) {
		ouro_put(value[key]);
		value[key] = NULL;
	}
}

/* And what has the numbers beside its number, and two new ones come. */
static void exchange(struct test_weak *s, u64 key)
{
	static u64 fresh = VALUES;
	u64 i;

	if (key >= VALUES)
		return;
	for (i = key ? key - 1 : 0; i < min_t(u64, key + 2, VALUES); i++) {
		drop_seen(s, i);
		if (i % 3 && !value[i]) {
			value[i] = test_weak_new(s, fresh, fresh);
			fresh++;
		}
	}
}

static void walk_with(struct ouro_test *t,
		      void (*act)(struct test_weak *s, u64 key))
{
	struct test_weak s;
	int i;

	if (!test_weak_open(&s, t) || !fill_up(&s))
		return;
	visit(&s, act);
	for (i = 0; i < VALUES; i += 3)
		EXPECT_MSG(t, test_bit(i, seen), "%d", i);
	if (!act)
		EXPECT(t, bitmap_full(seen, VALUES));
	for (i = 0; i < VALUES; i++)
		ouro_put(value[i]);
	test_weak_close(&s);
}

static void walk(struct ouro_test *t)
{
	walk_with(t, NULL);
	walk_with(t, drop_seen);
	walk_with(t, exchange);
}

#define FEW	40	/* values that the first table has room for */

/* A key is copied as far as there is room. */
static void walk_few(struct ouro_test *t)
{
	struct ouro_weak_map_iter iter;
	struct ouro_object *object;
	struct test_weak s;
	char room[8] = "#######";
	size_t len;
	int i;

	if (!test_weak_open(&s, t))
		return;
	EXPECT_EQ(t, visit(&s, NULL), 0);
	EXPECT(t, bitmap_empty(seen, VALUES));
	for (i = 0; i < FEW; i++)
		value[i] = test_weak_new(&s, i, i);
	/* No resizing, nothing twice. */
	EXPECT_EQ(t, visit(&s, NULL), 0);
	EXPECT_EQ(t, bitmap_weight(seen, VALUES), FEW);
	/* The dead are passed over, buried or not; meanwhile the table shrinks. */
	for (i = 1; i < FEW; i++)
		test_weak_put_late(value[i]);
	visit(&s, NULL);
	EXPECT_EQ(t, bitmap_weight(seen, VALUES), 1);
	EXPECT_EQ(t, ouro_weak_map_store(s.map, "a long key", 10, value[0],
					 GFP_KERNEL), 0);
	EXPECT(t, test_weak_remove(&s, 0));
	ouro_weak_map_walk(&iter, s.map);
	object = ouro_weak_map_next(&iter, room, 6, &len);
	EXPECT_EQ(t, test_weak_number(&s, object), 0);
	EXPECT_EQ(t, len, 10);
	EXPECT(t, !memcmp(room, "a long#", 8));
	/* A visit is enough for the map to live, which may still shrink. */
	ouro_weak_map_put(s.map);
	for (i = 0; i < FEW; i++) {
		object = ouro_weak_map_next(&iter, room, 6, &len);
		if (!object)
			break;
		EXPECT_EQ(t, test_weak_number(&s, object), 0);
	}
	EXPECT_LE(t, i, FEW - 1);
	ouro_put(value[0]);
	ouro_weak_map_walk_end(&iter);
	test_items_end(t, s.heap);
}

/* ---- who dies first ---- */

static void map_first(struct ouro_test *t)
{
	struct test_weak s;
	int i;

	if (!test_weak_open(&s, t) || !fill_up(&s))
		return;
	/* Some are dead already, and not yet buried. */
	for (i = 0; i < VALUES; i += 5) {
		test_weak_put_late(value[i]);
		value[i] = NULL;
	}
	ouro_weak_map_put(s.map);
	ouro_heap_flush(s.heap);
	test_heap_settle(t, s.heap, VALUES - DIV_ROUND_UP(VALUES, 5));
	for (i = 0; i < VALUES; i++) {
		if (value[i])
			EXPECT_EQ(t, test_item_number(t, value[i]), i);
		ouro_put(value[i]);
	}
	test_items_end(t, s.heap);
}

/* The heap goes, with the map, its values and other maps of them. */
static void heap_first(struct ouro_test *t)
{
	struct ouro_weak_map *others[4];
	struct ouro_heap_stat stat;
	struct test_weak s;
	u64 i, n;

	if (!test_weak_open(&s, t) || !fill_up(&s))
		return;
	for (n = 0; n < ARRAY_SIZE(others); n++) {
		others[n] = ouro_weak_map_new(s.heap, GFP_KERNEL);
		for (i = 0; EXPECT(t, others[n]) && i < VALUES; i++)
			EXPECT_EQ(t, ouro_weak_map_store(others[n], &i, sizeof(i),
							 value[i], GFP_KERNEL),
				  0);
	}
	ouro_heap_stat(s.heap, &stat);
	/* Maps, values, and an entry for each value in each map. */
	EXPECT_EQ(t, stat.live, 5 + VALUES + 5 * VALUES);
	test_heap_abandon(t, s.heap, stat.live);
	EXPECT_EQ(t, atomic_long_read(&test_items_live), 0);
	atomic_long_set(&test_items_live, 0);
}

/* Somebody who is told of a death, and is slow to return. */
static struct slow {
	struct ouro_watch watch;
	struct completion done;
	struct ouro_object *object;
	atomic_t told;
	atomic_t go_on;
} slow;

static void slow_died(struct ouro_watch *watch)
{
	ktime_t end = ktime_add_ms(ktime_get(), 500);

	atomic_set(&slow.told, 1);
	while (!atomic_read(&slow.go_on) && ktime_before(ktime_get(), end))
		cpu_relax();
}

static int slow_put(void *unused)
{
	ouro_put(slow.object);
	kthread_complete_and_exit(&slow.done, 0);
}

/*
 * A value is dead, and those who watch it are being told.  Before it is the
 * map's turn, the key is removed or gets another value, and the map dies.
 */
static void told_late(struct ouro_test *t)
{
	struct task_struct *task;
	struct test_weak s;
	int how;

	if (num_online_cpus() < 2) {
		SKIP(t, "who is told does not let others run");
		return;
	}
	for (how = 0; how < 4; how++) {
		if (!test_weak_open(&s, t))
			return;
		memset(&slow, 0, sizeof(slow));
		init_completion(&slow.done);
		slow.object = test_weak_new(&s, 1, 1);
		value[0] = test_weak_new(&s, 2, 2);
		/* The last that was added is the first to be told. */
		if (!EXPECT_EQ(t, ouro_watch_add(&slow.watch, slow.object,
						 slow_died, GFP_KERNEL), 0))
			return;
		task = kthread_run(slow_put, NULL, "ouro_slow_put");
		if (!EXPECT(t, !IS_ERR(task)))
			return;
		while (!atomic_read(&slow.told))
			cond_resched();
		if (how == 1)
			EXPECT(t, test_weak_remove(&s, 1));
		else if (how == 2)
			EXPECT_EQ(t, test_weak_store(&s, 1, value[0]), 0);
		else if (how == 3)
			ouro_weak_map_clear(s.map);
		ouro_weak_map_put(s.map);
		/* Let the worker begin, which then has to wait for us. */
		msleep(20);
		atomic_set(&slow.go_on, 1);
		wait_for_completion(&slow.done);
		ouro_put(value[0]);
		test_items_end(t, s.heap);
	}
}

static const struct ouro_case weak_map_cases[] = {
	EACH_KIND(vanish),
	EACH_KIND(replaced),
	EACH_KIND(added),
	{ "keys", keys },
	{ "foreign", foreign },
	EACH_KIND(removed),
	EACH_KIND(cleared),
	EACH_KIND(walk),
	{ "walk_few", walk_few },
	EACH_KIND(map_first),
	EACH_KIND(heap_first),
	{ "told_late", told_late },
};

OURO_SUITE("weak_map", weak_map_cases);
