/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every file of the module shares: the words and the limits.
 *
 *   heap -> arenas (page allocator) -> pools (one class each) -> blocks
 *   block -> front (per CPU: main and spare magazine) -> depot (per node)
 *         -> pool (a bit in its map) -> arena -> page allocator
 *
 * Spinlocks of a heap, all raw and taken with interrupts off, never two of them
 * at once, but for class->lock within arena_lock in sparse.c:
 * class->lock | depot->lock | heap->arena_lock | heap->large_lock |
 * heap->roster.lock | the locks of heap->pins.
 * No page, slab or per-CPU allocation and no free happens under them.  Mutexes:
 * ouro_heaps_lock, and one for each list that a worker empties.
 * docs/locking.rst has the table for people.
 */
#ifndef OURO_OURO_H
#define OURO_OURO_H

#define pr_fmt(fmt) "ouro: " fmt

#include <linux/bitmap.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <ouro/block.h>
#include <ouro/class.h>
#include <ouro/heap.h>
#include "compat.h"

#define OURO_UNIT_SHIFT		14
#define OURO_UNIT_ORDER		(OURO_UNIT_SHIFT - PAGE_SHIFT)
#define OURO_UNIT		(PAGE_SIZE << OURO_UNIT_ORDER)	/* 16 KiB */

static_assert(PAGE_SHIFT <= OURO_UNIT_SHIFT);

#define OURO_ARENA_UNITS	64	/* at most: 1 MiB */
#define OURO_POOL_UNITS		8	/* at most: 128 KiB */

/* Subclasses of the lockdep class that a heap's creator brings. */
enum ouro_lock {
	OURO_LOCK_CLASS,
	OURO_LOCK_DEPOT,
	OURO_LOCK_ARENA,
	OURO_LOCK_LARGE,
	OURO_LOCK_ROSTER,
	OURO_LOCK_PIN,
};

/*
 * Where no lock may be taken and no page be had: in NMI, and on PREEMPT_RT
 * wherever the caller cannot be preempted.  Read it before preempt_disable().
 */
static inline bool ouro_context_is_tight(void)
{
	return in_nmi() || (IS_ENABLED(CONFIG_PREEMPT_RT) && !preemptible());
}

/* Where pages may be given back and vfree() called right away. */
static inline bool ouro_context_is_easy(void)
{
	return in_task() && !irqs_disabled() && !in_nmi() &&
	       (!IS_ENABLED(CONFIG_PREEMPT_RT) || preemptible());
}

/* Unbound; what cannot be done where it is found is done here. */
extern struct workqueue_struct *ouro_wq;

#endif /* OURO_OURO_H */
