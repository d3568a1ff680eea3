/* SPDX-License-Identifier: GPL-2.0 */
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
#define ARRAYS	1
#ifndef TXNS
#define TXNS	1
#endif
#define FRESH	FINALIZE
#define FINALIZERS
#define WEAK
#ifndef DOES
#define DOES	(GET + PUT + MOVE+SWAP+LOAD+NEW+UPGRADE)
#endif

#include "object.pml"
#include "mutator.pml"
#include "collect.pml"
