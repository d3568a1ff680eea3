// SPDX-License-Identifier: GPL-2.0
/*
 * Exhibit: the heap that the examples of docs/debugfs.rst look at.
 *
 * Words written to /sys/kernel/debug/ouro_exhibit/do:
 *
 *   fill	three sessions, each with peers that know whose they are, and a
 *		config that all share; two are held from outside, by name, and one
 *		peer of the second one has a token
 *   grow	a session more, and some blocks
 *   wrong	one session has a reference too many, the config one too few, and
 *		a journal's traverse does not tell of all that it refers to
 *   right	and that is mended
 *   drop	all that is held is put; what only a cycle holds stays
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <ouro/collect.h>
#include <ouro/pin.h>
#include <ouro/slot.h>
#include <ouro/type.h>
#include "ouro_test.h"

#define SESSIONS	4
#define PEERS		3
#define BLOCKS		120

struct config {
	struct ouro_object object;
	char text[56];
};

struct token {
	struct ouro_object object;
	char text[24];
};

struct peer {
	struct ouro_object object;
	struct ouro_slot owner;
	struct ouro_slot token;
	char name[32];
};

struct session {
	struct ouro_object object;
	struct ouro_slot config;
	struct ouro_slot peers[];
};

/* References that are its own to put. */
struct journal {
	struct ouro_object object;
	struct ouro_object *first;
	struct ouro_object *last;
};

static void journal_release(void *object)
{
	struct journal *journal = object;

	ouro_put(journal->first);
	ouro_put(journal->last);
}

/* It leaves out the last one. */
static void journal_traverse(void *object,
			     void (*visit)(struct ouro_object *ref, void *arg),
			     void *arg)
{
	struct journal *journal = object;

	visit(journal->first, arg);
}

static const struct ouro_type config_type = { OURO_TYPE(struct config, object) };

static const struct ouro_type token_type = { OURO_TYPE(struct token, object) };

static const struct ouro_type peer_type = {
	OURO_TYPE(struct peer, object), OURO_SLOTS(struct peer, owner, token),
};

static const struct ouro_type session_type = {
	OURO_TYPE(struct session, object), .flags = OURO_TYPE_TRACKED,
	OURO_SLOTS(struct session, config),
	OURO_SLOT_ARRAY(struct session, peers),
};

static const struct ouro_type journal_type = {
	OURO_TYPE(struct journal, object), .flags = OURO_TYPE_ACYCLIC,
	.release = journal_release, .traverse = journal_traverse,
};

static const char * const holders[SESSIONS] = {
	"rx queue", "admin", NULL, "rx queue",
};

static struct ouro_heap *heap;
static struct ouro_kind *configs, *tokens, *peers, *sessions, *journals;
static struct config *config;
static struct session *session[SESSIONS];
static struct journal *journal;
static void *block[BLOCKS];
static bool is_wrong;
static struct dentry *dir;
static DEFINE_MUTEX(lock);

static int register_types(void)
{
	configs = ouro_type_register(heap, &config_type);
	tokens = ouro_type_register(heap, &token_type);
	peers = ouro_type_register(heap, &peer_type);
	sessions = ouro_type_register(heap, &session_type);
	journals = ouro_type_register(heap, &journal_type);
	return IS_ERR(configs) || IS_ERR(tokens) || IS_ERR(peers) ||
	       IS_ERR(sessions) || IS_ERR(journals) ? -ENOMEM : 0;
}

static noinline struct peer *peer_new(struct session *owner)
{
	struct peer *peer = ouro_new(peers, GFP_KERNEL);

	if (peer)
		ouro_slot_store(&peer->owner, &owner->object);
	return peer;
}

/* One that nobody holds by name is held by its peers alone. */
static noinline int session_open(unsigned int i)
{
	struct session *s = ouro_new_array(sessions, PEERS, GFP_KERNEL);
	struct peer *peer;
	unsigned int k;

	if (!s)
		return -ENOMEM;
	ouro_slot_store(&s->config, &config->object);
	for (k = 0; k < PEERS; k++) {
		peer = peer_new(s);
		if (!peer)
			break;
		ouro_slot_move(&s->peers[k], &peer->object);
	}
	session[i] = s;
	if (holders[i])
		ouro_track(&s->object, holders[i]);
	else
		ouro_put(&s->object);
	return k < PEERS ? -ENOMEM : 0;
}

static noinline int token_give(unsigned int i)
{
	struct ouro_object *peer = ouro_slot_load(&session[i]->peers[PEERS - 1]);
	struct token *token = ouro_new(tokens, GFP_KERNEL);

	if (peer && token)
		ouro_slot_move(&container_of(peer, struct peer, object)->token,
			       &token->object);
	ouro_put(peer);
	return peer && token ? 0 : -ENOMEM;
}

static noinline int blocks_get(unsigned int from, unsigned int to, size_t size)
{
	for (; from < to; from++) {
		block[from] = ouro_alloc(heap, size, GFP_KERNEL);
		if (!block[from])
			return -ENOMEM;
	}
	return 0;
}

static int do_fill(void)
{
	int err = 0;

	if (config)
		return -EBUSY;
	config = ouro_new(configs, GFP_KERNEL);
	if (!config)
		return -ENOMEM;
	err = session_open(0) ?: session_open(1) ?: session_open(2);
	return err ?: token_give(1) ?: blocks_get(0, 100, 64) ?:
	       blocks_get(100, 101, 20000);
}

static int do_grow(void)
{
	if (!config || session[3])
		return -EINVAL;
	return session_open(3) ?: blocks_get(101, 111, 1000);
}

static int do_wrong(void)
{
	if (!config || is_wrong)
		return -EINVAL;
	journal = ouro_new(journals, GFP_KERNEL);
	if (!journal)
		return -ENOMEM;
	journal->first = ouro_get(&config->object);
	journal->last = ouro_new(tokens, GFP_KERNEL);
	ouro_get(&session[1]->object);
	ouro_put(&config->object);
	ouro_put(&config->object);
	is_wrong = true;
	return 0;
}

static int do_right(void)
{
	if (!is_wrong)
		return 0;
	ouro_get(&config->object);
	ouro_get(&config->object);
	ouro_put(&session[1]->object);
	ouro_put(&journal->object);
	is_wrong = false;
	return 0;
}

static int do_drop(void)
{
	unsigned int i;

	do_right();
	for (i = 0; i < SESSIONS; i++) {
		if (session[i] && holders[i])
			ouro_put_tracked(&session[i]->object, holders[i]);
		session[i] = NULL;
	}
	ouro_put(config ? &config->object : NULL);
	config = NULL;
	for (i = 0; i < BLOCKS; i++) {
		ouro_free(block[i]);
		block[i] = NULL;
	}
	return 0;
}

static const struct {
	const char *word;
	int (*run)(void);
} actions[] = {
	{ "fill", do_fill },
	{ "grow", do_grow },
	{ "wrong", do_wrong },
	{ "right", do_right },
	{ "drop", do_drop },
};

static ssize_t do_write(struct file *file, const char __user *from, size_t len,
			loff_t *pos)
{
	char word[16] = "";
	unsigned int i;
	int err = -EINVAL;

	if (len >= sizeof(word))
		return -EINVAL;
	if (copy_from_user(word, from, len))
		return -EFAULT;
	mutex_lock(&lock);
	for (i = 0; i < ARRAY_SIZE(actions); i++)
		if (sysfs_streq(word, actions[i].word))
			err = actions[i].run();
	mutex_unlock(&lock);
	return err ?: len;
}

static const struct file_operations do_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = do_write,
};

static int __init exhibit_init(void)
{
	int err;

	heap = ouro_heap_create("net", 0);
	if (IS_ERR(heap))
		return PTR_ERR(heap);
	err = register_types();
	if (err) {
		ouro_heap_destroy(heap);
		return err;
	}
	dir = debugfs_create_dir("ouro_exhibit", NULL);
	debugfs_create_file("do", 0200, dir, NULL, &do_fops);
	return 0;
}

static void __exit exhibit_exit(void)
{
	debugfs_remove(dir);
	do_drop();
	ouro_heap_collect(heap, OURO_OLD);
	ouro_heap_destroy(heap);
}

module_init(exhibit_init);
module_exit(exhibit_exit);
MODULE_DESCRIPTION("A heap for the examples in the documentation of Ouro");
MODULE_LICENSE("GPL");
MODULE_INFO(import_ns, "OURO");
