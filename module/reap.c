// SPDX-License-Identifier: GPL-2.0
/*
 * Reaping: objects die without recursion, in slices.
 *
 * Who puts a last reference buries the object, and some that fall with it, in a
 * slice (slice.c).  What is too much for that, and what may not die where it was
 * put, is doomed: its bit is set in its pool, the pool is queued, and a worker
 * buries it.  Nothing is written into a dead object to link it.
 *
 * A doomed bit is the right to bury, and there is one for each death: it is set
 * by whoever saw the count come to OURO_COUNT_DEAD for good, or claimed the
 * object for its finalizer, and so holds the last reference.  Who announces the
 * first bit of a pool queues it, and whoever has set a bit kicks the worker; the
 * worker queues a pool again as long as announced bits are yet to come.  So a
 * pool is queued only while an object in it is not free, and is there.
 *
 * Nobody but the worker looks at the queue: a put does not run callbacks of what
 * others put, under whatever locks its caller has.
 */
#include "ouro.h"
#include <linux/rcupdate.h>
#include <linux/sched/task_stack.h>
#include "heap.h"
#include "object.h"
#include "reap.h"
#include "slice.h"
#include "weak.h"

/* ---- leaving it to the worker ---- */

static struct workqueue_struct *reap_wq;

static void kick(struct ouro_heap *heap)
{
	if (ouro_context_is_easy())
		queue_work(reap_wq, &heap->reaper.work);
	else
		irq_work_queue(&heap->reaper.irq_work);
}

static void reap_kick(struct irq_work *work)
{
	struct ouro_reaper *reaper =
		container_of(work, struct ouro_reaper, irq_work);

	queue_work(reap_wq, &reaper->work);
}

/*
 * Leaves an object to the worker, whom the caller owes a kick.  Setting the bit
 * is the last touch of the pool: from then on the object may be buried.
 */
void ouro_doom(struct ouro_pool *pool, struct ouro_object *object)
{
	struct ouro_objects *objects = pool->objects;
	unsigned int index = ouro_pool_index(pool, object);

	if (atomic_inc_return(&objects->announced) == 1)
		llist_add(&objects->link, &pool->heap->reaper.doomed);
	/* Full barrier; pairs with the xchg() in harvest(). */
	if (WARN_ON_ONCE(test_and_set_bit(index, objects->doomed)))
		atomic_dec(&objects->announced);
}

/* ---- the worker ---- */

/*
 * Takes a word of a queued pool's bits, and queues it again if there are more,
 * or some are announced and not there yet: then who sets them kicks.
 */
static unsigned long harvest(struct ouro_objects *objects, unsigned int *word)
{
	struct ouro_pool *pool = objects->pool;
	struct llist_head *queue = &pool->heap->reaper.doomed;
	unsigned long bits = 0;

	for (*word = 0; *word < BITS_TO_LONGS(pool->blocks); ++*word) {
		if (!READ_ONCE(objects->doomed[*word]))
			continue;
		/* Pairs with test_and_set_bit() in ouro_doom(). */
		bits = xchg(&objects->doomed[*word], 0);
		if (bits)
			break;
	}
	if (atomic_sub_return(hweight_long(bits), &objects->announced) > 0)
		llist_add(&objects->link, queue);
	return bits;
}

/* After the last of @bits is buried the pool may be gone. */
static void bury_bits(struct ouro_slice *s, struct ouro_pool *pool,
		      unsigned int word, unsigned long bits)
{
	unsigned int size = pool->size, bit;
	char *first = ouro_pool_block(pool, word * BITS_PER_LONG);

	for (; bits; bits &= bits - 1) {
		bit = __ffs(bits);
		s->todo[s->count++] = (struct ouro_object *)(first + bit * size);
		ouro_slice_run(s);
		if (!s->budget) {
			s->budget = OURO_SLICE_WORKER;
			cond_resched();
		}
	}
}

/* One round; false when nothing was to be had. */
static bool reap_queue(struct ouro_slice *s, struct llist_head *queue)
{
	struct llist_node *chain = llist_del_all(queue), *next;
	struct ouro_objects *objects;
	unsigned long bits;
	unsigned int word;
	bool any = false;

	for (; chain; chain = next) {
		next = chain->next;
		objects = llist_entry(chain, struct ouro_objects, link);
		bits = harvest(objects, &word);
		if (!bits)
			continue;
		any = true;
		bury_bits(s, objects->pool, word, bits);
	}
	return any;
}

/* What a slice has left to the worker is the worker's. */
void ouro_slice_end(struct ouro_slice *s)
{
	if (s->doomed)
		kick(s->heap);
	s->doomed = false;
}

static void reap_work(struct work_struct *work)
{
	struct ouro_reaper *reaper =
		container_of(work, struct ouro_reaper, work);
	struct ouro_slice s;

	ouro_slice_init(&s, container_of(reaper, struct ouro_heap, reaper),
			OURO_SLICE_WORKER, true);
	while (reap_queue(&s, &reaper->doomed))
		cond_resched();
	ouro_slice_end(&s);
}

/* ---- where it begins ---- */

/* With its callbacks not found, a slice may nest: down to half of the stack. */
static bool stack_is_low(void)
{
	unsigned long left = (unsigned long)__builtin_frame_address(0) -
			     (unsigned long)task_stack_page(current);

	return left < THREAD_SIZE / 2;
}

static bool may_bury_here(void)
{
	return !in_nmi() && !in_hardirq() && !irqs_disabled() &&
	       !ouro_context_is_tight() && !stack_is_low();
}

static void bury_here(struct ouro_pool *pool, struct ouro_object *object)
{
	struct ouro_slice s;

	ouro_slice_init(&s, pool->heap, OURO_SLICE_HERE, false);
	ouro_slice_add(&s, pool, object);
	ouro_slice_run(&s);
	ouro_slice_end(&s);
}

/*
 * Leaves a dead object to the worker, wherever that is known.  Within an RCU read
 * section, or with another hold on the heap.
 */
void ouro_reap_later(struct ouro_pool *pool, struct ouro_object *object)
{
	struct ouro_heap *heap = pool->heap;

	ouro_doom(pool, object);
	kick(heap);
}

static void reap(struct ouro_pool *pool, struct ouro_object *object)
{
	struct ouro_heap *heap = pool->heap;
	struct ouro_slice *around;

	/* Its turn comes in ouro_reap_release_all(), which allows no short end. */
	if (unlikely(READ_ONCE(heap->ending)))
		return;
	if (!may_bury_here()) {
		ouro_reap_later(pool, object);
		return;
	}
	around = ouro_slice_around();
	if (!around) {
		bury_here(pool, object);
	} else if (around->heap == heap) {
		ouro_slice_add(around, pool, object);
	} else {
		/* Who destroys this heap does not wait for that slice. */
		ouro_reap_later(pool, object);
	}
}

/**
 * ouro_reap() - see to what follows the last reference
 * @object: whose count the caller brought to OURO_COUNT_DEAD
 * @word: of it, then
 * @caller: return address of who put the reference
 *
 * Context: Any, NMI included; see ouro_put().
 */
void ouro_reap(struct ouro_object *object, u64 word, unsigned long caller)
{
	struct ouro_pool *pool = ouro_pool_of_object(object);

	if (unlikely(!pool) || unlikely(!ouro_pool_is_block(pool, object))) {
		ouro_object_report(OURO_MISUSE_NO_OBJECT, object, caller);
		return;
	}
	/*
	 * A callback may tell somebody who then destroys the heap: that waits
	 * for us.  Pairs with synchronize_rcu() in ouro_reap_end().
	 */
	rcu_read_lock();
	if (!(word & OURO_WORD_FINALIZE) || ouro_slice_claim(object, word))
		reap(pool, object);
	rcu_read_unlock();
}

/**
 * ouro_heap_flush() - wait for what is dying
 * @heap: the heap
 *
 * Every object whose last reference was put before the call, and everything
 * that only it held, is gone when this returns; callbacks have returned.  (What
 * a callback puts that still runs somewhere else was not put before.)
 *
 * Context: Process context, may sleep; not from a callback.
 */
void ouro_heap_flush(struct ouro_heap *heap)
{
	struct ouro_reaper *reaper = &heap->reaper;
	bool more;

	might_sleep();
	/*
	 * What was put is in the queue or in the worker's hands, and the worker
	 * ends with a kick if there is more: so an empty queue, and after that
	 * an idle worker, mean that all is gone.  The irq_work only kicks; not
	 * to wait for it spares a grace period where the kernel has no interrupt
	 * for it.
	 */
	do {
		more = !llist_empty(&reaper->doomed);
		if (more)
			queue_work(reap_wq, &reaper->work);
	} while (flush_work(&reaper->work) || more);
}
EXPORT_SYMBOL_OURO(ouro_heap_flush);

/* ---- the end of a heap ---- */

/**
 * ouro_reap_end() - bury what is dying, for the last time
 * @heap: that nobody uses any more
 *
 * Handles to its objects name nothing afterwards, and nobody is in a callback.
 *
 * Context: Process context, may sleep.
 */
void ouro_reap_end(struct ouro_heap *heap)
{
	struct ouro_reaper *reaper = &heap->reaper;

	/* Nobody moves pools while they are visited. */
	ouro_heap_flush(heap);
	/* Pairs with ouro_reap(). */
	synchronize_rcu();
	ouro_heap_settle(heap);
	if (ouro_weak_retire_all(heap))
		/* Pairs with ouro_weak_get(), and what is put in its section. */
		synchronize_rcu();
	do {
		ouro_heap_flush(heap);
		irq_work_sync(&reaper->irq_work);
		cancel_work_sync(&reaper->work);
	} while (!llist_empty(&reaper->doomed));
}

static void condemn(struct ouro_pool *pool, void *arg)
{
	unsigned int i;

	WRITE_ONCE(pool->end, OURO_END_LONG);
	for (i = 0; i < pool->blocks; i++)
		if (ouro_object_is_live(ouro_pool_block(pool, i)))
			__set_bit(i, pool->objects->doomed);
}

static void release_one(struct ouro_pool *pool, struct ouro_object *object)
{
	struct ouro_kind *kind = pool->class->kind;
	struct ouro_span span = ouro_kind_span(kind, pool, object);
	HLIST_HEAD(watches);
	unsigned int i;
	int idx;

	for (i = 0; i < kind->type->nslots; i++)
		ouro_kind_slot(kind, object, i)->object = NULL;
	if (kind->type->release) {
		if (span.count)
			memset(span.slot, 0, span.count * sizeof(*span.slot));
		kind->type->release(object);
	}
	/* Pairs with ouro_watch_remove_sync(). */
	idx = srcu_read_lock(&ouro_deaths);
	ouro_weak_detach(pool, object, &watches);
	ouro_weak_tell(&watches);
	srcu_read_unlock(&ouro_deaths, idx);
}

static void release_pool(struct ouro_pool *pool, void *arg)
{
	unsigned int i;

	if (!pool->class->kind->type->release && !pool->objects->weaks)
		return;
	for_each_set_bit(i, pool->objects->doomed, pool->blocks)
		release_one(pool, ouro_pool_block(pool, i));
	cond_resched();
}

/**
 * ouro_reap_release_all() - the objects that a dying heap still has
 * @heap: after ouro_reap_end()
 *
 * Each live one of a type with a release gets it, its slots NULL; finalizers do
 * not run.  What such a release puts is not destroyed by that.
 *
 * Context: Process context; costs a look at each object, live or dead.
 */
void ouro_reap_release_all(struct ouro_heap *heap)
{
	struct ouro_kind *kind;

	WRITE_ONCE(heap->ending, true);
	list_for_each_entry(kind, &heap->kinds, link)
		WRITE_ONCE(kind->leaf, false);
	ouro_kind_visit_pools(heap, condemn, NULL);
	ouro_kind_visit_pools(heap, release_pool, NULL);
}

/* @key: of the heap's work, for lockdep. */
void ouro_reaper_init(struct ouro_reaper *reaper, struct lock_class_key *key)
{
	init_llist_head(&reaper->doomed);
	INIT_WORK(&reaper->work, reap_work);
	ouro_reaper_set_key(reaper, key);
	init_irq_work(&reaper->irq_work, reap_kick);
}

void ouro_reaper_set_key(struct ouro_reaper *reaper, struct lock_class_key *key)
{
#ifdef CONFIG_LOCKDEP
	lockdep_init_map(&reaper->work.lockdep_map, "ouro_reap", key, 0);
#endif
}

int __init ouro_reap_init(void)
{
	/* Callbacks wait for work of others: this is not for WQ_MEM_RECLAIM. */
	reap_wq = alloc_workqueue("ouro_reap", WQ_UNBOUND, 0);
	return reap_wq ? 0 : -ENOMEM;
}

void ouro_reap_exit(void)
{
	destroy_workqueue(reap_wq);
}
