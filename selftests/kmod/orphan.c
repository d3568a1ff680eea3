// SPDX-License-Identifier: GPL-2.0
/*
 * Orphan: a module that goes and leaves its heap behind.  The frame of the
 * tests takes the heap and destroys it later.
 */
#include <linux/err.h>
#include "ouro_test.h"

static int __init orphan_init(void)
{
	struct ouro_heap *heap = ouro_heap_create("orphan", 0);

	if (IS_ERR(heap))
		return PTR_ERR(heap);
	ouro_free(ouro_alloc(heap, 64, GFP_KERNEL));
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
