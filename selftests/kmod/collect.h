/* SPDX-License-Identifier: GPL-2.0 */
/* Rings of links: cyclic garbage for the tests of the collector's interface. */
#ifndef _OURO_TEST_COLLECT_H
#define _OURO_TEST_COLLECT_H

#include <ouro/collect.h>
#include <ouro/object.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include <ouro/weak.h>
#include "ouro_test.h"

enum link_make {
	LINK_PLAIN,
	LINK_TOLD,		/* finalizer and release */
	LINK_LATE,		/* the same, by a worker */
	LINK_MAKES
};

#define LITTER_RING	10	/* links of a ring of litter */

/**
 * struct link - an object that tells whether it is whole
 * @object: the header
 * @next: in its ring
 * @other: for cases that want more
 * @number: of the link
 * @check: follows from @number, until the link is dead
 * @act: what its finalizer does besides, or NULL
 */
struct link {
	struct ouro_object object;
	struct ouro_slot next;
	struct ouro_slot other;
	u64 number;
	u64 check;
	void (*act)(struct link *link);
};

/**
 * struct collect - what a case works on; cases run one at a time
 * @t: the run of the case
 * @heap: its heap
 * @kind: of its links
 * @made: told and late links
 * @finalized: of these
 * @released: of these
 */
struct collect {
	struct ouro_test *t;
	struct ouro_heap *heap;
	struct ouro_kind *kind[LINK_MAKES];
	atomic_long_t made;
	atomic_long_t finalized;
	atomic_long_t released;
};

extern struct collect collect_scene;

static inline struct link *link_of(struct ouro_object *object)
{
	return container_of(object, struct link, object);
}

/* collect_ring.c */
bool collect_types(struct collect *s, struct ouro_test *t,
		   struct ouro_heap *heap);
bool collect_open(struct collect *s, struct ouro_test *t);
bool collect_open_limit(struct collect *s, struct ouro_test *t, size_t limit);
void collect_close(struct collect *s);
struct link *link_new(struct collect *s, enum link_make make, u64 number,
		      gfp_t gfp);
bool link_is_whole(const struct link *link);
struct link *ring_new(struct collect *s, enum link_make make, unsigned int n,
		      gfp_t gfp);
void ring_cut(struct link *link);
bool ring_is_whole(struct link *link, unsigned int n);
bool ring_drop(struct collect *s, enum link_make make, unsigned int n,
	       gfp_t gfp);
unsigned long ring_litter(struct collect *s, unsigned long links, gfp_t gfp);
bool ring_hoard(struct collect *s, struct ouro_slot *chain, unsigned long links,
		gfp_t gfp);
unsigned long collect_runs(struct collect *s, enum ouro_generation generation);
bool collect_wait_runs(struct collect *s, enum ouro_generation generation,
		       unsigned long wanted);
unsigned long collect_tracked(struct collect *s);

/* The cases of the other files, for the table in collect.c. */
void collect_mode_heap(struct ouro_test *t);
void collect_report_heap(struct ouro_test *t);
void collect_mode_type(struct ouro_test *t);
void collect_report_type(struct ouro_test *t);
void collect_report_reached(struct ouro_test *t);
void collect_notified(struct ouro_test *t);

void collect_enabled(struct ouro_test *t);
void collect_by_itself(struct ouro_test *t);
void collect_threshold_zero(struct ouro_test *t);
void collect_growth(struct ouro_test *t);
void collect_growth_meanwhile(struct ouro_test *t);
void collect_bounded(struct ouro_test *t);
void collect_turn(struct ouro_test *t);
void collect_turn_never(struct ouro_test *t);
void collect_turn_late(struct ouro_test *t);
void collect_share(struct ouro_test *t);

void collect_freeze(struct ouro_test *t);
void collect_freeze_inside(struct ouro_test *t);
void collect_freeze_fails(struct ouro_test *t);
void collect_freeze_beside(struct ouro_test *t);

void collect_limit(struct ouro_test *t);
void collect_limit_only(struct ouro_test *t);
void collect_limit_types(struct ouro_test *t);
void collect_limit_grace(struct ouro_test *t);
void collect_limit_live(struct ouro_test *t);
void collect_limit_nowait(struct ouro_test *t);
void collect_limit_blocks(struct ouro_test *t);
void collect_limit_large(struct ouro_test *t);
void collect_limit_vector(struct ouro_test *t);

void collect_final_allocates(struct ouro_test *t);
void collect_final_collects(struct ouro_test *t);
void collect_final_other(struct ouro_test *t);
void collect_final_drops(struct ouro_test *t);
void collect_final_cuts(struct ouro_test *t);
void collect_final_sleeps(struct ouro_test *t);
void collect_final_waits(struct ouro_test *t);

void collect_destroyed(struct ouro_test *t);
void collect_two_at_once(struct ouro_test *t);
void collect_two_heaps(struct ouro_test *t);
void collect_upgraded(struct ouro_test *t);
void collect_disturbed(struct ouro_test *t);

void collect_fault_each(struct ouro_test *t);

#endif /* _OURO_TEST_COLLECT_H */
