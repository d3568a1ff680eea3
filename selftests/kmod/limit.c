// SPDX-License-Identifier: GPL-2.0
/* Limits: hit, raised, lowered, counted. */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include "ouro_test.h"

#define LIMIT	SZ_512K

static struct ouro_heap *limited(struct ouro_test *t)
{
	struct ouro_heap_attr attr = { .flags = t->c->flags,
				       .node = NUMA_NO_NODE, .limit = LIMIT };

	return test_heap_attr(t, &attr);
}

/* Fill the heap; returns the chain and how many blocks it has. */
static void *fill(struct ouro_heap *heap, size_t size, unsigned long *count)
{
	void **ptr, *chain = NULL;

	*count = 0;
	while (*count < 4 * LIMIT / size) {
		ptr = ouro_alloc(heap, size, GFP_KERNEL);
		if (!ptr)
			break;
		*ptr = chain;
		chain = ptr;
		++*count;
	}
	return chain;
}

static void chain_free(void *chain)
{
	void **ptr;

	while (chain) {
		ptr = chain;
		chain = *ptr;
		ouro_free(ptr);
	}
}

static void hit(struct ouro_test *t, size_t size)
{
	struct ouro_heap *heap = limited(t);
	struct ouro_heap_stat s, again;
	unsigned long count, more;
	void *chain;

	if (!heap)
		return;
	chain = fill(heap, size, &count);
	EXPECT_LE(t, count * size, LIMIT);
	/* Most of the limit is of use. */
	EXPECT_GE(t, count * size, LIMIT * 3 / 4);
	test_heap_check(t, heap, count);
	ouro_heap_stat(heap, &s);
	EXPECT_LE(t, s.peak, LIMIT);
	EXPECT_GE(t, s.limit_hits, 1);
	EXPECT_GE(t, s.failed, 1);
	EXPECT(t, !ouro_alloc(heap, size, GFP_KERNEL));
	EXPECT(t, !ouro_alloc(heap, size, GFP_ATOMIC));
	ouro_heap_stat(heap, &again);
	EXPECT_EQ(t, again.failed, s.failed + 2);
	EXPECT_GE(t, again.limit_hits, s.limit_hits + 2);

	/* What is freed can be had again at the limit. */
	chain_free(chain);
	chain = fill(heap, size, &more);
	EXPECT_GE(t, more + more / 8, count);
	chain_free(chain);
	test_heap_close(t, heap);
}

static void hits(struct ouro_test *t)
{
	if (TEST_MANY(true, !(t->c->flags & OURO_HEAP_DEBUG)))
		hit(t, 16);
	hit(t, 64);
	hit(t, 640);
	hit(t, 4096);
	hit(t, 10000);
	hit(t, 50000);
}

static void raised(struct ouro_test *t)
{
	struct ouro_heap *heap = limited(t);
	unsigned long count, more;
	void *chain, *second;

	if (!heap)
		return;
	chain = fill(heap, 128, &count);
	EXPECT(t, !ouro_alloc(heap, 128, GFP_KERNEL));
	EXPECT_EQ(t, ouro_heap_set_limit(heap, 2 * LIMIT), 0);
	EXPECT_EQ(t, ouro_heap_limit(heap), 2 * LIMIT);
	second = fill(heap, 128, &more);
	EXPECT_GE(t, more, count / 2);
	test_heap_check(t, heap, count + more);
	EXPECT_EQ(t, ouro_heap_set_limit(heap, 0), 0);
	EXPECT_EQ(t, ouro_heap_limit(heap), 0);
	chain_free(second);
	second = fill(heap, 8192, &more);
	EXPECT_EQ(t, more, 4 * LIMIT / 8192);
	chain_free(second);
	chain_free(chain);
	test_heap_close(t, heap);
}

/* Below what is held: nothing grows any more, nothing is lost. */
static void lowered(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_heap_stat s;
	unsigned long count;
	void *chain;
	int ret;

	if (!heap)
		return;
	chain = fill(heap, 1024, &count);
	EXPECT_EQ(t, count, 4 * LIMIT / 1024);
	ret = ouro_heap_set_limit(heap, LIMIT);
	EXPECT(t, ret == 0 || ret == -EBUSY);
	if (!ret) {
		EXPECT(t, !ouro_alloc(heap, 20000, GFP_KERNEL));
		chain_free(chain);
		ouro_heap_trim(heap);
		ouro_heap_stat(heap, &s);
		EXPECT_LE(t, s.held, LIMIT);
		chain = fill(heap, 1024, &count);
		EXPECT_LE(t, count * 1024, LIMIT);
		EXPECT_GE(t, count * 1024, LIMIT / 2);
	}
	chain_free(chain);
	test_heap_close(t, heap);
}

/* One that is smaller than a pool, and one that is a page or so. */
static void tiny(struct ouro_test *t)
{
	struct ouro_heap *heap = limited(t);

	if (!heap)
		return;
	EXPECT_EQ(t, ouro_heap_set_limit(heap, 1), 0);
	EXPECT(t, !ouro_alloc(heap, 16, GFP_KERNEL));
	EXPECT(t, !ouro_alloc(heap, 10000, GFP_KERNEL));
	EXPECT_EQ(t, ouro_heap_set_limit(heap, SZ_8K), 0);
	EXPECT(t, !ouro_alloc(heap, 10000, GFP_KERNEL));
	test_heap_check(t, heap, 0);
	test_heap_close(t, heap);
}

/* __GFP_NOFAIL does not override a limit, and __GFP_NOWARN is for the log. */
static void flags(struct ouro_test *t)
{
	struct ouro_heap *heap = limited(t);
	unsigned long count;
	struct test_log log;
	void *chain;

	if (!heap)
		return;
	chain = fill(heap, 512, &count);
	test_log_mark(&log);
	EXPECT(t, !ouro_alloc(heap, 512, GFP_KERNEL | __GFP_NOFAIL));
	EXPECT(t, !ouro_alloc(heap, 512, GFP_KERNEL | __GFP_NOWARN));
	EXPECT(t, !ouro_alloc(heap, 50000, GFP_KERNEL | __GFP_NOFAIL));
	EXPECT(t, !ouro_alloc(heap, 50000, GFP_KERNEL | __GFP_NOWARN));
	EXPECT_LE(t, test_log_count(&log, ""), 1);
	chain_free(chain);
	test_heap_close(t, heap);
}

/* What other CPUs' magazines hold must not make a heap look full for ever. */
static void elsewhere(struct ouro_test *t)
{
	struct ouro_heap *heap = limited(t);
	unsigned long count, more;
	void *chain;
	int cpu;

	if (!heap)
		return;
	for_each_online_cpu(cpu) {
		set_cpus_allowed_ptr(current, cpumask_of(cpu));
		chain = fill(heap, 256, &count);
		chain_free(chain);
		chain = fill(heap, 64, &count);
		chain_free(chain);
	}
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	ouro_heap_trim(heap);
	chain = fill(heap, 1024, &more);
	EXPECT_GE(t, more * 1024, LIMIT * 3 / 4);
	chain_free(chain);
	test_heap_close(t, heap);
}

#define PINS	64	/* one block of so many, all over the heap, is freed last */

/*
 * A few blocks in another CPU's magazines keep all pools of a full heap, and so its
 * arenas.  Who may wait gets these all the same.
 */
static void pinned(struct ouro_test *t)
{
	static void *blocks[LIMIT / 64];
	struct ouro_heap *heap = limited(t);
	unsigned int i, count;
	void *large;

	if (!heap)
		return;
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_last(cpu_online_mask)));
	for (count = 0; count < ARRAY_SIZE(blocks); count++) {
		blocks[count] = ouro_alloc(heap, 64, GFP_KERNEL);
		if (!blocks[count])
			break;
	}
	for (i = 0; i < count; i++)
		if (i % PINS)
			ouro_free(blocks[i]);
	for (i = 0; i < count; i += PINS)
		ouro_free(blocks[i]);
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	large = ouro_alloc(heap, LIMIT * 3 / 4, GFP_KERNEL);
	EXPECT(t, large);
	ouro_free(large);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	test_heap_close(t, heap);
}

struct late {
	struct rcu_head rcu;
	char payload[64 - sizeof(struct rcu_head)];
};

/* What is freed a grace period later goes to magazines then, and is had all the same. */
static void late(struct ouro_test *t)
{
	static struct late *blocks[LIMIT / sizeof(struct late)];
	struct ouro_heap *heap = limited(t);
	unsigned int i, count;
	void *large;

	if (!heap)
		return;
	for (count = 0; count < ARRAY_SIZE(blocks); count++) {
		blocks[count] = ouro_alloc(heap, sizeof(struct late),
					   GFP_KERNEL);
		if (!blocks[count])
			break;
	}
	for (i = 0; i < count; i++)
		ouro_free_rcu(blocks[i], rcu);
	large = ouro_alloc(heap, LIMIT * 3 / 4, GFP_KERNEL);
	EXPECT(t, large);
	ouro_free(large);
	test_heap_close(t, heap);
}

static const struct ouro_case limit_cases[] = {
	EACH_KIND(hits),
	EACH_KIND(raised),
	EACH_KIND(lowered),
	EACH_KIND(tiny),
	EACH_KIND(flags),
	EACH_KIND(elsewhere),
	EACH_KIND(pinned),
	EACH_KIND(late),
};

OURO_SUITE("limit", limit_cases);
