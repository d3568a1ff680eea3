// SPDX-License-Identifier: GPL-2.0
/*
 * The files of a heap's statistics: of all, by size, by type.
 */
#include "ouro.h"
#include <linux/seq_file.h>
#include "file.h"
#include "heap.h"
#include "kind.h"
#include "stat.h"

#define SCHEMA 1	/* of stat.json; grows when a field changes its meaning */

/*
 * The figures of a heap, once for people and for programs.
 */
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

/* Of blocks; those of objects are among the types. */
static void json_classes(struct seq_file *m, struct ouro_heap *heap)
{
	struct ouro_class_stat read;
	struct ouro_class *class;
	const char *comma = "";

	seq_puts(m, ", \"classes\": [");
	ouro_heap_for_each_class(heap, class) {
		ouro_stat_class(class, &read);
		if (class->kind || (!read.allocs && !read.pools))
			continue;
		seq_printf(m, "%s{\"size\": %u, \"live\": %lu, \"magazines\": %lu, \"depot\": %lu, \"pools\": %lu, \"empty\": %lu, \"allocs\": %lu, \"frees\": %lu}",
			   comma, class->geo->size, read.live, read.fronts,
			   read.depot, read.pools, read.empty, read.allocs,
			   read.frees);
		comma = ", ";
	}
	seq_putc(m, ']');
}

static void json_types(struct seq_file *m, struct ouro_heap *heap)
{
	struct ouro_kind_stat stat;
	struct ouro_kind *kind;
	const char *comma = "";

	seq_puts(m, ", \"types\": [");
	rcu_read_lock();	/* see types_show() */
	list_for_each_entry_rcu(kind, &heap->kinds, link) {
		ouro_stat_kind(heap, kind, &stat);
		seq_printf(m, "%s{\"name\": \"%s\", \"size\": %u, \"live\": %lu, \"peak\": %lu, \"created\": %lu, \"destroyed\": %lu, \"bytes\": %lu, \"pools\": %lu}",
			   comma, kind->type->name, kind->class->geo->size,
			   stat.live, stat.peak, stat.created, stat.destroyed,
			   stat.bytes, stat.pools);
		comma = ", ";
	}
	rcu_read_unlock();
	seq_putc(m, ']');
}

static int json_show(struct seq_file *m, void *v)
{
	struct ouro_heap *heap = m->private;
	struct ouro_heap_stat stat;
	unsigned int i;

	ouro_heap_stat(heap, &stat);
	seq_printf(m, "{\"schema\": %d, \"heap\": \"%s\", \"flags\": %u", SCHEMA,
		   heap->name, heap->flags);
	for (i = 0; i < ARRAY_SIZE(stat_fields); i++)
		seq_printf(m, ", \"%s\": %lu", stat_fields[i].name,
			   stat_value(&stat, &stat_fields[i]));
	json_classes(m, heap);
	json_types(m, heap);
	seq_puts(m, "}\n");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(json);

static int classes_show(struct seq_file *m, void *v)
{
	struct ouro_heap *heap = m->private;
	struct ouro_class_stat stat;
	struct ouro_class *class;

	seq_puts(m, "# size: bytes of a block; live, magazines, depot: blocks; pools: of KiB each, of these empty\n");
	seq_printf(m, "# %5s %10s %10s %10s %8s %5s %7s %12s %12s\n", "size",
		   "live", "magazines", "depot", "pools", "KiB", "empty",
		   "allocs", "frees");
	ouro_heap_for_each_class(heap, class) {
		ouro_stat_class(class, &stat);
		if (class->kind || (!stat.allocs && !stat.pools))
			continue;
		seq_printf(m, "%7u %10lu %10lu %10lu %8lu %5lu %7lu %12lu %12lu\n",
			   class->geo->size, stat.live, stat.fronts,
			   stat.depot, stat.pools,
			   (class->geo->units * OURO_UNIT) / SZ_1K,
			   stat.empty, stat.allocs, stat.frees);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(classes);

/* Kinds are only ever added, so none that is shown goes before the heap. */
static int types_show(struct seq_file *m, void *v)
{
	struct ouro_heap *heap = m->private;
	struct ouro_kind_stat stat;
	struct ouro_kind *kind;

	seq_puts(m, "# size, bytes (of the live): in blocks; peak: live and free in magazines, the most at once; pools: of the type\n");
	seq_printf(m, "# %-30s %7s %10s %10s %12s %12s %12s %7s\n", "name",
		   "size", "live", "peak", "created", "destroyed", "bytes",
		   "pools");
	rcu_read_lock();
	list_for_each_entry_rcu(kind, &heap->kinds, link) {
		ouro_stat_kind(heap, kind, &stat);
		seq_printf(m, "%-32s %7u %10lu %10lu %12lu %12lu %12lu %7lu\n",
			   kind->type->name, kind->class->geo->size, stat.live,
			   stat.peak, stat.created, stat.destroyed, stat.bytes,
			   stat.pools);
	}
	rcu_read_unlock();
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(types);

const struct ouro_file ouro_stat_files[] = {
	{ "stat", 0444, &stat_fops },
	{ "stat.json", 0444, &json_fops },
	{ "classes", 0444, &classes_fops },
	{ "types", 0444, &types_fops },
	{ }
};
