// SPDX-License-Identifier: GPL-2.0
/*
 * What either registry costs, side by side.
 *
 * Times are the least of many short bursts, in rounds that take turns, so that
 * what else the machine does is in none of them.  Nor is what either leaves to
 * RCU: by hand, the memory of a resource; with Ouro, that of an entry of the map.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <ouro/heap.h>
#include "registry.h"

#define ROUNDS	7
#define BURSTS	8	/* of each sort in a round */
#define FEW	16	/* resources that are looked for */
#define MANY	2048
#define FINDS	MANY	/* in a burst */
#define ADDS	64

static const struct registry_ops * const sides[] = {
	&registry_by_hand, &registry_by_ouro,
};

#define SIDES	ARRAY_SIZE(sides)

/* The lines of the result. */
enum figure { FIND_FEW, FIND_MANY, ADD_REMOVE, BYTES_FEW, BYTES_MANY, FIGURES };

/* Those of one side. */
struct figures {
	u64 of[FIGURES];
};

static const char * const names[FIGURES] = {
	[FIND_FEW] = "find_put_ns of_16",
	[FIND_MANY] = "find_put_ns of_2048",
	[ADD_REMOVE] = "add_remove_ns with_2048",
	[BYTES_FEW] = "bytes for_16",
	[BYTES_MANY] = "bytes for_2048",
};

static void least(u64 *figure, u64 begun, unsigned int count)
{
	*figure = min(*figure, div_u64(ktime_get_ns() - begun, count));
}

static int time_find(const struct registry_ops *ops, unsigned int count,
		     u64 *figure)
{
	struct registry_handle handle = { .context = 1 };
	struct registry_resource *resource;
	u64 begun = ktime_get_ns();
	unsigned int i;

	for (i = 0; i < FINDS; i++) {
		handle.id = i % count;
		resource = ops->find(handle);
		if (!resource)
			return -ENOENT;
		ops->put(resource);
	}
	least(figure, begun, FINDS);
	return 0;
}

static int time_add(const struct registry_ops *ops, u64 *figure)
{
	const struct registry_handle handle = { .context = 1, .id = MANY };
	struct registry_resource *resource;
	u64 begun = ktime_get_ns();
	unsigned int i;

	for (i = 0; i < ADDS; i++) {
		resource = ops->add(handle, NULL);
		if (IS_ERR(resource))
			return PTR_ERR(resource);
		ops->remove(resource);
	}
	least(figure, begun, ADDS);
	return 0;
}

/* Until there are @count. */
static int fill(const struct registry_ops *ops,
		struct registry_resource **resources, unsigned int count)
{
	struct registry_handle handle = { .context = 1 };
	struct registry_resource *resource;

	for (; handle.id < count; handle.id++) {
		if (resources[handle.id])
			continue;
		resource = ops->add(handle, NULL);
		if (IS_ERR(resource))
			return PTR_ERR(resource);
		resources[handle.id] = resource;
	}
	return 0;
}

/* All of a heap, free blocks and all; of kmalloc() only what is in use. */
static u64 bytes(const struct registry_ops *ops, unsigned int count)
{
	struct ouro_heap_stat stat;

	if (!ops->heap)
		return ops->table + count * kmalloc_size_roundup(ops->each);
	ouro_heap_stat(*ops->heap, &stat);
	return stat.held + stat.metadata;
}

static int measure_filled(const struct registry_ops *ops,
			  struct registry_resource **resources,
			  struct figures *figures)
{
	unsigned int i;
	int err;

	err = fill(ops, resources, FEW);
	for (i = 0; i < BURSTS && !err; i++)
		err = time_find(ops, FEW, &figures->of[FIND_FEW]);
	if (err)
		return err;
	figures->of[BYTES_FEW] = bytes(ops, FEW);
	err = fill(ops, resources, MANY);
	if (err)
		return err;
	/* A table that grows does it in a worker, on this CPU. */
	msleep(20);
	figures->of[BYTES_MANY] = bytes(ops, MANY);
	for (i = 0; i < BURSTS && !err; i++)
		err = time_find(ops, MANY, &figures->of[FIND_MANY]) ?:
		      time_add(ops, &figures->of[ADD_REMOVE]);
	return err;
}

/* One round of one side. */
static int measure(const struct registry_ops *ops, struct figures *figures)
{
	struct registry_resource **resources;
	unsigned int i;
	int err;

	resources = kvcalloc(MANY, sizeof(*resources), GFP_KERNEL);
	if (!resources)
		return -ENOMEM;
	err = ops->open();
	if (err)
		goto free_resources;
	err = measure_filled(ops, resources, figures);
	for (i = 0; i < MANY && resources[i]; i++)
		ops->remove(resources[i]);
	ops->close();
free_resources:
	kvfree(resources);
	return err;
}

static long measure_all(void *arg)
{
	struct figures *figures = arg;
	unsigned int round, side;
	int err = 0;

	for (round = 0; round < ROUNDS; round++) {
		for (side = 0; side < SIDES && !err; side++)
			err = measure(sides[side], &figures[side]);
		/* What one round leaves to RCU shall not fall into the next. */
		rcu_barrier();
		cond_resched();
	}
	return err;
}

/* One line for each figure. */
int registry_compare(struct seq_file *m)
{
	struct figures figures[SIDES];
	unsigned int i;
	long err;

	memset(figures, 0xff, sizeof(figures));
	err = work_on_cpu(cpumask_first(cpu_online_mask), measure_all, figures);
	if (err)
		return err;
	seq_printf(m, "# %-24s %10s %10s\n", "", sides[0]->name,
		   sides[1]->name);
	for (i = 0; i < FIGURES; i++)
		seq_printf(m, "%-26s %10llu %10llu\n", names[i], figures[0].of[i],
			   figures[1].of[i]);
	return 0;
}
