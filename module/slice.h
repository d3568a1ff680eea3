/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Slices: a bounded number of deaths in one go.
 */
#ifndef OURO_SLICE_H
#define OURO_SLICE_H

#include "object.h"
#include "ouro.h"

#define OURO_SLICE_STACK	48	/* objects that wait on a slice's stack */
#define OURO_SLICE_HERE		256	/* steps that a put takes at most */
#define OURO_SLICE_WORKER	4096	/* steps between two offers to be rescheduled */

/**
 * struct ouro_slice - some work done in one go
 * @heap: whose objects
 * @budget: steps left: objects buried, references put
 * @worker: on a worker, where callbacks may sleep
 * @shown: to callbacks
 * @softirq: in softirq; set when @shown
 * @outer: the slice that was shown before, or NULL
 * @doomed: something was left to the worker
 * @count: on @todo
 * @todo: dead, or claimed for its finalizer
 */
struct ouro_slice {
	struct ouro_heap *heap;
	unsigned int budget;
	bool worker;
	bool shown;
	bool softirq;
	struct ouro_slice *outer;
	bool doomed;
	unsigned int count;
	struct ouro_object *todo[OURO_SLICE_STACK];
};

/* All but the stack, which need not be zeroed. */
static inline void ouro_slice_init(struct ouro_slice *s, struct ouro_heap *heap,
				   unsigned int budget, bool worker)
{
	s->heap = heap;
	s->budget = budget;
	s->worker = worker;
	s->shown = false;
	s->softirq = false;
	s->outer = NULL;
	s->doomed = false;
	s->count = 0;
}

bool ouro_slice_claim(struct ouro_object *object, u64 word);
void ouro_slice_add(struct ouro_slice *s, struct ouro_pool *pool,
		    struct ouro_object *object);
void ouro_slice_run(struct ouro_slice *s);
struct ouro_slice *ouro_slice_around(void);
void ouro_slice_end(struct ouro_slice *s);
void ouro_slice_finalize(struct ouro_slice *s, struct ouro_pool *pool,
			 struct ouro_object *object);
void ouro_slice_put(struct ouro_slice *s, struct ouro_object *object);
void ouro_slice_release(struct ouro_slice *s, struct ouro_pool *pool,
			struct ouro_object *object);
void ouro_slice_give_back(struct ouro_slice *s, struct ouro_pool *pool,
			  struct ouro_object *object);

#endif /* OURO_SLICE_H */
