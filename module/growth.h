/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Growth: what a heap has more of than when it was marked.
 */
#ifndef OURO_GROWTH_H
#define OURO_GROWTH_H

#include <linux/refcount.h>
#include "ouro.h"

struct ouro_heap;
struct ouro_kind;

enum ouro_growth_what {
	OURO_GROWTH_TYPE,
	OURO_GROWTH_CLASS,	/* blocks of a size, and large ones */
	OURO_GROWTH_SITE,
};

/**
 * struct ouro_growth_row - live blocks that belong together
 * @what: makes them so
 * @size: of a class, 0: large blocks
 * @caller: of a site, as in struct ouro_site_note
 * @kind: of a type, and of a site's objects; NULL: blocks
 * @live: how many
 * @bytes: the sum of their block sizes
 * @live_growth: since the mark; 0 in a mark
 * @bytes_growth: since the mark; 0 in a mark
 */
struct ouro_growth_row {
	enum ouro_growth_what what;
	u32 size;
	u32 caller;
	const struct ouro_kind *kind;
	unsigned long live;
	unsigned long bytes;
	long live_growth;
	long bytes_growth;
};

/**
 * struct ouro_growth - a mark, or what has changed since one
 * @heap: it is about
 * @users: of a mark
 * @bytes: of this memory; of a mark they are the heap's metadata
 * @marked: a mark was made
 * @when: that was, in seconds since boot
 * @noted: sites were noted
 * @epoch: of the heap's sites
 * @sites_marked: the mark has them, too: sites grew since then
 * @rows: how many
 * @row: of a mark by what they are; of a growth by @what, the most bytes first
 */
struct ouro_growth {
	struct ouro_heap *heap;
	refcount_t users;
	size_t bytes;
	bool marked;
	unsigned long when;
	bool noted;
	u32 epoch;
	bool sites_marked;
	unsigned int rows;
	struct ouro_growth_row row[];
};

int ouro_growth_mark(struct ouro_heap *heap);
struct ouro_growth *ouro_growth_read(struct ouro_heap *heap);
void ouro_growth_end(struct ouro_heap *heap);

#endif /* OURO_GROWTH_H */
