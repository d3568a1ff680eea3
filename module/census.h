/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Censuses: a visit to every pool of a heap that is in use.
 */
#ifndef OURO_CENSUS_H
#define OURO_CENSUS_H

#include "ouro.h"
#include "roster.h"

struct ouro_heap;
struct ouro_large;
struct ouro_pool;

typedef void (*ouro_census_fn)(struct ouro_pool *pool, unsigned int first,
			       unsigned int end, void *arg);

typedef void (*ouro_census_large_fn)(struct ouro_large *large, void *arg);

int ouro_census(struct ouro_heap *heap, ouro_census_fn fn,
		ouro_census_large_fn large, void *arg);
struct ouro_pool *ouro_census_pool(struct ouro_heap *heap, unsigned long *at);
bool ouro_census_visit(struct ouro_heap *heap, ouro_roster_fn fn, void *arg);
bool ouro_census_is_live(const struct ouro_pool *pool, unsigned int block);

#endif /* OURO_CENSUS_H */
