// SPDX-License-Identifier: GPL-2.0
/* Stale handles: their block, pool or heap has become another's. */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <ouro/object.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include <ouro/weak.h>
#include "ouro_test.h"
#include "test_handle.h"

struct thing {
	struct ouro_object object;
	struct ouro_slot next;
	u64 value;
};

static atomic_t released;

static void thing_release(void *object)
{
	atomic_inc(&released);
}

/* Each dies in another way. */
static const struct ouro_type types[] = {
	{ .name = "leaf", .size = sizeof(struct thing) },
	{ OURO_TYPE(struct thing, object), OURO_SLOTS(struct thing, next) },
	{ .name = "late", .size = sizeof(struct thing),
	  OURO_SLOTS(struct thing, next),
	  .release = thing_release, .flags = OURO_TYPE_WORKER },
	{ .name = "rcu", .size = sizeof(struct thing),
	  OURO_SLOTS(struct thing, next),
	  .release = thing_release, .flags = OURO_TYPE_RCU },
};

static struct ouro_kind *kind_of(struct ouro_test *t, struct ouro_heap *heap,
				 const struct ouro_type *type)
{
	struct ouro_kind *kind = ouro_type_register(heap, type);

	atomic_set(&released, 0);
	return EXPECT(t, !IS_ERR(kind)) ? kind : NULL;
}

/* An object with a handle to it. */
static struct thing *make(struct ouro_test *t, struct ouro_kind *kind,
			  struct ouro_weak *weak)
{
	struct thing *thing = ouro_new(kind, GFP_KERNEL);

	if (EXPECT(t, thing))
		EXPECT_EQ(t, ouro_weak_init(weak, &thing->object, GFP_KERNEL),
			  0);
	return thing;
}

#define RECYCLED	50

/* The next object has the address of the last, and a handle of its own. */
static void recycle(struct ouro_test *t, const struct ouro_type *type)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind = heap ? kind_of(t, heap, type) : NULL;
	static struct ouro_weak weak[RECYCLED];
	struct thing *thing, *last = NULL;
	int i, j, same = 0;

	if (!kind)
		return;
	for (i = 0; i < RECYCLED; i++) {
		thing = make(t, kind, &weak[i]);
		if (!thing)
			return;
		if (thing == last) {
			same++;
			EXPECT_EQ(t, weak[i].name, weak[i - 1].name);
			EXPECT_EQ(t, weak[i].generation,
				  weak[i - 1].generation + 1);
		}
		for (j = 0; j < i; j++)
			EXPECT(t, test_handle_is_null(weak[j]));
		EXPECT(t, test_handle_gives(weak[i], &thing->object));
		last = thing;
		ouro_put(&thing->object);
		EXPECT(t, test_handle_is_null(weak[i]));
	}
	/* Now and then the CPU is another, and so is the magazine. */
	if (!(type->flags & (OURO_TYPE_RCU | OURO_TYPE_WORKER)))
		EXPECT_GE(t, same, RECYCLED * 8 / 10);
	test_heap_settle(t, heap, 0);
	test_heap_close(t, heap);
}

static void recycled(struct ouro_test *t)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		recycle(t, &types[i]);
}

#define ROUND_THINGS	TEST_MANY(3000, 1000)	/* several pools of them */
#define ROUNDS		4			/* one of each type */

static_assert(ROUNDS == ARRAY_SIZE(types));

/* Where everything goes and is made again, at the same places. */
struct rounds {
	struct ouro_test *t;
	struct thing *thing[ROUND_THINGS];
	struct ouro_weak weak[ROUNDS * ROUND_THINGS];
	unsigned int count;	/* of @weak */
};

/* The number of a pool and of a block in it, without the heap's. */
static u64 place_of(const struct ouro_weak *weak)
{
	return weak->name & GENMASK_ULL(OURO_WEAK_POOL_BITS +
					OURO_WEAK_BLOCK_BITS - 1, 0);
}

static int compare(const void *a, const void *b)
{
	const struct ouro_weak *x = a, *y = b;

	if (place_of(x) != place_of(y))
		return place_of(x) < place_of(y) ? -1 : 1;
	if (x->generation != y->generation)
		return x->generation < y->generation ? -1 : 1;
	return 0;
}

/* No handle of one round is that of another, though places came back. */
static void rounds_compare(struct rounds *r)
{
	unsigned int i, returned = 0, repeated = 0;

	sort(r->weak, r->count, sizeof(r->weak[0]), compare, NULL);
	for (i = 1; i < r->count; i++) {
		if (place_of(&r->weak[i]) != place_of(&r->weak[i - 1]))
			continue;
		returned++;
		repeated += r->weak[i].generation == r->weak[i - 1].generation;
	}
	EXPECT_EQ(r->t, repeated, 0);
	EXPECT_GE(r->t, returned, (ROUNDS - 1) * ROUND_THINGS / 2);
	test_note(r->t, "%u handles, %u of them to a place that had one before",
		  r->count, returned);
}

static void rounds_are_null(struct rounds *r)
{
	unsigned int i, bad = 0;

	for (i = 0; i < r->count; i++)
		bad += !test_handle_is_null(r->weak[i]);
	EXPECT_EQ(r->t, bad, 0);
}

/* One round; the handles of those before are NULL all the time. */
static bool round_fill(struct rounds *r, struct ouro_kind *kind)
{
	struct ouro_weak *weak = r->weak + r->count;
	unsigned int i, bad = 0;

	for (i = 0; i < ROUND_THINGS; i++) {
		r->thing[i] = make(r->t, kind, &weak[i]);
		if (!r->thing[i])
			return false;
	}
	rounds_are_null(r);
	for (i = 0; i < ROUND_THINGS; i++)
		bad += !test_handle_gives(weak[i], &r->thing[i]->object);
	r->count += ROUND_THINGS;
	return EXPECT_EQ(r->t, bad, 0);
}

/* The pools go with their numbers, and both come back. */
static void pools(struct rounds *r)
{
	struct ouro_test *t = r->t;
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind = heap ? kind_of(t, heap, &types[1]) : NULL;
	struct ouro_heap_stat stat;
	unsigned int i, round;

	if (!kind)
		return;
	for (round = 0; round < ROUNDS; round++) {
		if (!round_fill(r, kind))
			return;
		for (i = 0; i < ROUND_THINGS; i++)
			ouro_put(&r->thing[i]->object);
		rounds_are_null(r);
		ouro_heap_flush(heap);
		ouro_heap_trim(heap);
		ouro_heap_stat(heap, &stat);
		EXPECT_EQ(t, stat.pools, 0);
		rounds_are_null(r);
	}
	rounds_compare(r);
	test_heap_close(t, heap);
}

/* The heap goes, with all that lives in it, and another comes. */
static void heaps(struct rounds *r)
{
	struct ouro_test *t = r->t;
	struct ouro_kind *kind;
	struct ouro_heap *heap;
	unsigned int round;

	for (round = 0; round < ROUNDS; round++) {
		heap = test_heap(t);
		kind = heap ? kind_of(t, heap, &types[round]) : NULL;
		if (!kind || !round_fill(r, kind))
			return;
		test_heap_abandon(t, heap, ROUND_THINGS);
		rounds_are_null(r);
		EXPECT_EQ(t, atomic_read(&released),
			  types[round].release ? ROUND_THINGS : 0);
	}
	rounds_compare(r);
}

static void rounds_run(struct ouro_test *t, void (*run)(struct rounds *r))
{
	struct rounds *r = kvzalloc(sizeof(*r), GFP_KERNEL);

	if (!EXPECT(t, r))
		return;
	r->t = t;
	run(r);
	kvfree(r);
}

static void recycled_pools(struct ouro_test *t)
{
	rounds_run(t, pools);
}

static void destroyed_heaps(struct ouro_test *t)
{
	rounds_run(t, heaps);
}

/*
 * Two who use up pools, each in heaps of its own, and with the same numbers: an
 * object that has a pool for itself takes one with it when it goes.
 */
#define NUMBERS_USERS	2
#define NUMBERS_SIZE	10000	/* bytes: a pool each */
#define NUMBERS_LIVE	8	/* objects at a time */
#define NUMBERS_OLD	64	/* handles that are tried again */
#define NUMBERS_LIMIT	SZ_64M	/* held, with what waits for a grace period */

struct numbers_user {
	struct completion done;
	struct ouro_test *t;
	char name[16];			/* of its heap */
	unsigned int lasts;		/* rounds of a heap */
	unsigned long end;		/* jiffies */
	struct ouro_weak old[NUMBERS_OLD];
	unsigned long heaps;
	unsigned long made;
	unsigned long alive;		/* old handles that gave something */
};

static const struct ouro_type large_type = {
	.name = "large",
	.size = NUMBERS_SIZE,
};

static struct numbers_user users[NUMBERS_USERS];

static void numbers_round(struct numbers_user *user, struct ouro_kind *kind)
{
	struct ouro_object *object[NUMBERS_LIVE];
	struct ouro_weak *weak;
	int i, n;

	for (n = 0; n < NUMBERS_LIVE; n++) {
		object[n] = ouro_new(kind, GFP_KERNEL | __GFP_NOWARN);
		if (!object[n])
			break;
		weak = &user->old[user->made++ % NUMBERS_OLD];
		EXPECT_EQ(user->t, ouro_weak_init(weak, object[n], GFP_KERNEL),
			  0);
	}
	for (i = 0; i < n; i++)
		ouro_put(object[i]);
	for (i = 0; i < NUMBERS_OLD; i++)
		user->alive += !test_handle_is_null(user->old[i]);
	/* The limit was met: what waits for a grace period has to go. */
	if (n < NUMBERS_LIVE)
		rcu_barrier();
	cond_resched();
}

/* Whatever the time, there have to be some. */
static bool numbers_over(const struct numbers_user *user)
{
	return time_after(jiffies, user->end) && user->made >= NUMBERS_OLD;
}

static void numbers_heap(struct numbers_user *user)
{
	struct ouro_heap *heap;
	struct ouro_kind *kind;
	unsigned int i;

	heap = ouro_heap_create(user->name, user->t->c->flags);
	if (!EXPECT(user->t, !IS_ERR(heap)))
		return;
	user->heaps++;
	ouro_heap_set_limit(heap, NUMBERS_LIMIT);
	kind = ouro_type_register(heap, &large_type);
	if (EXPECT(user->t, !IS_ERR(kind)))
		for (i = 0; i < user->lasts; i++) {
			numbers_round(user, kind);
			if (numbers_over(user))
				break;
		}
	EXPECT_EQ(user->t, ouro_heap_destroy(heap), 0);
}

static int numbers_thread(void *data)
{
	struct numbers_user *user = data;

	while (!numbers_over(user) && !test_expired(user->t))
		numbers_heap(user);
	kthread_complete_and_exit(&user->done, 0);
}

static void numbers_run(struct ouro_test *t, unsigned int lasts)
{
	unsigned long end = jiffies + 2 * HZ;
	struct numbers_user *user;
	struct task_struct *task;
	int i, n;

	for (n = 0; n < NUMBERS_USERS; n++) {
		user = &users[n];
		*user = (struct numbers_user){ .t = t, .end = end,
					       .lasts = lasts };
		snprintf(user->name, sizeof(user->name), "numbers-%d", n);
		init_completion(&user->done);
		task = kthread_run(numbers_thread, user, "ouro_numbers/%d", n);
		if (!EXPECT(t, !IS_ERR(task)))
			break;
	}
	for (i = 0; i < n; i++) {
		user = &users[i];
		wait_for_completion(&user->done);
		EXPECT_EQ(t, user->alive, 0);
		EXPECT_GE(t, user->made, NUMBERS_OLD);
		test_note(t, "%lu pools, %lu heaps", user->made, user->heaps);
	}
}

/* A number that goes from one to the other leaves its old handles behind. */
static void numbers(struct ouro_test *t)
{
	numbers_run(t, UINT_MAX);
}

/* So it does while the heap that it goes from, or to, is being destroyed. */
static void numbers_of_heaps(struct ouro_test *t)
{
	numbers_run(t, 16);
}

static const struct ouro_case stale_cases[] = {
	EACH_KIND(recycled),
	EACH_KIND(recycled_pools),
	EACH_KIND(destroyed_heaps),
	EACH_KIND(numbers),
	EACH_KIND(numbers_of_heaps),
};

OURO_SUITE("stale", stale_cases);
