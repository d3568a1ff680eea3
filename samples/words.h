/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Words that a sample's file "do" takes, one a write.  Who includes this has
 * defined SCENE, the type of what they happen to.
 */
#ifndef OURO_SAMPLES_WORDS_H
#define OURO_SAMPLES_WORDS_H

#include <linux/errno.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/uaccess.h>

/**
 * struct word - what may be written
 * @text: the word
 * @happens: then, with the scene's lock held
 */
struct word {
	const char *text;
	int (*happens)(SCENE *scene);
};

/* Returns what the word's function did, -EINVAL for none of them. */
static int word_happen(SCENE *scene, struct mutex *lock,
		       const struct word *words, unsigned int n,
		       const char *text)
{
	unsigned int i;
	int err;

	for (i = 0; i < n; i++) {
		if (strcmp(text, words[i].text))
			continue;
		mutex_lock(lock);
		err = words[i].happens(scene);
		mutex_unlock(lock);
		return err;
	}
	return -EINVAL;
}

/* Returns what a file's write() returns. */
static ssize_t word_write(SCENE *scene, struct mutex *lock,
			  const struct word *words, unsigned int n,
			  const char __user *from, size_t len)
{
	char text[16];
	int err;

	if (len >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, from, len))
		return -EFAULT;
	text[len] = '\0';
	err = word_happen(scene, lock, words, n, strim(text));
	return err ?: len;
}

#endif /* OURO_SAMPLES_WORDS_H */
