// SPDX-License-Identifier: GPL-2.0
/*
 * Backing: pages, descriptors and virtual memory for heaps.
 */
#include "ouro.h"
#include <linux/vmalloc.h>
#include "backing.h"
#include "fail.h"
#include "heap.h"

/* What a caller's flags may ask of the page allocator on a heap's behalf. */
static gfp_t backing_gfp(const struct ouro_heap *heap, gfp_t gfp)
{
	gfp &= ~(__GFP_ZERO | GFP_ZONEMASK | __GFP_COMP | __GFP_NOFAIL |
		 __GFP_ACCOUNT);
	if (heap->memcg)
		gfp |= __GFP_ACCOUNT;
	return gfp;
}

/**
 * ouro_backing_charge() - count bytes of pages against the limit
 * @heap: the owner
 * @bytes: to be taken
 *
 * Context: Any but NMI.
 * Return: false when the limit would be passed; nothing is charged then.
 */
bool ouro_backing_charge(struct ouro_heap *heap, size_t bytes)
{
	unsigned long limit = READ_ONCE(heap->limit);
	long held = atomic_long_read(&heap->held);

	do {
		if (unlikely(limit && held + bytes > limit)) {
			WRITE_ONCE(heap->limited, true);
			return false;
		}
	} while (!atomic_long_try_cmpxchg(&heap->held, &held, held + bytes));
	return true;
}

/* The pages are there. */
static void note_peak(struct ouro_heap *heap)
{
	long held = atomic_long_read(&heap->held);
	long peak = atomic_long_read(&heap->peak);

	while (peak < held &&
	       !atomic_long_try_cmpxchg(&heap->peak, &peak, held))
		;
}

void ouro_backing_uncharge(struct ouro_heap *heap, size_t bytes)
{
	atomic_long_sub(bytes, &heap->held);
}

/* Pages of which @bytes are charged. */
static void *pages_get(struct ouro_heap *heap, size_t bytes, unsigned int order,
		       gfp_t gfp, int node)
{
	struct mem_cgroup *old;
	struct page *page;

	if (ouro_fail(bytes) || !ouro_backing_charge(heap, bytes))
		return NULL;
	old = set_active_memcg(heap->memcg);
	page = alloc_pages_node(node, backing_gfp(heap, gfp), order);
	set_active_memcg(old);
	if (!page) {
		ouro_backing_uncharge(heap, bytes);
		return NULL;
	}
	note_peak(heap);
	return page_address(page);
}

/**
 * ouro_backing_pages() - 2^order pages, charged
 * @heap: the owner
 * @order: as for alloc_pages()
 * @gfp: the caller's
 * @node: or NUMA_NO_NODE
 *
 * Context: As @gfp says.
 * Return: the first byte, or NULL.
 */
void *ouro_backing_pages(struct ouro_heap *heap, unsigned int order, gfp_t gfp,
			 int node)
{
	return pages_get(heap, PAGE_SIZE << order, order, gfp, node);
}

void ouro_backing_free_pages(struct ouro_heap *heap, void *base,
			     unsigned int order)
{
	free_pages((unsigned long)base, order);
	ouro_backing_uncharge(heap, PAGE_SIZE << order);
}

/* As ouro_backing_pages(), then gives back what @bytes does not need. */
void *ouro_backing_exact(struct ouro_heap *heap, size_t bytes, gfp_t gfp,
			 int node)
{
	unsigned int order = get_order(bytes);
	void *base = pages_get(heap, bytes, order, gfp, node);
	size_t whole = PAGE_SIZE << order;

	if (!base)
		return NULL;
	split_page(virt_to_page(base), order);
	for (; whole > bytes; whole -= PAGE_SIZE)
		free_page((unsigned long)base + whole - PAGE_SIZE);
	return base;
}

void ouro_backing_free_exact(struct ouro_heap *heap, void *base, size_t bytes)
{
	free_pages_exact(base, bytes);
	ouro_backing_uncharge(heap, bytes);
}

/* Pages that are contiguous in kernel addresses only.  May sleep. */
void *ouro_backing_virtual(struct ouro_heap *heap, size_t bytes, gfp_t gfp,
			   int node)
{
	struct mem_cgroup *old;
	void *base;

	if (ouro_fail(bytes) || !ouro_backing_charge(heap, bytes))
		return NULL;
	gfp = backing_gfp(heap, gfp);
	old = set_active_memcg(heap->memcg);
	if (node == NUMA_NO_NODE)
		base = __vmalloc(bytes, gfp);
	else
		base = kvmalloc_node(bytes, gfp, node);
	set_active_memcg(old);
	if (base)
		note_peak(heap);
	else
		ouro_backing_uncharge(heap, bytes);
	return base;
}

void ouro_backing_free_virtual(struct ouro_heap *heap, void *base, size_t bytes)
{
	kvfree(base);
	ouro_backing_uncharge(heap, bytes);
}

/**
 * ouro_backing_meta() - memory for the module's own use, zeroed
 * @heap: on whose account
 * @bytes: wanted
 * @gfp: the caller's
 * @node: or NUMA_NO_NODE
 *
 * Not part of what the limit bounds: that is pages for blocks.
 *
 * Context: As @gfp says.
 * Return: the memory, or NULL.
 */
void *ouro_backing_meta(struct ouro_heap *heap, size_t bytes, gfp_t gfp,
			int node)
{
	struct mem_cgroup *old;
	void *meta;

	if (ouro_fail(bytes))
		return NULL;
	old = set_active_memcg(heap->memcg);
	if (gfpflags_allow_blocking(gfp))
		meta = kvzalloc_node(bytes, backing_gfp(heap, gfp), node);
	else
		meta = kzalloc_node(bytes, backing_gfp(heap, gfp), node);
	set_active_memcg(old);
	if (meta)
		atomic_long_add(bytes, &heap->metadata);
	return meta;
}

void ouro_backing_free_meta(struct ouro_heap *heap, void *meta, size_t bytes)
{
	if (!meta)
		return;
	kvfree(meta);
	atomic_long_sub(bytes, &heap->metadata);
}

/* Zeroed memory on every possible CPU; goes with free_percpu(). */
void __percpu *ouro_backing_percpu(struct ouro_heap *heap, size_t bytes,
				   size_t align, gfp_t gfp)
{
	void __percpu *mem;
	struct mem_cgroup *old;

	if (ouro_fail(bytes))
		return NULL;
	/* Whatever is not plain GFP_KERNEL takes what is at hand. */
	gfp = (gfp & GFP_KERNEL) == GFP_KERNEL ? GFP_KERNEL :
	      GFP_NOWAIT | __GFP_NOWARN;
	if (heap->memcg)
		gfp |= __GFP_ACCOUNT;
	old = set_active_memcg(heap->memcg);
	mem = __alloc_percpu_gfp(bytes, align, gfp);
	set_active_memcg(old);
	return mem;
}
