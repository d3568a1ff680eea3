// SPDX-License-Identifier: GPL-2.0
/* Graphs: built, let go of, and compared with what must live; see cycle.h. */
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <ouro/list.h>
#include <ouro/map.h>
#include <ouro/vector.h>
#include "cycle.h"

#define WIDE	1200	/* slots: more than the largest class */
#define CYCLE_KEY	40	/* bytes of a key, at most */

#define SAY	"%s of %s, held %llx: "
#define SAYS(s)	(s)->what, (s)->how, (s)->held

/* A heap with all the types. */
bool cycle_open(struct cycle *s, struct ouro_test *t)
{
	int i;

	memset(s, 0, sizeof(*s));
	s->t = t;
	s->what = "";
	s->how = "";
	s->heap = test_heap(t);
	if (!s->heap)
		return false;
	for (i = 0; i < CYCLE_TYPES; i++) {
		s->kind[i] = ouro_type_register(s->heap, &cycle_types[i]);
		if (!EXPECT(t, !IS_ERR(s->kind[i])))
			return false;
	}
	return true;
}

void cycle_close(struct cycle *s)
{
	ouro_heap_flush(s->heap);
	test_heap_settle(s->t, s->heap, 0);
	test_heap_close(s->t, s->heap);
}

static struct ouro_object *node_make(struct cycle *s, enum cycle_make make,
				     unsigned int number)
{
	struct cycle_node *node;
	size_t room = 0;

	if (cycle_types[make].array)
		room = make == CYCLE_WIDE ? WIDE : max(s->degree, 2U) - 2;
	node = ouro_new_array(s->kind[make], room, GFP_KERNEL);
	if (!node)
		return NULL;
	node->number = number;
	node->check = number ^ CYCLE_CHECK;
	node->room = room;
	node->used = 0;
	return &node->object;
}

static struct ouro_object *member_make(struct cycle *s, enum cycle_make make,
				       unsigned int number)
{
	switch (make) {
	case CYCLE_VECTOR:
		return ouro_vector_object(ouro_vector_new(s->heap, 0,
							  GFP_KERNEL));
	case CYCLE_LIST:
		return ouro_list_object(ouro_list_new(s->heap, GFP_KERNEL));
	case CYCLE_MAP:
		return ouro_map_object(ouro_map_u64_new(s->heap, GFP_KERNEL));
	case CYCLE_BYTES:
		return ouro_map_object(ouro_map_new(s->heap, 0, GFP_KERNEL));
	default:
		return node_make(s, make, number);
	}
}

/* As many bytes as the place has digits, and some; returns how many. */
static size_t key_of(char key[CYCLE_KEY], unsigned int place)
{
	return scnprintf(key, CYCLE_KEY, "the edge from place %u", place);
}

static int edge_store(struct cycle *s, unsigned int from, unsigned int to)
{
	struct ouro_object *holder = s->object[from], *object = s->object[to];
	unsigned int place = s->out[from];
	struct cycle_node *node;
	char key[CYCLE_KEY];

	switch (s->made[from]) {
	case CYCLE_VECTOR:
		return ouro_vector_append(ouro_vector_of(holder), object,
					  GFP_KERNEL);
	case CYCLE_LIST:
		return ouro_list_add_tail(ouro_list_of(holder), object,
					  GFP_KERNEL);
	case CYCLE_MAP:
		return ouro_map_u64_add(ouro_map_of(holder), place, object,
					GFP_KERNEL);
	case CYCLE_BYTES:
		return ouro_map_add(ouro_map_of(holder), key,
				    key_of(key, place), object, GFP_KERNEL);
	default:
		node = container_of(holder, struct cycle_node, object);
		if (place >= node->room + 2)
			return -ENOSPC;
		node->used = place + 1;
		return ouro_slot_store(cycle_node_slot(node, place), object);
	}
}

/* The caller has references to all members. */
void cycle_edge(struct cycle *s, unsigned int from, unsigned int to)
{
	struct cycle_edge *edge = &s->edge[s->nedges];

	if (!EXPECT_MSG(s->t, s->nedges < CYCLE_EDGES && from < s->n &&
			to < s->n && !edge_store(s, from, to),
			SAY "edge %u to %u", SAYS(s), from, to))
		return;
	*edge = (struct cycle_edge) { from, to, s->out[from]++ };
	s->nedges++;
}

/* One more member, held by the caller. */
bool cycle_add(struct cycle *s, enum cycle_make make)
{
	unsigned int i = s->n;

	s->made[i] = make;
	s->out[i] = 0;
	atomic_set(&s->finalized[i], 0);
	atomic_set(&s->released[i], 0);
	s->object[i] = member_make(s, make, i);
	if (!EXPECT(s->t, s->object[i]))
		return false;
	s->n++;
	s->held |= BIT_ULL(i);
	s->alive |= BIT_ULL(i);
	return !s->handles || EXPECT_EQ(s->t, ouro_weak_init(&s->weak[i],
					s->object[i], GFP_KERNEL), 0);
}

/* No members yet. */
void cycle_begin(struct cycle *s, const char *what, const char *how,
		 unsigned int degree, bool handles)
{
	s->what = what;
	s->how = how;
	s->degree = degree;
	s->handles = handles;
	s->n = 0;
	s->nedges = 0;
	s->held = 0;
	s->alive = 0;
	s->stuck = 0;
	s->rescue = 0;
}

/* All members are held by the caller; false with nothing left. */
bool cycle_build(struct cycle *s, const struct cycle_shape *shape,
		 const struct cycle_variant *variant, bool handles)
{
	unsigned int i;

	if (!EXPECT(s->t, shape && variant && shape->n <= CYCLE_NODES))
		return false;
	cycle_begin(s, shape->name, variant->name, shape->degree, handles);
	for (i = 0; i < shape->n; i++) {
		if (!cycle_add(s, variant->pattern[i % variant->npattern])) {
			cycle_hold_only(s, 0);
			return false;
		}
	}
	shape->build(s);
	return true;
}

/* What of the living is reached from @from; each round adds some, or is last. */
u64 cycle_reached(const struct cycle *s, u64 from)
{
	u64 before, reached = from & s->alive;
	unsigned int i;

	do {
		before = reached;
		for (i = 0; i < s->nedges; i++)
			if (reached & BIT_ULL(s->edge[i].from))
				reached |= BIT_ULL(s->edge[i].to) & s->alive;
	} while (reached != before);
	return reached;
}

/* What of the living counting alone leaves: each has a reference. */
u64 cycle_counted(const struct cycle *s)
{
	u64 before, referred, alive = s->alive;
	unsigned int i;

	do {
		before = alive;
		referred = s->held;
		for (i = 0; i < s->nedges; i++)
			if (alive & BIT_ULL(s->edge[i].from))
				referred |= BIT_ULL(s->edge[i].to);
		alive &= referred;
	} while (alive != before);
	return alive;
}

/* Put what is held and not in @held; what dies of that alone has gone then. */
void cycle_hold_only(struct cycle *s, u64 held)
{
	u64 drop = s->held & ~held;
	unsigned int i;

	s->held &= held;
	s->alive = cycle_counted(s);
	for (i = 0; i < s->n; i++)
		if (drop & BIT_ULL(i))
			ouro_put(s->object[i]);
	ouro_heap_flush(s->heap);
}

static unsigned int refs_wanted(const struct cycle *s, unsigned int number)
{
	unsigned int i, refs = !!(s->held & BIT_ULL(number));

	for (i = 0; i < s->nedges; i++)
		refs += s->edge[i].to == number &&
			s->alive & BIT_ULL(s->edge[i].from);
	return refs;
}

static size_t container_length(const struct cycle *s, unsigned int number)
{
	struct ouro_object *object = s->object[number];

	switch (s->made[number]) {
	case CYCLE_VECTOR:
		return ouro_vector_length(ouro_vector_of(object));
	case CYCLE_LIST:
		return ouro_list_length(ouro_list_of(object));
	default:
		return ouro_map_length(ouro_map_of(object));
	}
}

/* A reference, as all that load. */
static struct ouro_object *list_at(struct ouro_list *list, unsigned int place)
{
	struct ouro_list_iter iter;
	struct ouro_object *object;

	ouro_list_iter_begin(&iter, list);
	ouro_list_for_each(&iter, object)
		if (!place--)
			break;
	ouro_list_iter_end(&iter);
	return object;
}

static struct ouro_object *edge_load(const struct cycle *s,
				     const struct cycle_edge *edge)
{
	struct ouro_object *holder = s->object[edge->from];
	char key[CYCLE_KEY];

	switch (s->made[edge->from]) {
	case CYCLE_VECTOR:
		return ouro_vector_load(ouro_vector_of(holder), edge->place);
	case CYCLE_LIST:
		return list_at(ouro_list_of(holder), edge->place);
	case CYCLE_MAP:
		return ouro_map_u64_load(ouro_map_of(holder), edge->place);
	case CYCLE_BYTES:
		return ouro_map_load(ouro_map_of(holder), key,
				     key_of(key, edge->place));
	default:
		return ouro_slot_load(cycle_node_slot(container_of(holder,
				struct cycle_node, object), edge->place));
	}
}

static void expect_alive(struct cycle *s, unsigned int number)
{
	struct ouro_object *object = s->object[number];
	unsigned int refs = s->stuck & BIT_ULL(number) ? UINT_MAX :
							 refs_wanted(s, number);

	if (!EXPECT_MSG(s->t, ouro_is_alive(object), SAY "%u died", SAYS(s),
			number))
		return;
	EXPECT_MSG(s->t, ouro_refcount(object) == refs, SAY "%u: %u not %u",
		   SAYS(s), number, ouro_refcount(object), refs);
	if (s->made[number] < CYCLE_TYPES)
		EXPECT_MSG(s->t, cycle_node_is_whole(object), SAY "%u",
			   SAYS(s), number);
	else
		EXPECT_MSG(s->t, container_length(s, number) == s->out[number],
			   SAY "%u", SAYS(s), number);
	EXPECT_MSG(s->t, !atomic_read(&s->released[number]), SAY "%u",
		   SAYS(s), number);
}

static void expect_edges(struct cycle *s)
{
	const struct cycle_edge *edge;
	struct ouro_object *object;
	unsigned int i;

	for (i = 0; i < s->nedges; i++) {
		edge = &s->edge[i];
		/* One that died all the same has been told of. */
		if (!(s->alive & BIT_ULL(edge->from)) ||
		    !ouro_is_alive(s->object[edge->from]))
			continue;
		object = edge_load(s, edge);
		EXPECT_MSG(s->t, object == s->object[edge->to],
			   SAY "edge %u to %u", SAYS(s), edge->from, edge->to);
		ouro_put(object);
	}
}

static void expect_told(struct cycle *s, unsigned int number)
{
	bool dead = !(s->alive & BIT_ULL(number));

	if (!cycle_is_told(s->made[number]))
		return;
	EXPECT_MSG(s->t, atomic_read(&s->released[number]) == dead,
		   SAY "%u: %d", SAYS(s), number,
		   atomic_read(&s->released[number]));
	/* Once rescued it was finalized, and lives on. */
	if (dead || !s->rescue)
		EXPECT_MSG(s->t, atomic_read(&s->finalized[number]) == dead,
			   SAY "%u: %d", SAYS(s), number,
			   atomic_read(&s->finalized[number]));
}

static void expect_handle(struct cycle *s, unsigned int number)
{
	struct ouro_object *object = ouro_weak_get(s->weak[number]);
	bool alive = s->alive & BIT_ULL(number);

	EXPECT_MSG(s->t, object == (alive ? s->object[number] : NULL),
		   SAY "handle of %u", SAYS(s), number);
	ouro_put(object);
}

/* The living are whole, with exactly their references; the others are gone. */
void cycle_check(struct cycle *s)
{
	unsigned int i;

	for (i = 0; i < s->n; i++) {
		if (s->alive & BIT_ULL(i))
			expect_alive(s, i);
		expect_told(s, i);
		if (s->handles)
			expect_handle(s, i);
	}
	expect_edges(s);
}

/* All that is not reached from outside goes, and nothing else. */
void cycle_collect(struct cycle *s, enum ouro_generation generation)
{
	u64 reached = cycle_reached(s, s->held);
	long freed = hweight64(s->alive & ~reached);
	long ret = ouro_heap_collect(s->heap, generation);

	EXPECT_MSG(s->t, ret == freed, SAY "%ld not %ld", SAYS(s), ret, freed);
	s->alive = reached;
	ouro_heap_flush(s->heap);
	cycle_check(s);
}
