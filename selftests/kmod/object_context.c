// SPDX-License-Identifier: GPL-2.0
/*
 * Contexts of objects and containers: what may be done anywhere is, and what
 * may sleep says so even where it does not.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <ouro/copy.h>
#include <ouro/list.h>
#include <ouro/map.h>
#include <ouro/vector.h>
#include <ouro/weak.h>
#include <ouro/weak_map.h>
#include "test_item.h"

/* Cases run one at a time. */
static struct scene {
	struct ouro_test *t;
	struct ouro_heap *heap;
	struct ouro_kind *kind;
	struct ouro_kind *bare;		/* its objects cannot be copied */
	struct ouro_object *bare_one;
	struct test_item *a, *b;	/* with a table for weak handles */
	struct ouro_vector *vector;	/* room for more than is in it */
	struct ouro_list *list;		/* the same */
	struct ouro_list_iter iter;
	struct ouro_map *map;
	struct ouro_weak_map *weak_map;
	struct ouro_weak weak;
	struct ouro_watch watch;
	unsigned int wrong;
} scene;

static const struct ouro_type bare_type = {
	.name = "bare",
	.size = sizeof(struct test_item),
};

/* Not a name. */
static const struct ouro_type bad_type = {
	.name = "*",
	.size = sizeof(struct test_item),
};

static void never(struct ouro_watch *watch)
{
	EXPECT(scene.t, false);
}

static bool scene_fill(struct ouro_test *t, struct scene *s)
{
	bool ok;

	s->a = test_item_new(t, s->kind, 1);
	s->b = test_item_new(t, s->kind, 2);
	s->bare_one = ouro_new(s->bare, GFP_KERNEL);
	s->vector = ouro_vector_new(s->heap, 16, GFP_KERNEL);
	s->list = ouro_list_new(s->heap, GFP_KERNEL);
	s->map = ouro_map_u64_new(s->heap, GFP_KERNEL);
	s->weak_map = ouro_weak_map_new(s->heap, GFP_KERNEL);
	ok = s->a && s->b && s->bare_one && s->vector && s->list && s->map &&
	     s->weak_map;
	if (!EXPECT(t, ok))
		return false;
	ok = !ouro_list_reserve(s->list, 16, GFP_KERNEL) &&
	     !ouro_list_add(s->list, &s->a->object, GFP_KERNEL) &&
	     !ouro_vector_append(s->vector, &s->a->object, GFP_KERNEL) &&
	     !ouro_map_u64_store(s->map, 1, &s->a->object, GFP_KERNEL) &&
	     !ouro_weak_map_store(s->weak_map, "a", 1, &s->a->object,
				  GFP_KERNEL) &&
	     !ouro_watch_add(&s->watch, &s->a->object, never, GFP_KERNEL) &&
	     !ouro_weak_init(&s->weak, &s->a->object, GFP_KERNEL);
	ouro_list_iter_begin(&s->iter, s->list);
	return EXPECT(t, ok);
}

static struct scene *scene_open(struct ouro_test *t)
{
	struct scene *s = &scene;

	scene = (struct scene) { .t = t, .heap = test_heap(t) };
	s->kind = test_item_kind(t, s->heap);
	if (!s->kind)
		return NULL;
	s->bare = ouro_type_register(s->heap, &bare_type);
	if (!EXPECT(t, !IS_ERR(s->bare)) || !scene_fill(t, s))
		return NULL;
	return s;
}

static void scene_close(struct scene *s)
{
	ouro_watch_remove(&s->watch);
	ouro_list_iter_end(&s->iter);
	ouro_vector_put(s->vector);
	ouro_list_put(s->list);
	ouro_map_put(s->map);
	ouro_weak_map_put(s->weak_map);
	ouro_put(s->bare_one);
	EXPECT_EQ(s->t, ouro_refcount(&s->b->object), 1);
	ouro_put(&s->b->object);
	ouro_heap_flush(s->heap);
	EXPECT_EQ(s->t, ouro_refcount(&s->a->object), 1);
	ouro_put(&s->a->object);
	test_items_end(s->t, s->heap);
}

/* ---- anywhere ---- */

#define WANT(s, cond)	((s)->wrong += !(cond))

/* What any context may call, NMI included. */
static void use_objects(struct scene *s)
{
	struct ouro_object *a = &s->a->object, *old, *weak;

	ouro_put(ouro_get(a));
	rcu_read_lock();
	WANT(s, ouro_tryget(a));
	WANT(s, !ouro_slot_peek(&s->b->peer));
	rcu_read_unlock();
	ouro_put(a);
	WANT(s, ouro_is_alive(a) && ouro_refcount(a) >= 1);
	WANT(s, ouro_object_type(a) && ouro_object_slots(a) == 1);
	WANT(s, ouro_object_heap(a) == s->heap);
	WANT(s, !ouro_slot_store(&s->b->peer, a));
	old = ouro_slot_load(&s->b->peer);
	WANT(s, old == a && !ouro_slot_move(&s->b->peer, old));
	WANT(s, !ouro_slot_swap(&s->b->peer, NULL, &old) && old == a);
	ouro_put(old);
	WANT(s, !ouro_slot_store(&s->b->peer, a));
	ouro_put(ouro_slot_take(&s->b->peer));
	ouro_slot_clear(&s->b->peer);
	weak = ouro_weak_get(s->weak);
	WANT(s, weak == a);
	ouro_put(weak);
}

/* What all but NMI may, and takes no lock but raw ones. */
static void use_unlocked(struct scene *s)
{
	struct ouro_object *a = &s->a->object, *made, *found;
	struct ouro_watch watch;
	struct ouro_weak weak;
	size_t at = 0, len;
	u64 key;

	made = ouro_new(s->bare, GFP_ATOMIC);
	WANT(s, made || IS_ENABLED(CONFIG_PREEMPT_RT));
	ouro_put(made);
	WANT(s, !ouro_weak_init(&weak, a, GFP_ATOMIC));
	WANT(s, ouro_weak_equal(weak, s->weak));
	WANT(s, !ouro_watch_add(&watch, a, never, GFP_ATOMIC));
	WANT(s, ouro_watch_remove(&watch));
	found = ouro_vector_load(s->vector, 0);
	WANT(s, found == a);
	ouro_put(found);
	found = ouro_vector_next(s->vector, &at);
	WANT(s, found == a && ouro_vector_length(s->vector) == 1);
	ouro_put(found);
	found = ouro_map_u64_load(s->map, 1);
	WANT(s, found == a && ouro_map_length(s->map) == 1);
	ouro_put(found);
	at = 0;
	found = ouro_map_next(s->map, &at, &key, sizeof(key), &len);
	WANT(s, found == a && key == 1);
	ouro_put(found);
	found = ouro_weak_map_load(s->weak_map, "a", 1);
	WANT(s, found == a && ouro_weak_map_length(s->weak_map) == 1);
	ouro_put(found);
}

/* What takes a container's lock: in a task, or in softirq. */
static void use_locked(struct scene *s)
{
	struct ouro_object *b = &s->b->object;
	u64 two = 2;

	WANT(s, !ouro_vector_append(s->vector, b, GFP_ATOMIC));
	WANT(s, !ouro_vector_store(s->vector, 1, NULL));
	WANT(s, !ouro_vector_remove(s->vector, 1));
	WANT(s, !ouro_list_add_tail(s->list, b, GFP_ATOMIC));
	ouro_put(ouro_list_pop_tail(s->list));
	WANT(s, !ouro_map_u64_store(s->map, two, b, GFP_ATOMIC));
	WANT(s, ouro_map_u64_remove(s->map, two));
	WANT(s, !ouro_weak_map_store(s->weak_map, &two, 8, b, GFP_ATOMIC));
	WANT(s, ouro_weak_map_remove(s->weak_map, &two, 8));
}

static void objects_there(void *arg)
{
	use_objects(arg);
}

static void unlocked_there(void *arg)
{
	use_objects(arg);
	use_unlocked(arg);
}

static void locked_there(void *arg)
{
	use_objects(arg);
	use_unlocked(arg);
	use_locked(arg);
}

static void anywhere(struct ouro_test *t)
{
	static void (* const use[TEST_CONTEXTS])(void *arg) = {
		[TEST_TASK] = locked_there,
		[TEST_PREEMPT_OFF] = IS_ENABLED(CONFIG_PREEMPT_RT) ?
				     unlocked_there : locked_there,
		[TEST_IRQ_OFF] = unlocked_there,
		[TEST_SOFTIRQ] = locked_there,
		[TEST_IRQ_WORK] = unlocked_there,
		[TEST_HRTIMER] = unlocked_there,
		[TEST_IPI] = unlocked_there,
		[TEST_NMI] = objects_there,
	};
	struct scene *s = scene_open(t);
	struct test_log log;
	int i, err;

	if (!s)
		return;
	test_log_mark(&log);
	for (i = 0; i < TEST_CONTEXTS; i++) {
		if (!test_context_exists(i))
			continue;
		s->wrong = 0;
		err = test_context_run(i, use[i], s);
		EXPECT_MSG(t, !err && !s->wrong, "%s: %d, %u wrong",
			   test_context_name(i), err, s->wrong);
	}
	EXPECT_EQ(t, test_log_count_all(&log, "BUG:"), 0);
	EXPECT_EQ(t, test_log_count_all(&log, "WARNING:"), 0);
	scene_close(s);
}

/* ---- what may sleep ---- */

static struct ouro_object *make_none(const void *key, size_t len, void *arg)
{
	return NULL;
}

/*
 * Each with so little to do that nothing below it would complain in its place.
 * What comes of it is of no interest, but a reference.
 */
#define MAY_SLEEP(name, call)						\
static void name##_there(struct scene *s)					\
{									\
	call;								\
}

#define TO_FIRST(s)	&(s)->a->object, GFP_KERNEL

MAY_SLEEP(type_register, ouro_type_register(s->heap, &bad_type))
MAY_SLEEP(heap_flush, ouro_heap_flush(s->heap))
MAY_SLEEP(watch_remove_sync, ouro_watch_remove_sync(&s->watch))
MAY_SLEEP(copy, ouro_copy(s->bare_one, GFP_NOWAIT))
MAY_SLEEP(copy_deep, ouro_copy_deep(s->bare_one, GFP_NOWAIT))
MAY_SLEEP(map_new, ouro_map_new(s->heap, OURO_KEY_MAX + 1, GFP_NOWAIT))
MAY_SLEEP(weak_map_new,
	  ouro_weak_map_put(ouro_weak_map_new(s->heap, GFP_NOWAIT)))
MAY_SLEEP(weak_map_clear, ouro_weak_map_clear(s->weak_map))
MAY_SLEEP(new, ouro_put(ouro_new(s->bare, GFP_KERNEL)))
MAY_SLEEP(new_array, ouro_new_array(s->bare, 1, GFP_KERNEL))
MAY_SLEEP(weak_init, ouro_weak_init(&s->weak, TO_FIRST(s)))
MAY_SLEEP(vector_new,
	  ouro_vector_put(ouro_vector_new(s->heap, 0, GFP_KERNEL)))
MAY_SLEEP(vector_reserve, ouro_vector_reserve(s->vector, 1, GFP_KERNEL))
MAY_SLEEP(vector_append, ouro_vector_append(s->vector, TO_FIRST(s)))
MAY_SLEEP(vector_fill, ouro_vector_fill(s->vector, NULL, 0, GFP_KERNEL))
MAY_SLEEP(vector_shrink, ouro_vector_shrink(s->vector, GFP_KERNEL))
MAY_SLEEP(list_new, ouro_list_put(ouro_list_new(s->heap, GFP_KERNEL)))
MAY_SLEEP(list_reserve, ouro_list_reserve(s->list, 1, GFP_KERNEL))
MAY_SLEEP(list_add, ouro_list_add(s->list, TO_FIRST(s)))
MAY_SLEEP(list_add_tail, ouro_list_add_tail(s->list, TO_FIRST(s)))
MAY_SLEEP(list_fill, ouro_list_fill(s->list, NULL, 0, GFP_KERNEL))
MAY_SLEEP(list_iter_add_before,
	  ouro_list_iter_add_before(&s->iter, TO_FIRST(s)))
MAY_SLEEP(map_reserve, ouro_map_reserve(s->map, 1, GFP_KERNEL))
MAY_SLEEP(map_store, ouro_map_u64_store(s->map, 1, NULL, GFP_KERNEL))
MAY_SLEEP(map_add, ouro_map_u64_add(s->map, 1, NULL, GFP_KERNEL))
MAY_SLEEP(map_fill, ouro_map_fill(s->map, NULL, 0, GFP_KERNEL))
MAY_SLEEP(weak_map_store,
	  ouro_weak_map_store(s->weak_map, "b", 1, NULL, GFP_KERNEL))
MAY_SLEEP(weak_map_add,
	  ouro_weak_map_add(s->weak_map, "b", 1, NULL, GFP_KERNEL))
MAY_SLEEP(intern,
	  ouro_intern(s->weak_map, "b", 1, make_none, NULL, GFP_KERNEL))

static const struct sleeper {
	const char *name;
	void (*call)(struct scene *s);
} sleepers[] = {
#define SLEEPER(name)	{ #name, name##_there }
	SLEEPER(type_register), SLEEPER(heap_flush),
	SLEEPER(watch_remove_sync), SLEEPER(copy), SLEEPER(copy_deep),
	SLEEPER(map_new), SLEEPER(weak_map_new), SLEEPER(weak_map_clear),
	SLEEPER(new), SLEEPER(new_array), SLEEPER(weak_init),
	SLEEPER(vector_new), SLEEPER(vector_reserve), SLEEPER(vector_append),
	SLEEPER(vector_fill), SLEEPER(vector_shrink), SLEEPER(list_new),
	SLEEPER(list_reserve), SLEEPER(list_add), SLEEPER(list_add_tail),
	SLEEPER(list_fill), SLEEPER(list_iter_add_before),
	SLEEPER(map_reserve), SLEEPER(map_store), SLEEPER(map_add),
	SLEEPER(map_fill), SLEEPER(weak_map_store), SLEEPER(weak_map_add),
	SLEEPER(intern),
#undef SLEEPER
};

/* Where a task has said that it must not sleep, nothing breaks when it does. */
static void sleeps(struct ouro_test *t)
{
	struct test_log log;
	struct scene *s;
	unsigned int i;

	if (!IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP)) {
		SKIP(t, "this kernel does not look for sleeps");
		return;
	}
	s = scene_open(t);
	if (!s)
		return;
	for (i = 0; i < ARRAY_SIZE(sleepers); i++) {
		/* The kernel complains once a second. */
		schedule_timeout_uninterruptible(HZ + 1);
		test_log_mark(&log);
		non_block_start();
		sleepers[i].call(s);
		non_block_end();
		EXPECT_MSG(t, test_log_count_all(&log, "sleeping function called"),
			   "%s", sleepers[i].name);
	}
	ouro_list_clear(s->list);
	scene_close(s);
}

/* ---- where interrupts are on ---- */

/* All come back before they get to a lock. */
static void maps_there(void *arg)
{
	struct scene *s = arg;

	ouro_map_reserve(s->map, 1, GFP_ATOMIC);
	ouro_map_u64_store(s->map, 1, NULL, GFP_ATOMIC);
	ouro_map_take(s->map, "b", 1);
	ouro_weak_map_store(s->weak_map, "b", 1, NULL, GFP_ATOMIC);
	ouro_intern(s->weak_map, "b", 1, make_none, NULL, GFP_ATOMIC);
}

/* Maps have a lock that softirqs take, and say so where interrupts are off. */
static void interrupts_off(struct ouro_test *t)
{
	static bool told;
	struct test_log log;
	struct scene *s;

	if (!IS_ENABLED(CONFIG_PROVE_LOCKING)) {
		SKIP(t, "this kernel does not follow interrupts");
		return;
	}
	if (told) {
		SKIP(t, "the kernel tells of each place once, and did");
		return;
	}
	told = true;
	s = scene_open(t);
	if (!s)
		return;
	test_log_mark(&log);
	maps_there(s);
	EXPECT_EQ(t, test_log_count_all(&log, "WARNING:"), 0);
	EXPECT_EQ(t, test_context_run(TEST_IRQ_OFF, maps_there, s), 0);
	EXPECT_EQ(t, test_log_count_all(&log, "WARNING:"), 5);
	scene_close(s);
}

static const struct ouro_case object_context_cases[] = {
	EACH_KIND(anywhere),
	{ "sleeps", sleeps, .full = true },
	{ "interrupts_off", interrupts_off },
};

OURO_SUITE("object_context", object_context_cases);
