/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Delays: where a test may stretch the time between two steps.
 *
 * Nothing, unless the module is built with OURO_TEST_DELAYS=y.
 */
#ifndef OURO_DELAY_H
#define OURO_DELAY_H

#include "ouro.h"

enum ouro_delay_point {
	OURO_DELAY_PIN,		/* before a pool joins a scan */
	OURO_DELAY_COUNT,	/* before references of an object are counted */
	OURO_DELAY_MARK,	/* before what an object refers to is marked */
	OURO_DELAY_WORD,	/* before a member's word is read */
	OURO_DELAY_EDGES,	/* before a member's slots are read */
	OURO_DELAY_SLOT,	/* between two slots */
	OURO_DELAY_FREEZE,	/* before a member is frozen */
	OURO_DELAY_DROP,	/* before a member is let go */
	OURO_DELAY_DECIDE,	/* before the decision */
	OURO_DELAY_KILL,	/* before a member is killed */
	OURO_DELAY_IDLE,	/* before the transaction is over */
	OURO_DELAY_CLEAR,	/* before a dead member's slots are cleared */
	OURO_DELAY_BURY,	/* before dead members' blocks go */
	OURO_DELAY_FINALIZE,	/* before a finalizer is called */
	OURO_DELAY_MEET,	/* a tryget has met a frozen object */
	OURO_DELAY_KILLED,	/* before handles to a killed member are ended */
	OURO_DELAY_THAW,	/* before a member is thawed that is not out */
	OURO_DELAY_LET_GO,	/* before our reference to one is put */
	OURO_DELAY_AGE,		/* halfway to a pool's old age, or youth */
	OURO_DELAY_LEAVE,	/* before pools leave a scan */
	OURO_DELAYS
};

#ifdef OURO_TEST_DELAYS
extern void (*ouro_delay_hook)(unsigned int point);

static inline void ouro_delay(enum ouro_delay_point point)
{
	void (*hook)(unsigned int point) = READ_ONCE(ouro_delay_hook);

	if (hook)
		hook(point);
}
#else
static inline void ouro_delay(enum ouro_delay_point point)
{
}
#endif

#endif /* OURO_DELAY_H */
