/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Transactions: whether all of a set of objects dies at one moment.
 *
 * The collector freezes objects that nothing outside of them refers to, and
 * then decides about all of them with one cmpxchg().  Whoever makes a reference
 * of an uncounted pointer meanwhile, and so meets a frozen object, lets it
 * decide otherwise.
 */
#ifndef OURO_TRANSACTION_H
#define OURO_TRANSACTION_H

#include <ouro/object.h>
#include "ouro.h"

/* In the low bits of heap->collector.transaction; above is its number. */
enum ouro_transaction {
	OURO_TRANSACTION_IDLE,		/* no object is frozen */
	OURO_TRANSACTION_UNDECIDED,
	OURO_TRANSACTION_ABORTED,	/* all of them live */
	OURO_TRANSACTION_FINALIZE,	/* the same, until finalizers have run */
	OURO_TRANSACTION_COMMITTED,	/* all that are frozen are dead */
};

#define OURO_TRANSACTION_BITS	3
#define OURO_TRANSACTION_MASK	((1U << OURO_TRANSACTION_BITS) - 1)

/* What a tryget finds in the word of an object that the collector is at. */
#define OURO_WORD_HELD_UP	(OURO_WORD_FROZEN | OURO_WORD_DEAD)

bool ouro_transaction_has_killed(const struct ouro_object *object);
bool ouro_transaction_meet(struct ouro_object *object);

#endif /* OURO_TRANSACTION_H */
