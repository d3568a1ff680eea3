// SPDX-License-Identifier: GPL-2.0
/* Races: what they have in common, and the table. */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/string.h>
#include <ouro/object.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include "compat.h"
#include "race.h"

const char * const race_op_names[RACE_OPS] = {
	"store", "move", "swap", "take", "load", "clear",
};

struct race race;

static void item_finalize(void *object)
{
	atomic_long_inc(&race.finalized);
	EXPECT(race.t, race_is_good(object));
}

static void item_release(void *object)
{
	struct race_item *item = object;

	atomic_long_inc(&race.released);
	EXPECT(race.t, race_is_good(object));
	WRITE_ONCE(item->stamp, ~RACE_STAMP);
}

#define ITEM(type_name)							\
	.name = (type_name),						\
	.size = sizeof(struct race_item)

static const struct ouro_type types[RACE_TYPES] = {
	[RACE_PLAIN] = {
		ITEM("plain"), OURO_SLOTS(struct race_item, next),
		.release = item_release,
	},
	[RACE_TOLD] = {
		ITEM("told"), OURO_SLOTS(struct race_item, next),
		.finalize = item_finalize, .release = item_release,
	},
	[RACE_LATE] = {
		ITEM("late"), OURO_SLOTS(struct race_item, next),
		.finalize = item_finalize, .release = item_release,
		.flags = OURO_TYPE_WORKER,
	},
	[RACE_RCU] = {
		ITEM("rcu"), OURO_SLOTS(struct race_item, next),
		.release = item_release,
		.flags = OURO_TYPE_RCU,
	},
	[RACE_LEAF] = {
		ITEM("leaf"),
	},
};

static const struct ouro_type holder_type = {
	OURO_TYPE(struct race_holder, object),
	OURO_SLOTS(struct race_holder, slot),
};

/* An object with one reference, or NULL where the context says so. */
struct ouro_object *race_make(struct race *r, gfp_t gfp)
{
	struct race_item *item = ouro_new(r->now, gfp);
	const struct ouro_type *type;

	if (!item)
		return NULL;
	type = ouro_object_type(&item->object);
	if (type->finalize)
		atomic_long_inc(&r->to_finalize);
	if (type->release)
		atomic_long_inc(&r->to_release);
	WRITE_ONCE(item->serial, atomic_long_inc_return(&r->made));
	WRITE_ONCE(item->stamp, RACE_STAMP);
	return &item->object;
}

bool race_open(struct race *r, struct ouro_test *t)
{
	struct ouro_kind *holders;
	int i;

	memset(r, 0, sizeof(*r));
	r->t = t;
	r->heap = test_heap(t);
	if (!r->heap)
		return false;
	for (i = 0; i < RACE_TYPES; i++) {
		r->kind[i] = ouro_type_register(r->heap, &types[i]);
		if (!EXPECT(t, !IS_ERR(r->kind[i])))
			return false;
	}
	holders = ouro_type_register(r->heap, &holder_type);
	if (!EXPECT(t, !IS_ERR(holders)))
		return false;
	for (i = 0; i < RACE_CPUS; i++)
		r->agent[i] = (struct race_agent){ .random = i + 1,
						   .irq_random = i + 11 };
	r->holder = ouro_new(holders, GFP_KERNEL);
	if (!EXPECT(t, r->holder))
		return false;
	r->slot = &r->holder->slot;
	r->now = r->kind[RACE_PLAIN];
	return true;
}

/* What was made has died, each object once and by the rules. */
void race_count(struct race *r)
{
	ouro_heap_flush(r->heap);
	EXPECT_EQ(r->t, atomic_long_read(&r->released),
		  atomic_long_read(&r->to_release));
	EXPECT_EQ(r->t, atomic_long_read(&r->finalized),
		  atomic_long_read(&r->to_finalize));
}

void race_close(struct race *r)
{
	EXPECT_EQ(r->t, ouro_refcount(&r->holder->object), 1);
	ouro_put(&r->holder->object);
	ouro_heap_flush(r->heap);
	test_heap_settle(r->t, r->heap, 0);
	test_heap_close(r->t, r->heap);
}

/* Does @op, to which the reference to @object goes; returns what it yields. */
struct ouro_object *race_perform(struct race *r, enum race_op op,
				 struct ouro_object *object)
{
	struct ouro_object *got = NULL;

	switch (op) {
	case STORE:
		EXPECT_EQ(r->t, ouro_slot_store(r->slot, object), 0);
		ouro_put(object);
		break;
	case MOVE:
		EXPECT_EQ(r->t, ouro_slot_move(r->slot, object), 0);
		break;
	case SWAP:
		EXPECT_EQ(r->t, ouro_slot_swap(r->slot, object, &got), 0);
		break;
	case TAKE:
		got = ouro_slot_take(r->slot);
		break;
	case LOAD:
		got = ouro_slot_load(r->slot);
		break;
	default:
		ouro_slot_clear(r->slot);
	}
	return got;
}

/* @fn has it go on. */
void race_timer_begin(struct race_agent *a,
		      enum hrtimer_restart (*fn)(struct hrtimer *timer))
{
	hrtimer_setup(&a->timer, fn, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_HARD);
	hrtimer_start(&a->timer, ns_to_ktime(20000),
		      HRTIMER_MODE_REL_PINNED_HARD);
}

static const struct ouro_case race_cases[] = {
	EACH_KIND(pairs),
	EACH_KIND(interrupted),
	EACH_KIND(interrupted_nmi),
	EACH_KIND(replaced),
};

OURO_SUITE("race", race_cases);
