// SPDX-License-Identifier: GPL-2.0
/*
 * Large blocks: whole pages straight from the page allocator, or from vmalloc
 * space where the caller may sleep and physical pages are hard to have.
 */
#include "ouro.h"
#include <linux/irq_work.h>
#include <linux/kmemleak.h>
#include "backing.h"
#include "heap.h"
#include "large.h"
#include "address.h"

/* From here on physically contiguous pages are only tried for. */
#define LARGE_EASY	(PAGE_SIZE << PAGE_ALLOC_COSTLY_ORDER)

/* Freed where neither pages nor locks may be touched. */
static LLIST_HEAD(large_dead);

static bool large_back(struct ouro_large *large, gfp_t gfp, int node)
{
	struct ouro_heap *heap = large->heap;
	bool may_sleep = gfpflags_allow_blocking(gfp);
	gfp_t first = gfp;

	if (large->bytes > LARGE_EASY && may_sleep)
		first |= __GFP_NORETRY | __GFP_NOWARN;
	if (get_order(large->bytes) < OURO_ORDER_LIMIT)
		large->base = ouro_backing_exact(heap, large->bytes, first,
						 node);
	if (!large->base && large->bytes > LARGE_EASY && may_sleep) {
		large->base = ouro_backing_virtual(heap, large->bytes, gfp,
						   node);
		large->is_virtual = true;
	}
	return large->base;
}

static void large_unback(struct ouro_large *large)
{
	if (large->is_virtual)
		ouro_backing_free_virtual(large->heap, large->base,
					  large->bytes);
	else
		ouro_backing_free_exact(large->heap, large->base, large->bytes);
}

static void large_list(struct ouro_large *large)
{
	struct ouro_heap *heap = large->heap;
	unsigned long flags;

	/* Counted before it is live: frees are the difference. */
	atomic_long_inc(&heap->large_allocs);
	raw_spin_lock_irqsave(&heap->large_lock, flags);
	list_add(&large->link, &heap->larges);
	heap->nlarge++;
	heap->large_bytes += large->bytes;
	raw_spin_unlock_irqrestore(&heap->large_lock, flags);
}

static void large_unlist(struct ouro_large *large)
{
	struct ouro_heap *heap = large->heap;
	unsigned long flags;

	raw_spin_lock_irqsave(&heap->large_lock, flags);
	list_del(&large->link);
	heap->nlarge--;
	heap->large_bytes -= large->bytes;
	raw_spin_unlock_irqrestore(&heap->large_lock, flags);
}

static void large_zero(struct ouro_large *large, gfp_t gfp)
{
	size_t done, step;

	for (done = 0; done < large->bytes; done += step) {
		step = min_t(size_t, large->bytes - done, SZ_1M);
		memset(large->base + done, 0, step);
		if (gfpflags_allow_blocking(gfp))
			cond_resched();
	}
}

/**
 * ouro_large_alloc() - a block of whole pages
 * @heap: the owner
 * @size: in bytes, above OURO_CLASS_MAX, at most OURO_LARGE_MAX
 * @gfp: the caller's
 * @node: or NUMA_NO_NODE
 * @caller: return address of who asks
 *
 * Context: As @gfp says, but nothing comes where the context is tight.
 * Return: the block, page aligned, or NULL.
 */
void *ouro_large_alloc(struct ouro_heap *heap, size_t size, gfp_t gfp, int node,
		       unsigned long caller)
{
	struct ouro_large *large;

	if (ouro_context_is_tight())
		return NULL;
	large = ouro_backing_meta(heap, sizeof(*large), gfp, node);
	if (!large)
		return NULL;
	large->heap = heap;
	large->bytes = PAGE_ALIGN(size);
	if (!large_back(large, gfp, node))
		goto free_meta;
	if (ouro_address_add_large(large, gfp))
		goto free_pages;
	/* vmalloc space is known to kmemleak already. */
	if (!large->is_virtual)
		kmemleak_alloc(large->base, large->bytes, 1,
			       gfp & ~GFP_ZONEMASK);
	/* With init_on_alloc the pages came zeroed. */
	if ((gfp & __GFP_ZERO) && !want_init_on_alloc(0))
		large_zero(large, gfp);
	ouro_site_note_large(heap, &large->site, caller);
	large_list(large);
	return large->base;

free_pages:
	large_unback(large);
free_meta:
	ouro_backing_free_meta(heap, large, sizeof(*large));
	return NULL;
}

static void large_release(struct ouro_large *large)
{
	struct ouro_heap *heap = large->heap;

	ouro_address_remove_large(large);
	large_unlist(large);
	if (!large->is_virtual)
		kmemleak_free(large->base);
	large_unback(large);
	atomic_long_sub(sizeof(*large), &heap->metadata);
	kfree_rcu(large, rcu);
}

/* Blocks are off the list and not yet gone only while this is held. */
static DEFINE_MUTEX(large_reap_lock);

static void large_reap(struct work_struct *work)
{
	struct ouro_large *large, *next;
	struct llist_node *dead;

	mutex_lock(&large_reap_lock);
	dead = llist_del_all(&large_dead);
	llist_for_each_entry_safe(large, next, dead, dead)
		large_release(large);
	mutex_unlock(&large_reap_lock);
}

static DECLARE_WORK(large_work, large_reap);

static void large_kick(struct irq_work *work)
{
	queue_work(ouro_wq, &large_work);
}

static struct irq_work large_irq_work = IRQ_WORK_INIT(large_kick);

/* vfree() may sleep, and RCU readers may not. */
static bool may_release_here(const struct ouro_large *large)
{
	if (!ouro_context_is_easy())
		return false;
	return !large->is_virtual || (preemptible() && !rcu_preempt_depth());
}

/**
 * ouro_large_free() - give a large block back
 * @large: whose claim the caller won
 *
 * Context: Any, NMI included; where pages cannot be given back a work item
 * does it.
 */
void ouro_large_free(struct ouro_large *large)
{
	if (may_release_here(large))
		large_release(large);
	else if (llist_add(&large->dead, &large_dead))
		irq_work_queue(&large_irq_work);
}

/*
 * Blocks handed to the worker so far are gone when this returns.  Not left to
 * flush_work(): who made the list non-empty may not have queued the work yet.
 */
void ouro_large_flush(void)
{
	large_reap(NULL);
}

void ouro_large_exit(void)
{
	irq_work_sync(&large_irq_work);
	flush_work(&large_work);
}

/* Frees all large blocks of a dying heap. */
void ouro_large_destroy_all(struct ouro_heap *heap)
{
	struct ouro_large *large, *next;

	list_for_each_entry_safe(large, next, &heap->larges, link) {
		large_release(large);
		cond_resched();
	}
}
