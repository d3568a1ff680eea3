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

static void show_one(struct seq_file *m, const char *name, u64 value,
		     const char *unit, const char *meaning)
{
	seq_printf(m, "%-14s %14llu %-8s %s\n", name, value, unit, meaning);
}

static void show_now(struct seq_file *m, const struct ouro_collector_stat *s)
{
	seq_printf(m, "# %-12s %14s %-8s %s\n", "name", "value", "unit",
		   "meaning");
	show_one(m, "tracked", s->tracked, "objects",
		 "that scans look at, and such in magazines");
	show_one(m, "live", s->live, "objects",
		 "of these, after the last scan of all");
	show_one(m, "trigger", s->trigger, "objects",
		 "a scan starts beyond; 9223372036854775807: none");
	show_one(m, "peak_bytes", s->peak_bytes, "bytes",
		 "of notes that the largest scan took");
	show_one(m, "last_visited", s->last.visited, "objects",
		 "by the last scan, as those below");
	show_one(m, "last_freed", s->last.freed, "objects", "freed");
	show_one(m, "last_ns", s->last.ns, "ns", "from begin to end");
}

static int collector_show(struct seq_file *m, void *v)
{
	struct ouro_heap *heap = m->private;
	struct ouro_collector_stat *stat;

	stat = kmalloc(sizeof(*stat), GFP_KERNEL);
	if (!stat)
		return -ENOMEM;
	ouro_collector_stat(heap, stat);
	show_state(m, heap);
	show_sums(m, stat);
	show_durations(m, stat);
	show_now(m, stat);
	kfree(stat);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(collector);

/* ---- threshold ---- */

static int threshold_show(struct seq_file *m, void *v)
{
	struct ouro_collect_threshold threshold;

	ouro_collector_threshold(m->private, &threshold);
	seq_printf(m, "%u %u %u\n", threshold.young, threshold.middle,
		   threshold.old);
	return 0;
}

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
	{ "threshold", 0644, &threshold_fops },
	{ "mode", 0644, &mode_fops },
	{ "collect", 0200, &collect_fops },
	{ }
};
