// SPDX-License-Identifier: GPL-2.0
/*
 * Slots: the operations that change or read one.
 *
 * Each is one exchange of the pointer.  What a slot held goes with a put behind
 * it, or to the caller with a step of the object's version behind it.
 */
#include "ouro.h"
#include <linux/rcupdate.h>
#include <ouro/slot.h>
#include "heap.h"
#include "object.h"

/* A slot in an object of a checked heap is one that its type knows. */
static bool slot_is_known(struct ouro_pool *pool, struct ouro_slot *slot,
			  unsigned long caller)
{
	if (!ouro_heap_is_checked(pool->heap) ||
	    ouro_kind_has_slot(pool->class->kind, pool, slot))
		return true;
	ouro_object_report(OURO_MISUSE_NO_SLOT,
			   ouro_pool_block(pool, ouro_pool_index(pool, slot)),
			   caller);
	return false;
}

/* Whether @slot may hold @object: 0 or an error. */
static noinline int check_store(struct ouro_slot *slot,
				struct ouro_object *object,
				unsigned long caller)
{
	struct ouro_pool *home = ouro_pool_of_object(slot), *pool;

	if (home && unlikely(!slot_is_known(home, slot, caller)))
		return -EINVAL;
	if (!object)
		return 0;
	pool = ouro_pool_of_object(object);
	if (unlikely(!pool) || unlikely(!ouro_pool_is_block(pool, object))) {
		ouro_object_report(OURO_MISUSE_NO_OBJECT, object, caller);
		return -EINVAL;
	}
	return unlikely(home && home->heap != pool->heap) ? -EXDEV : 0;
}

/* Whether @slot may hold @object, as far as can be told in short. */
static __always_inline bool may_hold(struct ouro_slot *slot,
				     struct ouro_object *object)
{
	const struct ouro_pool *home = ouro_pool_inband(slot);
	const struct ouro_pool *pool = ouro_pool_inband(object);

	return ouro_pool_is_inband_objects(slot) &&
	       ouro_pool_is_inband_objects(object) &&
	       likely(home->heap == pool->heap) &&
	       likely(!ouro_heap_is_checked(pool->heap)) &&
	       likely(ouro_pool_is_block(pool, object));
}

static noinline int store_slow(struct ouro_slot *slot,
			       struct ouro_object *object, unsigned long caller)
{
	int err = check_store(slot, object, caller);

	if (unlikely(err))
		return err;
	if (object)
		ouro_get(object);
	ouro_put(xchg(&slot->object, object));
	return 0;
}

/**
 * ouro_slot_store() - let a slot refer to an object
 * @slot: in an object that the caller holds, or a root
 * @object: that the caller has a reference to, and keeps; or NULL
 *
 * What was in the slot before is put.
 *
 * Context: As ouro_put().
 * Return: 0; -EXDEV when @object is another heap's than @slot, -EINVAL when it is
 * no object; the slot is as it was then.
 */
int ouro_slot_store(struct ouro_slot *slot, struct ouro_object *object)
{
	if (unlikely(!may_hold(slot, object)))
		return store_slow(slot, object, _RET_IP_);
	ouro_get(object);
	ouro_put(xchg(&slot->object, object));
	return 0;
}
EXPORT_SYMBOL_OURO(ouro_slot_store);

static noinline int move_slow(struct ouro_slot *slot,
			      struct ouro_object *object, unsigned long caller)
{
	int err = check_store(slot, object, caller);

	if (likely(!err))
		ouro_put(xchg(&slot->object, object));
	return err;
}

/**
 * ouro_slot_move() - move a reference into a slot
 * @slot: in an object that the caller holds, or a root
 * @object: that the caller has a reference to, which is the slot's then; or NULL
 *
 * What was in the slot before is put.
 *
 * Context: As ouro_put().
 * Return: as ouro_slot_store(); the reference is still the caller's on error.
 */
int ouro_slot_move(struct ouro_slot *slot, struct ouro_object *object)
{
	if (unlikely(!may_hold(slot, object)))
		return move_slow(slot, object, _RET_IP_);
	ouro_put(xchg(&slot->object, object));
	return 0;
}
EXPORT_SYMBOL_OURO(ouro_slot_move);

/**
 * ouro_slot_swap() - exchange the caller's reference for the slot's
 * @slot: in an object that the caller holds, or a root
 * @object: that the caller has a reference to, which is the slot's then; or NULL
 * @old: set to what was in the slot, whose reference is the caller's now, or NULL
 *
 * Context: Any, NMI included.
 * Return: as ouro_slot_move(); @old is NULL on error.
 */
int ouro_slot_swap(struct ouro_slot *slot, struct ouro_object *object,
		   struct ouro_object **old)
{
	int err = may_hold(slot, object) ? 0 :
		  check_store(slot, object, _RET_IP_);

	*old = NULL;
	if (unlikely(err))
		return err;
	*old = xchg(&slot->object, object);
	/* As in ouro_slot_take(). */
	if (*old)
		atomic64_add(OURO_WORD_VERSION, &(*old)->word);
	return 0;
}
EXPORT_SYMBOL_OURO(ouro_slot_swap);

/*
 * Whether a slot holds an object that is dead, which cannot be but by misuse:
 * what died has left the slot before.  The same word on both sides of the look
 * at the slot says that it was the same object all the time.
 */
bool ouro_slot_holds_dead(const struct ouro_slot *slot,
			  const struct ouro_object *object)
{
	s64 word = atomic64_read(&object->word);

	smp_rmb();	/* this and the next put the three reads in order */
	if (READ_ONCE(slot->object) != object)
		return false;
	smp_rmb();	/* as above */
	return !ouro_is_alive(object) && atomic64_read(&object->word) == word;
}

/* One try.  @wrong: a reference that is to be put before the next. */
static struct ouro_object *try_load(const struct ouro_slot *slot, bool *again,
				    struct ouro_object **wrong,
				    unsigned long caller)
{
	struct ouro_object *object = READ_ONCE(slot->object);

	*again = false;
	*wrong = NULL;
	if (!object)
		return NULL;
	if (likely(ouro_object_tryget(object))) {
		if (likely(READ_ONCE(slot->object) == object))
			return object;
		*again = true;
		*wrong = object;
		return NULL;
	}
	*again = !ouro_slot_holds_dead(slot, object);
	if (unlikely(!*again))
		ouro_object_report(OURO_MISUSE_DEAD_SLOT, object, caller);
	return NULL;
}

/**
 * ouro_slot_load() - take a reference to what is in a slot
 * @slot: in an object that the caller holds, or a root
 *
 * Context: As ouro_put(): the object may die while it is looked at.  Each
 * repetition stands for a change of the slot that somebody else has made.
 * Return: the object, with a reference that is the caller's, or NULL.
 */
struct ouro_object *ouro_slot_load(const struct ouro_slot *slot)
{
	struct ouro_object *object, *wrong;
	bool again;

	do {
		rcu_read_lock();
		object = try_load(slot, &again, &wrong, _RET_IP_);
		rcu_read_unlock();
		ouro_put(wrong);
	} while (unlikely(again));
	return object;
}
EXPORT_SYMBOL_OURO(ouro_slot_load);
