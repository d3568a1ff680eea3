/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files about the collector share.
 */
#ifndef OURO_BENCH_COLLECT_H
#define OURO_BENCH_COLLECT_H

#include <linux/types.h>
#include <ouro/collect.h>
#include "bench.h"
#include "graph.h"

/**
 * struct collect_case - something that is measured while a graph is scanned
 * @name: unique; NULL ends a table
 * @objects: of the graph
 * @run: measures some rounds and fills in a line of results
 * @way: for @run
 */
struct collect_case {
	const char *name;
	size_t objects;
	int (*run)(const struct collect_case *which, unsigned int rounds,
		   struct bench_result *result);
	unsigned int way;
};

extern const struct collect_case collect_scan_cases[];
extern const struct collect_case collect_mutate_cases[];
extern const struct collect_case collect_wait_cases[];
extern const struct collect_case collect_observe_cases[];

s64 collect_scan(struct graph *graph, enum ouro_generation generation,
		 long *freed);

#endif /* OURO_BENCH_COLLECT_H */
