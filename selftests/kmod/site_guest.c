// SPDX-License-Identifier: GPL-2.0
/*
 * Allocates from a heap of the puppet's and goes: what it leaves there has a site
 * in a module that is no more.
 */
#include <linux/module.h>
#include "ouro_test.h"
#include "puppet.h"

static noinline bool guest_alloc(struct ouro_heap *heap)
{
	void *block = ouro_alloc(heap, 64, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(block);
	return block;
}

static int __init guest_init(void)
{
	struct ouro_heap *heap = puppet_heap("guest");
	int i;

	if (!heap)
		return -ENOENT;
	for (i = 0; i < 5; i++)
		if (!guest_alloc(heap))
			return -ENOMEM;
	return 0;
}

static void __exit guest_exit(void)
{
}

module_init(guest_init);
module_exit(guest_exit);
MODULE_DESCRIPTION("Allocates from a heap of others, for the tests of Ouro");
MODULE_LICENSE("GPL");
MODULE_INFO(import_ns, "OURO");
