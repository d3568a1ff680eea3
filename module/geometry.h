/* SPDX-License-Identifier: GPL-2.0 */
#ifndef OURO_GEOMETRY_H
#define OURO_GEOMETRY_H

#include "ouro.h"

/**
 * struct ouro_geometry - what a block size means, the same in every heap
 * @size: bytes of a block
 * @units: of OURO_UNIT bytes in a pool
 * @blocks: in a pool
 * @inband: the pool's header lies in front of its blocks
 * @header: bytes of struct ouro_pool with its bitmaps
 * @rounds: blocks in a full magazine
 * @parked: full magazines that a depot keeps at most
 * @mult: 2^32 / @size + 1, for a pool of one block 1; see ouro_pool_is_block()
 * @bound: @blocks * (@mult * @size - 2^32), for a pool of one block 1
 * @objects: of a class of objects, where in the header struct ouro_objects is
 *
 * The blocks end where the pool ends: block i starts at
 * end - (@blocks - i) * @size.  Waste in front, header included, is at most
 * 6 % of the pool.
 */
struct ouro_geometry {
	u32 size;
	u16 units;
	u16 blocks;
	bool inband;
	u16 header;
	u16 rounds;
	u16 parked;
	u32 mult;
	u32 bound;
	u16 objects;
};

extern struct ouro_geometry ouro_geometry[OURO_CLASSES];

void ouro_geometry_init(void);
void ouro_geometry_set(struct ouro_geometry *geo, size_t size,
		       size_t (*header)(unsigned int blocks));

#endif /* OURO_GEOMETRY_H */
