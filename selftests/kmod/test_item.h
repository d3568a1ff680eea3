/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Items: objects that tell whether they are whole, for the tests of containers;
 * and crowds that change a container.
 */
#ifndef _OURO_TEST_ITEM_H
#define _OURO_TEST_ITEM_H

#include <ouro/object.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include "ouro_test.h"

/**
 * struct test_item - an object with a number
 * @object: the header
 * @peer: for cases that want a graph
 * @number: of the item
 * @check: follows from @number, until the item is dead
 */
struct test_item {
	struct ouro_object object;
	struct ouro_slot peer;
	u64 number;
	u64 check;
};

/* Items that were made and not released. */
extern atomic_long_t test_items_live;

struct ouro_kind *test_item_kind(struct ouro_test *t, struct ouro_heap *heap);
struct test_item *test_item_new(struct ouro_test *t, struct ouro_kind *kind,
				u64 number);
bool test_item_check(struct ouro_test *t, struct ouro_object *object);
u64 test_item_number(struct ouro_test *t, struct ouro_object *object);
void test_items_end(struct ouro_test *t, struct ouro_heap *heap);

/* One thread for each CPU runs @change or @look for some seconds. */
void test_crowd(struct ouro_test *t, void (*change)(unsigned int who, u32 *random),
		void (*look)(unsigned int who, u32 *random),
		unsigned int seconds);

#endif /* _OURO_TEST_ITEM_H */
