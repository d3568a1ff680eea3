/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Retained: what is kept alive by whom, in bytes.
 */
#ifndef OURO_RETAIN_H
#define OURO_RETAIN_H

#include <ouro/pin.h>
#include "ouro.h"

struct ouro_heap;
struct ouro_inspect;
struct ouro_kind;

/**
 * struct ouro_holder - outside references to objects of a type
 * @kind: the type; NULL: all that there was no room for
 * @pinned: the names of those references, or empty
 * @roots: objects that have such
 * @objects: that are reached from these, and from no other holder
 * @bytes: of their blocks
 */
struct ouro_holder {
	const struct ouro_kind *kind;
	char pinned[OURO_PIN_NAME_MAX];
	unsigned long roots;
	unsigned long objects;
	unsigned long bytes;
};

#define OURO_HOLDERS	1024

/**
 * struct ouro_retain - all of them
 * @heap: it is about
 * @skipped: pools that were left out
 * @holders: in @holder; one more than there is room for is the last one
 * @shared: objects that are reached from more than one holder
 * @shared_bytes: of these
 * @unreached: objects that are reached from none
 * @unreached_bytes: of these
 * @holder: the most bytes first
 */
struct ouro_retain {
	struct ouro_heap *heap;
	unsigned long skipped;
	unsigned int holders;
	unsigned long shared;
	unsigned long shared_bytes;
	unsigned long unreached;
	unsigned long unreached_bytes;
	struct ouro_holder holder[OURO_HOLDERS];
};

int ouro_retain_find(struct ouro_inspect *ins, struct ouro_retain *retain);
struct ouro_retain *ouro_retain_run(struct ouro_heap *heap);

#endif /* OURO_RETAIN_H */
