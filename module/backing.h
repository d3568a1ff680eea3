/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Backing: the memory a heap consists of comes through here, so that it is
 * counted, limited, charged and made to fail in tests.
 */
#ifndef OURO_BACKING_H
#define OURO_BACKING_H

#include "ouro.h"

struct ouro_heap;

/*
 * @gfp for what may be done without: no waiting, no warning, and nothing from
 * the reserves that an atomic allocation may draw on.
 */
static inline gfp_t ouro_backing_eager(gfp_t gfp)
{
	return (gfp & ~(__GFP_DIRECT_RECLAIM | __GFP_HIGH | __GFP_MEMALLOC)) |
	       __GFP_NOMEMALLOC | __GFP_NOWARN | __GFP_NORETRY;
}

bool ouro_backing_charge(struct ouro_heap *heap, size_t bytes);
void ouro_backing_uncharge(struct ouro_heap *heap, size_t bytes);

void *ouro_backing_pages(struct ouro_heap *heap, unsigned int order, gfp_t gfp,
			 int node);
void *ouro_backing_exact(struct ouro_heap *heap, size_t bytes, gfp_t gfp,
			 int node);
void ouro_backing_free_pages(struct ouro_heap *heap, void *base,
			     unsigned int order);
void ouro_backing_free_exact(struct ouro_heap *heap, void *base, size_t bytes);
void *ouro_backing_virtual(struct ouro_heap *heap, size_t bytes, gfp_t gfp,
			   int node);
void ouro_backing_free_virtual(struct ouro_heap *heap, void *base,
			       size_t bytes);

void *ouro_backing_meta(struct ouro_heap *heap, size_t bytes, gfp_t gfp,
			int node);
void __percpu *ouro_backing_percpu(struct ouro_heap *heap, size_t bytes,
				   size_t align, gfp_t gfp);
void ouro_backing_free_meta(struct ouro_heap *heap, void *meta, size_t bytes);

#endif /* OURO_BACKING_H */
