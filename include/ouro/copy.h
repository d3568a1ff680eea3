/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copies of objects and of graphs.
 *
 * A type that can be copied says how, in its @copy: ouro_copy_payload() where
 * the bytes will do.  Containers can be copied; their types need nothing.
 *
 * Others may change what is copied meanwhile: each slot is read once, and what
 * was in it at that moment is in the copy.  There is no snapshot of the whole.
 */
#ifndef _OURO_COPY_H
#define _OURO_COPY_H

#include <linux/gfp.h>
#include <ouro/object.h>

struct ouro_object *ouro_copy(struct ouro_object *object, gfp_t gfp);
struct ouro_object *ouro_copy_deep(struct ouro_object *object, gfp_t gfp);

#endif /* _OURO_COPY_H */
