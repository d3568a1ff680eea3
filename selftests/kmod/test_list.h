/* SPDX-License-Identifier: GPL-2.0 */
/* Lists of items, for the tests of lists. */
#ifndef _OURO_TEST_LIST_H
#define _OURO_TEST_LIST_H

#include <ouro/list.h>
#include "test_item.h"

/* Ends a row of numbers; what a step says at the end of a list. */
#define TEST_LIST_END	ULLONG_MAX

/**
 * struct test_list - a list, and what its items are made with
 * @t: the run of the case
 * @heap: of the list
 * @kind: of its items
 * @list: the list
 */
struct test_list {
	struct ouro_test *t;
	struct ouro_heap *heap;
	struct ouro_kind *kind;
	struct ouro_list *list;
};

bool test_list_open(struct test_list *s, struct ouro_test *t);
void test_list_close(struct test_list *s);
void test_list_put(struct test_list *s, u64 number, bool tail);
void test_list_put_before(struct test_list *s, struct ouro_list_iter *iter,
			  u64 number);
u64 test_list_number(struct test_list *s, struct ouro_object *object);
u64 test_list_step(struct test_list *s, struct ouro_list_iter *iter);
void test_list_expect_rest(struct test_list *s, struct ouro_list_iter *iter,
			   const u64 *want, const char *what);
void test_list_expect(struct test_list *s, const u64 *want, const char *what);

#endif /* _OURO_TEST_LIST_H */
