// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks: their allocation, the short way here, the long way in supply.c.
 *
 * This file writes to free blocks (the mark), so it is built without KASAN's
 * instrumentation.
 */
#include "ouro.h"
#include "block.h"
#include "check.h"
#include "heap.h"
#include "large.h"
#include "address.h"
#include "pool.h"
#include "supply.h"

/* Zeroes a block of @whole bytes, of which the caller gets @size. */
void *ouro_block_wipe(void *block, size_t size, size_t whole)
{
	/* Where memset() is instrumented in every file it must be allowed to. */
	ouro_kasan_unpoison(block, whole);
	memset(block, 0, whole);
	ouro_kasan_poison(block, whole);
	ouro_kasan_unpoison(block, size);
	return block;
}

/* The long way of ouro_block_begin(), behind its mark. */
noinline void *ouro_block_begin_long(void *block, size_t size, gfp_t gfp,
				     size_t whole, unsigned long caller)
{
	if (static_branch_unlikely(&ouro_sites_noted))
		ouro_site_note(ouro_site_pool(block), block, caller);
	if (want_init_on_alloc(gfp))
		return ouro_block_wipe(block, size, whole);
	ouro_kasan_unpoison(block, size);
	return block;
}

/* Pops from this CPU's front.  @preempt: the caller may be preempted. */
static __always_inline void *pop_here(struct ouro_front __percpu *fronts,
				      bool preempt)
{
	struct ouro_front *here;
	void *block = NULL;

	if (preempt)
		preempt_disable();
	here = ouro_front_here(fronts);
	if (likely(ouro_front_enter(here)))
		block = ouro_front_pop_leave(here);
	if (preempt)
		preempt_enable();
	return block;
}

/* A block that is at hand or, in the long way, is not. */
static void *fetch(struct ouro_heap *heap, gfp_t gfp, unsigned int index,
		   int node)
{
	struct ouro_body *body = ouro_heap_body(heap, gfp);
	void *block = NULL;

	if (unlikely(!body)) {
		ouro_heap_failed(heap);
		return NULL;
	}
	/* Where the fast path has not looked. */
	if (!ouro_heap_is_fast(heap) && node == NUMA_NO_NODE)
		block = pop_here(body->class[index].fronts, true);
	return block ?: ouro_supply_block(&body->class[index], gfp, node);
}

static noinline void *alloc_slow(struct ouro_heap *heap, size_t size, gfp_t gfp,
				 unsigned int index, int node,
				 unsigned long caller)
{
	void *block = fetch(heap, gfp, index, node);

	if (unlikely(!block))
		return NULL;
	if (unlikely(ouro_heap_is_checked(heap)))
		ouro_check_alloc(ouro_pool_find(block), block, size, caller,
				 gfp);
	if (unlikely(ouro_heap_is_debug(heap))) {
		if (static_branch_unlikely(&ouro_sites_noted))
			ouro_site_note(ouro_pool_find(block), block, caller);
		return block;
	}
	return ouro_block_begin(block, size, gfp, ouro_geometry[index].size,
				caller);
}

static __always_inline void *alloc_fast(struct ouro_heap *heap, gfp_t gfp,
					unsigned long front, bool preempt)
{
	ouro_block_might_alloc(gfp);
	/* Set once, with release; what it leads to depends on its value. */
	return pop_here(ouro_front_at(data_race(heap->fronts), front), preempt);
}

/* The low half of what ouro_alloc() asks for: the class as an offset. */
static __always_inline unsigned long ask_front(u64 ask)
{
	return (u32)ask;
}

static noinline void *alloc_rest(struct ouro_heap *heap, u64 ask, gfp_t gfp,
				 unsigned long caller)
{
	return alloc_slow(heap, ask >> 32, gfp,
			  ask_front(ask) >> OURO_FRONT_SHIFT, NUMA_NO_NODE,
			  caller);
}

static noinline void *block_longer_asked(void *block, u64 ask,
					 unsigned long caller)
{
	return ouro_block_begin_long(block, ask >> 32, 0,
				     ouro_geometry[ask_front(ask) >>
						   OURO_FRONT_SHIFT].size,
				     caller);
}

/*
 * What is done to most blocks where sites are noted: no call, so no register is saved.
 * @sure: the class is one of those whose pools are in-band.
 */
static __always_inline bool site_is_noted(void *block, bool sure,
					  unsigned long caller)
{
	struct ouro_pool *pool = ouro_pool_inband(block);
	unsigned long sites;

	if (!sure && unlikely(!ouro_pool_is_inband(block)))
		return false;
	sites = READ_ONCE(pool->sites);
	if (unlikely(!(sites & OURO_SITES_PLAIN)))
		return false;
	ouro_site_note_plain(pool, sites, block, caller);
	return true;
}

/* ouro_block_begin() for those; @ask is taken apart off the short way only. */
static __always_inline void *block_asked(void *block, u64 ask, bool sure)
{
	WRITE_ONCE(*(u64 *)block, 0);	/* no longer free: see ouro_free() */
	if (static_branch_unlikely(&__ouro_begin_long) &&
	    !site_is_noted(block, sure, _RET_IP_))
		return block_longer_asked(block, ask, _RET_IP_);
	ouro_kasan_unpoison(block, ask >> 32);
	return block;
}

/* In a class whose pools are in-band: the idle fronts have none, a hardened heap may. */
static __always_inline void *pop_hardened(struct ouro_heap *heap, u64 ask)
{
	struct ouro_pool *pool;
	void *block;

	/* As in alloc_fast(). */
	block = pop_here(ouro_front_at(data_race(heap->hardened),
				       ask_front(ask)), true);
	if (unlikely(!block))
		return NULL;
	pool = ouro_pool_inband(block);
	WARN_ON_ONCE(!ouro_marks_set(pool->marks, ouro_pool_index(pool, block)));
	WRITE_ONCE(*(u64 *)block, 0);	/* the mark is a secret */
	ouro_kasan_unpoison(block, ask >> 32);
	return block;
}

static noinline void *alloc_asked(struct ouro_heap *heap, u64 ask, gfp_t gfp,
				  unsigned long caller)
{
	void *block = pop_hardened(heap, ask);

	if (unlikely(!block))
		return alloc_rest(heap, ask, gfp, caller);
	if (static_branch_unlikely(&__ouro_begin_long))
		return block_longer_asked(block, ask, caller);
	return block;
}

/* The class is one of those whose pools are in-band. */
static __always_inline bool is_sure(u64 ask)
{
	return ask < (OURO_CLASS_MEDIUM + 1ULL) << 32;
}

/* What the inlined way leaves: it found no block. */
void *__ouro_alloc_asked(struct ouro_heap *heap, u64 ask, gfp_t gfp)
{
	void *block;

	ouro_block_might_alloc(gfp);
	block = pop_hardened(heap, ask);
	/* Not in one place: who calls is looked for when it is needed. */
	if (unlikely(!block))
		return alloc_rest(heap, ask, gfp, _RET_IP_);
	if (static_branch_unlikely(&__ouro_begin_long))
		return block_longer_asked(block, ask, _RET_IP_);
	return block;
}
EXPORT_SYMBOL_OURO(__ouro_alloc_asked);

/* The same of a size above OURO_CLASS_MEDIUM. */
void *__ouro_alloc_rest(struct ouro_heap *heap, u64 ask, gfp_t gfp)
{
	ouro_block_might_alloc(gfp);
	return alloc_rest(heap, ask, gfp, _RET_IP_);
}
EXPORT_SYMBOL_OURO(__ouro_alloc_rest);

static __always_inline void *alloc_front(struct ouro_heap *heap, u64 ask,
					 gfp_t gfp, bool preempt, bool sure)
{
	void *block = alloc_fast(heap, gfp, ask_front(ask), preempt);

	if (unlikely(!block))
		return sure || is_sure(ask) ?
		       alloc_asked(heap, ask, gfp, _RET_IP_) :
		       alloc_rest(heap, ask, gfp, _RET_IP_);
	return block_asked(block, ask, sure);
}

/* ouro_alloc() with plain flags and a constant size, up to OURO_CLASS_MEDIUM. */
void *__ouro_alloc_front(struct ouro_heap *heap, u64 ask, gfp_t gfp)
{
	return alloc_front(heap, ask, gfp, true, true);
}
EXPORT_SYMBOL_OURO(__ouro_alloc_front);

/* The same with a larger one. */
void *__ouro_alloc_front_above(struct ouro_heap *heap, u64 ask, gfp_t gfp)
{
	return alloc_front(heap, ask, gfp, true, false);
}
EXPORT_SYMBOL_OURO(__ouro_alloc_front_above);

/* With any, where the caller cannot be preempted. */
void *__ouro_alloc_front_nopreempt(struct ouro_heap *heap, u64 ask, gfp_t gfp)
{
	lockdep_assert_preemption_disabled();
	return alloc_front(heap, ask, gfp, false, false);
}
EXPORT_SYMBOL_OURO(__ouro_alloc_front_nopreempt);

static noinline bool gfp_is_bad(const struct ouro_heap *heap, gfp_t gfp)
{
	if (likely(!(gfp & GFP_ZONEMASK)))
		return false;
	pr_err_once("heap %s: zone flags (%pGg) are not served\n", heap->name,
		    &gfp);
	return true;
}

static void *alloc_any(struct ouro_heap *heap, size_t size, gfp_t gfp, int node,
		       unsigned long caller)
{
	unsigned int index;
	void *block;

	ouro_block_might_alloc(gfp);
	if (!size)
		return ZERO_SIZE_PTR;
	if (gfp_is_bad(heap, gfp) || size > OURO_LARGE_MAX) {
		ouro_heap_failed(heap);
		return NULL;
	}
	if (size > OURO_CLASS_MAX)
		return ouro_supply_large(heap, size, gfp, node, caller);
	index = ouro_class_index(size);
	if (node == NUMA_NO_NODE) {
		block = alloc_fast(heap, gfp,
				   (unsigned long)index << OURO_FRONT_SHIFT,
				   true);
		if (likely(block))
			return ouro_block_begin(block, size, gfp,
						ouro_geometry[index].size,
						caller);
	}
	return alloc_slow(heap, size, gfp, index, node, caller);
}

/* As ouro_alloc(), on behalf of @caller: for the module's own layers. */
void *ouro_block_alloc(struct ouro_heap *heap, size_t size, gfp_t gfp,
		       unsigned long caller)
{
	return alloc_any(heap, size, gfp, NUMA_NO_NODE, caller);
}

/* ouro_alloc() with a size or flags that the compiler does not know. */
void *__ouro_alloc(struct ouro_heap *heap, size_t size, gfp_t gfp)
{
	return alloc_any(heap, size, gfp, NUMA_NO_NODE, _RET_IP_);
}
EXPORT_SYMBOL_OURO(__ouro_alloc);

/**
 * ouro_alloc_node() - allocate a block on a NUMA node
 * @heap: the owner
 * @size: in bytes; 0 gives ZERO_SIZE_PTR
 * @gfp: as for ouro_alloc(); with __GFP_THISNODE no other node will do
 * @node: wanted, or NUMA_NO_NODE
 *
 * Slower than ouro_alloc() unless @node is where the caller runs.
 *
 * Context: As ouro_alloc().
 * Return: the block, or NULL.
 */
void *ouro_alloc_node(struct ouro_heap *heap, size_t size, gfp_t gfp, int node)
{
	if (node != NUMA_NO_NODE &&
	    (node < 0 || node >= MAX_NUMNODES || !node_online(node))) {
		ouro_heap_failed(heap);
		return NULL;
	}
	return alloc_any(heap, size, gfp, node, _RET_IP_);
}
EXPORT_SYMBOL_OURO(ouro_alloc_node);
