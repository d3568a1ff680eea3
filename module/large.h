/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Large blocks: whole pages, one descriptor each.
 */
#ifndef OURO_LARGE_H
#define OURO_LARGE_H

#include "ouro.h"
#include "site.h"

struct ouro_heap;

#define OURO_LARGE_MAX	(INT_MAX & PAGE_MASK)	/* bytes: what kvmalloc() serves */

/**
 * struct ouro_large - a block of whole pages
 * @link: on heap->larges; guarded by heap->large_lock
 * @dead: on the list of blocks to be given back by the worker
 * @rcu: a look-up may still hold the descriptor
 * @heap: owner
 * @base: first byte
 * @bytes: of pages
 * @claimed: by the first free; a second one finds it so
 * @is_virtual: from vmalloc space
 * @site: who allocated it
 */
struct ouro_large {
	struct list_head link;
	struct llist_node dead;
	struct rcu_head rcu;
	struct ouro_heap *heap;
	void *base;
	size_t bytes;
	int claimed;
	bool is_virtual;
	struct ouro_site_note site;
};

void *ouro_large_alloc(struct ouro_heap *heap, size_t size, gfp_t gfp,
		       int node, unsigned long caller);

/* The one of several frees that may go on. */
static inline bool ouro_large_claim(struct ouro_large *large)
{
	return !xchg(&large->claimed, 1);
}

void ouro_large_free(struct ouro_large *large);
void ouro_large_destroy_all(struct ouro_heap *heap);
void ouro_large_flush(void);
void ouro_large_exit(void);

#endif /* OURO_LARGE_H */
