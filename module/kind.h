/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kinds: types as registered with one heap, and the pools of their objects.
 */
#ifndef OURO_KIND_H
#define OURO_KIND_H

#include <linux/srcu.h>
#include <ouro/object.h>
#include <ouro/type.h>
#include "class.h"
#include "heap.h"
#include "ouro.h"
#include "pool.h"

struct ouro_roster_page;
struct ouro_weaks;

/* Of types of the module's own: at ->array is a pointer to an ouro_array. */
#define OURO_TYPE_ARRAY_APART	BIT(31)

/* By size: as blocks up to OURO_CLASS_MAX, whole units above. */
#define OURO_KIND_CLASSES	(OURO_CLASSES + OURO_OBJECT_MAX / SZ_16K)

static_assert(OURO_UNIT == SZ_16K);
static_assert(OURO_OBJECT_MAX <= OURO_ARENA_UNITS * SZ_16K);

/**
 * struct ouro_run - bytes of an object that are neither header nor slot
 * @offset: in bytes
 * @bytes: of it
 */
struct ouro_run {
	u32 offset;
	u32 bytes;
};

/**
 * struct ouro_array - the slots of a container, apart from it
 * @rcu: readers may be in an array that was replaced
 * @heap: of the container
 * @capacity: slots
 * @used: no slot at or above this one is set; guarded by the container's lock
 * @slot: NULL or valid from the moment the array is published
 */
struct ouro_array {
	struct rcu_head rcu;
	struct ouro_heap *heap;
	u32 capacity;
	u32 used;
	struct ouro_slot slot[];
};

/**
 * struct ouro_kind - a type in a heap
 * @fronts: where ouro_new() looks: those of @class, or the idle ones in heaps
 *	that are not fast
 * @fresh: what a dead word's version needs on top to be that of a new object
 * @plain: a new object needs nothing but its word
 * @tracked: may be part of cycles, and its pools are in the roster
 * @mode: of enum ouro_collect_mode
 * @leaf: a dead object needs nothing but its block given back
 * @array_apart: @type has OURO_TYPE_ARRAY_APART
 * @class: of objects without a trailing array
 * @type: what was registered
 * @heap: owner
 * @owner: the pinned module, or NULL
 * @link: on heap->kinds
 * @room: for @runs
 * @nruns: of @runs
 * @runs: the payload: what is neither header nor slot, in order
 * @sized: by class_index() of kind.c for types with an array, else NULL
 */
struct ouro_kind {
	struct ouro_front __percpu *fronts;
	u64 fresh;
	bool plain;
	bool tracked;
	u8 mode;
	bool leaf;
	bool array_apart;
	struct ouro_class *class;
	const struct ouro_type *type;
	struct ouro_heap *heap;
	struct module *owner;
	struct list_head link;
	unsigned int room;
	unsigned int nruns;
	struct ouro_run *runs;
	struct ouro_class **sized;
};

/**
 * struct ouro_objects - what a pool of objects has in addition
 * @pool: it belongs to
 * @link: on heap->reaper.doomed while @announced is not 0
 * @announced: objects about to be doomed, or doomed and not harvested
 * @number: names the pool: in handles, and for people
 * @weaks: weak handles' table, made on first use, or NULL
 * @graves: for kinds with OURO_TYPE_RCU, else NULL
 * @page: of the roster that the pool is in, or NULL
 * @frozen: objects that no scan looks at, while @holds_frozen; or NULL
 * @scanned: the next pool of a scan
 * @waiting: the next pool with @pending objects
 * @retired: all blocks are back in it, and it goes; guarded by roster->lock
 * @place: in @page
 * @pending: plus one: the first object that was reached, and what it refers to
 *	was not looked at; the others follow from note to note
 * @alive: objects that the scan found alive
 * @old: every block out of the pool was an object that the last scan of it found
 *	alive, as far as that has come
 * @holds_frozen: see ouro_heap_freeze(): pool->end is OURO_END_FROZEN, where it
 *	would be short
 * @doomed: bit set: the object waits for its death
 */
struct ouro_objects {
	struct ouro_pool *pool;
	struct llist_node link;
	atomic_t announced;
	u32 number;
	struct ouro_weaks *weaks;
	struct ouro_graves *graves;
	struct ouro_roster_page *page;
	unsigned long *frozen;
	struct ouro_objects *scanned;
	struct ouro_objects *waiting;
	u16 place;
	u16 pending;
	u16 alive;
	bool old;
	bool holds_frozen;
	bool retired;
	unsigned long doomed[];
};

/**
 * struct ouro_graves - dead objects whose memory waits for a grace period
 * @rcu: of the grace period that @waiting waits for
 * @pool: they lie in
 * @busy: bit 0: there is a grace period waited for
 * @next: bit set: dead, and waits for the next grace period
 * @waiting: bit set: dead, and waits for this one
 * @bits: the memory of both
 */
struct ouro_graves {
	struct rcu_head rcu;
	struct ouro_pool *pool;
	unsigned long busy;
	unsigned long *next;
	unsigned long *waiting;
	unsigned long bits[];
};

/* Around a scan's looks into arrays apart: these stay where they are. */
extern struct srcu_struct ouro_array_readers;

typedef void (*ouro_pool_fn)(struct ouro_pool *pool, void *arg);

/* Some slots side by side. */
struct ouro_span {
	struct ouro_slot *slot;
	unsigned int count;
};

/* Where the part of an object ends that its type's size describes. */
static inline size_t ouro_type_fixed_end(const struct ouro_type *type)
{
	bool apart = type->flags & OURO_TYPE_ARRAY_APART;

	return type->array && !apart ? type->array : type->size;
}

static inline struct ouro_slot *ouro_kind_slot(const struct ouro_kind *kind,
					       struct ouro_object *object,
					       unsigned int i)
{
	return (void *)object + kind->type->slots[i].offset;
}

static inline bool ouro_object_is_live(const struct ouro_object *object)
{
	return (atomic64_read(&object->word) & OURO_COUNT_MASK) >
	       OURO_COUNT_DEAD;
}

struct ouro_span ouro_kind_span(const struct ouro_kind *kind,
				const struct ouro_pool *pool,
				struct ouro_object *object);

/* Of what ouro_kind_span() has returned; NULL: the slots are not apart. */
static inline struct ouro_array *
ouro_span_array(const struct ouro_kind *kind, struct ouro_span span)
{
	return kind->array_apart && span.slot ?
	       container_of(span.slot, struct ouro_array, slot[0]) : NULL;
}

struct ouro_class *ouro_kind_class(struct ouro_kind *kind, size_t size,
				   gfp_t gfp);
static inline bool ouro_payload_is_kept(const struct ouro_kind *kind)
{
	return kind->type->flags & OURO_TYPE_INIT_ONCE;
}

void ouro_payload_find(struct ouro_kind *kind);
void ouro_payload_open(const struct ouro_kind *kind, struct ouro_object *object,
		       bool zero);
void ouro_payload_close(const struct ouro_kind *kind,
			struct ouro_object *object);
void ouro_payload_poison(const struct ouro_kind *kind,
			 struct ouro_object *object);
bool ouro_kind_has_slot(const struct ouro_kind *kind,
			const struct ouro_pool *pool,
			const struct ouro_slot *slot);
struct ouro_kind *ouro_kind_builtin(struct ouro_heap *heap,
				    enum ouro_builtin which,
				    const struct ouro_type *type, gfp_t gfp);
void ouro_kind_visit_pools(struct ouro_heap *heap, ouro_pool_fn fn,
			   void *arg);
int ouro_type_check(const struct ouro_type *type);
void ouro_kind_orphan_all(struct ouro_heap *heap);
void ouro_kind_destroy_all(struct ouro_heap *heap);

#endif /* OURO_KIND_H */
