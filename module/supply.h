/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Supply: the long way to a block.
 */
#ifndef OURO_SUPPLY_H
#define OURO_SUPPLY_H

#include "ouro.h"

struct ouro_class;
struct ouro_heap;

void *ouro_supply_block(struct ouro_class *class, gfp_t gfp, int node);
void *ouro_supply_large(struct ouro_heap *heap, size_t size, gfp_t gfp,
			int node, unsigned long caller);

#endif /* OURO_SUPPLY_H */
