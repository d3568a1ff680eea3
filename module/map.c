// SPDX-License-Identifier: GPL-2.0
/*
 * Maps: references by key.
 *
 * Changes; see map.h for what a map consists of, and map_load.c for readers.
 */
#include "ouro.h"
#include <linux/rcupdate.h>
#include <ouro/map.h>
#include "array.h"
#include "block.h"
#include "fail.h"
#include "heap.h"
#include "key.h"
#include "map.h"
#include "object.h"

static void map_init(void *object)
{
	struct ouro_map *map = object;

	ouro_array_init(&map->slots, sizeof(struct ouro_entry *));
	spin_lock_init(&map->slots.lock);
	map->ready = false;
	map->length = 0;
	map->used = 0;
	map->unused = 0;
	map->table_bytes = 0;
	map->heap = ouro_object_heap(object);
}

static void entry_free(void *entry, void *arg)
{
	ouro_block_free(entry, _RET_IP_);
}

/* In a worker: the table's own one is waited for. */
static void map_release(void *object)
{
	struct ouro_map *map = object;

	if (map->ready)
		rhashtable_free_and_destroy(&map->table, entry_free, NULL);
	atomic_long_sub(map->table_bytes, &map->heap->metadata);
	ouro_array_exit(&map->slots);
}

static const struct ouro_type map_type = {
	.name = "ouro.map",
	.size = sizeof(struct ouro_map),
	.flags = OURO_TYPE_ARRAY_APART | OURO_TYPE_WORKER,
	.array = offsetof(struct ouro_map, slots.array),
	.array_name = "value",
	.init = map_init,
	.release = map_release,
};

/* Tells the heap how large the table is.  slots.lock is held, or nobody else. */
static void note_table(struct ouro_map *map)
{
	size_t bytes = ouro_key_table_bytes(&map->table);

	if (likely(bytes == map->table_bytes))
		return;
	atomic_long_add((long)bytes - (long)map->table_bytes,
			&map->heap->metadata);
	map->table_bytes = bytes;
}

static struct ouro_map *map_create(struct ouro_heap *heap, size_t key_len,
				   gfp_t gfp, unsigned long caller)
{
	struct ouro_kind *kind = ouro_kind_builtin(heap, OURO_BUILTIN_MAP,
						   &map_type, gfp);
	struct ouro_map *map;
	int err;

	might_sleep();
	map = NULL;
	if (kind && key_len <= OURO_KEY_MAX)
		map = ouro_object_new(kind, gfp, caller);
	if (!map)
		return NULL;
	map->key_len = key_len;
	map->u64 = key_len == sizeof(u64);
	err = ouro_fail(sizeof(map->table)) ? -ENOMEM :
	      rhashtable_init(&map->table, map->u64 ? &ouro_key_u64_params :
						      &ouro_key_params);
	if (err) {
		ouro_put(&map->object);
		return NULL;
	}
	map->ready = true;
	note_table(map);
	return map;
}

/**
 * ouro_map_new() - make an empty map
 * @heap: of the map and of its values
 * @key_len: bytes of each key, 0: of any length; OURO_KEY_MAX at most
 * @gfp: GFP_KERNEL
 *
 * Context: Process context, may sleep.
 * Return: the map, whose one reference is the caller's, or NULL.
 */
struct ouro_map *ouro_map_new(struct ouro_heap *heap, size_t key_len, gfp_t gfp)
{
	return map_create(heap, key_len, gfp, _RET_IP_);
}
EXPORT_SYMBOL_OURO(ouro_map_new);

/**
 * ouro_map_like() - make an empty map with the same kind of keys
 * @map: the other
 * @gfp: GFP_KERNEL
 *
 * Context: Process context, may sleep.
 * Return: the map, whose one reference is the caller's, or NULL.
 */
struct ouro_map *ouro_map_like(const struct ouro_map *map, gfp_t gfp)
{
	return map_create(map->heap, map->key_len, gfp, _RET_IP_);
}
EXPORT_SYMBOL_OURO(ouro_map_like);

/**
 * ouro_map_object() - a map as the object that it is
 * @map: or NULL
 *
 * Context: Any.
 * Return: the same, to be put into a slot for example.
 */
struct ouro_object *ouro_map_object(struct ouro_map *map)
{
	return (struct ouro_object *)map;
}
EXPORT_SYMBOL_OURO(ouro_map_object);

/**
 * ouro_map_of() - an object as the map that it is
 * @object: or NULL
 *
 * Context: Any.
 * Return: the same, or NULL when it is something else.
 */
struct ouro_map *ouro_map_of(struct ouro_object *object)
{
	if (!object || ouro_object_type(object) != &map_type)
		return NULL;
	return container_of(object, struct ouro_map, object);
}
EXPORT_SYMBOL_OURO(ouro_map_of);

/**
 * ouro_map_length() - how many values there are at this moment
 * @map: the map
 *
 * Context: Any.
 * Return: the number.
 */
size_t ouro_map_length(const struct ouro_map *map)
{
	return READ_ONCE(map->length);
}
EXPORT_SYMBOL_OURO(ouro_map_length);

/**
 * ouro_map_reserve() - have room for so many values
 * @map: the map
 * @capacity: values
 * @gfp: as for ouro_alloc()
 *
 * The keys, and the table, still need memory when a value is added.
 *
 * Context: As @gfp says, interrupts on; takes the map's lock.
 * Return: 0 or -ENOMEM.
 */
int ouro_map_reserve(struct ouro_map *map, size_t capacity, gfp_t gfp)
{
	lockdep_assert_irqs_enabled();
	return ouro_array_reserve(&map->slots, map->heap, capacity, gfp);
}
EXPORT_SYMBOL_OURO(ouro_map_reserve);

/* ---- entries and places ---- */

static int entry_insert(struct ouro_map *map, struct ouro_entry *entry)
{
	if (ouro_fail(0))
		return -ENOMEM;
	return map->u64 ?
	       rhashtable_insert_fast(&map->table, &entry->node,
				      ouro_key_u64_params) :
	       rhashtable_insert_fast(&map->table, &entry->node,
				      ouro_key_params);
}

static void entry_remove(struct ouro_map *map, struct ouro_entry *entry)
{
	if (map->u64)
		rhashtable_remove_fast(&map->table, &entry->node,
				       ouro_key_u64_params);
	else
		rhashtable_remove_fast(&map->table, &entry->node,
				       ouro_key_params);
}

static struct ouro_entry *entry_create(struct ouro_map *map, const void *key,
				       size_t len, gfp_t gfp,
				       unsigned long caller)
{
	struct ouro_entry *entry;

	entry = ouro_block_alloc(map->heap, struct_size(entry, key, len), gfp,
				 caller);
	if (!entry)
		return NULL;
	entry->len = len;
	memcpy(entry->key, key, len);
	return entry;
}

/*
 * What is beside a slot: its entry; where there is none, the number of the next
 * such slot plus one, shifted, with bit 0 set.
 */
static void **beside(struct ouro_map *map, u32 index)
{
	ouro_array_touch(&map->slots, index);
	return ouro_array_extra(&map->slots, map->slots.array, index);
}

/* The index of a slot for one more value, or -1: the array must grow. */
static long place_take(struct ouro_map *map)
{
	u32 index = map->unused;

	if (index--) {
		map->unused = (unsigned long)*beside(map, index) >> 1;
		return index;
	}
	if (map->used < ouro_array_capacity(&map->slots))
		return map->used++;
	return -1;
}

static struct ouro_object *place_give(struct ouro_map *map, u32 index)
{
	WRITE_ONCE(*beside(map, index),
		   (void *)((unsigned long)map->unused << 1 | 1));
	map->unused = index + 1;
	return ouro_array_exchange(&map->slots, index, NULL);
}

/* ---- changes ---- */

/* Adds @entry with a reference to @object, at @index.  The lock is held. */
static int insert_locked(struct ouro_map *map, struct ouro_entry *entry,
			 struct ouro_object *object, u32 index)
{
	int err;

	/* Who finds the entry before it has a place finds no value. */
	entry->place = OURO_ARRAY_NOWHERE;
	err = entry_insert(map, entry);
	if (err) {
		place_give(map, index);
		return -ENOMEM;
	}
	ouro_array_exchange(&map->slots, index, ouro_get(object));
	/* Pairs with ouro_array_get() and ouro_array_peek(). */
	smp_store_release(&entry->place, index);
	/* Pairs with the address dependency in load_at(). */
	smp_store_release(beside(map, index), entry);
	WRITE_ONCE(map->length, map->length + 1);
	note_table(map);
	return 0;
}

/* What one try came to. */
enum outcome { DONE, NEED_ENTRY, NEED_PLACE, REFUSED };

static enum outcome try_store(struct ouro_map *map, const void *key, size_t len,
			      struct ouro_object *object, bool replace,
			      struct ouro_entry **fresh,
			      struct ouro_object **old, int *err)
{
	struct ouro_entry *entry = ouro_map_entry_find(map, key, len);
	long index;

	if (entry && !replace) {
		*err = -EEXIST;
		return REFUSED;
	}
	if (entry) {
		*old = ouro_array_exchange(&map->slots, entry->place,
					   ouro_get(object));
		return DONE;
	}
	if (!*fresh)
		return NEED_ENTRY;
	index = place_take(map);
	if (index < 0)
		return NEED_PLACE;
	*err = insert_locked(map, *fresh, object, index);
	if (*err)
		return REFUSED;
	*fresh = NULL;
	return DONE;
}

static int store(struct ouro_map *map, const void *key, size_t len,
		 struct ouro_object *object, bool replace, gfp_t gfp,
		 unsigned long caller)
{
	int err = object ? ouro_array_check(map->heap, object, caller) : -EINVAL;
	struct ouro_entry *fresh = NULL;
	struct ouro_object *old = NULL;
	enum outcome outcome;
	size_t need;

	ouro_block_might_alloc(gfp);
	lockdep_assert_irqs_enabled();
	if (err || !ouro_map_key_is_good(map, len))
		return err ?: -EINVAL;
	do {
		rcu_read_lock();	/* for the table */
		spin_lock_bh(&map->slots.lock);
		outcome = try_store(map, key, len, object, replace, &fresh,
				    &old, &err);
		need = (size_t)map->length + 1;
		spin_unlock_bh(&map->slots.lock);
		rcu_read_unlock();
		if (outcome == NEED_ENTRY) {
			fresh = entry_create(map, key, len, gfp, caller);
			err = fresh ? 0 : -ENOMEM;
		} else if (outcome == NEED_PLACE) {
			err = ouro_map_reserve(map, need, gfp);
		}
	} while (!err && outcome != DONE);
	if (fresh)
		ouro_block_free(fresh, _RET_IP_);
	ouro_put(old);
	return err;
}

/**
 * ouro_map_store() - let a key lead to an object
 * @map: the map
 * @key: the key; copied
 * @len: its bytes
 * @object: that the caller has a reference to, and keeps
 * @gfp: as for ouro_alloc()
 *
 * What the key led to before is put.
 *
 * Context: As @gfp says, but not in hardirq, and interrupts on; takes the map's
 * lock.
 * Return: 0, -ENOMEM, -EXDEV when @object is another heap's, -EINVAL when it is
 * no object or NULL, or the key's length is not one of this map's.
 */
int ouro_map_store(struct ouro_map *map, const void *key, size_t len,
		   struct ouro_object *object, gfp_t gfp)
{
	return store(map, key, len, object, true, gfp, _RET_IP_);
}
EXPORT_SYMBOL_OURO(ouro_map_store);

/**
 * ouro_map_add() - let a key lead to an object that leads to none yet
 * @map: the map
 * @key: the key; copied
 * @len: its bytes
 * @object: that the caller has a reference to, and keeps
 * @gfp: as for ouro_alloc()
 *
 * Context: As ouro_map_store().
 * Return: as ouro_map_store(); -EEXIST when there is such a key.
 */
int ouro_map_add(struct ouro_map *map, const void *key, size_t len,
		 struct ouro_object *object, gfp_t gfp)
{
	return store(map, key, len, object, false, gfp, _RET_IP_);
}
EXPORT_SYMBOL_OURO(ouro_map_add);

/**
 * ouro_map_fill() - store many
 * @map: the map
 * @pairs: keys and values; of two with one key the later stays
 * @count: of them
 * @gfp: as for ouro_alloc()
 *
 * Room for all of them is made first.
 *
 * Context: As ouro_map_store().
 * Return: how many were stored, from the first on; or, when none was, an error
 * as of ouro_map_store().
 */
ssize_t ouro_map_fill(struct ouro_map *map, const struct ouro_map_pair *pairs,
		      size_t count, gfp_t gfp)
{
	size_t i, stored;
	int err;

	err = ouro_map_reserve(map, ouro_map_length(map) + count, gfp);
	for (i = 0; !err && i < count; i++) {
		if (gfpflags_allow_blocking(gfp))
			cond_resched();
		err = store(map, pairs[i].key, pairs[i].len, pairs[i].object,
			    true, gfp, _RET_IP_);
	}
	stored = err && i ? i - 1 : i;
	return stored ? stored : err;
}
EXPORT_SYMBOL_OURO(ouro_map_fill);

/* Removes an entry; its value's reference is the caller's.  The lock is held. */
static struct ouro_object *remove_locked(struct ouro_map *map,
					 struct ouro_entry *entry)
{
	struct ouro_object *object;
	u32 index = entry->place;

	entry_remove(map, entry);
	WRITE_ONCE(entry->place, OURO_ARRAY_NOWHERE);
	object = place_give(map, index);
	WRITE_ONCE(map->length, map->length - 1);
	ouro_free_rcu(entry, rcu);
	return object;
}

/**
 * ouro_map_take() - move the value of a key out, and forget the key
 * @map: the map
 * @key: the key
 * @len: its bytes
 *
 * Context: Not in hardirq or NMI, interrupts on; takes the map's lock.
 * Return: the object, whose reference is the caller's now, or NULL.
 */
struct ouro_object *ouro_map_take(struct ouro_map *map, const void *key,
				  size_t len)
{
	struct ouro_object *object = NULL;
	struct ouro_entry *entry;

	lockdep_assert_irqs_enabled();
	if (!ouro_map_key_is_good(map, len))
		return NULL;
	rcu_read_lock();	/* for the table */
	spin_lock_bh(&map->slots.lock);
	entry = ouro_map_entry_find(map, key, len);
	if (entry) {
		object = remove_locked(map, entry);
		/* As in ouro_slot_take(). */
		atomic64_add(OURO_WORD_VERSION, &object->word);
	}
	spin_unlock_bh(&map->slots.lock);
	rcu_read_unlock();
	return object;
}
EXPORT_SYMBOL_OURO(ouro_map_take);

#define CLEAR_STEP	32	/* values removed under the lock in one go */
#define LOOK_STEP	512	/* places looked at */

/* Removes some from *@index on; @n: how many.  False at the end. */
static bool clear_some(struct ouro_map *map, u32 *index,
		       struct ouro_object **old, unsigned int *n)
{
	unsigned int looks;
	void *entry;
	bool more;

	*n = 0;
	spin_lock_bh(&map->slots.lock);
	for (looks = 0; looks < LOOK_STEP && *n < CLEAR_STEP &&
	     *index < map->used; looks++, ++*index) {
		entry = *beside(map, *index);
		if (ouro_map_is_entry(entry))
			old[(*n)++] = remove_locked(map, entry);
	}
	more = *index < map->used;
	spin_unlock_bh(&map->slots.lock);
	return more;
}

/**
 * ouro_map_clear() - put all values, and forget all keys
 * @map: the map
 *
 * What others add meanwhile may stay.
 *
 * Context: As ouro_map_take(), and as ouro_put(); takes the map's lock for a
 * bounded time, again and again.
 */
void ouro_map_clear(struct ouro_map *map)
{
	struct ouro_object *old[CLEAR_STEP];
	unsigned int n, i;
	u32 index = 0;
	bool more;

	lockdep_assert_irqs_enabled();
	do {
		more = clear_some(map, &index, old, &n);
		for (i = 0; i < n; i++)
			ouro_put(old[i]);
	} while (more);
}
EXPORT_SYMBOL_OURO(ouro_map_clear);
