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
#include "json.h"
#include "rows.h"
#include "stat.h"
#include "table.h"

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

static int limit_json_show(struct seq_file *m, void *v)
{
	struct ouro_heap *heap = m->private;

	ouro_json_begin(m, heap->name);
	ouro_json_number(m, "limit", ouro_heap_limit(heap));
	seq_puts(m, "}\n");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(limit_json);

static ssize_t trim_write(struct file *file, const char __user *text,
			  size_t len, loff_t *pos)
{
	int err = ouro_file_one(text, len);

	if (err)
		return err;
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
	{ "limit.json", 0444, &limit_json_fops },
	{ "trim", 0200, &trim_fops },
	{ }
};

/* ---- beside the heaps ---- */

struct heap_record {
	const char *name;
	struct ouro_heap_stat stat;
};

static const struct ouro_column heap_columns[] = {
#define COLUMN(member, width) \
	{ #member, NULL, width, 0, false, \
	  offsetof(struct heap_record, stat.member) }
	{ "name", NULL, 24, 0, true, offsetof(struct heap_record, name) },
	COLUMN(live, 11),
	COLUMN(live_bytes, 13),
	COLUMN(held, 13),
	COLUMN(limit, 13),
	COLUMN(arenas, 8),
	COLUMN(failed, 8),
	COLUMN(misuse, 8),
#undef COLUMN
	{ }
};

static void heaps_begin(struct ouro_rows *rows)
{
	mutex_lock(&ouro_heaps_lock);
}

static void heaps_end(struct ouro_rows *rows)
{
	mutex_unlock(&ouro_heaps_lock);
}

/* The next by its id: the shrinker moves heaps to the end of the list. */
static void *heaps_next(struct ouro_rows *rows, void *last,
			unsigned long *place)
{
	struct ouro_heap *heap, *next = NULL;

	list_for_each_entry(heap, &ouro_heaps, link)
		if (heap->id >= *place && (!next || heap->id < next->id))
			next = heap;
	if (next)
		*place = next->id + 1ul;
	return next;
}

static void heaps_head(struct seq_file *m, const struct ouro_rows *rows)
{
	if (rows->json) {
		ouro_json_begin(m, NULL);
		seq_puts(m, ", \"heaps\": [");
		return;
	}
	seq_puts(m, "# live: blocks; live_bytes, held (pages), limit (0: none): bytes\n");
	ouro_table_head(m, heap_columns);
}

static void heaps_show(struct seq_file *m, const struct ouro_rows *rows,
		       void *row)
{
	struct ouro_heap *heap = row;
	struct heap_record record = { .name = heap->name };

	ouro_heap_stat(heap, &record.stat);
	if (rows->json)
		ouro_table_json(m, heap_columns, &record);
	else
		ouro_table_line(m, heap_columns, &record);
}

static const struct ouro_rows_ops heaps_rows = {
	.size = sizeof(struct ouro_rows),
	.begin = heaps_begin,
	.end = heaps_end,
	.next = heaps_next,
	.head = heaps_head,
	.show = heaps_show,
};

OURO_ROWS_FILE(heaps, false, heaps_rows);
OURO_ROWS_FILE(heaps_json, true, heaps_rows);

static int misuse_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%ld\n", atomic_long_read(&ouro_misuses));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(misuse);

const struct ouro_file ouro_root_files[] = {
	{ "heaps", 0444, &heaps_fops },
	{ "heaps.json", 0444, &heaps_json_fops },
	{ "misuse", 0444, &misuse_fops },
	{ }
};
