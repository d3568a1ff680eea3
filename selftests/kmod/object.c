// SPDX-License-Identifier: GPL-2.0
/* Objects: the life of a reference, and the order of a death. */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <ouro/object.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include <ouro/weak.h>
#include "ouro_test.h"

struct thing {
	struct ouro_object object;
	struct ouro_slot next;
	struct ouro_slot other;
	u64 value;
};

/* What callbacks saw; cases run one at a time. */
static struct seen {
	struct ouro_test *t;
	atomic_t finalized;
	atomic_t released;
	struct ouro_slot *rescue;	/* where finalize puts its object */
	bool sleep;			/* callbacks do */
	bool at_end;			/* of the heap */
	bool in_task, in_worker;
	unsigned long last_sum;
} seen;

/* Those that are for a worker get to one, whatever led to that. */
static void note_where(const struct ouro_object *object)
{
	seen.in_task = in_task();
	seen.in_worker = current->flags & PF_WQ_WORKER;
	if (ouro_object_type(object)->flags & OURO_TYPE_WORKER)
		EXPECT(seen.t, seen.in_worker || seen.at_end);
	if (seen.sleep)
		usleep_range(10, 20);
}

static void thing_finalize(void *object)
{
	struct thing *thing = object;

	note_where(object);
	atomic_inc(&seen.finalized);
	EXPECT(seen.t, ouro_is_alive(&thing->object));
	EXPECT_GE(seen.t, ouro_refcount(&thing->object), 1);
	if (seen.rescue)
		EXPECT_EQ(seen.t, ouro_slot_store(seen.rescue, &thing->object),
			  0);
}

static void thing_release(void *object)
{
	struct thing *thing = object;

	note_where(object);
	atomic_inc(&seen.released);
	seen.last_sum += thing->value;
	/* With the heap it goes whoever has a reference. */
	EXPECT(seen.t, seen.at_end || !ouro_is_alive(&thing->object));
	EXPECT(seen.t, ouro_slot_is_empty(&thing->next));
	EXPECT(seen.t, ouro_slot_is_empty(&thing->other));
}

static const struct ouro_type plain_type = {
	OURO_TYPE(struct thing, object),
	OURO_SLOTS(struct thing, next, other),
};

static const struct ouro_type told_type = {
	.name = "told",
	.size = sizeof(struct thing),
	OURO_SLOTS(struct thing, next, other),
	.finalize = thing_finalize,
	.release = thing_release,
};

static const struct ouro_type late_type = {
	.name = "late",
	.size = sizeof(struct thing),
	OURO_SLOTS(struct thing, next, other),
	.flags = OURO_TYPE_WORKER,
	.finalize = thing_finalize,
	.release = thing_release,
};

static const struct ouro_type rcu_type = {
	.name = "rcu",
	.size = sizeof(struct thing),
	OURO_SLOTS(struct thing, next, other),
	.flags = OURO_TYPE_RCU,
};

static struct ouro_kind *kind_of(struct ouro_test *t, struct ouro_heap *heap,
				 const struct ouro_type *type)
{
	struct ouro_kind *kind = ouro_type_register(heap, type);

	memset(&seen, 0, sizeof(seen));
	seen.t = t;
	return EXPECT(t, !IS_ERR(kind)) ? kind : NULL;
}

/* Without a flush: somebody must have been told. */
static void released_unasked(struct ouro_test *t, int count)
{
	int i;

	for (i = 0; i < 2000 && atomic_read(&seen.released) < count; i++)
		usleep_range(1000, 2000);
	EXPECT_EQ(t, atomic_read(&seen.released), count);
}

static void counting(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind = heap ? kind_of(t, heap, &plain_type) : NULL;
	struct thing *thing;
	int i;

	if (!kind)
		return;
	thing = ouro_new(kind, GFP_KERNEL | __GFP_ZERO);
	if (!EXPECT(t, thing))
		return;
	EXPECT_EQ(t, thing->value, 0);
	EXPECT_EQ(t, ouro_refcount(&thing->object), 1);
	for (i = 2; i < 1000; i++) {
		EXPECT(t, ouro_get(&thing->object) == &thing->object);
		EXPECT_EQ(t, ouro_refcount(&thing->object), i);
	}
	rcu_read_lock();
	EXPECT(t, ouro_tryget(&thing->object));
	rcu_read_unlock();
	for (; i > 1; i--) {
		EXPECT_EQ(t, ouro_refcount(&thing->object), i);
		ouro_put(&thing->object);
	}
	EXPECT(t, ouro_is_alive(&thing->object));
	test_heap_check(t, heap, 1);
	ouro_put(&thing->object);
	ouro_put(NULL);
	test_heap_check(t, heap, 0);
	rcu_read_lock();
	EXPECT(t, !ouro_tryget(&thing->object));
	EXPECT(t, !ouro_is_alive(&thing->object));
	EXPECT_EQ(t, ouro_refcount(&thing->object), 0);
	rcu_read_unlock();
	test_heap_close(t, heap);
}

/* The next object of the type has the block of the last that died. */
static void recycled(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind = heap ? kind_of(t, heap, &plain_type) : NULL;
	struct thing *thing, *again;
	int i, same = 0;
	s64 word;

	if (!kind)
		return;
	thing = ouro_new(kind, GFP_KERNEL);
	for (i = 0; i < 100 && EXPECT(t, thing); i++) {
		word = atomic64_read(&thing->object.word);
		ouro_put(&thing->object);
		again = ouro_new(kind, GFP_KERNEL);
		same += again == thing;
		/* Words go on: a new object is not mistaken for the old. */
		if (EXPECT(t, again) && again == thing)
			EXPECT_EQ(t, atomic64_read(&again->object.word),
				  word + (s64)OURO_WORD_VERSION);
		thing = again;
		EXPECT_EQ(t, ouro_refcount(&thing->object), 1);
		EXPECT(t, ouro_slot_is_empty(&thing->next));
	}
	/* Now and then the CPU is another, and so is the magazine. */
	EXPECT_GE(t, same, 80);
	ouro_put(&thing->object);
	test_heap_close(t, heap);
}

/* A list, a tree and a graph with shared parts fall as a whole. */
static struct thing *make_chain(struct ouro_test *t, struct ouro_kind *kind,
				unsigned long length)
{
	struct thing *head = NULL, *thing;
	unsigned long i;

	for (i = 0; i < length; i++) {
		thing = ouro_new(kind, GFP_KERNEL);
		if (!EXPECT(t, thing))
			break;
		thing->value = 1;
		if (head)
			EXPECT_EQ(t, ouro_slot_move(&thing->next, &head->object),
				  0);
		head = thing;
		if (!(i % 1024))
			cond_resched();
	}
	return head;
}

static void chain_fall(struct ouro_test *t, const struct ouro_type *type,
		       unsigned long length)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind = heap ? kind_of(t, heap, type) : NULL;
	struct thing *head;
	u64 start;

	if (!kind)
		return;
	head = make_chain(t, kind, length);
	test_heap_check(t, heap, length);
	start = ktime_get_ns();
	ouro_put(&head->object);
	start = ktime_get_ns() - start;
	ouro_heap_flush(heap);
	if (type->flags & OURO_TYPE_RCU) {
		/* Some died while others waited for a grace period. */
		rcu_barrier();
		rcu_barrier();
	}
	test_heap_settle(t, heap, 0);
	test_note(t, "%lu objects, the put took %llu us", length,
		  start / NSEC_PER_USEC);
	if (type->release) {
		EXPECT_EQ(t, atomic_read(&seen.finalized), length);
		EXPECT_EQ(t, atomic_read(&seen.released), length);
		EXPECT_EQ(t, seen.last_sum, length);
	}
	test_heap_close(t, heap);
}

static void chain(struct ouro_test *t)
{
	chain_fall(t, &plain_type, TEST_MANY(100000, 10000));
}

static void chain_told(struct ouro_test *t)
{
	chain_fall(t, &told_type, TEST_MANY(20000, 3000));
}

static void chain_late(struct ouro_test *t)
{
	chain_fall(t, &late_type, 2000);
}

static void chain_rcu(struct ouro_test *t)
{
	chain_fall(t, &rcu_type, TEST_MANY(20000, 3000));
}

static void chain_ten_million(struct ouro_test *t)
{
	chain_fall(t, &plain_type, TEST_MANY(10000000, 100000));
}

/* What is live when its heap goes is told by type, and has its release. */
static void abandoned(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *told = heap ? kind_of(t, heap, &told_type) : NULL;
	struct ouro_kind *plain = told ? kind_of(t, heap, &plain_type) : NULL;
	struct thing *chain;
	struct test_log log;
	int i;

	if (!plain)
		return;
	chain = make_chain(t, told, 10);
	for (i = 0; i < 5; i++)
		EXPECT(t, ouro_new(plain, GFP_KERNEL));
	/* One that dies before counts for nothing. */
	ouro_put(ouro_new(plain, GFP_KERNEL));
	test_log_mark(&log);
	seen.at_end = true;
	test_heap_abandon(t, heap, 15);
	EXPECT_EQ(t, atomic_read(&seen.finalized), 0);
	EXPECT_EQ(t, atomic_read(&seen.released), 10);
	EXPECT_EQ(t, seen.last_sum, chain ? 10 : 0);
	EXPECT_EQ(t, test_log_count(&log, "live: 10 objects of type told"), 1);
	EXPECT_EQ(t, test_log_count(&log, "live: 5 objects of type thing"), 1);
}

static struct ouro_object *private_ref;

static unsigned long live_in(struct ouro_heap *heap)
{
	struct ouro_heap_stat stat;

	ouro_heap_stat(heap, &stat);
	return stat.live;
}

static void put_release(void *object)
{
	struct ouro_heap *heap = ouro_object_heap(object);
	unsigned long live = live_in(heap);

	atomic_inc(&seen.released);
	ouro_put(xchg(&private_ref, NULL));
	if (seen.at_end)
		EXPECT_EQ(seen.t, live_in(heap), live);
}

static const struct ouro_type putting_type = {
	.name = "putting",
	.size = sizeof(struct thing),
	OURO_SLOTS(struct thing, next, other),
	.release = put_release,
};

static const struct ouro_type leaf_type = {
	.name = "leaf",
	.size = 64,
};

/* A release that puts what only it knew of: when it is put, and at the end. */
static void private_refs(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *putting = heap ? kind_of(t, heap, &putting_type) : NULL;
	struct ouro_kind *leaf = putting ? kind_of(t, heap, &leaf_type) : NULL;
	struct ouro_object *holder;

	if (!leaf)
		return;
	holder = ouro_new(putting, GFP_KERNEL);
	private_ref = ouro_new(leaf, GFP_KERNEL);
	if (!EXPECT(t, holder && private_ref))
		return;
	ouro_put(holder);
	ouro_heap_flush(heap);
	EXPECT_EQ(t, atomic_read(&seen.released), 1);
	test_heap_check(t, heap, 0);

	private_ref = ouro_new(putting, GFP_KERNEL);
	EXPECT(t, private_ref && ouro_new(putting, GFP_KERNEL));
	seen.at_end = true;
	test_heap_abandon(t, heap, 2);
	EXPECT_EQ(t, atomic_read(&seen.released), 3);
	EXPECT(t, !private_ref);
}

/* What is put at the end of its heap is not destroyed, however little it is. */
static void private_at_end(struct ouro_test *t)
{
	static const struct ouro_type * const types[] = {
		&leaf_type, &plain_type, &told_type,
	};
	struct ouro_kind *putting, *kind;
	struct ouro_heap *heap;
	int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		heap = test_heap(t);
		putting = heap ? kind_of(t, heap, &putting_type) : NULL;
		kind = putting ? kind_of(t, heap, types[i]) : NULL;
		if (!kind)
			return;
		private_ref = ouro_new(kind, GFP_KERNEL);
		EXPECT(t, private_ref && ouro_new(putting, GFP_KERNEL));
		seen.at_end = true;
		test_heap_abandon(t, heap, 2);
		EXPECT(t, !private_ref);
	}
}

/* What a worker buries may be more than fits its stack: nothing is forgotten. */
static void wide(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *late = heap ? kind_of(t, heap, &late_type) : NULL;
	struct ouro_kind *told = late ? kind_of(t, heap, &told_type) : NULL;
	static struct thing *level[256];
	struct thing *root, *thing;
	unsigned int n = 1, made = 1;

	if (!told)
		return;
	root = ouro_new(late, GFP_KERNEL);
	if (!EXPECT(t, root))
		return;
	/* A tree with two children each, all its leaves with a callback. */
	for (level[0] = root; n < ARRAY_SIZE(level); n++) {
		struct thing *parent = level[(n - 1) / 2];

		thing = ouro_new(told, GFP_KERNEL);
		if (!EXPECT(t, thing))
			break;
		thing->value = 1;
		level[n] = thing;
		EXPECT_EQ(t, ouro_slot_move(n & 1 ? &parent->next :
					    &parent->other, &thing->object), 0);
		made++;
	}
	root->value = 1;
	ouro_put(&root->object);
	released_unasked(t, made);
	EXPECT_EQ(t, atomic_read(&seen.finalized), made);
	test_heap_settle(t, heap, 0);
	test_heap_close(t, heap);
}

/* What one put leaves to the worker dies though nobody asks for it. */
static void unasked(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *kind = heap ? kind_of(t, heap, &told_type) : NULL;
	const int length = 3000;
	struct thing *head;

	if (!kind)
		return;
	head = make_chain(t, kind, length);
	ouro_put(&head->object);
	released_unasked(t, length);
	test_heap_settle(t, heap, 0);
	test_heap_close(t, heap);
}

/* A worker buries it, wherever what led to it was buried. */
static void late_child(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *told = heap ? kind_of(t, heap, &told_type) : NULL;
	struct ouro_kind *late = told ? kind_of(t, heap, &late_type) : NULL;
	struct thing *parent;
	struct ouro_object *child;

	if (!late)
		return;
	parent = ouro_new(told, GFP_KERNEL);
	child = ouro_new(late, GFP_KERNEL);
	if (!EXPECT(t, parent && child && !ouro_slot_move(&parent->next, child)))
		return;
	ouro_put(&parent->object);
	released_unasked(t, 2);
	test_heap_settle(t, heap, 0);
	test_heap_close(t, heap);
}

/* What a release puts may be of another heap, whose worker buries it. */
static void other_heap(struct ouro_test *t)
{
	struct ouro_heap *heap = test_heap(t), *other = test_heap(t);
	struct ouro_kind *putting = heap && other ? kind_of(t, heap, &putting_type) : NULL;
	struct ouro_kind *told = putting ? kind_of(t, other, &told_type) : NULL;
	struct ouro_object *holder;

	if (!told)
		return;
	holder = ouro_new(putting, GFP_KERNEL);
	private_ref = ouro_new(told, GFP_KERNEL);
	if (!EXPECT(t, holder && private_ref))
		return;
	ouro_put(holder);
	released_unasked(t, 2);
	EXPECT(t, seen.in_worker);
	test_heap_settle(t, heap, 0);
	test_heap_settle(t, other, 0);
	test_heap_close(t, heap);
	test_heap_close(t, other);
}

struct fan {
	struct ouro_object object;
	struct ouro_slot handle;
	struct ouro_slot rib[];
};

static const struct ouro_type fan_type = {
	OURO_TYPE(struct fan, object),
	OURO_SLOTS(struct fan, handle),
	OURO_SLOT_ARRAY(struct fan, rib),
};

/* All that there is room for is filled, and falls, however many they are. */
static void fan_fall(struct ouro_test *t, struct ouro_heap *heap,
		     struct ouro_kind *fans, struct ouro_kind *told,
		     size_t count)
{
	struct fan *fan = ouro_new_array(fans, count, GFP_KERNEL);
	struct thing *thing;
	size_t i, slots;

	if (!EXPECT(t, fan))
		return;
	slots = ouro_object_slots(&fan->object);
	EXPECT_GE(t, slots, count + 1);
	for (i = 0; i < slots; i++) {
		thing = ouro_new(told, GFP_KERNEL);
		if (!EXPECT(t, thing))
			break;
		thing->value = 1;
		ouro_slot_move(i ? &fan->rib[i - 1] : &fan->handle,
			       &thing->object);
	}
	test_heap_check(t, heap, i + 1);
	seen.last_sum = 0;
	ouro_put(&fan->object);
	ouro_heap_flush(heap);
	EXPECT_EQ(t, seen.last_sum, i);
	test_heap_check(t, heap, 0);
}

static void fans(struct ouro_test *t)
{
	static const size_t counts[] = { 0, 1, 2, 63, 64, 65, 1000, 20000 };
	struct ouro_heap *heap = test_heap(t);
	struct ouro_kind *told = heap ? kind_of(t, heap, &told_type) : NULL;
	struct ouro_kind *fans = told ? kind_of(t, heap, &fan_type) : NULL;
	int i;

	if (!fans)
		return;
	for (i = 0; i < ARRAY_SIZE(counts); i++)
		fan_fall(t, heap, fans, told, counts[i]);
	test_heap_close(t, heap);
}

static const struct ouro_case object_cases[] = {
	EACH_KIND(counting),
	EACH_KIND(recycled),
	EACH_KIND(chain),
	EACH_KIND(chain_told),
	EACH_KIND(chain_late),
	EACH_KIND(chain_rcu),
	EACH_KIND(abandoned),
	EACH_KIND(private_refs),
	EACH_KIND(private_at_end),
	EACH_KIND(wide),
	EACH_KIND(unasked),
	EACH_KIND(late_child),
	EACH_KIND(other_heap),
	EACH_KIND(fans),
	{ "chain_ten_million", chain_ten_million, .full = true },
};

OURO_SUITE("object", object_cases);
