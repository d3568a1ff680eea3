// SPDX-License-Identifier: GPL-2.0
/*
 * Every way to allocate, each in a function of its own, whose name is to be found
 * in the file of sites.  What they get stays with the heap.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/numa.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <ouro/copy.h>
#include <ouro/list.h>
#include <ouro/map.h>
#include <ouro/region.h>
#include <ouro/reserve.h>
#include <ouro/type.h>
#include <ouro/vector.h>
#include <ouro/weak_map.h>
#include "ouro_test.h"
#include "puppet.h"

struct pearl {
	struct ouro_object object;
	char text[40];
};

struct rake {
	struct ouro_object object;
	struct ouro_slot tooth[];
};

static const struct ouro_type pearl_type = { OURO_TYPE(struct pearl, object) };

static const struct ouro_type rake_type = {
	OURO_TYPE(struct rake, object), OURO_SLOT_ARRAY(struct rake, tooth),
};

struct way_arg {
	struct ouro_heap *heap;
	struct ouro_kind *pearl;
	struct ouro_kind *rake;
	struct ouro_map *map;
	struct ouro_object *value;
	size_t size;	/* not known to the compiler */
	gfp_t gfp;
	int err;
};

/* What comes of it is looked at, so that none is the caller's own return. */
#define WAY(name, expr)							\
static noinline bool way_##name(struct way_arg *arg)			\
{									\
	const void *got = (expr);					\
									\
	OPTIMIZER_HIDE_VAR(got);					\
	return got;							\
}

/* Size and flags known to the compiler: the shortest ways. */
WAY(constant, ouro_alloc(arg->heap, 64, GFP_ATOMIC))
WAY(apart_constant, ouro_alloc(arg->heap, 5000, GFP_ATOMIC))
WAY(variable, ouro_alloc(arg->heap, arg->size, arg->gfp))
WAY(zalloc, ouro_zalloc(arg->heap, 48, arg->gfp))
WAY(array, ouro_alloc_array(arg->heap, 3, 16, arg->gfp))
WAY(node, ouro_alloc_node(arg->heap, 200, arg->gfp, numa_node_id()))
WAY(apart, ouro_alloc(arg->heap, 5000, arg->gfp))
WAY(large, ouro_alloc(arg->heap, 20000, arg->gfp))
WAY(new, ouro_new(arg->pearl, arg->gfp))
WAY(new_zeroed, ouro_new(arg->pearl, arg->gfp | __GFP_ZERO))
WAY(new_array, ouro_new_array(arg->rake, 5, arg->gfp))
WAY(memdup, ouro_memdup(arg->heap, "memdup", 6, arg->gfp))
WAY(strdup, ouro_strdup(arg->heap, "strdup", arg->gfp))
WAY(vector, ouro_vector_new(arg->heap, 0, arg->gfp))
WAY(list, ouro_list_new(arg->heap, arg->gfp))
WAY(map, ouro_map_u64_new(arg->heap, arg->gfp))
WAY(weak_map, ouro_weak_map_new(arg->heap, arg->gfp))
WAY(realloc, ouro_realloc(arg->heap, NULL, 72, arg->gfp))

static noinline bool way_bulk(struct way_arg *arg)
{
	void *blocks[3];

	return !ouro_alloc_bulk(arg->heap, 80, arg->gfp, 3, blocks);
}

/* As way_constant(). */
static noinline bool way_bulk_constant(struct way_arg *arg)
{
	void *blocks[3];

	return !ouro_alloc_bulk(arg->heap, 80, GFP_ATOMIC, 3, blocks);
}

/* It moves; way_variable() had it before. */
static noinline bool way_moved(struct way_arg *arg)
{
	void *block = ouro_alloc(arg->heap, 32, arg->gfp);

	block = ouro_realloc(arg->heap, block, 1000, arg->gfp);
	OPTIMIZER_HIDE_VAR(block);
	return block;
}

static noinline bool way_region(struct way_arg *arg)
{
	struct ouro_region region;
	void *piece;

	ouro_region_init(&region, arg->heap, 0);
	piece = ouro_region_alloc(&region, 24, arg->gfp);
	OPTIMIZER_HIDE_VAR(piece);
	return piece;
}

static noinline bool way_reserve(struct way_arg *arg)
{
	struct ouro_reserve *reserve;

	reserve = ouro_reserve_create(arg->heap, 96, 5, arg->gfp);
	OPTIMIZER_HIDE_VAR(reserve);
	return !IS_ERR(reserve);
}

/* The entry is by who stored. */
static noinline bool way_store(struct way_arg *arg)
{
	int err = ouro_map_store(arg->map, "key", 3, arg->value, arg->gfp);

	OPTIMIZER_HIDE_VAR(err);
	return !err;
}

static bool (* const anywhere[])(struct way_arg *arg) = {
	way_constant, way_variable, way_zalloc, way_array, way_apart,
	way_apart_constant, way_bulk, way_bulk_constant, way_new,
	way_new_zeroed, way_new_array, way_memdup, way_strdup, way_moved,
	way_realloc, way_region,
};

static bool (* const in_tasks[])(struct way_arg *arg) = {
	way_node, way_large, way_vector, way_list, way_map, way_weak_map,
	way_reserve, way_store,
};

static void run_anywhere(void *data)
{
	struct way_arg *arg = data;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(anywhere); i++)
		if (!anywhere[i](arg))
			arg->err = -ENOMEM;
}

static int run_in_tasks(struct way_arg *arg)
{
	unsigned int i;

	arg->map = ouro_map_new(arg->heap, 3, GFP_KERNEL);
	arg->value = ouro_new(arg->pearl, GFP_KERNEL);
	if (!arg->map || !arg->value)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(in_tasks); i++)
		if (!in_tasks[i](arg))
			return -ENOMEM;
	return 0;
}

#define APART	64	/* blocks of way_apart(), those of several pools */

/* So that who takes the begin of such a block for a pool's header does not get far. */
static int fill_apart(struct ouro_heap *heap)
{
	void *block[APART];
	int i, n, err = 0;

	for (n = 0; n < APART; n++) {
		block[n] = ouro_alloc(heap, 5000, GFP_KERNEL);
		if (!block[n])
			break;
		memset(block[n], 0xff, 5000);
	}
	if (n < APART)
		err = -ENOMEM;
	for (i = 0; i < n; i++)
		ouro_free(block[i]);
	return err;
}

/* Twice, as the first of a kind may take another path; and what is in magazines. */
int puppet_ways(struct ouro_heap *heap, unsigned long context)
{
	struct way_arg arg = { .heap = heap, .size = 64, .gfp = GFP_ATOMIC };
	int err;

	if (context >= TEST_CONTEXTS)
		return -EINVAL;
	if (!test_context_exists(context))
		return -EOPNOTSUPP;
	OPTIMIZER_HIDE_VAR(arg.size);
	arg.pearl = ouro_type_register(heap, &pearl_type);
	arg.rake = ouro_type_register(heap, &rake_type);
	if (IS_ERR(arg.pearl) || IS_ERR(arg.rake))
		return -ENOMEM;
	if (context == TEST_TASK)
		arg.gfp = GFP_KERNEL;
	err = fill_apart(heap) ?:
	      test_context_run(context, run_anywhere, &arg) ?:
	      test_context_run(context, run_anywhere, &arg);
	if (!err && !test_context_may_fail(context))
		err = arg.err;
	if (!err && context == TEST_TASK)
		err = run_in_tasks(&arg) ?: run_in_tasks(&arg);
	return err;
}
