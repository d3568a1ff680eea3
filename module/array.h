/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Arrays: the growable slots of containers.
 */
#ifndef OURO_MODULE_ARRAY_H
#define OURO_MODULE_ARRAY_H

#include <linux/spinlock.h>
#include "kind.h"
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
				    const void *entry);
int ouro_array_check(const struct ouro_heap *heap, struct ouro_object *object,
		     unsigned long caller);
int ouro_array_check_all(const struct ouro_heap *heap,
			 struct ouro_object **objects, size_t count,
			 unsigned long caller);

#endif /* OURO_MODULE_ARRAY_H */
