/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fronts: per heap, CPU and class, the place a block is popped from and pushed
 * to.  A front has a main magazine, whose top it knows, and a spare one.
 *
 * Only the owning CPU touches a front, with preemption off.  What interrupts it
 * (softirq, hardirq, NMI) meets it either idle and uses it wholly before going
 * back, or busy and stays away.  That is sound because everything else is read
 * only after the front was entered: an interrupt before that leaves nothing
 * stale behind, one after it sees the front busy.
 *
 * On x86-64 each access is one instruction relative to %gs.  Bit 0 of the top
 * says that the front is entered: one bit test-and-set enters, and the addition
 * that moves the top leaves as well.  (To read the top first and set the bit
 * with a later store would be unsound.)  Elsewhere a flag of its own is tested,
 * then set; what nests between the two has left before we go on.
 */
#ifndef OURO_FRONT_H
#define OURO_FRONT_H

#include <ouro/front.h>
#include "ouro.h"

struct ouro_magazine;

/* In @top; always set in @limit. */
#define OURO_FRONT_ENTERED	((unsigned long)__OURO_FRONT_BY_BIT)

/**
 * struct ouro_front - one cache line
 * @top: behind the block handed out next; top[-1] is NULL when there is none;
 *	plus OURO_FRONT_ENTERED while entered
 * @limit: where @top may not go beyond, plus OURO_FRONT_ENTERED
 * @frees: blocks pushed so far
 * @loaded: blocks that came from depot and pools less those that went there;
 *	allocs - frees of this CPU == @loaded - blocks in @main and @spare
 * @main: the magazine that @top and @limit point into, NULL: none yet
 * @spare: its partner: full, empty or anything between
 * @entered: the flag where there is no bit for it
 * @want: rounds to fetch from pools at the next refill; without magazines: frees
 *	that still do without
 * @spared: rounds in @spare
 * @seq: odd while @loaded, @main and @spared change together
 */
struct ouro_front {
	unsigned long top;
	unsigned long limit;
	unsigned long frees;
	long loaded;
	struct ouro_magazine *main;
	struct ouro_magazine *spare;
	u8 entered;
	u8 want;
	u16 spared;
	u32 seq;
} __aligned(1 << OURO_FRONT_SHIFT);

static_assert(sizeof(struct ouro_front) == 1 << OURO_FRONT_SHIFT);
static_assert(offsetof(struct ouro_front, top) == 0);	/* for what is inlined */

/* One per CPU and class for heaps that have none: in use for good. */
extern struct ouro_front __percpu *ouro_idle_fronts;

/* Of a class, by its offset in bytes. */
static __always_inline struct ouro_front __percpu *
ouro_front_at(struct ouro_front __percpu *fronts, unsigned long front)
{
	return (void __percpu *)fronts + front;
}

#if __OURO_FRONT_BY_BIT

/* A front as the per-CPU offset it is; the CPU is chosen by each access. */
static __always_inline struct ouro_front *
ouro_front_here(struct ouro_front __percpu *front)
{
	return (struct ouro_front *)(__force unsigned long)front;
}

static __always_inline bool ouro_front_enter(struct ouro_front *front)
{
	return __ouro_front_enter(&front->top);
}

static __always_inline unsigned long ouro_front_top(struct ouro_front *front)
{
	return __ouro_front_top(&front->top);
}

static __always_inline unsigned long ouro_front_limit(struct ouro_front *front)
{
	unsigned long limit;

	asm volatile("movq %%gs:%[from], %[limit]"
		     : [limit] "=r" (limit) : [from] "m" (front->limit));
	return limit;
}

static __always_inline struct ouro_magazine *
ouro_front_main(struct ouro_front *front)
{
	struct ouro_magazine *main;

	asm volatile("movq %%gs:%[from], %[main]"
		     : [main] "=r" (main) : [from] "m" (front->main));
	return main;
}

static __always_inline bool ouro_front_is_full(struct ouro_front *front,
					       unsigned long top)
{
	bool full;

	asm volatile("cmpq %%gs:%[limit], %[top]"
		     : "=@ccz" (full)
		     : [limit] "m" (front->limit), [top] "r" (top));
	return full;
}

/* Moves the top by @bytes; clears the bit if that has -1 in it. */
static __always_inline void ouro_front_move(struct ouro_front *front,
					    long bytes)
{
	__ouro_front_move(&front->top, bytes);
}

static __always_inline void ouro_front_count(struct ouro_front *front,
					     unsigned long frees)
{
	asm volatile("addq %[add], %%gs:%[frees]"
		     : [frees] "+m" (front->frees) : [add] "er" (frees));
}

static __always_inline void ouro_front_leave(struct ouro_front *front)
{
	ouro_front_move(front, -(long)OURO_FRONT_ENTERED);
}

#else

static __always_inline struct ouro_front *
ouro_front_here(struct ouro_front __percpu *front)
{
	return raw_cpu_ptr(front);
}

static __always_inline bool ouro_front_enter(struct ouro_front *front)
{
	if (unlikely(READ_ONCE(front->entered)))
		return false;
	WRITE_ONCE(front->entered, 1);
	barrier();	/* everything else is read after the front is ours */
	return true;
}

static __always_inline unsigned long ouro_front_top(struct ouro_front *front)
{
	return READ_ONCE(front->top);
}

static __always_inline unsigned long ouro_front_limit(struct ouro_front *front)
{
	return READ_ONCE(front->limit);
}

static __always_inline struct ouro_magazine *
ouro_front_main(struct ouro_front *front)
{
	return READ_ONCE(front->main);
}

static __always_inline bool ouro_front_is_full(struct ouro_front *front,
					       unsigned long top)
{
	return top == READ_ONCE(front->limit);
}

static __always_inline void ouro_front_leave(struct ouro_front *front)
{
	barrier();	/* ours until here */
	WRITE_ONCE(front->entered, 0);
}

static __always_inline void ouro_front_move(struct ouro_front *front,
					    long bytes)
{
	WRITE_ONCE(front->top, front->top + bytes);
}

static __always_inline void ouro_front_count(struct ouro_front *front,
					     unsigned long frees)
{
	WRITE_ONCE(front->frees, front->frees + frees);
}

#endif

/* The place @rounds below the top of an entered front. */
static __always_inline void **ouro_front_place(unsigned long top,
					       unsigned int rounds)
{
	return (void **)(top - OURO_FRONT_ENTERED - rounds * sizeof(void *));
}

/* Moves the top of an entered front and leaves it. */
static __always_inline void ouro_front_move_leave(struct ouro_front *front,
						  long bytes)
{
	ouro_front_move(front, bytes - (long)OURO_FRONT_ENTERED);
	if (!OURO_FRONT_ENTERED)
		ouro_front_leave(front);
}

/* Pop a block, or NULL, and stay. */
static __always_inline void *ouro_front_pop(struct ouro_front *front)
{
	void *block = READ_ONCE(*ouro_front_place(ouro_front_top(front), 1));

	if (likely(block))
		ouro_front_move(front, -(long)sizeof(void *));
	return block;
}

/* Pop a block, or NULL, and leave. */
static __always_inline void *ouro_front_pop_leave(struct ouro_front *front)
{
	void *block = READ_ONCE(*ouro_front_place(ouro_front_top(front), 1));

	if (likely(block))
		ouro_front_move_leave(front, -(long)sizeof(void *));
	else
		ouro_front_leave(front);
	return block;
}

/* Push a block unless the main magazine is full, and stay. */
static __always_inline bool ouro_front_push(struct ouro_front *front,
					    void *block)
{
	unsigned long top = ouro_front_top(front);

	if (unlikely(ouro_front_is_full(front, top)))
		return false;
	WRITE_ONCE(*ouro_front_place(top, 0), block);
	ouro_front_count(front, 1);
	ouro_front_move(front, sizeof(void *));
	return true;
}

/* Push a block unless the main magazine is full, and leave. */
static __always_inline bool ouro_front_push_leave(struct ouro_front *front,
						  void *block)
{
	unsigned long top = ouro_front_top(front);

	if (unlikely(ouro_front_is_full(front, top))) {
		ouro_front_leave(front);
		return false;
	}
	WRITE_ONCE(*ouro_front_place(top, 0), block);
	ouro_front_count(front, 1);
	ouro_front_move_leave(front, sizeof(void *));
	return true;
}

#endif /* OURO_FRONT_H */
