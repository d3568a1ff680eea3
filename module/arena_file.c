// SPDX-License-Identifier: GPL-2.0
/*
 * The files of a heap's arenas: which unit belongs to which pool.
 *
 * One arena at a time is copied, under the lock that keeps its pools' headers
 * where they are: who releases a pool takes it out of arena->pool[] first, then
 * gives its units back under the lock.  A header that lies apart is there for a
 * grace period more, which interrupts that are off hold up.
 */
#include "ouro.h"
#include <linux/seq_file.h>
#include "address.h"
#include "arena.h"
#include "file.h"
#include "heap.h"
#include "json.h"
#include "kind.h"
#include "pool.h"
#include "rows.h"

/* Of a pool.  Types stay as long as their heap. */
struct pool_copy {
	const char *type;
	u32 size;
	u16 blocks;
	u16 free;
	u8 unit;
	u8 units;
};

/* The reader, with the arena that is shown. */
struct arena_rows {
	struct ouro_rows rows;
	unsigned int units;
	int node;
	unsigned int npools;
	struct pool_copy pool[OURO_ARENA_UNITS];
};

static void copy_pool(struct pool_copy *copy, const struct ouro_pool *pool)
{
	copy->type = pool->class->kind ? pool->class->kind->type->name : NULL;
	copy->size = pool->size;
	copy->blocks = pool->blocks;
	copy->free = data_race(pool->free);	/* class->lock guards it */
	copy->unit = pool->unit;
	copy->units = pool->class->geo->units;
}

/* False: all of the arena is free, so it is on its way in or out. */
static bool copy_arena(struct arena_rows *copy, struct ouro_arena *arena)
{
	struct ouro_heap *heap = arena->heap;
	struct ouro_pool *pool;
	unsigned int unit;
	bool used;

	copy->units = arena->units;
	copy->node = arena->node;
	copy->npools = 0;
	raw_spin_lock_irq(&heap->arena_lock);
	used = hweight64(arena->free) < arena->units;
	for (unit = 0; used && unit < arena->units; unit++) {
		/* What we read of it depends on it: see pool_publish(). */
		pool = READ_ONCE(arena->pool[unit]);
		/* One that goes is taken out from its first unit on. */
		if (pool && pool->unit == unit)
			copy_pool(&copy->pool[copy->npools++], pool);
	}
	raw_spin_unlock_irq(&heap->arena_lock);
	return used;
}

static void *arenas_next(struct ouro_rows *rows, void *last,
			 unsigned long *place)
{
	struct arena_rows *copy = container_of(rows, struct arena_rows, rows);
	struct ouro_arena *arena;
	bool found = false;

	rcu_read_lock();
	while (!found && (arena = ouro_address_next(rows->heap, place))) {
		found = copy_arena(copy, arena);
		*place += arena->units -
			  ouro_address_unit_in(arena, *place);
	}
	rcu_read_unlock();
	return found ? copy : NULL;
}

static void arenas_head(struct seq_file *m, const struct ouro_rows *rows)
{
	if (rows->json) {
		ouro_json_begin(m, rows->heap->name);
		ouro_json_number(m, "unit", OURO_UNIT);
		seq_puts(m, ", \"arenas\": [");
		return;
	}
	seq_puts(m, "# one line an arena, by their addresses, one character for 16 KiB:\n"
		    "# . free  0-9 tenths of the pool's blocks that are out  # all of them  - goes on\n"
		    "#  KiB  node map\n");
}

static char pool_char(const struct pool_copy *pool)
{
	return pool->free ?
	       '0' + (pool->blocks - pool->free) * 10 / pool->blocks : '#';
}

static void print_map(struct seq_file *m, const struct arena_rows *arena)
{
	char map[OURO_ARENA_UNITS + 1] = { };
	const struct pool_copy *pool;

	memset(map, '.', arena->units);
	for (pool = arena->pool; pool < arena->pool + arena->npools; pool++) {
		memset(map + pool->unit, '-', pool->units);
		map[pool->unit] = pool_char(pool);
	}
	seq_puts(m, map);
}

static void json_pools(struct seq_file *m, const struct arena_rows *arena)
{
	const struct pool_copy *pool;

	seq_puts(m, ", \"pools\": [");
	for (pool = arena->pool; pool < arena->pool + arena->npools; pool++) {
		seq_printf(m, "%s{\"unit\": %u",
			   pool == arena->pool ? "" : ", ", pool->unit);
		ouro_json_number(m, "units", pool->units);
		ouro_json_number(m, "size", pool->size);
		ouro_json_number(m, "blocks", pool->blocks);
		ouro_json_number(m, "free", pool->free);
		ouro_json_text(m, "type", pool->type);
		seq_putc(m, '}');
	}
	seq_putc(m, ']');
}

static void arenas_show(struct seq_file *m, const struct ouro_rows *rows,
			void *row)
{
	const struct arena_rows *arena = row;
	unsigned long bytes = arena->units * OURO_UNIT;

	if (rows->json) {
		seq_printf(m, "{\"bytes\": %lu, \"node\": %d, \"map\": \"",
			   bytes, arena->node);
		print_map(m, arena);
		seq_putc(m, '"');
		json_pools(m, arena);
		seq_putc(m, '}');
	} else {
		seq_printf(m, "%5lu %5d ", bytes / SZ_1K, arena->node);
		print_map(m, arena);
		seq_putc(m, '\n');
	}
}

static const struct ouro_rows_ops arenas_rows = {
	.size = sizeof(struct arena_rows),
	.next = arenas_next,
	.head = arenas_head,
	.show = arenas_show,
};

OURO_ROWS_FILE(arenas, false, arenas_rows);
OURO_ROWS_FILE(arenas_json, true, arenas_rows);

const struct ouro_file ouro_arena_files[] = {
	{ "arenas", 0444, &arenas_fops },
	{ "arenas.json", 0444, &arenas_json_fops },
	{ }
};
