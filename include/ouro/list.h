/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lists: references in an order.
 *
 * A list is an object and owns a reference to each of its elements; one object
 * may be in it more than once, and in any number of lists.  Elements are added
 * and removed at both ends and where an iterator stands, each at a constant
 * cost.  An iterator stays good whatever others do to the list.
 *
 * No function may be called in NMI, none that takes the list's lock in hardirq.
 */
#ifndef _OURO_LIST_H
#define _OURO_LIST_H

#include <linux/bits.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/types.h>
#include <ouro/object.h>

struct ouro_list;

#define OURO_LIST_MAX	BIT(27)	/* elements at most */

/**
 * struct ouro_list_iter - a place in a list; on the stack
 * @list: with a reference
 * @node: on the list of the list's iterators
 * @place: of the element last returned, or of the one before it where that was
 *	removed; 0: in front of the first
 * @at: the element last returned is there still
 *
 * Private: use the functions.
 */
struct ouro_list_iter {
	struct ouro_list *list;
	struct list_head node;
	u32 place;
	bool at;
};

struct ouro_list *ouro_list_new(struct ouro_heap *heap, gfp_t gfp);
struct ouro_object *ouro_list_object(struct ouro_list *list);
struct ouro_list *ouro_list_of(struct ouro_object *object);
size_t ouro_list_length(const struct ouro_list *list);
int ouro_list_reserve(struct ouro_list *list, size_t capacity, gfp_t gfp);
int ouro_list_add(struct ouro_list *list, struct ouro_object *object,
		  gfp_t gfp);
int ouro_list_add_tail(struct ouro_list *list, struct ouro_object *object,
		       gfp_t gfp);
ssize_t ouro_list_fill(struct ouro_list *list, struct ouro_object **objects,
		       size_t count, gfp_t gfp);
struct ouro_object *ouro_list_pop(struct ouro_list *list);
struct ouro_object *ouro_list_pop_tail(struct ouro_list *list);
void ouro_list_clear(struct ouro_list *list);

void ouro_list_iter_begin(struct ouro_list_iter *iter, struct ouro_list *list);
struct ouro_object *ouro_list_iter_next(struct ouro_list_iter *iter);
int ouro_list_iter_remove(struct ouro_list_iter *iter);
int ouro_list_iter_add_before(struct ouro_list_iter *iter,
			      struct ouro_object *object, gfp_t gfp);
void ouro_list_iter_end(struct ouro_list_iter *iter);

/**
 * ouro_list_put() - give back a reference to a list
 * @list: or NULL
 *
 * Context: As ouro_put().
 */
static inline void ouro_list_put(struct ouro_list *list)
{
	ouro_put((struct ouro_object *)list);
}

/*
 * Visits the elements from the first on, between ouro_list_iter_begin() and
 * ouro_list_iter_end().  @object has a reference in the body, which is the
 * caller's after a break.
 */
#define ouro_list_for_each(iter, object)				\
	for (; ((object) = ouro_list_iter_next(iter)); ouro_put(object))

#ifdef DEFINE_FREE
DEFINE_FREE(ouro_list_put, struct ouro_list *, if (!IS_ERR_OR_NULL(_T)) ouro_list_put(_T))
#endif

#endif /* _OURO_LIST_H */
