// SPDX-License-Identifier: GPL-2.0
/* Pins: in every context, and by everybody at once. */
#include <linux/kernel.h>
#include <linux/sched.h>
#include "pin.h"

/* ---- where ---- */

static void names_there(void *arg)
{
	struct pin_scene *s = arg;
	int i;

	for (i = 0; i < 3; i++)
		ouro_get_tracked(s->object, pin_names[i]);
	ouro_put_tracked(s->object, pin_names[1]);
	ouro_track(s->object, pin_names[3]);
	EXPECT(s->t, ouro_untrack(s->object, pin_names[2]));
	EXPECT_EQ(s->t, ouro_refcount(s->object), 3);
	ouro_put_tracked(s->object, pin_names[0]);
	EXPECT(s->t, ouro_untrack(s->object, pin_names[3]));
	ouro_put(s->object);
}

/* What was named there is put here, and the other way round. */
static void get_there(void *arg)
{
	ouro_get_tracked(((struct pin_scene *)arg)->object, "both");
}

static void put_there(void *arg)
{
	ouro_put_tracked(((struct pin_scene *)arg)->object, "both");
}

void pin_contexts(struct ouro_test *t)
{
	struct pin_scene *s = pin_scene_open(t);
	struct test_log log;
	int i;

	if (!s)
		return;
	test_log_mark(&log);
	for (i = 0; i < TEST_CONTEXTS; i++) {
		if (i == TEST_NMI || !test_context_exists(i))
			continue;
		EXPECT_MSG(t, !test_context_run(i, names_there, s), "%s",
			   test_context_name(i));
		EXPECT_EQ(t, ouro_refcount(s->object), 1);
		EXPECT_EQ(t, test_context_run(i, get_there, s), 0);
		ouro_put_tracked(s->object, "both");
		ouro_get_tracked(s->object, "both");
		EXPECT_EQ(t, test_context_run(i, put_there, s), 0);
		EXPECT_EQ(t, ouro_refcount(s->object), 1);
	}
	EXPECT_EQ(t, test_log_count_all(&log, "BUG:"), 0);
	EXPECT_EQ(t, test_log_count_all(&log, "WARNING:"), 0);
	/* What a tight context left behind goes with the next. */
	names_there(s);
	pin_scene_close(s, 0);
}

/* The first name of a heap, in each context. */
void pin_first(struct ouro_test *t)
{
	struct pin_scene *s;
	int i;

	for (i = 0; i < TEST_CONTEXTS; i++) {
		if (i == TEST_NMI || !test_context_exists(i))
			continue;
		s = pin_scene_begin(t);
		if (!s)
			return;
		EXPECT_EQ(t, test_context_run(i, names_there, s), 0);
		names_there(s);
		s->metadata = pin_metadata(s->heap);
		pin_scene_close(s, 0);
	}
}

/* ---- by everybody at once ---- */

static void interrupt(void *arg)
{
	struct pin_scene *s = arg;

	ouro_get_tracked(s->object, "crowd");
	ouro_get_tracked(s->object, "interrupt");
	ouro_put_tracked(s->object, "crowd");
	ouro_put_tracked(s->object, "interrupt");
}

/* Each has a name of its own, and all have one; the first is interrupted. */
static void crowd_fn(void *arg, unsigned int id)
{
	struct pin_scene *s = arg;
	int i, rounds = TEST_MANY(20000, 3000);
	char own[8];

	snprintf(own, sizeof(own), "own %u", id);
	for (i = 0; i < rounds; i++) {
		ouro_get_tracked(s->object, "crowd");
		ouro_get_tracked(s->object, own);
		if (i % 3)
			ouro_get_tracked(s->object, "crowd");
		ouro_put_tracked(s->object, "crowd");
		if (!id && i % 512 == 0)
			EXPECT_EQ(s->t, test_context_run(TEST_IRQ_WORK,
							 interrupt, s), 0);
		EXPECT(s->t, ouro_untrack(s->object, own));
		ouro_put(s->object);
		if (i % 3)
			ouro_put_tracked(s->object, "crowd");
		if (i % 256 == 0)
			cond_resched();
	}
}

void pin_crowd(struct ouro_test *t)
{
	struct pin_scene *s = pin_scene_open(t);

	if (!s)
		return;
	test_threads_run(t, 4, crowd_fn, s);
	/* On PREEMPT_RT the interrupts leave pins: see pin_contexts(). */
	names_there(s);
	pin_scene_close(s, 0);
}

static atomic_t waiting;	/* threads that have yet to come */

static void crowd_first_fn(void *arg, unsigned int id)
{
	struct pin_scene *s = arg;
	int i;

	atomic_dec(&waiting);
	while (atomic_read(&waiting) > 0 && !test_expired(s->t))
		cond_resched();
	for (i = 0; i < 10; i++)
		ouro_get_tracked(s->object, pin_names[id]);
}

/* Several make the table of a heap at once; one of theirs is left. */
void pin_crowd_first(struct ouro_test *t)
{
	unsigned long before, table = 0;
	struct pin_scene *s;
	int i, j, count;

	for (i = 0; i < 12; i++) {
		s = pin_scene_begin(t);
		if (!s)
			return;
		before = pin_metadata(s->heap);
		count = i ? 2 : 1;
		atomic_set(&waiting, count);
		test_threads_run(t, count, crowd_first_fn, s);
		EXPECT_EQ(t, ouro_refcount(s->object), 1 + 10 * count);
		for (j = 0; j < 10 * count; j++)
			ouro_put_tracked(s->object, pin_names[j % count]);
		s->metadata = pin_metadata(s->heap);
		if (!i)
			table = s->metadata - before;
		EXPECT_EQ(t, s->metadata - before, table);
		EXPECT(t, !ouro_untrack(s->object, pin_names[0]));
		s->metadata = pin_metadata(s->heap);
		pin_scene_close(s, 1);
	}
}
