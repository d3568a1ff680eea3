// SPDX-License-Identifier: GPL-2.0
/*
 * Audits that do not see every object: what looks leaked may be referred to by one
 * of those, so no leak is told, and the file says why.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include "audit.h"

/* ---- pools come meanwhile ---- */

#define MADE	2000	/* more than there is room for in a pool */
#define AUDITS	3	/* that meet this */

/**
 * struct fount - has no references, and makes objects while it tells of them
 * @object: header of the object
 */
struct fount {
	struct ouro_object object;
};

/* What it has made, and how much there shall be. */
static struct {
	struct audit *a;
	unsigned int n;
	unsigned int most;
	struct session *session[AUDITS * MADE];
} made;

/* Called with the audit under way, and with RCU held. */
static void fount_traverse(void *object,
			   void (*visit)(struct ouro_object *ref, void *arg),
			   void *arg)
{
	struct session *session;

	while (made.n < made.most) {
		session = ouro_new_array(made.a->sessions, 1, GFP_ATOMIC);
		if (!session)
			break;
		made.session[made.n++] = session;
	}
}

static const struct ouro_type fount_type = {
	OURO_TYPE(struct fount, object),
	.flags = OURO_TYPE_ACYCLIC,
	.traverse = fount_traverse,
};

/* The next audit meets that; those behind it do not. */
static void made_arm(struct audit *a)
{
	EXPECT_EQ(a->t, made.n, made.most);
	made.most += MADE;
}

static void made_begin(struct audit *a)
{
	made.a = a;
	made.n = 0;
	made.most = 0;
}

static void made_end(struct audit *a)
{
	unsigned int i;

	EXPECT_EQ(a->t, made.n, AUDITS * MADE);
	for (i = 0; i < made.n; i++)
		ouro_put(&made.session[i]->object);
}

/* Whether one audit tells of the leak, and whether it says that it is blind. */
static void sees(struct audit *a, bool leak, bool blind)
{
	const char *text = audit_file(a, "audit.json");

	EXPECT_MSG(a->t, leak == !!strstr(text, "\"high\": [\n{"), "%.900s",
		   text);
	EXPECT_MSG(a->t, strstr(text, blind ? "\"blind\": true" :
						 "\"blind\": false"),
		   "%.900s", text);
}

static void sees_text(struct audit *a, bool leak, bool blind)
{
	static const char says[] = "# some counts look too high, but pools came";
	const char *text = audit_file(a, "audit");

	EXPECT_MSG(a->t, leak == !!audit_line(text, "high ", ""), "%.900s",
		   text);
	EXPECT_MSG(a->t, blind == !!audit_line(text, says, ""), "%.900s", text);
}

void audit_blind(struct ouro_test *t)
{
	struct audit *a = audit_open(t);
	struct ouro_kind *kind = a ? ouro_type_register(a->heap, &fount_type) :
				     NULL;
	struct fount *fount;

	if (!a || !EXPECT(t, !IS_ERR(kind)))
		return;
	fount = ouro_new(kind, GFP_KERNEL);
	if (!EXPECT(t, fount))
		return;
	made_begin(a);
	/* Nothing looks leaked: there is nothing to be uncertain of. */
	made_arm(a);
	sees(a, false, false);
	ouro_get(&a->peer[4]->object);
	made_arm(a);
	sees(a, false, true);
	made_arm(a);
	sees_text(a, false, true);
	/* Read once more. */
	sees_text(a, true, false);
	sees(a, true, false);
	made_end(a);
	ouro_put(&a->peer[4]->object);
	ouro_put(&fount->object);
	audit_close(a, 0);
}

/* ---- pools are left out ---- */

#define MANY	70000	/* their notes are more than one piece of memory */

/* All held by one. */
static struct session *many_new(struct audit *a)
{
	struct session *session = ouro_new_array(a->sessions, MANY, GFP_KERNEL);
	struct ouro_object *object;
	unsigned int i;

	if (!EXPECT(a->t, session))
		return NULL;
	for (i = 0; i < MANY; i++) {
		object = ouro_new(a->peers, GFP_KERNEL);
		if (!object)
			break;
		ouro_slot_move(&session->peers[i], object);
		cond_resched();
	}
	EXPECT_EQ(a->t, i, MANY);
	return session;
}

#define LEAKS	64	/* in pools all over the heap: some are not left out */

/* A reference too many to objects far from each other. */
static void leak_some(struct session *session, bool leak)
{
	struct ouro_object *peer;
	unsigned int i;

	for (i = 0; i < MANY; i += MANY / LEAKS) {
		peer = ouro_slot_load(&session->peers[i]);
		if (leak)
			continue;
		ouro_put(peer);
		ouro_put(peer);
	}
}

/* Whether pools were left out: the leak is told, or the audit says that it is blind. */
static bool left_out(struct audit *a, unsigned int nth, const char *text)
{
	bool all = strstr(text, "\"skipped\": 0,");
	bool told = strstr(text, "\"high\": [\n{");
	bool blind = strstr(text, "\"blind\": true");

	EXPECT_MSG(a->t, told == all && blind == !all, "failure %u: %.900s",
		   nth, text);
	return !all;
}

/* For want of memory, where that is no error. */
void audit_left_out(struct ouro_test *t)
{
	struct audit *a = audit_open(t);
	struct session *session = a ? many_new(a) : NULL;
	unsigned int nth, times = 0;
	const char *text;

	if (!session)
		return;
	leak_some(session, true);
	for (nth = 1; nth < 100; nth++) {
		test_fail_arm(nth);
		text = audit_text(a, "audit.json");
		if (test_fail_disarm())
			break;
		if (!IS_ERR(text))
			times += left_out(a, nth, text);
	}
	EXPECT_GE(t, times, 1);
	test_note(t, "%u of %u left pools out", times, nth - 1);
	leak_some(session, false);
	ouro_put(&session->object);
	audit_close(a, 0);
}
