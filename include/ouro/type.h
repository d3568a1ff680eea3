/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Types: what the objects of a heap look like, and how they begin and end.
 *
 * A type says where its references are, as a table of slots, so that clearing,
 * copying and drawing an object need no code of its user's.  It is registered
 * with each heap that has such objects; what comes back, a kind, is what
 * objects are made with.
 *
 *	struct node {
 *		struct ouro_object object;	// first
 *		struct ouro_slot left, right;
 *		int value;
 *	};
 *
 *	static const struct ouro_type node_type = {
 *		OURO_TYPE(struct node, object),
 *		OURO_SLOTS(struct node, left, right),
 *	};
 *
 *	kind = ouro_type_register(heap, &node_type);
 */
#ifndef _OURO_TYPE_H
#define _OURO_TYPE_H

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <ouro/object.h>
#ifdef __has_include	/* not in every sparse */
#if __has_include(<linux/args.h>)
#include <linux/args.h>
#else
#include <linux/kernel.h>
#endif
#endif

struct ouro_heap;
struct ouro_kind;

#define OURO_OBJECT_MAX		SZ_1M	/* bytes of an object, header included */

/**
 * struct ouro_slot_desc - where a slot lies in an object
 * @offset: in bytes
 * @name: of the field
 */
struct ouro_slot_desc {
	u32 offset;
	const char *name;
};

/**
 * enum ouro_type_flags - how objects of a type behave beyond the default
 * @OURO_TYPE_ACYCLIC: no object of the type is part of a cycle; the collector
 *	never looks at it
 * @OURO_TYPE_INIT_ONCE: @init is called when a block is first made into an
 *	object, not at each ouro_new(); what it set up is left alone when an
 *	object dies, and is there in the next one (a slab constructor's rule)
 * @OURO_TYPE_WORKER: @finalize and @release are called in process context, from
 *	a worker, and may sleep
 * @OURO_TYPE_RCU: a dead object's memory is not used again before an RCU grace
 *	period has passed: readers that found it by ouro_slot_peek() may go on
 *	reading
 * @OURO_TYPE_TRACKED: every reference to objects of the type from outside of
 *	objects has a name, see <ouro/pin.h>; ouro_track() gives one to that of
 *	ouro_new().  Then an audit calls what is too many a leak.
 */
enum ouro_type_flags {
	OURO_TYPE_ACYCLIC	= 1U << 0,
	OURO_TYPE_INIT_ONCE	= 1U << 1,
	OURO_TYPE_WORKER	= 1U << 2,
	OURO_TYPE_RCU		= 1U << 3,
	OURO_TYPE_TRACKED	= 1U << 4,
};

#define OURO_TYPE_FLAGS \
	(OURO_TYPE_ACYCLIC | OURO_TYPE_INIT_ONCE | OURO_TYPE_WORKER | \
	 OURO_TYPE_RCU | OURO_TYPE_TRACKED)

/**
 * struct ouro_type - what all objects of a type have in common
 * @name: unique among the types of a heap; letters, digits and "-_.", at most
 *	OURO_TYPE_NAME_MAX - 1 bytes, not beginning with "ouro."
 * @size: bytes of an object without its trailing array; see OURO_TYPE()
 * @flags: of enum ouro_type_flags
 * @slots: where references are; see OURO_SLOTS()
 * @nslots: how many
 * @array: offset of the trailing array of slots, 0: none; see OURO_SLOT_ARRAY()
 * @array_name: its field
 * @init: called for a new object before ouro_new() returns, in its context;
 *	with OURO_TYPE_INIT_ONCE for a block, and with @traverse, which is no live
 *	object then: no references to it can be had
 * @finalize: called once when the last reference was put, or the collector has
 *	found that only unreachable objects have any; the object whole and
 *	referenced by the caller of @finalize: a reference that it takes keeps
 *	the object alive
 * @release: called once when the object is dead and its slots are NULL; or when
 *	its heap is destroyed, whoever has references then
 * @copy: copies what is neither header nor slot, for ouro_copy(); returns 0 or
 *	an error.  NULL: objects of the type cannot be copied.
 *	ouro_copy_payload() serves where a plain copy will do: not over locks
 *	and list heads that @init made.  Not with OURO_TYPE_INIT_ONCE.
 * @traverse: tells of references that no table can describe; only with
 *	OURO_TYPE_ACYCLIC.  Such references are the type's own to put, in
 *	@release.  Called by who reads what refers to what, at any moment from
 *	the end of @init on until the object dies, within an RCU read section:
 *	so it may take spinlocks of the type's own, and must not sleep.  What is
 *	neither header nor slot is zeroes before @init, in such types; with
 *	OURO_TYPE_INIT_ONCE it is what the last object has left.
 *
 * @finalize and @release are called by whoever put the last reference, where
 * ouro_put() was called; or by a worker, where that was in NMI or with
 * interrupts off, where it had enough to do already, and always with
 * OURO_TYPE_WORKER.  For what the collector frees they are called by its own
 * worker, in process context.  So they always find interrupts on; without that
 * flag they must not sleep, and with it they may.
 *
 * A type is defined at file level, and is not copied.
 */
struct ouro_type {
	const char *name;
	size_t size;
	unsigned int flags;
	const struct ouro_slot_desc *slots;
	unsigned int nslots;
	size_t array;
	const char *array_name;
	void (*init)(void *object);
	void (*finalize)(void *object);
	void (*release)(void *object);
	int (*copy)(void *to, const void *from, size_t size);
	void (*traverse)(void *object,
			 void (*visit)(struct ouro_object *ref, void *arg),
			 void *arg);
};

#define OURO_TYPE_NAME_MAX	48	/* bytes, with the NUL */

/* .name and .size of a struct whose first member is the header @member. */
#define OURO_TYPE(type, member)						\
	.name = __ouro_type_name(#type),				\
	.size = sizeof(type) +						\
		BUILD_BUG_ON_ZERO(offsetof(type, member) != 0) +	\
		BUILD_BUG_ON_ZERO(!__same_type(((type *)0)->member,	\
					       struct ouro_object))

/* "struct node" is called "node". */
#define __ouro_type_name(name)						\
	(&(name)[sizeof(name) > 7 && (name)[0] == 's' && (name)[1] == 't' && \
		 (name)[2] == 'r' && (name)[3] == 'u' && (name)[4] == 'c' && \
		 (name)[5] == 't' && (name)[6] == ' ' ? 7 : 0])

/* One line of a table of slots. */
#define OURO_SLOT(type, member)						\
	{								\
		.offset = offsetof(type, member) +			\
			BUILD_BUG_ON_ZERO(!__same_type(			\
				((type *)0)->member, struct ouro_slot)), \
		.name = #member,					\
	}

#define __OURO_SLOTS_1(t, a)		OURO_SLOT(t, a)
#define __OURO_SLOTS_2(t, a, ...)	OURO_SLOT(t, a), __OURO_SLOTS_1(t, __VA_ARGS__)
#define __OURO_SLOTS_3(t, a, ...)	OURO_SLOT(t, a), __OURO_SLOTS_2(t, __VA_ARGS__)
#define __OURO_SLOTS_4(t, a, ...)	OURO_SLOT(t, a), __OURO_SLOTS_3(t, __VA_ARGS__)
#define __OURO_SLOTS_5(t, a, ...)	OURO_SLOT(t, a), __OURO_SLOTS_4(t, __VA_ARGS__)
#define __OURO_SLOTS_6(t, a, ...)	OURO_SLOT(t, a), __OURO_SLOTS_5(t, __VA_ARGS__)
#define __OURO_SLOTS_7(t, a, ...)	OURO_SLOT(t, a), __OURO_SLOTS_6(t, __VA_ARGS__)
#define __OURO_SLOTS_8(t, a, ...)	OURO_SLOT(t, a), __OURO_SLOTS_7(t, __VA_ARGS__)
#define __OURO_PASTE(a, b) a##b
#define __OURO_SLOTS_N(n) __OURO_PASTE(__OURO_SLOTS_, n)

/*
 * .slots and .nslots: the fields of @type that are slots, at most eight.  A
 * longer table, or one with members of members, is written out in lines of
 * OURO_SLOT().
 */
#define OURO_SLOTS(type, ...)						\
	.slots = (const struct ouro_slot_desc[]) {			\
		__OURO_SLOTS_N(COUNT_ARGS(__VA_ARGS__))(type, __VA_ARGS__) \
	},								\
	.nslots = COUNT_ARGS(__VA_ARGS__)

/* .array and .array_name: the flexible array of slots at the end of @type. */
#define OURO_SLOT_ARRAY(type, member)					\
	.array = offsetof(type, member) +				\
		BUILD_BUG_ON_ZERO(!__same_type(((type *)0)->member[0],	\
					       struct ouro_slot)),	\
	.array_name = #member

/**
 * ouro_type_register() - let a heap have objects of a type
 * @heap: the heap
 * @type: stays where it is until the heap is destroyed
 *
 * The module that @type belongs to is pinned until the heap is destroyed,
 * unless it is the one that created the heap.
 *
 * Context: Process context, may sleep.
 * Return: the kind, gone with the heap; or ERR_PTR: -EINVAL for a bad type (the
 * kernel log says what is wrong with it), -EEXIST when the heap has a type of
 * that name, -ENOMEM, -ENODEV while the module is being unloaded.
 */
#define ouro_type_register(heap, type) \
	__ouro_type_register((heap), (type), THIS_MODULE)

struct ouro_kind *__ouro_type_register(struct ouro_heap *heap,
				       const struct ouro_type *type,
				       struct module *owner);

int ouro_copy_payload(void *to, const void *from, size_t size);

#endif /* _OURO_TYPE_H */
