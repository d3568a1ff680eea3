// SPDX-License-Identifier: GPL-2.0
/*
 * Faults: every allocation that the module makes fails once.
 *
 * A scenario runs with the first allocation failing, then with the second, and
 * so on until none is left to fail.  It tells whether all its calls succeeded,
 * and leaves nothing behind either way.  After each failure it must succeed.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include <ouro/region.h>
#include <ouro/reserve.h>
#include "fault.h"

#define FAULTS_MAX	400	/* allocations a scenario may make */

static bool chain(struct ouro_heap *heap, size_t size, int count, gfp_t gfp)
{
	void **ptr, *chain = NULL;
	int i;

	for (i = 0; i < count; i++) {
		ptr = ouro_alloc(heap, size, gfp);
		if (!ptr)
			break;
		*ptr = chain;
		chain = ptr;
	}
	while (chain) {
		ptr = chain;
		chain = *ptr;
		ouro_free(ptr);
	}
	return i == count;
}

static bool one_small(struct ouro_test *t, struct ouro_heap *heap)
{
	return chain(heap, 64, 1, FAULT_GFP);
}

static bool many_small(struct ouro_test *t, struct ouro_heap *heap)
{
	return chain(heap, 64, TEST_MANY(3000, 700), FAULT_GFP);
}

static bool many_atomic(struct ouro_test *t, struct ouro_heap *heap)
{
	return chain(heap, 200, TEST_MANY(500, 200),
		     GFP_ATOMIC | __GFP_NOWARN);
}

static bool out_of_band(struct ouro_test *t, struct ouro_heap *heap)
{
	return chain(heap, 4096, TEST_MANY(50, 20), FAULT_GFP) &&
	       chain(heap, 8192, TEST_MANY(50, 20), FAULT_GFP);
}

static bool several_large(struct ouro_test *t, struct ouro_heap *heap)
{
	return chain(heap, 20000, 3, FAULT_GFP) &&
	       chain(heap, 100000, 3, FAULT_GFP) &&
	       chain(heap, SZ_2M, 1, FAULT_GFP);
}

static bool copies(struct ouro_test *t, struct ouro_heap *heap)
{
	char *a = ouro_strdup(heap, "a string", FAULT_GFP);
	char *b = ouro_memdup(heap, "0123456789", 10, FAULT_GFP);
	bool good = a && b && !strcmp(a, "a string") &&
		    !memcmp(b, "0123456789", 10);

	ouro_free(a);
	ouro_free(b);
	return good;
}

static bool growing(struct ouro_test *t, struct ouro_heap *heap)
{
	u8 *ptr = NULL, *next;
	size_t size;

	for (size = 8; size < 200000; size *= 3) {
		next = ouro_realloc(heap, ptr, size, FAULT_GFP);
		if (!next) {
			/* What there was is untouched. */
			if (ptr)
				EXPECT(t, test_is_byte(ptr, size / 3, 0x33));
			break;
		}
		memset(next, 0x33, size);
		ptr = next;
	}
	ouro_free(ptr);
	return size >= 200000;
}

static bool bulk(struct ouro_test *t, struct ouro_heap *heap)
{
	static void *blocks[TEST_MANY(300, 100)];

	if (ouro_alloc_bulk(heap, 1000, FAULT_GFP, ARRAY_SIZE(blocks), blocks))
		return false;
	ouro_free_bulk(ARRAY_SIZE(blocks), blocks);
	return true;
}

static bool region(struct ouro_test *t, struct ouro_heap *heap)
{
	struct ouro_region region;
	int i, pieces = TEST_MANY(500, 100);

	ouro_region_init(&region, heap, 0);
	for (i = 0; i < pieces; i++)
		if (!ouro_region_alloc(&region, 300, FAULT_GFP))
			break;
	ouro_region_release(&region);
	return i == pieces;
}

static bool reserve(struct ouro_test *t, struct ouro_heap *heap)
{
	struct ouro_reserve *reserve;

	reserve = ouro_reserve_create(heap, 500, TEST_MANY(100, 40),
				      FAULT_GFP);
	if (IS_ERR(reserve)) {
		EXPECT_EQ(t, PTR_ERR(reserve), -ENOMEM);
		return false;
	}
	ouro_reserve_destroy(reserve);
	return true;
}

static bool trimmed(struct ouro_test *t, struct ouro_heap *heap)
{
	bool good = chain(heap, 128, TEST_MANY(1000, 200), FAULT_GFP);

	ouro_heap_trim(heap);
	return chain(heap, 128, TEST_MANY(1000, 200), FAULT_GFP) && good;
}

static bool on_node(struct ouro_test *t, struct ouro_heap *heap)
{
	void *ptr = ouro_alloc_node(heap, 100, FAULT_GFP, first_online_node);

	ouro_free(ptr);
	return ptr;
}

static bool heap_and_reserve(struct ouro_test *t, struct ouro_heap *unused)
{
	struct ouro_heap_attr attr = { .name = "fault-born",
		.node = NUMA_NO_NODE, .reserve_size = 100,
		.reserve_count = 50 };
	struct ouro_heap *heap = ouro_heap_create_attr(&attr);
	bool good;

	if (IS_ERR(heap)) {
		EXPECT_EQ(t, PTR_ERR(heap), -ENOMEM);
		return false;
	}
	good = ouro_heap_reserve(heap) && one_small(t, heap);
	EXPECT_EQ(t, ouro_heap_destroy(heap), 0);
	return good;
}

static const struct scenario scenarios[] = {
	{ "one small", one_small },
	{ "many small", many_small },
	{ "many atomic", many_atomic },
	{ "out of band", out_of_band },
	{ "several large", several_large },
	{ "copies", copies },
	{ "growing", growing },
	{ "bulk", bulk },
	{ "region", region },
	{ "reserve", reserve },
	{ "trimmed", trimmed },
	{ "on node", on_node },
	{ "heap and reserve", heap_and_reserve },
};

/* Who makes the Nth allocation fail. */
struct injector {
	int (*arm)(unsigned int nth);
	unsigned int (*disarm)(void);	/* failures that were still to come */
};

static const struct injector own = { test_fail_arm, test_fail_disarm };

#ifdef CONFIG_FAULT_INJECTION
static int kernel_arm(unsigned int nth)
{
	current->fail_nth = nth;
	return 0;
}

static unsigned int kernel_disarm(void)
{
	unsigned int left = current->fail_nth;

	current->fail_nth = 0;
	return left;
}

static const struct injector kernel = { kernel_arm, kernel_disarm };
#endif

/*
 * Heaps that are done with.  To destroy one that had objects takes grace
 * periods; many at once wait for the same.  Others go one by one: where many
 * are there, what the kernel has for atomic allocations of per-CPU memory runs
 * out.
 */
#define ENDINGS		(OURO_TEST_HEAPS - 1)	/* besides the one in use */
#define ENDINGS_BYTES	SZ_64M	/* that they hold, more or less */

static struct ending {
	struct work_struct work;
	struct ouro_test *t;
	struct ouro_heap *heap;
} endings[ENDINGS];

static unsigned int nendings;
static size_t ending_bytes;	/* that they hold */

/* With lockdep hundreds of trims would take most of the time. */
static void heap_end(struct work_struct *work)
{
	struct ending *ending = container_of(work, struct ending, work);

	test_heap_settle(ending->t, ending->heap, 0);
	if (TEST_MANY(true, false)) {
		test_heap_close(ending->t, ending->heap);
		return;
	}
	EXPECT_EQ(ending->t, test_heap_misuse(ending->heap), 0);
	test_heap_abandon(ending->t, ending->heap, 0);
}

static void endings_run(struct ouro_test *t)
{
	struct workqueue_struct *wq = alloc_workqueue("fault", WQ_UNBOUND, 0);
	unsigned int i;

	if (!EXPECT(t, wq))
		return;
	for (i = 0; i < nendings; i++)
		queue_work(wq, &endings[i].work);
	destroy_workqueue(wq);
	nendings = 0;
	ending_bytes = 0;
}

static void endings_add(struct ouro_test *t, struct ouro_heap *heap,
			bool had_objects)
{
	struct ending *ending = &endings[nendings++];
	struct ouro_heap_stat stat;

	*ending = (struct ending) { .t = t, .heap = heap };
	INIT_WORK(&ending->work, heap_end);
	ouro_heap_stat(heap, &stat);
	ending_bytes += stat.held;
	if (!had_objects || nendings == ENDINGS || ending_bytes >= ENDINGS_BYTES)
		endings_run(t);
}

/* A failure inside @run on a fresh heap; false: there was none left to have. */
static bool fail_once(struct ouro_test *t, const struct injector *by,
		      const struct scenario *s, unsigned int nth,
		      unsigned int *refused)
{
	struct ouro_heap *heap = test_heap(t);
	bool good, failed;

	object_scenarios_begin();
	if (!heap || !EXPECT_EQ(t, by->arm(nth), 0))
		return false;
	good = s->run(t, heap);
	failed = !by->disarm();
	if (failed) {
		*refused += !good;
		EXPECT_MSG(t, s->run(t, heap), "%s: not after failure %u",
			   s->name, nth);
	} else {
		EXPECT_MSG(t, good, "%s: failed without a failure", s->name);
	}
	endings_add(t, heap, s->objects);
	return failed;
}

/*
 * The failure to have after @nth: each one, but where lockdep makes every try
 * a long one the later ones in strides; other kernels have those between.
 */
static unsigned int next_nth(unsigned int nth)
{
	return nth + (nth > 8 ? TEST_MANY(1, 17) : 1);
}

static void fail_each(struct ouro_test *t, const struct injector *by,
		      const struct scenario *s, unsigned int count)
{
	unsigned int nth, refused, i, all = 0, seen = 0;

	for (i = 0; i < count; i++, s++) {
		refused = 0;
		for (nth = 1; nth < FAULTS_MAX; nth = next_nth(nth), all++)
			if (!fail_once(t, by, s, nth, &refused))
				break;
		EXPECT_MSG(t, nth < FAULTS_MAX, "%s: no end", s->name);
		EXPECT_MSG(t, nth > 1, "%s: nothing to fail", s->name);
		endings_run(t);
		seen += refused;
		cond_resched();
	}
	EXPECT_GE(t, seen, count);
	test_note(t, "%u failures, %u of them seen by the caller", all, seen);
}

static void hook(struct ouro_test *t)
{
	fail_each(t, &own, scenarios, ARRAY_SIZE(scenarios));
}

static void hook_objects(struct ouro_test *t)
{
	fail_each(t, &own, object_scenarios, OBJECT_SCENARIOS);
}

/* Slab and pages; whoever runs this has told them not to spare GFP_KERNEL. */
static void fail_each_kernel(struct ouro_test *t, const struct scenario *s,
			     unsigned int count)
{
#if defined(CONFIG_FAULT_INJECTION) && \
	(defined(CONFIG_FAILSLAB) || defined(CONFIG_FAIL_PAGE_ALLOC))
	if (IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) && t->c->flags & OURO_HEAP_DEBUG)
		SKIP(t, "kmemleak asks for memory at each block and meets the failures");
	else
		fail_each(t, &kernel, s, count);
#else
	SKIP(t, "neither failslab nor fail_page_alloc in this kernel");
#endif
}

static void slab_and_pages(struct ouro_test *t)
{
	fail_each_kernel(t, scenarios, ARRAY_SIZE(scenarios));
}

static void slab_and_pages_objects(struct ouro_test *t)
{
	fail_each_kernel(t, object_scenarios, OBJECT_SCENARIOS);
}

/* The birth of a heap, whose debugfs files may be missing but not more. */
static void birth(struct ouro_test *t)
{
	unsigned int flags, nth, failed = 0;
	struct ouro_heap *heap;

	for (flags = 0; flags <= OURO_HEAP_FLAGS; flags++) {
		for (nth = 1; nth < FAULTS_MAX; nth++) {
			EXPECT_EQ(t, own.arm(nth), 0);
			heap = ouro_heap_create("newborn", flags);
			if (own.disarm()) {
				EXPECT(t, !IS_ERR(heap));
				ouro_heap_destroy(heap);
				break;
			}
			EXPECT_EQ(t, PTR_ERR_OR_ZERO(heap), -ENOMEM);
			failed++;
		}
	}
	EXPECT_GE(t, failed, OURO_HEAP_FLAGS + 1);
}

static const struct ouro_case fault_cases[] = {
	{ "birth", birth },
	EACH_KIND(hook),
	EACH_KIND(hook_objects),
	{ "slab_and_pages_plain", slab_and_pages, .full = true },
	{ "slab_and_pages_hardened", slab_and_pages, OURO_HEAP_HARDENED, .full = true },
	{ "slab_and_pages_debug", slab_and_pages, OURO_HEAP_DEBUG, .full = true },
	/* What the kinds differ in is the module's own, and fails above. */
	{ "slab_and_pages_objects", slab_and_pages_objects, .full = true },
};

OURO_SUITE("fault", fault_cases);
