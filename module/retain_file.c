// SPDX-License-Identifier: GPL-2.0
/*
 * The file that says what is kept alive by whom.
 */
#include "ouro.h"
#include <linux/seq_file.h>
#include "file.h"
#include "heap.h"
#include "json.h"
#include "kind.h"
#include "retain.h"

static void show_sum(struct seq_file *m, const char *what, unsigned long objects,
		     unsigned long bytes)
{
	seq_printf(m, "%-32s %-32s %8s %10lu %14lu\n", what, "-", "-", objects,
		   bytes);
}

static const char *type_of(const struct ouro_holder *holder)
{
	return holder->kind ? holder->kind->type->name : NULL;
}

static int retained_show(struct seq_file *m, void *v)
{
	const struct ouro_retain *retain = m->private;
	const struct ouro_holder *holder;
	unsigned int i;

	seq_printf(m, "# heap %s: objects that only outside references to objects of that type, and with that name, keep alive\n",
		   retain->heap->name);
	if (retain->skipped)
		seq_printf(m, "# %lu pools were left out: what they refer to looks held from outside\n",
			   retain->skipped);
	seq_printf(m, "# %-30s %-32s %8s %10s %14s\n", "type", "name", "held",
		   "objects", "bytes");
	for (i = 0; i < retain->holders; i++) {
		holder = &retain->holder[i];
		seq_printf(m, "%-32s %-32s %8lu %10lu %14lu\n",
			   type_of(holder) ?: "(others)",
			   holder->pinned[0] ? holder->pinned : "-",
			   holder->roots, holder->objects, holder->bytes);
	}
	show_sum(m, "(shared)", retain->shared, retain->shared_bytes);
	show_sum(m, "(unreachable)", retain->unreached, retain->unreached_bytes);
	return 0;
}

static int retained_open(struct inode *inode, struct file *file)
{
	return ouro_file_open(file, retained_show,
			      ouro_retain_run(inode->i_private));
}

OURO_FILE_REPORT(retained);

static void json_sum(struct seq_file *m, const char *what, unsigned long objects,
		     unsigned long bytes)
{
	seq_printf(m, ", \"%s\": {\"objects\": %lu, \"bytes\": %lu}", what,
		   objects, bytes);
}

static int retained_json_show(struct seq_file *m, void *v)
{
	const struct ouro_retain *retain = m->private;
	const struct ouro_holder *holder;
	unsigned int i;

	ouro_json_begin(m, retain->heap->name);
	ouro_json_number(m, "skipped", retain->skipped);
	seq_puts(m, ", \"holders\": [");
	for (i = 0; i < retain->holders; i++) {
		holder = &retain->holder[i];
		seq_puts(m, i ? ",\n{\"type\": " : "\n{\"type\": ");
		ouro_json_string(m, type_of(holder));
		ouro_json_text(m, "pin",
			       holder->pinned[0] ? holder->pinned : NULL);
		ouro_json_number(m, "roots", holder->roots);
		ouro_json_number(m, "objects", holder->objects);
		ouro_json_number(m, "bytes", holder->bytes);
		seq_putc(m, '}');
	}
	seq_putc(m, ']');
	json_sum(m, "shared", retain->shared, retain->shared_bytes);
	json_sum(m, "unreachable", retain->unreached, retain->unreached_bytes);
	seq_puts(m, "}\n");
	return 0;
}

static int retained_json_open(struct inode *inode, struct file *file)
{
	return ouro_file_open(file, retained_json_show,
			      ouro_retain_run(inode->i_private));
}

OURO_FILE_REPORT(retained_json);

const struct ouro_file ouro_retain_files[] = {
	{ "retained", 0400, &retained_fops },
	{ "retained.json", 0400, &retained_json_fops },
	{ }
};
