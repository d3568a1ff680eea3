# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Cases about the rest of the system: memory cgroups, CPUs, reclaim, leaks; sourced, never run.

CGROUP=/sys/fs/cgroup

# ---- memory cgroups --------------------------------------------------------------------------

cgroup_make()	# NAME: a cgroup with memory control
{
	[ -e $CGROUP/cgroup.controllers ] || mount -t cgroup2 cgroup2 $CGROUP 2>/dev/null
	grep -q memory $CGROUP/cgroup.controllers 2>/dev/null || return 4
	echo +memory >$CGROUP/cgroup.subtree_control 2>/dev/null
	mkdir -p $CGROUP/"$1" && [ -e $CGROUP/"$1"/memory.current ] || return 4
}

# In a subshell that is in the cgroup, and so is what it starts.
in_cgroup()	# NAME COMMAND...
(
	sh -c 'echo $PPID' >$CGROUP/"$1"/cgroup.procs || exit 1
	shift
	"$@"
)

charged()	# NAME: bytes, after the per-CPU stocks had their time
{
	sleep 1
	cat $CGROUP/"$1"/memory.current
}

near()	# WHAT GOT WANTED SLACK
{
	[ "$2" -ge $(($3 - $4)) ] && [ "$2" -le $(($3 + $4)) ] || fail "$1: $2, expected $3 within $4"
}

# The creator's cgroup pays, whoever allocates.
case_memcg_charged()
{
	cgroup_make ouro || { skip "no memory cgroups"; return 4; }
	status=0
	before=$(charged ouro)
	in_cgroup ouro puppet create charge 1 || return 1
	puppet alloc charge 1000 8000 && puppet alloc charge 100000 40 || status=1
	held=$(stat_of charge held)
	near "charged" $(($(charged ouro) - before)) "$held" 1048576 || status=1
	puppet free charge 0 && puppet trim charge || status=1
	near "charged after free" $(($(charged ouro) - before)) 0 1048576 || status=1
	puppet alloc charge 1000 8000 || status=1
	puppets_gone charge
	near "charged after destroy" $(($(charged ouro) - before)) 0 1048576 || status=1
	rmdir $CGROUP/ouro || status=1
	return $status
}

# Without the flag nobody pays, not even who allocates.
case_memcg_plain()
{
	cgroup_make ouro || { skip "no memory cgroups"; return 4; }
	status=0
	before=$(charged ouro)
	in_cgroup ouro puppet create free 0 && in_cgroup ouro puppet alloc free 1000 8000 || status=1
	near "charged" $(($(charged ouro) - before)) 0 1048576 || status=1
	puppets_gone free
	rmdir $CGROUP/ouro || status=1
	return $status
}

# The cgroup goes before the heap does.
case_memcg_outlived()
{
	cgroup_make ouro || { skip "no memory cgroups"; return 4; }
	in_cgroup ouro puppet create widow 1 || return 1
	status=0
	puppet alloc widow 1000 2000 || status=1
	rmdir $CGROUP/ouro || status=1
	puppet alloc widow 1000 2000 && puppet free widow 0 && puppet alloc widow 20000 3 || status=1
	puppets_gone widow
	return $status
}

# ---- CPUs that come and go -------------------------------------------------------------------

# The last CPU that can be taken away, or nothing.
spare_cpu()
{
	for file in /sys/devices/system/cpu/cpu[1-9]*/online; do
		[ -w "$file" ] && [ "$(cat "$file")" = 1 ] && cpu=${file%/online} && spare=${cpu##*cpu}
	done
	echo "${spare:-}"
}

cpu_set()	# CPU 0|1
{
	echo "$2" >/sys/devices/system/cpu/cpu"$1"/online
}

online_cpus()
{
	awk -F '[ :\t]+' '/^processor/ { print $2 }' /proc/cpuinfo
}

on_cpu()	# CPU COMMAND...
(
	taskset -p "$(printf '%x' $((1 << $1)))" "$(sh -c 'echo $PPID')" >/dev/null || exit 1
	shift
	"$@"
)

# What a CPU had in its magazines goes back when it goes; blocks that are live stay as they are.
case_hotplug_drains()
{
	cpu=$(spare_cpu)
	[ -n "$cpu" ] || { skip "no CPU can be taken offline"; return 4; }
	puppet create plug 0 && on_cpu "$cpu" puppet alloc plug 64 3000 || return 1
	status=0
	on_cpu "$cpu" puppet free plug 1000 || status=1
	[ "$(stat_of plug cached)" -gt 0 ] || { echo "nothing was cached"; status=1; }
	cpu_set "$cpu" 0 || { echo "CPU $cpu does not go"; status=1; }
	expect_eq "live without the CPU" "$(stat_of plug live)" 2000 || status=1
	on_cpu 0 puppet free plug 0 || status=1
	on_cpu 0 puppet trim plug || status=1
	expect_eq "cached without the CPU" "$(stat_of plug cached)" 0 || status=1
	expect_eq "held without the CPU" "$(stat_of plug held)" 0 || status=1
	cpu_set "$cpu" 1 || { echo "CPU $cpu does not come back"; status=1; }
	on_cpu "$cpu" puppet alloc plug 64 100 || status=1
	expect_eq live "$(stat_of plug live)" 100 || status=1
	puppets_gone plug
	return $status
}

# Runs beside the stress: takes CPUs away and memory back until told to end.
disturb()
{
	cpu=$(spare_cpu)
	off=0
	while [ ! -e "$TMP/calm" ]; do
		echo 2 >/proc/sys/vm/drop_caches
		if [ -n "$cpu" ]; then
			cpu_set "$cpu" 0 && off=$((off + 1))
			sleep 0.2
			cpu_set "$cpu" 1
		fi
		cat $OURO/heaps $OURO/*/stat >/dev/null 2>&1
		sleep 0.3
	done
	[ -z "$cpu" ] || cpu_set "$cpu" 1 2>/dev/null
	echo $off >"$TMP/off"
}

disturb_begin()
{
	rm -f "$TMP/calm" "$TMP/off"
	disturb 2>/dev/null &
	disturber=$!
}

disturb_end()
{
	: >"$TMP/calm"
	wait $disturber
}

# Whether what ran beside the last stress really took a CPU away.
case_hotplug_disturbed()
{
	[ -n "$(spare_cpu)" ] || { skip "no CPU can be taken offline"; return 4; }
	[ -e "$TMP/off" ] || { skip "the stress did not run"; return 4; }
	[ "$(cat "$TMP/off")" -gt 0 ] || fail "no CPU ever went away"
}

# ---- memory that is asked back ---------------------------------------------------------------

case_shrinker_drop_caches()
{
	# A CPU that never allocated has no magazines.
	puppet create shrink 0 && on_cpu 0 puppet alloc shrink 1000 20000 || return 1
	status=0
	on_cpu 0 puppet free shrink 0 || status=1
	before=$(stat_of shrink held)
	cached=$(stat_of shrink cached)
	i=0
	while [ $i -lt 5 ]; do
		echo 2 >/proc/sys/vm/drop_caches
		i=$((i + 1))
	done
	after=$(stat_of shrink held)
	[ "$cached" -gt 0 ] || { echo "nothing was cached"; status=1; }
	[ "$after" -lt "$before" ] || [ "$before" -eq 0 ] || { echo "held $before, then $after"; status=1; }
	[ "$after" -le 1048576 ] || { echo "still $after bytes held"; status=1; }
	puppets_gone shrink
	return $status
}

# What the kernel may hope for when it asks: at least what lies in the depots.
case_shrinker_counts()
{
	file=$(find $DEBUG/shrinker/ouro-*/count 2>/dev/null | head -n 1)
	[ -n "$file" ] || { skip "this kernel does not show its shrinkers"; return 4; }
	puppet create shrink 0 && on_cpu 0 puppet alloc shrink 1000 2000 || return 1
	status=0
	on_cpu 0 puppet free shrink 0 || status=1
	pages=$(awk '$1 == 1024 { print int($4 * 1024 / 4096) }' $OURO/shrink/classes)
	counted=$(awk '{ n += $2 } END { print n + 0 }' "$file")
	[ "$pages" -gt 0 ] || { echo "nothing was in the depot"; status=1; }
	[ "$counted" -ge "$pages" ] || { echo "$counted pages counted, $pages in the depot"; status=1; }
	puppet trim shrink || status=1
	after=$(awk '{ n += $2 } END { print n + 0 }' "$file")
	[ "$after" -le $((counted - pages)) ] || { echo "$after pages counted after, $counted before"; status=1; }
	puppets_gone shrink
	return $status
}

# ---- leaks -----------------------------------------------------------------------------------

# kmemleak speaks of what is older than five seconds.
kmemleak_scan()	# prints what it found
{
	sleep 6
	echo scan >$DEBUG/kmemleak
	echo scan >$DEBUG/kmemleak
	cat $DEBUG/kmemleak
}

have_kmemleak()
{
	[ -e $DEBUG/kmemleak ] && echo clear >$DEBUG/kmemleak 2>/dev/null
}

# Blocks of a debug heap that nothing points to are found, with who allocated it.
case_kmemleak_sees()
{
	have_kmemleak || { skip "no kmemleak in this kernel"; return 4; }
	# Their variables still hold addresses of blocks that were freed, and may be lost ones by now.
	unload_suites || return 1
	puppet create lost 4 && puppet alloc lost 100 10 && puppet lose lost 20 || return 1
	log_expect_begin 'unreferenced object|new suspected memory leaks'
	kmemleak_scan >"$TMP/leaks"
	log_expect_end
	echo clear >$DEBUG/kmemleak
	puppets_gone lost
	expect_eq "leaks found" "$(grep -c 'unreferenced object' "$TMP/leaks")" 20 || { cat "$TMP/leaks"; return 1; }
	grep -q 'do_lose\|command_run\|do_write' "$TMP/leaks" || { cat "$TMP/leaks"; return 1; }
}

# A block is looked into: what it points to is not lost, in whatever heap.
case_kmemleak_follows()
{
	have_kmemleak || { skip "no kmemleak in this kernel"; return 4; }
	status=0
	for flags in 0 2 4; do
		puppet create hide$flags $flags && puppet hide hide$flags || return 1
		# A depot with several magazines, full and empty.
		puppet alloc hide$flags 64 3000 && puppet free hide$flags 2000 || return 1
	done
	kmemleak_scan >"$TMP/leaks"
	grep -q 'unreferenced object' "$TMP/leaks" && { cat "$TMP/leaks"; status=1; }
	for flags in 0 2 4; do
		puppet free hide$flags 1000 && puppet unhide hide$flags || status=1
		puppets_gone hide$flags
	done
	return $status
}

# Forty megabytes in and out, several times.
case_pages_return()
{
	before=
	for flags in 0 2 4 0 2 4 0 2 4; do
		# The first of each kind fills what the kernel keeps for itself.
		[ "$flags" != 4 ] || before=${before:-$(free_kib)}
		puppet create pages $flags && puppet alloc pages 1000 20000 && puppet alloc pages 100000 200 || return 1
		[ $flags -eq 0 ] || puppet free pages 0
		puppet destroy pages || return 1
	done
	free_reaches $((before - $(free_slack))) || fail "$before KiB free before, $(free_kib) KiB after"
}

one_cycle()	# FLAGS
{
	module_load ouro && module_load ouro_test && module_load ouro_test_puppet || return 1
	puppet create cycle "$1" && puppet alloc cycle 1000 20000 && puppet alloc cycle 100000 100 || return 1
	# Cycles that were collected, and such that are left.
	puppet make cycle 1 50 && puppet litter cycle 20000 && write_to $OURO/cycle/collect old || return 1
	expect_rings "of a cycle" cycle 50 && puppet litter cycle 1000 && puppet destroy cycle || return 1
	rmmod ouro_test_puppet && rmmod ouro_test && rmmod ouro
}

some_cycles()
{
	free_last=$(free_kib)
	for flags in $CYCLES; do
		one_cycle $flags || return 1
	done
	free_reaches $((free_last - $(free_slack)))
}

# The first rounds fill what the kernel keeps for itself: lists of CPUs, and KASAN's quarantine, a 32nd of all memory
# that takes ten of them.  That ends; then nothing may be lost.
case_end_cycles()
{
	CYCLES=$([ "$SET" = brief ] && echo 0 2 4 || echo 0 2 4 0 2 4)
	for warm in 1 2 3 4 5 6 7 8; do
		! some_cycles || break
	done
	free_warm=$(free_kib)
	some_cycles
	status=$?
	echo "KiB free: $free_before before all, $free_warm after $warm times [$CYCLES], $(free_kib) after once more"
	return $status
}

case_end_kmemleak()
{
	[ -e $DEBUG/kmemleak ] || { skip "no kmemleak in this kernel"; return 4; }
	kmemleak_scan >"$TMP/leaks"
	[ ! -s "$TMP/leaks" ] || { cat "$TMP/leaks"; return 1; }
}
