/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rows: files of any length, of which a reader gets a few pages at a time.
 */
#ifndef OURO_ROWS_H
#define OURO_ROWS_H

#include <linux/seq_file.h>
#include "ouro.h"

struct ouro_rows;

/**
 * struct ouro_rows_ops - how a file gets its rows
 * @size: of the reader, which begins with struct ouro_rows
 * @begin: before some rows are got, or NULL; may sleep
 * @end: after them, or NULL
 * @next: the first row at *@place or behind it, NULL: no more; moves @place
 *	behind the row.  @last is the row before, NULL after @begin.  What is
 *	returned stays until the next call, or @end.
 * @head: prints what stands above the rows; in JSON all up to the bracket
 * @show: prints a row, with a newline in text
 * @foot: prints what stands below the rows; NULL: in JSON the brackets
 *
 * Text or JSON: as rows->json says.
 */
struct ouro_rows_ops {
	size_t size;
	void (*begin)(struct ouro_rows *rows);
	void (*end)(struct ouro_rows *rows);
	void *(*next)(struct ouro_rows *rows, void *last, unsigned long *place);
	void (*head)(struct seq_file *m, const struct ouro_rows *rows);
	void (*show)(struct seq_file *m, const struct ouro_rows *rows,
		     void *row);
	void (*foot)(struct seq_file *m, const struct ouro_rows *rows);
};

/**
 * struct ouro_rows - who reads the file
 * @ops: how
 * @heap: the file's, or NULL
 * @json: else text
 * @some: a row was shown, whole
 * @behind: the place behind the row that is shown
 */
struct ouro_rows {
	const struct ouro_rows_ops *ops;
	struct ouro_heap *heap;
	bool json;
	bool some;
	unsigned long behind;
};

int ouro_rows_open(struct inode *inode, struct file *file,
		   const struct ouro_rows_ops *ops, bool json);

/* Defines NAME_fops, for a file with these rows as text or as JSON. */
#define OURO_ROWS_FILE(name, is_json, rows)				\
static int name##_open(struct inode *inode, struct file *file)		\
{									\
	return ouro_rows_open(inode, file, &(rows), is_json);		\
}									\
									\
static const struct file_operations name##_fops = {			\
	.owner = THIS_MODULE,						\
	.open = name##_open,						\
	.read = seq_read,						\
	.llseek = seq_lseek,						\
	.release = seq_release_private,					\
}

#endif /* OURO_ROWS_H */
