// SPDX-License-Identifier: GPL-2.0
/*
 * Supply: the long way to a block, past this CPU's front.
 *
 * Magazines, then pools that are there, then a new pool, then what this heap
 * keeps back and others of its classes may use.
 */
#include "ouro.h"
#include "arena.h"
#include "heap.h"
#include "large.h"
#include "pool.h"
#include "pressure.h"
#include "supply.h"
#include "trace.h"

/* The long way to a block of any class. */
static void *fetch(struct ouro_class *class, gfp_t gfp, int node)
{
	bool tight = ouro_context_is_tight(), hungry = false;
	bool exact = gfp & __GFP_THISNODE;
	struct ouro_pool *pool;
	void *block = NULL;

	if (node == NUMA_NO_NODE || (node == numa_mem_id() && !exact))
		block = ouro_magazine_alloc(class, tight, &hungry);
	else if (!tight && ouro_class_take(class, 1, node, exact, &block))
		atomic_long_inc(&class->direct);
	if (tight)
		return block;
	if (!block) {
		if (node == NUMA_NO_NODE)
			node = class->heap->node;
		pool = ouro_pool_create(class, gfp, node);
		if (!pool)
			return NULL;
		block = ouro_class_add(pool);
		atomic_long_inc(&class->direct);
	}
	ouro_magazine_equip(class, gfp, hungry);
	return block;
}

/* Nothing has helped: a block of @bytes is not to be had. */
static void refuse(struct ouro_heap *heap, size_t bytes)
{
	if (ouro_heap_failed(heap))
		trace_ouro_limit(heap->name, bytes,
				 atomic_long_read(&heap->held),
				 READ_ONCE(heap->limit));
}

/**
 * ouro_supply_block() - a free block of a class, by whatever way there is
 * @class: of the block
 * @gfp: the caller's
 * @node: wanted, or NUMA_NO_NODE
 *
 * Before it gives up, what the heap holds back here is given back.
 *
 * Context: As @gfp says; where the context is tight only magazines are tried.
 * Return: the block, which nobody has, or NULL; that is counted then.
 */
void *ouro_supply_block(struct ouro_class *class, gfp_t gfp, int node)
{
	void *block;

	if (class->tracked)
		ouro_collector_throttle(class->heap, gfp);
	ouro_slow_begin();
	block = fetch(class, gfp, node);
	/* What is drained may be of this class, or a unit for it. */
	if (unlikely(!block) && ouro_context_is_easy() &&
	    ouro_heap_drain_here(class->heap))
		block = fetch(class, gfp, node);
	/* So may what the collector frees, or others hold. */
	if (unlikely(!block) && ouro_collector_relieve(class->heap, gfp)) {
		ouro_arena_flush();
		block = fetch(class, gfp, node);
	}
	ouro_slow_end();
	if (!block)
		refuse(class->heap, class->geo->size);
	return block;
}

/**
 * ouro_supply_large() - a large block, before giving up with what is drained
 * @heap: the owner
 * @size: in bytes, above OURO_CLASS_MAX
 * @gfp: the caller's
 * @node: wanted, or NUMA_NO_NODE
 * @caller: return address of who asks
 *
 * Context: As @gfp says.
 * Return: the block, or NULL; that is counted then.
 */
void *ouro_supply_large(struct ouro_heap *heap, size_t size, gfp_t gfp,
			int node, unsigned long caller)
{
	void *block;
	long before;

	if (node == NUMA_NO_NODE)
		node = heap->node;
	ouro_slow_begin();
	block = ouro_large_alloc(heap, size, gfp, node, caller);
	if (!block && ouro_context_is_easy()) {
		/* What was freed may still be waiting for the worker. */
		before = atomic_long_read(&heap->held);
		if (gfpflags_allow_blocking(gfp))
			ouro_large_flush();
		ouro_heap_drain_here(heap);
		if (atomic_long_read(&heap->held) < before)
			block = ouro_large_alloc(heap, size, gfp, node,
						 caller);
	}
	if (!block && ouro_collector_relieve(heap, gfp)) {
		ouro_large_flush();
		ouro_arena_flush();
		block = ouro_large_alloc(heap, size, gfp, node, caller);
	}
	ouro_slow_end();
	if (!block)
		refuse(heap, size);
	return block;
}
