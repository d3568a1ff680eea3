/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pools: a run of units of an arena, cut into blocks of one class.
 *
 * Which blocks are in the pool stands in a bitmap; nothing is ever written into
 * a block to link it.  The header of a pool lies in front of its blocks where
 * that wastes little (in-band), else apart (the private word of each page of
 * the pool leads to it).
 */
#ifndef OURO_POOL_H
#define OURO_POOL_H

#include <linux/mm.h>
#include "class.h"
#include "ouro.h"
#if defined(CONFIG_X86_64) && !defined(CONFIG_UML)
#include <asm/asm.h>
#endif

struct ouro_arena;
struct ouro_front;
struct ouro_marks;

/**
 * struct ouro_pool - header of a pool
 * @magic: ouro_secret, or ouro_object_secret, or ouro_hardened_secret; tells an
 *	in-band header from whatever else lies at a multiple of OURO_UNIT
 * @front: where free puts a block; an idle one in heaps that are not fast, but for
 *	blocks of hardened heaps, where the header is in-band; and while it is sparse
 * @mult: as in the class's geometry
 * @bias: low 32 bits of @first times @mult
 * @bound: as in the class's geometry
 * @size: bytes of a block
 * @heap: owner
 * @first: the first block
 * @class: that it belongs to
 * @blocks: in the pool
 * @unit: first unit in the arena
 * @end: how objects in it may die, of enum ouro_end; becomes OURO_END_LONG
 *	with the first weak handle
 * @note: where a scan has its notes about the first block, plus one; 0: it is in
 *	no scan
 * @link: on class->pools[@bucket]; guarded by class->lock; or with others that go
 * @arena: that the pool lies in
 * @remote_link: on class->remote while @announced is not 0
 * @announced: remote frees begun and not yet harvested
 * @free: bits set in @map; guarded by class->lock
 * @bucket: the list @link is on; guarded by class->lock, which
 *	ouro_pool_is_sparse() does not need
 * @top_word: no bit of @map is set in a word above this one
 * @rcu: an out-of-band header may be looked up until a grace period has passed
 * @marks: in checked heaps, else NULL
 * @objects: in pools of objects, else NULL
 * @sites: address of struct ouro_sites, or 0; plus OURO_SITES_PLAIN
 * @map: bit set: the block is free and in the pool; guarded by class->lock
 * @remote: bit set: the block came back past the lock; @map has it clear
 * @bits: the memory of the maps
 *
 * The first 64 bytes are what ouro_free() and ouro_put() read, and scans.  They
 * do not change while the pool lives, but for @end once, or with a scan, and @front
 * seldom: CPUs that free do not wait for those that refill.
 */
struct ouro_pool {
	u64 magic;
	struct ouro_front __percpu *front;
	u32 mult;
	u32 bias;
	u32 bound;
	u32 size;
	struct ouro_heap *heap;
	char *first;
	struct ouro_class *class;
	u16 blocks;
	u8 unit;
	u8 end;
	u32 note;

	struct hlist_node link;
	struct ouro_arena *arena;
	struct llist_node remote_link;
	atomic_t announced;
	u16 free;
	u8 bucket;
	u8 top_word;
	struct rcu_head rcu;
	struct ouro_marks *marks;
	struct ouro_objects *objects;
	unsigned long sites;
	unsigned long *map;
	unsigned long *remote;
	unsigned long bits[];
};

static_assert(!IS_ENABLED(CONFIG_64BIT) ||
	      offsetof(struct ouro_pool, link) == 64);

/*
 * What it takes when the last reference to an object went, as far as its pool
 * tells.
 */
enum ouro_end {
	OURO_END_LONG,	/* whatever its kind says */
	OURO_END_LEAF,	/* its block is given back */
	OURO_END_SLOTS,	/* what few slots it has are cleared before that */
	OURO_END_OLD,	/* the same, but the pool is old: it becomes young */
	OURO_END_FROZEN, /* the same, but an object in the pool may be frozen */
};

extern u64 ouro_secret __ro_after_init;
extern u64 ouro_object_secret __ro_after_init;
extern u64 ouro_hardened_secret __ro_after_init;
extern long ouro_direct_end __ro_after_init;

/*
 * Whether a pointer into the pool is the start of one of its blocks.
 *
 * With m = 2^32 / size + 1 and e = m * size - 2^32 (so 1 <= e <= size), block k
 * gives k * e modulo 2^32, which is below bound = blocks * e just for
 * 0 <= k < blocks; everything else within 128 KiB of the first block, on either
 * side and between blocks, gives more, because (k + blocks) * e < m for every
 * size up to 8 KiB.  One multiplication so tells inner pointers, pointers into
 * the header, and pointers behind the last block.  (Divisibility by
 * multiplication: Warren, Hacker's Delight, 10-17; Lemire, Kaser, Kurz 2019.)
 */
static __always_inline bool ouro_pool_is_block(const struct ouro_pool *pool,
					       const void *ptr)
{
	return (u32)(unsigned long)ptr * pool->mult - pool->bias < pool->bound;
}

static inline unsigned int ouro_pool_index(const struct ouro_pool *pool,
					   const void *block)
{
	return ((u64)((const char *)block - pool->first) * pool->mult) >> 32;
}

static inline void *ouro_pool_block(const struct ouro_pool *pool,
				    unsigned int index)
{
	return pool->first + index * pool->size;
}

/* What the first eight bytes of a free block at @ptr hold. */
static __always_inline u64 ouro_mark_of(const void *ptr)
{
	return ouro_secret + (unsigned long)ptr;
}

/*
 * Whether @ptr may point into the direct map, where all pools lie: reading near
 * it touches no device.  On x86-64 everything else is above as a signed number:
 * vmalloc space and the kernel image behind it, and the user half with NULL and
 * ZERO_SIZE_PTR.
 */
static __always_inline bool ouro_ptr_is_direct(const void *ptr)
{
#if defined(CONFIG_X86_64) && !defined(CONFIG_UML)
	return (long)ptr < ouro_direct_end;
#else
	return virt_addr_valid(ptr);
#endif
}

/* Where the in-band header in front of @ptr would be. */
static __always_inline struct ouro_pool *ouro_pool_inband(const void *ptr)
{
	return (void *)((unsigned long)ptr & ~(OURO_UNIT - 1));
}

/* In the magic of pools of objects another bit 0 than in that of blocks. */
#define OURO_MAGIC_OBJECTS	1
/* And bit 1 in pools of blocks of hardened heaps: ouro_free() is not that short. */
#define OURO_MAGIC_HARDENED	2

/*
 * Whether there is one with @want for its magic.  @ptr passed
 * ouro_ptr_is_direct(); where the direct map has a hole, the fault on reading
 * the supposed header means no.
 */
static __always_inline bool ouro_pool_has_magic(const void *ptr, u64 want)
{
	const struct ouro_pool *pool = ouro_pool_inband(ptr);

#if defined(CONFIG_X86_64) && !defined(CONFIG_UML)
	asm goto("1: cmpq %[want], %[magic]\n\t"
		 "jne %l[no]\n"
		 _ASM_EXTABLE(1b, %l[no])
		 : : [want] "r" (want), [magic] "m" (pool->magic)
		 : "cc" : no);
	return true;
no:
	return false;
#else
	return READ_ONCE_NOCHECK(pool->magic) == want;
#endif
}

/* Whether there is one of a pool of blocks. */
static __always_inline bool ouro_pool_is_inband(const void *ptr)
{
	return ouro_pool_has_magic(ptr, ouro_secret);
}

/*
 * The page that a pointer into the direct map points into; where there is no
 * memory, what this leads to may be not there.
 */
static __always_inline struct page *ouro_pool_page(const void *ptr)
{
#if defined(CONFIG_X86_64) && !defined(CONFIG_UML)
	/* virt_to_page() also serves the kernel image, at twice the cost. */
	return pfn_to_page(((unsigned long)ptr - PAGE_OFFSET) >> PAGE_SHIFT);
#else
	return virt_to_page(ptr);
#endif
}

/* Whether there is one of a pool of objects, for any pointer. */
static __always_inline bool ouro_pool_is_inband_objects(const void *ptr)
{
	return likely(ouro_ptr_is_direct(ptr)) &&
	       likely(ouro_pool_has_magic(ptr, ouro_object_secret));
}

/*
 * The header apart that the page of @ptr, a direct one, leads to, or NULL.  The page
 * may be anybody's, or none at all where there is no memory.
 */
static __always_inline struct ouro_pool *ouro_pool_by_page(const void *ptr)
{
	unsigned long private = 0;
	struct ouro_pool *pool;
	u64 magic = 0;

#if defined(CONFIG_X86_64) && !defined(CONFIG_UML)
	/* A fault leaves the register as it was. */
	asm volatile("1: movq %[from], %[to]\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : [to] "+r" (private)
		     : [from] "m" (ouro_pool_page(ptr)->private));
	pool = (struct ouro_pool *)private;
	if (!ouro_ptr_is_direct(pool))
		return NULL;
	asm volatile("1: movq %[from], %[to]\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : [to] "+r" (magic)
		     : [from] "m" (pool->magic));
#else
	private = READ_ONCE_NOCHECK(ouro_pool_page(ptr)->private);
	pool = (struct ouro_pool *)private;
	if (ZERO_OR_NULL_PTR(pool) || !IS_ALIGNED(private, sizeof(long)) ||
	    !ouro_ptr_is_direct(pool))
		return NULL;
	magic = READ_ONCE_NOCHECK(pool->magic);
#endif
	return (magic ^ ~ouro_secret) <= OURO_MAGIC_OBJECTS ? pool : NULL;
}

struct ouro_pool *ouro_pool_apart(const void *ptr);

/* The pool of what should be an object, or NULL if it is none. */
static __always_inline struct ouro_pool *ouro_pool_of_object(const void *ptr)
{
	struct ouro_pool *pool;

	if (unlikely(!ouro_ptr_is_direct(ptr)))
		return NULL;
	if (likely(ouro_pool_has_magic(ptr, ouro_object_secret)))
		return ouro_pool_inband(ptr);
	pool = ouro_pool_apart(ptr);
	return pool && pool->objects ? pool : NULL;
}

void ouro_pool_init(void);
struct ouro_pool *ouro_pool_create(struct ouro_class *class, gfp_t gfp,
				   int node);
struct ouro_pool *ouro_pool_create_within(struct ouro_class *class, int node);
void ouro_pool_release(struct ouro_pool *pool);
void ouro_pool_release_retired(struct hlist_head *pools);
void ouro_pool_forget(struct ouro_pool *pool);
void ouro_pool_forget_all(struct ouro_arena *arena);
void ouro_pool_trace(const struct ouro_pool *pool, unsigned int from,
		     unsigned int to);
struct ouro_pool *ouro_pool_find(const void *ptr);
size_t ouro_pool_header_size(unsigned int blocks);
struct ouro_front __percpu *ouro_pool_front(const struct ouro_class *class);

unsigned int ouro_pool_take(struct ouro_pool *pool, unsigned int count,
			    void **blocks);
bool ouro_pool_give(struct ouro_pool *pool, const void *block);
unsigned int ouro_pool_give_map(struct ouro_pool *pool,
				const unsigned long *map);
unsigned int ouro_pool_harvest(struct ouro_pool *pool, unsigned int *twice);

/* Once sparse it is so till it is empty, or set to another one. */
static inline unsigned int ouro_pool_bucket(const struct ouro_pool *pool)
{
	if (pool->free == pool->blocks)
		return OURO_EMPTY;
	if (ouro_bucket_is_sparse(pool->bucket))
		return pool->free ? OURO_SPARSE : OURO_SPARSE_FULL;
	if (!pool->free)
		return OURO_FULL;
	return OURO_PARTIAL + pool->free * 4 / pool->blocks;
}

/*
 * Whether blocks go home that are freed, not to a magazine.  Without the lock it
 * may be so no more, which does no harm.
 */
static inline bool ouro_pool_is_sparse(const struct ouro_pool *pool)
{
	return ouro_bucket_is_sparse(READ_ONCE(pool->bucket));
}

/* In use, that is on a list: what is new or goes says that it is empty. */
static inline bool ouro_pool_may_be_sparse(const struct ouro_pool *pool)
{
	lockdep_assert_held(&pool->class->lock);
	return pool->bucket >= OURO_FULL && pool->bucket < OURO_EMPTY;
}

#endif /* OURO_POOL_H */
