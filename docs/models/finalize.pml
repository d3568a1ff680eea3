/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Finalizers: run by the collector or by who puts a last reference, once; they may
 * bring their object back into a root.
 */
#define WEAK
#define FINALIZERS
#define FRESH	FINALIZE
#define ROOTS	1
#ifndef DOES
#define DOES	(PUT + MOVE + SWAP + LOAD + NEW + UPGRADE)
#endif

#include "object.pml"
#include "mutator.pml"
#include "collect.pml"
