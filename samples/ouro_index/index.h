/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ouro_index, a sample: an index of lines of text whose memory is one heap.
 *
 *   store.c   where memory comes from: the heap, or kmalloc() to compare with
 *   index.c   the tree of lines
 *   feed.c    the files "add" and "remove": cut what is written into lines
 *   files.c   the other files
 *   main.c    the module
 *
 * A line costs two blocks: its text and a node of the tree.
 */
#ifndef OURO_INDEX_H
#define OURO_INDEX_H

#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/types.h>

struct dentry;
struct ouro_heap;
struct seq_file;
struct store;

#define INDEX_NAME	"ouro_index"
#define LINE_BYTES	1024	/* the longest line, without its newline */

/**
 * struct store_ops - a way to keep blocks
 * @name: value of the parameter "backend"
 * @alloc: @size bytes or NULL
 * @free: the counterpart
 * @block_size: bytes that a block really has
 * @dies_whole: blocks need not be freed one by one before the heap goes
 */
struct store_ops {
	const char *name;
	void *(*alloc)(struct store *store, size_t size);
	void (*free)(const void *block);
	size_t (*block_size)(const void *block);
	bool dies_whole;
};

/**
 * struct store - blocks and what they amount to
 * @ops: how they are kept
 * @heap: where temporary memory comes from, and the blocks unless @ops says
 *	otherwise; NULL when it could not be made
 * @blocks: kept now
 * @asked: bytes that were asked for
 * @given: bytes that the blocks really have
 */
struct store {
	const struct store_ops *ops;
	struct ouro_heap *heap;
	unsigned long blocks;
	unsigned long asked;
	unsigned long given;
};

const struct store_ops *store_find(const char *name);
int store_open(struct store *store, size_t limit);
void store_close(struct store *store);
void *store_alloc(struct store *store, size_t size);
void store_free(struct store *store, const void *block, size_t size);

/**
 * struct index - lines, sorted by key
 * @lock: guards everything else
 * @store: the memory of @tree
 * @tree: of struct entry
 * @lines: in @tree
 * @key_word: which word of a line is its key, from 1; 0: the whole line
 * @feeds: open "add" and "remove" files, which hold memory of the heap
 * @clear_ns: how long the last index_clear() took
 * @wanted: key that the file "lookup" shows lines of
 * @wanted_len: its bytes
 */
struct index {
	struct mutex lock;	/* guards all of it */
	struct store store;
	struct rb_root tree;
	unsigned long lines;
	unsigned int key_word;
	unsigned int feeds;
	u64 clear_ns;
	char wanted[LINE_BYTES];
	unsigned int wanted_len;
};

int index_init(struct index *index, const struct store_ops *ops,
	       unsigned int key_word);
void index_exit(struct index *index);
int index_add(struct index *index, const char *text, unsigned int len);
int index_remove(struct index *index, const char *text, unsigned int len);
int index_clear(struct index *index);
void index_show_wanted(const struct index *index, struct seq_file *m);

struct dentry *files_create(struct index *index);
void feed_create(struct dentry *dir, struct index *index);

#endif /* OURO_INDEX_H */
