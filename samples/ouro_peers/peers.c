// SPDX-License-Identifier: GPL-2.0
/*
 * What happens to the objects.
 */
#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <ouro/collect.h>
#include <ouro/heap.h>
#include <ouro/map.h>
#include <ouro/pin.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include <ouro/vector.h>
#include "peers.h"

static const char table[] = "session table";
static const char queue[] = "rx queue";

/* ---- build ---- */

/* Into the vector, the map, and the ring; those own it then. */
static noinline int peer_add(struct session *session, struct ouro_vector *vector,
			     struct ouro_map *map, struct peer *peer)
{
	struct ouro_object *first = ouro_vector_load(vector, 0);
	struct ouro_object *last = NULL;
	int err;

	if (peer->id)
		last = ouro_vector_load(vector, peer->id - 1);
	err = ouro_slot_store(&peer->owner, &session->object) ?:
	      ouro_slot_store(&peer->next, first ?: &peer->object) ?:
	      ouro_vector_append(vector, &peer->object, GFP_KERNEL) ?:
	      ouro_map_u64_store(map, peer->id, &peer->object, GFP_KERNEL);
	if (!err && last)
		err = ouro_slot_store(&container_of(last, struct peer, object)->next,
				      &peer->object);
	ouro_put(first);
	ouro_put(last);
	return err;
}

/* By whom the file tells that it was made. */
static noinline struct peer *peer_new(struct ouro_kind *kind, u64 id)
{
	struct peer *peer = ouro_new(kind, GFP_KERNEL);

	if (peer)
		peer->id = id;
	return peer;
}

static int session_fill(struct peers *p, struct session *session,
			struct ouro_vector *vector, struct ouro_map *map)
{
	struct peer *peer;
	int err = 0;
	u64 id;

	for (id = 0; id < PEERS && !err; id++) {
		peer = peer_new(p->peers, id);
		if (!peer)
			return -ENOMEM;
		err = peer_add(session, vector, map, peer);
		ouro_put(&peer->object);
	}
	return err ?: ouro_slot_store(&session->peers,
				      ouro_vector_object(vector)) ?:
		      ouro_slot_store(&session->by_id, ouro_map_object(map));
}

static noinline struct session *session_new(struct peers *p)
{
	struct ouro_vector *vector = ouro_vector_new(p->heap, PEERS, GFP_KERNEL);
	struct ouro_map *map = ouro_map_u64_new(p->heap, GFP_KERNEL);
	struct session *session = ouro_new(p->sessions, GFP_KERNEL);
	int err = -ENOMEM;

	if (vector && map && session)
		err = session_fill(p, session, vector, map);
	/* What refers to itself stays until the next scan. */
	if (vector)
		ouro_vector_put(vector);
	if (map)
		ouro_map_put(map);
	if (err && session) {
		ouro_put(&session->object);
		session = NULL;
	}
	return session;
}

/* A peer of a session, with a reference for the caller. */
static struct ouro_object *peer_get(struct peers *p, unsigned int session,
				    u64 id)
{
	struct ouro_object *map = NULL, *peer = NULL;

	if (p->session[session])
		map = ouro_slot_load(&p->session[session]->by_id);
	if (map)
		peer = ouro_map_u64_load(ouro_map_of(map), id);
	ouro_put(map);
	return peer;
}

/* Of the first two peers of a session. */
static struct beacon *beacon_new(struct peers *p, struct ouro_kind *kind,
				 unsigned int session)
{
	struct beacon *beacon = ouro_new(kind, GFP_KERNEL);

	if (!beacon)
		return NULL;
	WRITE_ONCE(beacon->peer, peer_get(p, session, 0));
	WRITE_ONCE(beacon->spare, peer_get(p, session, 1));
	return beacon;
}

int peers_build(struct peers *p)
{
	unsigned int i;

	lockdep_assert_held(&p->lock);

	if (p->session[0])
		return -EEXIST;
	for (i = 0; i < SESSIONS; i++) {
		p->session[i] = session_new(p);
		if (!p->session[i])
			break;
		ouro_track(&p->session[i]->object, table);
	}
	if (i == SESSIONS)
		p->beacon = beacon_new(p, p->beacons, 0);
	if (p->beacon)
		return 0;
	peers_drop(p);
	return -ENOMEM;
}

/* ---- faults ---- */

/* On some way out a put is missing. */
int peers_leak(struct peers *p)
{
	lockdep_assert_held(&p->lock);

	if (p->leaked)
		return -EEXIST;
	p->leaked = peer_get(p, 0, 2);
	return p->leaked ? 0 : -ENOENT;
}

/* What waits in a queue is forgotten there. */
int peers_lose(struct peers *p)
{
	lockdep_assert_held(&p->lock);

	if (p->queued)
		return -EEXIST;
	p->queued = peer_get(p, 1, 2);
	if (!p->queued)
		return -ENOENT;
	ouro_track(p->queued, queue);
	return 0;
}

/* A put too many: it takes a reference that somebody else relies on. */
int peers_early(struct peers *p)
{
	lockdep_assert_held(&p->lock);

	if (p->early)
		return -EEXIST;
	p->early = peer_get(p, 2, 3);
	if (!p->early)
		return -ENOENT;
	ouro_put(p->early);
	ouro_put(p->early);
	return 0;
}

/* An object whose type's traverse does not tell of all. */
int peers_probe(struct peers *p)
{
	lockdep_assert_held(&p->lock);

	if (p->bad_beacon)
		return -EEXIST;
	if (!p->session[1])
		return -ENOENT;
	p->bad_beacon = beacon_new(p, p->bad_beacons, 1);
	return p->bad_beacon ? 0 : -ENOMEM;
}

/* None of this ever happened. */
int peers_mend(struct peers *p)
{
	lockdep_assert_held(&p->lock);

	if (p->early)
		ouro_get(p->early);
	p->early = NULL;
	ouro_put(p->leaked);
	p->leaked = NULL;
	ouro_put_tracked(p->queued, queue);
	p->queued = NULL;
	if (p->bad_beacon)
		ouro_put(&p->bad_beacon->object);
	p->bad_beacon = NULL;
	ouro_heap_flush(p->heap);
	return 0;
}

/* What was lost will not be put, whatever happens. */
int peers_forget(struct peers *p)
{
	lockdep_assert_held(&p->lock);

	/* Or it would be freed while others refer to it. */
	if (p->early)
		return -EBUSY;
	if (!p->leaked && !p->queued)
		return -ENOENT;
	p->leaked = NULL;
	p->queued = NULL;
	return 0;
}

/* ---- the end of it ---- */

/* Sessions are held by their peers still, until a scan. */
int peers_drop(struct peers *p)
{
	unsigned int i;

	lockdep_assert_held(&p->lock);

	/* Or it would be freed while others refer to it. */
	if (p->early)
		return -EBUSY;
	if (p->beacon)
		ouro_put(&p->beacon->object);
	p->beacon = NULL;
	for (i = 0; i < SESSIONS; i++) {
		if (p->session[i])
			ouro_put_tracked(&p->session[i]->object, table);
		p->session[i] = NULL;
	}
	ouro_heap_flush(p->heap);
	return 0;
}

int peers_collect(struct peers *p)
{
	return min(ouro_heap_collect(p->heap, OURO_OLD), 0L);
}

static int register_one(struct peers *p, const struct ouro_type *type,
			struct ouro_kind **kind)
{
	*kind = ouro_type_register(p->heap, type);
	return PTR_ERR_OR_ZERO(*kind);
}

int peers_init(struct peers *p)
{
	int err;

	/* Nothing is collected before it was looked at. */
	p->heap = ouro_heap_create(PEERS_NAME, 0);
	if (IS_ERR(p->heap))
		return PTR_ERR(p->heap);
	err = register_one(p, &session_type, &p->sessions) ?:
	      register_one(p, &peer_type, &p->peers) ?:
	      register_one(p, &beacon_type, &p->beacons) ?:
	      register_one(p, &bad_beacon_type, &p->bad_beacons);
	if (err)
		ouro_heap_destroy(p->heap);
	mutex_init(&p->lock);
	return err;
}

/* Nobody has the file open any more. */
void peers_exit(struct peers *p)
{
	mutex_lock(&p->lock);
	peers_mend(p);
	peers_drop(p);
	peers_collect(p);
	mutex_unlock(&p->lock);
	ouro_heap_destroy(p->heap);
	mutex_destroy(&p->lock);
}
