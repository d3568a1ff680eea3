/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Classes: per heap the pools of one block size.
 */
#ifndef OURO_MODULE_CLASS_H
#define OURO_MODULE_CLASS_H

#include "ouro.h"
#include "geometry.h"

struct ouro_class;
struct ouro_depot;
struct ouro_front;
struct ouro_heap;
struct ouro_kind;
struct ouro_pool;

/*
 * Pools by how many of their blocks are free, in the order they are taken from: none,
 * by quarters, all; apart from those that are to become empty, see sparse.c: none, or
 * some, when there is no other.
 */
enum {
	OURO_SPARSE_FULL, OURO_FULL, OURO_PARTIAL, OURO_EMPTY = 6, OURO_SPARSE,
	OURO_BUCKETS
};

static inline bool ouro_bucket_is_sparse(unsigned int bucket)
{
	return bucket == OURO_SPARSE || bucket == OURO_SPARSE_FULL;
}

#define OURO_EMPTY_KEPT		1	/* empty pools a class keeps back */

/**
 * struct ouro_class_ops - what pools of objects need beyond those of blocks
 * @populate: all blocks of a new pool become dead objects; returns 0 or -ENOMEM
 * @taken: blocks left the pool; called under class->lock
 * @retire: the pool is empty and off the lists, and will not be used again;
 *	called an RCU grace period before its memory goes.  False: somebody has
 *	a use for it, and will call ouro_pool_release_retired()
 * @forget: its memory goes
 * @type: the name of the objects' type
 */
struct ouro_class_ops {
	int (*populate)(struct ouro_pool *pool, gfp_t gfp);
	void (*taken)(struct ouro_pool *pool);
	bool (*retire)(struct ouro_pool *pool);
	void (*forget)(struct ouro_pool *pool);
	const char *(*type)(const struct ouro_class *class);
};

/**
 * struct ouro_class - the pools of one block size in one heap
 * @heap: owner
 * @geo: what its blocks are like
 * @fronts: one on each CPU
 * @depot: one on each node
 * @kind: of the objects in it, NULL: it is one of the body's, of blocks
 * @ops: where @kind is not NULL
 * @link: on heap->typed, where @kind is not NULL
 * @lock: guards all up to @remote
 * @pools: by bucket; a pool is on exactly the list ouro_pool_bucket() names
 * @npools: on all lists
 * @nempty: on pools[OURO_EMPTY]
 * @nsparse: on pools[OURO_SPARSE] and pools[OURO_SPARSE_FULL]
 * @nspent: on pools[OURO_EMPTY] that came from one of these since the last prune
 * @nspare: to be kept there until used, as long as there are as many sparse ones
 * @out: blocks that are not in pools
 * @peak: highest @out
 * @remote: pools with bits in their remote map, queued without the lock
 * @direct: blocks allocated past the fronts less those freed past them
 * @direct_frees: blocks freed past the fronts
 * @tracked: scans look at the objects in it
 */
struct ouro_class {
	struct ouro_heap *heap;
	const struct ouro_geometry *geo;
	struct ouro_front __percpu *fronts;
	struct ouro_depot *depot;
	struct ouro_kind *kind;
	const struct ouro_class_ops *ops;
	struct llist_node link;
	raw_spinlock_t lock;
	u32 npools;
	struct hlist_head pools[OURO_BUCKETS];
	u32 nempty;
	u32 nsparse;
	u32 nspent;
	u32 nspare;
	unsigned long out;
	unsigned long peak;
	struct llist_head remote;
	atomic_long_t direct;
	atomic_long_t direct_frees;
	bool tracked;
};

void ouro_class_set_key(struct ouro_class *class, struct lock_class_key *key);
void ouro_class_init(struct ouro_class *class, struct ouro_heap *heap,
		     const struct ouro_geometry *geo);
unsigned int ouro_class_take(struct ouro_class *class, unsigned int count,
			     int node, bool exact, void **blocks);
void ouro_class_give(struct ouro_class *class, unsigned int count,
		     void **blocks, struct hlist_head *dead);
unsigned long ouro_class_bury(struct hlist_head *dead);
void *ouro_class_add(struct ouro_pool *pool);
void ouro_class_add_spare(struct ouro_pool *pool);
void ouro_class_give_remote(struct ouro_pool *pool, void *block);
void ouro_class_free(struct ouro_class *class, void *block);
void ouro_class_free_map(struct ouro_pool *pool, unsigned int count,
			 const unsigned long *map);
unsigned long ouro_class_trim(struct ouro_class *class);
void ouro_class_mark_sparse(struct ouro_pool *pool, bool few);
bool ouro_class_replace(struct ouro_pool *pool);
bool ouro_class_is_loose(struct ouro_class *class);

/* The name of the type of the objects in it; those of blocks have none. */
static inline const char *ouro_class_type(const struct ouro_class *class)
{
	return class->ops ? class->ops->type(class) : "-";
}

#endif /* OURO_MODULE_CLASS_H */
