/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ouro_tree, a sample: a tree of names whose nodes are objects of one heap.
 *
 *   tree.c    the objects: types, how they are made, put into the tree and cut
 *   path.c    from a path to a node, and back
 *   feed.c    the file "feed": cut what is written into lines, one for each node
 *   files.c   the other files
 *   main.c    the module
 *
 * Who refers to whom: --> is a slot, which owns a reference and so keeps what it
 * refers to alive; ..> is a weak handle, which does not.
 *
 *	  .................parent..................
 *	  v                   :                   :
 *	directory           node                link --target--> node elsewhere
 *	  |                   ^                   ^
 *	  |                  node                node
 *	  |                   |                   |
 *	  '---first-------> entry ----next----> entry ----next----> NULL
 *
 * Only the way down is made of slots.  So it takes one put to be rid of a
 * directory and all below it, and a node never keeps its parent.
 *
 * Why not a slot "next" in the node itself?  Because a link may hold the node as
 * well: through it, the link would hold all the siblings behind.
 */
#ifndef OURO_TREE_H
#define OURO_TREE_H

#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/types.h>
#include <ouro/object.h>
#include <ouro/slot.h>
#include <ouro/weak.h>

struct dentry;
struct ouro_heap;
struct ouro_kind;

#define TREE_NAME	"ouro_tree"
#define TREE_DEPTH	32	/* names in a path at most */
#define NAME_BYTES	255	/* of one name */
#define LINE_BYTES	1024	/* of a line to feed, and so of a path */

enum tree_type {
	TREE_DIR,
	TREE_FILE,
	TREE_LINK,
	TREE_TYPES,
};

/* What the files call a type. */
static inline char tree_letter(enum tree_type type)
{
	return "dfl"[type];
}

/**
 * struct tree_node - a directory, a file, or the first part of a link
 * @object: header of the object
 * @first: of a directory: its first entry
 * @parent: the directory that it is in; to nothing for the root, and from the
 *	moment on that it is cut off
 * @name: a block of its own in the same heap
 * @depth: names in its path; never changes
 * @type: of enum tree_type
 */
struct tree_node {
	struct ouro_object object;
	struct ouro_slot first;
	struct ouro_weak parent;
	char *name;
	u8 depth;
	u8 type;
};

/**
 * struct tree_link - a node that leads to another; one of the two is set
 * @node: what it has in common with other nodes
 * @target: where it leads, if that is deeper in the tree: holds it
 * @weak: where it leads otherwise: does not hold it
 */
struct tree_link {
	struct tree_node node;
	struct ouro_slot target;
	struct ouro_weak weak;
};

/**
 * struct tree_entry - one of the list of a directory
 * @object: header of the object
 * @next: entry
 * @node: what is in the directory
 */
struct tree_entry {
	struct ouro_object object;
	struct ouro_slot next;
	struct ouro_slot node;
};

/**
 * struct tree_cut - what became of the last subtree that was cut off
 * @nodes: that are gone
 * @put_ns: what the one put took
 * @all_ns: until the last of them was gone
 */
struct tree_cut {
	unsigned long nodes;
	u64 put_ns;
	u64 all_ns;
};

/**
 * struct tree - all of it
 * @lock: guards everything else, and what is in the objects
 * @heap: of all objects and names
 * @nodes: kind that directories and files are made with
 * @links: kind that links are made with
 * @entries: kind that entries are made with
 * @root: holds the root directory, and so everything
 * @cut: for the file "result"
 * @wanted: path that the file "walk" begins at
 * @path: room for tree_path(): a line, and what a path has to say in addition
 */
struct tree {
	struct mutex lock;	/* guards all of it */
	struct ouro_heap *heap;
	struct ouro_kind *nodes;
	struct ouro_kind *links;
	struct ouro_kind *entries;
	struct ouro_slot root;
	struct tree_cut cut;
	char wanted[LINE_BYTES + 1];
	char path[LINE_BYTES + 16];
};

/*
 * What is in a slot, without a reference: nobody changes a slot of the tree
 * while we have tree->lock, so its own reference will do that long.  Without
 * such a lock ouro_slot_load() is right: it takes one.
 */
static inline void *tree_borrow(const struct ouro_slot *slot)
{
	struct ouro_object *object;

	rcu_read_lock();
	object = ouro_slot_peek(slot);
	rcu_read_unlock();
	return object;	/* the header comes first in every object */
}

int tree_init(struct tree *tree);
void tree_exit(struct tree *tree);
int tree_add(struct tree *tree, enum tree_type type, const char *path,
	     size_t len, const char *target);
int tree_cut(struct tree *tree, const char *path, size_t len);
struct tree_node *tree_link_get(struct tree_link *link);
unsigned long tree_count(enum tree_type type);
unsigned long tree_count_all(void);

/**
 * struct tree_place - where an entry is, or would be
 * @dir: the directory
 * @slot: of its list; holds the entry, or is the empty one at the end
 * @name: within the path
 * @len: of @name
 */
struct tree_place {
	struct tree_node *dir;
	struct ouro_slot *slot;
	const char *name;
	size_t len;
};

typedef void (*tree_visit_fn)(struct tree_node *node, void *arg);

int tree_seek(struct tree *tree, const char *path, size_t len,
	      struct tree_place *place);
struct tree_node *tree_find(struct tree *tree, struct tree_node *from,
			    const char *path, size_t len);
const char *tree_path(struct tree *tree, struct tree_node *node);
void tree_walk(struct tree_node *top, tree_visit_fn visit, void *arg);

struct dentry *files_create(struct tree *tree);
void feed_create(struct dentry *dir, struct tree *tree);

#endif /* OURO_TREE_H */
