/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Vectors: objects whose slots lie in an array that is replaced by a copy.
 */
#ifndef N
#define N	2
#define L	1
#define M	2
#define HOLD	1
#define OPS	2
#endif
#ifndef ROOTS
#define ROOTS	0
#endif
#define ARRAYS	2
#ifndef TXNS
#define TXNS	1
#endif
#define FRESH	0
#ifndef DOES
#define DOES	(PUT+STORE+MOVE+SWAP+LOAD+GROW)
#endif

#include "object.pml"
#include "mutator.pml"
#include "collect.pml"
