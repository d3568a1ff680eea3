// SPDX-License-Identifier: GPL-2.0
/*
 * The files in debugfs that read: "lookup", "count", "stat"; and "clear".
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>
#include <ouro/heap.h>
#include "index.h"

static int count_show(struct seq_file *m, void *unused)
{
	struct index *index = m->private;

	mutex_lock(&index->lock);
	seq_printf(m, "%lu\n", index->lines);
	mutex_unlock(&index->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(count);

static void show_value(struct seq_file *m, const char *name, u64 value,
		       const char *unit)
{
	seq_printf(m, "%-8s %12llu %s\n", name, value, unit);
}

static int stat_show(struct seq_file *m, void *unused)
{
	struct index *index = m->private;
	const struct store *store = &index->store;

	mutex_lock(&index->lock);
	seq_printf(m, "%-8s %12s where lines are kept\n", "backend",
		   store->ops->name);
	show_value(m, "lines", index->lines, "lines");
	show_value(m, "blocks", store->blocks, "blocks, two for each line");
	show_value(m, "asked", store->asked, "bytes asked for in those blocks");
	show_value(m, "given", store->given, "bytes those blocks really have");
	show_value(m, "cleared", div_u64(index->clear_ns, NSEC_PER_USEC),
		   "microseconds that the last clear took");
	mutex_unlock(&index->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stat);

static int clear_set(void *data, u64 value)
{
	struct index *index = data;
	int err;

	if (value != 1)
		return -EINVAL;
	mutex_lock(&index->lock);
	err = index_clear(index);
	mutex_unlock(&index->lock);
	return err;
}
DEFINE_DEBUGFS_ATTRIBUTE(clear_fops, NULL, clear_set, "%llu\n");

static int lookup_show(struct seq_file *m, void *unused)
{
	struct index *index = m->private;

	mutex_lock(&index->lock);
	index_show_wanted(index, m);
	mutex_unlock(&index->lock);
	return 0;
}

static int lookup_open(struct inode *inode, struct file *file)
{
	return single_open(file, lookup_show, inode->i_private);
}

static ssize_t lookup_write(struct file *file, const char __user *from,
			    size_t len, loff_t *pos)
{
	struct index *index = ((struct seq_file *)file->private_data)->private;
	ssize_t ret = len;

	if (len > LINE_BYTES)
		return -EMSGSIZE;
	mutex_lock(&index->lock);
	index->wanted_len = 0;
	if (copy_from_user(index->wanted, from, len)) {
		ret = -EFAULT;
		goto out_unlock;
	}
	if (len && index->wanted[len - 1] == '\n')
		len--;
	index->wanted_len = len;
out_unlock:
	mutex_unlock(&index->lock);
	return ret;
}

static const struct file_operations lookup_fops = {
	.owner = THIS_MODULE,
	.open = lookup_open,
	.read = seq_read,
	.write = lookup_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/* As everywhere in debugfs: works without the files if they cannot be made. */
struct dentry *files_create(struct index *index)
{
	struct dentry *dir = debugfs_create_dir(INDEX_NAME, NULL);

	feed_create(dir, index);
	debugfs_create_file("lookup", 0600, dir, index, &lookup_fops);
	debugfs_create_file("count", 0444, dir, index, &count_fops);
	debugfs_create_file("stat", 0444, dir, index, &stat_fops);
	debugfs_create_file("clear", 0200, dir, index, &clear_fops);
	return dir;
}
