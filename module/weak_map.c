// SPDX-License-Identifier: GPL-2.0
/*
 * Weak maps: objects by key, as long as they live.
 *
 * An entry has a watch on its value.  Who gets the watch ends the entry: the
 * death of the value, which finds it armed, or whoever takes the entry out of
 * the map and removes the watch in time.  A death takes out this very entry and
 * no other, so another value that the key has got meanwhile stays.
 *
 * Both are decided under the map's lock: until value_died() has had that, an
 * entry and its map stay.
 */
#include "ouro.h"
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <ouro/weak_map.h>
#include "array.h"
#include "block.h"
#include "fail.h"
#include "heap.h"
#include "key.h"
#include "object.h"
#include "weak.h"
#include "weak_map.h"

static void weak_map_init(void *object)
{
	struct ouro_weak_map *map = object;

	spin_lock_init(&map->lock);
	map->ready = false;
	map->length = 0;
	map->told = 0;
	map->table_bytes = 0;
	map->heap = ouro_object_heap(object);
}

/* Readers may be at it; its memory is the heap's. */
static void weak_entry_free(struct ouro_weak_entry *weak)
{
	__ouro_free_rcu(&weak->entry.rcu, offsetof(struct ouro_weak_entry, entry.rcu));
}

static void note_table(struct ouro_weak_map *map)
{
	size_t bytes = ouro_key_table_bytes(&map->table);

	if (likely(bytes == map->table_bytes))
		return;
	atomic_long_add((long)bytes - (long)map->table_bytes,
			&map->heap->metadata);
	map->table_bytes = bytes;
}

static bool table_remove(struct ouro_weak_map *map, struct ouro_weak_entry *weak)
{
	lockdep_assert_held(&map->lock);
	if (rhashtable_remove_fast(&map->table, &weak->entry.node,
				   ouro_key_params))
		return false;
	WRITE_ONCE(map->length, map->length - 1);
	return true;
}

/* An entry that is in no table any more; true: it is the caller's to free. */
static bool unwatch(struct ouro_weak_map *map, struct ouro_weak_entry *weak)
{
	lockdep_assert_held(&map->lock);
	if (ouro_watch_remove(&weak->watch))
		return true;
	weak->told = true;
	map->told++;
	return false;
}

/* Unless the map dies with the entry in it, the entry is ours to free. */
static void value_died(struct ouro_watch *watch)
{
	struct ouro_weak_entry *weak = container_of(watch, struct ouro_weak_entry, watch);
	struct ouro_weak_map *map = weak->map;
	bool ours;

	spin_lock_bh(&map->lock);
	ours = weak->told || map->ready;
	if (weak->told)
		map->told--;
	else if (map->ready)
		table_remove(map, weak);
	spin_unlock_bh(&map->lock);
	if (ours)
		weak_entry_free(weak);
}

static void entry_leave(void *entry, void *arg)
{
	struct ouro_weak_entry *weak = ouro_weak_entry(entry);

	if (ouro_watch_remove(&weak->watch))
		weak_entry_free(weak);
	else
		__llist_add(&weak->left, arg);
}

/*
 * In a worker.  A value that dies at the same time may be telling one of our
 * entries, so these go only after that, and so do we.
 */
static void weak_map_release(void *object)
{
	struct ouro_weak_map *map = object;
	struct ouro_weak_entry *weak, *next;
	LLIST_HEAD(left);
	bool ready, told;

	spin_lock_bh(&map->lock);
	ready = map->ready;
	told = map->told;
	map->ready = false;
	spin_unlock_bh(&map->lock);
	if (!ready)
		return;
	rhashtable_free_and_destroy(&map->table, entry_leave, &left);
	if (told || !llist_empty(&left))
		synchronize_srcu(&ouro_deaths);
	llist_for_each_entry_safe(weak, next, left.first, left)
		ouro_block_free(weak, _RET_IP_);
	atomic_long_sub(map->table_bytes, &map->heap->metadata);
}

static const struct ouro_type weak_map_type = {
	.name = "ouro.weak_map",
	.size = sizeof(struct ouro_weak_map),
	.flags = OURO_TYPE_WORKER,
	.init = weak_map_init,
	.release = weak_map_release,
};

/**
 * ouro_weak_map_new() - make an empty weak map
 * @heap: of the map and of its values
 * @gfp: GFP_KERNEL
 *
 * Context: Process context, may sleep.
 * Return: the map, whose one reference is the caller's, or NULL.
 */
struct ouro_weak_map *ouro_weak_map_new(struct ouro_heap *heap, gfp_t gfp)
{
	struct ouro_kind *kind = ouro_kind_builtin(heap, OURO_BUILTIN_WEAK_MAP,
						   &weak_map_type, gfp);
	struct ouro_weak_map *map;

	might_sleep();
	map = kind ? ouro_object_new(kind, gfp, _RET_IP_) : NULL;
	if (!map)
		return NULL;
	if (ouro_fail(sizeof(map->table)) ||
	    rhashtable_init(&map->table, &ouro_key_params)) {
		ouro_put(&map->object);
		return NULL;
	}
	map->ready = true;
	note_table(map);
	return map;
}
EXPORT_SYMBOL_OURO(ouro_weak_map_new);

/**
 * ouro_weak_map_object() - a weak map as the object that it is
 * @map: or NULL
 *
 * Context: Any.
 * Return: the same, to be put into a slot for example.
 */
struct ouro_object *ouro_weak_map_object(struct ouro_weak_map *map)
{
	return (struct ouro_object *)map;
}
EXPORT_SYMBOL_OURO(ouro_weak_map_object);

/**
 * ouro_weak_map_of() - an object as the weak map that it is
 * @object: or NULL
 *
 * Context: Any.
 * Return: the same, or NULL when it is something else.
 */
struct ouro_weak_map *ouro_weak_map_of(struct ouro_object *object)
{
	if (!object || ouro_object_type(object) != &weak_map_type)
		return NULL;
	return container_of(object, struct ouro_weak_map, object);
}
EXPORT_SYMBOL_OURO(ouro_weak_map_of);

/**
 * ouro_weak_map_length() - how many entries there are at this moment
 * @map: the map
 *
 * Context: Any.
 * Return: the number; those of values that are dying may be among them.
 */
size_t ouro_weak_map_length(const struct ouro_weak_map *map)
{
	return READ_ONCE(map->length);
}
EXPORT_SYMBOL_OURO(ouro_weak_map_length);

/* Under rcu_read_lock() or map->lock. */
static struct ouro_weak_entry *
entry_find(struct ouro_weak_map *map, const void *key, size_t len)
{
	struct ouro_key any = { .bytes = key, .len = len };
	struct ouro_entry *entry;

	entry = rhashtable_lookup(&map->table, &any, ouro_key_params);
	return entry ? ouro_weak_entry(entry) : NULL;
}

/* An entry that watches @object, in no table yet. */
static struct ouro_weak_entry *
entry_create(struct ouro_weak_map *map, const void *key, size_t len,
	     struct ouro_object *object, gfp_t gfp, unsigned long caller)
{
	struct ouro_weak_entry *weak;

	weak = ouro_block_alloc(map->heap, struct_size(weak, entry.key, len),
				gfp, caller);
	if (!weak)
		return NULL;
	weak->map = map;
	weak->told = false;
	weak->entry.len = len;
	memcpy(weak->entry.key, key, len);
	if (ouro_watch_add(&weak->watch, object, value_died, gfp)) {
		ouro_block_free(weak, _RET_IP_);
		return NULL;
	}
	return weak;
}

static int entry_insert(struct ouro_weak_map *map, struct ouro_weak_entry *weak)
{
	if (ouro_fail(0) ||
	    rhashtable_insert_fast(&map->table, &weak->entry.node,
				   ouro_key_params))
		return -ENOMEM;
	WRITE_ONCE(map->length, map->length + 1);
	note_table(map);
	return 0;
}

/* Under map->lock; @gone: set to the entry that is in no table then, or NULL. */
static int store_locked(struct ouro_weak_map *map, struct ouro_weak_entry *fresh,
			struct ouro_weak_entry **gone, struct ouro_object **kept,
			struct ouro_object **wrong)
{
	struct ouro_weak_entry *old = entry_find(map, fresh->entry.key,
					    fresh->entry.len);
	int err;

	*gone = fresh;
	if (old && kept)
		*kept = ouro_weak_upgrade(old->watch.weak, wrong);
	if (old && kept && *kept)
		return -EEXIST;
	err = old ? rhashtable_replace_fast(&map->table, &old->entry.node,
					    &fresh->entry.node,
					    ouro_key_params) :
		    entry_insert(map, fresh);
	if (err)
		return -ENOMEM;
	*gone = old;
	return 0;
}

/*
 * Puts @fresh into the table.  @kept: where not NULL, a live value that the key
 * has stays, and is returned there with a reference.
 */
static int entry_store(struct ouro_weak_map *map, struct ouro_weak_entry *fresh,
		       struct ouro_object **kept)
{
	struct ouro_object *wrong = NULL;
	struct ouro_weak_entry *gone;
	int err;

	rcu_read_lock();	/* for the table, and for handles */
	spin_lock_bh(&map->lock);
	err = store_locked(map, fresh, &gone, kept, &wrong);
	if (gone && !unwatch(map, gone))
		gone = NULL;
	spin_unlock_bh(&map->lock);
	/* What dies with it may be told to us: not under the lock. */
	ouro_put(wrong);
	rcu_read_unlock();
	if (gone)
		weak_entry_free(gone);
	return err;
}

/*
 * ouro_weak_map_store(); or, with @kept, ouro_weak_map_add(), which leaves there
 * the live value that the key has, with a reference.
 */
int ouro_weak_map_put_in(struct ouro_weak_map *map, const void *key, size_t len,
			 struct ouro_object *object, struct ouro_object **kept,
			 gfp_t gfp, unsigned long caller)
{
	int err = object ? ouro_array_check(map->heap, object, caller) : -EINVAL;
	struct ouro_weak_entry *fresh;

	ouro_block_might_alloc(gfp);
	lockdep_assert_irqs_enabled();
	if (err || !len || len > OURO_KEY_MAX)
		return err ?: -EINVAL;
	fresh = entry_create(map, key, len, object, gfp, caller);
	return fresh ? entry_store(map, fresh, kept) : -ENOMEM;
}

/**
 * ouro_weak_map_store() - let a key lead to an object as long as that lives
 * @map: the map
 * @key: the key; copied
 * @len: its bytes, 1 to OURO_KEY_MAX
 * @object: that the caller has a reference to, and keeps
 * @gfp: as for ouro_alloc()
 *
 * Context: As @gfp says, but not in hardirq, and interrupts on; takes the map's
 * lock.
 * Return: 0, -ENOMEM, -EXDEV when @object is another heap's, -EINVAL when it is
 * no object or NULL, or @len is bad.
 */
int ouro_weak_map_store(struct ouro_weak_map *map, const void *key, size_t len,
			struct ouro_object *object, gfp_t gfp)
{
	return ouro_weak_map_put_in(map, key, len, object, NULL, gfp,
				    _RET_IP_);
}
EXPORT_SYMBOL_OURO(ouro_weak_map_store);

/**
 * ouro_weak_map_add() - ouro_weak_map_store() for a key that leads nowhere yet
 * @map: the map
 * @key: the key; copied
 * @len: its bytes, 1 to OURO_KEY_MAX
 * @object: that the caller has a reference to, and keeps
 * @gfp: as for ouro_alloc()
 *
 * A key whose object has died is free again.
 *
 * Context: As ouro_weak_map_store().
 * Return: as ouro_weak_map_store(); -EEXIST when the key leads to a live object.
 */
int ouro_weak_map_add(struct ouro_weak_map *map, const void *key, size_t len,
		      struct ouro_object *object, gfp_t gfp)
{
	struct ouro_object *kept = NULL;
	int err = ouro_weak_map_put_in(map, key, len, object, &kept, gfp,
				       _RET_IP_);

	ouro_put(kept);
	return err;
}
EXPORT_SYMBOL_OURO(ouro_weak_map_add);

/**
 * ouro_weak_map_load() - take a reference to the object of a key
 * @map: the map
 * @key: the key
 * @len: its bytes
 *
 * Context: As ouro_put(); takes no lock.
 * Return: the object, with a reference that is the caller's, or NULL.
 */
struct ouro_object *ouro_weak_map_load(struct ouro_weak_map *map,
				       const void *key, size_t len)
{
	struct ouro_object *object;
	struct ouro_weak_entry *weak;

	rcu_read_lock();
	weak = entry_find(map, key, len);
	object = weak ? ouro_weak_get(weak->watch.weak) : NULL;
	rcu_read_unlock();
	return object;
}
EXPORT_SYMBOL_OURO(ouro_weak_map_load);

/**
 * ouro_weak_map_remove() - forget a key
 * @map: the map
 * @key: the key
 * @len: its bytes
 *
 * Context: Not in hardirq or NMI, interrupts on; takes the map's lock.
 * Return: true when there was one.
 */
bool ouro_weak_map_remove(struct ouro_weak_map *map, const void *key,
			  size_t len)
{
	struct ouro_weak_entry *weak;
	bool ours;

	lockdep_assert_irqs_enabled();
	rcu_read_lock();	/* for the table */
	spin_lock_bh(&map->lock);
	weak = entry_find(map, key, len);
	ours = weak && table_remove(map, weak) && unwatch(map, weak);
	spin_unlock_bh(&map->lock);
	rcu_read_unlock();
	if (ours)
		weak_entry_free(weak);
	return weak;
}
EXPORT_SYMBOL_OURO(ouro_weak_map_remove);

/*
 * Ends an entry that a walk has found, unless somebody else has; under
 * rcu_read_lock() since that.
 */
void ouro_weak_map_drop(struct ouro_weak_map *map, struct ouro_weak_entry *weak)
{
	bool ours;

	spin_lock_bh(&map->lock);
	ours = table_remove(map, weak) && unwatch(map, weak);
	spin_unlock_bh(&map->lock);
	if (ours)
		weak_entry_free(weak);
}
