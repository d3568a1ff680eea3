/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Objects: typed blocks that are counted and destroy themselves.
 *
 * The life of a reference.  ouro_new() gives the first one to its caller.
 * ouro_get() makes another from one that the caller has; ouro_tryget() tries to
 * make one from a pointer that nobody vouches for, within an RCU read section.
 * ouro_put() ends one, and the last one destroys the object: its finalizer
 * runs, weak handles to it become NULL, the references in its slots are put,
 * its release runs, and the block goes back to a magazine.  How deep the
 * structure is that falls with it does not matter: no stack is used for that.
 *
 * One word does all the counting: version:32 | flags:4 | count:28, the version on
 * top so that it never carries.  A get adds to both, so that whoever reads the
 * same word twice knows that no reference was taken between.  The count begins
 * at OURO_COUNT_DEAD and not at 0, so that misuse does not reach into the flags;
 * from OURO_COUNT_SATURATED on it is stuck: the object is never destroyed.  (In
 * the manner of refcount_t, after the kernel's lib/refcount.c.)
 *
 * Do not use objects for what has exactly one owner at a time: a block will do.
 */
#ifndef _OURO_OBJECT_H
#define _OURO_OBJECT_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/gfp.h>
#include <linux/err.h>
#include <linux/types.h>
#ifdef __has_include	/* not in every sparse */
#if __has_include(<linux/cleanup.h>)
#include <linux/cleanup.h>
#endif
#endif

struct ouro_heap;
struct ouro_kind;
struct ouro_type;

/**
 * struct ouro_object - header of an object, its first member
 * @word: version, flags and count; private
 */
struct ouro_object {
	atomic64_t word;
};

/**
 * struct ouro_slot - a field of an object that owns a reference, or NULL
 * @object: use the functions of <ouro/slot.h>
 *
 * A slot that is in no object at all, a global one say, is a root: it keeps
 * what is in it alive.
 */
struct ouro_slot {
	struct ouro_object *object;
};

/* The parts of the word. */
#define OURO_COUNT_BITS		28
#define OURO_COUNT_MASK		(BIT(OURO_COUNT_BITS) - 1)
#define OURO_COUNT_DEAD		BIT(26)
#define OURO_COUNT_SATURATED	BIT(27)
#define OURO_WORD_FINALIZE	BIT(28)	/* the finalizer has yet to run */
#define OURO_WORD_CLAIM		BIT(29)	/* somebody sees to that, or is about to */
#define OURO_WORD_FROZEN	BIT(30)	/* the collector may be about to kill it */
#define OURO_WORD_DEAD		BIT(31)	/* the collector has killed it */
#define OURO_WORD_VERSION	BIT_ULL(32)	/* one step */

void *ouro_new(struct ouro_kind *kind, gfp_t gfp);
void *ouro_new_array(struct ouro_kind *kind, size_t count, gfp_t gfp);
bool ouro_tryget(struct ouro_object *object);
void ouro_immortalize(struct ouro_object *object);
unsigned int ouro_refcount(const struct ouro_object *object);
bool ouro_is_alive(const struct ouro_object *object);
const struct ouro_type *ouro_object_type(const struct ouro_object *object);
struct ouro_heap *ouro_object_heap(const struct ouro_object *object);
size_t ouro_object_slots(const struct ouro_object *object);

void __ouro_get_slow(struct ouro_object *object, u64 old);
void __ouro_put_slow(struct ouro_object *object, u64 old);

/* Whether the count in @word is in [@least, saturated); the flags fall off. */
static __always_inline bool __ouro_count_is(u64 word, u32 least)
{
	const unsigned int flags = 32 - OURO_COUNT_BITS;

	return ((u32)word << flags) - (least << flags) <
	       (OURO_COUNT_SATURATED - least) << flags;
}

/**
 * ouro_get() - take another reference
 * @object: that the caller has a reference to, or that is kept alive otherwise
 *
 * Context: Any, NMI included.
 * Return: @object.
 */
static __always_inline struct ouro_object *ouro_get(struct ouro_object *object)
{
	u64 old = atomic64_fetch_add_relaxed(OURO_WORD_VERSION + 1,
					     &object->word);

	if (unlikely(!__ouro_count_is(old, OURO_COUNT_DEAD + 1)))
		__ouro_get_slow(object, old);
	return object;
}

/**
 * ouro_put() - give a reference back
 * @object: that the caller has a reference to, or NULL
 *
 * The last one destroys the object and what only it held.  In NMI, with
 * interrupts off (so in hardirq), and on PREEMPT_RT where the caller cannot be
 * preempted, that is left to a worker, unless there are no callbacks to call and
 * a few slots to clear at most.  Elsewhere up to some hundreds of objects are
 * destroyed before this returns, and a worker has the rest; ouro_heap_flush()
 * waits for it.  Put by a callback of a type, an object with callbacks or many
 * slots is destroyed after that has returned.
 *
 * Context: Any, NMI included; what the callbacks of the type take.
 */
static __always_inline void ouro_put(struct ouro_object *object)
{
	u64 old;

	if (!object)
		return;
	/* A full barrier: who puts the last has acquired what others released. */
	old = atomic64_fetch_sub(1, &object->word);
	if (unlikely(!__ouro_count_is(old, OURO_COUNT_DEAD + 2)))
		__ouro_put_slow(object, old);
}

#ifdef DEFINE_FREE
/* "struct foo *p __free(ouro_put) = ouro_new(...)": put when p goes out of scope. */
DEFINE_FREE(ouro_put, void *, if (!IS_ERR_OR_NULL(_T)) ouro_put(_T))
#endif

#endif /* _OURO_OBJECT_H */
