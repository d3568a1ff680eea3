// SPDX-License-Identifier: GPL-2.0
/* Audits: faults that are planted, and found before they do harm. */
#include <linux/kernel.h>
#include <linux/string.h>
#include "audit.h"

/* One line of the last audit: "high  HANDLE  TYPE  REFS EDGES PINS ..." */
static void found(struct audit *a, struct ouro_object *object, const char *what,
		  const char *type, unsigned int refs, unsigned int edges,
		  unsigned int pins, const char *rest)
{
	unsigned int r = ~0U, e = ~0U, p = ~0U;
	char name[AUDIT_TEXT], is[8], is_type[32];
	const char *text, *line;

	audit_name(a, object, name);
	text = audit_file(a, "audit");
	line = audit_line(text, what, name);
	if (!EXPECT_MSG(a->t, line, "no line %s %s in\n%s", what, name, text))
		return;
	EXPECT_EQ(a->t, sscanf(line, "%7s %*s %31s %u %u %u", is, is_type, &r,
			       &e, &p), 5);
	EXPECT_MSG(a->t, !strcmp(is, what) && !strcmp(is_type, type) &&
		   r == refs && e == edges && p == pins && strstr(line, rest) &&
		   strstr(line, rest) < strchrnul(line, '\n'),
		   "%s of %s %u %u %u, %s in %s", what, type, refs, edges, pins,
		   rest, line);
}

static void clean(struct ouro_test *t)
{
	struct audit *a = audit_open(t);
	const char *text, *session, *vector;

	if (!a)
		return;
	audit_says(a, AUDIT_OBJECTS, 0, 0, 0);
	text = audit_file(a, "audit");
	session = "outside: 1 objects of session, 1 references, 1 of them with a name";
	EXPECT_MSG(t, audit_line(text, session, ""), "%s", text);
	vector = "outside: 1 objects of ouro.vector, 1 references, 0 of them";
	EXPECT_MSG(t, audit_line(text, vector, ""), "%s", text);
	EXPECT_MSG(t, !audit_line(text, "outside", " of peer,"), "%s", text);
	audit_close(a, 0);
}

/* One get too many of an object all of whose holders are known. */
static void leak(struct ouro_test *t)
{
	struct audit *a = audit_open(t);
	struct ouro_object *object;

	if (!a)
		return;
	object = &a->peer[4]->object;
	ouro_get(object);
	audit_says(a, AUDIT_OBJECTS, 0, 1, 0);
	found(a, object, "high", "peer", 2, 1, 0, "made by audit_peer_new+");
	ouro_get_tracked(object, "rx queue");
	ouro_get_tracked(object, "rx queue");
	audit_says(a, AUDIT_OBJECTS, 0, 1, 0);
	found(a, object, "high", "peer", 4, 1, 2, "held by rx queue x2");
	ouro_put(object);
	audit_says(a, AUDIT_OBJECTS, 0, 0, 0);
	ouro_put_tracked(object, "rx queue");
	ouro_put_tracked(object, "rx queue");
	audit_close(a, 0);
}

/* Others' references may have no name: no leak can be told. */
static void no_leak(struct ouro_test *t)
{
	struct audit *a = audit_open(t);

	if (!a)
		return;
	ouro_get(&a->session->object);
	ouro_get(&a->user->object);
	audit_says(a, AUDIT_OBJECTS, 0, 0, 0);
	ouro_put(&a->user->object);
	ouro_put(&a->session->object);
	audit_close(a, 0);
}

/* One put too many, while there is another reference. */
static void early(struct ouro_test *t)
{
	struct audit *a = audit_open(t);
	struct ouro_object *object;

	if (!a)
		return;
	object = &a->peer[0]->object;	/* in peers[] and in the vector */
	ouro_put(object);
	audit_says(a, AUDIT_OBJECTS, 1, 0, 0);
	found(a, object, "low", "peer", 1, 2, 0, "made by audit_peer_new+");
	ouro_get(object);
	object = &a->session->object;	/* owner of all, and held by a name */
	ouro_put(object);
	found(a, object, "low", "session", AUDIT_PEERS, AUDIT_PEERS, 1,
	      "held by table");
	audit_says(a, AUDIT_OBJECTS, 1, 0, 0);
	ouro_get(object);
	audit_says(a, AUDIT_OBJECTS, 0, 0, 0);
	audit_close(a, 0);
}

/* And where there is none the object is dead, and referred to. */
static void dangling(struct ouro_test *t)
{
	struct audit *a = audit_open(t);
	char name[AUDIT_TEXT];
	const char *text;

	if (!a)
		return;
	audit_name(a, &a->peer[4]->object, name);
	*strrchr(name, '.') = '\0';	/* its generation is over */
	ouro_put(&a->peer[4]->object);
	audit_says(a, AUDIT_OBJECTS - 1, 1, 0, 0);
	text = audit_file(a, "audit");
	EXPECT_MSG(t, audit_line(text, "low", name), "%s in %s", name, text);
	WRITE_ONCE(a->session->peers[4].object, NULL);
	audit_says(a, AUDIT_OBJECTS - 1, 0, 0, 0);
	audit_close(a, 0);
}

/* A name that is not there, and one that is left behind. */
static void names(struct ouro_test *t)
{
	struct audit *a = audit_open(t);
	struct ouro_object *object;

	if (!a)
		return;
	object = &a->peer[4]->object;
	ouro_get_tracked(object, "rx queue");
	ouro_put_tracked(object, "tx queue");
	EXPECT_EQ(t, test_heap_misuse(a->heap), 1);
	EXPECT_EQ(t, ouro_refcount(object), 2);
	audit_says(a, AUDIT_OBJECTS, 0, 0, 0);
	ouro_put(object);
	audit_says(a, AUDIT_OBJECTS, 1, 0, 0);
	found(a, object, "low", "peer", 1, 1, 1, "held by rx queue");
	EXPECT(t, ouro_untrack(object, "rx queue"));
	audit_says(a, AUDIT_OBJECTS, 0, 0, 0);
	audit_close(a, 1);
}

/* A type's own function that does not tell all. */
static void traverse(struct ouro_test *t)
{
	struct audit *a = audit_open(t);
	struct agent *user[3] = {};
	char line[128];
	const char *text;
	int i;

	for (i = 0; a && i < 3; i++)
		user[i] = audit_user_new(a, a->sloppy, &a->peer[0]->object,
					 i ? &a->peer[i]->object : NULL);
	if (!a || !user[2])
		return;
	/* What is not told of is a reference too many. */
	audit_says(a, AUDIT_OBJECTS + 3, 0, 2, 1);
	text = audit_file(a, "audit");
	snprintf(line, sizeof(line),
		 "traverse of sloppy leaves out offset %zu: 2 objects refer to a peer there",
		 offsetof(struct agent, right));
	EXPECT_MSG(t, audit_line(text, line, ""), "%s in %s", line, text);
	EXPECT_MSG(t, !strstr(text, "traverse of agent"), "%s", text);
	for (i = 0; i < 3; i++)
		ouro_put(&user[i]->object);
	audit_says(a, AUDIT_OBJECTS, 0, 0, 0);
	audit_close(a, 0);
}

/*
 * Every second time it is asked it tells of more than an audit keeps, and never of
 * @untold.
 */
#define FICKLE_TELLS	70

struct fickle {
	struct ouro_object object;
	struct ouro_object *told;
	struct ouro_object *untold;
	unsigned int calls;	/* by one reader at a time */
};

static void fickle_release(void *object)
{
	struct fickle *fickle = object;
	int i;

	for (i = 0; i < FICKLE_TELLS; i++)
		ouro_put(fickle->told);
	ouro_put(fickle->untold);
}

static void fickle_traverse(void *object,
			    void (*visit)(struct ouro_object *ref, void *arg),
			    void *arg)
{
	struct fickle *fickle = object;
	int i;

	for (i = 0; i < (fickle->calls % 2 ? FICKLE_TELLS : 1); i++)
		visit(fickle->told, arg);
	fickle->calls++;
}

static const struct ouro_type fickle_type = {
	OURO_TYPE(struct fickle, object),
	.flags = OURO_TYPE_ACYCLIC,
	.release = fickle_release,
	.traverse = fickle_traverse,
};

static struct fickle *fickle_new(struct audit *a, struct ouro_kind *kind,
				 struct agent *told, struct agent *untold)
{
	struct fickle *fickle = ouro_new(kind, GFP_KERNEL);
	int i;

	if (!EXPECT(a->t, fickle))
		return NULL;
	for (i = 0; i < FICKLE_TELLS; i++)
		fickle->told = ouro_get(&told->object);
	fickle->untold = ouro_get(&untold->object);
	return fickle;
}

/* Of what could not be told in full nothing is said to be left out. */
static void traverse_changes(struct ouro_test *t)
{
	struct audit *a = audit_open(t);
	struct fickle *fickle[2] = {};
	struct ouro_kind *kind;
	struct agent *user;
	const char *text;
	int i;

	if (!a)
		return;
	kind = ouro_type_register(a->heap, &fickle_type);
	user = audit_user_new(a, a->users, NULL, NULL);
	if (!user || !EXPECT(t, !IS_ERR(kind)))
		return;
	/* One of them tells of few where the other tells of many. */
	for (i = 0; i < 2; i++) {
		fickle[i] = fickle_new(a, kind, user, a->user);
		if (!fickle[i])
			return;
		fickle[i]->calls = i;
	}
	text = audit_file(a, "audit");
	EXPECT_MSG(t, !strstr(text, "traverse of fickle"), "%.900s", text);
	for (i = 0; i < 2; i++)
		ouro_put(&fickle[i]->object);
	ouro_put(&user->object);
	audit_close(a, 0);
}

#define MANY	5000	/* more than one audit looks at twice */

static void many(struct ouro_test *t)
{
	static struct ouro_object *objects[MANY];
	struct audit *a = audit_open(t);
	const char *text;
	int i;

	for (i = 0; a && i < MANY; i++) {
		objects[i] = audit_peer_new(a);
		if (!objects[i])
			return;
		cond_resched();
	}
	if (!a)
		return;
	audit_says(a, AUDIT_OBJECTS + MANY, 0, 4096, 0);
	text = audit_file(a, "audit");
	EXPECT(t, audit_line(text, "# and 3968 more that are high", ""));
	EXPECT(t, audit_line(text, "# 904 more objects looked wrong", ""));
	EXPECT_EQ(t, audit_count(text, "\nhigh "), 128);
	for (i = 0; i < MANY; i++)
		ouro_put(objects[i]);
	audit_close(a, 0);
}

static const struct ouro_case audit_cases[] = {
	EACH_KIND(clean),
	EACH_KIND(leak),
	EACH_KIND(no_leak),
	EACH_KIND(early),
	{ "dangling", dangling },
	EACH_KIND(names),
	EACH_KIND(traverse),
	EACH_KIND(traverse_changes),
	{ "many", many },
	{ "blind", audit_blind },
	{ "left_out", audit_left_out },
	{ "crowd", audit_crowd },
	{ "crowd_debug", audit_crowd, OURO_HEAP_DEBUG, .full = true },
	{ "crowd_frozen", audit_crowd_frozen },
	{ "why_path", why_path },
	{ "why_shortest", why_shortest },
	{ "why_nearest", why_nearest },
	{ "why_long", why_long },
	{ "why_none", why_none },
	{ "why_refuses", why_refuses },
	{ "why_memory", why_memory, .full = true },
	{ "retained", retained },
	{ "rows_exact", rows_exact },
	{ "rows_crowd", rows_crowd },
	{ "faults", audit_faults },
	{ "interrupted", audit_interrupted },
	{ "destroyed", audit_destroyed },
};

OURO_SUITE("audit", audit_cases);
