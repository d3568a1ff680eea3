/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the cases of the test share.
 */
#ifndef REGISTRY_TEST_H
#define REGISTRY_TEST_H

#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/types.h>
#include "registry.h"

/**
 * struct check - a run of a case
 * @ops: the registry
 * @deadline: in jiffies; loops end when it has passed
 * @failures: expectations that did not hold
 * @line: of the first of them
 * @text: of it
 */
struct check {
	const struct registry_ops *ops;
	unsigned long deadline;
	atomic_t failures;
	int line;
	const char *text;
};

void check_fail(struct check *c, int line, const char *text);

/* True when @cond holds; a failure is noted and the case goes on. */
#define CHECK(c, cond)							\
({									\
	bool __ok = !!(cond);						\
									\
	if (!__ok)							\
		check_fail(c, __LINE__, #cond);				\
	__ok;								\
})

bool check_is_over(struct check *c);
struct registry_resource *check_add(struct check *c,
				    struct registry_handle handle, void *data);
struct registry_resource *check_peek(struct check *c,
				     struct registry_handle handle);

static inline struct registry_handle handle_of(enum registry_type type,
					       u32 context, u32 id)
{
	return (struct registry_handle) { type, context, id };
}

static inline struct registry_handle port(u32 context, u32 id)
{
	return handle_of(REGISTRY_PORT, context, id);
}

void race_waits(struct check *c);
void race_interrupt(struct check *c);
void race_handles(struct check *c);
void race_adds(struct check *c);

#endif /* REGISTRY_TEST_H */
