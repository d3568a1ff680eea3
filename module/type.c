// SPDX-License-Identifier: GPL-2.0
/*
 * Types: what is wrong with one.
 */
#include "ouro.h"
#include <linux/ctype.h>
#include <linux/string.h>
#include "kind.h"

static __printf(2, 3)
int refuse(const struct ouro_type *type, const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	vaf.va = &args;
	pr_err("type %.47s: %pV\n", type->name ?: "(none)", &vaf);
	va_end(args);
	return -EINVAL;
}

static bool name_is_good(const char *name)
{
	size_t i, len = name ? strnlen(name, OURO_TYPE_NAME_MAX) : 0;

	if (!len || len == OURO_TYPE_NAME_MAX)
		return false;
	for (i = 0; i < len; i++)
		if (!isalnum(name[i]) && !strchr("-_.", name[i]))
			return false;
	return true;
}

static int check_slot(const struct ouro_type *type, unsigned int i)
{
	const struct ouro_slot_desc *slot = &type->slots[i];
	unsigned int j;

	if (slot->offset < sizeof(struct ouro_object))
		return refuse(type, "slot %u lies in the header", i);
	if (slot->offset % sizeof(struct ouro_slot))
		return refuse(type, "slot %u is misaligned, at %u", i,
			      slot->offset);
	if ((u64)slot->offset + sizeof(struct ouro_slot) >
	    ouro_type_fixed_end(type))
		return refuse(type, "slot %u ends outside the object, at %zu of %zu",
			      i, slot->offset + sizeof(struct ouro_slot),
			      ouro_type_fixed_end(type));
	for (j = 0; j < i; j++)
		if (type->slots[j].offset == slot->offset)
			return refuse(type, "slots %u and %u are the same, at %u",
				      j, i, slot->offset);
	return 0;
}

static int check_array(const struct ouro_type *type)
{
	if (type->array < sizeof(struct ouro_object))
		return refuse(type, "the array of slots lies in the header");
	if (type->array % sizeof(struct ouro_slot))
		return refuse(type, "the array of slots is misaligned, at %zu",
			      type->array);
	if (type->array > type->size)
		return refuse(type, "the array of slots begins outside the object, at %zu of %zu",
			      type->array, type->size);
	return 0;
}

/**
 * ouro_type_check() - whether a type can be registered
 * @type: as the user has it
 *
 * Context: Any.
 * Return: 0, or -EINVAL with a line in the log.
 */
int ouro_type_check(const struct ouro_type *type)
{
	unsigned int i;
	int err;

	if (!name_is_good(type->name))
		return refuse(type, "bad name");
	if (!strncmp(type->name, "ouro.", 5))
		return refuse(type, "names with ouro. are taken");
	if (type->size < sizeof(struct ouro_object) ||
	    type->size > OURO_OBJECT_MAX)
		return refuse(type, "bad size %zu: %zu to %u bytes", type->size,
			      sizeof(struct ouro_object), OURO_OBJECT_MAX);
	if (type->flags & ~OURO_TYPE_FLAGS)
		return refuse(type, "unknown flags %#x",
			      type->flags & ~OURO_TYPE_FLAGS);
	if (!type->slots != !type->nslots)
		return refuse(type, "a table of slots needs a number of slots");
	if (type->traverse && !(type->flags & OURO_TYPE_ACYCLIC))
		return refuse(type, "traverse is for acyclic types only");
	if ((type->flags & OURO_TYPE_INIT_ONCE) && !type->init)
		return refuse(type, "INIT_ONCE without init");
	if ((type->flags & OURO_TYPE_INIT_ONCE) && type->copy)
		return refuse(type, "copy would undo what INIT_ONCE keeps");
	if (type->array) {
		err = check_array(type);
		if (err)
			return err;
	}
	for (i = 0; i < type->nslots; i++) {
		err = check_slot(type, i);
		if (err)
			return err;
	}
	return 0;
}
