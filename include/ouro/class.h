/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Size classes: which block size serves a request.
 *
 * Up to 128 bytes classes are 8 bytes apart, up to 512 bytes 16 bytes, up to
 * 8 KiB at most 12.5 % (eight steps a doubling).  Every class is a multiple of
 * the largest power of two that divides any size it serves exactly, so a block
 * of 2^n bytes (up to a page) is aligned to 2^n.
 *
 * Nothing here is for callers: the mapping is public only so that a constant
 * size costs no instruction at run time.
 */
#ifndef _OURO_CLASS_H
#define _OURO_CLASS_H

#include <linux/align.h>
#include <linux/bitops.h>
#include <linux/slab.h>

#define OURO_CLASS_FINE		128	/* bytes: 8-byte steps up to here */
#define OURO_CLASS_MEDIUM	512	/* bytes: 16-byte steps up to here */
#define OURO_CLASS_MAX		8192	/* bytes: larger sizes are whole pages */
#define OURO_CLASSES		72

/* Bytes between the fronts (per-CPU caches) of two neighbouring classes. */
#define OURO_FRONT_SHIFT	6

/**
 * ouro_class_index() - the class that serves a size
 * @size: in bytes, 1 to OURO_CLASS_MAX
 *
 * Context: Any; evaluates at compile time for a constant @size.
 * Return: the class, 0 to OURO_CLASSES - 1.
 */
static __always_inline unsigned int ouro_class_index(size_t size)
{
	unsigned int shift;

	if (ARCH_KMALLOC_MINALIGN > 8)
		size = ALIGN(size, ARCH_KMALLOC_MINALIGN);
	if (size <= OURO_CLASS_FINE)
		return (size - 1) / 8;
	if (size <= OURO_CLASS_MEDIUM)
		return 16 + (size - 1 - OURO_CLASS_FINE) / 16;
	shift = __builtin_constant_p(size) ?
		(size <= 1024 ? 10 : size <= 2048 ? 11 : size <= 4096 ? 12 : 13) :
		fls(size - 1);
	return 40 + (shift - 10) * 8 + ((size - 1) >> (shift - 4)) - 8;
}

#endif /* _OURO_CLASS_H */
