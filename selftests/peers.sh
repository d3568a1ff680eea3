# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Cases about the sample ouro_peers, whose files docs/debugging.rst quotes; sourced, never run.

SHELL_CASES="$SHELL_CASES sample.peers sample.peers_refuses"
PEERS=/sys/kernel/debug/ouro_peers

# What differs from one run to the next: handles, places in functions, bytes of a map; and the order of what is outside.
peers_plain()
{
	sed -e 's/[0-9a-f]\{1,\}\.[0-9a-f]\{1,\}\.[0-9a-f]\{1,\}/HANDLE/' -e 's/+0x[0-9a-f]*\/0x[0-9a-f]*/+0x\/0x/' \
		-e 's/\.isra\.[0-9]*+/+/' -e 's/   *$//' -e 's/   */  /g' -e 's/^\(peer .*  [0-9][0-9]*\)  [0-9]*$/\1  BYTES/' -e '/^outside:/d'
}

peers_load()	# NAME
{
	module_path ouro_peers >/dev/null || { skip "the samples are not here"; return 4; }
	log_say "$1"
	module_load ouro_peers || return 1
}

peers_unload()	# NAME
{
	rmmod ouro_peers || return 1
	expect_eq "reports of live objects" "$(log_count 'ouro: heap ouro_peers: destroyed with' "$1")" 0
}

# Line by line what the document tells the user that he reads.
case_sample_peers()
{
	peers_load peers || return
	status=0
	sh /samples/ouro_peers/demo.sh >"$TMP/peers" 2>&1 || status=1
	peers_plain <"$TMP/peers" >"$TMP/plain"
	peers_plain </samples/ouro_peers/expected.txt >"$TMP/expected"
	cmp -s "$TMP/expected" "$TMP/plain" || { diff "$TMP/expected" "$TMP/plain"; status=1; }
	expect_eq "lines about what is outside" "$(grep -c '^outside: ' "$TMP/peers")" 11 || status=1
	peers_unload peers || status=1
	return $status
}

# Faults that cannot be planted, or are there already; and all of them are mended when the module goes.
case_sample_peers_refuses()
{
	peers_load refuses || return
	status=0
	for word in leak lose early probe; do
		expect_error 'No such file' write_to $PEERS/do $word || status=1
	done
	expect_error 'Invalid argument' write_to $PEERS/do nonsense || status=1
	for word in build leak lose early probe; do
		write_to $PEERS/do $word || { echo "$word failed"; status=1; }
		expect_error 'File exists' write_to $PEERS/do $word || status=1
	done
	expect_error 'busy' write_to $PEERS/do drop || status=1
	peers_unload refuses || status=1
	return $status
}
