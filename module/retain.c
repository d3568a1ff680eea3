// SPDX-License-Identifier: GPL-2.0
/*
 * Retained: what is kept alive by whom, in bytes.
 *
 * Holders are outside references, taken together by the type of what they refer to
 * and by their names.  From each object that is held from outside its holder goes
 * along the references: to what nobody has been at, and on; where another holder
 * has been, the object is shared, and so is all that it reaches.  So each object
 * is looked into twice at most.
 */
#include "ouro.h"
#include <linux/err.h>
#include <linux/sort.h>
#include <linux/string.h>
#include "fail.h"
#include "heap.h"
#include "inspect.h"
#include "pin.h"
#include "retain.h"

/* In ins->more, of an object: whose it is, by the holder's number plus one. */
#define NOBODYS		0
#define SHARED		(OURO_HOLDERS + 1)
#define WAITS		BIT(31)	/* it is in the queue */

/**
 * struct run - one search
 * @ins: with its queue, a ring of places, in @again
 * @retain: what was found
 * @head: where the queue begins
 * @waiting: places in it
 * @owner: of what is looked into
 */
struct run {
	struct ouro_inspect *ins;
	struct ouro_retain *retain;
	u32 head;
	u32 waiting;
	u32 owner;
};

static u32 *owner_of(const struct run *run, u32 place)
{
	return ouro_inspect_number(&run->ins->more, place);
}

/* Each place is in it once at most, so there is room. */
static void enqueue(struct run *run, u32 place)
{
	u32 notes = run->ins->scan.notes;
	u64 at = (u64)run->head + run->waiting++;

	*ouro_inspect_number(&run->ins->again, at >= notes ? at - notes : at) =
		place;
	*owner_of(run, place) |= WAITS;
}

static u32 dequeue(struct run *run)
{
	u32 place = *ouro_inspect_number(&run->ins->again, run->head);

	if (++run->head == run->ins->scan.notes)
		run->head = 0;
	run->waiting--;
	*owner_of(run, place) &= ~WAITS;
	return place;
}

/* An object is reached from what has an owner. */
static void reach(struct run *run, u32 place, u32 owner)
{
	u32 *mark = owner_of(run, place), was = *mark & ~WAITS;

	if (was == owner || was == SHARED)
		return;
	*mark = (was == NOBODYS ? owner : SHARED) | (*mark & WAITS);
	if (!(*mark & WAITS))
		enqueue(run, place);
}

/* ---- holders ---- */

static struct ouro_holder *holder_of(struct ouro_retain *retain,
				     const struct ouro_kind *kind,
				     const char *pinned)
{
	struct ouro_holder *holder;
	unsigned int i;

	for (i = 0; i < retain->holders; i++) {
		holder = &retain->holder[i];
		if (holder->kind == kind && !strcmp(holder->pinned, pinned))
			return holder;
	}
	/* The last one stands for all that there is no room for. */
	if (i == OURO_HOLDERS) {
		holder = &retain->holder[OURO_HOLDERS - 1];
		holder->kind = NULL;
		holder->pinned[0] = '\0';
		return holder;
	}
	holder = &retain->holder[retain->holders++];
	holder->kind = kind;
	strscpy(holder->pinned, pinned, sizeof(holder->pinned));
	return holder;
}

static bool look(struct ouro_inspect *ins, const struct ouro_thing *thing,
		 void *arg)
{
	char pinned[OURO_PIN_NAME_MAX];
	struct ouro_holder *holder;
	struct run *run = arg;

	if (!ouro_word_is_stuck(thing->word) &&
	    ouro_word_refs(thing->word) <= *ouro_note_at(&ins->scan, thing->place))
		return true;
	ouro_pins_names(ins->scan.heap, thing->object, pinned, sizeof(pinned));
	ins->scan.steps -= run->retain->holders / 8;
	holder = holder_of(run->retain, thing->pool->class->kind, pinned);
	holder->roots++;
	reach(run, thing->place, holder - run->retain->holder + 1);
	return true;
}

static bool follow(const struct ouro_field *field, void *arg)
{
	struct run *run = arg;
	u32 place = ouro_scan_place(&run->ins->scan, field->ref);

	if (place != OURO_NOWHERE)
		reach(run, place, run->owner);
	return true;
}

static void search(struct run *run)
{
	struct ouro_thing thing;

	while (run->waiting && !ouro_inspect_is_over(run->ins)) {
		thing = ouro_inspect_thing(run->ins, dequeue(run));
		run->owner = *owner_of(run, thing.place) & ~WAITS;
		run->ins->scan.steps--;
		ouro_inspect_follow(run->ins, &thing, follow, run);
	}
}

static bool sum(struct ouro_inspect *ins, const struct ouro_thing *thing,
		void *arg)
{
	struct run *run = arg;
	struct ouro_retain *retain = run->retain;
	u32 owner = *owner_of(run, thing->place) & ~WAITS;

	if (owner == NOBODYS) {
		retain->unreached++;
		retain->unreached_bytes += thing->pool->size;
	} else if (owner == SHARED) {
		retain->shared++;
		retain->shared_bytes += thing->pool->size;
	} else {
		retain->holder[owner - 1].objects++;
		retain->holder[owner - 1].bytes += thing->pool->size;
	}
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct ouro_holder *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return 0;
}

/**
 * ouro_retain_find() - find out what is kept alive by whom
 * @ins: after ouro_inspect_count(), with no other numbers in use
 * @retain: filled, but for the heap
 *
 * Context: Process context, may sleep.
 * Return: 0, -ENOMEM, or what the inspection ended with.
 */
int ouro_retain_find(struct ouro_inspect *ins, struct ouro_retain *retain)
{
	struct run run = { .ins = ins, .retain = retain };
	int err;

	err = ouro_inspect_more(ins, &ins->more) ?:
	      ouro_inspect_more(ins, &ins->again);
	if (!err) {
		ouro_inspect_visit(ins, look, &run);
		search(&run);
		ouro_inspect_visit(ins, sum, &run);
		err = ins->err;
	}
	sort(retain->holder, retain->holders, sizeof(retain->holder[0]), compare,
	     NULL);
	retain->skipped = ins->scan.stat.skipped;
	ouro_pieces_put(&ins->more);
	ouro_pieces_put(&ins->again);
	return err;
}

/**
 * ouro_retain_run() - what is kept alive by whom
 * @heap: the heap
 *
 * Takes three to six times what a scan takes; the next scan waits.
 *
 * Context: Process context, may sleep; takes collector->running.
 * Return: what was found, to be given to kvfree(); or ERR_PTR, as
 * ouro_inspect_begin().
 */
struct ouro_retain *ouro_retain_run(struct ouro_heap *heap)
{
	struct ouro_inspect ins = { };
	struct ouro_retain *retain;
	int err;

	retain = ouro_fail(sizeof(*retain)) ? NULL :
		 kvzalloc(sizeof(*retain), GFP_KERNEL);
	if (!retain)
		return ERR_PTR(-ENOMEM);
	retain->heap = heap;
	err = ouro_inspect_begin(&ins, heap);
	if (!err) {
		ouro_inspect_count(&ins);
		err = ins.err ?: ouro_retain_find(&ins, retain);
	}
	ouro_inspect_end(&ins);
	if (!err)
		return retain;
	kvfree(retain);
	return ERR_PTR(err);
}
