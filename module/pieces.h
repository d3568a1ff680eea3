/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pieces: an array that would be too long for one allocation.
 *
 * Each piece is one run of pages where there is one.  A vmalloc() of all of it
 * would cost an entry in the page table for each page, and its vfree() give back
 * each page by itself, with nobody else's turn in between.
 */
#ifndef OURO_PIECES_H
#define OURO_PIECES_H

#include <linux/bits.h>
#include <linux/types.h>

#define OURO_PIECE_SHIFT	18
#define OURO_PIECE		BIT(OURO_PIECE_SHIFT)	/* bytes; the last may be shorter */

/* How many entries of a size, a power of two, are in a piece. */
#define OURO_PIECE_ENTRIES(size)	(OURO_PIECE / (size))

/**
 * struct ouro_pieces - an array in pieces
 * @piece: each; NULL: there are none
 * @npieces: in @piece
 * @bytes: of all, @piece included
 */
struct ouro_pieces {
	void **piece;
	u32 npieces;
	size_t bytes;
};

u32 ouro_pieces_get(struct ouro_pieces *pieces, u32 n, size_t size);
void ouro_pieces_put(struct ouro_pieces *pieces);

/* The entry number @i, of a size that is a constant power of two. */
static __always_inline void *ouro_pieces_at(const struct ouro_pieces *pieces,
					    u32 i, size_t size)
{
	return pieces->piece[i / OURO_PIECE_ENTRIES(size)] +
	       i % OURO_PIECE_ENTRIES(size) * size;
}

#endif /* OURO_PIECES_H */
