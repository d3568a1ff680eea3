// SPDX-License-Identifier: GPL-2.0
/*
 * The objects, and what happens to them.
 */
#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <ouro/collect.h>
#include <ouro/heap.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include "story.h"

static_assert(sizeof(struct part) == PART_BYTES);

/*
 * A table of slots is all the collector needs to know.  There are no functions
 * here to say what a part refers to, or to take a cycle apart.
 */
static const struct ouro_type part_type = {
	OURO_TYPE(struct part, object),
	OURO_SLOTS(struct part, next, other),
};

/* ---- chains ---- */

/* The slot owns our reference from here on; it refuses only other heaps'. */
static void give_to(struct ouro_slot *slot, struct part *part)
{
	WARN_ON_ONCE(ouro_slot_move(slot, &part->object));
}

/* A chain of some parts: its first, with a reference for the caller; or NULL. */
static struct part *chain_build(struct story *story, unsigned int parts)
{
	struct part *first = NULL, *part;

	while (parts--) {
		part = ouro_new(story->kind, GFP_KERNEL);
		if (!part) {
			/* One put, and all that was built so far goes. */
			if (first)
				ouro_put(&first->object);
			return NULL;
		}
		if (first)
			give_to(&part->next, first);
		first = part;
	}
	return first;
}

/* Beyond some hundreds objects die in a worker; who counts them waits for it. */
static void put_all(struct story *story, struct part *first)
{
	ouro_put(&first->object);
	ouro_heap_flush(story->heap);
}

/* ---- local to a function ---- */

static void function(struct work_struct *work)
{
	struct story *story = container_of(work, struct story, work);
	struct part *local = chain_build(story, STORY_PARTS);

	story->err = local ? 0 : -ENOMEM;
	complete(&story->built);
	if (!local)
		return;
	wait_for_completion(&story->leave);
	/* As every function does with what it has not given away. */
	put_all(story, local);
}

/* Call the function, and come back when it has built its chain. */
int story_local(struct story *story)
{
	lockdep_assert_held(&story->lock);

	if (story->inside)
		return -EBUSY;
	reinit_completion(&story->built);
	reinit_completion(&story->leave);
	schedule_work(&story->work);
	wait_for_completion(&story->built);
	story->inside = !story->err;
	return story->err;
}

/* Let the function return. */
int story_return(struct story *story)
{
	lockdep_assert_held(&story->lock);

	if (!story->inside)
		return -EINVAL;
	complete(&story->leave);
	flush_work(&story->work);
	story->inside = false;
	return 0;
}

/* ---- held from one call to the next ---- */

int story_global(struct story *story)
{
	struct part *chain;

	lockdep_assert_held(&story->lock);

	chain = chain_build(story, STORY_PARTS);
	if (!chain)
		return -ENOMEM;
	/* What was there before is put. */
	give_to(&story->global, chain);
	ouro_heap_flush(story->heap);
	return 0;
}

int story_forget(struct story *story)
{
	lockdep_assert_held(&story->lock);

	ouro_slot_clear(&story->global);
	ouro_heap_flush(story->heap);
	return 0;
}

/* ---- a cycle ---- */

/*
 * Two chains whose first parts refer to each other.  Both references that we
 * have are put in the end, as always, and nothing is freed by that: each of the
 * two is still referred to by the other.
 */
int story_pair(struct story *story)
{
	struct part *a, *b;
	int err = -ENOMEM;

	lockdep_assert_held(&story->lock);

	a = chain_build(story, STORY_PARTS / 2);
	b = chain_build(story, STORY_PARTS / 2);
	if (a && b)
		err = ouro_slot_store(&a->other, &b->object) ?:
		      ouro_slot_store(&b->other, &a->object);
	if (a)
		put_all(story, a);
	if (b)
		put_all(story, b);
	return err;
}

/* How many were found and freed is in the heap's file "collector". */
int story_collect(struct story *story)
{
	return min(ouro_heap_collect(story->heap, OURO_OLD), 0L);
}

/* ---- the beginning and the end ---- */

int story_init(struct story *story)
{
	/*
	 * With OURO_HEAP_COLLECT cycles would be gone after a while, without
	 * being asked for: there would be nothing to look at.
	 */
	story->heap = ouro_heap_create(STORY_NAME, 0);
	if (IS_ERR(story->heap))
		return PTR_ERR(story->heap);
	story->kind = ouro_type_register(story->heap, &part_type);
	if (IS_ERR(story->kind)) {
		ouro_heap_destroy(story->heap);
		return PTR_ERR(story->kind);
	}
	mutex_init(&story->lock);
	INIT_WORK(&story->work, function);
	init_completion(&story->built);
	init_completion(&story->leave);
	return 0;
}

/* Nobody has the file open any more. */
void story_exit(struct story *story)
{
	mutex_lock(&story->lock);
	story_return(story);
	story_forget(story);
	/* Not needed: the heap would take the cycles with it, and say so. */
	story_collect(story);
	mutex_unlock(&story->lock);
	ouro_heap_destroy(story->heap);
	mutex_destroy(&story->lock);
}
