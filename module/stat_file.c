// SPDX-License-Identifier: GPL-2.0
/*
 * The files of a heap's statistics: of all, by size, by type.
 */
#include "ouro.h"
#include <linux/seq_file.h>
#include "file.h"
#include "heap.h"
#include "json.h"
#include "kind.h"
#include "stat.h"
#include "table.h"

/* ---- stat ---- */

/* The figures of a heap, once for people and for programs. */
static const struct stat_field {
	const char *name;
	const char *unit;
	const char *meaning;
	size_t offset;
} stat_fields[] = {
#define FIELD(member, unit, meaning) \
	{ #member, unit, meaning, offsetof(struct ouro_heap_stat, member) }
	FIELD(live, "blocks", "held by callers, of every size"),
	FIELD(live_bytes, "bytes", "the sum of their block sizes"),
	FIELD(cached, "blocks", "free, in per-CPU magazines and depots"),
	FIELD(allocs, "blocks", "allocated since the heap was created"),
	FIELD(frees, "blocks", "freed since the heap was created"),
	FIELD(held, "bytes", "of pages held, what the limit bounds"),
	FIELD(peak, "bytes", "the most pages held so far"),
	FIELD(limit, "bytes", "0: none; write to the file limit to change it"),
	FIELD(metadata, "bytes", "descriptors, magazines, per-CPU tables, on top"),
	FIELD(arenas, "arenas", "runs of pages that pools are cut from"),
	FIELD(pools, "pools", "runs of blocks of one size"),
	FIELD(large, "blocks", "live blocks above 8192 bytes: whole pages"),
	FIELD(limit_hits, "times", "an allocation was refused for the limit"),
	FIELD(failed, "times", "an allocation failed, whatever the reason"),
	FIELD(misuse, "times", "a bad free was reported in the kernel log"),
#undef FIELD
};

static unsigned long stat_value(const struct ouro_heap_stat *stat,
				const struct stat_field *field)
{
	return *(const unsigned long *)((const char *)stat + field->offset);
}

static void show_flags(struct seq_file *m, const struct ouro_heap *heap)
{
	if (!heap->flags)
		seq_puts(m, " none");
	if (heap->flags & OURO_HEAP_ACCOUNT)
		seq_puts(m, " account");
	if (heap->flags & OURO_HEAP_HARDENED)
		seq_puts(m, " hardened");
	if (heap->flags & OURO_HEAP_DEBUG)
		seq_puts(m, " debug");
	if (heap->flags & OURO_HEAP_COLLECT)
		seq_puts(m, " collect");
}

static int stat_show(struct seq_file *m, void *v)
{
	struct ouro_heap *heap = m->private;
	struct ouro_heap_stat stat;
	unsigned int i;

	ouro_heap_stat(heap, &stat);
	seq_printf(m, "# heap %s, flags:", heap->name);
	show_flags(m, heap);
	seq_printf(m, "\n# %-10s %14s %-6s  %s\n", "name", "value", "unit",
		   "meaning");
	for (i = 0; i < ARRAY_SIZE(stat_fields); i++)
		seq_printf(m, "%-12s %14lu %-6s  %s\n", stat_fields[i].name,
			   stat_value(&stat, &stat_fields[i]),
			   stat_fields[i].unit, stat_fields[i].meaning);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stat);

/* ---- classes ---- */

struct class_record {
	unsigned long size;
	unsigned long pool_bytes;
	struct ouro_class_stat stat;
};

static const struct ouro_column class_columns[] = {
#define COLUMN(name, head, width, shift, member) \
	{ name, head, width, shift, false, \
	  offsetof(struct class_record, member) }
	COLUMN("size", NULL, 7, 0, size),
	COLUMN("live", NULL, 11, 0, stat.live),
	COLUMN("magazines", NULL, 11, 0, stat.fronts),
	COLUMN("depot", NULL, 11, 0, stat.depot),
	COLUMN("pools", NULL, 9, 0, stat.pools),
	COLUMN("pool_bytes", "KiB", 6, 10, pool_bytes),
	COLUMN("empty", NULL, 8, 0, stat.empty),
	COLUMN("allocs", NULL, 13, 0, stat.allocs),
	COLUMN("frees", NULL, 13, 0, stat.frees),
#undef COLUMN
	{ }
};

/* Of blocks; those of objects are among the types. */
static bool read_class(const struct ouro_class *class,
		       struct class_record *record)
{
	if (class->kind)
		return false;
	record->size = class->geo->size;
	record->pool_bytes = class->geo->units * OURO_UNIT;
	ouro_stat_class(class, &record->stat);
	return record->stat.allocs || record->stat.pools;
}

static int classes_show(struct seq_file *m, void *v)
{
	struct ouro_heap *heap = m->private;
	struct class_record record;
	struct ouro_class *class;

	seq_puts(m, "# size: bytes of a block; live, magazines, depot: blocks; pools: of KiB each, of these empty\n");
	ouro_table_head(m, class_columns);
	ouro_heap_for_each_class(heap, class) {
		if (read_class(class, &record))
			ouro_table_line(m, class_columns, &record);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(classes);

static void json_classes(struct seq_file *m, struct ouro_heap *heap)
{
	struct class_record record;
	struct ouro_class *class;
	const char *comma = "";

	seq_puts(m, ", \"classes\": [");
	ouro_heap_for_each_class(heap, class) {
		if (!read_class(class, &record))
			continue;
		seq_puts(m, comma);
		ouro_table_json(m, class_columns, &record);
		comma = ", ";
	}
	seq_putc(m, ']');
}

static int classes_json_show(struct seq_file *m, void *v)
{
	struct ouro_heap *heap = m->private;

	ouro_json_begin(m, heap->name);
	json_classes(m, heap);
	seq_puts(m, "}\n");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(classes_json);

/* ---- types ---- */

struct type_record {
	const char *name;
	unsigned long size;
	struct ouro_kind_stat stat;
};

static const struct ouro_column type_columns[] = {
#define COLUMN(member, width) \
	{ #member, NULL, width, 0, false, \
	  offsetof(struct type_record, stat.member) }
	{ "name", NULL, 32, 0, true, offsetof(struct type_record, name) },
	{ "size", NULL, 8, 0, false, offsetof(struct type_record, size) },
	COLUMN(live, 11),
	COLUMN(peak, 11),
	COLUMN(created, 13),
	COLUMN(destroyed, 13),
	COLUMN(bytes, 13),
	COLUMN(pools, 8),
#undef COLUMN
	{ }
};

static void read_type(struct ouro_heap *heap, const struct ouro_kind *kind,
		      struct type_record *record)
{
	record->name = kind->type->name;
	record->size = kind->class->geo->size;
	ouro_stat_kind(heap, kind, &record->stat);
}

/* Kinds are only ever added, so none that is shown goes before the heap. */
static int types_show(struct seq_file *m, void *v)
{
	struct ouro_heap *heap = m->private;
	struct type_record record;
	struct ouro_kind *kind;

	seq_puts(m, "# size, bytes (of the live): in blocks; peak: live and free in magazines, the most at once; pools: of the type\n");
	ouro_table_head(m, type_columns);
	rcu_read_lock();
	list_for_each_entry_rcu(kind, &heap->kinds, link) {
		read_type(heap, kind, &record);
		ouro_table_line(m, type_columns, &record);
	}
	rcu_read_unlock();
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(types);

static void json_types(struct seq_file *m, struct ouro_heap *heap)
{
	struct type_record record;
	struct ouro_kind *kind;
	const char *comma = "";

	seq_puts(m, ", \"types\": [");
	rcu_read_lock();	/* see types_show() */
	list_for_each_entry_rcu(kind, &heap->kinds, link) {
		read_type(heap, kind, &record);
		seq_puts(m, comma);
		ouro_table_json(m, type_columns, &record);
		comma = ", ";
	}
	rcu_read_unlock();
	seq_putc(m, ']');
}

static int types_json_show(struct seq_file *m, void *v)
{
	struct ouro_heap *heap = m->private;

	ouro_json_begin(m, heap->name);
	json_types(m, heap);
	seq_puts(m, "}\n");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(types_json);

/* ---- all of it ---- */

static int stat_json_show(struct seq_file *m, void *v)
{
	struct ouro_heap *heap = m->private;
	struct ouro_heap_stat stat;
	unsigned int i;

	ouro_heap_stat(heap, &stat);
	ouro_json_begin(m, heap->name);
	ouro_json_number(m, "flags", heap->flags);
	for (i = 0; i < ARRAY_SIZE(stat_fields); i++)
		ouro_json_number(m, stat_fields[i].name,
				 stat_value(&stat, &stat_fields[i]));
	json_classes(m, heap);
	json_types(m, heap);
	seq_puts(m, "}\n");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stat_json);

const struct ouro_file ouro_stat_files[] = {
	{ "stat", 0444, &stat_fops },
	{ "stat.json", 0444, &stat_json_fops },
	{ "classes", 0444, &classes_fops },
	{ "classes.json", 0444, &classes_json_fops },
	{ "types", 0444, &types_fops },
	{ "types.json", 0444, &types_json_fops },
	{ }
};
