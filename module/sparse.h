/* SPDX-License-Identifier: GPL-2.0 */
#ifndef OURO_SPARSE_H
#define OURO_SPARSE_H

struct ouro_heap;

void ouro_sparse_note(struct ouro_heap *heap);
void ouro_sparse_init(void);
void ouro_sparse_exit(void);

#endif /* OURO_SPARSE_H */
