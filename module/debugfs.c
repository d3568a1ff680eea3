// SPDX-License-Identifier: GPL-2.0
/*
 * What can be seen under /sys/kernel/debug/ouro.
 *
 * Reading never collects, never trims and takes no lock that an allocation
 * waits for, but for heap->arena_lock while the addresses of arenas are copied.
 */
#include "ouro.h"
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>
#include "check.h"
#include "collector_file.h"
#include "debugfs.h"
#include "fail.h"
#include "heap.h"
#include "kind.h"
#include "pool.h"
#include "stat.h"

#define SCHEMA 1	/* of stat.json; grows when a field changes its meaning */

static struct dentry *root;

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

/*
 * The state of one unit: '.' in no pool, '0' to '9' a pool with that many
 * tenths of its blocks out, '#' all of them, '-' more of the pool before.
 *
 * A pool may be released while we look: its header is read as if it might not
 * be there, and a stale one shows a stale digit.
 */
static char unit_char(const struct ouro_arena *arena, unsigned int unit)
{
	struct ouro_pool *pool = READ_ONCE(arena->pool[unit]);
	struct ouro_pool header;

	if (!pool)
		return '.';
	if (unit && READ_ONCE(arena->pool[unit - 1]) == pool)
		return '-';
	if (copy_from_kernel_nofault(&header, pool,
				     offsetofend(struct ouro_pool, free)) ||
	    !header.blocks || header.free > header.blocks)
		return '?';
	if (!header.free)
		return '#';
	return '0' + (header.blocks - header.free) * 10 / header.blocks;
}

static void show_arena(struct seq_file *m, const struct ouro_arena *arena)
{
	unsigned int unit;

	seq_printf(m, "%5lu %5d ",
		   (arena->units * OURO_UNIT) / SZ_1K, arena->node);
	for (unit = 0; unit < arena->units; unit++)
		seq_putc(m, unit_char(arena, unit));
	seq_putc(m, '\n');
}

static unsigned int copy_arenas(struct ouro_heap *heap,
				struct ouro_arena **arenas, unsigned int room)
{
	struct ouro_arena *arena;
	unsigned int i, n = 0;

	raw_spin_lock_irq(&heap->arena_lock);
	for (i = 0; i < OURO_ARENA_BUCKETS && n < room; i++) {
		list_for_each_entry(arena, &heap->arenas[i], link) {
			if (n == room)
				break;
			arenas[n++] = arena;
		}
	}
	raw_spin_unlock_irq(&heap->arena_lock);
	return n;
}

#define ARENAS_SHOWN 1024	/* as many addresses are copied under the lock */

static int arenas_show(struct seq_file *m, void *v)
{
	struct ouro_heap *heap = m->private;
	struct ouro_arena **arenas;
	unsigned int i, n, all = READ_ONCE(heap->narenas);

	arenas = kcalloc(ARENAS_SHOWN, sizeof(*arenas), GFP_KERNEL);
	if (!arenas)
		return -ENOMEM;
	seq_puts(m, "# one line an arena, the fullest first, one character for 16 KiB:\n"
		    "# . free  0-9 tenths of the pool's blocks that are out  # all of them  - goes on\n"
		    "#  KiB  node map\n");
	rcu_read_lock();	/* arenas that go meanwhile are still there */
	n = copy_arenas(heap, arenas, ARENAS_SHOWN);
	for (i = 0; i < n; i++)
		show_arena(m, arenas[i]);
	rcu_read_unlock();
	if (all > n)
		seq_printf(m, "# and %u more\n", all - n);
	kfree(arenas);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(arenas);

#define NUMBER_MAX 32	/* bytes written to a file that takes a number */

/* The kernel's own simple files cut what is longer, and take the rest. */
static int number_from_user(const char __user *text, size_t len, u64 *number)
{
	return len > NUMBER_MAX ? -EINVAL :
	       kstrtou64_from_user(text, len, 0, number);
}

static int limit_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%zu\n", ouro_heap_limit(m->private));
	return 0;
}

static ssize_t limit_write(struct file *file, const char __user *text,
			   size_t len, loff_t *pos)
{
	struct seq_file *m = file->private_data;
	u64 limit;
	int err = number_from_user(text, len, &limit);

	if (err)
		return err;
	if (limit > LONG_MAX)
		return -EINVAL;
	return ouro_heap_set_limit(m->private, limit) ?: len;
}
DEFINE_SHOW_STORE_ATTRIBUTE(limit);

static ssize_t trim_write(struct file *file, const char __user *text,
			  size_t len, loff_t *pos)
{
	u64 one;
	int err = number_from_user(text, len, &one);

	if (err)
		return err;
	if (one != 1)
		return -EINVAL;
	ouro_heap_trim(file->private_data);
	return len;
}

static const struct file_operations trim_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = trim_write,
};

static void *heaps_start(struct seq_file *m, loff_t *pos)
{
	mutex_lock(&ouro_heaps_lock);
	return seq_list_start_head(&ouro_heaps, *pos);
}

static void *heaps_next(struct seq_file *m, void *v, loff_t *pos)
{
	return seq_list_next(v, &ouro_heaps, pos);
}

static void heaps_stop(struct seq_file *m, void *v)
{
	mutex_unlock(&ouro_heaps_lock);
}

static int heaps_show(struct seq_file *m, void *v)
{
	struct ouro_heap_stat stat;
	struct ouro_heap *heap;

	if (v == &ouro_heaps) {
		seq_puts(m, "# live: blocks; live_bytes, held (pages), limit (0: none): bytes\n");
		seq_printf(m, "# %-22s %10s %12s %12s %12s %7s %7s %7s\n",
			   "name", "live", "live_bytes", "held", "limit",
			   "arenas", "failed", "misuse");
		return 0;
	}
	heap = list_entry(v, struct ouro_heap, link);
	ouro_heap_stat(heap, &stat);
	seq_printf(m, "%-24s %10lu %12lu %12lu %12lu %7lu %7lu %7lu\n",
		   heap->name, stat.live, stat.live_bytes, stat.held,
		   stat.limit, stat.arenas, stat.failed, stat.misuse);
	return 0;
}

static const struct seq_operations heaps_sops = {
	.start = heaps_start,
	.next = heaps_next,
	.stop = heaps_stop,
	.show = heaps_show,
};
DEFINE_SEQ_ATTRIBUTE(heaps);

static int misuse_get(void *data, u64 *value)
{
	*value = atomic_long_read(&ouro_misuses);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(misuse_fops, misuse_get, NULL, "%llu\n");

/* Files of a new heap.  That they cannot be made is no reason to fail. */
void ouro_debugfs_add(struct ouro_heap *heap)
{
	const struct ouro_collector_file *file = ouro_collector_files;

	heap->dir = debugfs_create_dir(heap->name, root);
	debugfs_create_file("stat", 0444, heap->dir, heap, &stat_fops);
	debugfs_create_file("stat.json", 0444, heap->dir, heap, &json_fops);
	debugfs_create_file("classes", 0444, heap->dir, heap, &classes_fops);
	debugfs_create_file("types", 0444, heap->dir, heap, &types_fops);
	debugfs_create_file("arenas", 0444, heap->dir, heap, &arenas_fops);
	debugfs_create_file("limit", 0644, heap->dir, heap, &limit_fops);
	debugfs_create_file("trim", 0200, heap->dir, heap, &trim_fops);
	for (; file < ouro_collector_files + OURO_COLLECTOR_FILES; file++)
		debugfs_create_file(file->name, file->mode, heap->dir, heap,
				    file->fops);
}

/* Waits for readers of the heap's files. */
void ouro_debugfs_remove(struct ouro_heap *heap)
{
	debugfs_remove(heap->dir);
}

void __init ouro_debugfs_init(void)
{
	root = debugfs_create_dir("ouro", NULL);
	debugfs_create_file("heaps", 0444, root, NULL, &heaps_fops);
	debugfs_create_file_unsafe("misuse", 0444, root, NULL, &misuse_fops);
	ouro_fail_init(root);
}

void ouro_debugfs_exit(void)
{
	debugfs_remove(root);
}
