/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Blocks, for the layers above them: who is told of as the caller; and how a
 * block changes hands, for the short ways.
 */
#ifndef OURO_MODULE_BLOCK_H
#define OURO_MODULE_BLOCK_H

#include "ouro.h"
#include "check.h"
#include "pool.h"
#include "site.h"

void *ouro_block_alloc(struct ouro_heap *heap, size_t size, gfp_t gfp,
		       unsigned long caller);
int ouro_bulk_alloc(struct ouro_heap *heap, size_t size, gfp_t gfp,
		    size_t count, void **blocks, unsigned long caller);
void ouro_block_free(const void *ptr, unsigned long caller);
void *ouro_block_wipe(void *block, size_t size, size_t whole);
void *ouro_block_begin_long(void *block, size_t size, gfp_t gfp, size_t whole,
			    unsigned long caller);

/* Where a debug kernel would look: a stock one is spared the call. */
static __always_inline void ouro_block_might_alloc(gfp_t gfp)
{
	if (IS_ENABLED(CONFIG_LOCKDEP) || IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP))
		might_alloc(gfp);
}

/* A block of an unchecked heap becomes the caller's. */
static __always_inline void *ouro_block_begin(void *block, size_t size,
					      gfp_t gfp, size_t whole,
					      unsigned long caller)
{
	WRITE_ONCE(*(u64 *)block, 0);	/* no longer free: see ouro_free() */
	if (static_branch_unlikely(&__ouro_begin_long))
		return ouro_block_begin_long(block, size, gfp, whole, caller);
	if (gfp & __GFP_ZERO)
		return ouro_block_wipe(block, size, whole);
	ouro_kasan_unpoison(block, size);
	return block;
}

/* A block stops being the caller's: it carries the mark from here on. */
static __always_inline void ouro_block_end(void *block, size_t whole, u64 mark)
{
	WRITE_ONCE(*(u64 *)block, mark);
	ouro_kasan_poison(block, whole);
}

#endif /* OURO_MODULE_BLOCK_H */
