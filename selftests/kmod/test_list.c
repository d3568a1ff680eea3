// SPDX-License-Identifier: GPL-2.0
/* Lists of items: see test_list.h. */
#include <linux/kernel.h>
#include "test_list.h"

bool test_list_open(struct test_list *s, struct ouro_test *t)
{
	*s = (struct test_list) { .t = t, .heap = test_heap(t) };
	s->kind = test_item_kind(t, s->heap);
	s->list = s->kind ? ouro_list_new(s->heap, GFP_KERNEL) : NULL;
	return EXPECT(t, s->list);
}
EXPORT_SYMBOL_GPL(test_list_open);

void test_list_close(struct test_list *s)
{
	ouro_list_put(s->list);
	test_items_end(s->t, s->heap);
}
EXPORT_SYMBOL_GPL(test_list_close);

/* A new item at one of the ends; its one reference is the list's. */
void test_list_put(struct test_list *s, u64 number, bool tail)
{
	struct test_item *item = test_item_new(s->t, s->kind, number);
	int err;

	if (!item)
		return;
	if (tail)
		err = ouro_list_add_tail(s->list, &item->object, GFP_KERNEL);
	else
		err = ouro_list_add(s->list, &item->object, GFP_KERNEL);
	EXPECT_EQ(s->t, err, 0);
	ouro_put(&item->object);
}
EXPORT_SYMBOL_GPL(test_list_put);

/* As test_list_put(), in front of where an iterator stands. */
void test_list_put_before(struct test_list *s, struct ouro_list_iter *iter,
			  u64 number)
{
	struct test_item *item = test_item_new(s->t, s->kind, number);

	if (!item)
		return;
	EXPECT_EQ(s->t, ouro_list_iter_add_before(iter, &item->object,
						  GFP_KERNEL), 0);
	ouro_put(&item->object);
}
EXPORT_SYMBOL_GPL(test_list_put_before);

/* The number of an item whose reference ends here. */
u64 test_list_number(struct test_list *s, struct ouro_object *object)
{
	u64 number = object ? test_item_number(s->t, object) : TEST_LIST_END;

	ouro_put(object);
	return number;
}
EXPORT_SYMBOL_GPL(test_list_number);

u64 test_list_step(struct test_list *s, struct ouro_list_iter *iter)
{
	return test_list_number(s, ouro_list_iter_next(iter));
}
EXPORT_SYMBOL_GPL(test_list_step);

/* From where @iter stands come the items of @want and no more. */
void test_list_expect_rest(struct test_list *s, struct ouro_list_iter *iter,
			   const u64 *want, const char *what)
{
	size_t i = 0;
	u64 number;

	do {
		number = test_list_step(s, iter);
		if (!EXPECT_MSG(s->t, number == want[i],
				"%s, %zu: %lld, not %lld", what, i,
				(s64)number, (s64)want[i]))
			break;
	} while (want[i++] != TEST_LIST_END);
}
EXPORT_SYMBOL_GPL(test_list_expect_rest);

void test_list_expect(struct test_list *s, const u64 *want, const char *what)
{
	struct ouro_list_iter iter;
	size_t count = 0;

	while (want[count] != TEST_LIST_END)
		count++;
	EXPECT_MSG(s->t, ouro_list_length(s->list) == count, "%s: %zu, not %zu",
		   what, ouro_list_length(s->list), count);
	ouro_list_iter_begin(&iter, s->list);
	test_list_expect_rest(s, &iter, want, what);
	ouro_list_iter_end(&iter);
}
EXPORT_SYMBOL_GPL(test_list_expect);
