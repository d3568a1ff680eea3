/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ouro_peers, a sample: what goes wrong with references, and where to read it.
 *
 *   type.c    what the objects are
 *   peers.c   what happens to them
 *   main.c    the module and its file
 *
 * A session finds its peers by a vector and by a map; they know their session and
 * the next of them:
 *
 *	"session table" --> session --peers--> ouro.vector --> all its peers
 *	                       ^ '-----by_id--> ouro.map -----> the same
 *	                       |
 *	                       '--owner-- peer --next--> peer --next--> ...
 *
 * Every reference to a session or a peer from outside of objects has a name.
 */
#ifndef OURO_PEERS_H
#define OURO_PEERS_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <ouro/object.h>

struct ouro_heap;
struct ouro_kind;
struct ouro_type;

#define PEERS_NAME	"ouro_peers"
#define SESSIONS	3
#define PEERS		4	/* of each session */

/**
 * struct session - somebody we talk to
 * @object: header of the object
 * @peers: a vector of all peers
 * @by_id: a map of them, by their numbers
 */
struct session {
	struct ouro_object object;
	struct ouro_slot peers;
	struct ouro_slot by_id;
};

/**
 * struct peer - one end of it
 * @object: header of the object
 * @owner: the session
 * @next: the next peer, of the last one the first
 * @id: its number
 */
struct peer {
	struct ouro_object object;
	struct ouro_slot owner;
	struct ouro_slot next;
	u64 id;
};

/**
 * struct beacon - tells of two peers, whose references are no slots
 * @object: header of the object
 * @peer: the one that is alive
 * @spare: that takes its place
 */
struct beacon {
	struct ouro_object object;
	struct ouro_object *peer;
	struct ouro_object *spare;
};

extern const struct ouro_type session_type;
extern const struct ouro_type peer_type;
extern const struct ouro_type beacon_type;
extern const struct ouro_type bad_beacon_type;

/**
 * struct peers - all there is
 * @lock: guards everything else
 * @heap: of all objects
 * @sessions: kind
 * @peers: kind
 * @beacons: kind
 * @bad_beacons: kind, whose traverse forgets the spare
 * @session: references with the name "session table", or NULL
 * @beacon: of the first session
 * @bad_beacon: of the second
 * @leaked: a reference that nobody knows of any more
 * @queued: one with the name "rx queue"
 * @early: one that was put, but is not ours
 */
struct peers {
	struct mutex lock;	/* guards all of it */
	struct ouro_heap *heap;
	struct ouro_kind *sessions;
	struct ouro_kind *peers;
	struct ouro_kind *beacons;
	struct ouro_kind *bad_beacons;
	struct session *session[SESSIONS];
	struct beacon *beacon;
	struct beacon *bad_beacon;
	struct ouro_object *leaked;
	struct ouro_object *queued;
	struct ouro_object *early;
};

int peers_init(struct peers *p);
void peers_exit(struct peers *p);
int peers_build(struct peers *p);
int peers_leak(struct peers *p);
int peers_lose(struct peers *p);
int peers_early(struct peers *p);
int peers_probe(struct peers *p);
int peers_mend(struct peers *p);
int peers_forget(struct peers *p);
int peers_drop(struct peers *p);
int peers_collect(struct peers *p);

#endif /* OURO_PEERS_H */
