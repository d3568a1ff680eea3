// SPDX-License-Identifier: GPL-2.0
/*
 * Audits: the count of each object against the references to it.
 *
 * The first pass counts references; what does not add up is suspect.  The second
 * counts once more.  An object whose word is the same before and after that pass
 * had no reference taken or put meanwhile, so that each reference that was found
 * was there all the time, or was being put and is in the count still: then the
 * count cannot be lower than what was found, unless somebody has put a reference
 * that was not his (or one that had a name, and has it still).  A field that only
 * traverse tells of has no such rule: a reference that moves from it into a slot
 * is found twice if that happens in each pass.  The object may be dead by now, and
 * be referred to all the same.  What is too high has a holder that the audit cannot
 * see; where all of a type's outside references have names, that is a reference
 * that nobody will put.
 */
#include "ouro.h"
#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include "audit.h"
#include "census.h"
#include "fail.h"
#include "heap.h"
#include "inspect.h"
#include "object.h"
#include "pin.h"

#define SUSPECTS	8192	/* of the first pass; half of them may be leaks */

/**
 * struct suspect - what did not add up
 * @place: of its note
 * @edges: references that were found
 * @pins: with a name
 * @word: of the object, after the first pass
 */
struct suspect {
	u32 place;
	u32 edges;
	u32 pins;
	u64 word;
};

/**
 * struct run - one audit
 * @ins: the inspection
 * @audit: what was found
 * @suspects: in @suspect
 * @blind: there are references that the inspection does not see
 * @suspect: of the first pass
 */
struct run {
	struct ouro_inspect ins;
	struct ouro_audit *audit;
	unsigned int suspects;
	bool blind;
	struct suspect suspect[SUSPECTS];
};

static bool is_tracked(const struct ouro_pool *pool)
{
	return pool->class->kind->type->flags & OURO_TYPE_TRACKED;
}

static unsigned int pins_of(const struct run *run,
			    const struct ouro_object *object)
{
	return ouro_pins_count(run->ins.scan.heap, object);
}

static u32 refs_of(u64 word)
{
	return ouro_word_is_live(word) ? ouro_word_refs(word) : 0;
}

/* ---- what does not add up ---- */

static struct ouro_outside *outside_of(struct ouro_audit *audit,
				       const struct ouro_kind *kind)
{
	unsigned int i;

	for (i = 0; i < audit->outsides; i++)
		if (audit->outside[i].kind == kind)
			return &audit->outside[i];
	if (i == OURO_OUTSIDES)
		return NULL;
	audit->outsides++;
	audit->outside[i].kind = kind;
	return &audit->outside[i];
}

static void add_outside(struct run *run, const struct ouro_thing *thing,
			u32 refs, u32 pins)
{
	struct ouro_outside *outside = outside_of(run->audit,
						  thing->pool->class->kind);

	if (!outside)
		return;
	outside->objects++;
	outside->refs += refs;
	outside->pins += pins;
}

/* Leaks leave room for what is worse. */
static void suspect(struct run *run, const struct ouro_thing *thing, u32 edges,
		    u32 pins, bool leaks)
{
	if (run->suspects >= (leaks ? SUSPECTS / 2 : SUSPECTS)) {
		run->audit->unchecked++;
		return;
	}
	run->suspect[run->suspects++] = (struct suspect) {
		.place = thing->place, .edges = edges, .pins = pins,
		.word = thing->word,
	};
}

/* It may be that a finalizer runs, under a reference that is nobody's. */
static bool is_finalized(const struct ouro_thing *thing)
{
	return thing->pool->class->kind->type->finalize &&
	       !(thing->word & OURO_WORD_FINALIZE);
}

static bool judge(struct ouro_inspect *ins, const struct ouro_thing *thing,
		  void *arg)
{
	u32 edges = *ouro_note_at(&ins->scan, thing->place);
	u32 pins, refs = refs_of(thing->word);
	struct run *run = arg;
	bool leaks;

	if (refs)
		run->audit->objects++;
	if (ouro_word_is_stuck(thing->word))
		return true;
	pins = pins_of(run, thing->object);
	if (refs > edges)
		add_outside(run, thing, refs - edges, pins);
	leaks = refs > edges + pins && is_tracked(thing->pool) &&
		!is_finalized(thing);
	run->audit->leaks |= leaks;
	if (refs < edges + pins || leaks)
		suspect(run, thing, edges, pins, leaks);
	return true;
}

/* ---- and is told ---- */

static void find(struct run *run, const struct ouro_thing *thing, u32 edges,
		 u32 pins, struct ouro_finding *findings, unsigned long *n)
{
	struct ouro_finding *finding;

	if ((*n)++ >= OURO_FINDINGS)
		return;
	finding = &findings[*n - 1];
	finding->kind = thing->pool->class->kind;
	finding->refs = refs_of(thing->word);
	finding->edges = edges;
	finding->pins = pins;
	finding->site = ouro_site_of(thing->pool, thing->object);
	ouro_pins_names(run->ins.scan.heap, thing->object, finding->pinned,
			sizeof(finding->pinned));
	rcu_read_lock();
	ouro_weak_name(thing->pool, thing->object, finding->name);
	rcu_read_unlock();
}

/* Whether nobody has touched the object, but for us: see ouro_inspect_fields(). */
static bool is_untouched(const struct suspect *suspect,
			 const struct ouro_thing *thing)
{
	u64 word = suspect->word;

	if (thing->pool->class->kind->type->traverse && refs_of(word))
		word += OURO_WORD_VERSION;
	return thing->word == word;
}

static void confirm(struct run *run, const struct suspect *suspect)
{
	struct ouro_thing thing = ouro_inspect_thing(&run->ins, suspect->place);
	u32 edges = *ouro_note_at(&run->ins.scan, suspect->place);
	struct ouro_audit *audit = run->audit;
	u32 pins = pins_of(run, thing.object);

	/* Its word comes last: pairs with the gets and puts of others. */
	smp_rmb();
	thing.word = atomic64_read(&thing.object->word);
	if (!is_untouched(suspect, &thing) || edges != suspect->edges ||
	    pins != suspect->pins)
		return;
	if (refs_of(thing.word) < edges + pins)
		find(run, &thing, edges, pins, audit->low, &audit->lows);
	else if (!run->blind)
		find(run, &thing, edges, pins, audit->high, &audit->highs);
}

/* ---- references that are not seen ---- */

#define PAUSE	(HZ / 10)

/*
 * Between a get and the note of its name, or the store to a slot, a reference is
 * nowhere to be seen.  Where its holder cannot be preempted a grace period does not
 * end before that is over, however long the CPU, if it is a virtual one, waits for
 * its turn.  Where it can, the pause has to do.
 */
static void pause_for_leaks(struct run *run)
{
	if (!run->audit->leaks || run->ins.last)
		return;
	schedule_timeout_interruptible(PAUSE);
	if (!ouro_inspect_is_over(&run->ins))
		synchronize_rcu();
}

static bool is_counted(struct ouro_pool *pool, void *arg)
{
	return pool->note || !ouro_inspect_refers(pool);
}

/*
 * What is in pools that were left out, or are new, may refer to any object.  A
 * reference that comes to such a pool later changes what it was before: the word
 * or the names of its object, or references that were counted.
 */
static void look_for_others(struct run *run)
{
	struct ouro_heap *heap = run->ins.scan.heap;

	run->blind = run->ins.scan.stat.skipped ||
		     !ouro_census_visit(heap, is_counted, NULL);
	run->audit->blind = run->blind && run->audit->leaks;
}

/* ---- what a type's traverse leaves out ---- */

#define TOLD_MOST	64

/* The references that an object's traverse tells of. */
struct told {
	unsigned int n;
	const struct ouro_object *ref[TOLD_MOST];
};

static bool note_told(const struct ouro_field *field, void *arg)
{
	struct told *told = arg;

	if (told->n < TOLD_MOST)
		told->ref[told->n] = field->ref;
	told->n++;
	return true;
}

/* False: of more than that, some would be taken for left out. */
static bool tell(const struct ouro_thing *thing, struct told *told)
{
	told->n = 0;
	ouro_inspect_fields(thing, note_told, told);
	return told->n <= TOLD_MOST;
}

static bool was_told(const struct told *told, const struct ouro_object *ref)
{
	unsigned int i;

	for (i = 0; i < told->n; i++)
		if (told->ref[i] == ref)
			return true;
	return false;
}

/*
 * The kind of the live object of this heap that a word points to, or NULL.  It may
 * be any number, so only pinned pools are looked at.
 */
static const struct ouro_kind *points_to(const struct ouro_inspect *ins,
					 const struct ouro_object *ref)
{
	u32 place = ouro_scan_place(&ins->scan, ref);
	struct ouro_thing thing;

	if (place == OURO_NOWHERE)
		return NULL;
	thing = ouro_inspect_thing(ins, place);
	return thing.object == ref && ouro_word_is_live(thing.word) ?
	       thing.pool->class->kind : NULL;
}

static void add_unvisited(struct ouro_audit *audit,
			  const struct ouro_kind *kind, u32 offset,
			  const struct ouro_kind *to)
{
	struct ouro_unvisited *one;
	unsigned int i;

	for (i = 0; i < audit->unvisits; i++) {
		one = &audit->unvisited[i];
		if (one->kind == kind && one->offset == offset) {
			one->objects++;
			return;
		}
	}
	if (i == OURO_UNVISITED)
		return;
	audit->unvisited[audit->unvisits++] = (struct ouro_unvisited) {
		.kind = kind, .offset = offset, .objects = 1, .to = to,
	};
}

/*
 * A word that points to an object, and of which was not told.  Both may have
 * changed in between, so it is looked at between two times that all is told.
 * False: @told is of no use any more.
 */
static bool check_word(struct run *run, const struct ouro_thing *thing,
		       struct told *told, u32 offset)
{
	struct ouro_object **at = (void *)thing->object + offset;
	struct ouro_object *ref = READ_ONCE_NOCHECK(*at);
	const struct ouro_kind *to = points_to(&run->ins, ref);

	if (!to || was_told(told, ref))
		return true;
	if (!tell(thing, told))
		return false;
	if (!was_told(told, ref) && READ_ONCE_NOCHECK(*at) == ref)
		add_unvisited(run->audit, thing->pool->class->kind, offset, to);
	return true;
}

static void check_words(struct run *run, const struct ouro_thing *thing,
			struct told *told)
{
	u32 offset, end = ouro_type_fixed_end(thing->pool->class->kind->type);

	for (offset = sizeof(struct ouro_object);
	     offset + sizeof(struct ouro_object *) <= end &&
	     ouro_object_is_live(thing->object);
	     offset += sizeof(struct ouro_object *))
		if (!check_word(run, thing, told, offset))
			return;
}

static bool check_traverse(struct ouro_inspect *ins,
			   const struct ouro_thing *thing, void *arg)
{
	struct told told;
	struct run *run = arg;

	if (!ouro_object_is_live(thing->object) || !tell(thing, &told))
		return true;
	check_words(run, thing, &told);
	return !ouro_inspect_is_over(ins);
}

static void check_traverses(struct run *run)
{
	struct ouro_inspect *ins = &run->ins;
	unsigned long p;

	for (p = 0; p < ins->npools; p++)
		if (ins->pool[p]->class->kind->type->traverse &&
		    !ouro_inspect_visit_pool(ins, ins->pool[p], check_traverse,
					     run))
			return;
}

/* ---- all of it ---- */

static int run_all(struct run *run)
{
	struct ouro_inspect *ins = &run->ins;
	unsigned int i;

	ouro_inspect_count(ins);
	ouro_inspect_visit(ins, judge, run);
	if (!ins->err)
		pause_for_leaks(run);
	/*
	 * Words were read before references are: pairs with the full barrier of
	 * who exchanges a slot, and then steps the version.
	 */
	smp_rmb();
	if (!ins->err && run->suspects)
		ouro_inspect_count(ins);
	if (!ins->err)
		look_for_others(run);
	for (i = 0; i < run->suspects && !ouro_inspect_is_over(ins); i++)
		confirm(run, &run->suspect[i]);
	if (!ins->err)
		check_traverses(run);
	run->audit->skipped = ins->scan.stat.skipped;
	return ins->err;
}

/**
 * ouro_audit_run() - compare counts and references in a heap
 * @heap: the heap
 *
 * Takes up to twice what a scan takes, if nothing looks wrong; the next scan waits.
 *
 * Context: Process context, may sleep; takes collector->running.
 * Return: what was found, to be given to kvfree(); or ERR_PTR of -ENOMEM, -EINTR,
 * -EBUSY or -ENODEV: see ouro_inspect_begin().
 */
struct ouro_audit *ouro_audit_run(struct ouro_heap *heap)
{
	struct ouro_audit *audit;
	struct run *run;
	int err = -ENOMEM;

	if (ouro_fail(sizeof(*run)))
		return ERR_PTR(-ENOMEM);
	run = kvzalloc(sizeof(*run), GFP_KERNEL);
	audit = kvzalloc(sizeof(*audit), GFP_KERNEL);
	if (run && audit) {
		run->audit = audit;
		audit->heap = heap;
		audit->pins_lost = ouro_pins_lost(heap);
		run->ins.dead = true;
		err = ouro_inspect_begin(&run->ins, heap);
		if (!err)
			err = run_all(run);
		ouro_inspect_end(&run->ins);
	}
	kvfree(run);
	if (!err)
		return audit;
	kvfree(audit);
	return ERR_PTR(err);
}
