// SPDX-License-Identifier: GPL-2.0
/* What finalizers do to the scan that calls them. */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include "collect.h"

#define RING	12

/* Each link of a ring that is garbage acts. */
static bool ring_acts(struct collect *s, enum link_make make, unsigned int n,
		      void (*act)(struct link *link))
{
	struct link *first = ring_new(s, make, n, GFP_KERNEL), *link = first;

	if (!EXPECT(s->t, first))
		return false;
	do {
		link->act = act;
		link = link_of(link->next.object);
	} while (link != first);
	ouro_put(&first->object);
	return true;
}

static void expect_ends(struct collect *s, long least, long most)
{
	long ret = ouro_heap_collect(s->heap, OURO_OLD);

	EXPECT_GE(s->t, ret, least);
	EXPECT_LE(s->t, ret, most);
	ouro_heap_flush(s->heap);
}

/* ---- they allocate, and leave garbage ---- */

static atomic_long_t act_count;

static void act_alloc(struct link *link)
{
	gfp_t gfp = ouro_object_type(&link->object)->flags & OURO_TYPE_WORKER ?
		    GFP_KERNEL : GFP_NOWAIT;
	void *block = ouro_alloc(collect_scene.heap, 100, gfp);

	EXPECT(collect_scene.t, block);
	ouro_free(block);
	if (EXPECT(collect_scene.t, ring_drop(&collect_scene, LINK_PLAIN, 3,
					      gfp)))
		atomic_long_add(3, &act_count);
}

void collect_final_allocates(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	int make;

	if (!collect_open(s, t))
		return;
	for (make = LINK_TOLD; make <= LINK_LATE; make++) {
		atomic_long_set(&act_count, 0);
		if (!ring_acts(s, make, RING, act_alloc))
			return;
		expect_ends(s, RING, RING);
		/* What they made was not there when the scan began. */
		EXPECT_EQ(t, atomic_long_read(&act_count), 3 * RING);
		expect_ends(s, 3 * RING, 3 * RING);
	}
	collect_close(s);
}

/* ---- they ask for a scan ---- */

static void act_collect(struct link *link)
{
	EXPECT_EQ(collect_scene.t,
		  ouro_heap_collect(collect_scene.heap, OURO_OLD), -EBUSY);
	EXPECT_EQ(collect_scene.t,
		  ouro_heap_collect(collect_scene.heap, OURO_YOUNG), -EBUSY);
	atomic_long_inc(&act_count);
}

struct nosy {
	struct ouro_object object;
	struct ouro_slot next;
};

static void nosy_release(void *object)
{
	act_collect(NULL);
}

static const struct ouro_type nosy_type = {
	OURO_TYPE(struct nosy, object),
	OURO_SLOTS(struct nosy, next),
	.flags = OURO_TYPE_WORKER,
	.release = nosy_release,
};

static void nosy_died(struct ouro_watch *watch)
{
	act_collect(NULL);
}

/* From release, and from whoever watches. */
static void others_collect(struct collect *s)
{
	struct ouro_kind *kind = ouro_type_register(s->heap, &nosy_type);
	struct ouro_watch watch = { };
	struct nosy *nosy;

	if (!EXPECT(s->t, !IS_ERR(kind)))
		return;
	nosy = ouro_new(kind, GFP_KERNEL);
	if (!EXPECT(s->t, nosy))
		return;
	EXPECT_EQ(s->t, ouro_watch_add(&watch, &nosy->object, nosy_died,
				       GFP_KERNEL), 0);
	ouro_slot_move(&nosy->next, &nosy->object);
	atomic_long_set(&act_count, 0);
	expect_ends(s, 1, 1);
	EXPECT_EQ(s->t, atomic_long_read(&act_count), 2);
	ouro_watch_remove_sync(&watch);
}

void collect_final_collects(struct ouro_test *t)
{
	struct collect *s = &collect_scene;

	if (!collect_open(s, t))
		return;
	atomic_long_set(&act_count, 0);
	if (!ring_acts(s, LINK_LATE, RING, act_collect))
		return;
	expect_ends(s, RING, RING);
	EXPECT_EQ(t, atomic_long_read(&act_count), RING);
	others_collect(s);
	collect_close(s);
}

/* ---- they ask for a scan of another heap ---- */

static struct collect final_other;

static void act_collect_other(struct link *link)
{
	struct collect *o = &final_other;

	EXPECT(o->t, ring_drop(o, LINK_PLAIN, 4, GFP_KERNEL));
	EXPECT_EQ(o->t, ouro_heap_collect(o->heap, OURO_OLD), 4);
	EXPECT(o->t, ring_drop(o, LINK_PLAIN, 5, GFP_KERNEL));
	EXPECT_EQ(o->t, ouro_heap_collect(o->heap, OURO_YOUNG), 5);
	atomic_long_inc(&act_count);
}

void collect_final_other(struct ouro_test *t)
{
	struct collect *s = &collect_scene, *o = &final_other;

	if (!collect_types(o, t, test_heap(t)) || !collect_open(s, t))
		return;
	atomic_long_set(&act_count, 0);
	if (ring_acts(s, LINK_LATE, RING, act_collect_other))
		expect_ends(s, RING, RING);
	EXPECT_EQ(t, atomic_long_read(&act_count), RING);
	test_heap_settle(t, o->heap, 0);
	test_heap_close(t, o->heap);
	collect_close(s);
}

/* ---- they drop what only they held ---- */

static void act_drop(struct link *link)
{
	ouro_slot_clear(&link->other);
}

/* Each link of the ring has a link of its own, which acts, too. */
static void drop(struct collect *s, enum link_make make)
{
	struct link *first = ring_new(s, make, RING, GFP_KERNEL), *link = first;
	struct link *child;

	if (!EXPECT(s->t, first))
		return;
	do {
		child = link_new(s, make, link->number, GFP_KERNEL);
		if (!EXPECT(s->t, child))
			return;
		child->act = act_drop;
		ouro_slot_move(&link->other, &child->object);
		link->act = act_drop;
		link = link_of(link->next.object);
	} while (link != first);
	ouro_put(&first->object);
	/* The children may have gone before they could be decided about. */
	expect_ends(s, RING, 2 * RING);
}

void collect_final_drops(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	int make;

	if (!collect_open(s, t))
		return;
	for (make = LINK_TOLD; make <= LINK_LATE; make++) {
		drop(s, make);
		EXPECT_EQ(t, atomic_long_read(&s->released),
			  atomic_long_read(&s->made));
	}
	collect_close(s);
}

/* ---- they take the cycle apart ---- */

static void act_cut(struct link *link)
{
	ouro_slot_clear(&link->next);
}

static void act_cut_some(struct link *link)
{
	if (link->number % 4 == 0)
		ouro_slot_clear(&link->next);
}

static void act_hand_over(struct link *link)
{
	struct ouro_object *next = ouro_slot_take(&link->next);

	ouro_slot_move(&link->other, next);
}

void collect_final_cuts(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	int make;

	if (!collect_open(s, t))
		return;
	for (make = LINK_TOLD; make <= LINK_LATE; make++) {
		if (ring_acts(s, make, RING, act_cut))
			expect_ends(s, 0, RING);
		EXPECT_EQ(t, atomic_long_read(&s->released),
			  atomic_long_read(&s->made));
		if (ring_acts(s, make, RING, act_cut_some))
			expect_ends(s, 0, RING);
		EXPECT_EQ(t, atomic_long_read(&s->released),
			  atomic_long_read(&s->made));
		/* The same cycle through other slots is garbage all the same. */
		if (ring_acts(s, make, RING, act_hand_over))
			expect_ends(s, RING, RING);
		EXPECT_EQ(t, atomic_long_read(&s->released),
			  atomic_long_read(&s->made));
	}
	collect_close(s);
}

/* ---- they sleep ---- */

static void act_sleep(struct link *link)
{
	usleep_range(100, 1000);
}

void collect_final_sleeps(struct ouro_test *t)
{
	struct collect *s = &collect_scene;

	if (!collect_open(s, t))
		return;
	if (ring_acts(s, LINK_LATE, 2 * RING, act_sleep))
		expect_ends(s, 2 * RING, 2 * RING);
	collect_close(s);
}

/* ---- they wait for somebody who waits for memory ---- */

#define LIMIT		SZ_512K
#define WAIT_NS		(30 * (u64)NSEC_PER_SEC)
#define WAIT_ALLOCS	1	/* each may take some seconds */

static struct waiting {
	struct collect *scene;
	struct mutex lock;		/* nothing: it is waited for */
	struct completion locked;	/* garbage may be made */
	struct completion full;		/* and the heap is full of it */
	struct completion done;
	unsigned long got;
	bool timeout;
} waiting;

/* By trying, so that a hang is a failure and not the end of all tests. */
static void act_wait(struct link *link)
{
	u64 end = ktime_get_ns() + WAIT_NS;

	while (!mutex_trylock(&waiting.lock)) {
		if (READ_ONCE(waiting.timeout))
			return;
		if (ktime_get_ns() > end) {
			WRITE_ONCE(waiting.timeout, true);
			return;
		}
		usleep_range(500, 1000);
	}
	mutex_unlock(&waiting.lock);
}

/* Its allocations may succeed or not, but they end. */
static int wait_thread(void *data)
{
	struct waiting *w = data;
	int i;

	mutex_lock(&w->lock);
	complete(&w->locked);
	wait_for_completion(&w->full);
	for (i = 0; i < WAIT_ALLOCS; i++)
		w->got += ring_drop(w->scene, LINK_PLAIN, 20, GFP_KERNEL);
	mutex_unlock(&w->lock);
	kthread_complete_and_exit(&w->done, 0);
}

/* Garbage that waits for the lock, as much as there is room for. */
static void fill(struct collect *s)
{
	struct link *link;

	ouro_collector_disable(s->heap);
	while ((link = link_new(s, LINK_LATE, 0, GFP_KERNEL))) {
		link->act = act_wait;
		ouro_slot_move(&link->next, &link->object);
	}
	ouro_collector_enable(s->heap);
}

static unsigned long limit_hits(struct collect *s)
{
	struct ouro_heap_stat stat;

	ouro_heap_stat(s->heap, &stat);
	return stat.limit_hits;
}

void collect_final_waits(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	unsigned long hits;
	struct waiting *w = &waiting;
	struct task_struct *task;

	if (!collect_open_limit(s, t, LIMIT))
		return;
	memset(w, 0, sizeof(*w));
	w->scene = s;
	mutex_init(&w->lock);
	init_completion(&w->locked);
	init_completion(&w->full);
	init_completion(&w->done);
	task = kthread_run(wait_thread, w, "ouro_waiter");
	if (!EXPECT(t, !IS_ERR(task)))
		return;
	wait_for_completion(&w->locked);
	fill(s);
	hits = limit_hits(s);
	complete(&w->full);
	wait_for_completion(&w->done);
	EXPECT(t, !w->timeout);
	test_note(t, "%lu of %u allocations succeeded", w->got, WAIT_ALLOCS);
	/* What does not succeed meets the limit, and nothing else. */
	EXPECT(t, w->got == WAIT_ALLOCS || limit_hits(s) > hits);
	/* Now that nobody has the lock, all of it goes, and there is memory. */
	EXPECT_GE(t, ouro_heap_collect(s->heap, OURO_OLD), 0);
	EXPECT(t, ring_drop(s, LINK_PLAIN, 20, GFP_KERNEL));
	collect_close(s);
}
