// SPDX-License-Identifier: GPL-2.0
/* Interrupts and NMIs in the middle of allocations of the same class. */
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include "compat.h"
#include "ouro_test.h"

#define NMI_SIZE	64	/* bytes; one class for everybody */
#define NMI_SLOTS	64
#define NMI_LARGE	10000	/* bytes; freed, not made, in the interrupt */
#define NMI_SECONDS	2
#define NMI_WORKERS	4	/* threads at most */

struct worker {
	struct completion done;
	struct hammer *hammer;
	unsigned int cpu;
	u32 random;
	struct hrtimer timer;
};

/* One run; cases run one at a time. */
static struct hammer {
	struct ouro_test *t;
	struct ouro_heap *heap;
	bool nmi;			/* NMIs, else hard interrupts */
	unsigned long end;		/* jiffies */
	void *slot[NMI_SLOTS];		/* blocks, changed by xchg() only */
	void *large[NMI_SLOTS];
	atomic_t turn;
	atomic_t taken;			/* visits of an interrupt */
	atomic_t made;			/* blocks it got */
	atomic_t none;			/* and did not get */
	struct worker worker[NMI_WORKERS];
} hammer;

/* The interrupt: frees what it finds in a slot and leaves a block there. */
static void visit(void *arg)
{
	struct hammer *h = arg;
	unsigned int turn = atomic_inc_return(&h->turn);
	void *old, *ptr;

	atomic_inc(&h->taken);
	ptr = ouro_alloc(h->heap, NMI_SIZE, GFP_ATOMIC | __GFP_NOWARN);
	if (ptr) {
		atomic_inc(&h->made);
		test_fill(ptr, NMI_SIZE, 1);
	} else {
		atomic_inc(&h->none);
	}
	old = xchg(&h->slot[turn % NMI_SLOTS], ptr);
	if (old) {
		EXPECT(h->t, test_filled(old, NMI_SIZE, 1));
		if (turn & 1)
			ouro_free(old);
		else
			ouro_free_sized(h->heap, old, NMI_SIZE);
	}
	ouro_free(xchg(&h->large[turn % NMI_SLOTS], NULL));
}

static enum hrtimer_restart tick(struct hrtimer *timer)
{
	struct worker *w = container_of(timer, struct worker, timer);

	test_hardirq();
	visit(w->hammer);
	hrtimer_forward_now(timer,
			    ns_to_ktime(20000 + test_random(&w->random) %
					80000));
	return HRTIMER_RESTART;
}

/* The task: the same class, so that an interrupt meets it half way. */
static void work(struct worker *w)
{
	struct hammer *h = w->hammer;
	void *mine[8];
	int i, n = 1 + test_random(&w->random) % ARRAY_SIZE(mine);

	for (i = 0; i < n; i++) {
		mine[i] = ouro_alloc(h->heap, NMI_SIZE, GFP_KERNEL);
		if (EXPECT(h->t, mine[i]))
			test_fill(mine[i], NMI_SIZE, 1);
	}
	i = test_random(&w->random) % NMI_SLOTS;
	mine[0] = xchg(&h->slot[i], mine[0]);
	if (test_random(&w->random) % 64 == 0) {
		void *large = ouro_alloc(h->heap, NMI_LARGE, GFP_KERNEL);

		ouro_free(xchg(&h->large[i], large));
	}
	for (i = 0; i < n; i++) {
		if (mine[i])
			EXPECT(h->t, test_filled(mine[i], NMI_SIZE, 1));
		ouro_free(mine[i]);
	}
}

static int worker_thread(void *data)
{
	struct worker *w = data;
	struct hammer *h = w->hammer;
	unsigned int i;

	if (!h->nmi)
		hrtimer_start(&w->timer, ns_to_ktime(50000),
			      HRTIMER_MODE_REL_PINNED_HARD);
	for (i = 0; time_before(jiffies, h->end); i++) {
		work(w);
		if (h->nmi && i % 4 == 0) {
			preempt_disable();
			test_nmi_send(i & 4 ? smp_processor_id() : w->cpu);
			preempt_enable();
		}
		cond_resched();
	}
	if (!h->nmi)
		hrtimer_cancel(&w->timer);
	complete(&w->done);
	return 0;
}

static void workers_run(struct hammer *h)
{
	struct task_struct *task;
	unsigned int cpu;
	int i, n = 0;

	for_each_online_cpu(cpu) {
		struct worker *w = &h->worker[n];

		if (n == NMI_WORKERS)
			break;
		w->hammer = h;
		w->cpu = cpu;
		w->random = cpu + 1;
		init_completion(&w->done);
		hrtimer_setup(&w->timer, tick, CLOCK_MONOTONIC,
			      HRTIMER_MODE_REL_PINNED_HARD);
		/* On the next CPU, so that both kinds of sender are seen. */
		task = kthread_create(worker_thread, w, "ouro_nmi/%u", cpu);
		if (!EXPECT(h->t, !IS_ERR(task)))
			break;
		set_cpus_allowed_ptr(task, cpumask_of(cpu));
		wake_up_process(task);
		n++;
	}
	for (i = 0; i < n; i++)
		wait_for_completion(&h->worker[i].done);
}

static void slots_empty(struct hammer *h)
{
	int i;

	for (i = 0; i < NMI_SLOTS; i++) {
		if (h->slot[i])
			EXPECT(h->t, test_filled(h->slot[i], NMI_SIZE, 1));
		ouro_free(h->slot[i]);
		ouro_free(h->large[i]);
	}
}

static void hammer_run(struct ouro_test *t, bool nmi)
{
	struct hammer *h = &hammer;
	int ret;

	memset(h, 0, sizeof(*h));
	h->t = t;
	h->nmi = nmi;
	h->heap = test_heap(t);
	if (!h->heap)
		return;
	ret = nmi ? test_nmi_begin(visit, h) : 0;
	if (!EXPECT_EQ(t, ret, 0))
		return;
	cpus_read_lock();
	h->end = jiffies + NMI_SECONDS * HZ;
	workers_run(h);
	if (nmi)
		test_nmi_end();
	cpus_read_unlock();
	slots_empty(h);
	test_note(t, "%d interrupts, %d blocks made there, %d refused",
		  atomic_read(&h->taken), atomic_read(&h->made),
		  atomic_read(&h->none));
	EXPECT_GE(t, atomic_read(&h->taken), 100);
	if (!(t->c->flags & (OURO_HEAP_HARDENED | OURO_HEAP_DEBUG)))
		EXPECT_GE(t, atomic_read(&h->made), 1);
	test_heap_settle(t, h->heap, 0);
	test_heap_close(t, h->heap);
}

static void nmis(struct ouro_test *t)
{
	if (test_context_exists(TEST_NMI))
		hammer_run(t, true);
	else
		SKIP(t, "no way to send an NMI on this kernel");
}

static void interrupts(struct ouro_test *t)
{
	hammer_run(t, false);
}

static const struct ouro_case nmi_cases[] = {
	EACH_KIND_OF_BLOCKS(nmis),
	EACH_KIND_OF_BLOCKS(interrupts),
};

OURO_SUITE("nmi", nmi_cases);
