// SPDX-License-Identifier: GPL-2.0
/*
 * ouro_tree, a sample: keep a tree of names, see /sys/kernel/debug/ouro_tree.
 *
 *   echo "d /a" > feed                a directory, or a file (f), or a link:
 *   echo "l /a/b -> ../c" > feed
 *   cat walk                          how many nodes there are, by depth
 *   echo /a > walk; cat walk          what there is in /a; an empty line: as before
 *   echo /a > cut; cat result         drop a node with all that is below it
 *   cat stat                          how many nodes, how many bytes
 */
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/module.h>
#include <ouro/heap.h>
#include "tree.h"

static struct tree names;
static struct dentry *dir;

static int __init ouro_tree_init(void)
{
	int err = tree_init(&names);

	if (err)
		return err;
	dir = files_create(&names);
	return 0;
}
module_init(ouro_tree_init);

static void __exit ouro_tree_exit(void)
{
	debugfs_remove(dir);
	tree_exit(&names);
}
module_exit(ouro_tree_exit);

MODULE_DESCRIPTION("Sample of Ouro: a tree of names made of objects");
MODULE_LICENSE("GPL");
/* The same in every kernel, unlike the argument of MODULE_IMPORT_NS(). */
OURO_IMPORT();
