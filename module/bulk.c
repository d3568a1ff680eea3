// SPDX-License-Identifier: GPL-2.0
/*
 * Bulk: many blocks of one size at once.
 *
 * What one visit to each of this CPU's magazines can give or take goes in one go.  Reads
 * and writes free blocks (the mark): built without KASAN's instrumentation.
 */
#include "ouro.h"
#include "block.h"
#include "heap.h"
#include "magazine.h"
#include "pool.h"

/* Whether a block is begun, unless it is to be zeroed, when its mark is gone. */
static __always_inline bool is_short(void)
{
	return !static_branch_unlikely(&__ouro_begin_long) &&
	       !IS_ENABLED(CONFIG_KASAN);
}

static __always_inline void *pop_one(void **place)
{
	void *block = READ_ONCE(*place);

	WRITE_ONCE(*(u64 *)block, 0);	/* no longer free */
	return block;
}

#define POP_STEP	8	/* blocks between two looks at how many are left */

/* Pops up to @count blocks from an entered front in one go, and leaves it. */
static __always_inline size_t pop_many(struct ouro_front *here, size_t count,
				       void **blocks)
{
	void **place = ouro_front_place(ouro_front_top(here), 0);
	struct ouro_magazine *main = ouro_front_main(here);
	size_t i, n = 0;
	void **end;

	if (likely(main))
		n = min_t(size_t, place - main->block, count);
	for (end = blocks + n; end - blocks >= POP_STEP; blocks += POP_STEP) {
#pragma GCC unroll 8
		for (i = 0; i < POP_STEP; i++)
			blocks[i] = pop_one(place - 1 - i);
		place -= POP_STEP;
	}
	while (blocks != end)
		*blocks++ = pop_one(--place);
	ouro_front_move_leave(here, -(long)(n * sizeof(void *)));
	return n;
}

/* As many as this CPU's magazine holds; they have yet to be begun. */
static __always_inline size_t bulk_pop(struct ouro_heap *heap,
				       unsigned long front, size_t count,
				       void **blocks)
{
	struct ouro_front *here;
	size_t got = 0;

	preempt_disable();
	/* As in alloc_fast(). */
	here = ouro_front_here(ouro_front_at(data_race(heap->fronts), front));
	if (ouro_front_enter(here))
		got = pop_many(here, count, blocks);
	preempt_enable();
	return got;
}

/* When its main magazine has no more: as many as its spare one has. */
static __always_inline size_t bulk_pop_spare(struct ouro_heap *heap,
					     unsigned long front, size_t count,
					     void **blocks)
{
	unsigned int limit = ouro_geometry[front >> OURO_FRONT_SHIFT].rounds;
	struct ouro_front __percpu *fronts;
	struct ouro_front *here;
	size_t got = 0;

	/* As in alloc_fast(). */
	fronts = ouro_front_at(data_race(heap->fronts), front);
	preempt_disable();
	here = ouro_front_here(fronts);
	if (ouro_front_enter(here)) {
		if (ouro_front_swap_empty(raw_cpu_ptr(fronts), limit))
			got = pop_many(here, count, blocks);
		else
			ouro_front_leave(here);
	}
	preempt_enable();
	return got;
}

static void bulk_begin(size_t size, gfp_t gfp, size_t got, void **blocks,
		       unsigned long caller)
{
	size_t i, whole = ouro_geometry[ouro_class_index(size)].size;

	if (is_short() && !(gfp & __GFP_ZERO))
		return;
	for (i = 0; i < got; i++)
		ouro_block_begin(blocks[i], size, gfp, whole, caller);
}

/* What is left to do when @got blocks were popped. */
static noinline int bulk_go_on(struct ouro_heap *heap, size_t size, gfp_t gfp,
			       size_t got, size_t count, void **blocks,
			       unsigned long caller)
{
	bool poppable = size && size <= OURO_CLASS_MAX && !(gfp & GFP_ZONEMASK);
	size_t popped;

	if (got)
		bulk_begin(size, gfp, got, blocks, caller);
	while (got < count) {
		blocks[got] = ouro_block_alloc(heap, size, gfp, caller);
		if (!blocks[got]) {
			ouro_free_bulk(got, blocks);
			return -ENOMEM;
		}
		got++;
		if (!poppable)
			continue;
		popped = bulk_pop(heap, __ouro_front(size), count - got,
				  blocks + got);
		bulk_begin(size, gfp, popped, blocks + got, caller);
		got += popped;
	}
	return 0;
}

/* As ouro_alloc_bulk(), on behalf of @caller. */
int ouro_bulk_alloc(struct ouro_heap *heap, size_t size, gfp_t gfp,
		    size_t count, void **blocks, unsigned long caller)
{
	ouro_block_might_alloc(gfp);
	return bulk_go_on(heap, size, gfp, 0, count, blocks, caller);
}

/* ouro_alloc_bulk() with a size or flags that the compiler does not know. */
int __ouro_alloc_bulk(struct ouro_heap *heap, size_t size, gfp_t gfp,
		      size_t count, void **blocks)
{
	return ouro_bulk_alloc(heap, size, gfp, count, blocks, _RET_IP_);
}
EXPORT_SYMBOL_OURO(__ouro_alloc_bulk);

/* What __ouro_alloc_bulk_front() leaves: there were @got in the main magazine. */
static noinline int bulk_front_rest(struct ouro_heap *heap, u64 ask, gfp_t gfp,
				    size_t got, size_t count, void **blocks,
				    unsigned long caller)
{
	if (got < count)
		got += bulk_pop_spare(heap, (u32)ask, count - got,
				      blocks + got);
	if (got == count && is_short())
		return 0;
	return bulk_go_on(heap, ask >> 32, gfp, got, count, blocks, caller);
}

/* ouro_alloc_bulk() with a constant size and plain flags. */
int __ouro_alloc_bulk_front(struct ouro_heap *heap, u64 ask, gfp_t gfp,
			    size_t count, void **blocks)
{
	size_t got;

	ouro_block_might_alloc(gfp);
	got = bulk_pop(heap, (u32)ask, count, blocks);
	if (likely(got == count) && is_short())
		return 0;
	return bulk_front_rest(heap, ask, gfp, got, count, blocks, _RET_IP_);
}
EXPORT_SYMBOL_OURO(__ouro_alloc_bulk_front);

/* What is the same in all pools of a class whose headers are in front. */
struct alike {
	const struct ouro_front __percpu *fronts;
	u64 secret;
	u32 size, mult, bound;
	u32 bias;	/* of an offset in the pool: see ouro_pool_is_block() */
};

/* Whether @block is in a pool of that class, the header in front. */
static __always_inline bool is_alike(const void *block,
				     const struct alike *alike)
{
	return likely(ouro_ptr_is_direct(block)) &&
	       likely(ouro_pool_is_inband(block)) &&
	       likely(READ_ONCE(ouro_pool_inband(block)->front) ==
		      alike->fronts);
}

/*
 * Pushes what is a live block, @offset behind the beginning of its pool.  @from is
 * where it is named, @shift bytes before the place that it is pushed to: one pointer
 * moves in the loops below, not two.
 */
static __always_inline bool push_one(void **from, unsigned long shift,
				     u32 offset, const struct alike *alike)
{
	void *block = *from;
	u64 mark = alike->secret + (unsigned long)block;

	if (unlikely(offset * alike->mult - alike->bias >= alike->bound))
		return false;
	if (unlikely(*(const u64 *)block == mark))
		return false;
	/* Who comes meanwhile finds the front in use, and does not look there. */
	*(void **)((unsigned long)from + shift) = block;
	ouro_block_end(block, alike->size, mark);
	return true;
}

/* As long as they are in the pool of the first one: there is less to look at. */
static __always_inline void **push_near(void **from, void **end,
					unsigned long shift,
					const struct alike *alike)
{
	/* Negative: a sum goes into a register of its own, a difference does not. */
	unsigned long minus = -(unsigned long)ouro_pool_inband(*from);
	unsigned long offset;

	OPTIMIZER_HIDE_VAR(minus);
	do {
		offset = (unsigned long)*from + minus;
		if (unlikely(offset >= OURO_UNIT) ||
		    !push_one(from, shift, offset, alike))
			break;
	} while (++from != end);
	return from;
}

/* In whatever pools they are. */
static __always_inline void **push_far(void **from, void **end,
				       unsigned long shift,
				       const struct alike *alike)
{
	for (; from != end; from++)
		if (!is_alike(*from, alike) ||
		    !push_one(from, shift, (unsigned long)*from % OURO_UNIT,
			      alike))
			break;
	return from;
}

/*
 * Pushes up to @count of them onto an entered front: those that are live, and of
 * the class of @pool, which is the first one's.
 */
static __always_inline size_t
push_many(struct ouro_front *here, struct ouro_front __percpu *fronts,
	  struct ouro_pool *pool, size_t count, void **blocks)
{
	struct alike alike = {
		fronts, ouro_mark_of(NULL), pool->size, pool->mult,
		pool->bound,
		pool->bias - (u32)(unsigned long)pool * pool->mult
	};
	unsigned long top = ouro_front_top(here);
	unsigned long shift = (unsigned long)ouro_front_place(top, 0) -
			      (unsigned long)blocks;
	void **end, **from = blocks;
	size_t n;

	count = min_t(size_t, count,
		      (ouro_front_limit(here) - top) / sizeof(void *));
	if (unlikely(!count))
		return 0;
	end = blocks + count;
	OPTIMIZER_HIDE_VAR(shift);	/* known once, kept in a register */
	OPTIMIZER_HIDE_VAR(alike.bias);
	from = push_near(from, end, shift, &alike);
	if (from != end)
		from = push_far(from, end, shift, &alike);
	n = from - blocks;
	OPTIMIZER_HIDE_VAR(n);	/* or what the caller makes of it is kept in step */
	return n;
}

/* @swap: when the main magazine is full, the spare one takes its place. */
static __always_inline size_t push_here(struct ouro_front __percpu *fronts,
					struct ouro_pool *pool, size_t count,
					void **blocks, bool swap)
{
	struct ouro_front *here;
	size_t n = 0;

	preempt_disable();
	here = ouro_front_here(fronts);
	if (likely(ouro_front_enter(here))) {
		if (swap && ouro_front_is_full(here, ouro_front_top(here)))
			ouro_front_swap_full(raw_cpu_ptr(fronts),
					     pool->class->geo->rounds);
		n = push_many(here, fronts, pool, count, blocks);
		ouro_front_count(here, n);
		ouro_front_move_leave(here, n * sizeof(void *));
	}
	preempt_enable();
	return n;
}

/* Pushes blocks of one class onto this CPU's front in one go: how many. */
static __always_inline size_t bulk_push(size_t count, void **blocks, bool swap)
{
	struct ouro_pool *pool = ouro_pool_inband(blocks[0]);

	if (unlikely(!ouro_ptr_is_direct(blocks[0])) ||
	    unlikely(!ouro_pool_is_inband(blocks[0])))
		return 0;
	/* Once: it becomes an idle one when the pool becomes sparse. */
	return push_here(READ_ONCE(pool->front), pool, count, blocks, swap);
}

/* The first has no room, or is of another class, or is no block. */
static noinline void bulk_free_rest(size_t count, void **blocks,
				    unsigned long caller)
{
	size_t i = 0, n;

	while (i < count) {
		n = bulk_push(count - i, blocks + i, true);
		if (!n)
			ouro_block_free(blocks[i++], caller);
		i += n;
	}
}

/**
 * ouro_free_bulk() - free many blocks
 * @count: of blocks
 * @blocks: of any heaps and sizes; NULL among them is fine
 *
 * Quickest when blocks of one heap and class are next to each other.
 *
 * Context: Any, NMI included.
 */
void ouro_free_bulk(size_t count, void **blocks)
{
	size_t n = likely(count) ? bulk_push(count, blocks, false) : 0;

	if (unlikely(n < count))
		bulk_free_rest(count - n, blocks + n, _RET_IP_);
}
EXPORT_SYMBOL_OURO(ouro_free_bulk);
