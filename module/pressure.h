/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pressure: what gives free memory back.
 */
#ifndef OURO_PRESSURE_H
#define OURO_PRESSURE_H

#include "ouro.h"

struct ouro_heap;

bool ouro_heap_drain_here(struct ouro_heap *heap);
bool ouro_pressure_queue(struct ouro_heap *heap,
			 struct work_struct __percpu *works);
bool ouro_heap_drain_everywhere(struct ouro_heap *heap);

int ouro_pressure_init(void);
void ouro_pressure_exit(void);

#endif /* OURO_PRESSURE_H */
