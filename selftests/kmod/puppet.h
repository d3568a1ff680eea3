/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the puppet share. */
#ifndef _OURO_TEST_PUPPET_H
#define _OURO_TEST_PUPPET_H

#include <ouro/heap.h>
#include <ouro/type.h>

#define PUPPET_TYPES	3
#define PUPPET_SHAPES	9	/* types, and containers */

struct made;

/**
 * struct puppet_objects - the objects of a heap on strings
 * @kind: by type, NULL until the first of it
 * @made: by shape, the newest first
 */
struct puppet_objects {
	struct ouro_kind *kind[PUPPET_TYPES];
	struct made *made[PUPPET_SHAPES];
};

/**
 * struct puppet_time - what some steps took
 * @ns: all together
 * @longest: the longest one, in nanoseconds
 * @steps: how many
 * @late: of them took a millisecond or more
 * @bytes: that were read
 */
struct puppet_time {
	u64 ns;
	u64 longest;
	u64 steps;
	u64 late;
	u64 bytes;
};

int puppet_make(struct ouro_heap *heap, struct puppet_objects *objects,
		unsigned long shape, unsigned long count);
int puppet_drop(struct puppet_objects *objects, unsigned long shape,
		unsigned long count);
int puppet_track(struct puppet_objects *objects, unsigned long shape,
		 unsigned long count);
int puppet_link(struct puppet_objects *objects, unsigned long from,
		unsigned long to);
int puppet_litter(struct ouro_heap *heap, struct puppet_objects *objects,
		  unsigned long count);
int puppet_ways(struct ouro_heap *heap, unsigned long context);
struct ouro_heap *puppet_heap(const char *name);
int puppet_crowd(struct ouro_heap *heap, struct puppet_objects *objects,
		 unsigned long count);
struct ouro_kind *puppet_ring(struct ouro_heap *heap,
			      struct puppet_objects *objects);
void puppet_forget(struct puppet_objects *objects);

int puppet_time_read(const char *path, unsigned long pages,
		     struct puppet_time *time);
int puppet_time_pairs(struct ouro_heap *heap, struct ouro_kind *kind,
		      unsigned long ms, struct puppet_time *time);

#endif /* _OURO_TEST_PUPPET_H */
