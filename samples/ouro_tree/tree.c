// SPDX-License-Identifier: GPL-2.0
/*
 * The objects of the tree, from their birth to their death.
 *
 * Strong references lead from a node to deeper ones only: entries one step down,
 * and links that do not lead down are weak.  So there are no cycles, which
 * counting alone would never free, and the types say so: OURO_TYPE_ACYCLIC.  (It
 * would not do to make weak only those links that lead to a directory above
 * them: "a/x -> ../b" and "b/y -> ../a" are a cycle, too.)
 */
#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/string.h>
#include <ouro/block.h>
#include <ouro/heap.h>
#include <ouro/type.h>
#include "tree.h"

/* Not in struct tree: a release gets nothing but its object. */
static atomic_long_t counts[TREE_TYPES];

unsigned long tree_count(enum tree_type type)
{
	return atomic_long_read(&counts[type]);
}

unsigned long tree_count_all(void)
{
	return tree_count(TREE_DIR) + tree_count(TREE_FILE) +
	       tree_count(TREE_LINK);
}

/* ---- types ---- */

/*
 * The node is dead: no weak handle leads here any more, and what was in the
 * slots was put.  What is left to do is what Ouro does not know of.  Runs where
 * the last reference was put, or in a worker: maybe without tree->lock.
 */
static void node_release(void *object)
{
	struct tree_node *node = object;

	ouro_free(node->name);
	atomic_long_dec(&counts[node->type]);
}

static const struct ouro_type node_type = {
	OURO_TYPE(struct tree_node, object),
	OURO_SLOTS(struct tree_node, first),
	.flags = OURO_TYPE_ACYCLIC,
	.release = node_release,
};

/* All slots, also one that a link never uses: so it is NULL. */
static const struct ouro_type link_type = {
	OURO_TYPE(struct tree_link, node.object),
	OURO_SLOTS(struct tree_link, node.first, target),
	.flags = OURO_TYPE_ACYCLIC,
	.release = node_release,
};

/* Needs no code at all: its slots are put when it dies. */
static const struct ouro_type entry_type = {
	OURO_TYPE(struct tree_entry, object),
	OURO_SLOTS(struct tree_entry, next, node),
	.flags = OURO_TYPE_ACYCLIC,
};

static struct ouro_kind *register_type(struct tree *tree,
				       const struct ouro_type *type, int *err)
{
	struct ouro_kind *kind = ouro_type_register(tree->heap, type);

	if (IS_ERR(kind))
		*err = PTR_ERR(kind);
	return kind;
}

/* ---- birth ---- */

/* The slot owns our reference from here on; it refuses only other heaps'. */
static void give_to(struct ouro_slot *slot, struct ouro_object *object)
{
	WARN_ON_ONCE(ouro_slot_move(slot, object));
}

/* A node that is in no directory yet; the caller has the only reference. */
static struct tree_node *node_new(struct tree *tree, enum tree_type type,
				  const char *name, size_t len)
{
	struct tree_node *node;
	char *copy;

	copy = ouro_alloc(tree->heap, len + 1, GFP_KERNEL);
	if (!copy)
		return NULL;
	memcpy(copy, name, len);
	copy[len] = '\0';

	node = ouro_new(type == TREE_LINK ? tree->links : tree->nodes,
			GFP_KERNEL | __GFP_ZERO);
	if (!node) {
		ouro_free(copy);
		return NULL;
	}
	node->name = copy;
	node->type = type;
	atomic_long_inc(&counts[type]);
	return node;
}

/* What a link in @dir shall lead to.  0 or an error. */
static int link_to(struct tree *tree, struct tree_link *link,
		   struct tree_node *dir, const char *target)
{
	struct tree_node *to = tree_find(tree, dir, target, strlen(target));

	if (IS_ERR(to))
		return PTR_ERR(to);
	if (to->depth > link->node.depth)
		return ouro_slot_store(&link->target, &to->object);
	return ouro_weak_init(&link->weak, &to->object, GFP_KERNEL);
}

/*
 * Where a link leads to, with a reference: the caller puts it.  NULL when that
 * is gone, which happens only where it was weak.
 */
struct tree_node *tree_link_get(struct tree_link *link)
{
	struct ouro_object *to = ouro_slot_load(&link->target);

	if (!to)
		to = ouro_weak_get(link->weak);
	return (struct tree_node *)to;
}

/*
 * Add a node.  @target is that of a link, from its directory on.  0, or an error
 * and nothing has changed: what can fail comes first, and as nobody else has
 * heard of the new objects, a put is all it takes to undo it.
 */
int tree_add(struct tree *tree, enum tree_type type, const char *path,
	     size_t len, const char *target)
{
	struct tree_entry *entry;
	struct tree_place place;
	struct tree_node *node;
	int err;

	lockdep_assert_held(&tree->lock);

	err = tree_seek(tree, path, len, &place);
	if (err)
		return err;
	if (!ouro_slot_is_empty(place.slot))
		return -EEXIST;
	if (place.dir->depth == TREE_DEPTH)
		return -ENAMETOOLONG;
	node = node_new(tree, type, place.name, place.len);
	if (!node)
		return -ENOMEM;
	node->depth = place.dir->depth + 1;
	err = ouro_weak_init(&node->parent, &place.dir->object, GFP_KERNEL);
	if (!err && type == TREE_LINK)
		err = link_to(tree, container_of(node, struct tree_link, node),
			      place.dir, target);
	if (err)
		goto err_put;
	err = -ENOMEM;
	entry = ouro_new(tree->entries, GFP_KERNEL);
	if (!entry)
		goto err_put;

	give_to(&entry->node, &node->object);
	give_to(place.slot, &entry->object);
	return 0;

err_put:
	ouro_put(&node->object);
	return err;
}

/* ---- death ---- */

/*
 * Put the last reference to the first of some objects, which is all it takes.
 * Beyond some hundreds they die in a worker while we go on; we wait for it only
 * to know how many there were.
 */
static void cut_off(struct tree *tree, struct ouro_object *object)
{
	unsigned long before = tree_count_all();
	u64 start = ktime_get_ns();

	ouro_put(object);
	tree->cut.put_ns = ktime_get_ns() - start;
	ouro_heap_flush(tree->heap);
	tree->cut.all_ns = ktime_get_ns() - start;
	tree->cut.nodes = before - tree_count_all();
}

/*
 * Remove a node and what is below it; of the root only what is below it.  What
 * links from elsewhere hold lives on, and has no parent from then on.
 */
int tree_cut(struct tree *tree, const char *path, size_t len)
{
	struct tree_node *root = tree_borrow(&tree->root);
	struct ouro_object *object;
	struct tree_entry *entry;
	struct tree_place place;
	struct tree_node *node;
	int err;

	lockdep_assert_held(&tree->lock);

	if (len && strspn(path, "/") == len) {
		cut_off(tree, ouro_slot_take(&root->first));
		return 0;
	}
	err = tree_seek(tree, path, len, &place);
	if (err)
		return err;
	entry = tree_borrow(place.slot);
	if (!entry)
		return -ENOENT;
	node = tree_borrow(&entry->node);
	/* Its parent lives on, unlike those of the nodes below. */
	node->parent = (struct ouro_weak) { };

	/* The rest of the list takes the place of the entry. */
	object = ouro_slot_take(&entry->next);
	WARN_ON_ONCE(ouro_slot_swap(place.slot, object, &object));
	cut_off(tree, object);
	return 0;
}

/* ---- the tree ---- */

int tree_init(struct tree *tree)
{
	struct tree_node *root;
	int err = 0;

	mutex_init(&tree->lock);
	tree->heap = ouro_heap_create(TREE_NAME, 0);
	if (IS_ERR(tree->heap))
		return PTR_ERR(tree->heap);
	tree->nodes = register_type(tree, &node_type, &err);
	tree->links = register_type(tree, &link_type, &err);
	tree->entries = register_type(tree, &entry_type, &err);
	if (err)
		goto err_destroy;
	err = -ENOMEM;
	root = node_new(tree, TREE_DIR, "", 0);
	if (!root)
		goto err_destroy;
	give_to(&tree->root, &root->object);
	return 0;

err_destroy:
	ouro_heap_destroy(tree->heap);
	return err;
}

/* Nobody has a file open any more. */
void tree_exit(struct tree *tree)
{
	/* Not needed: the heap would release what still lives, and say so. */
	ouro_slot_clear(&tree->root);
	ouro_heap_destroy(tree->heap);
	mutex_destroy(&tree->lock);
}
