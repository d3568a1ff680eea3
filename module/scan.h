/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Scans: one search for unreachable cycles in a heap.
 *
 *	scan.c		pools join, others have their turn, pools leave
 *	survey.c	P1: what is reachable from outside, at a guess
 *	verdict.c	P2: what is unreachable, for sure
 *	member.c	what that is about
 *	purge.c		its end
 *
 * docs/collector.rst has the rules, and why it is right.
 */
#ifndef OURO_SCAN_H
#define OURO_SCAN_H

#include <linux/prefetch.h>
#include <ouro/collect.h>
#include "delay.h"
#include "heap.h"
#include "kind.h"
#include "pieces.h"
#include "slice.h"

/**
 * struct ouro_member - an object of the set that a transaction is about
 * @word: as it was read first
 * @place: of its note
 * @start: where its part of the references begins
 */
struct ouro_member {
	u64 word;
	u32 place;
	u32 start;
};

/*
 * A note, one for each block of the pinned pools: how many references to the
 * object were found; or, with one of these bits, a link.
 *
 * In P1, of what is reached: the next such in the pool that waits, plus one; of
 * what is suspect it is 0.  In
 * P2, of what is no member, or no more: the number of the next such member, plus
 * one.  Of a frozen member it is 0.
 */
#define OURO_NOTE_REACHED	BIT(31)	/* or out */
#define OURO_NOTE_COLD		BIT(30)	/* out, and not frozen */
#define OURO_NOTE_LINK		(OURO_NOTE_COLD - 1)
#define OURO_NOTE_LATE		1	/* killed while somebody had tried for it */

#define OURO_MEMBERS_MOST	OURO_NOTE_LINK

/**
 * struct ouro_unit_notes - where the notes about a unit's blocks are
 * @note: place of that of the first block of its pool
 * @mult: of the pool
 * @first: from the unit's beginning to the pool's first block, in bytes
 * @blocks: of the pool, 0: there is none that is pinned
 */
struct ouro_unit_notes {
	u32 note;
	u32 mult;
	s32 first;
	u32 blocks;
};

/* An arena is in one window. */
#define OURO_WINDOW_SHIFT	20
#define OURO_WINDOW_UNITS	BIT(OURO_WINDOW_SHIFT - OURO_UNIT_SHIFT)

static_assert(OURO_ARENA_UNITS == OURO_WINDOW_UNITS);

/**
 * struct ouro_scan - one scan
 * @heap: the heap
 * @stat: what to tell of it
 * @asked: somebody waits: the share of a CPU is not kept
 * @second: in P2, but for the time between transactions when there were many:
 *	the same
 * @all: an inspection: pools of every kind join, and stay as old as they are
 * @whole: every pool of the generation has joined
 * @steps: until others have their turn
 * @slice_end: when it was enough for a while, in ns
 * @first: pinned pools
 * @last: the end of this list
 * @note: for each block of a pinned pool, in their order
 * @room: notes, then members, that there is room for
 * @notes: in use; those of a pool are in one piece
 * @from: the lowest address of a window with a pinned pool
 * @span: bytes from there to the end of the last such window
 * @window: for each window in this range its units
 * @unit: of each window with a pinned pool
 * @batch: of the collector: places whose notes are on their way to the cache
 * @batched: in @batch
 * @waiting: pools with objects that are reached and were not looked into
 * @waiting_last: the end of this list
 * @at: the pool whose such objects are looked into, which is not on it
 * @tracked: of the collector, when it began
 * @suspects: objects that are not reached
 * @wanted: references to members, by their words
 * @member: of the transaction, in the order of their notes
 * @edge: places of members that slots of members refer to, in order
 * @members: in @member
 * @edges: in @edge
 * @edge_room: that there is room for
 * @noted: members whose references are in @edge, or begin to be
 * @remain: members that are not out
 * @finalizing: some member's finalizer has yet to run
 * @reported: what is to be left, in a mode of report, is out
 * @late: some killed member has OURO_NOTE_LATE
 * @finalized: members when finalizers ran last
 * @died: of these, by the last put of a reference
 * @begun: when the first word was read, in ns
 * @transaction: its number, shifted
 * @bytes: taken for all this at the moment
 * @peak: the most of it
 * @slice: what falls with the members
 */
struct ouro_scan {
	struct ouro_heap *heap;
	struct ouro_scan_stat stat;
	bool asked;
	bool second;
	bool all;
	bool whole;
	int steps;
	u64 slice_end;

	struct ouro_objects *first;
	struct ouro_objects **last;
	struct ouro_pieces note;
	u32 room;
	u32 notes;
	unsigned long from;
	unsigned long span;
	struct ouro_unit_notes **window;
	struct ouro_pieces unit;
	u32 *batch;
	u32 batched;
	struct ouro_objects *waiting;
	struct ouro_objects **waiting_last;
	struct ouro_objects *at;
	long tracked;
	unsigned long suspects;
	u64 wanted;

	struct ouro_pieces member;
	struct ouro_pieces edge;
	u32 members;
	u32 edges;
	u32 edge_room;
	u32 noted;
	u32 remain;
	bool finalizing;
	bool reported;
	bool late;
	unsigned long finalized;
	unsigned long died;
	u64 begun;
	u64 transaction;
	size_t bytes;
	size_t peak;
	struct ouro_slice slice;
};

#define OURO_SCAN_STEPS	320	/* slots and objects looked at in one go */

static __always_inline u32 *ouro_note_at(const struct ouro_scan *scan,
					 u32 place)
{
	return ouro_pieces_at(&scan->note, place, sizeof(u32));
}

static __always_inline struct ouro_member *
ouro_member_at(const struct ouro_scan *scan, u32 i)
{
	return ouro_pieces_at(&scan->member, i, sizeof(struct ouro_member));
}

static __always_inline u32 *ouro_edge_at(const struct ouro_scan *scan, u32 i)
{
	return ouro_pieces_at(&scan->edge, i, sizeof(u32));
}

/*
 * The pool behind one that was looked at.  The header of the one behind that comes
 * to the cache meanwhile: headers lie at multiples of OURO_UNIT, and the cache has
 * room for few of those.
 */
static __always_inline struct ouro_objects *
ouro_scan_next(const struct ouro_objects *objects)
{
	struct ouro_objects *next = objects->scanned;
	const void *ahead;

	if (!next)
		return NULL;
	ahead = next->scanned;
	prefetch(ahead);
	/* As if it were of the same class, and mostly it is. */
	prefetch(ahead - ((void *)next - (void *)next->pool));
	return next;
}

/**
 * struct ouro_cursor - where a walk over notes, or members, in their order is
 * @objects: the pool
 * @next: the number of the member behind this one
 */
struct ouro_cursor {
	struct ouro_objects *objects;
	u32 next;
};

static inline struct ouro_cursor ouro_cursor_begin(const struct ouro_scan *scan)
{
	return (struct ouro_cursor) { .objects = scan->first };
}

/* The object at a place that is not before the last one asked for. */
static __always_inline struct ouro_object *
ouro_cursor_object(struct ouro_cursor *cursor, u32 place)
{
	struct ouro_pool *pool = cursor->objects->pool;

	while (place - (pool->note - 1) >= pool->blocks) {
		cursor->objects = ouro_scan_next(cursor->objects);
		pool = cursor->objects->pool;
	}
	return ouro_pool_block(pool, place - (pool->note - 1));
}

#define OURO_NOWHERE	U32_MAX

/*
 * The place of the note of an object that a slot of this heap refers to;
 * OURO_NOWHERE: its pool is not in the scan.  The object is not touched, nor its
 * pool: it may be gone, and on the way there is a cache line for each that is not
 * needed.
 */
static __always_inline u32 ouro_scan_place(const struct ouro_scan *scan,
					   const struct ouro_object *object)
{
	unsigned long at = (unsigned long)object - scan->from;
	const struct ouro_unit_notes *unit;
	u32 index;

	if (unlikely(at >= scan->span))
		return OURO_NOWHERE;
	unit = &scan->window[at >> OURO_WINDOW_SHIFT]
			    [(at >> OURO_UNIT_SHIFT) % OURO_WINDOW_UNITS];
	/* As ouro_pool_index(). */
	index = ((u64)((u32)(at % OURO_UNIT) - (u32)unit->first) *
		 unit->mult) >> 32;
	if (unlikely(index >= unit->blocks))
		return OURO_NOWHERE;
	return unit->note + index;
}

typedef void (*ouro_batch_fn)(struct ouro_scan *scan);

/*
 * Notes are all over memory, and who waits for each finds the time for little
 * else: so a place waits here until there are many, and @flush is called, which
 * empties the batch.
 */
static __always_inline void ouro_batch_add(struct ouro_scan *scan, u32 place,
					   ouro_batch_fn flush)
{
	scan->batch[scan->batched++] = place;
	if (unlikely(scan->batched == OURO_BATCH))
		flush(scan);
}

/* Adds the place of what a slot refers to, if its pool is in the scan. */
static __always_inline void ouro_batch_edge(struct ouro_scan *scan,
					    const struct ouro_object *ref,
					    ouro_batch_fn flush)
{
	u32 place = ouro_scan_place(scan, ref);

	if (place == OURO_NOWHERE)
		return;
	prefetchw(ouro_note_at(scan, place));
	ouro_batch_add(scan, place, flush);
}

/* Of a member: whether it is one no more. */
static __always_inline bool ouro_member_is_out(const struct ouro_scan *scan,
					       const struct ouro_member *member)
{
	return *ouro_note_at(scan, member->place) & OURO_NOTE_REACHED;
}

/* Where the references end that were noted from member number @i. */
static __always_inline u32 ouro_member_end(const struct ouro_scan *scan, u32 i)
{
	return i + 1 < scan->members ? ouro_member_at(scan, i + 1)->start :
				       scan->edges;
}

/*
 * Objects are visited as they lie in memory; the hardware sees that, but not
 * beyond the end of a page.
 */
static __always_inline const void *
ouro_scan_ahead(const struct ouro_object *object, const struct ouro_pool *pool)
{
	return (const void *)object + 32 * pool->size;
}

static inline bool ouro_scan_is_stopped(const struct ouro_scan *scan)
{
	return READ_ONCE(scan->heap->collector.stop);
}

void ouro_scan_breathe_slowly(struct ouro_scan *scan);

/* Where nothing is held: lets others have their turn, if it is time. */
static __always_inline void ouro_scan_breathe(struct ouro_scan *scan)
{
	if (unlikely(scan->steps <= 0))
		ouro_scan_breathe_slowly(scan);
}

/* The next member that is not out, or NULL.  Nothing may be held. */
static __always_inline struct ouro_member *
ouro_cursor_next(struct ouro_cursor *cursor, struct ouro_scan *scan)
{
	struct ouro_member *member;

	while (cursor->next < scan->members) {
		member = ouro_member_at(scan, cursor->next++);
		scan->steps--;
		ouro_scan_breathe(scan);
		if (!ouro_member_is_out(scan, member))
			return member;
	}
	return NULL;
}

typedef void (*ouro_edge_fn)(struct ouro_scan *scan, struct ouro_object *ref);

/* Calls @fn for what the slots in the type's table refer to. */
static __always_inline void ouro_scan_fixed(struct ouro_scan *scan,
					    const struct ouro_type *type,
					    struct ouro_object *object,
					    ouro_edge_fn fn)
{
	const struct ouro_slot_desc *desc = type->slots;
	const struct ouro_slot_desc *end = desc + type->nslots;
	const struct ouro_slot *slot;
	struct ouro_object *ref;

	scan->steps -= type->nslots;
	for (; desc < end; desc++) {
		slot = (void *)object + desc->offset;
		ouro_delay(OURO_DELAY_SLOT);
		/* The address pairs with the full barrier of who stored it. */
		ref = READ_ONCE(slot->object);
		if (ref)
			fn(scan, ref);
	}
}

static __always_inline void ouro_scan_slots(struct ouro_scan *scan,
					    struct ouro_span span,
					    ouro_edge_fn fn)
{
	struct ouro_object *ref;
	unsigned int i = 0;

	while (i < span.count) {
		for (; i < span.count && scan->steps > 0; i++, scan->steps--) {
			ouro_delay(OURO_DELAY_SLOT);
			ref = READ_ONCE(span.slot[i].object);
			if (ref)
				fn(scan, ref);
		}
		ouro_scan_breathe(scan);
	}
}

/* An array that is apart may be replaced: of two it is one, whatever becomes of it. */
static __always_inline void ouro_scan_apart(struct ouro_scan *scan,
					    struct ouro_pool *pool,
					    struct ouro_object *object,
					    ouro_edge_fn fn)
{
	const struct ouro_kind *kind = pool->class->kind;
	int idx = srcu_read_lock(&ouro_array_readers);
	/* Read once. */
	struct ouro_span span = ouro_kind_span(kind, pool, object);
	struct ouro_array *array = ouro_span_array(kind, span);

	if (array)
		span.count = READ_ONCE(array->used);
	ouro_scan_slots(scan, span, fn);
	srcu_read_unlock(&ouro_array_readers, idx);
}

/* The same for an array behind them, or apart; it may be long. */
static __always_inline void ouro_scan_span(struct ouro_scan *scan,
					   struct ouro_pool *pool,
					   struct ouro_object *object,
					   ouro_edge_fn fn)
{
	const struct ouro_kind *kind = pool->class->kind;

	if (kind->array_apart)
		ouro_scan_apart(scan, pool, object, fn);
	else
		ouro_scan_slots(scan, ouro_kind_span(kind, pool, object), fn);
}

bool ouro_scan_join(struct ouro_scan *scan);
void ouro_scan_leave(struct ouro_scan *scan);
void ouro_scan_let_go(struct ouro_scan *scan);
u32 ouro_scan_pieces(struct ouro_scan *scan, struct ouro_pieces *pieces, u32 n,
		     size_t size);
void ouro_scan_run(struct ouro_scan *scan);

void ouro_survey(struct ouro_scan *scan);
void ouro_verdict(struct ouro_scan *scan);
bool ouro_members_get(struct ouro_scan *scan);
void ouro_members_read(struct ouro_scan *scan, bool again);
void ouro_purge_finalize(struct ouro_scan *scan);
void ouro_purge(struct ouro_scan *scan);
void ouro_verdict_idle(struct ouro_scan *scan);

#endif /* OURO_SCAN_H */
