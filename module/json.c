// SPDX-License-Identifier: GPL-2.0
/*
 * JSON for programs.
 */
#include "ouro.h"
#include "json.h"

#define SCHEMA 1	/* grows when a member changes its meaning */

/**
 * ouro_json_begin() - the beginning of a file
 * @m: to print to
 * @heap: its name, or NULL in files that are no heap's
 *
 * Members follow, each after a comma, and a closing brace.
 *
 * Context: Any.
 */
void ouro_json_begin(struct seq_file *m, const char *heap)
{
	seq_printf(m, "{\"schema\": %d", SCHEMA);
	if (heap)
		ouro_json_text(m, "heap", heap);
}

/**
 * ouro_json_string() - a string, or null
 * @m: to print to
 * @text: whatever bytes; NULL: null
 *
 * What is not plain ASCII is printed by its number, so that whatever comes out
 * is JSON, and does nothing to a terminal.
 *
 * Context: Any.
 */
void ouro_json_string(struct seq_file *m, const char *text)
{
	const unsigned char *c = text;

	if (!text) {
		seq_puts(m, "null");
		return;
	}
	seq_putc(m, '"');
	for (; *c; c++) {
		if (*c == '"' || *c == '\\')
			seq_printf(m, "\\%c", *c);
		else if (*c >= ' ' && *c <= '~')
			seq_putc(m, *c);
		else
			seq_printf(m, "\\u%04x", *c);
	}
	seq_putc(m, '"');
}
