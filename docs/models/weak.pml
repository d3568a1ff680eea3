/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Weak handles: references by way of pointers that are not counted.
 */
#define WEAK
#ifndef DOES
#define DOES	(GET + PUT + MOVE + SWAP + LOAD + NEW + UPGRADE)
#endif

#include "object.pml"
#include "mutator.pml"
#include "collect.pml"
