// SPDX-License-Identifier: GPL-2.0
/*
 * Walks over weak maps, while others change them.
 */
#include "ouro.h"
#include <linux/err.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <ouro/object.h>
#include <ouro/weak.h>
#include "weak_map.h"

/*
 * Where the entry that the walk stands on is gone, the walk passes over as many
 * of its bucket as it has seen, though there is one less: so it sees that bucket
 * once more.
 */
static void walk_start(struct rhashtable_iter *walk) __acquires(RCU)
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
	struct ouro_weak_entry *weak;
	struct ouro_entry *entry;

	lockdep_assert(in_task());
	walk_start(&iter->walk);
	while (!object) {
		entry = rhashtable_walk_next(&iter->walk);
		if (entry == ERR_PTR(-EAGAIN))
			continue;
		if (!entry)
			break;
		weak = ouro_weak_entry(entry);
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
	lockdep_assert(in_task());
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
	lockdep_assert(in_task());
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
	unsigned int n = 0;

	might_sleep();
	rhashtable_walk_enter(&map->table, &walk);
	rhashtable_walk_start(&walk);
	while ((entry = rhashtable_walk_next(&walk))) {
		if (IS_ERR(entry))
			continue;
		/* The walk is a read section: the entry stays readable. */
		ouro_weak_map_drop(map, ouro_weak_entry(entry));
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
