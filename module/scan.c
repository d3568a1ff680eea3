// SPDX-License-Identifier: GPL-2.0
/*
 * Scans: pools join, others have their turn, pools leave.
 */
#include "ouro.h"
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include <ouro/weak.h>
#include "arena.h"
#include "census.h"
#include "fail.h"
#include "roster.h"
#include "scan.h"

#ifdef OURO_TEST_DELAYS
typedef void (*ouro_delay_fn)(unsigned int point);

ouro_delay_fn ouro_delay_hook;
EXPORT_SYMBOL_OURO(ouro_delay_hook);
#endif

/* ---- turns ---- */

static bool may_go_on(struct ouro_scan *scan)
{
	struct ouro_collector *collector = &scan->heap->collector;

	return READ_ONCE(collector->stop) ||
	       atomic_read(&collector->waiters) ||
	       !list_empty_careful(&collector->requests) ||
	       atomic_long_read(&collector->tracked) >
	       READ_ONCE(collector->lift);
}

#define SLICE_FIRST_NS	(100 * NSEC_PER_USEC)	/* until the budget is looked at */

/* A slice is over: the others' share of the CPU. */
static void keep_share(struct ouro_scan *scan)
{
	struct ouro_collector *collector = &scan->heap->collector;
	struct ouro_collect_budget budget;
	unsigned int us;

	spin_lock(&collector->lock);
	budget = collector->budget;
	spin_unlock(&collector->lock);
	us = budget.slice_us * (100 - budget.share) / budget.share;
	if (us)
		wait_event_timeout(collector->over, may_go_on(scan),
				   usecs_to_jiffies(us));
	scan->slice_end = ktime_get_ns() + budget.slice_us * NSEC_PER_USEC;
}

void ouro_scan_breathe_slowly(struct ouro_scan *scan)
{
	struct ouro_collector *collector = &scan->heap->collector;

	scan->steps = OURO_SCAN_STEPS;
	WRITE_ONCE(collector->progress, collector->progress + 1);
	cond_resched();
	if (scan->asked || scan->second)
		return;
	if (ktime_get_ns() >= scan->slice_end && !may_go_on(scan))
		keep_share(scan);
}

/* ---- memory ---- */

static void add_bytes(struct ouro_scan *scan, size_t bytes)
{
	scan->bytes += bytes;
	scan->peak = max(scan->peak, scan->bytes);
}

/* As ouro_pieces_get(), for the time of the scan. */
u32 ouro_scan_pieces(struct ouro_scan *scan, struct ouro_pieces *pieces, u32 n,
		     size_t size)
{
	u32 got = ouro_pieces_get(pieces, n, size);

	add_bytes(scan, pieces->bytes);
	return got;
}

/* ---- join and leave ---- */

static bool is_wanted(const struct ouro_scan *scan,
		      const struct ouro_pool *pool)
{
	return scan->all ||
	       READ_ONCE(pool->class->kind->mode) != OURO_COLLECT_OFF;
}

/* Calls @fn for pools that may join; under the roster's lock. */
static bool visit_pools(struct ouro_scan *scan, ouro_roster_fn fn, void *arg)
{
	if (scan->all)
		return ouro_census_visit(scan->heap, fn, arg);
	return ouro_roster_visit(scan->heap,
				 scan->stat.generation == OURO_YOUNG, fn, arg);
}

struct count {
	const struct ouro_scan *scan;
	u64 notes;
	unsigned long pools;
	unsigned int most;	/* notes of one pool */
};

static bool count_one(struct ouro_pool *pool, void *arg)
{
	struct count *count = arg;

	if (is_wanted(count->scan, pool)) {
		count->notes += pool->blocks;
		count->pools++;
		count->most = max_t(unsigned int, count->most, pool->blocks);
	}
	return true;
}

#define NOTES_OF_PIECE	OURO_PIECE_ENTRIES(sizeof(u32))

static_assert(BIT(OURO_WEAK_BLOCK_BITS) <= NOTES_OF_PIECE);

/* Where so many notes begin that shall be in one piece. */
static u32 next_place(const struct ouro_scan *scan, u32 blocks)
{
	u32 left = NOTES_OF_PIECE - scan->notes % NOTES_OF_PIECE;

	return scan->notes + (left < blocks ? left : 0);
}

/* Under the roster's lock, and so the pool is there. */
static bool join_one(struct ouro_pool *pool, void *arg)
{
	struct ouro_scan *scan = arg;
	struct ouro_objects *objects = pool->objects;
	u32 place = next_place(scan, pool->blocks);

	if (pool->note || !is_wanted(scan, pool))
		return true;
	if (scan->room < place || scan->room - place < pool->blocks)
		return false;
	WRITE_ONCE(pool->note, place + 1);
	scan->notes = place + pool->blocks;
	objects->scanned = NULL;
	objects->waiting = NULL;
	objects->pending = 0;
	objects->alive = 0;
	*scan->last = objects;
	scan->last = &objects->scanned;
	return true;
}

/* Where memory did not do the last time, others come first now. */
static bool join_from(struct ouro_pool *pool, void *arg)
{
	struct ouro_scan *scan = arg;

	if (scan->stat.skipped) {
		scan->stat.skipped--;
		return true;
	}
	return join_one(pool, scan);
}

static void unpin_all(struct ouro_scan *scan)
{
	while (scan->first) {
		ouro_roster_unpin(scan->heap, &scan->first);
		scan->steps -= 64;
		ouro_scan_breathe(scan);
	}
	scan->last = &scan->first;
	scan->notes = 0;
}

/*
 * As many as there are notes for; returns how many.  While they are pinned more
 * may come, and take the notes: scan->whole says whether there was one left for
 * each.
 */
static unsigned long pin_all(struct ouro_scan *scan, unsigned long skip)
{
	struct ouro_objects *objects;
	unsigned long pools = 0;

	scan->stat.skipped = skip;
	scan->whole = !skip || visit_pools(scan, join_from, scan);
	scan->stat.skipped = 0;
	scan->whole &= visit_pools(scan, join_one, scan);
	for (objects = scan->first; objects; objects = objects->scanned) {
		pools++;
		memset(ouro_note_at(scan, objects->pool->note - 1), 0,
		       objects->pool->blocks * sizeof(u32));
		scan->steps -= 8;
		ouro_scan_breathe(scan);
	}
	return pools;
}

/* ---- from an address to a note ---- */

static unsigned long base_of(const struct ouro_pool *pool)
{
	return (unsigned long)ouro_arena_unit(pool->arena, pool->unit);
}

static unsigned long window_of(const struct ouro_scan *scan,
			       const struct ouro_pool *pool)
{
	return (base_of(pool) - scan->from) >> OURO_WINDOW_SHIFT;
}

static void find_range(struct ouro_scan *scan)
{
	unsigned long from = ULONG_MAX, to = 0;
	struct ouro_objects *objects;

	for (objects = scan->first; objects; objects = objects->scanned) {
		from = min(from, base_of(objects->pool));
		to = max(to, base_of(objects->pool));
		scan->steps--;
		ouro_scan_breathe(scan);
	}
	scan->from = ALIGN_DOWN(from, BIT(OURO_WINDOW_SHIFT));
	scan->span = ALIGN(to + 1, BIT(OURO_WINDOW_SHIFT)) - scan->from;
}

/* Of a window without a pinned pool. */
static struct ouro_unit_notes no_units[OURO_WINDOW_UNITS];

static bool windows_get(struct ouro_scan *scan)
{
	unsigned long i, n = scan->span >> OURO_WINDOW_SHIFT;
	size_t bytes = array_size(n, sizeof(*scan->window));

	scan->window = ouro_fail(bytes) ? NULL :
		       kvmalloc(bytes, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (!scan->window)
		return false;
	add_bytes(scan, bytes);
	for (i = 0; i < n; i++) {
		scan->window[i] = no_units;
		scan->steps--;
		ouro_scan_breathe(scan);
	}
	return true;
}

/* Those that pools are in are NULL for now; returns how many units these have. */
static u32 windows_mark(struct ouro_scan *scan)
{
	struct ouro_unit_notes **window;
	struct ouro_objects *objects;
	u32 units = 0;

	for (objects = scan->first; objects; objects = objects->scanned) {
		window = &scan->window[window_of(scan, objects->pool)];
		scan->steps--;
		ouro_scan_breathe(scan);
		if (!*window)
			continue;
		*window = NULL;
		units += OURO_WINDOW_UNITS;
	}
	return units;
}

static_assert(OURO_PIECE_ENTRIES(sizeof(struct ouro_unit_notes)) %
	      OURO_WINDOW_UNITS == 0);

/* The units of a pool's window; if it is the first there, from @next on. */
static struct ouro_unit_notes *window_units(struct ouro_scan *scan,
					    const struct ouro_pool *pool,
					    u32 *next)
{
	struct ouro_unit_notes **window =
		&scan->window[window_of(scan, pool)];

	if (!*window) {
		*window = ouro_pieces_at(&scan->unit, *next, sizeof(**window));
		memset(*window, 0, OURO_WINDOW_UNITS * sizeof(**window));
		*next += OURO_WINDOW_UNITS;
	}
	return *window;
}

static void map_pool(struct ouro_scan *scan, const struct ouro_pool *pool,
		     u32 *next)
{
	const struct ouro_geometry *geo = pool->class->geo;
	struct ouro_unit_notes *unit = window_units(scan, pool, next);
	unsigned long base = base_of(pool);
	unsigned int i;

	i = ((base - scan->from) >> OURO_UNIT_SHIFT) % OURO_WINDOW_UNITS;
	/* Arenas are aligned to their size.  Without notes all of it lives. */
	if (WARN_ON_ONCE(i + geo->units > OURO_WINDOW_UNITS))
		return;
	unit += i;
	for (i = 0; i < geo->units; i++)
		unit[i] = (struct ouro_unit_notes) {
			.note = pool->note - 1,
			.mult = pool->mult,
			.first = (unsigned long)pool->first - base -
				 i * OURO_UNIT,
			.blocks = pool->blocks,
		};
}

static bool map_all(struct ouro_scan *scan)
{
	struct ouro_objects *objects;
	u32 units, next = 0;

	find_range(scan);
	if (!windows_get(scan))
		return false;
	units = windows_mark(scan);
	if (ouro_scan_pieces(scan, &scan->unit, units,
			     sizeof(struct ouro_unit_notes)) < units)
		return false;
	for (objects = scan->first; objects; objects = objects->scanned) {
		map_pool(scan, objects->pool, &next);
		scan->steps--;
		ouro_scan_breathe(scan);
	}
	return true;
}

static void notes_put(struct ouro_scan *scan)
{
	ouro_pieces_put(&scan->note);
	ouro_pieces_put(&scan->unit);
	kvfree(scan->window);
	scan->window = NULL;
	scan->bytes = 0;
}

#define NOTES_LEAST	1024U

/* With notes for @wanted blocks, or, where there is no memory, for fewer. */
static unsigned long join_some(struct ouro_scan *scan, u32 wanted,
			       unsigned long skip)
{
	unsigned long joined;

	for (; wanted; wanted = wanted / 2 >= NOTES_LEAST ? wanted / 2 : 0) {
		scan->room = ouro_scan_pieces(scan, &scan->note, wanted,
					      sizeof(u32));
		joined = scan->room ? pin_all(scan, skip) : 0;
		if (joined && map_all(scan))
			return joined;
		unpin_all(scan);
		notes_put(scan);
	}
	return 0;
}

#define JOIN_TRIES	6	/* each with more room than the one before */

/*
 * What is left over at the end of a piece is less than a pool needs.  A little
 * more is for pools that come meanwhile.
 */
static u32 notes_wanted(const struct count *count, unsigned int tries)
{
	u64 notes = count->notes, gap = count->most - 1;

	notes += div_u64(notes, NOTES_OF_PIECE - gap) * gap;
	if (tries)
		notes += (notes >> (JOIN_TRIES + 1 - tries)) + SZ_8K * tries;
	return min_t(u64, notes, U32_MAX - 1);
}

/**
 * ouro_scan_join() - pin the pools that the scan is about
 * @scan: empty
 *
 * All that there are; or as many as there is memory for notes, and the next scan
 * begins with those that were left out.
 *
 * Context: Process context, may sleep; takes roster->lock.
 * Return: false when there are none.
 */
bool ouro_scan_join(struct ouro_scan *scan)
{
	struct ouro_collector *collector = &scan->heap->collector;
	unsigned long skip, joined;
	unsigned int tries = 0;
	struct count count;
	u32 wanted;

	for (;;) {
		count = (struct count) { .scan = scan };
		visit_pools(scan, count_one, &count);
		if (!count.pools)
			return false;
		skip = scan->all ? 0 : collector->from % count.pools;
		wanted = notes_wanted(&count, tries);
		ouro_delay(OURO_DELAY_PIN);
		joined = join_some(scan, wanted, skip);
		if (!joined || scan->whole || scan->room < wanted ||
		    ++tries == JOIN_TRIES)
			break;
		unpin_all(scan);
		notes_put(scan);
	}
	scan->whole &= joined > 0;
	if (!scan->all)
		collector->from = scan->whole ? 0 : skip + joined;
	scan->stat.skipped = scan->whole ? 0 :
			     max(count.pools, joined + 1) - joined;
	return joined;
}

/*
 * Whether every block that is not in the pool was found to be alive.  It may be
 * empty, and retired.
 */
static bool is_old(struct ouro_pool *pool)
{
	lockdep_assert_held(&pool->class->lock);
	return pool->objects->alive &&
	       pool->objects->alive == pool->blocks - pool->free;
}

#define LEAVE_MOST	16	/* pools in one go */

/* Of some pools of one class: those that are not old are young.  Returns the next. */
static struct ouro_objects *leave_some(struct ouro_scan *scan,
				       struct ouro_objects *objects)
{
	struct ouro_class *class = objects->pool->class;
	bool stopped = ouro_scan_is_stopped(scan);
	unsigned long flags;
	unsigned int n = 0;

	raw_spin_lock_irqsave(&class->lock, flags);
	do {
		if (stopped || !is_old(objects->pool))
			ouro_roster_rejuvenate(objects->pool);
		objects = objects->scanned;
	} while (++n < LEAVE_MOST && objects && objects->pool->class == class);
	raw_spin_unlock_irqrestore(&class->lock, flags);
	return objects;
}

/* Pools are unpinned, and all memory is given back. */
void ouro_scan_let_go(struct ouro_scan *scan)
{
	unpin_all(scan);
	notes_put(scan);
	ouro_pieces_put(&scan->member);
	ouro_pieces_put(&scan->edge);
}

/**
 * ouro_scan_leave() - let go of the pools
 * @scan: that has ended, or was stopped
 *
 * Context: Process context, may sleep; takes class->lock and roster->lock.
 */
void ouro_scan_leave(struct ouro_scan *scan)
{
	struct ouro_objects *objects = scan->first;

	while (objects) {
		ouro_delay(OURO_DELAY_LEAVE);
		objects = leave_some(scan, objects);
		scan->steps -= 64;
		ouro_scan_breathe(scan);
	}
	ouro_scan_let_go(scan);
}

/**
 * ouro_scan_run() - search, and free what is found
 * @scan: zeroed, but for its heap, its generation and whether somebody asked
 *
 * Context: Process context, may sleep; one scan of a heap at a time.
 */
void ouro_scan_run(struct ouro_scan *scan)
{
	u64 start = ktime_get_ns();

	scan->batch = scan->heap->collector.batch;
	scan->last = &scan->first;
	scan->waiting_last = &scan->waiting;
	scan->steps = OURO_SCAN_STEPS;
	scan->slice_end = start + SLICE_FIRST_NS;
	ouro_slice_init(&scan->slice, scan->heap, OURO_SLICE_WORKER, true);
	if (ouro_scan_join(scan)) {
		ouro_survey(scan);
		if (scan->suspects && !ouro_scan_is_stopped(scan))
			ouro_verdict(scan);
		scan->second = false;
	}
	ouro_scan_leave(scan);
	ouro_slice_end(&scan->slice);
	scan->stat.ns = ktime_get_ns() - start;
}
