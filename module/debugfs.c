// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/ouro: its directories, and which files are in them.
 *
 * Whose file it is has its contents.  Reading never collects and never trims.  It
 * takes no lock that an allocation waits for, but for heap->arena_lock,
 * roster->lock, collector->lock and those of pins, for a pool, some of its blocks or a
 * few words at a time; the
 * next scan of a heap waits for what marks or counts its objects, and with it who
 * waits for that scan.
 */
#include "ouro.h"
#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/moduleparam.h>
#include "debugfs.h"
#include "fail.h"
#include "file.h"
#include "heap.h"

static struct dentry *root;

/*
 * A file is a kilobyte or so of inode and dentry, and all of a heap's are most of what
 * it takes while it is idle: where heaps are many they are too many.
 */
static unsigned int full_directories = 1000;
module_param(full_directories, uint, 0644);
MODULE_PARM_DESC(full_directories,
		 "heaps with all files in debugfs; later ones have those of stat, classes, types, limit and trim (1000)");

static atomic_t full = ATOMIC_INIT(0);	/* such directories */

/* In the directory of each heap. */
static const struct ouro_file * const few_files[] = {
	ouro_stat_files,
	ouro_heap_files,
};

/* In a full one besides. */
static const struct ouro_file * const other_files[] = {
	ouro_arena_files,
	ouro_collector_files,
	ouro_site_files,
	ouro_growth_files,
	ouro_audit_files,
	ouro_why_files,
	ouro_object_files,
	ouro_retain_files,
};

/* These wait in debugfs_remove() for who is in them, and fail from then on. */
static void add_files(const struct ouro_file *file, struct dentry *dir,
		      struct ouro_heap *heap)
{
	for (; file->name; file++)
		debugfs_create_file(file->name, file->mode, dir, heap,
				    file->fops);
}

static bool directory_is_full(void)
{
	if (atomic_inc_return(&full) <= READ_ONCE(full_directories))
		return true;
	atomic_dec(&full);
	pr_info_once("more than %u heaps: further ones have few files in debugfs, see full_directories\n",
		     READ_ONCE(full_directories));
	return false;
}

/* Files of a new heap.  That they cannot be made is no reason to fail. */
void ouro_debugfs_add(struct ouro_heap *heap)
{
	unsigned int i;

	heap->dir = debugfs_create_dir(heap->name, root);
	for (i = 0; i < ARRAY_SIZE(few_files); i++)
		add_files(few_files[i], heap->dir, heap);
	heap->dir_full = directory_is_full();
	for (i = 0; heap->dir_full && i < ARRAY_SIZE(other_files); i++)
		add_files(other_files[i], heap->dir, heap);
}

/* Waits for readers of the heap's files. */
void ouro_debugfs_remove(struct ouro_heap *heap)
{
	debugfs_remove(xchg(&heap->dir, NULL));
	if (heap->dir_full)
		atomic_dec(&full);
	heap->dir_full = false;
}

void __init ouro_debugfs_init(void)
{
	root = debugfs_create_dir("ouro", NULL);
	add_files(ouro_root_files, root, NULL);
	ouro_fail_init(root);
}

void ouro_debugfs_exit(void)
{
	debugfs_remove(root);
}
