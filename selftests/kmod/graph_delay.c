// SPDX-License-Identifier: GPL-2.0
/*
 * Delays: a build made for it stops at the steps of scans and of operations.
 *
 * Between two steps that are a few instructions apart nobody ever comes, unless
 * one of them waits.  Scans wait until there have been some steps of operations,
 * and these wait for steps of scans: so they go on side by side where CPUs are
 * busy with other things, too.
 */
#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include "graph.h"

#ifdef OURO_TEST_DELAYS

extern void (*ouro_delay_hook)(unsigned int point);

#define SELDOM		64	/* one of so many points waits at all, in a crowd */
#define OFTEN		2	/* among few objects, and at times */
#define DOUBLES		6	/* it is twice as long so many times, at most */
#define SPINS		64	/* turns, for a while */
#define SPINS_MOST	50000	/* turns, for steps of others */
#define PATIENCE	400	/* turns, for the next step, where there may be none */
#define PATIENCE_MOST	20000	/* where there is, unless its CPU is not running */

/* Who comes to points: scans, and those that scans look at. */
enum side {
	SIDE_SCAN,
	SIDE_ACTOR,
	SIDES
};

static atomic_t steps[SIDES];
static bool waits[SIDES];
static DEFINE_PER_CPU(u32, random_state);

static enum side side_here(void)
{
	return in_task() && (current->flags & PF_WQ_WORKER) ? SIDE_SCAN :
							      SIDE_ACTOR;
}

static void spin(unsigned int spins)
{
	while (spins--)
		cpu_relax();
}

/* Unless they wait for us, or have nothing to do. */
static void wait_for(enum side other, unsigned int count, unsigned int patience)
{
	enum side here = SIDES - 1 - other;
	int now, at = atomic_read(&steps[other]), end = at + count;
	unsigned int spins, idle = 0;

	WRITE_ONCE(waits[here], true);
	for (spins = 0; spins < SPINS_MOST && idle < patience; spins++, idle++) {
		now = atomic_read(&steps[other]);
		if (now - end >= 0 || READ_ONCE(waits[other]))
			break;
		if (now != at)
			idle = 0;
		at = now;
		cpu_relax();
	}
	WRITE_ONCE(waits[here], false);
}

/* In any context, with whatever locks held. */
static void delay(unsigned int point)
{
	u32 *state = raw_cpu_ptr(&random_state);
	u32 random = test_random(state) ^ point * 0x9e3779b9;
	unsigned int when = jiffies % 4;
	u32 often = graph.play->actors ? OFTEN << when : SELDOM;
	enum side here = side_here();
	u32 length;

	atomic_inc(&steps[here]);
	if (random % often)
		return;
	random /= often;
	length = 1U << random % DOUBLES;
	random /= DOUBLES;
	if (random % 2)
		spin(random / 8 % (SPINS * length));
	else
		wait_for(SIDES - 1 - here, 1 + random / 8 % length,
			 here == SIDE_SCAN || random / 2 % 4 == 0 ?
			 PATIENCE_MOST : PATIENCE);
}

void graph_delay_begin(void)
{
	WRITE_ONCE(ouro_delay_hook, delay);
}

/* Who is in the hook leaves it: nobody unloads this module before the heap goes. */
void graph_delay_end(void)
{
	WRITE_ONCE(ouro_delay_hook, NULL);
}

#else

void graph_delay_begin(void)
{
}

void graph_delay_end(void)
{
}

#endif
