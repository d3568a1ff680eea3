// SPDX-License-Identifier: GPL-2.0
/*
 * Heaps: birth, attributes and death.
 */
#include "ouro.h"
#include <linux/ctype.h>
#include <linux/err.h>
#include <ouro/reserve.h>
#include "backing.h"
#include "check.h"
#include "debugfs.h"
#include "fail.h"
#include "depot.h"
#include "growth.h"
#include "heap.h"
#include "kind.h"
#include "large.h"
#include "leak.h"
#include "pin.h"
#include "site.h"
#include "stat.h"
#include "weak.h"

DEFINE_MUTEX(ouro_heaps_lock);	/* see heap.h */
LIST_HEAD(ouro_heaps);

static bool harden_all;
module_param_named(hardened, harden_all, bool, 0444);
MODULE_PARM_DESC(hardened, "every heap is hardened (default: as created)");

static size_t depots_size(void)
{
	return array3_size(nr_node_ids, OURO_CLASSES,
			   sizeof(struct ouro_depot));
}

static void body_destroy(struct ouro_heap *heap, struct ouro_body *body)
{
	if (!body)
		return;
	free_percpu(body->fronts);
	ouro_backing_free_meta(heap, body->depot, depots_size());
	ouro_backing_free_meta(heap, body, sizeof(*body));
}

static struct ouro_front __percpu *fronts_create(struct ouro_heap *heap,
						 gfp_t gfp)
{
	struct ouro_front __percpu *fronts;
	size_t size = sizeof(*fronts) * OURO_CLASSES;

	fronts = ouro_backing_percpu(heap, size, __alignof__(*fronts), gfp);
	if (fronts)
		ouro_front_init(fronts, OURO_CLASSES);
	return fronts;
}

static struct ouro_body *body_create(struct ouro_heap *heap, gfp_t gfp)
{
	struct ouro_body *body;
	unsigned int i;

	body = ouro_backing_meta(heap, sizeof(*body), gfp, NUMA_NO_NODE);
	if (!body)
		return NULL;
	body->depot = ouro_backing_meta(heap, depots_size(), gfp, NUMA_NO_NODE);
	body->fronts = fronts_create(heap, gfp);
	if (!body->depot || !body->fronts) {
		body_destroy(heap, body);
		return NULL;
	}
	for (i = 0; i < OURO_CLASSES * nr_node_ids; i++)
		ouro_depot_init(&body->depot[i], heap->key);
	for (i = 0; i < OURO_CLASSES; i++) {
		ouro_class_init(&body->class[i], heap, &ouro_geometry[i]);
		body->class[i].fronts = body->fronts + i;
		body->class[i].depot = body->depot + i * nr_node_ids;
	}
	return body;
}

/**
 * ouro_heap_body() - what a heap allocates with, made the first time
 * @heap: the heap
 * @gfp: the caller's
 *
 * Context: Any; makes nothing where the context is tight.
 * Return: the body, or NULL.
 */
struct ouro_body *ouro_heap_body(struct ouro_heap *heap, gfp_t gfp)
{
	/* Pairs with the cmpxchg() below. */
	struct ouro_body *body = smp_load_acquire(&heap->body);
	struct ouro_body *other;

	if (likely(body) || ouro_context_is_tight())
		return body;
	body = body_create(heap, gfp);
	if (!body)
		return NULL;
	other = cmpxchg(&heap->body, NULL, body);
	if (other) {
		body_destroy(heap, body);
		return other;
	}
	if (ouro_heap_is_fast(heap))
		/* Pairs with the address dependency of the fast path. */
		smp_store_release(&heap->fronts, body->fronts);
	else if (ouro_heap_is_hardened(heap))
		/* The same. */
		smp_store_release(&heap->hardened, body->fronts);
	return body;
}

static struct ouro_heap *find_name(const char *name)
{
	struct ouro_heap *heap;

	lockdep_assert_held(&ouro_heaps_lock);
	list_for_each_entry(heap, &ouro_heaps, link)
		if (!strcmp(heap->name, name))
			return heap;
	return NULL;
}

static bool name_is_good(const char *name)
{
	size_t i, len = name ? strnlen(name, OURO_NAME_MAX) : 0;

	if (!len || len == OURO_NAME_MAX || !isalnum(name[0]))
		return false;
	for (i = 0; i < len; i++)
		if (!isalnum(name[i]) && !strchr("-_.", name[i]))
			return false;
	/* Names of files beside the heaps' directories. */
	return strcmp(name, "heaps") && strcmp(name, "heaps.json") &&
	       strcmp(name, "misuse") && strcmp(name, "fail_ouro");
}

static int attr_check(const struct ouro_heap_attr *attr)
{
	if (!name_is_good(attr->name)) {
		pr_err("bad heap name\n");
		return -EINVAL;
	}
	if (attr->flags & ~OURO_HEAP_FLAGS) {
		pr_err("heap %s: unknown flags %#x\n", attr->name,
		       attr->flags & ~OURO_HEAP_FLAGS);
		return -EINVAL;
	}
	if (attr->node != NUMA_NO_NODE &&
	    (attr->node < 0 || attr->node >= MAX_NUMNODES ||
	     !node_online(attr->node))) {
		pr_err("heap %s: node %d is not there\n", attr->name,
		       attr->node);
		return -EINVAL;
	}
	if (attr->limit > LONG_MAX) {
		pr_err("heap %s: limit is too large\n", attr->name);
		return -EINVAL;
	}
	if (!attr->reserve_size != !attr->reserve_count) {
		pr_err("heap %s: a reserve needs a size and a count\n",
		       attr->name);
		return -EINVAL;
	}
	return 0;
}

static void heap_set_key(struct ouro_heap *heap)
{
	lockdep_set_class_and_subclass(&heap->arena_lock, heap->key,
				       OURO_LOCK_ARENA);
	lockdep_set_class_and_subclass(&heap->large_lock, heap->key,
				       OURO_LOCK_LARGE);
}

static struct ouro_heap *heap_alloc(const struct ouro_heap_attr *attr,
				    struct module *owner,
				    struct lock_class_key *key)
{
	struct ouro_heap *heap;
	unsigned int i;

	if (ouro_fail(sizeof(*heap)))
		return NULL;
	heap = kzalloc(sizeof(*heap), GFP_KERNEL);
	if (!heap)
		return NULL;
	strscpy(heap->name, attr->name, sizeof(heap->name));
	heap->flags = attr->flags;
	if (harden_all)
		heap->flags |= OURO_HEAP_HARDENED;
	heap->node = attr->node;
	heap->limit = attr->limit;
	heap->owner = owner;
	heap->key = key;
	heap->fronts = ouro_idle_fronts;
	heap->hardened = ouro_idle_fronts;
	raw_spin_lock_init(&heap->arena_lock);
	raw_spin_lock_init(&heap->large_lock);
	heap_set_key(heap);
	for (i = 0; i < OURO_ARENA_LISTS; i++)
		INIT_LIST_HEAD(&heap->arenas[i]);
	INIT_LIST_HEAD(&heap->larges);
	INIT_LIST_HEAD(&heap->reserves);
	init_llist_head(&heap->typed);
	INIT_LIST_HEAD(&heap->kinds);
	ouro_reaper_init(&heap->reaper, key + 1);
	ouro_roster_init(&heap->roster, key);
	ouro_collector_init(heap, key + 2);
	if (heap->flags & OURO_HEAP_ACCOUNT)
		heap->memcg = get_mem_cgroup_from_mm(current->mm);
	return heap;
}

static int heap_list(struct ouro_heap *heap)
{
	int err = 0;

	mutex_lock(&ouro_heaps_lock);
	if (find_name(heap->name)) {
		err = -EEXIST;
	} else {
		/* Under the lock: who goes on by ids has met all below. */
		heap->id = ouro_weak_heap_id();
		list_add_tail(&heap->link, &ouro_heaps);
	}
	mutex_unlock(&ouro_heaps_lock);
	if (err)
		pr_err("heap %s: a heap of that name lives\n", heap->name);
	return err;
}

static void heap_free(struct ouro_heap *heap)
{
	if (heap->memcg)
		mem_cgroup_put(heap->memcg);
	kfree(heap);
}

/* All that was allocated for a heap that nobody uses any more. */
static void heap_destroy_contents(struct ouro_heap *heap)
{
	struct ouro_class *class;

	/* What was freed and waits for the worker is on our lists still. */
	ouro_large_flush();
	ouro_arena_flush();
	ouro_large_destroy_all(heap);
	ouro_heap_for_each_class(heap, class)
		ouro_magazine_destroy_all(class);
	ouro_arena_destroy_all(heap);
	ouro_kind_destroy_all(heap);
	ouro_pins_destroy_all(heap);
	body_destroy(heap, heap->body);
}

/* See ouro_heap_create_attr(). */
struct ouro_heap *__ouro_heap_create(const struct ouro_heap_attr *attr,
				     struct module *owner,
				     struct lock_class_key *key)
{
	struct ouro_heap *heap;
	int err;

	err = attr_check(attr);
	if (err)
		return ERR_PTR(err);
	if (!try_module_get(THIS_MODULE))
		return ERR_PTR(-ENODEV);
	heap = heap_alloc(attr, owner, key);
	err = -ENOMEM;
	if (!heap)
		goto put_module;
	if (attr->reserve_count) {
		struct ouro_reserve *reserve;

		reserve = ouro_reserve_create(heap, attr->reserve_size,
					      attr->reserve_count, GFP_KERNEL);
		err = PTR_ERR_OR_ZERO(reserve);
		if (err)
			goto destroy_contents;
		heap->reserve = reserve;
	}
	err = heap_list(heap);
	if (err)
		goto destroy_reserve;
	ouro_debugfs_add(heap);
	return heap;

destroy_reserve:
	ouro_reserve_destroy(heap->reserve);
destroy_contents:
	heap_destroy_contents(heap);
	heap_free(heap);
put_module:
	module_put(THIS_MODULE);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_OURO(__ouro_heap_create);

/* Claims a living heap for its one destroyer; reads nothing of a dead one. */
static bool heap_claim(struct ouro_heap *dying)
{
	struct ouro_heap *heap;
	bool claimed = false;

	mutex_lock(&ouro_heaps_lock);
	list_for_each_entry(heap, &ouro_heaps, link) {
		if (heap == dying) {
			claimed = !heap->dying;
			WRITE_ONCE(heap->dying, true);
			break;
		}
	}
	mutex_unlock(&ouro_heaps_lock);
	return claimed;
}

static void heap_unlist(struct ouro_heap *heap)
{
	mutex_lock(&ouro_heaps_lock);
	list_del(&heap->link);
	mutex_unlock(&ouro_heaps_lock);
}

/* Waits for callbacks; those of graves may begin anew. */
void ouro_heap_settle(struct ouro_heap *heap)
{
	/* Pairs with free_after_grace() and its like. */
	while (atomic_long_read_acquire(&heap->rcu_pending)) {
		rcu_barrier();
		if (atomic_long_read(&heap->rcu_pending))
			srcu_barrier(&ouro_array_readers);
	}
}

/**
 * ouro_heap_destroy() - give back everything a heap holds, and the heap
 * @heap: from ouro_heap_create(), NULL or ERR_PTR
 *
 * Costs a fixed amount per arena, whatever the number of live blocks; and a look
 * at each object of the heap.  Objects that are dying are waited for.  Those
 * that are live and whose type has a release get it, their slots NULL, but no
 * finalize; it must not make objects in this heap.  Every weak handle to one of
 * them names nothing then, and watches are told.
 *
 * Nobody may use the heap or its blocks any more; blocks on their way through
 * ouro_free_rcu() are waited for.  A heap that is not alive (destroyed twice)
 * is reported and left alone.
 *
 * Context: Process context, may sleep.
 * Return: the number of blocks and objects that were still live; which they were is
 * in the kernel log: by type, by who allocated them where that was noted, and by
 * who holds them.
 */
unsigned long ouro_heap_destroy(struct ouro_heap *heap)
{
	struct ouro_heap_stat stat;

	might_sleep();
	if (IS_ERR_OR_NULL(heap))
		return 0;
	if (!heap_claim(heap)) {
		atomic_long_inc(&ouro_misuses);
		pr_err("destroy of a heap that is not alive, by %pS\n",
		       (void *)_RET_IP_);
		return 0;
	}
	/* The name is free for another heap once its directory is gone. */
	ouro_debugfs_remove(heap);
	heap_unlist(heap);
	ouro_collector_stop(heap);
	ouro_reserve_destroy_all(heap);
	if (!list_empty(&heap->kinds))
		ouro_reap_end(heap);
	ouro_heap_settle(heap);
	ouro_large_flush();

	ouro_heap_stat(heap, &stat);
	if (stat.live) {
		ouro_leak_tell(heap, &stat);
		ouro_stat_trace_leaks(heap);
	}
	ouro_reap_release_all(heap);
	ouro_weak_destroy_all(heap);
	ouro_heap_settle(heap);
	ouro_sites_end(heap);
	ouro_growth_end(heap);
	heap_destroy_contents(heap);
	ouro_collector_end(heap);
	heap_free(heap);
	module_put(THIS_MODULE);
	return stat.live;
}
EXPORT_SYMBOL_OURO(ouro_heap_destroy);

/**
 * ouro_heap_set_limit() - change how many bytes of pages a heap may hold
 * @heap: the heap
 * @limit: in bytes, 0: no limit
 *
 * A limit below what is held is kept from now on: nothing more is taken until
 * enough was given back.
 *
 * Context: Any.
 * Return: 0, or -EINVAL when @limit is above LONG_MAX.
 */
int ouro_heap_set_limit(struct ouro_heap *heap, size_t limit)
{
	if (limit > LONG_MAX)
		return -EINVAL;
	WRITE_ONCE(heap->limit, limit);
	return 0;
}
EXPORT_SYMBOL_OURO(ouro_heap_set_limit);

/**
 * ouro_heap_limit() - the limit of a heap
 * @heap: the heap
 *
 * Context: Any.
 * Return: bytes, 0: none.
 */
size_t ouro_heap_limit(const struct ouro_heap *heap)
{
	return READ_ONCE(heap->limit);
}
EXPORT_SYMBOL_OURO(ouro_heap_limit);

/**
 * ouro_heap_name() - the name of a heap
 * @heap: the heap
 *
 * Context: Any.
 * Return: the name, valid while the heap lives.
 */
const char *ouro_heap_name(const struct ouro_heap *heap)
{
	return heap->name;
}
EXPORT_SYMBOL_OURO(ouro_heap_name);

static struct lock_class_key orphan_keys[4];

/* The key that came from the creator goes with its module. */
static void heap_rekey(struct ouro_heap *heap)
{
	struct ouro_class *class;
	unsigned int node;

	heap->key = orphan_keys;
	heap_set_key(heap);
	ouro_reaper_set_key(&heap->reaper, heap->key + 1);
	ouro_roster_set_key(&heap->roster, heap->key);
	ouro_pins_set_key(heap, heap->key);
	ouro_collector_set_key(&heap->collector, heap->key + 2);
	ouro_heap_for_each_class(heap, class) {
		ouro_class_set_key(class, heap->key);
		for (node = 0; node < nr_node_ids; node++)
			ouro_depot_set_key(&class->depot[node], heap->key);
	}
}

/*
 * Nobody is in its files, nor in a scan, nor waits for one, while locks and types
 * change.  Not under ouro_heaps_lock: what is waited for may take it, or wait for
 * who does.
 */
static void heap_orphan(struct ouro_heap *heap)
{
	ouro_debugfs_remove(heap);
	ouro_collector_stop(heap);
	ouro_heap_flush(heap);
	mutex_lock(&ouro_heaps_lock);
	heap_rekey(heap);
	mutex_unlock(&ouro_heaps_lock);
	ouro_kind_orphan_all(heap);
	ouro_debugfs_add(heap);
}

/* The next heap of a module, which has no owner from now on. */
static struct ouro_heap *orphan_next(const struct module *owner)
{
	struct ouro_heap *heap, *found = NULL;

	mutex_lock(&ouro_heaps_lock);
	list_for_each_entry(heap, &ouro_heaps, link) {
		if (heap->owner != owner || heap->dying)
			continue;
		heap->owner = NULL;
		found = heap;
		break;
	}
	mutex_unlock(&ouro_heaps_lock);
	return found;
}

/*
 * Told when a module goes: it must have destroyed its heaps.  The types of those
 * that are left go with it, so nothing may look into their objects any more.
 */
static int module_event(struct notifier_block *nb, unsigned long event,
			void *data)
{
	struct ouro_heap *heap;

	if (event != MODULE_STATE_GOING || !data)
		return NOTIFY_DONE;
	while ((heap = orphan_next(data))) {
		pr_err("heap %s: left behind by module %s\n", heap->name,
		       module_name(data));
		atomic_long_inc(&ouro_misuses);
		heap_orphan(heap);
	}
	return NOTIFY_OK;
}

static struct notifier_block module_nb = {
	.notifier_call = module_event,
};

int __init ouro_heap_init(void)
{
	return register_module_notifier(&module_nb);
}

void ouro_heap_exit(void)
{
	unregister_module_notifier(&module_nb);
}
