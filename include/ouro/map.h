/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Maps: references by key.
 *
 * A map is an object and owns a reference to each of its values.  Keys are bytes,
 * of one length for the whole map or of any; they are copied.  Look-ups take no
 * lock; a hash table (<linux/rhashtable.h>) leads from keys to slots.
 *
 * For values that the map shall not keep alive, see <ouro/weak_map.h>.
 */
#ifndef _OURO_MAP_H
#define _OURO_MAP_H

#include <linux/gfp.h>
#include <linux/types.h>
#include <ouro/object.h>

struct ouro_map;

#define OURO_KEY_MAX	1024	/* bytes of a key at most */

struct ouro_map *ouro_map_new(struct ouro_heap *heap, size_t key_len,
			      gfp_t gfp);
struct ouro_map *ouro_map_like(const struct ouro_map *map, gfp_t gfp);
struct ouro_object *ouro_map_object(struct ouro_map *map);
struct ouro_map *ouro_map_of(struct ouro_object *object);
size_t ouro_map_length(const struct ouro_map *map);
int ouro_map_reserve(struct ouro_map *map, size_t capacity, gfp_t gfp);
int ouro_map_store(struct ouro_map *map, const void *key, size_t len,
		   struct ouro_object *object, gfp_t gfp);
int ouro_map_add(struct ouro_map *map, const void *key, size_t len,
		 struct ouro_object *object, gfp_t gfp);
struct ouro_object *ouro_map_load(struct ouro_map *map, const void *key,
				  size_t len);
struct ouro_object *ouro_map_peek(struct ouro_map *map, const void *key,
				  size_t len);
struct ouro_object *ouro_map_take(struct ouro_map *map, const void *key,
				  size_t len);
void ouro_map_clear(struct ouro_map *map);
struct ouro_object *ouro_map_next(struct ouro_map *map, size_t *place,
				  void *key, size_t room, size_t *len);

/**
 * struct ouro_map_pair - a key and a value, for ouro_map_fill()
 * @key: the key
 * @len: its bytes
 * @object: the value; the caller has a reference and keeps it
 */
struct ouro_map_pair {
	const void *key;
	size_t len;
	struct ouro_object *object;
};

ssize_t ouro_map_fill(struct ouro_map *map, const struct ouro_map_pair *pairs,
		      size_t count, gfp_t gfp);

/**
 * ouro_map_remove() - put the value of a key, and forget the key
 * @map: the map
 * @key: the key
 * @len: its bytes
 *
 * Context: As ouro_put(); takes the map's lock.
 * Return: true when there was one.
 */
static inline bool ouro_map_remove(struct ouro_map *map, const void *key,
				   size_t len)
{
	struct ouro_object *object = ouro_map_take(map, key, len);

	ouro_put(object);
	return object;
}

/**
 * ouro_map_put() - give back a reference to a map
 * @map: or NULL
 *
 * Context: As ouro_put().
 */
static inline void ouro_map_put(struct ouro_map *map)
{
	ouro_put((struct ouro_object *)map);
}

/* The same for maps with keys that are numbers. */

static inline struct ouro_map *ouro_map_u64_new(struct ouro_heap *heap,
						gfp_t gfp)
{
	return ouro_map_new(heap, sizeof(u64), gfp);
}

static inline int ouro_map_u64_store(struct ouro_map *map, u64 key,
				     struct ouro_object *object, gfp_t gfp)
{
	return ouro_map_store(map, &key, sizeof(key), object, gfp);
}

static inline int ouro_map_u64_add(struct ouro_map *map, u64 key,
				   struct ouro_object *object, gfp_t gfp)
{
	return ouro_map_add(map, &key, sizeof(key), object, gfp);
}

struct ouro_object *ouro_map_u64_load(struct ouro_map *map, u64 key);
struct ouro_object *ouro_map_u64_peek(struct ouro_map *map, u64 key);

static inline struct ouro_object *ouro_map_u64_take(struct ouro_map *map,
						    u64 key)
{
	return ouro_map_take(map, &key, sizeof(key));
}

static inline bool ouro_map_u64_remove(struct ouro_map *map, u64 key)
{
	return ouro_map_remove(map, &key, sizeof(key));
}

static inline struct ouro_object *ouro_map_u64_next(struct ouro_map *map,
						    size_t *place, u64 *key)
{
	size_t len;

	return ouro_map_next(map, place, key, sizeof(*key), &len);
}

/*
 * Visits the values of a map with numbers for keys.  Each that is in the map all
 * the time is seen once.  @object has a reference in the body, which is the
 * caller's after a break.
 */
#define ouro_map_u64_for_each(map, place, number, value)		\
	for ((place) = 0;						\
	     ((value) = ouro_map_u64_next(map, &(place), &(number)));	\
	     ouro_put(value))

#ifdef DEFINE_FREE
DEFINE_FREE(ouro_map_put, struct ouro_map *, if (!IS_ERR_OR_NULL(_T)) ouro_map_put(_T))
#endif

#endif /* _OURO_MAP_H */
