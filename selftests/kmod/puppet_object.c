// SPDX-License-Identifier: GPL-2.0
/* The objects of a puppet: so many of a shape, each with one reference. */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <ouro/list.h>
#include <ouro/map.h>
#include <ouro/pin.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include <ouro/vector.h>
#include <ouro/weak_map.h>
#include "puppet.h"

struct made {
	struct made *next;
	struct ouro_object *object;
};

struct bead {
	struct ouro_object object;
	char text[104];
};

struct ring {
	struct ouro_object object;
	struct ouro_slot next;
};

struct fan {
	struct ouro_object object;
	u64 number;
	struct ouro_slot rib[];
};

static const struct ouro_type types[PUPPET_TYPES] = {
	{ OURO_TYPE(struct bead, object) },
	{ OURO_TYPE(struct ring, object), OURO_SLOTS(struct ring, next) },
	{ OURO_TYPE(struct fan, object), OURO_SLOT_ARRAY(struct fan, rib) },
};

static struct ouro_kind *kind_of(struct ouro_heap *heap,
				 struct puppet_objects *objects, unsigned int i)
{
	struct ouro_kind *kind = objects->kind[i];

	if (kind)
		return kind;
	kind = ouro_type_register(heap, &types[i]);
	if (!IS_ERR(kind))
		objects->kind[i] = kind;
	return kind;
}

static struct ouro_object *make_typed(struct ouro_heap *heap,
				      struct puppet_objects *objects,
				      unsigned int type, size_t slots)
{
	struct ouro_kind *kind = kind_of(heap, objects, type);

	return IS_ERR(kind) ? NULL : ouro_new_array(kind, slots, GFP_KERNEL);
}

/* With a ring in the second of its slots, which nobody else holds. */
static struct ouro_object *make_filled(struct ouro_heap *heap,
				       struct puppet_objects *objects)
{
	struct ouro_vector *vector = ouro_vector_new(heap, 0, GFP_KERNEL);
	struct ouro_object *ring = make_typed(heap, objects, 1, 0);
	bool filled = vector && ring &&
		      !ouro_vector_append(vector, NULL, GFP_KERNEL) &&
		      !ouro_vector_append(vector, ring, GFP_KERNEL);

	ouro_put(ring);
	if (filled)
		return ouro_vector_object(vector);
	ouro_vector_put(vector);
	return NULL;
}

static struct ouro_object *make_one(struct ouro_heap *heap,
				    struct puppet_objects *objects,
				    unsigned long shape)
{
	switch (shape) {
	case 0:
	case 1:
		return make_typed(heap, objects, shape, 0);
	case 2:
		return make_typed(heap, objects, 2, 2);
	case 3:
		return make_typed(heap, objects, 2, 30);
	case 4:
		return ouro_vector_object(ouro_vector_new(heap, 0, GFP_KERNEL));
	case 5:
		return ouro_list_object(ouro_list_new(heap, GFP_KERNEL));
	case 6:
		return ouro_map_object(ouro_map_u64_new(heap, GFP_KERNEL));
	case 8:
		return make_filled(heap, objects);
	default:
		return ouro_weak_map_object(ouro_weak_map_new(heap, GFP_KERNEL));
	}
}

int puppet_make(struct ouro_heap *heap, struct puppet_objects *objects,
		unsigned long shape, unsigned long count)
{
	struct made *made;

	if (shape >= PUPPET_SHAPES)
		return -EINVAL;
	while (count--) {
		made = kmalloc(sizeof(*made), GFP_KERNEL);
		if (!made)
			return -ENOMEM;
		made->object = make_one(heap, objects, shape);
		if (!made->object) {
			kfree(made);
			return -ENOMEM;
		}
		made->next = objects->made[shape];
		objects->made[shape] = made;
		cond_resched();
	}
	return 0;
}

/* Each of the newest ones is held under a name that no other has. */
int puppet_track(struct puppet_objects *objects, unsigned long shape,
		 unsigned long count)
{
	char name[OURO_PIN_NAME_MAX];
	struct made *made;
	unsigned long n;

	if (shape >= PUPPET_SHAPES)
		return -EINVAL;
	made = objects->made[shape];
	for (n = 0; made && n < count; n++, made = made->next) {
		snprintf(name, sizeof(name), "pin %lu", n);
		ouro_track(made->object, name);
		cond_resched();
	}
	return n == count ? 0 : -ENOENT;
}

/* A reference more to the newest one of a shape, in the newest one of another. */
int puppet_link(struct puppet_objects *objects, unsigned long from,
		unsigned long to)
{
	struct ouro_object *object, *other;

	if (from >= PUPPET_SHAPES || to >= PUPPET_SHAPES)
		return -EINVAL;
	if (!objects->made[from] || !objects->made[to])
		return -ENOENT;
	object = objects->made[from]->object;
	other = objects->made[to]->object;
	switch (from) {
	case 1:
		return ouro_slot_store(&container_of(object, struct ring, object)->next,
				       other);
	case 2:
	case 3:
		return ouro_slot_store(&container_of(object, struct fan, object)->rib[0],
				       other);
	case 4:
		return ouro_vector_append(ouro_vector_of(object), other,
					  GFP_KERNEL);
	default:
		return -EINVAL;
	}
}

/* So many pairs of rings that hold each other, and that nobody else holds. */
int puppet_litter(struct ouro_heap *heap, struct puppet_objects *objects,
		  unsigned long count)
{
	struct ouro_object *a, *b;

	while (count--) {
		a = make_typed(heap, objects, 1, 0);
		b = make_typed(heap, objects, 1, 0);
		if (!a || !b) {
			ouro_put(a);
			ouro_put(b);
			return -ENOMEM;
		}
		ouro_slot_store(&container_of(a, struct ring, object)->next, b);
		ouro_slot_move(&container_of(b, struct ring, object)->next, a);
		ouro_put(b);
		cond_resched();
	}
	return 0;
}

/* Refers to the one that was made before it, and to any other. */
static int crowd_one(struct ouro_vector *vector, struct ouro_object *object)
{
	struct fan *fan = container_of(object, struct fan, object);
	size_t length = ouro_vector_length(vector);
	struct ouro_object *other;

	if (length) {
		other = ouro_vector_load(vector, length - 1);
		ouro_slot_move(&fan->rib[0], other);
		other = ouro_vector_load(vector, get_random_u32() % length);
		ouro_slot_move(&fan->rib[1], other);
	}
	return ouro_vector_append(vector, object, GFP_KERNEL);
}

/* So many fans in a vector, which is kept; each refers to two others. */
int puppet_crowd(struct ouro_heap *heap, struct puppet_objects *objects,
		 unsigned long count)
{
	struct ouro_object *object;
	struct ouro_vector *vector;
	int err = puppet_make(heap, objects, 4, 1);

	if (err)
		return err;
	vector = ouro_vector_of(objects->made[4]->object);
	while (count-- && !err) {
		object = make_typed(heap, objects, 2, 2);
		err = object ? crowd_one(vector, object) : -ENOMEM;
		ouro_put(object);
		cond_resched();
	}
	return err;
}

/* The type of rings. */
struct ouro_kind *puppet_ring(struct ouro_heap *heap,
			      struct puppet_objects *objects)
{
	return kind_of(heap, objects, 1);
}

/* The newest ones, 0: all. */
int puppet_drop(struct puppet_objects *objects, unsigned long shape,
		unsigned long count)
{
	struct made *made;
	unsigned long n;

	if (shape >= PUPPET_SHAPES)
		return -EINVAL;
	for (n = 0; objects->made[shape] && (!count || n < count); n++) {
		made = objects->made[shape];
		objects->made[shape] = made->next;
		ouro_put(made->object);
		kfree(made);
		cond_resched();
	}
	return 0;
}

/* Objects that live on go with their heap. */
void puppet_forget(struct puppet_objects *objects)
{
	struct made *made, *next;
	unsigned int i;

	for (i = 0; i < PUPPET_SHAPES; i++) {
		for (made = objects->made[i]; made; made = next) {
			next = made->next;
			kfree(made);
		}
		objects->made[i] = NULL;
	}
}
