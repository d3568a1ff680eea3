// SPDX-License-Identifier: GPL-2.0
/*
 * Audits while others change all that is audited: nothing is wrong, and nothing
 * may be found.  Everybody gives his references to peers names, as their type
 * says.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/string.h>
#include "audit.h"

#define MEMBERS		4	/* threads at most */
#define SLOTS		8
#define KEYS		16
#define AUDITS		10	/* at least */

/**
 * struct crowd - what all change
 * @a: the scene
 * @over: nobody goes on
 * @shared: session of all
 * @vector: and vector
 * @map: and map
 * @user: and user
 */
static struct crowd {
	struct audit *a;
	bool over;
	struct session *shared;
	struct ouro_vector *vector;
	struct ouro_map *map;
	struct agent *user;
} crowd;

static struct member {
	struct completion done;
	struct session *own;
	u32 random;
	unsigned long ops;
} members[MEMBERS + 1];

static const char * const names[] = { "one", "two", "three" };

/* ---- acts ---- */

static struct ouro_slot *slot_of(struct member *m)
{
	u32 r = test_random(&m->random);
	struct session *session = r & 8 ? m->own : crowd.shared;

	return &session->peers[r % SLOTS];
}

/* A peer, whose reference has a name; or NULL. */
static struct ouro_object *peer_get(struct member *m, const char *name)
{
	struct ouro_object *object = ouro_slot_load(slot_of(m));

	if (!object)
		object = ouro_new(crowd.a->peers, GFP_KERNEL);
	if (object)
		ouro_track(object, name);
	return object;
}

/* From one place to another, which then has what had a name for a while. */
static void act_move(struct member *m, const char *name)
{
	struct ouro_object *object = ouro_slot_take(slot_of(m));

	if (!object)
		return;
	ouro_track(object, name);
	cpu_relax();
	ouro_untrack(object, name);
	ouro_slot_move(slot_of(m), object);
}

static void act_vector(struct member *m, const char *name)
{
	struct ouro_object *object;

	switch (test_random(&m->random) % 4) {
	case 0:
	case 1:
		object = peer_get(m, name);
		if (object && ouro_vector_length(crowd.vector) < 200)
			ouro_vector_append(crowd.vector, object, GFP_KERNEL);
		ouro_put_tracked(object, name);
		break;
	case 2:
		object = ouro_vector_pop(crowd.vector);
		if (object)
			ouro_track(object, name);
		ouro_put_tracked(object, name);
		break;
	default:
		ouro_vector_remove(crowd.vector, 0);
		ouro_vector_shrink(crowd.vector, GFP_KERNEL);
	}
}

static void act_map(struct member *m, const char *name)
{
	u64 key = test_random(&m->random) % KEYS;
	struct ouro_object *object;

	switch (test_random(&m->random) % 3) {
	case 0:
		object = peer_get(m, name);
		if (object)
			ouro_map_u64_store(crowd.map, key, object, GFP_KERNEL);
		break;
	case 1:
		object = ouro_map_u64_take(crowd.map, key);
		if (object)
			ouro_track(object, name);
		break;
	default:
		ouro_map_u64_remove(crowd.map, key);
		return;
	}
	ouro_put_tracked(object, name);
}

static void act_user(struct member *m, const char *name)
{
	struct ouro_object *object = peer_get(m, name);

	audit_user_change(crowd.user, test_random(&m->random) % 2 ?
			  &crowd.user->left : &crowd.user->right, object);
	ouro_put_tracked(object, name);
}

/* Rings that nobody holds when they are dropped. */
static void act_peer(struct member *m, const char *name)
{
	struct ouro_object *object = peer_get(m, name), *next;
	struct peer *peer;

	if (!object)
		return;
	peer = container_of(object, struct peer, object);
	next = peer_get(m, "next");
	switch (test_random(&m->random) % 4) {
	case 0:
		ouro_slot_clear(&peer->next);
		break;
	case 1:
		ouro_slot_store(&peer->owner, &m->own->object);
		break;
	case 2:
		ouro_slot_clear(&peer->owner);
		break;
	default:
		ouro_slot_store(&peer->next, next);
	}
	ouro_put_tracked(next, "next");
	ouro_slot_store(slot_of(m), test_random(&m->random) % 4 ? object : NULL);
	ouro_put_tracked(object, name);
}

static void act(struct member *m)
{
	const char *name = names[test_random(&m->random) % ARRAY_SIZE(names)];

	switch (test_random(&m->random) % 8) {
	case 0:
	case 1:
		act_move(m, name);
		break;
	case 2:
		act_vector(m, name);
		break;
	case 3:
		act_map(m, name);
		break;
	case 4:
		act_user(m, name);
		break;
	default:
		act_peer(m, name);
	}
	m->ops++;
}

static int member_run(void *data)
{
	struct member *m = data;

	while (!READ_ONCE(crowd.over)) {
		act(m);
		cond_resched();
	}
	kthread_complete_and_exit(&m->done, 0);
}

static int collector_run(void *data)
{
	struct member *m = data;

	while (!READ_ONCE(crowd.over)) {
		if (ouro_heap_collect(crowd.a->heap, OURO_OLD) >= 0)
			m->ops++;
		schedule_timeout_uninterruptible(1);
	}
	kthread_complete_and_exit(&m->done, 0);
}

/* ---- begin and end ---- */

static bool shared_make(struct audit *a)
{
	crowd = (struct crowd) { .a = a };
	crowd.shared = ouro_new_array(a->sessions, SLOTS, GFP_KERNEL);
	crowd.vector = ouro_vector_new(a->heap, 0, GFP_KERNEL);
	crowd.map = ouro_map_u64_new(a->heap, GFP_KERNEL);
	crowd.user = audit_user_new(a, a->users, NULL, NULL);
	return EXPECT(a->t, crowd.shared && crowd.vector && crowd.map &&
		      crowd.user);
}

static unsigned int members_start(struct audit *a, bool collects)
{
	unsigned int i, n = clamp(num_online_cpus() + 1, 2U, (unsigned int)MEMBERS);
	struct task_struct *task;
	struct member *m;

	for (i = 0; i < n + collects; i++) {
		m = &members[i];
		*m = (struct member) { .random = 17 * i + 1 };
		init_completion(&m->done);
		m->own = ouro_new_array(a->sessions, SLOTS, GFP_KERNEL);
		if (!EXPECT(a->t, m->own))
			break;
		task = kthread_run(i == n ? collector_run : member_run, m,
				   "ouro_audit/%u", i);
		if (EXPECT(a->t, !IS_ERR(task)))
			continue;
		ouro_put(&m->own->object);
		break;
	}
	return i;
}

static void members_end(struct audit *a, unsigned int n)
{
	unsigned int i;

	WRITE_ONCE(crowd.over, true);
	for (i = 0; i < n; i++) {
		wait_for_completion(&members[i].done);
		EXPECT_GE(a->t, members[i].ops, 1);
		ouro_put(&members[i].own->object);
	}
}

static void shared_end(struct audit *a)
{
	ouro_put(&crowd.shared->object);
	ouro_vector_put(crowd.vector);
	ouro_map_put(crowd.map);
	ouro_put(&crowd.user->object);
	ouro_heap_flush(a->heap);
	EXPECT_GE(a->t, ouro_heap_collect(a->heap, OURO_OLD), 0);
	ouro_heap_flush(a->heap);
	audit_says(a, 0, 0, 0, 0);
	test_heap_settle(a->t, a->heap, 0);
	test_heap_close(a->t, a->heap);
}

/* ---- audits ---- */

#define PLENTY	2000	/* objects, most of them garbage */

/* Each finding is a false alarm. */
static bool nothing_wrong(struct audit *a, unsigned long *objects)
{
	const char *text = audit_file(a, "audit");
	unsigned long low = 1, high = 1;
	unsigned int fields = 1;

	if (!EXPECT_EQ(a->t, sscanf(strchrnul(text, ':'), AUDIT_SUM, objects,
				    &low, &high, &fields), 4))
		return false;
	return EXPECT_MSG(a->t, !low && !high && !fields, "%.600s", text);
}

static void read_others(struct audit *a)
{
	const char *text;

	EXPECT_EQ(a->t, audit_ask(a, "peer"), 0);
	text = audit_file(a, "why");
	EXPECT_MSG(a->t, strstr(text, "what keeps peer alive"), "%.300s", text);
	text = audit_file(a, "retained");
	EXPECT_MSG(a->t, audit_line(text, "(unreachable)", ""), "%.300s", text);
	text = audit_file(a, "graph");
	EXPECT_MSG(a->t, strlen(text) > 2 &&
		   !strcmp(text + strlen(text) - 2, "}\n"), "%.300s", text);
	audit_file(a, "objects");
}

static void crowd_audit(struct ouro_test *t, bool collects)
{
	unsigned long seconds = TEST_MANY(min(test_stress_seconds(), 10U), 10);
	unsigned long end = jiffies + seconds * HZ, objects = 0, most = 0;
	struct audit *a = audit_begin(t);
	unsigned int n, audits = 0;

	if (!a || !shared_make(a))
		return;
	n = members_start(a, collects);
	while ((!time_after(jiffies, end) || audits < AUDITS) &&
	       !test_expired(t) && nothing_wrong(a, &objects)) {
		most = max(most, objects);
		/* The texts that are read have an end. */
		if (objects > PLENTY)
			ouro_heap_collect(a->heap, OURO_OLD);
		if (audits++ % 4 == 0)
			read_others(a);
		cond_resched();
	}
	members_end(a, n);
	EXPECT_GE(t, audits, AUDITS);
	EXPECT_GE(t, most, 8);
	shared_end(a);
}

void audit_crowd(struct ouro_test *t)
{
	crowd_audit(t, false);
}

/* And scans come in between. */
void audit_crowd_frozen(struct ouro_test *t)
{
	crowd_audit(t, true);
}
