// SPDX-License-Identifier: GPL-2.0
/*
 * Where the index keeps its blocks: in a heap, or with kmalloc().
 *
 * Only this file knows the difference.  Both are asked for the same sizes in
 * the same order, and both are counted here, so that they can be compared.
 */
#include <linux/kernel.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <ouro/block.h>
#include <ouro/heap.h>
#include "index.h"

static void *heap_alloc(struct store *store, size_t size)
{
	return ouro_alloc(store->heap, size, GFP_KERNEL);
}

static void *slab_alloc(struct store *store, size_t size)
{
	return kmalloc(size, GFP_KERNEL);
}

static const struct store_ops stores[] = {
	{
		.name = "ouro",
		.alloc = heap_alloc,
		.free = ouro_free,
		.block_size = ouro_block_size,
		.dies_whole = true,
	}, {
		.name = "kmalloc",
		.alloc = slab_alloc,
		.free = kfree,
		.block_size = ksize,
	},
};

/* The store called @name, or NULL. */
const struct store_ops *store_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(stores); i++)
		if (!strcmp(stores[i].name, name))
			return &stores[i];
	return NULL;
}

/* Make the heap unless it is there. */
int store_open(struct store *store, size_t limit)
{
	struct ouro_heap *heap;

	if (store->heap)
		return 0;
	heap = ouro_heap_create_attr((&(struct ouro_heap_attr) {
		.name = INDEX_NAME,
		.node = NUMA_NO_NODE,
		.limit = limit,
	}));
	if (IS_ERR(heap))
		return PTR_ERR(heap);
	store->heap = heap;
	return 0;
}

/* Everything that lives in the heap is gone in one call. */
void store_close(struct store *store)
{
	if (store->heap)
		ouro_heap_destroy(store->heap);
	store->heap = NULL;
	store->blocks = 0;
	store->asked = 0;
	store->given = 0;
}

void *store_alloc(struct store *store, size_t size)
{
	void *block = store->ops->alloc(store, size);

	if (!block)
		return NULL;
	store->blocks++;
	store->asked += size;
	store->given += store->ops->block_size(block);
	return block;
}

/* @size is what the block was asked for: neither store remembers that. */
void store_free(struct store *store, const void *block, size_t size)
{
	store->blocks--;
	store->asked -= size;
	store->given -= store->ops->block_size(block);
	store->ops->free(block);
}
