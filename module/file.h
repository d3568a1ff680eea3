/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files: what their contents need of the file system, whatever that is.
 *
 * Each noun that has files has an array of them; module/debugfs.c makes those.
 */
#ifndef OURO_FILE_H
#define OURO_FILE_H

#include <linux/fs.h>
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

extern const struct ouro_file ouro_root_files[];
extern const struct ouro_file ouro_heap_files[];
extern const struct ouro_file ouro_stat_files[];
extern const struct ouro_file ouro_arena_files[];
extern const struct ouro_file ouro_collector_files[];
extern const struct ouro_file ouro_site_files[];

int ouro_file_number(const char __user *from, size_t len, u64 *number);
ssize_t ouro_file_text(struct ouro_heap *heap, const char __user *from,
		       size_t len, int (*set)(struct ouro_heap *heap,
					      char *text));

#endif /* OURO_FILE_H */
