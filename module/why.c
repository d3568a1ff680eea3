// SPDX-License-Identifier: GPL-2.0
/*
 * Why: what keeps an object alive.
 *
 * An object with more references in its word than were found in other objects is
 * held from outside.  From all of these at once a search goes along the references,
 * breadth first, until it meets what is looked for; each object notes from which
 * one it was reached.
 */
#include "ouro.h"
#include <linux/err.h>
#include <linux/string.h>
#include "fail.h"
#include "heap.h"
#include "inspect.h"
#include "pin.h"
#include "why.h"

/* In ins->more: from where an object was reached. */
#define FROM_NOWHERE	0
#define FROM_OUTSIDE	1
#define FROM_PLACE	2	/* and more: the place of the other's note, plus that */

#define NONE	U32_MAX

/**
 * struct search - one search
 * @ins: with the search's queue, places, in @again
 * @target: what is looked for
 * @found: its place, or NONE
 * @reached: the place of the first such that was reached, or NONE
 * @head: where the queue begins
 * @tail: where it ends
 * @at: the place that is looked into
 */
struct search {
	struct ouro_inspect *ins;
	const struct ouro_target *target;
	u32 found;
	u32 reached;
	u32 head;
	u32 tail;
	u32 at;
};

static u32 *from_of(const struct search *search, u32 place)
{
	return ouro_inspect_number(&search->ins->more, place);
}

static bool is_wanted(const struct ouro_target *target, struct ouro_pool *pool,
		      const struct ouro_object *object)
{
	if (target->kind)
		return pool->class->kind == target->kind;
	return pool->objects->number == target->number &&
	       ouro_pool_index(pool, object) == target->block &&
	       ouro_weak_is(pool, object, target->generation);
}

static void enqueue(struct search *search, u32 place, u32 from)
{
	*from_of(search, place) = from;
	*ouro_inspect_number(&search->ins->again, search->tail++) = place;
}

/* Those that are held from outside, and what is looked for. */
static bool look(struct ouro_inspect *ins, const struct ouro_thing *thing,
		 void *arg)
{
	struct search *search = arg;

	if (search->found == NONE &&
	    is_wanted(search->target, thing->pool, thing->object))
		search->found = thing->place;
	if (ouro_word_is_stuck(thing->word) ||
	    ouro_word_refs(thing->word) > *ouro_note_at(&ins->scan, thing->place))
		enqueue(search, thing->place, FROM_OUTSIDE);
	return true;
}

static bool follow(const struct ouro_field *field, void *arg)
{
	struct search *search = arg;
	u32 place = ouro_scan_place(&search->ins->scan, field->ref);

	if (place != OURO_NOWHERE && *from_of(search, place) == FROM_NOWHERE)
		enqueue(search, place, search->at + FROM_PLACE);
	return true;
}

static void search_all(struct search *search)
{
	struct ouro_inspect *ins = search->ins;
	struct ouro_thing thing;

	while (search->head < search->tail && !ouro_inspect_is_over(ins)) {
		search->at = *ouro_inspect_number(&ins->again, search->head++);
		thing = ouro_inspect_thing(ins, search->at);
		if (is_wanted(search->target, thing.pool, thing.object)) {
			search->reached = search->at;
			return;
		}
		ins->scan.steps--;
		ouro_inspect_follow(ins, &thing, follow, search);
	}
}

/* ---- the path ---- */

/* By which field an object refers to another. */
struct between {
	const struct ouro_object *to;
	char *text;
};

static bool find_field(const struct ouro_field *field, void *arg)
{
	struct between *between = arg;

	if (field->ref != between->to)
		return true;
	ouro_field_name(field, between->text);
	return false;
}

static void step_set(struct ouro_inspect *ins, struct ouro_step *step,
		     u32 place, u32 next)
{
	struct ouro_thing thing = ouro_inspect_thing(ins, place);
	struct between between = { .text = step->field };

	step->kind = thing.pool->class->kind;
	rcu_read_lock();
	ouro_weak_name(thing.pool, thing.object, step->name);
	rcu_read_unlock();
	if (next == NONE)
		return;
	between.to = ouro_inspect_thing(ins, next).object;
	if (ouro_inspect_follow(ins, &thing, find_field, &between))
		strscpy(step->field, "(no more)", OURO_FIELD_TEXT);
}

static void first_set(const struct ouro_inspect *ins, struct ouro_path *path,
		      u32 place)
{
	struct ouro_thing thing = ouro_inspect_thing(ins, place);
	u32 edges = *ouro_note_at(&ins->scan, place);

	path->immortal = ouro_word_is_stuck(thing.word);
	if (!path->immortal && ouro_word_refs(thing.word) > edges)
		path->outside = ouro_word_refs(thing.word) - edges;
	ouro_pins_names(ins->scan.heap, thing.object, path->pinned,
			sizeof(path->pinned));
}

/* From its end to its beginning; each step has its place, whatever is left out. */
static void path_set(struct search *search, struct ouro_path *path)
{
	u32 place, from, next = NONE, at, i;

	for (place = search->reached; place != NONE; place = from - FROM_PLACE) {
		path->length++;
		search->ins->scan.steps--;
		ouro_scan_breathe(&search->ins->scan);
		from = *from_of(search, place);
		if (from == FROM_OUTSIDE)
			break;
	}
	path->left_out = path->length - min_t(u32, path->length, 2 * OURO_STEPS);
	i = path->length;
	for (place = search->reached; i; place = from - FROM_PLACE) {
		at = --i;
		search->ins->scan.steps--;
		ouro_scan_breathe(&search->ins->scan);
		from = *from_of(search, place);
		if (at >= OURO_STEPS && path->left_out) {
			if (at < path->length - OURO_STEPS) {
				next = place;
				continue;
			}
			at -= path->left_out;
		}
		step_set(search->ins, &path->step[at], place, next);
		next = place;
	}
	/* Where the walk has ended. */
	first_set(search->ins, path, next);
}

/**
 * ouro_why_find() - the shortest way from outside to an object
 * @ins: after ouro_inspect_count(), with no other numbers in use
 * @target: the object
 * @path: filled
 *
 * Context: Process context, may sleep.
 * Return: 0, -ENOMEM, or what the inspection ended with.
 */
int ouro_why_find(struct ouro_inspect *ins, const struct ouro_target *target,
		  struct ouro_path *path)
{
	struct search search = {
		.ins = ins, .target = target, .found = NONE, .reached = NONE,
	};
	int err;

	err = ouro_inspect_more(ins, &ins->more) ?:
	      ouro_inspect_more(ins, &ins->again);
	if (!err) {
		ouro_inspect_visit(ins, look, &search);
		search_all(&search);
		err = ins->err;
	}
	if (!err && search.reached != NONE)
		path_set(&search, path);
	path->found = search.found != NONE || search.reached != NONE;
	path->reached = search.reached != NONE;
	ouro_pieces_put(&ins->more);
	ouro_pieces_put(&ins->again);
	return err;
}

/**
 * ouro_path_text() - a path in one line
 * @path: that leads to something
 * @text: set to "session.peers[3] -> peer.owner -> session", cut where there is no
 *	room
 * @size: of @text
 *
 * Context: Any.
 */
void ouro_path_text(const struct ouro_path *path, char *text, size_t size)
{
	u32 i, n = path->length - path->left_out;
	int at = 0;

	for (i = 0; i < n; i++) {
		if (path->left_out && i == OURO_STEPS)
			at += scnprintf(text + at, size - at, "(%u more) -> ",
					path->left_out);
		at += scnprintf(text + at, size - at, "%s%s%s%s",
				path->step[i].kind->type->name,
				i + 1 < n ? "." : "", path->step[i].field,
				i + 1 < n ? " -> " : "");
	}
}

/* What holds its first object: "2 from outside: name". */
void ouro_path_holder(const struct ouro_path *path, char *text, size_t size)
{
	const char *colon = path->pinned[0] ? ": " : "";

	if (path->immortal)
		snprintf(text, size, "never dies%s%s", colon, path->pinned);
	else
		snprintf(text, size, "%u from outside%s%s", path->outside,
			 colon, path->pinned);
}

/* ---- questions ---- */

static int target_by_handle(struct ouro_heap *heap, const struct ouro_weak *weak,
			    struct ouro_target *target)
{
	if (weak->name >> (OURO_WEAK_BLOCK_BITS + OURO_WEAK_POOL_BITS) !=
	    (heap->id & ((1U << OURO_WEAK_HEAP_BITS) - 1)))
		return -EXDEV;
	*target = (struct ouro_target) {
		.number = weak->name >> OURO_WEAK_BLOCK_BITS,
		.block = weak->name & ((1U << OURO_WEAK_BLOCK_BITS) - 1),
		.generation = weak->generation,
	};
	return 0;
}

/**
 * ouro_why_target() - what is asked for
 * @heap: the heap
 * @asked: a handle, or the name of a type
 * @target: set
 *
 * Context: Any.
 * Return: 0; -EINVAL when it is neither; -EXDEV when it is a handle of another heap.
 */
int ouro_why_target(struct ouro_heap *heap, const char *asked,
		    struct ouro_target *target)
{
	struct ouro_kind *kind;
	struct ouro_weak weak;
	int err = -EINVAL;

	rcu_read_lock();
	list_for_each_entry_rcu(kind, &heap->kinds, link) {
		if (strcmp(kind->type->name, asked))
			continue;
		*target = (struct ouro_target) { .kind = kind };
		err = 0;
	}
	rcu_read_unlock();
	if (!err || ouro_weak_parse(asked, &weak))
		return err;
	return target_by_handle(heap, &weak, target);
}

/**
 * ouro_why_run() - what keeps an object alive
 * @heap: the heap
 * @asked: as for ouro_why_target()
 *
 * Takes about what a scan takes; the next scan waits.
 *
 * Context: Process context, may sleep; takes collector->running.
 * Return: the answer, to be given to kvfree(); or ERR_PTR, as ouro_inspect_begin()
 * and ouro_why_target().
 */
struct ouro_why *ouro_why_run(struct ouro_heap *heap, const char *asked)
{
	struct ouro_inspect ins = { };
	struct ouro_target target;
	struct ouro_why *why;
	int err;

	err = ouro_why_target(heap, asked, &target);
	if (err)
		return ERR_PTR(err);
	why = ouro_fail(sizeof(*why)) ? NULL : kvzalloc(sizeof(*why), GFP_KERNEL);
	if (!why)
		return ERR_PTR(-ENOMEM);
	why->heap = heap;
	strscpy(why->asked, asked, sizeof(why->asked));
	err = ouro_inspect_begin(&ins, heap);
	if (!err) {
		ouro_inspect_count(&ins);
		err = ins.err ?: ouro_why_find(&ins, &target, &why->path);
	}
	ouro_inspect_end(&ins);
	if (!err)
		return why;
	kvfree(why);
	return ERR_PTR(err);
}
