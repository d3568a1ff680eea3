// SPDX-License-Identifier: GPL-2.0
/*
 * What the objects are.
 */
#include <linux/compiler.h>
#include <ouro/type.h>
#include "peers.h"

const struct ouro_type session_type = {
	OURO_TYPE(struct session, object),
	OURO_SLOTS(struct session, peers, by_id),
	.flags = OURO_TYPE_TRACKED,
};

const struct ouro_type peer_type = {
	OURO_TYPE(struct peer, object),
	OURO_SLOTS(struct peer, owner, next),
	.flags = OURO_TYPE_TRACKED,
};

/* What no table of slots describes is the type's own to put ... */
static void beacon_release(void *object)
{
	struct beacon *beacon = object;

	ouro_put(beacon->peer);
	ouro_put(beacon->spare);
}

/* ... and to tell of. */
static void beacon_traverse(void *object,
			    void (*visit)(struct ouro_object *ref, void *arg),
			    void *arg)
{
	struct beacon *beacon = object;

	visit(READ_ONCE(beacon->peer), arg);
	visit(READ_ONCE(beacon->spare), arg);
}

/* The field that somebody added later, and forgot here. */
static void bad_beacon_traverse(void *object,
				void (*visit)(struct ouro_object *ref, void *arg),
				void *arg)
{
	struct beacon *beacon = object;

	visit(READ_ONCE(beacon->peer), arg);
}

const struct ouro_type beacon_type = {
	OURO_TYPE(struct beacon, object),
	.flags = OURO_TYPE_ACYCLIC,
	.release = beacon_release,
	.traverse = beacon_traverse,
};

const struct ouro_type bad_beacon_type = {
	.name = "bad_beacon",
	.size = sizeof(struct beacon),
	.flags = OURO_TYPE_ACYCLIC,
	.release = beacon_release,
	.traverse = bad_beacon_traverse,
};
