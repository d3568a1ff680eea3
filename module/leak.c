// SPDX-License-Identifier: GPL-2.0
/*
 * Leaks: what a heap still has when it is destroyed, told in the kernel log: by
 * type, by who allocated it where that was noted, and by who holds it.
 */
#include "ouro.h"
#include <linux/err.h>
#include "check.h"
#include "fail.h"
#include "heap.h"
#include "inspect.h"
#include "leak.h"
#include "retain.h"
#include "site.h"
#include "site_table.h"
#include "stat.h"
#include "why.h"

#define LINES_MOST	10	/* of each sort */
#define OBJECTS_MOST	100000	/* who holds so many is not looked for */
#define PATH_TEXT	400	/* bytes for a path */

/* ---- by type ---- */

/* Returns how many objects there are. */
static unsigned long tell_types(struct ouro_heap *heap)
{
	struct ouro_kind_stat stat;
	struct ouro_kind *kind;
	unsigned long live = 0;

	list_for_each_entry(kind, &heap->kinds, link) {
		ouro_stat_kind(heap, kind, &stat);
		if (stat.live)
			pr_info("heap %s: live: %lu objects of type %s, %lu bytes\n",
				heap->name, stat.live, kind->type->name,
				stat.bytes);
		live += stat.live;
	}
	return live;
}

/* ---- by site ---- */

static noinline_for_stack
void tell_site(const struct ouro_heap *heap, const struct ouro_site_row *row)
{
	char site[OURO_SITE_TEXT];

	ouro_site_name(ouro_site_address(row->caller), site, sizeof(site));
	pr_info("heap %s: live: %lu %s%s, %lu bytes, made by %s\n", heap->name,
		row->live, row->kind ? "objects of type " : "blocks",
		row->kind ? row->kind->type->name : "", row->bytes, site);
}

static void tell_sites(struct ouro_heap *heap)
{
	struct ouro_site_table *table;
	unsigned int i;

	if (heap->sites_mode == OURO_SITES_OFF)
		return;
	table = ouro_site_table_read(heap);
	if (IS_ERR(table))
		return;
	for (i = 0; i < table->rows && i < LINES_MOST; i++)
		tell_site(heap, &table->row[i]);
	if (i < table->rows)
		pr_info("heap %s: live: and from %u more sites\n", heap->name,
			table->rows - i);
	kvfree(table);
}

/* ---- by holder ---- */

static void tell_holders(const struct ouro_heap *heap,
			 const struct ouro_retain *retain)
{
	const struct ouro_holder *holder;
	unsigned int i;

	for (i = 0; i < retain->holders && i < LINES_MOST; i++) {
		holder = &retain->holder[i];
		pr_info("heap %s: held: %lu objects, %lu bytes, by references to %lu of type %s%s%s\n",
			heap->name, holder->objects, holder->bytes,
			holder->roots,
			holder->kind ? holder->kind->type->name : "(others)",
			holder->pinned[0] ? ": " : "", holder->pinned);
	}
	if (i < retain->holders)
		pr_info("heap %s: held: and by %u more sorts of references\n",
			heap->name, retain->holders - i);
	if (retain->shared)
		pr_info("heap %s: held: %lu objects, %lu bytes, by several of these\n",
			heap->name, retain->shared, retain->shared_bytes);
	if (retain->unreached)
		pr_info("heap %s: held: %lu objects, %lu bytes, by cycles only\n",
			heap->name, retain->unreached, retain->unreached_bytes);
}

static noinline_for_stack
void tell_path(const struct ouro_heap *heap, const struct ouro_path *path)
{
	char text[PATH_TEXT], holder[OURO_HOLDER_TEXT];

	ouro_path_text(path, text, sizeof(text));
	ouro_path_holder(path, holder, sizeof(holder));
	pr_info("heap %s: path: %s %s: %s, %s\n", heap->name,
		path->step[0].kind->type->name, path->step[0].name, text,
		holder);
}

/* To one object of each type. */
static void tell_paths(struct ouro_heap *heap, struct ouro_inspect *ins)
{
	struct ouro_target target = { };
	struct ouro_kind *kind;
	struct ouro_path *path;
	struct ouro_kind_stat stat;
	unsigned int told = 0;

	path = ouro_fail(sizeof(*path)) ? NULL : kvmalloc(sizeof(*path), GFP_KERNEL);
	if (!path)
		return;
	list_for_each_entry(kind, &heap->kinds, link) {
		if (told == LINES_MOST)
			break;
		ouro_stat_kind(heap, kind, &stat);
		if (!stat.live)
			continue;
		memset(path, 0, sizeof(*path));
		target.kind = kind;
		if (ouro_why_find(ins, &target, path) || !path->reached)
			continue;
		tell_path(heap, path);
		told++;
	}
	kvfree(path);
}

static noinline_for_stack void tell_who(struct ouro_heap *heap)
{
	struct ouro_inspect ins = { .last = true };
	struct ouro_retain *retain;
	int err;

	retain = ouro_fail(sizeof(*retain)) ? NULL :
		 kvzalloc(sizeof(*retain), GFP_KERNEL);
	err = retain ? ouro_inspect_begin(&ins, heap) : -ENOMEM;
	if (!err) {
		ouro_inspect_count(&ins);
		err = ouro_retain_find(&ins, retain);
	}
	if (!err) {
		tell_holders(heap, retain);
		tell_paths(heap, &ins);
	}
	ouro_inspect_end(&ins);
	kvfree(retain);
	if (err == -ENOMEM)
		pr_info("heap %s: held: no memory to find out by whom\n",
			heap->name);
}

/**
 * ouro_leak_tell() - tell what a heap still has
 * @heap: that nobody uses any more, before its objects are released
 * @stat: of it, with live blocks
 *
 * Who holds objects is looked for where there are at most a hundred thousand: that
 * takes what a scan takes.
 *
 * Context: Process context, may sleep.
 */
void ouro_leak_tell(struct ouro_heap *heap, const struct ouro_heap_stat *stat)
{
	unsigned long objects;

	pr_info("heap %s: destroyed with %lu live blocks of %lu bytes\n",
		heap->name, stat->live, stat->live_bytes);
	if (ouro_heap_is_debug(heap))
		ouro_check_leaks(heap);
	objects = tell_types(heap);
	tell_sites(heap);
	if (objects && objects <= OBJECTS_MOST)
		tell_who(heap);
}
