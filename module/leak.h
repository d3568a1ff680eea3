/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Leaks: what a heap still has when it is destroyed, told in the kernel log.
 */
#ifndef OURO_LEAK_H
#define OURO_LEAK_H

#include "ouro.h"

struct ouro_heap;
struct ouro_heap_stat;

void ouro_leak_tell(struct ouro_heap *heap, const struct ouro_heap_stat *stat);

#endif /* OURO_LEAK_H */
