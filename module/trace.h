/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints: scans.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ouro

#if !defined(OURO_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define OURO_TRACE_H

#include <linux/tracepoint.h>
#include <ouro/collect.h>
#include <ouro/heap.h>

TRACE_EVENT(ouro_scan_begin,
	TP_PROTO(const char *heap, unsigned int generation, long tracked),
	TP_ARGS(heap, generation, tracked),
	TP_STRUCT__entry(
		__array(char, heap, OURO_NAME_MAX)
		__field(unsigned int, generation)
		__field(long, tracked)
	),
	TP_fast_assign(
		strscpy(__entry->heap, heap, OURO_NAME_MAX);
		__entry->generation = generation;
		__entry->tracked = tracked;
	),
	TP_printk("heap=%s generation=%s tracked=%ld", __entry->heap,
		  __entry->generation == OURO_YOUNG ? "young" : "old",
		  __entry->tracked)
);

TRACE_EVENT(ouro_scan_end,
	TP_PROTO(const char *heap, const struct ouro_scan_stat *stat),
	TP_ARGS(heap, stat),
	TP_STRUCT__entry(
		__array(char, heap, OURO_NAME_MAX)
		__field(unsigned int, generation)
		__field(unsigned long, visited)
		__field(unsigned long, freed)
		__field(unsigned long, uncollectable)
		__field(unsigned long, resurrected)
		__field(u64, ns)
	),
	TP_fast_assign(
		strscpy(__entry->heap, heap, OURO_NAME_MAX);
		__entry->generation = stat->generation;
		__entry->visited = stat->visited;
		__entry->freed = stat->freed;
		__entry->uncollectable = stat->uncollectable;
		__entry->resurrected = stat->resurrected;
		__entry->ns = stat->ns;
	),
	TP_printk("heap=%s generation=%s visited=%lu freed=%lu uncollectable=%lu resurrected=%lu ns=%llu",
		  __entry->heap,
		  __entry->generation == OURO_YOUNG ? "young" : "old",
		  __entry->visited, __entry->freed, __entry->uncollectable,
		  __entry->resurrected, __entry->ns)
);

TRACE_EVENT(ouro_scan_abort,
	TP_PROTO(const char *heap, unsigned int members, unsigned int remain),
	TP_ARGS(heap, members, remain),
	TP_STRUCT__entry(
		__array(char, heap, OURO_NAME_MAX)
		__field(unsigned int, members)
		__field(unsigned int, remain)
	),
	TP_fast_assign(
		strscpy(__entry->heap, heap, OURO_NAME_MAX);
		__entry->members = members;
		__entry->remain = remain;
	),
	TP_printk("heap=%s members=%u remain=%u", __entry->heap,
		  __entry->members, __entry->remain)
);

#endif /* OURO_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
