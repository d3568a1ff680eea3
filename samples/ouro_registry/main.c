// SPDX-License-Identifier: GPL-2.0
/*
 * ouro_registry, a sample: what a registry of counted resources becomes when it
 * is written with objects and a weak map; docs/objects.rst compares the two.
 *
 * It does what drivers/misc/vmw_vmci/vmci_resource.c of the kernel does; no code
 * is from there.  In /sys/kernel/debug/ouro_registry:
 *   test       reading runs one test over both; a line for each case
 *   compare    reading measures both
 */
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <ouro/heap.h>
#include "registry.h"

static DEFINE_MUTEX(lock);	/* there is one registry of each sort */
static struct dentry *dir;

static int test_show(struct seq_file *m, void *unused)
{
	mutex_lock(&lock);
	registry_test(m);
	mutex_unlock(&lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(test);

static int compare_show(struct seq_file *m, void *unused)
{
	int err;

	mutex_lock(&lock);
	err = registry_compare(m);
	mutex_unlock(&lock);
	return err;
}
DEFINE_SHOW_ATTRIBUTE(compare);

static int __init ouro_registry_init(void)
{
	dir = debugfs_create_dir(REGISTRY_NAME, NULL);
	debugfs_create_file("test", 0400, dir, NULL, &test_fops);
	debugfs_create_file("compare", 0400, dir, NULL, &compare_fops);
	return 0;
}
module_init(ouro_registry_init);

static void __exit ouro_registry_exit(void)
{
	debugfs_remove(dir);
}
module_exit(ouro_registry_exit);

MODULE_DESCRIPTION("Sample of Ouro: a registry of resources, and the same by hand");
MODULE_LICENSE("GPL");
/* The same in every kernel, unlike the argument of MODULE_IMPORT_NS(). */
OURO_IMPORT();
