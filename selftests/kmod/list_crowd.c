// SPDX-License-Identifier: GPL-2.0
/* Lists: many who change one, in all contexts, and a million elements. */
#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/string.h>
#include "test_list.h"

#define END	TEST_LIST_END

#define STAYING	64	/* numbers below are in the list throughout, in order */
#define COMING	200	/* others that there may be */

static struct crowd {
	struct test_list s;
	atomic64_t number;
	unsigned long passes;
	unsigned long others;	/* seen by the one who looks */
} crowd;

/* Somewhere in the list one is added, and from there on some are removed. */
static void change_inside(u32 *random)
{
	u32 r = test_random(random);
	struct ouro_list_iter iter;
	unsigned int steps = r % 64;
	u64 number = END;

	ouro_list_iter_begin(&iter, crowd.s.list);
	while (steps--)
		number = test_list_step(&crowd.s, &iter);
	if (r & 64 && ouro_list_length(crowd.s.list) < STAYING + COMING)
		test_list_put_before(&crowd.s, &iter,
				     atomic64_inc_return(&crowd.number));
	while (number != END) {
		/* Others may be quicker: -ENOENT. */
		if (number >= STAYING && test_random(random) & 1)
			ouro_list_iter_remove(&iter);
		number = test_list_step(&crowd.s, &iter);
	}
	ouro_list_iter_end(&iter);
}

static void change(unsigned int who, u32 *random)
{
	u32 r = test_random(random);

	if (ouro_list_length(crowd.s.list) < STAYING + COMING)
		test_list_put(&crowd.s, atomic64_inc_return(&crowd.number),
			      r & 1);
	if (!(r & 14))
		change_inside(random);
}

static void look(unsigned int who, u32 *random)
{
	struct ouro_test *t = crowd.s.t;
	struct ouro_list_iter iter;
	u64 number, next = 0;

	ouro_list_iter_begin(&iter, crowd.s.list);
	while ((number = test_list_step(&crowd.s, &iter)) != END) {
		if (number >= STAYING)
			crowd.others++;
		else if (EXPECT_EQ(t, number, next))
			next++;
	}
	ouro_list_iter_end(&iter);
	EXPECT_EQ(t, next, STAYING);
	crowd.passes++;
}

static void concurrent(struct ouro_test *t)
{
	int i;

	memset(&crowd, 0, sizeof(crowd));
	if (!test_list_open(&crowd.s, t))
		return;
	atomic64_set(&crowd.number, STAYING);
	for (i = 0; i < STAYING; i++)
		test_list_put(&crowd.s, i, true);
	test_crowd(t, change, look, 2);
	look(0, NULL);
	EXPECT_GE(t, crowd.passes, 2);
	EXPECT_GE(t, crowd.others, 1);
	test_note(t, "%lld added, %lu passes, %lu of the others seen",
		  atomic64_read(&crowd.number) - STAYING, crowd.passes,
		  crowd.others);
	test_list_close(&crowd.s);
}

/* ---- all fill one list, and one empties it ---- */

#define FILLERS		8	/* as many as a crowd has */
#define FILLED_MOST	TEST_MANY(300000, 20000)

static u64 filled[FILLERS];	/* by each */

/* Its elements have its number and, below, a count. */
static void fill_some(unsigned int who, u32 *random)
{
	struct ouro_object *bulk[50];
	struct test_item *item;
	int n = 1 + test_random(random) % ARRAY_SIZE(bulk), i;

	if (ouro_list_length(crowd.s.list) > FILLED_MOST)
		return;
	for (i = 0; i < n; i++) {
		item = test_item_new(crowd.s.t, crowd.s.kind,
				     (u64)who << 32 | filled[who]++);
		if (!item)
			return;
		bulk[i] = &item->object;
	}
	EXPECT_EQ(crowd.s.t, ouro_list_fill(crowd.s.list, bulk, n, GFP_KERNEL),
		  n);
	while (n--)
		ouro_put(bulk[n]);
}

/* However they were mixed, those of each are in their order. */
static void together(struct ouro_test *t)
{
	u64 seen[FILLERS] = { }, number, all = 0;
	struct ouro_list_iter iter;
	unsigned int who;

	memset(&crowd, 0, sizeof(crowd));
	memset(filled, 0, sizeof(filled));
	if (!test_list_open(&crowd.s, t))
		return;
	test_crowd(t, fill_some, fill_some, 2);
	ouro_list_iter_begin(&iter, crowd.s.list);
	while ((number = test_list_step(&crowd.s, &iter)) != END) {
		who = number >> 32;
		if (!EXPECT_LE(t, who, FILLERS - 1))
			break;
		EXPECT_EQ(t, (u32)number, seen[who]++);
		if (!(++all % 1024))
			cond_resched();
	}
	ouro_list_iter_end(&iter);
	for (who = 0; who < FILLERS; who++)
		EXPECT_EQ(t, seen[who], filled[who]);
	EXPECT_EQ(t, ouro_list_length(crowd.s.list), all);
	test_note(t, "%llu elements", all);
	test_list_close(&crowd.s);
}

/* ---- where lists may be changed ---- */

static void there(void *arg)
{
	struct test_list *s = arg;
	struct ouro_object *object = ouro_list_pop_tail(s->list);
	gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN;
	struct ouro_list_iter iter;
	int i;

	if (!EXPECT(s->t, object))
		return;
	/* Among these, some that let it grow. */
	for (i = 0; i < 100; i++) {
		EXPECT_EQ(s->t, ouro_list_add(s->list, object, gfp), 0);
		EXPECT_EQ(s->t, ouro_list_add_tail(s->list, object, gfp), 0);
	}
	ouro_list_iter_begin(&iter, s->list);
	EXPECT_EQ(s->t, test_list_step(s, &iter), 1);
	EXPECT_EQ(s->t, ouro_list_iter_add_before(&iter, object, gfp), 0);
	EXPECT_EQ(s->t, ouro_list_iter_remove(&iter), 0);
	ouro_list_iter_end(&iter);
	for (i = 0; i < 99; i++) {
		ouro_put(ouro_list_pop(s->list));
		ouro_put(ouro_list_pop_tail(s->list));
	}
	ouro_put(object);
}

static void contexts(struct ouro_test *t)
{
	enum test_context context;
	struct test_list s;
	int ret;

	for (context = 0; context < TEST_CONTEXTS; context++) {
		/* Not where nothing may be locked. */
		if (test_context_may_fail(context) ||
		    !test_context_exists(context))
			continue;
		if (!test_list_open(&s, t))
			return;
		test_list_put(&s, 0, true);
		test_list_put(&s, 1, true);
		ret = test_context_run(context, there, &s);
		EXPECT_MSG(t, !ret, "%s: %d", test_context_name(context), ret);
		test_list_expect(&s, (const u64[]){ 1, 0, 1, END },
				 test_context_name(context));
		ouro_list_clear(s.list);
		test_list_close(&s);
	}
}

/* ---- a million elements ---- */

static bool fill_up(struct test_list *s, u64 count)
{
	struct ouro_object *bulk[100];
	struct test_item *item;
	u64 done;
	int n;

	for (done = 0; done < count; done += n) {
		for (n = 0; n < ARRAY_SIZE(bulk); n++) {
			item = test_item_new(s->t, s->kind, done + n);
			if (!item)
				return false;
			bulk[n] = &item->object;
		}
		EXPECT_EQ(s->t, ouro_list_fill(s->list, bulk, n, GFP_KERNEL), n);
		while (n--)
			ouro_put(bulk[n]);
		n = ARRAY_SIZE(bulk);
		cond_resched();
	}
	return true;
}

/* Filled in bulk, visited, thinned out, and dropped with the list. */
static void million(struct ouro_test *t)
{
	u64 count = TEST_MANY(1000000, 20000), next = 0;
	struct ouro_list_iter iter;
	struct test_list s;

	if (!test_list_open(&s, t) || !fill_up(&s, count))
		return;
	EXPECT_EQ(t, ouro_list_length(s.list), count);
	ouro_list_iter_begin(&iter, s.list);
	while (test_list_step(&s, &iter) == next) {
		if (next++ % 4 == 3)
			EXPECT_EQ(t, ouro_list_iter_remove(&iter), 0);
		if (!(next % 1024))
			cond_resched();
	}
	ouro_list_iter_end(&iter);
	EXPECT_EQ(t, next, count);
	EXPECT_EQ(t, ouro_list_length(s.list), count - count / 4);
	EXPECT_EQ(t, atomic_long_read(&test_items_live), count - count / 4);
	test_list_close(&s);
}

static const struct ouro_case crowd_cases[] = {
	EACH_KIND(concurrent),
	EACH_KIND(together),
	{ "contexts", contexts },
	{ "million", million },
};

OURO_SUITE("list_crowd", crowd_cases);
