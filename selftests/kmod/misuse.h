/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the suite of misuse need of each other. */
#ifndef _OURO_TEST_MISUSE_H
#define _OURO_TEST_MISUSE_H

void forge(char *copy, const char *pool);

#endif
