// SPDX-License-Identifier: GPL-2.0
/*
 * Graves: dead objects that readers may still be in.
 *
 * Who buries an object of a type with OURO_TYPE_RCU sets its bit among those
 * that wait for the next grace period.  A pool waits for one at a time; when it
 * has passed, these objects' blocks go back and the others' turn comes.
 */
#include "ouro.h"
#include <linux/bitmap.h>
#include <linux/rcupdate.h>
#include "heap.h"
#include "kind.h"
#include "object.h"

static void graves_open(struct rcu_head *rcu);

/* What lies in the next graves waits for a grace period.  @busy is ours. */
static void graves_close(struct ouro_graves *graves)
{
	struct ouro_pool *pool = graves->pool;
	unsigned int i;

	for (i = 0; i < BITS_TO_LONGS(pool->blocks); i++)
		graves->waiting[i] = xchg(&graves->next[i], 0);
	atomic_long_inc(&pool->heap->rcu_pending);
	call_rcu(&graves->rcu, graves_open);
}

static bool graves_claim(struct ouro_graves *graves)
{
	return !test_and_set_bit(0, &graves->busy);
}

/* A grace period has passed for those that waited. */
static void graves_open(struct rcu_head *rcu)
{
	struct ouro_graves *graves = container_of(rcu, struct ouro_graves, rcu);
	struct ouro_pool *pool = graves->pool;
	struct ouro_heap *heap = pool->heap;
	unsigned int i;

	/* With its last object the pool may go, but not under our feet. */
	rcu_read_lock();
	for_each_set_bit(i, graves->waiting, pool->blocks)
		ouro_object_free(pool, ouro_pool_block(pool, i));
	clear_bit_unlock(0, &graves->busy);
	/* Pairs with the full barriers in grave_add(): one of us sees it. */
	smp_mb__after_atomic();
	if (!bitmap_empty(graves->next, pool->blocks) && graves_claim(graves))
		graves_close(graves);
	rcu_read_unlock();
	smp_mb__before_atomic();	/* pairs with ouro_heap_settle() */
	atomic_long_dec(&heap->rcu_pending);
}

/**
 * ouro_grave_add() - the block of a dead object goes back, after a grace period
 * @pool: it lies in, of a kind with OURO_TYPE_RCU
 * @object: dead; its slots are NULL
 *
 * Context: Any but NMI.
 */
void ouro_grave_add(struct ouro_pool *pool, struct ouro_object *object)
{
	struct ouro_graves *graves = pool->objects->graves;

	rcu_read_lock();
	set_bit(ouro_pool_index(pool, object), graves->next);
	smp_mb__after_atomic();	/* pairs with graves_open() */
	if (graves_claim(graves))
		graves_close(graves);
	rcu_read_unlock();
}
