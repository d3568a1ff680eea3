// SPDX-License-Identifier: GPL-2.0
/*
 * Regions: bump-pointer memory on top of blocks.
 *
 * Chunks form a stack, the newest on top; a chunk is one block whose first
 * bytes are its header.  Memory is taken from the newest chunk only.  A tail too
 * short for a request is left behind until a reset comes back to its chunk, so
 * all tails together are less than what was asked for, alignment aside.
 *
 * Invariants, with top the newest chunk:
 *
 *   top == NULL  <=>  next == end == NULL
 *   top != NULL   =>  end == (char *)top + top->size
 *                     top->data <= next <= end
 *
 * Bounds: a new chunk is twice the last, or CHUNK_MAX, or what one request
 * needs.  A region of n bytes so has at most 11 + n / CHUNK_MAX chunks unless
 * the heap was at its limit, and never more than there were requests.  Reset,
 * release and held cost one step a chunk.
 */
#include "ouro.h"
#include <linux/align.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <ouro/region.h>
#include "block.h"

#define FIRST_DEFAULT	512	/* bytes, when the caller has no opinion */
#define CHUNK_MAX	SZ_32K	/* bytes; larger ones serve one request only */
#define SIZE_LIMIT	INT_MAX	/* bytes of a request, as for kvmalloc() */

/**
 * struct ouro_chunk - a block that a region hands out piece by piece
 * @below: the next older chunk, NULL for the first
 * @size: bytes of the block, this header included
 * @data: what is handed out
 */
struct ouro_chunk {
	struct ouro_chunk *below;
	size_t size;
	char data[] __aligned(sizeof(long long));
};

#define FIRST_MIN	(sizeof(struct ouro_chunk) + sizeof(long long))

static char *chunk_end(const struct ouro_chunk *chunk)
{
	return (char *)chunk + chunk->size;
}

static void use_chunk(struct ouro_region *region, struct ouro_chunk *chunk,
		      char *next)
{
	region->chunk = chunk;
	region->next = next;
	region->end = chunk ? chunk_end(chunk) : NULL;
}

/**
 * ouro_region_init() - make a region ready for use
 * @region: uninitialised memory, often on the stack
 * @heap: where chunks come from; it must outlive what the region holds
 * @first: bytes of the first chunk, its header of two words included; 0 for
 *	a default of 512
 *
 * Takes no memory: the first chunk comes with the first allocation.
 *
 * Context: Any.
 */
void ouro_region_init(struct ouro_region *region, struct ouro_heap *heap,
		      size_t first)
{
	region->heap = heap;
	region->first = clamp_t(size_t, first ?: FIRST_DEFAULT, FIRST_MIN,
				SIZE_LIMIT);
	use_chunk(region, NULL, NULL);
}
EXPORT_SYMBOL_OURO(ouro_region_init);

/*
 * Put a chunk on top that has room for @size bytes at a multiple of @align.
 *
 * A block is aligned to the largest power of two that divides its size, so a
 * size that is a multiple of @align is all that alignment needs.
 */
static bool add_chunk(struct ouro_region *region, size_t size, size_t align,
		      gfp_t gfp, unsigned long caller)
{
	size_t need = ALIGN(ALIGN(sizeof(struct ouro_chunk), align) + size,
			    align);
	size_t want = region->first;
	struct ouro_chunk *chunk = NULL;

	if (region->chunk)
		want = min_t(size_t, region->chunk->size * 2, CHUNK_MAX);
	want = ALIGN(want, align);
	if (want > need)
		chunk = ouro_block_alloc(region->heap, want,
					 gfp | __GFP_NOWARN | __GFP_NORETRY,
					 caller);
	if (!chunk) {
		/* Near a limit a small chunk may still be had. */
		want = need;
		chunk = ouro_block_alloc(region->heap, want, gfp, caller);
	}
	if (!chunk)
		return false;
	chunk->below = region->chunk;
	chunk->size = want;
	use_chunk(region, chunk, chunk->data);
	return true;
}

/* Take from the newest chunk; NULL when it has not enough left. */
static void *take(struct ouro_region *region, size_t size, size_t align)
{
	char *start = PTR_ALIGN(region->next, align);

	if (start > region->end || size > region->end - start)
		return NULL;
	region->next = start + size;
	return start;
}

/**
 * ouro_region_alloc_aligned() - take memory with an alignment
 * @region: an initialised region
 * @size: in bytes; 0 gives ZERO_SIZE_PTR
 * @align: a power of two, at most PAGE_SIZE
 * @gfp: as for ouro_alloc(); __GFP_ZERO is honoured
 *
 * The memory lives until ouro_region_reset() to a mark made before it, or
 * ouro_region_release().
 *
 * Context: As @gfp says; the caller serialises use of @region.
 * Return: the memory, or NULL, also for an @align that cannot be had.
 */
void *ouro_region_alloc_aligned(struct ouro_region *region, size_t size,
				size_t align, gfp_t gfp)
{
	void *memory;

	if (unlikely(!is_power_of_2(align) || align > PAGE_SIZE)) {
		pr_err_once("region of heap %s: alignment of %zu bytes asked for by %pS\n",
			    ouro_heap_name(region->heap), align,
			    (void *)_RET_IP_);
		return NULL;
	}
	might_alloc(gfp);
	if (unlikely(!size))
		return ZERO_SIZE_PTR;
	if (unlikely(size > SIZE_LIMIT ||
		     gfp & (__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM)))
		return NULL;

	memory = take(region, size, align);
	if (!memory) {
		if (!add_chunk(region, size, align, gfp & ~__GFP_ZERO,
			       _RET_IP_))
			return NULL;
		memory = take(region, size, align);
	}
	if (memory && gfp & __GFP_ZERO)
		memset(memory, 0, size);
	return memory;
}
EXPORT_SYMBOL_OURO(ouro_region_alloc_aligned);

/**
 * ouro_region_mark() - remember how far a region is used
 * @region: an initialised region
 *
 * A mark costs nothing and needs no undoing.  It is void once the region was
 * reset to an earlier mark or released.
 *
 * Context: Any; the caller serialises use of @region.
 * Return: the mark, for ouro_region_reset().
 */
struct ouro_mark ouro_region_mark(const struct ouro_region *region)
{
	return (struct ouro_mark) {
		.chunk = region->chunk,
		.next = region->next,
	};
}
EXPORT_SYMBOL_OURO(ouro_region_mark);

/*
 * Whether the region can go back to @mark.  A void mark whose chunk has come
 * back as a chunk of the same region, at the same address and with more bytes
 * taken, is not told from a good one.
 */
static bool mark_is_valid(const struct ouro_region *region,
			  struct ouro_mark mark)
{
	const struct ouro_chunk *chunk = region->chunk;

	if (!mark.chunk)
		return !mark.next;
	while (chunk && chunk != mark.chunk)
		chunk = chunk->below;
	if (!chunk || mark.next < chunk->data)
		return false;
	return mark.next <= (chunk == region->chunk ? region->next :
						      chunk_end(chunk));
}

/* Give back the chunks above @chunk, which is in the region or NULL: all. */
static void free_above(struct ouro_region *region,
		       const struct ouro_chunk *chunk)
{
	while (region->chunk != chunk) {
		struct ouro_chunk *top = region->chunk;

		region->chunk = top->below;
		ouro_free(top);
	}
}

/**
 * ouro_region_reset() - take back everything allocated since a mark
 * @region: an initialised region
 * @mark: what ouro_region_mark() returned for @region
 *
 * Frees the chunks that were added since.  A mark that is void is reported
 * once and changes nothing, as far as that can be seen.
 *
 * Context: Any, NMI included; the caller serialises use of @region.
 */
void ouro_region_reset(struct ouro_region *region, struct ouro_mark mark)
{
	if (unlikely(!mark_is_valid(region, mark))) {
		pr_err_once("region of heap %s: reset to a void mark by %pS\n",
			    ouro_heap_name(region->heap), (void *)_RET_IP_);
		return;
	}
	free_above(region, mark.chunk);
	use_chunk(region, mark.chunk, mark.next);
}
EXPORT_SYMBOL_OURO(ouro_region_reset);

/**
 * ouro_region_release() - take back everything and give it to the heap
 * @region: an initialised region
 *
 * The region is as after ouro_region_init() and may be used again.
 *
 * Context: Any, NMI included; the caller serialises use of @region.
 */
void ouro_region_release(struct ouro_region *region)
{
	free_above(region, NULL);
	use_chunk(region, NULL, NULL);
}
EXPORT_SYMBOL_OURO(ouro_region_release);

/**
 * ouro_region_held() - how much memory a region holds
 * @region: an initialised region
 *
 * Context: Any; the caller serialises use of @region.
 * Return: bytes of all chunks, headers and unused tails included.
 */
size_t ouro_region_held(const struct ouro_region *region)
{
	const struct ouro_chunk *chunk;
	size_t held = 0;

	for (chunk = region->chunk; chunk; chunk = chunk->below)
		held += chunk->size;
	return held;
}
EXPORT_SYMBOL_OURO(ouro_region_held);
