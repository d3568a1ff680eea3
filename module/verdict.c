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
 * touch the objects.  See docs/collector.rst for the proof.
 */
#include "ouro.h"
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include "object.h"
#include "scan.h"
#include "trace.h"
#include "transaction.h"

#define ROUNDS_MOST	256	/* transactions in a scan */
#define WINDOW_NS	(10 * NSEC_PER_SEC)	/* 2^32 versions take longer */

/* ---- members ---- */

static bool members_get(struct ouro_scan *scan)
{
	u32 n = min_t(unsigned long, scan->suspects, OURO_MEMBERS_MOST);
	u64 edges = min_t(u64, scan->suspect_edges, U32_MAX);

	for (; n; n /= 2, edges /= 2) {
		scan->member = ouro_scan_memory(scan, n, sizeof(*scan->member));
		scan->start = ouro_scan_memory(scan, (size_t)n + 1,
					       sizeof(*scan->start));
		scan->edge = ouro_scan_memory(scan, max(edges, 1ULL),
					      sizeof(*scan->edge));
		if (scan->member && scan->start && scan->edge)
			break;
		kvfree(scan->member);
		kvfree(scan->start);
		kvfree(scan->edge);
		scan->member = NULL;
		scan->start = NULL;
		scan->edge = NULL;
	}
	scan->members = n;
	scan->edge_room = max(edges, 1ULL);
	return n;
}

/* Suspects that there is no room for are taken for reached. */
static void gather_pool(struct ouro_scan *scan, struct ouro_pool *pool, u32 *n)
{
	u32 *note = &scan->note[pool->note - 1];
	unsigned int i;

	for (i = 0; i < pool->blocks; i++) {
		scan->steps--;
		if (note[i] & OURO_NOTE_REACHED)
			continue;
		if (*n == scan->members) {
			note[i] = OURO_NOTE_REACHED;
			continue;
		}
		scan->member[*n].place = pool->note - 1 + i;
		note[i] = ++*n;
	}
}

/**
 * ouro_verdict_gather() - make members of the suspects
 * @scan: after ouro_survey()
 *
 * Context: Process context, may sleep.
 * Return: false when there is no memory for any.
 */
bool ouro_verdict_gather(struct ouro_scan *scan)
{
	struct ouro_objects *objects;
	u32 n = 0;

	if (!members_get(scan))
		return false;
	for (objects = scan->first; objects; objects = objects->scanned) {
		/* All of a pool without suspects is reached already. */
		if (objects->suspects)
			gather_pool(scan, objects->pool, &n);
		ouro_scan_breathe(scan);
	}
	scan->members = n;
	return n;
}

static __always_inline bool is_out(const struct ouro_member *member)
{
	return member->edges & OURO_MEMBER_OUT;
}

/* ---- (a) words ---- */

/* What lives, is not stuck, and about to be finalized by nobody else. */
static bool may_die(u64 word)
{
	u32 count = word & OURO_COUNT_MASK;

	return count > OURO_COUNT_DEAD && count < OURO_COUNT_SATURATED &&
	       !(word & (OURO_WORD_CLAIM | OURO_WORD_FROZEN | OURO_WORD_DEAD));
}

/* Members that are out, or dead, leave; those behind them move up. */
static void read_words(struct ouro_scan *scan)
{
	struct ouro_cursor cursor = ouro_cursor_begin(scan);
	struct ouro_member *member;
	struct ouro_object *object;
	u32 i, n = 0;
	u64 word;

	scan->finalizing = false;
	scan->begun = ktime_get_ns();
	for (i = 0; i < scan->members; i++) {
		member = &scan->member[i];
		/* Its number is another's from here on. */
		if (is_out(member)) {
			scan->note[member->place] = OURO_NOTE_REACHED;
			continue;
		}
		object = ouro_cursor_object(&cursor, member->place);
		ouro_delay(OURO_DELAY_WORD);
		word = atomic64_read(&object->word);
		scan->steps--;
		if (!may_die(word)) {
			scan->note[member->place] = OURO_NOTE_REACHED;
			scan->died++;
			continue;
		}
		scan->finalizing |= word & OURO_WORD_FINALIZE;
		scan->member[n] = (struct ouro_member) {
			.word = word, .place = member->place,
		};
		scan->note[member->place] = ++n;
		ouro_scan_breathe(scan);
	}
	scan->members = n;
	scan->remain = n;
	/*
	 * Between (a) and (b): what somebody stored to slots of a member before
	 * the put that we have seen is seen.  Pairs with that put.
	 */
	smp_rmb();
}

/* ---- (b) references ---- */

/*
 * Where there is no room to note a reference, what it leads to is out from the
 * start: one count too many says so.
 */
static __always_inline void note_edge(struct ouro_scan *scan,
				      struct ouro_object *ref, u32 from)
{
	u32 *note = ouro_scan_note(scan, ref);
	u32 to;

	if (!note || !*note || (*note & OURO_NOTE_REACHED))
		return;
	to = *note - 1;
	if (unlikely(scan->edges == scan->edge_room)) {
		scan->member[to].edges = OURO_MEMBER_LINK;
		return;
	}
	if (likely(scan->member[to].edges != OURO_MEMBER_LINK))
		scan->member[to].edges++;
	scan->edge[scan->edges++] = to;
}

static void read_edges(struct ouro_scan *scan)
{
	struct ouro_cursor cursor = ouro_cursor_begin(scan);
	const struct ouro_type *type;
	struct ouro_object *object;
	struct ouro_pool *pool;
	u32 i = 0;

	scan->edges = 0;
	while (i < scan->members) {
		rcu_read_lock();
		do {
			object = ouro_cursor_object(&cursor,
						    scan->member[i].place);
			pool = cursor.objects->pool;
			type = pool->class->kind->type;
			ouro_delay(OURO_DELAY_EDGES);
			scan->start[i] = scan->edges;
			scan->steps--;
			ouro_scan_fixed(scan, type, object, note_edge, i);
			i++;
		} while (i < scan->members && scan->steps > 0 && !type->array);
		rcu_read_unlock();
		if (type->array)
			ouro_scan_span(scan, pool, object, note_edge, i - 1);
		ouro_scan_breathe(scan);
	}
	scan->start[scan->members] = scan->edges;
}

/* ---- (c) frozen or not ---- */

/* The word of a frozen member; with a reference of ours where it will be needed. */
static u64 frozen_word(const struct ouro_scan *scan,
		       const struct ouro_member *member)
{
	u64 word = member->word | OURO_WORD_FROZEN;

	return scan->finalizing ? word + OURO_WORD_VERSION + 1 : word;
}

static bool freeze(struct ouro_scan *scan, struct ouro_member *member,
		   struct ouro_object *object)
{
	u32 count = (member->word & OURO_COUNT_MASK) - OURO_COUNT_DEAD;
	s64 word = member->word;

	return count == member->edges &&
	       atomic64_try_cmpxchg(&object->word, &word,
				    frozen_word(scan, member));
}

/* Returns the list of those that are out: by number, plus one; 0: none. */
static u32 freeze_all(struct ouro_scan *scan)
{
	struct ouro_cursor cursor = ouro_cursor_begin(scan);
	struct ouro_member *member;
	struct ouro_object *object;
	u32 i, out = 0;

	/*
	 * Between (b) and (c).  Whoever's change of a slot we have not seen has
	 * a reference to its holder that we see.  Pairs with the full barrier of
	 * each exchange of a slot.
	 */
	smp_mb();
	for (i = 0; i < scan->members; i++) {
		member = &scan->member[i];
		object = ouro_cursor_object(&cursor, member->place);
		ouro_delay(OURO_DELAY_FREEZE);
		if (freeze(scan, member, object)) {
			member->edges = 0;
		} else {
			member->edges = OURO_MEMBER_OUT | OURO_MEMBER_COLD | out;
			out = i + 1;
			scan->remain--;
		}
		scan->steps--;
		ouro_scan_breathe(scan);
	}
	return out;
}

/* ---- (d) what is out ---- */

/* All that is reachable by noted references from the members listed in @out. */
static void drop_reachable(struct ouro_scan *scan, u32 out)
{
	struct ouro_member *member;
	u32 i, e;

	while (out) {
		i = out - 1;
		out = scan->member[i].edges & OURO_MEMBER_LINK;
		for (e = scan->start[i]; e < scan->start[i + 1]; e++) {
			member = &scan->member[scan->edge[e]];
			scan->steps--;
			if (is_out(member))
				continue;
			member->edges = OURO_MEMBER_OUT | out;
			out = scan->edge[e] + 1;
			scan->remain--;
		}
		ouro_scan_breathe(scan);
	}
}

/* A frozen member goes on living. */
static void thaw(struct ouro_scan *scan, struct ouro_object *object)
{
	atomic64_andnot(OURO_WORD_FROZEN, &object->word);
	if (scan->finalizing)
		ouro_put(object);
}

/* Those that were frozen and are out. */
static void thaw_out(struct ouro_scan *scan)
{
	struct ouro_cursor cursor = ouro_cursor_begin(scan);
	struct ouro_member *member;
	u32 i;

	if (scan->remain == scan->members)
		return;
	for (i = 0; i < scan->members; i++) {
		member = &scan->member[i];
		scan->steps--;
		ouro_scan_breathe(scan);
		if (!is_out(member) || (member->edges & OURO_MEMBER_COLD))
			continue;
		ouro_delay(OURO_DELAY_DROP);
		thaw(scan, ouro_cursor_object(&cursor, member->place));
		member->edges |= OURO_MEMBER_COLD;
	}
}

/*
 * Unreachable, but to be left: of a type, or in a heap, in report mode.  They are
 * told of, and out.
 */
static void report(struct ouro_scan *scan)
{
	bool all = READ_ONCE(scan->heap->collector.mode) == OURO_COLLECT_REPORT;
	struct ouro_cursor cursor = ouro_cursor_begin(scan);
	struct ouro_member *member;
	u32 i, out = 0;

	scan->stat.uncollectable = 0;
	for (i = 0; i < scan->members; i++) {
		member = &scan->member[i];
		scan->steps--;
		ouro_scan_breathe(scan);
		if (is_out(member))
			continue;
		ouro_cursor_object(&cursor, member->place);
		if (!all && READ_ONCE(cursor.objects->pool->class->kind->mode) ==
		    OURO_COLLECT_ON)
			continue;
		scan->stat.uncollectable++;
		member->edges = OURO_MEMBER_OUT | out;
		out = i + 1;
		scan->remain--;
	}
	drop_reachable(scan, out);
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

/* What is decided is what is returned. */
static enum ouro_transaction decide(struct ouro_scan *scan)
{
	enum ouro_transaction to = scan->finalizing ? OURO_TRANSACTION_FINALIZE :
						      OURO_TRANSACTION_COMMITTED;
	u64 from = scan->transaction | OURO_TRANSACTION_UNDECIDED;

	ouro_delay(OURO_DELAY_DECIDE);
	if (!scan->remain || ouro_scan_is_stopped(scan) ||
	    ktime_get_ns() - scan->begun > WINDOW_NS)
		to = OURO_TRANSACTION_ABORTED;
	/* A full barrier; pairs with ouro_transaction_meet(). */
	if (atomic64_cmpxchg(&scan->heap->collector.transaction, from,
			     scan->transaction | to) != from)
		return OURO_TRANSACTION_ABORTED;
	return to;
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
	struct ouro_object *object;
	u32 i, out = 0;
	u64 word;

	for (i = 0; i < scan->members; i++) {
		member = &scan->member[i];
		scan->steps--;
		ouro_scan_breathe(scan);
		if (is_out(member))
			continue;
		object = ouro_cursor_object(&cursor, member->place);
		word = atomic64_fetch_andnot(OURO_WORD_FROZEN, &object->word);
		if (scan->finalizing)
			ouro_put(object);
		if (word == frozen_word(scan, member))
			continue;
		member->edges = OURO_MEMBER_OUT | OURO_MEMBER_COLD | out;
		out = i + 1;
		scan->remain--;
	}
	drop_reachable(scan, out);
	ouro_verdict_idle(scan);
}

static enum ouro_transaction try(struct ouro_scan *scan)
{
	enum ouro_transaction outcome;

	begin(scan);
	read_words(scan);
	read_edges(scan);
	drop_reachable(scan, freeze_all(scan));
	if (scan->remain)
		report(scan);
	thaw_out(scan);
	outcome = decide(scan);
	if (outcome == OURO_TRANSACTION_ABORTED)
		give_up(scan);
	return outcome;
}

/**
 * ouro_verdict() - find out what is unreachable, and kill it
 * @scan: after ouro_verdict_gather()
 *
 * Each transaction but the last has at least one finalizer called, or a member
 * less: so this ends.
 *
 * Context: Process context, may sleep; calls finalizers and releases.
 */
void ouro_verdict(struct ouro_scan *scan)
{
	enum ouro_transaction outcome;
	unsigned int round;
	u32 before;

	for (round = 0; round < ROUNDS_MOST && scan->members; round++) {
		before = scan->members;
		if (!scan->finalized)
			scan->died = 0;
		outcome = try(scan);
		switch (outcome) {
		case OURO_TRANSACTION_COMMITTED:
			ouro_purge(scan);
			return;
		case OURO_TRANSACTION_FINALIZE:
			ouro_purge_finalize(scan);
			break;
		default:
			if (!scan->remain || ouro_scan_is_stopped(scan))
				return;
			scan->stat.aborts++;
			trace_ouro_scan_abort(scan->heap->name, scan->members,
					      scan->remain);
			/* It took too long, and nobody was met. */
			if (scan->remain == before)
				return;
		}
	}
}
