/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why: what keeps an object alive.
 */
#ifndef OURO_WHY_H
#define OURO_WHY_H

#include <ouro/pin.h>
#include <ouro/type.h>
#include "field.h"
#include "ouro.h"
#include "weak.h"

struct ouro_heap;
struct ouro_inspect;
struct ouro_kind;

/**
 * struct ouro_step - an object on a path
 * @kind: of it
 * @name: of the object
 * @field: that the next one was reached by; empty for the last
 */
struct ouro_step {
	const struct ouro_kind *kind;
	char name[OURO_WEAK_TEXT];
	char field[OURO_FIELD_TEXT];
};

#define OURO_STEPS	64	/* of a path, from either end */

/**
 * struct ouro_path - the shortest way from an outside reference to an object
 * @found: there is such an object
 * @reached: there is a way to it
 * @immortal: its first object never dies, whoever refers to it
 * @outside: references to the first object from outside of objects
 * @pinned: names of some of these
 * @length: steps
 * @left_out: of these, in the middle
 * @step: the first, and the last: as many as @length less @left_out
 */
struct ouro_path {
	bool found;
	bool reached;
	bool immortal;
	u32 outside;
	char pinned[2 * OURO_PIN_NAME_MAX];
	u32 length;
	u32 left_out;
	struct ouro_step step[2 * OURO_STEPS];
};

/**
 * struct ouro_why - a question and its answer
 * @heap: the heap
 * @asked: a handle, or the name of a type
 * @path: to the object, or to the nearest one of the type
 */
struct ouro_why {
	struct ouro_heap *heap;
	char asked[OURO_TYPE_NAME_MAX];
	struct ouro_path path;
};

/* Which object is looked for. */
struct ouro_target {
	const struct ouro_kind *kind;	/* any of these; NULL: this one */
	u32 number;
	u32 block;
	u64 generation;			/* 0: whichever is there */
};

void ouro_path_text(const struct ouro_path *path, char *text, size_t size);
void ouro_path_holder(const struct ouro_path *path, char *text, size_t size);

#define OURO_HOLDER_TEXT	100	/* bytes for what holds a path */

int ouro_why_target(struct ouro_heap *heap, const char *asked,
		    struct ouro_target *target);
int ouro_why_find(struct ouro_inspect *ins, const struct ouro_target *target,
		  struct ouro_path *path);
struct ouro_why *ouro_why_run(struct ouro_heap *heap, const char *asked);

#endif /* OURO_WHY_H */
