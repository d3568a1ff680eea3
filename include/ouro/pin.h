/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pins: references from outside of objects that have a name.
 *
 * An object that lives too long has a reference too many; who holds it cannot
 * be seen from the count.  References in slots are found by looking into
 * objects.  One that a pointer on a stack, a global variable or a list of the
 * caller's own stands for is known to its holder only, unless he gives it a
 * name:
 *
 *	ouro_get_tracked(&session->object, "rx queue");
 *	...
 *	ouro_put_tracked(&session->object, "rx queue");
 *
 * The name tells what holds the reference, for people.  It is copied; names
 * are the same when their first OURO_PIN_NAME_MAX - 1 bytes are.  Several
 * references may have one name, they are counted.  A reference that is put
 * under a name that no reference of the object has is reported, and is not put.
 *
 * Tracking never fails its caller: where there is no memory for the note, the
 * reference has no name, and the heap counts it as lost.  As long as some are
 * lost, putting one of them is no misuse.  On PREEMPT_RT all new names are lost
 * where the caller cannot be preempted.
 *
 * Do not use pins for references in slots, nor on paths where a get and a put are
 * all there is to pay for: each name costs a lock and a look into a hash table,
 * and memory as long as it is there.  They are made for the holders that one
 * asks after when something leaks, thousands in a heap, not millions.  (In the
 * manner of the kernel's ref_tracker, which has a handle for each reference
 * where this has a name.)
 */
#ifndef _OURO_PIN_H
#define _OURO_PIN_H

#include <linux/types.h>
#include <ouro/object.h>

#define OURO_PIN_NAME_MAX	32	/* bytes of a name, with its NUL */

void ouro_track(struct ouro_object *object, const char *why);
bool ouro_untrack(struct ouro_object *object, const char *why);

/**
 * ouro_get_tracked() - take another reference and give it a name
 * @object: that the caller has a reference to, or that is kept alive otherwise
 * @why: what holds it; copied
 *
 * Context: Any but NMI.
 */
static __always_inline void ouro_get_tracked(struct ouro_object *object,
					     const char *why)
{
	/* In this order: there are never more names than references. */
	ouro_track(ouro_get(object), why);
}

/**
 * ouro_put_tracked() - give a reference with a name back
 * @object: that the caller has a reference of that name to, or NULL
 * @why: its name
 *
 * Where no reference has that name, this is reported and nothing is put.
 *
 * Context: As ouro_put(), but NMI.
 */
static __always_inline void ouro_put_tracked(struct ouro_object *object,
					     const char *why)
{
	if (object && ouro_untrack(object, why))
		ouro_put(object);
}

#endif /* _OURO_PIN_H */
