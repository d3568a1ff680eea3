// SPDX-License-Identifier: GPL-2.0
/* Many heaps at once, and many creators at once. */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include "ouro_test.h"

/* With lockdep ten thousand take minutes; the other kernels have them all. */
#define MANY_FULL	TEST_MANY(10000, 2000)
#define MANY_SHORT	TEST_MANY(1000, 500)

static struct ouro_heap *one(int i, void **block)
{
	struct ouro_heap *heap;
	char name[OURO_NAME_MAX];

	snprintf(name, sizeof(name), "many-%d", i);
	heap = ouro_heap_create(name, 0);
	*block = NULL;
	/* Every tenth is in use. */
	if (!IS_ERR(heap) && i % 10 == 0) {
		*block = ouro_alloc(heap, 64, GFP_KERNEL);
		if (*block)
			test_fill(*block, 64, i);
	}
	return heap;
}

static void heaps(struct ouro_test *t, int count)
{
	struct ouro_heap **heap = kvcalloc(count, sizeof(*heap), GFP_KERNEL);
	void **block = kvcalloc(count, sizeof(*block), GFP_KERNEL);
	ktime_t start = ktime_get();
	long before = test_free_pages(), used;
	s64 made, gone;
	int i, n;

	if (!EXPECT(t, heap && block))
		goto free_arrays;
	for (n = 0; n < count; n++) {
		heap[n] = one(n, &block[n]);
		if (!EXPECT_MSG(t, !IS_ERR(heap[n]), "heap %d: %ld", n,
				PTR_ERR(heap[n])))
			break;
		cond_resched();
	}
	made = ktime_ms_delta(ktime_get(), start);
	used = before - test_free_pages();
	start = ktime_get();
	for (i = 0; i < n; i++) {
		if (i % 10 == 0)
			EXPECT(t, block[i] && test_filled(block[i], 64, i));
		EXPECT_EQ(t, ouro_heap_destroy(heap[i]), block[i] ? 1 : 0);
		cond_resched();
	}
	gone = ktime_ms_delta(ktime_get(), start);
	test_note(t, "%d heaps made in %lld ms, gone in %lld ms, %ld pages", n,
		  made, gone, used);
free_arrays:
	kvfree(block);
	kvfree(heap);
}

static void full(struct ouro_test *t)
{
	heaps(t, MANY_FULL);
}

static void some(struct ouro_test *t)
{
	heaps(t, MANY_SHORT);
}

struct creator {
	struct completion done;
	struct ouro_test *t;
	unsigned int made;
	unsigned int refused;
};

#define CREATED	50	/* heaps, by each creator */

/* All creators want the same few names. */
static int creator_thread(void *data)
{
	struct creator *c = data;
	struct ouro_heap *heap;
	char name[OURO_NAME_MAX];
	void *ptr;
	int i;

	for (i = 0; c->made < CREATED && !test_expired(c->t); i++) {
		snprintf(name, sizeof(name), "shared-%d", i % 3);
		heap = ouro_heap_create(name, 0);
		if (IS_ERR(heap)) {
			EXPECT_EQ(c->t, PTR_ERR(heap), -EEXIST);
			c->refused++;
			/* Each refusal is a line in the log: no spinning. */
			usleep_range(50, 200);
			continue;
		}
		c->made++;
		ptr = ouro_alloc(heap, 100, GFP_KERNEL);
		EXPECT(c->t, ptr);
		cond_resched();
		ouro_free(ptr);
		EXPECT_EQ(c->t, ouro_heap_destroy(heap), 0);
	}
	/* Whoever waits may unload this module. */
	kthread_complete_and_exit(&c->done, 0);
}

static void creators(struct ouro_test *t)
{
	static struct creator creator[4];
	struct task_struct *task;
	unsigned int made = 0, refused = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(creator); i++) {
		creator[i] = (struct creator){ .t = t };
		init_completion(&creator[i].done);
		task = kthread_run(creator_thread, &creator[i],
				   "ouro_create/%d", i);
		if (!EXPECT(t, !IS_ERR(task)))
			complete(&creator[i].done);
	}
	for (i = 0; i < ARRAY_SIZE(creator); i++) {
		wait_for_completion(&creator[i].done);
		made += creator[i].made;
		refused += creator[i].refused;
	}
	EXPECT_EQ(t, made, ARRAY_SIZE(creator) * CREATED);
	test_note(t, "%u made, %u refused", made, refused);
}

static const struct ouro_case many_cases[] = {
	{ "some", some },
	{ "creators", creators },
	{ "full", full, .seconds = 240, .full = true },
};

OURO_SUITE("many", many_cases);
