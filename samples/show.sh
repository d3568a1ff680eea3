#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Run inside the VM: what the host draws pictures of (scripts/demo), by way of the channel (scripts/vm).
# usage: show.sh record HEAP FILE | show.sh save NAME FILE | show.sh copy NAME
# shellcheck disable=SC3043 # busybox has local
here=$(dirname "$0")
. "$here/names.sh"

OURO=/sys/kernel/debug/ouro
TREE=/sys/kernel/debug/ouro_tree
PEERS=/sys/kernel/debug/ouro_peers

die() { echo "demo: error: $*"; exit 1; }

# A line of figures, as "ouro record" writes them.
sample()	# HEAP
{
	cat /proc/stat /proc/uptime "$OURO/$1/stat" "$OURO/$1/collector" 2>/dev/null | awk -v heap="$1" '
	$1 == "btime" { boot = $2 }
	NF == 2 && $1 ~ /^[0-9]+[.][0-9]+$/ { up = $1 }
	$1 == "runs" { young = $2; old = $3 }
	$1 ~ /^(live|live_bytes|held|limit)$/ && !($1 in value) { value[$1] = $2 }
	END {
		if (!("limit" in value) || old == "") exit
		printf "{\"schema\": 1, \"heap\": \"%s\", \"t\": %.2f, \"young\": %d, \"old\": %d, ", heap, boot + up, young, old
		printf "\"live\": %s, \"live_bytes\": %s, \"held\": %s, \"limit\": %s}\n", value["live"], value["live_bytes"],
			value["held"], value["limit"]
	}'
}

# Ten times a second at most, from when the heap is there until it has gone.
record()	# HEAP FILE
{
	local n=0

	while [ ! -e "$OURO/$1/stat" ] && [ $n -lt 300 ]; do
		sleep 0.1
		n=$((n + 1))
	done
	: >"$2"
	while [ -e "$OURO/$1/stat" ]; do
		sample "$1" >>"$2"
		sleep 0.1
	done
}

save()	# NAME FILE
{
	echo "@save $1"
	base64 "$2"
	echo "@saved"
}

# The names in /sys, for arenas with some of everything; sessions that have peers, for a graph with cycles.
load()
{
	insmod /ouro/ouro.ko && insmod /ouro/ouro_tree.ko && insmod /ouro/ouro_peers.ko || die "the samples do not load"
	names_in_sys >/tmp/show.names
	cat /tmp/show.names >$TREE/feed || die "feeding failed"
	echo build >$PEERS/do || die "there are no sessions"
}

# Each file as it reads; a copy is a directory of these.  The tree's objects would be megabytes, and are not drawn.
copy()	# NAME
{
	local file to

	load
	for file in $(cd $OURO && find . -name '*.json' ! -path './ouro_tree/objects*' ! -path './ouro_tree/graph*'); do
		to=/tmp/show/ouro/$file
		mkdir -p "${to%/*}"
		cat "$OURO/$file" >"$to" || die "$file cannot be read"
	done
	tar -C /tmp/show -czf "/tmp/$1" ouro || die "no archive"
	save "$1" "/tmp/$1"
	rmmod ouro_peers && rmmod ouro_tree && rmmod ouro || die "the modules do not unload"
}

case $1 in
record | save | copy) "$@" ;;
*) die "usage: show.sh record HEAP FILE | save NAME FILE | copy NAME" ;;
esac
