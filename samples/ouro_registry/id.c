// SPDX-License-Identifier: GPL-2.0
/* Ids of resources: the named one, or the next that is free. */
#include <linux/errno.h>
#include "registry.h"

/**
 * registry_choose_id() - the id of a resource that is about to be added
 * @handle: gets the id where it has REGISTRY_ANY
 * @next: to be tried next; at first REGISTRY_FIRST_ID
 * @is_taken: whether there is a resource that a handle matches
 *
 * Context: Under the registry's lock.
 * Return: 0, -EEXIST or -ENOSPC, as @add of struct registry_ops.
 */
int registry_choose_id(struct registry_handle *handle, u32 *next,
		       bool (*is_taken)(struct registry_handle handle))
{
	u32 first = *next;

	if (handle->id != REGISTRY_ANY)
		return is_taken(*handle) ? -EEXIST : 0;
	do {
		handle->id = *next;
		*next = *next == REGISTRY_LAST_ID ? REGISTRY_FIRST_ID :
						    *next + 1;
		if (!is_taken(*handle))
			return 0;
	} while (*next != first);
	return -ENOSPC;
}
