// SPDX-License-Identifier: GPL-2.0
/*
 * Checks: reports of misuse, and what hardened and debug heaps do on each
 * allocation and free.
 *
 * Looks into free blocks, so it is built without KASAN's instrumentation.
 */
#include "ouro.h"
#include <linux/kmemleak.h>
#include "backing.h"
#include "check.h"
#include "heap.h"
#include "address.h"
#include "pool.h"

#define POISON_FREED	0x6b	/* as POISON_FREE in slab */
#define POISON_FRESH	0x5a	/* as POISON_INUSE */
#define POISON_BEHIND	0xbb	/* as SLUB_RED_INACTIVE */

atomic_long_t ouro_misuses;

static const char *const misuse_text[] = {
	[OURO_MISUSE_FOREIGN]	= "free of a foreign pointer",
	[OURO_MISUSE_INNER]	= "free of a pointer that is not the start of a block",
	[OURO_MISUSE_TWICE]	= "double free",
	[OURO_MISUSE_HEAP]	= "wrong heap or size named for a block",
	[OURO_MISUSE_WRITTEN]	= "block written to after its free",
	[OURO_MISUSE_OVERRUN]	= "block written to behind its end",
	[OURO_MISUSE_FREED]	= "free of an object, which is put, not freed",
	[OURO_MISUSE_NO_OBJECT]	= "reference to what is no object",
	[OURO_MISUSE_GET_DEAD]	= "reference taken to a dead object",
	[OURO_MISUSE_PUT_DEAD]	= "reference put that nobody had",
	[OURO_MISUSE_SATURATED]	= "reference count saturated; the object stays for ever",
	[OURO_MISUSE_DEAD_SLOT]	= "slot holds a dead object",
	[OURO_MISUSE_NO_SLOT]	= "store to what is no slot of the object's type",
	[OURO_MISUSE_NO_PIN]	= "no reference of the object has this name",
};

static_assert(ARRAY_SIZE(misuse_text) == OURO_MISUSES);

/*
 * memchr_inv() without the instrumentation that it has as a library function:
 * the bytes looked at are poisoned.
 */
static bool is_filled(const u8 *from, u8 byte, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (from[i] != byte)
			return false;
	return true;
}

static struct ouro_track *track_of(const struct ouro_pool *pool,
				   const void *block)
{
	if (!pool->marks || !pool->marks->track ||
	    !ouro_pool_is_block(pool, block))
		return NULL;
	return &pool->marks->track[ouro_pool_index(pool, block)];
}

static const char *name_of(const struct ouro_heap *heap)
{
	return heap ? heap->name : "(none)";
}

static void count(struct ouro_heap *heap)
{
	atomic_long_inc(&ouro_misuses);
	if (heap)
		atomic_long_inc(&heap->misuse);
}

/* As ouro_check_report() for a block of @size bytes whose pool may be gone. */
void ouro_check_report_size(enum ouro_misuse what, struct ouro_heap *heap,
			    unsigned int size, unsigned long caller)
{
	count(heap);
	pr_err("heap %s: %s: class %u, by %pS\n", name_of(heap),
	       misuse_text[what], size, (void *)caller);
}

/**
 * ouro_check_report() - tell of a misuse, in one line, and count it
 * @what: went wrong
 * @heap: concerned, or NULL
 * @pool: the pointer points into, or NULL
 * @ptr: the pointer; never printed
 * @caller: return address of the offender, 0: unknown
 *
 * Context: Any.
 */
void ouro_check_report(enum ouro_misuse what, struct ouro_heap *heap,
		       struct ouro_pool *pool, const void *ptr,
		       unsigned long caller)
{
	const struct ouro_track *track = pool ? track_of(pool, ptr) : NULL;
	const char *name = name_of(heap);

	if (pool && !track) {
		ouro_check_report_size(what, heap, pool->size, caller);
		return;
	}
	count(heap);
	if (track)
		pr_err("heap %s: %s: block %u of class %u, by %pS, allocated by %pS, freed by %pS\n",
		       name, misuse_text[what], ouro_pool_index(pool, ptr),
		       pool->size, (void *)caller, (void *)track->alloc,
		       (void *)track->free);
	else
		pr_err("heap %s: %s, by %pS\n", name, misuse_text[what],
		       (void *)caller);
}

/* As ouro_check_report() for an object that has a @type and a @name. */
void ouro_check_report_object(enum ouro_misuse what, struct ouro_heap *heap,
			      const char *type, const char *name,
			      unsigned long caller)
{
	atomic_long_inc(&ouro_misuses);
	atomic_long_inc(&heap->misuse);
	pr_err("heap %s: %s: %s %s, by %pS\n", heap->name, misuse_text[what],
	       type, name, (void *)caller);
}

/* Bytes of the marks; the track begins at @track. */
static size_t marks_size(const struct ouro_pool *pool, size_t *track)
{
	struct ouro_marks *marks;

	*track = struct_size(marks, live, BITS_TO_LONGS(pool->blocks));
	if (!ouro_heap_is_debug(pool->heap))
		return *track;
	return *track + pool->blocks * sizeof(struct ouro_track);
}

/**
 * ouro_check_pool_init() - what a pool of a checked heap has in addition
 * @pool: new, all blocks free
 * @gfp: the caller's
 *
 * Context: As @gfp says.
 * Return: 0 or -ENOMEM.
 */
int ouro_check_pool_init(struct ouro_pool *pool, gfp_t gfp)
{
	struct ouro_heap *heap = pool->heap;
	struct ouro_marks *marks;
	size_t track, bytes = marks_size(pool, &track);

	marks = ouro_backing_meta(heap, bytes, gfp, heap->node);
	if (!marks)
		return -ENOMEM;
	marks->first = pool->first;
	marks->mult = pool->mult;
	marks->bound = pool->bound;
	marks->size = pool->size;
	pool->marks = marks;
	if (!ouro_heap_is_debug(heap))
		return 0;
	/* Known to headers that kmemleak does not see. */
	kmemleak_not_leak(marks);
	marks->track = (void *)marks + track;
	if (!pool->objects)
		memset(pool->first, POISON_FREED, (size_t)pool->blocks * pool->size);
	return 0;
}

/*
 * kmemleak takes locks and memory: not where the context is tight.  The caller
 * is in a slow section or preemptible, see ouro_slow_begin().
 */
static void leak_forget(struct ouro_track *track, const void *block)
{
	if (!track->known || ouro_context_is_tight())
		return;
	kmemleak_free(block);
	track->known = false;
}

static void leak_learn(struct ouro_track *track, const void *block, gfp_t gfp)
{
	if (ouro_context_is_tight())
		return;
	ouro_slow_begin();
	leak_forget(track, block);
	kmemleak_alloc(block, track->asked, 1, gfp & ~GFP_ZONEMASK);
	ouro_slow_end();
	track->known = true;
}

static void leak_forget_all(struct ouro_pool *pool)
{
	unsigned int i;

	for (i = 0; i < pool->blocks; i++)
		leak_forget(&pool->marks->track[i], ouro_pool_block(pool, i));
}

/* Undoes ouro_check_pool_init(), with blocks live or not. */
void ouro_check_pool_exit(struct ouro_pool *pool)
{
	struct ouro_marks *marks = pool->marks;
	size_t track;

	if (!marks)
		return;
	if (marks->track)
		leak_forget_all(pool);
	atomic_long_sub(marks_size(pool, &track), &pool->heap->metadata);
	kvfree_rcu(marks, rcu);
}

static void debug_alloc(struct ouro_pool *pool, char *block, size_t size,
			unsigned long caller, gfp_t gfp)
{
	struct ouro_track *track = track_of(pool, block);

	if (!is_filled(block, POISON_FREED, pool->size))
		ouro_check_report(OURO_MISUSE_WRITTEN, pool->heap, pool, block,
				  caller);
	/* As in ouro_check_poison(). */
	ouro_kasan_unpoison(block, pool->size);
	memset(block, want_init_on_alloc(gfp) ? 0 : POISON_FRESH, size);
	memset(block + size, POISON_BEHIND, pool->size - size);
	WRITE_ONCE(track->alloc, caller);
	WRITE_ONCE(track->asked, size);
	ouro_kasan_poison(block, pool->size);
	ouro_kasan_unpoison(block, size);
	leak_learn(track, block, gfp);
}

/*
 * An object of a checked heap is about to live.  What is in its memory is not
 * looked at: part of it is in use from the first object there to the last.
 */
void ouro_check_new(struct ouro_pool *pool, void *object, size_t size,
		    unsigned long caller, gfp_t gfp)
{
	struct ouro_track *track = track_of(pool, object);

	if (track) {
		WRITE_ONCE(track->alloc, caller);
		WRITE_ONCE(track->asked, size);
		leak_learn(track, object, gfp);
	}
	WARN_ON_ONCE(!ouro_marks_set(pool->marks,
				     ouro_pool_index(pool, object)));
}

/**
 * ouro_check_alloc() - a block of a checked heap becomes a caller's
 * @pool: it belongs to
 * @block: its start
 * @size: asked for
 * @caller: return address of who asked
 * @gfp: the caller's
 *
 * Context: As the allocation.
 */
void ouro_check_alloc(struct ouro_pool *pool, void *block, size_t size,
		      unsigned long caller, gfp_t gfp)
{
	if (pool->marks->track)
		debug_alloc(pool, block, size, caller, gfp);
	/* Ordered after the above by the full barrier that it is. */
	WARN_ON_ONCE(!ouro_marks_set(pool->marks, ouro_pool_index(pool, block)));
}

/**
 * ouro_check_free() - a caller gives a block of a checked heap back
 * @pool: it points into, and at the start of a block
 * @block: the pointer
 * @caller: return address of who frees
 *
 * The map, not the header in front of the block, has the last word on which
 * pool this is; the live bit has it on whether the block was live.
 *
 * Context: Any, NMI included.
 * Return: true to go on with the free; a report was made otherwise.
 */
bool ouro_check_free(struct ouro_pool *pool, void *block, unsigned long caller)
{
	struct ouro_arena *arena = ouro_address_arena(block);
	struct ouro_track *track = track_of(pool, block);
	enum ouro_misuse what = OURO_MISUSE_NONE;

	if (!arena || arena->heap != pool->heap || pool->arena != arena)
		what = OURO_MISUSE_FOREIGN;
	else if (!ouro_marks_clear(pool->marks, ouro_pool_index(pool, block)))
		what = OURO_MISUSE_TWICE;
	if (what != OURO_MISUSE_NONE) {
		ouro_check_report(what, pool->heap, pool, block, caller);
		return false;
	}
	if (!track)
		return true;
	if (!pool->objects &&
	    !is_filled(block + track->asked, POISON_BEHIND,
		       pool->size - track->asked))
		ouro_check_report(OURO_MISUSE_OVERRUN, pool->heap, pool, block,
				  caller);
	WRITE_ONCE(track->free, caller);
	leak_forget(track, block);
	return true;
}

/* Fills a freed block of a debug heap with what an allocation looks for. */
void ouro_check_poison(struct ouro_pool *pool, void *block)
{
	/* Where memset() is instrumented in every file it must be allowed to. */
	ouro_kasan_unpoison(block, pool->size);
	memset(block, POISON_FREED, pool->size);
	ouro_kasan_poison(block, pool->size);
}

/* A block of a debug heap was resized in place to @size bytes. */
void ouro_check_resized(struct ouro_pool *pool, void *block, size_t size,
			gfp_t gfp)
{
	struct ouro_track *track = track_of(pool, block);
	size_t old = track->asked;

	if (size > old)
		memset(block + old, gfp & __GFP_ZERO ? 0 : POISON_FRESH,
		       size - old);
	memset(block + size, POISON_BEHIND, pool->size - size);
	WRITE_ONCE(track->asked, size);
	leak_learn(track, block, gfp);
}

#define LEAK_SITES 16	/* call sites told of when a debug heap dies */

struct leak_site {
	unsigned long caller;
	unsigned long blocks;
	unsigned long bytes;
};

static void leak_add(struct leak_site *sites, const struct ouro_track *track)
{
	unsigned int i;

	for (i = 0; i < LEAK_SITES - 1; i++)
		if (!sites[i].blocks || sites[i].caller == track->alloc)
			break;
	/* The last line stands for all sites there is no room for. */
	sites[i].caller = i < LEAK_SITES - 1 ? track->alloc : 0;
	sites[i].blocks++;
	sites[i].bytes += track->asked;
}

static void leak_scan_arena(struct ouro_arena *arena, struct leak_site *sites)
{
	struct ouro_pool *pool;
	unsigned int unit, i;

	for (unit = 0; unit < arena->units; unit++) {
		pool = arena->pool[unit];
		if (!pool || pool->unit != unit || !pool->marks->track)
			continue;
		for_each_set_bit(i, pool->marks->live, pool->blocks)
			leak_add(sites, &pool->marks->track[i]);
	}
}

/**
 * ouro_check_leaks() - tell who allocated what a dying debug heap still holds
 * @heap: that nobody uses any more
 *
 * Context: Process context.
 */
void ouro_check_leaks(struct ouro_heap *heap)
{
	struct leak_site *sites;
	struct ouro_arena *arena;
	unsigned int i;

	sites = kcalloc(LEAK_SITES, sizeof(*sites), GFP_KERNEL);
	if (!sites)
		return;
	for (i = 0; i < OURO_ARENA_LISTS; i++)
		list_for_each_entry(arena, &heap->arenas[i], link)
			leak_scan_arena(arena, sites);
	for (i = 0; i < LEAK_SITES && sites[i].blocks; i++)
		pr_info("heap %s: live: %lu blocks, %lu bytes asked for by %pS\n",
			heap->name, sites[i].blocks, sites[i].bytes,
			(void *)sites[i].caller);
	kfree(sites);
}
