// SPDX-License-Identifier: GPL-2.0
/*
 * Site tables: what is live, by who allocated it.
 *
 * A census of the notes beside the pools.  Frees are not counted where they
 * happen, so this takes a look at each block.
 */
#include "ouro.h"
#include <linux/err.h>
#include <linux/hash.h>
#include <linux/jhash.h>
#include <linux/sort.h>
#include "census.h"
#include "fail.h"
#include "heap.h"
#include "kind.h"
#include "large.h"
#include "site.h"
#include "site_table.h"

#define TRIES	64	/* rows looked at for a place */

static bool row_is(const struct ouro_site_row *row, const struct ouro_kind *kind,
		   u32 caller, u32 stack)
{
	return row->caller == caller && row->stack == stack && row->kind == kind;
}

/* The row of a site, or a free one for it, or NULL. */
static struct ouro_site_row *row_of(struct ouro_site_table *table,
				    const struct ouro_kind *kind, u32 caller,
				    u32 stack)
{
	u32 at = jhash_3words(caller, stack, hash_ptr(kind, 32), 0);
	struct ouro_site_row *row;
	unsigned int i;

	for (i = 0; i < TRIES; i++) {
		row = &table->row[(at + i) % OURO_SITE_ROWS];
		if (!row->live)
			break;
		if (row_is(row, kind, caller, stack))
			return row;
	}
	/* Half of them at most, so that they are found. */
	if (row->live || table->rows >= OURO_SITE_ROWS / 2)
		return NULL;
	table->rows++;
	*row = (struct ouro_site_row) {
		.kind = kind, .caller = caller, .stack = stack,
	};
	return row;
}

/* By age, as the difference of two times may be more than half of all. */
static void row_add(struct ouro_site_row *row, u32 when, size_t bytes)
{
	u32 now = jiffies;

	if (!row->live || now - when > now - row->oldest)
		row->oldest = when;
	if (!row->live || now - when < now - row->newest)
		row->newest = when;
	row->live++;
	row->bytes += bytes;
}

static void table_add(struct ouro_site_table *table,
		      const struct ouro_kind *kind,
		      const struct ouro_site_note *note, u32 stack, size_t bytes)
{
	u32 caller = READ_ONCE(note->caller);
	struct ouro_site_row *row;

	if (!caller)
		return;
	row = row_of(table, kind, caller, stack);
	if (row) {
		row_add(row, READ_ONCE(note->when), bytes);
		return;
	}
	table->more++;
	table->more_bytes += bytes;
}

static void pool_add(struct ouro_pool *pool, unsigned int first,
		     unsigned int end, void *arg)
{
	struct ouro_sites *sites = ouro_sites_of(pool);
	struct ouro_site_table *table = arg;
	struct ouro_stacks *stacks;
	unsigned int i;

	if (!sites)
		return;
	/* Pairs with stacks_create(). */
	stacks = smp_load_acquire(&sites->stacks);
	for (i = first; i < end; i++)
		if (READ_ONCE(sites->note[i].caller) && ouro_census_is_live(pool, i))
			table_add(table, pool->class->kind, &sites->note[i],
				  stacks ? READ_ONCE(stacks->handle[i]) : 0,
				  pool->size);
}

static void large_add(struct ouro_large *large, void *arg)
{
	table_add(arg, NULL, &large->site, 0, large->bytes);
}

/* Largest first; rows that are not in use last. */
static int compare(const void *a, const void *b)
{
	const struct ouro_site_row *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	if (x->live != y->live)
		return x->live > y->live ? -1 : 1;
	return 0;
}

/* What lives and is in no row. */
static void find_unknown(struct ouro_heap *heap, struct ouro_site_table *table)
{
	unsigned long live = table->more, bytes = table->more_bytes;
	struct ouro_heap_stat stat;
	unsigned int i;

	for (i = 0; i < table->rows; i++) {
		live += table->row[i].live;
		bytes += table->row[i].bytes;
	}
	ouro_heap_stat(heap, &stat);
	table->unknown = stat.live - min(stat.live, live);
	table->unknown_bytes = stat.live_bytes - min(stat.live_bytes, bytes);
}

/**
 * ouro_site_table_read() - make a table of what is live now
 * @heap: the heap
 *
 * Context: Process context, may sleep; takes heap->arena_lock for some blocks at
 * a time.
 * Return: the table, to be given to kvfree(); or ERR_PTR of -ENOMEM, or of -EINTR
 * when there is a signal.
 */
struct ouro_site_table *ouro_site_table_read(struct ouro_heap *heap)
{
	struct ouro_site_table *table = NULL;
	int err;

	if (!ouro_fail(sizeof(*table)))
		table = kvzalloc(sizeof(*table), GFP_KERNEL);
	if (!table)
		return ERR_PTR(-ENOMEM);
	table->heap = heap;
	/* Pairs with mode_change(). */
	table->epoch = smp_load_acquire(&heap->sites_epoch);
	if (READ_ONCE(heap->sites_mode) != OURO_SITES_OFF) {
		err = ouro_census(heap, pool_add, large_add, table);
		if (err) {
			kvfree(table);
			return ERR_PTR(err);
		}
		/* Pairs with mode_change(). */
		smp_rmb();
		table->noted = table->epoch == READ_ONCE(heap->sites_epoch);
	}
	sort(table->row, OURO_SITE_ROWS, sizeof(table->row[0]), compare, NULL);
	find_unknown(heap, table);
	return table;
}
