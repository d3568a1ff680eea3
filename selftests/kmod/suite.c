// SPDX-License-Identifier: GPL-2.0
/*
 * Suites: lists their cases, runs one, tells how it went.
 *
 * Lock order: run_lock, suites_lock or result_lock.  Cases read files, and so
 * take the lock of a seq_file, under run_lock: no show function may take that.
 */
#define pr_fmt(fmt) "# ouro_test: " fmt

#include <linux/debugfs.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "ouro_test.h"

#define NAME_MAX_CASE	64	/* bytes of "suite.case", with its NUL */

static LIST_HEAD(suites);	/* under suites_lock */
static DEFINE_MUTEX(suites_lock);

static struct ouro_test test;
static DEFINE_MUTEX(run_lock);		/* test, and that one case runs */

/* How the last case went, under result_lock. */
static struct {
	char name[NAME_MAX_CASE];
	const char *outcome;
	s64 ms;
	size_t len;
	char text[sizeof(test.text)];
} result;

static DEFINE_MUTEX(result_lock);

static struct dentry *test_dir;
static u32 stress_seconds = 5;

void ouro_suite_add(struct ouro_suite *suite)
{
	mutex_lock(&suites_lock);
	list_add_tail(&suite->node, &suites);
	mutex_unlock(&suites_lock);
}
EXPORT_SYMBOL_GPL(ouro_suite_add);

void ouro_suite_remove(struct ouro_suite *suite)
{
	mutex_lock(&suites_lock);
	list_del(&suite->node);
	mutex_unlock(&suites_lock);
}
EXPORT_SYMBOL_GPL(ouro_suite_remove);

/* An NMI may have interrupted the holder of the lock: its text is dropped. */
static __printf(2, 0)
void text_add(struct ouro_test *t, const char *fmt, va_list args)
{
	unsigned long flags;

	if (!raw_spin_trylock_irqsave(&t->lock, flags))
		return;
	if (t->len < sizeof(t->text) - 2) {
		t->len += vscnprintf(t->text + t->len,
				     sizeof(t->text) - t->len - 1, fmt, args);
		t->text[t->len++] = '\n';
	}
	raw_spin_unlock_irqrestore(&t->lock, flags);
}

void test_note(struct ouro_test *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	text_add(t, fmt, args);
	va_end(args);
}
EXPORT_SYMBOL_GPL(test_note);

void test_fail(struct ouro_test *t, const char *file, int line,
	       const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	if (atomic_inc_return(&t->failures) > 10)
		return;
	va_start(args, fmt);
	vaf.va = &args;
	test_note(t, "%s:%d: %pV", kbasename(file), line, &vaf);
	va_end(args);
}
EXPORT_SYMBOL_GPL(test_fail);

bool test_expired(struct ouro_test *t)
{
	return time_after(jiffies, t->deadline);
}
EXPORT_SYMBOL_GPL(test_expired);

unsigned int test_stress_seconds(void)
{
	return READ_ONCE(stress_seconds);
}
EXPORT_SYMBOL_GPL(test_stress_seconds);

/* Pins the module of the case; NULL when there is no such case. */
static struct ouro_suite *case_find(const char *name,
				    const struct ouro_case **found)
{
	struct ouro_suite *suite, *ret = NULL;
	const char *dot = strchr(name, '.');
	size_t i;

	if (!dot)
		return NULL;
	mutex_lock(&suites_lock);
	list_for_each_entry(suite, &suites, node) {
		if (strlen(suite->name) != dot - name ||
		    strncmp(suite->name, name, dot - name))
			continue;
		for (i = 0; i < suite->count; i++)
			if (!strcmp(suite->cases[i].name, dot + 1))
				break;
		if (i < suite->count && try_module_get(suite->owner)) {
			*found = &suite->cases[i];
			ret = suite;
			break;
		}
	}
	mutex_unlock(&suites_lock);
	return ret;
}

static void heaps_sweep(struct ouro_test *t)
{
	int i;

	for (i = 0; i < OURO_TEST_HEAPS; i++) {
		if (!t->heaps[i])
			continue;
		ouro_heap_destroy(t->heaps[i]);
		t->heaps[i] = NULL;
		test_fail(t, __FILE__, __LINE__, "a heap was left open");
	}
}

/* Returns how many milliseconds it took. */
static s64 case_run(struct ouro_test *t, const struct ouro_case *c)
{
	unsigned int seconds = c->seconds ?: OURO_TEST_SECONDS;
	ktime_t start;
	s64 ms;

	memset(t, 0, sizeof(*t));
	raw_spin_lock_init(&t->lock);
	t->c = c;
	start = ktime_get();
	t->deadline = jiffies + seconds * HZ;
	c->run(t);
	heaps_sweep(t);
	ms = ktime_ms_delta(ktime_get(), start);
	if (test_expired(t) && !t->skipped)
		test_fail(t, __FILE__, __LINE__, "took %lld ms, bound is %u s",
			  ms, seconds);
	return ms;
}

static void result_set(const struct ouro_test *t, const char *name, s64 ms)
{
	mutex_lock(&result_lock);
	strscpy(result.name, name, sizeof(result.name));
	result.outcome = atomic_read(&t->failures) ? "fail" :
			 t->skipped ? "skip" : "pass";
	result.ms = ms;
	result.len = t->len;
	memcpy(result.text, t->text, t->len);
	pr_info("%s %s\n", result.outcome, name);
	mutex_unlock(&result_lock);
}

static void result_clear(void)
{
	mutex_lock(&result_lock);
	result.name[0] = '\0';
	mutex_unlock(&result_lock);
}

static ssize_t run_write(struct file *file, const char __user *buf, size_t len,
			 loff_t *pos)
{
	char name[NAME_MAX_CASE];
	const struct ouro_case *c;
	struct ouro_suite *suite;
	s64 ms;

	if (len >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, buf, len))
		return -EFAULT;
	name[len] = '\0';
	strim(name);

	mutex_lock(&run_lock);
	result_clear();
	suite = case_find(name, &c);
	if (!suite) {
		mutex_unlock(&run_lock);
		return -ENOENT;
	}
	pr_info("start %s\n", name);
	ms = case_run(&test, c);
	result_set(&test, name, ms);
	test.c = NULL;
	module_put(suite->owner);
	mutex_unlock(&run_lock);
	return len;
}

static const struct file_operations run_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = run_write,
	.llseek = noop_llseek,
};

/* One line: pass, fail or skip, the name, the time; then what is to be said. */
static int result_show(struct seq_file *m, void *unused)
{
	mutex_lock(&result_lock);
	if (result.name[0]) {
		seq_printf(m, "%s %s %lld ms\n", result.outcome, result.name,
			   result.ms);
		seq_write(m, result.text, result.len);
	}
	mutex_unlock(&result_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(result);

static int cases_show(struct seq_file *m, void *unused)
{
	struct ouro_suite *suite;
	size_t i;

	mutex_lock(&suites_lock);
	list_for_each_entry(suite, &suites, node) {
		for (i = 0; i < suite->count; i++) {
			const char *set = "short";

			if (suite->cases[i].full)
				set = "full";
			seq_printf(m, "%s.%s %s\n", suite->name,
				   suite->cases[i].name, set);
		}
	}
	mutex_unlock(&suites_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(cases);

static int __init ouro_test_init(void)
{
	test_dir = debugfs_create_dir("ouro_test", NULL);
	debugfs_create_file("cases", 0444, test_dir, NULL, &cases_fops);
	debugfs_create_file("run", 0200, test_dir, NULL, &run_fops);
	debugfs_create_file("result", 0444, test_dir, NULL, &result_fops);
	debugfs_create_u32("seconds", 0644, test_dir, &stress_seconds);
	return 0;
}

static void __exit ouro_test_exit(void)
{
	debugfs_remove(test_dir);
	test_adopt(NULL);
}

module_init(ouro_test_init);
module_exit(ouro_test_exit);
MODULE_DESCRIPTION("Frame of the tests of Ouro");
MODULE_LICENSE("GPL");
MODULE_INFO(import_ns, "OURO");
