// SPDX-License-Identifier: GPL-2.0
/*
 * The file that says what keeps an object alive: one writes which, and reads why.
 */
#include "ouro.h"
#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include "file.h"
#include "heap.h"
#include "json.h"
#include "kind.h"
#include "why.h"

/* Guards heap->asked. */
static DEFINE_MUTEX(asked_lock);

/* ---- for people ---- */

#define LINE_TEXT	SZ_16K	/* longer than any path */

static void show_line(struct seq_file *m, const struct ouro_path *path)
{
	char *text = kmalloc(LINE_TEXT, GFP_KERNEL);
	char holder[OURO_HOLDER_TEXT];

	if (!text)
		return;
	ouro_path_text(path, text, LINE_TEXT);
	ouro_path_holder(path, holder, sizeof(holder));
	seq_printf(m, "%s, %s\n", text, holder);
	kfree(text);
}

static void show_steps(struct seq_file *m, const struct ouro_path *path)
{
	const struct ouro_step *step;
	u32 i, n = path->length - path->left_out;

	seq_printf(m, "# %-22s %-32s %s\n", "handle", "type", "field");
	for (i = 0; i < n; i++) {
		step = &path->step[i];
		if (path->left_out && i == OURO_STEPS)
			seq_printf(m, "# %u more\n", path->left_out);
		seq_printf(m, "%-24s %-32s %s\n", step->name,
			   step->kind->type->name,
			   step->field[0] ? step->field : "-");
	}
}

static int why_show(struct seq_file *m, void *v)
{
	const struct ouro_why *why = m->private;
	const struct ouro_path *path = &why->path;

	if (!why->asked[0]) {
		seq_puts(m, "# write a handle, or the name of a type, and read what keeps it alive\n");
		return 0;
	}
	seq_printf(m, "# heap %s, what keeps %s alive\n", why->heap->name,
		   why->asked);
	if (!path->found) {
		seq_puts(m, "no such object lives\n");
	} else if (!path->reached) {
		seq_puts(m, "nothing from outside: only a cycle, which a scan frees, or a reference on its way\n");
	} else {
		show_line(m, path);
		show_steps(m, path);
	}
	return 0;
}

/* ---- for programs ---- */

static void json_steps(struct seq_file *m, const struct ouro_path *path)
{
	const struct ouro_step *step;
	u32 i, n = path->length - path->left_out;

	seq_puts(m, ", \"path\": [");
	for (i = 0; i < n; i++) {
		step = &path->step[i];
		seq_puts(m, i ? ",\n{\"handle\": " : "\n{\"handle\": ");
		ouro_json_string(m, step->name);
		ouro_json_text(m, "type", step->kind->type->name);
		ouro_json_text(m, "field", step->field[0] ? step->field : NULL);
		seq_putc(m, '}');
	}
	seq_putc(m, ']');
}

static int why_json_show(struct seq_file *m, void *v)
{
	const struct ouro_why *why = m->private;
	const struct ouro_path *path = &why->path;
	u32 last = path->length - path->left_out - 1;

	ouro_json_begin(m, why->heap->name);
	ouro_json_text(m, "asked", why->asked[0] ? why->asked : NULL);
	ouro_json_bool(m, "found", path->found);
	ouro_json_bool(m, "unreachable", path->found && !path->reached);
	ouro_json_text(m, "object", path->reached ? path->step[last].name : NULL);
	ouro_json_text(m, "type", path->reached ?
		       path->step[last].kind->type->name : NULL);
	ouro_json_bool(m, "immortal", path->immortal);
	ouro_json_number(m, "outside", path->outside);
	ouro_json_text(m, "held_by", path->pinned[0] ? path->pinned : NULL);
	ouro_json_number(m, "length", path->length);
	ouro_json_number(m, "left_out", path->left_out);
	json_steps(m, path);
	seq_puts(m, "}\n");
	return 0;
}

/* ---- questions ---- */

/* The answer to what was asked last; an empty one if nothing was. */
static struct ouro_why *answer(struct ouro_heap *heap)
{
	char asked[OURO_TYPE_NAME_MAX];
	struct ouro_why *why;

	mutex_lock(&asked_lock);
	strscpy(asked, heap->asked, sizeof(asked));
	mutex_unlock(&asked_lock);
	if (asked[0])
		return ouro_why_run(heap, asked);
	why = kvzalloc(sizeof(*why), GFP_KERNEL);
	if (!why)
		return ERR_PTR(-ENOMEM);
	why->heap = heap;
	return why;
}

static int ask(struct ouro_heap *heap, char *text)
{
	struct ouro_target target;
	int err = -EINVAL;

	if (strlen(text) < sizeof(heap->asked))
		err = ouro_why_target(heap, text, &target);
	if (err)
		return err;
	mutex_lock(&asked_lock);
	strscpy(heap->asked, text, sizeof(heap->asked));
	mutex_unlock(&asked_lock);
	return 0;
}

static ssize_t why_write(struct file *file, const char __user *from, size_t len,
			 loff_t *pos)
{
	return ouro_file_text(file_inode(file)->i_private, from, len, ask);
}

static int why_open(struct inode *inode, struct file *file)
{
	/* Who only asks does not wait for the answer to the last question. */
	return ouro_file_open(file, why_show, file->f_mode & FMODE_READ ?
			      answer(inode->i_private) : NULL);
}

OURO_FILE_REPORT_WRITE(why);

static int why_json_open(struct inode *inode, struct file *file)
{
	return ouro_file_open(file, why_json_show, answer(inode->i_private));
}

OURO_FILE_REPORT(why_json);

const struct ouro_file ouro_why_files[] = {
	{ "why", 0600, &why_fops },
	{ "why.json", 0400, &why_json_fops },
	{ }
};
