// SPDX-License-Identifier: GPL-2.0
/*
 * How long things take, for tests that are written in shell, whose clock and
 * whose own steps are too coarse for it: reading a file of a heap, and what one
 * thread does to a heap meanwhile.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <ouro/block.h>
#include <ouro/object.h>
#include "puppet.h"

#define PAGE_OF_FILE	4096	/* bytes a read() asks for, as cat(1) does */
#define LATE_NS		(NSEC_PER_MSEC)
#define STEP		256	/* loops until others get the CPU */

static void lap(u64 start, struct puppet_time *time)
{
	u64 ns = ktime_get_ns() - start;

	time->ns += ns;
	time->longest = max(time->longest, ns);
	time->late += ns >= LATE_NS;
	time->steps++;
}

/* Into the memory of who asked, as the operations of files will have it. */
static int read_pages(struct file *file, unsigned long to, unsigned long pages,
		      struct puppet_time *time)
{
	loff_t pos = 0;
	ssize_t got;
	u64 start;

	do {
		if (signal_pending(current))
			return -EINTR;
		start = ktime_get_ns();
		got = file->f_op->read(file, (char __user *)to, PAGE_OF_FILE,
				       &pos);
		lap(start, time);
		if (got < 0)
			return got;
		time->bytes += got;
		cond_resched();
	} while (got && --pages);
	return 0;
}

/**
 * puppet_time_read() - read a file
 * @path: of it
 * @pages: at most, 0: all of it
 * @time: filled; a step is open(), then each read()
 *
 * Return: 0 or an error.
 */
int puppet_time_read(const char *path, unsigned long pages,
		     struct puppet_time *time)
{
	unsigned long to;
	struct file *file;
	u64 start;
	int err;

	*time = (struct puppet_time){};
	to = vm_mmap(NULL, 0, PAGE_OF_FILE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (IS_ERR_VALUE(to))
		return to;
	start = ktime_get_ns();
	file = filp_open(path, O_RDONLY, 0);
	lap(start, time);
	err = PTR_ERR_OR_ZERO(file);
	if (!err) {
		err = file->f_op->read ? read_pages(file, to, pages, time) :
					 -EINVAL;
		filp_close(file, NULL);
	}
	vm_munmap(to, PAGE_OF_FILE);
	return err;
}

static int pair_of(struct ouro_heap *heap, struct ouro_kind *kind,
		   struct puppet_time *time)
{
	u64 start = ktime_get_ns();
	void *block = ouro_alloc(heap, 64, GFP_KERNEL);
	struct ouro_object *object;

	ouro_free(block);
	object = ouro_new(kind, GFP_KERNEL);
	ouro_put(object);
	lap(start, time);
	return block && object ? 0 : -ENOMEM;
}

/**
 * puppet_time_pairs() - allocate and free, make and put, over and over
 * @heap: where
 * @kind: of the objects, in it
 * @ms: how long
 * @time: filled; a step is one of each
 *
 * Return: 0 or -ENOMEM.
 */
int puppet_time_pairs(struct ouro_heap *heap, struct ouro_kind *kind,
		      unsigned long ms, struct puppet_time *time)
{
	u64 end = ktime_get_ns() + ms * NSEC_PER_MSEC;
	int err = 0;

	*time = (struct puppet_time){};
	while (!err && ktime_get_ns() < end) {
		err = pair_of(heap, kind, time);
		if (time->steps % STEP == 0)
			cond_resched();
	}
	return err;
}
