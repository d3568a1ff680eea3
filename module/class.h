/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Classes: the geometry of a block size, and per heap the pools that hold it.
 */
#ifndef OURO_MODULE_CLASS_H
#define OURO_MODULE_CLASS_H

#include "ouro.h"

struct ouro_depot;
struct ouro_front;
struct ouro_heap;
struct ouro_pool;

/**
 * struct ouro_geometry - what a block size means, the same in every heap
 * @size: bytes of a block
 * @units: of OURO_UNIT bytes in a pool
 * @blocks: in a pool
 * @inband: the pool's header lies in front of its blocks
 * @header: bytes of struct ouro_pool with its bitmaps
 * @rounds: blocks in a full magazine
 * @parked: full magazines that a depot keeps at most
 * @mult: 2^32 / @size + 1; see ouro_pool_is_block()
 * @bound: @blocks * (@mult * @size - 2^32)
 *
 * The blocks end where the pool ends: block i starts at
 * end - (@blocks - i) * @size.  Waste in front, header included, is at most
 * 6 % of the pool.
 */
struct ouro_geometry {
	u32 size;
	u16 units;
	u16 blocks;
	bool inband;
	u16 header;
	u16 rounds;
	u16 parked;
	u32 mult;
	u32 bound;
};

extern struct ouro_geometry ouro_geometry[OURO_CLASSES];

/* Pools by how many of their blocks are free: none, by quarters, all. */
enum { OURO_FULL, OURO_PARTIAL, OURO_EMPTY = 5, OURO_BUCKETS };

#define OURO_EMPTY_KEPT		1	/* empty pools a class keeps back */

/**
 * struct ouro_class - the pools of one block size in one heap
 * @heap: owner
 * @geo: what its blocks are like
 * @fronts: one on each CPU
 * @depot: one on each node
 * @lock: guards all up to @remote
 * @pools: by bucket; a pool is on exactly the list ouro_pool_bucket() names
 * @npools: on all lists
 * @nempty: on pools[OURO_EMPTY]
 * @remote: pools with bits in their remote map, queued without the lock
 * @direct: blocks allocated past the fronts less those freed past them
 * @direct_frees: blocks freed past the fronts
 */
struct ouro_class {
	struct ouro_heap *heap;
	const struct ouro_geometry *geo;
	struct ouro_front __percpu *fronts;
	struct ouro_depot *depot;
	raw_spinlock_t lock;
	u32 npools;
	struct hlist_head pools[OURO_BUCKETS];
	u32 nempty;
	struct llist_head remote;
	atomic_long_t direct;
	atomic_long_t direct_frees;
};

void ouro_geometry_init(void);
void ouro_class_set_key(struct ouro_class *class, struct lock_class_key *key);
void ouro_class_init(struct ouro_class *class, struct ouro_heap *heap,
		     const struct ouro_geometry *geo);
unsigned int ouro_class_take(struct ouro_class *class, unsigned int count,
			     int node, bool exact, void **blocks);
void ouro_class_give(struct ouro_class *class, unsigned int count,
		     void **blocks, struct hlist_head *dead);
unsigned long ouro_class_bury(struct hlist_head *dead);
void *ouro_class_add(struct ouro_pool *pool);
void ouro_class_give_remote(struct ouro_pool *pool, void *block);
unsigned long ouro_class_trim(struct ouro_class *class);

#endif /* OURO_MODULE_CLASS_H */
