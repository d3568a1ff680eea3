// SPDX-License-Identifier: GPL-2.0
/*
 * The files of a heap's growth: mark it, and see what it has more of since then.
 */
#include "ouro.h"
#include <linux/seq_file.h>
#include <linux/timekeeping.h>
#include "file.h"
#include "growth.h"
#include "heap.h"
#include "json.h"
#include "kind.h"
#include "site.h"

static const char * const what_names[] = {
	[OURO_GROWTH_TYPE] = "type",
	[OURO_GROWTH_CLASS] = "class",
	[OURO_GROWTH_SITE] = "site",
};

static unsigned long seconds_since(const struct ouro_growth *growth)
{
	return ktime_get_boottime_seconds() - growth->when;
}

static const char *type_of(const struct ouro_growth_row *row)
{
	return row->kind ? row->kind->type->name : NULL;
}

static void show_name(struct seq_file *m, const struct ouro_growth_row *row)
{
	char name[OURO_SITE_TEXT];

	if (row->what == OURO_GROWTH_SITE) {
		ouro_site_name(ouro_site_address(row->caller), name,
			       sizeof(name));
		seq_printf(m, "%s\n", name);
	} else if (row->what == OURO_GROWTH_TYPE) {
		seq_puts(m, "-\n");
	} else if (row->size) {
		seq_printf(m, "%u\n", row->size);
	} else {
		seq_puts(m, "large\n");
	}
}

static void show_row(struct seq_file *m, const struct ouro_growth_row *row)
{
	seq_printf(m, "%-7s %+10ld %+14ld %10lu %14lu %-32s ",
		   what_names[row->what], row->live_growth, row->bytes_growth,
		   row->live, row->bytes, type_of(row) ?: "-");
	show_name(m, row);
}

static void show_head(struct seq_file *m, const struct ouro_growth *growth)
{
	const struct ouro_heap *heap = growth->heap;

	if (growth->marked)
		seq_printf(m, "# heap %s, marked %lu seconds ago\n", heap->name,
			   seconds_since(growth));
	else
		seq_printf(m, "# heap %s, not marked: since it was created\n",
			   heap->name);
	if (!growth->noted)
		seq_puts(m, "# sites: not noted\n");
	else if (growth->marked && !growth->sites_marked)
		seq_puts(m, "# sites: noted since after the mark\n");
	seq_puts(m, "# more live blocks and bytes than then, and what is live now; the most bytes first; class: bytes of a block\n");
	seq_printf(m, "# %-5s %10s %14s %10s %14s %-32s %s\n", "what", "+live",
		   "+bytes", "live", "bytes", "type", "class or site");
}

static int growth_show(struct seq_file *m, void *v)
{
	const struct ouro_growth *growth = m->private;
	unsigned int i;

	show_head(m, growth);
	for (i = 0; i < growth->rows; i++)
		show_row(m, &growth->row[i]);
	return 0;
}

static int growth_open(struct inode *inode, struct file *file)
{
	return ouro_file_open(file, growth_show,
			      ouro_growth_read(inode->i_private));
}

OURO_FILE_REPORT(growth);

/* ---- for programs ---- */

/* What tells a row from others of its list. */
static void json_name(struct seq_file *m, const struct ouro_growth_row *row)
{
	char name[OURO_SITE_TEXT];

	if (row->what == OURO_GROWTH_TYPE) {
		seq_puts(m, "\"name\": ");
		ouro_json_string(m, type_of(row));
	} else if (row->what == OURO_GROWTH_CLASS) {
		seq_printf(m, "\"size\": %u", row->size);
	} else {
		ouro_site_name(ouro_site_address(row->caller), name,
			       sizeof(name));
		seq_puts(m, "\"site\": ");
		ouro_json_string(m, name);
		ouro_json_text(m, "type", type_of(row));
	}
}

static void json_list(struct seq_file *m, const struct ouro_growth *growth,
		      enum ouro_growth_what what, const char *list)
{
	const struct ouro_growth_row *row;
	const char *comma = "\n";

	seq_printf(m, ", \"%s\": [", list);
	for (row = growth->row; row < growth->row + growth->rows; row++) {
		if (row->what != what)
			continue;
		seq_printf(m, "%s{", comma);
		json_name(m, row);
		seq_printf(m, ", \"live\": %lu, \"bytes\": %lu, \"live_growth\": %ld, \"bytes_growth\": %ld}",
			   row->live, row->bytes, row->live_growth,
			   row->bytes_growth);
		comma = ",\n";
	}
	seq_putc(m, ']');
}

static int growth_json_show(struct seq_file *m, void *v)
{
	const struct ouro_growth *growth = m->private;

	ouro_json_begin(m, growth->heap->name);
	if (growth->marked)
		ouro_json_number(m, "marked_s", seconds_since(growth));
	else
		seq_puts(m, ", \"marked_s\": null");
	ouro_json_bool(m, "sites_noted", growth->noted);
	ouro_json_bool(m, "sites_marked", growth->sites_marked);
	json_list(m, growth, OURO_GROWTH_TYPE, "types");
	json_list(m, growth, OURO_GROWTH_CLASS, "classes");
	json_list(m, growth, OURO_GROWTH_SITE, "sites");
	seq_puts(m, "}\n");
	return 0;
}

static int growth_json_open(struct inode *inode, struct file *file)
{
	return ouro_file_open(file, growth_json_show,
			      ouro_growth_read(inode->i_private));
}

OURO_FILE_REPORT(growth_json);

/* ---- the mark ---- */

static ssize_t mark_write(struct file *file, const char __user *text,
			  size_t len, loff_t *pos)
{
	return ouro_file_one(text, len) ?:
	       ouro_growth_mark(file->private_data) ?: len;
}

static const struct file_operations mark_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = mark_write,
};

const struct ouro_file ouro_growth_files[] = {
	{ "mark", 0200, &mark_fops },
	{ "growth", 0400, &growth_fops },
	{ "growth.json", 0400, &growth_json_fops },
	{ }
};
