// SPDX-License-Identifier: GPL-2.0
/* All objects, and what refers to what; and how readers of all files fare. */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include "audit.h"

/* ---- nothing is left out ---- */

static struct ouro_object *object_of(struct audit *a, unsigned int i)
{
	if (i < AUDIT_PEERS)
		return &a->peer[i]->object;
	switch (i - AUDIT_PEERS) {
	case 0:
		return &a->session->object;
	case 1:
		return ouro_vector_object(a->vector);
	case 2:
		return ouro_map_object(a->map);
	default:
		return &a->user->object;
	}
}

static void row_is(struct audit *a, struct ouro_object *object)
{
	char name[AUDIT_TEXT], line[160];
	const char *text;

	audit_name(a, object, name);
	snprintf(line, sizeof(line), "%-24s %-32s %8zu %8d ", name,
		 ouro_object_type(object)->name, ouro_block_size(object),
		 ouro_refcount(object));
	text = audit_file(a, "objects");
	EXPECT_MSG(a->t, audit_count(text, line) == 1 &&
		   audit_line(text, line, ""), "\"%s\" in\n%.900s", line, text);
	strlcat(name, " ", sizeof(name));
	EXPECT_EQ(a->t, audit_count(text, name), 1);
}

static void edge_is(struct audit *a, struct ouro_object *from,
		    struct ouro_object *to, const char *field)
{
	char one[AUDIT_TEXT], two[AUDIT_TEXT], line[200];
	const char *text;

	audit_name(a, from, one);
	audit_name(a, to, two);
	text = audit_file(a, "graph");
	snprintf(line, sizeof(line), "\t\"%s\" -> \"%s\" [label=\"%s\"];\n", one,
		 two, field);
	EXPECT_MSG(a->t, audit_count(text, line) == 1, "%s in\n%.900s", line,
		   text);
	snprintf(line, sizeof(line), "\t\"%s\" [label=\"%s\\n%s\"];\n", one,
		 ouro_object_type(from)->name, one);
	EXPECT_MSG(a->t, audit_count(text, line) == 1, "%s in\n%.900s", line,
		   text);
}

static void edges_are(struct audit *a)
{
	struct ouro_object *session = &a->session->object;
	char field[16];
	int i;

	for (i = 0; i < AUDIT_PEERS; i++) {
		snprintf(field, sizeof(field), "peers[%d]", i);
		edge_is(a, session, &a->peer[i]->object, field);
		edge_is(a, &a->peer[i]->object, session, "owner");
	}
	edge_is(a, session, ouro_map_object(a->map), "owner");
	edge_is(a, ouro_map_object(a->map), &a->peer[1]->object, "value[0]");
	edge_is(a, ouro_vector_object(a->vector), &a->peer[0]->object,
		"element[0]");
	edge_is(a, &a->user->object, &a->peer[2]->object, "(traverse)");
	edge_is(a, &a->user->object, &a->peer[3]->object, "(traverse)");
}

void rows_exact(struct ouro_test *t)
{
	struct audit *a = audit_open(t);
	const char *text;
	unsigned int i;

	for (i = 0; a && i < AUDIT_OBJECTS; i++)
		row_is(a, object_of(a, i));
	if (!a)
		return;
	EXPECT_EQ(t, audit_count(audit_file(a, "objects"), "\n"),
		  AUDIT_OBJECTS + 2);
	EXPECT_EQ(t, audit_count(audit_file(a, "objects.json"), "{\"handle\""),
		  AUDIT_OBJECTS);
	edges_are(a);
	EXPECT_EQ(t, audit_count(audit_file(a, "graph"), " -> "),
		  2 * AUDIT_PEERS + 5);
	EXPECT_EQ(t, audit_count(audit_file(a, "graph.json"), "{\"field\""),
		  2 * AUDIT_PEERS + 5);
	ouro_immortalize(&a->session->object);
	text = audit_file(a, "objects");
	EXPECT_MSG(t, audit_line(text, "", " -1 "), "%s", text);
	ouro_vector_put(a->vector);
	audit_abandon(a, AUDIT_PEERS + 2);
}

/* ---- others come and go ---- */

#define STAY	2000
#define READS	2	/* at least */

static struct crowd {
	struct audit *a;
	struct completion done;
	bool over;
	unsigned long made;
} crowd;

/* So many that pools come and go. */
static int change_run(void *data)
{
	struct crowd *c = data;
	struct ouro_object *object;
	struct session *session;
	u32 random = 7;
	int i, n;

	while (!READ_ONCE(c->over)) {
		n = test_random(&random) % 500;
		session = ouro_new_array(c->a->sessions, 500, GFP_KERNEL);
		for (i = 0; session && i < n; i++) {
			object = ouro_new(c->a->peers, GFP_KERNEL);
			if (object)
				ouro_slot_move(&session->peers[i], object);
			WRITE_ONCE(c->made, c->made + 1);
		}
		if (session)
			ouro_put(&session->object);
		/* What waits to be dead is in the files, too. */
		ouro_heap_flush(c->a->heap);
		cond_resched();
	}
	kthread_complete_and_exit(&c->done, 0);
}

/* What a file has shown of those that stay: pools one by one, blocks in order. */
struct shown {
	unsigned int n;
	unsigned int pool;
	unsigned int block;
	unsigned int pools;
	unsigned int was[64];
	bool wrong;
};

static void show_one(struct shown *s, unsigned int pool, unsigned int block)
{
	unsigned int i;

	if (s->n++ && pool == s->pool) {
		s->wrong |= block <= s->block;
	} else {
		for (i = 0; i < s->pools; i++)
			s->wrong |= s->was[i] == pool;
		if (s->pools < ARRAY_SIZE(s->was))
			s->was[s->pools++] = pool;
	}
	s->pool = pool;
	s->block = block;
}

/* Each of those that stay is there once. */
static bool all_once(struct audit *a, const char *file, const char *format)
{
	static struct shown shown;
	const char *line = audit_file(a, file);
	unsigned int heap, pool, block;
	char type[32];

	shown = (struct shown) { };
	for (; *line; line = strchrnul(line, '\n'), line += !!*line)
		if (sscanf(line, format, &heap, &pool, &block, type) == 4 &&
		    strstarts(type, "agent"))
			show_one(&shown, pool, block);
	return EXPECT_MSG(a->t, shown.n == STAY && !shown.wrong,
			  "%s: %u%s", file, shown.n,
			  shown.wrong ? ", out of order" : "");
}

static bool crowd_start(struct audit *a)
{
	struct task_struct *task;

	crowd = (struct crowd) { .a = a };
	init_completion(&crowd.done);
	task = kthread_run(change_run, &crowd, "ouro_audit");
	return EXPECT(a->t, !IS_ERR(task));
}

void rows_crowd(struct ouro_test *t)
{
	static struct agent *stay[STAY];
	struct audit *a = audit_begin(t);
	unsigned long end = jiffies + 3 * HZ;
	unsigned int i, reads = 0;

	for (i = 0; a && i < STAY; i++) {
		stay[i] = audit_user_new(a, a->users, NULL, NULL);
		if (!stay[i])
			return;
	}
	if (!a || !crowd_start(a))
		return;
	while ((!time_after(jiffies, end) || reads < READS ||
		READ_ONCE(crowd.made) < STAY) && !test_expired(t)) {
		if (!all_once(a, "objects", "%x.%x.%x %31s") ||
		    !all_once(a, "graph", "\t\"%x.%x.%x\" [label=\"%31s"))
			break;
		reads++;
	}
	WRITE_ONCE(crowd.over, true);
	wait_for_completion(&crowd.done);
	EXPECT_GE(t, reads, READS);
	EXPECT_GE(t, crowd.made, STAY);
	for (i = 0; i < STAY; i++)
		ouro_put(&stay[i]->object);
	ouro_heap_flush(a->heap);
	test_heap_settle(t, a->heap, 0);
	test_heap_close(t, a->heap);
}

/* ---- readers ---- */

static const char * const files[] = {
	"audit", "audit.json", "why", "why.json", "retained", "retained.json",
	"objects", "objects.json", "graph", "graph.json",
};

static void fail_each(struct audit *a, const char *file)
{
	unsigned int nth, failed = 0;
	const char *text;

	for (nth = 1; nth < 100; nth++) {
		test_fail_arm(nth);
		text = audit_text(a, file);
		if (test_fail_disarm())
			break;
		if (IS_ERR(text)) {
			EXPECT_MSG(a->t, PTR_ERR(text) == -ENOMEM, "%s: %ld",
				   file, PTR_ERR(text));
			failed++;
		}
	}
	EXPECT(a->t, !IS_ERR(text));
	EXPECT_LE(a->t, nth, 99);
	if (!strstarts(file, "objects") && !strstarts(file, "graph"))
		EXPECT_MSG(a->t, failed >= 2, "%s: %u", file, failed);
}

/* No memory for this and that: an error, and nothing is left of it. */
void audit_faults(struct ouro_test *t)
{
	struct audit *a = audit_open(t);
	struct ouro_heap_stat before, after;
	unsigned int i;

	if (!a)
		return;
	EXPECT_EQ(t, audit_ask(a, "session"), 0);
	audit_says(a, AUDIT_OBJECTS, 0, 0, 0);
	ouro_heap_stat(a->heap, &before);
	for (i = 0; i < ARRAY_SIZE(files); i++)
		fail_each(a, files[i]);
	ouro_heap_stat(a->heap, &after);
	EXPECT_EQ(t, after.metadata, before.metadata);
	EXPECT_EQ(t, after.live, before.live);
	/* No pool has remained pinned: scans go on. */
	EXPECT_EQ(t, ouro_heap_collect(a->heap, OURO_OLD), 0);
	audit_says(a, AUDIT_OBJECTS, 0, 0, 0);
	audit_close(a, 0);
}

/* A reader with a signal goes home; nothing of it remains. */
void audit_interrupted(struct ouro_test *t)
{
	struct audit *a = audit_open(t);
	struct file *file;
	unsigned int i;

	if (!a)
		return;
	EXPECT_EQ(t, audit_ask(a, "session"), 0);
	for (i = 0; i < ARRAY_SIZE(files) - 4; i++) {
		set_thread_flag(TIF_SIGPENDING);
		file = audit_open_file(a, files[i]);
		clear_thread_flag(TIF_SIGPENDING);
		EXPECT_MSG(t, IS_ERR(file) && PTR_ERR(file) == -EINTR, "%s",
			   files[i]);
		if (!IS_ERR(file))
			filp_close(file, NULL);
	}
	EXPECT_EQ(t, ouro_heap_collect(a->heap, OURO_OLD), 0);
	audit_close(a, 0);
}

/* ---- the heap goes ---- */

static int read_run(void *data)
{
	struct crowd *c = data;
	struct file *file;
	unsigned int i = 0;

	while (!READ_ONCE(c->over)) {
		file = audit_open_file(c->a, files[i++ % ARRAY_SIZE(files)]);
		if (IS_ERR(file)) {
			EXPECT_MSG(c->a->t, PTR_ERR(file) == -ENOENT ||
				   PTR_ERR(file) == -ENODEV, "%ld",
				   PTR_ERR(file));
			break;
		}
		filp_close(file, NULL);
		WRITE_ONCE(c->made, c->made + 1);
		cond_resched();
	}
	kthread_complete_and_exit(&c->done, 0);
}

static void files_close(struct file **open)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(files); i++)
		if (!IS_ERR(open[i]))
			filp_close(open[i], NULL);
}

/* While one reads all files over and over, and another has them open. */
void audit_destroyed(struct ouro_test *t)
{
	struct file *open[ARRAY_SIZE(files)];
	struct audit *a = audit_open(t);
	unsigned int i, live = TEST_MANY(20000, 2000);
	struct task_struct *task;
	unsigned long end = jiffies + 20 * HZ;

	if (!a)
		return;
	for (i = 0; i < live; i++)
		EXPECT(t, ouro_new(a->peers, GFP_KERNEL));
	EXPECT_EQ(t, audit_ask(a, "session"), 0);
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		open[i] = audit_open_file(a, files[i]);
		EXPECT(t, !IS_ERR(open[i]));
	}
	crowd = (struct crowd) { .a = a };
	init_completion(&crowd.done);
	task = kthread_run(read_run, &crowd, "ouro_audit");
	if (EXPECT(t, !IS_ERR(task))) {
		while (READ_ONCE(crowd.made) < 15 && !time_after(jiffies, end))
			schedule_timeout_uninterruptible(1);
		EXPECT_GE(t, READ_ONCE(crowd.made), 1);
	}
	/* All but the map, and the vector's array. */
	audit_abandon(a, live + AUDIT_OBJECTS);
	if (!IS_ERR(task))
		wait_for_completion(&crowd.done);
	WRITE_ONCE(crowd.over, true);
	files_close(open);
}
