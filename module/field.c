// SPDX-License-Identifier: GPL-2.0
/*
 * Fields: the references of an object, each with what it is called.
 */
#include "ouro.h"
#include <linux/rcupdate.h>
#include "field.h"
#include "kind.h"
#include "object.h"
#include "pool.h"

/* A visit to what the type's own function tells of. */
struct told {
	ouro_field_fn fn;
	void *arg;
	bool more;
};

static void tell(struct ouro_object *ref, void *arg)
{
	struct ouro_field field = { .ref = ref, .index = -1 };
	struct told *told = arg;

	if (ref && told->more)
		told->more = told->fn(&field, told->arg);
}

static bool visit_table(const struct ouro_type *type,
			const struct ouro_object *object, ouro_field_fn fn,
			void *arg)
{
	struct ouro_field field = { .index = -1 };
	const struct ouro_slot *slot;
	unsigned int i;

	for (i = 0; i < type->nslots; i++) {
		slot = (const void *)object + type->slots[i].offset;
		field.ref = READ_ONCE(slot->object);
		field.name = type->slots[i].name ?: "slot";
		if (field.ref && !fn(&field, arg))
			return false;
	}
	return true;
}

/*
 * Where an array is apart, what is in it stays for an RCU read section.  From
 * slot *@at on, @most of them; *@at is then the next one, 0 behind the last.
 */
static bool visit_span(struct ouro_pool *pool, struct ouro_object *object,
		       unsigned long *at, unsigned long most, ouro_field_fn fn,
		       void *arg)
{
	const struct ouro_kind *kind = pool->class->kind;
	struct ouro_span span = ouro_kind_span(kind, pool, object);
	struct ouro_array *array = ouro_span_array(kind, span);
	struct ouro_field field = { .name = kind->type->array_name ?: "slot" };
	unsigned long i = *at, end;

	if (array)
		span.count = READ_ONCE(array->used);
	end = span.count - min_t(unsigned long, i, span.count) > most ?
	      i + most : span.count;
	*at = end < span.count ? end : 0;
	for (; i < end; i++) {
		field.index = i;
		field.ref = READ_ONCE(span.slot[field.index].object);
		if (field.ref && !fn(&field, arg))
			return false;
	}
	return true;
}

/**
 * ouro_field_visit() - call a function for each reference that an object has
 * @pool: it lies in
 * @object: alive at this moment; the caller has a reference where its type has
 *	traverse
 * @fn: for each that is not NULL; what it refers to may die at any moment
 * @arg: for @fn
 *
 * Context: Any that @fn takes, within an RCU read section.
 * Return: false when @fn did.
 */
bool ouro_field_visit(struct ouro_pool *pool, struct ouro_object *object,
		      ouro_field_fn fn, void *arg)
{
	const struct ouro_type *type = pool->class->kind->type;
	struct told told = { .fn = fn, .arg = arg, .more = true };
	unsigned long at = 0;

	if (!visit_table(type, object, fn, arg))
		return false;
	if (type->array && !visit_span(pool, object, &at, ULONG_MAX, fn, arg))
		return false;
	if (type->traverse)
		type->traverse(object, tell, &told);
	return told.more;
}

/**
 * ouro_field_visit_part() - the same for some of the references
 * @pool: as there
 * @object: as there, of a type that has no traverse
 * @at: where to go on, 0 at first; moved on, 0 at the end
 * @fn: as there
 * @arg: for @fn
 *
 * Context: As there, for a bounded time.
 * Return: false when @fn did.
 */
bool ouro_field_visit_part(struct ouro_pool *pool, struct ouro_object *object,
			   unsigned long *at, ouro_field_fn fn, void *arg)
{
	const struct ouro_type *type = pool->class->kind->type;

	if (!*at && !visit_table(type, object, fn, arg))
		return false;
	return !type->array ||
	       visit_span(pool, object, at, OURO_FIELDS_A_PART, fn, arg);
}

/* "peers[3]" */
void ouro_field_name(const struct ouro_field *field, char text[OURO_FIELD_TEXT])
{
	if (!field->name)
		strscpy(text, "(traverse)", OURO_FIELD_TEXT);
	else if (field->index < 0)
		strscpy(text, field->name, OURO_FIELD_TEXT);
	else
		snprintf(text, OURO_FIELD_TEXT, "%s[%ld]", field->name,
			 field->index);
}
