#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Run every test of Ouro on the running kernel, as root; prints KTAP, exits with 0, 1, or 4 (skipped).
#
# OURO_SET=full|short|port|brief chooses the cases (short: without objects in hardened heaps, and without what takes long; port: of
# these what another kernel may change; brief: of these what another version of the same kernel may change),
# STRESS=seconds lengthens the stress, OURO_DIR is where the modules are, OURO_SUITES="name..." are the modules of tests
# to load, OURO_ONLY="pattern..." runs the cases whose name matches one, OURO_LARGE=objects is how many a very large heap
# has (these three for work on them).
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cycle.sh"
. "$here/ktap.sh"
. "$here/log.sh"
. "$here/puppet.sh"
. "$here/shell.sh"
. "$here/system.sh"
. "$here/tree.sh"
. "$here/types.sh"
. "$here/collector.sh"
. "$here/docs.sh"
. "$here/growth.sh"
. "$here/sites.sh"
. "$here/json.sh"
. "$here/leak.sh"
. "$here/peers.sh"
. "$here/trace.sh"
. "$here/large.sh"

DEBUG=/sys/kernel/debug
OURO=$DEBUG/ouro
FRAME=$DEBUG/ouro_test
SUITES="block array realloc bulk size heap limit sparse many region reserve context nmi misuse poison fault stress"
SUITES="$SUITES type object last slot race refcount finalize abuse weak stale watch unwatch upgrade scope object_context pin"
SUITES="$SUITES vector list list_crowd map map_crowd weak_map weak_crowd copy copy_graph"
SUITES="$SUITES cycle collect graph audit"
SUITES=${OURO_SUITES:-$SUITES}
SET=${OURO_SET:-full}
SECONDS_OF_STRESS=${STRESS:-$([ "$SET" = full ] && echo 10 || echo 4)}

# Not in the set "port": what our own code decides, and needs long for where a CPU is emulated.
NO_PORT="cycle.*_debug collect.*_debug finalize.*_debug stale.*_debug refcount.*_debug copy_graph.* graph.*"
NO_PORT="$NO_PORT map_crowd.* list_crowd.* weak_crowd.* audit.crowd* audit.blind* audit.rows_crowd fault.hook*_debug"
NO_PORT="$NO_PORT leak.memory leak.many_sites sites.ages sites.switch debugfs.arenas_order sample.*faults sample.*refuses"
NO_PORT="$NO_PORT sample.registry"
# Nor in the set "brief": what depends on how a kernel preempts, and commands by the dozen, each a process.
NO_BRIEF="$NO_PORT race.* last.both* stress.all_debug upgrade.*_debug unwatch.*_debug *.*contended* debugfs.*race*"
NO_BRIEF="$NO_BRIEF growth.races collector.races upgrade.leaf* upgrade.told* cycle.ring_long many.some"
NO_BRIEF="$NO_BRIEF collect.limit_grace* collector.*bad collector.fault_often collector.events_abort growth.unmarked"
NO_BRIEF="$NO_BRIEF debugfs.garbage debugfs.pages debugfs.json debugfs.twins leak.objects leak.whole sample.tree*"
NO_BRIEF="$NO_BRIEF sites.ways_checked sites.counts sites.destroyed"

skip_all()
{
	echo "KTAP version 1"
	echo "1..0 # SKIP $*"
	exit 4
}

# Modules lie together in one directory, or where kbuild left them.
module_path()	# NAME
{
	for dir in ${OURO_DIR:-} /ouro "$here" "$here/kmod" "$here/.."; do
		[ ! -e "$dir/$1.ko" ] || { echo "$dir/$1.ko"; return; }
	done
	return 1
}

module_load()	# NAME
{
	insmod "$(module_path "$1")"
}

module_loaded()	# NAME
{
	grep -q "^$1 " /proc/modules
}

prepare()
{
	[ "$(id -u)" -eq 0 ] || skip_all "must be root"
	module_path ouro >/dev/null || skip_all "ouro.ko is not here; set OURO_DIR"
	module_path ouro_test >/dev/null || skip_all "the test modules are not here; set OURO_DIR"
	[ -d $DEBUG/kmemleak ] || [ -e $DEBUG/sleep_time ] || [ -n "$(ls -A $DEBUG 2>/dev/null)" ] ||
		mount -t debugfs debugfs $DEBUG 2>/dev/null || skip_all "no debugfs"
	module_loaded ouro && { rmmod ouro || skip_all "ouro is in use"; }
	TMP=$(mktemp -d) || exit 1
	trap 'log_close; rm -rf "$TMP"' EXIT
	arm_faults
	log_open
	stacks_once
	free_before=$(free_kib)
}

# The kernel's depot of stacks is made when it is used first, and stays.
stacks_once()
{
	module_load ouro && module_load ouro_test && module_load ouro_test_puppet || return
	puppet create stacks 0 && write_to $OURO/stacks/sites stack 2>/dev/null
	puppet destroy stacks
	rmmod ouro_test_puppet ouro_test ouro
}

# Let failslab and fail_page_alloc reach every allocation; the tests say when.
arm_faults()
{
	for dir in $DEBUG/failslab $DEBUG/fail_page_alloc; do
		[ -d "$dir" ] || continue
		echo 0 >"$dir/verbose"
		echo N >"$dir/ignore-gfp-wait"
		[ ! -e "$dir/ignore-gfp-highmem" ] || echo N >"$dir/ignore-gfp-highmem"
		[ ! -e "$dir/min-order" ] || echo 0 >"$dir/min-order"
	done
}

load_all()
{
	module_load ouro || return 1
	module_load ouro_test || return 1
	for suite in $SUITES puppet; do
		module_load "ouro_test_$suite" || fail "ouro_test_$suite does not load" || return 1
	done
	echo "$SECONDS_OF_STRESS" >$FRAME/seconds
}

# For good: what is left to run are cases written in shell.
unload_suites()
{
	for suite in $SUITES; do
		! module_loaded "ouro_test_$suite" || rmmod "ouro_test_$suite" || return 1
	done
}

unload_all()
{
	unload_suites && rmmod ouro_test_puppet && rmmod ouro_test && rmmod ouro
}

matches()	# NAME "PATTERN..."
{
	set -f	# no names of files
	for pattern in $2; do
		# A pattern is what it shall be.
		# shellcheck disable=SC2254
		case $1 in
		$pattern) set +f; return 0 ;;
		esac
	done
	set +f
	return 1
}

wanted()	# NAME
{
	matches "$1" "${OURO_ONLY:-*}" && ! matches "$1" "$left_out"
}

choose()
{
	case $SET in
	port)	left_out=$NO_PORT ;;
	brief)	left_out=$NO_BRIEF ;;
	full|short) left_out= ;;
	*)	echo "run.sh: no set '$SET'" >&2; exit 1 ;;
	esac
}

# The cases of the modules, then those written in shell, one "KIND NAME" a line.
list_cases()
{
	while read -r name set; do
		[ "$set" = full ] && [ "$SET" != full ] && continue
		wanted "$name" && echo "module $name"
	done <$FRAME/cases
	for name in $SHELL_CASES; do
		wanted "$name" && echo "shell $name"
	done
}

run_module_case()	# NAME
{
	if ! echo "$1" >$FRAME/run 2>"$TMP/error"; then
		ktap_result fail "$1" "did not run"
		ktap_note <"$TMP/error"
		return
	fi
	{
		read -r outcome name rest
		[ "$name" = "$1" ] || outcome=fail rest="no result"
		if [ "$outcome" = skip ]; then
			read -r rest
			ktap_result skip "$1" "$rest"
		else
			ktap_result "$outcome" "$1" "$rest"
			ktap_note
		fi
	} <$FRAME/result
}

# The stress runs while CPUs come and go and memory is asked back.
run_stress_case()	# NAME
{
	disturb_begin
	run_module_case "$1"
	disturb_end
}

# The kernel itself complains, of failing pages say.
run_warned_case()	# NAME REGEX
{
	log_expect_begin "$2"
	run_module_case "$1"
	log_expect_end
}

run_cases()
{
	while read -r kind name <&4; do
		case $kind:$name in
		module:stress.* | module:collect.disturbed*) run_stress_case "$name" ;;
		module:fault.slab*) run_warned_case "$name" "page allocation failure" ;;
		module:object_context.sleeps)
			run_warned_case "$name" "sleeping function called|scheduling in a non-blocking section" ;;
		module:object_context.interrupts_off)
			run_warned_case "$name" "WARNING:.*module/(intern|map|weak_map)[.]c:" ;;
		module:*)	run_module_case "$name" ;;
		shell:*)	ktap_run "$name" "case_$(echo "$name" | tr . _)" ;;
		esac
	done 4<"$TMP/cases"
}

main()
{
	choose
	prepare
	load_all >"$TMP/load" 2>&1
	loaded=$?
	[ "$loaded" -ne 0 ] || list_cases >"$TMP/cases"
	[ "$loaded" -eq 0 ] || : >"$TMP/cases"
	ktap_plan $(($(wc -l <"$TMP/cases") + 6))
	ktap_run load.all sh -c "cat $TMP/load; exit $loaded"
	run_cases
	ktap_run end.unload unload_all
	ktap_run end.docs case_end_docs
	ktap_run end.cycles case_end_cycles
	ktap_run end.kmemleak case_end_kmemleak
	ktap_run end.log log_check
	[ "$ktap_failed" -eq 0 ] && verdict=pass || verdict=fail
	echo "# $((ktap_count - ktap_failed - ktap_skipped)) passed, $ktap_failed failed, $ktap_skipped skipped"
	echo "# verdict: $verdict"
	[ $verdict = pass ]
}

main
