/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Weak handles: names of objects that do not keep them alive.
 *
 * A handle is a value, 16 bytes, to be copied and compared and kept anywhere.
 * ouro_weak_get() makes a reference of it as long as the object lives; from the
 * object's death on it gives NULL, for ever: also when the memory has become
 * another object, the pool has gone and come back, or the heap was destroyed.
 * No address is in it, so that it may be printed.
 *
 * A watch is told when an object has died.
 */
#ifndef _OURO_WEAK_H
#define _OURO_WEAK_H

#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/types.h>

struct ouro_object;

/**
 * struct ouro_weak - a weak handle; all zeroes is a handle to nothing
 * @name: heap:20 | pool:32 | block:12
 * @generation: changes with each death of an object in that block
 */
struct ouro_weak {
	u64 name;
	u64 generation;
};

#define OURO_WEAK_BLOCK_BITS	12
#define OURO_WEAK_POOL_BITS	32

/* For printf(): "3.1f.12.7", the heap, pool, block and generation. */
#define OURO_WEAK_FMT "%llx.%llx.%llx.%llx"
#define OURO_WEAK_ARG(weak)						\
	(weak).name >> (OURO_WEAK_BLOCK_BITS + OURO_WEAK_POOL_BITS),	\
	((weak).name >> OURO_WEAK_BLOCK_BITS) & U32_MAX,		\
	(weak).name & ((1U << OURO_WEAK_BLOCK_BITS) - 1), (weak).generation

/**
 * ouro_weak_equal() - whether two handles name the same object
 * @a: a handle
 * @b: another
 *
 * Context: Any.
 * Return: true when they do, or both name nothing.
 */
static inline bool ouro_weak_equal(struct ouro_weak a, struct ouro_weak b)
{
	return a.name == b.name && a.generation == b.generation;
}

int ouro_weak_init(struct ouro_weak *weak, struct ouro_object *object,
		   gfp_t gfp);
struct ouro_object *ouro_weak_get(struct ouro_weak weak);

/**
 * struct ouro_watch - something that is told of an object's death
 * @weak: names the object
 * @died: called once after the object's release, without locks
 * @node: private
 * @armed: private
 *
 * Embed one in memory that outlives the object, or ends in @died.  @died is
 * called where the object was destroyed, interrupts on: see struct ouro_type.  It
 * does not get at the object any more, and may free the watch.
 */
struct ouro_watch {
	struct ouro_weak weak;
	void (*died)(struct ouro_watch *watch);
	struct hlist_node node;
	bool armed;
};

int ouro_watch_add(struct ouro_watch *watch, struct ouro_object *object,
		   void (*died)(struct ouro_watch *watch), gfp_t gfp);
bool ouro_watch_remove(struct ouro_watch *watch);
bool ouro_watch_remove_sync(struct ouro_watch *watch);

#endif /* _OURO_WEAK_H */
