/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Blocks: memory of any size from a heap, and its return.
 *
 * The family mirrors kmalloc()'s.  Size 0 gives ZERO_SIZE_PTR, NULL and
 * ZERO_SIZE_PTR may be freed.  Blocks are aligned to the largest power of two
 * that divides their size, up to PAGE_SIZE, and to ARCH_KMALLOC_MINALIGN at the
 * least.  Above OURO_CLASS_MAX bytes a block is whole pages; above 32 KiB, in
 * a context that may sleep, it may be virtually contiguous only (as kvmalloc()).
 *
 * Contexts: GFP_KERNEL where the caller may sleep, GFP_NOWAIT or GFP_ATOMIC in
 * softirq and hardirq.  In NMI, and on PREEMPT_RT in hardirq or with preemption
 * off, an allocation is served from this CPU's magazines or returns NULL.
 * Frees are allowed everywhere, NMI included.
 *
 * GFP zone flags (__GFP_DMA, __GFP_DMA32, __GFP_HIGHMEM) are refused with NULL;
 * __GFP_NOFAIL does not override a heap's limit.
 */
#ifndef _OURO_BLOCK_H
#define _OURO_BLOCK_H

#include <linux/gfp.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <linux/types.h>
#include <ouro/class.h>
#include <ouro/front.h>
#ifdef __has_include	/* not in every sparse */
#if __has_include(<linux/cleanup.h>)
#include <linux/cleanup.h>
#endif
#endif

struct ouro_heap;

void *__ouro_alloc(struct ouro_heap *heap, size_t size, gfp_t gfp)
	__alloc_size(2) __malloc;
void *__ouro_alloc_front(struct ouro_heap *heap, u64 ask, gfp_t gfp) __malloc;
void *__ouro_alloc_front_above(struct ouro_heap *heap, u64 ask, gfp_t gfp)
	__malloc;
void *__ouro_alloc_front_nopreempt(struct ouro_heap *heap, u64 ask, gfp_t gfp)
	__malloc;
void *__ouro_alloc_asked(struct ouro_heap *heap, u64 ask, gfp_t gfp) __malloc;
void *__ouro_alloc_rest(struct ouro_heap *heap, u64 ask, gfp_t gfp) __malloc;
int __ouro_alloc_bulk(struct ouro_heap *heap, size_t size, gfp_t gfp,
		      size_t count, void **blocks);
int __ouro_alloc_bulk_front(struct ouro_heap *heap, u64 ask, gfp_t gfp,
			    size_t count, void **blocks);
void __ouro_free_front(struct ouro_heap *heap, const void *ptr,
		       unsigned long front);
void __ouro_free_front_nopreempt(struct ouro_heap *heap, const void *ptr,
				 unsigned long front);

/* Whether size and flags are known and plain enough for the shortest way. */
#define __ouro_is_plain(size, gfp)					\
	(__builtin_constant_p(size) && (size) && (size) <= OURO_CLASS_MAX && \
	 __builtin_constant_p(gfp) && !((gfp) & (__GFP_ZERO | GFP_ZONEMASK)))

#define __ouro_front(size)						\
	((unsigned long)ouro_class_index(size) << OURO_FRONT_SHIFT)

/* A constant size and its front in one register. */
#define __ouro_ask(size)						\
	((u64)(size) << 32 | __ouro_front(size))

/* Whether an allocation, if plain, is no call while there is a block at hand. */
static __always_inline bool __ouro_is_inline(void)
{
	return __OURO_ALLOC_INLINE && !static_branch_unlikely(&__ouro_begin_long);
}

/* Such a one. */
static __always_inline void *__ouro_alloc_plain(struct ouro_heap *heap,
						size_t size, gfp_t gfp,
						bool preempt)
{
	void *block = __ouro_front_alloc(heap, __ouro_front(size), preempt);

	if (likely(block))
		return block;
	if (size <= OURO_CLASS_MEDIUM)
		return __ouro_alloc_asked(heap, __ouro_ask(size), gfp);
	return __ouro_alloc_rest(heap, __ouro_ask(size), gfp);
}

/**
 * ouro_alloc() - allocate a block
 * @heap: the owner
 * @size: in bytes; 0 gives ZERO_SIZE_PTR
 * @gfp: as for kmalloc(), without zone flags
 *
 * Context: As @gfp says; see the head of this file for NMI and PREEMPT_RT.
 * Takes no lock when this CPU's magazine holds a block.
 * Return: the block, or NULL.
 */
static __always_inline __alloc_size(2) __malloc
void *ouro_alloc(struct ouro_heap *heap, size_t size, gfp_t gfp)
{
	if (!__ouro_is_plain(size, gfp))
		return __ouro_alloc(heap, size, gfp);
	if (__ouro_is_inline())
		return __ouro_alloc_plain(heap, size, gfp, true);
	if (size <= OURO_CLASS_MEDIUM)
		return __ouro_alloc_front(heap, __ouro_ask(size), gfp);
	return __ouro_alloc_front_above(heap, __ouro_ask(size), gfp);
}

/**
 * ouro_alloc_nopreempt() - allocate a block, the caller cannot be preempted
 * @heap: the owner
 * @size: in bytes
 * @gfp: a non-blocking one: GFP_NOWAIT or GFP_ATOMIC
 *
 * Context: Preemption (or interrupts) off; asserted in debug kernels.
 * Return: the block, or NULL.
 */
static __always_inline __alloc_size(2) __malloc
void *ouro_alloc_nopreempt(struct ouro_heap *heap, size_t size, gfp_t gfp)
{
	if (!__ouro_is_plain(size, gfp))
		return __ouro_alloc(heap, size, gfp);
	if (__ouro_is_inline())
		return __ouro_alloc_plain(heap, size, gfp, false);
	return __ouro_alloc_front_nopreempt(heap, __ouro_ask(size), gfp);
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
static __always_inline int ouro_alloc_bulk(struct ouro_heap *heap, size_t size,
					   gfp_t gfp, size_t count,
					   void **blocks)
{
	if (__ouro_is_plain(size, gfp))
		return __ouro_alloc_bulk_front(heap, __ouro_ask(size), gfp,
					       count, blocks);
	return __ouro_alloc_bulk(heap, size, gfp, count, blocks);
}

void *ouro_alloc_node(struct ouro_heap *heap, size_t size, gfp_t gfp, int node)
	__alloc_size(2) __malloc;
void *ouro_realloc(struct ouro_heap *heap, const void *ptr, size_t size,
		   gfp_t gfp) __realloc_size(3);
void *ouro_memdup(struct ouro_heap *heap, const void *src, size_t len,
		  gfp_t gfp) __realloc_size(3);
char *ouro_strdup(struct ouro_heap *heap, const char *s, gfp_t gfp);

void ouro_free(const void *ptr);
void ouro_free_bulk(size_t count, void **blocks);
void __ouro_free_rcu(struct rcu_head *head, unsigned long offset);

size_t ouro_block_size(const void *ptr);
bool ouro_owns(const struct ouro_heap *heap, const void *ptr);

/**
 * ouro_zalloc() - allocate a block of zeroes
 * @heap: the owner
 * @size: in bytes
 * @gfp: as for ouro_alloc()
 *
 * Context: As ouro_alloc().
 * Return: the block, or NULL.
 */
static inline __alloc_size(2) __malloc
void *ouro_zalloc(struct ouro_heap *heap, size_t size, gfp_t gfp)
{
	return __ouro_alloc(heap, size, gfp | __GFP_ZERO);
}

/**
 * ouro_alloc_array() - allocate an array, checked for overflow
 * @heap: the owner
 * @count: of elements
 * @size: of an element in bytes
 * @gfp: as for ouro_alloc()
 *
 * Context: As ouro_alloc().
 * Return: the block, or NULL, also when @count * @size overflows.
 */
static __always_inline __alloc_size(2, 3) __malloc
void *ouro_alloc_array(struct ouro_heap *heap, size_t count, size_t size,
		       gfp_t gfp)
{
	size_t bytes;

	if (unlikely(check_mul_overflow(count, size, &bytes)))
		return NULL;
	return ouro_alloc(heap, bytes, gfp);
}

/**
 * ouro_zalloc_array() - allocate an array of zeroes, checked for overflow
 * @heap: the owner
 * @count: of elements
 * @size: of an element in bytes
 * @gfp: as for ouro_alloc()
 *
 * Context: As ouro_alloc().
 * Return: the block, or NULL, also when @count * @size overflows.
 */
static inline __alloc_size(2, 3) __malloc
void *ouro_zalloc_array(struct ouro_heap *heap, size_t count, size_t size,
			gfp_t gfp)
{
	size_t bytes;

	if (unlikely(check_mul_overflow(count, size, &bytes)))
		return NULL;
	return ouro_zalloc(heap, bytes, gfp);
}

/**
 * ouro_realloc_array() - resize an array, checked for overflow
 * @heap: the owner
 * @ptr: a block of @heap, NULL or ZERO_SIZE_PTR
 * @count: of elements
 * @size: of an element in bytes
 * @gfp: as for ouro_realloc()
 *
 * Context: As ouro_realloc().
 * Return: as ouro_realloc(); NULL, and @ptr untouched, on overflow.
 */
static inline __realloc_size(3, 4)
void *ouro_realloc_array(struct ouro_heap *heap, const void *ptr, size_t count,
			 size_t size, gfp_t gfp)
{
	size_t bytes;

	if (unlikely(check_mul_overflow(count, size, &bytes)))
		return NULL;
	return ouro_realloc(heap, ptr, bytes, gfp);
}

/**
 * ouro_free_sized() - free a block whose heap and size the caller knows
 * @heap: the heap it came from
 * @ptr: the block, or NULL
 * @size: the size it was asked for (or any of the same class)
 *
 * Quicker than ouro_free(), but not in hardened heaps.  A wrong @heap or @size
 * is caught in hardened and debug heaps and whenever the quick way is not open;
 * elsewhere it would put the block on the wrong class's magazine, so name what
 * you know, not what you guess.
 *
 * Context: Any, NMI included.
 */
static __always_inline
void ouro_free_sized(struct ouro_heap *heap, const void *ptr, size_t size)
{
	if (__builtin_constant_p(size) && size && size <= OURO_CLASS_MAX)
		__ouro_free_front(heap, ptr, __ouro_front(size));
	else
		ouro_free(ptr);
}

/**
 * ouro_free_sized_nopreempt() - ouro_free_sized() where preemption is off
 * @heap: the heap it came from
 * @ptr: the block, or NULL
 * @size: the size it was asked for
 *
 * Context: Preemption (or interrupts) off; asserted in debug kernels.
 */
static __always_inline
void ouro_free_sized_nopreempt(struct ouro_heap *heap, const void *ptr,
			       size_t size)
{
	if (__builtin_constant_p(size) && size && size <= OURO_CLASS_MAX)
		__ouro_free_front_nopreempt(heap, ptr, __ouro_front(size));
	else
		ouro_free(ptr);
}

/**
 * ouro_free_rcu() - free a block after an RCU grace period
 * @ptr: typed pointer to the block, or NULL
 * @field: its struct rcu_head, within the first page of the block
 *
 * Safe against ouro_heap_destroy() right after it: destroy waits for the
 * callback, and the block dies with the heap.
 *
 * Context: Any but NMI.
 */
#define ouro_free_rcu(ptr, field)					\
do {									\
	typeof(ptr) __ouro_ptr = (ptr);					\
									\
	BUILD_BUG_ON(offsetof(typeof(*__ouro_ptr), field) >= PAGE_SIZE);	\
	if (__ouro_ptr)							\
		__ouro_free_rcu(&__ouro_ptr->field,			\
				offsetof(typeof(*__ouro_ptr), field));	\
} while (0)

#ifdef DEFINE_FREE
/* "struct foo *p __free(ouro) = ouro_alloc(...)": freed when p goes out of scope. */
DEFINE_FREE(ouro, void *, if (!IS_ERR_OR_NULL(_T)) ouro_free(_T))
#endif

#endif /* _OURO_BLOCK_H */
