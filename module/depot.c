// SPDX-License-Identifier: GPL-2.0
/*
 * Depots: where full and empty magazines wait for a CPU that needs them.
 */
#include "ouro.h"
#include "depot.h"
#include "heap.h"
#include "magazine.h"

void ouro_depot_set_key(struct ouro_depot *depot, struct lock_class_key *key)
{
	lockdep_set_class_and_subclass(&depot->lock, key, OURO_LOCK_DEPOT);
}

void ouro_depot_init(struct ouro_depot *depot, struct lock_class_key *key)
{
	raw_spin_lock_init(&depot->lock);
	ouro_depot_set_key(depot, key);
}

static struct ouro_depot *depot_here(struct ouro_class *class)
{
	return &class->depot[numa_mem_id()];
}

static long magazine_bytes(const struct ouro_geometry *geo)
{
	return (long)geo->rounds * geo->size;
}

/* Trades the empty main magazine for a full one of the depot. */
bool ouro_depot_load(struct ouro_class *class, struct ouro_front *front)
{
	const struct ouro_geometry *geo = class->geo;
	struct ouro_depot *depot = depot_here(class);
	struct ouro_magazine *full;
	unsigned long flags;

	if (!READ_ONCE(depot->full))
		return false;
	raw_spin_lock_irqsave(&depot->lock, flags);
	full = depot->full;
	if (full) {
		WRITE_ONCE(depot->full, full->next);
		depot->nfull--;
		front->main->next = depot->empty;
		depot->empty = front->main;
		depot->nempty++;
	}
	raw_spin_unlock_irqrestore(&depot->lock, flags);
	if (!full)
		return false;
	atomic_long_sub(magazine_bytes(geo), &class->heap->parked);
	ouro_front_change_begin(front);
	ouro_front_set_main(front, full, geo->rounds, geo->rounds);
	WRITE_ONCE(front->loaded, front->loaded + geo->rounds);
	ouro_front_change_end(front);
	return true;
}

/* Trades the full spare magazine for an empty one; main becomes the spare. */
bool ouro_depot_park(struct ouro_class *class, struct ouro_front *front)
{
	const struct ouro_geometry *geo = class->geo;
	struct ouro_depot *depot = depot_here(class);
	struct ouro_magazine *empty;
	unsigned long flags;

	raw_spin_lock_irqsave(&depot->lock, flags);
	empty = depot->empty;
	if (empty) {
		depot->empty = empty->next;
		depot->nempty--;
		front->spare->next = depot->full;
		WRITE_ONCE(depot->full, front->spare);
		depot->nfull++;
	}
	raw_spin_unlock_irqrestore(&depot->lock, flags);
	if (!empty)
		return false;
	atomic_long_add(magazine_bytes(geo), &class->heap->parked);
	ouro_front_change_begin(front);
	WRITE_ONCE(front->loaded, front->loaded - geo->rounds);
	WRITE_ONCE(front->spare, front->main);
	ouro_front_set_main(front, empty, 0, geo->rounds);
	ouro_front_change_end(front);
	return true;
}

/* Adds an empty magazine to the depot while it has fewer than it may. */
void ouro_depot_equip(struct ouro_class *class, gfp_t gfp)
{
	const struct ouro_geometry *geo = class->geo;
	struct ouro_depot *depot = depot_here(class);
	struct ouro_magazine *empty;
	unsigned long flags;

	if (READ_ONCE(depot->nempty) + READ_ONCE(depot->nfull) >= geo->parked)
		return;
	empty = ouro_magazine_create(class, gfp);
	if (!empty)
		return;
	raw_spin_lock_irqsave(&depot->lock, flags);
	if (depot->nempty + depot->nfull < geo->parked) {
		empty->next = depot->empty;
		depot->empty = empty;
		depot->nempty++;
		empty = NULL;
	}
	raw_spin_unlock_irqrestore(&depot->lock, flags);
	ouro_magazine_destroy(class, empty);
}

static void magazine_destroy_list(struct ouro_class *class,
				  struct ouro_magazine *magazine)
{
	struct ouro_magazine *next;

	for (; magazine; magazine = next) {
		next = magazine->next;
		ouro_magazine_destroy(class, magazine);
	}
}

static unsigned long drain_node(struct ouro_class *class,
				struct ouro_depot *depot)
{
	const struct ouro_geometry *geo = class->geo;
	struct ouro_magazine *full, *empty, *next;
	unsigned long flags, drained = 0;
	HLIST_HEAD(dead);

	if (!READ_ONCE(depot->nfull) && !READ_ONCE(depot->nempty))
		return 0;
	raw_spin_lock_irqsave(&depot->lock, flags);
	full = depot->full;
	empty = depot->empty;
	WRITE_ONCE(depot->full, NULL);
	depot->empty = NULL;
	depot->nfull = 0;
	depot->nempty = 0;
	raw_spin_unlock_irqrestore(&depot->lock, flags);

	magazine_destroy_list(class, empty);
	for (; full; full = next) {
		next = full->next;
		ouro_class_give(class, geo->rounds, full->block, &dead);
		drained += geo->rounds;
		atomic_long_sub(magazine_bytes(geo), &class->heap->parked);
		ouro_magazine_destroy(class, full);
	}
	ouro_class_bury(&dead);
	return drained;
}

/**
 * ouro_depot_drain() - empty the depots of a class into its pools
 * @class: the class
 *
 * Context: Task context; takes depot->lock, class->lock and what
 * ouro_class_bury() takes, one by one.
 * Return: how many blocks went.
 */
unsigned long ouro_depot_drain(struct ouro_class *class)
{
	unsigned long drained = 0;
	unsigned int node;

	for (node = 0; node < nr_node_ids; node++)
		drained += drain_node(class, &class->depot[node]);
	return drained;
}

/* Frees every parked magazine of a dying heap, not caring for their blocks. */
void ouro_depot_destroy(struct ouro_class *class)
{
	unsigned int node;

	for (node = 0; node < nr_node_ids; node++) {
		magazine_destroy_list(class, class->depot[node].full);
		magazine_destroy_list(class, class->depot[node].empty);
	}
}
