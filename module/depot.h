/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Depots: parked magazines, per node and class.
 */
#ifndef OURO_DEPOT_H
#define OURO_DEPOT_H

#include "ouro.h"

struct ouro_class;
struct ouro_front;
struct ouro_magazine;

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

void ouro_depot_set_key(struct ouro_depot *depot, struct lock_class_key *key);
void ouro_depot_init(struct ouro_depot *depot, struct lock_class_key *key);
bool ouro_depot_load(struct ouro_class *class, struct ouro_front *front);
bool ouro_depot_park(struct ouro_class *class, struct ouro_front *front);
void ouro_depot_equip(struct ouro_class *class, gfp_t gfp);
unsigned long ouro_depot_drain(struct ouro_class *class);
void ouro_depot_destroy(struct ouro_class *class);

#endif /* OURO_DEPOT_H */
