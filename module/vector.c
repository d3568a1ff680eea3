// SPDX-License-Identifier: GPL-2.0
/*
 * Vectors: growable arrays of references.
 */
#include "ouro.h"
#include <linux/rcupdate.h>
#include <ouro/vector.h>
#include "array.h"
#include "block.h"
#include "heap.h"
#include "object.h"

/**
 * struct ouro_vector - an object, and its elements apart
 * @object: the header
 * @slots: room for elements
 * @length: elements; changed under slots->lock, read without
 * @heap: of the vector and its elements
 */
struct ouro_vector {
	struct ouro_object object;
	struct ouro_slots slots;
	u32 length;
	struct ouro_heap *heap;
};

#define PUT_STEP	32	/* references taken out under the lock in one go */

static void vector_init(void *object)
{
	struct ouro_vector *vector = object;

	ouro_array_init(&vector->slots, 0);
	spin_lock_init(&vector->slots.lock);
	vector->length = 0;
	vector->heap = ouro_object_heap(object);
}

static void vector_release(void *object)
{
	struct ouro_vector *vector = object;

	ouro_array_exit(&vector->slots);
}

static const struct ouro_type vector_type = {
	.name = "ouro.vector",
	.size = sizeof(struct ouro_vector),
	.flags = OURO_TYPE_ARRAY_APART,
	.array = offsetof(struct ouro_vector, slots.array),
	.array_name = "element",
	.init = vector_init,
	.release = vector_release,
};

/**
 * ouro_vector_new() - make an empty vector
 * @heap: of the vector and of its elements
 * @capacity: elements there is room for at once, may be 0
 * @gfp: as for ouro_new()
 *
 * Context: As ouro_new(); the first of a heap, process context that may sleep.
 * Return: the vector, whose one reference is the caller's, or NULL.
 */
struct ouro_vector *ouro_vector_new(struct ouro_heap *heap, size_t capacity,
				    gfp_t gfp)
{
	struct ouro_kind *kind = ouro_kind_builtin(heap, OURO_BUILTIN_VECTOR,
						   &vector_type, gfp);
	struct ouro_vector *vector;

	vector = kind ? ouro_object_new(kind, gfp, _RET_IP_) : NULL;
	if (vector && ouro_vector_reserve(vector, capacity, gfp)) {
		ouro_put(&vector->object);
		return NULL;
	}
	return vector;
}
EXPORT_SYMBOL_OURO(ouro_vector_new);

/**
 * ouro_vector_object() - a vector as the object that it is
 * @vector: or NULL
 *
 * Context: Any.
 * Return: the same, to be put into a slot for example.
 */
struct ouro_object *ouro_vector_object(struct ouro_vector *vector)
{
	return (struct ouro_object *)vector;
}
EXPORT_SYMBOL_OURO(ouro_vector_object);

/**
 * ouro_vector_of() - an object as the vector that it is
 * @object: or NULL
 *
 * Context: Any.
 * Return: the same, or NULL when it is something else.
 */
struct ouro_vector *ouro_vector_of(struct ouro_object *object)
{
	if (!object || ouro_object_type(object) != &vector_type)
		return NULL;
	return container_of(object, struct ouro_vector, object);
}
EXPORT_SYMBOL_OURO(ouro_vector_of);

/**
 * ouro_vector_length() - how many elements there are at this moment
 * @vector: the vector
 *
 * Context: Any.
 * Return: the number, elements that are NULL included.
 */
size_t ouro_vector_length(const struct ouro_vector *vector)
{
	/* Pairs with append_locked(): so many there are in the array. */
	return smp_load_acquire(&vector->length);
}
EXPORT_SYMBOL_OURO(ouro_vector_length);

/**
 * ouro_vector_reserve() - have room for so many elements
 * @vector: the vector
 * @capacity: elements, at most OURO_VECTOR_MAX
 * @gfp: as for ouro_alloc()
 *
 * Up to that number ouro_vector_append() does not fail for memory.
 *
 * Context: As @gfp says; takes the vector's lock.
 * Return: 0 or -ENOMEM.
 */
int ouro_vector_reserve(struct ouro_vector *vector, size_t capacity, gfp_t gfp)
{
	return ouro_array_reserve(&vector->slots, vector->heap, capacity, gfp);
}
EXPORT_SYMBOL_OURO(ouro_vector_reserve);

/* Appends what there is room for; a reference is taken to each. */
static bool append_locked(struct ouro_vector *vector,
			  struct ouro_object **objects, size_t count)
{
	size_t i, length = vector->length;

	lockdep_assert_held(&vector->slots.lock);
	if (length + count > ouro_array_capacity(&vector->slots))
		return false;
	for (i = 0; i < count; i++) {
		if (objects[i])
			ouro_get(objects[i]);
		ouro_array_exchange(&vector->slots, length + i, objects[i]);
	}
	/* Pairs with ouro_vector_length(). */
	smp_store_release(&vector->length, length + count);
	return true;
}

static int append(struct ouro_vector *vector, struct ouro_object **objects,
		  size_t count, gfp_t gfp)
{
	unsigned long flags;
	size_t need;
	bool done;

	for (;;) {
		spin_lock_irqsave(&vector->slots.lock, flags);
		done = append_locked(vector, objects, count);
		need = vector->length + count;
		spin_unlock_irqrestore(&vector->slots.lock, flags);
		if (done)
			return 0;
		if (need < count || ouro_vector_reserve(vector, need, gfp))
			return -ENOMEM;
	}
}

/**
 * ouro_vector_append() - add an element behind the last
 * @vector: the vector
 * @object: that the caller has a reference to, and keeps; or NULL
 * @gfp: as for ouro_alloc()
 *
 * Context: As @gfp says; takes the vector's lock.
 * Return: 0, -ENOMEM, -EXDEV when @object is another heap's, -EINVAL when it is
 * no object.
 */
int ouro_vector_append(struct ouro_vector *vector, struct ouro_object *object,
		       gfp_t gfp)
{
	int err = ouro_array_check(vector->heap, object, _RET_IP_);

	ouro_block_might_alloc(gfp);
	return err ?: append(vector, &object, 1, gfp);
}
EXPORT_SYMBOL_OURO(ouro_vector_append);

#define FILL_STEP	256	/* elements appended under the lock in one go */

/**
 * ouro_vector_fill() - add many elements behind the last
 * @vector: the vector
 * @objects: that the caller has references to, and keeps
 * @count: of them
 * @gfp: as for ouro_alloc()
 *
 * What others append at the same time may come between.  The room is reserved
 * first, so fewer than @count are added only where others have taken it and
 * there is no more memory.
 *
 * Context: As @gfp says; takes the vector's lock for a bounded time, again and
 * again.
 * Return: how many were added, from the first on; or, when none was, an error as
 * of ouro_vector_append().
 */
ssize_t ouro_vector_fill(struct ouro_vector *vector,
			 struct ouro_object **objects, size_t count, gfp_t gfp)
{
	size_t done, step, length = ouro_vector_length(vector);
	int err = ouro_array_check_all(vector->heap, objects, count, _RET_IP_);

	if (err)
		return err;
	if (count > OURO_VECTOR_MAX - length ||
	    ouro_vector_reserve(vector, length + count, gfp))
		return -ENOMEM;
	for (done = 0; done < count; done += step) {
		step = min_t(size_t, count - done, FILL_STEP);
		err = append(vector, objects + done, step, gfp);
		if (err)
			break;
		if (gfpflags_allow_blocking(gfp))
			cond_resched();
	}
	return done ? done : err;
}
EXPORT_SYMBOL_OURO(ouro_vector_fill);

/**
 * ouro_vector_store() - let an element refer to another object
 * @vector: the vector
 * @index: of an element that there is
 * @object: that the caller has a reference to, and keeps; or NULL
 *
 * What was there before is put.
 *
 * Context: As ouro_put(); takes the vector's lock.
 * Return: 0, -ERANGE when there is no such element, -EXDEV when @object is
 * another heap's, -EINVAL when it is no object.
 */
int ouro_vector_store(struct ouro_vector *vector, size_t index,
		      struct ouro_object *object)
{
	int err = ouro_array_check(vector->heap, object, _RET_IP_);
	struct ouro_object *old = NULL;
	unsigned long flags;

	if (err)
		return err;
	spin_lock_irqsave(&vector->slots.lock, flags);
	if (index < vector->length) {
		if (object)
			ouro_get(object);
		old = ouro_array_exchange(&vector->slots, index, object);
	} else {
		err = -ERANGE;
	}
	spin_unlock_irqrestore(&vector->slots.lock, flags);
	ouro_put(old);
	return err;
}
EXPORT_SYMBOL_OURO(ouro_vector_store);

/**
 * ouro_vector_load() - take a reference to an element
 * @vector: the vector
 * @index: of the element
 *
 * Context: As ouro_put(); takes no lock.
 * Return: the object, with a reference that is the caller's, or NULL.
 */
struct ouro_object *ouro_vector_load(struct ouro_vector *vector, size_t index)
{
	if (index >= ouro_vector_length(vector))
		return NULL;
	return ouro_array_load(&vector->slots, index, NULL);
}
EXPORT_SYMBOL_OURO(ouro_vector_load);

/* Takes the last element out; slots.lock is held. */
static struct ouro_object *pop_locked(struct ouro_vector *vector)
{
	u32 last = vector->length - 1;
	struct ouro_object *object;

	object = ouro_array_exchange(&vector->slots, last, NULL);
	WRITE_ONCE(vector->slots.array->used, last);
	WRITE_ONCE(vector->length, last);
	return object;
}

/* A reference that leaves for the caller: as in ouro_slot_take(). */
static struct ouro_object *taken(struct ouro_object *object)
{
	if (object)
		atomic64_add(OURO_WORD_VERSION, &object->word);
	return object;
}

/**
 * ouro_vector_pop() - take the last element out
 * @vector: the vector
 *
 * Context: Not in hardirq or NMI; takes the vector's lock.
 * Return: the object, whose reference is the caller's now; NULL when that was
 * NULL, or the vector is empty.
 */
struct ouro_object *ouro_vector_pop(struct ouro_vector *vector)
{
	struct ouro_object *object = NULL;
	unsigned long flags;

	spin_lock_irqsave(&vector->slots.lock, flags);
	if (vector->length)
		object = taken(pop_locked(vector));
	spin_unlock_irqrestore(&vector->slots.lock, flags);
	return object;
}
EXPORT_SYMBOL_OURO(ouro_vector_pop);

/**
 * ouro_vector_remove() - remove an element; the last one takes its place
 * @vector: the vector
 * @index: of the element
 *
 * Whoever visits the elements meanwhile may miss that last one.
 *
 * Context: As ouro_put(); takes the vector's lock.
 * Return: 0, or -ERANGE when there is no such element.
 */
int ouro_vector_remove(struct ouro_vector *vector, size_t index)
{
	struct ouro_object *old = NULL;
	unsigned long flags;
	int err = -ERANGE;

	spin_lock_irqsave(&vector->slots.lock, flags);
	if (index < vector->length) {
		/* A take, its step, then a store: a scan sees one or none. */
		old = taken(pop_locked(vector));
		if (index < vector->length)
			old = ouro_array_exchange(&vector->slots, index, old);
		err = 0;
	}
	spin_unlock_irqrestore(&vector->slots.lock, flags);
	ouro_put(old);
	return err;
}
EXPORT_SYMBOL_OURO(ouro_vector_remove);

/**
 * ouro_vector_truncate() - put the elements from an index on
 * @vector: the vector
 * @length: elements that stay
 *
 * Elements that others add meanwhile may stay.
 *
 * Context: As ouro_put(); takes the vector's lock for a bounded time, again and
 * again.
 */
void ouro_vector_truncate(struct ouro_vector *vector, size_t length)
{
	size_t now = ouro_vector_length(vector);
	struct ouro_object *old[PUT_STEP];
	size_t left = now > length ? now - length : 0;
	unsigned long flags;
	unsigned int n, i;

	while (left) {
		spin_lock_irqsave(&vector->slots.lock, flags);
		for (n = 0; n < min_t(size_t, left, PUT_STEP); n++) {
			if (vector->length <= length)
				break;
			old[n] = pop_locked(vector);
		}
		spin_unlock_irqrestore(&vector->slots.lock, flags);
		for (i = 0; i < n; i++)
			ouro_put(old[i]);
		left = n ? left - n : 0;
	}
}
EXPORT_SYMBOL_OURO(ouro_vector_truncate);

/**
 * ouro_vector_shrink() - give back the room that no element needs
 * @vector: the vector
 * @gfp: as for ouro_alloc(): the elements move
 *
 * Context: As @gfp says; takes the vector's lock.
 * Return: 0, -ENOMEM, or -EAGAIN when others changed it at the same time.
 */
int ouro_vector_shrink(struct ouro_vector *vector, gfp_t gfp)
{
	size_t capacity, length = ouro_vector_length(vector);

	ouro_block_might_alloc(gfp);
	rcu_read_lock();
	capacity = ouro_array_capacity(&vector->slots);
	rcu_read_unlock();
	if (capacity == length)
		return 0;
	return ouro_array_resize(&vector->slots, vector->heap, length, gfp);
}
EXPORT_SYMBOL_OURO(ouro_vector_shrink);

/**
 * ouro_vector_next() - the first element from an index on that is not NULL
 * @vector: the vector
 * @index: where to begin; set to that of the element
 *
 * See ouro_vector_for_each().
 *
 * Context: As ouro_put(); takes no lock.
 * Return: the object, with a reference that is the caller's, or NULL at the end.
 */
struct ouro_object *ouro_vector_next(struct ouro_vector *vector, size_t *index)
{
	struct ouro_object *object;

	for (; *index < ouro_vector_length(vector); ++*index) {
		object = ouro_vector_load(vector, *index);
		if (object)
			return object;
	}
	return NULL;
}
EXPORT_SYMBOL_OURO(ouro_vector_next);
