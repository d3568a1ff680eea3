// SPDX-License-Identifier: GPL-2.0
/*
 * The last put of a leaf from two sides at once: by the death of a node that has
 * it in a slot, and by a caller who, with his reference, makes the first handle
 * in the leaf's pool.  So each of the two may find that nobody but he knows the
 * leaf, and that its pool has just become one with handles.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <ouro/object.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include <ouro/weak.h>
#include "last.h"

#define ROUNDS		TEST_MANY(30, 5)
#define LEAVES		256	/* in a round, at most 8 of them in a pool */

struct broad {
	struct ouro_object object;
	char text[2000];
};

struct holder {
	struct ouro_object object;
	struct ouro_slot left, right;
};

static const struct ouro_type broad_type = {
	OURO_TYPE(struct broad, object),
};

static const struct ouro_type holder_type = {
	OURO_TYPE(struct holder, object),
	OURO_SLOTS(struct holder, left, right),
};

/* What the caller does before his put; a watch is a handle, too. */
enum before { NOTHING, HANDLE, WATCH, BEFORES };

static struct pair {
	struct ouro_test *t;
	struct ouro_heap *heap;
	struct ouro_kind *broad, *holder;
	struct broad *leaves[LEAVES];
	struct holder *node;
	struct broad *leaf;		/* of these */
	enum before before;
	struct ouro_weak weak;
	struct ouro_watch watch;
	struct task_struct *first;	/* thread 0 */
	u32 turn;			/* the threads' to agree on */
	u32 done;			/* by thread 1 */
	bool over;
	atomic_t watched, told;
	atomic_t told_by_first;		/* of them */
	u32 random[2];
} pair;

static void died(struct ouro_watch *watch)
{
	atomic_inc(&pair.told);
	if (current == pair.first)
		atomic_inc(&pair.told_by_first);
}

static void wait_a_little(struct pair *p, unsigned int id)
{
	u32 wait = test_random(&p->random[id]) % 256;

	while (wait--)
		cpu_relax();
}

static bool pair_begin(struct pair *p, u32 turn)
{
	p->node = ouro_new(p->holder, GFP_KERNEL);
	p->leaf = p->leaves[turn % LEAVES];
	p->before = turn % BEFORES;
	if (!EXPECT(p->t, p->node))
		return false;
	return EXPECT_EQ(p->t, ouro_slot_store(turn & 1 ? &p->node->left :
					       &p->node->right,
					       &p->leaf->object), 0);
}

/* However it went, the leaf is dead. */
static void pair_end(struct pair *p)
{
	if (p->before == HANDLE)
		EXPECT(p->t, !ouro_weak_get(p->weak));
	if (p->before != WATCH)
		return;
	EXPECT(p->t, !ouro_weak_get(p->watch.weak));
	EXPECT(p->t, !ouro_watch_remove(&p->watch));
	EXPECT_EQ(p->t, atomic_read(&p->told), atomic_inc_return(&p->watched));
}

static void round_lead(struct pair *p, u32 *turn)
{
	unsigned int i;

	for (i = 0; i < LEAVES; i++) {
		p->leaves[i] = ouro_new(p->broad, GFP_KERNEL);
		if (!EXPECT(p->t, p->leaves[i]))
			return;
	}
	for (i = 0; i < LEAVES; i++) {
		++*turn;
		if (!pair_begin(p, *turn))
			break;
		/* Pairs with test_wait_for(): the pair is set up. */
		smp_store_release(&p->turn, *turn);
		wait_a_little(p, 0);
		ouro_put(&p->node->object);
		if (!test_wait_for(&p->done, *turn, &p->over))
			break;
		pair_end(p);
	}
	/* Pools are to be new, without handles. */
	ouro_heap_trim(p->heap);
	test_heap_check(p->t, p->heap, 0);
}

static void follow(struct pair *p)
{
	u32 turn;

	for (turn = 1; test_wait_for(&p->turn, turn, &p->over); turn++) {
		wait_a_little(p, 1);
		if (p->before == HANDLE)
			EXPECT_EQ(p->t, ouro_weak_init(&p->weak,
						       &p->leaf->object,
						       GFP_KERNEL), 0);
		else if (p->before == WATCH)
			EXPECT_EQ(p->t, ouro_watch_add(&p->watch,
						       &p->leaf->object, died,
						       GFP_KERNEL), 0);
		ouro_put(&p->leaf->object);
		/* Pairs with test_wait_for(): he has done his part. */
		smp_store_release(&p->done, turn);
	}
}

static void pair_run(void *arg, unsigned int id)
{
	struct pair *p = arg;
	u32 turn = 0;
	int i;

	if (id) {
		follow(p);
		return;
	}
	p->first = current;
	for (i = 0; i < ROUNDS; i++)
		round_lead(p, &turn);
	WRITE_ONCE(p->over, true);
}

void both(struct ouro_test *t)
{
	struct pair *p = &pair;

	memset(p, 0, sizeof(*p));
	p->t = t;
	p->random[0] = 7;
	p->random[1] = 11;
	p->heap = test_heap(t);
	if (!p->heap)
		return;
	p->broad = ouro_type_register(p->heap, &broad_type);
	p->holder = ouro_type_register(p->heap, &holder_type);
	if (!EXPECT(t, !IS_ERR(p->broad) && !IS_ERR(p->holder)))
		return;
	test_threads_run(t, 2, pair_run, p);
	test_note(t, "%d of %d leaves with a watch died with the node",
		  atomic_read(&p->told_by_first), atomic_read(&p->told));
	test_heap_close(t, p->heap);
}
