// SPDX-License-Identifier: GPL-2.0
/* Files: a line or a number in and out; texts of debugfs; failures by one of them. */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "ouro_test.h"

/* What fits into @buf of a file, without the line's end; 0 or an error. */
int test_file_get(const char *path, char *buf, size_t size)
{
	struct file *file;
	loff_t pos = 0;
	ssize_t len;

	file = filp_open(path, O_RDONLY, 0);
	if (IS_ERR(file))
		return PTR_ERR(file);
	len = kernel_read(file, buf, size - 1, &pos);
	filp_close(file, NULL);
	if (len < 0)
		return len;
	buf[len] = '\0';
	strim(buf);
	return 0;
}
EXPORT_SYMBOL_GPL(test_file_get);

int test_file_put(const char *path, const char *what)
{
	struct file *file;
	loff_t pos = 0;
	ssize_t len;

	file = filp_open(path, O_WRONLY, 0);
	if (IS_ERR(file))
		return PTR_ERR(file);
	len = kernel_write(file, what, strlen(what), &pos);
	filp_close(file, NULL);
	return len < 0 ? len : 0;
}
EXPORT_SYMBOL_GPL(test_file_put);

int test_file_read(const char *path, unsigned long *value)
{
	char buf[24];
	int err = test_file_get(path, buf, sizeof(buf));

	return err ? err : kstrtoul(buf, 0, value);
}
EXPORT_SYMBOL_GPL(test_file_read);

int test_file_write(const char *path, unsigned long value)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "%lu\n", value);
	return test_file_put(path, buf);
}
EXPORT_SYMBOL_GPL(test_file_write);

/* A file of a heap in debugfs. */
void test_heap_path(const struct ouro_heap *heap, const char *file,
		    char path[TEST_PATH])
{
	snprintf(path, TEST_PATH, "/sys/kernel/debug/ouro/%s/%s",
		 ouro_heap_name(heap), file);
}
EXPORT_SYMBOL_GPL(test_heap_path);

/* ---- texts ---- */

/*
 * Files of debugfs are read by users only: whoever runs the case lends a piece of
 * memory.
 */
#define LENT_BYTES	SZ_64K

static char text[SZ_1M];

static unsigned long lend(void)
{
	return vm_mmap(NULL, 0, LENT_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, 0);
}

static ssize_t read_all(struct file *file, unsigned long lent)
{
	loff_t pos = 0;
	size_t len = 0;
	ssize_t n;

	for (;;) {
		if (len == sizeof(text) - 1)
			return -EFBIG;
		n = file->f_op->read(file, (char __user *)lent,
				     min_t(size_t, LENT_BYTES,
					   sizeof(text) - 1 - len), &pos);
		if (n <= 0)
			break;
		if (copy_from_user(text + len, (char __user *)lent, n))
			return -EFAULT;
		len += n;
		cond_resched();
	}
	text[len] = '\0';
	return n;
}

/*
 * What is in a file, until the next one is read; or ERR_PTR.  In the context of
 * the case only, whose threads are no users.
 */
const char *test_file_text(const char *path)
{
	unsigned long lent = lend();
	struct file *file;
	ssize_t err;

	if (IS_ERR_VALUE(lent))
		return ERR_PTR(lent);
	file = filp_open(path, O_RDONLY, 0);
	err = PTR_ERR_OR_ZERO(file);
	if (!err) {
		err = read_all(file, lent);
		filp_close(file, NULL);
	}
	vm_munmap(lent, LENT_BYTES);
	return err ? ERR_PTR(err) : text;
}
EXPORT_SYMBOL_GPL(test_file_text);

static ssize_t write_all(struct file *file, unsigned long lent, const char *what)
{
	size_t len = strlen(what);
	loff_t pos = 0;

	if (copy_to_user((char __user *)lent, what, len))
		return -EFAULT;
	return file->f_op->write(file, (char __user *)lent, len, &pos);
}

/* 0 or an error; as test_file_text(). */
int test_file_puts(const char *path, const char *what)
{
	unsigned long lent = lend();
	struct file *file;
	ssize_t err;

	if (IS_ERR_VALUE(lent))
		return lent;
	file = filp_open(path, O_WRONLY, 0);
	err = PTR_ERR_OR_ZERO(file);
	if (!err) {
		err = write_all(file, lent, what);
		filp_close(file, NULL);
	}
	vm_munmap(lent, LENT_BYTES);
	return min_t(ssize_t, err, 0);
}
EXPORT_SYMBOL_GPL(test_file_puts);

/* ---- failures ---- */

#define FAIL_FILE	"/sys/module/ouro/parameters/fail_nth"

/* The Nth allocation that the module makes from now on fails, once. */
int test_fail_arm(unsigned int nth)
{
	return test_file_write(FAIL_FILE, nth);
}
EXPORT_SYMBOL_GPL(test_fail_arm);

/* Returns how many allocations the failure was away still, 0: it has been. */
unsigned int test_fail_disarm(void)
{
	unsigned long left = 0;

	test_file_read(FAIL_FILE, &left);
	test_file_write(FAIL_FILE, 0);
	return left;
}
EXPORT_SYMBOL_GPL(test_fail_disarm);
