// SPDX-License-Identifier: GPL-2.0
/*
 * The shadow graph: what the graph is, as told by those who change it.
 *
 * With one lock around each operation there is an order of them all, and this
 * is the graph between any two.  An object may end when nothing that is held and
 * no root leads to it in the shadow, and must have ended two scans later.
 *
 * Callbacks come under the lock, too: with interrupts off, deaths with callbacks
 * are left to a worker, so these never find the lock taken by whom they
 * interrupt.
 */
#include <linux/hash.h>
#include <linux/hashtable.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <ouro/collect.h>
#include "graph.h"

#define SHADOWS		8192
#define SHADOWS_LEFT	1024	/* for those that are already under way */
#define SHADOW_BITS	12

/**
 * struct graph_shadow - an object, from its birth until its end was told
 * @hash: by handle
 * @node: in the list of live ones, or of free ones
 * @next: in a walk
 * @weak: its handle
 * @stamp: of the reference that it was first held by
 * @vector: it is one
 * @length: elements of the vector
 * @held: references that actors have
 * @walk: the last walk that came to it
 * @garbage: a walk did not come to it, and nobody has found it since
 * @revived: somebody has, since the last time that nothing was under way
 * @slot: what it refers to
 */
struct graph_shadow {
	struct hlist_node hash;
	struct list_head node;
	struct graph_shadow *next;
	struct ouro_weak weak;
	u64 stamp;
	bool vector;
	u32 length;
	unsigned int held;
	u32 walk;
	bool garbage;
	bool revived;
	struct graph_shadow *slot[GRAPH_SLOTS];
};

static DEFINE_SPINLOCK(shadow_lock);
static DEFINE_HASHTABLE(shadow_hash, SHADOW_BITS);
static LIST_HEAD(shadow_live);
static LIST_HEAD(shadow_free);
static unsigned long shadow_count;	/* live ones */
static struct graph_shadow *shadow_all;
static struct graph_shadow *shadow_root[GRAPH_ROOTS];
static u32 shadow_walk;
static bool shadow_stale;	/* something has changed since the last walk */

static bool is_shadowed(void)
{
	return graph.play->shadowed;
}

unsigned long graph_lock(void)
	__acquires(&shadow_lock)
{
	unsigned long flags = 0;

	if (is_shadowed())
		spin_lock_irqsave(&shadow_lock, flags);
	else
		__acquire(&shadow_lock);	/* for sparse */
	return flags;
}

void graph_unlock(unsigned long flags)
	__releases(&shadow_lock)
{
	if (is_shadowed())
		spin_unlock_irqrestore(&shadow_lock, flags);
	else
		__release(&shadow_lock);
}

int graph_shadow_init(void)
{
	unsigned int i;

	if (!is_shadowed())
		return 0;
	shadow_all = vcalloc(SHADOWS, sizeof(*shadow_all));
	if (!shadow_all)
		return -ENOMEM;
	INIT_LIST_HEAD(&shadow_live);
	INIT_LIST_HEAD(&shadow_free);
	hash_init(shadow_hash);
	memset(shadow_root, 0, sizeof(shadow_root));
	shadow_count = 0;
	for (i = 0; i < SHADOWS; i++)
		list_add_tail(&shadow_all[i].node, &shadow_free);
	return 0;
}

void graph_shadow_exit(void)
{
	vfree(shadow_all);
	shadow_all = NULL;
}

/* ---- look-up ---- */

static u32 weak_hash(struct ouro_weak weak)
{
	return hash_64(weak.name ^ weak.generation << 20, 32);
}

static struct graph_shadow *find(struct ouro_weak weak)
{
	struct graph_shadow *s;

	hash_for_each_possible(shadow_hash, s, hash, weak_hash(weak))
		if (ouro_weak_equal(s->weak, weak))
			return s;
	return NULL;
}

bool graph_shadow_is_full(void)
{
	return is_shadowed() && shadow_count + SHADOWS_LEFT > SHADOWS;
}

unsigned long graph_shadow_live(void)
{
	return shadow_count;
}

static struct graph_shadow **slot_of(const struct graph_ref *holder, u32 index)
{
	return holder ? &holder->shadow->slot[index] : &shadow_root[index];
}

/* ---- what is reachable ---- */

static void queue(struct graph_shadow ***tail, struct graph_shadow *s)
{
	if (!s || s->walk == shadow_walk)
		return;
	s->walk = shadow_walk;
	s->next = NULL;
	**tail = s;
	*tail = &s->next;
}

/* Goes to all that the queued ones lead to. */
static void follow(struct graph_shadow *first, struct graph_shadow ***tail)
{
	struct graph_shadow *s;
	unsigned int i;

	for (s = first; s; s = s->next)
		for (i = 0; i < GRAPH_SLOTS; i++)
			queue(tail, s->slot[i]);
}

/* Finds out what is garbage; once that, it stays so until it is revived. */
static void walk(void)
{
	struct graph_shadow *s, *first = NULL, **tail = &first;
	unsigned int i;

	if (!shadow_stale)
		return;
	shadow_stale = false;
	shadow_walk++;
	for (i = 0; i < GRAPH_ROOTS; i++)
		queue(&tail, shadow_root[i]);
	list_for_each_entry(s, &shadow_live, node)
		if (s->held)
			queue(&tail, s);
	follow(first, &tail);
	list_for_each_entry(s, &shadow_live, node) {
		if (s->walk != shadow_walk)
			s->garbage = true;
		else
			GRAPH_CHECK(!s->garbage, s->stamp);
	}
}

/* Somebody found it: by a handle, or as its finalizer. */
static void revive(struct graph_shadow *s)
{
	struct graph_shadow *first = NULL, **tail = &first;

	walk();
	if (!s->garbage)
		return;
	shadow_walk++;
	queue(&tail, s);
	follow(first, &tail);
	for (s = first; s; s = s->next) {
		/* What it leads to cannot have ended. */
		GRAPH_CHECK(find(s->weak) == s, s->stamp);
		s->revived = true;
		s->garbage = false;
	}
}

/* ---- what actors tell ---- */

void graph_shadow_new(struct graph_ref *ref)
{
	struct graph_shadow *s;

	if (!is_shadowed())
		return;
	s = list_first_entry_or_null(&shadow_free, struct graph_shadow, node);
	if (!GRAPH_CHECK(s, ref->stamp))
		return;
	list_del(&s->node);
	*s = (struct graph_shadow) {
		.weak = graph_ref_weak(ref),
		.stamp = ref->stamp,
		.vector = ref->kind == GRAPH_VECTOR,
		.held = 1,
		.walk = shadow_walk,
	};
	GRAPH_CHECK(!find(s->weak), ref->stamp);
	hash_add(shadow_hash, &s->hash, weak_hash(s->weak));
	list_add_tail(&s->node, &shadow_live);
	shadow_count++;
	ref->shadow = s;
}

/* It has another reference. */
void graph_shadow_hold(struct graph_ref *ref)
{
	struct graph_shadow *s;

	if (!is_shadowed())
		return;
	s = find(graph_ref_weak(ref));
	ref->shadow = s;
	if (!GRAPH_CHECK(s, ref->stamp))
		return;
	revive(s);
	s->held++;
}

void graph_shadow_drop(struct graph_ref *ref)
{
	if (!is_shadowed())
		return;
	ref->shadow->held--;
	shadow_stale = true;
}

void graph_shadow_set(const struct graph_ref *holder, u32 index,
		      const struct graph_ref *ref)
{
	if (!is_shadowed())
		return;
	*slot_of(holder, index) = ref ? ref->shadow : NULL;
	shadow_stale = true;
}

/* What was read from a slot is what is in it. */
void graph_shadow_expect(const struct graph_ref *holder, u32 index,
			 const struct graph_ref *ref)
{
	struct graph_shadow *s;

	if (!is_shadowed() || graph_is_over())
		return;
	s = *slot_of(holder, index);
	GRAPH_CHECK(s == (ref->object ? ref->shadow : NULL),
		    s ? s->stamp : ref->stamp);
}

/* What a handle is said to name no more. */
void graph_shadow_vanish(struct ouro_weak weak)
{
	struct graph_shadow *s;

	if (!is_shadowed())
		return;
	s = find(weak);
	if (!s)
		return;
	walk();
	GRAPH_CHECK(s->garbage, s->stamp);
}

/* ---- vectors ---- */

u32 graph_shadow_length(const struct graph_ref *vector)
{
	return is_shadowed() ? vector->shadow->length : 0;
}

/* The elements from @length on are gone. */
void graph_shadow_pop(const struct graph_ref *vector, u32 length)
{
	struct graph_shadow *s = vector->shadow;

	if (!is_shadowed())
		return;
	for (; s->length > length; s->length--)
		s->slot[s->length - 1] = NULL;
	shadow_stale = true;
}

void graph_shadow_append(const struct graph_ref *vector,
			 const struct graph_ref *ref)
{
	struct graph_shadow *s = vector->shadow;

	if (!is_shadowed() || !GRAPH_CHECK(s->length < GRAPH_SLOTS, s->stamp))
		return;
	s->slot[s->length++] = ref->shadow;
	shadow_stale = true;
}

void graph_shadow_remove(const struct graph_ref *vector, u32 index)
{
	struct graph_shadow *s = vector->shadow;

	if (!is_shadowed() || !GRAPH_CHECK(index < s->length, s->stamp))
		return;
	s->slot[index] = s->slot[s->length - 1];
	s->slot[--s->length] = NULL;
	shadow_stale = true;
}

/* ---- what callbacks tell ---- */

/* @root: where the object is about to be put, -1: nowhere. */
void graph_shadow_finalize(struct ouro_weak weak, struct ouro_object *object,
			   int root)
{
	struct graph_shadow *s;

	if (!is_shadowed() || !weak.generation)
		return;
	s = find(weak);
	if (!GRAPH_CHECK(s, graph_node(object)->tag.stamp))
		return;
	walk();
	/* Others may have come to it since it was found to be garbage. */
	GRAPH_CHECK(s->garbage || s->revived, s->stamp);
	if (root < 0)
		return;
	revive(s);
	shadow_root[root] = s;
	shadow_stale = true;
}

void graph_shadow_release(struct ouro_weak weak)
{
	struct graph_shadow *s;

	if (!is_shadowed() || !weak.generation)
		return;
	s = find(weak);
	if (!s)		/* the first vector, or one that nobody was told of */
		return;
	walk();
	GRAPH_CHECK(s->garbage, s->stamp);
	hash_del(&s->hash);
	/* Those that died with it may refer to it yet: the others first. */
	list_move_tail(&s->node, &shadow_free);
	shadow_count--;
}

/* ---- now and then ---- */

/*
 * Nobody acts, no scan is under way that began before, and no death: of what was
 * found until now no finalizer is about to be called.
 */
static void check_gone(void)
{
	struct graph_shadow *s;
	unsigned long flags;

	flags = graph_lock();
	shadow_stale = true;
	walk();
	list_for_each_entry(s, &shadow_live, node) {
		s->revived = false;
		if (!GRAPH_CHECK(!s->garbage, s->stamp))
			break;
	}
	graph_unlock(flags);
}

/* While nobody acts, two scans free all that is garbage. */
void graph_shadow_check(void)
{
	if (!is_shadowed())
		return;
	down_write(&graph.gate);
	WRITE_ONCE(graph.calm, true);
	ouro_heap_flush(graph.heap);
	ouro_heap_collect(graph.heap, OURO_OLD);
	ouro_heap_collect(graph.heap, OURO_OLD);
	ouro_heap_flush(graph.heap);
	if (!graph_is_over())
		check_gone();
	WRITE_ONCE(graph.calm, false);
	up_write(&graph.gate);
}
