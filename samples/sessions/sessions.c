// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>
#include <ouro/block.h>
#include <ouro/heap.h>

static struct ouro_heap *heap;

static int __init sessions_init(void)
{
	heap = ouro_heap_create("sessions", 0);
	if (IS_ERR(heap))
		return PTR_ERR(heap);
	for (int i = 0; i < 1000; i++) {
		void *block = ouro_alloc(heap, 16 + i % 3 * 100, GFP_KERNEL);

		if (i % 4 == 0)
			ouro_free(block);	/* finds heap and size itself */
	}
	return 0;
}
module_init(sessions_init);

static void __exit sessions_exit(void)
{
	ouro_heap_destroy(heap);	/* what is still live goes with it */
}
module_exit(sessions_exit);
MODULE_DESCRIPTION("A user of Ouro");
MODULE_LICENSE("GPL");
OURO_IMPORT();
