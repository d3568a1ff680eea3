// SPDX-License-Identifier: GPL-2.0
/*
 * Inspections: a look at all objects of a heap that is not a scan.
 *
 * Others go on meanwhile, so what is found may be out of date; who needs to be
 * sure compares words, as P2 does.  No scan runs at the same time, so that no
 * object is frozen.
 */
#include "ouro.h"
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include "fail.h"
#include "inspect.h"
#include "object.h"

/* ---- begin and end ---- */

static u32 first_place(const struct ouro_pool *pool)
{
	return pool->note - 1;
}

/* For each so many places, the pool that has the first of them, or that before it. */
#define PLACES	64

static void pools_index(struct ouro_inspect *ins)
{
	u32 entries = ins->scan.notes / PLACES + 1, at = 0, next;
	unsigned long p;

	for (p = 0; p < ins->npools; p++) {
		next = p + 1 < ins->npools ? first_place(ins->pool[p + 1]) :
					     ins->scan.notes;
		for (; at < entries && (u64)at * PLACES < next; at++)
			ins->index[at] = p;
		if (p % 4096 == 0)
			cond_resched();
	}
}

static int pools_list(struct ouro_inspect *ins)
{
	struct ouro_objects *objects;
	size_t bytes;

	for (objects = ins->scan.first; objects; objects = objects->scanned)
		ins->npools++;
	bytes = ins->npools * sizeof(*ins->pool) +
		(ins->scan.notes / PLACES + 1) * sizeof(*ins->index);
	ins->pool = ouro_fail(bytes) ? NULL : kvmalloc(bytes, GFP_KERNEL);
	if (!ins->pool)
		return -ENOMEM;
	ins->index = (u32 *)(ins->pool + ins->npools);
	ins->npools = 0;
	for (objects = ins->scan.first; objects; objects = objects->scanned)
		ins->pool[ins->npools++] = objects->pool;
	pools_index(ins);
	return 0;
}

static int join(struct ouro_inspect *ins)
{
	struct ouro_scan *scan = &ins->scan;

	scan->batch = scan->heap->collector.batch;
	scan->last = &scan->first;
	scan->steps = OURO_SCAN_STEPS;
	scan->asked = true;
	scan->all = true;
	scan->stat.generation = OURO_OLD;
	if (!ouro_scan_join(scan))
		return scan->stat.skipped ? -ENOMEM : 0;
	return pools_list(ins);
}

/**
 * ouro_inspect_begin() - pin the pools of all objects of a heap
 * @ins: zeroed, but for @last
 * @heap: the heap
 *
 * Scans wait until ouro_inspect_end(), which must follow whatever this returns.
 *
 * Context: Process context, may sleep; takes collector->running.
 * Return: 0; -ENOMEM; -EINTR when there is a signal; -EBUSY in what a scan of this
 * heap has called; -ENODEV when the heap is being destroyed.
 */
int ouro_inspect_begin(struct ouro_inspect *ins, struct ouro_heap *heap)
{
	struct ouro_collector *collector = &heap->collector;

	might_sleep();
	if (ouro_collector_is_inside(collector))
		return -EBUSY;
	if (ins->last)
		ouro_collector_hold(collector);
	else if (ouro_collector_hold_interruptible(collector))
		return -EINTR;
	ins->scan.heap = heap;
	if (READ_ONCE(heap->dying) && !ins->last)
		return -ENODEV;
	WRITE_ONCE(collector->looking, true);
	smp_mb();	/* pairs with free_after_grace() of arrays */
	return join(ins);
}

/* Of one that was begun, or that could not be. */
void ouro_inspect_end(struct ouro_inspect *ins)
{
	struct ouro_collector *collector;

	if (!ins->scan.heap)
		return;
	collector = &ins->scan.heap->collector;
	kvfree(ins->pool);
	ouro_pieces_put(&ins->more);
	ouro_pieces_put(&ins->again);
	if (ins->scan.last)
		ouro_scan_let_go(&ins->scan);
	/* Pairs with free_after_grace() of arrays. */
	smp_store_release(&collector->looking, false);
	mutex_unlock(&collector->running);
	/* A scan may have become due. */
	ouro_collector_kick(collector);
}

/**
 * ouro_inspect_more() - have a number of zero for each note
 * @ins: the inspection
 * @pieces: of it: @more or @again
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int ouro_inspect_more(struct ouro_inspect *ins, struct ouro_pieces *pieces)
{
	u32 i, n = ins->scan.notes;

	if (n && ouro_pieces_get(pieces, n, sizeof(u32)) < n)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		*ouro_inspect_number(pieces, i) = 0;
		if (i % 4096 == 0)
			cond_resched();
	}
	return 0;
}

static void look_whether_over(struct ouro_inspect *ins)
{
	if (ins->err || ins->last)
		return;
	if (signal_pending(current))
		ins->err = -EINTR;
	else if (READ_ONCE(ins->scan.heap->dying))
		ins->err = -ENODEV;
}

/**
 * ouro_inspect_is_over() - whether to give up
 * @ins: whose @err is set then
 *
 * Context: Process context, may sleep.
 * Return: true when there is a signal, or the heap is being destroyed.
 */
bool ouro_inspect_is_over(struct ouro_inspect *ins)
{
	ouro_scan_breathe(&ins->scan);
	look_whether_over(ins);
	return ins->err;
}

/* ---- objects ---- */

/* The object that a note is about; dead ones and free blocks have notes, too. */
struct ouro_thing ouro_inspect_thing(const struct ouro_inspect *ins, u32 place)
{
	struct ouro_pool **pool = &ins->pool[ins->index[place / PLACES]];
	struct ouro_thing thing = { .place = place };

	while (place - first_place(*pool) >= (*pool)->blocks)
		pool++;
	thing.pool = *pool;
	thing.object = ouro_pool_block(*pool, place - first_place(*pool));
	thing.word = atomic64_read(&thing.object->word);
	return thing;
}

/* What the collector has killed refers to itself until it is taken apart. */
static bool is_visited(const struct ouro_inspect *ins,
		       const struct ouro_thing *thing)
{
	if (ouro_word_is_live(thing->word))
		return true;
	return ins->dead && !(thing->word & OURO_WORD_DEAD) &&
	       *ouro_note_at(&ins->scan, thing->place);
}

/**
 * ouro_inspect_visit_pool() - call a function for each live object of a pool
 * @ins: the inspection
 * @pool: one of its pools
 * @fn: for each
 * @arg: for @fn
 *
 * Context: Process context, may sleep.
 * Return: false when @fn did, or the inspection is over.
 */
bool ouro_inspect_visit_pool(struct ouro_inspect *ins, struct ouro_pool *pool,
			     ouro_thing_fn fn, void *arg)
{
	struct ouro_thing thing = { .pool = pool };
	unsigned int i;

	for (i = 0; i < pool->blocks; i++) {
		thing.object = ouro_pool_block(pool, i);
		thing.word = atomic64_read(&thing.object->word);
		thing.place = first_place(pool) + i;
		if (is_visited(ins, &thing) && !fn(ins, &thing, arg))
			return false;
	}
	ins->scan.steps -= pool->blocks;
	return !ouro_inspect_is_over(ins);
}

/* The same in all pools. */
bool ouro_inspect_visit(struct ouro_inspect *ins, ouro_thing_fn fn, void *arg)
{
	unsigned long p;

	for (p = 0; p < ins->npools; p++)
		if (!ouro_inspect_visit_pool(ins, ins->pool[p], fn, arg))
			return false;
	return true;
}

/**
 * ouro_inspect_fields() - call a function for each reference of a live object
 * @thing: the object
 * @fn: called within an RCU read section
 * @arg: for @fn
 *
 * Context: What @fn, the type's traverse and ouro_put() take; also within an RCU read
 * section.
 * Return: false when @fn did.
 */
bool ouro_inspect_fields(const struct ouro_thing *thing, ouro_field_fn fn,
			 void *arg)
{
	bool traverse = thing->pool->class->kind->type->traverse, more = true;
	struct ouro_object *object = thing->object;

	rcu_read_lock();
	/* Its own function may look at all of it, so it has to live. */
	if (!traverse || ouro_tryget(object))
		more = ouro_field_visit(thing->pool, object, fn, arg);
	else
		traverse = false;
	rcu_read_unlock();
	if (traverse)
		ouro_put(object);
	return more;
}

/**
 * ouro_inspect_follow() - as ouro_inspect_fields(), for an object that may have many
 * @ins: the inspection
 * @thing: the object
 * @fn: called within an RCU read section
 * @arg: for @fn
 *
 * What dies between two parts, and is made anew, is taken for the same; that is
 * no more out of date than the rest.
 *
 * Context: Process context, may sleep.
 * Return: false when @fn did, or the inspection is over.
 */
bool ouro_inspect_follow(struct ouro_inspect *ins,
			 const struct ouro_thing *thing, ouro_field_fn fn,
			 void *arg)
{
	unsigned long at = 0;
	bool more;

	if (thing->pool->class->kind->type->traverse)
		return ouro_inspect_fields(thing, fn, arg);
	do {
		rcu_read_lock();
		more = ouro_field_visit_part(thing->pool, thing->object, &at,
					     fn, arg);
		rcu_read_unlock();
		if (!more || !at)
			return more;
		ins->scan.steps -= OURO_FIELDS_A_PART;
	} while (!ouro_inspect_is_over(ins));
	return false;
}

/* ---- references are counted ---- */

/* One object may have millions, so signals are looked for here, too. */
static void count_batch(struct ouro_scan *scan)
{
	struct ouro_inspect *ins = container_of(scan, struct ouro_inspect, scan);
	u32 i, n = scan->batched;

	for (i = 0; i < n; i++)
		++*ouro_note_at(scan, scan->batch[i]);
	scan->batched = 0;
	look_whether_over(ins);
}

static __always_inline void count_edge(struct ouro_scan *scan,
				       struct ouro_object *ref)
{
	if (likely(!container_of(scan, struct ouro_inspect, scan)->err))
		ouro_batch_edge(scan, ref, count_batch);
}

static bool count_told(const struct ouro_field *field, void *arg)
{
	/* Slots were counted. */
	if (!field->name)
		count_edge(arg, field->ref);
	return true;
}

/*
 * What is dead, and waits to be destroyed, has its references still.  Where an
 * array is apart, the pointer to it is NULL or right in a dead object, too.
 */
static void count_object(struct ouro_inspect *ins, struct ouro_pool *pool,
			 struct ouro_object *object, u32 place)
{
	const struct ouro_kind *kind = pool->class->kind;
	struct ouro_scan *scan = &ins->scan;
	struct ouro_thing thing = {
		.object = object, .pool = pool, .place = place,
	};

	ouro_scan_fixed(scan, kind->type, object, count_edge);
	if (kind->type->array)
		ouro_scan_span(scan, pool, object, count_edge);
	if (kind->type->traverse && ouro_object_is_live(object))
		ouro_inspect_fields(&thing, count_told, scan);
}

static void count_pool(struct ouro_inspect *ins, struct ouro_pool *pool)
{
	struct ouro_object *object;
	unsigned int i;

	for (i = 0; i < pool->blocks; i++) {
		object = ouro_pool_block(pool, i);
		prefetch(ouro_scan_ahead(object, pool));
		ins->scan.steps--;
		count_object(ins, pool, object, first_place(pool) + i);
	}
}

/* Whether objects in a pool may refer to others. */
bool ouro_inspect_refers(const struct ouro_pool *pool)
{
	const struct ouro_type *type = pool->class->kind->type;

	return type->nslots || type->array || type->traverse;
}

/**
 * ouro_inspect_count() - count the references to each object into its note
 * @ins: the inspection
 *
 * Context: Process context, may sleep; calls the traverse of types.
 */
void ouro_inspect_count(struct ouro_inspect *ins)
{
	struct ouro_scan *scan = &ins->scan;
	struct ouro_pool *pool;
	unsigned long p;

	for (p = 0; p < ins->npools; p++) {
		pool = ins->pool[p];
		memset(ouro_note_at(scan, first_place(pool)), 0,
		       pool->blocks * sizeof(u32));
		scan->steps -= 8;
		ouro_scan_breathe(scan);
	}
	for (p = 0; p < ins->npools; p++) {
		if (ouro_inspect_refers(ins->pool[p]))
			count_pool(ins, ins->pool[p]);
		if (ouro_inspect_is_over(ins))
			break;
	}
	count_batch(scan);
}
