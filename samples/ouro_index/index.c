// SPDX-License-Identifier: GPL-2.0
/*
 * The tree of lines, sorted by key; lines with equal keys keep their order.
 */
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <ouro/heap.h>
#include "index.h"

/**
 * struct entry - a line
 * @node: in index->tree
 * @text: @len bytes, not terminated; a block of its own
 * @len: bytes of the line
 * @key: where in @text the key begins
 * @key_len: bytes of the key
 */
struct entry {
	struct rb_node node;
	char *text;
	u16 len;
	u16 key;
	u16 key_len;
};

struct span {
	const char *at;
	unsigned int len;
};

static struct entry *entry_of(const struct rb_node *node)
{
	return rb_entry(node, struct entry, node);
}

static struct span key_of(const struct rb_node *node)
{
	const struct entry *entry = entry_of(node);

	return (struct span) { entry->text + entry->key, entry->key_len };
}

static int compare(struct span a, struct span b)
{
	int order = memcmp(a.at, b.at, min(a.len, b.len));

	return order ?: (int)a.len - (int)b.len;
}

static int compare_key(const void *key, const struct rb_node *node)
{
	return compare(*(const struct span *)key, key_of(node));
}

static bool is_less(struct rb_node *a, const struct rb_node *b)
{
	return compare(key_of(a), key_of(b)) < 0;
}

/* The key of a line: all of it or one of its words; no such word: empty. */
static struct span find_key(const struct index *index, const char *text,
			    unsigned int len)
{
	const char *end = text + len;
	unsigned int word = index->key_word;
	const char *start = text;

	while (word--) {
		while (text < end && (*text == ' ' || *text == '\t'))
			text++;
		start = text;
		while (text < end && *text != ' ' && *text != '\t')
			text++;
	}
	if (index->key_word)
		len = text - start;
	return (struct span) { start, len };
}

/*
 * Add a line.  0, or -ENOMEM and nothing has changed: what can fail comes
 * first, linking cannot.
 */
int index_add(struct index *index, const char *text, unsigned int len)
{
	struct span key = find_key(index, text, len);
	struct entry *entry;

	lockdep_assert_held(&index->lock);

	entry = store_alloc(&index->store, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->text = store_alloc(&index->store, len);
	if (!entry->text)
		goto err_free_entry;

	memcpy(entry->text, text, len);
	entry->len = len;
	entry->key = key.at - text;
	entry->key_len = key.len;
	rb_add(&entry->node, &index->tree, is_less);
	index->lines++;
	return 0;

err_free_entry:
	store_free(&index->store, entry, sizeof(*entry));
	return -ENOMEM;
}

static void free_entry(struct index *index, struct entry *entry)
{
	store_free(&index->store, entry->text, entry->len);
	store_free(&index->store, entry, sizeof(*entry));
}

/* Remove one line that reads @text.  0, or -ENOENT. */
int index_remove(struct index *index, const char *text, unsigned int len)
{
	const struct span key = find_key(index, text, len);
	struct rb_node *node;

	lockdep_assert_held(&index->lock);

	rb_for_each(node, &key, &index->tree, compare_key) {
		struct entry *entry = entry_of(node);

		if (entry->len != len || memcmp(entry->text, text, len))
			continue;
		rb_erase(node, &index->tree);
		index->lines--;
		free_entry(index, entry);
		return 0;
	}
	return -ENOENT;
}

/* Print the lines whose key is the wanted one. */
void index_show_wanted(const struct index *index, struct seq_file *m)
{
	const struct span key = { index->wanted, index->wanted_len };
	struct rb_node *node;

	lockdep_assert_held(&index->lock);

	rb_for_each(node, &key, &index->tree, compare_key) {
		const struct entry *entry = entry_of(node);

		seq_write(m, entry->text, entry->len);
		seq_putc(m, '\n');
	}
}

/* What a heap saves: without one, every block has to be visited. */
static void free_entries(struct index *index)
{
	struct entry *entry, *next;

	rbtree_postorder_for_each_entry_safe(entry, next, &index->tree, node) {
		free_entry(index, entry);
		cond_resched();
	}
}

static void drop_all(struct index *index)
{
	u64 start = ktime_get_ns();

	if (!index->store.ops->dies_whole)
		free_entries(index);
	store_close(&index->store);
	index->tree = RB_ROOT;
	index->lines = 0;
	index->clear_ns = ktime_get_ns() - start;
}

/*
 * Drop all lines and begin with a new heap that has the old one's limit.
 * -EBUSY while somebody is adding or removing.
 */
int index_clear(struct index *index)
{
	size_t limit = 0;

	lockdep_assert_held(&index->lock);

	if (index->feeds)
		return -EBUSY;
	if (index->store.heap)
		limit = ouro_heap_limit(index->store.heap);
	drop_all(index);
	return store_open(&index->store, limit);
}

int index_init(struct index *index, const struct store_ops *ops,
	       unsigned int key_word)
{
	mutex_init(&index->lock);
	index->store.ops = ops;
	index->tree = RB_ROOT;
	index->key_word = key_word;
	return store_open(&index->store, 0);
}

/* Nobody has a file open any more. */
void index_exit(struct index *index)
{
	drop_all(index);
	mutex_destroy(&index->lock);
}
