/* SPDX-License-Identifier: GPL-2.0 */
/* Gangs: a worker on each of some CPUs, which start together and wait for each other. */
#ifndef OURO_BENCH_GANG_H
#define OURO_BENCH_GANG_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/workqueue.h>
#include "bench.h"
#include "ways.h"

struct bench_gang;

/**
 * struct bench_worker - what one CPU does
 * @work: run there
 * @gang: it belongs to
 * @id: which of the gang
 * @bench: a copy with a @bench.block of its own
 * @fn: what it does
 * @loops: how often
 * @met: how often it met the others
 * @ns: how long it took, or an error
 */
struct bench_worker {
	struct work_struct work;
	struct bench_gang *gang;
	unsigned int id;
	struct bench bench;
	bench_fn fn;
	unsigned int loops;
	unsigned int met;
	s64 ns;
};

/**
 * struct bench_gang - workers that start together
 * @count: of them
 * @arrived: the sum of what their @met is or is about to be
 * @shared: what they have in common besides
 * @worker: one for each CPU
 */
struct bench_gang {
	unsigned int count;
	atomic_t arrived;
	void *shared;
	struct bench_worker worker[];
};

/* Of a bench that bench_gang_run() gave to a function. */
static inline struct bench_worker *bench_worker(struct bench *bench)
{
	return container_of(bench, struct bench_worker, bench);
}

/* Somebody writes a block before, and reads it after, it goes to another CPU. */
static __always_inline void write_word(void *block, unsigned long word)
{
	if (likely(block))
		WRITE_ONCE(*(unsigned long *)block, word);
}

static __always_inline void read_and_free(struct bench *bench, void *block,
					  size_t size, free_way free)
{
	unsigned long word;

	if (unlikely(!block))
		return;
	word = READ_ONCE(*(unsigned long *)block);
	OPTIMIZER_HIDE_VAR(word);
	free(bench, block, size);
}

void bench_wait(unsigned int *looks);
void bench_meet(struct bench_worker *worker);
s64 bench_gang_run(struct bench *bench, unsigned int loops, bench_fn fn,
		   unsigned int first, unsigned int count, void *shared);

/* The side that does what @fn does, on the first CPU or on @many at once: 1, all. */
#define BENCH_ON(many, fn)						\
static s64 fn##_on_##many(struct bench *bench, unsigned int loops)	\
{									\
	return bench_gang_run(bench, loops, fn, 0,			\
			      BENCH_ON_##many(bench), NULL);		\
}

#define BENCH_ON_1(bench)	((void)(bench), 1)
#define BENCH_ON_all(bench)	((bench)->cpus)

#endif /* OURO_BENCH_GANG_H */
