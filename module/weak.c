// SPDX-License-Identifier: GPL-2.0
/*
 * Weak handles.
 *
 * A handle leads through a table, from the number of a pool to its cells, never
 * by an address.  A cell's generation changes once an object in that block is
 * dead for good, before the block can become another; generations of a number
 * never repeat, because those of a new pool begin above every one that a pool
 * had which is gone.
 *
 * To upgrade is to read the generation, try for a reference, and read the
 * generation again.  If both are the handle's, then the reference is to the
 * handle's object: the death of that is one generation later.  Where the first
 * is not, or the reference is refused, the object is dead for good.
 */
#include "ouro.h"
#include <linux/rcupdate.h>
#include <linux/xarray.h>
#include "backing.h"
#include "block.h"
#include "heap.h"
#include "object.h"
#include "weak.h"

#define HEAP_SHIFT	(OURO_WEAK_BLOCK_BITS + OURO_WEAK_POOL_BITS)
#define BLOCK_MASK	((1U << OURO_WEAK_BLOCK_BITS) - 1)

static DEFINE_XARRAY_FLAGS(tables, XA_FLAGS_ALLOC1 | XA_FLAGS_LOCK_IRQ);
static atomic64_t generation_floor = ATOMIC64_INIT(1);
static atomic_t last_heap;

/* Never 0.  For people: the number of a pool names its heap already. */
u32 ouro_weak_heap_id(void)
{
	return atomic_inc_return(&last_heap);
}

/* ---- numbers ---- */

/**
 * ouro_weak_number_get() - number a new pool of objects
 * @pool: the pool
 * @gfp: the caller's
 *
 * Context: As @gfp says.
 * Return: 0 or -ENOMEM.
 */
int ouro_weak_number_get(struct ouro_pool *pool, gfp_t gfp)
{
	unsigned long flags;
	int err;

	/* The lock is let go of only where @gfp may block. */
	xa_lock_irqsave(&tables, flags);
	err = __xa_alloc(&tables, &pool->objects->number, NULL, xa_limit_32b,
			 gfp & ~GFP_ZONEMASK);
	xa_unlock_irqrestore(&tables, flags);
	return err ? -ENOMEM : 0;
}

/* The memory of a pool goes: another may have its number. */
void ouro_weak_number_put(struct ouro_pool *pool)
{
	unsigned long flags;

	xa_lock_irqsave(&tables, flags);
	__xa_erase(&tables, pool->objects->number);
	xa_unlock_irqrestore(&tables, flags);
}

/* ---- tables ---- */

static size_t weaks_size(const struct ouro_pool *pool)
{
	struct ouro_weaks *weaks;

	return struct_size(weaks, cell, pool->blocks);
}

static struct ouro_weaks *weaks_create(struct ouro_pool *pool, gfp_t gfp)
{
	struct ouro_heap *heap = pool->heap;
	s64 floor;
	struct ouro_weaks *weaks;
	unsigned int i;

	weaks = ouro_backing_meta(heap, weaks_size(pool), gfp, NUMA_NO_NODE);
	if (!weaks)
		return NULL;
	weaks->pool = pool;
	weaks->blocks = pool->blocks;
	/*
	 * Who had the number before has raised the floor before he let go of
	 * it.  No handle has a generation of 0.
	 */
	floor = atomic64_read(&generation_floor);
	for (i = 0; i < pool->blocks; i++)
		atomic64_set(&weaks->cell[i].generation, floor);
	return weaks;
}

/* In the place of the table of a pool that retired: no more is made. */
static struct ouro_weaks retired;

/*
 * Lets the pool's number lead to its table before anybody has a handle from that.
 * Returns another's that was first, or NULL.
 */
static struct ouro_weaks *weaks_publish(struct ouro_pool *pool,
					struct ouro_weaks *weaks)
{
	u32 number = pool->objects->number;
	struct ouro_weaks *other;
	unsigned long flags;

	xa_lock_irqsave(&tables, flags);
	other = READ_ONCE(pool->objects->weaks);
	if (!other) {
		/* The place was made with the number. */
		__xa_store(&tables, number, weaks, 0);
		other = cmpxchg(&pool->objects->weaks, NULL, weaks);
		if (other)	/* retired meanwhile */
			__xa_store(&tables, number, NULL, 0);
	}
	xa_unlock_irqrestore(&tables, flags);
	return other;
}

/* The table of a pool, made the first time, or NULL. */
static struct ouro_weaks *weaks_of(struct ouro_pool *pool, gfp_t gfp)
{
	/* Pairs with the cmpxchg() above. */
	struct ouro_weaks *weaks = smp_load_acquire(&pool->objects->weaks);
	struct ouro_weaks *other;

	if (weaks == &retired || READ_ONCE(pool->heap->nameless))
		return NULL;
	if (weaks || ouro_context_is_tight())
		return weaks;
	ouro_slow_begin();
	weaks = weaks_create(pool, gfp);
	if (weaks) {
		/* Who finds the table, and puts, sees this, too. */
		WRITE_ONCE(pool->end, OURO_END_LONG);
		WRITE_ONCE(pool->heap->named, true);
		other = weaks_publish(pool, weaks);
		if (other) {
			atomic_long_sub(weaks_size(pool), &pool->heap->metadata);
			kvfree_rcu(weaks, rcu);
			weaks = other == &retired ? NULL : other;
		}
	}
	ouro_slow_end();
	return weaks;
}

static struct ouro_weak weak_of(const struct ouro_weaks *weaks,
				const struct ouro_object *object)
{
	struct ouro_pool *pool = weaks->pool;
	unsigned int index = ouro_pool_index(pool, object);

	return (struct ouro_weak) {
		.name = (u64)pool->heap->id << HEAP_SHIFT |
			(u64)pool->objects->number << OURO_WEAK_BLOCK_BITS | index,
		.generation = atomic64_read(&weaks->cell[index].generation),
	};
}

/* ---- handles ---- */

/**
 * ouro_weak_init() - make a weak handle
 * @weak: set; to a handle to nothing where this fails
 * @object: that the caller has a reference to
 * @gfp: for the table of its pool, the first time
 *
 * Context: As @gfp says; in NMI, and on PREEMPT_RT in hardirq or with preemption
 * off, only where an object of the same pool has had a handle before.
 * Return: 0, -EINVAL when @object is no object, -ENOMEM.
 */
int ouro_weak_init(struct ouro_weak *weak, struct ouro_object *object,
		   gfp_t gfp)
{
	struct ouro_pool *pool = ouro_pool_of_object(object);
	struct ouro_weaks *weaks;

	ouro_block_might_alloc(gfp);
	*weak = (struct ouro_weak) { };
	if (!pool || !ouro_pool_is_block(pool, object))
		return -EINVAL;
	weaks = weaks_of(pool, gfp);
	if (!weaks)
		return -ENOMEM;
	*weak = weak_of(weaks, object);
	return 0;
}
EXPORT_SYMBOL_OURO(ouro_weak_init);

/**
 * ouro_weak_upgrade() - ouro_weak_get() for callers with a lock
 * @weak: any handle but that to nothing
 * @wrong: set to an object with a reference that is to be put, or left alone
 *
 * Context: Any, within an RCU read section.
 * Return: as ouro_weak_get().
 */
struct ouro_object *ouro_weak_upgrade(struct ouro_weak weak,
				      struct ouro_object **wrong)
{
	unsigned int index = weak.name & BLOCK_MASK;
	struct ouro_weaks *weaks = xa_load(&tables, ouro_weak_number(weak));
	struct ouro_object *object;
	atomic64_t *generation;

	if (!weaks || index >= weaks->blocks)
		return NULL;
	generation = &weaks->cell[index].generation;
	if (atomic64_read(generation) != weak.generation)
		return NULL;
	object = ouro_pool_block(weaks->pool, index);
	if (!ouro_object_tryget(object))
		return NULL;
	/*
	 * ouro_tryget() is a full barrier.  Pairs with that of ouro_weak_end(),
	 * which is before all that the block is next: had we been given the next
	 * object, we would see the next generation.
	 */
	if (atomic64_read(generation) == weak.generation)
		return object;
	*wrong = object;
	return NULL;
}

/**
 * ouro_weak_get() - take a reference to the object that a handle names
 * @weak: any handle
 *
 * Once this gave NULL for a handle, it always will.  It may be called while the
 * heap is being destroyed; but who has a reference uses the heap.
 *
 * Context: Any, NMI included; takes no lock.
 * Return: the object, with a reference that is the caller's, or NULL.
 */
struct ouro_object *ouro_weak_get(struct ouro_weak weak)
{
	struct ouro_object *object, *wrong = NULL;

	if (!weak.generation)
		return NULL;
	rcu_read_lock();
	object = ouro_weak_upgrade(weak, &wrong);
	/* Its heap waits for us, whoever's it is. */
	ouro_put(wrong);
	rcu_read_unlock();
	return object;
}
EXPORT_SYMBOL_OURO(ouro_weak_get);

/**
 * ouro_weak_name() - what an object is called
 * @pool: it lies in
 * @object: the object
 * @name: set to its handle; or, where its pool has no table of these and shall
 *	not get one for that, to its first three numbers: heap, pool, block
 *
 * Context: Any, within an RCU read section.
 */
void ouro_weak_name(struct ouro_pool *pool, struct ouro_object *object,
		    char name[OURO_WEAK_TEXT])
{
	/* Pairs with the cmpxchg() in weaks_publish(). */
	struct ouro_weaks *weaks = smp_load_acquire(&pool->objects->weaks);

	if (weaks && weaks != &retired)
		snprintf(name, OURO_WEAK_TEXT, OURO_WEAK_FMT,
			 OURO_WEAK_ARG(weak_of(weaks, object)));
	else
		snprintf(name, OURO_WEAK_TEXT, "%x.%x.%x",
			 pool->heap->id & ((1U << OURO_WEAK_HEAP_BITS) - 1),
			 pool->objects->number, ouro_pool_index(pool, object));
}

/* Whether a handle to an object has that generation; 0: there may be none. */
bool ouro_weak_is(struct ouro_pool *pool, const struct ouro_object *object,
		  u64 generation)
{
	/* Pairs with the cmpxchg() in weaks_publish(). */
	struct ouro_weaks *weaks = smp_load_acquire(&pool->objects->weaks);

	if (!generation)
		return true;
	return weaks && weaks != &retired &&
	       weak_of(weaks, object).generation == generation;
}

/**
 * ouro_weak_parse() - the numbers in an object's name
 * @text: as ouro_weak_name() writes it
 * @weak: set; without a generation that is 0
 *
 * Context: Any.
 * Return: 0, or -EINVAL when it is no name.
 */
int ouro_weak_parse(const char *text, struct ouro_weak *weak)
{
	unsigned int heap, pool, block;
	unsigned long long generation = 0;
	int n = 0, all = 0;

	if (sscanf(text, "%x.%x.%x%n.%llx%n", &heap, &pool, &block, &n,
		   &generation, &all) < 3)
		return -EINVAL;
	if (strlen(text) != max(n, all) || heap >> OURO_WEAK_HEAP_BITS ||
	    block > BLOCK_MASK)
		return -EINVAL;
	*weak = (struct ouro_weak) {
		.name = (u64)heap << HEAP_SHIFT |
			(u64)pool << OURO_WEAK_BLOCK_BITS | block,
		.generation = generation,
	};
	return 0;
}

/* ---- death ---- */

/* A dead object's handles name nothing from here on. */
void ouro_weak_end(struct ouro_pool *pool, struct ouro_object *object)
{
	/* Who made a handle had a reference, whose put we have acquired. */
	struct ouro_weaks *weaks = READ_ONCE(pool->objects->weaks);

	/* A full barrier, before the block's way to its next life: see begin(). */
	if (weaks)
		atomic64_inc_return(&weaks->cell[ouro_pool_index(pool, object)]
					     .generation);
}

/* ---- the end of a pool ---- */

static void raise_floor(s64 to)
{
	s64 floor = atomic64_read(&generation_floor);

	while (floor < to &&
	       !atomic64_try_cmpxchg(&generation_floor, &floor, to))
		;
}

/* The number leads nowhere: so do all handles to objects that were in the pool. */
static void retire(struct ouro_pool *pool, struct ouro_weaks *weaks)
{
	unsigned long flags;
	s64 highest = 0;
	unsigned int i;

	for (i = 0; i < pool->blocks; i++)
		highest = max_t(s64, highest,
				atomic64_read(&weaks->cell[i].generation));
	/* Before the number can be had again. */
	raise_floor(highest + 1);
	xa_lock_irqsave(&tables, flags);
	__xa_store(&tables, pool->objects->number, NULL, 0);
	xa_unlock_irqrestore(&tables, flags);
}

/**
 * ouro_weak_retire() - a pool goes
 * @pool: all of whose objects are dead
 *
 * Context: Any but NMI.
 */
void ouro_weak_retire(struct ouro_pool *pool)
{
	struct ouro_weaks *weaks = xchg(&pool->objects->weaks, &retired);

	if (!weaks)
		return;
	retire(pool, weaks);
	atomic_long_sub(weaks_size(pool), &pool->heap->metadata);
	kvfree_rcu(weaks, rcu);
}

static void retire_number(struct ouro_pool *pool, void *arg)
{
	if (pool->objects->weaks)
		retire(pool, pool->objects->weaks);
}

static void free_table(struct ouro_pool *pool, void *arg)
{
	ouro_backing_free_meta(pool->heap, pool->objects->weaks,
			       weaks_size(pool));
	pool->objects->weaks = NULL;
}

/*
 * No handle leads to an object of a dying heap, after an RCU grace period.
 * False: none ever did.
 */
bool ouro_weak_retire_all(struct ouro_heap *heap)
{
	WRITE_ONCE(heap->nameless, true);
	if (!READ_ONCE(heap->named))
		return false;
	ouro_kind_visit_pools(heap, retire_number, NULL);
	return true;
}

/* The tables of a dying heap, whose objects were released. */
void ouro_weak_destroy_all(struct ouro_heap *heap)
{
	ouro_kind_visit_pools(heap, free_table, NULL);
}

void ouro_weak_exit(void)
{
	WARN_ON(!xa_empty(&tables));
	xa_destroy(&tables);
}
