// SPDX-License-Identifier: GPL-2.0
/*
 * Slices: a bounded number of deaths in one go; what a death consists of.
 *
 * An object is buried: finalize; weak handles become NULL; the references in the
 * slots are put; release; the block goes back; the callbacks of weak handles.
 * What these puts kill in turn, and what callbacks put, waits on the stack of
 * the slice (a list falls with one entry on it), and what does not fit there, or
 * not into this slice, is left to the worker.
 */
#include "ouro.h"
#include <linux/hash.h>
#include <linux/interrupt.h>
#include <linux/sched.h>
#include "heap.h"
#include "object.h"
#include "reap.h"
#include "slice.h"
#include "weak.h"

#define LOOKS_A_STEP	64	/* empty slots looked at for one step */
#define AROUND_BITS	6	/* tasks that are in callbacks at once */

static void slice_doom(struct ouro_slice *s, struct ouro_pool *pool,
		       struct ouro_object *object)
{
	s->doomed = true;
	ouro_doom(pool, object);
}

/* ---- a death ---- */

/*
 * The last reference went, @word is what is left, and the finalizer has yet to
 * run.  Whoever revives the object before it is claimed says so in the word
 * (OURO_WORD_CLAIM); as long as that is there, later last puts leave the object
 * to the first, which is here: so nobody destroys it under our feet.
 *
 * Return: true: it is ours, with a reference, to finalize and to put.
 */
bool ouro_slice_claim(struct ouro_object *object, u64 word)
{
	u64 next;
	bool ours;

	if (word & OURO_WORD_CLAIM)
		return false;
	do {
		ours = (word & OURO_COUNT_MASK) == OURO_COUNT_DEAD;
		next = word & ~(u64)OURO_WORD_CLAIM;
		if (ours)
			next = (word & ~(u64)OURO_WORD_FINALIZE) +
			       OURO_WORD_VERSION + 1;
		if (ours)
			next |= OURO_WORD_CLAIM;
	} while (!atomic64_try_cmpxchg(&object->word, (s64 *)&word, next));
	return ours;
}

/* Whether an object of the kind dies on a worker only. */
static bool needs_worker(const struct ouro_kind *kind)
{
	const struct ouro_type *type = kind->type;

	return (type->flags & OURO_TYPE_WORKER) &&
	       (type->finalize || type->release);
}

/* An object whose last reference went, or that was claimed. */
void ouro_slice_add(struct ouro_slice *s, struct ouro_pool *pool,
		    struct ouro_object *object)
{
	if (s->count == OURO_SLICE_STACK ||
	    (!s->worker && needs_worker(pool->class->kind)))
		slice_doom(s, pool, object);
	else
		s->todo[s->count++] = object;
}

/* Puts a reference that a dying object had. */
static void drop(struct ouro_slice *s, struct ouro_object *object)
{
	u64 old = atomic64_fetch_sub(1, &object->word);

	if (likely(__ouro_count_is(old, OURO_COUNT_DEAD + 2)))
		return;
	if (unlikely(!ouro_object_is_last(old))) {
		ouro_object_put_misused(object, old, _THIS_IP_);
		return;
	}
	if (ouro_object_end_leaf(object, old - 1) ||
	    ((old & OURO_WORD_FINALIZE) && !ouro_slice_claim(object, old - 1)))
		return;
	ouro_slice_add(s, ouro_pool_of_object(object), object);
}

/*
 * Nobody else changes the slots of a dying object, so a store does for the
 * xchg() that a clear is elsewhere; the put behind it is a full barrier.
 * False when the slice ended before that.
 */
static bool clear_slot(struct ouro_slice *s, struct ouro_slot *slot)
{
	struct ouro_object *object = READ_ONCE(slot->object);

	if (!object)
		return true;
	if (!s->budget)
		return false;
	s->budget--;
	WRITE_ONCE(slot->object, NULL);
	drop(s, object);
	return true;
}

/* Empty ones cost a little, too. */
static bool clear_span(struct ouro_slice *s, struct ouro_span span,
		       struct ouro_array *array)
{
	unsigned int i;

	for (i = array ? array->used : span.count; i; i--) {
		if (!clear_slot(s, &span.slot[i - 1]))
			return false;
		if (array)
			WRITE_ONCE(array->used, i - 1);
		if (i % LOOKS_A_STEP)
			continue;
		if (!s->budget)
			return false;
		s->budget--;
	}
	return true;
}

static bool clear_slots(struct ouro_slice *s, const struct ouro_kind *kind,
			struct ouro_pool *pool, struct ouro_object *object)
{
	struct ouro_span span = ouro_kind_span(kind, pool, object);
	unsigned int i;

	if (!clear_span(s, span, ouro_span_array(kind, span)))
		return false;
	for (i = 0; i < kind->type->nslots; i++)
		if (!clear_slot(s, ouro_kind_slot(kind, object, i)))
			return false;
	return true;
}

static void give_back(struct ouro_pool *pool, struct ouro_object *object)
{
	if (pool->objects->graves)
		ouro_grave_add(pool, object);
	else
		ouro_object_free(pool, object);
}

/* The block goes back, then those who watched the object are told. */
static void give_back_watched(struct ouro_pool *pool,
			      struct ouro_object *object)
{
	HLIST_HEAD(watches);
	int idx;

	/* Pairs with ouro_watch_remove_sync(). */
	idx = srcu_read_lock(&ouro_deaths);
	ouro_weak_detach(pool, object, &watches);
	give_back(pool, object);
	ouro_weak_tell(&watches);
	srcu_read_unlock(&ouro_deaths, idx);
}

/* ---- slices ---- */

/*
 * Callbacks put objects in turn.  They find the slice that they are called in,
 * and what they put waits there.  Where another task has the same place, they
 * do not, and get a slice of their own: no harm is done, but stack is used.
 */
static struct around {
	struct task_struct *task;
	struct ouro_slice *slice;	/* read and written by @task only */
} ____cacheline_aligned_in_smp arounds[1 << AROUND_BITS];

static struct around *around_here(void)
{
	return &arounds[hash_ptr(current, AROUND_BITS)];
}

/* The slice whose callback we are in, or NULL.  Not in hardirq or NMI. */
struct ouro_slice *ouro_slice_around(void)
{
	struct around *around = around_here();
	struct ouro_slice *s;

	if (READ_ONCE(around->task) != current)
		return NULL;
	s = READ_ONCE(around->slice);
	/* A softirq may come before the place has a slice. */
	if (!s)
		return NULL;
	return s->softirq == !!in_serving_softirq() ? s : NULL;
}

/* A callback is about to be called. */
static void slice_show(struct ouro_slice *s)
{
	struct around *around = around_here();

	if (s->shown)
		return;
	/* That of the task that a softirq has interrupted, say. */
	s->outer = READ_ONCE(around->task) == current ?
		   READ_ONCE(around->slice) : NULL;
	if (!s->outer && cmpxchg(&around->task, NULL, current))
		return;
	s->softirq = in_serving_softirq();
	s->shown = true;
	WRITE_ONCE(around->slice, s);
}

static void slice_hide(struct ouro_slice *s)
{
	struct around *around = around_here();

	if (!s->shown)
		return;
	s->shown = false;
	WRITE_ONCE(around->slice, s->outer);
	if (!s->outer)
		/* Pairs with the cmpxchg() of the next. */
		smp_store_release(&around->task, NULL);
}

static void finalize(struct ouro_slice *s, const struct ouro_kind *kind,
		     struct ouro_object *object)
{
	slice_show(s);
	kind->type->finalize(object);
}

/* The slots of a dead object are clear, and no handle names it. */
static void release(struct ouro_slice *s, struct ouro_pool *pool,
		    struct ouro_object *object)
{
	const struct ouro_kind *kind = pool->class->kind;

	if (kind->type->release) {
		slice_show(s);
		kind->type->release(object);
	}
}

static void give_back_and_tell(struct ouro_slice *s, struct ouro_pool *pool,
			       struct ouro_object *object)
{
	if (unlikely(ouro_weak_is_watched(pool, object))) {
		slice_show(s);
		give_back_watched(pool, object);
	} else {
		give_back(pool, object);
	}
}

/* Buries a dead object, or finalizes one that was claimed. */
static void bury(struct ouro_slice *s, struct ouro_object *object)
{
	struct ouro_pool *pool = ouro_pool_of_object(object);
	struct ouro_kind *kind = pool->class->kind;

	if (s->budget)
		s->budget--;
	if (atomic64_read(&object->word) & OURO_WORD_CLAIM) {
		atomic64_andnot(OURO_WORD_CLAIM, &object->word);
		finalize(s, kind, object);
		drop(s, object);
		return;
	}
	/* What was half buried, or the collector has killed, has no name. */
	if (!(atomic64_read(&object->word) & OURO_WORD_DEAD))
		ouro_weak_end(pool, object);
	if (!clear_slots(s, kind, pool, object)) {
		/* To be gone on with: no handle names it from here on. */
		atomic64_or(OURO_WORD_DEAD, &object->word);
		slice_doom(s, pool, object);
		return;
	}
	release(s, pool, object);
	give_back_and_tell(s, pool, object);
}

static void bury_some(struct ouro_slice *s)
{
	while (s->count && s->budget)
		bury(s, s->todo[--s->count]);
}

/* Buries what is on the stack; what the budget does not cover is doomed. */
void ouro_slice_run(struct ouro_slice *s)
{
	struct ouro_object *object;

	bury_some(s);
	slice_hide(s);
	while (s->count) {
		object = s->todo[--s->count];
		slice_doom(s, ouro_pool_of_object(object), object);
	}
}

/*
 * For the collector, whose slice has no end: what falls with what it does is
 * buried, but for what the stack has no room for.
 */
static void run_on(struct ouro_slice *s)
{
	struct ouro_collector *collector = &s->heap->collector;

	do {
		WRITE_ONCE(collector->progress, collector->progress + 1);
		s->budget = OURO_SLICE_WORKER;
		bury_some(s);
		cond_resched();
	} while (s->count);
	slice_hide(s);
	ouro_slice_end(s);
}

/* @object lives, by a reference of the caller's. */
void ouro_slice_finalize(struct ouro_slice *s, struct ouro_pool *pool,
			 struct ouro_object *object)
{
	finalize(s, pool->class->kind, object);
	run_on(s);
}

void ouro_slice_put(struct ouro_slice *s, struct ouro_object *object)
{
	drop(s, object);
	if (s->count)
		run_on(s);
}

/* @object is dead, its slots are NULL, and no handle names it. */
void ouro_slice_release(struct ouro_slice *s, struct ouro_pool *pool,
			struct ouro_object *object)
{
	release(s, pool, object);
	run_on(s);
}

/* After that. */
void ouro_slice_give_back(struct ouro_slice *s, struct ouro_pool *pool,
			  struct ouro_object *object)
{
	give_back_and_tell(s, pool, object);
	run_on(s);
}
