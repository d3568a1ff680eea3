// SPDX-License-Identifier: GPL-2.0
/*
 * Pieces: an array that would be too long for one allocation.
 */
#include "ouro.h"
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "fail.h"
#include "pieces.h"

/* NULL where it would take pains to have it. */
static void *get(size_t bytes)
{
	if (ouro_fail(bytes))
		return NULL;
	return kvmalloc(bytes, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
}

/**
 * ouro_pieces_get() - have an array, or what there is memory for
 * @pieces: empty
 * @n: entries wanted
 * @size: of one, in bytes; a power of two
 *
 * What is in the entries is undefined.
 *
 * Context: Process context, may sleep.
 * Return: how many entries there are; 0: none, and nothing is to be put.
 */
u32 ouro_pieces_get(struct ouro_pieces *pieces, u32 n, size_t size)
{
	u64 bytes = (u64)n * size, got = 0;
	size_t table, part;

	*pieces = (struct ouro_pieces) { };
	table = DIV_ROUND_UP_ULL(bytes, OURO_PIECE) * sizeof(*pieces->piece);
	pieces->piece = n ? get(table) : NULL;
	if (!pieces->piece)
		return 0;
	while (got < bytes) {
		part = min_t(u64, bytes - got, OURO_PIECE);
		pieces->piece[pieces->npieces] = get(part);
		if (!pieces->piece[pieces->npieces])
			break;
		pieces->npieces++;
		got += part;
		cond_resched();
	}
	pieces->bytes = table + got;
	if (!got)
		ouro_pieces_put(pieces);
	return div_u64(got, size);
}

/**
 * ouro_pieces_put() - give it back
 * @pieces: may be empty, and is after this
 *
 * Context: Process context, may sleep.
 */
void ouro_pieces_put(struct ouro_pieces *pieces)
{
	while (pieces->npieces) {
		kvfree(pieces->piece[--pieces->npieces]);
		cond_resched();
	}
	kvfree(pieces->piece);
	*pieces = (struct ouro_pieces) { };
}
