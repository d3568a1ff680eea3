// SPDX-License-Identifier: GPL-2.0
/*
 * Containers of references beside what they are made of: an xarray, and a hash
 * table with entries of a kmem_cache.
 */
#include <linux/compiler.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/rhashtable.h>
#include <linux/xarray.h>
#include <ouro/map.h>
#include <ouro/object.h>
#include <ouro/vector.h>
#include "bench.h"

#define ENTRY_SIZE	64	/* bytes, of a cache that there is */
#define REHASH_MS	20	/* until a worker has done with a table that grew */

/* Of a hash table by hand; what it refers to is counted. */
struct plain_entry {
	struct rhash_head node;
	u64 key;
	refcount_t *value;
};

static_assert(sizeof(struct plain_entry) <= ENTRY_SIZE);

static const struct rhashtable_params plain_params = {
	.head_offset = offsetof(struct plain_entry, node),
	.key_offset = offsetof(struct plain_entry, key),
	.key_len = sizeof(u64),
	.automatic_shrinking = true,
};

/* Keys of a real table are no row of numbers. */
static u64 key_of(unsigned int i)
{
	return i * 0x9e3779b97f4a7c15ULL;
}

/* What is looked for in turn. */
static u64 key_at(struct bench *bench, unsigned int i)
{
	return key_of(bench->order[i % BENCH_BATCH]);
}

/* ---- vectors ---- */

static s64 side_append(struct bench *bench, unsigned int loops)
{
	struct ouro_object *object = ouro_new(bench->leaf, GFP_KERNEL);
	struct ouro_vector *vector = ouro_vector_new(bench->heap, 0, GFP_KERNEL);
	int err = object && vector ? 0 : -ENOMEM;
	unsigned int i;
	u64 start;
	s64 ns;

	start = ktime_get_ns();
	for (i = 0; i < loops && !err; i++)
		err = ouro_vector_append(vector, object, GFP_KERNEL);
	ns = ktime_get_ns() - start;
	ouro_vector_put(vector);
	ouro_put(object);
	return err ?: ns;
}

static __always_inline s64 xa_append(unsigned int loops, bool irq)
{
	static refcount_t value = REFCOUNT_INIT(1);
	struct xarray xa;
	unsigned int i;
	int err = 0;
	u64 start;
	s64 ns;

	xa_init_flags(&xa, irq ? XA_FLAGS_LOCK_IRQ : 0);
	start = ktime_get_ns();
	for (i = 0; i < loops && !err; i++)
		err = xa_err(irq ? xa_store_irq(&xa, i, &value, GFP_KERNEL) :
				   xa_store(&xa, i, &value, GFP_KERNEL));
	ns = ktime_get_ns() - start;
	xa_destroy(&xa);
	return err ?: ns;
}

static s64 side_xa_store(struct bench *bench, unsigned int loops)
{
	return xa_append(loops, false);
}

/* As a vector, to be used in interrupts, too. */
static s64 side_xa_store_irq(struct bench *bench, unsigned int loops)
{
	return xa_append(loops, true);
}

/* ---- maps ---- */

static s64 map_fill(struct bench *bench, struct ouro_map *map,
		    struct ouro_object *object, unsigned int count)
{
	u64 start = ktime_get_ns();
	unsigned int i;
	int err = 0;

	for (i = 0; i < count && !err; i++)
		err = ouro_map_u64_store(map, key_of(i), object, GFP_KERNEL);
	return err ?: ktime_get_ns() - start;
}

static __always_inline s64 map_look(struct bench *bench, struct ouro_map *map,
				    unsigned int loops, bool counted)
{
	struct ouro_object *object;
	u64 start = ktime_get_ns();
	unsigned int i;

	for (i = 0; i < loops; i++) {
		if (counted) {
			ouro_put(ouro_map_u64_load(map, key_at(bench, i)));
			continue;
		}
		rcu_read_lock();
		object = ouro_map_u64_peek(map, key_at(bench, i));
		rcu_read_unlock();
		OPTIMIZER_HIDE_VAR(object);
	}
	return ktime_get_ns() - start;
}

enum what { FILL, LOOK, LOOK_COUNTED };

/* What it takes to fill a map with @loops keys, or to look them up then. */
static __always_inline s64 with_map(struct bench *bench, unsigned int loops,
				    enum what what)
{
	struct ouro_object *object = ouro_new(bench->leaf, GFP_KERNEL);
	struct ouro_map *map = ouro_map_u64_new(bench->heap, GFP_KERNEL);
	s64 ns = -ENOMEM;

	if (object && map)
		ns = map_fill(bench, map, object,
			      what == FILL ? loops : BENCH_BATCH);
	if (ns >= 0 && what != FILL) {
		msleep(REHASH_MS);
		ns = map_look(bench, map, loops, what == LOOK_COUNTED);
	}
	ouro_map_put(map);
	ouro_put(object);
	/* What the map leaves behind is not to cost the peer anything. */
	ouro_heap_flush(bench->heap);
	return ns;
}

static s64 side_map_store(struct bench *bench, unsigned int loops)
{
	return with_map(bench, loops, FILL);
}

static s64 side_map_peek(struct bench *bench, unsigned int loops)
{
	return with_map(bench, loops, LOOK);
}

static s64 side_map_load(struct bench *bench, unsigned int loops)
{
	return with_map(bench, loops, LOOK_COUNTED);
}

static int plain_insert(struct bench *bench, struct rhashtable *table, u64 key,
			refcount_t *value)
{
	struct plain_entry *entry;
	int err;

	entry = kmem_cache_alloc(bench_cache(bench, ENTRY_SIZE), GFP_KERNEL);
	if (!entry)
		return -ENOMEM;
	entry->key = key;
	entry->value = value;
	refcount_inc(value);
	err = rhashtable_insert_fast(table, &entry->node, plain_params);
	if (err)
		kmem_cache_free(bench_cache(bench, ENTRY_SIZE), entry);
	return err;
}

static s64 plain_fill(struct bench *bench, struct rhashtable *table,
		      refcount_t *value, unsigned int count)
{
	u64 start = ktime_get_ns();
	unsigned int i;
	int err = 0;

	for (i = 0; i < count && !err; i++)
		err = plain_insert(bench, table, key_of(i), value);
	return err ?: ktime_get_ns() - start;
}

/* With a reference to what is found, and without. */
static __always_inline s64 plain_look(struct bench *bench,
				      struct rhashtable *table,
				      unsigned int loops, bool counted)
{
	struct plain_entry *entry;
	u64 start = ktime_get_ns(), key;
	refcount_t *value;
	unsigned int i;

	for (i = 0; i < loops; i++) {
		key = key_at(bench, i);
		rcu_read_lock();
		entry = rhashtable_lookup(table, &key, plain_params);
		value = entry ? entry->value : NULL;
		if (counted && value && !refcount_inc_not_zero(value))
			value = NULL;
		rcu_read_unlock();
		OPTIMIZER_HIDE_VAR(value);
		if (counted && value && refcount_dec_and_test(value))
			return -EINVAL;
	}
	return ktime_get_ns() - start;
}

static void plain_free(void *entry, void *bench)
{
	kmem_cache_free(bench_cache(bench, ENTRY_SIZE), entry);
}

static __always_inline s64 with_plain(struct bench *bench, unsigned int loops,
				      enum what what)
{
	refcount_t value = REFCOUNT_INIT(1);
	struct rhashtable table;
	s64 ns = rhashtable_init(&table, &plain_params);

	if (ns)
		return ns;
	ns = plain_fill(bench, &table, &value,
			what == FILL ? loops : BENCH_BATCH);
	if (ns >= 0 && what != FILL) {
		msleep(REHASH_MS);
		ns = plain_look(bench, &table, loops, what == LOOK_COUNTED);
	}
	rhashtable_free_and_destroy(&table, plain_free, bench);
	return ns;
}

static s64 side_plain_store(struct bench *bench, unsigned int loops)
{
	return with_plain(bench, loops, FILL);
}

static s64 side_plain_look(struct bench *bench, unsigned int loops)
{
	return with_plain(bench, loops, LOOK);
}

static s64 side_plain_load(struct bench *bench, unsigned int loops)
{
	return with_plain(bench, loops, LOOK_COUNTED);
}

const struct bench_case bench_container_cases[] = {
	{ "append", BENCH_BATCH,
	  { side_append, side_xa_store, side_xa_store_irq } },
	{ "map-load", BENCH_BATCH, { side_map_load, side_plain_load } },
	{ "map-peek", BENCH_BATCH, { side_map_peek, side_plain_look } },
	{ "map-store", BENCH_BATCH, { side_map_store, side_plain_store } },
	{ }
};
