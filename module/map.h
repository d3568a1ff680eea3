/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The map from addresses to arenas and large blocks: two xarrays, for what the
 * in-band headers do not answer.
 */
#ifndef OURO_MAP_H
#define OURO_MAP_H

#include "ouro.h"

struct ouro_arena;
struct ouro_large;

int ouro_map_add_arena(struct ouro_arena *arena, gfp_t gfp);
void ouro_map_remove_arena(struct ouro_arena *arena);
struct ouro_arena *ouro_map_arena(const void *ptr);
int ouro_map_add_large(struct ouro_large *large, gfp_t gfp);
void ouro_map_remove_large(struct ouro_large *large);
struct ouro_large *ouro_map_large(const void *ptr);
void ouro_map_exit(void);

#endif /* OURO_MAP_H */
