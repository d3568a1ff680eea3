// SPDX-License-Identifier: GPL-2.0
/*
 * Payload: what of an object is neither header nor slot.
 *
 * The rest is in use from the first object in a block to the last, and may be
 * read at any time; so the payload is what is zeroed, poisoned and copied.
 */
#include "ouro.h"
#include <linux/string.h>
#include "kind.h"

/* The lowest slot from @from on, or pointer to an array of such; else @end. */
static u32 next_slot(const struct ouro_type *type, u32 from, u32 end)
{
	unsigned int i;
	u32 best = end;

	if ((type->flags & OURO_TYPE_ARRAY_APART) && type->array >= from)
		best = type->array;
	for (i = 0; i < type->nslots; i++)
		if (type->slots[i].offset >= from)
			best = min(best, type->slots[i].offset);
	return best;
}

/* At most two runs more than there are slots. */
void ouro_payload_find(struct ouro_kind *kind)
{
	const struct ouro_type *type = kind->type;
	u32 from = sizeof(struct ouro_object), to, end;

	for (end = ouro_type_fixed_end(type); from < end;
	     from = to + sizeof(struct ouro_slot)) {
		to = next_slot(type, from, end);
		if (to > from)
			kind->runs[kind->nruns++] = (struct ouro_run) {
				.offset = from, .bytes = to - from,
			};
	}
}

/*
 * Only whole granules are poisoned, of no slot a part: a scan may read those of
 * a dead object at any time.
 */
void ouro_payload_poison(const struct ouro_kind *kind,
			 struct ouro_object *object)
{
	unsigned long from, to;
	unsigned int i;

	for (i = 0; i < kind->nruns; i++) {
		from = (unsigned long)object + kind->runs[i].offset;
		to = from + kind->runs[i].bytes;
		from = ALIGN(from, 8);
		to = to == (unsigned long)object + kind->type->size ?
		     ALIGN(to, 8) : ALIGN_DOWN(to, 8);
		if (to > from)
			ouro_kasan_poison((void *)from, to - from);
	}
}

/**
 * ouro_payload_open() - the payload of an object becomes its user's
 * @kind: of it
 * @object: not yet live
 * @zero: the payload shall be zeroes
 *
 * Context: Any.
 */
void ouro_payload_open(const struct ouro_kind *kind, struct ouro_object *object,
		       bool zero)
{
	unsigned int i;
	void *run;

	zero &= !ouro_payload_is_kept(kind);
	for (i = 0; i < kind->nruns; i++) {
		run = (void *)object + kind->runs[i].offset;
		ouro_kasan_unpoison(run, kind->runs[i].bytes);
		if (zero)
			memset(run, 0, kind->runs[i].bytes);
	}
}

/**
 * ouro_payload_close() - the payload of an object is its user's no more
 * @kind: of it
 * @object: dead; neither its word nor its slots are written to
 *
 * Context: Any.
 */
void ouro_payload_close(const struct ouro_kind *kind, struct ouro_object *object)
{
	unsigned int i;

	if (want_init_on_free() && !ouro_payload_is_kept(kind))
		for (i = 0; i < kind->nruns; i++)
			memset((void *)object + kind->runs[i].offset, 0,
			       kind->runs[i].bytes);
	if (IS_ENABLED(CONFIG_KASAN_GENERIC) && !ouro_payload_is_kept(kind))
		ouro_payload_poison(kind, object);
}
