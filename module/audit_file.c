// SPDX-License-Identifier: GPL-2.0
/*
 * The file of a heap's audit: which objects' counts are wrong.
 */
#include "ouro.h"
#include <linux/seq_file.h>
#include "audit.h"
#include "file.h"
#include "heap.h"
#include "json.h"
#include "kind.h"

static const char *type_of(const struct ouro_kind *kind)
{
	return kind->type->name;
}

/* ---- for people ---- */

static void show_finding(struct seq_file *m, const struct ouro_finding *f,
			 const char *what)
{
	char site[OURO_SITE_TEXT];

	seq_printf(m, "%-5s %-20s %-24s %6u %6u %6u ", what, f->name,
		   type_of(f->kind), f->refs, f->edges, f->pins);
	if (f->site) {
		ouro_site_name(f->site, site, sizeof(site));
		seq_printf(m, "made by %s", site);
	} else {
		seq_puts(m, "made by (unknown)");
	}
	if (f->pinned[0])
		seq_printf(m, ", held by %s", f->pinned);
	seq_putc(m, '\n');
}

static void show_findings(struct seq_file *m, const struct ouro_finding *f,
			  unsigned long n, const char *what)
{
	unsigned long i;

	for (i = 0; i < n && i < OURO_FINDINGS; i++)
		show_finding(m, &f[i], what);
	if (n > OURO_FINDINGS)
		seq_printf(m, "# and %lu more that are %s\n",
			   n - OURO_FINDINGS, what);
}

static void show_unvisited(struct seq_file *m, const struct ouro_audit *audit)
{
	const struct ouro_unvisited *one;
	unsigned int i;

	for (i = 0; i < audit->unvisits; i++) {
		one = &audit->unvisited[i];
		seq_printf(m, "traverse of %s leaves out offset %u: %lu objects refer to a %s there\n",
			   type_of(one->kind), one->offset, one->objects,
			   type_of(one->to));
	}
}

static void show_outside(struct seq_file *m, const struct ouro_audit *audit)
{
	const struct ouro_outside *one;
	unsigned int i;

	for (i = 0; i < audit->outsides; i++) {
		one = &audit->outside[i];
		seq_printf(m, "outside: %lu objects of %s, %lu references, %lu of them with a name\n",
			   one->objects, type_of(one->kind), one->refs,
			   one->pins);
	}
}

static int audit_show(struct seq_file *m, void *v)
{
	const struct ouro_audit *audit = m->private;

	seq_printf(m, "# heap %s: %lu objects, %lu with a count too low (used after free soon), %lu too high (leaked), %u fields left out by traverse\n",
		   audit->heap->name, audit->objects, audit->lows, audit->highs,
		   audit->unvisits);
	if (audit->skipped)
		seq_printf(m, "# %lu pools were left out: what they refer to looks held from outside\n",
			   audit->skipped);
	if (audit->unchecked)
		seq_printf(m, "# %lu more objects looked wrong, too many to look at them once more\n",
			   audit->unchecked);
	if (audit->blind)
		seq_puts(m, "# some counts look too high, but pools came meanwhile or were left out: read once more\n");
	if (audit->pins_lost)
		seq_puts(m, "# some references' names were lost for want of memory\n");
	seq_printf(m, "# %-3s %-20s %-24s %6s %6s %6s site\n", "is", "handle",
		   "type", "refs", "edges", "pins");
	show_findings(m, audit->low, audit->lows, "low");
	show_findings(m, audit->high, audit->highs, "high");
	show_unvisited(m, audit);
	show_outside(m, audit);
	return 0;
}

static int audit_open(struct inode *inode, struct file *file)
{
	return ouro_file_open(file, audit_show, ouro_audit_run(inode->i_private));
}

OURO_FILE_REPORT(audit);

/* ---- for programs ---- */

static void json_finding(struct seq_file *m, const struct ouro_finding *f)
{
	char site[OURO_SITE_TEXT];

	seq_puts(m, "{\"handle\": ");
	ouro_json_string(m, f->name);
	ouro_json_text(m, "type", type_of(f->kind));
	ouro_json_number(m, "refs", f->refs);
	ouro_json_number(m, "edges", f->edges);
	ouro_json_number(m, "pins", f->pins);
	ouro_json_text(m, "held_by", f->pinned[0] ? f->pinned : NULL);
	if (f->site)
		ouro_site_name(f->site, site, sizeof(site));
	ouro_json_text(m, "site", f->site ? site : NULL);
	seq_putc(m, '}');
}

static void json_findings(struct seq_file *m, const struct ouro_finding *f,
			  unsigned long n, const char *what)
{
	unsigned long i;

	seq_printf(m, ", \"%s\": [", what);
	for (i = 0; i < n && i < OURO_FINDINGS; i++) {
		seq_puts(m, i ? ",\n" : "\n");
		json_finding(m, &f[i]);
	}
	seq_printf(m, "], \"%s_more\": %lu", what,
		   n - min(n, (unsigned long)OURO_FINDINGS));
}

static void json_unvisited(struct seq_file *m, const struct ouro_audit *audit)
{
	const struct ouro_unvisited *one;
	unsigned int i;

	seq_puts(m, ", \"traverse\": [");
	for (i = 0; i < audit->unvisits; i++) {
		one = &audit->unvisited[i];
		seq_puts(m, i ? ", {\"type\": " : "{\"type\": ");
		ouro_json_string(m, type_of(one->kind));
		ouro_json_number(m, "offset", one->offset);
		ouro_json_number(m, "objects", one->objects);
		ouro_json_text(m, "to", type_of(one->to));
		seq_putc(m, '}');
	}
	seq_putc(m, ']');
}

static void json_outside(struct seq_file *m, const struct ouro_audit *audit)
{
	const struct ouro_outside *one;
	unsigned int i;

	seq_puts(m, ", \"outside\": [");
	for (i = 0; i < audit->outsides; i++) {
		one = &audit->outside[i];
		seq_puts(m, i ? ", {\"type\": " : "{\"type\": ");
		ouro_json_string(m, type_of(one->kind));
		ouro_json_number(m, "objects", one->objects);
		ouro_json_number(m, "refs", one->refs);
		ouro_json_number(m, "pins", one->pins);
		seq_putc(m, '}');
	}
	seq_putc(m, ']');
}

static int audit_json_show(struct seq_file *m, void *v)
{
	const struct ouro_audit *audit = m->private;

	ouro_json_begin(m, audit->heap->name);
	ouro_json_number(m, "objects", audit->objects);
	ouro_json_number(m, "skipped", audit->skipped);
	ouro_json_number(m, "unchecked", audit->unchecked);
	ouro_json_bool(m, "blind", audit->blind);
	ouro_json_bool(m, "pins_lost", audit->pins_lost);
	json_findings(m, audit->low, audit->lows, "low");
	json_findings(m, audit->high, audit->highs, "high");
	json_unvisited(m, audit);
	json_outside(m, audit);
	seq_puts(m, "}\n");
	return 0;
}

static int audit_json_open(struct inode *inode, struct file *file)
{
	return ouro_file_open(file, audit_json_show, ouro_audit_run(inode->i_private));
}

OURO_FILE_REPORT(audit_json);

const struct ouro_file ouro_audit_files[] = {
	{ "audit", 0400, &audit_fops },
	{ "audit.json", 0400, &audit_json_fops },
	{ }
};
