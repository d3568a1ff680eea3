// SPDX-License-Identifier: GPL-2.0
/*
 * Puppet: heaps on strings, for tests that are written in shell.
 *
 * One command a write to /sys/kernel/debug/ouro_puppet/do, its error is the
 * error of the write:
 *
 *   create NAME FLAGS		FLAGS as in enum ouro_heap_flags
 *   alloc NAME SIZE COUNT	from GFP_KERNEL, kept and filled
 *   free NAME COUNT		the newest ones, 0: all
 *   lose NAME COUNT		forget so many blocks without freeing them
 *   hide NAME			a kmalloc object that only a block points to
 *   unhide NAME		and that object goes
 *   make NAME SHAPE COUNT	objects, kept: 0 beads of 112 bytes, 1 rings with
 *				a slot, 2 and 3 fans with 2 and 30, 4 vectors,
 *				5 lists, 6 maps, 7 weak maps, 8 vectors of NULL
 *				and a ring
 *   drop NAME SHAPE COUNT	put the newest ones, 0: all
 *   track NAME SHAPE COUNT	the newest ones' references get names, another each:
 *				"pin 0" and on; they go with the heap
 *   link NAME SHAPE SHAPE	the newest ring, fan or vector refers to the newest
 *				one of that shape
 *   litter NAME COUNT		pairs of rings that only hold each other
 *   ways NAME CONTEXT		by every way to allocate, see puppet_site.c; in an
 *				enum test_context
 *   crowd NAME COUNT		a vector, kept, of fans that refer to two others
 *   pairs NAME MS		blocks and objects come and go so long
 *   flush NAME			wait until what was put is dead
 *   trim NAME
 *   destroy NAME
 *   foreign			ouro_free() of a pointer that is no block
 *
 * "data" reads the newest block of the heap created first.  "time" is written a
 * path, and at most how many pages of it shall be read; it and "pairs" read then
 * "NS LONGEST_NS STEPS LATE BYTES", see struct puppet_time.  "now" reads a clock.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "ouro_test.h"
#include "puppet.h"

#define PUPPETS		8
#define PUPPET_COMMAND	128	/* bytes */

struct kept {
	struct kept *next;
	size_t size;
};

static struct puppet {
	struct ouro_heap *heap;
	struct kept *kept;	/* the newest first */
	struct puppet_objects objects;
} puppets[PUPPETS];		/* under puppets_lock */

static DEFINE_MUTEX(puppets_lock);
static struct dentry *puppet_dir;

static struct puppet_time time_pairs;	/* under puppets_lock */
static struct puppet_time time_file;	/* under time_lock */
static DEFINE_MUTEX(time_lock);

static struct puppet *puppet_find(const char *name)
{
	int i;

	for (i = 0; i < PUPPETS; i++)
		if (puppets[i].heap &&
		    !strcmp(ouro_heap_name(puppets[i].heap), name))
			return &puppets[i];
	return NULL;
}

/* For a module that allocates from it, and that the test loads meanwhile. */
struct ouro_heap *puppet_heap(const char *name)
{
	struct puppet *p;

	mutex_lock(&puppets_lock);
	p = puppet_find(name);
	mutex_unlock(&puppets_lock);
	return p ? p->heap : NULL;
}
EXPORT_SYMBOL_GPL(puppet_heap);

static int do_create(const char *name, unsigned long flags)
{
	struct ouro_heap *heap;
	int i;

	for (i = 0; i < PUPPETS; i++)
		if (!puppets[i].heap)
			break;
	if (i == PUPPETS)
		return -ENOSPC;
	heap = ouro_heap_create(name, flags);
	if (IS_ERR(heap))
		return PTR_ERR(heap);
	puppets[i] = (struct puppet){ .heap = heap };
	return 0;
}

/* Not inlined: a name that the file of sites has. */
static noinline int do_alloc(struct puppet *p, unsigned long size, unsigned long count)
{
	struct kept *kept;

	if (size < sizeof(*kept))
		return -EINVAL;
	while (count--) {
		kept = ouro_alloc(p->heap, size, GFP_KERNEL);
		if (!kept)
			return -ENOMEM;
		memset(kept, 'o', size);
		kept->next = p->kept;
		kept->size = size;
		p->kept = kept;
		cond_resched();
	}
	return 0;
}

static int do_free(struct puppet *p, unsigned long count)
{
	unsigned long n;
	struct kept *kept;

	for (n = 0; p->kept && (!count || n < count); n++) {
		kept = p->kept;
		p->kept = kept->next;
		ouro_free(kept);
		cond_resched();
	}
	return 0;
}

/* What words on the stack may point to is another block, and that is freed. */
static noinline int do_lose(struct puppet *p, unsigned long count)
{
	while (count--)
		if (!ouro_alloc(p->heap, 100, GFP_KERNEL))
			return -ENOMEM;
	ouro_free(ouro_alloc(p->heap, 100, GFP_KERNEL));
	return 0;
}

/* The object is freed with the block it is in the payload of: never. */
static int do_hide(struct puppet *p)
{
	void **block;
	int ret = do_alloc(p, 100, 1);

	if (ret)
		return ret;
	block = (void **)(p->kept + 1);
	block[0] = kmalloc(200, GFP_KERNEL);
	return block[0] ? 0 : -ENOMEM;
}

static int do_unhide(struct puppet *p)
{
	void **block = (void **)(p->kept + 1);

	if (!p->kept)
		return -EINVAL;
	kfree(block[0]);
	return do_free(p, 1);
}

static int do_destroy(struct puppet *p)
{
	ouro_heap_destroy(p->heap);
	puppet_forget(&p->objects);
	*p = (struct puppet){};
	return 0;
}

static int do_pairs(struct puppet *p, unsigned long ms)
{
	struct ouro_kind *kind = puppet_ring(p->heap, &p->objects);

	return IS_ERR(kind) ? PTR_ERR(kind) :
			      puppet_time_pairs(p->heap, kind, ms, &time_pairs);
}

static int do_foreign(void)
{
	static char nobodys[64];

	ouro_free(nobodys);
	return 0;
}

static int command_run(const char *verb, const char *name, unsigned long a,
		       unsigned long b)
{
	struct puppet *p;

	if (!strcmp(verb, "foreign"))
		return do_foreign();
	if (!strcmp(verb, "create"))
		return do_create(name, a);
	p = puppet_find(name);
	if (!p)
		return -ENOENT;
	if (!strcmp(verb, "alloc"))
		return do_alloc(p, a, b);
	if (!strcmp(verb, "free"))
		return do_free(p, a);
	if (!strcmp(verb, "lose"))
		return do_lose(p, a);
	if (!strcmp(verb, "hide"))
		return do_hide(p);
	if (!strcmp(verb, "unhide"))
		return do_unhide(p);
	if (!strcmp(verb, "make"))
		return puppet_make(p->heap, &p->objects, a, b);
	if (!strcmp(verb, "drop"))
		return puppet_drop(&p->objects, a, b);
	if (!strcmp(verb, "track"))
		return puppet_track(&p->objects, a, b);
	if (!strcmp(verb, "link"))
		return puppet_link(&p->objects, a, b);
	if (!strcmp(verb, "litter"))
		return puppet_litter(p->heap, &p->objects, a);
	if (!strcmp(verb, "ways"))
		return puppet_ways(p->heap, a);
	if (!strcmp(verb, "crowd"))
		return puppet_crowd(p->heap, &p->objects, a);
	if (!strcmp(verb, "pairs"))
		return do_pairs(p, a);
	if (!strcmp(verb, "flush"))
		return ouro_heap_flush(p->heap), 0;
	if (!strcmp(verb, "trim"))
		return ouro_heap_trim(p->heap), 0;
	if (!strcmp(verb, "destroy"))
		return do_destroy(p);
	return -EINVAL;
}

static ssize_t do_write(struct file *file, const char __user *buf, size_t len,
			loff_t *pos)
{
	char command[PUPPET_COMMAND], verb[16] = "", name[OURO_NAME_MAX] = "";
	unsigned long a = 0, b = 0;
	int ret;

	if (len >= sizeof(command))
		return -EINVAL;
	if (copy_from_user(command, buf, len))
		return -EFAULT;
	command[len] = '\0';
	if (sscanf(command, "%15s %47s %lu %lu", verb, name, &a, &b) < 1)
		return -EINVAL;
	mutex_lock(&puppets_lock);
	ret = command_run(verb, name, a, b);
	mutex_unlock(&puppets_lock);
	return ret ?: len;
}

static const struct file_operations do_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = do_write,
	.llseek = noop_llseek,
};

/* Straight from the block to the user: hardened usercopy has its say. */
static ssize_t data_read(struct file *file, char __user *buf, size_t len,
			 loff_t *pos)
{
	ssize_t ret = 0;

	mutex_lock(&puppets_lock);
	if (puppets[0].kept)
		ret = simple_read_from_buffer(buf, len, pos, puppets[0].kept,
					      puppets[0].kept->size);
	mutex_unlock(&puppets_lock);
	return ret;
}

static const struct file_operations data_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = data_read,
	.llseek = default_llseek,
};

static void time_show(struct seq_file *m, const struct puppet_time *time)
{
	seq_printf(m, "%llu %llu %llu %llu %llu\n", time->ns, time->longest,
		   time->steps, time->late, time->bytes);
}

static int pairs_show(struct seq_file *m, void *v)
{
	mutex_lock(&puppets_lock);
	time_show(m, &time_pairs);
	mutex_unlock(&puppets_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(pairs);

static int now_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%llu\n", ktime_get_ns());
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(now);

static int time_file_show(struct seq_file *m, void *v)
{
	mutex_lock(&time_lock);
	time_show(m, &time_file);
	mutex_unlock(&time_lock);
	return 0;
}

static ssize_t time_file_write(struct file *file, const char __user *buf,
			       size_t len, loff_t *pos)
{
	char text[PUPPET_COMMAND], path[PUPPET_COMMAND] = "";
	unsigned long pages = 0;
	int ret;

	if (len >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, len))
		return -EFAULT;
	text[len] = '\0';
	if (sscanf(text, "%127s %lu", path, &pages) < 1)
		return -EINVAL;
	mutex_lock(&time_lock);
	ret = puppet_time_read(path, pages, &time_file);
	mutex_unlock(&time_lock);
	return ret ?: len;
}

static int time_file_open(struct inode *inode, struct file *file)
{
	return single_open(file, time_file_show, NULL);
}

static const struct file_operations time_file_fops = {
	.owner = THIS_MODULE,
	.open = time_file_open,
	.read = seq_read,
	.write = time_file_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static int __init puppet_init(void)
{
	puppet_dir = debugfs_create_dir("ouro_puppet", NULL);
	debugfs_create_file("do", 0200, puppet_dir, NULL, &do_fops);
	debugfs_create_file("data", 0400, puppet_dir, NULL, &data_fops);
	debugfs_create_file("now", 0400, puppet_dir, NULL, &now_fops);
	debugfs_create_file("pairs", 0400, puppet_dir, NULL, &pairs_fops);
	debugfs_create_file("time", 0600, puppet_dir, NULL, &time_file_fops);
	return 0;
}

static void __exit puppet_exit(void)
{
	int i;

	debugfs_remove(puppet_dir);
	for (i = 0; i < PUPPETS; i++) {
		ouro_heap_destroy(puppets[i].heap);
		puppet_forget(&puppets[i].objects);
	}
}

module_init(puppet_init);
module_exit(puppet_exit);
MODULE_DESCRIPTION("Heaps on strings for the tests of Ouro");
MODULE_LICENSE("GPL");
MODULE_INFO(import_ns, "OURO");
