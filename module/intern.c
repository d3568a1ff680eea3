// SPDX-License-Identifier: GPL-2.0
/*
 * Interning: the one object for a key.
 */
#include "ouro.h"
#include <linux/err.h>
#include "block.h"
#include "weak_map.h"

/**
 * ouro_intern() - the one object for a key
 * @map: where such objects are found
 * @key: the key
 * @len: its bytes, 1 to OURO_KEY_MAX
 * @make: makes an object for the key in the map's heap, or returns NULL or
 *	ERR_PTR
 * @arg: for @make
 * @gfp: as for ouro_alloc()
 *
 * As long as an object for the key lives, each call returns that; none is kept
 * alive by this.  Of several that are made at the same time one stays.
 *
 * Context: As ouro_weak_map_store(), and what @make takes.
 * Return: the object, with a reference that is the caller's; NULL when there was
 * no memory, or @make gave none.
 */
struct ouro_object *
ouro_intern(struct ouro_weak_map *map, const void *key, size_t len,
	    struct ouro_object *(*make)(const void *key, size_t len, void *arg),
	    void *arg, gfp_t gfp)
{
	struct ouro_object *object = ouro_weak_map_load(map, key, len);
	struct ouro_object *kept = NULL;

	ouro_block_might_alloc(gfp);
	lockdep_assert_irqs_enabled();
	if (object)
		return object;
	object = make(key, len, arg);
	if (IS_ERR_OR_NULL(object))
		return NULL;
	if (ouro_weak_map_put_in(map, key, len, object, &kept, gfp, _RET_IP_)) {
		ouro_put(object);
		return kept;
	}
	return object;
}
EXPORT_SYMBOL_OURO(ouro_intern);
