// SPDX-License-Identifier: GPL-2.0
/*
 * Delays: a build made for it stops at the steps of scans and operations.
 *
 * Between two steps that are a few instructions apart nobody ever comes, unless
 * one of them waits.
 */
#include <linux/kernel.h>
#include "graph.h"

void graph_delay_begin(void)
{
}

void graph_delay_end(void)
{
}
