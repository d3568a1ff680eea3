/* SPDX-License-Identifier: GPL-2.0 */
/* The last put of an object that two have: last_race.c */
#ifndef _OURO_TEST_LAST_H
#define _OURO_TEST_LAST_H

#include "ouro_test.h"

void both(struct ouro_test *t);

#endif /* _OURO_TEST_LAST_H */
