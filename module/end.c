// SPDX-License-Identifier: GPL-2.0
/*
 * Ends: what follows the last put, in short.
 *
 * Most objects need little to die: their block is given back, and before that
 * a few slots are cleared.  That is done here and now, in any context, as long
 * as nothing but such leaves dies with them.  Everything else is for a slice,
 * see reap.c: callbacks, arrays, chains.  Which of these it is stands in the
 * pool, in the cache line that tells a block from other pointers.
 */
#include "ouro.h"
#include <linux/rcupdate.h>
#include "block.h"
#include "front.h"
#include "heap.h"
#include "magazine.h"
#include "object.h"
#include "reap.h"
#include "roster.h"
#include "weak.h"

#define SLOTS_MAX	8	/* that may be cleared in any context */

/* How objects of a kind die, for new pools. */
enum ouro_end ouro_end_of_kind(const struct ouro_kind *kind)
{
	const struct ouro_type *type = kind->type;

	if (IS_ENABLED(CONFIG_KASAN_GENERIC) ||
	    !ouro_heap_is_fast(kind->heap) || type->finalize ||
	    type->release || type->array || (type->flags & OURO_TYPE_RCU) ||
	    type->nslots > SLOTS_MAX)
		return OURO_END_LONG;
	return type->nslots ? OURO_END_SLOTS : OURO_END_LEAF;
}

static __always_inline void free_block(struct ouro_pool *pool,
				       struct ouro_front __percpu *fronts,
				       struct ouro_object *object)
{
	struct ouro_front *here;
	bool done = false;

	preempt_disable();
	here = ouro_front_here(fronts);
	if (likely(ouro_front_enter(here)))
		done = ouro_front_push_leave(here, object);
	preempt_enable();
	if (likely(done))
		return;
	ouro_slow_begin();
	ouro_magazine_free(pool, object);
	ouro_slow_end();
}

/**
 * ouro_object_free() - the block of a dead object goes back
 * @pool: it lies in
 * @object: dead; its slots are NULL
 *
 * Context: Any, NMI included.
 */
void ouro_object_free(struct ouro_pool *pool, struct ouro_object *object)
{
	struct ouro_kind *kind = pool->class->kind;

	/* Pairs with freeze_pool(). */
	if (unlikely(smp_load_acquire(&pool->objects->holds_frozen)))
		clear_bit(ouro_pool_index(pool, object),
			  pool->objects->frozen);
	ouro_roster_rejuvenate(pool);
	if (IS_ENABLED(CONFIG_KASAN_GENERIC) ||
	    unlikely(!ouro_heap_is_fast(kind->heap))) {
		if (ouro_heap_is_checked(kind->heap) &&
		    !ouro_check_free(pool, object, 0))
			return;
		ouro_payload_close(kind, object);
	}
	free_block(pool, pool->class->fronts, object);
}

/*
 * How an object may die, if its pool has the header in front.  Read after the
 * last put was acquired: whoever made a weak handle before had a reference.
 */
static __always_inline enum ouro_end end_of(struct ouro_object *object)
{
	struct ouro_pool *pool = ouro_pool_inband(object);

	if (unlikely(!ouro_pool_is_inband_objects(object)) ||
	    unlikely(!ouro_pool_is_block(pool, object)))
		return OURO_END_LONG;
	return READ_ONCE(pool->end);
}

static __always_inline void end_leaf(struct ouro_object *object)
{
	struct ouro_pool *pool = ouro_pool_inband(object);

	free_block(pool, pool->front, object);
}

/* A leaf that the shortest way has left: of a checked heap, a large one... */
static bool end_leaf_slow(struct ouro_object *object, u64 word)
{
	struct ouro_pool *pool;

	if (word & OURO_WORD_FINALIZE)
		return false;
	pool = ouro_pool_of_object(object);
	if (!pool || !pool->class->kind->leaf ||
	    !ouro_pool_is_block(pool, object) ||
	    ouro_weak_is_watched(pool, object))
		return false;
	ouro_weak_end(pool, object);
	ouro_object_free(pool, object);
	return true;
}

/* False: it is no leaf, and takes more. */
bool ouro_object_end_leaf(struct ouro_object *object, u64 word)
{
	if (unlikely(end_of(object) != OURO_END_LEAF))
		return end_leaf_slow(object, word);
	end_leaf(object);
	return true;
}

static noinline void end_long(struct ouro_object *object, u64 word,
			      unsigned long caller)
{
	if (!end_leaf_slow(object, word))
		ouro_reap(object, word, caller);
}

/*
 * What a slot of @parent held has died, and is no leaf, or no more.  A callback
 * may tell somebody who then destroys the heap; so with it the rest of @parent
 * goes, see ouro_reap().
 */
static noinline void end_both(struct ouro_object *parent,
			      struct ouro_object *object, u64 word)
{
	rcu_read_lock();
	end_long(object, word, _THIS_IP_);
	ouro_reap(parent, OURO_COUNT_DEAD, _THIS_IP_);
	rcu_read_unlock();
}

/*
 * Puts what a slot of a dead object holds.  What would die of that and is no
 * leaf is for a slice, and the rest of @parent, too: false.
 */
static __always_inline bool drop(struct ouro_object *parent,
				 struct ouro_slot *slot,
				 struct ouro_object *object)
{
	bool leaf = end_of(object) == OURO_END_LEAF;
	struct ouro_pool *pool = ouro_pool_inband(object);
	u64 old;

	if (unlikely(!leaf) &&
	    ouro_object_is_last(atomic64_read(&object->word))) {
		ouro_reap(parent, OURO_COUNT_DEAD, _THIS_IP_);
		return false;
	}
	WRITE_ONCE(slot->object, NULL);
	old = atomic64_fetch_sub(1, &object->word);
	if (!ouro_object_is_last(old)) {
		if (unlikely(!__ouro_count_is(old, OURO_COUNT_DEAD + 2)))
			ouro_object_put_misused(object, old, _THIS_IP_);
		return true;
	}
	/* A weak handle may have been made, or others have put theirs. */
	if (unlikely(!leaf) || unlikely(READ_ONCE(pool->end) != OURO_END_LEAF)) {
		end_both(parent, object, old - 1);
		return false;
	}
	end_leaf(object);
	return true;
}

static noinline void end_refs(struct ouro_object *object,
			      const struct ouro_slot_desc *desc,
			      const struct ouro_slot_desc *end)
{
	struct ouro_object *ref;
	struct ouro_slot *slot;

	do {
		slot = (void *)object + desc->offset;
		ref = READ_ONCE(slot->object);
		if (ref && !drop(object, slot, ref))
			return;
	} while (++desc < end);
	end_leaf(object);
}

/* Few slots, and often all are empty by now. */
static void end_slots(struct ouro_object *object)
{
	struct ouro_pool *pool = ouro_pool_inband(object);
	const struct ouro_type *type = pool->class->kind->type;
	const struct ouro_slot_desc *desc = type->slots;
	const struct ouro_slot_desc *end = desc + type->nslots;
	struct ouro_slot *slot;

	for (; desc < end; desc++) {
		slot = (void *)object + desc->offset;
		if (READ_ONCE(slot->object)) {
			end_refs(object, desc, end);
			return;
		}
	}
	end_leaf(object);
}

/* ouro_put() found the last reference, or none. */
void __ouro_put_slow(struct ouro_object *object, u64 old)
{
	enum ouro_end end;

	if (unlikely(!ouro_object_is_last(old))) {
		ouro_object_put_misused(object, old, _RET_IP_);
		return;
	}
	end = end_of(object);
	if (likely(end == OURO_END_LEAF))
		end_leaf(object);
	else if (end == OURO_END_SLOTS)
		end_slots(object);
	else
		end_long(object, old - 1, _RET_IP_);
}
EXPORT_SYMBOL_OURO(__ouro_put_slow);
