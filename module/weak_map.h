/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Weak maps: what their walks and interning share with them.
 */
#ifndef OURO_MODULE_WEAK_MAP_H
#define OURO_MODULE_WEAK_MAP_H

#include <linux/llist.h>
#include <linux/spinlock.h>
#include <ouro/object.h>
#include <ouro/weak.h>
#include <ouro/weak_map.h>
#include "key.h"
#include "ouro.h"

/**
 * struct ouro_weak_map - an object, and its table
 * @object: the header
 * @lock: guards changes of the table, and the rest
 * @table: entries by key
 * @ready: there is a table
 * @length: entries; read without the lock, too
 * @told: entries that left the table while value_died() was on its way
 * @table_bytes: of the table, as the heap was told
 * @heap: of the map and its values
 */
struct ouro_weak_map {
	struct ouro_object object;
	spinlock_t lock;	/* as said above */
	struct rhashtable table;
	bool ready;
	u32 length;
	u32 told;
	size_t table_bytes;
	struct ouro_heap *heap;
};

/**
 * struct ouro_weak_entry - a key whose value lives, or has just died
 * @map: it is or was in
 * @watch: on the value
 * @left: of those that the death of the map ends
 * @told: counted in the map's @told; guarded by its lock
 * @entry: in the table
 */
struct ouro_weak_entry {
	struct ouro_weak_map *map;
	struct ouro_watch watch;
	struct llist_node left;
	bool told;
	struct ouro_entry entry;
};

static inline struct ouro_weak_entry *ouro_weak_entry(struct ouro_entry *entry)
{
	return container_of(entry, struct ouro_weak_entry, entry);
}

void ouro_weak_map_drop(struct ouro_weak_map *map,
			struct ouro_weak_entry *weak);
int ouro_weak_map_put_in(struct ouro_weak_map *map, const void *key, size_t len,
			 struct ouro_object *object, struct ouro_object **kept,
			 gfp_t gfp, unsigned long caller);

#endif /* OURO_MODULE_WEAK_MAP_H */
