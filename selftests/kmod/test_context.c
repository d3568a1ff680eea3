// SPDX-License-Identifier: GPL-2.0
/* Contexts: runs a function in each that the kernel has. */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/smp.h>
#include "compat.h"
#include "ouro_test.h"

#if defined(CONFIG_X86_LOCAL_APIC) && defined(CONFIG_SMP) && \
	!defined(CONFIG_UML)
#include <asm/apic.h>
#include <asm/nmi.h>
#define TEST_HAVE_NMI	1
#else
#define TEST_HAVE_NMI	0
#endif

struct context_call {
	void (*fn)(void *arg);
	void *arg;
	bool wrong;	/* the context was not the one asked for */
	struct tasklet_struct tasklet;
	struct irq_work work;
	struct hrtimer timer;
	struct completion done;
};

const char *test_context_name(enum test_context context)
{
	static const char * const names[TEST_CONTEXTS] = {
		"task", "preempt_off", "irq_off", "softirq", "irq_work",
		"hrtimer", "ipi", "nmi",
	};

	return names[context];
}
EXPORT_SYMBOL_GPL(test_context_name);

static void tasklet_fn(struct tasklet_struct *tasklet)
{
	struct context_call *call =
		container_of(tasklet, struct context_call, tasklet);

	call->wrong = !in_serving_softirq();
	call->fn(call->arg);
	complete(&call->done);
}

static int softirq_run(struct context_call *call)
{
	tasklet_setup(&call->tasklet, tasklet_fn);
	tasklet_schedule(&call->tasklet);
	wait_for_completion(&call->done);
	tasklet_kill(&call->tasklet);
	return 0;
}

static void irq_work_fn(struct irq_work *work)
{
	struct context_call *call =
		container_of(work, struct context_call, work);

	test_hardirq();
	call->wrong = !in_hardirq();
	call->fn(call->arg);
	complete(&call->done);
}

static int irq_work_run_call(struct context_call *call)
{
	call->work = IRQ_WORK_INIT_HARD(irq_work_fn);
	irq_work_queue(&call->work);
	wait_for_completion(&call->done);
	irq_work_sync(&call->work);
	return 0;
}

static enum hrtimer_restart hrtimer_fn(struct hrtimer *timer)
{
	struct context_call *call =
		container_of(timer, struct context_call, timer);

	test_hardirq();
	call->wrong = !in_hardirq();
	call->fn(call->arg);
	complete(&call->done);
	return HRTIMER_NORESTART;
}

static int hrtimer_run_call(struct context_call *call)
{
	hrtimer_setup(&call->timer, hrtimer_fn, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_HARD);
	hrtimer_start(&call->timer, ns_to_ktime(50 * NSEC_PER_USEC), HRTIMER_MODE_REL_HARD);
	wait_for_completion(&call->done);
	hrtimer_cancel(&call->timer);
	return 0;
}

static void ipi_fn(void *info)
{
	struct context_call *call = info;

	test_hardirq();
	call->wrong = !irqs_disabled();
	call->fn(call->arg);
}

/* On another CPU when there is one. */
static int ipi_run(struct context_call *call)
{
	int cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());

	if (cpu >= nr_cpu_ids)
		cpu = raw_smp_processor_id();
	return smp_call_function_single(cpu, ipi_fn, call, true);
}

static void nmi_fn(void *info)
{
	struct context_call *call = info;

	call->wrong = !in_nmi();
	call->fn(call->arg);
	/* An NMI cannot complete(): nmi_run() polls. */
	smp_store_release(&call->fn, NULL);
}

static int nmi_run(struct context_call *call)
{
	int ret, i;

	ret = test_nmi_begin(nmi_fn, call);
	if (ret)
		return ret;
	preempt_disable();
	test_nmi_send(smp_processor_id());
	preempt_enable();
	/* Pairs with the release that ends the handler's work. */
	for (i = 0; i < 1000 && smp_load_acquire(&call->fn); i++)
		usleep_range(100, 1000);
	test_nmi_end();
	return call->fn ? -ETIMEDOUT : 0;
}

static int simple_run(enum test_context context, struct context_call *call)
{
	unsigned long flags;

	switch (context) {
	case TEST_PREEMPT_OFF:
		preempt_disable();
		call->fn(call->arg);
		preempt_enable();
		break;
	case TEST_IRQ_OFF:
		local_irq_save(flags);
		call->fn(call->arg);
		local_irq_restore(flags);
		break;
	default:
		call->fn(call->arg);
		break;
	}
	return 0;
}

/* -EOPNOTSUPP: not on this kernel; -EPROTO: it ran, but in another context. */
int test_context_run(enum test_context context, void (*fn)(void *arg),
		     void *arg)
{
	static struct context_call call;	/* cases run one at a time */
	int ret;

	call = (struct context_call){ .fn = fn, .arg = arg };
	init_completion(&call.done);
	switch (context) {
	case TEST_SOFTIRQ:
		ret = softirq_run(&call);
		break;
	case TEST_IRQ_WORK:
		ret = irq_work_run_call(&call);
		break;
	case TEST_HRTIMER:
		ret = hrtimer_run_call(&call);
		break;
	case TEST_IPI:
		ret = ipi_run(&call);
		break;
	case TEST_NMI:
		ret = nmi_run(&call);
		break;
	default:
		ret = simple_run(context, &call);
		break;
	}
	return ret ?: call.wrong ? -EPROTO : 0;
}
EXPORT_SYMBOL_GPL(test_context_run);

bool test_context_exists(enum test_context context)
{
	return context != TEST_NMI || TEST_HAVE_NMI;
}
EXPORT_SYMBOL_GPL(test_context_exists);

#if TEST_HAVE_NMI

static void (*nmi_call)(void *arg);
static void *nmi_arg;
static atomic_t nmi_due[NR_CPUS];	/* sent to a CPU and not yet served */

/*
 * Two sent in a row may arrive as one, and one that was served with the one
 * before it still arrives: with nothing due it is ours all the same.
 */
static int nmi_handle(unsigned int cmd, struct pt_regs *regs)
{
	atomic_t *due = &nmi_due[raw_smp_processor_id()];
	int here = atomic_read(due);

	if (here) {
		nmi_call(nmi_arg);
		/* Pairs with the acquire in test_nmi_wait(). */
		atomic_sub_return_release(here, due);
	}
	return NMI_HANDLED;
}

int test_nmi_begin(void (*fn)(void *arg), void *arg)
{
	nmi_call = fn;
	nmi_arg = arg;
	return register_nmi_handler(NMI_LOCAL, nmi_handle, 0, "ouro_test");
}
EXPORT_SYMBOL_GPL(test_nmi_begin);

/* The caller keeps @cpu online. */
void test_nmi_send(int cpu)
{
	atomic_inc(&nmi_due[cpu]);
	apic->send_IPI_mask(cpumask_of(cpu), NMI_VECTOR);
}
EXPORT_SYMBOL_GPL(test_nmi_send);

/* The last one sent may come after its sender went on. */
bool test_nmi_wait(void)
{
	int cpu, i, due = 0;

	for_each_online_cpu(cpu) {
		/* Pairs with the release in nmi_handle(). */
		for (i = 0; i < 1000; i++) {
			due = atomic_read_acquire(&nmi_due[cpu]);
			if (!due)
				break;
			usleep_range(100, 1000);
		}
		if (due)
			return false;
	}
	return true;
}
EXPORT_SYMBOL_GPL(test_nmi_wait);

/* Waits for those under way, so that none is left without a handler. */
void test_nmi_end(void)
{
	test_nmi_wait();
	unregister_nmi_handler(NMI_LOCAL, "ouro_test");
}
EXPORT_SYMBOL_GPL(test_nmi_end);

#else

int test_nmi_begin(void (*fn)(void *arg), void *arg)
{
	return -EOPNOTSUPP;
}
EXPORT_SYMBOL_GPL(test_nmi_begin);

void test_nmi_send(int cpu)
{
}
EXPORT_SYMBOL_GPL(test_nmi_send);

bool test_nmi_wait(void)
{
	return true;
}
EXPORT_SYMBOL_GPL(test_nmi_wait);

void test_nmi_end(void)
{
}
EXPORT_SYMBOL_GPL(test_nmi_end);

#endif
