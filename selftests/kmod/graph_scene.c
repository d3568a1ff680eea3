// SPDX-License-Identifier: GPL-2.0
/*
 * Scenes: actors that go on and on about what a collector can get wrong.
 *
 * Each is a few legitimate operations, and would be found at random some day;
 * here the same moment comes a thousand times a second, among few objects, so
 * that scans are short and many.
 */
#include <linux/kernel.h>
#include "graph.h"

/* Longer than a scan of few objects. */
#define SPIN	3000

static void spin(unsigned int spins)
{
	while (spins--)
		cpu_relax();
}

static void store(const struct graph_ref *from, u32 index,
		  const struct graph_ref *to)
{
	GRAPH_CHECK(!ouro_slot_store(graph_ref_slot(from, index), to->object),
		    to->stamp);
}

static void clear(const struct graph_ref *from, u32 index)
{
	ouro_slot_clear(graph_ref_slot(from, index));
}

/*
 * Steps that have nothing to do with what is held: a scan that waits for some
 * goes on, and has an end, as long as it is held.
 */
static void pass_time(struct graph_actor *a, unsigned int spins)
{
	struct graph_ref *other = &a->own[1];
	u32 i, random = test_random(&a->random), n = random % 2 * (random / 2 % 8);

	if (!other->object) {
		if (!graph_ref_new(a, other, GRAPH_TOLD))
			return;
		store(other, 0, other);
	}
	for (i = 0; i < n; i++)
		ouro_put(ouro_slot_load(graph_ref_slot(other, 0)));
	spin(test_random(&a->random) % spins);
}

/*
 * An object that holds itself by all its slots, and is held; one slot after the
 * other is cleared.  Who takes counts and slots from different moments may find
 * as many of both, and that there is nobody outside.
 */
void graph_scene_clear(struct graph_actor *a)
{
	struct graph_ref ref = { };
	u32 i, slots;

	if (!graph_ref_new(a, &ref, GRAPH_WIDE))
		return;
	slots = graph_ref_slots(&ref);
	for (i = 0; i < slots; i++)
		store(&ref, i, &ref);
	for (i = 0; i < slots; i++) {
		graph_spin(a, SPIN);
		if (!graph_ref_check(&ref))
			return;
		graph_note(a, "clear", &ref, NULL, i);
		clear(&ref, i);
	}
	graph_spin(a, SPIN);
	graph_ref_drop(&ref);
}

/* ---- one reference on its way through the slots of its own object ---- */

static void step_take(const struct graph_ref *ref, u32 from, u32 to)
{
	struct ouro_object *object;

	object = ouro_slot_take(graph_ref_slot(ref, from));
	ouro_slot_move(graph_ref_slot(ref, to), object);
}

static void step_swap(const struct graph_ref *ref, u32 from, u32 to)
{
	struct ouro_object *object, *other;

	ouro_slot_swap(graph_ref_slot(ref, from), NULL, &object);
	ouro_slot_swap(graph_ref_slot(ref, to), object, &other);
	ouro_put(other);
}

static void step_store(const struct graph_ref *ref, u32 from, u32 to)
{
	store(ref, to, ref);
	clear(ref, from);
}

/* Some other slot. */
static u32 shuttle_to(struct graph_actor *a, u32 from, u32 slots)
{
	return (from + 1 + test_random(&a->random) % (slots - 1)) % slots;
}

/*
 * Who reads slot after slot meets the reference again, and may take it for two:
 * as many as there are with the actor's own.  It moves about once while all slots
 * are read; or so often, at once, that a version of three bits comes round.
 */
void graph_scene_shuttle(struct graph_actor *a)
{
	static void (*const steps[])(const struct graph_ref *ref, u32 from,
				     u32 to) = {
		step_take, step_swap, step_store,
	};
	u32 random = test_random(&a->random), how = random / 4 % 3;
	u32 i, slots, to, at = 0, burst = random % 2 ? 1 : 8;
	struct graph_ref ref = { };

	if (!graph_ref_new(a, &ref, GRAPH_WIDE))
		return;
	slots = graph_ref_slots(&ref);
	store(&ref, at, &ref);
	for (i = 0; i < 16 * slots && !graph_is_over(); i++) {
		if (i % burst == 0)
			pass_time(a, SPIN / 8);
		if (!graph_ref_check(&ref))
			return;
		to = shuttle_to(a, at, slots);
		graph_note(a, "shuttle", &ref, NULL, to);
		steps[how](&ref, at, to);
		at = to;
	}
	clear(&ref, at);
	graph_ref_drop(&ref);
}

/* ---- weak handles of what nobody holds ---- */

/* Two that hold each other; only their handles are left. */
static bool pair_make(struct graph_actor *a)
{
	struct graph_ref one = { }, two = { };

	if (!graph_ref_new(a, &one, GRAPH_TOLD) ||
	    !graph_ref_new(a, &two, GRAPH_TOLD)) {
		graph_ref_drop(&one);
		return false;
	}
	store(&one, 0, &two);
	store(&two, 0, &one);
	a->names[0] = graph_ref_weak(&one);
	a->names[1] = graph_ref_weak(&two);
	graph_ref_drop(&one);
	graph_ref_drop(&two);
	return true;
}

/* The second one, by way of the first: it leaves the slot, and comes back. */
static void pair_part(struct graph_actor *a, const struct graph_ref *one)
{
	struct graph_ref two = { };

	graph_spin(a, SPIN / 4);
	if (!graph_ref_set(&two, ouro_slot_take(graph_ref_slot(one, 0)))) {
		GRAPH_CHECK(graph_is_over(), one->stamp);
		return;
	}
	graph_note(a, "part", &two, one, 0);
	GRAPH_CHECK(ouro_weak_equal(graph_ref_weak(&two), a->names[1]),
		    two.stamp);
	graph_spin(a, SPIN);
	if (!graph_ref_check(&two) || !graph_ref_check(one))
		return;
	store(one, 0, &two);
	graph_ref_drop(&two);
}

/*
 * A pair that a scan is about to free, when somebody comes by a weak handle.  If
 * he gets one he gets both; if he gets none, nobody ever does.
 */
void graph_scene_pair(struct graph_actor *a)
{
	struct graph_ref one = { }, again = { };

	if (!a->names[0].generation && !pair_make(a))
		return;
	graph_spin(a, SPIN);
	graph_ref_upgrade(&one, a->names[0]);
	graph_note(a, "upgrade", one.object ? &one : NULL, NULL, 0);
	if (!one.object) {
		graph_ref_upgrade(&again, a->names[0]);
		GRAPH_CHECK(!again.object, again.stamp);
		graph_ref_upgrade(&again, a->names[1]);
		GRAPH_CHECK(!again.object, again.stamp);
		a->names[0] = (struct ouro_weak) { };
		return;
	}
	if (test_random(&a->random) % 4)
		pair_part(a, &one);
	graph_spin(a, SPIN);
	graph_ref_drop(&one);
}

/* ---- blocks that are used again ---- */

/* A node that holds itself, and that the actor had so many references to. */
static bool self_make(struct graph_actor *a, bool hold)
{
	struct graph_ref *own = &a->own[0];

	if (!graph_ref_new(a, own, GRAPH_TOLD))
		return false;
	if (hold) {
		/* As often as if it were stored. */
		ouro_put(ouro_get(own->object));
		return true;
	}
	store(own, 0, own);
	a->names[0] = graph_ref_weak(own);
	graph_ref_drop(own);
	return true;
}

/*
 * Somebody comes for what nobody holds and takes it apart, so that it dies, and
 * its block becomes the next object, which is held: it looks like the one before
 * if the version in its word begins where that one's did.
 */
void graph_scene_recycle(struct graph_actor *a)
{
	struct graph_ref ref = { };

	if (!self_make(a, false))
		return;
	/* Now and then too late, however slow scans are. */
	graph_spin(a, a->ops % 256 ? SPIN / 4 : 100 * SPIN);
	graph_ref_upgrade(&ref, a->names[0]);
	if (!ref.object)
		return;
	graph_note(a, "take apart", &ref, NULL, 0);
	clear(&ref, 0);
	graph_ref_drop(&ref);
	if (!self_make(a, true))
		return;
	graph_note(a, "again", &a->own[0], NULL, 0);
	pass_time(a, SPIN);
	graph_ref_drop(&a->own[0]);
}
