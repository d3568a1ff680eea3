/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Failures on demand, for tests: each allocation that the module itself makes
 * asks here first.
 */
#ifndef OURO_FAIL_H
#define OURO_FAIL_H

#include <linux/types.h>

struct dentry;

bool ouro_fail(size_t size);
void ouro_fail_init(struct dentry *dir);

#endif /* OURO_FAIL_H */
