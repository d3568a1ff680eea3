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

struct ouro_heap;
struct ouro_pool;

#define OURO_ROUNDS_MAX		60	/* a magazine is at most 512 bytes */

/**
 * struct ouro_magazine - some free blocks of one class
 * @next: in a depot
 * @rounds: blocks in it while it is in no front's main place
 * @none: NULL: what a pop from an empty magazine finds
 * @block: the blocks
 */
struct ouro_magazine {
	struct ouro_magazine *next;
	unsigned long rounds;
	void *none;
	void *block[];
};

/**
 * struct ouro_depot - parked magazines of one class on one node
 * @lock: guards the rest
 * @nfull: on @full, at most the geometry's parked
 * @nempty: on @empty; @nfull + @nempty is at most parked, too
 * @full: magazines with every round
 * @empty: magazines without any
 */
struct ouro_depot {
	raw_spinlock_t lock;
	u16 nfull;
	u16 nempty;
	struct ouro_magazine *full;
	struct ouro_magazine *empty;
};

int ouro_magazine_init(void);
void ouro_magazine_exit(void);
void ouro_front_init(struct ouro_front __percpu *fronts);
void ouro_depot_set_key(struct ouro_depot *depot, struct lock_class_key *key);
void ouro_depot_init(struct ouro_depot *depot, struct lock_class_key *key);

void *ouro_magazine_alloc(struct ouro_heap *heap, unsigned int index,
			  bool tight, bool *hungry);
void ouro_magazine_equip(struct ouro_heap *heap, unsigned int index, gfp_t gfp,
			 bool hungry);
void ouro_magazine_free(struct ouro_heap *heap, struct ouro_pool *pool,
			void *block);
unsigned long ouro_magazine_drain(struct ouro_heap *heap, int cpu);
unsigned long ouro_magazine_drain_depots(struct ouro_heap *heap);
void ouro_magazine_destroy_all(struct ouro_heap *heap);
long ouro_front_read(const struct ouro_front *front, unsigned int rounds,
		     unsigned long *held);

#endif /* OURO_MAGAZINE_H */
