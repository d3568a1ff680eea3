// SPDX-License-Identifier: GPL-2.0
/*
 * Growth: what a heap has more of than when it was marked.
 *
 * A mark is a reading of what is live by type, class and site.  Growth is what
 * another reading has more, or less.  Neither collects anything.
 */
#include "ouro.h"
#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/rculist.h>
#include <linux/sort.h>
#include <linux/timekeeping.h>
#include "fail.h"
#include "growth.h"
#include "heap.h"
#include "kind.h"
#include "site_table.h"
#include "stat.h"

/* Guards heap->mark of all heaps, for the few instructions it takes. */
static DEFINE_MUTEX(mark_lock);

/* ---- readings ---- */

/* Rows of a reading at most; types that come after this are for the next one. */
static unsigned int rows_most(struct ouro_heap *heap,
			      const struct ouro_site_table *table)
{
	unsigned int rows = OURO_CLASSES + 1 + table->rows;
	struct ouro_kind *kind;

	rcu_read_lock();
	list_for_each_entry_rcu(kind, &heap->kinds, link)
		rows++;
	rcu_read_unlock();
	return rows;
}

static void add_row(struct ouro_growth *reading, unsigned int most,
		    const struct ouro_growth_row *row)
{
	if (row->live && reading->rows < most)
		reading->row[reading->rows++] = *row;
}

static void add_classes(struct ouro_heap *heap, struct ouro_growth *reading,
			unsigned int most)
{
	struct ouro_growth_row row = { .what = OURO_GROWTH_CLASS };
	struct ouro_class_stat stat;
	struct ouro_class *class;

	row.live = READ_ONCE(heap->nlarge);
	row.bytes = READ_ONCE(heap->large_bytes);
	add_row(reading, most, &row);
	ouro_heap_for_each_class(heap, class) {
		if (class->kind)
			continue;
		ouro_stat_class(class, &stat);
		row.size = class->geo->size;
		row.live = stat.live;
		row.bytes = stat.live * row.size;
		add_row(reading, most, &row);
	}
}

static void add_sites(struct ouro_growth *reading, unsigned int most,
		      const struct ouro_site_table *table)
{
	struct ouro_growth_row row = { .what = OURO_GROWTH_SITE };
	unsigned int i;

	for (i = 0; i < table->rows; i++) {
		row.caller = table->row[i].caller;
		row.kind = table->row[i].kind;
		row.live = table->row[i].live;
		row.bytes = table->row[i].bytes;
		add_row(reading, most, &row);
	}
}

static void add_types(struct ouro_heap *heap, struct ouro_growth *reading,
		      unsigned int most)
{
	struct ouro_growth_row row = { .what = OURO_GROWTH_TYPE };
	struct ouro_kind_stat stat;
	struct ouro_kind *kind;

	rcu_read_lock();	/* see types_show() */
	list_for_each_entry_rcu(kind, &heap->kinds, link) {
		ouro_stat_kind(heap, kind, &stat);
		row.kind = kind;
		row.live = stat.live;
		row.bytes = stat.bytes;
		add_row(reading, most, &row);
	}
	rcu_read_unlock();
}

/* By what they are. */
static int compare_same(const void *a, const void *b)
{
	const struct ouro_growth_row *x = a, *y = b;

	if (x->what != y->what)
		return x->what < y->what ? -1 : 1;
	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	if (x->caller != y->caller)
		return x->caller < y->caller ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return 0;
}

static void sort_rows(struct ouro_growth *growth,
		      int (*compare)(const void *a, const void *b))
{
	sort(growth->row, growth->rows, sizeof(growth->row[0]), compare, NULL);
}

/* Sites that differ by their stacks only are one. */
static void join_same(struct ouro_growth *reading)
{
	struct ouro_growth_row *to = reading->row, *from = to;
	struct ouro_growth_row *end = to + reading->rows;

	if (from == end)
		return;
	while (++from < end) {
		if (compare_same(to, from)) {
			*++to = *from;
		} else {
			to->live += from->live;
			to->bytes += from->bytes;
		}
	}
	reading->rows = to + 1 - reading->row;
}

static struct ouro_growth *growth_alloc(struct ouro_heap *heap,
					unsigned int rows)
{
	struct ouro_growth *growth;
	size_t bytes = struct_size(growth, row, rows);

	growth = ouro_fail(bytes) ? NULL : kvzalloc(bytes, GFP_KERNEL);
	if (!growth)
		return NULL;
	growth->heap = heap;
	growth->bytes = bytes;
	return growth;
}

static struct ouro_growth *reading_of(struct ouro_heap *heap,
				      const struct ouro_site_table *table)
{
	unsigned int most = rows_most(heap, table);
	struct ouro_growth *reading = growth_alloc(heap, most);

	if (!reading)
		return ERR_PTR(-ENOMEM);
	reading->when = ktime_get_boottime_seconds();
	reading->noted = table->noted;
	reading->epoch = table->epoch;
	add_classes(heap, reading, most);
	add_sites(reading, most, table);
	add_types(heap, reading, most);
	sort_rows(reading, compare_same);
	join_same(reading);
	return reading;
}

static struct ouro_growth *reading_create(struct ouro_heap *heap)
{
	struct ouro_site_table *table = ouro_site_table_read(heap);
	struct ouro_growth *reading;

	if (IS_ERR(table))
		return ERR_CAST(table);
	reading = reading_of(heap, table);
	kvfree(table);
	return reading;
}

/* ---- marks ---- */

static void mark_put(struct ouro_growth *mark)
{
	if (!mark || !refcount_dec_and_test(&mark->users))
		return;
	atomic_long_sub(mark->bytes, &mark->heap->metadata);
	kvfree(mark);
}

/* The heap's mark, with a reference, or NULL. */
static struct ouro_growth *mark_get(struct ouro_heap *heap)
{
	struct ouro_growth *mark;

	mutex_lock(&mark_lock);
	mark = heap->mark;
	if (mark)
		refcount_inc(&mark->users);
	mutex_unlock(&mark_lock);
	return mark;
}

/**
 * ouro_growth_mark() - remember what is live now
 * @heap: the heap
 *
 * Instead of what was remembered before.
 *
 * Context: Process context, may sleep; takes heap->arena_lock for some blocks at
 * a time.
 * Return: 0, -ENOMEM, or -EINTR when there is a signal: the mark is as before.
 */
int ouro_growth_mark(struct ouro_heap *heap)
{
	struct ouro_growth *mark = reading_create(heap);

	if (IS_ERR(mark))
		return PTR_ERR(mark);
	refcount_set(&mark->users, 1);
	atomic_long_add(mark->bytes, &heap->metadata);
	mutex_lock(&mark_lock);
	swap(heap->mark, mark);
	mutex_unlock(&mark_lock);
	mark_put(mark);
	return 0;
}

/* Of a heap that nobody uses any more. */
void ouro_growth_end(struct ouro_heap *heap)
{
	mark_put(heap->mark);
	heap->mark = NULL;
}

/* ---- the difference ---- */

/* By @what, the most bytes first. */
static int compare_growth(const void *a, const void *b)
{
	const struct ouro_growth_row *x = a, *y = b;

	if (x->what != y->what)
		return x->what < y->what ? -1 : 1;
	if (x->bytes_growth != y->bytes_growth)
		return x->bytes_growth > y->bytes_growth ? -1 : 1;
	if (x->live_growth != y->live_growth)
		return x->live_growth > y->live_growth ? -1 : 1;
	return compare_same(a, b);
}

/* @now, or @before, or both of the same; NULL: there was none, or is none. */
static void add_difference(struct ouro_growth *growth,
			   const struct ouro_growth_row *now,
			   const struct ouro_growth_row *before)
{
	struct ouro_growth_row row = now ? *now : *before;

	if (!now) {
		row.live = 0;
		row.bytes = 0;
	}
	row.live_growth = row.live - (before ? before->live : 0);
	row.bytes_growth = row.bytes - (before ? before->bytes : 0);
	if (row.live_growth || row.bytes_growth)
		growth->row[growth->rows++] = row;
}

/* Both are sorted by what their rows are. */
static void subtract(struct ouro_growth *growth, const struct ouro_growth *now,
		     const struct ouro_growth *mark)
{
	const struct ouro_growth_row *x = now->row, *xend = x + now->rows;
	const struct ouro_growth_row *y = mark ? mark->row : NULL;
	const struct ouro_growth_row *yend = mark ? y + mark->rows : NULL;
	int order;

	while (x < xend || y < yend) {
		order = x == xend ? 1 : y == yend ? -1 : compare_same(x, y);
		/* Of sites noted in another epoch nothing is known by now. */
		if (order < 0)
			add_difference(growth, x++, NULL);
		else if (y->what == OURO_GROWTH_SITE && !growth->sites_marked)
			y++;
		else if (order > 0)
			add_difference(growth, NULL, y++);
		else
			add_difference(growth, x++, y++);
	}
}

static struct ouro_growth *difference(struct ouro_heap *heap,
				      const struct ouro_growth *now,
				      const struct ouro_growth *mark)
{
	struct ouro_growth *growth;

	growth = growth_alloc(heap, now->rows + (mark ? mark->rows : 0));
	if (!growth)
		return ERR_PTR(-ENOMEM);
	growth->marked = mark;
	growth->when = mark ? mark->when : 0;
	growth->noted = now->noted;
	growth->sites_marked = mark && now->noted && mark->noted &&
			       now->epoch == mark->epoch;
	subtract(growth, now, mark);
	sort_rows(growth, compare_growth);
	return growth;
}

/**
 * ouro_growth_read() - what is live and was not when the heap was marked
 * @heap: the heap
 *
 * Where it was not marked, what is live.
 *
 * Context: Process context, may sleep; takes heap->arena_lock for some blocks at
 * a time.
 * Return: to be given to kvfree(), or ERR_PTR: -ENOMEM, or -EINTR when there is a
 * signal.
 */
struct ouro_growth *ouro_growth_read(struct ouro_heap *heap)
{
	struct ouro_growth *mark = mark_get(heap), *now, *growth;

	now = reading_create(heap);
	growth = IS_ERR(now) ? now : difference(heap, now, mark);
	if (!IS_ERR(now))
		kvfree(now);
	mark_put(mark);
	return growth;
}
