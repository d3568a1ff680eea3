// SPDX-License-Identifier: GPL-2.0
/*
 * Arrays: the growable slots of containers.
 *
 * Readers take no lock.  They find the array, try for a reference to what is in
 * the slot, and look again at both: an array that was replaced stays as it was
 * until an RCU grace period has passed, so what it says is old and not wrong.
 * Only the current array is ever changed, so each reference is owned by one slot.
 */
#include "ouro.h"
#include <linux/rcupdate.h>
#include <ouro/vector.h>
#include "array.h"
#include "block.h"
#include "heap.h"
#include "object.h"

#define CAPACITY_LEAST	4	/* slots of a first array */
#define CAPACITY_MOST	OURO_VECTOR_MAX
#define COPY_STEP	16384U	/* slots copied in one go */

/* But for the lock, which is of a class for each kind of container. */
void ouro_array_init(struct ouro_slots *slots, u32 extra)
{
	WRITE_ONCE(slots->array, NULL);
	slots->extra = extra;
	slots->growth = 0;
	slots->copiers = 0;
}

static void free_at_last(struct rcu_head *rcu)
{
	struct ouro_array *array = container_of(rcu, struct ouro_array, rcu);
	struct ouro_heap *heap = array->heap;

	ouro_block_free(array, _RET_IP_);
	smp_mb__before_atomic();	/* pairs with ouro_heap_settle() */
	atomic_long_dec(&heap->rcu_pending);
}

/*
 * Readers are gone; a scan or an inspection may still be in the array, if it has
 * been going on since before.  One that begins now finds what has replaced it:
 * pairs with the full barriers in begin_scan() and ouro_inspect_begin().
 */
static void free_after_grace(struct rcu_head *rcu)
{
	struct ouro_array *array = container_of(rcu, struct ouro_array, rcu);
	struct ouro_collector *collector = &array->heap->collector;
	bool busy;

	smp_mb();	/* as said above */
	/* Pairs with the release at its end. */
	busy = smp_load_acquire(&collector->task);
	/* As above. */
	busy |= smp_load_acquire(&collector->looking);
	if (busy)
		call_srcu(&ouro_array_readers, rcu, free_at_last);
	else
		free_at_last(rcu);
}

static void array_free_rcu(struct ouro_array *array)
{
	if (!array)
		return;
	atomic_long_inc(&array->heap->rcu_pending);
	call_rcu(&array->rcu, free_after_grace);
}

/* The container is dead, and its slots are NULL. */
void ouro_array_exit(struct ouro_slots *slots)
{
	struct ouro_array *array = slots->array;

	WRITE_ONCE(slots->array, NULL);
	array_free_rcu(array);
}

static struct ouro_array *array_create(const struct ouro_slots *slots,
				       struct ouro_heap *heap, size_t capacity,
				       gfp_t gfp)
{
	size_t bytes = sizeof(struct ouro_array) +
		       capacity * (sizeof(struct ouro_slot) + slots->extra);
	struct ouro_array *array;

	array = ouro_block_alloc(heap, bytes, gfp | __GFP_ZERO, _RET_IP_);
	if (!array)
		return NULL;
	array->heap = heap;
	array->capacity = capacity;
	return array;
}

static void array_copy(const struct ouro_slots *slots, struct ouro_array *to,
		       struct ouro_array *from, u32 first, u32 last)
{
	u32 i;

	if (first >= last)
		return;
	/* Others change single slots meanwhile; such are copied once more. */
	for (i = first; i < last; i++)
		to->slot[i].object = READ_ONCE(from->slot[i].object);
	if (slots->extra)
		/* As above. */
		data_race(memcpy(ouro_array_extra(slots, to, first),
				 ouro_array_extra(slots, from, first),
				 (last - first) * slots->extra));
}

/* A change of slot @index, for who copies meanwhile.  slots->lock is held. */
void ouro_array_touch(struct ouro_slots *slots, u32 index)
{
	lockdep_assert_held(&slots->lock);
	if (index < slots->dirty_from)
		slots->dirty_from = index;
	if (index >= slots->dirty_to)
		slots->dirty_to = index + 1;
}

/* Notes that a copy begins; returns what to copy, and its number. */
static struct ouro_array *copy_begin(struct ouro_slots *slots, u32 *growth)
{
	struct ouro_array *from;
	unsigned long flags;

	spin_lock_irqsave(&slots->lock, flags);
	from = slots->array;
	*growth = slots->growth;
	/* With others at it, what changed since they began is known. */
	if (!slots->copiers++) {
		slots->dirty_from = U32_MAX;
		slots->dirty_to = 0;
	}
	spin_unlock_irqrestore(&slots->lock, flags);
	return from;
}

static void copy_dirty(struct ouro_slots *slots, struct ouro_array *to,
		       struct ouro_array *from)
{
	array_copy(slots, to, from, slots->dirty_from,
		   min3(slots->dirty_to, from->capacity, to->capacity));
}

/*
 * Makes @to the array, with what changed since copy_begin(); false when others
 * have made another the array.
 */
static bool copy_end(struct ouro_slots *slots, struct ouro_array *to,
		     struct ouro_array *from, u32 growth)
{
	unsigned long flags;
	bool done;

	spin_lock_irqsave(&slots->lock, flags);
	slots->copiers--;
	/* As long as it is the array, @from is there. */
	done = slots->growth == growth &&
	       (!from || from->used <= to->capacity);
	if (done) {
		if (from) {
			copy_dirty(slots, to, from);
			to->used = from->used;
		}
		slots->growth++;
		/* Pairs with the acquire in ouro_kind_span() and readers. */
		smp_store_release(&slots->array, to);
	}
	spin_unlock_irqrestore(&slots->lock, flags);
	return done;
}

/* Copies a part without the lock; false when @from is not the array any more. */
static bool copy_part(struct ouro_slots *slots, struct ouro_array *to,
		      struct ouro_array *from, u32 first, u32 last)
{
	bool current_one;

	rcu_read_lock();	/* the current array stays until then */
	current_one = READ_ONCE(slots->array) == from;
	if (current_one)
		array_copy(slots, to, from, first,
			   min3(last, READ_ONCE(from->used), to->capacity));
	rcu_read_unlock();
	return current_one;
}

/*
 * What changed since copy_begin(), if that is much and nobody else copies: it
 * is taken note of anew, and copied without the lock.
 */
static bool take_dirty(struct ouro_slots *slots, u32 *first, u32 *last)
{
	unsigned long flags;
	bool much;

	spin_lock_irqsave(&slots->lock, flags);
	*first = slots->dirty_from;
	*last = slots->dirty_to;
	much = slots->copiers == 1 && *last > *first &&
	       *last - *first > COPY_STEP;
	if (much) {
		slots->dirty_from = U32_MAX;
		slots->dirty_to = 0;
	}
	spin_unlock_irqrestore(&slots->lock, flags);
	return much;
}

#define COPY_ROUNDS	4	/* without the lock; the last one is with it */

/* Copies what is there; false when others replaced @from meanwhile. */
static bool copy_unlocked(struct ouro_slots *slots, struct ouro_array *to,
			  struct ouro_array *from, gfp_t gfp)
{
	u32 first = 0, last = from ? READ_ONCE(to->capacity) : 0, at;
	unsigned int round = 0;

	if (!from)
		return true;
	do {
		for (at = first; at < last; at += COPY_STEP) {
			if (!copy_part(slots, to, from, at,
				       min(last, at + COPY_STEP)))
				return false;
			if (gfpflags_allow_blocking(gfp))
				cond_resched();
		}
	} while (++round < COPY_ROUNDS && take_dirty(slots, &first, &last));
	return true;
}

/**
 * ouro_array_resize() - have an array of another size
 * @slots: the container's
 * @heap: of the container
 * @capacity: slots; those in use stay
 * @gfp: the caller's
 *
 * Context: As @gfp says; takes slots->lock.
 * Return: 0, -ENOMEM, or -EAGAIN when others did the same, or more are in use.
 */
int ouro_array_resize(struct ouro_slots *slots, struct ouro_heap *heap,
		      size_t capacity, gfp_t gfp)
{
	struct ouro_array *from, *to;
	bool copied;
	u32 growth;

	if (capacity > CAPACITY_MOST)
		return -ENOMEM;
	to = array_create(slots, heap, capacity, gfp);
	if (!to)
		return -ENOMEM;
	from = copy_begin(slots, &growth);
	copied = copy_unlocked(slots, to, from, gfp);
	/* Where it was not copied it is not the array any more. */
	if (copy_end(slots, to, from, growth)) {
		WARN_ON_ONCE(!copied);
		array_free_rcu(from);
		return 0;
	}
	ouro_block_free(to, _RET_IP_);
	return -EAGAIN;
}

/**
 * ouro_array_reserve() - have room for so many slots at least
 * @slots: the container's
 * @heap: of the container
 * @capacity: slots that are needed
 * @gfp: the caller's
 *
 * Grows by half at least, so that appending costs a constant.
 *
 * Context: As @gfp says; takes slots->lock.
 * Return: 0 or -ENOMEM.
 */
int ouro_array_reserve(struct ouro_slots *slots, struct ouro_heap *heap,
		       size_t capacity, gfp_t gfp)
{
	size_t have, want;
	int err = -EAGAIN;

	ouro_block_might_alloc(gfp);
	if (capacity > CAPACITY_MOST)
		return -ENOMEM;
	for (;;) {
		rcu_read_lock();
		have = ouro_array_capacity(slots);
		rcu_read_unlock();
		if (have >= capacity)
			return 0;
		if (err != -EAGAIN)
			return err;
		want = max3(capacity, have + have / 2, (size_t)CAPACITY_LEAST);
		err = ouro_array_resize(slots, heap,
					min_t(size_t, want, CAPACITY_MOST),
					want > capacity ? gfp | __GFP_NORETRY :
							  gfp);
		if (err == -ENOMEM && want > capacity)
			err = ouro_array_resize(slots, heap, capacity, gfp);
		/* Others may have made room where we could not. */
		if (!err)
			err = -EAGAIN;
	}
}

/**
 * ouro_array_exchange() - put another reference into a slot
 * @slots: the container's
 * @index: of a slot that there is
 * @object: whose reference is the slot's then, or NULL
 *
 * Context: slots->lock held.
 * Return: what was in the slot, whose reference is the caller's: it is put, or
 * its version moves on if somebody gets it.
 */
struct ouro_object *ouro_array_exchange(struct ouro_slots *slots, u32 index,
					struct ouro_object *object)
{
	struct ouro_array *array = slots->array;

	ouro_array_touch(slots, index);
	if (index >= array->used)
		WRITE_ONCE(array->used, index + 1);
	return xchg(&array->slot[index].object, object);
}

/* The array to look into, or NULL: there is no such slot. */
static struct ouro_array *array_at(const struct ouro_slots *slots, u32 *index,
				   const u32 *place)
{
	struct ouro_array *array;

	if (place)
		/* Pairs with who set it: the array has room for it. */
		*index = smp_load_acquire(place);
	/* Pairs with copy_end(). */
	array = smp_load_acquire(&slots->array);
	return array && *index < array->capacity ? array : NULL;
}

/* ouro_array_is_current(); without a @place the index is what it was. */
static bool is_current(const struct ouro_slots *slots,
		       const struct ouro_array *array, u32 index,
		       const u32 *place)
{
	if (place)
		return ouro_array_is_current(slots, array, index, place);
	smp_rmb();	/* pairs with copy_end() */
	return READ_ONCE(slots->array) == array;
}

static struct ouro_object *try_load(struct ouro_slots *slots, u32 index,
				    const u32 *place, bool *again,
				    struct ouro_object **wrong)
{
	struct ouro_array *array = array_at(slots, &index, place);
	struct ouro_object *object;

	*again = false;
	*wrong = NULL;
	object = array ? READ_ONCE(array->slot[index].object) : NULL;
	if (!object) {
		*again = array && !is_current(slots, array, index, place);
		return NULL;
	}
	if (likely(ouro_object_tryget(object))) {
		if (likely(READ_ONCE(array->slot[index].object) == object) &&
		    likely(is_current(slots, array, index, place)))
			return object;
		*wrong = object;
		*again = true;
		return NULL;
	}
	/* It died, so it left the slot, but not those of arrays before this. */
	*again = !ouro_slot_holds_dead(&array->slot[index], object) ||
		 READ_ONCE(slots->array) != array;
	if (unlikely(!*again))
		ouro_object_report(OURO_MISUSE_DEAD_SLOT, object, _RET_IP_);
	return NULL;
}

/**
 * ouro_array_load() - take a reference to what is in a slot
 * @slots: of a container that the caller holds
 * @index: of the slot; there may be no such
 * @place: what says so, and has to go on saying so; or NULL
 *
 * Context: As ouro_put(): the object may die while it is looked at.  Each
 * repetition stands for a change that somebody else has made.
 * Return: the object, with a reference that is the caller's, or NULL.
 */
struct ouro_object *ouro_array_load(struct ouro_slots *slots, u32 index,
				    const u32 *place)
{
	struct ouro_object *object, *wrong;
	bool again;

	do {
		rcu_read_lock();
		object = try_load(slots, index, place, &again, &wrong);
		rcu_read_unlock();
		ouro_put(wrong);
	} while (unlikely(again));
	return object;
}

/* ouro_array_peek(), where something has changed. */
struct ouro_object *ouro_array_peek_slow(struct ouro_slots *slots,
					 const u32 *place)
{
	struct ouro_object *object;
	struct ouro_array *array;
	u32 index;

	do {
		array = array_at(slots, &index, place);
		if (!array)
			return NULL;
		object = READ_ONCE(array->slot[index].object);
	} while (!ouro_array_is_current(slots, array, index, place));
	return object;
}

/**
 * ouro_array_check() - whether a container may refer to an object
 * @heap: of the container
 * @object: the object, or NULL
 * @caller: return address of who asks
 *
 * Context: Any.
 * Return: 0, -EXDEV when @object is another heap's, -EINVAL when it is none.
 */
int ouro_array_check(const struct ouro_heap *heap, struct ouro_object *object,
		     unsigned long caller)
{
	struct ouro_pool *pool;

	if (!object)
		return 0;
	pool = ouro_pool_of_object(object);
	if (unlikely(!pool) || unlikely(!ouro_pool_is_block(pool, object))) {
		ouro_object_report(OURO_MISUSE_NO_OBJECT, object, caller);
		return -EINVAL;
	}
	return pool->heap == heap ? 0 : -EXDEV;
}

/* As ouro_array_check() for @count of them. */
int ouro_array_check_all(const struct ouro_heap *heap,
			 struct ouro_object **objects, size_t count,
			 unsigned long caller)
{
	size_t i;
	int err = 0;

	for (i = 0; i < count && !err; i++)
		err = ouro_array_check(heap, objects[i], caller);
	return err;
}
