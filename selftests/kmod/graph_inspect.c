// SPDX-License-Identifier: GPL-2.0
/*
 * An inspection in the middle of an array that is replaced: it stays until the
 * inspection has left it.  Only where a build lets us stop it there.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <ouro/vector.h>
#include "graph.h"

/* The headers of such a build know the points. */
#ifdef OURO_TEST_DELAYS

#define FEW	100
#define MANY	1000
#define PATIENCE	(10 * HZ)

static struct {
	struct ouro_heap *heap;
	struct task_struct *task;
	bool stopped;
	struct completion inside;
	struct completion go_on;
	struct completion left;
} reader;

/* The first time between two slots, which are the array's; readers of those may sleep. */
static void stop_here(unsigned int point)
{
	if (point != OURO_DELAY_SLOT || current != READ_ONCE(reader.task) ||
	    reader.stopped)
		return;
	reader.stopped = true;
	complete(&reader.inside);
	wait_for_completion_timeout(&reader.go_on, 2 * PATIENCE);
}

/* To open the file is to inspect the heap. */
static int inspect(void *unused)
{
	char path[TEST_PATH];
	struct file *file;

	WRITE_ONCE(reader.task, current);
	test_heap_path(reader.heap, "retained", path);
	file = filp_open(path, O_RDONLY, 0);
	if (!IS_ERR(file))
		filp_close(file, NULL);
	kthread_complete_and_exit(&reader.left, 0);
}

/* As long as it is stopped there. */
static void replace(struct ouro_test *t, struct ouro_vector *vector)
{
	struct ouro_heap_stat before, after;

	ouro_heap_stat(reader.heap, &before);
	EXPECT_EQ(t, ouro_vector_reserve(vector, MANY, GFP_KERNEL), 0);
	/* Its readers by RCU are gone, and what that has called has returned. */
	rcu_barrier();
	rcu_barrier();
	ouro_heap_stat(reader.heap, &after);
	EXPECT_EQ(t, after.live, before.live + 1);
}

static void meet(struct ouro_test *t, struct ouro_vector *vector)
{
	if (EXPECT(t, wait_for_completion_timeout(&reader.inside, PATIENCE)))
		replace(t, vector);
	complete(&reader.go_on);
	wait_for_completion(&reader.left);
}

void graph_inspect(struct ouro_test *t)
{
	struct ouro_vector *vector;
	unsigned int i;

	reader.heap = test_heap(t);
	vector = reader.heap ? ouro_vector_new(reader.heap, FEW, GFP_KERNEL) :
			       NULL;
	if (!EXPECT(t, vector))
		return;
	for (i = 0; i < FEW; i++)
		EXPECT_EQ(t, ouro_vector_append(vector, NULL, GFP_KERNEL), 0);
	reader.stopped = false;
	init_completion(&reader.inside);
	init_completion(&reader.go_on);
	init_completion(&reader.left);
	WRITE_ONCE(ouro_delay_hook, stop_here);
	if (EXPECT(t, !IS_ERR(kthread_run(inspect, NULL, "ouro_inspect"))))
		meet(t, vector);
	WRITE_ONCE(ouro_delay_hook, NULL);
	ouro_vector_put(vector);
	test_heap_settle(t, reader.heap, 0);
	test_heap_close(t, reader.heap);
}

#else

void graph_inspect(struct ouro_test *t)
{
	SKIP(t, "this build has no delays");
}

#endif
