# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Cases about the sample ouro_peers, whose files docs/debugging.rst quotes; sourced, never run.

SHELL_CASES="$SHELL_CASES sample.peers sample.peers_refuses"
PEERS=/sys/kernel/debug/ouro_peers

# What differs from one run to the next: handles, places in functions, bytes of a map.
peers_plain()
{
	sed -e 's/[0-9a-f]\{1,\}\.[0-9a-f]\{1,\}\.[0-9a-f]\{1,\}/HANDLE/' -e 's/+0x[0-9a-f]*\/0x[0-9a-f]*/+0x\/0x/' \
		-e 's/\.\(isra\|constprop\|part\)\.[0-9]*+/+/' -e 's/   *$//' -e 's/   */  /g' -e 's/^\(peer .*  [0-9][0-9]*\)  [0-9]*$/\1  BYTES/' \
		-e 's/ [0-9]* bytes/ BYTES/'
}

# And the order of what is outside, and of who made what, which is by bytes.
peers_compare()	# REGEX: of lines whose order is any
{
	for file in expected plain; do
		grep -v "$1" "$TMP/$file" >"$TMP/$file.1"
		grep "$1" "$TMP/$file" | sort >"$TMP/$file.2"
	done
	for part in 1 2; do
		cmp -s "$TMP/expected.$part" "$TMP/plain.$part" || { diff "$TMP/expected.$part" "$TMP/plain.$part"; return 1; }
	done
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
	peers_compare '^outside: \|^heap ouro_peers: live: .* made by ' || status=1
	module_loaded ouro_peers && { echo "it is still there"; rmmod ouro_peers; status=1; }
	expect_eq "reports of live objects" "$(log_count 'ouro: heap ouro_peers: destroyed with' peers)" 1 || status=1
	return $status
}

# Faults that cannot be planted, or are there already; and all of them are mended when the module goes.
case_sample_peers_refuses()
{
	peers_load peers_refuses || return
	status=0
	for word in leak lose early probe forget; do
		expect_error 'No such file' write_to $PEERS/do $word || status=1
	done
	expect_error 'Invalid argument' write_to $PEERS/do nonsense || status=1
	for word in build leak lose early probe; do
		write_to $PEERS/do $word || { echo "$word failed"; status=1; }
		expect_error 'File exists' write_to $PEERS/do $word || status=1
	done
	for word in drop forget; do
		expect_error 'busy' write_to $PEERS/do $word || status=1
	done
	peers_unload peers_refuses || status=1
	return $status
}
