// SPDX-License-Identifier: GPL-2.0
/*
 * Copies of objects and of graphs.
 *
 * A copy is made in two steps: a shell, which has the payload, and then what it
 * refers to.  A shallow copy refers to what the original refers to.  For a deep
 * one, each object that is met gets a shell once, and waits, marked, in a table
 * from originals to copies until its references are seen to: no recursion, and
 * sharing and cycles are in the copy as they were.
 */
#include "ouro.h"
#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/xarray.h>
#include <ouro/copy.h>
#include <ouro/list.h>
#include <ouro/map.h>
#include <ouro/slot.h>
#include <ouro/vector.h>
#include <ouro/weak_map.h>
#include "block.h"
#include "heap.h"
#include "fail.h"
#include "object.h"

/**
 * struct graph - a deep copy being made
 * @copies: copies by the address of the original; both with a reference
 * @gfp: the caller's
 */
struct graph {
	struct xarray copies;
	gfp_t gfp;
};

#define TO_FILL		XA_MARK_0	/* references are yet to be copied */
#define TO_FILL_WEAK	XA_MARK_1	/* weak maps: when all else is there */

/**
 * ouro_copy_payload() - copy what is neither header nor slot
 * @to: an object, not yet anybody else's
 * @from: another of the same type and size
 * @size: bytes of a block
 *
 * For struct ouro_type, @copy.
 *
 * Context: Any.
 * Return: 0.
 */
int ouro_copy_payload(void *to, const void *from, size_t size)
{
	const struct ouro_kind *kind =
		ouro_pool_of_object(from)->class->kind;
	unsigned int i;

	for (i = 0; i < kind->nruns; i++)
		memcpy(to + kind->runs[i].offset, from + kind->runs[i].offset,
		       kind->runs[i].bytes);
	return 0;
}
EXPORT_SYMBOL_OURO(ouro_copy_payload);

/* ---- shells ---- */

static struct ouro_object *container_shell(struct ouro_object *object,
					   gfp_t gfp)
{
	struct ouro_heap *heap = ouro_object_heap(object);

	if (ouro_vector_of(object))
		return ouro_vector_object(ouro_vector_new(heap, 0, gfp));
	if (ouro_list_of(object))
		return ouro_list_object(ouro_list_new(heap, gfp));
	if (ouro_map_of(object))
		return ouro_map_object(ouro_map_like(ouro_map_of(object), gfp));
	return ouro_weak_map_object(ouro_weak_map_new(heap, gfp));
}

static bool is_container(const struct ouro_pool *pool)
{
	const struct ouro_kind *kind = pool->class->kind;
	unsigned int i;

	for (i = 0; i < OURO_BUILTINS; i++)
		if (READ_ONCE(pool->heap->builtin[i]) == kind)
			return true;
	return false;
}

static bool is_object(const struct ouro_object *object)
{
	struct ouro_pool *pool = ouro_pool_of_object(object);

	return pool && ouro_pool_is_block(pool, object);
}

/* A copy without references, or ERR_PTR. */
static struct ouro_object *shell(struct ouro_object *object, gfp_t gfp)
{
	struct ouro_pool *pool = ouro_pool_of_object(object);
	struct ouro_object *copy;
	struct ouro_kind *kind;
	int err;

	if (!is_object(object))
		return ERR_PTR(-EINVAL);
	if (is_container(pool))
		return container_shell(object, gfp) ?: ERR_PTR(-ENOMEM);
	kind = pool->class->kind;
	if (!kind->type->copy)
		return ERR_PTR(-EOPNOTSUPP);
	copy = ouro_object_create(kind, pool->size, gfp, _RET_IP_);
	if (!copy)
		return ERR_PTR(-ENOMEM);
	err = kind->type->copy(copy, object, pool->size);
	if (err) {
		ouro_put(copy);
		return ERR_PTR(err);
	}
	return copy;
}

/* ---- references ---- */

/*
 * What a copy shall refer to where the original refers to @ref, with a reference
 * that takes the place of that to @ref; or ERR_PTR.
 */
typedef struct ouro_object *(*refer_fn)(struct ouro_object *ref, void *arg);

static struct ouro_object *refer_same(struct ouro_object *ref, void *arg)
{
	return ref;
}

static int fill_slot(struct ouro_slot *to, const struct ouro_slot *from,
		     refer_fn refer, void *arg)
{
	struct ouro_object *ref = ouro_slot_load(from);

	if (ref)
		ref = refer(ref, arg);
	if (IS_ERR(ref))
		return PTR_ERR(ref);
	/* A user's copy() may have set it. */
	ouro_put(xchg(&to->object, ref));
	return 0;
}

static int fill_slots(struct ouro_object *copy, struct ouro_object *object,
		      refer_fn refer, void *arg)
{
	struct ouro_pool *pool = ouro_pool_of_object(object);
	struct ouro_kind *kind = pool->class->kind;
	struct ouro_span from = ouro_kind_span(kind, pool, object);
	struct ouro_span to = ouro_kind_span(kind, pool, copy);
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < kind->type->nslots; i++)
		err = fill_slot(ouro_kind_slot(kind, copy, i),
				ouro_kind_slot(kind, object, i), refer, arg);
	for (i = 0; !err && i < from.count; i++)
		err = fill_slot(&to.slot[i], &from.slot[i], refer, arg);
	return err;
}

static int fill_vector(struct ouro_vector *to, struct ouro_vector *from,
		       gfp_t gfp, refer_fn refer, void *arg)
{
	struct ouro_object *ref;
	int err = ouro_vector_reserve(to, ouro_vector_length(from), gfp);
	size_t i;

	for (i = 0; !err && i < ouro_vector_length(from); i++) {
		ref = ouro_vector_load(from, i);
		if (ref)
			ref = refer(ref, arg);
		if (IS_ERR(ref))
			return PTR_ERR(ref);
		err = ouro_vector_append(to, ref, gfp);
		ouro_put(ref);
	}
	return err;
}

static int fill_list(struct ouro_list *to, struct ouro_list *from, gfp_t gfp,
		     refer_fn refer, void *arg)
{
	struct ouro_list_iter iter;
	struct ouro_object *ref;
	int err = 0;

	ouro_list_iter_begin(&iter, from);
	while (!err && (ref = ouro_list_iter_next(&iter))) {
		ref = refer(ref, arg);
		if (IS_ERR(ref)) {
			err = PTR_ERR(ref);
			break;
		}
		err = ouro_list_add_tail(to, ref, gfp);
		ouro_put(ref);
	}
	ouro_list_iter_end(&iter);
	return err;
}

static int fill_map(struct ouro_map *to, struct ouro_map *from, void *key,
		    gfp_t gfp, refer_fn refer, void *arg)
{
	struct ouro_object *ref;
	size_t place = 0, len;
	int err = 0;

	while (!err &&
	       (ref = ouro_map_next(from, &place, key, OURO_KEY_MAX, &len))) {
		ref = refer(ref, arg);
		if (IS_ERR(ref))
			return PTR_ERR(ref);
		err = ouro_map_store(to, key, len, ref, gfp);
		ouro_put(ref);
	}
	return err;
}

/* Of these, what @refer has nothing for stays out of the copy. */
static int fill_weak_map(struct ouro_weak_map *to, struct ouro_weak_map *from,
			 void *key, gfp_t gfp, refer_fn refer, void *arg)
{
	struct ouro_weak_map_iter iter;
	struct ouro_object *ref;
	size_t len;
	int err = 0;

	ouro_weak_map_walk(&iter, from);
	while (!err &&
	       (ref = ouro_weak_map_next(&iter, key, OURO_KEY_MAX, &len))) {
		ref = refer(ref, arg);
		if (!ref)
			continue;
		err = ouro_weak_map_store(to, key, len, ref, gfp);
		ouro_put(ref);
	}
	ouro_weak_map_walk_end(&iter);
	return err;
}

static int fill_by_key(struct ouro_object *copy, struct ouro_object *object,
		       gfp_t gfp, refer_fn refer, void *arg)
{
	struct ouro_heap *heap = ouro_object_heap(object);
	void *key = ouro_block_alloc(heap, OURO_KEY_MAX, gfp, _RET_IP_);
	int err;

	if (!key)
		return -ENOMEM;
	if (ouro_map_of(object))
		err = fill_map(ouro_map_of(copy), ouro_map_of(object), key,
			       gfp, refer, arg);
	else
		err = fill_weak_map(ouro_weak_map_of(copy),
				    ouro_weak_map_of(object), key, gfp, refer,
				    arg);
	ouro_block_free(key, _RET_IP_);
	return err;
}

static int fill(struct ouro_object *copy, struct ouro_object *object,
		gfp_t gfp, refer_fn refer, void *arg)
{
	if (!is_container(ouro_pool_of_object(object)))
		return fill_slots(copy, object, refer, arg);
	if (ouro_vector_of(object))
		return fill_vector(ouro_vector_of(copy),
				   ouro_vector_of(object), gfp, refer, arg);
	if (ouro_list_of(object))
		return fill_list(ouro_list_of(copy), ouro_list_of(object), gfp,
				 refer, arg);
	return fill_by_key(copy, object, gfp, refer, arg);
}

/**
 * ouro_copy() - copy an object
 * @object: that the caller has a reference to
 * @gfp: GFP_KERNEL
 *
 * The copy refers to the objects that @object refers to.
 *
 * Context: Process context, may sleep.
 * Return: the copy, whose one reference is the caller's; or ERR_PTR: -EOPNOTSUPP
 * when the type has no copy, -EINVAL when @object is no object, -ENOMEM, or what
 * the type's copy returned.
 */
struct ouro_object *ouro_copy(struct ouro_object *object, gfp_t gfp)
{
	struct ouro_object *copy;
	int err;

	might_sleep();
	copy = shell(object, gfp);
	if (IS_ERR(copy))
		return copy;
	err = fill(copy, object, gfp, refer_same, NULL);
	if (!err)
		return copy;
	ouro_put(copy);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_OURO(ouro_copy);

/* ---- graphs ---- */

static unsigned long index_of(const struct ouro_object *object)
{
	return (unsigned long)object / sizeof(*object);
}

static struct ouro_object *original(unsigned long index)
{
	return (struct ouro_object *)(index * sizeof(struct ouro_object));
}

/* The copy of @object, made the first time.  Takes over the reference. */
static struct ouro_object *graph_copy(struct ouro_object *object, void *arg)
{
	unsigned long index = index_of(object);
	struct graph *graph = arg;
	struct ouro_object *copy = xa_load(&graph->copies, index);
	bool weak = ouro_weak_map_of(object);
	int err;

	if (copy) {
		ouro_put(object);
		return ouro_get(copy);
	}
	copy = shell(object, graph->gfp);
	if (IS_ERR(copy)) {
		ouro_put(object);
		return copy;
	}
	err = ouro_fail(0) ? -ENOMEM :
	      xa_err(xa_store(&graph->copies, index, copy, graph->gfp));
	if (err) {
		ouro_put(object);
		ouro_put(copy);
		return ERR_PTR(err);
	}
	xa_set_mark(&graph->copies, index, weak ? TO_FILL_WEAK : TO_FILL);
	return ouro_get(copy);
}

/* For weak maps: the copy, if the graph has it.  Takes over the reference. */
static struct ouro_object *graph_find(struct ouro_object *object, void *arg)
{
	struct graph *graph = arg;
	struct ouro_object *copy = xa_load(&graph->copies, index_of(object));

	ouro_put(object);
	return copy ? ouro_get(copy) : NULL;
}

/* Fills the shells with @mark until there are none. */
static int graph_fill(struct graph *graph, xa_mark_t mark, refer_fn refer)
{
	struct ouro_object *copy;
	unsigned long index;
	int err = 0;

	while (!err) {
		index = 0;
		copy = xa_find(&graph->copies, &index, ULONG_MAX, mark);
		if (!copy)
			break;
		xa_clear_mark(&graph->copies, index, mark);
		err = fill(copy, original(index), graph->gfp, refer, graph);
		cond_resched();
	}
	return err;
}

/* Empties what was begun, so that a cycle in it does not keep itself. */
static void unfill(struct ouro_object *copy)
{
	struct ouro_pool *pool = ouro_pool_of_object(copy);
	struct ouro_kind *kind = pool->class->kind;
	struct ouro_span span;
	unsigned int i;

	if (ouro_vector_of(copy)) {
		ouro_vector_clear(ouro_vector_of(copy));
	} else if (ouro_list_of(copy)) {
		ouro_list_clear(ouro_list_of(copy));
	} else if (ouro_map_of(copy)) {
		ouro_map_clear(ouro_map_of(copy));
	} else if (!is_container(pool)) {
		span = ouro_kind_span(kind, pool, copy);
		for (i = 0; i < kind->type->nslots; i++)
			ouro_slot_clear(ouro_kind_slot(kind, copy, i));
		for (i = 0; i < span.count; i++)
			ouro_slot_clear(&span.slot[i]);
	}
}

static void graph_end(struct graph *graph, bool failed)
{
	struct ouro_object *copy;
	unsigned long index;

	xa_for_each(&graph->copies, index, copy) {
		if (failed)
			unfill(copy);
		ouro_put(copy);
		ouro_put(original(index));
		cond_resched();
	}
	xa_destroy(&graph->copies);
}

/**
 * ouro_copy_deep() - copy an object and everything that it leads to
 * @object: that the caller has a reference to
 * @gfp: GFP_KERNEL
 *
 * What is shared, or part of a cycle, is so in the copy.  Weak maps in it lead
 * to copies, of what was copied; other weak handles are payload.
 *
 * Context: Process context, may sleep.
 * Return: as ouro_copy(); on error nothing is left of the copy.
 */
struct ouro_object *ouro_copy_deep(struct ouro_object *object, gfp_t gfp)
{
	struct graph graph = { .gfp = gfp };
	struct ouro_object *copy;
	int err;

	might_sleep();
	if (!is_object(object))
		return ERR_PTR(-EINVAL);
	xa_init(&graph.copies);
	copy = graph_copy(ouro_get(object), &graph);
	if (IS_ERR(copy)) {
		xa_destroy(&graph.copies);
		return copy;
	}
	err = graph_fill(&graph, TO_FILL, graph_copy);
	if (!err)
		err = graph_fill(&graph, TO_FILL_WEAK, graph_find);
	graph_end(&graph, err);
	if (!err)
		return copy;
	ouro_put(copy);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_OURO(ouro_copy_deep);
