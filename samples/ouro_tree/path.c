// SPDX-License-Identifier: GPL-2.0
/*
 * From a path to a node, down the slots; and back, up the weak handles.
 */
#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/string.h>
#include "tree.h"

static bool is_name(const char *name, size_t len, const char *wanted)
{
	return strlen(wanted) == len && !memcmp(name, wanted, len);
}

/* The slot that holds the entry of that name, or the empty one at the end. */
static struct ouro_slot *find_slot(struct tree_node *dir, const char *name,
				   size_t len)
{
	struct ouro_slot *slot = &dir->first;
	struct tree_entry *entry;

	while ((entry = tree_borrow(slot))) {
		struct tree_node *node = tree_borrow(&entry->node);

		if (is_name(name, len, node->name))
			break;
		slot = &entry->next;
	}
	return slot;
}

/* The directory that a node is in, with a reference; NULL: root, or cut off. */
static struct tree_node *get_parent(struct tree_node *node)
{
	return (struct tree_node *)ouro_weak_get(node->parent);
}

/* From a node of the tree to its parent; the root is its own. */
static struct tree_node *step_up(struct tree *tree, struct tree_node *node)
{
	struct tree_node *parent = get_parent(node);

	if (!parent)
		return tree_borrow(&tree->root);
	/* Never the last one: what has a node in the tree is in it, too. */
	ouro_put(&parent->object);
	return parent;
}

static struct tree_node *step(struct tree *tree, struct tree_node *node,
			      const char *name, size_t len)
{
	struct tree_entry *entry;

	if (!len || is_name(name, len, "."))
		return node;
	if (is_name(name, len, ".."))
		return step_up(tree, node);
	if (node->type != TREE_DIR)
		return ERR_PTR(-ENOTDIR);
	entry = tree_borrow(find_slot(node, name, len));
	if (!entry)
		return ERR_PTR(-ENOENT);
	return tree_borrow(&entry->node);
}

/*
 * The node that a path leads to, from @from on or from the root if it begins
 * with a slash; links are not followed.  Without a reference, see tree_borrow().
 */
struct tree_node *tree_find(struct tree *tree, struct tree_node *from,
			    const char *path, size_t len)
{
	struct tree_node *node = from;
	const char *end = path + len;
	const char *name;

	lockdep_assert_held(&tree->lock);

	if (len && *path == '/')
		node = tree_borrow(&tree->root);
	for (; path < end && !IS_ERR(node); path++) {
		name = path;
		while (path < end && *path != '/')
			path++;
		node = step(tree, node, name, path - name);
	}
	return node;
}

/* Where the entry of a path is, or would be.  0 or an error. */
int tree_seek(struct tree *tree, const char *path, size_t len,
	      struct tree_place *place)
{
	size_t start;

	while (len && path[len - 1] == '/')
		len--;
	for (start = len; start && path[start - 1] != '/'; start--)
		;
	place->name = path + start;
	place->len = len - start;
	if (!place->len || is_name(place->name, place->len, ".") ||
	    is_name(place->name, place->len, ".."))
		return -EINVAL;
	if (place->len > NAME_BYTES)
		return -ENAMETOOLONG;
	place->dir = tree_find(tree, tree_borrow(&tree->root), path, start);
	if (IS_ERR(place->dir))
		return PTR_ERR(place->dir);
	if (place->dir->type != TREE_DIR)
		return -ENOTDIR;
	place->slot = find_slot(place->dir, place->name, place->len);
	return 0;
}

static char *prepend(struct tree *tree, char *at, const char *text)
{
	size_t len = min_t(size_t, strlen(text), at - tree->path);

	return memcpy(at - len, text, len);
}

/*
 * The path of a node, in tree->path.  No node knows it: it is what its parents
 * are called, and if one of them is gone it begins with "(cut)".
 */
const char *tree_path(struct tree *tree, struct tree_node *node)
{
	struct tree_node *root = tree_borrow(&tree->root);
	char *at = tree->path + sizeof(tree->path) - 1;
	struct tree_node *parent;

	lockdep_assert_held(&tree->lock);

	*at = '\0';
	if (node == root)
		return "/";
	/* One reference at a time, from the node to the top. */
	ouro_get(&node->object);
	while (node && node != root) {
		at = prepend(tree, at, node->name);
		at = prepend(tree, at, "/");
		parent = get_parent(node);
		ouro_put(&node->object);
		node = parent;
	}
	if (!node)
		return prepend(tree, at, "(cut)");
	ouro_put(&node->object);
	return at;
}

/*
 * Visit a node and all below it, each after the directory that it is in.  Links
 * are not followed.
 */
void tree_walk(struct tree_node *top, tree_visit_fn visit, void *arg)
{
	struct tree_entry *at[TREE_DEPTH + 1];
	struct tree_node *node;
	unsigned int level = 0;

	visit(top, arg);
	at[0] = tree_borrow(&top->first);
	for (;;) {
		if (at[level]) {
			node = tree_borrow(&at[level]->node);
			visit(node, arg);
			at[++level] = tree_borrow(&node->first);
		} else if (level) {
			level--;
			at[level] = tree_borrow(&at[level]->next);
		} else {
			break;
		}
		cond_resched();
	}
}
