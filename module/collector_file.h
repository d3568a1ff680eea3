/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The files of a heap's collector.
 */
#ifndef OURO_COLLECTOR_FILE_H
#define OURO_COLLECTOR_FILE_H

#include <linux/fs.h>

#define OURO_COLLECTOR_FILES	4

/**
 * struct ouro_collector_file - a file in a heap's directory
 * @name: of the file
 * @mode: of the file
 * @fops: with the heap for the inode's private data
 */
struct ouro_collector_file {
	const char *name;
	umode_t mode;
	const struct file_operations *fops;
};

extern const struct ouro_collector_file
ouro_collector_files[OURO_COLLECTOR_FILES];

#endif /* OURO_COLLECTOR_FILE_H */
