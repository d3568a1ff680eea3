// SPDX-License-Identifier: GPL-2.0
/* The kernel log: what came since a mark. */
#include <linux/kmsg_dump.h>
#include <linux/string.h>
#include "ouro_test.h"

#define LOG_LINES_MAX	100000

void test_log_mark(struct test_log *log)
{
	struct kmsg_dump_iter iter = {};

	kmsg_dump_rewind(&iter);
	log->seq = iter.next_seq;
}
EXPORT_SYMBOL_GPL(test_log_mark);

/* Behind the time stamp and whatever else stands in brackets. */
static const char *line_text(const char *line)
{
	const char *end;

	while (*line == '[') {
		end = strchr(line, ']');
		if (!end)
			break;
		line = skip_spaces(end + 1);
	}
	return line;
}

static unsigned int count(const struct test_log *log, const char *prefix,
			  const char *needle)
{
	struct kmsg_dump_iter iter = {};
	unsigned int n = 0, i;
	char line[256];
	size_t len;

	kmsg_dump_rewind(&iter);
	iter.cur_seq = log->seq;
	for (i = 0; i < LOG_LINES_MAX; i++) {
		if (!kmsg_dump_get_line(&iter, false, line, sizeof(line) - 1,
					&len))
			break;
		line[len] = '\0';
		if (strstarts(line_text(line), prefix) &&
		    strstr(line, needle))
			n++;
	}
	return n;
}

/* The lines of ouro.ko since the mark that contain @needle. */
unsigned int test_log_count(const struct test_log *log, const char *needle)
{
	return count(log, "ouro: ", needle);
}
EXPORT_SYMBOL_GPL(test_log_count);

/* Everybody's lines. */
unsigned int test_log_count_all(const struct test_log *log, const char *needle)
{
	return count(log, "", needle);
}
EXPORT_SYMBOL_GPL(test_log_count_all);
