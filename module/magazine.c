// SPDX-License-Identifier: GPL-2.0
/*
 * Magazines: the way of blocks between fronts, depots and pools.
 *
 * A front is refilled from its spare magazine, then from the depot of its node,
 * then from pools; it is relieved in the same order.  Magazines are made on the
 * way of an allocation, never on that of a free: a free without one goes
 * straight to its pool.
 */
#include "ouro.h"
#include "backing.h"
#include "heap.h"
#include "magazine.h"
#include "pool.h"

struct ouro_front __percpu *ouro_idle_fronts;

/* What a front without a magazine pops: nothing; it is full as well. */
static void *no_rounds[1];

static size_t magazine_size(const struct ouro_geometry *geo)
{
	struct ouro_magazine *magazine;

	return struct_size(magazine, block, geo->rounds);
}

static struct ouro_magazine *magazine_create(struct ouro_heap *heap,
					     unsigned int index, gfp_t gfp)
{
	return ouro_backing_meta(heap, magazine_size(&ouro_geometry[index]),
				 ouro_backing_eager(gfp), NUMA_NO_NODE);
}

static void magazine_destroy(struct ouro_heap *heap, unsigned int index,
			     struct ouro_magazine *magazine)
{
	ouro_backing_free_meta(heap, magazine,
			       magazine_size(&ouro_geometry[index]));
}

static void magazine_destroy_list(struct ouro_heap *heap, unsigned int index,
				  struct ouro_magazine *magazine)
{
	struct ouro_magazine *next;

	for (; magazine; magazine = next) {
		next = magazine->next;
		magazine_destroy(heap, index, magazine);
	}
}

/* The rounds change under the eyes of a reader on another CPU. */
static void change_begin(struct ouro_front *front)
{
	WRITE_ONCE(front->seq, front->seq + 1);
	smp_wmb();	/* pairs with the first smp_rmb() in ouro_front_read() */
}

static void change_end(struct ouro_front *front)
{
	smp_wmb();	/* pairs with the second smp_rmb() in ouro_front_read() */
	WRITE_ONCE(front->seq, front->seq + 1);
}

/* What the top of an entered front says. */
static unsigned long entered(void **place)
{
	return (unsigned long)place + OURO_FRONT_ENTERED;
}

static void set_main(struct ouro_front *front, struct ouro_magazine *magazine,
		     unsigned int rounds, unsigned int limit)
{
	WRITE_ONCE(front->main, magazine);
	WRITE_ONCE(front->limit, entered(magazine->block + limit));
	WRITE_ONCE(front->top, entered(magazine->block + rounds));
}

static void set_none(struct ouro_front *front)
{
	WRITE_ONCE(front->main, NULL);
	WRITE_ONCE(front->spare, NULL);
	WRITE_ONCE(front->spared, 0);
	WRITE_ONCE(front->limit, entered(no_rounds + 1));
	WRITE_ONCE(front->top, entered(no_rounds + 1));
}

static unsigned int main_rounds(const struct ouro_front *front)
{
	return ouro_front_place(front->top, 0) - front->main->block;
}

static void swap_spare(struct ouro_front *front, unsigned int limit)
{
	struct ouro_magazine *main = front->main;
	unsigned int rounds = main_rounds(front);

	change_begin(front);
	set_main(front, front->spare, front->spared, limit);
	WRITE_ONCE(front->spare, main);
	WRITE_ONCE(front->spared, rounds);
	change_end(front);
}

/* Sets up the fronts of one heap (or the idle ones) on every CPU. */
void ouro_front_init(struct ouro_front __percpu *fronts)
{
	unsigned int i;
	int cpu;

	for_each_possible_cpu(cpu) {
		for (i = 0; i < OURO_CLASSES; i++) {
			struct ouro_front *front = per_cpu_ptr(fronts + i, cpu);

			front->want = 4;
			set_none(front);
			front->top -= OURO_FRONT_ENTERED;
		}
	}
}

void ouro_depot_set_key(struct ouro_depot *depot, struct lock_class_key *key)
{
	lockdep_set_class_and_subclass(&depot->lock, key, OURO_LOCK_DEPOT);
}

void ouro_depot_init(struct ouro_depot *depot, struct lock_class_key *key)
{
	raw_spin_lock_init(&depot->lock);
	ouro_depot_set_key(depot, key);
}

static struct ouro_depot *depot_here(struct ouro_heap *heap, unsigned int index)
{
	return &heap->body->depot[numa_mem_id() * OURO_CLASSES + index];
}

static long magazine_bytes(const struct ouro_geometry *geo)
{
	return (long)geo->rounds * geo->size;
}

/* Trades the empty main magazine for a full one of the depot. */
static bool depot_load(struct ouro_heap *heap, unsigned int index,
		       struct ouro_front *front)
{
	const struct ouro_geometry *geo = &ouro_geometry[index];
	struct ouro_depot *depot = depot_here(heap, index);
	struct ouro_magazine *full;
	unsigned long flags;

	if (!READ_ONCE(depot->full))
		return false;
	raw_spin_lock_irqsave(&depot->lock, flags);
	full = depot->full;
	if (full) {
		WRITE_ONCE(depot->full, full->next);
		depot->nfull--;
		front->main->next = depot->empty;
		depot->empty = front->main;
		depot->nempty++;
	}
	raw_spin_unlock_irqrestore(&depot->lock, flags);
	if (!full)
		return false;
	atomic_long_sub(magazine_bytes(geo), &heap->parked);
	change_begin(front);
	set_main(front, full, geo->rounds, geo->rounds);
	WRITE_ONCE(front->loaded, front->loaded + geo->rounds);
	change_end(front);
	return true;
}

/* Trades the full spare magazine for an empty one; main becomes the spare. */
static bool depot_park(struct ouro_heap *heap, unsigned int index,
		       struct ouro_front *front)
{
	const struct ouro_geometry *geo = &ouro_geometry[index];
	struct ouro_depot *depot = depot_here(heap, index);
	struct ouro_magazine *empty;
	unsigned long flags;

	raw_spin_lock_irqsave(&depot->lock, flags);
	empty = depot->empty;
	if (empty) {
		depot->empty = empty->next;
		depot->nempty--;
		front->spare->next = depot->full;
		WRITE_ONCE(depot->full, front->spare);
		depot->nfull++;
	}
	raw_spin_unlock_irqrestore(&depot->lock, flags);
	if (!empty)
		return false;
	atomic_long_add(magazine_bytes(geo), &heap->parked);
	change_begin(front);
	WRITE_ONCE(front->loaded, front->loaded - geo->rounds);
	WRITE_ONCE(front->spare, front->main);
	set_main(front, empty, 0, geo->rounds);
	change_end(front);
	return true;
}

/* Puts the full spare magazine's blocks into their pools. */
static void spare_flush(struct ouro_heap *heap, unsigned int index,
			struct ouro_front *front, struct hlist_head *dead)
{
	unsigned int rounds = front->spared;

	ouro_class_give(heap, index, rounds, front->spare->block, dead);
	change_begin(front);
	WRITE_ONCE(front->spared, 0);
	WRITE_ONCE(front->loaded, front->loaded - rounds);
	change_end(front);
}

/* Fills the empty main magazine from pools: more each time. */
static bool pools_load(struct ouro_heap *heap, unsigned int index,
		       struct ouro_front *front, bool *hungry)
{
	unsigned int limit = ouro_geometry[index].rounds;
	unsigned int want = min_t(unsigned int, front->want, limit);
	unsigned int rounds;

	rounds = ouro_class_take(heap, index, want, NUMA_NO_NODE, false,
				 front->main->block);
	if (!rounds)
		return false;
	*hungry = want == limit;
	front->want = min(2 * want, limit);
	change_begin(front);
	set_main(front, front->main, rounds, limit);
	WRITE_ONCE(front->loaded, front->loaded + rounds);
	change_end(front);
	return true;
}

static bool front_refill(struct ouro_heap *heap, unsigned int index,
			 struct ouro_front *front, bool tight, bool *hungry)
{
	if (!front->main)
		return false;
	if (front->spared) {
		swap_spare(front, ouro_geometry[index].rounds);
		return true;
	}
	if (tight)
		return false;
	return depot_load(heap, index, front) ||
	       pools_load(heap, index, front, hungry);
}

static void *alloc_direct(struct ouro_heap *heap, unsigned int index)
{
	void *block;

	if (!ouro_class_take(heap, index, 1, NUMA_NO_NODE, false, &block))
		return NULL;
	atomic_long_inc(&heap->body->class[index].direct);
	return block;
}

/**
 * ouro_magazine_alloc() - take a free block from wherever there is one
 * @heap: the owner, with a body
 * @index: of the class
 * @tight: look no further than this CPU's magazines
 * @hungry: set when a whole magazine had to be filled from pools
 *
 * Context: Any; with @tight false any but NMI, and then takes depot->lock and
 * class->lock, one after the other.
 * Return: the block, or NULL: a new pool is needed.
 */
void *ouro_magazine_alloc(struct ouro_heap *heap, unsigned int index,
			  bool tight, bool *hungry)
{
	struct ouro_front __percpu *fronts = heap->body->fronts + index;
	struct ouro_front *here;
	void *block = NULL;

	preempt_disable();
	here = ouro_front_here(fronts);
	if (likely(ouro_front_enter(here))) {
		block = ouro_front_pop(here);
		if (!block && front_refill(heap, index, raw_cpu_ptr(fronts),
					   tight, hungry))
			block = ouro_front_pop(here);
		ouro_front_leave(here);
	}
	preempt_enable();
	if (!block && !tight)
		block = alloc_direct(heap, index);
	return block;
}

/* Gives this CPU's front the two magazines it lacks. */
static void front_equip(struct ouro_heap *heap, unsigned int index, gfp_t gfp)
{
	struct ouro_front __percpu *fronts = heap->body->fronts + index;
	struct ouro_magazine *main = magazine_create(heap, index, gfp);
	struct ouro_magazine *spare = magazine_create(heap, index, gfp);
	struct ouro_front *here, *front;

	preempt_disable();
	here = ouro_front_here(fronts);
	front = raw_cpu_ptr(fronts);
	if (main && spare && ouro_front_enter(here)) {
		if (!front->main) {
			change_begin(front);
			WRITE_ONCE(front->spare, spare);
			set_main(front, main, 0, ouro_geometry[index].rounds);
			change_end(front);
			main = NULL;
			spare = NULL;
		}
		ouro_front_leave(here);
	}
	preempt_enable();
	magazine_destroy(heap, index, main);
	magazine_destroy(heap, index, spare);
}

/* Adds an empty magazine to the depot while it has fewer than it may. */
static void depot_equip(struct ouro_heap *heap, unsigned int index, gfp_t gfp)
{
	const struct ouro_geometry *geo = &ouro_geometry[index];
	struct ouro_depot *depot = depot_here(heap, index);
	struct ouro_magazine *empty;
	unsigned long flags;

	if (READ_ONCE(depot->nempty) + READ_ONCE(depot->nfull) >= geo->parked)
		return;
	empty = magazine_create(heap, index, gfp);
	if (!empty)
		return;
	raw_spin_lock_irqsave(&depot->lock, flags);
	if (depot->nempty + depot->nfull < geo->parked) {
		empty->next = depot->empty;
		depot->empty = empty;
		depot->nempty++;
		empty = NULL;
	}
	raw_spin_unlock_irqrestore(&depot->lock, flags);
	magazine_destroy(heap, index, empty);
}

/**
 * ouro_magazine_equip() - make magazines where there are too few
 * @heap: the owner, with a body
 * @index: of the class
 * @gfp: the caller's
 * @hungry: pools were asked for a whole magazine: the depot gets one more
 *
 * Failure is no harm: allocation goes on without.
 *
 * Context: As @gfp says.
 */
void ouro_magazine_equip(struct ouro_heap *heap, unsigned int index, gfp_t gfp,
			 bool hungry)
{
	struct ouro_front __percpu *fronts = heap->body->fronts + index;

	if (!READ_ONCE(raw_cpu_ptr(fronts)->main))
		front_equip(heap, index, gfp);
	else if (hungry)
		depot_equip(heap, index, gfp);
}

/* Makes room in the main magazine.  The front is entered. */
static bool front_relieve(struct ouro_heap *heap, unsigned int index,
			  struct ouro_front *front, bool tight,
			  struct hlist_head *dead)
{
	unsigned int limit = ouro_geometry[index].rounds;

	if (!front->main)
		return false;
	if (front->spared < limit) {
		swap_spare(front, limit);
		return true;
	}
	if (tight)
		return false;
	if (depot_park(heap, index, front))
		return true;
	spare_flush(heap, index, front, dead);
	swap_spare(front, limit);
	return true;
}

static void free_direct(struct ouro_heap *heap, unsigned int index, void *block)
{
	struct ouro_class *class = &heap->body->class[index];
	HLIST_HEAD(dead);

	atomic_long_inc(&class->direct_frees);
	atomic_long_dec(&class->direct);
	ouro_class_give(heap, index, 1, &block, &dead);
	ouro_class_bury(&dead);
}

/**
 * ouro_magazine_free() - put a block where there is room
 * @heap: the owner
 * @pool: it belongs to
 * @block: its start, checked, poisoned and marked
 *
 * Context: Any.  Takes depot->lock and class->lock, one after the other, except
 * in NMI and where PREEMPT_RT forbids, where the free is left in the pool's
 * remote map.
 */
void ouro_magazine_free(struct ouro_heap *heap, struct ouro_pool *pool,
			void *block)
{
	unsigned int index = pool->class;
	struct ouro_front __percpu *fronts = heap->body->fronts + index;
	bool tight = ouro_context_is_tight();
	bool nested, done = false;
	struct ouro_front *here;
	HLIST_HEAD(dead);

	preempt_disable();
	here = ouro_front_here(fronts);
	nested = !ouro_front_enter(here);
	if (!nested) {
		done = ouro_front_push(here, block);
		if (!done && front_relieve(heap, index, raw_cpu_ptr(fronts),
					   tight, &dead))
			done = ouro_front_push(here, block);
		ouro_front_leave(here);
	}
	preempt_enable();
	ouro_class_bury(&dead);
	if (done)
		return;
	if (nested || tight)
		ouro_class_give_remote(heap, pool, block);
	else
		free_direct(heap, index, block);
}

/* Takes both magazines out of a front; their rounds are noted in them. */
static void front_detach(struct ouro_front *front,
			 struct ouro_magazine *magazines[2])
{
	magazines[0] = front->main;
	magazines[1] = front->spare;
	if (!front->main)
		return;
	front->main->rounds = main_rounds(front);
	front->spare->rounds = front->spared;
	change_begin(front);
	WRITE_ONCE(front->loaded, front->loaded - (long)front->main->rounds -
		   front->spared);
	set_none(front);
	change_end(front);
	front->want = 4;
}

/* The front of a CPU that is dead, and was not in the middle of anything. */
static void detach_dead(struct ouro_front *front,
			struct ouro_magazine *magazines[2])
{
	front->top += OURO_FRONT_ENTERED;
	front_detach(front, magazines);
	front->top -= OURO_FRONT_ENTERED;
}

static unsigned long magazines_drain(struct ouro_heap *heap, unsigned int index,
				     struct ouro_magazine *magazines[2])
{
	unsigned long drained = 0;
	HLIST_HEAD(dead);
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (!magazines[i])
			continue;
		drained += magazines[i]->rounds;
		if (magazines[i]->rounds)
			ouro_class_give(heap, index, magazines[i]->rounds,
					magazines[i]->block, &dead);
		magazine_destroy(heap, index, magazines[i]);
	}
	ouro_class_bury(&dead);
	return drained;
}

static unsigned long drain_here(struct ouro_heap *heap, unsigned int index)
{
	struct ouro_front __percpu *fronts = heap->body->fronts + index;
	struct ouro_magazine *magazines[2] = { NULL, NULL };
	struct ouro_front *here;

	preempt_disable();
	here = ouro_front_here(fronts);
	if (ouro_front_enter(here)) {
		front_detach(raw_cpu_ptr(fronts), magazines);
		ouro_front_leave(here);
	}
	preempt_enable();
	return magazines_drain(heap, index, magazines);
}

/**
 * ouro_magazine_drain() - empty a CPU's magazines into the pools, free them
 * @heap: the owner
 * @cpu: one that is dead, or -1 for the CPU that runs this
 *
 * Context: Task context; takes class->lock.
 * Return: how many blocks went.
 */
unsigned long ouro_magazine_drain(struct ouro_heap *heap, int cpu)
{
	struct ouro_magazine *magazines[2];
	unsigned long drained = 0;
	unsigned int i;

	if (!smp_load_acquire(&heap->body))	/* pairs with ouro_heap_body() */
		return 0;
	for (i = 0; i < OURO_CLASSES; i++) {
		if (cpu < 0) {
			drained += drain_here(heap, i);
			continue;
		}
		detach_dead(per_cpu_ptr(heap->body->fronts + i, cpu),
			    magazines);
		drained += magazines_drain(heap, i, magazines);
	}
	return drained;
}

static unsigned long drain_depot(struct ouro_heap *heap, unsigned int index,
			struct ouro_depot *depot)
{
	const struct ouro_geometry *geo = &ouro_geometry[index];
	struct ouro_magazine *full, *empty, *next;
	unsigned long flags, drained = 0;
	HLIST_HEAD(dead);

	if (!READ_ONCE(depot->nfull) && !READ_ONCE(depot->nempty))
		return 0;
	raw_spin_lock_irqsave(&depot->lock, flags);
	full = depot->full;
	empty = depot->empty;
	WRITE_ONCE(depot->full, NULL);
	depot->empty = NULL;
	depot->nfull = 0;
	depot->nempty = 0;
	raw_spin_unlock_irqrestore(&depot->lock, flags);

	magazine_destroy_list(heap, index, empty);
	for (; full; full = next) {
		next = full->next;
		ouro_class_give(heap, index, geo->rounds, full->block, &dead);
		drained += geo->rounds;
		atomic_long_sub(magazine_bytes(geo), &heap->parked);
		magazine_destroy(heap, index, full);
	}
	ouro_class_bury(&dead);
	return drained;
}

/**
 * ouro_magazine_drain_depots() - empty all depots of a heap into its pools
 * @heap: the owner
 *
 * Context: Task context; takes depot->lock and class->lock, one by one.
 * Return: how many blocks went.
 */
unsigned long ouro_magazine_drain_depots(struct ouro_heap *heap)
{
	unsigned long drained = 0;
	unsigned int i;

	if (!smp_load_acquire(&heap->body))	/* pairs with ouro_heap_body() */
		return 0;
	for (i = 0; i < OURO_CLASSES * nr_node_ids; i++)
		drained += drain_depot(heap, i % OURO_CLASSES,
				       &heap->body->depot[i]);
	return drained;
}

/* Frees every magazine of a dying heap, not caring for their blocks. */
void ouro_magazine_destroy_all(struct ouro_heap *heap)
{
	struct ouro_body *body = heap->body;
	unsigned int i;
	int cpu;

	for_each_possible_cpu(cpu) {
		for (i = 0; i < OURO_CLASSES; i++) {
			struct ouro_front *front =
				per_cpu_ptr(body->fronts + i, cpu);

			magazine_destroy(heap, i, front->main);
			magazine_destroy(heap, i, front->spare);
		}
	}
	for (i = 0; i < OURO_CLASSES * nr_node_ids; i++) {
		magazine_destroy_list(heap, i % OURO_CLASSES,
				      body->depot[i].full);
		magazine_destroy_list(heap, i % OURO_CLASSES,
				      body->depot[i].empty);
	}
}

#define READ_TRIES 100	/* a front changes hands far less often than that */

/**
 * ouro_front_read() - a front's share in the count of live blocks
 * @front: of any CPU
 * @rounds: a full magazine's
 * @held: increased by the blocks in its magazines
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
		smp_rmb();	/* pairs with change_begin() */
		loaded = READ_ONCE(front->loaded);
		here = READ_ONCE(front->spared);
		if (READ_ONCE(front->main))
			here += rounds - (READ_ONCE(front->limit) -
					  READ_ONCE(front->top)) /
					 sizeof(void *);
		smp_rmb();	/* pairs with change_end() */
	} while (((seq & 1) || seq != READ_ONCE(front->seq)) && --tries);
	*held += here;
	return loaded - here;
}

int __init ouro_magazine_init(void)
{
	ouro_idle_fronts = __alloc_percpu(sizeof(struct ouro_front) *
					  OURO_CLASSES,
					  __alignof__(struct ouro_front));
	if (!ouro_idle_fronts)
		return -ENOMEM;
	ouro_front_init(ouro_idle_fronts);
	return 0;
}

void ouro_magazine_exit(void)
{
	free_percpu(ouro_idle_fronts);
}
