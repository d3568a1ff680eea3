/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Slots: references that objects own.
 *
 * Each operation on a slot is atomic against every other one on it, in any
 * context; none of them waits.  Whoever changes a slot has a reference to the
 * object that it is in, or to something that keeps that alive, until the
 * operation has returned.
 */
#ifndef _OURO_SLOT_H
#define _OURO_SLOT_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/rcupdate.h>
#include <linux/types.h>
#include <ouro/object.h>

int ouro_slot_store(struct ouro_slot *slot, struct ouro_object *object);
int ouro_slot_move(struct ouro_slot *slot, struct ouro_object *object);
int ouro_slot_swap(struct ouro_slot *slot, struct ouro_object *object,
		   struct ouro_object **old);
struct ouro_object *ouro_slot_load(const struct ouro_slot *slot);

/**
 * ouro_slot_take() - move the reference out of a slot
 * @slot: in an object that the caller holds, or a root
 *
 * Context: Any, NMI included.
 * Return: the object, whose reference is the caller's now, or NULL.
 */
static inline struct ouro_object *ouro_slot_take(struct ouro_slot *slot)
{
	struct ouro_object *object = xchg(&slot->object, NULL);

	/*
	 * A reference that was in the graph is outside of it from now on, and
	 * the count does not tell: so the version has to, and only after the
	 * slot has changed (the xchg() is a full barrier).  Pairs with the
	 * collector's two reads of the word.
	 */
	if (object)
		atomic64_add(OURO_WORD_VERSION, &object->word);
	return object;
}

/**
 * ouro_slot_clear() - put the reference in a slot
 * @slot: in an object that the caller holds, or a root
 *
 * Context: As ouro_put().
 */
static inline void ouro_slot_clear(struct ouro_slot *slot)
{
	ouro_put(xchg(&slot->object, NULL));
}

/**
 * ouro_slot_peek() - what is in a slot, for a reader that holds nothing
 * @slot: in memory that is an object for the time of this RCU read section
 *
 * The object may die at any moment.  Until the end of the RCU read section its
 * memory remains that of an object of its type, and of this one if the type is
 * OURO_TYPE_RCU; ouro_tryget() makes a reference of it if it still lives.  Of
 * other types it may be a reference to the next object in that memory: look
 * again at what tells them apart, the slot or a key, once there is a reference.
 *
 * Context: Any, within an RCU read section.
 * Return: the object, without a reference, or NULL.
 */
static inline struct ouro_object *ouro_slot_peek(const struct ouro_slot *slot)
{
	RCU_LOCKDEP_WARN(!rcu_read_lock_any_held(),
			 "ouro_slot_peek() needs an RCU read section");
	/*
	 * The address pairs with the full barriers of those who store: what is
	 * read through it is what they wrote.
	 */
	return READ_ONCE(slot->object);
}

/**
 * ouro_slot_is_empty() - whether a slot is NULL at this moment
 * @slot: any
 *
 * Context: Any.
 * Return: true when it is.
 */
static inline bool ouro_slot_is_empty(const struct ouro_slot *slot)
{
	return !READ_ONCE(slot->object);
}

#endif /* _OURO_SLOT_H */
