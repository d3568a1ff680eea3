// SPDX-License-Identifier: GPL-2.0
/*
 * The files "add" and "remove": every line written to them is added to the
 * index or removed from it.
 *
 * A line may come in pieces: what follows the last newline of a write is kept
 * until the next one, and counts as a line when the file is closed.
 *
 * When a line cannot be added (-ENOMEM) or removed (-ENOENT), write() says how
 * many bytes it took before that line, or, if that line was the first, returns
 * the error.  Nothing is lost: writing on from there tries the line again.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <ouro/block.h>
#include <ouro/region.h>
#include "index.h"

#define WRITE_BYTES	4096	/* taken from the writer at a time */
/* One block holds the tail, and the tail with one write behind it. */
#define REGION_BYTES	(2 * LINE_BYTES + WRITE_BYTES + 64)

typedef int (*line_fn)(struct index *index, const char *text,
		       unsigned int len);

/**
 * struct feed - an open file
 * @index: that it changes; index->lock guards the rest
 * @on_line: what is done with each line
 * @region: memory for the text on its way
 * @tail: begun line, up to LINE_BYTES, in @region
 * @tail_len: its bytes
 * @refused: the last write failed, and the writer was told
 */
struct feed {
	struct index *index;
	line_fn on_line;
	struct ouro_region region;
	char *tail;
	unsigned int tail_len;
	bool refused;
};

static struct feed *feed_alloc(struct index *index, line_fn on_line)
{
	struct ouro_heap *heap = index->store.heap;
	struct feed *feed;

	feed = ouro_zalloc(heap, sizeof(*feed), GFP_KERNEL);
	if (!feed)
		return NULL;
	feed->index = index;
	feed->on_line = on_line;
	ouro_region_init(&feed->region, heap, REGION_BYTES);
	feed->tail = ouro_region_alloc(&feed->region, LINE_BYTES, GFP_KERNEL);
	if (!feed->tail)
		goto err_free_feed;
	return feed;

err_free_feed:
	ouro_free(feed);
	return NULL;
}

static int feed_open(struct file *file, struct index *index, line_fn on_line)
{
	struct feed *feed = NULL;
	int err;

	mutex_lock(&index->lock);
	err = store_open(&index->store, 0);
	if (!err) {
		feed = feed_alloc(index, on_line);
		if (feed)
			index->feeds++;
		else
			err = -ENOMEM;
	}
	mutex_unlock(&index->lock);
	file->private_data = feed;
	return err ?: nonseekable_open(file_inode(file), file);
}

static int add_open(struct inode *inode, struct file *file)
{
	return feed_open(file, inode->i_private, index_add);
}

static int remove_open(struct inode *inode, struct file *file)
{
	return feed_open(file, inode->i_private, index_remove);
}

/*
 * Handle the whole lines of @text until one fails.  Returns the bytes of those
 * that did not, and in @err why the next one did.
 */
static size_t feed_lines(struct feed *feed, const char *text, size_t len,
			 int *err)
{
	size_t done = 0;
	const char *end;

	while ((end = memchr(text + done, '\n', len - done))) {
		size_t line = end - (text + done);

		*err = line > LINE_BYTES ? -EMSGSIZE :
			feed->on_line(feed->index, text + done, line);
		if (*err)
			return done;
		done += line + 1;
	}
	if (len - done > LINE_BYTES)
		*err = -EMSGSIZE;
	return done;
}

/* As write(), with the tail of the last one and @len new bytes in @text. */
static ssize_t feed_text(struct feed *feed, const char *text, size_t len)
{
	const size_t total = feed->tail_len + len;
	int err = 0;
	size_t done;

	done = feed_lines(feed, text, total, &err);
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
	memcpy(feed->tail, text + done, feed->tail_len);
	return len;
}

static ssize_t feed_write(struct file *file, const char __user *from,
			  size_t len, loff_t *pos)
{
	struct feed *feed = file->private_data;
	struct ouro_mark mark;
	ssize_t ret;
	char *text;

	len = min_t(size_t, len, WRITE_BYTES);
	mutex_lock(&feed->index->lock);
	mark = ouro_region_mark(&feed->region);
	text = ouro_region_alloc(&feed->region, feed->tail_len + len,
				 GFP_KERNEL);
	if (!text) {
		ret = -ENOMEM;
		goto out_unlock;
	}
	memcpy(text, feed->tail, feed->tail_len);
	if (copy_from_user(text + feed->tail_len, from, len))
		ret = -EFAULT;
	else
		ret = feed_text(feed, text, len);
	ouro_region_reset(&feed->region, mark);
out_unlock:
	mutex_unlock(&feed->index->lock);
	return ret;
}

static int feed_release(struct inode *inode, struct file *file)
{
	struct feed *feed = file->private_data;
	struct index *index = feed->index;
	int err = 0;

	mutex_lock(&index->lock);
	if (feed->tail_len && !feed->refused)
		err = feed->on_line(index, feed->tail, feed->tail_len);
	if (err)
		pr_warn(INDEX_NAME ": last line, without newline, ignored: error %d\n",
			err);
	ouro_region_release(&feed->region);
	ouro_free(feed);
	index->feeds--;
	mutex_unlock(&index->lock);
	return 0;
}

static const struct file_operations add_fops = {
	.owner = THIS_MODULE,
	.open = add_open,
	.write = feed_write,
	.release = feed_release,
};

static const struct file_operations remove_fops = {
	.owner = THIS_MODULE,
	.open = remove_open,
	.write = feed_write,
	.release = feed_release,
};

void feed_create(struct dentry *dir, struct index *index)
{
	debugfs_create_file("add", 0200, dir, index, &add_fops);
	debugfs_create_file("remove", 0200, dir, index, &remove_fops);
}
