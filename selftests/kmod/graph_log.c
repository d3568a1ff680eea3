// SPDX-License-Identifier: GPL-2.0
/*
 * What actors have done, for the one time that it matters.
 *
 * Each actor remembers its last operations.  With the first failure those on
 * the object that it is about are told, in their order.
 */
#define pr_fmt(fmt) "# graph: " fmt

#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include "graph.h"

#define SHOWN	24	/* entries that are told */

unsigned int graph_seed = 1;
module_param_named(seed, graph_seed, uint, 0644);

void graph_note(struct graph_actor *a, const char *op,
		const struct graph_ref *one, const struct graph_ref *two,
		u32 index)
{
	struct graph_entry *entry = &a->log[a->entries++ % GRAPH_LOG];

	*entry = (struct graph_entry) {
		.ns = ktime_get_mono_fast_ns(),
		.op = op,
		.one = one ? one->stamp : 0,
		.two = two ? two->stamp : 0,
		.index = index,
	};
	a->ops++;
}

/* The last entry before @ns that is about @stamp, of all actors. */
static const struct graph_entry *entry_before(u64 ns, u64 stamp,
					      unsigned int *id)
{
	const struct graph_entry *entry, *found = NULL;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(graph.actor); i++) {
		for (j = 0; j < GRAPH_LOG; j++) {
			entry = &graph.actor[i].log[j];
			if (!entry->op || entry->ns >= ns ||
			    (entry->one != stamp && entry->two != stamp) ||
			    (found && entry->ns <= found->ns))
				continue;
			found = entry;
			*id = i;
		}
	}
	return found;
}

static void tell(u64 stamp)
{
	const struct graph_entry *entry;
	u64 ns, now = ktime_get_mono_fast_ns();
	unsigned int i, id = 0;

	ns = now;
	for (i = 0; i < SHOWN; i++) {
		entry = entry_before(ns, stamp, &id);
		if (!entry)
			break;
		ns = entry->ns;
		test_note(graph.t, "%llu ns ago, actor %u: %s %llu %llu [%u]",
			  now - ns, id, entry->op, entry->one, entry->two,
			  entry->index);
	}
}

/* What there is instead of a live object, if that is what went wrong. */
void graph_tell(struct ouro_object *object, unsigned int kind, u64 stamp)
{
	const struct graph_tag *tag = &graph_node(object)->tag;

	if (xchg(&graph.told, true))
		return;
	test_note(graph.t, "object %llu of kind %u: word %llx, tag of %llu: state %x, handle %llx",
		  stamp, kind, (u64)atomic64_read(&object->word), tag->stamp,
		  tag->state, tag->weak.generation);
}

/* From any context; others may go on for a moment. */
void graph_fail(const char *file, int line, const char *what, u64 stamp)
{
	unsigned long ops = 0;
	unsigned int i;

	WRITE_ONCE(graph.over, true);
	if (xchg(&graph.failed, true))
		return;
	for (i = 0; i < ARRAY_SIZE(graph.actor); i++)
		ops += READ_ONCE(graph.actor[i].ops);
	test_fail(graph.t, file, line,
		  "expected %s: object %llu, seed %u, after %lu operations and %lu scans",
		  what, stamp, graph_seed, ops, READ_ONCE(graph.scans));
	/* What follows may be the end of the kernel. */
	pr_alert("%s:%d: expected %s: object %llu\n", kbasename(file), line,
		 what, stamp);
	if (stamp)
		tell(stamp);
}
