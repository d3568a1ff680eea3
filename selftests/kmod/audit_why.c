// SPDX-License-Identifier: GPL-2.0
/* Why: paths from outside to an object; and what is retained by whom. */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/string.h>
#include "audit.h"

/* Whether the answer has a line that begins so. */
static void answer_has(struct audit *a, const char *question, const char *line)
{
	const char *text;

	if (!EXPECT_EQ(a->t, audit_ask(a, question), 0))
		return;
	text = audit_file(a, "why");
	EXPECT_MSG(a->t, audit_line(text, line, ""), "%s: no \"%s\" in\n%.900s",
		   question, line, text);
}

static void path_to(struct audit *a, struct ouro_object *object,
		    const char *path)
{
	char name[AUDIT_TEXT];

	audit_name(a, object, name);
	answer_has(a, name, path);
	*strrchr(name, '.') = '\0';	/* its generation is not needed */
	answer_has(a, name, path);
}

/* Through slots of every sort. */
void why_path(struct ouro_test *t)
{
	struct audit *a = audit_open(t);

	if (!a)
		return;
	path_to(a, &a->session->object, "session, 1 from outside: table\n#");
	path_to(a, &a->peer[4]->object, "session.peers[4] -> peer, 1 from outside: table\n");
	answer_has(a, "ouro.map", "session.owner -> ouro.map, ");
	ouro_slot_clear(&a->session->peers[0]);
	path_to(a, &a->peer[0]->object, "ouro.vector.element[0] -> peer, 1 from outside\n");
	ouro_slot_clear(&a->session->peers[3]);
	path_to(a, &a->peer[3]->object, "agent.(traverse) -> peer, 1 from outside\n");
	ouro_slot_clear(&a->session->peers[1]);
	path_to(a, &a->peer[1]->object,
		"session.owner -> ouro.map.value[0] -> peer, 1 from outside: table\n");
	ouro_immortalize(&a->peer[4]->object);
	path_to(a, &a->peer[4]->object, "peer, never dies\n");
	ouro_put(&a->user->object);
	ouro_vector_put(a->vector);
	/* What never dies keeps all others. */
	ouro_put_tracked(&a->session->object, "table");
	path_to(a, &a->session->object, "peer.owner -> session, never dies\n");
	EXPECT_EQ(t, ouro_heap_collect(a->heap, OURO_OLD), 0);
	audit_abandon(a, 3);
}

/* Of two ways it is the shorter one, and when that is gone the other. */
void why_shortest(struct ouro_test *t)
{
	struct audit *a = audit_open(t);
	struct ouro_object *last;

	last = a ? audit_peer_new(a) : NULL;
	if (!last)
		return;
	EXPECT_EQ(t, ouro_slot_store(&a->peer[4]->next, last), 0);
	EXPECT_EQ(t, ouro_slot_store(&a->peer[3]->next, last), 0);
	path_to(a, last, "peer, 1 from outside\n");
	ouro_put(last);
	ouro_slot_clear(&a->session->peers[3]);
	ouro_slot_clear(&a->peer[4]->next);
	path_to(a, last, "agent.(traverse) -> peer.next -> peer, ");
	EXPECT_EQ(t, ouro_slot_store(&a->peer[4]->next, last), 0);
	ouro_slot_clear(&a->peer[3]->next);
	path_to(a, last, "session.peers[4] -> peer.next -> peer, ");
	EXPECT_EQ(t, ouro_slot_store(&a->peer[1]->next, &a->peer[4]->object), 0);
	ouro_slot_clear(&a->session->peers[4]);
	path_to(a, last, "session.peers[1] -> peer.next -> peer.next -> peer, ");
	ouro_slot_clear(&a->session->peers[1]);
	path_to(a, last, "session.owner -> ouro.map.value[0] -> peer.next -> peer.next -> peer, ");
	audit_close(a, 0);
}

/* A way of two steps and one of three, whichever is looked at first. */
void why_nearest(struct ouro_test *t)
{
	struct audit *a = audit_open(t);
	struct ouro_object *last, *between;
	struct peer *one, *four;

	last = a ? audit_peer_new(a) : NULL;
	between = last ? audit_peer_new(a) : NULL;
	if (!between)
		return;
	one = a->peer[1];
	four = a->peer[4];
	EXPECT_EQ(t, ouro_slot_store(&container_of(between, struct peer,
						   object)->next, last), 0);
	EXPECT_EQ(t, ouro_slot_store(&one->next, last), 0);
	EXPECT_EQ(t, ouro_slot_store(&four->next, between), 0);
	ouro_put(last);
	ouro_put(between);
	path_to(a, last, "session.peers[1] -> peer.next -> peer, ");
	EXPECT_EQ(t, ouro_slot_store(&one->next, between), 0);
	EXPECT_EQ(t, ouro_slot_store(&four->next, last), 0);
	path_to(a, last, "session.peers[4] -> peer.next -> peer, ");
	audit_close(a, 0);
}

#define LONG_WAY	TEST_MANY(100000, 10000)

/* The ends of a long way, and how much there is between them. */
void why_long(struct ouro_test *t)
{
	struct audit *a = audit_open(t);
	unsigned int i, n = LONG_WAY;
	struct ouro_object *object;
	struct peer *at, *fresh;
	const char *text;
	char line[64];

	if (!a)
		return;
	for (at = a->peer[4], i = 0; i < n; i++, at = fresh) {
		fresh = ouro_new(a->peers, GFP_KERNEL);
		if (!EXPECT(t, fresh))
			return;
		ouro_slot_move(&at->next, &fresh->object);
		cond_resched();
	}
	object = &at->object;
	path_to(a, object, "session.peers[4] -> peer.next -> peer.next -> ");
	text = audit_file(a, "why");
	/* The session, the first peer, and those; less 64 at either end. */
	snprintf(line, sizeof(line), "# %u more", n + 2 - 128);
	EXPECT_MSG(t, audit_line(text, line, ""), "no %s", line);
	snprintf(line, sizeof(line), "(%u more) -> ", n + 2 - 128);
	EXPECT(t, strstr(text, line));
	EXPECT_EQ(t, audit_count(text, "peer.next -> "), 126);
	EXPECT_EQ(t, audit_count(text, " next\n"), 126);
	text = audit_file(a, "why.json");
	snprintf(line, sizeof(line), "\"length\": %u, \"left_out\": %u,", n + 2,
		 n + 2 - 128);
	EXPECT_MSG(t, strstr(text, line), "no %s in %.300s", line, text);
	EXPECT_EQ(t, audit_count(text, "{\"handle\""), 128);
	EXPECT(t, strstr(text, "\"field\": null}]}"));
	audit_close(a, 0);
}

#define NEXT_MOST	4096	/* objects, until one is in a certain block */

/* An object whose name begins as @name does, up to @len; the others made hang on it. */
static struct ouro_object *next_named(struct audit *a, const char *name,
				      size_t len, char found[AUDIT_TEXT])
{
	struct ouro_object *object = NULL, *last = NULL;
	unsigned int i;

	for (i = 0; i < NEXT_MOST; i++) {
		object = audit_peer_new(a);
		if (!object)
			break;
		ouro_slot_move(&container_of(object, struct peer, object)->next,
			       last);
		audit_name(a, object, found);
		if (!strncmp(found, name, len) && found[len] == '.')
			return object;
		last = object;
	}
	ouro_put(last);
	return NULL;
}

/* Nobody outside has a reference; nobody at all. */
void why_none(struct ouro_test *t)
{
	struct audit *a = audit_open(t);
	char first[AUDIT_TEXT], second[AUDIT_TEXT];
	struct ouro_object *object;
	const char *text;
	size_t same;

	object = a ? audit_peer_new(a) : NULL;
	if (!object)
		return;
	audit_name(a, object, first);
	ouro_slot_store(&container_of(object, struct peer, object)->next,
			object);
	ouro_put(object);
	answer_has(a, first, "nothing from outside: only a cycle");
	text = audit_file(a, "why.json");
	EXPECT_MSG(t, strstr(text, "\"unreachable\": true") &&
		   strstr(text, "\"path\": []"), "%s", text);
	EXPECT_EQ(t, ouro_heap_collect(a->heap, OURO_OLD), 1);
	answer_has(a, first, "no such object lives\n");
	/* The next in its block has another generation, and the same numbers. */
	same = strrchr(first, '.') - first;
	object = next_named(a, first, same, second);
	if (!EXPECT(t, object))
		return;
	answer_has(a, first, "no such object lives\n");
	answer_has(a, second, "peer, 1 from outside\n");
	first[same] = '\0';
	answer_has(a, first, "peer, 1 from outside\n");
	ouro_put(object);
	answer_has(a, "sloppy", "no such object lives\n");
	audit_close(a, 0);
}

#define POOLS		1000	/* with one session each */
#define SESSION_SLOTS	(SZ_8K / sizeof(struct ouro_slot) + 1)
#define TIMES		TEST_MANY(300, 30)

static struct completion opened;

/* To open a file is to have its answer.  Only a kernel thread's are closed at once. */
static int open_all(void *scene)
{
	static const char * const files[] = { "why", "audit", "retained" };
	struct audit *a = scene;
	unsigned int i;

	for (i = 0; i < TIMES && !test_expired(a->t); i++) {
		struct file *file = audit_open_file(a, files[i % 3]);

		if (EXPECT(a->t, !IS_ERR(file)))
			filp_close(file, NULL);
		flush_delayed_fput();
	}
	kthread_complete_and_exit(&opened, 0);
}

static bool sessions_make(struct audit *a, struct session **last)
{
	struct session *fresh;
	unsigned int i;

	for (i = 0; i < POOLS; i++) {
		fresh = ouro_new_array(a->sessions, SESSION_SLOTS, GFP_KERNEL);
		if (!EXPECT(a->t, fresh))
			return false;
		ouro_slot_move(&fresh->owner, *last ? &(*last)->object : NULL);
		*last = fresh;
	}
	return true;
}

/* What is asked takes memory by the pool, and gives it back. */
void why_memory(struct ouro_test *t)
{
	struct audit *a = audit_open(t);
	struct session *last = NULL;
	long before, lost;

	if (!a || !sessions_make(a, &last))
		return;
	audit_ask(a, "session");
	init_completion(&opened);
	before = test_free_pages();
	if (EXPECT(t, !IS_ERR(kthread_run(open_all, a, "ouro_why"))))
		wait_for_completion(&opened);
	lost = before - test_free_pages();
	test_note(t, "%ld pages fewer after %u times", lost, TIMES);
	/* One list of pools is more than two pages. */
	EXPECT_LE(t, lost, max(TIMES, 100));
	ouro_put(&last->object);
	audit_close(a, 0);
}

void why_refuses(struct ouro_test *t)
{
	static const char * const bad[] = {
		"nobody", "1.2", "1.2.3.4.5", "1.2.x", ".1.2", "-1.2.3", "peer session",
		"0123456789012345678901234567890123456789012345678901234567890",
	};
	struct audit *a = audit_open(t);
	char name[AUDIT_TEXT], other[AUDIT_TEXT + 1];
	unsigned int i;

	if (!a)
		return;
	EXPECT(t, strstr(audit_file(a, "why"), "# write a handle"));
	answer_has(a, "  session\n", "session, 1 from outside: table\n");
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_MSG(t, audit_ask(a, bad[i]) == -EINVAL, "%s", bad[i]);
	audit_name(a, &a->session->object, name);
	snprintf(other, sizeof(other), "1%s", name);
	EXPECT_EQ(t, audit_ask(a, other), -EXDEV);
	/* What was asked before is. */
	EXPECT(t, audit_line(audit_file(a, "why"), "session, 1 from", ""));
	snprintf(other, sizeof(other), "%s", name);
	*strchr(other, '.') = '\0';
	strlcat(other, ".7fffff.1", sizeof(other));
	answer_has(a, other, "no such object lives\n");
	audit_close(a, 0);
}

/* ---- retained ---- */

static unsigned long size_of(struct ouro_object *object)
{
	return ouro_block_size(object);
}

static void holds(struct audit *a, const char *type, const char *name,
		  unsigned long roots, unsigned long objects,
		  unsigned long bytes)
{
	const char *text = audit_file(a, "retained"), *line;
	unsigned long o = 0, b = 0;
	char r[16] = "", wanted[16];

	line = audit_line(text, type, name);
	if (!EXPECT_MSG(a->t, line, "no %s %s in\n%s", type, name, text))
		return;
	/* Names may have blanks. */
	line = strstr(line, name) + strlen(name);
	if (!EXPECT_EQ(a->t, sscanf(line, "%15s %lu %lu", r, &o, &b), 3))
		return;
	snprintf(wanted, sizeof(wanted), roots ? "%lu" : "-", roots);
	EXPECT_MSG(a->t, !strcmp(r, wanted) && o == objects && b == bytes,
		   "%s %s: %lu %lu %lu in\n%s", type, name, roots, objects,
		   bytes, text);
}

/* Each holder has some for itself, and some are shared. */
void retained(struct ouro_test *t)
{
	struct audit *a = audit_open(t);
	struct ouro_object *alone[2];
	unsigned long peer, i;

	if (!a)
		return;
	peer = size_of(&a->peer[0]->object);
	/* All peers lead to the session: shared.  But their holders are not. */
	holds(a, "session", "table", 1, 0, 0);
	holds(a, "ouro.vector", "-", 1, 1, size_of(ouro_vector_object(a->vector)));
	holds(a, "agent", "-", 1, 1, size_of(&a->user->object));
	holds(a, "(shared)", "-", 0, AUDIT_PEERS + 2, AUDIT_PEERS * peer +
	      size_of(&a->session->object) + size_of(ouro_map_object(a->map)));
	for (i = 0; i < AUDIT_PEERS; i++)
		ouro_slot_clear(&a->peer[i]->owner);
	holds(a, "session", "table", 1, 4, 2 * peer +
	      size_of(&a->session->object) + size_of(ouro_map_object(a->map)));
	holds(a, "(shared)", "-", 0, 3, 3 * peer);
	for (i = 0; i < 2; i++) {
		alone[i] = audit_peer_new(a);
		if (!alone[i])
			return;
		ouro_track(alone[i], "rx queue");
	}
	holds(a, "peer", "rx queue", 2, 2, 2 * peer);
	ouro_slot_store(&container_of(alone[0], struct peer, object)->next,
			alone[0]);
	ouro_put_tracked(alone[0], "rx queue");
	holds(a, "peer", "rx queue", 1, 1, peer);
	holds(a, "(unreachable)", "-", 0, 1, peer);
	ouro_put_tracked(alone[1], "rx queue");
	EXPECT_EQ(t, ouro_heap_collect(a->heap, OURO_OLD), 1);
	holds(a, "(unreachable)", "-", 0, 0, 0);
	audit_close(a, 0);
}
