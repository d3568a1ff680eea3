/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sites: who allocated what is live.
 *
 * Beside each pool of a heap whose sites are noted lies a note for each block: the
 * caller of its last allocation, and when that was.  A free does nothing: whether
 * a block is live is found out by who reads.
 */
#ifndef OURO_SITE_H
#define OURO_SITE_H

#include <linux/compiler.h>
#include <linux/jiffies.h>
#include <linux/jump_label.h>
#include <linux/rcupdate.h>
#include <ouro/front.h>
#include "ouro.h"
#include "pool.h"

enum ouro_site_mode {
	OURO_SITES_OFF,
	OURO_SITES_CALLER,	/* the return address */
	OURO_SITES_STACK,	/* and the stack, of one allocation in so many */
	OURO_SITE_MODES
};

/**
 * struct ouro_site_note - of one block
 * @caller: low half of the address that the allocation returned to, 0: unknown
 * @when: in jiffies
 */
struct ouro_site_note {
	u32 caller;
	u32 when;
};

/**
 * struct ouro_stacks - of the blocks of one pool
 * @rcu: its readers
 * @handle: of the stack depot, or 0
 */
struct ouro_stacks {
	struct rcu_head rcu;
	u32 handle[];
};

/**
 * struct ouro_sites - of one pool
 * @rcu: its readers
 * @stacks: made on first use, or NULL
 * @note: of each block
 */
struct ouro_sites {
	struct rcu_head rcu;
	struct ouro_stacks *stacks;
	struct ouro_site_note note[];
};

/* Set in pool->sites: the caller is noted, and that is all that is done to a block. */
#define OURO_SITES_PLAIN	1UL

/* Some heap has its sites noted: asked where __ouro_begin_long holds. */
DECLARE_STATIC_KEY_FALSE(ouro_sites_noted);

void ouro_site_note_slow(struct ouro_pool *pool, const void *block,
			 unsigned long caller);
void ouro_site_note_large(struct ouro_heap *heap, struct ouro_site_note *note,
			  unsigned long caller);

static __always_inline struct ouro_sites *
ouro_sites_of(const struct ouro_pool *pool)
{
	/* Pairs with sites_create(). */
	unsigned long sites = smp_load_acquire(&pool->sites);

	return (struct ouro_sites *)(sites & ~OURO_SITES_PLAIN);
}

/* ouro_pool_index(), which no compiler makes one multiplication of. */
static __always_inline unsigned long
site_index(const struct ouro_pool *pool, const void *block)
{
#ifdef CONFIG_X86_64
	u32 low = (const char *)block - pool->first;
	unsigned long index;

	asm("mull %[mult]"
	    : "+a" (low), "=d" (index)
	    : [mult] "m" (pool->mult)
	    : "cc");
	return index;
#else
	return ouro_pool_index(pool, block);
#endif
}

static __always_inline void ouro_site_note_plain(struct ouro_pool *pool,
						 unsigned long sites,
						 const void *block,
						 unsigned long caller)
{
	struct ouro_site_note *note;

	note = (void *)(sites - OURO_SITES_PLAIN +
			offsetof(struct ouro_sites, note));
	note += site_index(pool, block);
	WRITE_ONCE(note->when, (u32)jiffies);
	WRITE_ONCE(note->caller, (u32)caller);
}

/* Who has a block from now on. */
static __always_inline void ouro_site_note(struct ouro_pool *pool,
					   const void *block,
					   unsigned long caller)
{
	unsigned long sites = READ_ONCE(pool->sites);

	if (likely(sites & OURO_SITES_PLAIN))
		ouro_site_note_plain(pool, sites, block, caller);
	else
		ouro_site_note_slow(pool, block, caller);
}

/* As ouro_pool_find() for a block that was just allocated. */
static __always_inline struct ouro_pool *ouro_site_pool(const void *block)
{
	return likely(ouro_pool_is_inband(block)) ? ouro_pool_inband(block) :
						    ouro_pool_find(block);
}

void ouro_sites_init(void);
void ouro_sites_forget(struct ouro_pool *pool);
void ouro_sites_end(struct ouro_heap *heap);
int ouro_sites_set(struct ouro_heap *heap, enum ouro_site_mode mode,
		   unsigned int every);
unsigned long ouro_site_address(u32 caller);
unsigned long ouro_site_of(const struct ouro_pool *pool, const void *block);
void ouro_site_name(unsigned long address, char *text, size_t size);

#define OURO_SITE_TEXT	160	/* bytes for the name of a caller */

#endif /* OURO_SITE_H */
