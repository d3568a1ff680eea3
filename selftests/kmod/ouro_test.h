/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The frame of the test modules: suites of cases, run one by one.
 *
 * A test module describes its cases in a table and ends in OURO_SUITE().
 * ouro_test.ko lists the cases of every loaded suite in
 * /sys/kernel/debug/ouro_test/cases.  A name written to "run" there runs that
 * case as the writer, "result" then says how it went.  Nothing runs at load
 * time, so whoever runs the cases knows the plan before the first one.
 */
#ifndef _OURO_TEST_H
#define _OURO_TEST_H

#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kconfig.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <ouro/block.h>
#include <ouro/heap.h>
#include <ouro/object.h>

#define OURO_TEST_HEAPS	40	/* heaps a case may have open */
#define OURO_TEST_TEXT	4096	/* bytes of text about one case */

struct ouro_test;

/**
 * struct ouro_case - one test
 * @name: letters, digits and underscores
 * @run: does it; asserts with EXPECT() and friends
 * @flags: of the heaps that test_heap() makes
 * @seconds: bound on its time, 0: OURO_TEST_SECONDS
 * @full: left out of the short set
 */
struct ouro_case {
	const char *name;
	void (*run)(struct ouro_test *t);
	unsigned int flags;
	unsigned int seconds;
	bool full;
};

#define OURO_TEST_SECONDS	60

/**
 * struct ouro_suite - the cases of one module
 * @name: shown before the name of a case, with a dot between
 * @owner: the module
 * @cases: the table
 * @count: of @cases
 * @node: in the list of suites
 */
struct ouro_suite {
	const char *name;
	struct module *owner;
	const struct ouro_case *cases;
	size_t count;
	struct list_head node;
};

void ouro_suite_add(struct ouro_suite *suite);
void ouro_suite_remove(struct ouro_suite *suite);

/**
 * struct ouro_test - one run of a case
 * @c: the case
 * @deadline: in jiffies; loops end when it has passed
 * @failures: failed expectations
 * @skipped: whether SKIP() was said
 * @heaps: open ones, destroyed behind a case that left them
 * @lock: of @text and @len
 * @text: what went wrong, a line each
 * @len: of @text
 */
struct ouro_test {
	const struct ouro_case *c;
	unsigned long deadline;
	atomic_t failures;
	bool skipped;
	struct ouro_heap *heaps[OURO_TEST_HEAPS];
	raw_spinlock_t lock;
	char text[OURO_TEST_TEXT];
	size_t len;
};

__printf(4, 5)
void test_fail(struct ouro_test *t, const char *file, int line,
	       const char *fmt, ...);
__printf(2, 3)
void test_note(struct ouro_test *t, const char *fmt, ...);
bool test_expired(struct ouro_test *t);
unsigned int test_stress_seconds(void);

/* True when @cond holds; a failure is noted and the case goes on. */
#define EXPECT(t, cond)							\
({									\
	bool __ok = !!(cond);						\
									\
	if (!__ok)							\
		test_fail(t, __FILE__, __LINE__, "expected %s", #cond);	\
	__ok;								\
})

/* As EXPECT(), with a text for people. */
#define EXPECT_MSG(t, cond, fmt, ...)					\
({									\
	bool __ok = !!(cond);						\
									\
	if (!__ok)							\
		test_fail(t, __FILE__, __LINE__, "expected %s: " fmt,	\
			  #cond, ##__VA_ARGS__);			\
	__ok;								\
})

#define __EXPECT_OP(t, a, op, b, texta, textb)				\
({									\
	long long __a = (long long)(a);					\
	long long __b = (long long)(b);					\
	bool __ok = __a op __b;						\
									\
	if (!__ok)							\
		test_fail(t, __FILE__, __LINE__,			\
			  "expected %s " #op " %s: %lld, %lld",		\
			  texta, textb, __a, __b);			\
	__ok;								\
})

#define EXPECT_EQ(t, a, b)	__EXPECT_OP(t, a, ==, b, #a, #b)
#define EXPECT_NE(t, a, b)	__EXPECT_OP(t, a, !=, b, #a, #b)
#define EXPECT_GE(t, a, b)	__EXPECT_OP(t, a, >=, b, #a, #b)
#define EXPECT_LE(t, a, b)	__EXPECT_OP(t, a, <=, b, #a, #b)

/* The case cannot be tried here; the caller returns after it. */
#define SKIP(t, fmt, ...)						\
do {									\
	(t)->skipped = true;						\
	test_note(t, fmt, ##__VA_ARGS__);				\
} while (0)

/* Heaps that the frame watches over: test_heap.c */

struct ouro_heap *test_heap(struct ouro_test *t);
struct ouro_heap *test_heap_flags(struct ouro_test *t, unsigned int flags);
struct ouro_heap *test_heap_attr(struct ouro_test *t,
				 struct ouro_heap_attr *attr);
void test_heap_check(struct ouro_test *t, struct ouro_heap *heap,
		     unsigned long live);
void test_heap_settle(struct ouro_test *t, struct ouro_heap *heap,
		      unsigned long live);
void test_heap_close(struct ouro_test *t, struct ouro_heap *heap);
void test_heap_close_reserve(struct ouro_test *t, struct ouro_heap *heap);
void test_heap_abandon(struct ouro_test *t, struct ouro_heap *heap,
		       unsigned long live);
unsigned long test_heap_misuse(struct ouro_heap *heap);
void test_adopt(struct ouro_heap *heap);
long test_free_pages(void);

/* Contents: test_fill.c */

void test_fill(void *ptr, size_t len, u32 seed);
bool test_filled(const void *ptr, size_t len, u32 seed);
bool test_is_byte(const void *ptr, size_t len, u8 byte);
u32 test_random(u32 *state);

/* What the kernel log gained: test_log.c */

struct test_log {
	u64 seq;
};

void test_log_mark(struct test_log *log);
unsigned int test_log_count(const struct test_log *log, const char *needle);
unsigned int test_log_count_all(const struct test_log *log, const char *needle);

/* Files below /sys: test_file.c */

int test_file_get(const char *path, char *buf, size_t size);
int test_file_put(const char *path, const char *what);
int test_file_read(const char *path, unsigned long *value);
int test_file_write(const char *path, unsigned long value);
const char *test_file_text(const char *path);
int test_file_puts(const char *path, const char *what);

#define TEST_PATH	96	/* bytes of a path */

void test_heap_path(const struct ouro_heap *heap, const char *file,
		    char path[TEST_PATH]);
int test_fail_arm(unsigned int nth);
unsigned int test_fail_disarm(void);

/* How often there was a new reference, which the collector goes by. */
static inline u32 test_version(const struct ouro_object *object)
{
	return atomic64_read(&object->word) >> 32;
}

/* Where code runs: test_context.c */

enum test_context {
	TEST_TASK,
	TEST_PREEMPT_OFF,
	TEST_IRQ_OFF,
	TEST_SOFTIRQ,
	TEST_IRQ_WORK,
	TEST_HRTIMER,
	TEST_IPI,
	TEST_NMI,
	TEST_CONTEXTS
};

/*
 * First in an interrupt that stays one on PREEMPT_RT.  What the module does in
 * it only elsewhere, such as to ask for pages, is no fault: to lockdep it is one
 * that would be a thread there.
 */
static inline void test_hardirq(void)
{
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		lockdep_hardirq_threaded();
}

const char *test_context_name(enum test_context context);
bool test_context_exists(enum test_context context);
int test_context_run(enum test_context context, void (*fn)(void *arg),
		     void *arg);
int test_nmi_begin(void (*fn)(void *arg), void *arg);
void test_nmi_send(int cpu);
bool test_nmi_wait(void);
void test_nmi_end(void);

/* Whether an allocation may return NULL for its context alone. */
static inline bool test_context_may_fail(enum test_context context)
{
	if (context == TEST_NMI)
		return true;
	return IS_ENABLED(CONFIG_PREEMPT_RT) && context != TEST_TASK &&
	       context != TEST_SOFTIRQ;
}

/* Threads on several CPUs at once: test_thread.c */

#define OURO_TEST_THREADS	8	/* at most */

bool test_threads_run(struct ouro_test *t, unsigned int count,
		      void (*fn)(void *arg, unsigned int id), void *arg);
bool test_wait_for(const u32 *word, u32 value, const bool *over);

/* One case for every kind of heap; to objects a debug heap does what a hardened one does. */
#define EACH_KIND(fn)							\
	{ #fn "_plain", fn },						\
	{ #fn "_hardened", fn, OURO_HEAP_HARDENED, .full = true },	\
	{ #fn "_debug", fn, OURO_HEAP_DEBUG }

/* Of cases about blocks: these have a path of their own in hardened heaps. */
#define EACH_KIND_OF_BLOCKS(fn)						\
	{ #fn "_plain", fn },						\
	{ #fn "_hardened", fn, OURO_HEAP_HARDENED },			\
	{ #fn "_debug", fn, OURO_HEAP_DEBUG }

/* The same for a function that is named after its suite. */
#define EACH_KIND_IN(suite, fn)						\
	{ #fn "_plain", suite##_##fn },					\
	{ #fn "_hardened", suite##_##fn, OURO_HEAP_HARDENED, .full = true }, \
	{ #fn "_debug", suite##_##fn, OURO_HEAP_DEBUG }

/* How many: with lockdep or KCSAN all takes far too long. */
#define TEST_MANY(all, few)						\
	(IS_ENABLED(CONFIG_PROVE_LOCKING) || IS_ENABLED(CONFIG_KCSAN) ?	\
	 (few) : (all))

#define OURO_SUITE(suite_name, table)					\
static struct ouro_suite test_suite = {					\
	.name = suite_name,						\
	.owner = THIS_MODULE,						\
	.cases = table,							\
	.count = ARRAY_SIZE(table),					\
};									\
									\
static int __init suite_init(void)					\
{									\
	ouro_suite_add(&test_suite);					\
	return 0;							\
}									\
									\
static void __exit suite_exit(void)					\
{									\
	ouro_suite_remove(&test_suite);					\
}									\
									\
module_init(suite_init);						\
module_exit(suite_exit);						\
MODULE_DESCRIPTION("Tests of Ouro: " suite_name);			\
MODULE_LICENSE("GPL");							\
MODULE_INFO(import_ns, "OURO")

#endif /* _OURO_TEST_H */
