/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Weak handles, for the layers that kill and print objects.
 */
#ifndef OURO_MODULE_WEAK_H
#define OURO_MODULE_WEAK_H

#include <linux/srcu.h>
#include <ouro/weak.h>
#include "ouro.h"

struct ouro_heap;
struct ouro_object;
struct ouro_pool;

/**
 * struct ouro_cell - what a block has for weak handles
 * @generation: of the object in it, or of the next one
 * @watches: of the object in it; guarded by the lock for its pool's number
 */
struct ouro_cell {
	atomic64_t generation;
	struct hlist_head watches;
};

/**
 * struct ouro_weaks - what a pool has for weak handles, from the first one on
 * @rcu: handles may be looked up until a grace period after the pool retired
 * @pool: the cells' pool
 * @blocks: cells
 * @cell: one for each block
 */
struct ouro_weaks {
	struct rcu_head rcu;
	struct ouro_pool *pool;
	u32 blocks;
	struct ouro_cell cell[];
};

#define OURO_WEAK_HEAP_BITS	20
#define OURO_WEAK_TEXT	48	/* bytes for the name of an object */

/* Around deaths that others tell of or wait for: ouro_watch_remove_sync(). */
extern struct srcu_struct ouro_deaths;

/* The number of the pool that a handle leads to. */
static inline u32 ouro_weak_number(struct ouro_weak weak)
{
	return weak.name >> OURO_WEAK_BLOCK_BITS;
}

u32 ouro_weak_heap_id(void);
int ouro_weak_number_get(struct ouro_pool *pool, gfp_t gfp);
void ouro_weak_number_put(struct ouro_pool *pool);
struct ouro_object *ouro_weak_upgrade(struct ouro_weak weak,
				      struct ouro_object **wrong);
void ouro_weak_name(struct ouro_pool *pool, struct ouro_object *object,
		    char name[OURO_WEAK_TEXT]);
bool ouro_weak_is(struct ouro_pool *pool, const struct ouro_object *object,
		  u64 generation);
int ouro_weak_parse(const char *text, struct ouro_weak *weak);
void ouro_weak_end(struct ouro_pool *pool, struct ouro_object *object);
bool ouro_weak_is_watched(struct ouro_pool *pool, struct ouro_object *object);
void ouro_weak_detach(struct ouro_pool *pool, struct ouro_object *object,
		      struct hlist_head *watches);
void ouro_weak_tell(struct hlist_head *watches);
void ouro_weak_retire(struct ouro_pool *pool);
bool ouro_weak_retire_all(struct ouro_heap *heap);
void ouro_weak_destroy_all(struct ouro_heap *heap);
void ouro_weak_exit(void);

#endif /* OURO_MODULE_WEAK_H */
