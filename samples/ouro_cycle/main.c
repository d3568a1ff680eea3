// SPDX-License-Identifier: GPL-2.0
/*
 * ouro_cycle, a sample: see what a cycle of references does to memory.  Words to
 * write to /sys/kernel/debug/ouro_cycle/do, one at a time:
 *
 *   local     a function builds ten megabytes, local to it ...
 *   return    ... and returns
 *   global    the same, held globally: what was held before goes
 *   forget    which is no longer held
 *   pair      two structures of five megabytes are built, refer to each other,
 *             and are dropped
 *   collect   what nothing but itself refers to is freed
 *
 * What there is after each is in /sys/kernel/debug/ouro/ouro_cycle/stat and
 * collector.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <ouro/heap.h>
#include "story.h"

#define SCENE struct story
#include "../words.h"

static struct story story;
static struct dentry *dir;

static const struct word words[] = {
	{ "local", story_local },
	{ "return", story_return },
	{ "global", story_global },
	{ "forget", story_forget },
	{ "pair", story_pair },
	{ "collect", story_collect },
};

static ssize_t do_write(struct file *file, const char __user *from, size_t len,
			loff_t *pos)
{
	return word_write(&story, &story.lock, words, ARRAY_SIZE(words), from, len);
}

static const struct file_operations do_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = do_write,
};

static int __init ouro_cycle_init(void)
{
	int err = story_init(&story);

	if (err)
		return err;
	dir = debugfs_create_dir(STORY_NAME, NULL);
	debugfs_create_file("do", 0200, dir, NULL, &do_fops);
	return 0;
}
module_init(ouro_cycle_init);

static void __exit ouro_cycle_exit(void)
{
	debugfs_remove(dir);
	story_exit(&story);
}
module_exit(ouro_cycle_exit);

MODULE_DESCRIPTION("Sample of Ouro: a cycle of references and the collector");
MODULE_LICENSE("GPL");
/* The same in every kernel, unlike the argument of MODULE_IMPORT_NS(). */
OURO_IMPORT();
