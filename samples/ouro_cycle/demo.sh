#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Run inside the VM: ten megabytes come and go, and then they do not go by themselves.
# OURO_PAUSE=seconds waits between steps, for whoever looks on.
# shellcheck disable=SC3043 # busybox has local

DO=/sys/kernel/debug/ouro_cycle/do
HEAP=/sys/kernel/debug/ouro/ouro_cycle
MB10=10485760
PARTS=10240	# of these

say() { printf '\n== %s\n' "$*"; }
step() { printf '   %s\n' "$*"; }
die() { echo "demo: error: $*"; exit 1; }

# stat FIELD: of the heap
stat() { awk -v name="$1" '$1 == name { print $2; exit }' $HEAP/stat; }

# Objects that the collector has freed so far.
freed() { awk '$1 == "freed" { print $2 + $3 }' $HEAP/collector; }

head_line()
{
	printf '   %-48s %10s %14s %14s %10s\n' "" "objects" "bytes" "held in pages" "collected"
}

figures()	# TEXT
{
	echo 1 >$HEAP/trim	# pages that nothing is in go back
	printf '   %-48s %10d %14d %14d %10d\n' "$1" "$(stat live)" "$(stat live_bytes)" "$(stat held)" "$(freed)"
}

happen()	# WORD TEXT
{
	echo "$1" >$DO || die "$1 does not happen"
	figures "$2"
	sleep "${OURO_PAUSE:-0}"
}

expect()	# OBJECTS BYTES COLLECTED
{
	local now

	now="$(stat live) $(stat live_bytes) $(freed)"
	[ "$now" = "$*" ] || die "it should be $*, and is $now"
}

story()
{
	head_line
	figures "at the start"
	expect 0 0 0
	happen local "ten megabytes, local to a function"
	expect $PARTS $MB10 0
	happen return "... when the function has returned"
	expect 0 0 0
	happen global "ten megabytes, held globally"
	expect $PARTS $MB10 0
	happen pair "... two of five that hold each other, dropped"
	expect $((2 * PARTS)) $((2 * MB10)) 0
	happen collect "... when the collector has run"
	expect $PARTS $MB10 $PARTS
	happen forget "... when what was global is forgotten"
	expect 0 0 $PARTS
}

say "Linux $(uname -r): insmod ouro.ko; the story of a cycle"
insmod /ouro/ouro.ko || die "ouro.ko does not load"
insmod /ouro/ouro_cycle.ko || die "the sample does not load"
step "echo WORD > ouro_cycle/do; cat ouro/ouro_cycle/stat ouro/ouro_cycle/collector"
story
step "Counting alone frees a structure when its last reference goes.  Each of the two that hold each other has one"
step "left, whoever drops them: only a look at all references tells that nobody else has any."
rmmod ouro_cycle || die "the sample does not unload"
rmmod ouro || die "ouro.ko does not unload"
say "Both modules are unloaded, nothing is left."
