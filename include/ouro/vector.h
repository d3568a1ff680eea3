/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Vectors: growable arrays of references.
 *
 * A vector is an object and owns a reference to each of its elements; what falls
 * with it needs no code.  Elements are read without a lock while others change
 * the vector.  Growing copies the array; readers go on in the old one until they
 * notice.
 *
 * For elements in an order that insertions in the middle keep, see <ouro/list.h>.
 *
 * No function may be called in NMI, none that takes the vector's lock in hardirq.
 */
#ifndef _OURO_VECTOR_H
#define _OURO_VECTOR_H

#include <linux/bits.h>
#include <linux/gfp.h>
#include <linux/types.h>
#include <ouro/object.h>

struct ouro_vector;

#define OURO_VECTOR_MAX	BIT(27)	/* elements at most */

struct ouro_vector *ouro_vector_new(struct ouro_heap *heap, size_t capacity,
				    gfp_t gfp);
struct ouro_object *ouro_vector_object(struct ouro_vector *vector);
struct ouro_vector *ouro_vector_of(struct ouro_object *object);
size_t ouro_vector_length(const struct ouro_vector *vector);
int ouro_vector_reserve(struct ouro_vector *vector, size_t capacity, gfp_t gfp);
int ouro_vector_append(struct ouro_vector *vector, struct ouro_object *object,
		       gfp_t gfp);
ssize_t ouro_vector_fill(struct ouro_vector *vector,
			 struct ouro_object **objects, size_t count, gfp_t gfp);
int ouro_vector_store(struct ouro_vector *vector, size_t index,
		      struct ouro_object *object);
struct ouro_object *ouro_vector_load(struct ouro_vector *vector, size_t index);
struct ouro_object *ouro_vector_pop(struct ouro_vector *vector);
int ouro_vector_remove(struct ouro_vector *vector, size_t index);
void ouro_vector_truncate(struct ouro_vector *vector, size_t length);
int ouro_vector_shrink(struct ouro_vector *vector, gfp_t gfp);
struct ouro_object *ouro_vector_next(struct ouro_vector *vector, size_t *index);

/**
 * ouro_vector_clear() - put all elements
 * @vector: the vector
 *
 * Context: As ouro_put(); takes the vector's lock for a bounded time, again and
 * again.
 */
static inline void ouro_vector_clear(struct ouro_vector *vector)
{
	ouro_vector_truncate(vector, 0);
}

/**
 * ouro_vector_put() - give back a reference to a vector
 * @vector: or NULL
 *
 * Context: As ouro_put().
 */
static inline void ouro_vector_put(struct ouro_vector *vector)
{
	ouro_put((struct ouro_object *)vector);
}

/*
 * Visits the elements that are not NULL; @object has a reference in the body,
 * which is the caller's after a break.  Elements that others add, remove or
 * replace meanwhile may be seen or not.
 */
#define ouro_vector_for_each(vector, index, object)			\
	for ((index) = 0;						\
	     ((object) = ouro_vector_next(vector, &(index)));		\
	     ouro_put(object), (index)++)

#ifdef DEFINE_FREE
DEFINE_FREE(ouro_vector_put, struct ouro_vector *, if (!IS_ERR_OR_NULL(_T)) ouro_vector_put(_T))
#endif

#endif /* _OURO_VECTOR_H */
