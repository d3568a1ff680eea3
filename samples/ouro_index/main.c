// SPDX-License-Identifier: GPL-2.0
/*
 * ouro_index, a sample: keep an index of lines, see /sys/kernel/debug/ouro_index.
 *
 *   cat /proc/kallsyms > add          every line becomes part of the index
 *   echo schedule > lookup            choose a key (the third word: key=3) ...
 *   cat lookup                        ... and read the lines that have it
 *   echo "some line" > remove         take one line out
 *   cat count stat                    how much there is
 *   echo 1 > clear                    drop everything at once
 */
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/module.h>
#include <ouro/heap.h>
#include "index.h"

static char *backend = "ouro";
module_param(backend, charp, 0444);
MODULE_PARM_DESC(backend, "where lines are kept: ouro (default) or kmalloc");

static unsigned int key;
module_param(key, uint, 0444);
MODULE_PARM_DESC(key, "which word of a line is its key, from 1; 0 (default): the whole line");

static struct index lines;
static struct dentry *dir;

static int __init ouro_index_init(void)
{
	const struct store_ops *ops = store_find(backend);
	int err;

	if (!ops) {
		pr_err(INDEX_NAME ": no backend \"%s\": ouro or kmalloc\n",
		       backend);
		return -EINVAL;
	}
	err = index_init(&lines, ops, key);
	if (err)
		return err;
	dir = files_create(&lines);
	return 0;
}
module_init(ouro_index_init);

static void __exit ouro_index_exit(void)
{
	debugfs_remove(dir);
	index_exit(&lines);
}
module_exit(ouro_index_exit);

MODULE_DESCRIPTION("Sample of Ouro: an index of lines kept in one heap");
MODULE_LICENSE("GPL");
/* The same in every kernel, unlike the argument of MODULE_IMPORT_NS(). */
OURO_IMPORT();
