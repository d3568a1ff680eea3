// SPDX-License-Identifier: GPL-2.0
/* Weak maps of items: see test_weak.h. */
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include "test_weak.h"

bool test_weak_open(struct test_weak *s, struct ouro_test *t)
{
	*s = (struct test_weak) { .t = t, .heap = test_heap(t) };
	s->kind = test_item_kind(t, s->heap);
	s->map = s->kind ? ouro_weak_map_new(s->heap, GFP_KERNEL) : NULL;
	return EXPECT(t, s->map);
}
EXPORT_SYMBOL_GPL(test_weak_open);

void test_weak_close(struct test_weak *s)
{
	ouro_weak_map_put(s->map);
	test_items_end(s->t, s->heap);
}
EXPORT_SYMBOL_GPL(test_weak_close);

/* The last reference goes here and now; a worker does the rest. */
void test_weak_put_late(struct ouro_object *object)
{
	unsigned long flags;

	local_irq_save(flags);
	ouro_put(object);
	local_irq_restore(flags);
}
EXPORT_SYMBOL_GPL(test_weak_put_late);

/* A new item that @key leads to; its one reference is the caller's. */
struct ouro_object *test_weak_new(struct test_weak *s, u64 key, u64 number)
{
	struct test_item *item = test_item_new(s->t, s->kind, number);

	if (!item)
		return NULL;
	EXPECT_EQ(s->t, test_weak_store(s, key, &item->object), 0);
	return &item->object;
}
EXPORT_SYMBOL_GPL(test_weak_new);

/* The number of an item whose reference ends here. */
u64 test_weak_number(struct test_weak *s, struct ouro_object *object)
{
	u64 number = object ? test_item_number(s->t, object) : TEST_WEAK_NONE;

	ouro_put(object);
	return number;
}
EXPORT_SYMBOL_GPL(test_weak_number);
