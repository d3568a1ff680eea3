/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Arrays: the growable slots of containers.
 */
#ifndef OURO_MODULE_ARRAY_H
#define OURO_MODULE_ARRAY_H

#include <linux/spinlock.h>
#include "kind.h"
#include "object.h"
#include "ouro.h"

/**
 * struct ouro_slots - slots that belong to a container
 * @array: the current ones, or NULL; changed under @lock, read under RCU
 * @lock: of the container: guards all changes
 * @extra: bytes that go with each slot, behind all slots of the array
 * @growth: counts the arrays
 * @copiers: who copy the array at the moment
 * @dirty_from: no slot below this one changed since the first of them began
 * @dirty_to: none from this one on
 *
 * To grow is to copy without the lock, then with it what has changed meanwhile,
 * so that nobody waits for a copy of millions.
 */
struct ouro_slots {
	struct ouro_array *array;
	spinlock_t lock;	/* as said above */
	u32 extra;
	u32 growth;
	u32 copiers;
	u32 dirty_from;
	u32 dirty_to;
};

static inline u32 ouro_array_capacity(const struct ouro_slots *slots)
{
	const struct ouro_array *array = READ_ONCE(slots->array);

	return array ? array->capacity : 0;
}

/* What goes with slot @index. */
static inline void *ouro_array_extra(const struct ouro_slots *slots,
				     struct ouro_array *array, u32 index)
{
	return (void *)&array->slot[array->capacity] + index * slots->extra;
}

/*
 * Whoever looks a slot up by something else than its index says where the index
 * is to be found, and lets that say OURO_ARRAY_NOWHERE before the slot becomes
 * another's (with the full barrier of the exchange that empties it).
 */
#define OURO_ARRAY_NOWHERE	U32_MAX

/*
 * After a look into slot @index: whether it was the one at @place, and in the array
 * that readers find.
 */
static __always_inline bool
ouro_array_is_current(const struct ouro_slots *slots,
		      const struct ouro_array *array, u32 index,
		      const u32 *place)
{
	/* Pairs with smp_store_release() in copy_end(), and as said above. */
	smp_rmb();
	return READ_ONCE(*place) == index && READ_ONCE(slots->array) == array;
}

void ouro_array_init(struct ouro_slots *slots, u32 extra);
void ouro_array_exit(struct ouro_slots *slots);
int ouro_array_reserve(struct ouro_slots *slots, struct ouro_heap *heap,
		       size_t capacity, gfp_t gfp);
int ouro_array_resize(struct ouro_slots *slots, struct ouro_heap *heap,
		      size_t capacity, gfp_t gfp);
void ouro_array_touch(struct ouro_slots *slots, u32 index);
struct ouro_object *ouro_array_exchange(struct ouro_slots *slots, u32 index,
					struct ouro_object *object);
struct ouro_object *ouro_array_load(struct ouro_slots *slots, u32 index,
				    const u32 *place);

struct ouro_object *ouro_array_peek_slow(struct ouro_slots *slots,
					 const u32 *place);

/* The array and the index at the moment, maybe not of the same; or NULL. */
static __always_inline struct ouro_array *
ouro_array_guess(const struct ouro_slots *slots, const u32 *place, u32 *index)
{
	/* Pairs with copy_end() by the address. */
	struct ouro_array *array = READ_ONCE(slots->array);

	*index = READ_ONCE(*place);
	return likely(array) && likely(*index < array->capacity) ? array : NULL;
}

/*
 * ouro_array_load() under rcu_read_lock(), in short where nothing has changed.
 * To try for a reference to what turns out to be the wrong object does no harm
 * as long as it is put.
 */
static __always_inline struct ouro_object *
ouro_array_get(struct ouro_slots *slots, const u32 *place)
{
	u32 index;
	struct ouro_array *array = ouro_array_guess(slots, place, &index);
	struct ouro_object *object;

	if (unlikely(!array))
		return ouro_array_load(slots, index, place);
	object = READ_ONCE(array->slot[index].object);
	if (likely(object) && likely(ouro_object_tryget(object))) {
		if (likely(READ_ONCE(array->slot[index].object) == object) &&
		    likely(ouro_array_is_current(slots, array, index, place)))
			return object;
		ouro_put(object);
	}
	return ouro_array_load(slots, index, place);
}

/* Under rcu_read_lock(): what is in the slot at @place, or NULL. */
static __always_inline struct ouro_object *
ouro_array_peek(struct ouro_slots *slots, const u32 *place)
{
	u32 index;
	struct ouro_array *array = ouro_array_guess(slots, place, &index);
	struct ouro_object *object;

	if (unlikely(!array))
		return ouro_array_peek_slow(slots, place);
	object = READ_ONCE(array->slot[index].object);
	return likely(ouro_array_is_current(slots, array, index, place)) ?
	       object : ouro_array_peek_slow(slots, place);
}

int ouro_array_check(const struct ouro_heap *heap, struct ouro_object *object,
		     unsigned long caller);
int ouro_array_check_all(const struct ouro_heap *heap,
			 struct ouro_object **objects, size_t count,
			 unsigned long caller);

#endif /* OURO_MODULE_ARRAY_H */
