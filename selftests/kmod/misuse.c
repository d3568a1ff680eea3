// SPDX-License-Identifier: GPL-2.0
/* Misuse: one report each, counted, and no damage. */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/poison.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>
#include "misuse.h"
#include "ouro_test.h"

#define MISUSE_FLOOD	300
#define WITNESSES	40	/* blocks that must come through unharmed */

/* The state before a misuse; cases run one at a time. */
static struct scene {
	struct ouro_test *t;
	struct ouro_heap *heap;
	struct test_log log;
	unsigned long heap_misuse;
	unsigned long live;
	void *witness[WITNESSES];
} scene;

static void scene_open(struct scene *s, struct ouro_test *t,
		       struct ouro_heap *heap)
{
	struct ouro_heap_stat stat;
	int i;

	memset(s, 0, sizeof(*s));
	s->t = t;
	s->heap = heap;
	for (i = 0; i < WITNESSES; i++) {
		s->witness[i] = ouro_alloc(heap, i & 1 ? 64 : 1000, GFP_KERNEL);
		if (EXPECT(t, s->witness[i]))
			test_fill(s->witness[i], 64, i);
	}
	ouro_heap_stat(heap, &stat);
	s->live = stat.live;
	s->heap_misuse = stat.misuse;
	test_log_mark(&s->log);
}

/* One report was made since, about the heap when it is @ours. */
static void scene_reported(struct scene *s, const char *needle, bool ours,
			   const char *what)
{
	struct ouro_test *t = s->t;

	EXPECT_MSG(t, test_log_count(&s->log, "") == 1, "%s: %u lines", what,
		   test_log_count(&s->log, ""));
	EXPECT_MSG(t, test_log_count(&s->log, needle) == 1, "%s: \"%s\"", what,
		   needle);
	EXPECT_MSG(t, test_heap_misuse(s->heap) == s->heap_misuse + ours, "%s",
		   what);
	s->heap_misuse = test_heap_misuse(s->heap);
	test_log_mark(&s->log);
}

/* Everything is as it was, and the heap still works. */
static void scene_close(struct scene *s)
{
	struct ouro_test *t = s->t;
	void *fresh[WITNESSES];
	int i;

	test_heap_check(t, s->heap, s->live);
	for (i = 0; i < WITNESSES; i++) {
		fresh[i] = ouro_alloc(s->heap, i & 1 ? 64 : 1000, GFP_KERNEL);
		if (EXPECT(t, fresh[i]))
			test_fill(fresh[i], 64, WITNESSES + i);
	}
	for (i = 0; i < WITNESSES; i++) {
		EXPECT(t, test_filled(s->witness[i], 64, i));
		EXPECT(t, test_filled(fresh[i], 64, WITNESSES + i));
		ouro_free(s->witness[i]);
		ouro_free(fresh[i]);
	}
	EXPECT_EQ(t, test_log_count(&s->log, ""), 0);
	ouro_heap_trim(s->heap);
	EXPECT_EQ(t, test_log_count(&s->log, ""), 0);
	test_heap_abandon(t, s->heap, s->live - WITNESSES);
}

static const size_t twice_sizes[] = { 8, 64, 1000, 8192, 20000, 300000 };

/* The second free right behind the first. */
static void twice(struct ouro_test *t)
{
	struct ouro_heap *heap;
	void *ptr;
	int i;

	for (i = 0; i < ARRAY_SIZE(twice_sizes); i++) {
		heap = test_heap(t);
		if (!heap)
			return;
		scene_open(&scene, t, heap);
		ptr = ouro_alloc(heap, twice_sizes[i], GFP_KERNEL);
		ouro_free(ptr);
		ouro_free(ptr);
		/* A large one is gone from the map: nobody's by now. */
		if (twice_sizes[i] <= OURO_CLASS_MAX)
			scene_reported(&scene, "double free", true, "twice");
		else
			scene_reported(&scene, "free of", false, "large twice");
		scene_close(&scene);
	}
}

/* Others are allocated and freed in between, the block itself is not. */
static void twice_later(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	void *ptr, *more[20];
	int i;

	if (!heap)
		return;
	scene_open(&scene, t, heap);
	for (i = 0; i < ARRAY_SIZE(more); i++)
		more[i] = ouro_alloc(heap, 64, GFP_KERNEL);
	ptr = more[0];
	for (i = 0; i < ARRAY_SIZE(more); i++)
		ouro_free(more[i]);
	ouro_free(ptr);
	scene_reported(&scene, "double free", true, "later");
	scene_close(&scene);
}

/* In one bulk free, between others of its class: these go all the same. */
static void twice_bulk(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	void *blocks[12];
	int i;

	if (!heap)
		return;
	scene_open(&scene, t, heap);
	EXPECT_EQ(t, ouro_alloc_bulk(heap, 64, GFP_KERNEL, ARRAY_SIZE(blocks),
				     blocks), 0);
	ouro_free(blocks[4]);
	blocks[4] = blocks[2];
	ouro_free_bulk(ARRAY_SIZE(blocks), blocks);
	scene_reported(&scene, "double free", true, "in bulk");

	EXPECT_EQ(t, ouro_alloc_bulk(heap, 64, GFP_KERNEL, ARRAY_SIZE(blocks),
				     blocks), 0);
	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		EXPECT(t, ouro_owns(heap, blocks[i]));
	ouro_free(blocks[7]);
	blocks[7] = blocks[6] + 8;
	ouro_free_bulk(ARRAY_SIZE(blocks), blocks);
	scene_reported(&scene, "not the start", true, "inner in bulk");
	scene_close(&scene);
}

/* After it went back to its pool, which is elsewhere in the module. */
static void twice_drained(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	void *ptr;

	if (!heap)
		return;
	scene_open(&scene, t, heap);
	ptr = ouro_alloc(heap, 64, GFP_KERNEL);
	ouro_free(ptr);
	ouro_heap_trim(heap);
	ouro_free(ptr);
	scene_reported(&scene, "double free", true, "drained");
	scene_close(&scene);
}

static void free_here(void *ptr)
{
	ouro_free(ptr);
}

static void twice_elsewhere(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	void *ptr;

	if (!heap)
		return;
	if (num_online_cpus() < 2) {
		SKIP(t, "one CPU only");
		test_heap_close(t, heap);
		return;
	}
	scene_open(&scene, t, heap);
	ptr = ouro_alloc(heap, 64, GFP_KERNEL);
	ouro_free(ptr);
	EXPECT_EQ(t, test_context_run(TEST_IPI, free_here, ptr), 0);
	scene_reported(&scene, "double free", true, "other CPU");
	scene_close(&scene);
}

static void twice_interrupt(struct ouro_test *t)
{
	struct ouro_heap *heap;
	void *ptr;
	int i;

	for (i = TEST_PREEMPT_OFF; i < TEST_CONTEXTS; i++) {
		if (!test_context_exists(i))
			continue;
		heap = test_heap(t);
		if (!heap)
			return;
		scene_open(&scene, t, heap);
		ptr = ouro_alloc(heap, 64, GFP_KERNEL);
		ouro_free(ptr);
		EXPECT_EQ(t, test_context_run(i, free_here, ptr), 0);
		scene_reported(&scene, "double free", true,
			       test_context_name(i));
		scene_close(&scene);
	}
}

/* The pool has gone to another class meanwhile. */
static void twice_reused(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	static void *others[300];
	void *ptr;
	int i;

	if (!heap)
		return;
	for (i = 0; i < ARRAY_SIZE(others); i++)
		others[i] = ouro_alloc(heap, 48, GFP_KERNEL);
	ptr = others[7];
	ouro_free_bulk(ARRAY_SIZE(others), others);
	ouro_heap_trim(heap);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		others[i] = ouro_alloc(heap, 1000, GFP_KERNEL);
	scene_open(&scene, t, heap);
	scene.live -= ARRAY_SIZE(others);
	ouro_free(ptr);
	/* Double, inner or foreign: by now it can only be one of them. */
	scene_reported(&scene, "free", test_heap_misuse(heap), "reused");
	ouro_free_bulk(ARRAY_SIZE(others), others);
	scene_close(&scene);
}

static void inner(struct ouro_test *t)
{
	static const size_t sizes[] = { 16, 64, 72, 1000, 8192, 20000, 100000 };
	struct ouro_heap *heap = test_heap(t);
	char *ptr;
	int i, j;

	if (!heap)
		return;
	scene_open(&scene, t, heap);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t offset[] = { 1, 8, sizes[i] / 2, sizes[i] - 1 };

		ptr = ouro_alloc(heap, sizes[i], GFP_KERNEL);
		if (!EXPECT(t, ptr))
			continue;
		test_fill(ptr, sizes[i], i);
		for (j = 0; j < ARRAY_SIZE(offset); j++) {
			ouro_free(ptr + offset[j]);
			/* Inside pages that nobody looks up: foreign. */
			scene_reported(&scene, "free of",
				       test_heap_misuse(heap) !=
				       scene.heap_misuse, "inner");
		}
		EXPECT(t, test_filled(ptr, sizes[i], i));
		ouro_free(ptr);
	}
	scene_close(&scene);
}

static char static_bytes[64] __aligned(16);

static void strangers(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	char on_stack[64] __aligned(16) = "stack";
	void *slab = kmalloc(64, GFP_KERNEL);
	void *pages = (void *)__get_free_page(GFP_KERNEL);
	void *virt = vmalloc(PAGE_SIZE);
	const struct {
		const void *ptr;
		const char *what;
	} strange[] = {
		{ on_stack, "stack" },
		{ slab, "kmalloc" },
		{ pages, "page" },
		{ virt, "vmalloc" },
		{ static_bytes, "static" },
		{ &strangers, "function" },
		{ (void *)0x400000UL, "user" },
		{ (void *)4096UL, "low" },
		{ (void *)(1UL << (BITS_PER_LONG - 2)), "middle" },
		{ LIST_POISON1, "list poison" },
		{ (void *)(1UL << (BITS_PER_LONG - 1)), "first of the kernel" },
		{ (void *)~0xffUL, "top" },
	};
	int i;

	if (!heap)
		goto free_strangers;
	scene_open(&scene, t, heap);
	for (i = 0; i < ARRAY_SIZE(strange); i++) {
		ouro_free(strange[i].ptr);
		scene_reported(&scene, "free of a foreign pointer", false,
			       strange[i].what);
		EXPECT(t, !ouro_owns(heap, strange[i].ptr));
	}
	EXPECT(t, !strcmp(on_stack, "stack"));
	scene_close(&scene);
free_strangers:
	vfree(virt);
	free_page((unsigned long)pages);
	kfree(slab);
}

/* The heap named is not the one the block came from: it goes home. */
static void wrong_heap(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t), *other = test_heap(t);
	void *ptr;

	if (!heap || !other)
		return;
	scene_open(&scene, t, heap);
	ptr = ouro_alloc(heap, 64, GFP_KERNEL);
	ouro_free_sized(other, ptr, 64);
	scene_reported(&scene, "wrong heap or size", test_heap_misuse(heap),
		       "wrong heap");
	EXPECT_EQ(t, test_heap_misuse(heap) + test_heap_misuse(other), 1);
	test_heap_abandon(t, other, 0);
	scene_close(&scene);
}

/* The size named is not the one that was asked for. */
static void wrong_size(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	void *ptr;

	if (!heap)
		return;
	scene_open(&scene, t, heap);
	ptr = ouro_alloc(heap, 64, GFP_KERNEL);
	ouro_free_sized(heap, ptr, 512);
	scene_reported(&scene, "wrong heap or size", true, "wrong size");
	scene_close(&scene);
}

struct rcu_item {
	unsigned long payload[6];
	struct rcu_head rcu;
};

/* What resizes or frees later takes no other pointers either. */
static void realloc_and_rcu(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t), *other = test_heap(t);
	static struct rcu_item stranger;
	struct rcu_item *item;
	char *ptr;

	if (!heap || !other)
		return;
	scene_open(&scene, t, heap);
	ptr = ouro_alloc(heap, sizeof(*item), GFP_KERNEL);
	if (!EXPECT(t, ptr))
		return;
	test_fill(ptr, sizeof(*item), 0);
	EXPECT(t, !ouro_realloc(heap, ptr + 16, 500, GFP_KERNEL));
	scene_reported(&scene, "not the start", true, "realloc inner");
	EXPECT(t, !ouro_realloc(heap, static_bytes, 500, GFP_KERNEL));
	scene_reported(&scene, "foreign", true, "realloc foreign");
	EXPECT(t, !ouro_realloc(other, ptr, 500, GFP_KERNEL));
	scene_reported(&scene, "wrong heap", test_heap_misuse(heap) !=
		       scene.heap_misuse, "realloc elsewhere");
	ouro_free_rcu(&stranger, rcu);
	scene_reported(&scene, "foreign", false, "free_rcu foreign");
	item = (void *)(ptr - 8);
	ouro_free_rcu(item, rcu);
	scene_reported(&scene, "not the start", true, "free_rcu inner");
	rcu_barrier();
	EXPECT(t, test_filled(ptr, sizeof(*item), 0));
	ouro_free(ptr);
	test_heap_abandon(t, other, 0);
	scene_close(&scene);
}

/* Hundreds of times: the count goes on whatever becomes of the log. */
static void flood(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	unsigned long before, lines;
	char *ptr;
	int i;

	if (!heap)
		return;
	scene_open(&scene, t, heap);
	ptr = ouro_alloc(heap, 64, GFP_KERNEL);
	if (!EXPECT(t, ptr))
		return;
	before = test_heap_misuse(heap);
	for (i = 0; i < MISUSE_FLOOD; i++)
		ouro_free(ptr + 8);
	EXPECT_EQ(t, test_heap_misuse(heap), before + MISUSE_FLOOD);
	ouro_free(ptr);
	lines = test_log_count(&scene.log, "");
	EXPECT_GE(t, lines, 1);
	test_note(t, "%lu lines for %u misuses", lines, MISUSE_FLOOD);
	test_log_mark(&scene.log);
	scene_close(&scene);
}

/* ---- what only checked heaps see ---- */

/* A header that somebody has written is none; the block that it stands for is safe. */
static void forged(struct ouro_test *t)
{
	char *ptr, *pool, *copy = (char *)__get_free_pages(GFP_KERNEL,
							   get_order(SZ_16K));
	struct ouro_heap *heap = test_heap(t);

	if (!EXPECT(t, copy) || !heap)
		goto free_copy;
	scene_open(&scene, t, heap);
	ptr = ouro_alloc(heap, 64, GFP_KERNEL);
	if (!EXPECT(t, ptr))
		goto free_copy;
	pool = PTR_ALIGN_DOWN(ptr, SZ_16K);
	forge(copy, pool);
	ouro_free(copy + (ptr - pool));
	scene_reported(&scene, "free of a foreign pointer", true, "forged");
	ouro_free_sized(heap, copy + (ptr - pool), 64);
	scene_reported(&scene, "free of a foreign pointer", true, "forged, sized");
	ouro_free(ptr);
	/* Or whoever gets these pages next has a pool of his own making there. */
	memset(copy, 0, SZ_16K);
	scene_close(&scene);
free_copy:
	free_pages((unsigned long)copy, get_order(SZ_16K));
}

#define DUELS	TEST_MANY(300, 100)

/* Two that free the same block. */
struct duel {
	struct ouro_heap *heap;
	void *ptr;
	atomic_t met;
};

/* Both have come here @times times. */
static void duel_meet(struct duel *d, int times)
{
	atomic_inc_return(&d->met);
	while (atomic_read_acquire(&d->met) < 2 * times)
		cond_resched();
}

static void duel_thread(void *arg, unsigned int id)
{
	struct duel *d = arg;
	int i;

	for (i = 0; i < DUELS; i++) {
		if (id)
			d->ptr = ouro_alloc(d->heap, 64, GFP_KERNEL);
		duel_meet(d, 2 * i + 1);
		ouro_free(d->ptr);
		duel_meet(d, 2 * i + 2);
	}
}

/* At the same time: one of them does it, the other is told. */
static void twice_at_once(struct ouro_test *t)
{
	struct duel d = { .heap = test_heap(t) };

	if (!d.heap)
		return;
	scene_open(&scene, t, d.heap);
	if (!EXPECT(t, test_threads_run(t, 2, duel_thread, &d)))
		return;
	EXPECT_EQ(t, test_log_count(&scene.log, "double free"),
		  test_log_count(&scene.log, ""));
	EXPECT_EQ(t, test_heap_misuse(d.heap), scene.heap_misuse + DUELS);
	test_log_mark(&scene.log);
	scene_close(&scene);
}

static const struct ouro_case misuse_cases[] = {
	EACH_KIND_OF_BLOCKS(twice),
	EACH_KIND_OF_BLOCKS(twice_later),
	EACH_KIND_OF_BLOCKS(twice_bulk),
	EACH_KIND_OF_BLOCKS(twice_drained),
	EACH_KIND_OF_BLOCKS(twice_elsewhere),
	EACH_KIND_OF_BLOCKS(twice_interrupt),
	EACH_KIND_OF_BLOCKS(twice_reused),
	EACH_KIND_OF_BLOCKS(inner),
	EACH_KIND_OF_BLOCKS(strangers),
	{ "wrong_heap_hardened", wrong_heap, OURO_HEAP_HARDENED },
	{ "wrong_heap_debug", wrong_heap, OURO_HEAP_DEBUG },
	{ "wrong_size_hardened", wrong_size, OURO_HEAP_HARDENED },
	{ "wrong_size_debug", wrong_size, OURO_HEAP_DEBUG },
	{ "forged_hardened", forged, OURO_HEAP_HARDENED },
	{ "forged_debug", forged, OURO_HEAP_DEBUG },
	{ "twice_at_once_hardened", twice_at_once, OURO_HEAP_HARDENED },
	{ "twice_at_once_debug", twice_at_once, OURO_HEAP_DEBUG },
	EACH_KIND_OF_BLOCKS(realloc_and_rcu),
	EACH_KIND_OF_BLOCKS(flood),
};

OURO_SUITE("misuse", misuse_cases);
