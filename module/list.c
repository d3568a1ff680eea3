// SPDX-License-Identifier: GPL-2.0
/*
 * Lists: references in an order.
 *
 * The elements lie in slots, in no order; beside each slot are the numbers of
 * the two next to it.  A place is the index of a slot plus one; 0 is none.
 * Everything is done under the list's lock, in a constant time, but to grow.
 */
#include "ouro.h"
#include <ouro/list.h>
#include "array.h"
#include "block.h"
#include "heap.h"
#include "object.h"

/* Beside a slot: places.  Of a free slot only @next, to another such. */
struct list_link {
	u32 next;
	u32 prev;
};

/**
 * struct ouro_list - an object, and its elements apart
 * @object: the header
 * @slots: of the elements; its lock guards the rest
 * @head: place of the first element
 * @tail: place of the last
 * @unused: place of a slot that had an element once
 * @length: elements; read without the lock, too
 * @iters: that are in the list
 * @heap: of the list and its elements
 */
struct ouro_list {
	struct ouro_object object;
	struct ouro_slots slots;
	u32 head;
	u32 tail;
	u32 unused;
	u32 length;
	struct list_head iters;
	struct ouro_heap *heap;
};

static void list_init(void *object)
{
	struct ouro_list *list = object;

	ouro_array_init(&list->slots, sizeof(struct list_link));
	spin_lock_init(&list->slots.lock);
	list->head = 0;
	list->tail = 0;
	list->unused = 0;
	list->length = 0;
	INIT_LIST_HEAD(&list->iters);
	list->heap = ouro_object_heap(object);
}

static void list_release(void *object)
{
	struct ouro_list *list = object;

	ouro_array_exit(&list->slots);
}

static const struct ouro_type list_type = {
	.name = "ouro.list",
	.size = sizeof(struct ouro_list),
	.flags = OURO_TYPE_ARRAY_APART,
	.array = offsetof(struct ouro_list, slots.array),
	.array_name = "element",
	.init = list_init,
	.release = list_release,
};

/**
 * ouro_list_new() - make an empty list
 * @heap: of the list and of its elements
 * @gfp: as for ouro_new()
 *
 * Context: As ouro_new(); the first of a heap, process context that may sleep.
 * Return: the list, whose one reference is the caller's, or NULL.
 */
struct ouro_list *ouro_list_new(struct ouro_heap *heap, gfp_t gfp)
{
	struct ouro_kind *kind = ouro_kind_builtin(heap, OURO_BUILTIN_LIST,
						   &list_type, gfp);

	return kind ? ouro_object_new(kind, gfp, _RET_IP_) : NULL;
}
EXPORT_SYMBOL_OURO(ouro_list_new);

/**
 * ouro_list_object() - a list as the object that it is
 * @list: or NULL
 *
 * Context: Any.
 * Return: the same, to be put into a slot for example.
 */
struct ouro_object *ouro_list_object(struct ouro_list *list)
{
	return (struct ouro_object *)list;
}
EXPORT_SYMBOL_OURO(ouro_list_object);

/**
 * ouro_list_of() - an object as the list that it is
 * @object: or NULL
 *
 * Context: Any.
 * Return: the same, or NULL when it is something else.
 */
struct ouro_list *ouro_list_of(struct ouro_object *object)
{
	if (!object || ouro_object_type(object) != &list_type)
		return NULL;
	return container_of(object, struct ouro_list, object);
}
EXPORT_SYMBOL_OURO(ouro_list_of);

/**
 * ouro_list_length() - how many elements there are at this moment
 * @list: the list
 *
 * Context: Any.
 * Return: the number.
 */
size_t ouro_list_length(const struct ouro_list *list)
{
	return READ_ONCE(list->length);
}
EXPORT_SYMBOL_OURO(ouro_list_length);

/**
 * ouro_list_reserve() - have room for so many elements
 * @list: the list
 * @capacity: elements, at most OURO_LIST_MAX
 * @gfp: as for ouro_alloc()
 *
 * Context: As @gfp says; takes the list's lock.
 * Return: 0 or -ENOMEM.
 */
int ouro_list_reserve(struct ouro_list *list, size_t capacity, gfp_t gfp)
{
	return ouro_array_reserve(&list->slots, list->heap, capacity, gfp);
}
EXPORT_SYMBOL_OURO(ouro_list_reserve);

/* ---- under the lock ---- */

static const struct list_link *link_seen(struct ouro_list *list, u32 place)
{
	lockdep_assert_held(&list->slots.lock);
	return ouro_array_extra(&list->slots, list->slots.array, place - 1);
}

/* To be changed. */
static struct list_link *link_at(struct ouro_list *list, u32 place)
{
	ouro_array_touch(&list->slots, place - 1);
	return (struct list_link *)link_seen(list, place);
}

/* Makes @next the one behind @place; either may be none. */
static void join(struct ouro_list *list, u32 place, u32 next)
{
	if (place)
		link_at(list, place)->next = next;
	else
		list->head = next;
	if (next)
		link_at(list, next)->prev = place;
	else
		list->tail = place;
}

/* A place for one more element, or 0: the array must grow. */
static u32 place_take(struct ouro_list *list)
{
	u32 place = list->unused;

	if (place) {
		list->unused = link_seen(list, place)->next;
		return place;
	}
	if (list->length < ouro_array_capacity(&list->slots))
		return list->length + 1;
	return 0;
}

/* Adds @object behind @prev (0: as the first), with a reference of its own. */
static bool insert_locked(struct ouro_list *list, u32 prev,
			  struct ouro_object *object)
{
	u32 next, place = place_take(list);

	if (!place)
		return false;
	next = prev ? link_seen(list, prev)->next : list->head;
	ouro_array_exchange(&list->slots, place - 1, ouro_get(object));
	join(list, prev, place);
	join(list, place, next);
	WRITE_ONCE(list->length, list->length + 1);
	return true;
}

/* Iterators at @place step back to the one before. */
static void iters_leave(struct ouro_list *list, u32 place, u32 prev)
{
	struct ouro_list_iter *iter;

	list_for_each_entry(iter, &list->iters, node) {
		if (iter->place != place)
			continue;
		iter->place = prev;
		iter->at = false;
	}
}

/* Removes an element; its reference is the caller's. */
static struct ouro_object *remove_locked(struct ouro_list *list, u32 place)
{
	struct list_link *link = link_at(list, place);
	u32 prev = link->prev;

	iters_leave(list, place, prev);
	join(list, prev, link->next);
	link->next = list->unused;
	list->unused = place;
	WRITE_ONCE(list->length, list->length - 1);
	return ouro_array_exchange(&list->slots, place - 1, NULL);
}

/* ---- at the ends ---- */

enum list_end { LIST_HEAD_END, LIST_TAIL_END };

static int add(struct ouro_list *list, struct ouro_object **objects,
	       size_t count, enum list_end end, gfp_t gfp, size_t *added)
{
	unsigned long flags;
	size_t need;

	for (*added = 0;;) {
		spin_lock_irqsave(&list->slots.lock, flags);
		while (*added < count &&
		       insert_locked(list, end == LIST_TAIL_END ? list->tail : 0,
				     objects[*added]))
			++*added;
		need = (size_t)list->length + count - *added;
		spin_unlock_irqrestore(&list->slots.lock, flags);
		if (*added == count)
			return 0;
		if (ouro_list_reserve(list, need, gfp))
			return -ENOMEM;
	}
}

static int add_one(struct ouro_list *list, struct ouro_object *object,
		   enum list_end end, gfp_t gfp, unsigned long caller)
{
	int err = object ? ouro_array_check(list->heap, object, caller) :
			   -EINVAL;
	size_t added;

	ouro_block_might_alloc(gfp);
	return err ?: add(list, &object, 1, end, gfp, &added);
}

/**
 * ouro_list_add() - add an element in front of the first
 * @list: the list
 * @object: that the caller has a reference to, and keeps
 * @gfp: as for ouro_alloc()
 *
 * Context: As @gfp says; takes the list's lock.
 * Return: 0, -ENOMEM, -EXDEV when @object is another heap's, -EINVAL when it is
 * no object, or NULL.
 */
int ouro_list_add(struct ouro_list *list, struct ouro_object *object, gfp_t gfp)
{
	return add_one(list, object, LIST_HEAD_END, gfp, _RET_IP_);
}
EXPORT_SYMBOL_OURO(ouro_list_add);

/**
 * ouro_list_add_tail() - add an element behind the last
 * @list: the list
 * @object: that the caller has a reference to, and keeps
 * @gfp: as for ouro_alloc()
 *
 * Context: As @gfp says; takes the list's lock.
 * Return: as ouro_list_add().
 */
int ouro_list_add_tail(struct ouro_list *list, struct ouro_object *object,
		       gfp_t gfp)
{
	return add_one(list, object, LIST_TAIL_END, gfp, _RET_IP_);
}
EXPORT_SYMBOL_OURO(ouro_list_add_tail);

#define STEP	128	/* elements added or removed under the lock in one go */

/**
 * ouro_list_fill() - add many elements behind the last
 * @list: the list
 * @objects: that the caller has references to, and keeps; none is NULL
 * @count: of them
 * @gfp: as for ouro_alloc()
 *
 * What others add at the same time may come between.  The room is reserved
 * first, so fewer than @count are added only where others have taken it and
 * there is no more memory.
 *
 * Context: As @gfp says; takes the list's lock for a bounded time, again and
 * again.
 * Return: how many were added, from the first on; or, when none was, an error as
 * of ouro_list_add().
 */
ssize_t ouro_list_fill(struct ouro_list *list, struct ouro_object **objects,
		       size_t count, gfp_t gfp)
{
	size_t i, step, added, done, length = ouro_list_length(list);
	int err = ouro_array_check_all(list->heap, objects, count, _RET_IP_);

	for (i = 0; !err && i < count; i++)
		if (!objects[i])
			err = -EINVAL;
	if (err)
		return err;
	if (count > OURO_LIST_MAX - length ||
	    ouro_list_reserve(list, length + count, gfp))
		return -ENOMEM;
	for (done = 0; done < count && !err; done += added) {
		step = min_t(size_t, count - done, STEP);
		err = add(list, objects + done, step, LIST_TAIL_END, gfp,
			  &added);
		if (gfpflags_allow_blocking(gfp))
			cond_resched();
	}
	return done ? done : err;
}
EXPORT_SYMBOL_OURO(ouro_list_fill);

static struct ouro_object *pop(struct ouro_list *list, enum list_end end)
{
	struct ouro_object *object = NULL;
	unsigned long flags;

	spin_lock_irqsave(&list->slots.lock, flags);
	if (list->length) {
		object = remove_locked(list, end == LIST_TAIL_END ?
					     list->tail : list->head);
		/* As in ouro_slot_take(). */
		atomic64_add(OURO_WORD_VERSION, &object->word);
	}
	spin_unlock_irqrestore(&list->slots.lock, flags);
	return object;
}

/**
 * ouro_list_pop() - take the first element out
 * @list: the list
 *
 * Context: Not in hardirq or NMI; takes the list's lock.
 * Return: the object, whose reference is the caller's now; NULL: it is empty.
 */
struct ouro_object *ouro_list_pop(struct ouro_list *list)
{
	return pop(list, LIST_HEAD_END);
}
EXPORT_SYMBOL_OURO(ouro_list_pop);

/**
 * ouro_list_pop_tail() - take the last element out
 * @list: the list
 *
 * Context: Not in hardirq or NMI; takes the list's lock.
 * Return: the object, whose reference is the caller's now; NULL: it is empty.
 */
struct ouro_object *ouro_list_pop_tail(struct ouro_list *list)
{
	return pop(list, LIST_TAIL_END);
}
EXPORT_SYMBOL_OURO(ouro_list_pop_tail);

/**
 * ouro_list_clear() - put all elements
 * @list: the list
 *
 * Elements that others add meanwhile may stay.
 *
 * Context: As ouro_put(); takes the list's lock for a bounded time, again and
 * again.
 */
void ouro_list_clear(struct ouro_list *list)
{
	size_t left = ouro_list_length(list);
	struct ouro_object *old[STEP / 4];
	unsigned long flags;
	size_t count, n, i;

	while (left) {
		spin_lock_irqsave(&list->slots.lock, flags);
		count = min3(left, ARRAY_SIZE(old), (size_t)list->length);
		for (n = 0; n < count; n++)
			old[n] = remove_locked(list, list->head);
		spin_unlock_irqrestore(&list->slots.lock, flags);
		for (i = 0; i < n; i++)
			ouro_put(old[i]);
		left = n ? left - n : 0;
	}
}
EXPORT_SYMBOL_OURO(ouro_list_clear);

/* ---- iterators ---- */

/**
 * ouro_list_iter_begin() - stand in front of the first element
 * @iter: filled
 * @list: the list
 *
 * The caller owes ouro_list_iter_end().
 *
 * Context: Not in hardirq or NMI; takes the list's lock.
 */
void ouro_list_iter_begin(struct ouro_list_iter *iter, struct ouro_list *list)
{
	unsigned long flags;

	ouro_get(&list->object);
	iter->list = list;
	iter->place = 0;
	iter->at = false;
	spin_lock_irqsave(&list->slots.lock, flags);
	list_add(&iter->node, &list->iters);
	spin_unlock_irqrestore(&list->slots.lock, flags);
}
EXPORT_SYMBOL_OURO(ouro_list_iter_begin);

/**
 * ouro_list_iter_next() - step to the next element
 * @iter: begun
 *
 * Each element that is in the list all the time is returned once, in order.  At
 * the end it stays where it is: what is added behind comes with the next call.
 *
 * Context: Not in hardirq or NMI; takes the list's lock.
 * Return: the object, with a reference that is the caller's, or NULL at the end.
 */
struct ouro_object *ouro_list_iter_next(struct ouro_list_iter *iter)
{
	struct ouro_list *list = iter->list;
	struct ouro_object *object = NULL;
	unsigned long flags;
	u32 place;

	spin_lock_irqsave(&list->slots.lock, flags);
	place = iter->place ? link_seen(list, iter->place)->next : list->head;
	if (place) {
		iter->place = place;
		iter->at = true;
		object = ouro_get(list->slots.array->slot[place - 1].object);
	}
	spin_unlock_irqrestore(&list->slots.lock, flags);
	return object;
}
EXPORT_SYMBOL_OURO(ouro_list_iter_next);

/**
 * ouro_list_iter_remove() - remove the element that was returned last
 * @iter: begun
 *
 * Context: As ouro_put(); takes the list's lock.
 * Return: 0, or -ENOENT when it is not in the list any more.
 */
int ouro_list_iter_remove(struct ouro_list_iter *iter)
{
	struct ouro_list *list = iter->list;
	struct ouro_object *old = NULL;
	unsigned long flags;

	spin_lock_irqsave(&list->slots.lock, flags);
	if (iter->at)
		old = remove_locked(list, iter->place);
	spin_unlock_irqrestore(&list->slots.lock, flags);
	ouro_put(old);
	return old ? 0 : -ENOENT;
}
EXPORT_SYMBOL_OURO(ouro_list_iter_remove);

/**
 * ouro_list_iter_add_before() - add an element in front of the one returned last
 * @iter: begun
 * @object: that the caller has a reference to, and keeps
 * @gfp: as for ouro_alloc()
 *
 * Where that one was removed, the new one comes where it was; at the very
 * beginning, in front of the first.
 *
 * Context: As @gfp says; takes the list's lock.
 * Return: as ouro_list_add().
 */
int ouro_list_iter_add_before(struct ouro_list_iter *iter,
			      struct ouro_object *object, gfp_t gfp)
{
	struct ouro_list *list = iter->list;
	int err = object ? ouro_array_check(list->heap, object, _RET_IP_) :
			   -EINVAL;
	unsigned long flags;
	bool done = false;
	size_t need;
	u32 prev;

	ouro_block_might_alloc(gfp);
	while (!err && !done) {
		spin_lock_irqsave(&list->slots.lock, flags);
		prev = iter->at ? link_seen(list, iter->place)->prev :
				  iter->place;
		done = insert_locked(list, prev, object);
		/* The next step is to the one behind the new one. */
		if (done && !iter->at)
			iter->place = prev ? link_seen(list, prev)->next :
					     list->head;
		need = (size_t)list->length + 1;
		spin_unlock_irqrestore(&list->slots.lock, flags);
		if (!done)
			err = ouro_list_reserve(list, need, gfp);
	}
	return err;
}
EXPORT_SYMBOL_OURO(ouro_list_iter_add_before);

/**
 * ouro_list_iter_end() - leave the list
 * @iter: begun
 *
 * Context: As ouro_put(); takes the list's lock.
 */
void ouro_list_iter_end(struct ouro_list_iter *iter)
{
	struct ouro_list *list = iter->list;
	unsigned long flags;

	spin_lock_irqsave(&list->slots.lock, flags);
	list_del(&iter->node);
	spin_unlock_irqrestore(&list->slots.lock, flags);
	ouro_put(&list->object);
}
EXPORT_SYMBOL_OURO(ouro_list_iter_end);
