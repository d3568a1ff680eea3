// SPDX-License-Identifier: GPL-2.0
/* Faults: scenarios of objects, containers and copies. */
#include <linux/err.h>
#include <linux/kernel.h>
#include <ouro/copy.h>
#include <ouro/list.h>
#include <ouro/map.h>
#include <ouro/object.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include <ouro/vector.h>
#include <ouro/weak.h>
#include <ouro/weak_map.h>
#include "fault.h"

struct cell {
	struct ouro_object object;
	struct ouro_slot next;
	struct ouro_slot other;
	u64 number;
};

struct row {
	struct ouro_object object;
	struct ouro_slot cell[];
};

static const struct ouro_type cell_type = {
	OURO_TYPE(struct cell, object),
	OURO_SLOTS(struct cell, next, other),
	.copy = ouro_copy_payload,
};

static const struct ouro_type row_type = {
	OURO_TYPE(struct row, object),
	OURO_SLOT_ARRAY(struct row, cell),
};

static const struct ouro_type reader_type = {
	.name = "reader",
	.size = sizeof(struct cell),
	OURO_SLOTS(struct cell, next, other),
	.flags = OURO_TYPE_RCU,
};

/* Of the heap that scenarios run on, once they could be registered. */
static struct ouro_kind *cells, *rows, *readers;

/* What comes has another heap. */
void object_scenarios_begin(void)
{
	cells = NULL;
	rows = NULL;
	readers = NULL;
}

static bool registered(struct ouro_test *t, struct ouro_heap *heap,
		       const struct ouro_type *type, struct ouro_kind **kind)
{
	struct ouro_kind *fresh;

	if (*kind)
		return true;
	fresh = ouro_type_register(heap, type);
	if (IS_ERR(fresh)) {
		EXPECT_EQ(t, PTR_ERR(fresh), -ENOMEM);
		return false;
	}
	*kind = fresh;
	return true;
}

/* A new cell that leads to @next, whose reference is its. */
static struct cell *cell_new(struct ouro_test *t, struct cell *next, gfp_t gfp)
{
	struct cell *cell = ouro_new(cells, gfp);

	if (cell && next)
		EXPECT_EQ(t, ouro_slot_move(&cell->next, &next->object), 0);
	return cell;
}

static bool types(struct ouro_test *t, struct ouro_heap *heap)
{
	bool good = registered(t, heap, &cell_type, &cells);

	good &= registered(t, heap, &row_type, &rows);
	good &= registered(t, heap, &reader_type, &readers);
	return good;
}

static bool objects(struct ouro_test *t, struct ouro_heap *heap)
{
	int i, count = TEST_MANY(2000, 500);
	struct cell *chain = NULL, *cell;

	if (!registered(t, heap, &cell_type, &cells))
		return false;
	for (i = 0; i < count; i++) {
		/* In turns, as two kinds of callers do. */
		cell = cell_new(t, chain, i & 1 ? FAULT_GFP :
					  GFP_ATOMIC | __GFP_NOWARN);
		if (!cell)
			break;
		chain = cell;
	}
	if (chain)
		ouro_put(&chain->object);
	ouro_heap_flush(heap);
	return i == count;
}

static bool arrays(struct ouro_test *t, struct ouro_heap *heap)
{
	static const size_t counts[] = { 0, 3, 100, 1000, 5000, 100000 };
	struct row *row, *last = NULL;
	int i;

	if (!registered(t, heap, &row_type, &rows))
		return false;
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		row = ouro_new_array(rows, counts[i], FAULT_GFP);
		if (!row)
			break;
		if (last)
			EXPECT_EQ(t, ouro_slot_move(&row->cell[counts[i] - 1],
						    &last->object), 0);
		last = row;
	}
	if (last)
		ouro_put(&last->object);
	ouro_heap_flush(heap);
	return i == ARRAY_SIZE(counts);
}

static bool graves(struct ouro_test *t, struct ouro_heap *heap)
{
	struct cell *reader;
	int i;

	if (!registered(t, heap, &reader_type, &readers))
		return false;
	for (i = 0; i < 100; i++) {
		reader = ouro_new(readers, FAULT_GFP);
		if (!reader)
			break;
		ouro_put(&reader->object);
	}
	ouro_heap_flush(heap);
	/* The first waits for one grace period, the others for the next. */
	rcu_barrier();
	rcu_barrier();
	return i == 100;
}

static int told;

static void count_death(struct ouro_watch *watch)
{
	told++;
}

/* Who has a handle finds the object, who has a watch is told of its death. */
static bool weak(struct ouro_test *t, struct ouro_heap *heap)
{
	struct ouro_watch watches[3];
	struct ouro_weak handle;
	struct cell *cell;
	int i, good = 0;

	if (!registered(t, heap, &cell_type, &cells))
		return false;
	cell = cell_new(t, NULL, FAULT_GFP);
	if (!cell)
		return false;
	if (!ouro_weak_init(&handle, &cell->object, FAULT_GFP)) {
		good++;
		EXPECT(t, ouro_weak_get(handle) == &cell->object);
		ouro_put(&cell->object);
	} else {
		EXPECT(t, !ouro_weak_get(handle));
	}
	for (i = 0; i < ARRAY_SIZE(watches); i++)
		good += !ouro_watch_add(&watches[i], &cell->object, count_death,
					FAULT_GFP);
	/* Each has had its one failure by now. */
	EXPECT_GE(t, good, 3);
	told = !ouro_weak_init(&handle, &cell->object, FAULT_GFP);
	ouro_put(&cell->object);
	ouro_heap_flush(heap);
	EXPECT(t, !ouro_weak_get(handle));
	EXPECT_EQ(t, told, good - (good == 4) + 1);
	return good == 4;
}

static bool vector(struct ouro_test *t, struct ouro_heap *heap)
{
	struct ouro_vector *vector = ouro_vector_new(heap, 5, FAULT_GFP);
	static struct ouro_object *many[300];
	int i, count = TEST_MANY(300, 100);
	bool good = true;

	if (!vector)
		return false;
	many[0] = ouro_vector_object(vector);
	for (i = 1; i < count; i++)
		many[i] = NULL;
	for (i = 0; good && i < count; i++)
		good = !ouro_vector_append(vector, NULL, FAULT_GFP);
	EXPECT_EQ(t, ouro_vector_length(vector), good ? i : i - 1);
	if (good && ouro_vector_fill(vector, many + 1, count - 1, FAULT_GFP) !=
		    count - 1) {
		/* All or nothing, where nobody else is at it. */
		EXPECT_EQ(t, ouro_vector_length(vector), count);
		good = false;
	}
	ouro_vector_truncate(vector, 7);
	good &= !ouro_vector_shrink(vector, FAULT_GFP);
	ouro_vector_put(vector);
	ouro_heap_flush(heap);
	return good;
}

static bool list(struct ouro_test *t, struct ouro_heap *heap)
{
	struct ouro_list *list = ouro_list_new(heap, FAULT_GFP);
	static struct ouro_object *many[100];
	struct ouro_list_iter iter;
	struct cell *cell = NULL;
	int i, n = 0;

	if (list && registered(t, heap, &cell_type, &cells))
		cell = cell_new(t, NULL, FAULT_GFP);
	if (!cell) {
		ouro_list_put(list);
		ouro_heap_flush(heap);
		return false;
	}
	for (i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = &cell->object;
	ouro_list_iter_begin(&iter, list);
	for (i = 0; i < 30; i++) {
		n += !ouro_list_add(list, many[0], FAULT_GFP);
		n += !ouro_list_iter_add_before(&iter, many[0], FAULT_GFP);
	}
	ouro_list_iter_end(&iter);
	i = ouro_list_fill(list, many, ARRAY_SIZE(many), FAULT_GFP);
	EXPECT(t, i == -ENOMEM || i == ARRAY_SIZE(many));
	EXPECT_EQ(t, ouro_list_length(list), n + max(i, 0));
	EXPECT_EQ(t, ouro_refcount(many[0]), 1 + n + max(i, 0));
	ouro_list_put(list);
	ouro_put(&cell->object);
	ouro_heap_flush(heap);
	return n == 60 && i == ARRAY_SIZE(many);
}

/* Keys of numbers, then of bytes; each that is not refused is found. */
static bool maps(struct ouro_test *t, struct ouro_heap *heap)
{
	gfp_t gfps[] = { FAULT_GFP, GFP_ATOMIC | __GFP_NOWARN };
	struct ouro_object *object;
	struct ouro_map *map;
	int bytes, good = 0;
	u64 i, n;

	for (bytes = 0; bytes < 2; bytes++) {
		map = ouro_map_new(heap, bytes ? 0 : sizeof(u64), FAULT_GFP);
		object = ouro_vector_object(ouro_vector_new(heap, 0, FAULT_GFP));
		for (i = 0, n = 0; map && object && i < 9; i++) {
			if (ouro_map_store(map, &i, sizeof(i), object,
					   gfps[i & 1]))
				continue;
			n++;
			ouro_put(ouro_map_load(map, &i, sizeof(i)));
			EXPECT_EQ(t, ouro_refcount(object), 1 + n);
			EXPECT_EQ(t, ouro_map_length(map), n);
		}
		good += map && object && n == 9;
		ouro_map_put(map);
		ouro_put(object);
		ouro_heap_flush(heap);
	}
	return good == 2;
}

static struct ouro_object *intern_make(const void *key, size_t len, void *arg)
{
	struct ouro_heap *heap = arg;

	return ouro_list_object(ouro_list_new(heap, FAULT_GFP));
}

/* A key leads to an object, or to none. */
static bool weak_map(struct ouro_test *t, struct ouro_heap *heap)
{
	struct ouro_weak_map *map = ouro_weak_map_new(heap, FAULT_GFP);
	struct ouro_object *object, *interned = NULL;
	bool good = true;
	u64 key;

	if (!map)
		return false;
	object = ouro_vector_object(ouro_vector_new(heap, 0, FAULT_GFP));
	for (key = 0; good && object && key < 5; key++)
		good = !ouro_weak_map_store(map, &key, sizeof(key), object,
					    FAULT_GFP);
	EXPECT_EQ(t, ouro_weak_map_length(map), good && object ? key :
						object ? key - 1 : 0);
	if (good && object) {
		/* In the place of a live one, and of the dead. */
		good = !ouro_weak_map_store(map, &key, sizeof(key), object,
					    FAULT_GFP) &&
		       !ouro_weak_map_store(map, &key, sizeof(key), object,
					    FAULT_GFP);
		interned = ouro_intern(map, "name", 4, intern_make, heap,
				       FAULT_GFP);
	}
	good = good && object && interned;
	ouro_put(object);
	ouro_put(interned);
	ouro_heap_flush(heap);
	EXPECT_EQ(t, ouro_weak_map_length(map), 0);
	ouro_weak_map_put(map);
	ouro_heap_flush(heap);
	return good;
}

/* A root that leads to a list of itself and a vector of the list. */
static struct cell *graph_new(struct ouro_test *t, struct ouro_heap *heap)
{
	struct ouro_vector *vector = ouro_vector_new(heap, 0, FAULT_GFP);
	struct ouro_list *list = ouro_list_new(heap, FAULT_GFP);
	struct cell *root = cell_new(t, NULL, FAULT_GFP);
	bool good;

	good = vector && list && root &&
	       !ouro_vector_append(vector, ouro_list_object(list), FAULT_GFP) &&
	       !ouro_list_add(list, ouro_vector_object(vector), FAULT_GFP) &&
	       !ouro_list_add(list, &root->object, FAULT_GFP);
	if (good)
		ouro_slot_store(&root->next, ouro_list_object(list));
	else if (list)
		ouro_list_clear(list);
	ouro_vector_put(vector);
	ouro_list_put(list);
	if (good || !root)
		return root;
	ouro_put(&root->object);
	return NULL;
}

/* The root's cycle, and that of list and vector. */
static void graph_put(struct ouro_object *object)
{
	struct cell *root = container_of(object, struct cell, object);
	struct ouro_list *list = ouro_list_of(ouro_slot_take(&root->next));

	ouro_list_clear(list);
	ouro_list_put(list);
	ouro_put(object);
}

static bool copies(struct ouro_test *t, struct ouro_heap *heap)
{
	struct ouro_object *copy, *single;
	struct cell *root = NULL;

	if (registered(t, heap, &cell_type, &cells))
		root = graph_new(t, heap);
	if (!root) {
		ouro_heap_flush(heap);
		return false;
	}
	copy = ouro_copy_deep(&root->object, FAULT_GFP);
	single = ouro_copy(&root->object, FAULT_GFP);
	graph_put(&root->object);
	if (!IS_ERR(copy))
		graph_put(copy);
	if (!IS_ERR(single))
		ouro_put(single);
	EXPECT(t, !IS_ERR(copy) || PTR_ERR(copy) == -ENOMEM);
	EXPECT(t, !IS_ERR(single) || PTR_ERR(single) == -ENOMEM);
	ouro_heap_flush(heap);
	return !IS_ERR(copy) && !IS_ERR(single);
}

const struct scenario object_scenarios[OBJECT_SCENARIOS] = {
	{ "types", types, true },
	{ "objects", objects, true },
	{ "arrays", arrays, true },
	{ "graves", graves, true },
	{ "weak", weak, true },
	{ "vector", vector, true },
	{ "list", list, true },
	{ "maps", maps, true },
	{ "weak map", weak_map, true },
	{ "copies", copies, true },
};
