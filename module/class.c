// SPDX-License-Identifier: GPL-2.0
/*
 * Classes: the way between pools and everything above them.
 */
#include "ouro.h"
#include "check.h"
#include "class.h"
#include "heap.h"
#include "pool.h"
#include "sparse.h"

void ouro_class_set_key(struct ouro_class *class, struct lock_class_key *key)
{
	lockdep_set_class_and_subclass(&class->lock, key, OURO_LOCK_CLASS);
}

/* All but the fronts and depots, which the caller has. */
void ouro_class_init(struct ouro_class *class, struct ouro_heap *heap,
		     const struct ouro_geometry *geo)
{
	unsigned int i;

	class->heap = heap;
	class->geo = geo;
	raw_spin_lock_init(&class->lock);
	ouro_class_set_key(class, heap->key);
	for (i = 0; i < OURO_BUCKETS; i++)
		INIT_HLIST_HEAD(&class->pools[i]);
	init_llist_head(&class->remote);
}

static void pool_list(struct ouro_class *class, struct ouro_pool *pool)
{
	unsigned int bucket = ouro_pool_bucket(pool);

	WRITE_ONCE(pool->bucket, bucket);
	hlist_add_head(&pool->link, &class->pools[bucket]);
	if (bucket == OURO_EMPTY)
		class->nempty++;
	if (ouro_bucket_is_sparse(bucket)) {
		WRITE_ONCE(class->nsparse, class->nsparse + 1);
		/* Who reads the one or the other meanwhile does no harm. */
		WRITE_ONCE(pool->front, ouro_idle_fronts);
	}
}

static void pool_unlist(struct ouro_class *class, struct ouro_pool *pool)
{
	if (pool->bucket == OURO_EMPTY) {
		class->nempty--;
		class->nspent = min(class->nspent, class->nempty);
	}
	if (ouro_bucket_is_sparse(pool->bucket)) {
		WRITE_ONCE(class->nsparse, class->nsparse - 1);
		WRITE_ONCE(pool->front, ouro_pool_front(class));
	}
	hlist_del(&pool->link);
}

static void pool_relist(struct ouro_class *class, struct ouro_pool *pool)
{
	unsigned int from = pool->bucket;

	lockdep_assert_held(&class->lock);
	if (from == ouro_pool_bucket(pool))
		return;
	pool_unlist(class, pool);
	pool_list(class, pool);
	if (ouro_bucket_is_sparse(from) && pool->bucket == OURO_EMPTY)
		class->nspent++;
	if (from == OURO_EMPTY && class->nspare)
		class->nspare--;
	ouro_pool_trace(pool, from, pool->bucket);
}

/* Makes a pool one of the sparse ones, or one of the others again. */
static void pool_set_sparse(struct ouro_class *class, struct ouro_pool *pool,
			    bool sparse)
{
	unsigned int from = pool->bucket;

	pool_unlist(class, pool);
	WRITE_ONCE(pool->bucket, sparse ? OURO_SPARSE : OURO_PARTIAL);
	pool_list(class, pool);
	ouro_pool_trace(pool, from, pool->bucket);
}

/*
 * Takes in the remote frees of all queued pools.  A pool whose announced frees
 * were not all there yet is queued again: as long as the count is not zero
 * nobody else queues it, and it cannot be empty, so it stays.
 */
static unsigned int class_harvest(struct ouro_class *class)
{
	struct llist_node *queue;
	struct ouro_pool *pool, *next;
	unsigned int found, twice, all_twice = 0;

	lockdep_assert_held(&class->lock);
	if (llist_empty(&class->remote))
		return 0;
	queue = llist_del_all(&class->remote);
	llist_for_each_entry_safe(pool, next, queue, remote_link) {
		found = ouro_pool_harvest(pool, &twice);
		all_twice += twice;
		class->out -= found - twice;
		if (atomic_sub_return(found, &pool->announced) > 0)
			llist_add(&pool->remote_link, &class->remote);
		pool_relist(class, pool);
	}
	return all_twice;
}

/*
 * Moves surplus empty pools from the class to @dead: all but @keep and those that
 * are spare, and as many as were sparse, for these, most of them the last on the list,
 * keep an arena.
 */
static void class_prune(struct ouro_class *class, unsigned int keep,
			struct hlist_head *dead)
{
	struct ouro_pool *pool;
	struct hlist_node *next;

	lockdep_assert_held(&class->lock);
	class->nspare = min(class->nspare, class->nsparse);
	keep += class->nspare;
	if (class->nspent)
		keep = min(keep, class->nempty - min(class->nempty, class->nspent));
	class->nspent = 0;
	if (class->nempty <= keep)
		return;
	hlist_for_each_entry_safe(pool, next, &class->pools[OURO_EMPTY], link) {
		if (class->nempty <= keep)
			return;
		if (atomic_read(&pool->announced))
			continue;	/* a double free left it so: keep it */
		pool_unlist(class, pool);
		WRITE_ONCE(class->npools, class->npools - 1);
		hlist_add_head(&pool->link, dead);
	}
}

/**
 * ouro_class_bury() - release pools that became empty
 * @dead: the list that ouro_class_give() filled; empty afterwards
 *
 * Context: Any but NMI, and on PREEMPT_RT preemptible unless the caller's
 * caller was not.  Takes heap->arena_lock and the map's, one by one.
 * Return: how many there were.
 */
unsigned long ouro_class_bury(struct hlist_head *dead)
{
	struct ouro_pool *pool;
	struct hlist_node *next;
	unsigned long pools = 0;

	hlist_for_each_entry_safe(pool, next, dead, link) {
		ouro_pool_release(pool);
		pools++;
	}
	INIT_HLIST_HEAD(dead);
	return pools;
}

#define PICK_TRIES 8	/* pools looked at in a bucket for one on the node */

/* The fullest pool with a free block, on @node if there is one. */
static struct ouro_pool *class_pick(struct ouro_class *class, int node,
				    bool strict, bool exact)
{
	struct ouro_pool *pool, *other = NULL;
	unsigned int i, tries;

	for (i = OURO_PARTIAL; i < OURO_BUCKETS; i++) {
		/* Far ones are better than what is to become empty. */
		if (i == OURO_SPARSE && other && !strict)
			break;
		tries = strict ? 8 * PICK_TRIES : PICK_TRIES;
		hlist_for_each_entry(pool, &class->pools[i], link) {
			if (ouro_arena_is_on(pool->arena, node, exact))
				return pool;
			if (!other)
				other = pool;
			if (!--tries)
				break;
		}
	}
	return strict ? NULL : other;
}

/* @taken more blocks left the pools. */
static void note_out(struct ouro_class *class, unsigned int taken)
{
	lockdep_assert_held(&class->lock);
	class->out += taken;
	if (class->out > class->peak)
		WRITE_ONCE(class->peak, class->out);
}

/* Tells of blocks that were freed twice, and takes the second free back. */
static void tell_twice(struct ouro_class *class, unsigned int twice)
{
	while (unlikely(twice)) {
		atomic_long_inc(&class->direct);
		atomic_long_dec(&class->direct_frees);
		ouro_check_report(OURO_MISUSE_TWICE, class->heap, NULL, NULL,
				  0);
		twice--;
	}
}

/* So many more blocks left their pools; less, if it is negative. */
static void tell_tracked(struct ouro_class *class, long change)
{
	if (class->tracked && change)
		ouro_collector_note(&class->heap->collector, change);
}

/**
 * ouro_class_take() - move blocks out of the pools, the fullest pools first
 * @class: of the blocks
 * @count: wanted
 * @node: where they must be, or NUMA_NO_NODE: the near ones first
 * @exact: a pool that was wanted on @node and came from another will not do
 * @blocks: where to put them
 *
 * Context: Any but NMI; takes class->lock.  At most @count blocks are moved.
 * Return: how many.
 */
unsigned int ouro_class_take(struct ouro_class *class, unsigned int count,
			     int node, bool exact, void **blocks)
{
	bool strict = node != NUMA_NO_NODE;
	unsigned int taken = 0, twice;
	struct ouro_pool *pool;
	unsigned long flags, change;

	if (!strict && nr_online_nodes > 1)
		node = numa_mem_id();
	raw_spin_lock_irqsave(&class->lock, flags);
	change = class->out;
	twice = class_harvest(class);
	while (taken < count) {
		pool = class_pick(class, node, strict, exact);
		if (!pool)
			break;
		taken += ouro_pool_take(pool, count - taken, blocks + taken);
		if (class->ops)
			class->ops->taken(pool);
		if (pool->bucket == OURO_SPARSE)
			pool_set_sparse(class, pool, false);
		else
			pool_relist(class, pool);
	}
	note_out(class, taken);
	change = class->out - change;
	raw_spin_unlock_irqrestore(&class->lock, flags);
	tell_twice(class, twice);
	tell_tracked(class, change);
	return taken;
}

static struct ouro_pool *pool_of(const struct ouro_geometry *geo,
				 const void *block)
{
	return geo->inband ? ouro_pool_inband(block) : ouro_pool_find(block);
}

#define SPARED	64	/* one of so many blocks may be free */
#define SPARED_FEW 512	/* the same where an arena is nearly empty */

/*
 * Whether more than @more pools that are not sparse need not be, were the others
 * filled but for what is spared: one of @share blocks, and a refill.
 */
static bool class_has_surplus(const struct ouro_class *class, unsigned int more,
			      unsigned int share)
{
	unsigned long blocks = class->geo->blocks;
	unsigned long room = (class->npools - class->nempty) * blocks;
	unsigned long spared = room / share +
			       max_t(unsigned long, blocks, class->geo->rounds);

	lockdep_assert_held(&class->lock);
	return !class->ops && room >= class->out + spared +
				      (class->nsparse + more) * blocks;
}

/**
 * ouro_class_give() - put blocks back into their pools
 * @class: of the blocks
 * @count: of blocks
 * @blocks: all of this class
 * @dead: pools that became empty are added
 *
 * Pools that become empty, but for OURO_EMPTY_KEPT, are put on @dead: the caller
 * owes ouro_class_bury(), where preemption is as it was for its own caller.
 *
 * Context: Any but NMI; takes class->lock.
 */
void ouro_class_give(struct ouro_class *class, unsigned int count,
		     void **blocks, struct hlist_head *dead)
{
	struct ouro_pool *pool, *last = NULL;
	unsigned int i, twice;
	unsigned long flags, change;
	bool loose;

	raw_spin_lock_irqsave(&class->lock, flags);
	change = class->out;
	twice = class_harvest(class);
	for (i = 0; i < count; i++) {
		pool = pool_of(class->geo, blocks[i]);
		if (pool != last) {
			if (last)
				pool_relist(class, last);
			last = pool;
		}
		if (likely(ouro_pool_give(pool, blocks[i])))
			class->out--;
		else
			twice++;
	}
	if (last)
		pool_relist(class, last);
	/* What has become of a sparse pool may be the last that was in the way. */
	loose = class->nspent;
	class_prune(class, OURO_EMPTY_KEPT, dead);
	change = class->out - change;
	/* Not for each of them: all arenas are looked at then. */
	loose |= class_has_surplus(class, class->npools / (4 * SPARED), SPARED);
	raw_spin_unlock_irqrestore(&class->lock, flags);
	tell_twice(class, twice);
	tell_tracked(class, change);
	if (unlikely(loose))
		ouro_sparse_note(class->heap);
}

/**
 * ouro_class_free() - free a block straight into its pool
 * @class: of the block
 * @block: of this class
 *
 * Context: As ouro_class_bury(); takes class->lock.
 */
void ouro_class_free(struct ouro_class *class, void *block)
{
	HLIST_HEAD(dead);

	atomic_long_inc(&class->direct_frees);
	atomic_long_dec(&class->direct);
	ouro_class_give(class, 1, &block, &dead);
	ouro_class_bury(&dead);
}

/**
 * ouro_class_free_map() - free many blocks of a pool
 * @pool: they belong to
 * @count: of them
 * @map: bit set: this one
 *
 * Context: As ouro_class_bury(); takes class->lock.
 */
void ouro_class_free_map(struct ouro_pool *pool, unsigned int count,
			 const unsigned long *map)
{
	struct ouro_class *class = pool->class;
	unsigned long flags, change;
	unsigned int twice, here;
	HLIST_HEAD(dead);

	atomic_long_add(count, &class->direct_frees);
	atomic_long_sub(count, &class->direct);
	raw_spin_lock_irqsave(&class->lock, flags);
	change = class->out;
	twice = class_harvest(class);
	here = ouro_pool_give_map(pool, map);
	class->out -= count - here;
	pool_relist(class, pool);
	class_prune(class, OURO_EMPTY_KEPT, &dead);
	change = class->out - change;
	raw_spin_unlock_irqrestore(&class->lock, flags);
	tell_twice(class, twice + here);
	tell_tracked(class, change);
	ouro_class_bury(&dead);
}

/**
 * ouro_class_add() - take a new pool in, and its first block out
 * @pool: on no list yet
 *
 * Context: Any but NMI; takes class->lock.
 * Return: the block: whoever made the pool is served.
 */
void *ouro_class_add(struct ouro_pool *pool)
{
	struct ouro_class *class = pool->class;
	unsigned long flags;
	void *block;

	raw_spin_lock_irqsave(&class->lock, flags);
	WRITE_ONCE(class->npools, class->npools + 1);
	ouro_pool_take(pool, 1, &block);
	if (class->ops)
		class->ops->taken(pool);
	note_out(class, 1);
	pool_list(class, pool);
	ouro_pool_trace(pool, OURO_BUCKETS, pool->bucket);
	raw_spin_unlock_irqrestore(&class->lock, flags);
	tell_tracked(class, 1);
	return block;
}

/**
 * ouro_class_add_spare() - take a new pool in, for when others became sparse
 * @pool: on no list yet, of blocks
 *
 * Context: Any but NMI; takes class->lock.
 */
void ouro_class_add_spare(struct ouro_pool *pool)
{
	struct ouro_class *class = pool->class;
	unsigned long flags;

	raw_spin_lock_irqsave(&class->lock, flags);
	WRITE_ONCE(class->npools, class->npools + 1);
	class->nspare++;
	pool_list(class, pool);
	ouro_pool_trace(pool, OURO_BUCKETS, pool->bucket);
	raw_spin_unlock_irqrestore(&class->lock, flags);
}

/**
 * ouro_class_give_remote() - free a block without a lock
 * @pool: it belongs to
 * @block: its start
 *
 * The free is announced before its bit is set, and setting the bit is the last
 * touch: from then on the block may be harvested and the pool released.  Who
 * announces first queues the pool.
 *
 * Context: Any, NMI included.
 */
void ouro_class_give_remote(struct ouro_pool *pool, void *block)
{
	struct ouro_class *class = pool->class;
	unsigned int index = ouro_pool_index(pool, block);

	atomic_long_inc(&class->direct_frees);
	atomic_long_dec(&class->direct);
	if (atomic_inc_return(&pool->announced) == 1)
		llist_add(&pool->remote_link, &class->remote);
	/*
	 * Full barrier; pairs with the xchg() in ouro_pool_harvest().  A bit
	 * already set leaves the pool announced for good: it is then visited at
	 * each harvest and never released before its heap, which does no harm.
	 */
	if (unlikely(test_and_set_bit(index, pool->remote)))
		tell_twice(class, 1);
}

/**
 * ouro_class_trim() - give back every empty pool
 * @class: of them
 *
 * Context: Any but NMI; takes class->lock, then heap->arena_lock.
 * Return: how many pools went.
 */
unsigned long ouro_class_trim(struct ouro_class *class)
{
	HLIST_HEAD(dead);
	unsigned long flags, change;
	unsigned int twice;

	raw_spin_lock_irqsave(&class->lock, flags);
	change = class->out;
	twice = class_harvest(class);
	class->nspare = 0;
	class_prune(class, 0, &dead);
	change = class->out - change;
	raw_spin_unlock_irqrestore(&class->lock, flags);
	tell_twice(class, twice);
	tell_tracked(class, change);
	return ouro_class_bury(&dead);
}

/**
 * ouro_class_mark_sparse() - let a pool become empty, if its class has too many
 * @pool: of blocks, in use or not
 * @few: it is one of few that keep an arena, so the class is left less to spare
 *
 * What is freed there goes home from then on, and it is chosen for allocations when
 * all others are full.
 *
 * Context: heap->arena_lock is held, for which the pool stays; takes class->lock.
 */
void ouro_class_mark_sparse(struct ouro_pool *pool, bool few)
{
	struct ouro_class *class = pool->class;

	lockdep_assert_held(&class->heap->arena_lock);
	raw_spin_lock(&class->lock);
	if (ouro_pool_may_be_sparse(pool) &&
	    class_has_surplus(class, 0, few ? SPARED_FEW : SPARED))
		pool_set_sparse(class, pool, true);
	raw_spin_unlock(&class->lock);
}

/**
 * ouro_class_replace() - let a pool become empty, if the others will just do
 * @pool: of blocks, in use or not, or sparse already
 *
 * Empty ones among the others count, too: they may have been made for this.
 *
 * Context: As ouro_class_mark_sparse().
 * Return: false: another pool is needed first.
 */
bool ouro_class_replace(struct ouro_pool *pool)
{
	struct ouro_class *class = pool->class;
	unsigned long others;
	bool sparse, done = true;

	lockdep_assert_held(&class->heap->arena_lock);
	raw_spin_lock(&class->lock);
	sparse = ouro_pool_is_sparse(pool);
	if (!class->ops && (sparse || ouro_pool_may_be_sparse(pool))) {
		others = class->npools - class->nsparse - !sparse;
		done = others * class->geo->blocks >= class->out;
		if (done && !sparse)
			pool_set_sparse(class, pool, true);
	}
	raw_spin_unlock(&class->lock);
	return done;
}

/* Whether there are pools to be marked sparse. */
bool ouro_class_is_loose(struct ouro_class *class)
{
	unsigned long flags;
	bool loose;

	raw_spin_lock_irqsave(&class->lock, flags);
	loose = class_has_surplus(class, 0, SPARED);
	raw_spin_unlock_irqrestore(&class->lock, flags);
	return loose;
}
