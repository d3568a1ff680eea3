// SPDX-License-Identifier: GPL-2.0
/*
 * Upgrades: handles are tried while their objects die and the next are made.
 *
 * A writer makes objects one after the other, each in the block of one that has
 * just died if it can, writes a number into it, publishes its handle under that
 * number, and puts it.  Readers try the handles.  What one gives has the number
 * that the handle was published under, and is alive; once it gave nothing to
 * anybody it gives nothing to everybody.
 */
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <ouro/object.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include <ouro/weak.h>
#include "compat.h"
#include "ouro_test.h"

#define RACE_POSTS	256	/* handles published at a time */
#define RACE_RACERS	16	/* threads at most */
#define RACE_HOLD	64	/* turns that the writer holds an object */
#define RACE_DEAD	16	/* handles that a reader tries for ever */

/* Attempts: user-mode Linux runs at native speed, all else under emulation. */
#define RACE_SHORT	(IS_ENABLED(CONFIG_UML) ?			\
			 TEST_MANY(5000000UL, 500000UL) :		\
			 TEST_MANY(500000UL, 50000UL))
#define RACE_LONG	(IS_ENABLED(CONFIG_UML) ? 20 * RACE_SHORT :	\
						  10 * RACE_SHORT)

/* Below these it was no race. */
#define RACE_OBJECTS	TEST_MANY(1000, 300)
#define RACE_HITS	100
#define RACE_LASTS	10	/* last puts by interrupts */

struct thing {
	struct ouro_object object;
	struct ouro_slot next;
	u64 number;		/* 0: not published, ~0: dead */
	struct ouro_weak weak;	/* its own */
};

/**
 * struct post - a published handle
 * @number: of the handle, 0 while the writer is at it
 * @name: of the handle
 * @generation: of the handle
 * @dead: the last number whose handle was seen to give nothing
 */
struct post {
	u64 number;
	u64 name;
	u64 generation;
	u64 dead;
};

struct racer {
	struct completion done;
	unsigned int id;		/* 0: the writer */
	u32 random;
	unsigned long attempts;
	unsigned long hits;
	struct ouro_weak dead[RACE_DEAD];
	/* What its interrupt has. */
	struct hrtimer timer;
	unsigned long irq_attempts;
	u32 irq_random;
	struct thing *held;		/* by an upgraded reference */
	u64 held_number;
	struct thing *made;
};

/* Cases run one at a time. */
static struct race {
	struct ouro_test *t;
	struct ouro_kind *kind;
	unsigned long quota;		/* attempts of each reader */
	bool interrupts;
	bool stop;			/* something went wrong */
	atomic_t readers;		/* at work */
	atomic_long_t rescues;
	atomic_long_t irq_hits;
	atomic_long_t irq_lasts;	/* puts of what looked like the last */
	struct ouro_slot rescued;
	u64 latest ____cacheline_aligned;
	struct post post[RACE_POSTS] ____cacheline_aligned;
	struct racer racer[RACE_RACERS];
} race;

/* Threads count their attempts, interrupts theirs beside them. */
#define SUM_OF_ALL(member)						\
({									\
	unsigned long sum = 0;						\
	int r;								\
									\
	for (r = 0; r < RACE_RACERS; r++)				\
		sum += READ_ONCE(race.racer[r].member);			\
	sum;								\
})

/* The first that goes wrong ends the race. */
#define CHECK(cond, number)						\
({									\
	if (!EXPECT_MSG(race.t, cond, "number %llu, after %lu attempts",	\
			(u64)(number), SUM_OF_ALL(attempts)))		\
		WRITE_ONCE(race.stop, true);				\
})

static void spin(unsigned int count)
{
	while (count--)
		cpu_relax();
}

/* ---- what is published ---- */

/* By the writer only. */
static void post_write(u64 number, struct ouro_weak weak)
{
	struct post *post = &race.post[number % RACE_POSTS];

	WRITE_ONCE(post->number, 0);
	smp_wmb();	/* pairs with the smp_rmb() in post_read() */
	WRITE_ONCE(post->name, weak.name);
	WRITE_ONCE(post->generation, weak.generation);
	/* Pairs with post_read(). */
	smp_store_release(&post->number, number);
	/* Pairs with latest(). */
	smp_store_release(&race.latest, number);
}

/* False when the handle is there no more. */
static bool post_read(u64 number, struct ouro_weak *weak, bool *dead)
{
	const struct post *post = &race.post[number % RACE_POSTS];

	/* Pairs with post_write(). */
	if (smp_load_acquire(&post->number) != number)
		return false;
	weak->name = READ_ONCE(post->name);
	weak->generation = READ_ONCE(post->generation);
	/* Pairs with post_bury(): that attempt was over before ours begins. */
	*dead = smp_load_acquire(&post->dead) == number;
	smp_rmb();	/* pairs with the smp_wmb() in post_write() */
	return READ_ONCE(post->number) == number;
}

static void post_bury(u64 number)
{
	/* Pairs with post_read(). */
	smp_store_release(&race.post[number % RACE_POSTS].dead, number);
}

/* Who has a reference, and had one all the time, has seen to it. */
static void check_never_null(struct thing *thing, u64 number)
{
	struct ouro_object *object;
	u64 dead;

	object = ouro_weak_get(thing->weak);
	CHECK(object == &thing->object, number);
	ouro_put(object);
	dead = READ_ONCE(race.post[number % RACE_POSTS].dead);
	CHECK(!number || dead != number, number);
}

/* ---- types ---- */

/* Every third lives on for a while. */
static void phoenix_finalize(void *object)
{
	struct thing *thing = object;
	struct ouro_object *old;

	if (thing->number % 3)
		return;
	atomic_long_inc(&race.rescues);
	ouro_slot_swap(&race.rescued, ouro_get(&thing->object), &old);
	if (!old)
		return;
	thing = container_of(old, struct thing, object);
	check_never_null(thing, thing->number);
	ouro_put(old);
}

static void thing_release(void *object)
{
	struct thing *thing = object;

	CHECK(thing->number != ~0ULL, thing->number);
	WRITE_ONCE(thing->number, ~0ULL);
}

static const struct ouro_type leaf_type = {
	.name = "leaf",
	.size = sizeof(struct thing),
};

static const struct ouro_type told_type = {
	OURO_TYPE(struct thing, object),
	OURO_SLOTS(struct thing, next),
	.release = thing_release,
};

static const struct ouro_type phoenix_type = {
	.name = "phoenix",
	.size = sizeof(struct thing),
	OURO_SLOTS(struct thing, next),
	.finalize = phoenix_finalize,
	.release = thing_release,
};

/* ---- who takes part ---- */

static struct thing *make(u64 number, gfp_t gfp)
{
	struct thing *thing = ouro_new(race.kind, gfp);

	if (!thing)
		return NULL;
	WRITE_ONCE(thing->number, number);
	if (ouro_weak_init(&thing->weak, &thing->object, gfp)) {
		ouro_put(&thing->object);
		return NULL;
	}
	return thing;
}

static void check_alive(struct thing *thing, u64 number)
{
	u64 found = READ_ONCE(thing->number);

	CHECK(found == number, number);
	CHECK(ouro_refcount(&thing->object) >= 1, number);
}

/*
 * Tries the handle of that number: the object with a reference, or NULL.  False:
 * it was not tried, because there is another in its place.
 */
static bool attempt(u64 number, struct ouro_weak *weak, struct thing **thing)
{
	struct ouro_object *object;
	bool dead;

	*thing = NULL;
	if (!post_read(number, weak, &dead))
		return false;
	object = ouro_weak_get(*weak);
	if (!object) {
		if (!dead)
			post_bury(number);
		return true;
	}
	CHECK(!dead, number);
	*thing = container_of(object, struct thing, object);
	check_alive(*thing, number);
	return true;
}

static u64 latest(void)
{
	/* Pairs with post_write(). */
	return smp_load_acquire(&race.latest);
}

/* A handle that gave nothing is tried now and then for as long as the race. */
static void try_dead(struct racer *w, u32 random)
{
	struct ouro_object *object;

	object = ouro_weak_get(w->dead[random % RACE_DEAD]);
	w->attempts++;
	CHECK(!object, 0);
	ouro_put(object);
}

static void read_some(struct racer *w)
{
	u32 random = test_random(&w->random);
	u64 number = latest();
	struct ouro_weak weak;
	struct thing *thing;

	if (random % 8 == 0)
		try_dead(w, random / 8);
	if (random % 4 == 1)
		number -= min_t(u64, number, random / 4 % 16);
	if (!attempt(number, &weak, &thing))
		return;
	w->attempts++;
	if (!thing) {
		if (random / 64 % 64 == 0)
			w->dead[random / 4096 % RACE_DEAD] = weak;
		return;
	}
	w->hits++;
	spin(random / 64 % 8);
	check_alive(thing, number);
	ouro_put(&thing->object);
}

static void write_some(struct racer *w)
{
	u64 number = race.latest + 1;
	u32 random = test_random(&w->random);
	struct thing *thing = make(number, GFP_KERNEL);
	struct ouro_object *rescued;

	CHECK(thing, number);
	if (!thing)
		return;
	post_write(number, thing->weak);
	spin(random % 4 ? random / 4 % RACE_HOLD : 0);
	if (random / 64 % 4 == 0)
		check_never_null(thing, number);
	ouro_put(&thing->object);
	rescued = ouro_slot_take(&race.rescued);
	if (!rescued)
		return;
	thing = container_of(rescued, struct thing, object);
	check_never_null(thing, thing->number);
	ouro_put(rescued);
}

/* Puts what it took the last time, mostly as the last who had it. */
static void interrupt_end(struct racer *w)
{
	if (w->held) {
		check_alive(w->held, w->held_number);
		if (ouro_refcount(&w->held->object) == 1)
			atomic_long_inc(&race.irq_lasts);
		ouro_put(&w->held->object);
	}
	if (w->made) {
		check_never_null(w->made, 0);
		ouro_put(&w->made->object);
	}
	w->held = NULL;
	w->made = NULL;
}

static enum hrtimer_restart tick(struct hrtimer *timer)
{
	struct racer *w = container_of(timer, struct racer, timer);
	struct ouro_weak weak;

	test_hardirq();
	interrupt_end(w);
	w->held_number = latest();
	if (attempt(w->held_number, &weak, &w->held))
		WRITE_ONCE(w->irq_attempts, w->irq_attempts + 1);
	if (w->held)
		atomic_long_inc(&race.irq_hits);
	w->made = make(0, GFP_ATOMIC | __GFP_NOWARN);
	hrtimer_forward_now(timer, ns_to_ktime(20000 +
				test_random(&w->irq_random) % 60000));
	return HRTIMER_RESTART;
}

/*
 * Whether enough of everything has happened.  Where an interrupt takes long, most
 * of the attempts are its own.
 */
static bool is_enough(const struct racer *w)
{
	return w->attempts + READ_ONCE(w->irq_attempts) >= race.quota &&
	       w->hits >= RACE_HITS &&
	       w->attempts - w->hits >= RACE_HITS &&
	       latest() >= RACE_OBJECTS &&
	       (!race.interrupts ||
		atomic_long_read(&race.irq_lasts) >= RACE_LASTS);
}

static bool is_over(const struct racer *w)
{
	if (READ_ONCE(race.stop) || test_expired(race.t))
		return true;
	return w->id ? is_enough(w) : !atomic_read(&race.readers);
}

static int racer_thread(void *data)
{
	struct racer *w = data;
	unsigned int i;

	if (race.interrupts)
		hrtimer_start(&w->timer, ns_to_ktime(50000),
			      HRTIMER_MODE_REL_PINNED_HARD);
	while (!is_over(w)) {
		for (i = 0; i < 64; i++)
			w->id ? read_some(w) : write_some(w);
		cond_resched();
	}
	if (race.interrupts)
		hrtimer_cancel(&w->timer);
	interrupt_end(w);
	if (w->id)
		atomic_dec(&race.readers);
	kthread_complete_and_exit(&w->done, 0);
}

static bool racer_start(unsigned int id, unsigned int cpu)
{
	struct racer *w = &race.racer[id];
	struct task_struct *task;

	w->id = id;
	w->random = id + 1;
	w->irq_random = id + 1000;
	init_completion(&w->done);
	hrtimer_setup(&w->timer, tick, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_HARD);
	task = kthread_create(racer_thread, w, "ouro_race/%u", id);
	if (!EXPECT(race.t, !IS_ERR(task)))
		return false;
	set_cpus_allowed_ptr(task, cpumask_of(cpu));
	wake_up_process(task);
	return true;
}

/* One on each CPU, and two on the only one. */
static void racers_run(unsigned long attempts)
{
	unsigned int count, cpu = 0, i, n;

	cpus_read_lock();
	count = clamp(num_online_cpus(), 2U, (unsigned int)RACE_RACERS);
	race.quota = DIV_ROUND_UP(attempts, count - 1);
	atomic_set(&race.readers, count - 1);
	cpu = cpumask_first(cpu_online_mask);
	for (n = 0; n < count; n++) {
		if (!racer_start(n, cpu))
			break;
		cpu = cpumask_next(cpu, cpu_online_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_online_mask);
	}
	cpus_read_unlock();
	for (i = 0; i < n; i++)
		wait_for_completion(&race.racer[i].done);
}

static void race_report(struct ouro_test *t, bool finalize)
{
	unsigned long attempts = SUM_OF_ALL(attempts), hits = SUM_OF_ALL(hits);

	test_note(t, "%llu objects, %lu attempts: %lu hits, %lu NULL",
		  race.latest, attempts, hits, attempts - hits);
	EXPECT_GE(t, hits, RACE_HITS);
	EXPECT_GE(t, attempts - hits, RACE_HITS);
	if (finalize) {
		test_note(t, "%ld rescued", atomic_long_read(&race.rescues));
		EXPECT_GE(t, atomic_long_read(&race.rescues),
			  RACE_OBJECTS / 4);
	}
	if (race.interrupts) {
		test_note(t, "%lu attempts of interrupts: %ld hits, %ld last puts",
			  SUM_OF_ALL(irq_attempts),
			  atomic_long_read(&race.irq_hits),
			  atomic_long_read(&race.irq_lasts));
		EXPECT_GE(t, atomic_long_read(&race.irq_lasts), RACE_LASTS);
	}
}

static void race_run(struct ouro_test *t, const struct ouro_type *type,
		     bool interrupts, unsigned long attempts)
{
	struct ouro_heap *heap = test_heap(t);

	if (!heap)
		return;
	memset(&race, 0, sizeof(race));
	race.t = t;
	race.interrupts = interrupts;
	race.kind = ouro_type_register(heap, type);
	if (!EXPECT(t, !IS_ERR(race.kind)))
		return;
	racers_run(attempts);
	EXPECT_GE(t, SUM_OF_ALL(attempts) + SUM_OF_ALL(irq_attempts), attempts);
	/* What interrupts put may be waiting for its finalizer yet. */
	ouro_heap_flush(heap);
	ouro_slot_clear(&race.rescued);
	ouro_heap_flush(heap);
	EXPECT(t, ouro_slot_is_empty(&race.rescued));
	race_report(t, type->finalize);
	test_heap_settle(t, heap, 0);
	test_heap_close(t, heap);
}

#define RACE(name, type, interrupts, attempts)				\
static void name(struct ouro_test *t)					\
{									\
	race_run(t, type, interrupts, attempts);			\
}

RACE(leaf, &leaf_type, false, RACE_SHORT)
RACE(told, &told_type, false, RACE_SHORT)
RACE(rescued, &phoenix_type, false, RACE_SHORT)
RACE(interrupts, &told_type, true, RACE_SHORT)
RACE(leaf_long, &leaf_type, false, RACE_LONG)
RACE(rescued_long, &phoenix_type, true, RACE_LONG / 4)

static const struct ouro_case upgrade_cases[] = {
	EACH_KIND(leaf),
	EACH_KIND(told),
	EACH_KIND(rescued),
	EACH_KIND(interrupts),
	{ "leaf_long", leaf_long, .seconds = 300, .full = true },
	{ "rescued_long", rescued_long, .seconds = 300, .full = true },
};

OURO_SUITE("upgrade", upgrade_cases);
