// SPDX-License-Identifier: GPL-2.0
/*
 * Geometry: what a block size means for pools and magazines.
 */
#include "ouro.h"
#include "geometry.h"
#include "magazine.h"
#include "pool.h"

struct ouro_geometry ouro_geometry[OURO_CLASSES] __ro_after_init;

/* The block size of a class: the inverse of ouro_class_index(). */
static unsigned int __init class_size(unsigned int index)
{
	unsigned int shift;

	if (index < 16)
		return (index + 1) * 8;
	if (index < 40)
		return OURO_CLASS_FINE + (index - 15) * 16;
	shift = 10 + (index - 40) / 8;
	return (8 + (index - 40) % 8 + 1) << (shift - 4);
}

/* Blocks of @size that fit into @units with (or without) the header. */
static unsigned int blocks_in(unsigned int size, unsigned int units,
			      bool inband,
			      size_t (*header)(unsigned int blocks))
{
	unsigned int bytes = units << OURO_UNIT_SHIFT;
	unsigned int blocks = bytes / size;

	if (inband)
		while (blocks * size + header(blocks) > bytes)
			blocks--;
	return blocks;
}

/*
 * Up to OURO_CLASS_MEDIUM bytes pools of blocks are in-band: __ouro_alloc_front()
 * counts on it.  A header and what is left behind the last block are most where the
 * blocks are smallest, for the maps, or largest.
 */
#define OURO_WASTE(size)						\
	(sizeof(struct ouro_pool) + (size) +				\
	 2 * sizeof(long) * BITS_TO_LONGS(OURO_UNIT / (size)))
static_assert(OURO_WASTE(8) * 100 <= OURO_UNIT * 6);
static_assert(OURO_WASTE(OURO_CLASS_MEDIUM) * 100 <= OURO_UNIT * 6);

static void geometry_fit(struct ouro_geometry *geo,
			 size_t (*header)(unsigned int blocks))
{
	unsigned int bytes = OURO_UNIT, waste;

	geo->units = 1;
	geo->inband = true;
	geo->blocks = blocks_in(geo->size, 1, true, header);
	waste = bytes - geo->blocks * geo->size;
	if (waste * 100 <= bytes * 6)
		return;
	geo->inband = false;
	for (; geo->units <= OURO_POOL_UNITS; geo->units++) {
		bytes = geo->units << OURO_UNIT_SHIFT;
		geo->blocks = blocks_in(geo->size, geo->units, false, header);
		waste = bytes - geo->blocks * geo->size;
		if (waste * 100 <= bytes * 6)
			return;
	}
	/* Does not happen: the self-test in selftests/ walks the table. */
	geo->units = OURO_POOL_UNITS;
}

/* A block above OURO_CLASS_MAX has its pool for itself, whole units. */
static void geometry_single(struct ouro_geometry *geo)
{
	geo->units = DIV_ROUND_UP(geo->size, OURO_UNIT);
	geo->size = geo->units << OURO_UNIT_SHIFT;
	geo->inband = false;
	geo->blocks = 1;
	geo->rounds = 1;
	geo->parked = 0;
	geo->mult = 1;
	geo->bound = 1;
}

/**
 * ouro_geometry_set() - what a block size means
 * @geo: filled
 * @size: bytes of a block: that of a class, or more than OURO_CLASS_MAX
 * @header: tells the bytes of a pool's header by the number of its blocks
 */
void ouro_geometry_set(struct ouro_geometry *geo, size_t size,
		       size_t (*header)(unsigned int blocks))
{
	geo->size = size;
	if (size > OURO_CLASS_MAX) {
		geometry_single(geo);
		geo->header = header(1);
		return;
	}
	geometry_fit(geo, header);
	geo->header = header(geo->blocks);
	geo->rounds = clamp_t(unsigned int, SZ_32K / geo->size, 4,
			      OURO_ROUNDS_MAX);
	geo->parked = clamp_t(unsigned int, SZ_64K / (geo->rounds * geo->size),
			      2, 16);
	geo->mult = (u32)((1ULL << 32) / geo->size) + 1;
	geo->bound = geo->blocks *
		(u32)((u64)geo->mult * geo->size - (1ULL << 32));
}

/* Fills the table.  Once, from module init. */
void __init ouro_geometry_init(void)
{
	unsigned int i;

	for (i = 0; i < OURO_CLASSES; i++)
		ouro_geometry_set(&ouro_geometry[i], class_size(i),
				  ouro_pool_header_size);
}
