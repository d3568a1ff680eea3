// SPDX-License-Identifier: GPL-2.0
/*
 * Members: the suspects that a transaction is about, their words, and references.
 */
#include "ouro.h"
#include <linux/timekeeping.h>
#include "object.h"
#include "scan.h"

/**
 * ouro_members_get() - have room for members
 * @scan: after ouro_survey(), with suspects
 *
 * Context: Process context, may sleep.
 * Return: false when there is no memory for any.
 */
bool ouro_members_get(struct ouro_scan *scan)
{
	scan->room = ouro_scan_pieces(scan, &scan->member,
				      min_t(unsigned long, scan->suspects,
					    OURO_MEMBERS_MOST),
				      sizeof(struct ouro_member));
	/* Some have been left out, if not all. */
	if (scan->room < scan->suspects)
		scan->stat.skipped++;
	return scan->room;
}

/* ---- (a) words ---- */

/* What lives, is not stuck, and about to be finalized by nobody else. */
static bool may_die(u64 word)
{
	u32 count = word & OURO_COUNT_MASK;

	return count > OURO_COUNT_DEAD && count < OURO_COUNT_SATURATED &&
	       !(word & (OURO_WORD_CLAIM | OURO_WORD_FROZEN | OURO_WORD_DEAD));
}

/*
 * Makes the next member of an object, if it may be one.  Its note is 0 then:
 * references are counted there once more.
 */
static __always_inline void add_member(struct ouro_scan *scan, u32 place,
				       const struct ouro_object *object)
{
	u64 word;

	ouro_delay(OURO_DELAY_WORD);
	word = atomic64_read(&object->word);
	if (!may_die(word)) {
		*ouro_note_at(scan, place) = OURO_NOTE_REACHED;
		if ((word & OURO_COUNT_MASK) <= OURO_COUNT_DEAD)
			scan->died++;
		return;
	}
	scan->finalizing |= word & OURO_WORD_FINALIZE;
	scan->wanted += (word & OURO_COUNT_MASK) - OURO_COUNT_DEAD;
	*ouro_member_at(scan, scan->members++) = (struct ouro_member) {
		.word = word, .place = place,
	};
	*ouro_note_at(scan, place) = 0;
}

/* Suspects that there is no room for are taken for reached. */
static void gather_pool(struct ouro_scan *scan, struct ouro_pool *pool)
{
	struct ouro_object *object;
	u32 i, place;

	for (i = 0; i < pool->blocks; i++) {
		place = pool->note - 1 + i;
		if (*ouro_note_at(scan, place) & OURO_NOTE_REACHED)
			continue;
		object = ouro_pool_block(pool, i);
		prefetch(ouro_scan_ahead(object, pool));
		if (likely(scan->members < scan->room))
			add_member(scan, place, object);
		else
			*ouro_note_at(scan, place) = OURO_NOTE_REACHED;
	}
}

/* (a) The first time: of the suspects. */
static void gather(struct ouro_scan *scan)
{
	struct ouro_objects *objects;

	for (objects = scan->first; objects; objects = ouro_scan_next(objects)) {
		gather_pool(scan, objects->pool);
		scan->steps -= objects->pool->blocks;
		ouro_scan_breathe(scan);
	}
}

/* (a) Again: members that are out leave; those behind them move up. */
static void gather_again(struct ouro_scan *scan)
{
	struct ouro_cursor cursor = ouro_cursor_begin(scan);
	u32 i, members = scan->members;
	struct ouro_member *member;

	scan->members = 0;
	for (i = 0; i < members; i++) {
		member = ouro_member_at(scan, i);
		if (!ouro_member_is_out(scan, member))
			add_member(scan, member->place,
				   ouro_cursor_object(&cursor, member->place));
		scan->steps--;
		ouro_scan_breathe(scan);
	}
}

static void read_words(struct ouro_scan *scan, bool again)
{
	scan->finalizing = false;
	scan->wanted = 0;
	scan->begun = ktime_get_ns();
	if (again)
		gather_again(scan);
	else
		gather(scan);
	scan->remain = scan->members;
	/*
	 * Between (a) and (b): what somebody stored to slots of a member before
	 * the put that we have seen is seen.  Pairs with that put.
	 */
	smp_rmb();
}

/* ---- (b) references ---- */

/* For as many references as members have, if there is memory. */
static void edges_get(struct ouro_scan *scan)
{
	scan->edge_room = ouro_scan_pieces(scan, &scan->edge,
					   min_t(u64, scan->wanted, U32_MAX),
					   sizeof(u32));
	if (scan->edge_room < scan->wanted)
		scan->stat.skipped++;
}

#define BEGIN	OURO_NOWHERE	/* in a batch: here the next member's begin */

/*
 * Where there is no room to note a reference, what it leads to is out from the
 * start.  Returns how many are noted.
 */
static __always_inline u32 note_place(struct ouro_scan *scan, u32 place,
				      u32 edges)
{
	u32 *note = ouro_note_at(scan, place);

	if (*note & OURO_NOTE_REACHED)
		return edges;
	if (unlikely(edges == scan->edge_room)) {
		*note = OURO_NOTE_REACHED | OURO_NOTE_COLD;
		return edges;
	}
	++*note;
	*ouro_edge_at(scan, edges) = place;
	return edges + 1;
}

static void note_batch(struct ouro_scan *scan)
{
	u32 i, place, n = scan->batched, edges = scan->edges;

	for (i = 0; i < n; i++) {
		place = scan->batch[i];
		if (place == BEGIN)
			ouro_member_at(scan, scan->noted++)->start = edges;
		else
			edges = note_place(scan, place, edges);
	}
	scan->edges = edges;
	scan->batched = 0;
}

static __always_inline void note_edge(struct ouro_scan *scan,
				      struct ouro_object *ref)
{
	ouro_batch_edge(scan, ref, note_batch);
}

static void read_edges(struct ouro_scan *scan)
{
	struct ouro_cursor cursor = ouro_cursor_begin(scan);
	const struct ouro_type *type;
	struct ouro_member *member;
	struct ouro_object *object;
	struct ouro_pool *pool;
	u32 i;

	scan->edges = 0;
	scan->noted = 0;
	for (i = 0; i < scan->members; i++) {
		member = ouro_member_at(scan, i);
		object = ouro_cursor_object(&cursor, member->place);
		pool = cursor.objects->pool;
		type = pool->class->kind->type;
		prefetch(ouro_scan_ahead(object, pool));
		ouro_delay(OURO_DELAY_EDGES);
		ouro_batch_add(scan, BEGIN, note_batch);
		scan->steps--;
		ouro_scan_fixed(scan, type, object, note_edge);
		if (type->array)
			ouro_scan_span(scan, pool, object, note_edge);
		ouro_scan_breathe(scan);
	}
	note_batch(scan);
}

/**
 * ouro_members_read() - (a) and (b) of a transaction
 * @scan: the scan
 * @again: about the members that are not out, not about all suspects
 *
 * Context: Process context, may sleep.
 */
void ouro_members_read(struct ouro_scan *scan, bool again)
{
	read_words(scan, again);
	/* The first time; without any room, all that is referred to is out. */
	if (!scan->edge.npieces)
		edges_get(scan);
	read_edges(scan);
}
