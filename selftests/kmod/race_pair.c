// SPDX-License-Identifier: GPL-2.0
/*
 * Races of two: what comes out of two operations at once is what one after the
 * other gives, and every reference is accounted for.
 */
#include <linux/cpumask.h>
#include <linux/ktime.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/string.h>
#include "race.h"

#define ROUNDS		TEST_MANY(3000, 100)
#define ROUNDS_LEAST	10
#define PAIR_MS		300	/* for more than these */

/*
 * One round: thread 0 sets it up, both do their operation, thread 0 looks at
 * what came of it.
 */
static struct duel {
	struct ouro_object *first;	/* in the slot at the beginning */
	struct ouro_object *mine[RACE_CPUS];	/* brought along */
	struct ouro_object *got[RACE_CPUS];
	unsigned int held;		/* references that the round keeps */
	u32 round;			/* under way; the threads' to agree on */
	u32 done;			/* by thread 1 */
	bool over;
	u64 rounds;			/* so far */
	u64 orders[RACE_CPUS];		/* of them, won for certain by each */
} duel;

static void duel_act(struct race *r, struct duel *d, unsigned int id)
{
	struct race_agent *a = &r->agent[id];
	u32 wait = test_random(&a->random) % 64;

	while (wait--)
		cpu_relax();
	d->got[id] = race_perform(r, a->op, d->mine[id]);
}

/* What @op does to a slot that nobody else touches. */
static struct ouro_object *model(enum race_op op, struct ouro_object *object,
				 struct ouro_object **slot)
{
	struct ouro_object *got = NULL;

	if (op == SWAP || op == TAKE || op == LOAD)
		got = *slot;
	if (op != LOAD)
		*slot = race_op_brings(op) ? object : NULL;
	return got;
}

/* Whether @id before the other explains what came out. */
static bool duel_explained(struct race *r, struct duel *d, unsigned int id,
			   struct ouro_object *in)
{
	struct ouro_object *slot = d->first, *got;

	got = model(r->agent[id].op, d->mine[id], &slot);
	if (got != d->got[id])
		return false;
	got = model(r->agent[!id].op, d->mine[!id], &slot);
	return got == d->got[!id] && slot == in;
}

/* The count is right, and goes to nothing. */
static void duel_settle(struct race *r, struct duel *d,
			struct ouro_object *object, struct ouro_object *in)
{
	unsigned int refs = d->held;

	if (!object)
		return;
	refs += (object == in) + (object == d->got[0]) +
		(object == d->got[1]);
	if (!refs)
		return;
	EXPECT_MSG(r->t, ouro_refcount(object) == refs && race_is_good(object),
		   "%s and %s: %u references, not %u",
		   race_op_names[r->agent[0].op], race_op_names[r->agent[1].op],
		   ouro_refcount(object), refs);
	while (refs--)
		ouro_put(object);
}

static bool duel_begin(struct race *r, struct duel *d)
{
	unsigned int i;

	/* In every other round it is only these two who keep objects alive. */
	d->held = d->rounds & 1;
	d->first = d->rounds % 8 < 6 ? race_make(r, GFP_KERNEL) : NULL;
	for (i = 0; i < RACE_CPUS; i++)
		d->mine[i] = race_op_brings(r->agent[i].op) ?
			     race_make(r, GFP_KERNEL) : NULL;
	if (d->held && d->first)
		ouro_get(d->first);
	for (i = 0; i < RACE_CPUS; i++)
		if (d->held && d->mine[i])
			ouro_get(d->mine[i]);
	return EXPECT_EQ(r->t, ouro_slot_move(r->slot, d->first), 0);
}

static void duel_end(struct race *r, struct duel *d)
{
	struct ouro_object *in = ouro_slot_take(r->slot);
	bool order[RACE_CPUS];
	unsigned int i;

	for (i = 0; i < RACE_CPUS; i++)
		order[i] = duel_explained(r, d, i, in);
	EXPECT_MSG(r->t, order[0] || order[1], "%s and %s",
		   race_op_names[r->agent[0].op], race_op_names[r->agent[1].op]);
	d->orders[0] += order[0] && !order[1];
	d->orders[1] += order[1] && !order[0];
	duel_settle(r, d, d->first, in);
	duel_settle(r, d, d->mine[0], in);
	duel_settle(r, d, d->mine[1], in);
	d->rounds++;
}

static void duel_lead(struct race *r, struct duel *d)
{
	u32 i, turns;

	for (i = 1; i <= ROUNDS; i++) {
		if (i > ROUNDS_LEAST && ktime_get_ns() > r->end)
			break;
		r->now = r->kind[i / 2 % RACE_TYPES];
		if (!duel_begin(r, d))
			break;
		/* Pairs with test_wait_for(): the round is set up. */
		smp_store_release(&d->round, i);
		/* Who has to see that first would be late each time. */
		for (turns = i % 8 * 128; turns; turns--)
			cpu_relax();
		duel_act(r, d, 0);
		if (!test_wait_for(&d->done, i, &d->over))
			break;
		duel_end(r, d);
		cond_resched();
	}
	WRITE_ONCE(d->over, true);
}

static void duel_thread(void *arg, unsigned int id)
{
	struct duel *d = &duel;
	u32 i;

	if (!id)
		duel_lead(arg, d);
	for (i = 1; id && test_wait_for(&d->round, i, &d->over); i++) {
		duel_act(arg, d, 1);
		/* Pairs with test_wait_for(): what came of it can be read. */
		smp_store_release(&d->done, i);
	}
}

void pairs(struct ouro_test *t)
{
	u64 rounds = 0, orders[RACE_CPUS] = { };
	struct race *r = &race;
	enum race_op a, b;

	if (num_online_cpus() < RACE_CPUS) {
		SKIP(t, "one CPU only");
		return;
	}
	if (!race_open(r, t))
		return;
	for (a = 0; a < RACE_OPS; a++) {
		for (b = a; b < RACE_OPS; b++) {
			memset(&duel, 0, sizeof(duel));
			r->agent[0].op = a;
			r->agent[1].op = b;
			r->end = ktime_get_ns() + PAIR_MS * NSEC_PER_MSEC;
			if (!test_threads_run(t, RACE_CPUS, duel_thread, r))
				break;
			EXPECT_GE(t, duel.rounds, ROUNDS_LEAST);
			rounds += duel.rounds;
			orders[0] += duel.orders[0];
			orders[1] += duel.orders[1];
			race_count(r);
		}
	}
	test_note(t, "%llu rounds, won by one %llu times, by the other %llu",
		  rounds, orders[0], orders[1]);
	EXPECT_GE(t, orders[0], 1);
	EXPECT_GE(t, orders[1], 1);
	race_close(r);
}
