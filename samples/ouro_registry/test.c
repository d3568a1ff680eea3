// SPDX-License-Identifier: GPL-2.0
/*
 * One test of what a registry does, run over both; the cases with one thread.
 */
#include <linux/bitmap.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include "test.h"

#define PATIENCE	(30 * HZ)

void check_fail(struct check *c, int line, const char *text)
{
	if (atomic_inc_return(&c->failures) != 1)
		return;
	c->line = line;
	c->text = text;
}

/* For loops: something has failed, or it took too long. */
bool check_is_over(struct check *c)
{
	cond_resched();
	CHECK(c, time_before(jiffies, c->deadline));
	return atomic_read(&c->failures);
}

/* Adds one, or NULL and the case has failed. */
struct registry_resource *check_add(struct check *c,
				    struct registry_handle handle, void *data)
{
	struct registry_resource *resource = c->ops->add(handle, data);

	if (!CHECK(c, !IS_ERR(resource)))
		return NULL;
	CHECK(c, resource->handle.type == handle.type);
	CHECK(c, resource->handle.context == handle.context);
	CHECK(c, resource->handle.id == handle.id || handle.id == REGISTRY_ANY);
	CHECK(c, resource->data == data);
	return resource;
}

static void take_out(struct check *c, struct registry_resource *resource)
{
	if (resource)
		c->ops->remove(resource);
}

/* What is found, without a reference: only to compare. */
struct registry_resource *check_peek(struct check *c,
				     struct registry_handle handle)
{
	struct registry_resource *resource = c->ops->find(handle);

	if (resource)
		c->ops->put(resource);
	return resource;
}

/* Why one cannot be added, or 0. */
static long refusal(struct check *c, struct registry_handle handle)
{
	struct registry_resource *resource = c->ops->add(handle, NULL);

	if (IS_ERR(resource))
		return PTR_ERR(resource);
	c->ops->remove(resource);
	return 0;
}

static void found(struct check *c)
{
	const struct registry_handle handle = handle_of(REGISTRY_BELL, 3, 2000);
	struct registry_resource *resource, *same;

	CHECK(c, !check_peek(c, handle));
	resource = check_add(c, handle, c);
	if (!resource)
		return;
	same = c->ops->find(handle);
	CHECK(c, same == resource);
	CHECK(c, c->ops->get(resource) == resource);
	c->ops->put(resource);
	if (same)
		c->ops->put(same);
	CHECK(c, check_peek(c, handle) == resource);
	CHECK(c, !check_peek(c, port(3, 2000)));
	CHECK(c, !check_peek(c, handle_of(REGISTRY_BELL, 4, 2000)));
	CHECK(c, !check_peek(c, handle_of(REGISTRY_BELL, 3, 2001)));
	CHECK(c, !check_peek(c, handle_of(REGISTRY_BELL, 2000, 3)));
	c->ops->remove(resource);
	CHECK(c, !check_peek(c, handle));
}

static void duplicates(struct check *c)
{
	struct registry_resource *one, *type, *context, *id;

	one = check_add(c, port(1, 5), NULL);
	CHECK(c, refusal(c, port(1, 5)) == -EEXIST);
	CHECK(c, check_peek(c, port(1, 5)) == one);
	type = check_add(c, handle_of(REGISTRY_BELL, 1, 5), NULL);
	context = check_add(c, port(2, 5), NULL);
	id = check_add(c, port(1, 6), NULL);
	CHECK(c, check_peek(c, handle_of(REGISTRY_BELL, 1, 5)) == type);
	CHECK(c, check_peek(c, port(2, 5)) == context);
	take_out(c, one);
	CHECK(c, !check_peek(c, port(1, 5)));
	CHECK(c, check_peek(c, port(1, 6)) == id);
	CHECK(c, refusal(c, port(1, 5)) == 0);
	take_out(c, type);
	take_out(c, context);
	take_out(c, id);
}

static void any_context(struct check *c)
{
	const struct registry_handle any = port(REGISTRY_ANY, 5);
	struct registry_resource *one, *two, *all, *some;

	one = check_add(c, port(1, 5), NULL);
	two = check_add(c, port(2, 5), NULL);
	some = check_peek(c, any);
	CHECK(c, some && (some == one || some == two));
	CHECK(c, !check_peek(c, handle_of(REGISTRY_BELL, REGISTRY_ANY, 5)));
	CHECK(c, !check_peek(c, port(REGISTRY_ANY, 6)));
	CHECK(c, refusal(c, any) == -EEXIST);
	take_out(c, one);
	CHECK(c, check_peek(c, any) == two);
	take_out(c, two);
	all = check_add(c, any, NULL);
	CHECK(c, check_peek(c, port(7, 5)) == all);
	CHECK(c, check_peek(c, any) == all);
	CHECK(c, !check_peek(c, handle_of(REGISTRY_BELL, 7, 5)));
	CHECK(c, refusal(c, port(7, 5)) == -EEXIST);
	take_out(c, all);
	CHECK(c, refusal(c, port(7, 5)) == 0);
}

static void exhausted(struct check *c)
{
	const struct registry_handle any = port(1, REGISTRY_ANY);
	struct registry_resource *resource[REGISTRY_IDS];
	DECLARE_BITMAP(seen, REGISTRY_IDS) = { };
	unsigned int i;
	u32 id;

	for (i = 0; i < REGISTRY_IDS; i++) {
		resource[i] = check_add(c, any, NULL);
		id = resource[i] ? resource[i]->handle.id - REGISTRY_FIRST_ID :
				   REGISTRY_IDS;
		CHECK(c, id < REGISTRY_IDS && !test_and_set_bit(id, seen));
	}
	CHECK(c, refusal(c, any) == -ENOSPC);
	CHECK(c, refusal(c, port(REGISTRY_ANY, REGISTRY_ANY)) == -ENOSPC);
	CHECK(c, refusal(c, handle_of(REGISTRY_BELL, 1, REGISTRY_ANY)) == 0);
	CHECK(c, refusal(c, port(2, REGISTRY_ANY)) == 0);
	/* Who names an id gets one that the search does not give. */
	CHECK(c, refusal(c, port(1, 5)) == 0);
	for (i = 0; i < REGISTRY_IDS && resource[i]; i += 3) {
		id = resource[i]->handle.id;
		take_out(c, resource[i]);
		resource[i] = check_add(c, any, NULL);
		CHECK(c, resource[i] && resource[i]->handle.id == id);
	}
	for (i = 0; i < REGISTRY_IDS; i++)
		take_out(c, resource[i]);
}

static void left_behind(struct check *c)
{
	struct registry_resource *resource = check_add(c, port(1, 5), NULL);

	CHECK(c, check_peek(c, port(1, 5)) == resource);
}

/**
 * struct test_case - what a registry is expected to do
 * @name: of the case
 * @run: does it
 * @left: resources at the end
 */
struct test_case {
	const char *name;
	void (*run)(struct check *c);
	unsigned long left;
};

static const struct test_case cases[] = {
	{ "found", found },
	{ "duplicates", duplicates },
	{ "any_context", any_context },
	{ "exhausted", exhausted },
	{ "left_behind", left_behind, 1 },
	{ "waits", race_waits },
	{ "interrupt", race_interrupt },
	{ "race_handles", race_handles },
	{ "race_adds", race_adds },
};

static void run_case(struct check *c, const struct test_case *which)
{
	if (!CHECK(c, !c->ops->open()))
		return;
	c->deadline = jiffies + PATIENCE;
	which->run(c);
	CHECK(c, c->ops->close() == which->left);
}

static const char *verdict(struct check *c)
{
	return atomic_read(&c->failures) ? "fail" : "pass";
}

static void show_why(struct seq_file *m, struct check *c)
{
	if (atomic_read(&c->failures))
		seq_printf(m, "# %s: %d times, first line %d: %s\n",
			   c->ops->name, atomic_read(&c->failures), c->line,
			   c->text);
}

/* One line for each case, and those that begin with # say why. */
void registry_test(struct seq_file *m)
{
	unsigned int i;

	seq_printf(m, "# %-14s %8s %8s\n", "", registry_by_hand.name,
		   registry_by_ouro.name);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct check hand = { .ops = &registry_by_hand };
		struct check ouro = { .ops = &registry_by_ouro };

		run_case(&hand, &cases[i]);
		run_case(&ouro, &cases[i]);
		seq_printf(m, "%-16s %8s %8s\n", cases[i].name, verdict(&hand),
			   verdict(&ouro));
		show_why(m, &hand);
		show_why(m, &ouro);
	}
}
