// SPDX-License-Identifier: GPL-2.0
/*
 * Transactions: what a tryget does that meets one.
 *
 * For the other side, see verdict.c.
 */
#include "ouro.h"
#include "delay.h"
#include "heap.h"
#include "object.h"
#include "reap.h"
#include "transaction.h"

/*
 * How the transaction about a frozen object stands, and all of it in @now;
 * OURO_TRANSACTION_IDLE: the object is frozen no more.
 *
 * What is read is of one transaction: that the object was frozen and not killed
 * between two equal readings of the transaction, whose number never comes again,
 * says that it is this one that froze it.
 */
static enum ouro_transaction read_state(const struct ouro_object *object,
					const atomic64_t *transaction, u64 *now)
{
	u64 word;

	for (;;) {
		ouro_delay(OURO_DELAY_MEET);
		/* Pairs with the full barriers of decide() and ouro_verdict_idle(). */
		*now = atomic64_read_acquire(transaction);
		word = atomic64_read_acquire(&object->word);
		if (word & OURO_WORD_DEAD)
			return OURO_TRANSACTION_COMMITTED;
		if (!(word & OURO_WORD_FROZEN))
			return OURO_TRANSACTION_IDLE;
		if (atomic64_read(transaction) == *now)
			return *now & OURO_TRANSACTION_MASK;
	}
}

/**
 * ouro_transaction_has_killed() - whether a tryget would fail for a transaction
 * @object: whose block cannot go: within an RCU read section, or by a reference
 *
 * Context: Any, NMI included; takes no lock.
 * Return: true when it is frozen or killed, and that was decided.
 */
bool ouro_transaction_has_killed(const struct ouro_object *object)
{
	struct ouro_pool *pool = ouro_pool_of_object(object);
	u64 now;

	return read_state(object, &pool->heap->collector.transaction, &now) ==
	       OURO_TRANSACTION_COMMITTED;
}

/**
 * ouro_transaction_meet() - whether a reference to a frozen object is one
 * @object: to which the caller took a reference; its word said that it was
 *	frozen, or killed by the collector or half buried
 *
 * Either the transaction has not been decided: then it is aborted, and the
 * object lives.  Or it has: then the object is dead if that was the decision and
 * it is frozen still, that is, was among those that it was about.  A killed
 * object stays so as long as our reference, which is counted, keeps its block.
 *
 * Context: Any, NMI included; takes no lock.  Each repetition stands for a step
 * of the collector.
 * Return: false when the object is dead; the reference is gone then.
 */
bool ouro_transaction_meet(struct ouro_object *object)
{
	struct ouro_pool *pool = ouro_pool_of_object(object);
	atomic64_t *transaction = &pool->heap->collector.transaction;
	enum ouro_transaction state;
	u64 now;

	do {
		state = read_state(object, transaction, &now);
		if (state == OURO_TRANSACTION_COMMITTED)
			goto undo;
	} while (state == OURO_TRANSACTION_UNDECIDED &&
		 atomic64_cmpxchg(transaction, now,
				  now - OURO_TRANSACTION_UNDECIDED +
				  OURO_TRANSACTION_ABORTED) != now);
	return true;
undo:
	/*
	 * Were it the last, not even the object's end would be for us: the
	 * caller may have locks that are no business of a tryget.
	 */
	if (ouro_object_is_last(atomic64_fetch_sub(1, &object->word)))
		ouro_reap_later(pool, object);
	return false;
}
