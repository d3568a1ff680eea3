// SPDX-License-Identifier: GPL-2.0
/*
 * Bulk: many blocks of one size at once.
 *
 * What one visit to this CPU's magazine can give or take goes in one go.  Reads
 * and writes free blocks (the mark): built without KASAN's instrumentation.
 */
#include "ouro.h"
#include "block.h"
#include "heap.h"
#include "pool.h"

/* Pops as many as this CPU's magazine holds, in one go. */
static size_t bulk_pop(struct ouro_heap *heap, unsigned int index, size_t size,
		       gfp_t gfp, size_t count, void **blocks,
		       unsigned long caller)
{
	struct ouro_front __percpu *fronts = READ_ONCE(heap->fronts) + index;
	struct ouro_front *here;
	size_t i, got = 0;

	preempt_disable();
	here = ouro_front_here(fronts);
	if (ouro_front_enter(here))
		got = ouro_front_pop_many(here, count, blocks);
	preempt_enable();
	for (i = 0; i < got; i++)
		ouro_block_begin(blocks[i], size, gfp,
				 ouro_geometry[index].size, caller);
	return got;
}

/* As ouro_alloc_bulk(), on behalf of @caller. */
int ouro_bulk_alloc(struct ouro_heap *heap, size_t size, gfp_t gfp,
		    size_t count, void **blocks, unsigned long caller)
{
	bool poppable = size && size <= OURO_CLASS_MAX && !(gfp & GFP_ZONEMASK);
	size_t got = 0;

	ouro_block_might_alloc(gfp);
	while (got < count) {
		if (poppable)
			got += bulk_pop(heap, ouro_class_index(size), size, gfp,
					count - got, blocks + got, caller);
		if (got == count)
			break;
		blocks[got] = ouro_block_alloc(heap, size, gfp, caller);
		if (!blocks[got]) {
			ouro_free_bulk(got, blocks);
			return -ENOMEM;
		}
		got++;
	}
	return 0;
}

/**
 * ouro_alloc_bulk() - allocate many blocks of one size, all or none
 * @heap: the owner
 * @size: of each in bytes
 * @gfp: as for ouro_alloc()
 * @count: of blocks
 * @blocks: filled with the blocks; on failure its contents are undefined
 *
 * Context: As ouro_alloc().
 * Return: 0, or -ENOMEM, and then nothing is allocated.
 */
int ouro_alloc_bulk(struct ouro_heap *heap, size_t size, gfp_t gfp,
		    size_t count, void **blocks)
{
	return ouro_bulk_alloc(heap, size, gfp, count, blocks, _RET_IP_);
}
EXPORT_SYMBOL_OURO(ouro_alloc_bulk);

/* Pushes blocks of one class onto this CPU's front in one go: how many. */
static size_t bulk_push(size_t count, void **blocks)
{
	struct ouro_front __percpu *fronts;
	struct ouro_pool *pool;
	struct ouro_front *here;
	unsigned long top;
	size_t n = 0;

	if (unlikely(!ouro_block_is_live(blocks[0])))
		return 0;
	pool = ouro_pool_inband(blocks[0]);
	fronts = pool->front;
	preempt_disable();
	here = ouro_front_here(fronts);
	if (likely(ouro_front_enter(here))) {
		top = ouro_front_top(here);
		while (!ouro_front_is_full(here, top)) {
			ouro_block_end(blocks[n], pool->size,
				       ouro_mark_of(blocks[n]));
			WRITE_ONCE(*ouro_front_place(top, 0), blocks[n]);
			top += sizeof(void *);
			if (++n == count)
				break;
			if (!ouro_block_is_live(blocks[n]))
				break;
			pool = ouro_pool_inband(blocks[n]);
			if (pool->front != fronts)
				break;
		}
		ouro_front_count(here, n);
		ouro_front_move_leave(here, n * sizeof(void *));
	}
	preempt_enable();
	return n;
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
	size_t i = 0;

	while (i < count) {
		i += bulk_push(count - i, blocks + i);
		if (i < count)
			ouro_block_free(blocks[i++], _RET_IP_);
	}
}
EXPORT_SYMBOL_OURO(ouro_free_bulk);
