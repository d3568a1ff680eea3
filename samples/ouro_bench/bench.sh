#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Run inside the VM by scripts/bench; prints lines for it to read.
# usage: bench.sh [CASE:ROUNDS | hold:THING | workers:CPUMASK | sites:MODE | preempt:MODE]...

DIR=/sys/kernel/debug/ouro_bench

die() { echo "error $*"; exit 1; }

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

hold()	# THING
{
	echo "$1" >$DIR/hold || die "hold $1"
	snapshot "$1"
	echo nothing >$DIR/hold
}

# Where workers go that may go anywhere, a mask in hex: so that a CPU is left alone.
workers()	# CPUMASK
{
	echo "$1" >/sys/devices/virtual/workqueue/cpumask || die "workers $1"
}

# What can be preempted, as at boot: none, voluntary, full.
preempt()	# MODE
{
	echo "$1" >/sys/kernel/debug/sched/preempt || die "preempt $1"
}

# What is noted of allocations: off, caller, stack or stack-N.
sites()	# MODE
{
	echo "$1" | tr - ' ' >/sys/kernel/debug/ouro/bench/sites || die "sites $1"
}

insmod /ouro/ouro.ko || die "ouro.ko does not load"
insmod /ouro/ouro_bench.ko || die "ouro_bench.ko does not load"
cat /samples/ouro_bench/python-heap-sizes.csv >$DIR/sizes || die "sizes"
echo 5 >/proc/sys/kernel/printk	# a message costs more than what is measured
echo "kernel $(uname -r)"
for what; do
	case $what in
	hold:nothing)	snapshot nothing ;;
	hold:*)		hold "${what#hold:}" ;;
	sites:*)	sites "${what#sites:}" ;;
	workers:*)	workers "${what#workers:}" ;;
	preempt:*)	preempt "${what#preempt:}" ;;
	*)		echo "${what%:*} ${what#*:}" >$DIR/run || die "run $what" ;;
	esac
done
sed 's/^/result /' $DIR/results
rmmod ouro_bench && rmmod ouro || die "the modules do not unload"
echo "end"
