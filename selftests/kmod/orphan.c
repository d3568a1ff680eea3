// SPDX-License-Identifier: GPL-2.0
/*
 * Orphan: a module that goes and leaves its heap behind.  The frame of the
 * tests takes the heap and destroys it later.
 */
#include <linux/err.h>
#include <ouro/pin.h>
#include <ouro/vector.h>
#include "ouro_test.h"

static int __init orphan_init(void)
{
	struct ouro_heap *heap = ouro_heap_create("orphan", 0);
	struct ouro_vector *vector;

	if (IS_ERR(heap))
		return PTR_ERR(heap);
	ouro_free(ouro_alloc(heap, 64, GFP_KERNEL));
	/* A lock that has this module's key, and a name that goes with it. */
	vector = ouro_vector_new(heap, 0, GFP_KERNEL);
	if (vector) {
		ouro_track(ouro_vector_object(vector), "orphan");
		ouro_vector_put(vector);
	}
	test_adopt(heap);
	return 0;
}

/* What is missing here is the point. */
static void __exit orphan_exit(void)
{
}

module_init(orphan_init);
module_exit(orphan_exit);
MODULE_DESCRIPTION("Leaves a heap of Ouro behind, for the tests");
MODULE_LICENSE("GPL");
MODULE_INFO(import_ns, "OURO");
