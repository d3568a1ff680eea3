/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The graph that the collector is stressed with.
 *
 * Actors, threads and the interrupts that come to them, change one graph while
 * scans of it run back to back.  An actor holds references, and changes slots
 * only of what it holds, and roots.  Whatever it gets is an object that is
 * alive, and stays the same and alive until the actor lets go of it.
 */
#ifndef _OURO_TEST_GRAPH_H
#define _OURO_TEST_GRAPH_H

#include <linux/completion.h>
#include <linux/hrtimer.h>
#include <linux/rwsem.h>
#include <ouro/object.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include <ouro/vector.h>
#include <ouro/weak.h>
#include "ouro_test.h"

#define GRAPH_ROOTS	32
#define GRAPH_NAMES	64	/* weak handles that all share */
#define GRAPH_HELD	12	/* references that an actor holds at most */
#define GRAPH_ACTORS	8	/* threads at most */
#define GRAPH_LOG	2048	/* operations that an actor remembers */
#define GRAPH_SLOTS	16	/* slots of an object, elements of a vector: about */

/**
 * enum graph_kind - what objects there are
 * @GRAPH_PLAIN: no callbacks, so that its death goes the shortest way
 * @GRAPH_TOLD: with a release, as all below but the vector
 * @GRAPH_PHOENIX: with a finalizer that brings back every fourth
 * @GRAPH_WORKER: released by the worker
 * @GRAPH_GRAVE: freed after a grace period
 * @GRAPH_WIDE: with a trailing array of slots
 * @GRAPH_LEAF: no slots
 * @GRAPH_VECTOR: the library's
 */
enum graph_kind {
	GRAPH_PLAIN,
	GRAPH_TOLD,
	GRAPH_PHOENIX,
	GRAPH_WORKER,
	GRAPH_GRAVE,
	GRAPH_WIDE,
	GRAPH_LEAF,
	GRAPH_VECTOR,
	GRAPH_KINDS
};

#define GRAPH_TYPES	GRAPH_VECTOR	/* of our own */

/**
 * struct graph_tag - what tells an object from all others, and live from dead
 * @stamp: its number, never used again
 * @check: follows from the number, the address and the kind
 * @state: what it was last known to be
 * @slots: how many of them are used
 * @weak: its handle, where it has one
 */
struct graph_tag {
	u64 stamp;
	u64 check;
	u32 state;
	u32 slots;
	struct ouro_weak weak;
};

#define GRAPH_ALIVE	0x11feU
#define GRAPH_FINALIZED	0xf19aU
#define GRAPH_DEAD	0xdeadU

struct graph_node {
	struct ouro_object object;
	struct graph_tag tag;
	struct ouro_slot slot[];
};

struct graph_shadow;

/**
 * struct graph_ref - a reference that is held
 * @object: the object, NULL: none is
 * @kind: of enum graph_kind
 * @stamp: of a node
 * @weak: of a vector
 * @shadow: what the shadow graph has for it, if there is one
 */
struct graph_ref {
	struct ouro_object *object;
	unsigned int kind;
	u64 stamp;
	struct ouro_weak weak;
	struct graph_shadow *shadow;
};

/**
 * struct graph_entry - an operation that was done
 * @ns: when
 * @op: what
 * @one: stamp of the object it was about
 * @two: of the other one
 * @index: of the slot
 */
struct graph_entry {
	u64 ns;
	const char *op;
	u64 one;
	u64 two;
	u32 index;
};

/**
 * struct graph_actor - who changes the graph: a thread, or its interrupt
 * @id: its number
 * @hard: it is an interrupt
 * @random: state
 * @ops: how many it has done
 * @held: what it holds
 * @own: what a scene keeps from one call to the next
 * @names: of objects that a scene does not hold
 * @turn: of a scene
 * @done: the thread has ended
 * @timer: of the interrupt
 * @entries: how many there were in @log
 * @log: the last of them
 */
struct graph_actor {
	unsigned int id;
	bool hard;
	u32 random;
	unsigned long ops;
	struct graph_ref held[GRAPH_HELD];
	struct graph_ref own[2];
	struct ouro_weak names[2];
	unsigned int turn;
	struct completion done;
	struct hrtimer timer;
	unsigned int entries;
	struct graph_entry log[GRAPH_LOG];
};

/**
 * struct graph_name - a weak handle for all
 * @lock: of the others
 * @weak: the handle
 * @dead: somebody was told that its object is
 */
struct graph_name {
	raw_spinlock_t lock;
	struct ouro_weak weak;
	bool dead;
};

/**
 * struct graph_play - what a case does
 * @act: one step of an actor
 * @actors: threads, 0: one a CPU
 * @interrupts: threads are interrupted by actors
 * @shadowed: operations are done one at a time, and on the shadow graph, too
 * @freezes: what is alive is frozen for scans at times
 * @freed: it is about what scans free
 * @revived: about upgrades that give an object
 * @vanished: about those that do not
 * @rescued: about what finalizers bring back
 * @share: of the time that a case has, one over this
 */
struct graph_play {
	void (*act)(struct graph_actor *a);
	unsigned int actors;
	bool interrupts;
	bool shadowed;
	bool freezes;
	bool freed;
	bool revived;
	bool vanished;
	bool rescued;
	unsigned int share;
};

/**
 * struct graph - the one that is; cases run one at a time
 * @t: the case
 * @play: what it does
 * @heap: of the objects
 * @kind: of our types
 * @end: in jiffies
 * @over: nobody goes on
 * @failed: something went wrong, and what is there is not to be touched
 * @told: and what was told
 * @crowded: there are more objects than there should be
 * @calm: finalizers bring nothing back
 * @gate: actors hold it for some operations, who wants none for reading
 * @stamps: the last one
 * @live: of those kinds that tell of their end
 * @rescued: by finalizers
 * @scans: that were made
 * @freed: by scans
 * @revived: weak handles that gave an object
 * @vanished: and those that did not
 * @root: slots in no object
 * @name: weak handles
 * @actor: threads, then their interrupts
 */
struct graph {
	struct ouro_test *t;
	const struct graph_play *play;
	struct ouro_heap *heap;
	struct ouro_kind *kind[GRAPH_TYPES];
	unsigned long end;
	bool over;
	bool failed;
	bool told;
	bool crowded;
	bool calm;
	struct rw_semaphore gate;
	atomic64_t stamps;
	atomic_long_t live[GRAPH_KINDS];
	atomic_long_t rescued;
	unsigned long scans;
	unsigned long freed;
	atomic_long_t revived;
	atomic_long_t vanished;
	struct ouro_slot root[GRAPH_ROOTS];
	struct graph_name name[GRAPH_NAMES];
	struct graph_actor actor[2 * GRAPH_ACTORS];
};

extern struct graph graph;

/* The first that goes wrong ends the case; @stamp is whom it is about. */
#define GRAPH_CHECK(cond, stamp)					\
({									\
	bool __fine = likely(cond);					\
									\
	if (!__fine)							\
		graph_fail(__FILE__, __LINE__, #cond, stamp);		\
	__fine;								\
})

static inline bool graph_is_over(void)
{
	return READ_ONCE(graph.over);
}

static inline struct graph_node *graph_node(struct ouro_object *object)
{
	return container_of(object, struct graph_node, object);
}

/* graph_log.c */
extern unsigned int graph_seed;

void graph_fail(const char *file, int line, const char *what, u64 stamp);
void graph_tell(struct ouro_object *object, unsigned int kind, u64 stamp);
void graph_note(struct graph_actor *a, const char *op,
		const struct graph_ref *one, const struct graph_ref *two,
		u32 index);

/* graph_type.c */
int graph_register(void);
int graph_kind_of(struct ouro_object *object);
bool graph_is_told(unsigned int kind);
bool graph_is_alive(struct ouro_object *object, unsigned int kind, u64 stamp);
struct graph_node *graph_node_new(unsigned int kind, unsigned int slots,
				  bool named, gfp_t gfp);
struct ouro_vector *graph_vector_new(struct ouro_weak *weak, gfp_t gfp);

/* graph_ref.c */
gfp_t graph_gfp(const struct graph_actor *a);
void graph_spin(struct graph_actor *a, unsigned int most);
bool graph_ref_check(const struct graph_ref *ref);
bool graph_ref_set(struct graph_ref *ref, struct ouro_object *object);
bool graph_ref_get(struct graph_ref *ref, const struct graph_ref *from);
void graph_ref_drop(struct graph_ref *ref);
bool graph_ref_new(struct graph_actor *a, struct graph_ref *ref,
		   unsigned int kind);
struct ouro_slot *graph_ref_slot(const struct graph_ref *ref, u32 index);
u32 graph_ref_slots(const struct graph_ref *ref);
struct ouro_weak graph_ref_weak(const struct graph_ref *ref);
void graph_ref_upgrade(struct graph_ref *ref, struct ouro_weak weak);
void graph_name_set(struct graph_name *name, const struct graph_ref *ref);
void graph_name_get(struct graph_name *name, struct graph_ref *ref);

/* graph_op.c */
void graph_act(struct graph_actor *a);
struct graph_ref *graph_held(struct graph_actor *a);
struct graph_ref *graph_held_kind(struct graph_actor *a, unsigned int kind);
struct graph_ref *graph_room(struct graph_actor *a);

/* graph_vector.c */
void graph_act_vector(struct graph_actor *a);
void graph_scene_vector(struct graph_actor *a);
void graph_scene_vectors(struct graph_actor *a);

/* graph_scene.c */
void graph_scene_clear(struct graph_actor *a);
void graph_scene_shuttle(struct graph_actor *a);
void graph_scene_pair(struct graph_actor *a);
void graph_scene_recycle(struct graph_actor *a);

/* graph_keys.c */
void graph_scene_keys(struct graph_actor *a);

/* graph_shadow.c: without effect where there is no shadow graph */
int graph_shadow_init(void);
void graph_shadow_exit(void);
unsigned long graph_lock(void);
void graph_unlock(unsigned long flags);
bool graph_shadow_is_full(void);
void graph_shadow_new(struct graph_ref *ref);
void graph_shadow_hold(struct graph_ref *ref);
void graph_shadow_drop(struct graph_ref *ref);
void graph_shadow_set(const struct graph_ref *holder, u32 index,
		      const struct graph_ref *ref);
void graph_shadow_expect(const struct graph_ref *holder, u32 index,
			 const struct graph_ref *ref);
void graph_shadow_pop(const struct graph_ref *vector, u32 length);
u32 graph_shadow_length(const struct graph_ref *vector);
void graph_shadow_append(const struct graph_ref *vector,
			 const struct graph_ref *ref);
void graph_shadow_remove(const struct graph_ref *vector, u32 index);
void graph_shadow_vanish(struct ouro_weak weak);
void graph_shadow_finalize(struct ouro_weak weak, struct ouro_object *object,
			   int root);
void graph_shadow_release(struct ouro_weak weak);
void graph_shadow_check(void);
unsigned long graph_shadow_live(void);

/* graph_end.c */
void graph_finish(void);

/* graph_inspect.c */
void graph_inspect(struct ouro_test *t);

/* graph_delay.c */
void graph_delay_begin(void);
void graph_delay_end(void);

#endif /* _OURO_TEST_GRAPH_H */
