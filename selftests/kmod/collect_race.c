// SPDX-License-Identifier: GPL-2.0
/* Scans among each other, and against those who go on meanwhile. */
#include <linux/bits.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/notifier.h>
#include <linux/sched.h>
#include <linux/string.h>
#include "collect.h"
#include "test_item.h"

/* ---- the heap goes while it is scanned ---- */

#define ROUNDS		TEST_MANY(24, 8)
#define ENDS_RINGS	200
#define ENDS_WAIT	(30 * HZ)	/* jiffies */

/* Where a scan is when the heap goes. */
enum scan_place {
	SCAN_ANYWHERE,		/* or not begun */
	SCAN_BEGINS,
	SCAN_FINALIZES,
	SCAN_OVER,
	SCAN_PLACES
};

/**
 * struct ending - a heap that is destroyed
 * @scene: its links
 * @place: where to wait until the scan has been told to stop
 * @there: it has come there
 * @going: the heap is about to be destroyed
 * @was: it was there, and then stopped
 * @stat: how that scan ended
 */
static struct ending {
	struct collect *scene;
	enum scan_place place;
	struct completion there;
	struct completion going;
	bool was;
	struct ouro_scan_stat stat;
} ending;

/* By a scan: none starts by itself any more, as there will be none. */
static void wait_until_stopped(struct ending *e)
{
	unsigned long end = jiffies + ENDS_WAIT;
	struct ouro_collector_stat stat;

	if (e->was)
		return;
	complete(&e->there);
	if (!EXPECT(e->scene->t, wait_for_completion_timeout(&e->going,
							     ENDS_WAIT)))
		return;
	do {
		usleep_range(100, 1000);
		ouro_collector_stat(e->scene->heap, &stat);
	} while (stat.trigger != LONG_MAX && !time_after(jiffies, end));
	EXPECT_EQ(e->scene->t, stat.trigger, LONG_MAX);
	e->was = true;
}

static void act_end(struct link *link)
{
	if (ending.place == SCAN_FINALIZES)
		wait_until_stopped(&ending);
}

static int hear_end(struct notifier_block *nb, unsigned long event, void *data)
{
	struct ending *e = &ending;

	if (event == OURO_SCAN_BEGIN && e->place == SCAN_BEGINS)
		wait_until_stopped(e);
	if (event == OURO_SCAN_END && e->was)
		e->stat = *(struct ouro_scan_stat *)data;
	return NOTIFY_OK;
}

static struct ouro_heap *ending_heap(struct ouro_test *t)
{
	struct ouro_collect_threshold threshold = { 50, 2, 2 };
	struct collect *s = &collect_scene;
	struct ouro_heap *heap;

	heap = ouro_heap_create("destroyed", t->c->flags | OURO_HEAP_COLLECT);
	if (!EXPECT(t, !IS_ERR(heap)))
		return NULL;
	if (!collect_types(s, t, heap)) {
		ouro_heap_destroy(heap);
		return NULL;
	}
	ouro_collector_set_threshold(heap, &threshold);
	return heap;
}

/* Rings of @n; finalizers that may sleep say that a scan has come to them. */
static void ending_litter(struct collect *s, unsigned int n)
{
	struct link *link;
	int i;

	for (i = 0; i < ENDS_RINGS; i++) {
		link = ring_new(s, i % LINK_MAKES, n, GFP_KERNEL);
		if (!EXPECT(s->t, link))
			return;
		if (i % LINK_MAKES == LINK_LATE)
			link->act = act_end;
		ouro_put(&link->object);
	}
}

/* A scan is under way, and waits until the heap goes. */
static void ending_scan(struct ending *e, unsigned int n)
{
	/* Nobody shall wait for it but who destroys. */
	ouro_collector_disable(e->scene->heap);
	ending_litter(e->scene, n);
	ouro_collector_enable(e->scene->heap);
	EXPECT(e->scene->t, wait_for_completion_timeout(&e->there, ENDS_WAIT));
}

/* Nothing was decided any more, and so all was left to the end. */
static void expect_given_up(struct ending *e)
{
	struct ouro_test *t = e->scene->t;

	EXPECT(t, e->was);
	EXPECT_EQ(t, e->stat.freed, 0);
	if (e->place == SCAN_BEGINS)
		EXPECT_EQ(t, e->stat.visited, 0);
	else
		EXPECT_GE(t, e->stat.finalized, 1);
}

/* Scans are no reason to wait, wherever they are. */
static void destroy_round(struct ouro_test *t, int round)
{
	static struct notifier_block nb;
	unsigned int n = 4 + round % 5;
	struct collect *s = &collect_scene;
	struct ending *e = &ending;
	struct ouro_heap *heap = ending_heap(t);
	bool waits;

	if (!heap)
		return;
	memset(e, 0, sizeof(*e));
	e->scene = s;
	e->place = round % SCAN_PLACES;
	waits = e->place == SCAN_BEGINS || e->place == SCAN_FINALIZES;
	init_completion(&e->there);
	init_completion(&e->going);
	nb = (struct notifier_block) { .notifier_call = hear_end };
	EXPECT_EQ(t, ouro_collector_notify_add(heap, &nb), 0);
	if (waits)
		ending_scan(e, n);
	else
		ending_litter(s, n);
	if (e->place == SCAN_OVER)
		EXPECT_GE(t, ouro_heap_collect(heap, OURO_OLD), 0);
	complete(&e->going);
	EXPECT_LE(t, ouro_heap_destroy(heap), ENDS_RINGS * n);
	if (waits)
		expect_given_up(e);
	/* Each has had its release, of the scan or of the end. */
	EXPECT_EQ(t, atomic_long_read(&s->released),
		  atomic_long_read(&s->made));
	EXPECT_LE(t, atomic_long_read(&s->finalized),
		  atomic_long_read(&s->made));
}

void collect_destroyed(struct ouro_test *t)
{
	int round;

	for (round = 0; round < ROUNDS; round++)
		destroy_round(t, round);
}

/* ---- several at once ---- */

#define AT_ONCE_MS	TEST_MANY(500, 1000)
#define AT_ONCE_RING	5

static struct at_once {
	u64 end;
	atomic_long_t rounds;
	atomic_long_t stayed;
} at_once;

/* What was garbage before the call is not there after it, whoever did it. */
static void at_once_round(struct collect *s)
{
	struct link *link = ring_new(s, LINK_TOLD, AT_ONCE_RING, GFP_KERNEL);
	struct ouro_object *object;
	struct ouro_weak weak;

	if (!EXPECT(s->t, link))
		return;
	EXPECT_EQ(s->t, ouro_weak_init(&weak, &link->object, GFP_KERNEL), 0);
	ouro_put(&link->object);
	EXPECT_GE(s->t, ouro_heap_collect(s->heap, OURO_OLD), 0);
	object = ouro_weak_get(weak);
	if (object) {
		atomic_long_inc(&at_once.stayed);
		ouro_put(object);
	}
	atomic_long_inc(&at_once.rounds);
}

static void at_once_thread(void *arg, unsigned int id)
{
	while (ktime_get_ns() < at_once.end)
		at_once_round(arg);
}

void collect_two_at_once(struct ouro_test *t)
{
	struct collect *s = &collect_scene;

	if (!collect_open(s, t))
		return;
	memset(&at_once, 0, sizeof(at_once));
	at_once.end = ktime_get_ns() + AT_ONCE_MS * NSEC_PER_MSEC;
	test_threads_run(t, 3, at_once_thread, s);
	EXPECT_EQ(t, atomic_long_read(&at_once.stayed), 0);
	EXPECT_GE(t, atomic_long_read(&at_once.rounds), 10);
	test_note(t, "%ld scans asked for", atomic_long_read(&at_once.rounds));
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 0);
	collect_close(s);
}

/* ---- two heaps at once ---- */

static struct two_heaps {
	struct collect *scene[2];
	atomic_t there;		/* finalizers that wait for the other one's */
	atomic_t met;
} two_heaps;

/* That of the other heap is running, too: both are scanned. */
static void act_meet(struct link *link)
{
	struct two_heaps *two = &two_heaps;
	unsigned long end = jiffies + ENDS_WAIT;

	atomic_inc(&two->there);
	while (atomic_read(&two->there) < 2 && !time_after(jiffies, end))
		usleep_range(100, 1000);
	if (atomic_read(&two->there) == 2)
		atomic_inc(&two->met);
}

static void two_heaps_thread(void *arg, unsigned int id)
{
	struct collect *s = two_heaps.scene[id];
	struct link *link = ring_new(s, LINK_LATE, 3 + id, GFP_KERNEL);

	if (!EXPECT(s->t, link))
		return;
	link->act = act_meet;
	ouro_put(&link->object);
	EXPECT_EQ(s->t, ouro_heap_collect(s->heap, OURO_OLD), 3 + id);
}

void collect_two_heaps(struct ouro_test *t)
{
	static struct collect other;	/* its callbacks count in the scene */
	struct collect *s = &collect_scene;
	struct two_heaps *two = &two_heaps;

	if (!collect_types(&other, t, test_heap(t)) || !collect_open(s, t))
		return;
	*two = (struct two_heaps) { .scene = { s, &other } };
	test_threads_run(t, 2, two_heaps_thread, NULL);
	EXPECT_EQ(t, atomic_read(&two->met), 2);
	atomic_long_add(atomic_long_read(&other.made), &s->made);
	ouro_heap_flush(other.heap);
	test_heap_settle(t, other.heap, 0);
	test_heap_close(t, other.heap);
	collect_close(s);
}

/* ---- handles that are asked while it is decided ---- */

#define UPGRADE_RING	300	/* so that deciding takes a moment */
#define UPGRADE_MS	TEST_MANY(1500, 3000)
#define UPGRADE_ROUNDS	5	/* at least */
#define UPGRADE_TRIES	(10 * HZ)	/* jiffies until a ring must have gone */

static struct upgrade {
	struct collect *scene;
	struct ouro_weak weak[UPGRADE_RING];
	u32 round;
	u32 done;
	bool over;
	bool calm;			/* nobody asks any more */
	unsigned long found, gone;
} upgrade;

/* What is found is alive, and all of its ring with it. */
static void ask(struct upgrade *u, unsigned int i, bool *gone)
{
	struct ouro_test *t = u->scene->t;
	struct ouro_object *object = ouro_weak_get(u->weak[i]);

	if (!object) {
		u->gone += !*gone;
		*gone = true;
		return;
	}
	EXPECT_MSG(t, !*gone, "round %u: %u is back", u->round, i);
	EXPECT_MSG(t, link_is_whole(link_of(object)) &&
		   link_of(object)->number == i, "round %u: %u", u->round, i);
	if (u->found % 64 == 0)
		EXPECT_MSG(t, ring_is_whole(link_of(object), UPGRADE_RING),
			   "round %u: %u", u->round, i);
	u->found++;
	ouro_put(object);
}

/*
 * Any of them, some in a row, and then for a while none: as long as somebody is
 * always at it, they are never unreachable.
 */
static void ask_burst(struct upgrade *u, bool *gone, u32 *random)
{
	static const struct {
		unsigned int asks, pause;
	} most[] = { { 32, 32768 }, { 2, 4096 }, { 4096, 65536 } };
	unsigned int n, i, pause, how = u->round % ARRAY_SIZE(most);

	for (n = test_random(random) % most[how].asks; n; n--) {
		i = test_random(random) % UPGRADE_RING;
		ask(u, i, &gone[i]);
	}
	for (pause = test_random(random) % most[how].pause; pause; pause--)
		cpu_relax();
	cond_resched();
}

static void ask_thread(struct upgrade *u)
{
	static bool gone[UPGRADE_RING];
	u32 round, random = 7;
	unsigned int i;

	for (round = 1; test_wait_for(&u->round, round, &u->over); round++) {
		memset(gone, 0, sizeof(gone));
		/* Pairs with the release of the one who scans. */
		while (!smp_load_acquire(&u->calm))
			ask_burst(u, gone, &random);
		for (i = 0; i < UPGRADE_RING; i++) {
			ask(u, i, &gone[i]);
			EXPECT(u->scene->t, gone[i]);
		}
		/* Pairs with test_wait_for(): the handles may change. */
		smp_store_release(&u->done, round);
	}
}

static bool upgrade_begin(struct upgrade *u, struct link *ring)
{
	struct link *link = ring;
	unsigned int i;

	if (!EXPECT(u->scene->t, ring))
		return false;
	for (i = 0; i < UPGRADE_RING; i++) {
		EXPECT_EQ(u->scene->t, ouro_weak_init(&u->weak[i],
						      &link->object,
						      GFP_KERNEL), 0);
		link = link_of(link->next.object);
	}
	return true;
}

/*
 * Scans until it has gone.  The other one may hold it at each, and may have been
 * stopped while it does.
 */
static void collect_until(struct upgrade *u)
{
	struct collect *s = u->scene;
	unsigned long end = jiffies + UPGRADE_TRIES;
	long ret, freed = 0;

	while (freed < UPGRADE_RING && !time_after(jiffies, end)) {
		ret = ouro_heap_collect(s->heap, OURO_OLD);
		if (!EXPECT_GE(s->t, ret, 0))
			break;
		EXPECT(s->t, ret == 0 || ret == UPGRADE_RING);
		freed += ret;
	}
	EXPECT_EQ(s->t, freed, UPGRADE_RING);
}

static unsigned long aborts(struct collect *s)
{
	struct ouro_collector_stat stat;

	ouro_collector_stat(s->heap, &stat);
	return stat.aborts[OURO_YOUNG] + stat.aborts[OURO_OLD];
}

/* For a while, and until both have met, which is what this is about. */
static bool upgrade_goes_on(struct upgrade *u, u64 end)
{
	if (ktime_get_ns() < end)
		return true;
	return (!aborts(u->scene) || READ_ONCE(u->done) < UPGRADE_ROUNDS) &&
	       !test_expired(u->scene->t);
}

static void scan_thread(struct upgrade *u)
{
	u64 end = ktime_get_ns() + UPGRADE_MS * NSEC_PER_MSEC;
	struct collect *s = u->scene;
	struct link *ring;
	u32 round;

	for (round = 1; upgrade_goes_on(u, end); round++) {
		ring = ring_new(s, round & 1 ? LINK_TOLD : LINK_PLAIN,
				UPGRADE_RING, GFP_KERNEL);
		if (!upgrade_begin(u, ring))
			break;
		WRITE_ONCE(u->calm, false);
		/* Pairs with test_wait_for(): the handles are there. */
		smp_store_release(&u->round, round);
		ouro_put(&ring->object);
		collect_until(u);
		/* Pairs with the acquire of the one who asks. */
		smp_store_release(&u->calm, true);
		if (!test_wait_for(&u->done, round, &u->over))
			break;
	}
	WRITE_ONCE(u->calm, true);
	WRITE_ONCE(u->over, true);
}

static void upgrade_thread(void *arg, unsigned int id)
{
	if (id)
		ask_thread(arg);
	else
		scan_thread(arg);
}

#define WORKERS	"/sys/devices/virtual/workqueue/cpumask"

/*
 * Workers that may go anywhere, the scan's among them, go to the first CPU, so that
 * who asks on the second one meets them.  @before: where they went, or empty.
 */
static void workers_place(char before[TEST_PATH])
{
	char mask[24];

	snprintf(mask, sizeof(mask), "%lx", BIT(cpumask_first(cpu_online_mask)));
	if (test_file_get(WORKERS, before, TEST_PATH) || test_file_put(WORKERS, mask))
		before[0] = '\0';
}

static void workers_restore(const char *before)
{
	if (before[0])
		test_file_put(WORKERS, before);
}

void collect_upgraded(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	struct upgrade *u = &upgrade;
	char workers[TEST_PATH];

	if (num_online_cpus() < 2) {
		SKIP(t, "one CPU only");
		return;
	}
	if (!collect_open(s, t))
		return;
	memset(u, 0, sizeof(*u));
	u->scene = s;
	workers_place(workers);
	test_threads_run(t, 2, upgrade_thread, u);
	workers_restore(workers);
	test_note(t, "%u rounds, found %lu times, %lu handles gone, aborts: %lu",
		  u->done, u->found, u->gone, aborts(s));
	EXPECT_GE(t, aborts(s), 1);
	EXPECT_GE(t, u->done, UPGRADE_ROUNDS);
	EXPECT_GE(t, u->found, 1);
	EXPECT_EQ(t, u->gone, (unsigned long)u->done * UPGRADE_RING);
	collect_close(s);
}

/* ---- while CPUs come and go: run.sh sees to that ---- */

static void churn(unsigned int who, u32 *random)
{
	struct collect *s = &collect_scene;
	unsigned int n = 1 + test_random(random) % 30;

	if (!EXPECT(s->t, ring_drop(s, test_random(random) % LINK_MAKES, n,
				    GFP_KERNEL)))
		usleep_range(100, 1000);
}

static void churn_scan(unsigned int who, u32 *random)
{
	struct collect *s = &collect_scene;
	enum ouro_generation generation = test_random(random) & OURO_OLD;

	EXPECT_GE(s->t, ouro_heap_collect(s->heap, generation), 0);
	usleep_range(500, 5000);
}

void collect_disturbed(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	struct ouro_collector_stat stat;

	if (!collect_open_limit(s, t, 0))
		return;
	test_crowd(t, churn, churn_scan, 2);
	ouro_collector_stat(s->heap, &stat);
	test_note(t, "%ld links, %lu young scans, %lu of all",
		  atomic_long_read(&s->made), stat.runs[OURO_YOUNG],
		  stat.runs[OURO_OLD]);
	/* Some that were to be young were due to be of all. */
	EXPECT_GE(t, stat.runs[OURO_YOUNG] + stat.runs[OURO_OLD], 2);
	collect_close(s);
}
