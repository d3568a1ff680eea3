/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Audits: the count of each object against the references to it.
 */
#ifndef OURO_AUDIT_H
#define OURO_AUDIT_H

#include <ouro/pin.h>
#include "ouro.h"
#include "site.h"
#include "weak.h"

struct ouro_heap;
struct ouro_kind;

/**
 * struct ouro_finding - an object whose count is wrong
 * @kind: of it
 * @refs: that its word counts
 * @edges: references to it that were found in other objects
 * @pins: references to it that have a name
 * @name: of the object
 * @site: who made it, 0: not noted
 * @pinned: whose the names are
 */
struct ouro_finding {
	const struct ouro_kind *kind;
	u32 refs;
	u32 edges;
	u32 pins;
	unsigned long site;
	char name[OURO_WEAK_TEXT];
	char pinned[2 * OURO_PIN_NAME_MAX];
};

/**
 * struct ouro_unvisited - a field that looks like a reference, and was not told of
 * @kind: of the objects
 * @offset: of the field, in bytes
 * @objects: that have something there
 * @to: the type of what one of them has there
 */
struct ouro_unvisited {
	const struct ouro_kind *kind;
	u32 offset;
	unsigned long objects;
	const struct ouro_kind *to;
};

/**
 * struct ouro_outside - objects of a type that are held from outside of objects
 * @kind: the type
 * @objects: how many
 * @refs: outside references to them
 * @pins: of these, those with a name
 */
struct ouro_outside {
	const struct ouro_kind *kind;
	unsigned long objects;
	unsigned long refs;
	unsigned long pins;
};

#define OURO_FINDINGS	128	/* told of one by one, of each sort */
#define OURO_UNVISITED	64
#define OURO_OUTSIDES	256

/**
 * struct ouro_audit - what was found
 * @heap: it is about
 * @objects: that were looked at
 * @skipped: pools that were not
 * @lows: objects with more references than their word counts
 * @highs: objects of which a reference was lost
 * @unvisits: in @unvisited
 * @outsides: in @outside
 * @unchecked: objects that looked wrong, too many to look at them once more
 * @leaks: some count looked too high
 * @blind: and @highs is 0 for want of certainty: not all references were seen
 * @pins_lost: some references' names are not known
 * @low: the first of them
 * @high: the first of them
 * @unvisited: by type and offset
 * @outside: by type
 */
struct ouro_audit {
	struct ouro_heap *heap;
	unsigned long objects;
	unsigned long skipped;
	unsigned long lows;
	unsigned long highs;
	unsigned int unvisits;
	unsigned int outsides;
	unsigned long unchecked;
	bool leaks;
	bool blind;
	bool pins_lost;
	struct ouro_finding low[OURO_FINDINGS];
	struct ouro_finding high[OURO_FINDINGS];
	struct ouro_unvisited unvisited[OURO_UNVISITED];
	struct ouro_outside outside[OURO_OUTSIDES];
};

struct ouro_audit *ouro_audit_run(struct ouro_heap *heap);

#endif /* OURO_AUDIT_H */
