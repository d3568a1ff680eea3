/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Vectors: objects whose slots lie in an array that is replaced by a copy.  Each
 * grows once.
 */
#define ARRAYS	2
#ifndef DOES
#define DOES	(PUT + STORE + MOVE + SWAP + LOAD + GROW)
#endif

#include "object.pml"
#include "mutator.pml"
#include "collect.pml"
