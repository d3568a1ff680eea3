// SPDX-License-Identifier: GPL-2.0
/* Types: what is refused, what is registered, what an object has of its type. */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <ouro/object.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include "ouro_test.h"

struct node {
	struct ouro_object object;
	struct ouro_slot left;
	u64 value;
	struct ouro_slot right;
	char text[24];
};

struct row {
	struct ouro_object object;
	u32 count;
	struct ouro_slot cell[];
};

static const struct ouro_type node_type = {
	OURO_TYPE(struct node, object),
	OURO_SLOTS(struct node, left, right),
};

static const struct ouro_type row_type = {
	OURO_TYPE(struct row, object),
	OURO_SLOT_ARRAY(struct row, cell),
};

static void declared(struct ouro_test *t)
{
	EXPECT(t, !strcmp(node_type.name, "node"));
	EXPECT_EQ(t, node_type.size, sizeof(struct node));
	EXPECT_EQ(t, node_type.nslots, 2);
	EXPECT(t, !strcmp(node_type.slots[1].name, "right"));
	EXPECT_EQ(t, node_type.slots[1].offset, offsetof(struct node, right));
	EXPECT_EQ(t, row_type.array, offsetof(struct row, cell));
	EXPECT_EQ(t, sizeof(struct ouro_object), 8);
}

static void nothing(void *object)
{
}

static void visit_nothing(void *object,
			  void (*visit)(struct ouro_object *ref, void *arg),
			  void *arg)
{
}

#define AT(where) (const struct ouro_slot_desc[]) { { where, "slot" } }

/* Each is refused with one line that says why. */
static const struct bad_type {
	const char *why;
	struct ouro_type type;
} bad_types[] = {
	{ "bad name", { .name = NULL, .size = 64 } },
	{ "bad name", { .name = "", .size = 64 } },
	{ "bad name", { .name = "two words", .size = 64 } },
	{ "bad name", { .name = "a-name-that-goes-on-beyond-what-there-is-room-for",
			.size = 64 } },
	{ "are taken", { .name = "ouro.vector", .size = 64 } },
	{ "bad size", { .name = "small", .size = 4 } },
	{ "bad size", { .name = "large", .size = OURO_OBJECT_MAX + 1 } },
	{ "unknown flags", { .name = "flags", .size = 64, .flags = 0x80 } },
	{ "unknown flags", { .name = "flags", .size = 64, .flags = 1U << 31 } },
	{ "number of slots", { .name = "none", .size = 64, .nslots = 1 } },
	{ "number of slots", { .name = "none", .size = 64, .slots = AT(8) } },
	{ "in the header", { .name = "head", .size = 64, .slots = AT(0), .nslots = 1 } },
	{ "misaligned", { .name = "odd", .size = 64, .slots = AT(12), .nslots = 1 } },
	{ "outside the object", { .name = "far", .size = 64, .slots = AT(64), .nslots = 1 } },
	{ "outside the object", { .name = "edge", .size = 60, .slots = AT(56), .nslots = 1 } },
	{ "are the same", { .name = "same", .size = 64, .nslots = 2,
		.slots = (const struct ouro_slot_desc[]) { { 16, "a" }, { 16, "b" } } } },
	{ "in the header", { .name = "array", .size = 64, .array = 4 } },
	{ "misaligned", { .name = "array", .size = 64, .array = 20 } },
	{ "outside the object", { .name = "array", .size = 64, .array = 72 } },
	{ "outside the object", { .name = "over", .size = 64, .array = 32,
				  .slots = AT(40), .nslots = 1 } },
	{ "acyclic types only", { .name = "walk", .size = 64, .traverse = visit_nothing } },
	{ "would undo", { .name = "once", .size = 64, .init = nothing,
			  .flags = OURO_TYPE_INIT_ONCE,
			  .copy = ouro_copy_payload } },
	{ "without init", { .name = "once", .size = 64, .flags = OURO_TYPE_INIT_ONCE } },
};

static void refused(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct test_log log;
	unsigned int i;

	if (!heap)
		return;
	for (i = 0; i < ARRAY_SIZE(bad_types); i++) {
		const struct bad_type *bad = &bad_types[i];
		struct ouro_kind *kind;

		test_log_mark(&log);
		kind = ouro_type_register(heap, &bad->type);
		EXPECT_MSG(t, PTR_ERR_OR_ZERO(kind) == -EINVAL, "%s %u",
			   bad->why, i);
		EXPECT_MSG(t, test_log_count(&log, bad->why) == 1, "\"%s\" %u",
			   bad->why, i);
		EXPECT_MSG(t, test_log_count(&log, "") == 1, "lines for %u", i);
	}
	test_heap_close(t, heap);
}

static const struct ouro_type good_types[] = {
	{ .name = "least", .size = sizeof(struct ouro_object) },
	{ .name = "most", .size = OURO_OBJECT_MAX },
	{ .name = "full", .size = 16, .slots = AT(8), .nslots = 1 },
	{ .name = "tail", .size = 16, .array = 16 },
	{ .name = "all", .size = 8, .array = 8 },
	{ .name = "walk", .size = 64, .traverse = visit_nothing,
	  .flags = OURO_TYPE_ACYCLIC },
	{ .name = "once", .size = 24, .init = nothing,
	  .flags = OURO_TYPE_INIT_ONCE },
	{ .name = "odd", .size = 57 },
};

/* At the edges of what is refused. */
static void accepted(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind;
	struct ouro_object *object;
	unsigned int i;

	if (!heap)
		return;
	for (i = 0; i < ARRAY_SIZE(good_types); i++) {
		kind = ouro_type_register(heap, &good_types[i]);
		if (!EXPECT_MSG(t, !IS_ERR(kind), "%s", good_types[i].name))
			continue;
		object = ouro_new(kind, GFP_KERNEL);
		if (!EXPECT_MSG(t, object, "%s", good_types[i].name))
			continue;
		EXPECT(t, ouro_object_type(object) == &good_types[i]);
		EXPECT(t, ouro_object_heap(object) == heap);
		EXPECT_GE(t, ouro_block_size(object), good_types[i].size);
		memset(object + 1, 0, good_types[i].nslots ? 0 : good_types[i].size - 8);
		ouro_put(object);
	}
	EXPECT_EQ(t, PTR_ERR_OR_ZERO(ouro_type_register(heap, &good_types[0])),
		  -EEXIST);
	test_heap_settle(t, heap, 0);
	test_heap_close(t, heap);
}

/* One type in two heaps is two kinds. */
static void two_heaps(struct ouro_test *t)
{
	struct ouro_heap *a = test_heap(t), *b = test_heap(t);
	struct ouro_kind *ka, *kb;
	struct node *na, *nb;

	if (!a || !b)
		return;
	ka = ouro_type_register(a, &node_type);
	kb = ouro_type_register(b, &node_type);
	if (!EXPECT(t, !IS_ERR(ka) && !IS_ERR(kb)))
		return;
	na = ouro_new(ka, GFP_KERNEL);
	nb = ouro_new(kb, GFP_KERNEL);
	if (EXPECT(t, na && nb)) {
		EXPECT(t, ouro_object_heap(&na->object) == a);
		EXPECT(t, ouro_object_heap(&nb->object) == b);
		EXPECT(t, ouro_owns(a, na) && !ouro_owns(a, nb));
		EXPECT_EQ(t, ouro_slot_store(&na->left, &nb->object), -EXDEV);
		EXPECT_EQ(t, ouro_slot_move(&na->left, &nb->object), -EXDEV);
		EXPECT(t, ouro_slot_is_empty(&na->left));
		EXPECT_EQ(t, ouro_refcount(&nb->object), 1);
		ouro_put(&na->object);
		ouro_put(&nb->object);
	}
	test_heap_close(t, a);
	test_heap_close(t, b);
}

/* Objects of every size, with and without an array, are where they should be. */
static void sizes(struct ouro_test *t)
{
	static const size_t counts[] = { 0, 1, 2, 7, 8, 60, 61, 500, 1000, 1021,
					 1022, 1023, 3000, 10000, 131000 };
	struct ouro_heap *heap = test_heap(t);
	struct row *row[ARRAY_SIZE(counts)];
	struct ouro_kind *kind;
	unsigned int i;
	size_t j;

	if (!heap)
		return;
	kind = ouro_type_register(heap, &row_type);
	if (!EXPECT(t, !IS_ERR(kind)))
		return;
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		row[i] = ouro_new_array(kind, counts[i], GFP_KERNEL);
		if (!EXPECT_MSG(t, row[i], "%zu", counts[i]))
			continue;
		row[i]->count = counts[i];
		EXPECT_GE(t, ouro_object_slots(&row[i]->object), counts[i]);
		for (j = 0; j < counts[i]; j++) {
			if (!ouro_slot_is_empty(&row[i]->cell[j]))
				break;
			if (i)
				ouro_slot_store(&row[i]->cell[j],
						&row[i - 1]->object);
		}
		EXPECT_EQ(t, j, counts[i]);
		EXPECT_EQ(t, row[i]->count, counts[i]);
		if (i)
			EXPECT_EQ(t, ouro_refcount(&row[i - 1]->object),
				  counts[i] + 1);
	}
	EXPECT(t, !ouro_new_array(kind, OURO_OBJECT_MAX / 8, GFP_KERNEL));
	EXPECT(t, !ouro_new_array(kind, SIZE_MAX, GFP_KERNEL));
	for (i = 0; i < ARRAY_SIZE(counts); i++)
		if (row[i])
			ouro_put(&row[i]->object);
	ouro_heap_flush(heap);
	test_heap_settle(t, heap, 0);
	test_heap_close(t, heap);
}

static int init_calls;

static void count_init(void *object)
{
	struct node *node = object;

	init_calls++;
	node->value = 0x1234;
}

static const struct ouro_type each_type = {
	OURO_TYPE(struct node, object),
	OURO_SLOTS(struct node, left, right),
	.init = count_init,
};

static const struct ouro_type once_type = {
	OURO_TYPE(struct node, object),
	OURO_SLOTS(struct node, left, right),
	.init = count_init,
	.flags = OURO_TYPE_INIT_ONCE,
};

/* What init costs, and when, is as the type says. */
static void init_each(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind;
	struct node *node;
	int i;

	if (!heap)
		return;
	kind = ouro_type_register(heap, &each_type);
	if (!EXPECT(t, !IS_ERR(kind)))
		return;
	init_calls = 0;
	for (i = 1; i <= 100; i++) {
		node = ouro_new(kind, GFP_KERNEL | (i & 1 ? __GFP_ZERO : 0));
		if (!EXPECT(t, node))
			break;
		EXPECT_EQ(t, init_calls, i);
		EXPECT_EQ(t, node->value, 0x1234);
		if (i & 1)
			EXPECT(t, test_is_byte(node->text, sizeof(node->text), 0));
		node->value = i;
		memset(node->text, i, sizeof(node->text));
		ouro_put(&node->object);
	}
	test_heap_settle(t, heap, 0);
	test_heap_close(t, heap);
}

static void init_once(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct node *node, *first = NULL;
	struct ouro_kind *kind;
	int i, made;

	if (!heap)
		return;
	kind = ouro_type_register(heap, &once_type);
	if (!EXPECT(t, !IS_ERR(kind)))
		return;
	init_calls = 0;
	for (i = 0; i < 100; i++) {
		node = ouro_new(kind, GFP_KERNEL | (i & 1 ? __GFP_ZERO : 0));
		if (!EXPECT(t, node))
			break;
		if (!first) {
			first = node;
			made = init_calls;
			EXPECT_GE(t, made, 1);
			node->value = 0x5678;
		}
		/* What was left there is there again. */
		EXPECT(t, node->value == (node == first ? 0x5678 : 0x1234));
		ouro_put(&node->object);
	}
	EXPECT_EQ(t, init_calls, made);
	test_heap_settle(t, heap, 0);
	test_heap_close(t, heap);
}

static const struct ouro_case type_cases[] = {
	{ "declared", declared },
	{ "refused", refused },
	EACH_KIND(accepted),
	EACH_KIND(two_heaps),
	EACH_KIND(sizes),
	EACH_KIND(init_each),
	EACH_KIND(init_once),
};

OURO_SUITE("type", type_cases);
