/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Statistics: readings taken without a lock from what owners count.
 */
#ifndef OURO_STAT_H
#define OURO_STAT_H

#include "ouro.h"

struct ouro_class;
struct ouro_heap;
struct ouro_kind;

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

/**
 * struct ouro_kind_stat - one reading of the objects of a type
 * @live: objects that are not dead, or whose death is not over
 * @peak: the most that were out of their pools at once: live, and free ones in
 *	magazines
 * @created: since the type was registered
 * @destroyed: since then
 * @bytes: of the live ones
 * @cached: free ones in magazines and depots
 * @pools: of the type
 */
struct ouro_kind_stat {
	unsigned long live;
	unsigned long peak;
	unsigned long created;
	unsigned long destroyed;
	unsigned long bytes;
	unsigned long cached;
	unsigned long pools;
};

void ouro_stat_kind(struct ouro_heap *heap, const struct ouro_kind *kind,
		    struct ouro_kind_stat *stat);
void ouro_stat_trace_leaks(const struct ouro_heap *heap);
void ouro_stat_class(const struct ouro_class *class,
		     struct ouro_class_stat *stat);

#endif /* OURO_STAT_H */
