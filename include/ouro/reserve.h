/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reserves: N blocks of a size that are there when nothing else is.
 *
 * Up to N blocks outstanding, an allocation from a reserve cannot fail and
 * never waits, in any context.  It differs from a mempool in that it never
 * sleeps and never falls back: outstanding is bounded, and a block that is not
 * given back is found when the reserve is destroyed.
 */
#ifndef _OURO_RESERVE_H
#define _OURO_RESERVE_H

#include <linux/gfp.h>
#include <linux/types.h>

struct ouro_heap;
struct ouro_reserve;

struct ouro_reserve *ouro_reserve_create(struct ouro_heap *heap, size_t size,
					 unsigned int count, gfp_t gfp);
unsigned int ouro_reserve_destroy(struct ouro_reserve *reserve);
void *ouro_reserve_alloc(struct ouro_reserve *reserve);
int ouro_reserve_free(struct ouro_reserve *reserve, void *block);
unsigned int ouro_reserve_outstanding(const struct ouro_reserve *reserve);
struct ouro_reserve *ouro_heap_reserve(const struct ouro_heap *heap);

#endif /* _OURO_RESERVE_H */
