// SPDX-License-Identifier: GPL-2.0
/* Blocks: every way to get one against every way to give it back. */
#include <linux/kernel.h>
#include <linux/preempt.h>
#include <linux/random.h>
#include <linux/sched.h>
#include "ouro_test.h"

#define BLOCK_SIZE_ONE	96	/* bytes; room for a struct rcu_head */
#define BLOCKS		200	/* live at once: more than one magazine */

struct block_item {
	unsigned long payload[4];
	struct rcu_head rcu;
};

static void *via_constant(struct ouro_heap *heap)
{
	return ouro_alloc(heap, BLOCK_SIZE_ONE, GFP_KERNEL);
}

static void *via_variable(struct ouro_heap *heap)
{
	size_t size = BLOCK_SIZE_ONE;

	OPTIMIZER_HIDE_VAR(size);
	return ouro_alloc(heap, size, GFP_KERNEL);
}

static void *via_nopreempt(struct ouro_heap *heap)
{
	void *ptr;

	preempt_disable();
	ptr = ouro_alloc_nopreempt(heap, BLOCK_SIZE_ONE, GFP_NOWAIT);
	preempt_enable();
	return ptr;
}

static void *via_atomic(struct ouro_heap *heap)
{
	return ouro_alloc(heap, BLOCK_SIZE_ONE, GFP_ATOMIC);
}

static void *via_zalloc(struct ouro_heap *heap)
{
	return ouro_zalloc(heap, BLOCK_SIZE_ONE, GFP_KERNEL);
}

static void *via_node(struct ouro_heap *heap)
{
	return ouro_alloc_node(heap, BLOCK_SIZE_ONE, GFP_KERNEL,
			       numa_node_id());
}

static void *via_bulk(struct ouro_heap *heap)
{
	void *block;

	if (ouro_alloc_bulk(heap, BLOCK_SIZE_ONE, GFP_KERNEL, 1, &block))
		return NULL;
	return block;
}

static void *via_realloc(struct ouro_heap *heap)
{
	return ouro_realloc(heap, NULL, BLOCK_SIZE_ONE, GFP_KERNEL);
}

static void *via_memdup(struct ouro_heap *heap)
{
	static const char zeroes[BLOCK_SIZE_ONE];

	return ouro_memdup(heap, zeroes, sizeof(zeroes), GFP_KERNEL);
}

static void *via_array(struct ouro_heap *heap)
{
	return ouro_alloc_array(heap, 2, BLOCK_SIZE_ONE / 2, GFP_KERNEL);
}

static void back_free(struct ouro_heap *heap, void *ptr)
{
	ouro_free(ptr);
}

static void back_sized(struct ouro_heap *heap, void *ptr)
{
	ouro_free_sized(heap, ptr, BLOCK_SIZE_ONE);
}

static void back_sized_variable(struct ouro_heap *heap, void *ptr)
{
	size_t size = BLOCK_SIZE_ONE;

	OPTIMIZER_HIDE_VAR(size);
	ouro_free_sized(heap, ptr, size);
}

static void back_nopreempt(struct ouro_heap *heap, void *ptr)
{
	preempt_disable();
	ouro_free_sized_nopreempt(heap, ptr, BLOCK_SIZE_ONE);
	preempt_enable();
}

static void back_bulk(struct ouro_heap *heap, void *ptr)
{
	ouro_free_bulk(1, &ptr);
}

static void back_rcu(struct ouro_heap *heap, void *ptr)
{
	struct block_item *item = ptr;

	ouro_free_rcu(item, rcu);
}

static void back_realloc(struct ouro_heap *heap, void *ptr)
{
	/* As krealloc(ptr, 0). */
	if (ouro_realloc(heap, ptr, 0, GFP_KERNEL) != ZERO_SIZE_PTR)
		pr_err("# ouro_test: realloc to 0 is not ZERO_SIZE_PTR\n");
}

static void *(* const ways_in[])(struct ouro_heap *heap) = {
	via_constant, via_variable, via_nopreempt, via_atomic, via_zalloc,
	via_node, via_bulk, via_realloc, via_memdup, via_array,
};

static void (* const ways_out[])(struct ouro_heap *heap, void *ptr) = {
	back_free, back_sized, back_sized_variable, back_nopreempt, back_bulk,
	back_rcu, back_realloc,
};

static void pair_check(struct ouro_test *t, struct ouro_heap *heap, int in,
		       int out)
{
	static void *blocks[BLOCKS];	/* cases run one at a time */
	int i, got = 0;

	for (i = 0; i < BLOCKS; i++) {
		blocks[i] = ways_in[in](heap);
		if (!blocks[i])
			continue;
		got++;
		test_fill(blocks[i], BLOCK_SIZE_ONE, i);
	}
	if (ways_in[in] != via_nopreempt || !IS_ENABLED(CONFIG_PREEMPT_RT))
		EXPECT_EQ(t, got, BLOCKS);
	test_heap_check(t, heap, got);
	for (i = 0; i < BLOCKS; i++) {
		if (!blocks[i])
			continue;
		EXPECT_MSG(t, test_filled(blocks[i], BLOCK_SIZE_ONE, i),
			   "in %d, out %d, block %d", in, out, i);
		ways_out[out](heap, blocks[i]);
	}
	if (ways_out[out] == back_rcu)
		rcu_barrier();
	test_heap_check(t, heap, 0);
	cond_resched();
}

static void pairs(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	int in, out;

	if (!heap)
		return;
	for (in = 0; in < ARRAY_SIZE(ways_in); in++)
		for (out = 0; out < ARRAY_SIZE(ways_out); out++)
			pair_check(t, heap, in, out);
	test_heap_close(t, heap);
}

static void nothing(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct block_item *none = NULL;
	void *blocks[2] = { NULL, ZERO_SIZE_PTR };
	size_t zero = 0;

	if (!heap)
		return;
	OPTIMIZER_HIDE_VAR(zero);
	EXPECT(t, ouro_alloc(heap, 0, GFP_KERNEL) == ZERO_SIZE_PTR);
	EXPECT(t, ouro_alloc(heap, zero, GFP_KERNEL) == ZERO_SIZE_PTR);
	EXPECT(t, ouro_zalloc(heap, zero, GFP_KERNEL) == ZERO_SIZE_PTR);
	EXPECT(t, ouro_alloc_array(heap, zero, 8, GFP_KERNEL) == ZERO_SIZE_PTR);
	EXPECT(t, ouro_alloc_node(heap, zero, GFP_KERNEL, numa_node_id()) ==
		  ZERO_SIZE_PTR);
	EXPECT(t, ouro_memdup(heap, &zero, zero, GFP_KERNEL) == ZERO_SIZE_PTR);
	ouro_free(NULL);
	ouro_free(ZERO_SIZE_PTR);
	ouro_free_sized(heap, NULL, 64);
	ouro_free_sized(heap, ZERO_SIZE_PTR, zero);
	ouro_free_bulk(2, blocks);
	ouro_free_bulk(0, NULL);
	ouro_free_rcu(none, rcu);
	EXPECT_EQ(t, ouro_block_size(NULL), 0);
	EXPECT_EQ(t, ouro_block_size(ZERO_SIZE_PTR), 0);
	EXPECT(t, !ouro_owns(heap, NULL));
	EXPECT(t, !ouro_owns(heap, ZERO_SIZE_PTR));
	test_heap_check(t, heap, 0);
	test_heap_close(t, heap);
}

static void zone_flags(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_heap_stat stat;

	if (!heap)
		return;
	EXPECT(t, !ouro_alloc(heap, 64, GFP_KERNEL | __GFP_DMA));
	EXPECT(t, !ouro_alloc(heap, 64, GFP_KERNEL | __GFP_DMA32));
	EXPECT(t, !ouro_alloc(heap, 64, GFP_KERNEL | __GFP_HIGHMEM));
	EXPECT(t, !ouro_zalloc(heap, 20000, GFP_KERNEL | __GFP_DMA));
	ouro_heap_stat(heap, &stat);
	EXPECT_EQ(t, stat.failed, 4);
	test_heap_check(t, heap, 0);
	test_heap_close(t, heap);
}

/* Memory that was dirty before must come back as zeroes. */
static void zero_recycled(struct ouro_test *t)
{
	static const size_t sizes[] = { 1, 8, 24, 100, 512, 1000, 4096, 8192,
					20000, 100000 };
	struct ouro_heap *heap = test_heap(t);
	void *blocks[8];
	int i, j, round;

	if (!heap)
		return;
	for (round = 0; round < 3; round++) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			for (j = 0; j < ARRAY_SIZE(blocks); j++) {
				blocks[j] = ouro_zalloc(heap, sizes[i],
							GFP_KERNEL);
				if (!EXPECT(t, blocks[j]))
					continue;
				EXPECT_MSG(t, test_is_byte(blocks[j], sizes[i],
							   0),
					   "size %zu", sizes[i]);
				memset(blocks[j], 0xff, sizes[i]);
			}
			for (j = 0; j < ARRAY_SIZE(blocks); j++)
				ouro_free(blocks[j]);
		}
	}
	test_heap_close(t, heap);
}

static void owns(struct ouro_test *t)
{
	static const size_t sizes[] = { 1, 64, 777, 8192, 8193, 300000 };
	struct ouro_heap *heap = test_heap(t);
	struct ouro_heap *other = test_heap(t);
	char on_stack[8];
	char *ptr;
	int i;

	if (!heap || !other)
		return;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ptr = ouro_alloc(heap, sizes[i], GFP_KERNEL);
		if (!EXPECT(t, ptr))
			continue;
		EXPECT(t, ouro_owns(heap, ptr));
		EXPECT(t, !ouro_owns(other, ptr));
		EXPECT_GE(t, ouro_block_size(ptr), sizes[i]);
		ouro_free(ptr);
	}
	EXPECT(t, !ouro_owns(heap, on_stack));
	EXPECT(t, !ouro_owns(heap, &owns));
	ptr = kmalloc(64, GFP_KERNEL);
	EXPECT(t, !ouro_owns(heap, ptr));
	kfree(ptr);
	test_heap_close(t, heap);
	test_heap_close(t, other);
}

/* The heap may go while frees still wait for their grace period. */
static void rcu_then_destroy(struct ouro_test *t)
{
	struct block_item *item;
	struct ouro_heap *heap;
	int i, round;

	for (round = 0; round < 5; round++) {
		heap = test_heap(t);
		if (!heap)
			return;
		for (i = 0; i < 100; i++) {
			item = ouro_alloc(heap, sizeof(*item), GFP_KERNEL);
			if (!EXPECT(t, item))
				continue;
			ouro_free_rcu(item, rcu);
		}
		EXPECT_EQ(t, test_heap_misuse(heap), 0);
		for (i = 0; i < OURO_TEST_HEAPS; i++)
			if (t->heaps[i] == heap)
				t->heaps[i] = NULL;
		EXPECT_EQ(t, ouro_heap_destroy(heap), 0);
	}
}

/* A reader that holds the block must find it whole. */
static void rcu_waits(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct block_item *item, *again;
	int i;

	if (!heap)
		return;
	item = ouro_alloc(heap, sizeof(*item), GFP_KERNEL);
	if (!EXPECT(t, item))
		return;
	memset(item->payload, 0x5a, sizeof(item->payload));
	rcu_read_lock();
	ouro_free_rcu(item, rcu);
	for (i = 0; i < BLOCKS; i++) {
		again = ouro_alloc(heap, sizeof(*item), GFP_ATOMIC);
		EXPECT(t, again != item);
		ouro_free(again);
	}
	EXPECT(t, test_is_byte(item->payload, sizeof(item->payload), 0x5a));
	rcu_read_unlock();
	rcu_barrier();
	test_heap_close(t, heap);
}

static void cleanup(struct ouro_test *t)
{
#ifdef DEFINE_FREE
	struct ouro_heap *heap = test_heap(t);

	if (!heap)
		return;
	{
		char *ptr __free(ouro) = ouro_alloc(heap, 100, GFP_KERNEL);
		char *kept __free(ouro) = ouro_alloc(heap, 100, GFP_KERNEL);
		char *none __free(ouro) = NULL;

		EXPECT(t, ptr && kept && !none);
		test_heap_check(t, heap, 2);
		ouro_free(no_free_ptr(kept));
		test_heap_check(t, heap, 1);
	}
	test_heap_close(t, heap);
#else
	SKIP(t, "this kernel has no linux/cleanup.h");
#endif
}

/* A block whose CPU changes between alloc and free. */
static void migrate(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	static void *blocks[BLOCKS];
	int cpu, i, round;

	if (!heap)
		return;
	for (round = 0; round < 4; round++) {
		for_each_online_cpu(cpu) {
			set_cpus_allowed_ptr(current, cpumask_of(cpu));
			for (i = 0; i < BLOCKS; i++) {
				if (blocks[i])
					EXPECT(t, test_filled(blocks[i], 64, i));
				ouro_free(blocks[i]);
				blocks[i] = ouro_alloc(heap, 64, GFP_KERNEL);
				if (EXPECT(t, blocks[i]))
					test_fill(blocks[i], 64, i);
			}
		}
	}
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	ouro_free_bulk(BLOCKS, blocks);
	memset(blocks, 0, sizeof(blocks));
	test_heap_close(t, heap);
}

/* Blocks from one CPU, freed by another one, which has allocated none. */
struct passed {
	struct ouro_heap *heap;
	void *blocks[BLOCKS];
	u32 ready;	/* 1: allocated */
	bool failed;
};

static void pass_thread(void *arg, unsigned int id)
{
	struct passed *p = arg;

	if (!id) {
		if (ouro_alloc_bulk(p->heap, 64, GFP_KERNEL, BLOCKS,
				    p->blocks))
			WRITE_ONCE(p->failed, true);
		else	/* pairs with the acquire in test_wait_for() */
			smp_store_release(&p->ready, 1);
	} else if (test_wait_for(&p->ready, 1, &p->failed)) {
		ouro_free_bulk(BLOCKS, p->blocks);
	}
}

/* They wait in that CPU's magazines, not in pools, for whoever is next. */
static void pass(struct ouro_test *t)
{
	static struct passed p;
	struct ouro_heap_stat stat;

	if (num_online_cpus() < 2) {
		SKIP(t, "one CPU only");
		return;
	}
	memset(&p, 0, sizeof(p));
	p.heap = test_heap(t);
	if (!p.heap || !EXPECT(t, test_threads_run(t, 2, pass_thread, &p)) ||
	    !EXPECT(t, !p.failed))
		return;
	ouro_heap_stat(p.heap, &stat);
	EXPECT_GE(t, stat.cached, BLOCKS / 2);
	test_heap_close(t, p.heap);
}

static const struct ouro_case block_cases[] = {
	EACH_KIND_OF_BLOCKS(pairs),
	EACH_KIND_OF_BLOCKS(nothing),
	EACH_KIND_OF_BLOCKS(zone_flags),
	EACH_KIND_OF_BLOCKS(zero_recycled),
	EACH_KIND_OF_BLOCKS(owns),
	EACH_KIND_OF_BLOCKS(rcu_then_destroy),
	EACH_KIND_OF_BLOCKS(rcu_waits),
	EACH_KIND_OF_BLOCKS(cleanup),
	EACH_KIND_OF_BLOCKS(migrate),
	EACH_KIND_OF_BLOCKS(pass),
};

OURO_SUITE("block", block_cases);
