/* SPDX-License-Identifier: GPL-2.0 */
/* What a heap's files say of counts and references: a heap with all sorts of them. */
#ifndef _OURO_TEST_AUDIT_H
#define _OURO_TEST_AUDIT_H

#include <ouro/collect.h>
#include <ouro/map.h>
#include <ouro/object.h>
#include <ouro/pin.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include <ouro/vector.h>
#include <ouro/weak.h>
#include "ouro_test.h"

#define AUDIT_PEERS	5
#define AUDIT_TEXT	64	/* bytes for the name of an object */

/* All references to it from outside of objects have a name. */
struct peer {
	struct ouro_object object;
	struct ouro_slot owner;
	struct ouro_slot next;
	u64 number;
};

struct session {
	struct ouro_object object;
	struct ouro_slot owner;
	u64 number;
	struct ouro_slot peers[];
};

/* Its references are no slots. */
struct agent {
	struct ouro_object object;
	spinlock_t lock;	/* guards both */
	struct ouro_object *left;
	struct ouro_object *right;
};

/**
 * struct audit - the scene; cases run one at a time
 * @t: the case
 * @heap: of everything
 * @peers: kind
 * @sessions: kind
 * @users: kind, whose traverse tells of both references
 * @sloppy: kind, whose traverse forgets one
 * @session: held under the name "table"; its peers[] are:
 * @peer: all of whose owner it is; held by nobody else
 * @vector: of peer 0; held, without a name
 * @map: of peer 1; held by session.owner
 * @user: of peer 2 and 3; held
 */
struct audit {
	struct ouro_test *t;
	struct ouro_heap *heap;
	struct ouro_kind *peers;
	struct ouro_kind *sessions;
	struct ouro_kind *users;
	struct ouro_kind *sloppy;
	struct session *session;
	struct peer *peer[AUDIT_PEERS];
	struct ouro_vector *vector;
	struct ouro_map *map;
	struct agent *user;
};

/* What is live then. */
#define AUDIT_OBJECTS	(AUDIT_PEERS + 4)

struct audit *audit_begin(struct ouro_test *t);
/* The first line of the file, from its colon on. */
#define AUDIT_SUM							\
	": %lu objects, %lu with a count too low (used after free soon), "	\
	"%lu too high (leaked), %u"

struct audit *audit_open(struct ouro_test *t);
void audit_close(struct audit *a, unsigned long misuse);
void audit_abandon(struct audit *a, unsigned long live);
struct ouro_object *audit_peer_new(struct audit *a);
struct agent *audit_user_new(struct audit *a, struct ouro_kind *kind,
			     struct ouro_object *left,
			     struct ouro_object *right);
void audit_user_change(struct agent *user, struct ouro_object **field,
		       struct ouro_object *object);

void audit_name(struct audit *a, struct ouro_object *object, char *name);
const char *audit_text(struct audit *a, const char *file);
struct file *audit_open_file(struct audit *a, const char *file);
const char *audit_file(struct audit *a, const char *file);
int audit_ask(struct audit *a, const char *question);
bool audit_says(struct audit *a, unsigned long objects, unsigned long low,
		unsigned long high, unsigned int fields);
const char *audit_line(const char *text, const char *one, const char *two);
unsigned int audit_count(const char *text, const char *needle);

/* audit_crowd.c */
void audit_crowd(struct ouro_test *t);
void audit_crowd_frozen(struct ouro_test *t);

/* audit_blind.c */
void audit_blind(struct ouro_test *t);
void audit_left_out(struct ouro_test *t);

/* audit_why.c */
void why_path(struct ouro_test *t);
void why_shortest(struct ouro_test *t);
void why_nearest(struct ouro_test *t);
void why_memory(struct ouro_test *t);
void why_long(struct ouro_test *t);
void why_none(struct ouro_test *t);
void why_refuses(struct ouro_test *t);
void retained(struct ouro_test *t);

/* audit_rows.c */
void rows_exact(struct ouro_test *t);
void rows_crowd(struct ouro_test *t);
void audit_faults(struct ouro_test *t);
void audit_interrupted(struct ouro_test *t);
void audit_destroyed(struct ouro_test *t);

#endif /* _OURO_TEST_AUDIT_H */
