// SPDX-License-Identifier: GPL-2.0
/*
 * The file of a heap's sites: who allocated what is live.
 */
#include "ouro.h"
#include <linux/seq_file.h>
#include <linux/stackdepot.h>
#include <linux/string.h>
#include "file.h"
#include "heap.h"
#include "json.h"
#include "kind.h"
#include "site.h"
#include "site_table.h"

static const char * const mode_names[OURO_SITE_MODES] = {
	[OURO_SITES_OFF] = "off",
	[OURO_SITES_CALLER] = "caller",
	[OURO_SITES_STACK] = "stack",
};

static unsigned int seconds_since(u32 when)
{
	return ((u32)jiffies - when) / HZ;
}

static const char *type_of(const struct ouro_site_row *row)
{
	return row->kind ? row->kind->type->name : NULL;
}

/* The addresses of a row, the innermost first; returns how many. */
static unsigned int row_stack(const struct ouro_site_row *row,
			      unsigned long **entries)
{
	if (IS_ENABLED(CONFIG_STACKDEPOT) && row->stack)
		return stack_depot_fetch(row->stack, entries);
	return 0;
}

static void show_row(struct seq_file *m, const struct ouro_site_row *row)
{
	char name[OURO_SITE_TEXT];
	unsigned long *entries;
	unsigned int i, n = row_stack(row, &entries);

	ouro_site_name(ouro_site_address(row->caller), name, sizeof(name));
	seq_printf(m, "%10lu %14lu %9u %9u %-32s %s\n", row->live, row->bytes,
		   seconds_since(row->oldest), seconds_since(row->newest),
		   type_of(row) ?: "-", name);
	for (i = 0; i < n; i++) {
		ouro_site_name(entries[i], name, sizeof(name));
		seq_printf(m, "\t%s\n", name);
	}
}

static void show_rest(struct seq_file *m, const struct ouro_site_table *table)
{
	if (table->more)
		seq_printf(m, "%10lu %14lu %9s %9s %-32s (others)\n",
			   table->more, table->more_bytes, "-", "-", "-");
	seq_printf(m, "%10lu %14lu %9s %9s %-32s (unknown)\n", table->unknown,
		   table->unknown_bytes, "-", "-", "-");
}

static void show_head(struct seq_file *m, const struct ouro_heap *heap)
{
	unsigned int mode = READ_ONCE(heap->sites_mode);

	seq_printf(m, "# heap %s, mode %s", heap->name, mode_names[mode]);
	if (mode == OURO_SITES_STACK)
		seq_printf(m, ", of one allocation in %u",
			   READ_ONCE(heap->sites_every));
	if (mode != OURO_SITES_OFF)
		seq_printf(m, ", for %lu seconds",
			   (jiffies - READ_ONCE(heap->sites_since)) / HZ);
	seq_puts(m, "\n# live blocks by who allocated them, the most bytes first; oldest, newest: seconds ago; unknown: not noted\n");
	seq_printf(m, "# %8s %14s %9s %9s %-32s %s\n", "live", "bytes", "oldest",
		   "newest", "type", "site");
}

static int sites_show(struct seq_file *m, void *v)
{
	const struct ouro_site_table *table = m->private;
	unsigned int i;

	show_head(m, table->heap);
	for (i = 0; i < table->rows; i++)
		show_row(m, &table->row[i]);
	show_rest(m, table);
	return 0;
}

static int mode_set(struct ouro_heap *heap, char *text)
{
	char *word = strsep(&text, " \t");
	unsigned int every = 1;
	int mode, err;

	mode = match_string(mode_names, OURO_SITE_MODES, word);
	if (mode < 0)
		return -EINVAL;
	if (text) {
		err = kstrtouint(skip_spaces(text), 0, &every);
		if (err || !every || mode != OURO_SITES_STACK)
			return -EINVAL;
	}
	return ouro_sites_set(heap, mode, every);
}

static ssize_t sites_write(struct file *file, const char __user *from,
			   size_t len, loff_t *pos)
{
	return ouro_file_text(file_inode(file)->i_private, from, len, mode_set);
}

static int sites_open(struct inode *inode, struct file *file)
{
	return ouro_file_open(file, sites_show, file->f_mode & FMODE_READ ?
			      ouro_site_table_read(inode->i_private) : NULL);
}

OURO_FILE_REPORT_WRITE(sites);

/* ---- for programs ---- */

static void json_stack(struct seq_file *m, const struct ouro_site_row *row)
{
	char name[OURO_SITE_TEXT];
	unsigned long *entries;
	unsigned int i, n = row_stack(row, &entries);

	ouro_site_name(ouro_site_address(row->caller), name, sizeof(name));
	seq_puts(m, ", \"site\": ");
	ouro_json_string(m, name);
	seq_puts(m, ", \"stack\": [");
	if (!n)
		ouro_json_string(m, name);
	for (i = 0; i < n; i++) {
		ouro_site_name(entries[i], name, sizeof(name));
		seq_puts(m, i ? ", " : "");
		ouro_json_string(m, name);
	}
	seq_puts(m, "]}");
}

static void json_row(struct seq_file *m, const struct ouro_site_row *row)
{
	seq_printf(m, "{\"live\": %lu, \"bytes\": %lu, \"oldest_s\": %u, \"newest_s\": %u, \"type\": ",
		   row->live, row->bytes, seconds_since(row->oldest),
		   seconds_since(row->newest));
	ouro_json_string(m, type_of(row));
	json_stack(m, row);
}

static int sites_json_show(struct seq_file *m, void *v)
{
	const struct ouro_site_table *table = m->private;
	const struct ouro_heap *heap = table->heap;
	unsigned int i;

	ouro_json_begin(m, heap->name);
	seq_printf(m, ", \"mode\": \"%s\", \"every\": %u, \"sites\": [",
		   mode_names[READ_ONCE(heap->sites_mode)],
		   READ_ONCE(heap->sites_every));
	for (i = 0; i < table->rows; i++) {
		seq_puts(m, i ? ",\n" : "\n");
		json_row(m, &table->row[i]);
	}
	seq_printf(m, "], \"others\": {\"live\": %lu, \"bytes\": %lu}, \"untracked\": {\"live\": %lu, \"bytes\": %lu}}\n",
		   table->more, table->more_bytes, table->unknown,
		   table->unknown_bytes);
	return 0;
}

static int sites_json_open(struct inode *inode, struct file *file)
{
	return ouro_file_open(file, sites_json_show,
			      ouro_site_table_read(inode->i_private));
}

OURO_FILE_REPORT(sites_json);

const struct ouro_file ouro_site_files[] = {
	{ "sites", 0600, &sites_fops },
	{ "sites.json", 0400, &sites_json_fops },
	{ }
};
