/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Heaps: an owner for everything a subsystem allocates.
 *
 * A heap has a name, an optional limit, statistics of its own under
 * /sys/kernel/debug/ouro/<name>, and dies whole: ouro_heap_destroy() gives
 * every page back at a cost of the number of arenas, however many blocks are
 * still live.  Heaps are never merged with each other.
 *
 * Do not use a heap for memory that a device reaches by DMA without the
 * streaming API, for memory that must have a struct page of its own (networking
 * fragments, page cache), or for a handful of long-lived allocations: kmalloc()
 * is right there.
 *
 * Who owns it: the module that creates a heap destroys it in its exit function.
 * A heap does not pin that module, but it pins ouro.ko: "rmmod ouro" is refused
 * while a heap lives.
 */
#ifndef _OURO_HEAP_H
#define _OURO_HEAP_H

#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/numa.h>
#include <linux/types.h>

struct ouro_heap;

/* A module that uses ouro says OURO_IMPORT(); once, at file level. */
#define OURO_IMPORT() MODULE_INFO(import_ns, "OURO")

#define OURO_NAME_MAX	48	/* bytes of a heap's name, with its NUL */

/**
 * enum ouro_heap_flags - what a heap does beyond the default
 * @OURO_HEAP_ACCOUNT: charge pages to the memory cgroup of the creator
 * @OURO_HEAP_HARDENED: test on every free, exactly, that the block is a live
 *	block of this module; the per-CPU magazines are reached the long way
 * @OURO_HEAP_DEBUG: as OURO_HEAP_HARDENED, and poison freed blocks, check the
 *	bytes behind the asked-for size, remember the caller of each alloc and
 *	free, and tell kmemleak of every block
 * @OURO_HEAP_COLLECT: look for unreachable cycles from time to time, as after
 *	ouro_collector_enable()
 */
enum ouro_heap_flags {
	OURO_HEAP_ACCOUNT	= 1U << 0,
	OURO_HEAP_HARDENED	= 1U << 1,
	OURO_HEAP_DEBUG		= 1U << 2,
	OURO_HEAP_COLLECT	= 1U << 3,
};

#define OURO_HEAP_FLAGS \
	(OURO_HEAP_ACCOUNT | OURO_HEAP_HARDENED | OURO_HEAP_DEBUG | \
	 OURO_HEAP_COLLECT)

/**
 * struct ouro_heap_attr - how a heap is made
 * @name: unique among living heaps; letters, digits and "-_.", 1 to
 *	OURO_NAME_MAX - 1 bytes; copied
 * @flags: of enum ouro_heap_flags
 * @node: where its pages come from, NUMA_NO_NODE: where the caller runs
 * @limit: bytes it may hold in pages, 0: no limit
 * @reserve_size: with @reserve_count: bytes of each block held back for
 *	ouro_reserve_alloc() on ouro_heap_reserve()
 * @reserve_count: blocks held back, 0: no reserve
 */
struct ouro_heap_attr {
	const char *name;
	unsigned int flags;
	int node;
	size_t limit;
	size_t reserve_size;
	unsigned int reserve_count;
};

/**
 * ouro_heap_create() - make a heap
 * @name: unique among living heaps
 * @flags: of enum ouro_heap_flags
 *
 * An idle heap costs its descriptor and its debugfs directory; per-CPU memory
 * comes with the first allocation, a first arena is one pool (16 KiB, up to
 * 128 KiB for the largest classes).
 *
 * Context: Process context, may sleep.
 * Return: the heap, or ERR_PTR: -EEXIST when a living heap has that name,
 * -EINVAL for a bad name, flag, node, limit or reserve, -ENOMEM, -ENODEV while
 * ouro.ko is being unloaded.
 */
#define ouro_heap_create(name, flags)					\
	ouro_heap_create_attr((&(const struct ouro_heap_attr) {		\
		(name), (flags), NUMA_NO_NODE, 0, 0, 0 }))

/**
 * ouro_heap_create_attr() - make a heap with all attributes
 * @attr: see struct ouro_heap_attr; not kept
 *
 * Heaps that one line of code creates share a lockdep class; other lines have
 * others.
 *
 * Context: Process context, may sleep.
 * Return: as ouro_heap_create().
 */
#define ouro_heap_create_attr(attr)					\
({									\
	static struct lock_class_key __ouro_keys[4];			\
									\
	__ouro_heap_create((attr), THIS_MODULE, __ouro_keys);		\
})

struct ouro_heap *__ouro_heap_create(const struct ouro_heap_attr *attr,
				     struct module *owner,
				     struct lock_class_key *keys);

unsigned long ouro_heap_destroy(struct ouro_heap *heap);
unsigned long ouro_heap_trim(struct ouro_heap *heap);
void ouro_heap_flush(struct ouro_heap *heap);
int ouro_heap_set_limit(struct ouro_heap *heap, size_t limit);
size_t ouro_heap_limit(const struct ouro_heap *heap);
const char *ouro_heap_name(const struct ouro_heap *heap);

/**
 * struct ouro_heap_stat - one reading of a heap's counters
 * @live: blocks (of every size) that callers hold
 * @live_bytes: the sum of their block sizes
 * @cached: free blocks in magazines and the depot
 * @allocs: allocations since creation
 * @frees: frees since creation
 * @held: bytes of pages held, what @limit bounds
 * @peak: the highest @held so far
 * @limit: in bytes, 0: none
 * @metadata: bytes of descriptors, magazines and per-CPU tables on top of @held
 * @arenas: arenas held
 * @pools: pools in use
 * @large: live blocks of whole pages
 * @limit_hits: allocations refused for the limit
 * @failed: allocations that failed for any reason
 * @misuse: bad frees reported
 *
 * A reading errs at most by the operations in flight and is never negative.
 */
struct ouro_heap_stat {
	unsigned long live;
	unsigned long live_bytes;
	unsigned long cached;
	unsigned long allocs;
	unsigned long frees;
	unsigned long held;
	unsigned long peak;
	unsigned long limit;
	unsigned long metadata;
	unsigned long arenas;
	unsigned long pools;
	unsigned long large;
	unsigned long limit_hits;
	unsigned long failed;
	unsigned long misuse;
};

void ouro_heap_stat(struct ouro_heap *heap, struct ouro_heap_stat *stat);

#endif /* _OURO_HEAP_H */
