// SPDX-License-Identifier: GPL-2.0
/*
 * Surveys: P1, what is reachable from outside, at a guess.
 *
 * References between the objects of the pinned pools are counted.  An object
 * with more of them in its word than were found is held from outside, and so is
 * all that it reaches; the rest is suspect.  Others go on meanwhile, so this may
 * be wrong both ways: P2 finds out.  Of what has been unreachable from the
 * beginning nothing changes, and it is found.
 *
 * What is reached and waits to be looked into is linked from note to note within
 * its pool, and the pool is queued: no memory beyond the notes is needed, and
 * objects are looked into together with those beside them.
 */
#include "ouro.h"
#include "roster.h"
#include "scan.h"

static __always_inline bool is_frozen(const struct ouro_objects *objects,
				      unsigned int i)
{
	return unlikely(READ_ONCE(objects->holds_frozen)) &&
	       test_bit(i, objects->frozen);
}

/* ---- references are counted ---- */

/*
 * Meanwhile a note is the number of references found less that in the object's
 * word.  Of what is no candidate, dead or frozen, it is far above all others.
 */
#define NO_CANDIDATE	BIT(30)

static void count_batch(struct ouro_scan *scan)
{
	u32 i, n = scan->batched;

	for (i = 0; i < n; i++)
		++*ouro_note_at(scan, scan->batch[i]);
	scan->batched = 0;
}

static __always_inline void count_edge(struct ouro_scan *scan,
				       struct ouro_object *ref)
{
	ouro_batch_edge(scan, ref, count_batch);
}

/*
 * Whether a young scan would spend its time in an array that is longer than all
 * that it is about.  What that refers to looks held from outside then, and the
 * object is taken for reached: the next scan of all sees to both.
 */
static bool is_too_long(const struct ouro_scan *scan, struct ouro_pool *pool,
			struct ouro_object *object)
{
	const struct ouro_kind *kind = pool->class->kind;
	struct ouro_array *array;
	bool too_long;

	if (scan->stat.generation != OURO_YOUNG)
		return false;
	rcu_read_lock();	/* the array may be replaced */
	array = ouro_span_array(kind, ouro_kind_span(kind, pool, object));
	too_long = array && READ_ONCE(array->used) > scan->notes;
	rcu_read_unlock();
	return too_long;
}

/*
 * Whether the object in a block is a candidate: its references are counted.  The
 * caller counts candidates.
 */
static __always_inline bool count_object(struct ouro_objects *objects,
					 struct ouro_object *object,
					 unsigned int i, u32 *note)
{
	u32 word = atomic64_read(&object->word);
	s32 count = (word & OURO_COUNT_MASK) - OURO_COUNT_DEAD;

	if (count <= 0) {
		*note += NO_CANDIDATE;
		return false;
	}
	if (is_frozen(objects, i)) {
		objects->alive++;
		*note += NO_CANDIDATE;
		return false;
	}
	*note -= count;
	return true;
}

/* Returns how many candidates are in the pool. */
static unsigned int count_spans(struct ouro_scan *scan, struct ouro_pool *pool)
{
	const struct ouro_type *type = pool->class->kind->type;
	u32 *note = ouro_note_at(scan, pool->note - 1);
	unsigned int i, candidates = 0;
	struct ouro_object *object;

	for (i = 0; i < pool->blocks; i++) {
		object = ouro_pool_block(pool, i);
		scan->steps--;
		ouro_scan_breathe(scan);
		if (!count_object(pool->objects, object, i, &note[i]))
			continue;
		candidates++;
		ouro_delay(OURO_DELAY_COUNT);
		if (is_too_long(scan, pool, object)) {
			note[i] += NO_CANDIDATE;
			continue;
		}
		ouro_scan_fixed(scan, type, object, count_edge);
		ouro_scan_span(scan, pool, object, count_edge);
	}
	return candidates;
}

static unsigned int count_fixed(struct ouro_scan *scan, struct ouro_pool *pool)
{
	const struct ouro_type *type = pool->class->kind->type;
	u32 *note = ouro_note_at(scan, pool->note - 1);
	unsigned int i = 0, candidates = 0;
	struct ouro_object *object;

	while (i < pool->blocks) {
		ouro_delay(OURO_DELAY_COUNT);
		for (; i < pool->blocks && scan->steps > 0; i++) {
			object = ouro_pool_block(pool, i);
			prefetch(ouro_scan_ahead(object, pool));
			scan->steps--;
			if (!count_object(pool->objects, object, i, &note[i]))
				continue;
			candidates++;
			ouro_scan_fixed(scan, type, object, count_edge);
		}
		ouro_scan_breathe(scan);
	}
	return candidates;
}

static void count_pool(struct ouro_scan *scan, struct ouro_pool *pool)
{
	unsigned int candidates;

	/* Before its objects are looked at: see there. */
	ouro_roster_age(pool);
	if (pool->class->kind->type->array)
		candidates = count_spans(scan, pool);
	else
		candidates = count_fixed(scan, pool);
	pool->objects->alive += candidates;
	scan->stat.visited += candidates;
}

/* ---- what is reached ---- */

static __always_inline void reach(struct ouro_scan *scan,
				  struct ouro_objects *objects,
				  unsigned int index, u32 *note)
{
	if (!objects->pending && objects != scan->at) {
		*scan->waiting_last = objects;
		scan->waiting_last = &objects->waiting;
	}
	*note = OURO_NOTE_REACHED | objects->pending;
	objects->pending = index + 1;
}

/* Of a candidate: not as many references were found as it has. */
static __always_inline bool is_held(u32 note)
{
	return note && (note < NO_CANDIDATE / 2 || note >= OURO_NOTE_REACHED);
}

/* What has as many references as were found is suspect: its note stays 0. */
static void judge_pool(struct ouro_scan *scan, struct ouro_pool *pool)
{
	u32 *note = ouro_note_at(scan, pool->note - 1);
	unsigned int i, suspects = 0;

	for (i = 0; i < pool->blocks; i++) {
		if (unlikely(is_held(note[i]))) {
			reach(scan, pool->objects, i, &note[i]);
			continue;
		}
		suspects += !note[i];
		note[i] = note[i] ? OURO_NOTE_REACHED : 0;
	}
	scan->suspects += suspects;
	scan->steps -= pool->blocks;
	ouro_scan_breathe(scan);
}

static __always_inline void mark_edge(struct ouro_scan *scan,
				      struct ouro_object *ref)
{
	u32 *note, place = ouro_scan_place(scan, ref);
	struct ouro_pool *pool;

	if (place == OURO_NOWHERE)
		return;
	note = ouro_note_at(scan, place);
	if (*note)
		return;
	scan->suspects--;
	pool = ouro_pool_of_object(ref);
	reach(scan, pool->objects, ouro_pool_index(pool, ref), note);
}

/* What the waiting objects of a pool refer to; these may be of the same. */
static void mark_pool(struct ouro_scan *scan, struct ouro_objects *objects)
{
	struct ouro_pool *pool = objects->pool;
	const struct ouro_type *type = pool->class->kind->type;
	u32 *note = ouro_note_at(scan, pool->note - 1);
	struct ouro_object *object;
	unsigned int i;

	scan->at = objects;
	while (objects->pending && scan->suspects) {
		i = objects->pending - 1;
		objects->pending = (u16)note[i];
		object = ouro_pool_block(pool, i);
		scan->steps--;
		ouro_delay(OURO_DELAY_MARK);
		ouro_scan_fixed(scan, type, object, mark_edge);
		if (type->array)
			ouro_scan_span(scan, pool, object, mark_edge);
		ouro_scan_breathe(scan);
	}
	scan->at = NULL;
}

static void mark_all(struct ouro_scan *scan)
{
	struct ouro_objects *objects;

	/* When everything is reached, nobody needs to be looked into. */
	while (scan->suspects && (objects = scan->waiting)) {
		scan->waiting = objects->waiting;
		if (!scan->waiting)
			scan->waiting_last = &scan->waiting;
		objects->waiting = NULL;
		mark_pool(scan, objects);
		if (ouro_scan_is_stopped(scan))
			return;
	}
}

/**
 * ouro_survey() - find the suspects
 * @scan: that pools have joined
 *
 * Context: Process context, may sleep.
 */
void ouro_survey(struct ouro_scan *scan)
{
	struct ouro_objects *objects;

	for (objects = scan->first; objects; objects = ouro_scan_next(objects)) {
		count_pool(scan, objects->pool);
		if (ouro_scan_is_stopped(scan))
			return;
	}
	count_batch(scan);
	for (objects = scan->first; objects; objects = ouro_scan_next(objects))
		judge_pool(scan, objects->pool);
	mark_all(scan);
}
