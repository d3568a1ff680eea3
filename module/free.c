// SPDX-License-Identifier: GPL-2.0
/*
 * Free: of blocks, the short ways and what they leave; the long way goes on in
 * magazine.c.
 *
 * This file reads and writes free blocks (the mark), so it is built without
 * KASAN's instrumentation.
 */
#include "ouro.h"
#include "arena.h"
#include "block.h"
#include "check.h"
#include "heap.h"
#include "large.h"
#include "address.h"
#include "pool.h"

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
		if (!ouro_pool_is_sparse(pool) &&
		    push_here(pool->class->fronts, block, pool->size, mark,
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

/* A block that was claimed; as long as it is in no map its pool stays. */
static noinline void free_to_magazines(struct ouro_pool *pool, void *block)
{
	ouro_slow_begin();
	ouro_block_end(block, pool->size, ouro_mark_of(block));
	ouro_magazine_free(pool, block);
	ouro_slow_end();
}

/* What was found of a pointer into what looks like a pool of a hardened heap. */
enum claim {
	CLAIM_NONE,	/* nothing that is sure */
	CLAIM_TWICE,	/* a block that nobody had */
	CLAIM_BLOCK,	/* a block; who had it has it no more */
};

/*
 * Takes a block of a hardened heap from who had it.  The page has the last word on
 * which pool it is of, the live bit on whether it was live.
 *
 * A pool that goes meanwhile, because the block was freed before, leaves its marks
 * to who has preemption off.  Its header may be anything then, or another pool's:
 * the marks are its if the page leads there after they were read, and the header to
 * them after that.  All else is in the marks.
 */
static __always_inline enum claim claim_hardened(const struct ouro_pool *pool,
						 const void *ptr,
						 unsigned int *size)
{
	const struct page *page = ouro_pool_page(ptr);
	struct ouro_marks *marks;
	u64 place;

	lockdep_assert_preemption_disabled();
	marks = READ_ONCE(pool->marks);
	smp_rmb();	/* pairs with the lock of who gets the pages next */
	if (unlikely(READ_ONCE(page->private) != (unsigned long)pool))
		return CLAIM_NONE;
	smp_rmb();	/* pairs with pool_publish() */
	if (unlikely(READ_ONCE(pool->marks) != marks))
		return CLAIM_NONE;
	/* Index and remainder: see ouro_pool_is_block(). */
	place = ((const char *)ptr - marks->first) * (u64)marks->mult;
	if (unlikely((u32)place >= marks->bound))
		return CLAIM_NONE;
	if (likely(ouro_marks_clear(marks, place >> 32)))
		return CLAIM_BLOCK;
	*size = marks->size;
	return CLAIM_TWICE;
}

/* It stays so: another look might find who has got the block since. */
static noinline void tell_twice(const void *ptr, unsigned int size,
				unsigned long caller)
{
	struct ouro_arena *arena;

	rcu_read_lock();
	arena = ouro_address_arena(ptr);
	/* The pages may be another heap's by now. */
	ouro_check_report_size(OURO_MISUSE_TWICE, arena ? arena->heap : NULL,
			       size, caller);
	rcu_read_unlock();
}

/* What the shortest ways leave to others. */
enum rest {
	REST_SLOW,	/* nothing is sure */
	REST_APART,	/* there is no header in front of it */
	REST_TWICE,	/* from here on: a block of that size that nobody had */
};

/* The short way in hardened heaps.  False: nothing was done but to set @rest. */
static __always_inline bool free_hardened(const void *ptr, unsigned int *rest)
{
	struct ouro_pool *pool = ouro_pool_inband(ptr);
	enum claim claim;
	bool done;

	preempt_disable();
	claim = claim_hardened(pool, ptr, rest);
	if (likely(claim == CLAIM_BLOCK)) {
		done = push_here(READ_ONCE(pool->front), (void *)ptr,
				 pool->size, ouro_mark_of(ptr), false);
		preempt_enable();
		if (unlikely(!done))
			free_to_magazines(pool, (void *)ptr);
		return true;
	}
	preempt_enable();
	return false;
}

/*
 * The short way, for blocks whose pool has its header apart.  Not in checked heaps,
 * whose front is an idle one.
 */
static __always_inline bool free_apart(const void *ptr)
{
	u64 mark = ouro_mark_of(ptr);
	struct ouro_pool *pool;
	bool done = false;

	preempt_disable();	/* the header stays, whoever frees it meanwhile */
	pool = ouro_pool_by_page(ptr);
	if (likely(pool) && likely(!pool->objects) &&
	    likely(ouro_pool_is_block(pool, ptr)) &&
	    likely(*(const u64 *)ptr != mark))
		done = push_here(READ_ONCE(pool->front), (void *)ptr,
				 pool->size, mark, false);
	preempt_enable();
	return done;
}

/* @rest: of enum rest. */
static noinline void free_rest(const void *ptr, unsigned long caller,
			       unsigned int rest)
{
	if (likely(rest == REST_APART) && likely(free_apart(ptr)))
		return;
	if (unlikely(rest >= REST_TWICE))
		tell_twice(ptr, rest, caller);
	else
		free_slow(ptr, caller);
}

/* The short way, for blocks whose pool has its header in front of them. */
static __always_inline bool free_inband(const void *ptr)
{
	const struct ouro_pool *pool = ouro_pool_inband(ptr);
	u64 mark = ouro_mark_of(ptr);

	return likely(ouro_pool_is_block(pool, ptr)) &&
	       likely(*(const u64 *)ptr != mark) &&
	       push_here(READ_ONCE(pool->front), (void *)ptr, pool->size, mark,
			 true);
}

/* By the header, if there is one in front of the block.  False: @rest is set. */
static __always_inline bool free_short(const void *ptr, unsigned int *rest)
{
	*rest = REST_SLOW;
	if (unlikely(!ouro_ptr_is_direct(ptr)))
		return false;
	if (likely(ouro_pool_is_inband(ptr)))
		return free_inband(ptr);
	if (ouro_pool_has_magic(ptr, ouro_hardened_secret))
		return free_hardened(ptr, rest);
	*rest = REST_APART;
	return false;
}

/* As ouro_free(), on behalf of @caller: for the module's own layers. */
void ouro_block_free(const void *ptr, unsigned long caller)
{
	unsigned int rest;

	if (unlikely(!free_short(ptr, &rest)))
		free_rest(ptr, caller, rest);
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
 * room, but for a block of a sparse pool.
 */
void ouro_free(const void *ptr)
{
	unsigned int rest;

	if (unlikely(!free_short(ptr, &rest)))
		free_rest(ptr, _RET_IP_, rest);
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
	ouro_block_free(ptr, caller);
}

static __always_inline bool free_named(struct ouro_heap *heap, const void *ptr,
				       unsigned long front, bool preempt)
{
	u64 mark = ouro_mark_of(ptr);

	if (unlikely(!ouro_ptr_is_direct(ptr)) ||
	    unlikely(*(const u64 *)ptr == mark))
		return false;
	/* As in alloc_fast(). */
	return push_here(ouro_front_at(data_race(heap->fronts), front), (void *)ptr,
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
