/* SPDX-License-Identifier: GPL-2.0 */
/* What the cases of pins have in common: see pin.c. */
#ifndef _OURO_TEST_PIN_H
#define _OURO_TEST_PIN_H

#include <ouro/object.h>
#include <ouro/pin.h>
#include "test_item.h"

/**
 * struct pin_scene - what a case works on
 * @t: its run
 * @heap: it opened
 * @kind: of items
 * @object: an item
 * @metadata: of the heap while no reference has a name
 * @log: from the last misuse on
 */
struct pin_scene {
	struct ouro_test *t;
	struct ouro_heap *heap;
	struct ouro_kind *kind;
	struct ouro_object *object;
	unsigned long metadata;
	struct test_log log;
};

extern const char * const pin_names[5];

struct pin_scene *pin_scene_begin(struct ouro_test *t);
struct pin_scene *pin_scene_open(struct ouro_test *t);
void pin_scene_close(struct pin_scene *s, unsigned int misuses);
struct ouro_object *pin_item(struct pin_scene *s, u64 number);
unsigned long pin_metadata(struct ouro_heap *heap);
void pin_put_reported(struct pin_scene *s, struct ouro_object *object,
		      const char *why, const char *said);

void pin_contexts(struct ouro_test *t);
void pin_first(struct ouro_test *t);
void pin_crowd(struct ouro_test *t);
void pin_crowd_first(struct ouro_test *t);
void pin_lost(struct ouro_test *t);
void pin_lost_many(struct ouro_test *t);
void pin_left_behind(struct ouro_test *t);
void pin_released(struct ouro_test *t);

#endif /* _OURO_TEST_PIN_H */
