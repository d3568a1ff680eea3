// SPDX-License-Identifier: GPL-2.0
/* Items and crowds: see test_item.h. */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <ouro/copy.h>
#include "test_item.h"

#define CHECK	0x6f75726f6f75726fULL
#define THREADS	8	/* of a crowd, at most */

atomic_long_t test_items_live;
EXPORT_SYMBOL_GPL(test_items_live);

static void item_release(void *object)
{
	struct test_item *item = object;

	atomic_long_dec(&test_items_live);
	item->check = 0;
}

static int item_copy(void *to, const void *from, size_t size)
{
	atomic_long_inc(&test_items_live);
	return ouro_copy_payload(to, from, size);
}

static const struct ouro_type item_type = {
	OURO_TYPE(struct test_item, object),
	OURO_SLOTS(struct test_item, peer),
	.release = item_release,
	.copy = item_copy,
};

/* NULL with the failure noted, also where @heap is. */
struct ouro_kind *test_item_kind(struct ouro_test *t, struct ouro_heap *heap)
{
	struct ouro_kind *kind;

	if (!heap)
		return NULL;
	kind = ouro_type_register(heap, &item_type);
	return EXPECT(t, !IS_ERR(kind)) ? kind : NULL;
}
EXPORT_SYMBOL_GPL(test_item_kind);

struct test_item *test_item_new(struct ouro_test *t, struct ouro_kind *kind,
				u64 number)
{
	struct test_item *item = ouro_new(kind, GFP_KERNEL);

	if (!EXPECT(t, item))
		return NULL;
	atomic_long_inc(&test_items_live);
	item->number = number;
	item->check = number ^ CHECK;
	return item;
}
EXPORT_SYMBOL_GPL(test_item_new);

/* The caller has a reference. */
bool test_item_check(struct ouro_test *t, struct ouro_object *object)
{
	struct test_item *item = container_of(object, struct test_item, object);

	return EXPECT_MSG(t, item->check == (item->number ^ CHECK),
			  "item %llu", item->number);
}
EXPORT_SYMBOL_GPL(test_item_check);

/* ULLONG_MAX for none. */
u64 test_item_number(struct ouro_test *t, struct ouro_object *object)
{
	if (!object || !test_item_check(t, object))
		return ULLONG_MAX;
	return container_of(object, struct test_item, object)->number;
}
EXPORT_SYMBOL_GPL(test_item_number);

/* Everything has been put: nothing is left, and the heap goes. */
void test_items_end(struct ouro_test *t, struct ouro_heap *heap)
{
	ouro_heap_flush(heap);
	test_heap_settle(t, heap, 0);
	EXPECT_EQ(t, atomic_long_read(&test_items_live), 0);
	atomic_long_set(&test_items_live, 0);
	test_heap_close(t, heap);
}
EXPORT_SYMBOL_GPL(test_items_end);

struct member {
	struct completion done;
	void (*act)(unsigned int who, u32 *random);
	unsigned long end;
	unsigned int who;
	u32 random;
};

static int member_run(void *data)
{
	struct member *m = data;

	while (!time_after(jiffies, m->end)) {
		m->act(m->who, &m->random);
		cond_resched();
	}
	kthread_complete_and_exit(&m->done, 0);
}

/* For that many seconds; in the short set, as with stress, less, if it counts. */
void test_crowd(struct ouro_test *t, void (*change)(unsigned int who, u32 *random),
		void (*look)(unsigned int who, u32 *random),
		unsigned int seconds)
{
	static struct member members[THREADS];
	unsigned int i, n = clamp(num_online_cpus() + 1, 3U, (unsigned int)THREADS);
	unsigned int tenths = TEST_MANY(min(test_stress_seconds(), 10U), 10);
	unsigned long end = jiffies + seconds * tenths * HZ / 10;
	struct task_struct *task;

	for (i = 0; i < n; i++) {
		members[i] = (struct member) {
			.act = i == n - 1 ? look : change,
			.end = end,
			.who = i,
			.random = 17 * i + 1,
		};
		init_completion(&members[i].done);
		task = kthread_run(member_run, &members[i], "ouro_crowd/%u", i);
		if (!EXPECT(t, !IS_ERR(task)))
			complete(&members[i].done);
	}
	for (i = 0; i < n; i++)
		wait_for_completion(&members[i].done);
}
EXPORT_SYMBOL_GPL(test_crowd);
