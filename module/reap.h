/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reaping: what follows the last reference.
 */
#ifndef OURO_REAP_H
#define OURO_REAP_H

#include <linux/irq_work.h>
#include <linux/llist.h>
#include <linux/workqueue.h>
#include "ouro.h"

struct ouro_heap;
struct ouro_object;

/**
 * struct ouro_reaper - objects of a heap that wait for their death
 * @doomed: pools with some that anybody may see to
 * @late: pools with some that need a worker, for OURO_TYPE_WORKER
 * @work: empties both
 * @irq_work: queues @work where that cannot be done directly
 */
struct ouro_reaper {
	struct llist_head doomed;
	struct llist_head late;
	struct work_struct work;
	struct irq_work irq_work;
};

void ouro_reap(struct ouro_object *object, u64 word, unsigned long caller);
void ouro_reap_init(struct ouro_reaper *reaper);
void ouro_reap_release_all(struct ouro_heap *heap);

#endif /* OURO_REAP_H */
