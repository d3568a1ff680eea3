/* SPDX-License-Identifier: GPL-2.0 */
/* Maps of items, for the tests of maps. */
#ifndef _OURO_TEST_MAP_H
#define _OURO_TEST_MAP_H

#include <ouro/map.h>
#include "test_item.h"

#define TEST_MAP_NONE	ULLONG_MAX	/* the number of no item */

/**
 * struct test_map - a map, and what its items are made with
 * @t: the run of the case
 * @heap: of the map
 * @kind: of its items
 * @map: the map
 */
struct test_map {
	struct ouro_test *t;
	struct ouro_heap *heap;
	struct ouro_kind *kind;
	struct ouro_map *map;
};

bool test_map_open(struct test_map *s, struct ouro_test *t, size_t key_len);
void test_map_close(struct test_map *s);
int test_map_store(struct test_map *s, const void *key, size_t len, u64 number,
		   bool replace);
u64 test_map_number(struct test_map *s, struct ouro_object *object);

static inline int test_map_u64_add(struct test_map *s, u64 key, u64 number)
{
	return test_map_store(s, &key, sizeof(key), number, false);
}

static inline int test_map_u64_store(struct test_map *s, u64 key, u64 number)
{
	return test_map_store(s, &key, sizeof(key), number, true);
}

static inline u64 test_map_u64_load(struct test_map *s, u64 key)
{
	return test_map_number(s, ouro_map_u64_load(s->map, key));
}

#endif /* _OURO_TEST_MAP_H */
