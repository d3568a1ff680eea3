// SPDX-License-Identifier: GPL-2.0
/*
 * The map from addresses to arenas and large blocks.
 *
 * Readers take no lock: descriptors are freed after an RCU grace period.
 * Writers run in any context that may allocate, so both locks are taken with
 * interrupts off.
 */
#include "ouro.h"
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/xarray.h>
#include "arena.h"
#include "fail.h"
#include "large.h"
#include "address.h"

static DEFINE_XARRAY_FLAGS(map_units, XA_FLAGS_LOCK_IRQ);
static DEFINE_XARRAY_FLAGS(map_larges, XA_FLAGS_LOCK_IRQ);

/* Counted from where memory begins: small numbers make a shallow tree. */
static unsigned long unit_of(const void *ptr)
{
	return ((unsigned long)ptr - PAGE_OFFSET) >> OURO_UNIT_SHIFT;
}

static unsigned long page_of(const void *ptr)
{
	return ((unsigned long)ptr - PAGE_OFFSET) >> PAGE_SHIFT;
}

static int map_store(struct xarray *xa, unsigned long index, void *entry,
		     gfp_t gfp)
{
	unsigned long flags;
	void *old;

	if (ouro_fail(0))
		return -ENOMEM;
	/*
	 * __xa_store() lets go of the lock to allocate only where @gfp may
	 * block, and there interrupts were on.
	 */
	xa_lock_irqsave(xa, flags);
	old = __xa_store(xa, index, entry, gfp & ~GFP_ZONEMASK);
	xa_unlock_irqrestore(xa, flags);
	return xa_err(old);
}

static void map_erase_units(struct ouro_arena *arena, unsigned int units)
{
	unsigned long flags, first = unit_of(arena->base);
	XA_STATE(xas, &map_units, first);
	void *entry;

	if (!units)
		return;
	/* In one walk: it is most of what the end of a heap costs. */
	xas_lock_irqsave(&xas, flags);
	xas_for_each(&xas, entry, first + units - 1)
		xas_store(&xas, NULL);
	xas_unlock_irqrestore(&xas, flags);
}

/**
 * ouro_address_add_arena() - lead every unit of an arena to it
 * @arena: not yet in the map
 * @gfp: for the map's own nodes
 *
 * Context: As @gfp says.
 * Return: 0 or -ENOMEM; the map is as before then.
 */
int ouro_address_add_arena(struct ouro_arena *arena, gfp_t gfp)
{
	unsigned int i;
	int err;

	for (i = 0; i < arena->units; i++) {
		err = map_store(&map_units, unit_of(arena->base) + i, arena,
				gfp);
		if (err) {
			map_erase_units(arena, i);
			return err;
		}
	}
	return 0;
}

void ouro_address_remove_arena(struct ouro_arena *arena)
{
	map_erase_units(arena, arena->units);
}

/* The arena that @ptr points into, or NULL.  Under rcu_read_lock(). */
struct ouro_arena *ouro_address_arena(const void *ptr)
{
	return xa_load(&map_units, unit_of(ptr));
}

/**
 * ouro_address_next() - the next arena of a heap, by its address
 * @heap: the heap
 * @unit: where to go on, 0 at first; moved into the arena if it is before that
 *
 * What comes or goes meanwhile may be left out; what stays is met, and once.  An
 * arena that is met may be on its way in or out: none of its units is in a pool
 * then, as can be seen under heap->arena_lock.
 *
 * Context: Process context, under one rcu_read_lock() and nothing else: where a
 * CPU has to be asked, it is given to others after each arena of another heap,
 * so what an earlier call has returned may be gone.
 * Return: an arena, there until rcu_read_unlock(), or NULL: no more.
 */
struct ouro_arena *ouro_address_next(const struct ouro_heap *heap,
				     unsigned long *unit)
{
	struct ouro_arena *arena;

	while ((arena = xa_find(&map_units, unit, ULONG_MAX, XA_PRESENT))) {
		if (arena->heap == heap)
			return arena;
		*unit = unit_of(arena->base) + arena->units;
		/* Many may be of others: a grace period must not wait for all. */
		rcu_read_unlock();
		cond_resched();
		rcu_read_lock();
	}
	return NULL;
}

/* Which of the arena's units that is. */
unsigned int ouro_address_unit_in(const struct ouro_arena *arena,
				  unsigned long unit)
{
	return unit - unit_of(arena->base);
}

int ouro_address_add_large(struct ouro_large *large, gfp_t gfp)
{
	return map_store(&map_larges, page_of(large->base), large, gfp);
}

void ouro_address_remove_large(struct ouro_large *large)
{
	unsigned long flags;

	xa_lock_irqsave(&map_larges, flags);
	__xa_erase(&map_larges, page_of(large->base));
	xa_unlock_irqrestore(&map_larges, flags);
}

/* The large block whose first page @ptr points into.  Under rcu_read_lock(). */
struct ouro_large *ouro_address_large(const void *ptr)
{
	return xa_load(&map_larges, page_of(ptr));
}

/* The next large block of a heap, by its address; as ouro_address_next(). */
struct ouro_large *ouro_address_next_large(const struct ouro_heap *heap,
					   unsigned long *page)
{
	struct ouro_large *large;

	while ((large = xa_find(&map_larges, page, ULONG_MAX, XA_PRESENT))) {
		++*page;
		if (large->heap == heap)
			return large;
		rcu_read_unlock();
		cond_resched();
		rcu_read_lock();
	}
	return NULL;
}

void ouro_address_exit(void)
{
	WARN_ON(!xa_empty(&map_units) || !xa_empty(&map_larges));
	xa_destroy(&map_units);
	xa_destroy(&map_larges);
}
