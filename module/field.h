/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fields: the references of an object, each with what it is called.
 */
#ifndef OURO_FIELD_H
#define OURO_FIELD_H

#include "ouro.h"

struct ouro_object;
struct ouro_pool;

/**
 * struct ouro_field - where an object refers to another
 * @ref: the other
 * @name: of the slot or array; NULL: the type's traverse told of it
 * @index: in the array, -1: it is none
 */
struct ouro_field {
	struct ouro_object *ref;
	const char *name;
	long index;
};

/* Returns false to end the visit. */
typedef bool (*ouro_field_fn)(const struct ouro_field *field, void *arg);

#define OURO_FIELD_TEXT	64	/* bytes for the name of a field */
#define OURO_FIELDS_A_PART	1024	/* of an array, visited in one go */

bool ouro_field_visit(struct ouro_pool *pool, struct ouro_object *object,
		      ouro_field_fn fn, void *arg);
bool ouro_field_visit_part(struct ouro_pool *pool, struct ouro_object *object,
			   unsigned long *at, ouro_field_fn fn, void *arg);
void ouro_field_name(const struct ouro_field *field,
		     char text[OURO_FIELD_TEXT]);

#endif /* OURO_FIELD_H */
