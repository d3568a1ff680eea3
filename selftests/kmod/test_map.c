// SPDX-License-Identifier: GPL-2.0
/* Maps of items: see test_map.h. */
#include <linux/kernel.h>
#include "test_map.h"

bool test_map_open(struct test_map *s, struct ouro_test *t, size_t key_len)
{
	*s = (struct test_map) { .t = t, .heap = test_heap(t) };
	s->kind = test_item_kind(t, s->heap);
	s->map = s->kind ? ouro_map_new(s->heap, key_len, GFP_KERNEL) : NULL;
	return EXPECT(t, s->map);
}
EXPORT_SYMBOL_GPL(test_map_open);

void test_map_close(struct test_map *s)
{
	ouro_map_put(s->map);
	test_items_end(s->t, s->heap);
}
EXPORT_SYMBOL_GPL(test_map_close);

/* A new item, whose one reference is the map's, unless that refuses it. */
int test_map_store(struct test_map *s, const void *key, size_t len, u64 number,
		   bool replace)
{
	struct test_item *item = test_item_new(s->t, s->kind, number);
	int err;

	if (!item)
		return -ENOMEM;
	if (replace)
		err = ouro_map_store(s->map, key, len, &item->object, GFP_KERNEL);
	else
		err = ouro_map_add(s->map, key, len, &item->object, GFP_KERNEL);
	ouro_put(&item->object);
	return err;
}
EXPORT_SYMBOL_GPL(test_map_store);

/* The number of an item whose reference ends here. */
u64 test_map_number(struct test_map *s, struct ouro_object *object)
{
	u64 number = object ? test_item_number(s->t, object) : TEST_MAP_NONE;

	ouro_put(object);
	return number;
}
EXPORT_SYMBOL_GPL(test_map_number);
