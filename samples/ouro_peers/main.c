// SPDX-License-Identifier: GPL-2.0
/*
 * ouro_peers, a sample: plant faults with references, and read where they are.
 * Words to write to /sys/kernel/debug/ouro_peers/do, one at a time:
 *
 *   build     three sessions with four peers each
 *   leak      a reference to a peer is forgotten
 *   lose      one that has a name is
 *   early     one is put that is somebody else's
 *   probe     an object whose type does not tell of all its references
 *   mend      all that is put right
 *   forget    or never, as nobody knows of it any more
 *   drop      sessions are not held any more
 *   collect   what only refers to itself is freed
 *
 * docs/debugging.rst has what is to be read after each.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <ouro/heap.h>
#include "peers.h"

#define SCENE struct peers
#include "../words.h"

static struct peers peers;
static struct dentry *dir;

static const struct word words[] = {
	{ "build", peers_build },
	{ "leak", peers_leak },
	{ "lose", peers_lose },
	{ "early", peers_early },
	{ "probe", peers_probe },
	{ "mend", peers_mend },
	{ "forget", peers_forget },
	{ "drop", peers_drop },
	{ "collect", peers_collect },
};

static ssize_t do_write(struct file *file, const char __user *from, size_t len,
			loff_t *pos)
{
	return word_write(&peers, &peers.lock, words, ARRAY_SIZE(words), from, len);
}

static const struct file_operations do_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = do_write,
};

static int __init ouro_peers_init(void)
{
	int err = peers_init(&peers);

	if (err)
		return err;
	dir = debugfs_create_dir(PEERS_NAME, NULL);
	debugfs_create_file("do", 0200, dir, NULL, &do_fops);
	return 0;
}
module_init(ouro_peers_init);

static void __exit ouro_peers_exit(void)
{
	debugfs_remove(dir);
	peers_exit(&peers);
}
module_exit(ouro_peers_exit);

MODULE_DESCRIPTION("Sample of Ouro: faults with references, and where to read them");
MODULE_LICENSE("GPL");
/* The same in every kernel, unlike the argument of MODULE_IMPORT_NS(). */
OURO_IMPORT();
