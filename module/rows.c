// SPDX-License-Identifier: GPL-2.0
/*
 * Files of any length.
 *
 * Between two pages of such a file nothing is held, so a reader keeps nobody
 * waiting and can be interrupted; it goes on where it was by a place, which a
 * row keeps while others come and go.
 *
 * The position in seq_file's sense is 0 for the head, FOOT for the foot, and
 * between them the place where to look for a row, plus one.
 */
#include "ouro.h"
#include "rows.h"

#define FOOT	((loff_t)1 << 62)

static char head_token, foot_token;

static void *row_get(struct ouro_rows *rows, void *last, loff_t *pos)
{
	void *row;

	rows->behind = *pos - 1;
	row = rows->ops->next(rows, last, &rows->behind);
	if (row)
		return row;
	*pos = FOOT;
	return &foot_token;
}

static void *rows_start(struct seq_file *m, loff_t *pos)
{
	struct ouro_rows *rows = m->private;

	if (rows->ops->begin)
		rows->ops->begin(rows);
	if (!*pos) {
		rows->some = false;
		return &head_token;
	}
	if (*pos < FOOT)
		return row_get(rows, NULL, pos);
	return *pos == FOOT ? &foot_token : NULL;
}

/* Called when @v was shown: a row for which there was no room is got anew. */
static void *rows_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct ouro_rows *rows = m->private;

	if (v == &foot_token) {
		*pos = FOOT + 1;
		return NULL;
	}
	if (v == &head_token) {
		*pos = 1;
		return row_get(rows, NULL, pos);
	}
	rows->some = true;
	*pos = (loff_t)rows->behind + 1;
	return row_get(rows, v, pos);
}

static void rows_stop(struct seq_file *m, void *v)
{
	struct ouro_rows *rows = m->private;

	if (rows->ops->end)
		rows->ops->end(rows);
}

static int rows_show(struct seq_file *m, void *v)
{
	struct ouro_rows *rows = m->private;

	if (v == &head_token) {
		rows->ops->head(m, rows);
	} else if (v == &foot_token) {
		if (rows->ops->foot)
			rows->ops->foot(m, rows);
		else if (rows->json)
			seq_puts(m, "]}\n");
	} else {
		if (rows->json)
			seq_puts(m, rows->some ? ",\n" : "\n");
		rows->ops->show(m, rows, v);
	}
	return 0;
}

static const struct seq_operations rows_sops = {
	.start = rows_start,
	.next = rows_next,
	.stop = rows_stop,
	.show = rows_show,
};

/**
 * ouro_rows_open() - open such a file
 * @inode: with the heap in its private data
 * @file: released by seq_release_private()
 * @ops: of the rows
 * @json: else text
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int ouro_rows_open(struct inode *inode, struct file *file,
		   const struct ouro_rows_ops *ops, bool json)
{
	struct ouro_rows *rows;

	rows = __seq_open_private(file, &rows_sops, ops->size);
	if (!rows)
		return -ENOMEM;
	rows->ops = ops;
	rows->heap = inode->i_private;
	rows->json = json;
	return 0;
}
