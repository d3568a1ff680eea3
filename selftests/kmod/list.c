// SPDX-License-Identifier: GPL-2.0
/* Lists: what is where, and iterators that stay good whatever others do. */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <ouro/list.h>
#include "test_list.h"

#define END	TEST_LIST_END

#define EXPECT_LIST(s, ...)						\
	test_list_expect(s, (const u64[]){ __VA_ARGS__, END }, #__VA_ARGS__)
#define EXPECT_EMPTY(s)	test_list_expect(s, (const u64[]){ END }, "empty")

static void ends(struct ouro_test *t)
{
	struct ouro_object *objects[3], *object;
	struct test_item *item;
	struct test_list s;
	int i;

	if (!test_list_open(&s, t))
		return;
	EXPECT_EMPTY(&s);
	EXPECT(t, !ouro_list_pop(s.list));
	EXPECT(t, !ouro_list_pop_tail(s.list));
	EXPECT(t, ouro_list_of(ouro_list_object(s.list)) == s.list);
	test_list_put(&s, 1, false);
	test_list_put(&s, 2, true);
	test_list_put(&s, 0, false);
	EXPECT_LIST(&s, 0, 1, 2);
	for (i = 0; i < ARRAY_SIZE(objects); i++) {
		item = test_item_new(t, s.kind, i + 3);
		if (!item)
			return;
		objects[i] = &item->object;
	}
	EXPECT_EQ(t, ouro_list_fill(s.list, objects, 3, GFP_KERNEL), 3);
	EXPECT_EQ(t, ouro_list_fill(s.list, objects, 0, GFP_KERNEL), 0);
	EXPECT_LIST(&s, 0, 1, 2, 3, 4, 5);
	/* One object, more than once. */
	EXPECT_EQ(t, ouro_list_add(s.list, objects[1], GFP_KERNEL), 0);
	EXPECT_EQ(t, ouro_list_add_tail(s.list, objects[1], GFP_KERNEL), 0);
	EXPECT_EQ(t, ouro_refcount(objects[1]), 4);
	EXPECT_LIST(&s, 4, 0, 1, 2, 3, 4, 5, 4);
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		ouro_put(objects[i]);
	/* The list's reference is the caller's then. */
	object = ouro_list_pop_tail(s.list);
	EXPECT_EQ(t, ouro_refcount(object), 3);
	EXPECT_EQ(t, test_list_number(&s, object), 4);
	EXPECT_EQ(t, test_list_number(&s, ouro_list_pop(s.list)), 4);
	object = ouro_list_pop(s.list);
	EXPECT_EQ(t, ouro_refcount(object), 1);
	EXPECT_EQ(t, test_list_number(&s, object), 0);
	EXPECT_LIST(&s, 1, 2, 3, 4, 5);
	EXPECT_EQ(t, atomic_long_read(&test_items_live), 5);
	ouro_list_clear(s.list);
	EXPECT_EMPTY(&s);
	EXPECT_EQ(t, atomic_long_read(&test_items_live), 0);
	test_list_put(&s, 7, true);
	EXPECT_LIST(&s, 7);
	test_list_close(&s);
}

/* Adding and removing where an iterator stands. */
static void at_iterator(struct ouro_test *t)
{
	struct ouro_list_iter iter;
	struct test_list s;

	if (!test_list_open(&s, t))
		return;
	ouro_list_iter_begin(&iter, s.list);
	EXPECT_EQ(t, ouro_list_iter_remove(&iter), -ENOENT);
	/* At the very beginning: in front of the first, and behind us. */
	test_list_put_before(&s, &iter, 10);
	test_list_put_before(&s, &iter, 20);
	EXPECT_LIST(&s, 10, 20);
	EXPECT_EQ(t, ouro_list_iter_remove(&iter), -ENOENT);
	EXPECT_EQ(t, test_list_step(&s, &iter), END);
	test_list_put(&s, 30, true);
	EXPECT_EQ(t, test_list_step(&s, &iter), 30);
	EXPECT_EQ(t, test_list_step(&s, &iter), END);
	/* At the end it stands on the last still. */
	test_list_put_before(&s, &iter, 25);
	EXPECT_LIST(&s, 10, 20, 25, 30);
	EXPECT_EQ(t, ouro_list_iter_remove(&iter), 0);
	EXPECT_EQ(t, ouro_list_iter_remove(&iter), -ENOENT);
	EXPECT_LIST(&s, 10, 20, 25);
	/* What was removed has its place there, and so has another. */
	test_list_put_before(&s, &iter, 31);
	EXPECT_LIST(&s, 10, 20, 25, 31);
	EXPECT_EQ(t, test_list_step(&s, &iter), END);
	test_list_put(&s, 40, true);
	EXPECT_EQ(t, test_list_step(&s, &iter), 40);
	ouro_list_iter_end(&iter);
	/* Each removed under way. */
	ouro_list_iter_begin(&iter, s.list);
	while (test_list_step(&s, &iter) != END)
		EXPECT_EQ(t, ouro_list_iter_remove(&iter), 0);
	EXPECT_EMPTY(&s);
	/* An iterator is enough for the list to live. */
	ouro_list_put(s.list);
	test_list_put_before(&s, &iter, 50);
	EXPECT_LIST(&s, 50);
	ouro_list_iter_end(&iter);
	test_items_end(t, s.heap);
}

/* ---- others change it under an iterator on 2, in 0 1 2 3 4 ---- */

/* An iterator of somebody else's, on the item with @number. */
static void stand_on(struct test_list *s, struct ouro_list_iter *other, u64 number)
{
	u64 seen;

	ouro_list_iter_begin(other, s->list);
	do {
		seen = test_list_step(s, other);
	} while (seen != number && EXPECT_NE(s->t, seen, END));
}

static void remove(struct test_list *s, u64 number)
{
	struct ouro_list_iter other;

	stand_on(s, &other, number);
	EXPECT_EQ(s->t, ouro_list_iter_remove(&other), 0);
	ouro_list_iter_end(&other);
}

static void insert(struct test_list *s, u64 before, u64 number)
{
	struct ouro_list_iter other;

	stand_on(s, &other, before);
	test_list_put_before(s, &other, number);
	ouro_list_iter_end(&other);
}

/* "-2" removes 2, "<2" adds in front of it, "[" and "]" at the ends, "c" clears. */
static const struct disturbance {
	const char *what;
	u64 rest[8];	/* what comes then */
	u64 all[10];	/* what there is then; numbers from 10 on are new */
} disturbances[] = {
	{ "", { 3, 4, END }, { 0, 1, 2, 3, 4, END } },
	{ "-2", { 3, 4, END }, { 0, 1, 3, 4, END } },
	{ "-1", { 3, 4, END }, { 0, 2, 3, 4, END } },
	{ "-3", { 4, END }, { 0, 1, 2, 4, END } },
	{ "-1-2", { 3, 4, END }, { 0, 3, 4, END } },
	{ "-2-1", { 3, 4, END }, { 0, 3, 4, END } },
	{ "-2-3", { 4, END }, { 0, 1, 4, END } },
	{ "-3-2", { 4, END }, { 0, 1, 4, END } },
	{ "-1-2-3", { 4, END }, { 0, 4, END } },
	{ "-2-1-0", { 3, 4, END }, { 3, 4, END } },
	{ "-2-3-4", { END }, { 0, 1, END } },
	{ "<2", { 3, 4, END }, { 0, 1, 10, 2, 3, 4, END } },
	{ "<3", { 10, 3, 4, END }, { 0, 1, 2, 10, 3, 4, END } },
	{ "<3<3", { 10, 11, 3, 4, END }, { 0, 1, 2, 10, 11, 3, 4, END } },
	{ "-2<3", { 10, 3, 4, END }, { 0, 1, 10, 3, 4, END } },
	{ "<2-2", { 3, 4, END }, { 0, 1, 10, 3, 4, END } },
	{ "-1-2[", { 3, 4, END }, { 10, 0, 3, 4, END } },
	{ "-0-1-2[", { 10, 3, 4, END }, { 10, 3, 4, END } },
	{ "[]", { 3, 4, 11, END }, { 10, 0, 1, 2, 3, 4, 11, END } },
	{ "-2[]", { 3, 4, 11, END }, { 10, 0, 1, 3, 4, 11, END } },
	{ "-3-4]", { 10, END }, { 0, 1, 2, 10, END } },
	{ "c", { END }, { END } },
	{ "c]", { 10, END }, { 10, END } },
	{ "c][", { 11, 10, END }, { 11, 10, END } },
	{ "-2c[]]", { 10, 11, 12, END }, { 10, 11, 12, END } },
};

static void disturb(struct test_list *s, const char *what)
{
	u64 number = 10;

	for (; *what; what++) {
		switch (*what) {
		case '-':
			remove(s, *++what - '0');
			break;
		case '<':
			insert(s, *++what - '0', number++);
			break;
		case '[':
			test_list_put(s, number++, false);
			break;
		case ']':
			test_list_put(s, number++, true);
			break;
		default:
			ouro_list_clear(s->list);
		}
	}
}

static void disturbed(struct ouro_test *t)
{
	const struct disturbance *d;
	struct ouro_list_iter iter;
	struct test_list s;
	int i;

	if (!test_list_open(&s, t))
		return;
	for (d = disturbances; d < disturbances + ARRAY_SIZE(disturbances); d++) {
		for (i = 0; i < 5; i++)
			test_list_put(&s, i, true);
		stand_on(&s, &iter, 2);
		disturb(&s, d->what);
		test_list_expect_rest(&s, &iter, d->rest, d->what);
		test_list_expect(&s, d->all, d->what);
		/* What comes after the end was reached. */
		test_list_put(&s, 100, true);
		EXPECT_MSG(t, test_list_step(&s, &iter) == 100, "%s", d->what);
		ouro_list_iter_end(&iter);
		ouro_list_clear(s.list);
	}
	test_list_close(&s);
}

/* What one removed, another cannot; what comes to its slot is not meant. */
static void removed_before(struct ouro_test *t)
{
	struct ouro_list_iter iter;
	struct test_list s;
	int i;

	if (!test_list_open(&s, t))
		return;
	for (i = 0; i < 5; i++)
		test_list_put(&s, i, true);
	stand_on(&s, &iter, 2);
	remove(&s, 2);
	test_list_put(&s, 5, true);
	EXPECT_EQ(t, ouro_list_iter_remove(&iter), -ENOENT);
	EXPECT_LIST(&s, 0, 1, 3, 4, 5);
	test_list_put_before(&s, &iter, 20);
	EXPECT_LIST(&s, 0, 1, 20, 3, 4, 5);
	EXPECT_EQ(t, test_list_step(&s, &iter), 3);
	ouro_list_iter_end(&iter);
	test_list_close(&s);
}

/* ---- against a model ---- */

#define MODEL_MOST	100	/* elements */
#define MODEL_ITERS	2

/* What the list should be: @next of an iterator is what it will return. */
static struct model {
	u64 number[MODEL_MOST + 1];
	unsigned int count;
	u64 fresh;
	struct {
		struct ouro_list_iter iter;
		unsigned int next;
		bool at;	/* the one before @next is that returned last */
	} it[MODEL_ITERS];
} model;

static void model_insert(unsigned int index, u64 number)
{
	int i;

	memmove(&model.number[index + 1], &model.number[index],
		(model.count++ - index) * sizeof(number));
	model.number[index] = number;
	for (i = 0; i < MODEL_ITERS; i++)
		if (index < model.it[i].next)
			model.it[i].next++;
}

static void model_remove(unsigned int index)
{
	int i;

	memmove(&model.number[index], &model.number[index + 1],
		(--model.count - index) * sizeof(model.number[0]));
	for (i = 0; i < MODEL_ITERS; i++) {
		if (index >= model.it[i].next)
			continue;
		if (index == --model.it[i].next)
			model.it[i].at = false;
	}
}

static void model_at_ends(struct test_list *s, u32 r)
{
	bool tail = r & 1;
	u64 want = END;

	if (r & 2 && model.count < MODEL_MOST) {
		test_list_put(s, model.fresh, tail);
		model_insert(tail ? model.count : 0, model.fresh++);
		return;
	}
	if (model.count) {
		want = model.number[tail ? model.count - 1 : 0];
		model_remove(tail ? model.count - 1 : 0);
	}
	EXPECT_EQ(s->t, test_list_number(s, tail ? ouro_list_pop_tail(s->list) :
					    ouro_list_pop(s->list)), want);
}

static void model_step(struct test_list *s, int i)
{
	u64 want = END;

	if (model.it[i].next < model.count) {
		want = model.number[model.it[i].next++];
		model.it[i].at = true;
	}
	EXPECT_EQ(s->t, test_list_step(s, &model.it[i].iter), want);
}

static void model_at_iterator(struct test_list *s, int i, bool add)
{
	unsigned int next = model.it[i].next;
	bool at = model.it[i].at;

	if (!add) {
		EXPECT_EQ(s->t, ouro_list_iter_remove(&model.it[i].iter),
			  at ? 0 : -ENOENT);
		if (at)
			model_remove(next - 1);
	} else if (model.count < MODEL_MOST) {
		test_list_put_before(s, &model.it[i].iter, model.fresh);
		model_insert(at ? next - 1 : next, model.fresh++);
		if (!at)
			model.it[i].next++;
	}
}

static void model_again(struct test_list *s, int i)
{
	ouro_list_iter_end(&model.it[i].iter);
	ouro_list_iter_begin(&model.it[i].iter, s->list);
	model.it[i].next = 0;
	model.it[i].at = false;
}

static void model_act(struct test_list *s, u32 r)
{
	int i = r / 64 % MODEL_ITERS;

	switch (r % 64) {
	case 0 ... 19:
		model_at_ends(s, r / 128);
		break;
	case 20 ... 39:
		model_step(s, i);
		break;
	case 40 ... 50:
		model_at_iterator(s, i, true);
		break;
	case 51 ... 60:
		model_at_iterator(s, i, false);
		break;
	case 61 ... 62:
		model_again(s, i);
		break;
	default:
		if (r / 128 % 8)
			break;
		ouro_list_clear(s->list);
		while (model.count)
			model_remove(model.count - 1);
	}
}

static void random(struct ouro_test *t)
{
	int i, ops = TEST_MANY(50000, 5000);
	u32 state = 4711;
	struct test_list s;

	if (!test_list_open(&s, t))
		return;
	memset(&model, 0, sizeof(model));
	for (i = 0; i < MODEL_ITERS; i++)
		ouro_list_iter_begin(&model.it[i].iter, s.list);
	for (i = 0; i < ops && !atomic_read(&t->failures); i++) {
		model_act(&s, test_random(&state));
		model.number[model.count] = END;
		if (!(i % 16))
			test_list_expect(&s, model.number, "random");
		cond_resched();
	}
	test_note(t, "%d operations, %llu elements", i, model.fresh);
	for (i = 0; i < MODEL_ITERS; i++)
		ouro_list_iter_end(&model.it[i].iter);
	test_list_close(&s);
}

static void foreign(struct ouro_test *t)
{
	struct ouro_heap *other = test_heap(t);
	struct ouro_list_iter iter;
	struct ouro_object *objects[2];
	struct test_item *item;
	struct ouro_kind *kind;
	struct test_list s;

	kind = test_item_kind(t, other);
	item = kind ? test_item_new(t, kind, 1) : NULL;
	if (!item || !test_list_open(&s, t))
		return;
	test_list_put(&s, 0, true);
	stand_on(&s, &iter, 0);
	objects[0] = ouro_list_pop(s.list);
	objects[1] = &item->object;
	EXPECT_EQ(t, ouro_list_add(s.list, objects[1], GFP_KERNEL), -EXDEV);
	EXPECT_EQ(t, ouro_list_add_tail(s.list, objects[1], GFP_KERNEL), -EXDEV);
	EXPECT_EQ(t, ouro_list_iter_add_before(&iter, objects[1], GFP_KERNEL),
		  -EXDEV);
	EXPECT_EQ(t, ouro_list_fill(s.list, objects, 2, GFP_KERNEL), -EXDEV);
	objects[1] = NULL;
	EXPECT_EQ(t, ouro_list_add(s.list, NULL, GFP_KERNEL), -EINVAL);
	EXPECT_EQ(t, ouro_list_add_tail(s.list, NULL, GFP_KERNEL), -EINVAL);
	EXPECT_EQ(t, ouro_list_iter_add_before(&iter, NULL, GFP_KERNEL), -EINVAL);
	EXPECT_EQ(t, ouro_list_fill(s.list, objects, 2, GFP_KERNEL), -EINVAL);
	EXPECT_EQ(t, ouro_list_reserve(s.list, OURO_LIST_MAX + 1,
				       GFP_KERNEL | __GFP_NOWARN), -ENOMEM);
	ouro_list_iter_end(&iter);
	EXPECT_EMPTY(&s);
	EXPECT_EQ(t, ouro_refcount(objects[0]), 1);
	EXPECT_EQ(t, ouro_refcount(&item->object), 1);
	EXPECT(t, !ouro_list_of(objects[0]));
	EXPECT(t, !ouro_list_of(NULL));
	ouro_put(objects[0]);
	ouro_put(&item->object);
	test_heap_settle(t, other, 0);
	test_heap_close(t, other);
	test_list_close(&s);
}

static const struct ouro_case list_cases[] = {
	EACH_KIND(ends),
	EACH_KIND(at_iterator),
	EACH_KIND(disturbed),
	{ "removed_before", removed_before },
	EACH_KIND(random),
	{ "foreign", foreign },
};

OURO_SUITE("list", list_cases);
