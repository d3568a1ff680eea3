// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks: allocation and free, the short way here, the long way in supply.c and
 * magazine.c.
 *
 * This file reads and writes free blocks (the mark), so it is built without
 * KASAN's instrumentation.
 */
#include "ouro.h"
#include "block.h"
#include "check.h"
#include "heap.h"
#include "large.h"
#include "address.h"
#include "pool.h"
#include "supply.h"

static __always_inline struct ouro_front __percpu *
front_at(struct ouro_front __percpu *fronts, unsigned long front)
{
	return (void __percpu *)fronts + front;
}

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
	return pop_here(front_at(data_race(heap->fronts), front), preempt);
}

/* The low half of what ouro_alloc() asks for: the class as an offset. */
static __always_inline unsigned long ask_front(u64 ask)
{
	return (u32)ask;
}

static noinline void *alloc_asked(struct ouro_heap *heap, u64 ask, gfp_t gfp,
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
	if (static_branch_unlikely(&ouro_begin_long) &&
	    !site_is_noted(block, sure, _RET_IP_))
		return block_longer_asked(block, ask, _RET_IP_);
	ouro_kasan_unpoison(block, ask >> 32);
	return block;
}

static __always_inline void *alloc_front(struct ouro_heap *heap, u64 ask,
					 gfp_t gfp, bool preempt, bool sure)
{
	void *block = alloc_fast(heap, gfp, ask_front(ask), preempt);

	if (unlikely(!block))
		return alloc_asked(heap, ask, gfp, _RET_IP_);
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

static noinline void free_large_or_tell(const void *ptr, unsigned long caller)
{
	struct ouro_large *large;
	enum ouro_misuse what = OURO_MISUSE_FOREIGN;
	struct ouro_heap *heap = NULL;

	rcu_read_lock();
	large = ouro_address_large(ptr);
	if (large) {
		heap = large->heap;
		if (large->base != ptr)
			what = OURO_MISUSE_INNER;
		else if (!ouro_large_claim(large))
			what = OURO_MISUSE_TWICE;
		else
			what = OURO_MISUSE_NONE;
	}
	rcu_read_unlock();
	if (what == OURO_MISUSE_NONE)
		ouro_large_free(large);
	else
		ouro_check_report(what, heap, NULL, ptr, caller);
}

/*
 * Pushes onto this CPU's front, if there is room, and marks the block.
 * @preempt: the caller may be preempted.
 */
static __always_inline bool push_here(struct ouro_front __percpu *fronts,
				      void *block, size_t whole, u64 mark,
				      bool preempt)
{
	struct ouro_front *here;
	bool done = false;
	unsigned long top;

	if (preempt)
		preempt_disable();
	here = ouro_front_here(fronts);
	if (likely(ouro_front_enter(here))) {
		top = ouro_front_top(here);
		if (likely(!ouro_front_is_full(here, top))) {
			ouro_block_end(block, whole, mark);
			WRITE_ONCE(*ouro_front_place(top, 0), block);
			ouro_front_count(here, 1);
			ouro_front_move_leave(here, sizeof(void *));
			done = true;
		} else {
			ouro_front_leave(here);
		}
	}
	if (preempt)
		preempt_enable();
	return done;
}

static void free_to_pool(struct ouro_pool *pool, void *block,
			 unsigned long caller)
{
	struct ouro_heap *heap = pool->heap;
	u64 mark = ouro_mark_of(block);

	if (unlikely(pool->objects)) {
		ouro_check_report(OURO_MISUSE_FREED, heap, pool, block, caller);
		return;
	}
	if (unlikely(!ouro_pool_is_block(pool, block))) {
		ouro_check_report(OURO_MISUSE_INNER, heap, pool, block, caller);
		return;
	}
	if (unlikely(ouro_heap_is_checked(heap))) {
		if (!ouro_check_free(pool, block, caller))
			return;
	} else if (unlikely(*(const u64 *)block == mark)) {
		ouro_check_report(OURO_MISUSE_TWICE, heap, pool, block, caller);
		return;
	}
	if (want_init_on_free()) {
		ouro_kasan_unpoison(block, pool->size);
		memset(block, 0, pool->size);
	}
	if (ouro_heap_is_debug(heap)) {
		ouro_check_poison(pool, block);
	} else {
		if (push_here(pool->class->fronts, block, pool->size, mark,
			      true))
			return;
		ouro_block_end(block, pool->size, mark);
	}
	ouro_magazine_free(pool, block);
}

/* Everything that the short way of a free leaves, misuse included. */
static noinline void free_slow(const void *ptr, unsigned long caller)
{
	struct ouro_pool *pool;

	if (ZERO_OR_NULL_PTR(ptr))
		return;
	ouro_slow_begin();
	/* A pointer that was freed before may lead to a pool on its way out. */
	rcu_read_lock();
	pool = ouro_pool_find(ptr);
	if (likely(pool))
		free_to_pool(pool, (void *)ptr, caller);
	rcu_read_unlock();
	if (unlikely(!pool))
		free_large_or_tell(ptr, caller);
	ouro_slow_end();
}

/* The short way, for blocks whose pool has its header in front of them. */
static __always_inline bool free_inband(const void *ptr)
{
	const struct ouro_pool *pool = ouro_pool_inband(ptr);

	return likely(ouro_block_is_live(ptr)) &&
	       push_here(pool->front, (void *)ptr, pool->size,
			 ouro_mark_of(ptr), true);
}

/* As ouro_free(), on behalf of @caller: for the module's own layers. */
void ouro_block_free(const void *ptr, unsigned long caller)
{
	if (unlikely(!free_inband(ptr)))
		free_slow(ptr, caller);
}

/**
 * ouro_free() - free a block of any heap and size
 * @ptr: what an allocation returned, or NULL
 *
 * A pointer that is not the start of a block, or a block that is free already,
 * is reported once and left alone: the mark that a free block carries is looked
 * at before anything is written.  (A caller's data equals the mark, a 64-bit
 * secret plus the address, by chance once in 2^64; the block then leaks.)
 *
 * Context: Any, NMI included.  Takes no lock while this CPU's magazine has
 * room.
 */
void ouro_free(const void *ptr)
{
	if (unlikely(!free_inband(ptr)))
		free_slow(ptr, _RET_IP_);
}
EXPORT_SYMBOL_OURO(ouro_free);

/* A free that named heap and class, and found no room or a mark. */
static noinline void free_named_slow(struct ouro_heap *heap, const void *ptr,
				     unsigned long front, unsigned long caller)
{
	struct ouro_pool *pool;

	if (!ZERO_OR_NULL_PTR(ptr)) {
		rcu_read_lock();
		pool = ouro_pool_find(ptr);
		/* An object has no right size to name: see free_to_pool(). */
		if (pool && !pool->objects &&
		    (pool->heap != heap || pool->class->geo !=
		     &ouro_geometry[front >> OURO_FRONT_SHIFT]))
			ouro_check_report(OURO_MISUSE_HEAP, heap, pool, ptr,
					  caller);
		rcu_read_unlock();
	}
	/* A wrong name is told of; the block goes where it belongs. */
	free_slow(ptr, caller);
}

static __always_inline bool free_named(struct ouro_heap *heap, const void *ptr,
				       unsigned long front, bool preempt)
{
	u64 mark = ouro_mark_of(ptr);

	if (unlikely(!ouro_ptr_is_direct(ptr)) ||
	    unlikely(*(const u64 *)ptr == mark))
		return false;
	/* As in alloc_fast(). */
	return push_here(front_at(data_race(heap->fronts), front), (void *)ptr,
			 ouro_geometry[front >> OURO_FRONT_SHIFT].size, mark,
			 preempt);
}

/* ouro_free_sized(): @front is the class as an offset in bytes. */
void __ouro_free_front(struct ouro_heap *heap, const void *ptr,
		       unsigned long front)
{
	if (unlikely(!free_named(heap, ptr, front, true)))
		free_named_slow(heap, ptr, front, _RET_IP_);
}
EXPORT_SYMBOL_OURO(__ouro_free_front);

/* As __ouro_free_front() where the caller cannot be preempted. */
void __ouro_free_front_nopreempt(struct ouro_heap *heap, const void *ptr,
				 unsigned long front)
{
	lockdep_assert_preemption_disabled();
	if (unlikely(!free_named(heap, ptr, front, false)))
		free_named_slow(heap, ptr, front, _RET_IP_);
}
EXPORT_SYMBOL_OURO(__ouro_free_front_nopreempt);
