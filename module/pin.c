// SPDX-License-Identifier: GPL-2.0
/*
 * Pins: the names of references from outside of objects.
 *
 * A heap has a table of them from the first one on.  It consists of shards, each
 * with a lock and some buckets.  A name that there was no memory for is counted
 * as lost: by its shard, or by the heap where that had no table either.  Who
 * takes a name away that is not there has one of the lost first.
 *
 * Where the context is tight no memory may be had and none be given back: a pin
 * whose last reference lost its name there stays in its bucket, idle, until a
 * name of an object in that bucket needs one, or is taken away elsewhere.
 */
#include "ouro.h"
#include <linux/ctype.h>
#include <linux/hash.h>
#include <linux/sched.h>
#include "backing.h"
#include "heap.h"
#include "object.h"
#include "pin.h"
#include "weak.h"

#define SHARD_BITS	4
#define SHARDS		BIT(SHARD_BITS)
#define BUCKETS		31	/* of a shard; so all of them fill a page */

#define PIN_GFP		(GFP_NOWAIT | __GFP_NOWARN)

/**
 * struct shard - some buckets and their lock
 * @lock: guards all of it, and the pins
 * @lost: references whose name was lost
 * @bucket: pins, by the address of the object
 */
struct shard {
	raw_spinlock_t lock;
	u32 lost;
	struct hlist_head bucket[BUCKETS];
};

struct ouro_pins {
	struct shard shard[SHARDS];
};

/* What is looked for. */
struct wanted {
	struct ouro_object *object;
	struct shard *shard;
	struct hlist_head *bucket;
	char why[OURO_PIN_NAME_MAX];
};

/* ---- the table ---- */

static void pins_set_key(struct ouro_pins *pins, struct lock_class_key *key)
{
	unsigned int i;

	for (i = 0; i < SHARDS; i++)
		lockdep_set_class_and_subclass(&pins->shard[i].lock, key,
					       OURO_LOCK_PIN);
}

/* Memory for names is had and given back where the caller is not tight. */
static void *memory_get(struct ouro_heap *heap, size_t bytes)
{
	void *memory;

	ouro_slow_begin();
	memory = ouro_backing_meta(heap, bytes, PIN_GFP, NUMA_NO_NODE);
	ouro_slow_end();
	return memory;
}

static void memory_put(struct ouro_heap *heap, void *memory, size_t bytes)
{
	ouro_slow_begin();
	ouro_backing_free_meta(heap, memory, bytes);
	ouro_slow_end();
}

static struct ouro_pins *pins_create(struct ouro_heap *heap)
{
	struct ouro_pins *pins = memory_get(heap, sizeof(*pins));
	unsigned int i;

	if (!pins)
		return NULL;
	for (i = 0; i < SHARDS; i++)
		raw_spin_lock_init(&pins->shard[i].lock);
	pins_set_key(pins, heap->key);
	return pins;
}

static struct ouro_pins *pins_there(const struct ouro_heap *heap)
{
	/* Pairs with the cmpxchg() in pins_of(). */
	return smp_load_acquire(&heap->pins);
}

/* The table of a heap, made the first time, or NULL. */
static struct ouro_pins *pins_of(struct ouro_heap *heap)
{
	struct ouro_pins *pins = pins_there(heap);
	struct ouro_pins *other;

	if (pins || ouro_context_is_tight())
		return pins;
	pins = pins_create(heap);
	if (!pins)
		return NULL;
	other = cmpxchg(&heap->pins, NULL, pins);
	if (other) {
		memory_put(heap, pins, sizeof(*pins));
		pins = other;
	}
	return pins;
}

static struct shard *shard_of(struct ouro_pins *pins,
			      const struct ouro_object *object,
			      struct hlist_head **bucket)
{
	u32 hash = hash_ptr(object, 32);
	struct shard *shard = &pins->shard[hash % SHARDS];

	*bucket = &shard->bucket[(hash >> SHARD_BITS) % BUCKETS];
	return shard;
}

/* ---- one name ---- */

/* Copied, so that it may go with the caller's module, and cleaned. */
static void name_copy(char *to, const char *from)
{
	char *c;

	strscpy_pad(to, from ?: "(none)", OURO_PIN_NAME_MAX);
	for (c = to; *c; c++)
		if (!isascii(*c) || !isprint(*c) || *c == '"' || *c == '\\')
			*c = '_';
}

static struct ouro_pin *pin_find(const struct wanted *wanted)
{
	struct ouro_pin *pin;

	lockdep_assert_held(&wanted->shard->lock);
	hlist_for_each_entry(pin, wanted->bucket, node)
		if (pin->count && pin->object == wanted->object &&
		    !strcmp(pin->why, wanted->why))
			return pin;
	return NULL;
}

static struct ouro_pin *pin_find_idle(const struct wanted *wanted)
{
	struct ouro_pin *pin;

	lockdep_assert_held(&wanted->shard->lock);
	hlist_for_each_entry(pin, wanted->bucket, node)
		if (!pin->count)
			return pin;
	return NULL;
}

/*
 * One reference more has the name; false: a pin is needed for it.  @spare is
 * taken, and set to NULL, where there is one and it is needed.
 */
static bool pin_add(const struct wanted *wanted, struct ouro_pin **spare)
{
	struct ouro_pin *pin = pin_find(wanted);

	if (pin) {
		pin->count++;
		return true;
	}
	pin = pin_find_idle(wanted);
	if (!pin && *spare) {
		pin = *spare;
		*spare = NULL;
		hlist_add_head(&pin->node, wanted->bucket);
	}
	if (!pin)
		return false;
	pin->object = wanted->object;
	pin->count = 1;
	memcpy(pin->why, wanted->why, sizeof(pin->why));
	return true;
}

/* Notes a name that a reference has got, or counts it as lost. */
static void note(struct ouro_heap *heap, struct wanted *wanted)
{
	bool tight = ouro_context_is_tight();
	struct ouro_pin *spare = NULL;
	unsigned long flags;
	bool noted;

	raw_spin_lock_irqsave(&wanted->shard->lock, flags);
	noted = pin_add(wanted, &spare);
	raw_spin_unlock_irqrestore(&wanted->shard->lock, flags);
	if (noted)
		return;
	if (!tight)
		spare = memory_get(heap, sizeof(*spare));
	raw_spin_lock_irqsave(&wanted->shard->lock, flags);
	if (!pin_add(wanted, &spare))
		wanted->shard->lost++;
	raw_spin_unlock_irqrestore(&wanted->shard->lock, flags);
	/* Somebody else has noted the same name meanwhile. */
	if (spare)
		memory_put(heap, spare, sizeof(*spare));
}

/* Takes what no reference needs any more out of a bucket. */
static void bucket_sweep(const struct wanted *wanted, struct hlist_head *idle)
{
	struct hlist_node *next;
	struct ouro_pin *pin;

	lockdep_assert_held(&wanted->shard->lock);
	hlist_for_each_entry_safe(pin, next, wanted->bucket, node) {
		if (pin->count)
			continue;
		hlist_del(&pin->node);
		hlist_add_head(&pin->node, idle);
	}
}

static void free_idle(struct ouro_heap *heap, struct hlist_head *idle)
{
	struct hlist_node *next;
	struct ouro_pin *pin;

	hlist_for_each_entry_safe(pin, next, idle, node)
		memory_put(heap, pin, sizeof(*pin));
}

/* Takes the name of a reference away; false: none has it and none is lost. */
static bool unnote(struct ouro_heap *heap, struct wanted *wanted)
{
	bool tight = ouro_context_is_tight();
	HLIST_HEAD(idle);
	unsigned long flags;
	struct ouro_pin *pin;
	bool noted = true;

	raw_spin_lock_irqsave(&wanted->shard->lock, flags);
	pin = pin_find(wanted);
	if (pin) {
		pin->count--;
		if (!pin->count && !tight)
			bucket_sweep(wanted, &idle);
	} else if (wanted->shard->lost) {
		wanted->shard->lost--;
	} else {
		noted = false;
	}
	raw_spin_unlock_irqrestore(&wanted->shard->lock, flags);
	free_idle(heap, &idle);
	return noted;
}

/* Filled for a heap that has a table. */
static void want(struct wanted *wanted, struct ouro_pins *pins,
		 struct ouro_object *object, const char *why)
{
	wanted->object = object;
	wanted->shard = shard_of(pins, object, &wanted->bucket);
	name_copy(wanted->why, why);
}

/* The pool of what is an object at all. */
static struct ouro_pool *pool_of(struct ouro_object *object)
{
	struct ouro_pool *pool = ouro_pool_of_object(object);

	return pool && ouro_pool_is_block(pool, object) ? pool : NULL;
}

/**
 * ouro_track() - give a reference that the caller has a name
 * @object: the object; say what ouro_new() returned
 * @why: what holds the reference; copied
 *
 * A dead object gets none.
 *
 * Context: Any but NMI.
 */
void ouro_track(struct ouro_object *object, const char *why)
{
	struct ouro_pool *pool = pool_of(object);
	struct ouro_pins *pins;
	struct wanted wanted;

	lockdep_assert(!in_nmi());
	if (!pool) {
		ouro_object_report(OURO_MISUSE_NO_OBJECT, object, _RET_IP_);
		return;
	}
	/* Who has taken a reference to it was told so. */
	if (!ouro_refcount(object))
		return;
	pins = pins_of(pool->heap);
	if (!pins) {
		atomic_inc(&pool->heap->pins_lost);
		return;
	}
	want(&wanted, pins, object, why);
	note(pool->heap, &wanted);
}
EXPORT_SYMBOL_OURO(ouro_track);

static void report_unknown(struct ouro_pool *pool, struct ouro_object *object,
			   const char *why, unsigned long caller)
{
	char label[OURO_WEAK_TEXT + OURO_PIN_NAME_MAX + 4];
	char name[OURO_WEAK_TEXT], clean[OURO_PIN_NAME_MAX];

	name_copy(clean, why);
	rcu_read_lock();	/* it may be dead, and its pool about to go */
	ouro_weak_name(pool, object, name);
	rcu_read_unlock();
	snprintf(label, sizeof(label), "%s \"%s\"", name, clean);
	ouro_check_report_object(OURO_MISUSE_NO_PIN, pool->heap,
				 pool->class->kind->type->name, label, caller);
}

/**
 * ouro_untrack() - take the name of a reference away
 * @object: that the caller has a reference of that name to
 * @why: the name
 *
 * The reference stays the caller's.  Where none has that name this is reported.
 *
 * Context: Any but NMI.
 * Return: whether there was such a name, or may have been one that was lost.
 */
bool ouro_untrack(struct ouro_object *object, const char *why)
{
	struct ouro_pool *pool = pool_of(object);
	struct ouro_pins *pins;
	struct wanted wanted;

	lockdep_assert(!in_nmi());
	if (!pool) {
		ouro_object_report(OURO_MISUSE_NO_OBJECT, object, _RET_IP_);
		return false;
	}
	pins = pins_there(pool->heap);
	if (pins) {
		want(&wanted, pins, object, why);
		if (unnote(pool->heap, &wanted))
			return true;
	}
	if (atomic_dec_if_positive(&pool->heap->pins_lost) >= 0)
		return true;
	report_unknown(pool, object, why, _RET_IP_);
	return false;
}
EXPORT_SYMBOL_OURO(ouro_untrack);

/* ---- who has which ---- */

typedef void (*pin_fn)(const struct ouro_pin *pin, void *arg);

/* Calls @fn for the pins of an object, under a raw lock with interrupts off. */
static void object_visit(struct ouro_heap *heap,
			 const struct ouro_object *object, pin_fn fn,
			 void *arg)
{
	struct ouro_pins *pins = pins_there(heap);
	struct hlist_head *bucket;
	struct shard *shard;
	struct ouro_pin *pin;
	unsigned long flags;

	if (!pins)
		return;
	shard = shard_of(pins, object, &bucket);
	/* Most have none; one that comes now could as well have come later. */
	if (hlist_empty(bucket))
		return;
	raw_spin_lock_irqsave(&shard->lock, flags);
	hlist_for_each_entry(pin, bucket, node)
		if (pin->count && pin->object == object)
			fn(pin, arg);
	raw_spin_unlock_irqrestore(&shard->lock, flags);
}

static void count_pin(const struct ouro_pin *pin, void *arg)
{
	*(unsigned int *)arg += pin->count;
}

/**
 * ouro_pins_count() - how many references of an object have a name
 * @heap: its heap
 * @object: only compared
 *
 * Context: Any but NMI.
 * Return: the number.
 */
unsigned int ouro_pins_count(struct ouro_heap *heap,
			     const struct ouro_object *object)
{
	unsigned int count = 0;

	object_visit(heap, object, count_pin, &count);
	return count;
}

struct names {
	char *text;
	size_t size;
	size_t len;
	unsigned int count;
};

static void write_name(const struct ouro_pin *pin, void *arg)
{
	struct names *names = arg;

	names->len += scnprintf(names->text + names->len,
				names->size - names->len, "%s%s",
				names->count ? ", " : "", pin->why);
	if (pin->count > 1)
		names->len += scnprintf(names->text + names->len,
					names->size - names->len, " x%u",
					pin->count);
	names->count++;
}

/**
 * ouro_pins_names() - the names of an object's references, for people
 * @heap: its heap
 * @object: only compared
 * @text: set to "name, name x3", or to ""
 * @size: bytes of @text, more than 0; what is longer is cut
 *
 * Context: Any but NMI.
 * Return: how many names there are.
 */
unsigned int ouro_pins_names(struct ouro_heap *heap,
			     const struct ouro_object *object, char *text,
			     size_t size)
{
	struct names names = { .text = text, .size = size };

	text[0] = '\0';
	object_visit(heap, object, write_name, &names);
	return names.count;
}

/**
 * ouro_pins_lost() - whether there are references whose name was lost
 * @heap: the heap
 *
 * Who counts too few names for an object cannot tell why, then.
 *
 * Context: Any.
 * Return: true when there are.
 */
bool ouro_pins_lost(struct ouro_heap *heap)
{
	struct ouro_pins *pins = pins_there(heap);
	bool lost = atomic_read(&heap->pins_lost);
	unsigned int i;

	for (i = 0; pins && !lost && i < SHARDS; i++)
		lost = READ_ONCE(pins->shard[i].lost);
	return lost;
}

/* ---- the end ---- */

/* Of a heap that its module has left behind, and nobody uses. */
void ouro_pins_set_key(struct ouro_heap *heap, struct lock_class_key *key)
{
	struct ouro_pins *pins = pins_there(heap);

	if (pins)
		pins_set_key(pins, key);
}

/* Of a heap that nobody uses any more: with the names that are left. */
void ouro_pins_destroy_all(struct ouro_heap *heap)
{
	struct ouro_pins *pins = heap->pins;
	unsigned int i;

	if (!pins)
		return;
	for (i = 0; i < SHARDS * BUCKETS; i++)
		free_idle(heap, &pins->shard[i / BUCKETS].bucket[i % BUCKETS]);
	heap->pins = NULL;
	ouro_backing_free_meta(heap, pins, sizeof(*pins));
}
