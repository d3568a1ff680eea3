// SPDX-License-Identifier: GPL-2.0
/* Weak maps and interning: values that come and die while others look for them. */
#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/string.h>
#include "test_weak.h"

#define NONE	TEST_WEAK_NONE
#define MEMBERS	8	/* of a crowd, at most */

/*
 * Keys below OWN are one member's each, who alone stores there; those up to KEYS
 * are everybody's.  The number of an item is its key, shifted, and a count.
 */
#define OWN_EACH	4
#define OWN		(MEMBERS * OWN_EACH)
#define KEYS		(OWN + 4)
#define HELD		8	/* references that who looks has at a time */

static struct crowd {
	struct test_weak s;
	atomic64_t count;
	struct ouro_object *own[OWN];	/* what the key was last stored with */
	struct ouro_object *held[HELD];
	unsigned long found;
	unsigned long visits;
	unsigned long refused;
} crowd;

static struct ouro_object *fresh(u64 key)
{
	struct test_item *item;

	item = test_item_new(crowd.s.t, crowd.s.kind,
			     key << 40 | atomic64_inc_return(&crowd.count));
	return item ? &item->object : NULL;
}

static void expect_key(struct ouro_object *object, u64 key)
{
	u64 number = test_item_number(crowd.s.t, object);

	EXPECT_MSG(crowd.s.t, number >> 40 == key, "%llu has %llx", key, number);
}

/* The old value dies before or after it is replaced, or others have it. */
static void change_own(u64 key, u32 r)
{
	struct ouro_object *old = crowd.own[key], *object = fresh(key);
	int err;

	if (!object)
		return;
	crowd.own[key] = object;
	if (r & 1)
		ouro_put(old);
	if (r & 2) {
		err = test_weak_store(&crowd.s, key, object);
	} else {
		err = test_weak_add(&crowd.s, key, object);
		if (err == -EEXIST) {
			/* Somebody holds what was there. */
			crowd.refused++;
			err = test_weak_store(&crowd.s, key, object);
		}
	}
	EXPECT_EQ(crowd.s.t, err, 0);
	if (!(r & 1))
		ouro_put(old);
	if (!(r & 12)) {
		crowd.own[key] = NULL;
		r & 16 ? ouro_put(object) : test_weak_put_late(object);
	}
}

static void change(unsigned int who, u32 *random)
{
	u32 r = test_random(random);
	u64 key = OWN + r / 16 % (KEYS - OWN);
	struct ouro_object *object;

	if (r % 16 < 10) {
		change_own(who * OWN_EACH + r / 16 % OWN_EACH, r / 256);
	} else if (r % 16 < 15) {
		object = fresh(key);
		if (!object)
			return;
		EXPECT_EQ(crowd.s.t, test_weak_store(&crowd.s, key, object), 0);
		ouro_put(object);
	} else {
		test_weak_remove(&crowd.s, key);
	}
}

static void look_at_all(void)
{
	struct ouro_weak_map_iter iter;
	struct ouro_object *object;
	size_t len;
	u64 key;

	ouro_weak_map_walk(&iter, crowd.s.map);
	while ((object = ouro_weak_map_next(&iter, &key, sizeof(key), &len))) {
		expect_key(object, key);
		ouro_put(object);
		crowd.found++;
	}
	ouro_weak_map_walk_end(&iter);
	crowd.visits++;
}

/* What is found is kept for a while, and may die here. */
static void look(unsigned int who, u32 *random)
{
	u64 key = test_random(random) % KEYS;
	struct ouro_object *object, **held = &crowd.held[key % HELD];

	object = ouro_weak_map_load(crowd.s.map, &key, sizeof(key));
	if (object) {
		expect_key(object, key);
		crowd.found++;
		swap(object, *held);
		ouro_put(object);
	}
	if (!(test_random(random) % 64))
		look_at_all();
}

static void replaced(struct ouro_test *t)
{
	size_t alive = 0;
	u64 key;
	int i;

	memset(&crowd, 0, sizeof(crowd));
	if (!test_weak_open(&crowd.s, t))
		return;
	test_crowd(t, change, look, 3);
	for (i = 0; i < HELD; i++)
		ouro_put(crowd.held[i]);
	ouro_heap_flush(crowd.s.heap);
	/* Each key leads where it was last led, if that lives. */
	for (key = 0; key < OWN; key++) {
		EXPECT_EQ(t, test_weak_load(&crowd.s, key), crowd.own[key] ?
			  test_item_number(t, crowd.own[key]) : NONE);
		alive += !!crowd.own[key];
	}
	EXPECT_EQ(t, ouro_weak_map_length(crowd.s.map), alive);
	EXPECT_EQ(t, atomic_long_read(&test_items_live), alive);
	for (key = 0; key < OWN; key++)
		ouro_put(crowd.own[key]);
	EXPECT_GE(t, crowd.found, 100);
	EXPECT_GE(t, crowd.visits, 2);
	test_note(t, "%lld stored, %lu found, %lu visits, %lu adds refused",
		  atomic64_read(&crowd.count), crowd.found, crowd.visits,
		  crowd.refused);
	test_weak_close(&crowd.s);
}

/* ---- interning ---- */

#define WORDS	6	/* keys that all intern */

/* What each member has at the moment, for the others to see. */
static struct ouro_object *shown[MEMBERS][WORDS];
static atomic_long_t interned, made;

static struct ouro_object *make(const void *key, size_t len, void *arg)
{
	bool *fail = arg;

	EXPECT_EQ(crowd.s.t, len, sizeof(u64));
	if (fail && *fail)
		return NULL;
	atomic_long_inc(&made);
	return fresh(*(const u64 *)key);
}

/* As long as it is shown, who shows it has a reference to it. */
static void unshow(unsigned int who, u64 key, bool late)
{
	/* A full barrier: not shown before it is put. */
	struct ouro_object *object = xchg(&shown[who][key], NULL);

	if (late && object)
		test_weak_put_late(object);
	else
		ouro_put(object);
}

/*
 * Of those who have a reference to the object of a key at one time, all have the
 * same: what we see shown was held at that moment, and so was ours.
 */
static void intern(unsigned int who, u32 *random)
{
	u32 r = test_random(random);
	bool fail = r % 16 == 0;
	u64 key = r / 16 % WORDS;
	struct ouro_object *object, *other;
	unsigned int i;

	object = ouro_intern(crowd.s.map, &key, sizeof(key), make, &fail,
			     GFP_KERNEL);
	if (!object) {
		EXPECT(crowd.s.t, fail);
		return;
	}
	expect_key(object, key);
	atomic_long_inc(&interned);
	for (i = 0; i < MEMBERS; i++) {
		/* Pairs with the store below: what @other is made of. */
		other = smp_load_acquire(&shown[i][key]);
		EXPECT(crowd.s.t, !other || other == object);
	}
	unshow(who, key, false);
	/* Pairs with the load above, in another member. */
	smp_store_release(&shown[who][key], object);
	if (r / 256 % 2)
		unshow(who, key, r / 512 % 2);
}

static void interning(struct ouro_test *t)
{
	int i;

	memset(&crowd, 0, sizeof(crowd));
	memset(shown, 0, sizeof(shown));
	atomic_long_set(&interned, 0);
	atomic_long_set(&made, 0);
	if (!test_weak_open(&crowd.s, t))
		return;
	test_crowd(t, intern, intern, 2);
	for (i = 0; i < MEMBERS * WORDS; i++)
		unshow(i / WORDS, i % WORDS, i % 2);
	ouro_heap_flush(crowd.s.heap);
	EXPECT_EQ(t, ouro_weak_map_length(crowd.s.map), 0);
	EXPECT_GE(t, atomic_long_read(&made), WORDS);
	EXPECT_GE(t, atomic_long_read(&interned), 100);
	test_note(t, "%ld interned, %ld made", atomic_long_read(&interned),
		  atomic_long_read(&made));
	test_weak_close(&crowd.s);
}

static struct ouro_object *make_foreign(const void *key, size_t len, void *arg)
{
	struct test_weak *other = arg;
	struct test_item *item = test_item_new(other->t, other->kind, 1);

	return item ? &item->object : NULL;
}

static void intern_one(struct ouro_test *t)
{
	struct ouro_object *a, *b;
	struct test_weak other;
	u64 key = 3;
	bool fail = true;

	memset(&crowd, 0, sizeof(crowd));
	atomic_long_set(&made, 0);
	if (!test_weak_open(&crowd.s, t) || !test_weak_open(&other, t))
		return;
	EXPECT(t, !ouro_intern(crowd.s.map, &key, 8, make, &fail, GFP_KERNEL));
	EXPECT(t, !ouro_intern(crowd.s.map, &key, 8, make_foreign, &other,
			       GFP_KERNEL));
	EXPECT_EQ(t, atomic_long_read(&test_items_live), 0);
	EXPECT_EQ(t, ouro_weak_map_length(crowd.s.map), 0);
	a = ouro_intern(crowd.s.map, &key, 8, make, NULL, GFP_KERNEL);
	b = ouro_intern(crowd.s.map, &key, 8, make, &fail, GFP_KERNEL);
	EXPECT(t, a && a == b);
	EXPECT_EQ(t, atomic_long_read(&made), 1);
	EXPECT_EQ(t, ouro_refcount(a), 2);
	ouro_put(a);
	test_weak_put_late(b);
	/* Dead, and no longer the one. */
	a = ouro_intern(crowd.s.map, &key, 8, make, NULL, GFP_KERNEL);
	EXPECT_EQ(t, atomic_long_read(&made), 2);
	ouro_heap_flush(crowd.s.heap);
	EXPECT_EQ(t, test_weak_load(&crowd.s, key), test_item_number(t, a));
	ouro_put(a);
	test_heap_settle(t, other.heap, 1);
	ouro_weak_map_put(other.map);
	ouro_heap_flush(other.heap);
	test_heap_settle(t, other.heap, 0);
	test_heap_close(t, other.heap);
	test_weak_close(&crowd.s);
}

/* ---- maps die while their values do ---- */

#define VALUES	200	/* of each map */
#define SECONDS	2

static struct duel {
	struct completion done;
	struct ouro_object *value[VALUES];
	atomic_t round;		/* that may begin, INT_MAX: no more */
	atomic_t finished;
} duel;

/* Lets the values of each round die, as soon as it begins. */
static int duel_thread(void *unused)
{
	int round, i;

	for (round = 1;; round++) {
		while (atomic_read_acquire(&duel.round) < round)
			cond_resched();
		if (atomic_read(&duel.round) == INT_MAX)
			break;
		for (i = 0; i < VALUES; i++)
			ouro_put(duel.value[i]);
		atomic_set_release(&duel.finished, round);
	}
	kthread_complete_and_exit(&duel.done, 0);
}

static void duel_round(struct test_weak *s, int round)
{
	u64 key = round % VALUES;
	int i;

	s->map = ouro_weak_map_new(s->heap, GFP_KERNEL);
	for (i = 0; EXPECT(s->t, s->map) && i < VALUES; i++)
		duel.value[i] = test_weak_new(s, i, i);
	atomic_set_release(&duel.round, round);
	/* A little later each time, so that all moments are met. */
	udelay(round % 40);
	if (round % 4 == 1)
		test_weak_remove(s, key);
	else if (round % 4 == 2)
		ouro_weak_map_clear(s->map);
	else if (round % 4 == 3)
		ouro_put(test_weak_new(s, key, key));
	ouro_weak_map_put(s->map);
	while (atomic_read_acquire(&duel.finished) < round)
		cond_resched();
	ouro_heap_flush(s->heap);
}

static void duels(struct ouro_test *t)
{
	unsigned long end = jiffies + SECONDS * HZ;
	struct task_struct *task;
	struct test_weak s;
	int round;

	memset(&duel, 0, sizeof(duel));
	init_completion(&duel.done);
	if (!test_weak_open(&s, t))
		return;
	ouro_weak_map_put(s.map);
	task = kthread_run(duel_thread, NULL, "ouro_duel");
	if (!EXPECT(t, !IS_ERR(task)))
		return;
	for (round = 1; time_before(jiffies, end) || round < 5; round++)
		duel_round(&s, round);
	atomic_set(&duel.round, INT_MAX);
	wait_for_completion(&duel.done);
	test_note(t, "%d rounds", round - 1);
	test_items_end(t, s.heap);
}

static const struct ouro_case crowd_cases[] = {
	EACH_KIND(replaced),
	EACH_KIND(interning),
	{ "intern_one", intern_one },
	EACH_KIND(duels),
};

OURO_SUITE("weak_crowd", crowd_cases);
