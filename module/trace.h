/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints: scans, arenas and pools that come and go, what was refused for
 * the limit, and what is live when its heap is destroyed.
 *
 * All lie in slow paths.  Those of pools are hit under class->lock, with
 * interrupts off.  No field is an address of the kernel.  Names are padded: who
 * counts by name may compare all of the array.  docs/tracing.rst has the events
 * for people.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ouro

#ifndef OURO_TRACE_H
/* What tracers are told of a pool's buckets; see ouro_pool_trace(). */
enum ouro_pool_state {
	OURO_POOL_NONE,
	OURO_POOL_EMPTY,
	OURO_POOL_PARTIAL,
	OURO_POOL_FULL,
};
#endif

#if !defined(OURO_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define OURO_TRACE_H

#include <linux/tracepoint.h>
#include <ouro/collect.h>
#include <ouro/heap.h>
#include <ouro/type.h>

/* Programs that read the events know numbers only. */
TRACE_DEFINE_ENUM(OURO_YOUNG);
TRACE_DEFINE_ENUM(OURO_POOL_NONE);
TRACE_DEFINE_ENUM(OURO_POOL_EMPTY);
TRACE_DEFINE_ENUM(OURO_POOL_PARTIAL);
TRACE_DEFINE_ENUM(OURO_POOL_FULL);

TRACE_EVENT(ouro_scan_begin,
	TP_PROTO(const char *heap, unsigned int generation, long tracked),
	TP_ARGS(heap, generation, tracked),
	TP_STRUCT__entry(
		__array(char, heap, OURO_NAME_MAX)
		__field(unsigned int, generation)
		__field(long, tracked)
	),
	TP_fast_assign(
		strscpy_pad(__entry->heap, heap, OURO_NAME_MAX);
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
		strscpy_pad(__entry->heap, heap, OURO_NAME_MAX);
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
		strscpy_pad(__entry->heap, heap, OURO_NAME_MAX);
		__entry->members = members;
		__entry->remain = remain;
	),
	TP_printk("heap=%s members=%u remain=%u", __entry->heap,
		  __entry->members, __entry->remain)
);

DECLARE_EVENT_CLASS(ouro_arena,
	TP_PROTO(const char *heap, unsigned long bytes, int node,
		 unsigned int arenas, unsigned long held),
	TP_ARGS(heap, bytes, node, arenas, held),
	TP_STRUCT__entry(
		__array(char, heap, OURO_NAME_MAX)
		__field(unsigned long, bytes)
		__field(int, node)
		__field(unsigned int, arenas)
		__field(unsigned long, held)
	),
	TP_fast_assign(
		strscpy_pad(__entry->heap, heap, OURO_NAME_MAX);
		__entry->bytes = bytes;
		__entry->node = node;
		__entry->arenas = arenas;
		__entry->held = held;
	),
	TP_printk("heap=%s bytes=%lu node=%d arenas=%u held=%lu",
		  __entry->heap, __entry->bytes, __entry->node,
		  __entry->arenas, __entry->held)
);

DEFINE_EVENT(ouro_arena, ouro_arena_get,
	TP_PROTO(const char *heap, unsigned long bytes, int node,
		 unsigned int arenas, unsigned long held),
	TP_ARGS(heap, bytes, node, arenas, held)
);

DEFINE_EVENT(ouro_arena, ouro_arena_put,
	TP_PROTO(const char *heap, unsigned long bytes, int node,
		 unsigned int arenas, unsigned long held),
	TP_ARGS(heap, bytes, node, arenas, held)
);

#define show_pool_state(state)						\
	__print_symbolic(state,						\
			 { OURO_POOL_NONE, "none" },			\
			 { OURO_POOL_EMPTY, "empty" },			\
			 { OURO_POOL_PARTIAL, "partial" },		\
			 { OURO_POOL_FULL, "full" })

TRACE_EVENT(ouro_pool,
	TP_PROTO(const char *heap, unsigned int size, const char *type,
		 unsigned int from, unsigned int to),
	TP_ARGS(heap, size, type, from, to),
	TP_STRUCT__entry(
		__array(char, heap, OURO_NAME_MAX)
		__array(char, type, OURO_TYPE_NAME_MAX)
		__field(unsigned int, size)
		__field(unsigned int, from)
		__field(unsigned int, to)
	),
	TP_fast_assign(
		strscpy_pad(__entry->heap, heap, OURO_NAME_MAX);
		strscpy_pad(__entry->type, type, OURO_TYPE_NAME_MAX);
		__entry->size = size;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("heap=%s size=%u type=%s from=%s to=%s", __entry->heap,
		  __entry->size, __entry->type,
		  show_pool_state(__entry->from), show_pool_state(__entry->to))
);

TRACE_EVENT(ouro_limit,
	TP_PROTO(const char *heap, unsigned long bytes, unsigned long held,
		 unsigned long limit),
	TP_ARGS(heap, bytes, held, limit),
	TP_STRUCT__entry(
		__array(char, heap, OURO_NAME_MAX)
		__field(unsigned long, bytes)
		__field(unsigned long, held)
		__field(unsigned long, limit)
	),
	TP_fast_assign(
		strscpy_pad(__entry->heap, heap, OURO_NAME_MAX);
		__entry->bytes = bytes;
		__entry->held = held;
		__entry->limit = limit;
	),
	TP_printk("heap=%s bytes=%lu held=%lu limit=%lu", __entry->heap,
		  __entry->bytes, __entry->held, __entry->limit)
);

TRACE_EVENT(ouro_leak,
	TP_PROTO(const char *heap, const char *type, unsigned int size,
		 unsigned long count, unsigned long bytes),
	TP_ARGS(heap, type, size, count, bytes),
	TP_STRUCT__entry(
		__array(char, heap, OURO_NAME_MAX)
		__array(char, type, OURO_TYPE_NAME_MAX)
		__field(unsigned int, size)
		__field(unsigned long, count)
		__field(unsigned long, bytes)
	),
	TP_fast_assign(
		strscpy_pad(__entry->heap, heap, OURO_NAME_MAX);
		strscpy_pad(__entry->type, type, OURO_TYPE_NAME_MAX);
		__entry->size = size;
		__entry->count = count;
		__entry->bytes = bytes;
	),
	TP_printk("heap=%s type=%s size=%u count=%lu bytes=%lu", __entry->heap,
		  __entry->type, __entry->size, __entry->count, __entry->bytes)
);

#endif /* OURO_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
