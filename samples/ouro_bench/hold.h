/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files about held things share.
 */
#ifndef OURO_BENCH_HOLD_H
#define OURO_BENCH_HOLD_H

#include <linux/types.h>

struct bench;

/**
 * struct holding - something that can be held
 * @name: unique; NULL ends a table
 * @get: takes it all and says what it knows of it; after an error, too, it is
 *	put back
 * @put: gives it back
 * @after: what has to be held then, of which @get makes this one; NULL: nothing
 */
struct holding {
	const char *name;
	int (*get)(struct bench *bench, u64 *value);
	void (*put)(struct bench *bench);
	const char *after;
};

extern const struct holding hold_mix_holdings[];
extern const struct holding hold_trace_holdings[];

#endif /* OURO_BENCH_HOLD_H */
