/* SPDX-License-Identifier: GPL-2.0 */
#ifndef OURO_DEBUGFS_H
#define OURO_DEBUGFS_H

struct ouro_heap;

void ouro_debugfs_init(void);
void ouro_debugfs_exit(void);
void ouro_debugfs_add(struct ouro_heap *heap);
void ouro_debugfs_remove(struct ouro_heap *heap);

#endif /* OURO_DEBUGFS_H */
