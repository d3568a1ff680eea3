/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Heaps, as the module sees them.
 */
#ifndef OURO_MODULE_HEAP_H
#define OURO_MODULE_HEAP_H

#include <linux/mutex.h>
#include <ouro/type.h>
#include "arena.h"
#include "class.h"
#include "collector.h"
#include "magazine.h"
#include "ouro.h"
#include "reap.h"
#include "roster.h"

struct dentry;
struct ouro_growth;
struct ouro_large;
struct ouro_pins;
struct ouro_reserve;

/* Types of the module's own: containers. */
enum ouro_builtin {
	OURO_BUILTIN_VECTOR,
	OURO_BUILTIN_LIST,
	OURO_BUILTIN_MAP,
	OURO_BUILTIN_WEAK_MAP,
	OURO_BUILTINS
};

/**
 * struct ouro_body - what a heap gets with its first allocation
 * @fronts: OURO_CLASSES on each CPU
 * @depot: for each class one on each node
 * @class: the pools
 */
struct ouro_body {
	struct ouro_front __percpu *fronts;
	struct ouro_depot *depot;
	struct ouro_class class[OURO_CLASSES];
};

/**
 * struct ouro_heap - owner of memory
 * @fronts: where the fast path looks: the body's, or the idle ones before
 *	there is a body and always in heaps that are not fast; set once
 * @hardened: the body's in hardened heaps that are no debug heaps, and no
 *	init_on_free; idle ones elsewhere and before there is a body; set once
 * @body: NULL until the first allocation; set once, with release
 * @flags: of enum ouro_heap_flags, fixed
 * @node: where pages come from, fixed
 * @limit: bytes, 0: none; written any time
 * @limited: the limit stood in the way since the last failure was counted
 * @held: bytes of arenas and large blocks; @held <= @limit when it grows
 * @peak: highest @held
 * @metadata: bytes of everything else the heap took
 * @parked: blocks' bytes in the depots, what the shrinker may hope for
 * @limit_hits: allocations refused for the limit
 * @failed: allocations refused for any reason
 * @misuse: reports of bad frees
 * @loose: sparse.c shall look at its classes
 * @drain: and empties magazines for sparse pools; guarded by ouro_heaps_lock
 * @arena_lock: guards @arenas, @narenas, @units and the arenas' @free and
 *	@closing
 * @units: in all arenas
 * @minor_units: in those that are minor
 * @arenas: by fls(free units), the fullest first; then the minor ones, the same way
 * @narenas: on all lists
 * @large_lock: guards @larges, @nlarge and @large_bytes
 * @larges: large blocks
 * @nlarge: on @larges
 * @large_bytes: of pages in @larges
 * @large_allocs: large blocks allocated so far
 * @rcu_pending: callbacks on their way that will free blocks or pools
 * @id: in weak handles
 * @typed: classes of objects; only ever added to
 * @kinds: registered types; only ever added to, read under RCU
 * @builtin: of @kinds those of the module's own types, NULL: not yet
 * @reaper: objects that wait for their death
 * @roster: pools of objects that may be part of cycles
 * @collector: frees these
 * @named: there were weak handles to some of its objects
 * @nameless: no more weak handles: the heap is being destroyed
 * @ending: what is put is not destroyed any more: the heap is
 * @link: in the list of heaps; guarded by ouro_heaps_lock
 * @dying: claimed by ouro_heap_destroy(); written under ouro_heaps_lock, and read by
 *	who is about to take long
 * @memcg: charged for pages, or NULL
 * @owner: module that created it, told when it goes without destroying it
 * @sites_mode: of enum ouro_site_mode
 * @sites_epoch: how often sites were forgotten
 * @sites_every: of so many allocations one has its stack saved
 * @sites_seen: allocations looked at for that
 * @sites_since: jiffies, since when sites are noted
 * @reserve: that the heap was created with, or NULL
 * @reserves: all of its reserves; guarded by ouro_heaps_lock
 * @key: lockdep's, four from the line that created the heap: locks, the reaper's
 *	work, the collector's, its mutex
 * @name: unique among living heaps
 * @asked: what shall be told why it lives; guarded by a lock of why_file.c
 * @dir: in debugfs
 * @dir_full: it has all files; of who creates, orphans or destroys
 * @mark: what growth is counted from, or NULL; guarded by mark_lock
 * @pins: names of references, NULL: there were none; set once
 * @pins_lost: names that came when there was no memory for @pins
 */
struct ouro_heap {
	struct ouro_front __percpu *fronts;
	struct ouro_front __percpu *hardened;
	struct ouro_body *body;
	unsigned int flags;
	int node;

	unsigned long limit;
	bool limited;
	atomic_long_t held;
	atomic_long_t peak;
	atomic_long_t metadata;
	atomic_long_t parked;
	atomic_long_t limit_hits;
	atomic_long_t failed;
	atomic_long_t misuse;
	bool loose;
	bool drain;

	raw_spinlock_t arena_lock;
	unsigned int narenas;
	unsigned int units;
	unsigned int minor_units;
	struct list_head arenas[OURO_ARENA_LISTS];

	raw_spinlock_t large_lock;
	struct list_head larges;
	unsigned long nlarge;
	unsigned long large_bytes;
	atomic_long_t large_allocs;

	atomic_long_t rcu_pending;
	u32 id;
	struct llist_head typed;
	struct list_head kinds;
	struct ouro_kind *builtin[OURO_BUILTINS];
	struct ouro_reaper reaper;
	struct ouro_roster roster;
	struct ouro_collector collector;
	bool named;
	bool nameless;
	bool ending;
	struct list_head link;
	bool dying;
	struct mem_cgroup *memcg;
	struct module *owner;
	struct lock_class_key *key;
	u8 sites_mode;
	u32 sites_epoch;
	unsigned int sites_every;
	atomic_t sites_seen;
	unsigned long sites_since;
	struct ouro_reserve *reserve;
	struct list_head reserves;
	char asked[OURO_TYPE_NAME_MAX];
	struct dentry *dir;
	bool dir_full;
	struct ouro_growth *mark;
	char name[OURO_NAME_MAX];
	struct ouro_pins *pins;
	atomic_t pins_lost;
};

static_assert(offsetof(struct ouro_heap, fronts) == 0);	/* for what is inlined */

/* Guards the list of heaps; outside every other lock of the module. */
extern struct mutex ouro_heaps_lock;
extern struct list_head ouro_heaps;

static inline bool ouro_heap_is_checked(const struct ouro_heap *heap)
{
	return heap->flags & (OURO_HEAP_HARDENED | OURO_HEAP_DEBUG);
}

/* Whether it is served by the next best path: that tests state bits, no more. */
static inline bool ouro_heap_is_hardened(const struct ouro_heap *heap)
{
	return (heap->flags & (OURO_HEAP_HARDENED | OURO_HEAP_DEBUG)) ==
	       OURO_HEAP_HARDENED && !want_init_on_free();
}

/*
 * Whether the fast path may serve the heap: not where every free has more to do
 * than to push a block.
 */
static inline bool ouro_heap_is_fast(const struct ouro_heap *heap)
{
	return !ouro_heap_is_checked(heap) && !want_init_on_free();
}

static inline bool ouro_heap_is_debug(const struct ouro_heap *heap)
{
	return heap->flags & OURO_HEAP_DEBUG;
}

/* Counts an allocation that is about to return NULL.  True: for the limit. */
static inline bool ouro_heap_failed(struct ouro_heap *heap)
{
	atomic_long_inc(&heap->failed);
	if (!READ_ONCE(heap->limited))
		return false;
	WRITE_ONCE(heap->limited, false);
	atomic_long_inc(&heap->limit_hits);
	return true;
}

/* The class behind @class, NULL: the first; NULL at the end.  Blocks first. */
static inline struct ouro_class *
ouro_heap_next_class(const struct ouro_heap *heap, struct ouro_class *class)
{
	/* Pairs with ouro_heap_body(). */
	struct ouro_body *body = smp_load_acquire(&heap->body);
	struct llist_node *link;

	if (!class && body)
		return body->class;
	if (class && !class->kind && class + 1 < body->class + OURO_CLASSES)
		return class + 1;
	link = class && class->kind ? class->link.next :
				      READ_ONCE(heap->typed.first);
	return link ? llist_entry(link, struct ouro_class, link) : NULL;
}

/* Those that are there when it begins, at least. */
#define ouro_heap_for_each_class(heap, class)				\
	for (class = ouro_heap_next_class(heap, NULL); class;		\
	     class = ouro_heap_next_class(heap, class))

void ouro_reserve_destroy_all(struct ouro_heap *heap);

void ouro_heap_settle(struct ouro_heap *heap);
struct ouro_body *ouro_heap_body(struct ouro_heap *heap, gfp_t gfp);
int ouro_heap_init(void);
void ouro_heap_exit(void);

#endif /* OURO_MODULE_HEAP_H */
