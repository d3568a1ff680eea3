/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Site tables: what is live, by who allocated it.
 */
#ifndef OURO_SITE_TABLE_H
#define OURO_SITE_TABLE_H

#include "ouro.h"

struct ouro_heap;
struct ouro_kind;

/**
 * struct ouro_site_row - the live blocks of one site and type
 * @live: how many
 * @bytes: the sum of their block sizes
 * @kind: of the objects, NULL: blocks
 * @caller: as in struct ouro_site_note
 * @stack: handle of the stack depot, 0: none
 * @oldest: jiffies of the first allocation
 * @newest: of the last
 */
struct ouro_site_row {
	unsigned long live;
	unsigned long bytes;
	const struct ouro_kind *kind;
	u32 caller;
	u32 stack;
	u32 oldest;
	u32 newest;
};

#define OURO_SITE_ROWS	4096	/* in a table; a power of two */

/**
 * struct ouro_site_table - all of a heap's
 * @heap: the heap
 * @noted: sites were noted, from before to after it was made
 * @epoch: of the heap's sites
 * @rows: in use
 * @more: live blocks whose sites there was no row for
 * @more_bytes: of these
 * @unknown: live blocks whose site was not noted
 * @unknown_bytes: of these
 * @row: the first @rows of them, once the table was sorted
 */
struct ouro_site_table {
	struct ouro_heap *heap;
	bool noted;
	u32 epoch;
	unsigned int rows;
	unsigned long more;
	unsigned long more_bytes;
	unsigned long unknown;
	unsigned long unknown_bytes;
	struct ouro_site_row row[OURO_SITE_ROWS];
};

struct ouro_site_table *ouro_site_table_read(struct ouro_heap *heap);

#endif /* OURO_SITE_TABLE_H */
