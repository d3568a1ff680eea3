/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Slots: every operation on references that are held and on slots, deaths, and
 * blocks that are used again.  A store is a get and a move.
 */
#ifndef DOES
#define DOES	(GET + PUT + MOVE + SWAP + LOAD + NEW)
#endif

#include "object.pml"
#include "mutator.pml"
#include "collect.pml"
