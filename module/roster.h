/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rosters: the pools of a heap whose objects may be part of cycles.
 *
 * A pool is old when every block that is not in it was alive in a scan of it, and
 * young otherwise.  It becomes young again when a block of it is freed, or leaves
 * it: either may be the next object.
 */
#ifndef OURO_ROSTER_H
#define OURO_ROSTER_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include "ouro.h"

struct ouro_heap;
struct ouro_kind;
struct ouro_objects;
struct ouro_pool;

/**
 * struct ouro_roster_page - some pools
 * @link: on roster->pages
 * @room: on roster->room while a place is free
 * @places: in it
 * @used: places that are not free
 * @young: bit set: the pool is young; set without the lock, in any context, and
 *	cleared so by who has pinned the pool
 * @pool: NULL: a free place
 */
struct ouro_roster_page {
	struct list_head link;
	struct list_head room;
	u32 places;
	u32 used;
	unsigned long *young;
	struct ouro_pool *pool[];
};

/**
 * struct ouro_roster - all pools with objects that scans look at
 * @lock: guards all of it but the bits for youth
 * @pages: only ever added to
 * @room: pages with a free place
 * @npages: on @pages
 */
struct ouro_roster {
	raw_spinlock_t lock;
	struct list_head pages;
	struct list_head room;
	unsigned int npages;
};

typedef bool (*ouro_roster_fn)(struct ouro_pool *pool, void *arg);

void ouro_roster_init(struct ouro_roster *roster, struct lock_class_key *key);
void ouro_roster_set_key(struct ouro_roster *roster,
			 struct lock_class_key *key);
void ouro_roster_exit(struct ouro_heap *heap);
int ouro_roster_add(struct ouro_pool *pool, gfp_t gfp);
bool ouro_roster_remove(struct ouro_pool *pool);
void ouro_roster_rejuvenate(struct ouro_pool *pool);
void ouro_roster_age(struct ouro_pool *pool);
bool ouro_roster_visit(struct ouro_heap *heap, bool young, ouro_roster_fn fn,
		       void *arg);
void ouro_roster_unpin(struct ouro_heap *heap, struct ouro_objects **first);

#endif /* OURO_ROSTER_H */
