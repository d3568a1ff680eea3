// SPDX-License-Identifier: GPL-2.0
/* A forged pool: what looks like one to who reads nothing but memory. */
#include <linux/kernel.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include "misuse.h"

#define HEADER	224	/* bytes of a pool's, its maps included */

#define MARKS_AT 15	/* the word in it that leads to its marks, if it has some */
#define MARKS	80	/* bytes of these, for blocks of 64 */
#define FIRST_AT 3	/* the word in them that leads to the first block */

/* Marks of its own, which say that the same blocks are live. */
static void forge_marks(char *copy, const char *pool)
{
	unsigned long *marks = (unsigned long *)(copy + SZ_8K);
	void **word = (void **)copy + MARKS_AT;

	if (!*word)
		return;
	memcpy(marks, *word, MARKS);
	marks[FIRST_AT] += copy - pool;
	*word = marks;
}

/*
 * Makes @copy a pool by all that is written in memory: the pointers into the pool
 * are moved, and what follows from where its first block lies.
 */
void forge(char *copy, const char *pool)
{
	unsigned long *word;
	u32 *half = (u32 *)copy;

	memcpy(copy, pool, HEADER);
	for (word = (void *)copy; (char *)word < copy + HEADER; word++)
		if (*word - (unsigned long)pool < SZ_16K)
			*word += copy - pool;
	/* struct ouro_pool: bias += mult * moved */
	half[5] += half[4] * (u32)(copy - pool);
	forge_marks(copy, pool);
}
