/* SPDX-License-Identifier: GPL-2.0 */
/*
 * JSON: the parts that are easy to get wrong.
 */
#ifndef OURO_JSON_H
#define OURO_JSON_H

#include <linux/seq_file.h>
#include "ouro.h"

void ouro_json_begin(struct seq_file *m, const char *heap);
void ouro_json_string(struct seq_file *m, const char *text);

/* A member that is not the first one. */
static inline void ouro_json_number(struct seq_file *m, const char *name,
				    u64 value)
{
	seq_printf(m, ", \"%s\": %llu", name, value);
}

static inline void ouro_json_bool(struct seq_file *m, const char *name,
				  bool value)
{
	seq_printf(m, ", \"%s\": %s", name, value ? "true" : "false");
}

static inline void ouro_json_text(struct seq_file *m, const char *name,
				  const char *text)
{
	seq_printf(m, ", \"%s\": ", name);
	ouro_json_string(m, text);
}

#endif /* OURO_JSON_H */
