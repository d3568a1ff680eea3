// SPDX-License-Identifier: GPL-2.0
/* Heaps of a case: opened under a name of their own, checked when closed. */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include "ouro_test.h"

static atomic_t heap_number;

static void heap_watch(struct ouro_test *t, struct ouro_heap *heap)
{
	int i;

	for (i = 0; i < OURO_TEST_HEAPS; i++) {
		if (!t->heaps[i]) {
			t->heaps[i] = heap;
			return;
		}
	}
	test_fail(t, __FILE__, __LINE__, "too many heaps open");
}

static void heap_unwatch(struct ouro_test *t, struct ouro_heap *heap)
{
	int i;

	for (i = 0; i < OURO_TEST_HEAPS; i++)
		if (t->heaps[i] == heap)
			t->heaps[i] = NULL;
}

/* The name in @attr may be NULL.  A heap, or NULL with the failure noted. */
struct ouro_heap *test_heap_attr(struct ouro_test *t,
				 struct ouro_heap_attr *attr)
{
	struct ouro_heap *heap;
	char name[OURO_NAME_MAX];

	if (!attr->name) {
		snprintf(name, sizeof(name), "test-%d",
			 atomic_inc_return(&heap_number));
		attr->name = name;
	}
	heap = ouro_heap_create_attr(attr);
	if (IS_ERR(heap)) {
		test_fail(t, __FILE__, __LINE__, "heap %s: error %ld",
			  attr->name, PTR_ERR(heap));
		return NULL;
	}
	heap_watch(t, heap);
	return heap;
}
EXPORT_SYMBOL_GPL(test_heap_attr);

struct ouro_heap *test_heap_flags(struct ouro_test *t, unsigned int flags)
{
	struct ouro_heap_attr attr = { .flags = flags, .node = NUMA_NO_NODE };

	return test_heap_attr(t, &attr);
}
EXPORT_SYMBOL_GPL(test_heap_flags);

/* A heap with the flags of the case. */
struct ouro_heap *test_heap(struct ouro_test *t)
{
	return test_heap_flags(t, t->c->flags);
}
EXPORT_SYMBOL_GPL(test_heap);

/* The identities of the counters while nobody uses the heap. */
void test_heap_check(struct ouro_test *t, struct ouro_heap *heap,
		     unsigned long live)
{
	struct ouro_heap_stat s;

	ouro_heap_stat(heap, &s);
	EXPECT_EQ(t, s.live, live);
	EXPECT_EQ(t, s.allocs - s.frees, s.live);
	EXPECT_LE(t, s.live_bytes, s.held);
	EXPECT_GE(t, s.live_bytes, s.live);
	EXPECT_GE(t, s.peak, s.held);
	EXPECT_EQ(t, s.held % PAGE_SIZE, 0);
	EXPECT_LE(t, s.large, s.live);
	EXPECT_GE(t, s.failed, s.limit_hits);
	EXPECT_EQ(t, s.limit, ouro_heap_limit(heap));
	EXPECT(t, !s.limit || s.held <= s.limit);
	EXPECT(t, !s.live || s.held);
	EXPECT_GE(t, (long)s.cached, 0);
	EXPECT_GE(t, (long)s.metadata, 0);
}
EXPORT_SYMBOL_GPL(test_heap_check);

/* What an interrupt freed may be on its way to a worker: wait for that. */
void test_heap_settle(struct ouro_test *t, struct ouro_heap *heap,
		      unsigned long live)
{
	struct ouro_heap_stat s;
	int i;

	for (i = 0; i < 1000; i++) {
		ouro_heap_stat(heap, &s);
		if (s.live == live)
			break;
		usleep_range(1000, 2000);
	}
	test_heap_check(t, heap, live);
}
EXPORT_SYMBOL_GPL(test_heap_settle);

/* Destroy a heap in which @live blocks are known to be left. */
void test_heap_abandon(struct ouro_test *t, struct ouro_heap *heap,
		       unsigned long live)
{
	test_heap_check(t, heap, live);
	heap_unwatch(t, heap);
	EXPECT_EQ(t, ouro_heap_destroy(heap), live);
}
EXPORT_SYMBOL_GPL(test_heap_abandon);

/* Destroy a heap from which everything came back and nothing was misused. */
void test_heap_close(struct ouro_test *t, struct ouro_heap *heap)
{
	EXPECT_EQ(t, test_heap_misuse(heap), 0);
	ouro_heap_trim(heap);
	test_heap_abandon(t, heap, 0);
}
EXPORT_SYMBOL_GPL(test_heap_close);

/* As test_heap_close() for a heap whose reserve is still there, and whole. */
void test_heap_close_reserve(struct ouro_test *t, struct ouro_heap *heap)
{
	EXPECT_EQ(t, test_heap_misuse(heap), 0);
	heap_unwatch(t, heap);
	EXPECT_EQ(t, ouro_heap_destroy(heap), 0);
}
EXPORT_SYMBOL_GPL(test_heap_close_reserve);

unsigned long test_heap_misuse(struct ouro_heap *heap)
{
	struct ouro_heap_stat s;

	ouro_heap_stat(heap, &s);
	return s.misuse;
}
EXPORT_SYMBOL_GPL(test_heap_misuse);

/* Destroy the heap of a module that went without doing it; NULL: now. */
void test_adopt(struct ouro_heap *heap)
{
	static struct ouro_heap *orphan;

	ouro_heap_destroy(xchg(&orphan, heap));
}
EXPORT_SYMBOL_GPL(test_adopt);

/* Of the whole machine; other things move it too. */
long test_free_pages(void)
{
	struct sysinfo info;

	si_meminfo(&info);
	return info.freeram;
}
EXPORT_SYMBOL_GPL(test_free_pages);
