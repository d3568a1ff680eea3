// SPDX-License-Identifier: GPL-2.0
/*
 * The file "feed": every line written to it adds a node.
 *
 *	d PATH			a directory
 *	f PATH			a file
 *	l PATH -> TARGET	a link; TARGET is there already
 *
 * A line may come in pieces: what follows the last newline of a write is kept
 * until the next one, and counts as a line when the file is closed.
 *
 * When a line cannot be added, write() says how many bytes it took before that
 * line, or, if that line was the first, returns the error.  Nothing is lost:
 * writing on from there tries the line again.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "tree.h"

#define WRITE_BYTES	2048	/* taken from the writer at a time */
#define ARROW		" -> "

/**
 * struct feed - an open file
 * @tree: that it feeds; tree->lock guards the rest
 * @tail_len: bytes of a begun line, up to LINE_BYTES, in @text
 * @refused: the last write failed, and the writer was told
 * @text: the begun line, with a write and a NUL behind it
 */
struct feed {
	struct tree *tree;
	size_t tail_len;
	bool refused;
	char text[LINE_BYTES + WRITE_BYTES + 1];
};

/* @line has @len bytes and a NUL behind. */
static int feed_line(struct tree *tree, const char *line, size_t len)
{
	const char *path = line + 2, *target = NULL;
	enum tree_type type = TREE_DIR;
	const char *arrow;

	if (len > LINE_BYTES)
		return -ENAMETOOLONG;
	/* No type, no path, a NUL in it. */
	if (len < 3 || strlen(line) != len || line[1] != ' ')
		return -EINVAL;
	while (type < TREE_TYPES && tree_letter(type) != line[0])
		type++;
	if (type == TREE_TYPES)
		return -EINVAL;
	len -= path - line;
	if (type == TREE_LINK) {
		arrow = strstr(path, ARROW);
		if (!arrow)
			return -EINVAL;
		len = arrow - path;
		target = arrow + strlen(ARROW);
		if (!*target)
			return -EINVAL;
	}
	return tree_add(tree, type, path, len, target);
}

/*
 * Handle the whole lines of @text until one fails.  Returns the bytes of those
 * that did not, and in @err why the next one did.
 */
static size_t feed_lines(struct tree *tree, char *text, size_t len, int *err)
{
	size_t done = 0;
	char *end;

	while ((end = memchr(text + done, '\n', len - done))) {
		size_t line = end - (text + done);

		*end = '\0';
		*err = feed_line(tree, text + done, line);
		if (*err)
			return done;
		done += line + 1;
	}
	if (len - done > LINE_BYTES)
		*err = -ENAMETOOLONG;
	return done;
}

/* As write(), with @len new bytes behind the tail of the last one. */
static ssize_t feed_text(struct feed *feed, size_t len)
{
	const size_t total = feed->tail_len + len;
	int err = 0;
	size_t done;

	done = feed_lines(feed->tree, feed->text, total, &err);
	feed->refused = err;
	if (err && !done)
		return err;
	if (err) {
		/* The first of the whole lines began with the tail. */
		len = done - feed->tail_len;
		feed->tail_len = 0;
		return len;
	}
	feed->tail_len = total - done;
	memmove(feed->text, feed->text + done, feed->tail_len);
	return len;
}

static ssize_t feed_write(struct file *file, const char __user *from,
			  size_t len, loff_t *pos)
{
	struct feed *feed = file->private_data;
	ssize_t ret;

	len = min_t(size_t, len, WRITE_BYTES);
	mutex_lock(&feed->tree->lock);
	if (copy_from_user(feed->text + feed->tail_len, from, len))
		ret = -EFAULT;
	else
		ret = feed_text(feed, len);
	mutex_unlock(&feed->tree->lock);
	return ret;
}

static int feed_open(struct inode *inode, struct file *file)
{
	struct feed *feed = kzalloc(sizeof(*feed), GFP_KERNEL);

	if (!feed)
		return -ENOMEM;
	feed->tree = inode->i_private;
	file->private_data = feed;
	return nonseekable_open(inode, file);
}

static int feed_release(struct inode *inode, struct file *file)
{
	struct feed *feed = file->private_data;
	int err = 0;

	mutex_lock(&feed->tree->lock);
	feed->text[feed->tail_len] = '\0';
	if (feed->tail_len && !feed->refused)
		err = feed_line(feed->tree, feed->text, feed->tail_len);
	mutex_unlock(&feed->tree->lock);
	if (err)
		pr_warn(TREE_NAME ": last line, without newline, ignored: error %d\n",
			err);
	kfree(feed);
	return 0;
}

static const struct file_operations feed_fops = {
	.owner = THIS_MODULE,
	.open = feed_open,
	.write = feed_write,
	.release = feed_release,
};

void feed_create(struct dentry *dir, struct tree *tree)
{
	debugfs_create_file("feed", 0200, dir, tree, &feed_fops);
}
