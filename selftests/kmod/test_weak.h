/* SPDX-License-Identifier: GPL-2.0 */
/* Weak maps of items, for the tests of these. */
#ifndef _OURO_TEST_WEAK_H
#define _OURO_TEST_WEAK_H

#include <ouro/weak_map.h>
#include "test_item.h"

#define TEST_WEAK_NONE	ULLONG_MAX	/* the number of no item */

/**
 * struct test_weak - a weak map, and what its values are made with
 * @t: the run of the case
 * @heap: of the map
 * @kind: of its values
 * @map: the map
 */
struct test_weak {
	struct ouro_test *t;
	struct ouro_heap *heap;
	struct ouro_kind *kind;
	struct ouro_weak_map *map;
};

bool test_weak_open(struct test_weak *s, struct ouro_test *t);
void test_weak_close(struct test_weak *s);
void test_weak_put_late(struct ouro_object *object);
struct ouro_object *test_weak_new(struct test_weak *s, u64 key, u64 number);
u64 test_weak_number(struct test_weak *s, struct ouro_object *object);

static inline int test_weak_store(struct test_weak *s, u64 key,
				  struct ouro_object *object)
{
	return ouro_weak_map_store(s->map, &key, sizeof(key), object,
				   GFP_KERNEL);
}

static inline int test_weak_add(struct test_weak *s, u64 key,
				struct ouro_object *object)
{
	return ouro_weak_map_add(s->map, &key, sizeof(key), object, GFP_KERNEL);
}

static inline u64 test_weak_load(struct test_weak *s, u64 key)
{
	return test_weak_number(s, ouro_weak_map_load(s->map, &key,
						      sizeof(key)));
}

static inline bool test_weak_remove(struct test_weak *s, u64 key)
{
	return ouro_weak_map_remove(s->map, &key, sizeof(key));
}

#endif /* _OURO_TEST_WEAK_H */
