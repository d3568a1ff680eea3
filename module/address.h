/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The map from addresses to arenas and large blocks: two xarrays, for what the
 * in-band headers do not answer.
 */
#ifndef OURO_ADDRESS_H
#define OURO_ADDRESS_H

#include "ouro.h"

struct ouro_arena;
struct ouro_heap;
struct ouro_large;

int ouro_address_add_arena(struct ouro_arena *arena, gfp_t gfp);
void ouro_address_remove_arena(struct ouro_arena *arena);
struct ouro_arena *ouro_address_arena(const void *ptr);
struct ouro_arena *ouro_address_next(const struct ouro_heap *heap,
				     unsigned long *unit);
unsigned int ouro_address_unit_in(const struct ouro_arena *arena,
				  unsigned long unit);
int ouro_address_add_large(struct ouro_large *large, gfp_t gfp);
void ouro_address_remove_large(struct ouro_large *large);
struct ouro_large *ouro_address_large(const void *ptr);
struct ouro_large *ouro_address_next_large(const struct ouro_heap *heap,
					   unsigned long *page);
void ouro_address_exit(void);

#endif /* OURO_ADDRESS_H */
