/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pins, for those who tell of them.
 */
#ifndef OURO_MODULE_PIN_H
#define OURO_MODULE_PIN_H

#include <linux/list.h>
#include <ouro/pin.h>
#include "ouro.h"

struct ouro_heap;

/**
 * struct ouro_pin - references of an object that have one name
 * @node: in the bucket of the object
 * @object: its address; to be compared, for it may be dead: whoever put the last
 *	reference may have forgotten the name
 * @count: how many; 0: of no object, to be used again or freed
 * @why: the name: printable, without quotes and backslashes
 *
 * Guarded by the lock of its shard.
 */
struct ouro_pin {
	struct hlist_node node;
	struct ouro_object *object;
	u32 count;
	char why[OURO_PIN_NAME_MAX];
};

unsigned int ouro_pins_count(struct ouro_heap *heap,
			     const struct ouro_object *object);
unsigned int ouro_pins_names(struct ouro_heap *heap,
			     const struct ouro_object *object, char *text,
			     size_t size);
bool ouro_pins_lost(struct ouro_heap *heap);
void ouro_pins_set_key(struct ouro_heap *heap, struct lock_class_key *key);
void ouro_pins_destroy_all(struct ouro_heap *heap);

#endif /* OURO_MODULE_PIN_H */
