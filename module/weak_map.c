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
 * struct weak_entry - a key whose value lives, or has just died
 * @map: it is or was in
 * @watch: on the value
 * @left: of those that the death of the map ends
 * @told: counted in the map's @told; guarded by its lock
 * @entry: in the table
 */
struct weak_entry {
	struct ouro_weak_map *map;
	struct ouro_watch watch;
	struct llist_node left;
	bool told;
	struct ouro_entry entry;
};

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

static struct weak_entry *to_weak(struct ouro_entry *entry)
{
	return container_of(entry, struct weak_entry, entry);
}

/* Readers may be at it; its memory is the heap's. */
static void weak_entry_free(struct weak_entry *weak)
{
	__ouro_free_rcu(&weak->entry.rcu, offsetof(struct weak_entry, entry.rcu));
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

static bool table_remove(struct ouro_weak_map *map, struct weak_entry *weak)
{
	lockdep_assert_held(&map->lock);
	if (rhashtable_remove_fast(&map->table, &weak->entry.node,
				   ouro_key_params))
		return false;
	WRITE_ONCE(map->length, map->length - 1);
	return true;
}

/* An entry that is in no table any more; true: it is the caller's to free. */
static bool unwatch(struct ouro_weak_map *map, struct weak_entry *weak)
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
	struct weak_entry *weak = container_of(watch, struct weak_entry, watch);
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
	struct weak_entry *weak = to_weak(entry);

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
	struct weak_entry *weak, *next;
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
	map = kind ? ouro_new(kind, gfp) : NULL;
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
static struct weak_entry *entry_find(struct ouro_weak_map *map,
				     const void *key, size_t len)
{
	struct ouro_key any = { .bytes = key, .len = len };
	struct ouro_entry *entry;

	entry = rhashtable_lookup(&map->table, &any, ouro_key_params);
	return entry ? to_weak(entry) : NULL;
}

/* An entry that watches @object, in no table yet. */
static struct weak_entry *entry_create(struct ouro_weak_map *map,
				       const void *key, size_t len,
				       struct ouro_object *object, gfp_t gfp)
{
	struct weak_entry *weak;

	weak = ouro_block_alloc(map->heap, struct_size(weak, entry.key, len),
				gfp, _RET_IP_);
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

static int entry_insert(struct ouro_weak_map *map, struct weak_entry *weak)
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
static int store_locked(struct ouro_weak_map *map, struct weak_entry *fresh,
			struct weak_entry **gone, struct ouro_object **kept,
			struct ouro_object **wrong)
{
	struct weak_entry *old = entry_find(map, fresh->entry.key,
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
static int entry_store(struct ouro_weak_map *map, struct weak_entry *fresh,
		       struct ouro_object **kept)
{
	struct ouro_object *wrong = NULL;
	struct weak_entry *gone;
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
	struct weak_entry *fresh;

	if (err || !len || len > OURO_KEY_MAX)
		return err ?: -EINVAL;
	fresh = entry_create(map, key, len, object, gfp);
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
	struct weak_entry *weak;

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
	struct weak_entry *weak;
	bool ours;

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
 * Where the entry that the walk stands on is gone, the walk passes over as many
 * of its bucket as it has seen, though there is one less: so it sees that bucket
 * once more.
 */
static void walk_start(struct rhashtable_iter *walk)
{
	const struct rhash_head *stood_on = walk->p;

	rhashtable_walk_start(walk);
	if (stood_on && !walk->p)
		walk->skip = 0;
}

/**
 * ouro_weak_map_next() - the next value that lives, in no order
 * @iter: between ouro_weak_map_walk() and ouro_weak_map_walk_end()
 * @key: the key is copied there
 * @room: bytes there
 * @len: set to the bytes of the key, of which @room were copied at most
 *
 * Each that is in the map all the time is returned; where others change the map
 * meanwhile it may be more than once (see rhashtable_walk_next()).
 *
 * Context: Process context; as ouro_put().
 * Return: the object, with a reference that is the caller's, or NULL at the end.
 */
struct ouro_object *ouro_weak_map_next(struct ouro_weak_map_iter *iter,
				       void *key, size_t room, size_t *len)
{
	struct ouro_object *object = NULL;
	struct weak_entry *weak;
	struct ouro_entry *entry;

	walk_start(&iter->walk);
	while (!object) {
		entry = rhashtable_walk_next(&iter->walk);
		if (entry == ERR_PTR(-EAGAIN))
			continue;
		if (!entry)
			break;
		weak = to_weak(entry);
		object = ouro_weak_get(weak->watch.weak);
		if (!object)
			continue;
		*len = entry->len;
		memcpy(key, entry->key, min_t(size_t, room, entry->len));
	}
	rhashtable_walk_stop(&iter->walk);
	return object;
}
EXPORT_SYMBOL_OURO(ouro_weak_map_next);

/**
 * ouro_weak_map_walk() - begin to visit the values
 * @iter: filled; the caller owes ouro_weak_map_walk_end()
 * @map: the map
 *
 * Context: Process context.
 */
void ouro_weak_map_walk(struct ouro_weak_map_iter *iter,
			struct ouro_weak_map *map)
{
	ouro_get(&map->object);
	iter->map = map;
	rhashtable_walk_enter(&map->table, &iter->walk);
}
EXPORT_SYMBOL_OURO(ouro_weak_map_walk);

/**
 * ouro_weak_map_walk_end() - end a visit
 * @iter: from ouro_weak_map_walk()
 *
 * Context: Process context; as ouro_put().
 */
void ouro_weak_map_walk_end(struct ouro_weak_map_iter *iter)
{
	rhashtable_walk_exit(&iter->walk);
	ouro_put(&iter->map->object);
}
EXPORT_SYMBOL_OURO(ouro_weak_map_walk_end);

#define CLEAR_STEP	64	/* entries taken out in one go */

/**
 * ouro_weak_map_clear() - forget all keys
 * @map: the map
 *
 * What others add meanwhile may stay.
 *
 * Context: Process context, may sleep; takes the map's lock again and again.
 */
void ouro_weak_map_clear(struct ouro_weak_map *map)
{
	struct rhashtable_iter walk;
	struct ouro_entry *entry;
	struct weak_entry *weak;
	unsigned int n = 0;
	bool ours;

	rhashtable_walk_enter(&map->table, &walk);
	rhashtable_walk_start(&walk);
	while ((entry = rhashtable_walk_next(&walk))) {
		if (IS_ERR(entry))
			continue;
		/* The walk is a read section: the entry stays readable. */
		weak = to_weak(entry);
		spin_lock_bh(&map->lock);
		ours = table_remove(map, weak) && unwatch(map, weak);
		spin_unlock_bh(&map->lock);
		if (ours)
			weak_entry_free(weak);
		if (++n % CLEAR_STEP)
			continue;
		rhashtable_walk_stop(&walk);
		cond_resched();
		walk_start(&walk);
	}
	rhashtable_walk_stop(&walk);
	rhashtable_walk_exit(&walk);
}
EXPORT_SYMBOL_OURO(ouro_weak_map_clear);
