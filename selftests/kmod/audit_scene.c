// SPDX-License-Identifier: GPL-2.0
/* Audits: the heap that is audited, and how its files are read. */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include "audit.h"

/* ---- types ---- */

static const struct ouro_type peer_type = {
	OURO_TYPE(struct peer, object),
	OURO_SLOTS(struct peer, owner, next),
	.flags = OURO_TYPE_TRACKED,
};

static const struct ouro_type session_type = {
	OURO_TYPE(struct session, object),
	OURO_SLOTS(struct session, owner),
	OURO_SLOT_ARRAY(struct session, peers),
};

static void user_init(void *object)
{
	struct agent *user = object;

	spin_lock_init(&user->lock);
}

static void user_release(void *object)
{
	struct agent *user = object;

	ouro_put(user->left);
	ouro_put(user->right);
}

static void user_traverse(void *object,
			  void (*visit)(struct ouro_object *ref, void *arg),
			  void *arg)
{
	struct agent *user = object;

	spin_lock(&user->lock);
	visit(user->left, arg);
	visit(user->right, arg);
	spin_unlock(&user->lock);
}

static void sloppy_traverse(void *object,
			    void (*visit)(struct ouro_object *ref, void *arg),
			    void *arg)
{
	struct agent *user = object;

	spin_lock(&user->lock);
	visit(user->left, arg);
	spin_unlock(&user->lock);
}

static const struct ouro_type user_type = {
	OURO_TYPE(struct agent, object),
	.flags = OURO_TYPE_ACYCLIC,
	.init = user_init,
	.release = user_release,
	.traverse = user_traverse,
};

static const struct ouro_type sloppy_type = {
	.name = "sloppy",
	.size = sizeof(struct agent),
	.flags = OURO_TYPE_ACYCLIC,
	.init = user_init,
	.release = user_release,
	.traverse = sloppy_traverse,
};

/* ---- objects ---- */

/* Who is told to have made it. */
noinline struct ouro_object *audit_peer_new(struct audit *a)
{
	struct peer *peer = ouro_new(a->peers, GFP_KERNEL);

	return EXPECT(a->t, peer) ? &peer->object : NULL;
}

/* Takes references of its own. */
struct agent *audit_user_new(struct audit *a, struct ouro_kind *kind,
			     struct ouro_object *left, struct ouro_object *right)
{
	struct agent *user = ouro_new(kind, GFP_KERNEL);

	if (!EXPECT(a->t, user))
		return NULL;
	audit_user_change(user, &user->left, left);
	audit_user_change(user, &user->right, right);
	return user;
}

/* A get before it is seen, and a put after it was. */
void audit_user_change(struct agent *user, struct ouro_object **field,
		       struct ouro_object *object)
{
	struct ouro_object *old;

	if (object)
		ouro_get(object);
	spin_lock(&user->lock);
	old = *field;
	WRITE_ONCE(*field, object);
	spin_unlock(&user->lock);
	ouro_put(old);
}

/* ---- the scene ---- */

static struct audit scene;

static struct ouro_kind *kind_of(struct audit *a, const struct ouro_type *type)
{
	struct ouro_kind *kind = ouro_type_register(a->heap, type);

	return EXPECT(a->t, !IS_ERR(kind)) ? kind : NULL;
}

/* A heap that notes who makes what, with no object. */
struct audit *audit_begin(struct ouro_test *t)
{
	struct audit *a = &scene;
	char path[TEST_PATH];

	*a = (struct audit) { .t = t, .heap = test_heap(t) };
	if (!a->heap)
		return NULL;
	a->peers = kind_of(a, &peer_type);
	a->sessions = kind_of(a, &session_type);
	a->users = kind_of(a, &user_type);
	a->sloppy = kind_of(a, &sloppy_type);
	test_heap_path(a->heap, "sites", path);
	EXPECT_EQ(t, test_file_puts(path, "caller"), 0);
	return a->peers && a->sessions && a->users && a->sloppy ? a : NULL;
}

static bool peers_make(struct audit *a)
{
	struct ouro_object *object;
	int i;

	for (i = 0; i < AUDIT_PEERS; i++) {
		object = audit_peer_new(a);
		if (!object)
			return false;
		a->peer[i] = container_of(object, struct peer, object);
		EXPECT_EQ(a->t, ouro_slot_store(&a->peer[i]->owner,
						&a->session->object), 0);
		EXPECT_EQ(a->t, ouro_slot_move(&a->session->peers[i], object),
			  0);
	}
	return true;
}

/* See struct audit. */
struct audit *audit_open(struct ouro_test *t)
{
	struct audit *a = audit_begin(t);

	a->session = a ? ouro_new_array(a->sessions, AUDIT_PEERS, GFP_KERNEL) :
			 NULL;
	if (!a || !EXPECT(t, a->session) || !peers_make(a))
		return NULL;
	ouro_track(&a->session->object, "table");
	a->vector = ouro_vector_new(a->heap, 0, GFP_KERNEL);
	a->map = ouro_map_u64_new(a->heap, GFP_KERNEL);
	a->user = audit_user_new(a, a->users, &a->peer[2]->object,
				 &a->peer[3]->object);
	if (!EXPECT(t, a->vector && a->map && a->user))
		return NULL;
	EXPECT_EQ(t, ouro_vector_append(a->vector, &a->peer[0]->object,
					GFP_KERNEL), 0);
	EXPECT_EQ(t, ouro_map_u64_store(a->map, 7, &a->peer[1]->object,
					GFP_KERNEL), 0);
	EXPECT_EQ(t, ouro_slot_move(&a->session->owner,
				    ouro_map_object(a->map)), 0);
	return a;
}

/* Nothing is left of it; @misuse was provoked. */
void audit_close(struct audit *a, unsigned long misuse)
{
	int i;

	ouro_put(&a->user->object);
	ouro_vector_put(a->vector);
	for (i = 0; i < AUDIT_PEERS; i++)
		ouro_slot_clear(&a->session->peers[i]);
	ouro_slot_clear(&a->session->owner);
	ouro_put_tracked(&a->session->object, "table");
	EXPECT_EQ(a->t, ouro_heap_collect(a->heap, OURO_OLD), 0);
	ouro_heap_flush(a->heap);
	test_heap_settle(a->t, a->heap, 0);
	EXPECT_EQ(a->t, test_heap_misuse(a->heap), misuse);
	test_heap_abandon(a->t, a->heap, 0);
}

/* So many go with their heap; the map is dropped, which has blocks of its own. */
void audit_abandon(struct audit *a, unsigned long live)
{
	ouro_slot_clear(&a->session->owner);
	ouro_heap_flush(a->heap);
	test_heap_settle(a->t, a->heap, live);
	test_heap_abandon(a->t, a->heap, live);
}

/* ---- files ---- */

/* With its generation, as the files have it from now on. */
void audit_name(struct audit *a, struct ouro_object *object, char *name)
{
	struct ouro_weak weak;

	name[0] = '\0';
	if (!EXPECT_EQ(a->t, ouro_weak_init(&weak, object, GFP_KERNEL), 0))
		return;
	snprintf(name, AUDIT_TEXT, OURO_WEAK_FMT, OURO_WEAK_ARG(weak));
}

/* The text of a file of the heap, or ERR_PTR. */
const char *audit_text(struct audit *a, const char *file)
{
	char path[TEST_PATH];

	test_heap_path(a->heap, file, path);
	return test_file_text(path);
}

/* To be closed, or ERR_PTR. */
struct file *audit_open_file(struct audit *a, const char *file)
{
	char path[TEST_PATH];

	test_heap_path(a->heap, file, path);
	return filp_open(path, O_RDONLY, 0);
}

/* Or "", with the failure noted. */
const char *audit_file(struct audit *a, const char *file)
{
	const char *text = audit_text(a, file);

	if (EXPECT_MSG(a->t, !IS_ERR(text), "%s: %ld", file, PTR_ERR(text)))
		return text;
	return "";
}

int audit_ask(struct audit *a, const char *question)
{
	char path[TEST_PATH];

	test_heap_path(a->heap, "why", path);
	return test_file_puts(path, question);
}

/* Whether an audit finds so many. */
bool audit_says(struct audit *a, unsigned long objects, unsigned long low,
		unsigned long high, unsigned int fields)
{
	const char *text = audit_file(a, "audit");
	unsigned long o, l, h;
	unsigned int f;

	text = strchrnul(text, ':');
	if (!EXPECT_EQ(a->t, sscanf(text, AUDIT_SUM, &o, &l, &h, &f), 4))
		return false;
	return EXPECT_MSG(a->t, o == objects && l == low && h == high &&
			  f == fields, "%lu %lu %lu %u, not %lu %lu %lu %u\n%s",
			  o, l, h, f, objects, low, high, fields, text);
}

/* The line that begins with one text, and has the other in it, or NULL. */
const char *audit_line(const char *text, const char *one, const char *two)
{
	const char *found, *end;

	for (; *text; text = *end ? end + 1 : end) {
		end = strchrnul(text, '\n');
		if (strncmp(text, one, strlen(one)))
			continue;
		found = strnstr(text, two, end - text);
		if (found)
			return text;
	}
	return NULL;
}

unsigned int audit_count(const char *text, const char *needle)
{
	unsigned int n = 0;

	while ((text = strstr(text, needle))) {
		text += strlen(needle);
		n++;
	}
	return n;
}
