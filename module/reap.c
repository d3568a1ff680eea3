// SPDX-License-Identifier: GPL-2.0
/*
 * Reaping: objects die without recursion, in slices.
 *
 * Who puts a last reference buries the object: finalize; weak handles become
 * NULL; the references in the slots are put; release; the block goes back; the
 * callbacks of weak handles.  What these puts kill in turn waits on a short
 * stack of the reaper's (a list falls with one entry on it), and what does not
 * fit there, or not into this slice, is doomed: its bit is set in its pool, the
 * pool is queued, and a worker buries it.  Nothing is written into a dead
 * object to link it.
 *
 * A doomed bit is the right to bury, and there is one for each death: it is set
 * by whoever saw the count come to OURO_COUNT_DEAD for good, or won the word for
 * the finalizer, and so holds the last reference.  A pool is queued by whoever
 * announces its first; it stays announced until the bits were harvested, and as
 * long as one is not, an object in the pool is not free, and the pool is there.
 */
#include "ouro.h"
#include <linux/interrupt.h>
#include <linux/rcupdate.h>
#include <linux/sched/task_stack.h>
#include "heap.h"
#include "object.h"
#include "reap.h"
#include "weak.h"

#define SLICE_STACK	16	/* objects that wait on a slice's stack */
#define SLICE_HERE	256	/* steps that a put takes at most */
#define SLICE_WORKER	4096	/* steps between two looks at the clock */

/**
 * struct slice - some work done in one go
 * @heap: whose objects
 * @budget: steps left: objects buried, references put
 * @worker: in process context, on a worker
 * @count: on @todo
 * @todo: dead, or to be finalized
 */
struct slice {
	struct ouro_heap *heap;
	unsigned int budget;
	bool worker;
	unsigned int count;
	struct ouro_object *todo[SLICE_STACK];
};

/* ---- leaving it to others ---- */

static void kick(struct ouro_heap *heap)
{
	if (ouro_context_is_easy())
		queue_work(ouro_wq, &heap->reaper.work);
	else
		irq_work_queue(&heap->reaper.irq_work);
}

static void reap_kick(struct irq_work *work)
{
	struct ouro_reaper *reaper =
		container_of(work, struct ouro_reaper, irq_work);

	queue_work(ouro_wq, &reaper->work);
}

static bool needs_worker(const struct ouro_kind *kind)
{
	const struct ouro_type *type = kind->type;

	return (type->flags & OURO_TYPE_WORKER) &&
	       (type->finalize || type->release);
}

static struct llist_head *queue_of(const struct ouro_kind *kind)
{
	struct ouro_reaper *reaper = &kind->heap->reaper;

	return needs_worker(kind) ? &reaper->late : &reaper->doomed;
}

/*
 * Hands an object to whoever comes, a worker at last.  Setting the bit is the
 * last touch of the pool: from then on the object may be buried.
 */
static void doom(struct ouro_pool *pool, struct ouro_object *object)
{
	struct ouro_objects *objects = pool->objects;
	unsigned int index = ouro_pool_index(pool, object);

	if (atomic_inc_return(&objects->announced) == 1)
		llist_add(&objects->link, queue_of(pool->class->kind));
	/* Full barrier; pairs with the xchg() in harvest_word(). */
	WARN_ON_ONCE(test_and_set_bit(index, objects->doomed));
}

/* ---- a death ---- */

/*
 * The last reference went and the finalizer has yet to run: wins the word from
 * those who might revive the object.  False: one did.
 */
static bool claim(struct ouro_object *object, u64 word)
{
	u64 mine = (word & ~(u64)OURO_WORD_FINALIZE) + OURO_WORD_VERSION + 1;

	return atomic64_try_cmpxchg(&object->word, (s64 *)&word, mine);
}

static void slice_add(struct slice *s, struct ouro_object *object, u64 word)
{
	struct ouro_pool *pool = ouro_pool_of_object(object);

	if ((word & OURO_WORD_FINALIZE) && !claim(object, word))
		return;
	if (s->count == SLICE_STACK ||
	    (!s->worker && needs_worker(pool->class->kind)))
		doom(pool, object);
	else
		s->todo[s->count++] = object;
}

/* Puts a reference that a dying object had. */
static void drop(struct slice *s, struct ouro_object *object)
{
	u64 old = atomic64_fetch_sub_release(1, &object->word);

	if (likely(__ouro_count_is(old, OURO_COUNT_DEAD + 2)))
		return;
	if (unlikely(!ouro_object_is_last(old))) {
		ouro_object_put_misused(object, old, _THIS_IP_);
		return;
	}
	/* Pairs with the releases of the puts before. */
	smp_acquire__after_ctrl_dep();
	if (!ouro_object_end_leaf(object, old - 1))
		slice_add(s, object, old - 1);
}

/*
 * Nobody else changes the slots of a dying object, so a store does for the
 * xchg() that a clear is elsewhere; it is before the put, which is a release.
 */
static bool clear_slot(struct slice *s, struct ouro_slot *slot)
{
	struct ouro_object *object = READ_ONCE(slot->object);

	if (!object)
		return true;
	if (!s->budget)
		return false;
	s->budget--;
	WRITE_ONCE(slot->object, NULL);
	drop(s, object);
	return true;
}

/* From the last to the first; false when the slice ended before that. */
static bool clear_slots(struct slice *s, const struct ouro_kind *kind,
			struct ouro_pool *pool, struct ouro_object *object)
{
	struct ouro_span span = ouro_kind_span(kind, pool, object);
	struct ouro_array *array = NULL;
	unsigned int i;

	if (kind->array_apart && span.slot)
		array = container_of(span.slot, struct ouro_array, slot[0]);
	for (i = array ? array->used : span.count; i; i--) {
		if (!clear_slot(s, &span.slot[i - 1]))
			return false;
		if (array)
			array->used = i - 1;
	}
	for (i = 0; i < kind->type->nslots; i++)
		if (!clear_slot(s, ouro_kind_slot(kind, object, i)))
			return false;
	return true;
}

/* ---- the order of death ---- */

static void give_back(struct ouro_pool *pool, struct ouro_object *object)
{
	if (pool->objects->graves)
		ouro_grave_add(pool, object);
	else
		ouro_object_free(pool, object);
}

/* Buries a dead object, or finalizes one that is about to be. */
static void bury(struct slice *s, struct ouro_object *object)
{
	struct ouro_pool *pool = ouro_pool_of_object(object);
	struct ouro_kind *kind = pool->class->kind;
	HLIST_HEAD(watches);
	int idx;

	if (s->budget)
		s->budget--;
	/* Somebody's ouro_get() of a dead object is live for a moment, too. */
	if (ouro_object_is_live(object) && kind->type->finalize) {
		kind->type->finalize(object);
		drop(s, object);
		return;
	}
	ouro_weak_end(pool, object);
	if (!clear_slots(s, kind, pool, object)) {
		doom(pool, object);
		return;
	}
	if (kind->type->release)
		kind->type->release(object);
	if (likely(!READ_ONCE(pool->objects->weaks))) {
		give_back(pool, object);
		return;
	}
	/* Pairs with ouro_watch_remove_sync(). */
	idx = srcu_read_lock(&ouro_deaths);
	ouro_weak_detach(pool, object, &watches);
	give_back(pool, object);
	ouro_weak_tell(&watches);
	srcu_read_unlock(&ouro_deaths, idx);
}

/* Buries what is on the stack; what the budget does not cover is doomed. */
static void slice_run(struct slice *s)
{
	struct ouro_object *object;

	while (s->count && s->budget)
		bury(s, s->todo[--s->count]);
	while (s->count) {
		object = s->todo[--s->count];
		doom(ouro_pool_of_object(object), object);
	}
}

/* ---- what was doomed ---- */

/* Takes some of a queued pool's bits; queues it again if there are more. */
static unsigned long harvest_word(struct ouro_objects *objects,
				  unsigned int *word)
{
	struct ouro_pool *pool = objects->pool;
	struct llist_head *queue = queue_of(pool->class->kind);
	unsigned long bits = 0;

	for (*word = 0; *word < BITS_TO_LONGS(pool->blocks); ++*word) {
		if (!READ_ONCE(objects->doomed[*word]))
			continue;
		/* Pairs with test_and_set_bit() in doom(). */
		bits = xchg(&objects->doomed[*word], 0);
		if (bits)
			break;
	}
	if (atomic_sub_return(hweight_long(bits), &objects->announced) > 0)
		llist_add(&objects->link, queue);
	return bits;
}

/*
 * One word of a queued pool, into @bits.  False when there is nothing to be had
 * at the moment: all that was announced there has its bit yet to come.  Who
 * sets it then sees that the pool is queued, and kicks; if it was set before
 * the pool was queued again, we see that (llist_add() and the setting of the bit
 * are full barriers).
 */
static bool harvest(struct ouro_objects *objects, unsigned long *bits,
		    unsigned int *word)
{
	unsigned int blocks = objects->pool->blocks;
	bool any;

	/* Once it is queued again others may see to the pool, and free it. */
	rcu_read_lock();
	*bits = harvest_word(objects, word);
	any = *bits || !bitmap_empty(objects->doomed, blocks);
	rcu_read_unlock();
	return any;
}

/* After the last of @bits is buried the pool may be gone. */
static void bury_bits(struct slice *s, struct ouro_pool *pool,
		      unsigned int word, unsigned long bits)
{
	unsigned int size = pool->size, bit;
	char *first = ouro_pool_block(pool, word * BITS_PER_LONG);

	while (bits) {
		bit = __ffs(bits);
		bits &= bits - 1;
		s->todo[s->count++] = (struct ouro_object *)(first + bit * size);
		slice_run(s);
	}
}

/* False when that came to nothing. */
static bool reap_queue(struct slice *s, struct llist_head *queue)
{
	struct llist_node *chain = llist_del_all(queue), *next, *last;
	struct ouro_objects *objects;
	struct ouro_pool *pool;
	unsigned long bits;
	unsigned int word;
	bool any = false;

	for (; chain && s->budget; chain = next) {
		next = chain->next;
		objects = llist_entry(chain, struct ouro_objects, link);
		pool = objects->pool;
		if (!harvest(objects, &bits, &word))
			continue;
		any = true;
		bury_bits(s, pool, word, bits);
	}
	if (!chain)
		return any;
	for (last = chain; last->next; last = last->next)
		;
	llist_add_batch(chain, last, queue);
	return true;
}

/* One slice: true when the budget was not enough. */
static bool reap_some(struct slice *s)
{
	struct ouro_reaper *reaper = &s->heap->reaper;
	int idx;

	slice_run(s);
	if (!s->worker && llist_empty(&reaper->doomed))
		return false;
	/* What others doomed dies here: pairs with ouro_heap_flush(). */
	idx = srcu_read_lock(&ouro_deaths);
	while (s->budget && reap_queue(s, &reaper->doomed))
		;
	srcu_read_unlock(&ouro_deaths, idx);
	while (s->worker && s->budget && reap_queue(s, &reaper->late))
		;
	return !s->budget;
}

static bool is_idle(const struct ouro_reaper *reaper)
{
	return llist_empty(&reaper->doomed) && llist_empty(&reaper->late);
}

static void reap_work(struct work_struct *work)
{
	struct ouro_reaper *reaper =
		container_of(work, struct ouro_reaper, work);
	struct slice s = {
		.heap = container_of(reaper, struct ouro_heap, reaper),
		.worker = true,
	};

	do {
		s.budget = SLICE_WORKER;
		cond_resched();
	} while (reap_some(&s));
}

/* ---- where it begins ---- */

/* Slices that run on other stacks than that of a task, on this CPU. */
static DEFINE_PER_CPU(unsigned int, slices_elsewhere);

/* Bytes below us on the stack of this task, or more than it has. */
static unsigned long stack_left(void)
{
	return (unsigned long)__builtin_frame_address(0) -
	       (unsigned long)task_stack_page(current);
}

/*
 * A finalizer may put what needs a slice of its own, in which another may, and
 * so on: only down to half of the stack.  Softirqs with a stack of their own
 * are not preempted there.
 */
static bool stack_is_low(unsigned long left)
{
	return left < THREAD_SIZE ? left < THREAD_SIZE / 2 :
				    this_cpu_read(slices_elsewhere);
}

static void reap_here(struct ouro_heap *heap, struct ouro_object *object,
		      unsigned long left)
{
	struct slice s = { .heap = heap, .budget = SLICE_HERE };

	s.todo[s.count++] = object;
	if (left >= THREAD_SIZE)
		this_cpu_inc(slices_elsewhere);
	reap_some(&s);
	/* Also what another's setting of a bit was too late for. */
	if (unlikely(!is_idle(&heap->reaper)))
		kick(heap);
	if (left >= THREAD_SIZE)
		this_cpu_dec(slices_elsewhere);
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
	unsigned long left = stack_left();

	if (unlikely(!pool) || unlikely(!ouro_pool_is_block(pool, object))) {
		ouro_object_report(OURO_MISUSE_NO_OBJECT, object, caller);
		return;
	}
	if ((word & OURO_WORD_FINALIZE) && !claim(object, word))
		return;
	/* Its turn comes in ouro_reap_release_all(). */
	if (unlikely(READ_ONCE(pool->heap->ending)))
		return;
	if (in_nmi() || in_hardirq() || ouro_context_is_tight() ||
	    stack_is_low(left) || needs_worker(pool->class->kind)) {
		struct ouro_heap *heap = pool->heap;

		/* The pool may go with the object. */
		doom(pool, object);
		kick(heap);
	} else {
		reap_here(pool->heap, object, left);
	}
}

/**
 * ouro_heap_flush() - wait for what is dying
 * @heap: the heap
 *
 * Every object whose last reference was put before the call, and everything
 * that only it held, is gone when this returns; callbacks have returned.
 *
 * Context: Process context, may sleep; not from a callback of a type of @heap.
 */
void ouro_heap_flush(struct ouro_heap *heap)
{
	struct ouro_reaper *reaper = &heap->reaper;

	might_sleep();
	do {
		irq_work_sync(&reaper->irq_work);
		queue_work(ouro_wq, &reaper->work);
		flush_work(&reaper->work);
		/* Slices elsewhere may have taken some. */
		synchronize_srcu_expedited(&ouro_deaths);
	} while (!is_idle(reaper));
}
EXPORT_SYMBOL_OURO(ouro_heap_flush);

/* ---- the end of a heap ---- */

static void condemn(struct ouro_pool *pool, void *arg)
{
	unsigned int i;

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

	for (i = 0; i < kind->type->nslots; i++)
		ouro_kind_slot(kind, object, i)->object = NULL;
	if (kind->type->release) {
		if (span.count)
			memset(span.slot, 0, span.count * sizeof(*span.slot));
		kind->type->release(object);
	}
	ouro_weak_detach(pool, object, &watches);
	ouro_weak_tell(&watches);
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
 * @heap: that nobody uses any more, and that was flushed
 *
 * Each live one of a type with a release gets it, its slots NULL; finalizers do
 * not run.  What such a release puts is not destroyed by that.
 *
 * Context: Process context; costs a look at each object, live or dead.
 */
void ouro_reap_release_all(struct ouro_heap *heap)
{
	WRITE_ONCE(heap->ending, true);
	ouro_weak_retire_all(heap);
	ouro_kind_visit_pools(heap, condemn, NULL);
	ouro_kind_visit_pools(heap, release_pool, NULL);
}

void ouro_reap_init(struct ouro_reaper *reaper)
{
	init_llist_head(&reaper->doomed);
	init_llist_head(&reaper->late);
	INIT_WORK(&reaper->work, reap_work);
	init_irq_work(&reaper->irq_work, reap_kick);
}
