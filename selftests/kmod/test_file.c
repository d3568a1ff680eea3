// SPDX-License-Identifier: GPL-2.0
/* Small files: a number in, a number out; and failures by one of them. */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include "ouro_test.h"

int test_file_read(const char *path, unsigned long *value)
{
	struct file *file;
	char buf[24] = {};
	loff_t pos = 0;
	ssize_t len;

	file = filp_open(path, O_RDONLY, 0);
	if (IS_ERR(file))
		return PTR_ERR(file);
	len = kernel_read(file, buf, sizeof(buf) - 1, &pos);
	filp_close(file, NULL);
	if (len < 0)
		return len;
	return kstrtoul(strim(buf), 0, value);
}
EXPORT_SYMBOL_GPL(test_file_read);

int test_file_write(const char *path, unsigned long value)
{
	struct file *file;
	loff_t pos = 0;
	char buf[24];
	ssize_t len;

	file = filp_open(path, O_WRONLY, 0);
	if (IS_ERR(file))
		return PTR_ERR(file);
	snprintf(buf, sizeof(buf), "%lu\n", value);
	len = kernel_write(file, buf, strlen(buf), &pos);
	filp_close(file, NULL);
	return len < 0 ? len : 0;
}
EXPORT_SYMBOL_GPL(test_file_write);

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
