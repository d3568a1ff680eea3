/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keys: what the hash tables of maps compare.
 */
#ifndef OURO_KEY_H
#define OURO_KEY_H

#include <linux/jhash.h>
#include <linux/rhashtable.h>
#include <linux/string.h>

/* What is looked for. */
struct ouro_key {
	const void *bytes;
	size_t len;
};

/**
 * struct ouro_entry - a key in a map's hash table
 * @node: in the table
 * @rcu: readers may find it until a grace period after it left the table
 * @len: bytes of the key
 * @place: of the value's slot, in maps that own their values; there may be none
 * @key: the bytes
 */
struct ouro_entry {
	struct rhash_head node;
	struct rcu_head rcu;
	u32 len;
	u32 place;
	u8 key[];
};

static inline u32 ouro_key_hash(const void *data, u32 len, u32 seed)
{
	const struct ouro_key *key = data;

	return jhash(key->bytes, key->len, seed);
}

static inline u32 ouro_key_hash_entry(const void *data, u32 len, u32 seed)
{
	const struct ouro_entry *entry = data;

	return jhash(entry->key, entry->len, seed);
}

static inline int ouro_key_compare(struct rhashtable_compare_arg *arg,
				   const void *data)
{
	const struct ouro_key *key = arg->key;
	const struct ouro_entry *entry = data;

	return entry->len != key->len ||
	       memcmp(entry->key, key->bytes, key->len);
}

/* Bytes of the buckets that a table has at the moment. */
static inline size_t ouro_key_table_bytes(struct rhashtable *table)
{
	size_t bytes;

	rcu_read_lock();
	bytes = rht_dereference_rcu(table->tbl, table)->size * sizeof(void *);
	rcu_read_unlock();
	return bytes;
}

static const struct rhashtable_params __maybe_unused ouro_key_params = {
	.head_offset = offsetof(struct ouro_entry, node),
	.key_len = sizeof(struct ouro_key),
	.hashfn = ouro_key_hash,
	.obj_hashfn = ouro_key_hash_entry,
	.obj_cmpfn = ouro_key_compare,
	.automatic_shrinking = true,
};

#endif /* OURO_KEY_H */
