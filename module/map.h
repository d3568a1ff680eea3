/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Maps: references by key.
 *
 * The values lie in slots, in no order; a hash table leads from a key to an
 * entry, which has the number of the slot, and beside the slot is a pointer to
 * the entry.  A reader finds the entry without a lock, then the value in its
 * slot, if the entry still says so: the slot may have become another key's.
 */
#ifndef OURO_MODULE_MAP_H
#define OURO_MODULE_MAP_H

#include <ouro/map.h>
#include "array.h"
#include "key.h"

static inline int ouro_key_u64_compare(struct rhashtable_compare_arg *arg,
				       const void *data)
{
	const struct ouro_entry *entry = data;

	return *(const u64 *)entry->key != *(const u64 *)arg->key;
}

/* Keys that are numbers: the quick way. */
static const struct rhashtable_params ouro_key_u64_params = {
	.head_offset = offsetof(struct ouro_entry, node),
	.key_offset = offsetof(struct ouro_entry, key),
	.key_len = sizeof(u64),
	.obj_cmpfn = ouro_key_u64_compare,
	.automatic_shrinking = true,
};

/**
 * struct ouro_map - an object, its values and its table apart
 * @object: the header
 * @slots: of the values, with a struct ouro_entry * each; its lock guards the
 *	rest and all changes of the table
 * @table: entries by key
 * @u64: the keys are numbers
 * @ready: there is a table
 * @key_len: of all keys, 0: of any length
 * @length: values; read without the lock, too
 * @used: slots that had a value once
 * @unused: slots of these that have none
 * @table_bytes: of the table, as the heap was told
 * @heap: of the map and its values
 */
struct ouro_map {
	struct ouro_object object;
	struct ouro_slots slots;
	struct rhashtable table;
	bool u64;
	bool ready;
	u32 key_len;
	u32 length;
	u32 used;
	u32 unused;
	size_t table_bytes;
	struct ouro_heap *heap;
};

static inline bool ouro_map_key_is_good(const struct ouro_map *map, size_t len)
{
	return map->key_len ? len == map->key_len : len && len <= OURO_KEY_MAX;
}

/* Of what is beside a slot. */
static inline bool ouro_map_is_entry(const void *beside)
{
	return beside && !((unsigned long)beside & 1);
}

struct ouro_entry *ouro_map_entry_find(struct ouro_map *map, const void *key,
				       size_t len);

#endif /* OURO_MODULE_MAP_H */
