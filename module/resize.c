// SPDX-License-Identifier: GPL-2.0
/*
 * What is known of a block by its pointer: size, owner; and what follows from
 * that: realloc, duplicates, delayed free.
 */
#include "ouro.h"
#include "block.h"
#include "check.h"
#include "heap.h"
#include "large.h"
#include "address.h"
#include "pool.h"

/**
 * struct ouro_found - what a pointer leads to
 * @heap: owner, NULL: none
 * @pool: it lies in, NULL for a large block
 * @start: of the block, NULL when it is in none
 * @size: usable bytes
 * @kept: of these, bytes that realloc keeps: in debug heaps those asked for
 */
struct ouro_found {
	struct ouro_heap *heap;
	struct ouro_pool *pool;
	const void *start;
	size_t size;
	size_t kept;
};

static struct ouro_found found_in_pool(struct ouro_pool *pool, const void *ptr)
{
	struct ouro_found found = {
		.heap = pool->heap, .pool = pool,
		.size = pool->size, .kept = pool->size,
	};
	unsigned int index = ouro_pool_index(pool, ptr);

	if ((const char *)ptr < pool->first)
		return found;
	found.start = ouro_pool_block(pool, index);
	if (pool->marks && pool->marks->track)
		found.kept = READ_ONCE(pool->marks->track[index].asked);
	return found;
}

static struct ouro_found find(const void *ptr)
{
	struct ouro_found found = { };
	struct ouro_large *large;
	struct ouro_pool *pool;

	if (ZERO_OR_NULL_PTR(ptr))
		return found;
	rcu_read_lock();
	pool = ouro_pool_find(ptr);
	large = pool ? NULL : ouro_address_large(ptr);
	if (pool) {
		found = found_in_pool(pool, ptr);
	} else if (large) {
		found.heap = large->heap;
		found.start = large->base;
		found.size = large->bytes;
		found.kept = large->bytes;
	}
	rcu_read_unlock();
	return found;
}

/**
 * ouro_block_size() - how many bytes of a block may be used
 * @ptr: a live block, NULL or ZERO_SIZE_PTR
 *
 * At least what was asked for.  KASAN and debug heaps hold the caller to what
 * was asked for all the same: use ouro_realloc() to have more.
 *
 * Context: Any.
 * Return: bytes, 0 for NULL, ZERO_SIZE_PTR and what is not a block.
 */
size_t ouro_block_size(const void *ptr)
{
	struct ouro_found found = find(ptr);

	return found.start == ptr ? found.size : 0;
}
EXPORT_SYMBOL_OURO(ouro_block_size);

/**
 * ouro_owns() - whether a pointer points into memory of a heap
 * @heap: the heap
 * @ptr: any address
 *
 * True for every address in a pool of @heap and in the first page of a large
 * block, whether or not the block is live.
 *
 * Context: Any.
 * Return: true when it does.
 */
bool ouro_owns(const struct ouro_heap *heap, const void *ptr)
{
	return find(ptr).heap == heap;
}
EXPORT_SYMBOL_OURO(ouro_owns);

static bool fits_in_place(const struct ouro_found *found, size_t size)
{
	if (size > OURO_CLASS_MAX)
		return !found->pool && PAGE_ALIGN(size) == found->size;
	return found->pool && ouro_geometry + ouro_class_index(size) ==
			      found->pool->class->geo;
}

static void resize_in_place(const struct ouro_found *found, void *block,
			    size_t size, gfp_t gfp)
{
	if (found->pool) {
		ouro_kasan_unpoison(block, found->size);
		if (ouro_heap_is_debug(found->heap))
			ouro_check_resized(found->pool, block, size, gfp);
	}
	/*
	 * What a later growth uncovers must be zero as well; in the pools of
	 * debug heaps it is filled then, and guarded until then.
	 */
	if ((gfp & __GFP_ZERO) &&
	    !(found->pool && ouro_heap_is_debug(found->heap)))
		memset(block + size, 0, found->size - size);
	if (found->pool) {
		ouro_kasan_poison(block, found->size);
		ouro_kasan_unpoison(block, size);
	}
}

/**
 * ouro_realloc() - resize a block, keeping its contents
 * @heap: the owner
 * @ptr: a block of @heap; NULL or ZERO_SIZE_PTR: as ouro_alloc()
 * @size: wanted, in bytes; 0 frees and gives ZERO_SIZE_PTR
 * @gfp: as for ouro_alloc(); with __GFP_ZERO what grows is zero, provided that
 *	the block was allocated, and each time resized, with __GFP_ZERO
 *
 * Does not move the block while its class (for large blocks: its number of
 * pages) stays the same.  Making a block smaller does not fail.
 *
 * Context: As ouro_alloc().
 * Return: the block, maybe moved, or NULL, and then @ptr is as it was.
 */
void *ouro_realloc(struct ouro_heap *heap, const void *ptr, size_t size,
		   gfp_t gfp)
{
	void *block = (void *)ptr, *moved;
	struct ouro_found found;

	if (ZERO_OR_NULL_PTR(ptr))
		return ouro_block_alloc(heap, size, gfp, _RET_IP_);
	if (!size) {
		ouro_block_free(ptr, _RET_IP_);
		return ZERO_SIZE_PTR;
	}
	found = find(ptr);
	if (found.heap != heap || found.start != ptr ||
	    (found.pool && found.pool->objects)) {
		ouro_check_report(!found.heap ? OURO_MISUSE_FOREIGN :
				  found.heap != heap ? OURO_MISUSE_HEAP :
				  found.start != ptr ? OURO_MISUSE_INNER :
				  OURO_MISUSE_FREED, heap, found.pool, ptr,
				  _RET_IP_);
		return NULL;
	}
	if (fits_in_place(&found, size)) {
		resize_in_place(&found, block, size, gfp);
		return block;
	}
	moved = ouro_block_alloc(heap, size, gfp, _RET_IP_);
	if (!moved) {
		if (size > found.size)
			return NULL;
		resize_in_place(&found, block, size, gfp);
		return block;
	}
	/* Beyond what was asked for, too: zeroes there are promised. */
	if (found.pool)
		ouro_kasan_unpoison(block, found.size);
	memcpy(moved, block, min(size, found.kept));
	ouro_block_free(block, _RET_IP_);
	return moved;
}
EXPORT_SYMBOL_OURO(ouro_realloc);

/**
 * ouro_memdup() - allocate a copy of some memory
 * @heap: the owner
 * @src: what to copy
 * @len: in bytes
 * @gfp: as for ouro_alloc()
 *
 * Context: As ouro_alloc().
 * Return: the copy, or NULL.
 */
void *ouro_memdup(struct ouro_heap *heap, const void *src, size_t len,
		  gfp_t gfp)
{
	void *copy = ouro_block_alloc(heap, len, gfp, _RET_IP_);

	if (!ZERO_OR_NULL_PTR(copy))
		memcpy(copy, src, len);
	return copy;
}
EXPORT_SYMBOL_OURO(ouro_memdup);

/**
 * ouro_strdup() - allocate a copy of a string
 * @heap: the owner
 * @s: the string, or NULL
 * @gfp: as for ouro_alloc()
 *
 * Context: As ouro_alloc().
 * Return: the copy, or NULL, also for a NULL @s.
 */
char *ouro_strdup(struct ouro_heap *heap, const char *s, gfp_t gfp)
{
	size_t len;
	char *copy;

	if (!s)
		return NULL;
	len = strlen(s);
	copy = ouro_block_alloc(heap, len + 1, gfp, _RET_IP_);
	if (copy) {
		/* The string may change meanwhile; it ends here all the same. */
		memcpy(copy, s, len);
		copy[len] = '\0';
	}
	return copy;
}
EXPORT_SYMBOL_OURO(ouro_strdup);

static void free_after_grace(struct rcu_head *head)
{
	struct ouro_found found = find(head);
	struct ouro_heap *heap = found.heap;

	if (WARN_ON_ONCE(!heap))
		return;
	ouro_free(found.start);
	/* The heap may go from here on; pairs with ouro_heap_settle(). */
	smp_mb__before_atomic();
	atomic_long_dec(&heap->rcu_pending);
}

/* ouro_free_rcu(): @head lies @offset bytes into the block. */
void __ouro_free_rcu(struct rcu_head *head, unsigned long offset)
{
	struct ouro_found found = find(head);

	if (!found.heap || found.start != (char *)head - offset ||
	    (found.pool && found.pool->objects)) {
		ouro_check_report(!found.heap ? OURO_MISUSE_FOREIGN :
				  found.start != (char *)head - offset ?
				  OURO_MISUSE_INNER : OURO_MISUSE_FREED,
				  found.heap, found.pool, head, _RET_IP_);
		return;
	}
	atomic_long_inc(&found.heap->rcu_pending);
	call_rcu(head, free_after_grace);
}
EXPORT_SYMBOL_OURO(__ouro_free_rcu);
