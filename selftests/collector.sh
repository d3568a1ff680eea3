# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Cases about the files and trace events of the collector; sourced, never run.

SHELL_CASES="$SHELL_CASES collector.text collector.threshold collector.threshold_bad collector.mode collector.mode_type
	collector.mode_bad collector.collect collector.collect_bad collector.report collector.races collector.events
	collector.events_off"

# What a file of the collector says in one line that begins with the word.
collector_of()	# HEAP WORD: the rest of that line
{
	sed -n "s/^$2[: ] *//p" "$OURO/$1/collector"
}

# The live objects of a type; rings are what litter is made of.
rings_of()	# HEAP
{
	types_of "$1" | awk '$1 == "ring" { print $3 }'
}

expect_rings()	# WHAT HEAP WANTED
{
	puppet flush "$2"
	expect_eq "$1" "$(rings_of "$2")" "$3"
}

# Each line has a name and figures; no address of the kernel; and what a scan did is in it.
case_collector_text()
{
	puppet create text 0 && puppet make text 1 7 && puppet litter text 10 || return 1
	status=0
	cat $OURO/text/collector >"$TMP/before" || status=1
	echo old >$OURO/text/collect || status=1
	cat $OURO/text/collector >"$TMP/after" || status=1
	[ -s "$TMP/before" ] || { echo "collector is empty"; status=1; }
	cmp -s "$TMP/before" "$TMP/after" && { echo "a scan changed nothing:"; cat "$TMP/after"; status=1; }
	grep -qE '(^|[^0-9a-f])ffff[0-9a-f]{12}' "$TMP/after" && { echo "an address"; status=1; }
	grep -qw 20 "$TMP/after" || { echo "does not tell the 20 that were freed:"; cat "$TMP/after"; status=1; }
	for word in runs visited freed uncollectable resurrected aborted; do
		grep -qi "${word%ed}" "$TMP/after" || { echo "does not tell $word"; cat "$TMP/after"; status=1; }
	done
	expect_rings "after a scan" text 7 || status=1
	write_to $OURO/text/collector 1 2>/dev/null && { echo "collector can be written"; status=1; }
	puppets_gone text
	return $status
}

case_collector_threshold()
{
	puppet create thresh 0 || return 1
	status=0
	expect_eq "of a new heap" "$(cat $OURO/thresh/threshold)" "700 10 10" || status=1
	for text in "100 5 7" "0 0 0" "4294967295 1 4294967295"; do
		write_to $OURO/thresh/threshold "$text" || status=1
		expect_eq written "$(cat $OURO/thresh/threshold)" "$text" || status=1
	done
	# What is not given stays.
	write_to $OURO/thresh/threshold "100 5 7" && write_to $OURO/thresh/threshold 200 || status=1
	expect_eq "one number" "$(cat $OURO/thresh/threshold)" "200 5 7" || status=1
	write_to $OURO/thresh/threshold "300 6" || status=1
	expect_eq "two numbers" "$(cat $OURO/thresh/threshold)" "300 6 7" || status=1
	puppets_gone thresh
	return $status
}

# An error, and nothing changed.
refuses()	# FILE TEXT...
{
	refuses_file=$1
	refuses_status=0
	shift
	for bad in "$@"; do
		before=$(cat "$refuses_file" 2>/dev/null)
		expect_error 'Invalid argument\|out of range\|too large' write_to "$refuses_file" "$bad" ||
			refuses_status=1
		expect_eq "$refuses_file after '$bad'" "$(cat "$refuses_file" 2>/dev/null)" "$before" || refuses_status=1
	done
	return $refuses_status
}

# Longer than anything that is right.
long_text()
{
	awk 'BEGIN { for (i = 0; i < 300; i++) printf "o" }'
}

case_collector_threshold_bad()
{
	puppet create thresh 0 || return 1
	status=0
	write_to $OURO/thresh/threshold "100 5 7"
	refuses $OURO/thresh/threshold "" x "1x" "1 x" "1 2 3 4" "1 2 x" "-1 2 3" "1 -2 3" "4294967296 1 1" "1,2,3" "1 2 3x" \
		"$(long_text)" || status=1
	puppets_gone thresh
	return $status
}

case_collector_mode()
{
	puppet create mode 0 && puppet litter mode 5 || return 1
	status=0
	grep -q '^heap collect$' $OURO/mode/mode || { cat $OURO/mode/mode; status=1; }
	grep -q '^ring collect$' $OURO/mode/mode || { cat $OURO/mode/mode; status=1; }
	expect_eq "lines" "$(wc -l <$OURO/mode/mode)" 2 || status=1
	for text in off report; do
		write_to $OURO/mode/mode $text || status=1
		expect_eq mode "$(head -n 1 $OURO/mode/mode)" "heap $text" || status=1
	done
	write_to $OURO/mode/collect old || status=1
	expect_rings "of report" mode 10 || status=1
	write_to $OURO/mode/mode off || status=1
	expect_error 'not supported' write_to $OURO/mode/collect old || status=1
	expect_rings "of off" mode 10 || status=1
	write_to $OURO/mode/mode collect && write_to $OURO/mode/collect old || status=1
	expect_rings "of collect" mode 0 || status=1
	puppets_gone mode
	return $status
}

# A type has a line from its registration on, a container's from the first of it.
case_collector_mode_type()
{
	puppet create modes 0 && puppet litter modes 5 && puppet make modes 2 1 && puppet make modes 4 1 || return 1
	status=0
	expect_eq types "$(awk 'NR > 1 { print $1 }' $OURO/modes/mode | sort | tr '\n' ' ')" "fan ouro.vector ring " ||
		status=1
	for text in off report; do
		write_to $OURO/modes/mode "ring $text" || status=1
		expect_eq "mode of ring" "$(grep '^ring ' $OURO/modes/mode)" "ring $text" || status=1
		expect_eq "mode of fan" "$(grep '^fan ' $OURO/modes/mode)" "fan collect" || status=1
		expect_eq "mode of the heap" "$(head -n 1 $OURO/modes/mode)" "heap collect" || status=1
		write_to $OURO/modes/collect old || status=1
		expect_rings "of ring $text" modes 10 || status=1
	done
	write_to $OURO/modes/mode "ouro.vector report" || status=1
	expect_eq "mode of vectors" "$(grep '^ouro.vector ' $OURO/modes/mode)" "ouro.vector report" || status=1
	write_to $OURO/modes/mode "ring collect" && write_to $OURO/modes/collect old || status=1
	expect_rings "of ring collect" modes 0 || status=1
	puppets_gone modes
	return $status
}

case_collector_mode_bad()
{
	puppet create mode 0 && puppet litter mode 1 || return 1
	status=0
	refuses $OURO/mode/mode "" x on Off "off off" "nosuch off" "ring" "ring on" "ring off x" "ring  x" 1 \
		"$(printf '\377\376\001')" "%s%n" "$(long_text)" || status=1
	puppets_gone mode
	return $status
}

# "young" looks at what is new, "old" and "1" at all.
case_collector_collect()
{
	puppet create collect 0 || return 1
	status=0
	for text in young old 1; do
		puppet make collect 1 3 && puppet litter collect 20 || status=1
		expect_rings "made for $text" collect 43 || status=1
		write_to $OURO/collect/collect $text || status=1
		expect_rings "after $text" collect 3 || status=1
		puppet drop collect 1 0 || status=1
	done
	cat $OURO/collect/collect >/dev/null 2>&1 && { echo "collect can be read"; status=1; }
	puppets_gone collect
	return $status
}

case_collector_collect_bad()
{
	puppet create collect 0 && puppet litter collect 20 || return 1
	status=0
	refuses $OURO/collect/collect "" x 0 2 -1 "old young" "1 2" Old "$(long_text)" || status=1
	expect_rings "left alone" collect 40 || status=1
	puppets_gone collect
	return $status
}

# One line a scan that found some.
case_collector_report()
{
	puppet create tell 0 && puppet litter tell 20 || return 1
	status=0
	write_to $OURO/tell/mode report || status=1
	log_say "tell"
	write_to $OURO/tell/collect old && write_to $OURO/tell/collect old || status=1
	expect_eq reports "$(log_count 'ouro: .*tell.* 40 ' tell)" 2 || status=1
	expect_rings "left alone" tell 40 || status=1
	puppets_gone tell
	return $status
}

# Files are read and written while their heap comes and goes, and is scanned.
case_collector_races()
{
	while [ ! -e "$TMP/stop" ]; do
		cat $OURO/race/collector $OURO/race/mode $OURO/race/threshold
		echo old >$OURO/race/collect
		echo "ring off" >$OURO/race/mode
		echo "ring collect" >$OURO/race/mode
		echo "50 2 2" >$OURO/race/threshold
	done >/dev/null 2>&1 &
	reader=$!
	status=0
	rounds=$([ "$SET" = full ] && echo 60 || echo 20)
	i=0
	while [ $i -lt "$rounds" ]; do
		puppet create race $((i % 3 * 4)) && puppet litter race 100 && puppet make race 4 10 &&
			puppet destroy race || { status=1; break; }
		i=$((i + 1))
	done
	: >"$TMP/stop"
	wait $reader
	rm -f "$TMP/stop"
	return $status
}

# ---- trace events ----------------------------------------------------------------------------

TRACING=/sys/kernel/tracing

# Status 4 with the reason where there is none.
tracing_ready()
{
	[ -d $TRACING/events ] || mount -t tracefs tracefs $TRACING 2>/dev/null
	[ -d $TRACING/events ] || { skip "no tracing in this kernel"; return 4; }
	[ -d $TRACING/events/ouro ] || fail "no events of ouro"
}

tracing_set()	# 0|1 EVENT...
{
	tracing_to=$1
	shift
	for event in "$@"; do
		echo "$tracing_to" >$TRACING/events/ouro/"$event"/enable || return 1
	done
}

# The begin and the end of each scan, in order, and with what it did.
case_collector_events()
{
	tracing_ready || return $?
	puppet create traced 0 && puppet litter traced 20 || return 1
	status=0
	[ -d $TRACING/events/ouro/ouro_scan_abort ] || { echo "no ouro_scan_abort"; status=1; }
	: >$TRACING/trace
	tracing_set 1 ouro_scan_begin ouro_scan_end ouro_scan_abort || status=1
	write_to $OURO/traced/collect old && write_to $OURO/traced/collect young || status=1
	tracing_set 0 ouro_scan_begin ouro_scan_end ouro_scan_abort || status=1
	grep -v '^#' $TRACING/trace | grep traced >"$TMP/trace"
	events=$(sed 's/.*ouro_scan_\([a-z]*\):.*/\1/' "$TMP/trace" | tr '\n' ' ')
	expect_eq events "$events" "begin end begin end " || { cat "$TMP/trace"; status=1; }
	sed -n 2p "$TMP/trace" | grep -qw 'freed=40' || { cat "$TMP/trace"; status=1; }
	puppets_gone traced
	return $status
}

case_collector_events_off()
{
	tracing_ready || return $?
	puppet create silent 0 && puppet litter silent 20 || return 1
	status=0
	: >$TRACING/trace
	write_to $OURO/silent/collect old || status=1
	expect_eq "events that nobody wanted" "$(grep -c ouro_scan $TRACING/trace)" 0 || status=1
	puppets_gone silent
	return $status
}
