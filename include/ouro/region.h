/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Regions: bump-pointer memory inside a heap.
 *
 * A region hands out memory by moving a pointer, and takes it back as a whole
 * or down to a mark.  Use it for what lives and dies together: parsing, one
 * request, one transaction.  Single pieces cannot be freed.
 *
 * A region is not locked: one thread (or one interrupt level) uses it at a
 * time.  What fits in the first chunk costs one block of the heap.
 *
 * After obstack (GNU libc) and mark/release of Pascal.
 */
#ifndef _OURO_REGION_H
#define _OURO_REGION_H

#include <linux/gfp.h>
#include <linux/types.h>

struct ouro_heap;
struct ouro_chunk;

/**
 * struct ouro_region - embed one, or put it on the stack
 * @heap: where chunks come from
 * @chunk: the newest, NULL before the first allocation
 * @next: first free byte in @chunk
 * @end: behind the last byte of @chunk
 * @first: bytes of the first chunk
 *
 * Private: use the functions.
 */
struct ouro_region {
	struct ouro_heap *heap;
	struct ouro_chunk *chunk;
	char *next;
	char *end;
	size_t first;
};

/**
 * struct ouro_mark - a place to come back to
 * @chunk: the newest chunk then
 * @next: its first free byte then
 */
struct ouro_mark {
	struct ouro_chunk *chunk;
	char *next;
};

void ouro_region_init(struct ouro_region *region, struct ouro_heap *heap,
		      size_t first);
void *ouro_region_alloc_aligned(struct ouro_region *region, size_t size,
				size_t align, gfp_t gfp)
	__alloc_size(2) __malloc;
struct ouro_mark ouro_region_mark(const struct ouro_region *region);
void ouro_region_reset(struct ouro_region *region, struct ouro_mark mark);
void ouro_region_release(struct ouro_region *region);
size_t ouro_region_held(const struct ouro_region *region);

/**
 * ouro_region_alloc() - take memory aligned for any kernel structure
 * @region: an initialised region
 * @size: in bytes; 0 gives ZERO_SIZE_PTR
 * @gfp: as for ouro_alloc(); __GFP_ZERO is honoured
 *
 * Context: As @gfp says; the caller serialises use of @region.
 * Return: the memory, or NULL.
 */
static inline __alloc_size(2) __malloc
void *ouro_region_alloc(struct ouro_region *region, size_t size, gfp_t gfp)
{
	return ouro_region_alloc_aligned(region, size, sizeof(long long), gfp);
}

#endif /* _OURO_REGION_H */
