// SPDX-License-Identifier: GPL-2.0
/*
 * Magazines: the way of blocks between fronts, depots and pools.
 *
 * A front is refilled from its spare magazine, then from the depot of its node,
 * then from pools; it is relieved in the same order.  A CPU gets its magazines with
 * the first allocation, or after a few frees, which go straight to their pools.
 */
#include "ouro.h"
#include <linux/kmemleak.h>
#include "backing.h"
#include "depot.h"
#include "heap.h"
#include "magazine.h"
#include "pool.h"

struct ouro_front __percpu *ouro_idle_fronts;

#define WANT_FIRST	4	/* rounds; and frees that do without a magazine */

/* What a front without a magazine pops: nothing; it is full as well. */
static void *no_rounds[1];

static size_t magazine_size(const struct ouro_geometry *geo)
{
	struct ouro_magazine *magazine;

	return struct_size(magazine, block, geo->rounds);
}

struct ouro_magazine *ouro_magazine_create(struct ouro_class *class, gfp_t gfp)
{
	struct ouro_magazine *magazine;

	gfp = ouro_backing_eager(gfp);
	magazine = ouro_backing_meta(class->heap, magazine_size(class->geo),
				     gfp, NUMA_NO_NODE);
	/* A round that was popped is not wiped: nobody may be found by it. */
	if (magazine)
		kmemleak_scan_area(&magazine->next, sizeof(magazine->next),
				   gfp);
	return magazine;
}

void ouro_magazine_destroy(struct ouro_class *class,
			   struct ouro_magazine *magazine)
{
	ouro_backing_free_meta(class->heap, magazine,
			       magazine_size(class->geo));
}

static void set_none(struct ouro_front *front)
{
	WRITE_ONCE(front->main, NULL);
	WRITE_ONCE(front->spare, NULL);
	WRITE_ONCE(front->spared, 0);
	WRITE_ONCE(front->limit, ouro_front_entered(no_rounds + 1));
	WRITE_ONCE(front->top, ouro_front_entered(no_rounds + 1));
}

static unsigned int main_rounds(const struct ouro_front *front)
{
	return ouro_front_place(front->top, 0) - front->main->block;
}

static void swap_spare(struct ouro_front *front, unsigned int limit)
{
	struct ouro_magazine *main = front->main;
	unsigned int rounds = main_rounds(front);

	ouro_front_change_begin(front);
	ouro_front_set_main(front, front->spare, front->spared, limit);
	WRITE_ONCE(front->spare, main);
	WRITE_ONCE(front->spared, rounds);
	ouro_front_change_end(front);
}

/*
 * The main magazine of an entered front, which was found empty, for a spare one that
 * is not?  It may have been filled a little since.
 */
bool ouro_front_swap_empty(struct ouro_front *front, unsigned int limit)
{
	if (!front->spared)
		return false;
	swap_spare(front, limit);
	return true;
}

/* The main one, which is full, for a spare one that is not? */
bool ouro_front_swap_full(struct ouro_front *front, unsigned int limit)
{
	if (!front->main || front->spared >= limit)
		return false;
	swap_spare(front, limit);
	return true;
}

/* Sets up the fronts of @count classes (or the idle ones) on every CPU. */
void ouro_front_init(struct ouro_front __percpu *fronts, unsigned int count)
{
	unsigned int i;
	int cpu;

	for_each_possible_cpu(cpu) {
		for (i = 0; i < count; i++) {
			struct ouro_front *front = per_cpu_ptr(fronts + i, cpu);

			front->want = WANT_FIRST;
			set_none(front);
			front->top -= OURO_FRONT_ENTERED;
		}
	}
}

/* Puts the full spare magazine's blocks into their pools. */
static void spare_flush(struct ouro_class *class, struct ouro_front *front,
			struct hlist_head *dead)
{
	unsigned int rounds = front->spared;

	ouro_class_give(class, rounds, front->spare->block, dead);
	ouro_front_change_begin(front);
	WRITE_ONCE(front->spared, 0);
	WRITE_ONCE(front->loaded, front->loaded - rounds);
	ouro_front_change_end(front);
}

/* Fills the empty main magazine from pools: more each time. */
static bool pools_load(struct ouro_class *class, struct ouro_front *front,
		       bool *hungry)
{
	unsigned int limit = class->geo->rounds;
	unsigned int want = min_t(unsigned int, front->want, limit);
	unsigned int rounds;

	rounds = ouro_class_take(class, want, NUMA_NO_NODE, false,
				 front->main->block);
	if (!rounds)
		return false;
	*hungry = want == limit;
	front->want = min(2 * want, limit);
	ouro_front_change_begin(front);
	ouro_front_set_main(front, front->main, rounds, limit);
	WRITE_ONCE(front->loaded, front->loaded + rounds);
	ouro_front_change_end(front);
	return true;
}

static bool front_refill(struct ouro_class *class, struct ouro_front *front,
			 bool tight, bool *hungry)
{
	if (!front->main)
		return false;
	if (ouro_front_swap_empty(front, class->geo->rounds))
		return true;
	if (tight)
		return false;
	return ouro_depot_load(class, front) ||
	       pools_load(class, front, hungry);
}

static void *alloc_direct(struct ouro_class *class)
{
	void *block;

	if (!ouro_class_take(class, 1, NUMA_NO_NODE, false, &block))
		return NULL;
	atomic_long_inc(&class->direct);
	return block;
}

/**
 * ouro_magazine_alloc() - take a free block from wherever there is one
 * @class: of the block
 * @tight: look no further than this CPU's magazines
 * @hungry: set when a whole magazine had to be filled from pools
 *
 * Context: Any; with @tight false any but NMI, and then takes depot->lock and
 * class->lock, one after the other.
 * Return: the block, or NULL: a new pool is needed.
 */
void *ouro_magazine_alloc(struct ouro_class *class, bool tight, bool *hungry)
{
	struct ouro_front __percpu *fronts = class->fronts;
	struct ouro_front *here;
	void *block = NULL;

	preempt_disable();
	here = ouro_front_here(fronts);
	if (likely(ouro_front_enter(here))) {
		block = ouro_front_pop(here);
		if (!block && front_refill(class, raw_cpu_ptr(fronts), tight,
					   hungry))
			block = ouro_front_pop(here);
		ouro_front_leave(here);
	}
	preempt_enable();
	if (!block && !tight)
		block = alloc_direct(class);
	return block;
}

/* Gives this CPU's front the two magazines it lacks. */
static void front_equip(struct ouro_class *class, gfp_t gfp)
{
	struct ouro_front __percpu *fronts = class->fronts;
	struct ouro_magazine *main = ouro_magazine_create(class, gfp);
	struct ouro_magazine *spare = ouro_magazine_create(class, gfp);
	struct ouro_front *here, *front;

	preempt_disable();
	here = ouro_front_here(fronts);
	front = raw_cpu_ptr(fronts);
	if (main && spare && ouro_front_enter(here)) {
		if (!front->main) {
			ouro_front_change_begin(front);
			WRITE_ONCE(front->spare, spare);
			ouro_front_set_main(front, main, 0, class->geo->rounds);
			ouro_front_change_end(front);
			front->want = WANT_FIRST;
			main = NULL;
			spare = NULL;
		}
		ouro_front_leave(here);
	}
	preempt_enable();
	ouro_magazine_destroy(class, main);
	ouro_magazine_destroy(class, spare);
}

/**
 * ouro_magazine_equip() - make magazines where there are too few
 * @class: of the block
 * @gfp: the caller's
 * @hungry: pools were asked for a whole magazine: the depot gets one more
 *
 * Failure is no harm: allocation goes on without.
 *
 * Context: As @gfp says.
 */
void ouro_magazine_equip(struct ouro_class *class, gfp_t gfp, bool hungry)
{
	if (!READ_ONCE(raw_cpu_ptr(class->fronts)->main))
		front_equip(class, gfp);
	else if (hungry)
		ouro_depot_equip(class, gfp);
}

/* Makes room in the main magazine.  The front is entered. */
static bool front_relieve(struct ouro_class *class, struct ouro_front *front,
			  bool tight, struct hlist_head *dead)
{
	unsigned int limit = class->geo->rounds;

	if (ouro_front_swap_full(front, limit))
		return true;
	if (tight || !front->main)
		return false;
	if (ouro_depot_park(class, front))
		return true;
	spare_flush(class, front, dead);
	swap_spare(front, limit);
	return true;
}

/* A free came to an entered front that has no magazine: for the fourth time? */
static bool front_is_missed(struct ouro_front *front)
{
	if (front->main)
		return false;
	if (--front->want)
		return false;
	front->want = WANT_FIRST;	/* or each free would try in vain */
	return true;
}

/* Into its pool: with the lock where it may be taken. */
static void free_home(struct ouro_pool *pool, void *block, bool tight)
{
	if (tight)
		ouro_class_give_remote(pool, block);
	else
		ouro_class_free(pool->class, block);
}

/**
 * ouro_magazine_free() - put a block where there is room
 * @pool: it belongs to
 * @block: its start, checked, poisoned and marked
 *
 * Context: Any.  Takes depot->lock and class->lock, one after the other, except
 * in NMI and where PREEMPT_RT forbids, where the free is left in the pool's
 * remote map.  May allocate what it can do without, with no flag at all.
 */
void ouro_magazine_free(struct ouro_pool *pool, void *block)
{
	struct ouro_class *class = pool->class;
	struct ouro_front __percpu *fronts = class->fronts;
	bool tight = ouro_context_is_tight();
	bool nested, missed = false, done = false;
	struct ouro_front *here;
	HLIST_HEAD(dead);

	if (ouro_pool_is_sparse(pool)) {
		free_home(pool, block, tight);
		return;
	}
	preempt_disable();
	here = ouro_front_here(fronts);
	nested = !ouro_front_enter(here);
	if (!nested) {
		done = ouro_front_push(here, block);
		if (!done && front_relieve(class, raw_cpu_ptr(fronts), tight,
					   &dead))
			done = ouro_front_push(here, block);
		missed = front_is_missed(raw_cpu_ptr(fronts));
		ouro_front_leave(here);
	}
	preempt_enable();
	ouro_class_bury(&dead);
	if (done)
		return;
	/* Without waking anybody, who knows which locks are held. */
	if (missed && !tight)
		front_equip(class, 0);
	free_home(pool, block, nested || tight);
}

/* What a front had. */
struct detached {
	struct ouro_magazine *main;
	struct ouro_magazine *spare;
	unsigned int rounds;
	unsigned int spared;
};

/* Takes both magazines out of an entered front. */
static void front_detach(struct ouro_front *front, struct detached *had)
{
	if (!front->main)
		return;
	had->main = front->main;
	had->spare = front->spare;
	had->rounds = main_rounds(front);
	had->spared = front->spared;
	ouro_front_change_begin(front);
	WRITE_ONCE(front->loaded,
		   front->loaded - (long)had->rounds - (long)had->spared);
	set_none(front);
	ouro_front_change_end(front);
	front->want = WANT_FIRST;
}

/* The front of a CPU that is dead, and was not in the middle of anything. */
static void detach_dead(struct ouro_front *front, struct detached *had)
{
	front->top += OURO_FRONT_ENTERED;
	front_detach(front, had);
	front->top -= OURO_FRONT_ENTERED;
}

static void detach_here(struct ouro_front __percpu *fronts,
			struct detached *had)
{
	struct ouro_front *here;

	preempt_disable();
	here = ouro_front_here(fronts);
	if (ouro_front_enter(here)) {
		front_detach(raw_cpu_ptr(fronts), had);
		ouro_front_leave(here);
	}
	preempt_enable();
}

static void detached_empty(struct ouro_class *class, const struct detached *had)
{
	HLIST_HEAD(dead);

	if (had->rounds)
		ouro_class_give(class, had->rounds, had->main->block, &dead);
	if (had->spared)
		ouro_class_give(class, had->spared, had->spare->block, &dead);
	ouro_class_bury(&dead);
	ouro_magazine_destroy(class, had->main);
	ouro_magazine_destroy(class, had->spare);
}

/**
 * ouro_magazine_drain() - empty a CPU's magazines into the pools, free them
 * @class: of the blocks
 * @cpu: one that is dead, or -1 for the CPU that runs this
 *
 * Context: Task context; takes class->lock and what ouro_class_bury()
 * takes, one by one.
 * Return: how many blocks went.
 */
unsigned long ouro_magazine_drain(struct ouro_class *class, int cpu)
{
	struct detached had = { };

	if (cpu < 0)
		detach_here(class->fronts, &had);
	else
		detach_dead(per_cpu_ptr(class->fronts, cpu), &had);
	detached_empty(class, &had);
	return had.rounds + had.spared;
}

/* Frees every magazine of a dying heap, not caring for their blocks. */
void ouro_magazine_destroy_all(struct ouro_class *class)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct ouro_front *front = per_cpu_ptr(class->fronts, cpu);

		ouro_magazine_destroy(class, front->main);
		ouro_magazine_destroy(class, front->spare);
	}
	ouro_depot_destroy(class);
}

#define READ_TRIES 100	/* a front changes hands far less often than that */

/* Between two reads the magazine may have been another: never more than one. */
static unsigned long main_read(const struct ouro_front *front,
			       unsigned int rounds)
{
	unsigned long room;

	if (!READ_ONCE(front->main))
		return 0;
	room = (READ_ONCE(front->limit) - READ_ONCE(front->top)) /
	       sizeof(void *);
	return rounds - min_t(unsigned long, room, rounds);
}

/**
 * ouro_front_read() - a front's share in the count of live blocks
 * @front: of any CPU
 * @rounds: a full magazine's
 * @held: increased by the blocks in its magazines
 *
 * The owner may have been stopped in the middle of a change (its CPU is a
 * virtual one, or we are its interrupt), so tries are bounded; the reading is
 * then wrong by two magazines at most.
 *
 * Context: Any; the owner goes on meanwhile.
 * Return: allocations less frees of that CPU, may be negative.
 */
long ouro_front_read(const struct ouro_front *front, unsigned int rounds,
		     unsigned long *held)
{
	unsigned int tries = READ_TRIES;
	long loaded, here;
	u32 seq;

	do {
		seq = READ_ONCE(front->seq);
		smp_rmb();	/* pairs with ouro_front_change_begin() */
		loaded = READ_ONCE(front->loaded);
		here = READ_ONCE(front->spared) + main_read(front, rounds);
		smp_rmb();	/* pairs with ouro_front_change_end() */
	} while (((seq & 1) || seq != READ_ONCE(front->seq)) && --tries);
	*held += here;
	return loaded - here;
}

/* Nobody can enter them any more. */
static void __init occupy(struct ouro_front __percpu *fronts,
			  unsigned int count)
{
	unsigned int i;
	int cpu;

	for_each_possible_cpu(cpu) {
		for (i = 0; i < count; i++) {
			struct ouro_front *front = per_cpu_ptr(fronts + i, cpu);

			front->top |= OURO_FRONT_ENTERED;
			front->entered = 1;
		}
	}
}

int __init ouro_magazine_init(void)
{
	ouro_idle_fronts = __alloc_percpu(sizeof(struct ouro_front) *
					  OURO_CLASSES,
					  __alignof__(struct ouro_front));
	if (!ouro_idle_fronts)
		return -ENOMEM;
	ouro_front_init(ouro_idle_fronts, OURO_CLASSES);
	occupy(ouro_idle_fronts, OURO_CLASSES);
	return 0;
}

void ouro_magazine_exit(void)
{
	free_percpu(ouro_idle_fronts);
}
