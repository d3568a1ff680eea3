# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Cases about the sample ouro_cycle; sourced, never run.

CYCLE=/sys/kernel/debug/ouro_cycle
CYCLE_PARTS=10240	# a kilobyte each

cycle_load()
{
	module_path ouro_cycle >/dev/null || { skip "the samples are not here"; return 4; }
	log_say "$1"
	module_load ouro_cycle || return 1
}

# Nothing may be alive when the heap goes.
cycle_unload()
{
	rmmod ouro_cycle || return 1
	expect_eq "reports of live objects" "$(log_count 'ouro: heap ouro_cycle: destroyed with' "$1")" 0
}

# Objects that the heap's collector has freed.
cycle_freed()
{
	awk '$1 == "freed" { print $2 + $3 }' $OURO/ouro_cycle/collector
}

# A word, then how many chains there are, and how many the collector has freed.
cycle_is()	# WORD LIVE FREED
{
	write_to $CYCLE/do "$1" || { echo "$1 failed"; return 1; }
	expect_eq "after $1" "$(stat_of ouro_cycle live) $(stat_of ouro_cycle live_bytes) $(cycle_freed)" \
		"$(($2 * CYCLE_PARTS)) $(($2 * CYCLE_PARTS * 1024)) $(($3 * CYCLE_PARTS))"
}

case_sample_cycle()
{
	cycle_load cycle || return
	status=0
	cycle_is local 1 0 || status=1
	cycle_is collect 1 0 || status=1
	cycle_is return 0 0 || status=1
	cycle_is global 1 0 || status=1
	cycle_is global 1 0 || status=1
	cycle_is pair 2 0 || status=1
	cycle_is pair 3 0 || status=1
	cycle_is local 4 0 || status=1
	cycle_is collect 2 2 || status=1
	cycle_is collect 2 2 || status=1
	cycle_is forget 1 2 || status=1
	cycle_is pair 2 2 || status=1
	cycle_unload cycle || status=1
	return $status
}

case_sample_cycle_refuses()
{
	cycle_load refuses || return
	status=0
	expect_error 'Invalid argument' write_to $CYCLE/do return || status=1
	expect_error 'Invalid argument' write_to $CYCLE/do "" || status=1
	expect_error 'Invalid argument' write_to $CYCLE/do locally || status=1
	expect_error 'Invalid argument' write_to $CYCLE/do "collect collect collect" || status=1
	cycle_is local 1 0 || status=1
	expect_error 'busy' write_to $CYCLE/do local || status=1
	# Where there is no room nothing is left behind.
	echo 15000000 >$OURO/ouro_cycle/limit
	for word in global pair; do
		expect_error 'Cannot allocate memory\|Out of memory' write_to $CYCLE/do $word || status=1
	done
	cycle_is return 0 0 || status=1
	echo 5000000 >$OURO/ouro_cycle/limit
	expect_error 'Cannot allocate memory\|Out of memory' write_to $CYCLE/do local || status=1
	echo 0 >$OURO/ouro_cycle/limit
	cycle_is collect 0 0 || status=1
	cycle_unload refuses || status=1
	return $status
}
