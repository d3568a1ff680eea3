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
struct ouro_pool;
struct ouro_slice;

/**
 * struct ouro_reaper - objects of a heap that wait for their death
 * @doomed: pools with some
 * @work: buries them
 * @irq_work: queues @work where that cannot be done directly
 */
struct ouro_reaper {
	struct llist_head doomed;
	struct work_struct work;
	struct irq_work irq_work;
};

void ouro_doom(struct ouro_pool *pool, struct ouro_object *object);
void ouro_reap_later(struct ouro_pool *pool, struct ouro_object *object);
void ouro_reap(struct ouro_object *object, u64 word, unsigned long caller);
void ouro_reaper_init(struct ouro_reaper *reaper, struct lock_class_key *key);
void ouro_reaper_set_key(struct ouro_reaper *reaper,
			 struct lock_class_key *key);
void ouro_reap_end(struct ouro_heap *heap);
void ouro_reap_release_all(struct ouro_heap *heap);
int ouro_reap_init(void);
void ouro_reap_exit(void);

#endif /* OURO_REAP_H */
