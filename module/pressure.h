/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pressure: what gives free memory back.
 */
#ifndef OURO_PRESSURE_H
#define OURO_PRESSURE_H

struct workqueue_struct;

/* Bound to CPUs: empties their magazines. */
extern struct workqueue_struct *ouro_drain_wq;

int ouro_pressure_init(void);
void ouro_pressure_exit(void);

#endif /* OURO_PRESSURE_H */
