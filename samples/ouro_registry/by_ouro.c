// SPDX-License-Identifier: GPL-2.0
/*
 * The registry with Ouro: a resource is an object, the table is a weak map.
 *
 * Who added a resource has the reference that keeps it; the map has none.  A
 * look-up gives a reference or NULL, whatever dies or is removed meanwhile.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/mutex.h>
#include <ouro/heap.h>
#include <ouro/object.h>
#include <ouro/type.h>
#include <ouro/weak_map.h>
#include "registry.h"

/**
 * struct ouro_resource - a resource
 * @object: the header
 * @resource: what others see
 * @idle: of who removes it, complete when the last reference was put; or NULL
 */
struct ouro_resource {
	struct ouro_object object;
	struct registry_resource resource;
	struct completion *idle;
};

static DEFINE_MUTEX(lock);	/* from the choice of an id to its use */
static struct ouro_heap *heap;
static struct ouro_kind *kind;
static struct ouro_weak_map *map;
static u32 next_id = REGISTRY_FIRST_ID;

static void resource_release(void *object)
{
	struct ouro_resource *ouro = object;

	if (ouro->idle)
		complete(ouro->idle);
}

static const struct ouro_type resource_type = {
	OURO_TYPE(struct ouro_resource, object),
	.flags = OURO_TYPE_ACYCLIC,
	.release = resource_release,
};

static struct ouro_resource *to_ouro(struct registry_resource *resource)
{
	return container_of(resource, struct ouro_resource, resource);
}

/* The map finds whole keys only: without the context, look at all of it. */
static struct ouro_object *search(struct registry_handle wanted)
{
	struct ouro_weak_map_iter iter;
	struct registry_handle handle;
	struct ouro_object *object;
	size_t len;

	ouro_weak_map_walk(&iter, map);
	while ((object = ouro_weak_map_next(&iter, &handle, sizeof(handle),
					    &len))) {
		if (handle.type == wanted.type && handle.id == wanted.id)
			break;
		ouro_put(object);
	}
	ouro_weak_map_walk_end(&iter);
	return object;
}

static struct ouro_object *look_up(struct registry_handle handle)
{
	struct ouro_object *object;

	if (handle.context == REGISTRY_ANY)
		return search(handle);
	object = ouro_weak_map_load(map, &handle, sizeof(handle));
	if (object)
		return object;
	handle.context = REGISTRY_ANY;
	return ouro_weak_map_load(map, &handle, sizeof(handle));
}

static bool is_taken(struct registry_handle handle)
{
	struct ouro_object *object = look_up(handle);

	ouro_put(object);
	return object;
}

static struct registry_resource *resource_add(struct registry_handle handle,
					      void *data)
{
	struct ouro_resource *ouro = ouro_new(kind, GFP_KERNEL | __GFP_ZERO);
	int err;

	if (!ouro)
		return ERR_PTR(-ENOMEM);
	mutex_lock(&lock);
	err = registry_choose_id(&handle, &next_id, is_taken);
	ouro->resource = (struct registry_resource) { handle, data };
	if (!err)
		err = ouro_weak_map_add(map, &handle, sizeof(handle),
					&ouro->object, GFP_KERNEL);
	mutex_unlock(&lock);
	if (err) {
		ouro_put(&ouro->object);
		return ERR_PTR(err);
	}
	return &ouro->resource;
}

static struct registry_resource *resource_find(struct registry_handle handle)
{
	struct ouro_object *object = look_up(handle);

	if (!object)
		return NULL;
	return &container_of(object, struct ouro_resource, object)->resource;
}

static struct registry_resource *resource_get(struct registry_resource *resource)
{
	ouro_get(&to_ouro(resource)->object);
	return resource;
}

static void resource_put(struct registry_resource *resource)
{
	ouro_put(&to_ouro(resource)->object);
}

static void resource_remove(struct registry_resource *resource)
{
	DECLARE_COMPLETION_ONSTACK(idle);

	to_ouro(resource)->idle = &idle;
	ouro_weak_map_remove(map, &resource->handle, sizeof(resource->handle));
	resource_put(resource);
	wait_for_completion(&idle);
}

static int registry_open(void)
{
	heap = ouro_heap_create(REGISTRY_NAME, 0);
	if (IS_ERR(heap))
		return PTR_ERR(heap);
	kind = ouro_type_register(heap, &resource_type);
	map = IS_ERR(kind) ? NULL : ouro_weak_map_new(heap, GFP_KERNEL);
	if (map)
		return 0;
	ouro_heap_destroy(heap);
	return -ENOMEM;
}

/* What is left goes with the heap, which tells of it in the kernel log. */
static unsigned long registry_close(void)
{
	ouro_weak_map_put(map);
	return ouro_heap_destroy(heap);
}

const struct registry_ops registry_by_ouro = {
	.name = "by_ouro",
	.open = registry_open,
	.close = registry_close,
	.add = resource_add,
	.remove = resource_remove,
	.find = resource_find,
	.get = resource_get,
	.put = resource_put,
	.heap = &heap,
};
