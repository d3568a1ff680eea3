// SPDX-License-Identifier: GPL-2.0
/* Contexts: blocks made in one and freed in another. */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/sched.h>
#include "ouro_test.h"

static const size_t sizes[] = { 8, 16, 64, 64, 200, 500, 2048, 4096, 8192,
				12000, 40000 };
#define SIZES	ARRAY_SIZE(sizes)

/* What one visit to a context does; cases run one at a time. */
static struct visit {
	struct ouro_test *t;
	struct ouro_heap *heap;
	enum test_context context;
	gfp_t gfp;
	void *given[SIZES];	/* made by the task, freed there */
	void *taken[SIZES];	/* made there, freed by the task */
	unsigned int none;	/* allocations there that gave nothing */
} visit;

static void *make(struct visit *v, int i, gfp_t gfp)
{
	void *ptr = ouro_alloc(v->heap, sizes[i], gfp);

	if (ptr)
		test_fill(ptr, sizes[i], i);
	else
		v->none++;
	return ptr;
}

static void unmake(struct visit *v, void *ptr, int i)
{
	if (!ptr)
		return;
	EXPECT_MSG(v->t, test_filled(ptr, sizes[i], i), "%s, size %zu",
		   test_context_name(v->context), sizes[i]);
	EXPECT(v->t, ouro_owns(v->heap, ptr));
	EXPECT_GE(v->t, ouro_block_size(ptr), sizes[i]);
	if (i & 1)
		ouro_free_sized(v->heap, ptr, sizes[i]);
	else
		ouro_free(ptr);
}

static void there(void *arg)
{
	struct visit *v = arg;
	int i;

	for (i = 0; i < SIZES; i++) {
		unmake(v, v->given[i], i);
		v->taken[i] = make(v, i, v->gfp);
		unmake(v, make(v, i, v->gfp), i);
	}
}

static void visit_once(struct visit *v)
{
	struct ouro_test *t = v->t;
	int i, ret;

	v->none = 0;
	for (i = 0; i < SIZES; i++)
		v->given[i] = make(v, i, GFP_KERNEL);
	EXPECT_EQ(t, v->none, 0);
	ret = test_context_run(v->context, there, v);
	EXPECT_MSG(t, !ret, "%s: %d", test_context_name(v->context), ret);
	if (!test_context_may_fail(v->context))
		EXPECT_EQ(t, v->none, 0);
	for (i = 0; i < SIZES; i++) {
		unmake(v, v->taken[i], i);
		v->taken[i] = NULL;
	}
}

static void visit_all(struct ouro_test *t, enum test_context context)
{
	static const gfp_t gfp[] = { GFP_ATOMIC, GFP_NOWAIT,
				     GFP_ATOMIC | __GFP_ZERO | __GFP_NOWARN };
	struct ouro_heap *heap;
	int i;

	if (!test_context_exists(context)) {
		SKIP(t, "no %s on this kernel", test_context_name(context));
		return;
	}
	heap = test_heap(t);
	if (!heap)
		return;
	for (i = 0; i < 12; i++) {
		visit = (struct visit){ .t = t, .heap = heap,
					.context = context, .gfp = gfp[i % 3] };
		visit_once(&visit);
	}
	test_heap_settle(t, heap, 0);
	test_heap_close(t, heap);
}

#define VISIT(name, context)						\
static void name(struct ouro_test *t)					\
{									\
	visit_all(t, context);						\
}

VISIT(task, TEST_TASK)
VISIT(preempt_off, TEST_PREEMPT_OFF)
VISIT(irq_off, TEST_IRQ_OFF)
VISIT(softirq, TEST_SOFTIRQ)
VISIT(irq_work, TEST_IRQ_WORK)
VISIT(hrtimer, TEST_HRTIMER)
VISIT(ipi, TEST_IPI)
VISIT(nmi, TEST_NMI)

/* The first allocation of a heap is not one that may sleep. */
static void first(void *arg)
{
	struct visit *v = arg;

	v->taken[0] = make(v, 2, GFP_ATOMIC);
}

static void virgin(struct ouro_test *t)
{
	struct ouro_heap *heap;
	int i;

	for (i = 0; i < TEST_CONTEXTS; i++) {
		if (!test_context_exists(i))
			continue;
		heap = test_heap(t);
		if (!heap)
			return;
		visit = (struct visit){ .t = t, .heap = heap, .context = i };
		EXPECT_EQ(t, test_context_run(i, first, &visit), 0);
		if (!test_context_may_fail(i))
			EXPECT_MSG(t, visit.taken[0], "%s",
				   test_context_name(i));
		unmake(&visit, visit.taken[0], 2);
		test_heap_close(t, heap);
	}
}

static void bulk_there(void *arg)
{
	struct visit *v = arg;
	int i;

	if (ouro_alloc_bulk(v->heap, 64, GFP_ATOMIC, SIZES, v->taken)) {
		v->none++;
		return;
	}
	for (i = 0; i < SIZES; i++)
		test_fill(v->taken[i], 64, i);
	for (i = 0; i < SIZES; i++)
		EXPECT(v->t, test_filled(v->taken[i], 64, i));
	ouro_free_bulk(SIZES, v->taken);
}

static void bulk(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	int i;

	if (!heap)
		return;
	for (i = 0; i < TEST_CONTEXTS; i++) {
		if (!test_context_exists(i))
			continue;
		visit = (struct visit){ .t = t, .heap = heap, .context = i };
		EXPECT_EQ(t, test_context_run(i, bulk_there, &visit), 0);
		if (!test_context_may_fail(i))
			EXPECT_EQ(t, visit.none, 0);
	}
	test_heap_settle(t, heap, 0);
	test_heap_close(t, heap);
}

/* Readings and limits from where nothing may sleep. */
static void look(void *arg)
{
	struct visit *v = arg;
	struct ouro_heap_stat s;

	ouro_heap_stat(v->heap, &s);
	if (s.live != 1 || ouro_heap_limit(v->heap))
		v->none++;
}

static void stat(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	void *ptr;
	int i;

	if (!heap)
		return;
	ptr = ouro_alloc(heap, 64, GFP_KERNEL);
	for (i = 0; i < TEST_NMI; i++) {
		if (IS_ENABLED(CONFIG_PREEMPT_RT) && test_context_may_fail(i))
			continue;
		visit = (struct visit){ .t = t, .heap = heap, .context = i };
		EXPECT_EQ(t, test_context_run(i, look, &visit), 0);
		EXPECT_MSG(t, !visit.none, "%s", test_context_name(i));
	}
	ouro_free(ptr);
	test_heap_close(t, heap);
}

static const struct ouro_case context_cases[] = {
	EACH_KIND_OF_BLOCKS(task),
	EACH_KIND_OF_BLOCKS(preempt_off),
	EACH_KIND_OF_BLOCKS(irq_off),
	EACH_KIND_OF_BLOCKS(softirq),
	EACH_KIND_OF_BLOCKS(irq_work),
	EACH_KIND_OF_BLOCKS(hrtimer),
	EACH_KIND_OF_BLOCKS(ipi),
	EACH_KIND_OF_BLOCKS(nmi),
	EACH_KIND_OF_BLOCKS(virgin),
	EACH_KIND_OF_BLOCKS(bulk),
	{ "stat", stat },
};

OURO_SUITE("context", context_cases);
