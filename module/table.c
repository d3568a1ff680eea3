// SPDX-License-Identifier: GPL-2.0
/*
 * Tables, as text and as JSON.
 *
 * One list of columns for both, so that neither tells what the other does not.
 */
#include "ouro.h"
#include "json.h"
#include "table.h"

static const char *text_of(const struct ouro_column *column, const void *record)
{
	return *(const char * const *)(record + column->offset);
}

static unsigned long number_of(const struct ouro_column *column,
			       const void *record)
{
	return *(const unsigned long *)(record + column->offset);
}

/* Names to the left, so that they begin below each other. */
static void print_text(struct seq_file *m, const struct ouro_column *column,
		       const char *text, int width)
{
	seq_printf(m, column->is_text ? "%-*s" : "%*s", width, text);
}

/**
 * ouro_table_head() - the line that names the columns
 * @m: to print to
 * @columns: of the table
 *
 * Context: Any.
 */
void ouro_table_head(struct seq_file *m, const struct ouro_column *columns)
{
	const struct ouro_column *column;
	int width;

	seq_puts(m, "# ");
	for (column = columns; column->name; column++) {
		width = column->width - (column == columns ? 2 : 1);
		if (column != columns)
			seq_putc(m, ' ');
		print_text(m, column, column->head ?: column->name, width);
	}
	seq_putc(m, '\n');
}

/**
 * ouro_table_line() - a record as text
 * @m: to print to
 * @columns: of the table
 * @record: that they have their offsets in
 *
 * Context: Any.
 */
void ouro_table_line(struct seq_file *m, const struct ouro_column *columns,
		     const void *record)
{
	const struct ouro_column *column;
	int width;

	for (column = columns; column->name; column++) {
		width = column->width - (column != columns);
		if (column != columns)
			seq_putc(m, ' ');
		if (column->is_text)
			print_text(m, column, text_of(column, record), width);
		else
			seq_printf(m, "%*lu", width,
				   number_of(column, record) >> column->shift);
	}
	seq_putc(m, '\n');
}

/**
 * ouro_table_json() - a record as an object
 * @m: to print to
 * @columns: of the table
 * @record: that they have their offsets in
 *
 * Context: Any.
 */
void ouro_table_json(struct seq_file *m, const struct ouro_column *columns,
		     const void *record)
{
	const struct ouro_column *column;

	seq_putc(m, '{');
	for (column = columns; column->name; column++) {
		seq_printf(m, "%s\"%s\": ", column == columns ? "" : ", ",
			   column->name);
		if (column->is_text)
			ouro_json_string(m, text_of(column, record));
		else
			seq_printf(m, "%lu", number_of(column, record));
	}
	seq_putc(m, '}');
}
