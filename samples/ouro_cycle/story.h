/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ouro_cycle, a sample: what a reference keeps alive, and what the collector is
 * for.
 *
 *   story.c   the objects, and what happens to them
 *   main.c    the module and its file
 *
 * All there is are chains of parts, and who holds the first of a chain holds all
 * of it:
 *
 *	somebody --> part --next--> part --next--> part --next--> NULL
 *
 * Two chains whose first parts hold each other keep themselves alive, whether
 * anybody else holds them or not: a cycle.
 *
 *	  .--other--.
 *	  v         |
 *	part      part --next--> part --next--> ...
 *	| |         ^
 *	| '--other--'
 *	next
 *	'--> part --next--> ...
 */
#ifndef OURO_CYCLE_STORY_H
#define OURO_CYCLE_STORY_H

#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/workqueue.h>
#include <ouro/object.h>

struct ouro_heap;
struct ouro_kind;

#define STORY_NAME	"ouro_cycle"
#define PART_BYTES	SZ_1K
#define STORY_PARTS	10240	/* of everything that is built: ten megabytes */

/**
 * struct part - a kilobyte
 * @object: header of the object
 * @next: part of the same chain
 * @other: first part of another chain
 * @text: what one would have it for
 */
struct part {
	struct ouro_object object;
	struct ouro_slot next;
	struct ouro_slot other;
	char text[PART_BYTES - sizeof(struct ouro_object) -
		  2 * sizeof(struct ouro_slot)];
};

/**
 * struct story - what happens, one thing after the other
 * @lock: guards everything else
 * @heap: of all parts
 * @kind: that parts are made with
 * @global: holds a chain from one call to the next
 * @work: runs a function that has a chain in a local variable
 * @inside: that function has not been told to return
 * @built: the function has built its chain, or not: @err
 * @leave: the function may return
 * @err: of the function
 */
struct story {
	struct mutex lock;	/* guards all of it */
	struct ouro_heap *heap;
	struct ouro_kind *kind;
	struct ouro_slot global;
	struct work_struct work;
	bool inside;
	struct completion built;
	struct completion leave;
	int err;
};

int story_init(struct story *story);
void story_exit(struct story *story);
int story_local(struct story *story);
int story_return(struct story *story);
int story_global(struct story *story);
int story_forget(struct story *story);
int story_pair(struct story *story);
int story_collect(struct story *story);

#endif /* OURO_CYCLE_STORY_H */
