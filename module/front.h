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
 * On x86-64 each access is one instruction relative to %gs, and entering is one
 * decrement that leaves its verdict in the flags: a nested one makes the count
 * negative and takes it back.  Elsewhere the flag is tested, then set; what
 * nests between the two has left before we go on.
 */
#ifndef OURO_FRONT_H
#define OURO_FRONT_H

#include "ouro.h"

struct ouro_magazine;

/**
 * struct ouro_front - one cache line
 * @top: behind the block handed out next; top[-1] is NULL when there is none
 * @limit: where @top may not go beyond
 * @frees: blocks pushed so far
 * @loaded: blocks that came from depot and pools less those that went there;
 *	allocs - frees of this CPU == @loaded - blocks in @main and @spare
 * @main: the magazine that @top and @limit point into, NULL: none yet
 * @spare: its partner: full, empty or anything between
 * @idle: 1: idle, 0: entered, less: a nested attempt in progress
 * @want: rounds to fetch from pools at the next refill
 * @spared: rounds in @spare
 * @seq: odd while @loaded, @main and @spared change together
 */
struct ouro_front {
	void **top;
	void **limit;
	unsigned long frees;
	long loaded;
	struct ouro_magazine *main;
	struct ouro_magazine *spare;
	s8 idle;
	u8 want;
	u16 spared;
	u32 seq;
} __aligned(1 << OURO_FRONT_SHIFT);

static_assert(sizeof(struct ouro_front) == 1 << OURO_FRONT_SHIFT);

/* One per CPU for heaps that have none yet: never holds or takes a block. */
extern struct ouro_front __percpu *ouro_idle_fronts;

#if defined(CONFIG_X86_64) && !defined(CONFIG_UML)

/* A front as the per-CPU offset it is; the CPU is chosen by each access. */
static __always_inline struct ouro_front *
ouro_front_here(struct ouro_front __percpu *front)
{
	return (struct ouro_front *)(__force unsigned long)front;
}

static __always_inline bool ouro_front_enter(struct ouro_front *front)
{
	bool nested;

	asm volatile("decb %%gs:%[idle]"
		     : "=@ccs" (nested), [idle] "+m" (front->idle)
		     : : "memory");
	if (likely(!nested))
		return true;
	asm volatile("incb %%gs:%[idle]" : [idle] "+m" (front->idle));
	return false;
}

static __always_inline void ouro_front_leave(struct ouro_front *front)
{
	asm volatile("incb %%gs:%[idle]"
		     : [idle] "+m" (front->idle) : : "memory");
}

static __always_inline void **ouro_front_top(struct ouro_front *front)
{
	void **top;

	asm volatile("movq %%gs:%[from], %[top]"
		     : [top] "=r" (top) : [from] "m" (front->top));
	return top;
}

static __always_inline bool ouro_front_is_full(struct ouro_front *front,
					       void **top)
{
	bool full;

	asm volatile("cmpq %%gs:%[limit], %[top]"
		     : "=@ccz" (full)
		     : [limit] "m" (front->limit), [top] "r" (top));
	return full;
}

static __always_inline void ouro_front_popped(struct ouro_front *front)
{
	asm volatile("subq $8, %%gs:%[top]" : [top] "+m" (front->top));
}

static __always_inline void ouro_front_pushed(struct ouro_front *front)
{
	asm volatile("addq $8, %%gs:%[top]" : [top] "+m" (front->top));
	asm volatile("incq %%gs:%[frees]" : [frees] "+m" (front->frees));
}

#else

static __always_inline struct ouro_front *
ouro_front_here(struct ouro_front __percpu *front)
{
	return raw_cpu_ptr(front);
}

static __always_inline bool ouro_front_enter(struct ouro_front *front)
{
	if (unlikely(READ_ONCE(front->idle) != 1))
		return false;
	WRITE_ONCE(front->idle, 0);
	barrier();	/* everything else is read after the front is ours */
	return true;
}

static __always_inline void ouro_front_leave(struct ouro_front *front)
{
	barrier();	/* ours until here */
	WRITE_ONCE(front->idle, 1);
}

static __always_inline void **ouro_front_top(struct ouro_front *front)
{
	return READ_ONCE(front->top);
}

static __always_inline bool ouro_front_is_full(struct ouro_front *front,
					       void **top)
{
	return top == READ_ONCE(front->limit);
}

static __always_inline void ouro_front_popped(struct ouro_front *front)
{
	WRITE_ONCE(front->top, front->top - 1);
}

static __always_inline void ouro_front_pushed(struct ouro_front *front)
{
	WRITE_ONCE(front->top, front->top + 1);
	WRITE_ONCE(front->frees, front->frees + 1);
}

#endif

/* Pop a block, or NULL.  The front is entered. */
static __always_inline void *ouro_front_pop(struct ouro_front *front)
{
	void **top = ouro_front_top(front);
	void *block = READ_ONCE(top[-1]);

	if (likely(block))
		ouro_front_popped(front);
	return block;
}

/* Push a block unless the main magazine is full.  The front is entered. */
static __always_inline bool ouro_front_push(struct ouro_front *front,
					    const void *block)
{
	void **top = ouro_front_top(front);

	if (unlikely(ouro_front_is_full(front, top)))
		return false;
	WRITE_ONCE(*top, (void *)block);
	ouro_front_pushed(front);
	return true;
}

#endif /* OURO_FRONT_H */
