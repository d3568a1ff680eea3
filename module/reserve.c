// SPDX-License-Identifier: GPL-2.0
/*
 * Reserves: N blocks taken from a heap ahead of time, each with a token.
 *
 * A token is a bit that is set while its block lies in the reserve.  Beside the
 * bits a counter says how many allocations may still begin.  An allocation
 * takes a ticket (counter - 1), then claims some token (bit cleared); a free
 * returns the token (bit set), then the ticket (counter + 1).
 *
 * Why an allocation cannot fail while fewer than N are outstanding, in any
 * context.  Let S be the bits that are set, A the counter, T the allocations
 * that hold a ticket and no token yet, F the frees that have returned a token
 * and not yet the ticket.  Each of the four steps is one atomic instruction and
 * keeps
 *
 *   S == A + T + F		(all of N in A at first)
 *
 *   take a ticket:   A - 1, T + 1	claim a token:   S - 1, T - 1
 *   return a token:  S + 1, F + 1	return a ticket: F - 1, A + 1
 *
 * So an allocation with a ticket has T >= 1, and at every moment S >= 1: there
 * is a set bit for it.  A pass over the bitmap misses it only when another
 * context claimed a token that was set when the pass began, or one that was set
 * behind the pass's back; each repeated pass thus stands for an allocation
 * elsewhere that succeeded.  Without a ticket there is nothing to search for:
 * A == 0 means that N allocations have begun whose frees have not ended.
 *
 * No step waits for another context.  What interrupts a step on this CPU,
 * hardirq or NMI, brings a ticket of its own, and so finds a bit of its own; the
 * one it interrupted may go on with a stale word, which test_and_clear_bit()
 * finds out.  The hint is only where a pass begins: any value is right.  (The
 * architecture must have atomic instructions that are safe in NMI, as every one
 * with NMIs does.)
 *
 * Ordering: all four steps are read-modify-write operations that return a
 * value, thus full barriers where they succeed.  What the last owner wrote into
 * a block is before its token comes back, and the token is before the ticket
 * that promises it: pairs within this file, free with alloc.
 *
 * The blocks are sorted by address once, so that a free finds its token in
 * log2(N) steps without writing to or reading from the block.
 */
#include "ouro.h"
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/bsearch.h>
#include <linux/err.h>
#include <linux/overflow.h>
#include <linux/sort.h>
#include <ouro/reserve.h>
#include "backing.h"
#include "block.h"
#include "check.h"
#include "heap.h"

/**
 * struct ouro_reserve - blocks held back
 * @heap: owner of the blocks
 * @link: in heap->reserves; guarded by ouro_heaps_lock
 * @size: bytes of a block, as asked for
 * @count: of blocks
 * @words: of @token
 * @hint: the word of @token where a search begins
 * @tickets: allocations that may still begin
 * @token: bit i set: block[i] is in the reserve
 * @block: all blocks, ascending; never written after creation
 */
struct ouro_reserve {
	struct ouro_heap *heap;
	struct list_head link;
	size_t size;
	unsigned int count;
	unsigned int words;
	unsigned int hint;
	atomic_t tickets;
	unsigned long *token;
	void *block[];
};

/* Bytes of a reserve with its arrays; SIZE_MAX when that overflows. */
static size_t reserve_bytes(unsigned int count)
{
	size_t tokens = array_size(BITS_TO_LONGS((size_t)count), sizeof(long));

	return size_add(struct_size((struct ouro_reserve *)NULL, block, count),
			tokens);
}

static int compare_blocks(const void *a, const void *b)
{
	const unsigned long x = *(const unsigned long *)a;
	const unsigned long y = *(const unsigned long *)b;

	return x < y ? -1 : x > y;
}

/**
 * ouro_reserve_create() - hold blocks back
 * @heap: owner of the blocks
 * @size: bytes of each, not 0
 * @count: of blocks, 1 to INT_MAX
 * @gfp: for the blocks and the tables
 *
 * Costs @count blocks, and a pointer and a bit for each.
 *
 * It is destroyed with its heap at the latest.
 *
 * Context: Process context, may sleep.
 * Return: the reserve, or ERR_PTR: -EINVAL for a @size or @count that cannot
 * be, -ENOMEM.
 */
struct ouro_reserve *ouro_reserve_create(struct ouro_heap *heap, size_t size,
					 unsigned int count, gfp_t gfp)
{
	const size_t bytes = reserve_bytes(count);
	struct ouro_reserve *reserve;

	if (!size || !count || count > INT_MAX)
		return ERR_PTR(-EINVAL);

	reserve = ouro_backing_meta(heap, bytes, gfp | __GFP_NOWARN,
				    heap->node);
	if (!reserve)
		return ERR_PTR(-ENOMEM);
	reserve->heap = heap;
	reserve->size = size;
	reserve->count = count;
	reserve->words = BITS_TO_LONGS((size_t)count);
	reserve->hint = 0;
	reserve->token = (unsigned long *)&reserve->block[count];
	atomic_set(&reserve->tickets, count);

	if (ouro_bulk_alloc(heap, size, gfp, count, reserve->block, _RET_IP_)) {
		ouro_backing_free_meta(heap, reserve, bytes);
		return ERR_PTR(-ENOMEM);
	}
	sort(reserve->block, count, sizeof(*reserve->block), compare_blocks,
	     NULL);
	bitmap_zero(reserve->token, count);
	bitmap_set(reserve->token, 0, count);
	mutex_lock(&ouro_heaps_lock);
	list_add(&reserve->link, &heap->reserves);
	mutex_unlock(&ouro_heaps_lock);
	return reserve;
}
EXPORT_SYMBOL_OURO(ouro_reserve_create);

/**
 * ouro_reserve_destroy() - give up a reserve
 * @reserve: nobody uses it any more; or NULL
 *
 * Blocks in the reserve are freed.  Those outstanding are reported with one
 * line and stay live blocks of the heap: whoever holds one may go on using it
 * and give it to ouro_free(); what nobody frees dies with the heap.
 *
 * Context: Process context, may sleep.
 * Return: how many blocks were outstanding.
 */
unsigned int ouro_reserve_destroy(struct ouro_reserve *reserve)
{
	struct ouro_heap *heap;
	unsigned int i, left;

	if (!reserve)
		return 0;
	heap = reserve->heap;
	mutex_lock(&ouro_heaps_lock);
	list_del(&reserve->link);
	mutex_unlock(&ouro_heaps_lock);
	left = ouro_reserve_outstanding(reserve);
	if (left)
		pr_warn("heap %s: reserve of %u x %zu bytes destroyed with %u outstanding\n",
			heap->name, reserve->count, reserve->size, left);
	for_each_set_bit(i, reserve->token, reserve->count)
		ouro_free(reserve->block[i]);
	ouro_backing_free_meta(heap, reserve, reserve_bytes(reserve->count));
	return left;
}
EXPORT_SYMBOL_OURO(ouro_reserve_destroy);

/* Destroys the reserves of a dying heap. */
void ouro_reserve_destroy_all(struct ouro_heap *heap)
{
	struct ouro_reserve *reserve, *next;

	list_for_each_entry_safe(reserve, next, &heap->reserves, link)
		ouro_reserve_destroy(reserve);
}

/* Claim a token of one word; NULL when the word has none. */
static void *claim_in_word(struct ouro_reserve *reserve, unsigned int word)
{
	unsigned long *token = &reserve->token[word];
	unsigned long seen = READ_ONCE(*token);

	while (seen) {
		unsigned int bit = __ffs(seen);

		if (test_and_clear_bit(bit, token)) {
			WRITE_ONCE(reserve->hint, word);
			return reserve->block[word * BITS_PER_LONG + bit];
		}
		seen &= ~BIT(bit);
	}
	return NULL;
}

/* Claim a token; the caller has a ticket, so there is one. */
static void *claim(struct ouro_reserve *reserve)
{
	unsigned int word = READ_ONCE(reserve->hint);
	void *block;

	for (;;) {
		block = claim_in_word(reserve, word);
		if (block)
			return block;
		if (++word == reserve->words)
			word = 0;
	}
}

/**
 * ouro_reserve_alloc() - take a block that is there
 * @reserve: where from
 *
 * With init_on_alloc or init_on_free the block is zeroed, otherwise it holds
 * what its last owner left.
 *
 * Context: Any, NMI included; never sleeps, takes no lock.
 * Return: a block; NULL only when all are outstanding, counted as a failed
 * allocation of the heap.
 */
void *ouro_reserve_alloc(struct ouro_reserve *reserve)
{
	void *block;

	if (unlikely(atomic_dec_if_positive(&reserve->tickets) < 0)) {
		atomic_long_inc(&reserve->heap->failed);
		return NULL;
	}
	block = claim(reserve);
	if (want_init_on_alloc(0) || want_init_on_free())
		memset(block, 0, reserve->size);
	return block;
}
EXPORT_SYMBOL_OURO(ouro_reserve_alloc);

static void report(const struct ouro_reserve *reserve, const char *what,
		   unsigned long caller)
{
	atomic_long_inc(&reserve->heap->misuse);
	atomic_long_inc(&ouro_misuses);
	pr_err("heap %s: reserve of %u x %zu bytes: %s, by %pS\n",
	       reserve->heap->name, reserve->count, reserve->size, what,
	       (void *)caller);
}

/**
 * ouro_reserve_free() - give a block back to its reserve
 * @reserve: where it came from
 * @block: what ouro_reserve_alloc() returned, or NULL
 *
 * Misuse is reported, counted and does no damage.
 *
 * Context: Any, NMI included; never sleeps, takes no lock.
 * Return: 0; -EINVAL when @block is not of @reserve, -EALREADY when it is
 * there already.
 */
int ouro_reserve_free(struct ouro_reserve *reserve, void *block)
{
	void **found;

	if (!block)
		return 0;
	found = bsearch(&block, reserve->block, reserve->count,
			sizeof(*reserve->block), compare_blocks);
	if (unlikely(!found)) {
		report(reserve, "free of a foreign pointer", _RET_IP_);
		return -EINVAL;
	}
	if (unlikely(test_and_set_bit(found - reserve->block,
				      reserve->token))) {
		report(reserve, "double free", _RET_IP_);
		return -EALREADY;
	}
	WRITE_ONCE(reserve->hint, (found - reserve->block) / BITS_PER_LONG);
	atomic_inc_return(&reserve->tickets);
	return 0;
}
EXPORT_SYMBOL_OURO(ouro_reserve_free);

/**
 * ouro_reserve_outstanding() - how many blocks are out
 * @reserve: the reserve
 *
 * Context: Any.
 * Return: allocations begun less frees ended.
 */
unsigned int ouro_reserve_outstanding(const struct ouro_reserve *reserve)
{
	return reserve->count - atomic_read(&reserve->tickets);
}
EXPORT_SYMBOL_OURO(ouro_reserve_outstanding);

/**
 * ouro_heap_reserve() - the reserve a heap was created with
 * @heap: the heap
 *
 * It lives and dies with the heap; do not destroy it.
 *
 * Context: Any.
 * Return: the reserve, or NULL when the heap has none.
 */
struct ouro_reserve *ouro_heap_reserve(const struct ouro_heap *heap)
{
	return heap->reserve;
}
EXPORT_SYMBOL_OURO(ouro_heap_reserve);
