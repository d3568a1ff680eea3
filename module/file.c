// SPDX-License-Identifier: GPL-2.0
/*
 * What is written to files, on its way from the user.
 */
#include "ouro.h"
#include <linux/err.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "file.h"

#define NUMBER_MAX	32	/* bytes written to a file that takes a number */
#define TEXT_MAX	128	/* to one that takes words */

/**
 * ouro_file_open() - open a file whose contents are made once
 * @file: being opened
 * @show: prints the report, m->private; maybe more than once, as it takes room
 * @report: to be given to kvfree() in the end, or ERR_PTR
 *
 * Context: Process context, may sleep.
 * Return: 0 or an error.
 */
int ouro_file_open(struct file *file, int (*show)(struct seq_file *m, void *v),
		   void *report)
{
	int err;

	if (IS_ERR(report))
		return PTR_ERR(report);
	err = single_open(file, show, report);
	if (err)
		kvfree(report);
	return err;
}

int ouro_file_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	kvfree(m->private);
	return single_release(inode, file);
}

/**
 * ouro_file_number() - take a number
 * @from: what was written
 * @len: of that
 * @number: set where it is one, in any base that C has
 *
 * The kernel's own simple files cut what is longer, and take the rest.
 *
 * Context: Process context, may sleep.
 * Return: 0, -EINVAL, -ERANGE or -EFAULT.
 */
int ouro_file_number(const char __user *from, size_t len, u64 *number)
{
	return len > NUMBER_MAX ? -EINVAL :
	       kstrtou64_from_user(from, len, 0, number);
}

/* As ouro_file_number(), where only a 1 means something. */
int ouro_file_one(const char __user *from, size_t len)
{
	u64 one;
	int err = ouro_file_number(from, len, &one);

	return err ?: one == 1 ? 0 : -EINVAL;
}

/**
 * ouro_file_text() - take words
 * @heap: that the file belongs to
 * @from: what was written
 * @len: of that
 * @set: given the text, without blanks around it
 *
 * Context: Process context, may sleep.
 * Return: @len, or the error of @set, -EINVAL, -ENOMEM or -EFAULT.
 */
ssize_t ouro_file_text(struct ouro_heap *heap, const char __user *from,
		       size_t len, int (*set)(struct ouro_heap *heap,
					      char *text))
{
	char *text;
	int err;

	if (!len || len > TEXT_MAX)
		return -EINVAL;
	text = memdup_user_nul(from, len);
	if (IS_ERR(text))
		return PTR_ERR(text);
	err = strlen(text) == len ? set(heap, strim(text)) : -EINVAL;
	kfree(text);
	return err ?: len;
}
