// SPDX-License-Identifier: GPL-2.0
/*
 * Things that are held while somebody looks at how much memory they take.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <ouro/block.h>
#include <ouro/type.h>
#include "bench.h"
#include "hold.h"

#define MANY	1000	/* heaps or caches, */
#define MOST	10000	/* or, idle, so many */
#define OBJECTS	1000000

/* 64 bytes, as what they are compared with. */
struct object {
	struct ouro_object object;
	char payload[56];
};

struct plain {
	refcount_t count;
	struct plain *next;
	char payload[48];
};

static_assert(sizeof(struct object) == 64);
static_assert(sizeof(struct plain) == 64);

static const struct ouro_type object_type = {
	OURO_TYPE(struct object, object),
};

static struct ouro_heap *heaps[MOST];
static struct kmem_cache *caches[MOST];
static void *blocks[MANY];	/* one of each heap or cache, or NULL */
static struct ouro_heap *object_heap;
static struct plain *plains;

/* What kmem_cache_create() merges with nothing else. */
struct kmem_cache *bench_cache_create(const char *name, size_t size,
				      slab_flags_t flags)
{
#ifdef SLAB_NO_MERGE
	flags |= SLAB_NO_MERGE;
#else
	flags |= SLAB_NOLEAKTRACE;	/* does nothing else without kmemleak */
#endif
	return kmem_cache_create(name, size, 0, flags, NULL);
}

/* Value: how many, and the bytes that all of them know of. */
static int heaps_create(unsigned int count, u64 *value)
{
	char name[OURO_NAME_MAX];
	struct ouro_heap_stat stat;
	struct ouro_heap *heap;
	unsigned int i;

	for (i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "bench_%u", i);
		heap = ouro_heap_create(name, 0);
		if (IS_ERR(heap))
			return PTR_ERR(heap);
		heaps[i] = heap;
		ouro_heap_stat(heap, &stat);
		value[1] += stat.held + stat.metadata;
		cond_resched();
	}
	value[0] = count;
	return 0;
}

static int heaps_get(struct bench *bench, u64 *value)
{
	return heaps_create(MANY, value);
}

static int heaps_most_get(struct bench *bench, u64 *value)
{
	return heaps_create(MOST, value);
}

static int heaps_used_get(struct bench *bench, u64 *value)
{
	struct ouro_heap_stat stat;
	unsigned int i;
	int err;

	err = heaps_create(MANY, value);
	value[1] = 0;
	for (i = 0; !err && i < MANY; i++) {
		blocks[i] = ouro_alloc(heaps[i], 64, GFP_KERNEL);
		if (!blocks[i])
			err = -ENOMEM;
		ouro_heap_stat(heaps[i], &stat);
		value[1] += stat.held + stat.metadata;
	}
	return err;
}

static void heaps_put(struct bench *bench)
{
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		ouro_free(blocks[i]);
		blocks[i] = NULL;
	}
	for (i = 0; i < MOST; i++) {
		ouro_heap_destroy(heaps[i]);
		heaps[i] = NULL;
		cond_resched();
	}
}

static int caches_create(unsigned int count, u64 *value)
{
	char name[OURO_NAME_MAX];
	unsigned int i;

	for (i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "bench_%u", i);
		caches[i] = bench_cache_create(name, 64, 0);
		if (!caches[i])
			return -ENOMEM;
		cond_resched();
	}
	value[0] = count;
	return 0;
}

static int caches_get(struct bench *bench, u64 *value)
{
	return caches_create(MANY, value);
}

static int caches_most_get(struct bench *bench, u64 *value)
{
	return caches_create(MOST, value);
}

static int caches_used_get(struct bench *bench, u64 *value)
{
	unsigned int i;
	int err;

	err = caches_create(MANY, value);
	for (i = 0; !err && i < MANY; i++) {
		blocks[i] = kmem_cache_alloc(caches[i], GFP_KERNEL);
		if (!blocks[i])
			err = -ENOMEM;
	}
	return err;
}

static void caches_put(struct bench *bench)
{
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		if (blocks[i])
			kmem_cache_free(caches[i], blocks[i]);
		blocks[i] = NULL;
	}
	for (i = 0; i < MOST; i++) {
		kmem_cache_destroy(caches[i]);
		caches[i] = NULL;
		cond_resched();
	}
}

/* They go with their heap. */
static int objects_get(struct bench *bench, u64 *value)
{
	struct ouro_kind *kind;
	unsigned int i;

	object_heap = ouro_heap_create("bench_objects", 0);
	if (IS_ERR(object_heap))
		return PTR_ERR(object_heap);
	kind = ouro_type_register(object_heap, &object_type);
	if (IS_ERR(kind))
		return PTR_ERR(kind);
	for (i = 0; i < OBJECTS; i++) {
		if (!ouro_new(kind, GFP_KERNEL))
			return -ENOMEM;
		cond_resched();
	}
	value[0] = OBJECTS;
	value[1] = sizeof(struct ouro_object);
	return 0;
}

static void objects_put(struct bench *bench)
{
	ouro_heap_destroy(object_heap);
	object_heap = NULL;
}

static int plains_get(struct bench *bench, u64 *value)
{
	struct plain *plain;
	unsigned int i;

	for (i = 0; i < OBJECTS; i++) {
		plain = kmem_cache_alloc(bench_cache(bench, 64), GFP_KERNEL);
		if (!plain)
			return -ENOMEM;
		refcount_set(&plain->count, 1);
		plain->next = plains;
		plains = plain;
		cond_resched();
	}
	value[0] = OBJECTS;
	value[1] = sizeof(plain->count);
	return 0;
}

static void plains_put(struct bench *bench)
{
	struct plain *plain;

	while (plains) {
		plain = plains;
		plains = plain->next;
		kmem_cache_free(bench_cache(bench, 64), plain);
	}
}

static const struct holding holdings[] = {
	{ "heaps", heaps_get, heaps_put },
	{ "heaps-used", heaps_used_get, heaps_put },
	{ "heaps-10k", heaps_most_get, heaps_put },
	{ "caches", caches_get, caches_put },
	{ "caches-used", caches_used_get, caches_put },
	{ "caches-10k", caches_most_get, caches_put },
	{ "objects", objects_get, objects_put },
	{ "plains", plains_get, plains_put },
	{ }
};

static const struct holding *const tables[] = {
	holdings, hold_mix_holdings, hold_trace_holdings,
};

static const struct holding *find_holding(const char *name)
{
	const struct holding *holding;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (holding = tables[i]; holding->name; holding++)
			if (!strcmp(holding->name, name))
				return holding;
	return NULL;
}

static const struct holding *held;

/* Before anything else uses what things are held in, or goes. */
void bench_hold_nothing(struct bench *bench)
{
	if (held)
		held->put(bench);
	held = NULL;
}

/**
 * bench_hold() - hold one thing and nothing else
 * @bench: has the sizes of the mix
 * @name: of the thing, or "nothing"
 * @result: filled, except for "nothing"
 *
 * Return: 0 or an error: -EINVAL when it is made of something else, which is not
 * held; nothing is held then.
 */
int bench_hold(struct bench *bench, const char *name,
	       struct bench_result *result)
{
	const struct holding *next = find_holding(name);
	const char *before = held ? held->name : "";
	int err;

	if (!next || !next->after || strcmp(next->after, before))
		bench_hold_nothing(bench);
	if (!strcmp(name, "nothing"))
		return 0;
	if (!next)
		return -ENOENT;
	if (next->after && !held)
		return -EINVAL;
	held = next;
	result->name = held->name;
	err = held->get(bench, result->value);
	if (err)
		bench_hold_nothing(bench);
	return err;
}
