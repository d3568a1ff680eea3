#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Run inside the VM: the names in /sys become a tree of objects, of which a part is cut off.
# shellcheck disable=SC3043 # busybox has local
here=$(dirname "$0")
. "$here/../names.sh"

TREE=/sys/kernel/debug/ouro_tree
HEAP=/sys/kernel/debug/ouro/ouro_tree
OUT=/tmp/demo.tree

say() { printf '\n== %s\n' "$*"; }
step() { printf '   %s\n' "$*"; }
show() { sed 's/^/   | /'; }
die() { echo "demo: error: $*"; exit 1; }

# value FILE NAME: the number behind a name at the start of a line
value() { awk -v name="$2" '$1 == name { print $2; exit }' "$1"; }

walk()	# PATH, or nothing: print nodes by depth
{
	echo "$1" >$TREE/walk && cat $TREE/walk || die "no walk from $1"
}

cut_off()	# PATH
{
	step "echo $1 > ouro_tree/cut; cat ouro_tree/result"
	echo "$1" >$TREE/cut || die "$1 is not cut off"
	show <$TREE/result
}

grow()
{
	say "The names in /sys as a tree"
	names_in_sys >$OUT/names
	step "find /sys > names: $(grep -c ^d $OUT/names) directories, $(grep -c ^f $OUT/names) files," \
		"$(grep -c ^l $OUT/names) links; for example"
	{ grep -m 1 '^d /sys/class/mem$' $OUT/names; grep -m 1 '^f /sys/.*/mem/null/dev$' $OUT/names
		grep -m 1 '^l /sys/class/mem/null ' $OUT/names; } | show
	step "cat names > ouro_tree/feed"
	cat $OUT/names >$TREE/feed || die "feeding failed"
	step "cat ouro_tree/stat"
	show <$TREE/stat
	step "cat ouro/ouro_tree/types"
	show <$HEAP/types
	[ "$(value $TREE/stat live)" = $((3 * $(wc -l <$OUT/names) + 2)) ] || die "not all of it is there"
}

# What is deeper than a link is held by it: so /sys/class holds some of /sys/devices, and not the other way round.
prune()
{
	say "One put: /sys/devices goes, with all that nothing else holds"
	step "cat ouro_tree/walk"
	walk "" | show
	cut_off /sys/devices
	step "What links from /sys/class hold is still there, in memory, but no more in the tree:"
	walk "" | show
	step "A node does not hold its parent: the way up from there ends where the parents are gone."
	step "echo /sys/class/mem/null > ouro_tree/walk; cat ouro_tree/walk"
	walk /sys/class/mem/null | show
	step "Links that did not hold what they led to lead nowhere now:"
	walk /sys >$OUT/left
	grep -m 3 '(gone)' $OUT/left | show
	step "($(grep -c '(gone)' $OUT/left) links like these, $(grep -c -- '-> (cut)' $OUT/left) that hold something)"
}

clear()
{
	say "The last holder goes, and then everything"
	step "Two links hold what was /sys/devices/virtual/mem/null:"
	grep -- '-> (cut)/null$' $OUT/left | show
	cut_off /sys/class/mem/null
	cut_off /sys/dev/char/1:3
	step "and so on, all that is left at once:"
	cut_off /
	echo 1 >$HEAP/trim
	step "echo 1 > ouro/ouro_tree/trim; cat ouro_tree/stat"
	show <$TREE/stat
	[ "$(value $TREE/stat live)" = 2 ] || die "there is more than the root and its name"
}

mkdir -p $OUT
say "Linux $(uname -r): insmod ouro.ko, files below are in /sys/kernel/debug"
insmod /ouro/ouro.ko || die "ouro.ko does not load"
insmod /ouro/ouro_tree.ko || die "the sample does not load"
grow
prune
clear
rmmod ouro_tree || die "the sample does not unload"
rmmod ouro || die "ouro.ko does not unload"
say "Both modules are unloaded, nothing is left."
