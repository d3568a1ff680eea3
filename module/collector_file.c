// SPDX-License-Identifier: GPL-2.0
/*
 * The files of a heap's collector: what it did, what it shall do.
 */
#include "ouro.h"
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "file.h"
#include "heap.h"
#include "json.h"
#include "kind.h"

static const char * const mode_names[OURO_COLLECT_MODES] = {
	[OURO_COLLECT_ON] = "collect",
	[OURO_COLLECT_REPORT] = "report",
	[OURO_COLLECT_OFF] = "off",
};

/* ---- collector ---- */

static void show_state(struct seq_file *m, struct ouro_heap *heap)
{
	seq_printf(m, "# heap %s, mode %s, scans start %s, %s\n", heap->name,
		   mode_names[ouro_collector_mode(heap)],
		   ouro_collector_is_enabled(heap) ? "by themselves" :
						     "when asked for",
		   READ_ONCE(heap->collector.task) ? "scanning" : "idle");
}

/* Sums by generation: of unsigned long, or of u64. */
static const struct sum_field {
	const char *name;
	const char *unit;
	const char *meaning;
	size_t offset;
	bool is_u64;
} sum_fields[] = {
#define FIELD(member, unit, meaning) \
	{ #member, unit, meaning, offsetof(struct ouro_collector_stat, member) }
#define FIELD_U64(member, unit, meaning) \
	{ #member, unit, meaning, \
	  offsetof(struct ouro_collector_stat, member), true }
	FIELD(runs, "scans", "of the objects made since the last scan; of all"),
	FIELD(visited, "objects", "looked at, in all these scans, as those below"),
	FIELD(freed, "objects", "unreachable, with slots: leaves do not count"),
	FIELD(uncollectable, "objects", "unreachable, and left for report mode"),
	FIELD(resurrected, "objects", "brought back by finalizers"),
	FIELD(finalized, "calls", "of finalizers"),
	FIELD(aborts, "times", "a handle was upgraded in the middle of a decision"),
	FIELD(skipped, "pools", "left out for want of memory or time"),
	FIELD_U64(ns, "ns", "from begin to end, waiting included"),
	FIELD_U64(longest_ns, "ns", "the longest of these"),
#undef FIELD
#undef FIELD_U64
};

static u64 sum_value(const struct ouro_collector_stat *s,
		     const struct sum_field *field, unsigned int generation)
{
	const void *member = (const void *)s + field->offset;

	return field->is_u64 ? ((const u64 *)member)[generation] :
			       ((const unsigned long *)member)[generation];
}

static void show_sums(struct seq_file *m, const struct ouro_collector_stat *s)
{
	const struct sum_field *field;

	seq_printf(m, "# %-12s %14s %14s %-8s %s\n", "name", "young", "old",
		   "unit", "meaning");
	for (field = sum_fields; field < sum_fields + ARRAY_SIZE(sum_fields);
	     field++)
		seq_printf(m, "%-14s %14llu %14llu %-8s %s\n", field->name,
			   sum_value(s, field, OURO_YOUNG),
			   sum_value(s, field, OURO_OLD), field->unit,
			   field->meaning);
}

static void show_durations(struct seq_file *m,
			   const struct ouro_collector_stat *s)
{
	static const char * const below[OURO_SCAN_BUCKETS] = {
		"below_10us", "below_100us", "below_1ms", "below_10ms",
		"below_100ms", "below_1s", "below_10s", "longer",
	};
	unsigned int i;

	for (i = 0; i < OURO_SCAN_BUCKETS; i++)
		seq_printf(m, "%-14s %14lu %14lu %-8s %s\n", below[i],
			   s->duration[OURO_YOUNG][i],
			   s->duration[OURO_OLD][i], "scans",
			   i ? "and not below the one before" : "that took so long");
}

/* As it is now, and what the last scan did. */
static const struct now_field {
	const char *name;
	const char *unit;
	const char *meaning;
	size_t offset;
	bool is_u64;
} now_fields[] = {
#define FIELD(member, unit, meaning) \
	{ #member, unit, meaning, offsetof(struct ouro_collector_stat, member) }
	FIELD(tracked, "objects", "that scans look at, and such in magazines"),
	FIELD(live, "objects", "of these, after the last scan of all"),
	FIELD(trigger, "objects",
	      "a scan starts beyond; 9223372036854775807: none"),
	FIELD(peak_bytes, "bytes", "of notes that the largest scan took"),
#undef FIELD
}, last_fields[] = {
#define FIELD(member, unit, meaning) \
	{ #member, unit, meaning, \
	  offsetof(struct ouro_collector_stat, last.member), \
	  sizeof_field(struct ouro_collector_stat, last.member) > \
	  sizeof(long) }
	FIELD(visited, "objects", "by the last scan, as those below"),
	FIELD(freed, "objects", "freed"),
	FIELD(ns, "ns", "from begin to end"),
#undef FIELD
};

static u64 now_value(const struct ouro_collector_stat *s,
		     const struct now_field *field)
{
	const void *member = (const void *)s + field->offset;

	return field->is_u64 ? *(const u64 *)member :
			       *(const unsigned long *)member;
}

static void show_now_fields(struct seq_file *m,
			    const struct ouro_collector_stat *s,
			    const struct now_field *field, size_t count,
			    const char *prefix)
{
	int width = 14 - strlen(prefix);

	for (; count--; field++)
		seq_printf(m, "%s%-*s %14llu %-8s %s\n", prefix, width,
			   field->name, now_value(s, field), field->unit,
			   field->meaning);
}

static void show_now(struct seq_file *m, const struct ouro_collector_stat *s)
{
	seq_printf(m, "# %-12s %14s %-8s %s\n", "name", "value", "unit",
		   "meaning");
	show_now_fields(m, s, now_fields, ARRAY_SIZE(now_fields), "");
	show_now_fields(m, s, last_fields, ARRAY_SIZE(last_fields), "last_");
}

static void json_sums(struct seq_file *m, const struct ouro_collector_stat *s,
		      const char *name, unsigned int generation)
{
	unsigned int i;

	seq_printf(m, ", \"%s\": {", name);
	for (i = 0; i < ARRAY_SIZE(sum_fields); i++)
		seq_printf(m, "%s\"%s\": %llu", i ? ", " : "",
			   sum_fields[i].name,
			   sum_value(s, &sum_fields[i], generation));
	seq_puts(m, ", \"durations\": [");
	for (i = 0; i < OURO_SCAN_BUCKETS; i++)
		seq_printf(m, "%s%lu", i ? ", " : "",
			   s->duration[generation][i]);
	seq_puts(m, "]}");
}

static void json_now(struct seq_file *m, const struct ouro_collector_stat *s)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(now_fields); i++)
		ouro_json_number(m, now_fields[i].name,
				 now_value(s, &now_fields[i]));
	seq_puts(m, ", \"last\": {");
	for (i = 0; i < ARRAY_SIZE(last_fields); i++)
		seq_printf(m, "%s\"%s\": %llu", i ? ", " : "",
			   last_fields[i].name,
			   now_value(s, &last_fields[i]));
	seq_putc(m, '}');
}

static void json_collector(struct seq_file *m, struct ouro_heap *heap,
			   const struct ouro_collector_stat *stat)
{
	ouro_json_begin(m, heap->name);
	ouro_json_text(m, "mode", mode_names[ouro_collector_mode(heap)]);
	ouro_json_bool(m, "enabled", ouro_collector_is_enabled(heap));
	ouro_json_bool(m, "scanning", READ_ONCE(heap->collector.task));
	json_sums(m, stat, "young", OURO_YOUNG);
	json_sums(m, stat, "old", OURO_OLD);
	json_now(m, stat);
	seq_puts(m, "}\n");
}

static void text_collector(struct seq_file *m, struct ouro_heap *heap,
			   const struct ouro_collector_stat *stat)
{
	show_state(m, heap);
	show_sums(m, stat);
	show_durations(m, stat);
	show_now(m, stat);
}

static int show_stat(struct seq_file *m,
		     void (*show)(struct seq_file *m, struct ouro_heap *heap,
				  const struct ouro_collector_stat *stat))
{
	struct ouro_heap *heap = m->private;
	struct ouro_collector_stat *stat;

	stat = kmalloc(sizeof(*stat), GFP_KERNEL);
	if (!stat)
		return -ENOMEM;
	ouro_collector_stat(heap, stat);
	show(m, heap, stat);
	kfree(stat);
	return 0;
}

static int collector_show(struct seq_file *m, void *v)
{
	return show_stat(m, text_collector);
}
DEFINE_SHOW_ATTRIBUTE(collector);

static int collector_json_show(struct seq_file *m, void *v)
{
	return show_stat(m, json_collector);
}
DEFINE_SHOW_ATTRIBUTE(collector_json);

/* ---- threshold ---- */

static int threshold_show(struct seq_file *m, void *v)
{
	struct ouro_collect_threshold threshold;

	ouro_collector_threshold(m->private, &threshold);
	seq_printf(m, "%u %u %u\n", threshold.young, threshold.middle,
		   threshold.old);
	return 0;
}

static int threshold_json_show(struct seq_file *m, void *v)
{
	struct ouro_heap *heap = m->private;
	struct ouro_collect_threshold threshold;

	ouro_collector_threshold(heap, &threshold);
	ouro_json_begin(m, heap->name);
	ouro_json_number(m, "young", threshold.young);
	ouro_json_number(m, "middle", threshold.middle);
	ouro_json_number(m, "old", threshold.old);
	seq_puts(m, "}\n");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(threshold_json);

/* One to three numbers, as gc.set_threshold(); those not given stay. */
static int threshold_set(struct ouro_heap *heap, char *text)
{
	struct ouro_collect_threshold threshold;
	unsigned int *number[] = { &threshold.young, &threshold.middle,
				   &threshold.old };
	unsigned int n = 0;
	char *word;
	int err;

	ouro_collector_threshold(heap, &threshold);
	while ((word = strsep(&text, " \t\n"))) {
		if (!*word)
			continue;
		if (n == ARRAY_SIZE(number))
			return -EINVAL;
		err = kstrtouint(word, 0, number[n++]);
		if (err)
			return -EINVAL;
	}
	if (!n)
		return -EINVAL;
	ouro_collector_set_threshold(heap, &threshold);
	return 0;
}

static ssize_t threshold_write(struct file *file, const char __user *from,
			       size_t len, loff_t *pos)
{
	struct seq_file *m = file->private_data;

	return ouro_file_text(m->private, from, len, threshold_set);
}
DEFINE_SHOW_STORE_ATTRIBUTE(threshold);

/* ---- mode ---- */

static int mode_show(struct seq_file *m, void *v)
{
	struct ouro_heap *heap = m->private;
	struct ouro_kind *kind;

	seq_printf(m, "heap %s\n", mode_names[ouro_collector_mode(heap)]);
	rcu_read_lock();
	list_for_each_entry_rcu(kind, &heap->kinds, link)
		if (kind->tracked)
			seq_printf(m, "%s %s\n", kind->type->name,
				   mode_names[ouro_kind_mode(kind)]);
	rcu_read_unlock();
	return 0;
}

static int mode_json_show(struct seq_file *m, void *v)
{
	struct ouro_heap *heap = m->private;
	const char *comma = "";
	struct ouro_kind *kind;

	ouro_json_begin(m, heap->name);
	ouro_json_text(m, "mode", mode_names[ouro_collector_mode(heap)]);
	seq_puts(m, ", \"types\": [");
	rcu_read_lock();	/* see types_show() */
	list_for_each_entry_rcu(kind, &heap->kinds, link) {
		if (!kind->tracked)
			continue;
		seq_printf(m, "%s{\"name\": ", comma);
		ouro_json_string(m, kind->type->name);
		ouro_json_text(m, "mode", mode_names[ouro_kind_mode(kind)]);
		seq_putc(m, '}');
		comma = ", ";
	}
	rcu_read_unlock();
	seq_puts(m, "]}\n");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(mode_json);

/* A kind stays as long as its heap, which waits for who is in its files. */
static struct ouro_kind *kind_find(struct ouro_heap *heap, const char *name)
{
	struct ouro_kind *kind, *found = NULL;

	rcu_read_lock();
	list_for_each_entry_rcu(kind, &heap->kinds, link)
		if (kind->tracked && !strcmp(kind->type->name, name))
			found = kind;
	rcu_read_unlock();
	return found;
}

/* "MODE" or "heap MODE" for the heap, "TYPE MODE" for a type. */
static int mode_set(struct ouro_heap *heap, char *text)
{
	char *name = strsep(&text, " \t");
	struct ouro_kind *kind;
	int mode;

	mode = match_string(mode_names, OURO_COLLECT_MODES,
			    text ? strim(text) : name);
	if (mode < 0)
		return -EINVAL;
	if (!text || !strcmp(name, "heap"))
		return ouro_collector_set_mode(heap, mode);
	kind = kind_find(heap, name);
	return kind ? ouro_kind_set_mode(kind, mode) : -EINVAL;
}

static ssize_t mode_write(struct file *file, const char __user *from,
			  size_t len, loff_t *pos)
{
	struct seq_file *m = file->private_data;

	return ouro_file_text(m->private, from, len, mode_set);
}
DEFINE_SHOW_STORE_ATTRIBUTE(mode);

/* ---- collect ---- */

static int collect_set(struct ouro_heap *heap, char *text)
{
	long freed = -EINVAL;

	if (!strcmp(text, "old") || !strcmp(text, "1"))
		freed = ouro_heap_collect(heap, OURO_OLD);
	else if (!strcmp(text, "young"))
		freed = ouro_heap_collect(heap, OURO_YOUNG);
	return min(freed, 0L);
}

static ssize_t collect_write(struct file *file, const char __user *from,
			     size_t len, loff_t *pos)
{
	return ouro_file_text(file->private_data, from, len, collect_set);
}

static const struct file_operations collect_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = collect_write,
};

const struct ouro_file ouro_collector_files[] = {
	{ "collector", 0444, &collector_fops },
	{ "collector.json", 0444, &collector_json_fops },
	{ "threshold", 0644, &threshold_fops },
	{ "threshold.json", 0444, &threshold_json_fops },
	{ "mode", 0644, &mode_fops },
	{ "mode.json", 0444, &mode_json_fops },
	{ "collect", 0200, &collect_fops },
	{ }
};
