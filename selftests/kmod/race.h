/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Races: operations on one slot by two CPUs at once, and by interrupts in their
 * middle.
 *
 * An object has a stamp, which its release spoils, and a serial number.  So an
 * object that somebody has a reference to and that was released, or became
 * another one, is found out.
 */
#ifndef _OURO_TEST_RACE_H
#define _OURO_TEST_RACE_H

#include <linux/hrtimer.h>
#include <linux/types.h>
#include <ouro/object.h>
#include <ouro/slot.h>
#include "ouro_test.h"

#define RACE_CPUS	2	/* threads of a race */
#define RACE_HELD	4	/* objects that do not die */
#define RACE_STAMP	0x600d600d600d600dULL

struct race_item {
	struct ouro_object object;
	u64 stamp;
	u64 serial;
	struct ouro_slot next;		/* of a leaf: 8 bytes more */
};

struct race_holder {
	struct ouro_object object;
	struct ouro_slot slot;
};

enum race_op { STORE, MOVE, SWAP, TAKE, LOAD, CLEAR, RACE_OPS };

extern const char * const race_op_names[RACE_OPS];

/* The first few bring an object. */
static inline bool race_op_brings(enum race_op op)
{
	return op <= SWAP;
}

enum race_type {
	RACE_PLAIN, RACE_TOLD, RACE_LATE, RACE_RCU, RACE_LEAF, RACE_TYPES
};

/* One CPU's part. */
struct race_agent {
	struct hrtimer timer;
	u32 random;			/* of the thread */
	u32 irq_random;			/* of its interrupts */
	u64 irq_serial;			/* last seen there */
	enum race_op op;
};

/* One run; cases run one at a time. */
struct race {
	struct ouro_test *t;
	struct ouro_heap *heap;
	struct ouro_kind *kind[RACE_TYPES];
	struct ouro_kind *now;		/* of these, what is made */
	struct race_holder *holder;
	struct ouro_slot *slot;		/* of the holder */
	struct ouro_object *held[RACE_HELD];
	atomic_long_t made;
	atomic_long_t to_finalize;	/* of them */
	atomic_long_t to_release;
	atomic_long_t finalized;
	atomic_long_t released;
	atomic_t interrupts;
	int interrupts_least;		/* before it may end */
	enum race_op interrupt_op;
	u64 end;			/* ktime_get_ns() */
	bool over;
	struct race_agent agent[RACE_CPUS];
};

extern struct race race;

bool race_open(struct race *r, struct ouro_test *t);
void race_count(struct race *r);
void race_close(struct race *r);
struct ouro_object *race_make(struct race *r, gfp_t gfp);
struct ouro_object *race_perform(struct race *r, enum race_op op,
				 struct ouro_object *object);
void race_timer_begin(struct race_agent *a,
		      enum hrtimer_restart (*fn)(struct hrtimer *timer));

/* Whether the object was not released, and is whole. */
static inline bool race_is_good(const struct ouro_object *object)
{
	return READ_ONCE(((struct race_item *)object)->stamp) == RACE_STAMP;
}

/* Two at once: race_pair.c */
void pairs(struct ouro_test *t);

/* Two at once, and an interrupt in the middle of each: race_third.c */
void interrupted(struct ouro_test *t);
void interrupted_nmi(struct ouro_test *t);

/* Readers, while what they read dies and becomes something new: race_read.c */
void replaced(struct ouro_test *t);

#endif /* _OURO_TEST_RACE_H */
