// SPDX-License-Identifier: GPL-2.0
/*
 * Purges: the end of unreachable objects.
 *
 * Their finalizers are called before a decision that kills.  When that has been
 * made they are dead at once, for whoever tries for them.  Then each is killed in
 * its word, handles to it name nothing, and its slots are cleared; and when that
 * is done with all of them, release is called, and the blocks go.
 *
 * All references to them are in each other's slots, counted and known to be all:
 * so the count goes in one step, and no put is made for each of them.  No block
 * goes before the slots of all are clear: who peeked into one of these, and tries
 * for what is in that block then, looks into the slot again.
 */
#include "ouro.h"
#include <linux/bitmap.h>
#include <ouro/weak.h>
#include "class.h"
#include "object.h"
#include "scan.h"
#include "transaction.h"
#include "weak.h"

typedef void (*member_fn)(struct ouro_scan *scan, struct ouro_object *object);

/* Calls @fn for each member that is not out, in order. */
static __always_inline void visit_members(struct ouro_scan *scan, member_fn fn)
{
	struct ouro_cursor cursor = ouro_cursor_begin(scan);
	struct ouro_member *member;

	while ((member = ouro_cursor_next(&cursor, scan)))
		fn(scan, ouro_cursor_object(&cursor, member->place));
}

/* ---- finalizers ---- */

/* The reference that it was frozen with is ours. */
static void thaw_one(struct ouro_scan *scan, struct ouro_object *object)
{
	ouro_delay(OURO_DELAY_THAW);
	atomic64_andnot(OURO_WORD_FROZEN, &object->word);
}

static void finalize_one(struct ouro_scan *scan, struct ouro_object *object)
{
	u64 word = atomic64_fetch_andnot(OURO_WORD_FINALIZE, &object->word);

	if (!(word & OURO_WORD_FINALIZE))
		return;
	ouro_delay(OURO_DELAY_FINALIZE);
	scan->stat.finalized++;
	ouro_slice_finalize(&scan->slice, ouro_pool_of_object(object), object);
}

static void put_one(struct ouro_scan *scan, struct ouro_object *object)
{
	ouro_delay(OURO_DELAY_LET_GO);
	ouro_slice_put(&scan->slice, object);
}

/**
 * ouro_purge_finalize() - call the finalizers of unreachable objects
 * @scan: whose transaction came to OURO_TRANSACTION_FINALIZE
 *
 * All members are alive until all finalizers have run, by our references.
 *
 * Context: Process context, may sleep; calls finalizers, and releases of what
 * falls with our references.
 */
void ouro_purge_finalize(struct ouro_scan *scan)
{
	visit_members(scan, thaw_one);
	ouro_verdict_idle(scan);
	if (!scan->finalized) {
		scan->finalized = scan->remain;
		scan->died = 0;
	}
	visit_members(scan, finalize_one);
	visit_members(scan, put_one);
}

/* ---- they are dead ---- */

/*
 * From here on its count says so, unless somebody tried for it since it was
 * frozen, and is about to take that back: then one of its references is ours, so
 * that it is not buried before its time.
 */
static void kill(struct ouro_scan *scan, struct ouro_object *object,
		 const struct ouro_member *member)
{
	s64 word = member->word | OURO_WORD_FROZEN;
	u32 count = (u32)member->word & OURO_COUNT_MASK;

	ouro_delay(OURO_DELAY_KILL);
	if (likely(atomic64_try_cmpxchg(&object->word, &word,
					(member->word - count + OURO_COUNT_DEAD) |
					OURO_WORD_DEAD)))
		return;
	*ouro_note_at(scan, member->place) = OURO_NOTE_LATE;
	scan->late = true;
	atomic64_add((s64)OURO_WORD_DEAD - (count - OURO_COUNT_DEAD - 1),
		     &object->word);
}

/* ---- slots ---- */

/*
 * Slots are what they were when their references to members were noted, in the
 * same order.  What is no member, or is out, is put; nobody else is at it.
 */
static __always_inline void clear_slot(struct ouro_scan *scan,
				       struct ouro_slot *slot, u32 *edge)
{
	struct ouro_object *ref = READ_ONCE(slot->object);
	u32 place;

	if (!ref)
		return;
	WRITE_ONCE(slot->object, NULL);
	place = ouro_scan_place(scan, ref);
	if (place != OURO_NOWHERE && *edge < scan->edges &&
	    *ouro_edge_at(scan, *edge) == place) {
		++*edge;
		if (scan->remain == scan->members ||
		    !(*ouro_note_at(scan, place) & OURO_NOTE_REACHED))
			return;
	}
	ouro_slice_put(&scan->slice, ref);
}

static void clear_span(struct ouro_scan *scan, struct ouro_pool *pool,
		       struct ouro_object *object, u32 *edge)
{
	const struct ouro_kind *kind = pool->class->kind;
	/* Nobody replaces a dead object's array. */
	struct ouro_span span = ouro_kind_span(kind, pool, object);
	struct ouro_array *array = ouro_span_array(kind, span);
	unsigned int i;

	if (array)
		span.count = array->used;
	for (i = 0; i < span.count; i++) {
		clear_slot(scan, &span.slot[i], edge);
		scan->steps--;
		ouro_scan_breathe(scan);
	}
	if (array)
		WRITE_ONCE(array->used, 0);
}

/*
 * Where no member is out, and as many references to members were noted as there
 * are, all of them are.  False: find out one by one.
 */
static __always_inline bool clear_quickly(struct ouro_scan *scan,
					  const struct ouro_kind *kind,
					  struct ouro_object *object,
					  u32 edges)
{
	const struct ouro_type *type = kind->type;
	unsigned int i, refs = 0;

	if (type->array || scan->remain != scan->members)
		return false;
	for (i = 0; i < type->nslots; i++)
		refs += !!READ_ONCE(ouro_kind_slot(kind, object, i)->object);
	if (refs != edges)
		return false;
	for (i = 0; i < type->nslots; i++)
		WRITE_ONCE(ouro_kind_slot(kind, object, i)->object, NULL);
	return true;
}

/* @edge, @end: where the references are that were noted from it. */
static __always_inline void clear(struct ouro_scan *scan,
				  struct ouro_pool *pool,
				  struct ouro_object *object, u32 edge, u32 end)
{
	const struct ouro_kind *kind = pool->class->kind;
	unsigned int i;

	ouro_delay(OURO_DELAY_CLEAR);
	scan->steps -= kind->type->nslots;
	if (clear_quickly(scan, kind, object, end - edge))
		return;
	for (i = 0; i < kind->type->nslots; i++)
		clear_slot(scan, ouro_kind_slot(kind, object, i), &edge);
	if (kind->type->array)
		clear_span(scan, pool, object, &edge);
}

/* ---- blocks ---- */

/* Whether blocks of a pool may go straight into it, with nothing else to do. */
static bool is_batched(const struct ouro_pool *pool)
{
	return !IS_ENABLED(CONFIG_KASAN_GENERIC) &&
	       ouro_heap_is_fast(pool->heap) && !pool->objects->graves &&
	       !READ_ONCE(pool->objects->holds_frozen);
}

/* Whether nothing is left to do for objects of a pool but to free them. */
static bool is_plain(const struct ouro_pool *pool)
{
	return is_batched(pool) && !pool->class->kind->type->release &&
	       !READ_ONCE(pool->objects->weaks);
}

/* Nothing of a member is looked at on the way to another. */
static void kill_all(struct ouro_scan *scan)
{
	struct ouro_cursor cursor = ouro_cursor_begin(scan);
	bool named = READ_ONCE(scan->heap->named);
	struct ouro_member *member;
	struct ouro_object *object;
	struct ouro_pool *pool;

	while ((member = ouro_cursor_next(&cursor, scan))) {
		object = ouro_cursor_object(&cursor, member->place);
		pool = cursor.objects->pool;
		prefetchw(ouro_scan_ahead(object, pool));
		kill(scan, object, member);
		ouro_delay(OURO_DELAY_KILLED);
		if (named)
			ouro_weak_end(pool, object);
		clear(scan, pool, object, member->start,
		      ouro_member_end(scan, cursor.next - 1));
	}
}

/* False: the block went its own way. */
static bool bury_one(struct ouro_scan *scan, struct ouro_pool *pool,
		     struct ouro_object *object)
{
	ouro_slice_release(&scan->slice, pool, object);
	if (is_batched(pool) && !ouro_weak_is_watched(pool, object))
		return true;
	ouro_slice_give_back(&scan->slice, pool, object);
	return false;
}

/* Of the notes from @first on, of as many blocks as a word has bits: those that are @value. */
static unsigned long notes_that_are(const struct ouro_scan *scan,
				    const struct ouro_pool *pool,
				    unsigned int first, u32 value)
{
	const u32 *note = ouro_note_at(scan, pool->note - 1 + first);
	unsigned int i, n = min_t(unsigned int, pool->blocks - first,
				  BITS_PER_LONG);
	unsigned long bits = 0;

	for (i = 0; i < n; i++)
		bits |= (unsigned long)(note[i] == value) << i;
	return bits;
}

/* Of those whose bits are set: clears the bits of blocks that go their own way. */
static void bury_each(struct ouro_scan *scan, struct ouro_pool *pool,
		      unsigned int first, unsigned long *bits)
{
	unsigned int i;

	for_each_set_bit(i, bits, BITS_PER_LONG) {
		ouro_delay(OURO_DELAY_BURY);
		if (!bury_one(scan, pool, ouro_pool_block(pool, first + i)))
			__clear_bit(i, bits);
	}
}

static void put_late(struct ouro_scan *scan, struct ouro_pool *pool,
		     unsigned int first)
{
	unsigned long bits = notes_that_are(scan, pool, first, OURO_NOTE_LATE);
	unsigned int i;

	for_each_set_bit(i, &bits, BITS_PER_LONG) {
		ouro_delay(OURO_DELAY_BURY);
		ouro_slice_put(&scan->slice, ouro_pool_block(pool, first + i));
	}
}

/* Notes tell which objects were killed; most blocks go back in one go. */
static void bury_pool(struct ouro_scan *scan, struct ouro_pool *pool)
{
	DECLARE_BITMAP(map, BIT(OURO_WEAK_BLOCK_BITS));
	unsigned int first, count = 0;
	bool plain = is_plain(pool);
	unsigned long *bits = map;

	for (first = 0; first < pool->blocks; first += BITS_PER_LONG, bits++) {
		*bits = notes_that_are(scan, pool, first, 0);
		if (!plain)
			bury_each(scan, pool, first, bits);
		if (unlikely(scan->late))
			put_late(scan, pool, first);
		count += hweight_long(*bits);
	}
	if (!count)
		return;
	ouro_delay(OURO_DELAY_BURY);
	/* In the pool, not in a magazine: who takes one out finds out. */
	pool->objects->alive -= count;
	ouro_class_free_map(pool, count, map);
}

static void bury_all(struct ouro_scan *scan)
{
	struct ouro_objects *objects;

	for (objects = scan->first; objects; objects = ouro_scan_next(objects)) {
		bury_pool(scan, objects->pool);
		scan->steps -= 64;
		ouro_scan_breathe(scan);
	}
}

/**
 * ouro_purge() - destroy what a transaction has killed
 * @scan: whose transaction came to OURO_TRANSACTION_COMMITTED
 *
 * Context: Process context, may sleep; calls releases and callbacks of watches.
 */
void ouro_purge(struct ouro_scan *scan)
{
	kill_all(scan);
	ouro_verdict_idle(scan);
	bury_all(scan);
	scan->stat.freed = scan->remain;
}
