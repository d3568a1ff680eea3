/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ouro_bench: what the files share.
 */
#ifndef OURO_BENCH_H
#define OURO_BENCH_H

#include <linux/bits.h>
#include <linux/mempool.h>
#include <linux/slab.h>
#include <linux/types.h>
#include <ouro/heap.h>
#include <ouro/reserve.h>

#define BENCH_NAME	"ouro_bench"
#define BENCH_BATCH	4096	/* blocks that a batch has live at once */
#define BENCH_SIDES	4	/* ways of doing one thing that are compared */
#define BENCH_CACHES	5

/**
 * struct bench_mix - the blocks of a real process
 * @sizes: in bytes, in the order they are asked for; NULL: not written yet
 * @blocks: room for as many pointers
 * @count: of both
 * @asked: sum of @sizes
 */
struct bench_mix {
	u16 *sizes;
	void **blocks;
	size_t count;
	size_t asked;
};

/* An operation of a trace, as scripts/trace writes it and says there. */
struct bench_trace_op {
	__le32 what;
	__le32 size;
};

#define TRACE_SLOT	GENMASK(23, 0)
#define TRACE_FREE	BIT(24)
#define TRACE_ZEROED	BIT(25)
#define TRACE_CPU	GENMASK(31, 28)

/**
 * struct bench_trace - what a kernel allocated and freed while it worked
 * @ops: in the order of time
 * @count: of @ops; 0: no trace was written, or not all of it yet
 * @slots: all slots in @ops are less
 * @peak: after so many of @ops most bytes are live
 * @live: blocks then
 * @asked: bytes then
 * @blocks: for each CPU, what its slots hold; NULL between replays
 */
struct bench_trace {
	struct bench_trace_op *ops;
	u32 count;
	u32 slots;
	u32 peak;
	u32 live;
	u64 asked;
	void **blocks;
};

/**
 * struct bench - what the cases work on
 * @heap: unchecked
 * @hardened: with OURO_HEAP_HARDENED
 * @debug: with OURO_HEAP_DEBUG
 * @own: unchecked; nothing is live there between two rounds
 * @cache: never merged, see bench_cache()
 * @own_cache: as @own, of 64 bytes
 * @debug_cache: with all checks of slab; made by the case that needs it
 * @reserve: of @heap
 * @mempool: over the 64-byte cache
 * @leaf: of objects without slots in @heap, see object.c
 * @node: with two slots
 * @named: without slots, in pools where weak handles were made
 * @cpus: how many there are
 * @block: BENCH_BATCH pointers for each of them
 * @order: 0 to BENCH_BATCH - 1, shuffled
 * @mix: sizes of real blocks
 * @trace: lives of real blocks
 */
struct bench {
	struct ouro_heap *heap;
	struct ouro_heap *hardened;
	struct ouro_heap *debug;
	struct ouro_heap *own;
	struct kmem_cache *cache[BENCH_CACHES];
	struct kmem_cache *own_cache;
	struct kmem_cache *debug_cache;
	struct ouro_reserve *reserve;
	mempool_t *mempool;
	struct ouro_kind *leaf;
	struct ouro_kind *node;
	struct ouro_kind *named;
	unsigned int cpus;
	void **block;
	u16 *order;
	struct bench_mix mix;
	struct bench_trace trace;
};

/* Does something @loops times.  Returns nanoseconds, or an error. */
typedef s64 (*bench_fn)(struct bench *bench, unsigned int loops);

/**
 * struct bench_case - one thing done in several ways
 * @name: unique; NULL ends a table
 * @loops: done in a round
 * @side: by Ouro, by its peer, and two more where the case has them
 */
struct bench_case {
	const char *name;
	unsigned int loops;
	bench_fn side[BENCH_SIDES];
};

/**
 * struct bench_result - a line of the file "results"
 * @name: of the case, or of what is held
 * @value: thousandths of a nanosecond per loop of each side, or bytes, or what
 *	a case of collect*.c says
 * @sample: the rounds, in their order, that a @value is the median of; or NULL
 * @rounds: in each @sample
 */
struct bench_result {
	const char *name;
	u64 value[BENCH_SIDES];
	u64 *sample[BENCH_SIDES];
	unsigned int rounds;
};

extern const struct bench_case bench_pair_cases[];
extern const struct bench_case bench_batch_cases[];
extern const struct bench_case bench_bulk_cases[];
extern const struct bench_case bench_object_cases[];
extern const struct bench_case bench_container_cases[];
extern const struct bench_case bench_other_cases[];
extern const struct bench_case bench_mix_cases[];
extern const struct bench_case bench_cpus_cases[];
extern const struct bench_case bench_pass_cases[];
extern const struct bench_case bench_workload_cases[];
extern const struct bench_case bench_life_cases[];
extern const struct bench_case bench_replay_cases[];

int bench_round_run(struct bench *bench, const struct bench_case *which,
		    unsigned int rounds, struct bench_result *result);
s64 bench_round_median(s64 *samples, unsigned int count);
int bench_round_keep(struct bench_result *result, unsigned int column,
		     s64 *samples, unsigned int rounds, u64 loops);
void bench_round_forget(struct bench_result *result);

int bench_mix_write(struct bench_mix *mix, char *text);
void bench_mix_exit(struct bench_mix *mix);
void bench_mix_forget(struct bench_mix *mix);
int bench_mix_fill_ouro(struct bench_mix *mix, struct ouro_heap *heap);
int bench_mix_fill_kmalloc(struct bench_mix *mix);
void bench_mix_drop_kmalloc(struct bench_mix *mix);

ssize_t bench_trace_write(struct bench *bench, const char __user *from,
			  size_t len, loff_t *pos);
void bench_trace_exit(struct bench_trace *trace);
int bench_replay_fill_ouro(struct bench *bench, struct ouro_heap *heap);
int bench_replay_fill_kmalloc(struct bench *bench);
void bench_replay_drop_kmalloc(struct bench *bench);
void bench_replay_forget(struct bench *bench);

int bench_object_init(struct bench *bench);

int bench_collect_run(const char *name, unsigned int rounds,
		      struct bench_result *result);

void bench_hold_nothing(struct bench *bench);
int bench_hold(struct bench *bench, const char *name,
	       struct bench_result *result);

struct kmem_cache *bench_cache_create(const char *name, size_t size,
				      slab_flags_t flags);
u32 bench_random(u32 *state);

/* A constant size gives a constant index. */
static __always_inline struct kmem_cache *bench_cache(struct bench *bench,
						      size_t size)
{
	return bench->cache[size == 16 ? 0 : size == 64 ? 1 : size == 256 ? 2 :
			    size == 1024 ? 3 : 4];
}

#endif /* OURO_BENCH_H */
