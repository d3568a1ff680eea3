// SPDX-License-Identifier: GPL-2.0
/* The shapes of graphs, and what their members are made of: see cycle.h. */
#include <linux/kernel.h>
#include <linux/string.h>
#include "cycle.h"

/* From @first on, @count members, the last to the first. */
static void ring(struct cycle *s, unsigned int first, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		cycle_edge(s, first + i, first + (i + 1) % count);
}

/* From @first on, @count members in a row. */
static void row(struct cycle *s, unsigned int first, unsigned int count)
{
	unsigned int i;

	for (i = 0; i + 1 < count; i++)
		cycle_edge(s, first + i, first + i + 1);
}

/* A self loop, a pair, a triangle. */
static void build_ring(struct cycle *s)
{
	ring(s, 0, s->n);
}

static void build_self_twice(struct cycle *s)
{
	cycle_edge(s, 0, 0);
	cycle_edge(s, 0, 0);
}

/* Two edges each way. */
static void build_parallel(struct cycle *s)
{
	ring(s, 0, 2);
	ring(s, 0, 2);
}

static void build_eight(struct cycle *s)
{
	unsigned int half = s->n / 2 + 1;

	ring(s, 0, half);
	cycle_edge(s, 0, half);
	row(s, half, s->n - half);
	cycle_edge(s, s->n - 1, 0);
}

/* One rail goes up, one down; rungs go both ways. */
static void build_ladder(struct cycle *s)
{
	unsigned int i, half = s->n / 2;

	row(s, 0, half);
	for (i = 0; i + 1 < half; i++)
		cycle_edge(s, half + i + 1, half + i);
	for (i = 0; i < half; i++) {
		cycle_edge(s, i, half + i);
		cycle_edge(s, half + i, i);
	}
}

static void build_cross(struct cycle *s)
{
	unsigned int i;

	ring(s, 0, s->n);
	for (i = 0; i < s->n; i++)
		cycle_edge(s, i, (i + s->n / 2) % s->n);
}

/* A tail that leads into a ring; counting alone takes it off. */
static void build_tail_in(struct cycle *s)
{
	unsigned int count = s->n / 3;

	ring(s, 0, count);
	row(s, count, s->n - count);
	cycle_edge(s, s->n - 1, 0);
}

/* A ring that a tail hangs from. */
static void build_tail_out(struct cycle *s)
{
	unsigned int count = s->n / 3;

	ring(s, 0, count);
	cycle_edge(s, count / 2, count);
	row(s, count, s->n - count);
}

/* Each to each, itself too. */
static void build_complete(struct cycle *s)
{
	unsigned int from, to;

	for (from = 0; from < s->n; from++)
		for (to = 0; to < s->n; to++)
			cycle_edge(s, from, to);
}

/* Two rings that know nothing of each other. */
static void build_twins(struct cycle *s)
{
	ring(s, 0, s->n / 2);
	ring(s, s->n / 2, s->n - s->n / 2);
}

/* The first ring leads to the second. */
static void build_one_way(struct cycle *s)
{
	build_twins(s);
	cycle_edge(s, 0, s->n - 1);
	cycle_edge(s, s->n / 2 - 1, s->n / 2);
}

/* A ring of rings, each of three. */
static void build_rosary(struct cycle *s)
{
	unsigned int i;

	for (i = 0; i < s->n; i += 3) {
		ring(s, i, 3);
		cycle_edge(s, i, (i + 3) % s->n);
	}
}

/* The hub refers to itself, so that it needs nobody. */
static void build_hub(struct cycle *s)
{
	unsigned int i;

	for (i = 0; i < s->n; i++)
		cycle_edge(s, 0, i);
}

static void build_wheel(struct cycle *s)
{
	unsigned int i;

	for (i = 1; i < s->n; i++) {
		cycle_edge(s, 0, i);
		cycle_edge(s, i, 0);
	}
}

/* Each but the last leads to all behind it, the last to the first. */
static void build_order(struct cycle *s)
{
	unsigned int from, to;

	for (from = 0; from < s->n; from++)
		for (to = from + 1; to < s->n; to++)
			cycle_edge(s, from, to);
	cycle_edge(s, s->n - 1, 0);
}

static void build_random(struct cycle *s)
{
	unsigned int i, from, to, edges = s->n + test_random(&s->random) % s->n;

	for (i = 0; i < edges; i++) {
		from = test_random(&s->random) % s->n;
		to = test_random(&s->random) % s->n;
		if (s->out[from] < s->degree)
			cycle_edge(s, from, to);
	}
}

const struct cycle_shape cycle_shapes[] = {
	{ "self", 1, 1, build_ring },
	{ "self_twice", 1, 2, build_self_twice },
	{ "pair", 2, 1, build_ring },
	{ "parallel", 2, 2, build_parallel },
	{ "triangle", 3, 1, build_ring },
	{ "ring", 40, 1, build_ring },
	{ "eight", 9, 2, build_eight },
	{ "ladder", 12, 2, build_ladder },
	{ "cross", 8, 2, build_cross },
	{ "tail_in", 15, 1, build_tail_in },
	{ "tail_out", 15, 2, build_tail_out },
	{ "complete", 8, 8, build_complete },
	{ "twins", 8, 1, build_twins },
	{ "one_way", 8, 2, build_one_way },
	{ "rosary", 12, 2, build_rosary },
	{ "hub", 24, 24, build_hub },
	{ "wheel", 24, 23, build_wheel },
	{ "order", 10, 9, build_order },
	{ "random", 32, 4, build_random },
};

const unsigned int cycle_shapes_count = ARRAY_SIZE(cycle_shapes);

#define ANY	CYCLE_NODES

const struct cycle_variant cycle_variants[] = {
	{ "pairs", { CYCLE_PAIR }, 1, 2, ANY },
	{ "fans", { CYCLE_FAN }, 1, ANY, ANY },
	{ "told", { CYCLE_TOLD }, 1, ANY, ANY },
	{ "late", { CYCLE_LATE }, 1, ANY, ANY },
	{ "graves", { CYCLE_GRAVE }, 1, ANY, ANY },
	{ "once", { CYCLE_ONCE }, 1, ANY, ANY },
	{ "big", { CYCLE_BIG }, 1, 2, ANY },
	{ "wide", { CYCLE_WIDE }, 1, ANY, ANY },
	{ "vectors", { CYCLE_VECTOR }, 1, ANY, ANY },
	{ "lists", { CYCLE_LIST }, 1, ANY, ANY },
	{ "maps", { CYCLE_MAP }, 1, ANY, 4, true },
	{ "bytes", { CYCLE_BYTES }, 1, ANY, 3, true },
	{ "nested", { CYCLE_MAP, CYCLE_VECTOR, CYCLE_LIST }, 3, ANY, 9, true },
	{ "boxed", { CYCLE_FAN, CYCLE_VECTOR, CYCLE_TOLD, CYCLE_LIST,
		     CYCLE_GRAVE, CYCLE_MAP, CYCLE_LATE }, 7, ANY, 32, true },
	{ "mixed", { CYCLE_FAN, CYCLE_TOLD, CYCLE_LATE, CYCLE_WIDE,
		     CYCLE_GRAVE, CYCLE_ONCE }, 6, ANY, ANY },
};

const unsigned int cycle_variants_count = ARRAY_SIZE(cycle_variants);

/* The one whose name and "_" @name begins with; the longest. */
const struct cycle_shape *cycle_shape_find(const char *name)
{
	const struct cycle_shape *found = NULL;
	size_t len, longest = 0;
	unsigned int i;

	for (i = 0; i < cycle_shapes_count; i++) {
		len = strlen(cycle_shapes[i].name);
		if (len <= longest || strncmp(name, cycle_shapes[i].name, len) ||
		    name[len] != '_')
			continue;
		longest = len;
		found = &cycle_shapes[i];
	}
	return found;
}

const struct cycle_variant *cycle_variant_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < cycle_variants_count; i++)
		if (!strcmp(cycle_variants[i].name, name))
			return &cycle_variants[i];
	return NULL;
}
