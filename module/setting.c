// SPDX-License-Identifier: GPL-2.0
/*
 * Settings of the collector, and readings of it.
 */
#include "ouro.h"
#include <linux/export.h>
#include "heap.h"
#include "kind.h"

/**
 * ouro_collector_enable() - let scans start by themselves
 * @heap: the heap
 *
 * Context: Process context.
 */
void ouro_collector_enable(struct ouro_heap *heap)
{
	WRITE_ONCE(heap->collector.enabled, true);
	ouro_collector_reset(&heap->collector);
	ouro_collector_kick(&heap->collector);
}
EXPORT_SYMBOL_OURO(ouro_collector_enable);

/**
 * ouro_collector_disable() - let no more scans start by themselves
 * @heap: the heap
 *
 * Context: Process context.
 */
void ouro_collector_disable(struct ouro_heap *heap)
{
	WRITE_ONCE(heap->collector.enabled, false);
	ouro_collector_reset(&heap->collector);
}
EXPORT_SYMBOL_OURO(ouro_collector_disable);

/**
 * ouro_collector_is_enabled() - whether scans start by themselves
 * @heap: the heap
 *
 * Context: Any.
 * Return: true when they do.
 */
bool ouro_collector_is_enabled(const struct ouro_heap *heap)
{
	return READ_ONCE(heap->collector.enabled);
}
EXPORT_SYMBOL_OURO(ouro_collector_is_enabled);

/**
 * ouro_collector_set_mode() - choose what is done with unreachable cycles
 * @heap: the heap
 * @mode: of enum ouro_collect_mode; of OURO_COLLECT_ON unless set
 *
 * A scan under way is not waited for, and may go by either.
 *
 * Context: Process context.
 * Return: 0, or -EINVAL when there is no such mode.
 */
int ouro_collector_set_mode(struct ouro_heap *heap, enum ouro_collect_mode mode)
{
	if ((unsigned int)mode >= OURO_COLLECT_MODES)
		return -EINVAL;
	WRITE_ONCE(heap->collector.mode, mode);
	ouro_collector_reset(&heap->collector);
	return 0;
}
EXPORT_SYMBOL_OURO(ouro_collector_set_mode);

/**
 * ouro_collector_mode() - what is done with unreachable cycles
 * @heap: the heap
 *
 * Context: Any.
 * Return: of enum ouro_collect_mode.
 */
enum ouro_collect_mode ouro_collector_mode(const struct ouro_heap *heap)
{
	return READ_ONCE(heap->collector.mode);
}
EXPORT_SYMBOL_OURO(ouro_collector_mode);

/**
 * ouro_kind_set_mode() - choose what is done with unreachable objects of a type
 * @kind: the type in a heap
 * @mode: of enum ouro_collect_mode; what it refers to is left, too
 *
 * Context: Any.
 * Return: 0, or -EINVAL when there is no such mode.
 */
int ouro_kind_set_mode(struct ouro_kind *kind, enum ouro_collect_mode mode)
{
	if ((unsigned int)mode >= OURO_COLLECT_MODES)
		return -EINVAL;
	if (mode != OURO_COLLECT_ON)
		WRITE_ONCE(kind->heap->collector.kind_modes, true);
	WRITE_ONCE(kind->mode, mode);
	return 0;
}
EXPORT_SYMBOL_OURO(ouro_kind_set_mode);

/**
 * ouro_kind_mode() - what is done with unreachable objects of a type
 * @kind: the type in a heap
 *
 * Context: Any.
 * Return: of enum ouro_collect_mode.
 */
enum ouro_collect_mode ouro_kind_mode(const struct ouro_kind *kind)
{
	return READ_ONCE(kind->mode);
}
EXPORT_SYMBOL_OURO(ouro_kind_mode);

/**
 * ouro_collector_set_threshold() - choose when scans start by themselves
 * @heap: the heap
 * @threshold: any values; see there
 *
 * Context: Process context.
 */
void ouro_collector_set_threshold(struct ouro_heap *heap,
				  const struct ouro_collect_threshold *threshold)
{
	struct ouro_collector *collector = &heap->collector;

	spin_lock(&collector->lock);
	collector->threshold = *threshold;
	spin_unlock(&collector->lock);
	ouro_collector_reset(collector);
}
EXPORT_SYMBOL_OURO(ouro_collector_set_threshold);

/**
 * ouro_collector_threshold() - when scans start by themselves
 * @heap: the heap
 * @threshold: filled
 *
 * Context: Process context.
 */
void ouro_collector_threshold(struct ouro_heap *heap,
			      struct ouro_collect_threshold *threshold)
{
	struct ouro_collector *collector = &heap->collector;

	spin_lock(&collector->lock);
	*threshold = collector->threshold;
	spin_unlock(&collector->lock);
}
EXPORT_SYMBOL_OURO(ouro_collector_threshold);

/**
 * ouro_collector_set_budget() - choose what scans may take that start by
 * themselves
 * @heap: the heap
 * @budget: see there; 1000 microseconds and 5 per cent unless set
 *
 * Context: Process context.
 * Return: 0, or -EINVAL when a value is out of its range.
 */
int ouro_collector_set_budget(struct ouro_heap *heap,
			      const struct ouro_collect_budget *budget)
{
	if (budget->slice_us < 10 || budget->slice_us > 10000 ||
	    budget->share < 1 || budget->share > 100)
		return -EINVAL;
	spin_lock(&heap->collector.lock);
	heap->collector.budget = *budget;
	spin_unlock(&heap->collector.lock);
	return 0;
}
EXPORT_SYMBOL_OURO(ouro_collector_set_budget);

/**
 * ouro_collector_notify_add() - be told when scans begin and end
 * @heap: the heap
 * @nb: called in process context, from the worker, with an event of enum
 *	ouro_scan_event and a struct ouro_scan_stat; may sleep, but neither collect
 *	nor destroy the heap
 *
 * Context: Process context, may sleep; not in a notifier.
 * Return: as blocking_notifier_chain_register().
 */
int ouro_collector_notify_add(struct ouro_heap *heap, struct notifier_block *nb)
{
	return blocking_notifier_chain_register(&heap->collector.notifiers, nb);
}
EXPORT_SYMBOL_OURO(ouro_collector_notify_add);

/**
 * ouro_collector_notify_remove() - be told no more
 * @heap: the heap
 * @nb: that was added; it is not called when this returns
 *
 * Context: Process context, may sleep; not in a notifier.
 * Return: as blocking_notifier_chain_unregister().
 */
int ouro_collector_notify_remove(struct ouro_heap *heap,
				 struct notifier_block *nb)
{
	return blocking_notifier_chain_unregister(&heap->collector.notifiers,
						  nb);
}
EXPORT_SYMBOL_OURO(ouro_collector_notify_remove);

/**
 * ouro_collector_stat() - read what there is to tell of a heap's collector
 * @heap: the heap
 * @stat: filled
 *
 * Context: Process context.
 */
void ouro_collector_stat(struct ouro_heap *heap,
			 struct ouro_collector_stat *stat)
{
	struct ouro_collector *collector = &heap->collector;

	spin_lock(&collector->lock);
	*stat = collector->stat;
	stat->live = max(collector->live, 0L);
	spin_unlock(&collector->lock);
	stat->tracked = max(atomic_long_read(&collector->tracked), 0L);
	stat->trigger = READ_ONCE(collector->trigger);
}
EXPORT_SYMBOL_OURO(ouro_collector_stat);
