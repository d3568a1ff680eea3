/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Magazines: arrays of free blocks that move between fronts and the depot of a
 * node, so that most traffic between CPUs costs one lock per dozens of blocks.
 *
 * After Bonwick and Adams, "Magazines and Vmem", USENIX 2001.
 */
#ifndef OURO_MAGAZINE_H
#define OURO_MAGAZINE_H

#include "front.h"
#include "ouro.h"

struct ouro_class;
struct ouro_pool;

#define OURO_ROUNDS_MAX		126	/* a magazine is at most 1 KiB */

/**
 * struct ouro_magazine - some free blocks of one class
 * @next: in a depot
 * @none: NULL: what a pop from an empty magazine finds
 * @block: the blocks
 */
struct ouro_magazine {
	struct ouro_magazine *next;
	void *none;
	void *block[];
};

/* The rounds change under the eyes of a reader on another CPU. */
static inline void ouro_front_change_begin(struct ouro_front *front)
{
	WRITE_ONCE(front->seq, front->seq + 1);
	smp_wmb();	/* pairs with the first smp_rmb() in ouro_front_read() */
}

static inline void ouro_front_change_end(struct ouro_front *front)
{
	smp_wmb();	/* pairs with the second smp_rmb() in ouro_front_read() */
	WRITE_ONCE(front->seq, front->seq + 1);
}

/* What the top of an entered front says. */
static inline unsigned long ouro_front_entered(void **place)
{
	return (unsigned long)place + OURO_FRONT_ENTERED;
}

/* Makes @magazine the main one of an entered front. */
static inline void ouro_front_set_main(struct ouro_front *front,
				       struct ouro_magazine *magazine,
				       unsigned int rounds, unsigned int limit)
{
	WRITE_ONCE(front->main, magazine);
	WRITE_ONCE(front->limit, ouro_front_entered(magazine->block + limit));
	WRITE_ONCE(front->top, ouro_front_entered(magazine->block + rounds));
}

int ouro_magazine_init(void);
void ouro_magazine_exit(void);
void ouro_front_init(struct ouro_front __percpu *fronts, unsigned int count);

struct ouro_magazine *ouro_magazine_create(struct ouro_class *class, gfp_t gfp);
void ouro_magazine_destroy(struct ouro_class *class,
			   struct ouro_magazine *magazine);
void *ouro_magazine_alloc(struct ouro_class *class, bool tight, bool *hungry);
void ouro_magazine_equip(struct ouro_class *class, gfp_t gfp, bool hungry);
void ouro_magazine_free(struct ouro_pool *pool, void *block);
unsigned long ouro_magazine_drain(struct ouro_class *class, int cpu);
void ouro_magazine_destroy_all(struct ouro_class *class);
bool ouro_front_swap_empty(struct ouro_front *front, unsigned int limit);
bool ouro_front_swap_full(struct ouro_front *front, unsigned int limit);
long ouro_front_read(const struct ouro_front *front, unsigned int rounds,
		     unsigned long *held);

#endif /* OURO_MAGAZINE_H */
