/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fronts: where blocks of a class are at hand on this CPU.
 *
 * Nothing here is for callers: it is public only so that an allocation of
 * constant size is no call while there is a block at hand.  What a front is and
 * why that is sound stands in module/front.h.
 */
#ifndef _OURO_FRONT_H
#define _OURO_FRONT_H

#include <linux/compiler.h>
#include <linux/jump_label.h>
#include <linux/kconfig.h>
#include <linux/preempt.h>
#include <linux/types.h>

#if defined(CONFIG_X86_64) && defined(CONFIG_SMP) && !defined(CONFIG_UML)
#define __OURO_FRONT_BY_BIT	1
#else
#define __OURO_FRONT_BY_BIT	0
#endif

/* Not in kernels that look at each access, or at the context of each call. */
#define __OURO_ALLOC_INLINE						\
	(__OURO_FRONT_BY_BIT && !IS_ENABLED(CONFIG_KASAN) &&		\
	 !IS_ENABLED(CONFIG_KMSAN) && !IS_ENABLED(CONFIG_KCSAN) &&	\
	 !IS_ENABLED(CONFIG_LOCKDEP) &&					\
	 !IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP))

struct ouro_heap;

/*
 * More is to be done with a block than is done here.  Who inlines what is below needs
 * this symbol: the number in it is raised with each change of what that takes for
 * granted (the first word of a heap, the top of a front and its bit, the NULL below
 * the first round, the bytes of a front, the classes), as modversions do not see it.
 */
#define __ouro_begin_long	__ouro_begin_long_1
DECLARE_STATIC_KEY_FALSE(__ouro_begin_long);

#if __OURO_FRONT_BY_BIT

/* All of these take the top of a front, as the per-CPU offset that it is. */

static __always_inline bool __ouro_front_enter(unsigned long *top)
{
	bool nested;

	asm volatile("btsq $0, %%gs:%[top]"
		     : "=@ccc" (nested), [top] "+m" (*top) : : "memory");
	return likely(!nested);
}

static __always_inline unsigned long __ouro_front_top(unsigned long *top)
{
	unsigned long value;

	asm volatile("movq %%gs:%[from], %[value]"
		     : [value] "=r" (value) : [from] "m" (*top));
	return value;
}

/* By @bytes; clears the bit if that has -1 in it. */
static __always_inline void __ouro_front_move(unsigned long *top, long bytes)
{
	asm volatile("addq %[bytes], %%gs:%[top]"
		     : [top] "+m" (*top) : [bytes] "er" (bytes) : "memory");
}

/*
 * A block that is at hand, or NULL.  @front: of its class, in bytes behind the first
 * one; @preempt: the caller may be preempted.
 */
static __always_inline void *__ouro_front_alloc(struct ouro_heap *heap,
						unsigned long front,
						bool preempt)
{
	unsigned long *top;
	void *block = NULL;

	if (preempt)
		preempt_disable();
	/* A heap begins with the place of its fronts. */
	top = (void *)(READ_ONCE(*(unsigned long *)heap) + front);
	if (likely(__ouro_front_enter(top))) {
		block = READ_ONCE(*(void **)(__ouro_front_top(top) -
					     sizeof(void *) - 1));
		if (unlikely(!block)) {
			__ouro_front_move(top, -1);
			goto out;
		}
		__ouro_front_move(top, -(long)sizeof(void *) - 1);
		if (preempt)
			preempt_enable();
		WRITE_ONCE(*(u64 *)block, 0);	/* no longer free: see ouro_free() */
		return block;
	}
out:
	if (preempt)
		preempt_enable();
	return NULL;
}

#else

static __always_inline void *__ouro_front_alloc(struct ouro_heap *heap,
						unsigned long front,
						bool preempt)
{
	return NULL;	/* not called */
}

#endif

#endif /* _OURO_FRONT_H */
