// SPDX-License-Identifier: GPL-2.0
/* Reserves: N blocks that are there when nothing else is. */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/sched.h>
#include <ouro/reserve.h>
#include "ouro_test.h"

#define RESERVE_COUNT	150	/* more than two words of bits */
#define RESERVE_SIZE	200	/* bytes */

static void *blocks[RESERVE_COUNT];

static struct ouro_reserve *reserve_open(struct ouro_test *t,
					 struct ouro_heap *heap)
{
	struct ouro_reserve *reserve;

	reserve = ouro_reserve_create(heap, RESERVE_SIZE, RESERVE_COUNT,
				      GFP_KERNEL);
	return EXPECT(t, !IS_ERR(reserve)) ? reserve : NULL;
}

static void drain(struct ouro_test *t, struct ouro_reserve *reserve)
{
	int i;

	for (i = 0; i < RESERVE_COUNT; i++) {
		blocks[i] = ouro_reserve_alloc(reserve);
		if (EXPECT_MSG(t, blocks[i], "block %d", i))
			test_fill(blocks[i], RESERVE_SIZE, i);
	}
	EXPECT_EQ(t, ouro_reserve_outstanding(reserve), RESERVE_COUNT);
	EXPECT(t, !ouro_reserve_alloc(reserve));
}

static void refill(struct ouro_test *t, struct ouro_reserve *reserve)
{
	int i;

	for (i = 0; i < RESERVE_COUNT; i++) {
		if (!blocks[i])
			continue;
		EXPECT(t, test_filled(blocks[i], RESERVE_SIZE, i));
		EXPECT_EQ(t, ouro_reserve_free(reserve, blocks[i]), 0);
	}
	EXPECT_EQ(t, ouro_reserve_outstanding(reserve), 0);
}

static void all_of_it(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_reserve *reserve;
	int i;

	if (!heap)
		return;
	reserve = reserve_open(t, heap);
	if (!reserve)
		return;
	for (i = 0; i < 3; i++) {
		drain(t, reserve);
		refill(t, reserve);
	}
	EXPECT_EQ(t, ouro_reserve_free(reserve, NULL), 0);
	EXPECT_EQ(t, ouro_reserve_destroy(reserve), 0);
	EXPECT_EQ(t, ouro_reserve_destroy(NULL), 0);
	test_heap_close(t, heap);
}

/* The heap is at its limit, and still the reserve gives. */
static void at_limit(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_reserve *reserve;
	void **ptr, *chain = NULL;

	if (!heap)
		return;
	EXPECT_EQ(t, ouro_heap_set_limit(heap, SZ_256K), 0);
	reserve = reserve_open(t, heap);
	if (!reserve)
		return;
	while ((ptr = ouro_alloc(heap, RESERVE_SIZE, GFP_KERNEL))) {
		*ptr = chain;
		chain = ptr;
	}
	drain(t, reserve);
	refill(t, reserve);
	while (chain) {
		ptr = chain;
		chain = *ptr;
		ouro_free(ptr);
	}
	EXPECT_EQ(t, ouro_reserve_destroy(reserve), 0);
	test_heap_close(t, heap);
}

static void leaked(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_reserve *reserve;
	struct test_log log;
	void *a, *b;

	if (!heap)
		return;
	reserve = reserve_open(t, heap);
	if (!reserve)
		return;
	a = ouro_reserve_alloc(reserve);
	b = ouro_reserve_alloc(reserve);
	test_log_mark(&log);
	EXPECT_EQ(t, ouro_reserve_destroy(reserve), 2);
	EXPECT_EQ(t, test_log_count(&log, ""), 1);
	EXPECT_EQ(t, test_log_count(&log, "with 2 outstanding"), 1);
	/* They are ordinary blocks from now on. */
	test_heap_check(t, heap, 2);
	memset(a, 1, RESERVE_SIZE);
	ouro_free(a);
	ouro_free(b);
	test_heap_close(t, heap);
}

static void misused(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_reserve *reserve, *other;
	struct test_log log;
	char *block, *plain;

	if (!heap)
		return;
	reserve = reserve_open(t, heap);
	other = reserve_open(t, heap);
	if (!reserve || !other)
		return;
	block = ouro_reserve_alloc(reserve);
	plain = ouro_alloc(heap, RESERVE_SIZE, GFP_KERNEL);
	test_log_mark(&log);
	EXPECT_EQ(t, ouro_reserve_free(reserve, plain), -EINVAL);
	EXPECT_EQ(t, ouro_reserve_free(reserve, block + 8), -EINVAL);
	EXPECT_EQ(t, ouro_reserve_free(other, block), -EINVAL);
	EXPECT_EQ(t, ouro_reserve_free(reserve, &log), -EINVAL);
	EXPECT_EQ(t, test_log_count(&log, "foreign pointer"), 4);
	EXPECT_EQ(t, ouro_reserve_free(reserve, block), 0);
	EXPECT_EQ(t, ouro_reserve_free(reserve, block), -EALREADY);
	EXPECT_EQ(t, test_log_count(&log, "double free"), 1);
	EXPECT_EQ(t, test_log_count(&log, ""), 5);
	EXPECT_EQ(t, test_heap_misuse(heap), 5);
	ouro_free(plain);
	drain(t, reserve);
	refill(t, reserve);
	EXPECT_EQ(t, ouro_reserve_destroy(reserve), 0);
	EXPECT_EQ(t, ouro_reserve_destroy(other), 0);
	test_heap_abandon(t, heap, 0);
}

static void refused(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);

	if (!heap)
		return;
	EXPECT_EQ(t, PTR_ERR_OR_ZERO(ouro_reserve_create(heap, 0, 5,
							 GFP_KERNEL)),
		  -EINVAL);
	EXPECT_EQ(t, PTR_ERR_OR_ZERO(ouro_reserve_create(heap, 64, 0,
							 GFP_KERNEL)),
		  -EINVAL);
	EXPECT_EQ(t, PTR_ERR_OR_ZERO(ouro_reserve_create(heap, 64, UINT_MAX,
							 GFP_KERNEL)),
		  -EINVAL);
	EXPECT_EQ(t, ouro_heap_set_limit(heap, SZ_128K), 0);
	EXPECT_EQ(t, PTR_ERR_OR_ZERO(ouro_reserve_create(heap, 4096, 1000,
							 GFP_KERNEL)),
		  -ENOMEM);
	test_heap_check(t, heap, 0);
	EXPECT(t, !ouro_heap_reserve(heap));
	test_heap_close(t, heap);
}

static void of_heap(struct ouro_test *t)
{
	struct ouro_heap_attr attr = { .flags = t->c->flags,
		.node = NUMA_NO_NODE, .reserve_size = RESERVE_SIZE,
		.reserve_count = RESERVE_COUNT };
	struct ouro_heap *heap;
	struct ouro_reserve *reserve;

	attr.name = "too-small";
	attr.limit = PAGE_SIZE;
	EXPECT_EQ(t, PTR_ERR_OR_ZERO(ouro_heap_create_attr(&attr)), -ENOMEM);
	attr.limit = 0;
	heap = test_heap_attr(t, &attr);
	if (!heap)
		return;
	reserve = ouro_heap_reserve(heap);
	if (!EXPECT(t, reserve))
		return;
	drain(t, reserve);
	refill(t, reserve);
	test_heap_check(t, heap, RESERVE_COUNT);
	test_heap_close_reserve(t, heap);
}

/* Every context that exists takes and gives while a task does. */
static void in_context(void *arg)
{
	struct ouro_reserve *reserve = arg;
	void *ptr = ouro_reserve_alloc(reserve);

	if (ptr) {
		memset(ptr, 1, RESERVE_SIZE);
		ouro_reserve_free(reserve, ptr);
	} else {
		pr_err("# ouro_test: a reserve gave nothing\n");
	}
}

static void contexts(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_reserve *reserve;
	struct ouro_heap_stat s;
	int i, ret;

	if (!heap)
		return;
	reserve = reserve_open(t, heap);
	if (!reserve)
		return;
	for (i = 0; i < TEST_CONTEXTS; i++) {
		if (!test_context_exists(i))
			continue;
		ret = test_context_run(i, in_context, reserve);
		EXPECT_MSG(t, !ret, "%s: %d", test_context_name(i), ret);
	}
	ouro_heap_stat(heap, &s);
	EXPECT_EQ(t, s.failed, 0);
	EXPECT_EQ(t, ouro_reserve_destroy(reserve), 0);
	test_heap_close(t, heap);
}

struct taker {
	struct completion done;
	struct ouro_reserve *reserve;
	struct ouro_test *t;
	int id;
};

/* Each holds a quarter at most, so none may ever go without. */
static int taker_thread(void *data)
{
	void *mine[RESERVE_COUNT / 4];
	struct taker *taker = data;
	int i, round;

	for (round = 0; round < 300 && !test_expired(taker->t); round++) {
		for (i = 0; i < ARRAY_SIZE(mine); i++) {
			mine[i] = ouro_reserve_alloc(taker->reserve);
			if (EXPECT(taker->t, mine[i]))
				test_fill(mine[i], RESERVE_SIZE, taker->id);
		}
		for (i = 0; i < ARRAY_SIZE(mine); i++) {
			if (mine[i])
				EXPECT(taker->t,
				       test_filled(mine[i], RESERVE_SIZE,
						   taker->id));
			ouro_reserve_free(taker->reserve, mine[i]);
		}
		cond_resched();
	}
	/* Whoever waits may unload this module. */
	kthread_complete_and_exit(&taker->done, 0);
}

static void takers(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	static struct taker taker[4];
	struct task_struct *task;
	struct ouro_reserve *reserve;
	int i;

	if (!heap)
		return;
	reserve = reserve_open(t, heap);
	if (!reserve)
		return;
	for (i = 0; i < ARRAY_SIZE(taker); i++) {
		taker[i] = (struct taker){ .reserve = reserve, .t = t,
					   .id = i };
		init_completion(&taker[i].done);
		task = kthread_run(taker_thread, &taker[i], "ouro_take/%d", i);
		if (!EXPECT(t, !IS_ERR(task)))
			complete(&taker[i].done);
	}
	for (i = 0; i < ARRAY_SIZE(taker); i++)
		wait_for_completion(&taker[i].done);
	EXPECT_EQ(t, ouro_reserve_outstanding(reserve), 0);
	EXPECT_EQ(t, ouro_reserve_destroy(reserve), 0);
	test_heap_close(t, heap);
}

static const struct ouro_case reserve_cases[] = {
	EACH_KIND(all_of_it),
	EACH_KIND(at_limit),
	{ "leaked", leaked },
	{ "misused", misused },
	{ "refused", refused },
	EACH_KIND(of_heap),
	{ "contexts", contexts },
	{ "takers", takers },
};

OURO_SUITE("reserve", reserve_cases);
