// SPDX-License-Identifier: GPL-2.0
/*
 * Orphan: a module that goes and leaves its heap behind.  The frame of the
 * tests takes the heap and destroys it later.
 */
#include <linux/err.h>
#include <ouro/pin.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include <ouro/vector.h>
#include "ouro_test.h"

/* A type that goes with this module, and has functions that do. */
struct lost {
	struct ouro_object object;
	struct ouro_slot next;
};

static void lost_release(void *object)
{
	pr_err("released after its module was gone\n");
}

static const struct ouro_type lost_type = {
	OURO_TYPE(struct lost, object),
	OURO_SLOTS(struct lost, next),
	.release = lost_release,
};

/* Two that hold each other, and nobody else does. */
static void lose_some(struct ouro_heap *heap)
{
	struct ouro_kind *kind = ouro_type_register(heap, &lost_type);
	struct lost *a, *b;

	if (IS_ERR(kind))
		return;
	a = ouro_new(kind, GFP_KERNEL);
	b = ouro_new(kind, GFP_KERNEL);
	if (a && b) {
		WARN_ON(ouro_slot_store(&a->next, &b->object));
		WARN_ON(ouro_slot_store(&b->next, &a->object));
	}
	ouro_put(a ? &a->object : NULL);
	ouro_put(b ? &b->object : NULL);
}

static int __init orphan_init(void)
{
	struct ouro_heap *heap = ouro_heap_create("orphan", 0);
	struct ouro_vector *vector;

	if (IS_ERR(heap))
		return PTR_ERR(heap);
	ouro_free(ouro_alloc(heap, 64, GFP_KERNEL));
	/* A lock that has this module's key, and a name that goes with it. */
	vector = ouro_vector_new(heap, 0, GFP_KERNEL);
	if (vector) {
		ouro_track(ouro_vector_object(vector), "orphan");
		ouro_vector_put(vector);
	}
	lose_some(heap);
	test_adopt(heap);
	return 0;
}

/* What is missing here is the point. */
static void __exit orphan_exit(void)
{
}

module_init(orphan_init);
module_exit(orphan_exit);
MODULE_DESCRIPTION("Leaves a heap of Ouro behind, for the tests");
MODULE_LICENSE("GPL");
MODULE_INFO(import_ns, "OURO");
