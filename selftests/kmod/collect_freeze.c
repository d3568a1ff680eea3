// SPDX-License-Identifier: GPL-2.0
/* Freezing: what no scan looks at until further notice. */
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/notifier.h>
#include <linux/sched.h>
#include <linux/string.h>
#include "collect.h"

#define MADE	20	/* links of a ring */

/* What lived then is not looked at, nor is what it reaches freed. */
void collect_freeze(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	struct ouro_collector_stat stat;
	struct link *frozen, *ring;

	if (!collect_open(s, t))
		return;
	frozen = ring_new(s, LINK_TOLD, MADE, GFP_KERNEL);
	if (!EXPECT(t, frozen))
		return;
	EXPECT(t, ring_drop(s, LINK_TOLD, MADE, GFP_KERNEL));
	EXPECT_EQ(t, ouro_heap_freeze(s->heap), 0);
	EXPECT(t, ring_drop(s, LINK_TOLD, 9, GFP_KERNEL));
	ring = ring_new(s, LINK_TOLD, 3, GFP_KERNEL);
	if (!EXPECT(t, ring))
		return;
	ouro_slot_move(&frozen->other, &ring->object);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 9);
	ouro_collector_stat(s->heap, &stat);
	EXPECT_EQ(t, stat.last.visited, 12);
	ouro_put(&frozen->object);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_YOUNG), 0);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 0);
	EXPECT(t, ring_is_whole(frozen, MADE));
	EXPECT(t, ring_is_whole(ring, 3));
	EXPECT_EQ(t, ouro_heap_unfreeze(s->heap), 0);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 2 * MADE + 3);

	/* Once more; and what dies meanwhile makes room for what is new. */
	ring = ring_new(s, LINK_TOLD, MADE, GFP_KERNEL);
	if (!EXPECT(t, ring))
		return;
	EXPECT_EQ(t, ouro_heap_freeze(s->heap), 0);
	ring_cut(ring);
	EXPECT(t, ring_drop(s, LINK_TOLD, MADE, GFP_KERNEL));
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), MADE);
	EXPECT_EQ(t, ouro_heap_unfreeze(s->heap), 0);
	EXPECT_EQ(t, ouro_heap_unfreeze(s->heap), 0);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 0);
	collect_close(s);
}

/* ---- from what a scan calls ---- */

static atomic_t refused;

static void expect_refused(void)
{
	struct collect *s = &collect_scene;

	EXPECT_EQ(s->t, ouro_heap_freeze(s->heap), -EBUSY);
	EXPECT_EQ(s->t, ouro_heap_unfreeze(s->heap), -EBUSY);
	atomic_inc(&refused);
}

static void act_freeze(struct link *link)
{
	expect_refused();
}

static int hear_freeze(struct notifier_block *nb, unsigned long event,
		       void *data)
{
	expect_refused();
	return NOTIFY_OK;
}

void collect_freeze_inside(struct ouro_test *t)
{
	struct notifier_block nb = { .notifier_call = hear_freeze };
	struct collect *s = &collect_scene;
	struct link *ring;

	if (!collect_open(s, t))
		return;
	atomic_set(&refused, 0);
	ring = ring_new(s, LINK_LATE, 3, GFP_KERNEL);
	if (!EXPECT(t, ring))
		return;
	ring->act = act_freeze;
	ouro_put(&ring->object);
	EXPECT_EQ(t, ouro_collector_notify_add(s->heap, &nb), 0);
	/* Nothing was frozen: what is garbage goes, in this scan and the next. */
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 3);
	EXPECT_EQ(t, atomic_read(&refused), 3);
	EXPECT_EQ(t, ouro_collector_notify_remove(s->heap, &nb), 0);
	EXPECT(t, ring_drop(s, LINK_TOLD, MADE, GFP_KERNEL));
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), MADE);
	/* From elsewhere it is possible again. */
	EXPECT_EQ(t, ouro_heap_freeze(s->heap), 0);
	EXPECT_EQ(t, ouro_heap_unfreeze(s->heap), 0);
	collect_close(s);
}

/* ---- without memory ---- */

/* Where there is none, nothing is frozen; false: it did without. */
static bool freeze_fails(struct collect *s, unsigned int nth)
{
	struct ouro_test *t = s->t;
	bool failed;
	int err;

	EXPECT(t, ring_drop(s, LINK_TOLD, MADE, GFP_KERNEL));
	EXPECT(t, ring_drop(s, LINK_PLAIN, MADE, GFP_KERNEL));
	if (!EXPECT_EQ(t, test_fail_arm(nth), 0))
		return false;
	err = ouro_heap_freeze(s->heap);
	failed = !test_fail_disarm();
	EXPECT_EQ(t, err, failed ? -ENOMEM : 0);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD),
		  failed ? 2 * MADE : 0);
	return failed;
}

void collect_freeze_fails(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	struct ouro_slot chain = { };
	unsigned int nth = 1;

	if (!collect_open(s, t))
		return;
	/* Several pools, each of which takes memory. */
	EXPECT(t, ring_hoard(s, &chain, 2000, GFP_KERNEL));
	while (nth < 1000 && freeze_fails(s, nth))
		nth++;
	EXPECT_GE(t, nth, 3);
	EXPECT_LE(t, nth, 999);
	EXPECT_EQ(t, ouro_heap_unfreeze(s->heap), 0);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 2 * MADE);
	ouro_slot_clear(&chain);
	collect_close(s);
}

/* ---- beside others ---- */

#define BESIDE_MS	TEST_MANY(700, 1500)
#define BESIDE_LEAST	5	/* of each, however long that takes */
#define BESIDE_HELD	32	/* rings */

static struct beside {
	struct collect *scene;
	u64 end;
	atomic_t freezes;
	atomic_t scans;
	atomic_t changes;
} beside;

static bool beside_over(struct beside *b)
{
	if (test_expired(b->scene->t))
		return true;
	return ktime_get_ns() > b->end &&
	       atomic_read(&b->freezes) >= BESIDE_LEAST &&
	       atomic_read(&b->scans) >= BESIDE_LEAST &&
	       atomic_read(&b->changes) >= BESIDE_LEAST * BESIDE_HELD;
}

static void beside_freeze(struct beside *b)
{
	struct ouro_heap *heap = b->scene->heap;
	u32 random = 5;

	do {
		EXPECT_EQ(b->scene->t, ouro_heap_freeze(heap), 0);
		if (test_random(&random) % 4)
			EXPECT_EQ(b->scene->t, ouro_heap_unfreeze(heap), 0);
		atomic_inc(&b->freezes);
		cond_resched();
	} while (!beside_over(b));
	EXPECT_EQ(b->scene->t, ouro_heap_unfreeze(heap), 0);
}

static void beside_scan(struct beside *b)
{
	do {
		EXPECT_GE(b->scene->t,
			  ouro_heap_collect(b->scene->heap, OURO_OLD), 0);
		atomic_inc(&b->scans);
	} while (!beside_over(b));
}

static struct held {
	struct link *link;
	unsigned int n;
} held[BESIDE_HELD];

/* One of the held rings is whole; it goes, as garbage or link by link. */
static void change_one(struct collect *s, struct held *h, u32 *random)
{
	if (h->link) {
		EXPECT(s->t, ring_is_whole(h->link, h->n));
		if (test_random(random) & 1)
			ring_cut(h->link);
		else
			ouro_put(&h->link->object);
	}
	h->n = 1 + test_random(random) % MADE;
	h->link = ring_new(s, LINK_TOLD, h->n, GFP_KERNEL);
	EXPECT(s->t, h->link);
}

static void beside_change(struct beside *b)
{
	struct collect *s = b->scene;
	u32 random = 11;
	unsigned int i;

	memset(held, 0, sizeof(held));
	do {
		change_one(s, &held[test_random(&random) % BESIDE_HELD],
			   &random);
		atomic_inc(&b->changes);
		cond_resched();
	} while (!beside_over(b));
	for (i = 0; i < BESIDE_HELD; i++)
		if (held[i].link)
			ouro_put(&held[i].link->object);
}

static void beside_thread(void *arg, unsigned int id)
{
	switch (id) {
	case 0:
		beside_freeze(arg);
		break;
	case 1:
		beside_scan(arg);
		break;
	default:
		beside_change(arg);
	}
}

/* What is held stays whole; collect_close() says that nothing else stays. */
void collect_freeze_beside(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	struct beside *b = &beside;

	if (!collect_open(s, t))
		return;
	memset(b, 0, sizeof(*b));
	b->scene = s;
	b->end = ktime_get_ns() + BESIDE_MS * NSEC_PER_MSEC;
	test_threads_run(t, 3, beside_thread, b);
	test_note(t, "%d times frozen, %d scans, %d rings",
		  atomic_read(&b->freezes), atomic_read(&b->scans),
		  atomic_read(&b->changes));
	EXPECT(t, !test_expired(t));
	collect_close(s);
}
