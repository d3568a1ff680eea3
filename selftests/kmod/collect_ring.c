// SPDX-License-Identifier: GPL-2.0
/* Rings of links: see collect.h. */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/numa.h>
#include <linux/sched.h>
#include <linux/string.h>
#include "collect.h"

#define CHECK	0x6c696e6b6c696e6bULL

struct collect collect_scene;

static void finalize(void *object)
{
	struct link *link = object;

	EXPECT(collect_scene.t, link_is_whole(link));
	atomic_long_inc(&collect_scene.finalized);
	if (link->act)
		link->act(link);
}

/* With its heap it goes whoever has a reference. */
static void release(void *object)
{
	struct link *link = object;

	EXPECT_EQ(collect_scene.t, link->check, link->number ^ CHECK);
	EXPECT(collect_scene.t, ouro_slot_is_empty(&link->next));
	EXPECT(collect_scene.t, ouro_slot_is_empty(&link->other));
	link->check = 0;
	atomic_long_inc(&collect_scene.released);
}

#define LINK_SLOTS							\
	.size = sizeof(struct link), OURO_SLOTS(struct link, next, other)

static const struct ouro_type types[LINK_MAKES] = {
	{ .name = "plain", LINK_SLOTS },
	{ .name = "told", LINK_SLOTS,
	  .finalize = finalize, .release = release },
	{ .name = "late", LINK_SLOTS, .flags = OURO_TYPE_WORKER,
	  .finalize = finalize, .release = release },
};

/* In a heap that is there already, or is not for want of memory. */
bool collect_types(struct collect *s, struct ouro_test *t,
		   struct ouro_heap *heap)
{
	int i;

	memset(s, 0, sizeof(*s));
	s->t = t;
	s->heap = heap;
	if (!heap)
		return false;
	for (i = 0; i < LINK_MAKES; i++) {
		s->kind[i] = ouro_type_register(heap, &types[i]);
		if (!EXPECT(t, !IS_ERR(s->kind[i])))
			return false;
	}
	return true;
}

bool collect_open(struct collect *s, struct ouro_test *t)
{
	return collect_types(s, t, test_heap(t));
}

/* Its collector is on. */
bool collect_open_limit(struct collect *s, struct ouro_test *t, size_t limit)
{
	struct ouro_heap_attr attr = {
		.flags = t->c->flags | OURO_HEAP_COLLECT,
		.node = NUMA_NO_NODE, .limit = limit,
	};

	return collect_types(s, t, test_heap_attr(t, &attr));
}

/* Nothing is held any more, so that one scan of all is enough. */
void collect_close(struct collect *s)
{
	ouro_collector_disable(s->heap);
	EXPECT_GE(s->t, ouro_heap_collect(s->heap, OURO_OLD), 0);
	ouro_heap_flush(s->heap);
	EXPECT_EQ(s->t, ouro_heap_collect(s->heap, OURO_OLD), 0);
	EXPECT_EQ(s->t, atomic_long_read(&s->finalized),
		  atomic_long_read(&s->made));
	EXPECT_EQ(s->t, atomic_long_read(&s->released),
		  atomic_long_read(&s->made));
	test_heap_settle(s->t, s->heap, 0);
	test_heap_close(s->t, s->heap);
}

/* NULL without a failure noted: there may be a limit. */
struct link *link_new(struct collect *s, enum link_make make, u64 number,
		      gfp_t gfp)
{
	struct link *link = ouro_new(s->kind[make], gfp | __GFP_ZERO);

	if (!link)
		return NULL;
	link->number = number;
	link->check = number ^ CHECK;
	if (make != LINK_PLAIN)
		atomic_long_inc(&s->made);
	return link;
}

bool link_is_whole(const struct link *link)
{
	return ouro_is_alive(&link->object) &&
	       link->check == (link->number ^ CHECK);
}

/* One of @n links that is held, the others by the one before; NULL with none. */
struct link *ring_new(struct collect *s, enum link_make make, unsigned int n,
		      gfp_t gfp)
{
	struct link *first = link_new(s, make, 0, gfp), *last = first, *link;
	unsigned int i;

	if (!first)
		return NULL;
	for (i = 1; i < n; i++) {
		link = link_new(s, make, i, gfp);
		if (!link) {
			ouro_put(&first->object);
			return NULL;
		}
		ouro_slot_move(&last->next, &link->object);
		last = link;
	}
	ouro_slot_store(&last->next, &first->object);
	return first;
}

/* The link that is held goes, and all behind it. */
void ring_cut(struct link *link)
{
	ouro_slot_clear(&link->next);
	ouro_put(&link->object);
}

/* Round it from @link, which is held: each is whole and numbered. */
bool ring_is_whole(struct link *link, unsigned int n)
{
	struct ouro_object *object = ouro_get(&link->object), *next;
	u64 number = link->number;
	unsigned int i;
	bool good = true;

	for (i = 0; i < n && good; i++) {
		link = link_of(object);
		good = link_is_whole(link) && link->number == (number + i) % n;
		next = ouro_slot_load(&link->next);
		ouro_put(object);
		object = next;
		if (!object)
			return false;
	}
	good = good && link_of(object)->number == number;
	ouro_put(object);
	return good;
}

/* A ring that is garbage at once. */
bool ring_drop(struct collect *s, enum link_make make, unsigned int n, gfp_t gfp)
{
	struct link *link = ring_new(s, make, n, gfp);

	if (link)
		ouro_put(&link->object);
	return link;
}

/* Rings of LITTER_RING that are garbage; so many links in all. */
unsigned long ring_litter(struct collect *s, unsigned long links, gfp_t gfp)
{
	unsigned long n;

	for (n = 0; n < links; n += LITTER_RING) {
		if (!ring_drop(s, LINK_PLAIN, LITTER_RING, gfp))
			break;
		if (n % (100 * LITTER_RING) == 0)
			cond_resched();
	}
	return n;
}

/* Links that are held by a chain; false where it does not grow by @links. */
bool ring_hoard(struct collect *s, struct ouro_slot *chain, unsigned long links,
		gfp_t gfp)
{
	struct ouro_object *old;
	struct link *link;

	while (links--) {
		link = link_new(s, LINK_PLAIN, links, gfp);
		if (!link)
			return false;
		old = ouro_slot_take(chain);
		if (old)
			ouro_slot_move(&link->next, old);
		ouro_slot_move(chain, &link->object);
		if (links % 1000 == 0)
			cond_resched();
	}
	return true;
}

/* So many scans there were: of one generation, or of all. */
unsigned long collect_runs(struct collect *s, enum ouro_generation generation)
{
	struct ouro_collector_stat stat;

	ouro_collector_stat(s->heap, &stat);
	if (generation == OURO_GENERATIONS)
		return stat.runs[OURO_YOUNG] + stat.runs[OURO_OLD];
	return stat.runs[generation];
}

/* Until there were so many scans of that kind, or half a minute has passed. */
bool collect_wait_runs(struct collect *s, enum ouro_generation generation,
		       unsigned long wanted)
{
	unsigned long end = jiffies + 30 * HZ;

	while (collect_runs(s, generation) < wanted) {
		if (time_after(jiffies, end))
			return false;
		usleep_range(1000, 2000);
	}
	return true;
}

unsigned long collect_tracked(struct collect *s)
{
	struct ouro_collector_stat stat;

	ouro_collector_stat(s->heap, &stat);
	return stat.tracked;
}
