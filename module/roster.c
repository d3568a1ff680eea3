// SPDX-License-Identifier: GPL-2.0
/*
 * Rosters: the pools of a heap whose objects may be part of cycles.
 *
 * A scan pins pools: as long as pool->note is not 0 the pool stays, and has its
 * place, though it was retired; who unpins it then releases it.  An inspection
 * pins pools of other objects as well, which have no place.
 */
#include "ouro.h"
#include "backing.h"
#include "delay.h"
#include "heap.h"
#include "kind.h"
#include "pool.h"
#include "roster.h"

#define PLACES_FIRST	32	/* of the first page; each next one has twice as many */
#define PLACES_MOST	448

static size_t page_bytes(unsigned int places)
{
	struct ouro_roster_page *page;

	return struct_size(page, pool, places) +
	       BITS_TO_LONGS(places) * sizeof(long);
}

static struct ouro_roster_page *page_create(struct ouro_heap *heap, gfp_t gfp)
{
	unsigned int n = min(READ_ONCE(heap->roster.npages), 4U);
	unsigned int places = min(PLACES_FIRST << n, PLACES_MOST);
	struct ouro_roster_page *page;

	page = ouro_backing_meta(heap, page_bytes(places), gfp, NUMA_NO_NODE);
	if (!page)
		return NULL;
	page->places = places;
	page->young = (unsigned long *)&page->pool[places];
	return page;
}

static void page_list(struct ouro_roster *roster, struct ouro_roster_page *page)
{
	lockdep_assert_held(&roster->lock);
	list_add_tail(&page->link, &roster->pages);
	list_add_tail(&page->room, &roster->room);
	WRITE_ONCE(roster->npages, roster->npages + 1);
}

static struct ouro_roster_page *page_with_room(struct ouro_roster *roster)
{
	return list_first_entry_or_null(&roster->room, struct ouro_roster_page,
					room);
}

/* A new pool is young. */
static void place_take(struct ouro_roster_page *page, struct ouro_pool *pool)
{
	struct ouro_objects *objects = pool->objects;
	unsigned int place;

	for (place = 0; page->pool[place]; place++)
		;
	page->pool[place] = pool;
	objects->page = page;
	objects->place = place;
	set_bit(place, page->young);
	if (++page->used == page->places)
		list_del_init(&page->room);
}

/**
 * ouro_roster_add() - let scans know a new pool
 * @pool: whose objects are all dead
 * @gfp: the caller's
 *
 * Context: As @gfp says; takes roster->lock.
 * Return: 0 or -ENOMEM.
 */
int ouro_roster_add(struct ouro_pool *pool, gfp_t gfp)
{
	struct ouro_roster *roster = &pool->heap->roster;
	struct ouro_roster_page *page, *fresh = NULL;
	unsigned long flags;

	for (;;) {
		raw_spin_lock_irqsave(&roster->lock, flags);
		if (fresh)
			page_list(roster, fresh);
		page = page_with_room(roster);
		if (page)
			place_take(page, pool);
		raw_spin_unlock_irqrestore(&roster->lock, flags);
		if (page)
			return 0;
		fresh = page_create(pool->heap, gfp);
		if (!fresh)
			return -ENOMEM;
	}
}

static void place_leave(struct ouro_roster *roster, struct ouro_pool *pool)
{
	struct ouro_objects *objects = pool->objects;
	struct ouro_roster_page *page = objects->page;

	lockdep_assert_held(&roster->lock);
	if (!page)
		return;
	page->pool[objects->place] = NULL;
	clear_bit(objects->place, page->young);
	if (page->used-- == page->places)
		list_add(&page->room, &roster->room);
}

/**
 * ouro_roster_remove() - a pool goes
 * @pool: all of whose objects are dead; of any kind
 *
 * Context: Any but NMI; takes roster->lock.
 * Return: false when a scan has pinned it: who unpins it releases it.
 */
bool ouro_roster_remove(struct ouro_pool *pool)
{
	struct ouro_roster *roster = &pool->heap->roster;
	unsigned long flags;
	bool pinned;

	raw_spin_lock_irqsave(&roster->lock, flags);
	pool->objects->retired = true;
	pinned = pool->note;
	if (!pinned)
		place_leave(roster, pool);
	raw_spin_unlock_irqrestore(&roster->lock, flags);
	return !pinned;
}

#define UNPIN_MOST	16	/* in one go, and released by one RCU callback */

/**
 * ouro_roster_unpin() - some pools are of no more use to who pinned them
 * @heap: the heap
 * @first: of a list by objects->scanned; moves on behind those that were unpinned
 *
 * Those that were retired meanwhile are released.
 *
 * Context: Task context; takes roster->lock for 16 pools.
 */
void ouro_roster_unpin(struct ouro_heap *heap, struct ouro_objects **first)
{
	struct ouro_roster *roster = &heap->roster;
	struct ouro_objects *objects;
	HLIST_HEAD(retired);
	unsigned int n;

	raw_spin_lock_irq(&roster->lock);
	for (n = 0; n < UNPIN_MOST && *first; n++) {
		objects = *first;
		*first = objects->scanned;
		WRITE_ONCE(objects->pool->note, 0);
		if (!objects->retired)
			continue;
		place_leave(roster, objects->pool);
		hlist_add_head(&objects->pool->link, &retired);
	}
	raw_spin_unlock_irq(&roster->lock);
	if (!hlist_empty(&retired))
		ouro_pool_release_retired(&retired);
}

/* ---- youth ---- */

/**
 * ouro_roster_rejuvenate() - what is made in a pool may not have been scanned
 * @pool: of any kind
 *
 * Context: Any, NMI included.
 */
void ouro_roster_rejuvenate(struct ouro_pool *pool)
{
	struct ouro_objects *objects = pool->objects;

	if (!READ_ONCE(objects->old))
		return;
	/*
	 * A pool that ages once more before its short end is open is young all
	 * the same: who dies in between is not seen.  Full barriers; pair with
	 * those of ouro_roster_age().
	 */
	while (xchg(&objects->old, false)) {
		ouro_delay(OURO_DELAY_AGE);
		set_bit(objects->place, objects->page->young);
		cmpxchg(&pool->end, OURO_END_OLD, OURO_END_SLOTS);
	}
}

/**
 * ouro_roster_age() - a pool is old from now on, unless it turns out not to be
 * @pool: pinned
 *
 * From here on, whoever takes a block out of the pool or frees one finds out,
 * and makes it young again: the short end of objects is closed.  The caller
 * looks at each object after that, and says so itself where one died before,
 * and its block is not in the pool.
 *
 * Context: Task context; of one scan at a time; takes no lock, since a pinned pool
 * has its place.
 */
void ouro_roster_age(struct ouro_pool *pool)
{
	struct ouro_objects *objects = pool->objects;

	clear_bit(objects->place, objects->page->young);
	ouro_delay(OURO_DELAY_AGE);
	/*
	 * Full barriers: either who dies, or takes a block, sees what is said
	 * here, or we see that.  Pairs with the last put, and with
	 * ouro_roster_rejuvenate(), which may have found the short end open
	 * still.
	 */
	xchg(&objects->old, true);
	cmpxchg(&pool->end, OURO_END_SLOTS, OURO_END_OLD);
	smp_mb();	/* where it was closed already */
	if (!READ_ONCE(objects->old))
		cmpxchg(&pool->end, OURO_END_OLD, OURO_END_SLOTS);
}

/* ---- visits ---- */

/**
 * struct visit - one of all pools of a heap
 * @roster: its
 * @young: leave out the old ones
 * @fn: for each
 * @arg: of @fn
 * @looks: places looked at, or words of old pools, until others have their turn
 */
struct visit {
	struct ouro_roster *roster;
	bool young;
	ouro_roster_fn fn;
	void *arg;
	unsigned int looks;
};

#define LOOKS_MOST	64

static void others_turn(struct visit *visit)
{
	if (visit->looks < LOOKS_MOST)
		return;
	visit->looks = 0;
	raw_spin_unlock_irq(&visit->roster->lock);
	cond_resched();
	raw_spin_lock_irq(&visit->roster->lock);
}

static bool visit_word(struct visit *visit, struct ouro_roster_page *page,
		       unsigned int word)
{
	unsigned int i, first = word * BITS_PER_LONG;
	unsigned int last = min_t(unsigned int, first + BITS_PER_LONG,
				  page->places);

	visit->looks++;
	if (visit->young && !READ_ONCE(page->young[word]))
		return true;
	visit->looks += last - first;
	for (i = first; i < last; i++)
		if (page->pool[i] &&
		    (!visit->young || test_bit(i, page->young)) &&
		    !visit->fn(page->pool[i], visit->arg))
			return false;
	return true;
}

/* No page goes; the lock may be let go of between two words. */
static bool visit_page(struct visit *visit, struct ouro_roster_page *page)
{
	unsigned int word;

	for (word = 0; word < BITS_TO_LONGS(page->places); word++) {
		if (!visit_word(visit, page, word))
			return false;
		others_turn(visit);
	}
	return true;
}

/**
 * ouro_roster_visit() - call a function for the pools of a heap
 * @heap: the heap
 * @young: leave out the old ones
 * @fn: called under roster->lock; returns false to end the visit
 * @arg: for @fn
 *
 * Pools that come and go meanwhile may be left out.
 *
 * Context: Task context; takes roster->lock for at most 128 places at a time, or
 * 64 words of bits of old ones.
 * Return: false when @fn did.
 */
bool ouro_roster_visit(struct ouro_heap *heap, bool young, ouro_roster_fn fn,
		       void *arg)
{
	struct ouro_roster *roster = &heap->roster;
	struct visit visit = {
		.roster = roster, .young = young, .fn = fn, .arg = arg,
	};
	struct ouro_roster_page *page;
	bool more = true;

	raw_spin_lock_irq(&roster->lock);
	list_for_each_entry(page, &roster->pages, link) {
		more = visit_page(&visit, page);
		if (!more)
			break;
	}
	raw_spin_unlock_irq(&roster->lock);
	return more;
}

/* ---- begin and end ---- */

void ouro_roster_set_key(struct ouro_roster *roster, struct lock_class_key *key)
{
	lockdep_set_class_and_subclass(&roster->lock, key, OURO_LOCK_ROSTER);
}

void ouro_roster_init(struct ouro_roster *roster, struct lock_class_key *key)
{
	raw_spin_lock_init(&roster->lock);
	ouro_roster_set_key(roster, key);
	INIT_LIST_HEAD(&roster->pages);
	INIT_LIST_HEAD(&roster->room);
}

/* Of a heap that nobody uses any more. */
void ouro_roster_exit(struct ouro_heap *heap)
{
	struct ouro_roster_page *page, *next;

	list_for_each_entry_safe(page, next, &heap->roster.pages, link)
		ouro_backing_free_meta(heap, page, page_bytes(page->places));
	INIT_LIST_HEAD(&heap->roster.pages);
	INIT_LIST_HEAD(&heap->roster.room);
}
