/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Weak maps, for interning.
 */
#ifndef OURO_MODULE_WEAK_MAP_H
#define OURO_MODULE_WEAK_MAP_H

#include <ouro/weak_map.h>
#include "ouro.h"

int ouro_weak_map_put_in(struct ouro_weak_map *map, const void *key, size_t len,
			 struct ouro_object *object, struct ouro_object **kept,
			 gfp_t gfp, unsigned long caller);

#endif /* OURO_MODULE_WEAK_MAP_H */
