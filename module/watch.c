// SPDX-License-Identifier: GPL-2.0
/*
 * Watches: who is told when an object has died.
 */
#include "ouro.h"
#include <linux/rcupdate.h>
#include "heap.h"
#include "object.h"
#include "weak.h"

DEFINE_SRCU(ouro_deaths);

/* Watches of the objects of a pool have one lock: by the pool's number. */
#define WATCH_LOCKS	16

static raw_spinlock_t watch_locks[WATCH_LOCKS] = {
	[0 ... WATCH_LOCKS - 1] = __RAW_SPIN_LOCK_UNLOCKED(watch_locks),
};

static raw_spinlock_t *watch_lock(u32 number)
{
	return &watch_locks[number % WATCH_LOCKS];
}

/* Whether a dead object has watches: no more of them come. */
bool ouro_weak_is_watched(struct ouro_pool *pool, struct ouro_object *object)
{
	struct ouro_weaks *weaks = READ_ONCE(pool->objects->weaks);

	return weaks && READ_ONCE(weaks->cell[ouro_pool_index(pool, object)]
					  .watches.first);
}

/**
 * ouro_weak_detach() - take the watches of a dead object
 * @pool: it lies in
 * @object: the object, not yet free
 * @watches: filled; to be told by ouro_weak_tell(), in the same read section of
 *	ouro_deaths
 *
 * Context: Any but NMI and hardirq.
 */
void ouro_weak_detach(struct ouro_pool *pool, struct ouro_object *object,
		      struct hlist_head *watches)
{
	struct ouro_weaks *weaks = READ_ONCE(pool->objects->weaks);
	struct ouro_watch *watch;
	struct ouro_cell *cell;
	unsigned long flags;

	if (!weaks)
		return;
	cell = &weaks->cell[ouro_pool_index(pool, object)];
	if (!READ_ONCE(cell->watches.first))
		return;
	raw_spin_lock_irqsave(watch_lock(pool->objects->number), flags);
	hlist_move_list(&cell->watches, watches);
	hlist_for_each_entry(watch, watches, node)
		watch->armed = false;
	raw_spin_unlock_irqrestore(watch_lock(pool->objects->number), flags);
}

/* Calls the callbacks; each may free its watch. */
void ouro_weak_tell(struct hlist_head *watches)
{
	struct ouro_watch *watch;
	struct hlist_node *next;

	hlist_for_each_entry_safe(watch, next, watches, node)
		watch->died(watch);
}

/**
 * ouro_watch_add() - be told when an object has died
 * @watch: filled
 * @object: that the caller has a reference to
 * @died: called once, without the object
 * @gfp: as for ouro_weak_init()
 *
 * Context: As ouro_weak_init(), but NMI.
 * Return: 0, -EINVAL when @object is no object, -ENOMEM.
 */
int ouro_watch_add(struct ouro_watch *watch, struct ouro_object *object,
		   void (*died)(struct ouro_watch *watch), gfp_t gfp)
{
	struct ouro_pool *pool;
	struct ouro_cell *cell;
	unsigned long flags;
	int err;

	lockdep_assert(!in_nmi());
	watch->died = died;
	watch->armed = false;
	err = ouro_weak_init(&watch->weak, object, gfp);
	if (err)
		return err;
	pool = ouro_pool_of_object(object);
	cell = &pool->objects->weaks->cell[ouro_pool_index(pool, object)];
	raw_spin_lock_irqsave(watch_lock(ouro_weak_number(watch->weak)), flags);
	hlist_add_head(&watch->node, &cell->watches);
	watch->armed = true;
	raw_spin_unlock_irqrestore(watch_lock(ouro_weak_number(watch->weak)), flags);
	return 0;
}
EXPORT_SYMBOL_OURO(ouro_watch_add);

/**
 * ouro_watch_remove() - do not be told any more
 * @watch: that was added once
 *
 * Context: Any but NMI.
 * Return: true when it will not be told; false when it was, or is being told at
 * this moment: then see ouro_watch_remove_sync().
 */
bool ouro_watch_remove(struct ouro_watch *watch)
{
	unsigned long flags;
	bool armed;

	lockdep_assert(!in_nmi());
	raw_spin_lock_irqsave(watch_lock(ouro_weak_number(watch->weak)), flags);
	armed = watch->armed;
	if (armed)
		hlist_del(&watch->node);
	watch->armed = false;
	raw_spin_unlock_irqrestore(watch_lock(ouro_weak_number(watch->weak)), flags);
	return armed;
}
EXPORT_SYMBOL_OURO(ouro_watch_remove);

/**
 * ouro_watch_remove_sync() - ouro_watch_remove(), and wait for the callback
 * @watch: that was added once
 *
 * Context: Process context, may sleep; not from a callback of a watch, nor of a
 * type without OURO_TYPE_WORKER.
 * Return: as ouro_watch_remove(); where false, the callback has returned.
 */
bool ouro_watch_remove_sync(struct ouro_watch *watch)
{
	might_sleep();
	if (ouro_watch_remove(watch))
		return true;
	synchronize_srcu(&ouro_deaths);
	return false;
}
EXPORT_SYMBOL_OURO(ouro_watch_remove_sync);
