// SPDX-License-Identifier: GPL-2.0
/*
 * The other files in debugfs: "walk", "cut" and its "result", "stat".
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <ouro/heap.h>
#include "tree.h"

/* What was written, as a string without newline; to be freed by kfree(). */
static char *text_from_user(const char __user *from, size_t len)
{
	char *text;

	if (len > LINE_BYTES)
		return ERR_PTR(-ENAMETOOLONG);
	text = memdup_user_nul(from, len);
	if (IS_ERR(text))
		return text;
	if (strlen(text) != len) {
		kfree(text);
		return ERR_PTR(-EINVAL);
	}
	if (len && text[len - 1] == '\n')
		text[len - 1] = '\0';
	return text;
}

static void show_value(struct seq_file *m, const char *name, u64 value,
		       const char *unit)
{
	seq_printf(m, "%-8s %12llu %s\n", name, value, unit);
}

/* ---- walk ---- */

/**
 * struct depths - how many nodes there are
 * @sum: of all
 * @nodes: by their depth
 */
struct depths {
	unsigned long sum;
	unsigned long nodes[TREE_DEPTH + 1];
};

static void count_depth(struct tree_node *node, void *arg)
{
	struct depths *depths = arg;

	depths->sum++;
	depths->nodes[node->depth]++;
}

static void show_depths(struct seq_file *m, struct tree *tree)
{
	struct depths depths = { };
	unsigned int i;

	tree_walk(tree_borrow(&tree->root), count_depth, &depths);
	for (i = 0; i <= TREE_DEPTH; i++)
		if (depths.nodes[i])
			seq_printf(m, "%-8u %12lu nodes\n", i, depths.nodes[i]);
	show_value(m, "cut", tree_count_all() - depths.sum,
		   "nodes that were cut off, and are held by links");
}

struct listing {
	struct seq_file *m;
	struct tree *tree;
};

static void show_node(struct tree_node *node, void *arg)
{
	struct listing *listing = arg;
	struct seq_file *m = listing->m;
	struct tree_node *to;

	seq_printf(m, "%c %s", tree_letter(node->type),
		   tree_path(listing->tree, node));
	if (node->type == TREE_LINK) {
		to = tree_link_get(container_of(node, struct tree_link, node));
		seq_printf(m, " -> %s",
			   to ? tree_path(listing->tree, to) : "(gone)");
		if (to)
			ouro_put(&to->object);
	}
	seq_putc(m, '\n');
}

/* What the path leads to, and if that is a link, what the link leads to. */
static int show_wanted(struct seq_file *m, struct tree *tree)
{
	struct tree_node *node = tree_find(tree, tree_borrow(&tree->root),
					   tree->wanted, strlen(tree->wanted));
	struct listing listing = { m, tree };
	struct tree_node *to;

	if (IS_ERR(node))
		return PTR_ERR(node);
	tree_walk(node, show_node, &listing);
	if (node->type != TREE_LINK)
		return 0;
	to = tree_link_get(container_of(node, struct tree_link, node));
	if (!to)
		return 0;
	tree_walk(to, show_node, &listing);
	ouro_put(&to->object);
	return 0;
}

static int walk_show(struct seq_file *m, void *unused)
{
	struct tree *tree = m->private;
	int err = 0;

	mutex_lock(&tree->lock);
	if (*tree->wanted)
		err = show_wanted(m, tree);
	else
		show_depths(m, tree);
	mutex_unlock(&tree->lock);
	return err;
}

static int walk_open(struct inode *inode, struct file *file)
{
	return single_open(file, walk_show, inode->i_private);
}

static ssize_t walk_write(struct file *file, const char __user *from,
			  size_t len, loff_t *pos)
{
	struct tree *tree = ((struct seq_file *)file->private_data)->private;
	char *text = text_from_user(from, len);
	struct tree_node *node;

	if (IS_ERR(text))
		return PTR_ERR(text);
	mutex_lock(&tree->lock);
	node = tree_find(tree, tree_borrow(&tree->root), text, strlen(text));
	if (!IS_ERR(node))
		strscpy(tree->wanted, text, sizeof(tree->wanted));
	mutex_unlock(&tree->lock);
	kfree(text);
	return IS_ERR(node) ? PTR_ERR(node) : len;
}

static const struct file_operations walk_fops = {
	.owner = THIS_MODULE,
	.open = walk_open,
	.read = seq_read,
	.write = walk_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/* ---- cut ---- */

static ssize_t cut_write(struct file *file, const char __user *from,
			 size_t len, loff_t *pos)
{
	struct tree *tree = file->private_data;
	char *text = text_from_user(from, len);
	int err;

	if (IS_ERR(text))
		return PTR_ERR(text);
	mutex_lock(&tree->lock);
	err = tree_cut(tree, text, strlen(text));
	mutex_unlock(&tree->lock);
	kfree(text);
	return err ?: len;
}

static const struct file_operations cut_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = cut_write,
};

static int result_show(struct seq_file *m, void *unused)
{
	struct tree *tree = m->private;

	mutex_lock(&tree->lock);
	show_value(m, "nodes", tree->cut.nodes, "nodes went with the last cut");
	show_value(m, "put", div_u64(tree->cut.put_ns, NSEC_PER_USEC),
		   "microseconds that the one put took");
	show_value(m, "all", div_u64(tree->cut.all_ns, NSEC_PER_USEC),
		   "microseconds until ouro_heap_flush() said that all were gone");
	mutex_unlock(&tree->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(result);

/* ---- stat ---- */

static int stat_show(struct seq_file *m, void *unused)
{
	struct tree *tree = m->private;
	struct ouro_heap_stat stat;
	unsigned long nodes;

	mutex_lock(&tree->lock);
	ouro_heap_stat(tree->heap, &stat);
	nodes = tree_count_all();
	show_value(m, "dirs", tree_count(TREE_DIR), "directories, with the root");
	show_value(m, "files", tree_count(TREE_FILE), "files");
	show_value(m, "links", tree_count(TREE_LINK), "links");
	show_value(m, "header", sizeof(struct ouro_object),
		   "bytes of each object are its header");
	show_value(m, "node", sizeof(struct tree_node),
		   "bytes of a directory or file, header included");
	show_value(m, "link", sizeof(struct tree_link),
		   "bytes of a link, header included");
	show_value(m, "entry", sizeof(struct tree_entry),
		   "bytes of an entry, header included; each node has one");
	show_value(m, "live", stat.live, "objects, and blocks with names");
	show_value(m, "bytes", stat.live_bytes, "bytes of all of them");
	show_value(m, "each", nodes ? stat.live_bytes / nodes : 0,
		   "bytes a node, its entry and its name");
	show_value(m, "held", stat.held, "bytes of pages of the heap");
	show_value(m, "metadata", stat.metadata,
		   "bytes beside them, with the tables of weak handles");
	mutex_unlock(&tree->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stat);

/* As everywhere in debugfs: works without the files if they cannot be made. */
struct dentry *files_create(struct tree *tree)
{
	struct dentry *dir = debugfs_create_dir(TREE_NAME, NULL);

	feed_create(dir, tree);
	debugfs_create_file("walk", 0600, dir, tree, &walk_fops);
	debugfs_create_file("cut", 0200, dir, tree, &cut_fops);
	debugfs_create_file("result", 0444, dir, tree, &result_fops);
	debugfs_create_file("stat", 0444, dir, tree, &stat_fops);
	return dir;
}
