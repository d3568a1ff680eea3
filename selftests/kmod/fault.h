/* SPDX-License-Identifier: GPL-2.0 */
/* Scenarios for the tests of faults: see fault.c. */
#ifndef _OURO_TEST_FAULT_H
#define _OURO_TEST_FAULT_H

#include <linux/gfp.h>
#include "ouro_test.h"

#define FAULT_GFP	(GFP_KERNEL | __GFP_NOWARN)

/**
 * struct scenario - what is done while allocations fail
 * @name: for people
 * @run: does it; returns whether all its calls succeeded, and leaves nothing
 *	behind either way
 * @objects: it makes some
 */
struct scenario {
	const char *name;
	bool (*run)(struct ouro_test *t, struct ouro_heap *heap);
	bool objects;
};

#define OBJECT_SCENARIOS	10

extern const struct scenario object_scenarios[OBJECT_SCENARIOS];

void object_scenarios_begin(void);

#endif /* _OURO_TEST_FAULT_H */
