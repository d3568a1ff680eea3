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
#include <linux/rcupdate.h>
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
	if (!scan->finalized)
		scan->finalized = scan->remain;
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
	scan->note[member->place] = OURO_NOTE_LATE;
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
	u32 *note;

	if (!ref)
		return;
	WRITE_ONCE(slot->object, NULL);
	note = ouro_scan_note(scan, ref);
	if (note && *edge < scan->edges &&
	    scan->edge[*edge] == note - scan->note) {
		++*edge;
		if (scan->remain == scan->members ||
		    !(*note & OURO_NOTE_REACHED))
			return;
	}
	ouro_slice_put(&scan->slice, ref);
}

static void clear_span(struct ouro_scan *scan, struct ouro_pool *pool,
		       struct ouro_object *object, u32 *edge)
{
	const struct ouro_kind *kind = pool->class->kind;
	struct ouro_array *array = NULL;
	struct ouro_span span;
	unsigned int i;

	rcu_read_lock();
	span = ouro_kind_span(kind, pool, object);
	rcu_read_unlock();	/* nobody replaces a dead object's array */
	if (kind->array_apart && span.slot) {
		array = container_of(span.slot, struct ouro_array, slot[0]);
		span.count = array->used;
	}
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
					  const struct ouro_member *member)
{
	const struct ouro_type *type = kind->type;
	unsigned int i, refs = 0;

	if (type->array || scan->remain != scan->members)
		return false;
	for (i = 0; i < type->nslots; i++)
		refs += !!READ_ONCE(ouro_kind_slot(kind, object, i)->object);
	if (refs != ouro_member_end(scan, member) - member->start)
		return false;
	for (i = 0; i < type->nslots; i++)
		WRITE_ONCE(ouro_kind_slot(kind, object, i)->object, NULL);
	return true;
}

static __always_inline void clear(struct ouro_scan *scan,
				  struct ouro_pool *pool,
				  struct ouro_object *object,
				  const struct ouro_member *member)
{
	const struct ouro_kind *kind = pool->class->kind;
	u32 edge = member->start;
	unsigned int i;

	ouro_delay(OURO_DELAY_CLEAR);
	scan->steps -= kind->type->nslots;
	if (clear_quickly(scan, kind, object, member))
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

/* Blocks of a pool that go back to it in one go. */
struct batch {
	struct ouro_pool *pool;
	unsigned int count;
	unsigned long map[BITS_TO_LONGS(BIT(OURO_WEAK_BLOCK_BITS))];
};

static void batch_free(struct batch *batch)
{
	if (!batch->count)
		return;
	/* In the pool, not in a magazine: who takes one out finds out. */
	batch->pool->objects->alive -= batch->count;
	ouro_class_free_map(batch->pool, batch->count, batch->map);
	batch->pool = NULL;
	batch->count = 0;
}

static __always_inline void batch_add(struct batch *batch,
				      struct ouro_pool *pool,
				      struct ouro_object *object)
{
	if (batch->pool != pool) {
		batch_free(batch);
		batch->pool = pool;
		bitmap_zero(batch->map, pool->blocks);
	}
	__set_bit(ouro_pool_index(pool, object), batch->map);
	batch->count++;
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
		ouro_scan_ahead(object, pool);
		kill(scan, object, member);
		ouro_delay(OURO_DELAY_KILLED);
		if (named)
			ouro_weak_end(pool, object);
		clear(scan, pool, object, member);
	}
}

static void bury_one(struct ouro_scan *scan, struct ouro_pool *pool,
		     struct ouro_object *object, struct batch *batch)
{
	ouro_slice_release(&scan->slice, pool, object);
	if (is_batched(pool) && !ouro_weak_is_watched(pool, object))
		batch_add(batch, pool, object);
	else
		ouro_slice_give_back(&scan->slice, pool, object);
}

static void bury_all(struct ouro_scan *scan)
{
	struct ouro_cursor cursor = ouro_cursor_begin(scan);
	struct batch batch;
	struct ouro_objects *seen = NULL;
	struct ouro_member *member;
	struct ouro_object *object;
	struct ouro_pool *pool;
	bool plain = false;

	batch.pool = NULL;
	batch.count = 0;
	while ((member = ouro_cursor_next(&cursor, scan))) {
		object = ouro_cursor_object(&cursor, member->place);
		pool = cursor.objects->pool;
		if (cursor.objects != seen)
			plain = is_plain(pool);
		seen = cursor.objects;
		ouro_delay(OURO_DELAY_BURY);
		if (scan->note[member->place] == OURO_NOTE_LATE)
			ouro_slice_put(&scan->slice, object);
		else if (plain)
			batch_add(&batch, pool, object);
		else
			bury_one(scan, pool, object, &batch);
	}
	batch_free(&batch);
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
