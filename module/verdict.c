// SPDX-License-Identifier: GPL-2.0
/*
 * Verdicts: P2, what of the suspects is unreachable, for sure.
 *
 * A transaction is about a set of members.  (a) The word of each is read.  (b)
 * Their slots are read; references between members are counted, and noted.  (c)
 * A member with as many references in its word as were counted, and whose word
 * is what it was, is frozen: from (a) to here nobody took a reference to it, and
 * all that there are lie in slots of members.  (d) Other members are out, and
 * with them all that they were seen to refer to.  (e) One cmpxchg() decides for
 * those that remain, unless somebody upgraded a handle to one meanwhile.
 *
 * Members are visited in the order of their notes, but for (d), which does not
 * touch the objects.  For (a) and (b) see member.c, for the proof
 * docs/collector.rst.
 */
#include "ouro.h"
#include <linux/timekeeping.h>
#include "object.h"
#include "scan.h"
#include "trace.h"
#include "transaction.h"

#define ROUNDS_MOST	256	/* transactions in a scan */
#define ROUNDS_EAGER	4	/* of these, without regard to the share */
#define WINDOW_NS	(5ULL * NSEC_PER_SEC)	/* 2^32 gets and puts take longer */

/* ---- (c) frozen or not ---- */

/* The word of a frozen member; with a reference of ours where it will be needed. */
static u64 frozen_word(const struct ouro_scan *scan,
		       const struct ouro_member *member)
{
	u64 word = member->word | OURO_WORD_FROZEN;

	return scan->finalizing ? word + OURO_WORD_VERSION + 1 : word;
}

static bool freeze(struct ouro_scan *scan, struct ouro_member *member,
		   struct ouro_object *object, u32 edges)
{
	u32 count = (member->word & OURO_COUNT_MASK) - OURO_COUNT_DEAD;
	s64 word = member->word;

	return count == edges &&
	       atomic64_try_cmpxchg(&object->word, &word,
				    frozen_word(scan, member));
}

/*
 * Returns the list of those that are out: by number, plus one; 0: none.  A note
 * that says so already had no room for a reference.
 */
static u32 freeze_all(struct ouro_scan *scan)
{
	struct ouro_cursor cursor = ouro_cursor_begin(scan);
	struct ouro_member *member;
	struct ouro_object *object;
	u32 *note, i, out = 0;

	/*
	 * Between (b) and (c): all slots are read before any word is looked at
	 * again.  Pairs with the full barrier of each exchange of a slot: what
	 * its caller did before to the word of the holder, or does after to
	 * that of what was in it, is seen if the exchange was.
	 */
	smp_mb();
	for (i = 0; i < scan->members; i++) {
		member = ouro_member_at(scan, i);
		note = ouro_note_at(scan, member->place);
		object = ouro_cursor_object(&cursor, member->place);
		prefetchw(ouro_scan_ahead(object, cursor.objects->pool));
		ouro_delay(OURO_DELAY_FREEZE);
		if (freeze(scan, member, object, *note)) {
			*note = 0;
		} else {
			*note = OURO_NOTE_REACHED | OURO_NOTE_COLD | out;
			out = i + 1;
			scan->remain--;
		}
		scan->steps--;
		ouro_scan_breathe(scan);
	}
	return out;
}

/* ---- (d) what is out ---- */

/* The member with a place; there is one.  They are in order. */
static u32 member_at(const struct ouro_scan *scan, u32 place)
{
	u32 low = 0, high = scan->members - 1, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (ouro_member_at(scan, middle)->place < place)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* All that is reachable by noted references from the members listed in @out. */
static void drop_reachable(struct ouro_scan *scan, u32 out)
{
	const struct ouro_member *member;
	u32 e, end, place, *note;

	while (out) {
		member = ouro_member_at(scan, out - 1);
		end = ouro_member_end(scan, out - 1);
		out = *ouro_note_at(scan, member->place) & OURO_NOTE_LINK;
		for (e = member->start; e < end; e++) {
			place = *ouro_edge_at(scan, e);
			note = ouro_note_at(scan, place);
			scan->steps--;
			ouro_scan_breathe(scan);
			if (*note & OURO_NOTE_REACHED)
				continue;
			*note = OURO_NOTE_REACHED | out;
			out = member_at(scan, place) + 1;
			scan->remain--;
		}
	}
}

/* A frozen member goes on living; returns its word until now. */
static u64 thaw(struct ouro_scan *scan, struct ouro_object *object)
{
	u64 word = atomic64_fetch_andnot(OURO_WORD_FROZEN, &object->word);

	if (scan->finalizing)
		ouro_put(object);
	return word;
}

/* Those that were frozen and are out. */
static void thaw_out(struct ouro_scan *scan)
{
	struct ouro_cursor cursor = ouro_cursor_begin(scan);
	struct ouro_member *member;
	u32 *note, i;

	if (scan->remain == scan->members)
		return;
	for (i = 0; i < scan->members; i++) {
		member = ouro_member_at(scan, i);
		note = ouro_note_at(scan, member->place);
		scan->steps--;
		ouro_scan_breathe(scan);
		if (!(*note & OURO_NOTE_REACHED) || (*note & OURO_NOTE_COLD))
			continue;
		ouro_delay(OURO_DELAY_DROP);
		thaw(scan, ouro_cursor_object(&cursor, member->place));
		*note |= OURO_NOTE_COLD;
	}
}

/*
 * Unreachable, but to be left: of a type, or in a heap, in report mode.  They are
 * out.  Nobody has upgraded a handle to a member.
 */
static void report(struct ouro_scan *scan)
{
	bool all = READ_ONCE(scan->heap->collector.mode) == OURO_COLLECT_REPORT;
	struct ouro_cursor cursor = ouro_cursor_begin(scan);
	struct ouro_member *member;
	u32 out = 0;

	while ((member = ouro_cursor_next(&cursor, scan))) {
		ouro_cursor_object(&cursor, member->place);
		if (!all && READ_ONCE(cursor.objects->pool->class->kind->mode) ==
		    OURO_COLLECT_ON)
			continue;
		scan->stat.uncollectable++;
		*ouro_note_at(scan, member->place) = OURO_NOTE_REACHED | out;
		out = cursor.next;
		scan->remain--;
	}
	drop_reachable(scan, out);
	thaw_out(scan);
	scan->reported = true;
}

/* Whether there may be anything to be left, and it was not looked for yet. */
static bool is_reporting(const struct ouro_scan *scan)
{
	if (scan->reported)
		return false;
	return READ_ONCE(scan->heap->collector.mode) == OURO_COLLECT_REPORT ||
	       READ_ONCE(scan->heap->collector.kind_modes);
}

/* ---- (e) the decision ---- */

static void begin(struct ouro_scan *scan)
{
	atomic64_t *transaction = &scan->heap->collector.transaction;

	scan->transaction = (atomic64_read(transaction) | OURO_TRANSACTION_MASK) +
			    1;
	/* Before any member is frozen, by the barrier in freeze_all(). */
	atomic64_set(transaction, scan->transaction | OURO_TRANSACTION_UNDECIDED);
}

/* Pairs with ouro_transaction_meet(): what was frozen is not, or killed. */
void ouro_verdict_idle(struct ouro_scan *scan)
{
	ouro_delay(OURO_DELAY_IDLE);
	atomic64_set_release(&scan->heap->collector.transaction,
			     scan->transaction | OURO_TRANSACTION_IDLE);
}

/* Whether there is nothing to decide any more. */
static bool is_over(const struct ouro_scan *scan)
{
	return !scan->remain || ouro_scan_is_stopped(scan) ||
	       ktime_get_ns() - scan->begun > WINDOW_NS;
}

/* False: somebody else has, who upgraded a handle. */
static bool decide(struct ouro_scan *scan, enum ouro_transaction to)
{
	u64 from = scan->transaction | OURO_TRANSACTION_UNDECIDED;

	/* A full barrier; pairs with ouro_transaction_meet(). */
	return atomic64_cmpxchg(&scan->heap->collector.transaction, from,
				scan->transaction | to) == from;
}

/*
 * Somebody upgraded a handle to a member, which is out with all that it reaches;
 * the others are tried again.  A word that is not what it was frozen as tells
 * which it was.
 */
static void give_up(struct ouro_scan *scan)
{
	struct ouro_cursor cursor = ouro_cursor_begin(scan);
	struct ouro_member *member;
	u32 out = 0;
	u64 word;

	while ((member = ouro_cursor_next(&cursor, scan))) {
		ouro_delay(OURO_DELAY_THAW);
		word = thaw(scan, ouro_cursor_object(&cursor, member->place));
		if (word == frozen_word(scan, member))
			continue;
		*ouro_note_at(scan, member->place) = OURO_NOTE_REACHED |
						     OURO_NOTE_COLD | out;
		out = cursor.next;
		scan->remain--;
	}
	drop_reachable(scan, out);
	ouro_verdict_idle(scan);
}

/* A transaction took too long: one about half of its members may not. */
static void halve(struct ouro_scan *scan)
{
	u32 i, half = scan->members / 2;

	for (i = half; i < scan->members; i++) {
		*ouro_note_at(scan, ouro_member_at(scan, i)->place) =
			OURO_NOTE_REACHED | OURO_NOTE_COLD;
		scan->steps--;
		ouro_scan_breathe(scan);
	}
	scan->remain = half;
	scan->stat.skipped++;
}

static enum ouro_transaction try(struct ouro_scan *scan, bool again)
{
	enum ouro_transaction to = OURO_TRANSACTION_ABORTED;
	bool over, reporting = is_reporting(scan);

	begin(scan);
	ouro_members_read(scan, again);
	drop_reachable(scan, freeze_all(scan));
	thaw_out(scan);
	ouro_delay(OURO_DELAY_DECIDE);
	over = is_over(scan);
	if (!over && !reporting)
		to = scan->finalizing ? OURO_TRANSACTION_FINALIZE :
					OURO_TRANSACTION_COMMITTED;
	if (!decide(scan, to)) {
		to = OURO_TRANSACTION_ABORTED;
		scan->stat.aborts++;
		trace_ouro_scan_abort(scan->heap->name, scan->members,
				      scan->remain);
	} else if (!over && reporting) {
		report(scan);
	}
	if (to == OURO_TRANSACTION_ABORTED) {
		give_up(scan);
		if (over && scan->remain == scan->members)
			halve(scan);
	}
	return to;
}

/* A transaction takes all of a CPU, so that it is short; many do not. */
static void give_way(struct ouro_scan *scan, unsigned int round)
{
	if (round < ROUNDS_EAGER)
		return;
	scan->second = false;
	ouro_scan_breathe_slowly(scan);
	scan->second = true;
}

/*
 * Each transaction but the last has at least one finalizer called, or a member
 * less, or has reported: so this ends.
 */
static void try_until_decided(struct ouro_scan *scan)
{
	unsigned int round;

	for (round = 0; round < ROUNDS_MOST; round++) {
		switch (try(scan, round)) {
		case OURO_TRANSACTION_COMMITTED:
			ouro_purge(scan);
			return;
		case OURO_TRANSACTION_FINALIZE:
			ouro_purge_finalize(scan);
			break;
		default:
			if (!scan->remain || ouro_scan_is_stopped(scan))
				return;
		}
		give_way(scan, round);
	}
	/* What is left is no less garbage than before. */
	scan->stat.skipped++;
}

/* What finalizers had fall by counting alone counts as freed by the scan. */
static void sum_up(struct ouro_scan *scan)
{
	struct ouro_scan_stat *stat = &scan->stat;

	if (!scan->finalized)
		return;
	stat->freed += scan->died;
	stat->resurrected = scan->finalized - min(scan->finalized, stat->freed);
}

/**
 * ouro_verdict() - find out what is unreachable, and kill it
 * @scan: after ouro_survey(), with suspects
 *
 * Context: Process context, may sleep; calls finalizers and releases.
 */
void ouro_verdict(struct ouro_scan *scan)
{
	if (!ouro_members_get(scan))
		return;
	scan->second = true;
	try_until_decided(scan);
	sum_up(scan);
}
