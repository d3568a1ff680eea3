// SPDX-License-Identifier: GPL-2.0
/*
 * Kinds: registration of types, and the classes of their objects.
 *
 * Objects of a kind lie in pools of their own, so that where an object was,
 * there is the word and the slots of one of the same kind until an RCU grace
 * period after the pool has gone.
 */
#include "ouro.h"
#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include "backing.h"
#include "block.h"
#include "depot.h"
#include "heap.h"
#include "kind.h"
#include "magazine.h"
#include "object.h"
#include "roster.h"
#include "weak.h"

DEFINE_SRCU(ouro_array_readers);

/* Orders registrations, and guards heap->kinds while it grows. */
static DEFINE_MUTEX(kinds_lock);

/**
 * struct typed_class - a class of objects, with what those of blocks share
 * @class: itself
 * @geo: of its pools
 * @depot: one on each node
 */
struct typed_class {
	struct ouro_class class;
	struct ouro_geometry geo;
	struct ouro_depot depot[];
};

/* ---- slots ---- */

/**
 * ouro_kind_span() - the slots of an object that are not in its table
 * @kind: of it
 * @pool: it lies in
 * @object: the object
 *
 * A trailing array is looked at over its capacity.
 *
 * Context: Any; an array apart may be replaced, and then stays where it is
 * until the end of the RCU read section.
 * Return: where they begin, and how many.
 */
struct ouro_span ouro_kind_span(const struct ouro_kind *kind,
				const struct ouro_pool *pool,
				struct ouro_object *object)
{
	struct ouro_span span = { };
	struct ouro_array *array;

	if (!kind->type->array)
		return span;
	span.slot = (void *)object + kind->type->array;
	if (!kind->array_apart) {
		span.count = (pool->size - kind->type->array) /
			     sizeof(struct ouro_slot);
		return span;
	}
	/* Pairs with copy_end(). */
	array = smp_load_acquire((struct ouro_array **)span.slot);
	span.slot = array ? array->slot : NULL;
	span.count = array ? array->capacity : 0;
	return span;
}

/* Whether @slot, in a block of @pool, is one of the slots of its type. */
bool ouro_kind_has_slot(const struct ouro_kind *kind,
			const struct ouro_pool *pool,
			const struct ouro_slot *slot)
{
	const void *object = ouro_pool_block(pool, ouro_pool_index(pool, slot));
	size_t offset = (const void *)slot - object;
	unsigned int i;

	if (kind->type->array && !kind->array_apart &&
	    offset >= kind->type->array)
		return !((offset - kind->type->array) %
			 sizeof(struct ouro_slot));
	for (i = 0; i < kind->type->nslots; i++)
		if (kind->type->slots[i].offset == offset)
			return true;
	return false;
}

/* ---- classes ---- */

static size_t objects_size(unsigned int blocks)
{
	struct ouro_objects *objects;

	return struct_size(objects, doomed, BITS_TO_LONGS(blocks));
}

static size_t graves_size(unsigned int blocks)
{
	struct ouro_graves *graves;

	return struct_size(graves, bits, 2 * BITS_TO_LONGS(blocks));
}

static size_t header_size(unsigned int blocks)
{
	return ouro_pool_header_size(blocks) + objects_size(blocks);
}

static size_t header_size_rcu(unsigned int blocks)
{
	return header_size(blocks) + graves_size(blocks);
}

static struct ouro_graves *graves_init(struct ouro_pool *pool)
{
	struct ouro_graves *graves;

	graves = (void *)pool->objects + objects_size(pool->blocks);
	graves->pool = pool;
	graves->next = graves->bits;
	graves->waiting = graves->bits + BITS_TO_LONGS(pool->blocks);
	return graves;
}

static int pool_populate(struct ouro_pool *pool, gfp_t gfp)
{
	struct ouro_kind *kind = pool->class->kind;
	struct ouro_object *object;
	unsigned int i;

	pool->objects->pool = pool;
	pool->end = ouro_end_of_kind(kind);
	if (kind->type->flags & OURO_TYPE_RCU)
		pool->objects->graves = graves_init(pool);
	ouro_kasan_unpoison(pool->first, (size_t)pool->blocks * pool->size);
	memset(pool->first, 0, (size_t)pool->blocks * pool->size);
	for (i = 0; i < pool->blocks; i++) {
		object = ouro_pool_block(pool, i);
		atomic64_set(&object->word, OURO_COUNT_DEAD);
		if (ouro_payload_is_kept(kind))
			kind->type->init(object);
		else if (IS_ENABLED(CONFIG_KASAN_GENERIC))
			ouro_payload_poison(kind, object);
	}
	if (ouro_weak_number_get(pool, gfp))
		return -ENOMEM;
	if (!kind->tracked || !ouro_roster_add(pool, gfp))
		return 0;
	ouro_weak_number_put(pool);
	return -ENOMEM;
}

static void pool_taken(struct ouro_pool *pool)
{
	ouro_roster_rejuvenate(pool);
}

static bool pool_retire(struct ouro_pool *pool)
{
	ouro_weak_retire(pool);
	return ouro_roster_remove(pool);
}

static void pool_forget(struct ouro_pool *pool)
{
	ouro_weak_number_put(pool);
	ouro_backing_free_meta(pool->heap, pool->objects->frozen,
			       BITS_TO_LONGS(pool->blocks) * sizeof(long));
}

static const char *type_name(const struct ouro_class *class)
{
	return class->kind->type->name;
}

static const struct ouro_class_ops class_ops = {
	.populate = pool_populate,
	.taken = pool_taken,
	.retire = pool_retire,
	.forget = pool_forget,
	.type = type_name,
};

static size_t class_bytes(void)
{
	struct typed_class *typed;

	return struct_size(typed, depot, nr_node_ids);
}

static void typed_destroy(struct ouro_class *class)
{
	struct typed_class *typed;

	if (!class)
		return;
	typed = container_of(class, struct typed_class, class);
	free_percpu(class->fronts);
	ouro_backing_free_meta(class->heap, typed, class_bytes());
}

static struct ouro_class *typed_create(struct ouro_kind *kind, size_t size,
				       gfp_t gfp)
{
	bool rcu = kind->type->flags & OURO_TYPE_RCU;
	struct typed_class *typed;
	struct ouro_class *class;
	unsigned int node;

	typed = ouro_backing_meta(kind->heap, class_bytes(), gfp, NUMA_NO_NODE);
	if (!typed)
		return NULL;
	ouro_geometry_set(&typed->geo, size,
			  rcu ? header_size_rcu : header_size);
	typed->geo.objects = ouro_pool_header_size(typed->geo.blocks);
	class = &typed->class;
	ouro_class_init(class, kind->heap, &typed->geo);
	class->kind = kind;
	class->tracked = kind->tracked;
	class->ops = &class_ops;
	class->depot = typed->depot;
	for (node = 0; node < nr_node_ids; node++)
		ouro_depot_init(&typed->depot[node], kind->heap->key);
	class->fronts = ouro_backing_percpu(kind->heap, sizeof(*class->fronts),
					    __alignof__(*class->fronts), gfp);
	if (!class->fronts) {
		typed_destroy(class);
		return NULL;
	}
	ouro_front_init(class->fronts, 1);
	return class;
}

static unsigned int class_index(size_t size)
{
	if (size <= OURO_CLASS_MAX)
		return ouro_class_index(size);
	return OURO_CLASSES + DIV_ROUND_UP(size, OURO_UNIT) - 1;
}

static size_t class_size(size_t size)
{
	if (size <= OURO_CLASS_MAX)
		return ouro_geometry[ouro_class_index(size)].size;
	return size;
}

/**
 * ouro_kind_class() - the class of a kind's objects of a size, made at need
 * @kind: the kind, of a type with a trailing array
 * @size: of the object in bytes, at most OURO_OBJECT_MAX
 * @gfp: the caller's
 *
 * Context: As @gfp says; makes nothing where the context is tight.
 * Return: the class, or NULL.
 */
struct ouro_class *ouro_kind_class(struct ouro_kind *kind, size_t size,
				   gfp_t gfp)
{
	struct ouro_class **place = &kind->sized[class_index(size)];
	/* Pairs with the cmpxchg() below. */
	struct ouro_class *other, *class = smp_load_acquire(place);

	if (likely(class) || ouro_context_is_tight())
		return class;
	ouro_slow_begin();
	class = typed_create(kind, class_size(size), gfp);
	if (class) {
		other = cmpxchg(place, NULL, class);
		if (!other) {
			llist_add(&class->link, &kind->heap->typed);
		} else {
			typed_destroy(class);
			class = other;
		}
	}
	ouro_slow_end();
	return class;
}

/* ---- kinds ---- */

static size_t runs_size(const struct ouro_kind *kind)
{
	return array_size(kind->room, sizeof(struct ouro_run));
}

#define SIZED_BYTES	(OURO_KIND_CLASSES * sizeof(struct ouro_class *))

static void kind_destroy(struct ouro_kind *kind)
{
	struct ouro_heap *heap = kind->heap;
	unsigned int i;

	for (i = 0; kind->sized && i < OURO_KIND_CLASSES; i++)
		typed_destroy(kind->sized[i]);
	if (!kind->sized)
		typed_destroy(kind->class);
	ouro_backing_free_meta(heap, kind->sized, SIZED_BYTES);
	ouro_backing_free_meta(heap, kind->runs, runs_size(kind));
	module_put(kind->owner);
	ouro_backing_free_meta(heap, kind, sizeof(*kind));
}

static void kind_setup(struct ouro_kind *kind)
{
	const struct ouro_type *type = kind->type;
	bool checked = ouro_heap_is_checked(kind->heap);

	ouro_payload_find(kind);
	kind->fresh = OURO_WORD_VERSION | (OURO_COUNT_DEAD + 1);
	if (type->finalize)
		kind->fresh |= OURO_WORD_FINALIZE;
	kind->array_apart = type->flags & OURO_TYPE_ARRAY_APART;
	kind->tracked = (type->nslots || type->array) &&
			!(type->flags & OURO_TYPE_ACYCLIC);
	kind->plain = !checked && !IS_ENABLED(CONFIG_KASAN_GENERIC) &&
		      !type->traverse &&
		      (!type->init || ouro_payload_is_kept(kind));
	kind->leaf = !type->nslots && !type->array && !type->release &&
		     !(type->flags & OURO_TYPE_RCU);
}

static struct ouro_kind *kind_create(struct ouro_heap *heap,
				     const struct ouro_type *type)
{
	struct ouro_kind *kind;

	kind = ouro_backing_meta(heap, sizeof(*kind), GFP_KERNEL, NUMA_NO_NODE);
	if (!kind)
		return NULL;
	kind->heap = heap;
	kind->type = type;
	kind->room = type->nslots + 2;
	kind->runs = ouro_backing_meta(heap, runs_size(kind), GFP_KERNEL,
				       NUMA_NO_NODE);
	if (!kind->runs)
		goto destroy;
	kind_setup(kind);
	if (type->array && !kind->array_apart) {
		kind->sized = ouro_backing_meta(heap, SIZED_BYTES, GFP_KERNEL,
						NUMA_NO_NODE);
		if (!kind->sized)
			goto destroy;
		kind->class = ouro_kind_class(kind, type->size, GFP_KERNEL);
	} else {
		kind->class = typed_create(kind, class_size(type->size),
					   GFP_KERNEL);
		if (kind->class)
			llist_add(&kind->class->link, &heap->typed);
	}
	if (!kind->class)
		goto destroy;
	kind->fronts = ouro_heap_is_fast(heap) ? kind->class->fronts :
						 ouro_idle_fronts;
	return kind;

destroy:
	kind_destroy(kind);
	return NULL;
}

static struct ouro_kind *find_name(struct ouro_heap *heap, const char *name)
{
	struct ouro_kind *kind;

	lockdep_assert_held(&kinds_lock);
	list_for_each_entry(kind, &heap->kinds, link)
		if (!strcmp(kind->type->name, name))
			return kind;
	return NULL;
}

/* A heap does not pin the module that created it. */
static struct module *owner_to_pin(const struct ouro_heap *heap,
				   struct module *owner)
{
	return owner == heap->owner || owner == THIS_MODULE ? NULL : owner;
}

static struct ouro_kind *kind_register(struct ouro_heap *heap,
				       const struct ouro_type *type,
				       struct module *owner)
{
	struct ouro_kind *kind;

	if (find_name(heap, type->name)) {
		pr_err("heap %s: it has a type %s\n", heap->name, type->name);
		return ERR_PTR(-EEXIST);
	}
	if (!try_module_get(owner))
		return ERR_PTR(-ENODEV);
	kind = kind_create(heap, type);
	if (!kind) {
		module_put(owner);
		return ERR_PTR(-ENOMEM);
	}
	kind->owner = owner;
	list_add_tail_rcu(&kind->link, &heap->kinds);
	return kind;
}

/* See ouro_type_register(). */
struct ouro_kind *__ouro_type_register(struct ouro_heap *heap,
				       const struct ouro_type *type,
				       struct module *owner)
{
	struct ouro_kind *kind;
	int err;

	might_sleep();
	err = ouro_type_check(type);
	if (err)
		return ERR_PTR(err);
	mutex_lock(&kinds_lock);
	kind = kind_register(heap, type, owner_to_pin(heap, owner));
	mutex_unlock(&kinds_lock);
	return kind;
}
EXPORT_SYMBOL_OURO(__ouro_type_register);

/**
 * ouro_kind_builtin() - the kind of a type of the module's own, made at need
 * @heap: the heap
 * @which: of the types
 * @type: this one
 * @gfp: the caller's
 *
 * Context: As @gfp says; makes nothing where that may not block.
 * Return: the kind, or NULL.
 */
struct ouro_kind *ouro_kind_builtin(struct ouro_heap *heap,
				    enum ouro_builtin which,
				    const struct ouro_type *type, gfp_t gfp)
{
	/* Pairs with the release below. */
	struct ouro_kind *kind = smp_load_acquire(&heap->builtin[which]);

	ouro_block_might_alloc(gfp);
	if (kind || !gfpflags_allow_blocking(gfp))
		return kind;
	mutex_lock(&kinds_lock);
	kind = heap->builtin[which];
	if (!kind) {
		kind = kind_register(heap, type, NULL);
		if (IS_ERR(kind))
			kind = NULL;
		/* Pairs with the acquire above. */
		smp_store_release(&heap->builtin[which], kind);
	}
	mutex_unlock(&kinds_lock);
	return kind;
}

/* ---- the end of a heap ---- */

static void visit_pools(struct ouro_class *class, ouro_pool_fn fn, void *arg)
{
	struct ouro_pool *pool;
	unsigned int i;

	for (i = 0; i < OURO_BUCKETS; i++)
		hlist_for_each_entry(pool, &class->pools[i], link)
			fn(pool, arg);
}

/**
 * ouro_kind_visit_pools() - visit the pools of all kinds of a dying heap
 * @heap: that nobody uses any more
 * @fn: called for each; puts no pool on another list
 * @arg: for @fn
 *
 * Context: Process context.
 */
void ouro_kind_visit_pools(struct ouro_heap *heap, ouro_pool_fn fn,
			   void *arg)
{
	struct ouro_class *class;

	llist_for_each_entry(class, heap->typed.first, link)
		visit_pools(class, fn, arg);
}

/* Of a type that has gone with its module: its objects are as good as blocks. */
static const struct ouro_type gone_type = {
	.name = "(gone)",
	.size = sizeof(struct ouro_object),
};

static bool is_builtin(const struct ouro_kind *kind)
{
	unsigned int i;

	for (i = 0; i < OURO_BUILTINS; i++)
		if (kind->heap->builtin[i] == kind)
			return true;
	return false;
}

/**
 * ouro_kind_orphan_all() - the module that created a heap goes
 * @heap: that it left behind, and nobody looks at
 *
 * Types of other modules are pinned.
 *
 * Context: Process context.
 */
void ouro_kind_orphan_all(struct ouro_heap *heap)
{
	struct ouro_kind *kind;

	mutex_lock(&kinds_lock);
	list_for_each_entry(kind, &heap->kinds, link)
		if (!kind->owner && !is_builtin(kind))
			WRITE_ONCE(kind->type, &gone_type);
	mutex_unlock(&kinds_lock);
}

/* The classes and kinds of a heap whose arenas are gone. */
void ouro_kind_destroy_all(struct ouro_heap *heap)
{
	struct ouro_kind *kind, *next;

	list_for_each_entry_safe(kind, next, &heap->kinds, link)
		kind_destroy(kind);
	ouro_roster_exit(heap);
}
