// SPDX-License-Identifier: GPL-2.0
/*
 * The file of a heap's arenas: which unit belongs to which pool.
 */
#include "ouro.h"
#include <linux/seq_file.h>
#include <linux/uaccess.h>
#include "arena.h"
#include "file.h"
#include "heap.h"
#include "pool.h"

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

const struct ouro_file ouro_arena_files[] = {
	{ "arenas", 0444, &arenas_fops },
	{ }
};
