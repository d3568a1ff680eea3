// SPDX-License-Identifier: GPL-2.0
/*
 * ouro_bench: the same work done by Ouro and by slab, for scripts/bench.
 *
 * In /proc/ouro_bench, which is there without debugfs, too:
 *   sizes    write the sizes of a real process's blocks, lines of "size,count"
 *   trace    write what scripts/trace recorded, decompressed, from its beginning
 *   run      write "CASE ROUNDS" to measure one case; writing returns when done
 *   hold     write what shall be held in memory, or "nothing"
 *   results  one line for each of these, a name and four numbers: thousandths
 *            of a nanosecond per loop of each side, or what is held, or what
 *            collect*.c say
 *   samples  what each round took, a line for each number of "results" that is
 *            the median of rounds: the case, which number, and all of them
 *   about    how the kernel was configured, where that matters
 */
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "bench.h"

#define RESULTS_MAX	256
#define ROUNDS_MAX	10000
#define SIZES_MAX	SZ_64K	/* bytes of the file "sizes" */
#define MEMPOOL_MIN	16

static const struct bench_case *const tables[] = {
	bench_pair_cases, bench_batch_cases, bench_bulk_cases,
	bench_object_cases, bench_container_cases, bench_other_cases,
	bench_mix_cases, bench_cpus_cases, bench_pass_cases,
	bench_workload_cases, bench_life_cases, bench_replay_cases,
};

static DEFINE_MUTEX(lock);	/* guards all below */
static struct bench bench;
static struct bench_result results[RESULTS_MAX];
static unsigned int nresults;
static struct cpumask allowed;
static struct proc_dir_entry *dir;

static const struct bench_case *find_case(const char *name)
{
	const struct bench_case *which;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (which = tables[i]; which->name; which++)
			if (!strcmp(which->name, name))
				return which;
	return NULL;
}

static int run_case(const char *name, unsigned int rounds,
		    struct bench_result *result)
{
	const struct bench_case *which = find_case(name);

	if (!which)
		return bench_collect_run(name, rounds, result);
	return bench_round_run(&bench, which, rounds, result);
}

static int run(char *text, struct bench_result *result)
{
	unsigned int rounds;
	char name[32];

	if (sscanf(text, "%31s %u", name, &rounds) != 2 || !rounds ||
	    rounds > ROUNDS_MAX)
		return -EINVAL;
	bench_hold_nothing(&bench);
	return run_case(name, rounds, result);
}

static int hold(char *text, struct bench_result *result)
{
	return bench_hold(&bench, strim(text), result);
}

static int take_sizes(char *text, struct bench_result *result)
{
	bench_hold_nothing(&bench);
	return bench_mix_write(&bench.mix, text);
}

/*
 * On the first CPU of those that gangs are on: so what is left in caches of CPUs is
 * in that one's.
 */
static int pinned(int (*take)(char *text, struct bench_result *result),
		  char *text, struct bench_result *result)
{
	int err;

	cpumask_copy(&allowed, current->cpus_ptr);
	err = set_cpus_allowed_ptr(current, cpumask_of(0));
	if (err)
		return err;
	err = take(text, result);
	set_cpus_allowed_ptr(current, &allowed);
	return err;
}

/* What each file does with what is written to it, which has to come at once. */
static ssize_t take_text(const char __user *from, size_t len,
			 int (*take)(char *text, struct bench_result *result))
{
	struct bench_result result = { };
	char *text;
	int err;

	if (len > SIZES_MAX)
		return -EFBIG;
	text = memdup_user_nul(from, len);
	if (IS_ERR(text))
		return PTR_ERR(text);
	mutex_lock(&lock);
	err = nresults < RESULTS_MAX ? pinned(take, text, &result) : -ENOSPC;
	if (!err && result.name)
		results[nresults++] = result;
	else
		bench_round_forget(&result);
	mutex_unlock(&lock);
	kfree(text);
	return err ?: len;
}

/* A file that is only written. */
#define BENCH_FILE(name, take)						\
static ssize_t name##_write(struct file *file, const char __user *from,	\
			    size_t len, loff_t *pos)			\
{									\
	return take_text(from, len, take);				\
}									\
									\
static const struct proc_ops name##_proc_ops = {				\
	.proc_write = name##_write,					\
}

BENCH_FILE(sizes, take_sizes);
BENCH_FILE(run, run);
BENCH_FILE(hold, hold);

/* This one comes in many writes. */
static ssize_t trace_write(struct file *file, const char __user *from,
			   size_t len, loff_t *pos)
{
	ssize_t taken;

	mutex_lock(&lock);
	bench_hold_nothing(&bench);
	taken = bench_trace_write(&bench, from, len, pos);
	mutex_unlock(&lock);
	return taken;
}

static const struct proc_ops trace_proc_ops = {
	.proc_write = trace_write,
};

static int results_show(struct seq_file *m, void *unused)
{
	unsigned int i;

	mutex_lock(&lock);
	for (i = 0; i < nresults; i++)
		seq_printf(m, "%s %llu %llu %llu %llu\n", results[i].name,
			   results[i].value[0], results[i].value[1],
			   results[i].value[2], results[i].value[3]);
	mutex_unlock(&lock);
	return 0;
}
DEFINE_PROC_SHOW_ATTRIBUTE(results);

static void show_samples(struct seq_file *m, const struct bench_result *result,
			 unsigned int column)
{
	unsigned int i;

	if (!result->sample[column])
		return;
	seq_printf(m, "%s %u", result->name, column);
	for (i = 0; i < result->rounds; i++)
		seq_printf(m, " %llu", result->sample[column][i]);
	seq_putc(m, '\n');
}

static int samples_show(struct seq_file *m, void *unused)
{
	unsigned int i, column;

	mutex_lock(&lock);
	for (i = 0; i < nresults; i++)
		for (column = 0; column < BENCH_SIDES; column++)
			show_samples(m, &results[i], column);
	mutex_unlock(&lock);
	return 0;
}
DEFINE_PROC_SHOW_ATTRIBUTE(samples);

/* A kernel that can change it at run time says which in debugfs, sched/preempt. */
static const char *preemption(void)
{
	return IS_ENABLED(CONFIG_PREEMPT_RT) ? "rt" :
	       IS_ENABLED(CONFIG_PREEMPT_DYNAMIC) ? "dynamic" :
	       IS_ENABLED(CONFIG_PREEMPT_LAZY) ? "lazy" :
	       IS_ENABLED(CONFIG_PREEMPT) ? "full" :
	       IS_ENABLED(CONFIG_PREEMPT_VOLUNTARY) ? "voluntary" : "none";
}

static int about_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "preemption %s\n", preemption());
	seq_printf(m, "init_on_alloc %d\n", want_init_on_alloc(GFP_KERNEL));
	seq_printf(m, "init_on_free %d\n", want_init_on_free());
	seq_printf(m, "slab%s%s%s%s\n",
		   IS_ENABLED(CONFIG_SLAB_FREELIST_HARDENED) ? " hardened" : "",
		   IS_ENABLED(CONFIG_SLAB_FREELIST_RANDOM) ? " random" : "",
		   IS_ENABLED(CONFIG_KASAN) ? " KASAN" : "",
		   IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) ? " kmemleak" : "");
	return 0;
}
DEFINE_PROC_SHOW_ATTRIBUTE(about);

static void caches_destroy(void)
{
	unsigned int i;

	mempool_destroy(bench.mempool);
	kmem_cache_destroy(bench.debug_cache);
	kmem_cache_destroy(bench.own_cache);
	for (i = 0; i < BENCH_CACHES; i++)
		kmem_cache_destroy(bench.cache[i]);
}

static int __init caches_create(void)
{
	static const size_t sizes[BENCH_CACHES] = { 16, 64, 256, 1024, 4096 };
	char name[32];
	unsigned int i;

	for (i = 0; i < BENCH_CACHES; i++) {
		snprintf(name, sizeof(name), BENCH_NAME "-%zu", sizes[i]);
		bench.cache[i] = bench_cache_create(name, sizes[i], 0);
		if (!bench.cache[i])
			return -ENOMEM;
	}
	bench.own_cache = bench_cache_create(BENCH_NAME "-own", 64, 0);
	if (!bench.own_cache)
		return -ENOMEM;
	bench.mempool = mempool_create_slab_pool(MEMPOOL_MIN,
						 bench_cache(&bench, 64));
	return bench.mempool ? 0 : -ENOMEM;
}

static void heaps_destroy(void)
{
	if (!IS_ERR_OR_NULL(bench.reserve))
		ouro_reserve_destroy(bench.reserve);
	ouro_heap_destroy(bench.own);
	ouro_heap_destroy(bench.debug);
	ouro_heap_destroy(bench.hardened);
	ouro_heap_destroy(bench.heap);
}

static int __init heaps_create(void)
{
	bench.heap = ouro_heap_create("bench", 0);
	if (IS_ERR(bench.heap))
		return PTR_ERR(bench.heap);
	bench.hardened = ouro_heap_create("bench_hardened", OURO_HEAP_HARDENED);
	if (IS_ERR(bench.hardened))
		return PTR_ERR(bench.hardened);
	bench.debug = ouro_heap_create("bench_debug", OURO_HEAP_DEBUG);
	if (IS_ERR(bench.debug))
		return PTR_ERR(bench.debug);
	bench.own = ouro_heap_create("bench_own", 0);
	if (IS_ERR(bench.own))
		return PTR_ERR(bench.own);
	bench.reserve = ouro_reserve_create(bench.heap, 64, MEMPOOL_MIN,
					    GFP_KERNEL);
	return PTR_ERR_OR_ZERO(bench.reserve) ?: bench_object_init(&bench);
}

static int __init arrays_create(void)
{
	u32 state = 1;
	unsigned int i, j;

	bench.cpus = num_online_cpus();
	bench.block = kvcalloc(BENCH_BATCH * bench.cpus, sizeof(*bench.block),
			       GFP_KERNEL);
	bench.order = kvcalloc(BENCH_BATCH, sizeof(*bench.order), GFP_KERNEL);
	if (!bench.block || !bench.order)
		return -ENOMEM;
	for (i = 0; i < BENCH_BATCH; i++)
		bench.order[i] = i;
	for (i = BENCH_BATCH - 1; i; i--) {
		j = bench_random(&state) % (i + 1);
		swap(bench.order[i], bench.order[j]);
	}
	return 0;
}

/* Also of what was created in part. */
static void destroy_all(void)
{
	proc_remove(dir);
	bench_hold_nothing(&bench);
	while (nresults)
		bench_round_forget(&results[--nresults]);
	bench_mix_exit(&bench.mix);
	bench_trace_exit(&bench.trace);
	heaps_destroy();
	caches_destroy();
	kvfree(bench.order);
	kvfree(bench.block);
}

static int __init files_create(void)
{
	dir = proc_mkdir(BENCH_NAME, NULL);
	if (dir && proc_create("sizes", 0200, dir, &sizes_proc_ops) &&
	    proc_create("trace", 0200, dir, &trace_proc_ops) &&
	    proc_create("run", 0200, dir, &run_proc_ops) &&
	    proc_create("hold", 0200, dir, &hold_proc_ops) &&
	    proc_create("results", 0400, dir, &results_proc_ops) &&
	    proc_create("samples", 0400, dir, &samples_proc_ops) &&
	    proc_create("about", 0400, dir, &about_proc_ops))
		return 0;
	return -ENOMEM;
}

static int __init ouro_bench_init(void)
{
	int err = arrays_create() ?: caches_create() ?: heaps_create() ?:
		  files_create();

	if (err)
		destroy_all();
	return err;
}
module_init(ouro_bench_init);

static void __exit ouro_bench_exit(void)
{
	destroy_all();
}
module_exit(ouro_bench_exit);

MODULE_DESCRIPTION("Benchmark of Ouro against slab");
MODULE_LICENSE("GPL");
OURO_IMPORT();
