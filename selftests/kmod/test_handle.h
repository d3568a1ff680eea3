/* SPDX-License-Identifier: GPL-2.0 */
/* What weak handles lead to, for the tests of these. */
#ifndef _OURO_TEST_HANDLE_H
#define _OURO_TEST_HANDLE_H

#include <ouro/object.h>
#include <ouro/weak.h>

static inline bool test_handle_gives(struct ouro_weak weak,
				     const struct ouro_object *wanted)
{
	struct ouro_object *object = ouro_weak_get(weak);

	ouro_put(object);
	return object && object == wanted;
}

static inline bool test_handle_is_null(struct ouro_weak weak)
{
	struct ouro_object *object = ouro_weak_get(weak);

	ouro_put(object);
	return !object;
}

#endif /* _OURO_TEST_HANDLE_H */
