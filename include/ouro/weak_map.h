/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Weak maps: objects by key, as long as they live; and interning.
 *
 * A weak map keeps none of its values alive: an entry vanishes when its value
 * has died.  Keys are bytes, of any length up to OURO_KEY_MAX; they are copied.
 * Look-ups take no lock.
 */
#ifndef _OURO_WEAK_MAP_H
#define _OURO_WEAK_MAP_H

#include <linux/gfp.h>
#include <linux/rhashtable-types.h>
#include <linux/types.h>
#include <ouro/map.h>
#include <ouro/object.h>

struct ouro_weak_map;

struct ouro_weak_map *ouro_weak_map_new(struct ouro_heap *heap, gfp_t gfp);
struct ouro_object *ouro_weak_map_object(struct ouro_weak_map *map);
struct ouro_weak_map *ouro_weak_map_of(struct ouro_object *object);
size_t ouro_weak_map_length(const struct ouro_weak_map *map);
int ouro_weak_map_store(struct ouro_weak_map *map, const void *key, size_t len,
			struct ouro_object *object, gfp_t gfp);
int ouro_weak_map_add(struct ouro_weak_map *map, const void *key, size_t len,
		      struct ouro_object *object, gfp_t gfp);
struct ouro_object *ouro_weak_map_load(struct ouro_weak_map *map,
				       const void *key, size_t len);
bool ouro_weak_map_remove(struct ouro_weak_map *map, const void *key,
			  size_t len);
void ouro_weak_map_clear(struct ouro_weak_map *map);

/**
 * struct ouro_weak_map_iter - a visit of a weak map; on the stack
 * @map: with a reference
 * @walk: of its table
 *
 * Private: use the functions.
 */
struct ouro_weak_map_iter {
	struct ouro_weak_map *map;
	struct rhashtable_iter walk;
};

void ouro_weak_map_walk(struct ouro_weak_map_iter *iter,
			struct ouro_weak_map *map);
struct ouro_object *ouro_weak_map_next(struct ouro_weak_map_iter *iter,
				       void *key, size_t room, size_t *len);
void ouro_weak_map_walk_end(struct ouro_weak_map_iter *iter);

struct ouro_object *
ouro_intern(struct ouro_weak_map *map, const void *key, size_t len,
	    struct ouro_object *(*make)(const void *key, size_t len, void *arg),
	    void *arg, gfp_t gfp);

/**
 * ouro_weak_map_put() - give back a reference to a weak map
 * @map: or NULL
 *
 * Context: As ouro_put().
 */
static inline void ouro_weak_map_put(struct ouro_weak_map *map)
{
	ouro_put((struct ouro_object *)map);
}

#ifdef DEFINE_FREE
DEFINE_FREE(ouro_weak_map_put, struct ouro_weak_map *, if (!IS_ERR(_T)) ouro_weak_map_put(_T))
#endif

#endif /* _OURO_WEAK_MAP_H */
