// SPDX-License-Identifier: GPL-2.0
/*
 * The files of a heap's objects: all of them, and what each refers to.
 *
 * Nothing is marked or counted, so a row takes the same however many there are.
 * What is printed of an object was true at some moment; the next row may be of
 * another.
 */
#include "ouro.h"
#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/rcupdate_wait.h>
#include <linux/sched.h>
#include "census.h"
#include "file.h"
#include "heap.h"
#include "inspect.h"
#include "json.h"
#include "kind.h"
#include "object.h"
#include "rows.h"
#include "site.h"
#include "weak.h"

/* A place: where the pool is, as ouro_census_pool() has it, and the block. */
#define BLOCK_BITS	OURO_WEAK_BLOCK_BITS
#define BLOCK_MASK	(BIT(BLOCK_BITS) - 1)

/* The reader, with the object that is shown. */
struct object_rows {
	struct ouro_rows rows;
	struct ouro_thing thing;
};

/* Until the end the pool of the row is there. */
static void objects_begin(struct ouro_rows *rows)
	__acquires(RCU)
{
	rcu_read_lock();
}

static void objects_end(struct ouro_rows *rows)
	__releases(RCU)
{
	rcu_read_unlock();
}

/* The first live object at a block of the pool, or behind it. */
static bool find_in_pool(struct ouro_pool *pool, unsigned int block,
			 struct ouro_thing *thing)
{
	for (; block < pool->blocks; block++) {
		thing->object = ouro_pool_block(pool, block);
		thing->word = atomic64_read(&thing->object->word);
		if (!ouro_word_is_live(thing->word))
			continue;
		thing->pool = pool;
		thing->place = block;
		return true;
	}
	return false;
}

static void *objects_next(struct ouro_rows *rows, void *last,
			  unsigned long *place)
{
	struct object_rows *row = container_of(rows, struct object_rows, rows);
	unsigned long unit = *place >> BLOCK_BITS, at = unit;
	unsigned int block = *place & BLOCK_MASK;
	struct ouro_pool *pool;

	while ((pool = ouro_census_pool(rows->heap, &at))) {
		if (IS_ERR(pool)) {
			cond_resched_rcu();
			continue;
		}
		/* @at is behind it: another pool begins at its beginning. */
		if (at - 1 != unit)
			block = 0;
		if (!find_in_pool(pool, block, &row->thing)) {
			block = 0;
			unit = at;
			continue;
		}
		block = row->thing.place + 1;
		*place = block < pool->blocks ? (at - 1) << BLOCK_BITS | block :
						at << BLOCK_BITS;
		return &row->thing;
	}
	return NULL;
}

static const char *type_of(const struct ouro_thing *thing)
{
	return thing->pool->class->kind->type->name;
}

static void name_of(const struct ouro_thing *thing, char name[OURO_WEAK_TEXT])
{
	ouro_weak_name(thing->pool, thing->object, name);
}

/* References, -1: it never dies. */
static long refs_of(const struct ouro_thing *thing)
{
	return ouro_word_is_stuck(thing->word) ? -1L :
						 (long)ouro_word_refs(thing->word);
}

/* ---- objects ---- */

static void objects_head(struct seq_file *m, const struct ouro_rows *rows)
{
	if (rows->json) {
		ouro_json_begin(m, rows->heap->name);
		seq_puts(m, ", \"objects\": [");
		return;
	}
	seq_printf(m, "# heap %s, by their addresses; bytes: of the block; refs: references, -1: it never dies; site: who made it, -: not noted\n",
		   rows->heap->name);
	seq_printf(m, "# %-22s %-32s %8s %8s %s\n", "handle", "type", "bytes",
		   "refs", "site");
}

static void json_object(struct seq_file *m, const struct ouro_thing *thing)
{
	char name[OURO_WEAK_TEXT];

	name_of(thing, name);
	seq_puts(m, "{\"handle\": ");
	ouro_json_string(m, name);
	ouro_json_text(m, "type", type_of(thing));
	ouro_json_number(m, "bytes", thing->pool->size);
	seq_printf(m, ", \"refs\": %ld", refs_of(thing));
}

static void objects_show(struct seq_file *m, const struct ouro_rows *rows,
			 void *row)
{
	const struct ouro_thing *thing = row;
	char name[OURO_WEAK_TEXT], site[OURO_SITE_TEXT];
	unsigned long made = ouro_site_of(thing->pool, thing->object);

	if (made)
		ouro_site_name(made, site, sizeof(site));
	if (rows->json) {
		json_object(m, thing);
		ouro_json_text(m, "site", made ? site : NULL);
		seq_putc(m, '}');
		return;
	}
	name_of(thing, name);
	seq_printf(m, "%-24s %-32s %8u %8ld %s\n", name, type_of(thing),
		   thing->pool->size, refs_of(thing), made ? site : "-");
}

static const struct ouro_rows_ops objects_rows = {
	.size = sizeof(struct object_rows),
	.begin = objects_begin,
	.end = objects_end,
	.next = objects_next,
	.head = objects_head,
	.show = objects_show,
};

OURO_ROWS_FILE(objects, false, objects_rows);

OURO_ROWS_FILE(objects_json, true, objects_rows);

/* ---- graph ---- */

#define EDGES_MOST	1024	/* of one object: a row has to be short */
#define COUNTED_MOST	100000	/* and is not to take long */

/* A row on its way to the file. */
struct drawing {
	struct seq_file *m;
	const char *from;
	unsigned int edges;
	bool json;
};

static void draw_edge(const struct drawing *drawing, const char *to,
		      const char *field)
{
	struct seq_file *m = drawing->m;

	if (drawing->json) {
		seq_puts(m, drawing->edges ? ", {\"field\": " : "{\"field\": ");
		ouro_json_string(m, field);
		ouro_json_text(m, "to", to);
		seq_putc(m, '}');
	} else {
		seq_printf(m, "\t\"%s\" -> \"%s\" [label=\"%s\"];\n",
			   drawing->from, to, field);
	}
}

/* The other may be dead by now, and its block is one of a pool all the same. */
static bool draw_field(const struct ouro_field *field, void *arg)
{
	char to[OURO_WEAK_TEXT], text[OURO_FIELD_TEXT];
	struct drawing *drawing = arg;
	struct ouro_pool *pool;

	/* There was no room: the row will be shown once more, from the beginning. */
	if (seq_has_overflowed(drawing->m))
		return false;
	/* What follows is only counted, and not all of millions. */
	if (drawing->edges >= EDGES_MOST)
		return ++drawing->edges < COUNTED_MOST;
	pool = ouro_pool_of_object(field->ref);
	if (!pool || !ouro_pool_is_block(pool, field->ref))
		return true;
	ouro_weak_name(pool, field->ref, to);
	ouro_field_name(field, text);
	draw_edge(drawing, to, text);
	drawing->edges++;
	return true;
}

static void graph_head(struct seq_file *m, const struct ouro_rows *rows)
{
	if (rows->json) {
		objects_head(m, rows);
		return;
	}
	seq_printf(m, "digraph \"%s\" {\n", rows->heap->name);
}

static void graph_foot(struct seq_file *m, const struct ouro_rows *rows)
{
	seq_puts(m, rows->json ? "]}\n" : "}\n");
}

static unsigned int left_out(const struct drawing *drawing)
{
	return drawing->edges - min_t(unsigned int, drawing->edges, EDGES_MOST);
}

static void graph_show(struct seq_file *m, const struct ouro_rows *rows,
		       void *row)
{
	const struct ouro_thing *thing = row;
	char name[OURO_WEAK_TEXT];
	struct drawing drawing = { .m = m, .from = name, .json = rows->json };

	name_of(thing, name);
	if (rows->json) {
		json_object(m, thing);
		seq_puts(m, ", \"edges\": [");
	} else {
		seq_printf(m, "\t\"%s\" [label=\"%s\\n%s\"];\n", name,
			   type_of(thing), name);
	}
	ouro_inspect_fields(thing, draw_field, &drawing);
	if (rows->json)
		seq_printf(m, "], \"left_out\": %u}", left_out(&drawing));
	else if (left_out(&drawing))
		seq_printf(m, "\t// %u %smore from \"%s\"\n",
			   left_out(&drawing),
			   drawing.edges == COUNTED_MOST ? "or " : "", name);
}

static const struct ouro_rows_ops graph_rows = {
	.size = sizeof(struct object_rows),
	.begin = objects_begin,
	.end = objects_end,
	.next = objects_next,
	.head = graph_head,
	.show = graph_show,
	.foot = graph_foot,
};

OURO_ROWS_FILE(graph, false, graph_rows);

OURO_ROWS_FILE(graph_json, true, graph_rows);

const struct ouro_file ouro_object_files[] = {
	{ "objects", 0400, &objects_fops },
	{ "objects.json", 0400, &objects_json_fops },
	{ "graph", 0400, &graph_fops },
	{ "graph.json", 0400, &graph_json_fops },
	{ }
};
