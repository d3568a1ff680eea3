/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Checks: misuse is told once, counted, and does no damage.
 */
#ifndef OURO_CHECK_H
#define OURO_CHECK_H

#include "ouro.h"

struct ouro_heap;
struct ouro_pool;

/**
 * struct ouro_track - who had a block of a debug heap
 * @alloc: return address of the last allocation
 * @free: return address of the last free
 * @asked: bytes asked for
 * @known: kmemleak was told of the block; it may learn late of a free in NMI
 */
struct ouro_track {
	unsigned long alloc;
	unsigned long free;
	u32 asked;
	bool known;
};

/**
 * struct ouro_marks - what a pool of a checked heap has in addition
 * @rcu: look-ups under RCU may come late
 * @track: callers of each block in debug heaps, else NULL
 * @first: as in the pool, like the next three: it can go before these do
 * @mult: as there
 * @bound: as there
 * @size: as there
 * @live: bit set: a caller holds the block
 *
 * @track, where there is one, follows @live in the same memory.
 */
struct ouro_marks {
	struct rcu_head rcu;
	struct ouro_track *track;
	const char *first;
	u32 mult;
	u32 bound;
	u32 size;
	unsigned long live[];
};

enum ouro_misuse {
	OURO_MISUSE_NONE = -1,
	OURO_MISUSE_FOREIGN,	/* not a pointer of any heap */
	OURO_MISUSE_INNER,	/* inside a block, or into a pool's header */
	OURO_MISUSE_TWICE,	/* freed already */
	OURO_MISUSE_HEAP,	/* not of the heap or size named */
	OURO_MISUSE_WRITTEN,	/* written to after its free */
	OURO_MISUSE_OVERRUN,	/* written to behind its end */
	OURO_MISUSE_FREED,	/* an object, freed and not put */
	OURO_MISUSE_NO_OBJECT,	/* put or taken, and is no object */
	OURO_MISUSE_GET_DEAD,	/* a reference taken to a dead object */
	OURO_MISUSE_PUT_DEAD,	/* a reference put that nobody had */
	OURO_MISUSE_SATURATED,	/* too many references: it lives for ever */
	OURO_MISUSE_DEAD_SLOT,	/* a slot holds a dead object */
	OURO_MISUSE_NO_SLOT,	/* stored to in an object, and is no slot of its */
	OURO_MISUSE_NO_PIN,	/* a reference put under a name that none has */
	OURO_MISUSES,
};

extern atomic_long_t ouro_misuses;

/* Block @index becomes a caller's; a full barrier.  False: it is one's already. */
static __always_inline bool ouro_marks_set(struct ouro_marks *marks,
					   unsigned int index)
{
	return likely(!test_and_set_bit(index, marks->live));
}

/* And is a caller's no more; a full barrier.  False: it was nobody's. */
static __always_inline bool ouro_marks_clear(struct ouro_marks *marks,
					     unsigned int index)
{
	return likely(test_and_clear_bit(index, marks->live));
}

void ouro_check_report(enum ouro_misuse what, struct ouro_heap *heap,
		       struct ouro_pool *pool, const void *ptr,
		       unsigned long caller);
void ouro_check_report_size(enum ouro_misuse what, struct ouro_heap *heap,
			    unsigned int size, unsigned long caller);
void ouro_check_report_object(enum ouro_misuse what, struct ouro_heap *heap,
			      const char *type, const char *name,
			      unsigned long caller);
void ouro_check_new(struct ouro_pool *pool, void *object, size_t size,
		    unsigned long caller, gfp_t gfp);
void ouro_check_alloc(struct ouro_pool *pool, void *block, size_t size,
		      unsigned long caller, gfp_t gfp);
bool ouro_check_free(struct ouro_pool *pool, void *block, unsigned long caller);
void ouro_check_poison(struct ouro_pool *pool, void *block);
int ouro_check_pool_init(struct ouro_pool *pool, gfp_t gfp);
void ouro_check_pool_exit(struct ouro_pool *pool);
void ouro_check_leaks(struct ouro_heap *heap);
void ouro_check_resized(struct ouro_pool *pool, void *block, size_t size,
			gfp_t gfp);

#endif /* OURO_CHECK_H */
