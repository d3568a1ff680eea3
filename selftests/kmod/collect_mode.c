// SPDX-License-Identifier: GPL-2.0
/* Modes and notifiers: what is scanned, what is freed, who is told. */
#include <linux/kernel.h>
#include <linux/notifier.h>
#include <linux/string.h>
#include "collect.h"

#define MADE	20	/* links of a ring */

static void last_is(struct collect *s, unsigned long visited,
		    unsigned long freed, unsigned long uncollectable)
{
	struct ouro_collector_stat stat;

	ouro_collector_stat(s->heap, &stat);
	EXPECT_EQ(s->t, stat.last.visited, visited);
	EXPECT_EQ(s->t, stat.last.freed, freed);
	EXPECT_EQ(s->t, stat.last.uncollectable, uncollectable);
}

void collect_mode_heap(struct ouro_test *t)
{
	struct collect *s = &collect_scene;

	if (!collect_open(s, t))
		return;
	EXPECT_EQ(t, ouro_collector_mode(s->heap), OURO_COLLECT_ON);
	EXPECT_EQ(t, ouro_collector_set_mode(s->heap, OURO_COLLECT_MODES),
		  -EINVAL);
	EXPECT_EQ(t, ouro_collector_set_mode(s->heap, -1), -EINVAL);
	EXPECT_EQ(t, ouro_collector_mode(s->heap), OURO_COLLECT_ON);
	EXPECT(t, ring_drop(s, LINK_TOLD, MADE, GFP_KERNEL));

	EXPECT_EQ(t, ouro_collector_set_mode(s->heap, OURO_COLLECT_OFF), 0);
	EXPECT_EQ(t, ouro_collector_mode(s->heap), OURO_COLLECT_OFF);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), -EOPNOTSUPP);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_YOUNG), -EOPNOTSUPP);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_GENERATIONS), -EINVAL);
	EXPECT_EQ(t, atomic_long_read(&s->finalized), 0);

	EXPECT_EQ(t, ouro_collector_set_mode(s->heap, OURO_COLLECT_ON), 0);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), MADE);
	EXPECT_EQ(t, atomic_long_read(&s->finalized), MADE);
	collect_close(s);
}

/* One line a scan that found some, and nothing else happens. */
void collect_report_heap(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	struct ouro_collector_stat stat;
	struct test_log log;
	struct link *kept;
	int i;

	if (!collect_open(s, t))
		return;
	EXPECT_EQ(t, ouro_collector_set_mode(s->heap, OURO_COLLECT_REPORT), 0);
	EXPECT_EQ(t, ouro_collector_mode(s->heap), OURO_COLLECT_REPORT);
	kept = ring_new(s, LINK_TOLD, MADE, GFP_KERNEL);
	if (!EXPECT(t, kept))
		return;
	test_log_mark(&log);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 0);
	last_is(s, MADE, 0, 0);
	EXPECT_EQ(t, test_log_count(&log, ouro_heap_name(s->heap)), 0);

	EXPECT(t, ring_drop(s, LINK_TOLD, 2 * MADE, GFP_KERNEL));
	EXPECT(t, ring_drop(s, LINK_PLAIN, MADE, GFP_KERNEL));
	for (i = 1; i <= 3; i++) {
		EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 0);
		last_is(s, 4 * MADE, 0, 3 * MADE);
		EXPECT_EQ(t, test_log_count(&log, ouro_heap_name(s->heap)), i);
	}
	ouro_collector_stat(s->heap, &stat);
	EXPECT_EQ(t, stat.uncollectable[OURO_OLD], 9 * MADE);
	EXPECT_EQ(t, stat.last.finalized, 0);
	EXPECT_EQ(t, atomic_long_read(&s->finalized), 0);
	EXPECT(t, ring_is_whole(kept, MADE));

	EXPECT_EQ(t, ouro_collector_set_mode(s->heap, OURO_COLLECT_ON), 0);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 3 * MADE);
	EXPECT_EQ(t, test_log_count(&log, ouro_heap_name(s->heap)), 3);
	ring_cut(kept);
	collect_close(s);
}

/* Nobody looks at a type that is off, and what it refers to stays. */
void collect_mode_type(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	struct ouro_object *object;
	struct link *off, *on;
	struct ouro_weak weak;

	if (!collect_open(s, t))
		return;
	EXPECT_EQ(t, ouro_kind_mode(s->kind[LINK_PLAIN]), OURO_COLLECT_ON);
	EXPECT_EQ(t, ouro_kind_set_mode(s->kind[LINK_PLAIN],
					OURO_COLLECT_MODES), -EINVAL);
	EXPECT_EQ(t, ouro_kind_set_mode(s->kind[LINK_PLAIN], OURO_COLLECT_OFF),
		  0);
	EXPECT_EQ(t, ouro_kind_mode(s->kind[LINK_PLAIN]), OURO_COLLECT_OFF);
	EXPECT_EQ(t, ouro_kind_mode(s->kind[LINK_TOLD]), OURO_COLLECT_ON);

	off = ring_new(s, LINK_PLAIN, MADE, GFP_KERNEL);
	on = ring_new(s, LINK_TOLD, MADE, GFP_KERNEL);
	if (!EXPECT(t, off && on))
		return;
	EXPECT_EQ(t, ouro_weak_init(&weak, &off->object, GFP_KERNEL), 0);
	ouro_slot_move(&off->other, &on->object);
	ouro_put(&off->object);
	EXPECT(t, ring_drop(s, LINK_TOLD, 3, GFP_KERNEL));
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 3);
	last_is(s, MADE + 3, 3, 0);
	EXPECT(t, ring_is_whole(on, MADE));

	/* The last put takes them as ever. */
	object = ouro_weak_get(weak);
	if (!EXPECT(t, object == &off->object))
		return;
	EXPECT(t, ring_is_whole(off, MADE));
	ring_cut(off);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), MADE);

	EXPECT(t, ring_drop(s, LINK_PLAIN, MADE, GFP_KERNEL));
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 0);
	EXPECT_EQ(t, ouro_kind_set_mode(s->kind[LINK_PLAIN], OURO_COLLECT_ON),
		  0);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), MADE);
	collect_close(s);
}

void collect_report_type(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	struct test_log log;

	if (!collect_open(s, t))
		return;
	EXPECT_EQ(t, ouro_kind_set_mode(s->kind[LINK_TOLD],
					OURO_COLLECT_REPORT), 0);
	EXPECT_EQ(t, ouro_kind_mode(s->kind[LINK_TOLD]), OURO_COLLECT_REPORT);
	EXPECT(t, ring_drop(s, LINK_TOLD, MADE, GFP_KERNEL));
	EXPECT(t, ring_drop(s, LINK_PLAIN, 7, GFP_KERNEL));
	test_log_mark(&log);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 7);
	last_is(s, MADE + 7, 7, MADE);
	EXPECT_EQ(t, test_log_count(&log, ouro_heap_name(s->heap)), 1);
	EXPECT_EQ(t, atomic_long_read(&s->finalized), 0);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 0);
	last_is(s, MADE, 0, MADE);
	EXPECT_EQ(t, ouro_kind_set_mode(s->kind[LINK_TOLD], OURO_COLLECT_ON),
		  0);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), MADE);
	EXPECT_EQ(t, test_log_count(&log, ouro_heap_name(s->heap)), 2);
	collect_close(s);
}

/* What a reported ring leads to stays with it, what leads to it goes. */
void collect_report_reached(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	struct link *before, *ring, *behind;

	if (!collect_open(s, t))
		return;
	EXPECT_EQ(t, ouro_kind_set_mode(s->kind[LINK_TOLD],
					OURO_COLLECT_REPORT), 0);
	before = ring_new(s, LINK_PLAIN, 4, GFP_KERNEL);
	ring = ring_new(s, LINK_TOLD, 5, GFP_KERNEL);
	behind = ring_new(s, LINK_LATE, 6, GFP_KERNEL);
	if (!EXPECT(t, before && ring && behind))
		return;
	ouro_slot_store(&before->other, &ring->object);
	ouro_slot_move(&ring->other, &behind->object);
	ouro_put(&ring->object);
	ouro_put(&before->object);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 4);
	last_is(s, 15, 4, 5);
	EXPECT_EQ(t, atomic_long_read(&s->finalized), 0);
	EXPECT(t, ring_is_whole(ring, 5));
	EXPECT(t, ring_is_whole(behind, 6));
	EXPECT_EQ(t, ouro_kind_set_mode(s->kind[LINK_TOLD], OURO_COLLECT_ON),
		  0);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_OLD), 11);
	collect_close(s);
}

/* ---- notifiers ---- */

#define EVENTS	32

static struct hearing {
	struct collect *scene;
	unsigned int n;
	char who[EVENTS];
	unsigned long event[EVENTS];
	struct ouro_scan_stat stat[EVENTS];
	long nested;			/* what a scan from within returned */
} hearing;

static void hear(char who, unsigned long event, void *data)
{
	struct hearing *h = &hearing;

	if (h->n == EVENTS)
		return;
	h->who[h->n] = who;
	h->event[h->n] = event;
	h->stat[h->n++] = *(struct ouro_scan_stat *)data;
	h->nested = ouro_heap_collect(h->scene->heap, OURO_OLD);
}

static int hear_first(struct notifier_block *nb, unsigned long event,
		      void *data)
{
	hear('a', event, data);
	return NOTIFY_OK;
}

static int hear_second(struct notifier_block *nb, unsigned long event,
		       void *data)
{
	hear('b', event, data);
	return NOTIFY_OK;
}

static struct notifier_block first = { .notifier_call = hear_first,
				       .priority = 10 };
static struct notifier_block second = { .notifier_call = hear_second };

static void heard(struct hearing *h, const char *who, unsigned long freed)
{
	struct ouro_test *t = h->scene->t;
	unsigned int i, half = strlen(who);

	EXPECT_EQ(t, h->n, 2 * half);
	for (i = 0; i < h->n; i++) {
		EXPECT_EQ(t, h->who[i], who[i % half]);
		EXPECT_EQ(t, h->event[i],
			  i < half ? OURO_SCAN_BEGIN : OURO_SCAN_END);
		EXPECT_EQ(t, h->stat[i].generation, OURO_OLD);
		EXPECT_EQ(t, h->stat[i].freed, i < half ? 0 : freed);
		EXPECT_EQ(t, !!h->stat[i].ns, i >= half);
	}
	if (half)
		EXPECT_EQ(t, h->nested, -EBUSY);
	h->n = 0;
	h->nested = 0;
}

static void scan(struct collect *s, unsigned int n)
{
	EXPECT(s->t, ring_drop(s, LINK_TOLD, n, GFP_KERNEL));
	EXPECT_EQ(s->t, ouro_heap_collect(s->heap, OURO_OLD), n);
}

void collect_notified(struct ouro_test *t)
{
	struct collect *s = &collect_scene;
	struct hearing *h = &hearing;

	if (!collect_open(s, t))
		return;
	*h = (struct hearing) { .scene = s };
	EXPECT_EQ(t, ouro_collector_notify_add(s->heap, &second), 0);
	scan(s, 4);
	heard(h, "b", 4);
	EXPECT_EQ(t, ouro_collector_notify_add(s->heap, &first), 0);
	scan(s, 5);
	heard(h, "ab", 5);
	EXPECT_EQ(t, ouro_heap_collect(s->heap, OURO_GENERATIONS), -EINVAL);
	heard(h, "", 0);
	EXPECT_EQ(t, ouro_collector_notify_remove(s->heap, &second), 0);
	EXPECT_EQ(t, ouro_collector_notify_remove(s->heap, &second), -ENOENT);
	scan(s, 6);
	heard(h, "a", 6);
	EXPECT_EQ(t, ouro_collector_notify_remove(s->heap, &first), 0);
	scan(s, 7);
	heard(h, "", 0);
	collect_close(s);
}
