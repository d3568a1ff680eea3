// SPDX-License-Identifier: GPL-2.0
/*
 * The registry by hand: a kref, a hash table with RCU, a spinlock, a completion.
 *
 * What must be thought of: a look-up may find what is dying, so it takes a
 * reference only if there is one left; the reference of who added a resource
 * goes after the resource has left the table; memory goes after the last
 * reference and after the readers of the chain.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/hashtable.h>
#include <linux/kref.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include "registry.h"

/**
 * struct hand_resource - a resource
 * @resource: what others see
 * @node: in the table
 * @references: one of them is that of who added it
 * @idle: complete when the last one was put
 * @rcu: readers of the table may see it until a grace period has passed
 */
struct hand_resource {
	struct registry_resource resource;
	struct hlist_node node;
	struct kref references;
	struct completion idle;
	struct rcu_head rcu;
};

static DEFINE_HASHTABLE(table, 7);
static DEFINE_SPINLOCK(lock);	/* guards changes of the table, and next_id */
static u32 next_id = REGISTRY_FIRST_ID;

static struct hand_resource *to_hand(struct registry_resource *resource)
{
	return container_of(resource, struct hand_resource, resource);
}

static bool is_match(struct registry_handle a, struct registry_handle b)
{
	return a.type == b.type && a.id == b.id &&
	       (a.context == b.context || a.context == REGISTRY_ANY ||
		b.context == REGISTRY_ANY);
}

/* Under rcu_read_lock() or the lock. */
static struct hand_resource *look_up(struct registry_handle handle)
{
	struct hand_resource *hand;

	hash_for_each_possible_rcu(table, hand, node, handle.id,
				   lockdep_is_held(&lock))
		if (is_match(hand->resource.handle, handle))
			return hand;
	return NULL;
}

static bool is_taken(struct registry_handle handle)
{
	return look_up(handle);
}

static struct registry_resource *resource_add(struct registry_handle handle,
					      void *data)
{
	struct hand_resource *hand = kmalloc(sizeof(*hand), GFP_KERNEL);
	int err;

	if (!hand)
		return ERR_PTR(-ENOMEM);
	kref_init(&hand->references);
	init_completion(&hand->idle);
	spin_lock(&lock);
	err = registry_choose_id(&handle, &next_id, is_taken);
	hand->resource = (struct registry_resource) { handle, data };
	if (!err)
		hash_add_rcu(table, &hand->node, handle.id);
	spin_unlock(&lock);
	if (err) {
		kfree(hand);
		return ERR_PTR(err);
	}
	return &hand->resource;
}

static struct registry_resource *resource_find(struct registry_handle handle)
{
	struct hand_resource *hand;

	rcu_read_lock();
	hand = look_up(handle);
	if (hand && !kref_get_unless_zero(&hand->references))
		hand = NULL;
	rcu_read_unlock();
	return hand ? &hand->resource : NULL;
}

static struct registry_resource *resource_get(struct registry_resource *resource)
{
	kref_get(&to_hand(resource)->references);
	return resource;
}

static void resource_idle(struct kref *kref)
{
	complete(&container_of(kref, struct hand_resource, references)->idle);
}

static void resource_put(struct registry_resource *resource)
{
	kref_put(&to_hand(resource)->references, resource_idle);
}

static void resource_remove(struct registry_resource *resource)
{
	struct hand_resource *hand = to_hand(resource);

	spin_lock(&lock);
	hash_del_rcu(&hand->node);
	spin_unlock(&lock);
	resource_put(resource);
	wait_for_completion(&hand->idle);
	kfree_rcu(hand, rcu);
}

static int registry_open(void)
{
	return 0;
}

static unsigned long registry_close(void)
{
	struct hand_resource *hand;
	struct hlist_node *next;
	unsigned long left = 0;
	int bucket;

	hash_for_each_safe(table, bucket, next, hand, node) {
		hash_del(&hand->node);
		kfree(hand);
		left++;
	}
	return left;
}

const struct registry_ops registry_by_hand = {
	.name = "by_hand",
	.open = registry_open,
	.close = registry_close,
	.add = resource_add,
	.remove = resource_remove,
	.find = resource_find,
	.get = resource_get,
	.put = resource_put,
	.table = sizeof(table),
	.each = sizeof(struct hand_resource),
};
