// SPDX-License-Identifier: GPL-2.0
/*
 * Delays: a build made for it stops at the steps of scans and of operations.
 *
 * Between two steps that are a few instructions apart nobody ever comes, unless
 * one of them waits.
 */
#include <linux/kernel.h>
#include <linux/percpu.h>
#include "graph.h"

#ifdef OURO_TEST_DELAYS

extern void (*ouro_delay_hook)(unsigned int point);

#define SELDOM		64	/* one of so many points waits at all, in a crowd */
#define OFTEN		4	/* among few objects */
#define SPINS		400	/* turns at most */
#define SPINS_LONG	4000	/* now and then */

static DEFINE_PER_CPU(u32, random_state);

/* In any context, with whatever locks held. */
static void delay(unsigned int point)
{
	u32 *state = raw_cpu_ptr(&random_state);
	u32 random = test_random(state) ^ point * 0x9e3779b9;
	u32 often = graph.play->actors ? OFTEN : SELDOM;
	u32 spins;

	if (random % often)
		return;
	random /= often;
	spins = random / 32 % (random % 32 ? SPINS : SPINS_LONG);
	while (spins--)
		cpu_relax();
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
