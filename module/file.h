/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files: what their contents need of the file system, whatever that is.
 *
 * Each noun that has files has an array of them; module/debugfs.c makes those.
 */
#ifndef OURO_FILE_H
#define OURO_FILE_H

#include <linux/fs.h>
#include <linux/seq_file.h>
#include "ouro.h"

/**
 * struct ouro_file - a file in a heap's directory, or beside those
 * @name: of the file; NULL ends an array
 * @mode: of the file
 * @fops: with the heap, if it is a heap's, for the inode's private data
 */
struct ouro_file {
	const char *name;
	umode_t mode;
	const struct file_operations *fops;
};

/* The operations NAME_fops of a file whose report NAME_open() has made. */
#define OURO_FILE_REPORT(name)						\
static const struct file_operations name##_fops = {			\
	.owner = THIS_MODULE,						\
	.open = name##_open,						\
	.read = seq_read,						\
	.llseek = seq_lseek,						\
	.release = ouro_file_release,					\
}

/* The same, where NAME_write() takes something; who only writes has no report. */
#define OURO_FILE_REPORT_WRITE(name)					\
static const struct file_operations name##_fops = {			\
	.owner = THIS_MODULE,						\
	.open = name##_open,						\
	.read = seq_read,						\
	.write = name##_write,						\
	.llseek = seq_lseek,						\
	.release = ouro_file_release,					\
}

extern const struct ouro_file ouro_root_files[];
extern const struct ouro_file ouro_heap_files[];
extern const struct ouro_file ouro_stat_files[];
extern const struct ouro_file ouro_arena_files[];
extern const struct ouro_file ouro_collector_files[];
extern const struct ouro_file ouro_site_files[];
extern const struct ouro_file ouro_growth_files[];
extern const struct ouro_file ouro_audit_files[];
extern const struct ouro_file ouro_why_files[];
extern const struct ouro_file ouro_object_files[];
extern const struct ouro_file ouro_retain_files[];

int ouro_file_open(struct file *file, int (*show)(struct seq_file *m, void *v),
		   void *report);
int ouro_file_release(struct inode *inode, struct file *file);
int ouro_file_number(const char __user *from, size_t len, u64 *number);
int ouro_file_one(const char __user *from, size_t len);
ssize_t ouro_file_text(struct ouro_heap *heap, const char __user *from,
		       size_t len, int (*set)(struct ouro_heap *heap,
					      char *text));

#endif /* OURO_FILE_H */
