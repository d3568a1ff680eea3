/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Blocks, for the layers above them: who is told of as the caller.
 */
#ifndef OURO_MODULE_BLOCK_H
#define OURO_MODULE_BLOCK_H

#include "ouro.h"

void *ouro_block_alloc(struct ouro_heap *heap, size_t size, gfp_t gfp,
		       unsigned long caller);
void ouro_block_free(const void *ptr, unsigned long caller);

#endif /* OURO_MODULE_BLOCK_H */
