// SPDX-License-Identifier: GPL-2.0
/*
 * Maps: look-ups and visits, without a lock.
 */
#include "ouro.h"
#include <linux/rcupdate.h>
#include <linux/string.h>
#include "map.h"
#include "object.h"

/* Of its own, so that what rhashtable.h has is inlined into it. */
static noinline struct ouro_entry *u64_find(struct ouro_map *map, u64 key)
{
	return rhashtable_lookup(&map->table, &key, ouro_key_u64_params);
}

/**
 * ouro_map_entry_find() - the entry of a key
 * @map: the map
 * @key: the key
 * @len: its bytes, which are good
 *
 * Context: Any, within an RCU read section, whoever has the map's lock, too.
 * Return: the entry, or NULL.
 */
struct ouro_entry *ouro_map_entry_find(struct ouro_map *map, const void *key,
				       size_t len)
{
	struct ouro_key any = { .bytes = key, .len = len };
	u64 number;

	if (map->u64) {
		/* Where it comes from it need not be aligned. */
		memcpy(&number, key, sizeof(number));
		return u64_find(map, number);
	}
	return rhashtable_lookup(&map->table, &any, ouro_key_params);
}

/**
 * ouro_map_load() - take a reference to the value of a key
 * @map: the map
 * @key: the key
 * @len: its bytes
 *
 * Context: As ouro_put(); takes no lock.
 * Return: the object, with a reference that is the caller's, or NULL.
 */
struct ouro_object *ouro_map_load(struct ouro_map *map, const void *key,
				  size_t len)
{
	struct ouro_object *object = NULL;
	struct ouro_entry *entry;

	if (!ouro_map_key_is_good(map, len))
		return NULL;
	rcu_read_lock();
	entry = ouro_map_entry_find(map, key, len);
	if (entry)
		object = ouro_array_get(&map->slots, &entry->place);
	rcu_read_unlock();
	return object;
}
EXPORT_SYMBOL_OURO(ouro_map_load);

/**
 * ouro_map_u64_load() - take a reference to the value of a number
 * @map: a map with numbers for keys
 * @key: the number
 *
 * Context: As ouro_put(); takes no lock.
 * Return: the object, with a reference that is the caller's, or NULL.
 */
struct ouro_object *ouro_map_u64_load(struct ouro_map *map, u64 key)
{
	struct ouro_object *object = NULL;
	struct ouro_entry *entry;

	if (unlikely(!map->u64))
		return NULL;
	rcu_read_lock();
	entry = u64_find(map, key);
	if (entry)
		object = ouro_array_get(&map->slots, &entry->place);
	rcu_read_unlock();
	return object;
}
EXPORT_SYMBOL_OURO(ouro_map_u64_load);

/**
 * ouro_map_peek() - the value of a key, for a reader that needs no reference
 * @map: the map
 * @key: the key
 * @len: its bytes
 *
 * As ouro_slot_peek(): what the value may become is said there.
 *
 * Context: Any, within an RCU read section; takes no lock.
 * Return: the object, without a reference, or NULL.
 */
struct ouro_object *ouro_map_peek(struct ouro_map *map, const void *key,
				  size_t len)
{
	struct ouro_entry *entry;

	RCU_LOCKDEP_WARN(!rcu_read_lock_held(),
			 "ouro_map_peek() needs an RCU read section");
	if (!ouro_map_key_is_good(map, len))
		return NULL;
	entry = ouro_map_entry_find(map, key, len);
	return entry ? ouro_array_peek(&map->slots, &entry->place) : NULL;
}
EXPORT_SYMBOL_OURO(ouro_map_peek);

/**
 * ouro_map_u64_peek() - ouro_map_peek() for a number
 * @map: a map with numbers for keys
 * @key: the number
 *
 * Context: As ouro_map_peek().
 * Return: as ouro_map_peek().
 */
struct ouro_object *ouro_map_u64_peek(struct ouro_map *map, u64 key)
{
	struct ouro_entry *entry;

	RCU_LOCKDEP_WARN(!rcu_read_lock_held(),
			 "ouro_map_u64_peek() needs an RCU read section");
	if (unlikely(!map->u64))
		return NULL;
	entry = u64_find(map, key);
	return entry ? ouro_array_peek(&map->slots, &entry->place) : NULL;
}
EXPORT_SYMBOL_OURO(ouro_map_u64_peek);

/* The value at @index with its key, or NULL. */
static struct ouro_object *load_at(struct ouro_map *map, u32 index, void *key,
				   size_t room, size_t *len)
{
	struct ouro_object *object = NULL;
	struct ouro_entry *entry;
	struct ouro_array *array;

	rcu_read_lock();
	array = smp_load_acquire(&map->slots.array);	/* pairs with copy_end() */
	entry = array && index < array->capacity ?
		READ_ONCE(*(void **)ouro_array_extra(&map->slots, array, index)) :
		NULL;
	if (ouro_map_is_entry(entry))
		object = ouro_array_load(&map->slots, index, &entry->place);
	if (object) {
		*len = entry->len;
		memcpy(key, entry->key, min_t(size_t, room, entry->len));
	}
	rcu_read_unlock();
	return object;
}

/**
 * ouro_map_next() - the next value, in no order
 * @map: the map
 * @place: where to begin, 0 at first; moved on
 * @key: the key is copied there
 * @room: bytes there
 * @len: set to the bytes of the key, of which @room were copied at most
 *
 * Each value that is in the map all the time is returned once; what others add
 * or replace meanwhile may be seen or not.
 *
 * Context: As ouro_put(); takes no lock.
 * Return: the object, with a reference that is the caller's, or NULL at the end.
 */
struct ouro_object *ouro_map_next(struct ouro_map *map, size_t *place,
				  void *key, size_t room, size_t *len)
{
	struct ouro_object *object = NULL;

	while (!object && *place < READ_ONCE(map->used))
		object = load_at(map, (*place)++, key, room, len);
	return object;
}
EXPORT_SYMBOL_OURO(ouro_map_next);
