/* SPDX-License-Identifier: GPL-2.0 */
/* Misuse of objects and slots: one report each, counted, and no damage. */
#ifndef _OURO_TEST_ABUSE_H
#define _OURO_TEST_ABUSE_H

#include <linux/types.h>
#include <ouro/object.h>
#include <ouro/slot.h>
#include "ouro_test.h"

struct pair {
	struct ouro_object object;
	struct ouro_slot left;
	u64 value;
	struct ouro_slot right;
	struct rcu_head rcu;
};

struct row {
	struct ouro_object object;
	u64 count;
	struct ouro_slot cell[];
};

/**
 * struct scene - what a case works on; cases run one at a time
 * @t: the case
 * @heap: of everything
 * @kind: of @object
 * @object: to be misused
 * @a: to be left alone; refers to @b twice
 * @b: to be left alone; refers to @a
 * @misuse: reports so far
 * @released: objects so far
 * @log: since the last report
 */
struct scene {
	struct ouro_test *t;
	struct ouro_heap *heap;
	struct ouro_kind *kind;
	struct ouro_object *object;
	struct pair *a;
	struct pair *b;
	unsigned long misuse;
	int released;
	struct test_log log;
};

extern struct scene scene;

/* Of objects to be misused; told and late ones have a release. */
enum { LEAF, PAIR, TOLD, LATE, LARGE, ROW, TYPES };
extern const struct ouro_type types[TYPES];

bool scene_open(struct scene *s, struct ouro_test *t, int type);
void scene_close(struct scene *s, int live, int released);
void told(struct scene *s, unsigned int count, const char *needle, bool ours);
void told_of(struct scene *s, unsigned int count, const char *what,
	     struct ouro_object *object);
void put_there(void *object);

/* What is no object, or no slot; and objects that are freed: abuse_stranger.c */
void put_stranger(struct ouro_test *t);
void store_stranger(struct ouro_test *t);
void no_slot(struct ouro_test *t);
void freed(struct ouro_test *t);
void freed_sized(struct ouro_test *t);

#endif /* _OURO_TEST_ABUSE_H */
