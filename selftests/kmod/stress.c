// SPDX-License-Identifier: GPL-2.0
/*
 * Stress: threads on all CPUs, interrupts in their middle, everything shared.
 *
 * Blocks live in slots that change by xchg() only, so whoever takes one out,
 * thread or interrupt on whatever CPU, owns it.  A block begins with its size
 * and a number; the rest follows from these and its address.  Before a block is
 * freed it is spoilt, so a block that had two owners is found by the second.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include "compat.h"
#include "ouro_test.h"

#define STRESS_SLOTS	2048
#define STRESS_THREADS	16	/* at most */
#define STRESS_SMALL	512	/* bytes an interrupt allocates at most */
#define STRESS_BATCH	48	/* blocks at most in a bulk call */

struct tag {
	u32 size;
	u32 number;
};

struct stress {
	struct ouro_test *t;
	struct ouro_heap *heap;
	unsigned long end;		/* jiffies */
	void *slot[STRESS_SLOTS];
	atomic_long_t allocs;
	atomic_long_t refused;
	atomic_long_t interrupts;
	atomic_t numbers;
};

struct worker {
	struct completion done;
	struct stress *stress;
	struct hrtimer timer;
	struct irq_work irq_work;
	u32 random;			/* of the thread */
	u32 irq_random;			/* of its interrupts */
	int id;
};

static struct stress stress;		/* cases run one at a time */
static struct worker workers[STRESS_THREADS];

static void *block_sign(struct stress *s, void *ptr, size_t size)
{
	struct tag *tag = ptr;

	if (!ptr) {
		atomic_long_inc(&s->refused);
		return NULL;
	}
	atomic_long_inc(&s->allocs);
	tag->size = size;
	tag->number = atomic_inc_return(&s->numbers);
	test_fill(tag + 1, size - sizeof(*tag), tag->number);
	return ptr;
}

static bool block_verify(struct stress *s, void *ptr)
{
	struct tag *tag = ptr;
	size_t size = tag->size;

	if (!EXPECT_MSG(s->t, size >= sizeof(*tag) && size <= ouro_block_size(ptr),
			"size %zu, block %zu", size, ouro_block_size(ptr)))
		return false;
	return EXPECT_MSG(s->t, test_filled(tag + 1, size - sizeof(*tag),
					    tag->number),
			  "size %zu", size);
}

static void block_close(struct stress *s, void *ptr, u32 random)
{
	struct tag *tag = ptr;
	size_t size;

	if (!ptr || !block_verify(s, ptr))
		return;		/* a block gone bad is left alone */
	size = tag->size;
	memset(ptr, 0xdb, min_t(size_t, size, 64));
	if (random & 1)
		ouro_free(ptr);
	else if (size == 64)
		ouro_free_sized(s->heap, ptr, 64);
	else
		ouro_free_sized(s->heap, ptr, size);
}

static void **slot_any(struct stress *s, u32 random)
{
	return &s->slot[random % STRESS_SLOTS];
}

/* Mostly small, at times up to a hundred kilobytes. */
static size_t size_any(u32 *random)
{
	u32 r = test_random(random);
	size_t max = r % 100 < 60 ? 128 : r % 100 < 90 ? 1024 :
		     r % 1000 < 997 ? 8192 : 100000;

	return sizeof(struct tag) + test_random(random) % max;
}

static void do_replace(struct worker *w)
{
	struct stress *s = w->stress;
	size_t size = size_any(&w->random);
	void *ptr;

	ptr = ouro_alloc(s->heap, size, GFP_KERNEL | __GFP_NOWARN);
	ptr = xchg(slot_any(s, test_random(&w->random)),
		   block_sign(s, ptr, size));
	block_close(s, ptr, test_random(&w->random));
}

static void do_constant(struct worker *w)
{
	struct stress *s = w->stress;
	void *ptr = ouro_alloc(s->heap, 64, GFP_KERNEL);

	ptr = xchg(slot_any(s, test_random(&w->random)),
		   block_sign(s, ptr, 64));
	block_close(s, ptr, test_random(&w->random));
}

static void do_free(struct worker *w)
{
	struct stress *s = w->stress;
	u32 i, n = test_random(&w->random) % 64;

	for (i = 0; i < n; i++)
		block_close(s, xchg(slot_any(s, test_random(&w->random)), NULL),
			    i);
}

static void do_bulk(struct worker *w)
{
	struct stress *s = w->stress;
	size_t size = sizeof(struct tag) + test_random(&w->random) % 2000;
	u32 i, n = 1 + test_random(&w->random) % STRESS_BATCH;
	void *blocks[STRESS_BATCH];

	if (ouro_alloc_bulk(s->heap, size, GFP_KERNEL, n, blocks)) {
		atomic_long_inc(&s->refused);
		return;
	}
	for (i = 0; i < n; i++)
		block_sign(s, blocks[i], size);
	for (i = 0; i < n; i++) {
		blocks[i] = xchg(slot_any(s, test_random(&w->random)),
				 blocks[i]);
		if (blocks[i] && block_verify(s, blocks[i]))
			memset(blocks[i], 0xdb, sizeof(struct tag));
	}
	ouro_free_bulk(n, blocks);
}

static void do_realloc(struct worker *w)
{
	struct stress *s = w->stress;
	void **slot = slot_any(s, test_random(&w->random));
	size_t size = size_any(&w->random);
	void *ptr = xchg(slot, NULL), *next;
	struct tag old;

	if (!ptr || !block_verify(s, ptr))
		return;
	old = *(struct tag *)ptr;
	next = ouro_realloc(s->heap, ptr, size, GFP_KERNEL | __GFP_NOWARN);
	if (next) {
		EXPECT_EQ(s->t, ((struct tag *)next)->number, old.number);
		block_sign(s, next, size);
		ptr = next;
	}
	block_close(s, xchg(slot, ptr), 1);
}

static void do_look(struct worker *w)
{
	struct stress *s = w->stress;
	struct ouro_heap_stat stat;

	ouro_heap_stat(s->heap, &stat);
	EXPECT_GE(s->t, (long)stat.live, 0);
	EXPECT_GE(s->t, (long)stat.cached, 0);
	EXPECT_GE(s->t, (long)stat.held, 0);
	EXPECT_LE(s->t, stat.live, 10 * STRESS_SLOTS);
}

static void do_rare(struct worker *w)
{
	struct stress *s = w->stress;
	u32 r = test_random(&w->random) % 100;

	if (r < 5)
		ouro_heap_trim(s->heap);
	else if (r < 20)
		ouro_heap_set_limit(s->heap, r & 1 ? SZ_1M * r / 5 : 0);
	else if (r < 60)
		do_look(w);
	else
		irq_work_queue(&w->irq_work);
}

/* What an interrupt does: trade a small block for what is in a slot. */
static void interrupt(struct worker *w)
{
	struct stress *s = w->stress;
	size_t size = sizeof(struct tag) +
		      test_random(&w->irq_random) % STRESS_SMALL;
	void *ptr;

	atomic_long_inc(&s->interrupts);
	ptr = ouro_alloc(s->heap, size, GFP_ATOMIC | __GFP_NOWARN);
	ptr = xchg(slot_any(s, test_random(&w->irq_random)),
		   block_sign(s, ptr, size));
	block_close(s, ptr, test_random(&w->irq_random));
}

static enum hrtimer_restart tick(struct hrtimer *timer)
{
	struct worker *w = container_of(timer, struct worker, timer);

	test_hardirq();
	interrupt(w);
	hrtimer_forward_now(timer, ns_to_ktime(50000 +
				test_random(&w->irq_random) % 200000));
	return HRTIMER_RESTART;
}

/*
 * The tick has its own state, so this one must not share it.  Interrupts of one
 * worker may run on two CPUs at once, when the thread moved in between.
 */
static void irq_work_fn(struct irq_work *work)
{
	struct worker *w = container_of(work, struct worker, irq_work);
	struct worker other = { .stress = w->stress,
				.irq_random = atomic_read(&w->stress->numbers) };

	test_hardirq();
	interrupt(&other);
}

static void work(struct worker *w)
{
	u32 r = test_random(&w->random) % 1000;

	if (r < 500)
		do_replace(w);
	else if (r < 800)
		do_constant(w);
	else if (r < 850)
		do_free(w);
	else if (r < 900)
		do_bulk(w);
	else if (r < 980)
		do_realloc(w);
	else
		do_rare(w);
}

static int worker_thread(void *data)
{
	struct worker *w = data;

	hrtimer_start(&w->timer, ns_to_ktime(100000), HRTIMER_MODE_REL_HARD);
	while (time_before(jiffies, w->stress->end)) {
		work(w);
		cond_resched();
	}
	hrtimer_cancel(&w->timer);
	irq_work_sync(&w->irq_work);
	/* Whoever waits may unload this module. */
	kthread_complete_and_exit(&w->done, 0);
}

static void workers_run(struct stress *s)
{
	unsigned int count = min(2 * num_online_cpus(), STRESS_THREADS);
	struct task_struct *task;
	unsigned int i, n = 0;

	for (i = 0; i < count; i++) {
		struct worker *w = &workers[i];

		*w = (struct worker){ .stress = s, .id = i, .random = i + 1,
				      .irq_random = i + 1000 };
		w->irq_work = IRQ_WORK_INIT_HARD(irq_work_fn);
		init_completion(&w->done);
		hrtimer_setup(&w->timer, tick, CLOCK_MONOTONIC,
			      HRTIMER_MODE_REL_HARD);
		task = kthread_run(worker_thread, w, "ouro_stress/%u", i);
		if (!EXPECT(s->t, !IS_ERR(task)))
			break;
		n++;
	}
	for (i = 0; i < n; i++)
		wait_for_completion(&workers[i].done);
}

static void all(struct ouro_test *t)
{
	struct stress *s = &stress;
	unsigned int seconds = test_stress_seconds();
	int i;

	memset(s, 0, sizeof(*s));
	s->t = t;
	s->heap = test_heap(t);
	if (!s->heap)
		return;
	t->deadline += seconds * HZ;
	s->end = jiffies + seconds * HZ;
	workers_run(s);
	for (i = 0; i < STRESS_SLOTS; i++)
		block_close(s, s->slot[i], i);
	test_note(t, "%ld allocations, %ld refused, %ld interrupts",
		  atomic_long_read(&s->allocs), atomic_long_read(&s->refused),
		  atomic_long_read(&s->interrupts));
	EXPECT_GE(t, atomic_long_read(&s->allocs), 1000);
	EXPECT_GE(t, atomic_long_read(&s->interrupts), 10);
	EXPECT_EQ(t, ouro_heap_set_limit(s->heap, 0), 0);
	test_heap_settle(t, s->heap, 0);
	test_heap_close(t, s->heap);
}

static const struct ouro_case stress_cases[] = {
	EACH_KIND_OF_BLOCKS(all),
};

OURO_SUITE("stress", stress_cases);
