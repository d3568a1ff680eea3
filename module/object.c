// SPDX-License-Identifier: GPL-2.0
/*
 * Objects: birth, and the count in their words.
 *
 * When the count has come to OURO_COUNT_DEAD the object is dead, with one
 * exception: as long as OURO_WORD_FINALIZE is set a tryget brings it back (and
 * says so with OURO_WORD_CLAIM), and who put the last reference must first claim
 * the object, with a cmpxchg() that clears the flag and takes the reference that
 * the finalizer runs under.  So nobody is told that the object is dead before
 * its finalizer has had its say.
 */
#include "ouro.h"
#include <linux/rcupdate.h>
#include "block.h"
#include "front.h"
#include "heap.h"
#include "object.h"
#include "supply.h"
#include "transaction.h"
#include "weak.h"

#define COUNT_STUCK	(OURO_COUNT_SATURATED + OURO_COUNT_SATURATED / 2)
#define COUNT_DRIFT	(OURO_COUNT_SATURATED / 8)

/* ---- birth ---- */

/* The short way to a dead object of this CPU's. */
static __always_inline struct ouro_object *
take_here(struct ouro_front __percpu *fronts)
{
	struct ouro_front *here;
	void *block = NULL;

	preempt_disable();
	here = ouro_front_here(fronts);
	if (likely(ouro_front_enter(here)))
		block = ouro_front_pop_leave(here);
	preempt_enable();
	return block;
}

/*
 * From here on it is alive: its word goes on where it was.  Who takes this new
 * object for the one before sees a new generation, and NULL slots: there was a
 * full barrier between these and the block's way to here, which pairs with the
 * one in ouro_tryget().
 */
static __always_inline void begin(const struct ouro_kind *kind,
				  struct ouro_object *object)
{
	u64 version = atomic64_read(&object->word) & ~(u64)U32_MAX;

	atomic64_set(&object->word, version + kind->fresh);
}

static void payload_init(const struct ouro_type *type, void *object)
{
	if (type->init && !(type->flags & OURO_TYPE_INIT_ONCE))
		type->init(object);
}

/* @gfp is where ouro_new() has it: that has no instruction to move it then. */
static noinline void *begin_slow(struct ouro_kind *kind, gfp_t gfp,
				 struct ouro_object *object, size_t size,
				 unsigned long caller)
{
	const struct ouro_type *type = kind->type;

	if (unlikely(ouro_heap_is_checked(kind->heap)))
		ouro_check_new(ouro_pool_of_object(object), object, size,
			       caller, gfp);
	if (static_branch_unlikely(&ouro_sites_noted))
		ouro_site_note(ouro_pool_of_object(object), object, caller);
	/* Inspections may call the type's traverse as soon as it is alive. */
	if (type->traverse) {
		ouro_payload_open(kind, object, true);
		payload_init(type, object);
		smp_wmb();	/* pairs with ouro_tryget() */
		begin(kind, object);
		return object;
	}
	ouro_payload_open(kind, object, want_init_on_alloc(gfp));
	begin(kind, object);
	payload_init(type, object);
	return object;
}

static noinline void *new_slow(struct ouro_kind *kind, gfp_t gfp,
			       struct ouro_class *class, size_t size,
			       unsigned long caller)
{
	struct ouro_object *object = NULL;

	if (unlikely(gfp & GFP_ZONEMASK)) {
		pr_err_once("heap %s: zone flags (%pGg) are not served\n",
			    kind->heap->name, &gfp);
		ouro_heap_failed(kind->heap);
		return NULL;
	}
	/* Where the short way has not looked. */
	if (!ouro_heap_is_fast(kind->heap) || class != kind->class)
		object = take_here(class->fronts);
	if (!object)
		object = ouro_supply_block(class, gfp, NUMA_NO_NODE);
	if (unlikely(!object))
		return NULL;
	return begin_slow(kind, gfp, object, size, caller);
}

/* As ouro_new() on behalf of @caller, for a type with an array of @size bytes. */
void *ouro_object_create(struct ouro_kind *kind, size_t size, gfp_t gfp,
			 unsigned long caller)
{
	struct ouro_class *class = kind->class;

	ouro_block_might_alloc(gfp);
	if (kind->sized)
		class = size <= OURO_OBJECT_MAX ?
			ouro_kind_class(kind, size, gfp) : NULL;
	if (!class) {
		ouro_heap_failed(kind->heap);
		return NULL;
	}
	return new_slow(kind, gfp, class, size, caller);
}

/* @caller: 0: who called the function that this is a part of. */
static __always_inline void *new_here(struct ouro_kind *kind, gfp_t gfp,
				      unsigned long caller)
{
	struct ouro_object *object;

	ouro_block_might_alloc(gfp);
	object = take_here(kind->fronts);
	if (unlikely(!object))
		return new_slow(kind, gfp, kind->class, kind->type->size,
				caller ?: _RET_IP_);
	if (static_branch_unlikely(&__ouro_begin_long) ||
	    unlikely(!kind->plain) || unlikely(gfp & __GFP_ZERO))
		return begin_slow(kind, gfp, object, kind->type->size,
				  caller ?: _RET_IP_);
	begin(kind, object);
	return object;
}

/* As ouro_new() on behalf of @caller: for the module's own types. */
void *ouro_object_new(struct ouro_kind *kind, gfp_t gfp, unsigned long caller)
{
	return new_here(kind, gfp, caller);
}

/**
 * ouro_new() - make an object
 * @kind: from ouro_type_register()
 * @gfp: as for ouro_alloc(); with __GFP_ZERO what is neither header nor slot is
 *	zeroes, otherwise it is what was there, or what init made of it
 *
 * The slots are NULL.  Where scans start by themselves it may wait for one: see
 * <ouro/collect.h>.
 *
 * Context: As ouro_alloc(); and what the type's init takes.
 * Return: the object, whose one reference is the caller's, or NULL.
 */
void *ouro_new(struct ouro_kind *kind, gfp_t gfp)
{
	/* Not looked up before it is needed. */
	return new_here(kind, gfp, 0);
}
EXPORT_SYMBOL_OURO(ouro_new);

/**
 * ouro_new_array() - make an object with a trailing array of slots
 * @kind: of a type with an array
 * @count: slots in the array; there may be more
 * @gfp: as for ouro_new()
 *
 * Context: As ouro_new().
 * Return: the object, or NULL; also where it would be larger than
 * OURO_OBJECT_MAX, or the type has no array and @count is not 0.
 */
void *ouro_new_array(struct ouro_kind *kind, size_t count, gfp_t gfp)
{
	const struct ouro_type *type = kind->type;
	size_t size = OURO_OBJECT_MAX + 1;

	ouro_block_might_alloc(gfp);
	if (!kind->sized && !count)
		return ouro_object_new(kind, gfp, _RET_IP_);
	if (kind->sized && count <= OURO_OBJECT_MAX / sizeof(struct ouro_slot))
		size = max(type->size,
			   type->array + count * sizeof(struct ouro_slot));
	if (!kind->sized) {
		ouro_heap_failed(kind->heap);
		return NULL;
	}
	return ouro_object_create(kind, size, gfp, _RET_IP_);
}
EXPORT_SYMBOL_OURO(ouro_new_array);

/* ---- the count ---- */

/* Puts the count into the middle of its band; returns what it was. */
static u32 stick(struct ouro_object *object)
{
	u64 word = atomic64_read(&object->word);
	u64 stuck;

	do {
		stuck = (word & ~(u64)OURO_COUNT_MASK) | COUNT_STUCK;
	} while (!atomic64_try_cmpxchg(&object->word, (s64 *)&word, stuck));
	return word & OURO_COUNT_MASK;
}

/* The count was found to be saturated: @old. */
static void saturated(struct ouro_object *object, u64 old,
		      unsigned long caller)
{
	u32 count = old & OURO_COUNT_MASK;

	if (count - (COUNT_STUCK - COUNT_DRIFT) < 2 * COUNT_DRIFT)
		return;
	/*
	 * One of those who saw it saturate is the first to see to it: maybe
	 * after a put, so that the count may have come down again.
	 */
	if (stick(object) < OURO_COUNT_SATURATED + COUNT_DRIFT)
		ouro_object_report(OURO_MISUSE_SATURATED, object, caller);
}

/* ouro_get() found a count that is not one of a live object. */
void __ouro_get_slow(struct ouro_object *object, u64 old)
{
	if ((old & OURO_COUNT_MASK) >= OURO_COUNT_SATURATED) {
		saturated(object, old, _RET_IP_);
		return;
	}
	atomic64_dec(&object->word);
	ouro_object_report(OURO_MISUSE_GET_DEAD, object, _RET_IP_);
}
EXPORT_SYMBOL_OURO(__ouro_get_slow);

/* A put that found neither a live count nor the last reference. */
void ouro_object_put_misused(struct ouro_object *object, u64 old,
			     unsigned long caller)
{
	if ((old & OURO_COUNT_MASK) >= OURO_COUNT_SATURATED) {
		saturated(object, old, caller);
		return;
	}
	atomic64_inc(&object->word);
	ouro_object_report(OURO_MISUSE_PUT_DEAD, object, caller);
}

/**
 * ouro_tryget() - take a reference to an object that may be dead
 * @object: what a slot or a table of the caller's held during this RCU read
 *	section, so that there is an object of its type at least
 *
 * A full barrier where it succeeds: what is read after it is no older.
 *
 * Context: Any, NMI included, within an RCU read section.
 * Return: false when the object is dead.
 */
bool ouro_tryget(struct ouro_object *object)
{
	s64 word = atomic64_read(&object->word), next;
	u32 count;

	RCU_LOCKDEP_WARN(!rcu_read_lock_any_held(),
			 "ouro_tryget() needs an RCU read section");
	do {
		count = word & OURO_COUNT_MASK;
		next = word + OURO_WORD_VERSION + 1;
		if (unlikely(count <= OURO_COUNT_DEAD)) {
			/* Somebody is about to claim it: see claim(). */
			next |= OURO_WORD_CLAIM;
			if (count < OURO_COUNT_DEAD ||
			    !(word & OURO_WORD_FINALIZE)) {
				smp_rmb();	/* pairs with ouro_put() */
				return false;
			}
		}
	} while (!atomic64_try_cmpxchg(&object->word, &word, next));
	if (unlikely(word & OURO_WORD_HELD_UP))
		return ouro_transaction_meet(object);
	if (unlikely(count >= OURO_COUNT_SATURATED))
		saturated(object, word, _RET_IP_);
	return true;
}
EXPORT_SYMBOL_OURO(ouro_tryget);

/**
 * ouro_immortalize() - let an object never die
 * @object: that the caller has a reference to
 *
 * Gets and puts go on as before and have no effect.  There is no way back but
 * ouro_heap_destroy().
 *
 * Context: Any.
 */
void ouro_immortalize(struct ouro_object *object)
{
	stick(object);
}
EXPORT_SYMBOL_OURO(ouro_immortalize);

/**
 * ouro_refcount() - how many references there are at this moment
 * @object: the object
 *
 * Context: Any.
 * Return: the number, 0 when it is dead, UINT_MAX when it never dies.
 */
unsigned int ouro_refcount(const struct ouro_object *object)
{
	u64 word = atomic64_read(&object->word);
	u32 count = word & OURO_COUNT_MASK;

	if (count >= OURO_COUNT_SATURATED)
		return UINT_MAX;
	return count > OURO_COUNT_DEAD && !(word & OURO_WORD_DEAD) ?
	       count - OURO_COUNT_DEAD : 0;
}
EXPORT_SYMBOL_OURO(ouro_refcount);

/**
 * ouro_is_alive() - whether a tryget could succeed at this moment
 * @object: as for ouro_tryget()
 *
 * Context: Any, within an RCU read section unless the caller has a reference.
 * Return: true when it could.
 */
bool ouro_is_alive(const struct ouro_object *object)
{
	u64 word = atomic64_read(&object->word);
	u32 count = word & OURO_COUNT_MASK;

	if (count == OURO_COUNT_DEAD)
		return word & OURO_WORD_FINALIZE;
	return count > OURO_COUNT_DEAD &&
	       (!(word & OURO_WORD_HELD_UP) ||
		!ouro_transaction_has_killed(object));
}
EXPORT_SYMBOL_OURO(ouro_is_alive);

/* ---- what is known of an object by its address ---- */

/**
 * ouro_object_type() - the type of an object
 * @object: with a reference, or as for ouro_tryget()
 *
 * Context: Any.
 * Return: what was registered, or NULL if there is no object.
 */
const struct ouro_type *ouro_object_type(const struct ouro_object *object)
{
	struct ouro_pool *pool = ouro_pool_of_object(object);

	return pool ? pool->class->kind->type : NULL;
}
EXPORT_SYMBOL_OURO(ouro_object_type);

/**
 * ouro_object_heap() - the heap of an object
 * @object: with a reference, or as for ouro_tryget()
 *
 * Context: Any.
 * Return: the heap, or NULL if there is no object.
 */
struct ouro_heap *ouro_object_heap(const struct ouro_object *object)
{
	struct ouro_pool *pool = ouro_pool_of_object(object);

	return pool ? pool->heap : NULL;
}
EXPORT_SYMBOL_OURO(ouro_object_heap);

/**
 * ouro_object_slots() - how many slots an object has
 * @object: with a reference
 *
 * A trailing array counts with all the slots that there is room for.
 *
 * Context: Any.
 * Return: the number, 0 if there is no object.
 */
size_t ouro_object_slots(const struct ouro_object *object)
{
	struct ouro_pool *pool = ouro_pool_of_object(object);
	struct ouro_kind *kind;
	size_t slots;

	if (!pool)
		return 0;
	kind = pool->class->kind;
	rcu_read_lock();
	slots = kind->type->nslots +
		ouro_kind_span(kind, pool, (void *)object).count;
	rcu_read_unlock();
	return slots;
}
EXPORT_SYMBOL_OURO(ouro_object_slots);

/**
 * ouro_object_report() - tell of a misused object, in one line, and count it
 * @what: went wrong
 * @object: the object, if it is one
 * @caller: return address of the offender
 *
 * Context: Any.
 */
void ouro_object_report(enum ouro_misuse what, struct ouro_object *object,
			unsigned long caller)
{
	struct ouro_pool *pool;
	char name[OURO_WEAK_TEXT];

	rcu_read_lock();
	pool = ouro_pool_of_object(object);
	if (pool && ouro_pool_is_block(pool, object)) {
		ouro_weak_name(pool, object, name);
		ouro_check_report_object(what, pool->heap,
					 pool->class->kind->type->name, name,
					 caller);
	} else {
		ouro_check_report(OURO_MISUSE_NO_OBJECT, pool ? pool->heap : NULL,
				  NULL, object, caller);
	}
	rcu_read_unlock();
}
