/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Statistics: readings taken without a lock from what owners count.
 */
#ifndef OURO_STAT_H
#define OURO_STAT_H

#include "ouro.h"

struct ouro_class;

/**
 * struct ouro_class_stat - one reading of a class
 * @live: blocks that callers hold
 * @fronts: free blocks in the magazines of CPUs
 * @depot: free blocks parked in depots
 * @pools: of the class
 * @empty: of these all free
 * @allocs: since the heap was created
 * @frees: since the heap was created
 */
struct ouro_class_stat {
	unsigned long live;
	unsigned long fronts;
	unsigned long depot;
	unsigned long pools;
	unsigned long empty;
	unsigned long allocs;
	unsigned long frees;
};

void ouro_stat_class(const struct ouro_class *class,
		     struct ouro_class_stat *stat);

#endif /* OURO_STAT_H */
