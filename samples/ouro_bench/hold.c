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

#define MANY	1000	/* heaps or caches */
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

static struct ouro_heap *mix_heap;
static struct ouro_heap *heaps[MANY];
static struct kmem_cache *caches[MANY];
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

static int mix_ouro_get(struct bench *bench, u64 *value)
{
	struct ouro_heap_stat stat;
	int err;

	if (!bench->mix.count)
		return -ENODATA;
	mix_heap = ouro_heap_create("bench_mix", 0);
	if (IS_ERR(mix_heap)) {
		err = PTR_ERR(mix_heap);
		mix_heap = NULL;
		return err;
	}
	err = bench_mix_fill_ouro(&bench->mix, mix_heap);
	ouro_heap_stat(mix_heap, &stat);
	value[0] = bench->mix.count;
	value[1] = bench->mix.asked;
	value[2] = stat.held;
	value[3] = stat.metadata;
	return err;
}

static void mix_ouro_put(struct bench *bench)
{
	ouro_heap_destroy(mix_heap);
	mix_heap = NULL;
	bench_mix_forget(&bench->mix);
}

static int mix_kmalloc_get(struct bench *bench, u64 *value)
{
	return bench->mix.count ? bench_mix_fill_kmalloc(&bench->mix) :
				  -ENODATA;
}

static void mix_kmalloc_put(struct bench *bench)
{
	bench_mix_drop_kmalloc(&bench->mix);
}

static int heaps_get(struct bench *bench, u64 *value)
{
	char name[OURO_NAME_MAX];
	struct ouro_heap *heap;
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "bench_%u", i);
		heap = ouro_heap_create(name, 0);
		if (IS_ERR(heap))
			return PTR_ERR(heap);
		heaps[i] = heap;
	}
	value[0] = MANY;
	return 0;
}

static int heaps_used_get(struct bench *bench, u64 *value)
{
	unsigned int i;
	int err;

	err = heaps_get(bench, value);
	for (i = 0; !err && i < MANY; i++) {
		blocks[i] = ouro_alloc(heaps[i], 64, GFP_KERNEL);
		if (!blocks[i])
			err = -ENOMEM;
	}
	return err;
}

static void heaps_put(struct bench *bench)
{
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		ouro_free(blocks[i]);
		blocks[i] = NULL;
		ouro_heap_destroy(heaps[i]);
		heaps[i] = NULL;
	}
}

static int caches_get(struct bench *bench, u64 *value)
{
	char name[OURO_NAME_MAX];
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "bench_%u", i);
		caches[i] = bench_cache_create(name, 64, 0);
		if (!caches[i])
			return -ENOMEM;
	}
	value[0] = MANY;
	return 0;
}

static int caches_used_get(struct bench *bench, u64 *value)
{
	unsigned int i;
	int err;

	err = caches_get(bench, value);
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
		kmem_cache_destroy(caches[i]);
		caches[i] = NULL;
	}
}

/* They go with their heap. */
static int objects_get(struct bench *bench, u64 *value)
{
	struct ouro_kind *kind;
	unsigned int i;

	object_heap = ouro_heap_create("bench_objects", 0);
	if (IS_ERR(object_heap)) {
		int err = PTR_ERR(object_heap);

		object_heap = NULL;
		return err;
	}
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

/**
 * struct holding - something that can be held
 * @name: of it
 * @get: takes it all and says what it knows of it; after an error, too, it is
 *	put back
 * @put: gives it back
 */
struct holding {
	const char *name;
	int (*get)(struct bench *bench, u64 *value);
	void (*put)(struct bench *bench);
};

static const struct holding holdings[] = {
	{ "mix-ouro", mix_ouro_get, mix_ouro_put },
	{ "mix-kmalloc", mix_kmalloc_get, mix_kmalloc_put },
	{ "heaps", heaps_get, heaps_put },
	{ "heaps-used", heaps_used_get, heaps_put },
	{ "caches", caches_get, caches_put },
	{ "caches-used", caches_used_get, caches_put },
	{ "objects", objects_get, objects_put },
	{ "plains", plains_get, plains_put },
};

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
 * Return: 0 or an error; nothing is held then.
 */
int bench_hold(struct bench *bench, const char *name,
	       struct bench_result *result)
{
	unsigned int i;
	int err;

	bench_hold_nothing(bench);
	if (!strcmp(name, "nothing"))
		return 0;
	for (i = 0; i < ARRAY_SIZE(holdings); i++)
		if (!strcmp(name, holdings[i].name))
			held = &holdings[i];
	if (!held)
		return -ENOENT;
	result->name = held->name;
	err = held->get(bench, result->value);
	if (err)
		bench_hold_nothing(bench);
	return err;
}
