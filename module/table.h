/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tables: what a line of a text file has for columns, and an object of its JSON
 * twin for members.
 */
#ifndef OURO_TABLE_H
#define OURO_TABLE_H

#include <linux/seq_file.h>
#include "ouro.h"

/**
 * struct ouro_column - a figure, or a name
 * @name: of the member; NULL ends a table
 * @head: of the column, where it is not @name
 * @width: of the column, with the blank before it
 * @shift: text tells the figure without its last bits
 * @is_text: a const char *, else an unsigned long
 * @offset: in the record
 */
struct ouro_column {
	const char *name;
	const char *head;
	u8 width;
	u8 shift;
	bool is_text;
	u16 offset;
};

void ouro_table_head(struct seq_file *m, const struct ouro_column *columns);
void ouro_table_line(struct seq_file *m, const struct ouro_column *columns,
		     const void *record);
void ouro_table_json(struct seq_file *m, const struct ouro_column *columns,
		     const void *record);

#endif /* OURO_TABLE_H */
