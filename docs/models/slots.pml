/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Slots: every operation on slots and references that are held, deaths, and
 * blocks that are used again.
 */
#ifndef N
#define N	2
#define L	2
#define M	2
#define HOLD	2
#define OPS	2
#endif
#define ROOTS	0
#define ARRAYS	1
#define TXNS	1
#define FRESH	0
#ifndef DOES
#define DOES	(GET+PUT+STORE+MOVE+SWAP+LOAD+NEW)
#endif

#include "object.pml"
#include "mutator.pml"
#include "collect.pml"
