// SPDX-License-Identifier: GPL-2.0
/* Contents: a pattern that depends on address, length and a seed. */
#include <linux/kernel.h>
#include <linux/string.h>
#include "ouro_test.h"

/* Two may share a state, an interrupt and who it interrupts: any number will do. */
u32 test_random(u32 *state)
{
	u32 x = READ_ONCE(*state) ?: 0x9e3779b9;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	WRITE_ONCE(*state, x);
	return x;
}
EXPORT_SYMBOL_GPL(test_random);

static u64 fill_start(const void *ptr, size_t len, u32 seed)
{
	u64 x = (unsigned long)ptr ^ ((u64)len << 40) ^ seed;

	return (x ^ (x >> 29)) * 0x9e3779b97f4a7c15ULL;
}

/* @ptr is aligned to 8 bytes. */
void test_fill(void *ptr, size_t len, u32 seed)
{
	u64 x = fill_start(ptr, len, seed);
	u64 *words = ptr;
	size_t i;

	for (i = 0; i < len / 8; i++, x += 0x0101010101010107ULL)
		words[i] = x;
	for (i = len & ~7UL; i < len; i++)
		((u8 *)ptr)[i] = (u8)(x >> (i % 8 * 8));
}
EXPORT_SYMBOL_GPL(test_fill);

bool test_filled(const void *ptr, size_t len, u32 seed)
{
	u64 x = fill_start(ptr, len, seed);
	const u64 *words = ptr;
	size_t i;

	for (i = 0; i < len / 8; i++, x += 0x0101010101010107ULL)
		if (words[i] != x)
			return false;
	for (i = len & ~7UL; i < len; i++)
		if (((const u8 *)ptr)[i] != (u8)(x >> (i % 8 * 8)))
			return false;
	return true;
}
EXPORT_SYMBOL_GPL(test_filled);

bool test_is_byte(const void *ptr, size_t len, u8 byte)
{
	return !memchr_inv(ptr, byte, len);
}
EXPORT_SYMBOL_GPL(test_is_byte);
