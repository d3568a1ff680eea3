/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inspections: a look at all objects of a heap that is not a scan.
 *
 *	inspect.c	pools are pinned, references are counted
 *	audit.c		counts against references
 *	why.c		what keeps an object alive
 *	retain.c	what is kept alive by whom
 *
 * The heap's next scan, freezing and unfreezing wait for an inspection, and who waits
 * for these; nobody else does.
 */
#ifndef OURO_INSPECT_H
#define OURO_INSPECT_H

#include "field.h"
#include "kind.h"
#include "pieces.h"
#include "scan.h"

/**
 * struct ouro_inspect - one inspection
 * @scan: that pools of every kind have joined; a note is the number of references
 *	to an object that were found
 * @pool: these pools, in the order of their notes
 * @npools: in @pool
 * @index: from a place to a number in @pool; behind it
 * @more: for each note one more number, if there is a use for it
 * @again: another
 * @err: why it is over before its time, or 0
 * @dead: visits come to what is dead, and referred to, as well
 * @last: the heap is being destroyed, and by whom inspects it
 */
struct ouro_inspect {
	struct ouro_scan scan;
	struct ouro_pool **pool;
	unsigned long npools;
	u32 *index;
	struct ouro_pieces more;
	struct ouro_pieces again;
	int err;
	bool dead;
	bool last;
};

/**
 * struct ouro_thing - an object and where its note is
 * @object: the object
 * @pool: it lies in
 * @place: of its note
 * @word: as it was read
 */
struct ouro_thing {
	struct ouro_object *object;
	struct ouro_pool *pool;
	u32 place;
	u64 word;
};

/* Returns false to end the visit. */
typedef bool (*ouro_thing_fn)(struct ouro_inspect *ins,
			      const struct ouro_thing *thing, void *arg);

int ouro_inspect_begin(struct ouro_inspect *ins, struct ouro_heap *heap);
void ouro_inspect_end(struct ouro_inspect *ins);
int ouro_inspect_more(struct ouro_inspect *ins, struct ouro_pieces *pieces);
bool ouro_inspect_is_over(struct ouro_inspect *ins);
bool ouro_inspect_refers(const struct ouro_pool *pool);
void ouro_inspect_count(struct ouro_inspect *ins);
bool ouro_inspect_visit_pool(struct ouro_inspect *ins, struct ouro_pool *pool,
			     ouro_thing_fn fn, void *arg);
bool ouro_inspect_visit(struct ouro_inspect *ins, ouro_thing_fn fn, void *arg);
struct ouro_thing ouro_inspect_thing(const struct ouro_inspect *ins, u32 place);
bool ouro_inspect_fields(const struct ouro_thing *thing, ouro_field_fn fn,
			 void *arg);
bool ouro_inspect_follow(struct ouro_inspect *ins,
			 const struct ouro_thing *thing, ouro_field_fn fn,
			 void *arg);

static inline u32 *ouro_inspect_number(const struct ouro_pieces *pieces,
				       u32 place)
{
	return ouro_pieces_at(pieces, place, sizeof(u32));
}

static inline bool ouro_word_is_live(u64 word)
{
	return (word & OURO_COUNT_MASK) > OURO_COUNT_DEAD &&
	       !(word & OURO_WORD_DEAD);
}

/* References in a word of a live object. */
static inline u32 ouro_word_refs(u64 word)
{
	return (word & OURO_COUNT_MASK) - OURO_COUNT_DEAD;
}

/* It never dies, and its count says nothing. */
static inline bool ouro_word_is_stuck(u64 word)
{
	return (word & OURO_COUNT_MASK) >= OURO_COUNT_SATURATED;
}

#endif /* OURO_INSPECT_H */
