#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Run as root by scripts/bench, in a VM or on this machine; prints lines for it to read.
# usage: bench.sh [CASE:ROUNDS | hold:THING | keep:THING | shrink:CACHES | workers:CPUMASK | sites:MODE |
#	trace:NAME | preempt:MODE]...
# OURO_MODULES and OURO_SAMPLES say where the modules and the samples are, if not where a VM has them.

DIR=/proc/ouro_bench
WORKERS=/sys/devices/virtual/workqueue/cpumask
DEBUGFS=/sys/kernel/debug
PREEMPT=$DEBUGFS/sched/preempt
PRINTK=/proc/sys/kernel/printk
MODULES=${OURO_MODULES:-/ouro}
SAMPLES=${OURO_SAMPLES:-/samples}

# What was there before, to be there again afterwards: not only machines that are gone then run this.
printk=$(cat $PRINTK)
workers=$(cat $WORKERS 2>/dev/null)
preempted=
loaded=

finish()	# [ERROR...]
{
	trap - EXIT
	trap '' INT TERM HUP	# a second one would leave it half done
	echo "$printk" >$PRINTK
	[ -z "$workers" ] || echo "$workers" >$WORKERS
	[ -z "$preempted" ] || echo "$preempted" >$PREEMPT
	for module in $loaded; do
		[ -e "/sys/module/$module" ] || continue
		rmmod "$module" || set -- "${*:-$module does not unload}"
	done
	[ $# = 0 ] || { echo "error $*"; exit 1; }
}

die() { finish "$@"; }

# In bytes, what is free, pages kept by CPUs included, and what slab has.
snapshot()	# NAME
{
	sleep 1	# what waits for RCU
	cat /proc/sys/vm/stat_refresh 2>/dev/null
	awk -v name="$1" '
	FILENAME ~ /zoneinfo/ && $1 == "count:" { free += $2 }
	FILENAME ~ /vmstat/ && $1 == "nr_free_pages" { free += $2 }
	FILENAME ~ /vmstat/ && $1 ~ /^nr_slab_/ { slab += $2 }
	END { printf "memory %s %d %d\n", name, free * 4096, slab * 4096 }
	' /proc/zoneinfo /proc/vmstat
}

# Until something else is, which may be made of it.
keep()	# THING
{
	echo "$1" >$DIR/hold || die "hold $1"
	snapshot "$1"
}

hold()	# THING
{
	keep "$1"
	echo nothing >$DIR/hold
}

# Slab gives back pages that have no block any more.
shrink()	# CACHES
{
	for file in /sys/kernel/slab/"$1"-*/shrink; do
		echo 1 >"$file" || die "shrink $1"
	done
}

# Where workers go that may go anywhere, a mask in hex: so that a CPU is left alone.
workers()	# CPUMASK
{
	echo "$1" >$WORKERS || die "workers $1"
}

# What can be preempted, as at boot: none, voluntary, full.
preempt()	# MODE
{
	[ -n "$preempted" ] || preempted=$(sed -n 's/.*(\(.*\)).*/\1/p' $PREEMPT)
	echo "$1" >$PREEMPT || die "preempt $1"
}

load()	# MODULE
{
	[ ! -e "/sys/module/$1" ] || die "$1 is loaded already"
	loaded="$1 $loaded"	# before it is, for who ends this meanwhile
	insmod "$MODULES/$1.ko" || die "$1.ko does not load"
}

# What the figures depend on besides.  The model in force stands in brackets among all that there are.
about()
{
	model=$(sed -n 's/.*(\(.*\)).*/\1 (dynamic)/p' $PREEMPT 2>/dev/null)
	sed -e "s/^preemption dynamic$/preemption ${model:-dynamic}/" -e 's/^/about /' $DIR/about
	for file in /sys/devices/system/cpu/vulnerabilities/*; do
		[ ! -e "$file" ] || echo "vulnerability ${file##*/} $(cat "$file")"
	done
	echo "about command_line $(cat /proc/cmdline)"
	echo "about cpus $(grep -c ^processor /proc/cpuinfo)"
	echo "about cpu $(sed -n '/^model name/{s/.*: *//p;q}' /proc/cpuinfo)"
	echo "about clock $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
}

# What is noted of allocations: off, caller, stack or stack-N.
sites()	# MODE
{
	echo "$1" | tr - ' ' >$DEBUGFS/ouro/bench/sites || die "sites $1"
}

# What cases replay; checked as it is taken in.  What others have left in kmalloc's caches goes: it is small beside it.
trace()	# NAME
{
	shrink kmalloc
	xzcat "$SAMPLES/ouro_bench/$1-trace.xz" >$DIR/trace || die "trace $1"
}

# Better now than when half of it is measured.
check()	# WHAT
{
	case $1 in
	sites:*)	grep -q " $DEBUGFS debugfs" /proc/mounts || die "no debugfs at $DEBUGFS" ;;
	trace:*)	set -- /sys/kernel/slab/kmalloc-*/shrink
			[ -e "$1" ] || die "nothing in /sys/kernel/slab can be shrunk" ;;
	cpus-*|hand:*|pass:*)
			[ "$(grep -c ^processor /proc/cpuinfo)" -gt 1 ] || die "one CPU only" ;;
	esac
}

trap 'finish "ended by a signal"' INT TERM HUP
trap 'finish "ended early"' EXIT
for what; do
	check "$what"
done
load ouro
load ouro_bench
cat "$SAMPLES"/ouro_bench/python-heap-sizes.csv >$DIR/sizes || die "sizes"
echo 5 >$PRINTK	# a message costs more than what is measured
echo "kernel $(uname -r)"
about
for what; do
	case $what in
	hold:*)		hold "${what#hold:}" ;;
	keep:*)		keep "${what#keep:}" ;;
	shrink:*)	shrink "${what#shrink:}" ;;
	sites:*)	sites "${what#sites:}" ;;
	trace:*)	trace "${what#trace:}" ;;
	workers:*)	workers "${what#workers:}" ;;
	preempt:*)	preempt "${what#preempt:}" ;;
	*)		echo "${what%:*} ${what#*:}" >$DIR/run || die "run $what" ;;
	esac
done
sed 's/^/result /' $DIR/results
sed 's/^/samples /' $DIR/samples
finish
echo "end"
