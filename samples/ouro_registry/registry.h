/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ouro_registry, a sample: resources that others find by a handle.
 *
 *   by_hand.c  with a kref, a hash table, RCU, a spinlock and a completion
 *   by_ouro.c  with objects and a weak map
 *   id.c       the choice of an id, for both
 *   test.c     that both do the same, with race.c
 *   compare.c  what either costs
 *   main.c     the module
 */
#ifndef REGISTRY_H
#define REGISTRY_H

#include <linux/limits.h>
#include <linux/types.h>

struct ouro_heap;
struct seq_file;

#define REGISTRY_NAME		"ouro_registry"
#define REGISTRY_ANY		U32_MAX	/* every context; whichever id is free */
#define REGISTRY_FIRST_ID	1024	/* lower ids only for those who name them */
#define REGISTRY_IDS		16	/* few, so that the test can use them up */
#define REGISTRY_LAST_ID	(REGISTRY_FIRST_ID + REGISTRY_IDS - 1)

enum registry_type {
	REGISTRY_PORT,
	REGISTRY_BELL,
	REGISTRY_QUEUE,
};

/**
 * struct registry_handle - what a resource is found by; without holes
 * @type: of enum registry_type
 * @context: whose it is; REGISTRY_ANY: everybody's
 * @id: unique among resources of one type in one context
 *
 * A handle and another match if type and id are the same, and the contexts are
 * or one of them is REGISTRY_ANY.
 */
struct registry_handle {
	u32 type;
	u32 context;
	u32 id;
};

/**
 * struct registry_resource - the part of a resource that all may read
 * @handle: as it is found by; no REGISTRY_ANY for an id
 * @data: of who added it
 */
struct registry_resource {
	struct registry_handle handle;
	void *data;
};

/**
 * struct registry_ops - one way to keep resources
 * @name: for people
 * @open: begin with an empty registry; 0 or an error
 * @close: the end; what is still there is freed, and counted
 * @add: make a resource and let it be found.  Where the id is REGISTRY_ANY, the
 *	next free one from REGISTRY_FIRST_ID to REGISTRY_LAST_ID is taken.  ERR_PTR:
 *	-EEXIST: a handle of another matches, -ENOSPC: there is no free id, -ENOMEM.
 * @remove: by who added it, once: it is not found any more, its handle is free,
 *	and when this returns the last reference to it was put.  May sleep.
 * @find: a resource that matches, with a reference, or NULL; interrupts are on
 *	where the context is REGISTRY_ANY
 * @get: another reference
 * @put: give a reference back; in any context but NMI
 * @heap: where all of its memory is; NULL: it is kmalloc()'s
 * @table: else: bytes of the table
 * @each: and of a resource
 */
struct registry_ops {
	const char *name;
	int (*open)(void);
	unsigned long (*close)(void);
	struct registry_resource *(*add)(struct registry_handle handle,
					 void *data);
	void (*remove)(struct registry_resource *resource);
	struct registry_resource *(*find)(struct registry_handle handle);
	struct registry_resource *(*get)(struct registry_resource *resource);
	void (*put)(struct registry_resource *resource);
	struct ouro_heap **heap;
	size_t table;
	size_t each;
};

extern const struct registry_ops registry_by_hand;
extern const struct registry_ops registry_by_ouro;

int registry_choose_id(struct registry_handle *handle, u32 *next,
		       bool (*is_taken)(struct registry_handle handle));
void registry_test(struct seq_file *m);
int registry_compare(struct seq_file *m);

#endif /* REGISTRY_H */
