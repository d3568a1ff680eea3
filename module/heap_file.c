// SPDX-License-Identifier: GPL-2.0
/*
 * The list of heaps, and the files that say what a heap may hold.
 */
#include "ouro.h"
#include <linux/seq_file.h>
#include <linux/uaccess.h>
#include "check.h"
#include "file.h"
#include "heap.h"
#include "stat.h"

/* ---- of one heap ---- */

static int limit_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%zu\n", ouro_heap_limit(m->private));
	return 0;
}

static ssize_t limit_write(struct file *file, const char __user *text,
			   size_t len, loff_t *pos)
{
	struct seq_file *m = file->private_data;
	u64 limit;
	int err = ouro_file_number(text, len, &limit);

	if (err)
		return err;
	if (limit > LONG_MAX)
		return -EINVAL;
	return ouro_heap_set_limit(m->private, limit) ?: len;
}
DEFINE_SHOW_STORE_ATTRIBUTE(limit);

static ssize_t trim_write(struct file *file, const char __user *text,
			  size_t len, loff_t *pos)
{
	u64 one;
	int err = ouro_file_number(text, len, &one);

	if (err)
		return err;
	if (one != 1)
		return -EINVAL;
	ouro_heap_trim(file->private_data);
	return len;
}

static const struct file_operations trim_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = trim_write,
};

const struct ouro_file ouro_heap_files[] = {
	{ "limit", 0644, &limit_fops },
	{ "trim", 0200, &trim_fops },
	{ }
};

/* ---- beside the heaps ---- */

static void *heaps_start(struct seq_file *m, loff_t *pos)
{
	mutex_lock(&ouro_heaps_lock);
	return seq_list_start_head(&ouro_heaps, *pos);
}

static void *heaps_next(struct seq_file *m, void *v, loff_t *pos)
{
	return seq_list_next(v, &ouro_heaps, pos);
}

static void heaps_stop(struct seq_file *m, void *v)
{
	mutex_unlock(&ouro_heaps_lock);
}

static int heaps_show(struct seq_file *m, void *v)
{
	struct ouro_heap_stat stat;
	struct ouro_heap *heap;

	if (v == &ouro_heaps) {
		seq_puts(m, "# live: blocks; live_bytes, held (pages), limit (0: none): bytes\n");
		seq_printf(m, "# %-22s %10s %12s %12s %12s %7s %7s %7s\n",
			   "name", "live", "live_bytes", "held", "limit",
			   "arenas", "failed", "misuse");
		return 0;
	}
	heap = list_entry(v, struct ouro_heap, link);
	ouro_heap_stat(heap, &stat);
	seq_printf(m, "%-24s %10lu %12lu %12lu %12lu %7lu %7lu %7lu\n",
		   heap->name, stat.live, stat.live_bytes, stat.held,
		   stat.limit, stat.arenas, stat.failed, stat.misuse);
	return 0;
}

static const struct seq_operations heaps_sops = {
	.start = heaps_start,
	.next = heaps_next,
	.stop = heaps_stop,
	.show = heaps_show,
};
DEFINE_SEQ_ATTRIBUTE(heaps);

static int misuse_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%ld\n", atomic_long_read(&ouro_misuses));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(misuse);

const struct ouro_file ouro_root_files[] = {
	{ "heaps", 0444, &heaps_fops },
	{ "misuse", 0444, &misuse_fops },
	{ }
};
