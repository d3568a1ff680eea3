// SPDX-License-Identifier: GPL-2.0
/*
 * The trace: what a kernel allocated and freed while it worked.  scripts/trace
 * records it, and says what it looks like.  It is checked as it comes in, so
 * that what replays it need not.
 */
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include "bench.h"

#define OPS_MAX		(16 * 1024 * 1024)
#define LINE_MAX	1024	/* characters of the first line */

/**
 * struct intake - how far the trace has come
 * @line: the first one
 * @line_len: of what there is of it
 * @taken: bytes of operations
 * @announced: by the first line: operations, the moment when most is live, and
 *	how many bytes are then
 * @sizes: of the block in each slot; 0: none
 * @done: operations that were checked
 * @live: blocks after these
 * @most: of @live so far
 * @bytes: in @live blocks
 */
static struct intake {
	char line[LINE_MAX];
	size_t line_len;
	size_t taken;
	struct {
		u32 ops;
		u32 peak;
		u64 bytes;
	} announced;
	u32 *sizes;
	u32 done;
	u32 live;
	u32 most;
	u64 bytes;
} intake;

static int refuse(const char *why)
{
	pr_err(BENCH_NAME ": trace: %s, at operation %u\n", why, intake.done);
	return -EINVAL;
}

/* Of a trace that came in part, too. */
void bench_trace_exit(struct bench_trace *trace)
{
	vfree(intake.sizes);
	memset(&intake, 0, sizeof(intake));
	vfree(trace->ops);
	vfree(trace->blocks);
	memset(trace, 0, sizeof(*trace));
}

/* The first line is there: room for what it announces. */
static int begin(struct bench_trace *trace, unsigned int cpus)
{
	if (sscanf(intake.line, "ouro_trace 1 ops=%u slots=%u bytes=%llu peak=%u",
		   &intake.announced.ops, &trace->slots,
		   &intake.announced.bytes, &intake.announced.peak) != 4 ||
	    !intake.announced.ops || intake.announced.ops > OPS_MAX ||
	    !trace->slots || trace->slots > intake.announced.ops)
		return refuse("no first line");
	intake.sizes = vzalloc(array_size(trace->slots, sizeof(u32)));
	trace->blocks = vzalloc(array3_size(trace->slots, cpus,
					    sizeof(*trace->blocks)));
	trace->ops = vmalloc(array_size(intake.announced.ops,
					sizeof(*trace->ops)));
	return intake.sizes && trace->blocks && trace->ops ? 0 : -ENOMEM;
}

static int take_char(struct bench *bench, char c)
{
	if (intake.line_len == LINE_MAX - 1)
		return refuse("no first line");
	intake.line[intake.line_len++] = c;
	return c == '\n' ? begin(&bench->trace, bench->cpus) : 0;
}

static int check_free(u32 slot, u32 size)
{
	if (!intake.sizes[slot])
		return refuse("what is freed is not live");
	if (size)
		return refuse("what is freed has a size");
	intake.bytes -= intake.sizes[slot];
	intake.sizes[slot] = 0;
	intake.live--;
	return 0;
}

static int check_alloc(struct bench_trace *trace, u32 slot, u32 size)
{
	if (intake.sizes[slot])
		return refuse("what is allocated is live");
	if (!size || size > KMALLOC_MAX_SIZE)
		return refuse("no such size");
	intake.sizes[slot] = size;
	intake.bytes += size;
	intake.live++;
	intake.most = max(intake.most, intake.live);
	if (intake.bytes > trace->asked) {
		trace->asked = intake.bytes;
		trace->live = intake.live;
		trace->peak = intake.done + 1;
	}
	return 0;
}

static int check_op(struct bench_trace *trace, const struct bench_trace_op *op)
{
	u32 what = le32_to_cpu(op->what), size = le32_to_cpu(op->size);
	u32 slot = what & TRACE_SLOT;

	if (what & ~(TRACE_SLOT | TRACE_FREE | TRACE_ZEROED | TRACE_CPU))
		return refuse("no such operation");
	if (slot >= trace->slots)
		return refuse("no such slot");
	return what & TRACE_FREE ? check_free(slot, size) :
				   check_alloc(trace, slot, size);
}

/* All of it is there: that it is what was announced. */
static int finish(struct bench_trace *trace)
{
	if (intake.most != trace->slots)
		return refuse("slots that are not used");
	if (trace->asked != intake.announced.bytes ||
	    trace->peak != intake.announced.peak)
		return refuse("most bytes are not live where the line says");
	trace->count = intake.announced.ops;
	vfree(intake.sizes);
	intake.sizes = NULL;
	return 0;
}

static int take(struct bench *bench, const char __user *from, size_t len)
{
	struct bench_trace *trace = &bench->trace;
	int err = 0;
	char c;

	for (; len && !trace->ops; from++, len--) {
		if (get_user(c, from))
			return -EFAULT;
		err = take_char(bench, c);
		if (err)
			return err;
	}
	if (!len)
		return 0;
	if (len > intake.announced.ops * sizeof(*trace->ops) - intake.taken)
		return refuse("more than was announced");
	if (copy_from_user((char *)trace->ops + intake.taken, from, len))
		return -EFAULT;
	intake.taken += len;
	while (!err && intake.done < intake.taken / sizeof(*trace->ops)) {
		err = check_op(trace, &trace->ops[intake.done]);
		if (!(++intake.done % BENCH_BATCH))
			cond_resched();
	}
	return err ?: intake.done < intake.announced.ops ? 0 : finish(trace);
}

/**
 * bench_trace_write() - take in a part of a trace
 * @bench: its trace is filled; what there was goes when @pos is 0
 * @from: the next bytes
 * @len: how many
 * @pos: where in the trace; moved
 *
 * Return: @len or an error; there is no trace then.
 */
ssize_t bench_trace_write(struct bench *bench, const char __user *from,
			  size_t len, loff_t *pos)
{
	int err;

	if (!*pos)
		bench_trace_exit(&bench->trace);
	if (*pos == intake.line_len + intake.taken)
		err = take(bench, from, len);
	else
		err = refuse("a part is missing");
	if (err) {
		bench_trace_exit(&bench->trace);
		return err;
	}
	*pos += len;
	return len;
}
