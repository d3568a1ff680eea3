/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Objects, for the layers above them.
 */
#ifndef OURO_MODULE_OBJECT_H
#define OURO_MODULE_OBJECT_H

#include <ouro/object.h>
#include "check.h"
#include "kind.h"

void *ouro_object_create(struct ouro_kind *kind, size_t size, gfp_t gfp,
			 unsigned long caller);
void *ouro_object_new(struct ouro_kind *kind, gfp_t gfp, unsigned long caller);
enum ouro_end ouro_end_of_kind(const struct ouro_kind *kind);
void ouro_object_free(struct ouro_pool *pool, struct ouro_object *object);
void ouro_grave_add(struct ouro_pool *pool, struct ouro_object *object);
void ouro_object_put_misused(struct ouro_object *object, u64 old,
			     unsigned long caller);
bool ouro_slot_holds_dead(const struct ouro_slot *slot,
			  const struct ouro_object *object);
void ouro_object_report(enum ouro_misuse what, struct ouro_object *object,
			unsigned long caller);

bool ouro_object_end_leaf(struct ouro_object *object, u64 word);

/* Whether the word before a put had the last reference. */
static inline bool ouro_object_is_last(u64 old)
{
	const unsigned int flags = 32 - OURO_COUNT_BITS;

	return (u32)old << flags == (u32)(OURO_COUNT_DEAD + 1) << flags;
}

/*
 * ouro_tryget(), in short where the object lives and nobody else is at it: no
 * flag of its word is set.
 */
static __always_inline bool ouro_object_tryget(struct ouro_object *object)
{
	s64 word = atomic64_read(&object->word);

	if (likely((u32)word - (OURO_COUNT_DEAD + 1) <
		   OURO_COUNT_SATURATED - (OURO_COUNT_DEAD + 1)) &&
	    likely(atomic64_try_cmpxchg(&object->word, &word,
					word + OURO_WORD_VERSION + 1)))
		return true;
	return ouro_tryget(object);
}

#endif /* OURO_MODULE_OBJECT_H */
