/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Arenas: runs of units from the page allocator, handed out as pools.
 */
#ifndef OURO_ARENA_H
#define OURO_ARENA_H

#include "ouro.h"

struct ouro_class;
struct ouro_heap;
struct ouro_pool;

#define OURO_ARENA_BUCKETS	8	/* by fls(free units): full first; closing */
#define OURO_ARENA_LISTS	(2 * OURO_ARENA_BUCKETS)

/* Units in a heap for which it is worth the trouble that some arenas become empty. */
#define OURO_ARENA_MANY		(SZ_4M / OURO_UNIT)

/**
 * struct ouro_arena - one run of pages
 * @link: on heap->arenas[fls(free units)], on the last of these if it is @closing, or
 *	behind these as one of the @minor; guarded by heap->arena_lock
 * @dead: on the list of arenas to be given back by the worker
 * @heap: owner
 * @base: first byte, aligned to OURO_UNIT
 * @units: in the arena, 1 to OURO_ARENA_UNITS
 * @node: of its pages
 * @wanted: the node they were wanted on; where that has none left, the page
 *	allocator gives others, and the next who wants it shall find them
 * @share: how much of it was live, in pools that were not sparse, when sparse.c
 *	looked; at first more than there can be; of ouro_heaps_lock
 * @minor: for pools of which the heap has few, or of objects; set once
 * @closing: the last to take pools from, once units are free; written under
 *	heap->arena_lock
 * @free: bit set: the unit is in no pool; guarded by heap->arena_lock
 * @rcu: the map may still lead here until a grace period has passed
 * @pool: for each unit the header of the pool over it, NULL where free;
 *	written by who took the units, read by anybody under RCU
 */
struct ouro_arena {
	struct list_head link;
	struct llist_node dead;
	struct ouro_heap *heap;
	char *base;
	u16 units;
	s16 node;
	s16 wanted;
	bool minor;
	bool closing;
	u8 share;
	u64 free;
	struct rcu_head rcu;
	struct ouro_pool *pool[];
};

/* Whether blocks there will do for @node; with @exact no other node's will. */
static inline bool ouro_arena_is_on(const struct ouro_arena *arena, int node,
				    bool exact)
{
	return node == NUMA_NO_NODE || arena->node == node ||
	       (!exact && arena->wanted == node);
}

struct ouro_arena *ouro_arena_take(const struct ouro_class *class, gfp_t gfp,
				   int node, unsigned int *unit);
struct ouro_arena *ouro_arena_find(const struct ouro_class *class, int node,
				   unsigned int *unit);
unsigned int ouro_arena_room(struct ouro_arena *arena);
void ouro_arena_set_closing(struct ouro_arena *arena, bool closing);
void ouro_arena_give(struct ouro_arena *arena, unsigned int unit,
		     unsigned int units);
void ouro_arena_destroy_all(struct ouro_heap *heap);
void ouro_arena_flush(void);
void ouro_arena_exit(void);

static inline void *ouro_arena_unit(const struct ouro_arena *arena,
				    unsigned int unit)
{
	return arena->base + ((unsigned long)unit << OURO_UNIT_SHIFT);
}

#endif /* OURO_ARENA_H */
