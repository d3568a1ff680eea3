# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Cases about the files and trace events of the collector; sourced, never run.

SHELL_CASES="$SHELL_CASES collector.text collector.threshold collector.threshold_bad collector.mode collector.mode_type
	collector.mode_bad collector.collect collector.collect_bad collector.report collector.races collector.pressed
	collector.fault_often collector.events collector.events_off collector.events_abort"

# A figure of the collector: for young scans, and for those of all.
collector_of()	# HEAP NAME
{
	awk -v n="$2" '$1 == n { print $2, $3 }' "$OURO/$1/collector"
}

# Both kinds of scans together.
collector_sum()	# HEAP NAME
{
	awk -v n="$2" '$1 == n { print $2 + $3 }' "$OURO/$1/collector"
}

# What the file says of the last scan: visited or freed.
collector_last()	# HEAP NAME
{
	awk -v n="last_$2" '$1 == n { print $2 }' "$OURO/$1/collector"
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
	shows_address "$TMP/after" && { echo "an address"; status=1; }
	expect_eq runs "$(collector_of text runs)" "0 1" || status=1
	expect_eq visited "$(collector_of text visited)" "0 27" || status=1
	expect_eq freed "$(collector_of text freed)" "0 20" || status=1
	for word in uncollectable resurrected finalized aborts skipped; do
		expect_eq $word "$(collector_of text $word)" "0 0" || status=1
	done
	expect_eq "visited by the last" "$(collector_last text visited)" 27 || status=1
	expect_eq "freed by the last" "$(collector_last text freed)" 20 || status=1
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

# What a file says, but for how long that has been so.
without_seconds()	# FILE
{
	sed 's/ for [0-9]* seconds//' "$1" 2>/dev/null
}

# An error, and nothing changed.
refuses()	# FILE TEXT...
{
	refuses_file=$1
	refuses_status=0
	shift
	for bad in "$@"; do
		before=$(without_seconds "$refuses_file")
		expect_error 'Invalid argument\|out of range\|too large' write_to "$refuses_file" "$bad" ||
			refuses_status=1
		expect_eq "$refuses_file after '$bad'" "$(without_seconds "$refuses_file")" "$before" || refuses_status=1
	done
	return $refuses_status
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

# What is read is whole, of a new heap or of one with scans; or there is nothing.
races_look()
{
	cat $OURO/race/collector $OURO/race/threshold >"$TMP/look" 2>/dev/null || return 0
	head -n 1 "$TMP/look" | grep -qE '^# heap race, mode collect, scans start .*, (idle|scanning)$' ||
		cat "$TMP/look" >>"$TMP/bad"
	tail -n 1 "$TMP/look" | grep -qE '^(700 10 10|50 2 2)$' || cat "$TMP/look" >>"$TMP/bad"
	awk '$1 == "freed" { n = $2 + $3 } END { exit !n }' "$TMP/look" && echo freed >>"$TMP/seen"
	return 0
}

races_use()
{
	while [ ! -e "$TMP/stop" ]; do
		races_look
		echo old >$OURO/race/collect
		races_look
		echo "ring off" >$OURO/race/mode
		echo "ring collect" >$OURO/race/mode
		echo "50 2 2" >$OURO/race/threshold
	done 2>/dev/null
}

# Files are read and written while their heap comes and goes, and is scanned.
case_collector_races()
{
	rm -f "$TMP/bad" "$TMP/seen"
	races_use &
	user=$!
	status=0
	rounds=$([ "$SET" = full ] && echo 60 || echo 20)
	i=0
	# On until the other one has come to see what scans freed.
	while [ $i -lt "$rounds" ] || { [ ! -e "$TMP/seen" ] && [ $i -lt 3000 ]; }; do
		puppet create race $((i % 3 * 4)) && puppet litter race 100 && puppet make race 4 10 &&
			puppet destroy race || { status=1; break; }
		i=$((i + 1))
	done
	: >"$TMP/stop"
	wait $user
	rm -f "$TMP/stop"
	[ ! -e "$TMP/bad" ] || { head -n 40 "$TMP/bad"; status=1; }
	[ -e "$TMP/seen" ] || { echo "no scan was seen to free anything"; status=1; }
	return $status
}

# ---- memory that is asked back ---------------------------------------------------------------

# Until COMMAND succeeds: at most half a minute.
wait_until()	# COMMAND...
{
	for try in $(seq 300); do
		"$@" && return 0
		sleep 0.1
	done
	fail "$* did not come about in $try tries"
}

# The shrinker looks at all heaps: it takes what lies in their magazines.
ask_back()
{
	on_cpu 0 eval 'echo 2 >/proc/sys/vm/drop_caches'
}

is_pressed()	# HEAP RUNS: there were so many scans
{
	ask_back
	[ "$(collector_of "$1" runs)" = "$2" ]
}

is_drained()	# HEAP
{
	ask_back
	[ "$(stat_of "$1" cached)" -eq 0 ]
}

# Garbage goes when memory is short, but not where scans do not start by themselves.
case_collector_pressed()
{
	puppet create press 8 && puppet create calm 0 || return 1
	status=0
	for heap in press calm; do
		write_to $OURO/$heap/threshold 1000000 || status=1
		on_cpu 0 puppet litter $heap 2000 && on_cpu 0 puppet make $heap 1 7 || status=1
		expect_eq "scans before" "$(collector_of $heap runs)" "0 0" || status=1
		[ "$(stat_of $heap cached)" -gt 0 ] || { echo "$heap: nothing is cached"; status=1; }
	done
	wait_until is_pressed press "0 1" || status=1
	expect_rings "after the scan" press 7 || status=1
	expect_eq freed "$(collector_of press freed)" "0 4000" || status=1
	# By then it was visited, too.
	wait_until is_drained calm || status=1
	expect_eq "scans where none start" "$(collector_of calm runs)" "0 0" || status=1
	expect_rings "left alone" calm 4007 || status=1
	# Nothing has come to the first one: there is nothing to look for.
	on_cpu 0 puppet make calm 1 1 && wait_until is_drained calm || status=1
	expect_eq "scans without need" "$(collector_of press runs)" "0 1" || status=1
	on_cpu 0 puppet litter press 300 || status=1
	wait_until is_pressed press "0 2" || status=1
	expect_rings "after the next" press 7 || status=1
	puppets_gone press calm
	return $status
}

# ---- scans that want for memory --------------------------------------------------------------

faults()	# PERCENT INTERVAL TIMES: of the module's own allocations
{
	echo "$2" >$OURO/fail_ouro/interval
	echo "$3" >$OURO/fail_ouro/times
	echo "$1" >$OURO/fail_ouro/probability
}

faults_off()
{
	faults 0 1 -1
}

# What was freed is gone, and what was not is there; if it was not all, it is told.
scan_faulty()	# PERCENT INTERVAL TIMES: prints how many allocations failed, if TIMES is a bound
{
	skipped=$(collector_sum often skipped)
	faults "$1" "$2" "$3"
	write_to $OURO/often/collect old || fault_status=1
	left=$(cat $OURO/fail_ouro/times)
	faults_off
	fault_failed=$(($3 - left))
	freed=$(collector_sum often freed)
	expect_rings "after $fault_failed failures ($*)" often $((often_made - freed)) || fault_status=1
	[ "$freed" -eq $((often_made - 207)) ] || [ "$(collector_sum often skipped)" -gt "$skipped" ] ||
		{ echo "$*: $((often_made - 207 - freed)) are left, and no pool was skipped"; fault_status=1; }
	[ "$freed" -le $((often_made - 207)) ] || { echo "$*: freed too many"; fault_status=1; }
}

# Whatever fails in a scan, and how often: what lives stays, and one that has memory frees the rest.
scans_faulty()
{
	several=0
	fault_status=0
	for fault in "100 1 1" "100 1 2" "100 2 2" "100 2 5" "100 3 1" "100 3 3" "100 4 2" "100 5 2" "50 1 20" "30 1 20" \
		"20 1 20" "100 1 1000" "100 2 1000"; do
		puppet litter often 1500 || fault_status=1
		often_made=$((often_made + 3000))
		# It is three numbers.
		# shellcheck disable=SC2086
		scan_faulty $fault
		[ $fault_failed -lt 2 ] || several=$((several + 1))
	done
	[ $several -ge 5 ] || { echo "only $several scans with several failures"; fault_status=1; }
	[ "$(collector_sum often skipped)" -gt 0 ] || { echo "no pool was skipped"; fault_status=1; }
	return $fault_status
}

case_collector_fault_often()
{
	[ -d $OURO/fail_ouro ] || { skip "no fault injection in this kernel"; return 4; }
	echo 0 >$OURO/fail_ouro/verbose
	status=0
	puppet create often 0 && puppet make often 1 207 && puppet make often 4 50 && puppet make often 3 20 || status=1
	write_to $OURO/often/collect old || status=1
	often_made=207
	scans_faulty || status=1
	skipped=$(collector_sum often skipped)
	write_to $OURO/often/collect old || status=1
	expect_eq skipped "$(collector_sum often skipped)" "$skipped" || status=1
	expect_rings "after one with memory" often 207 || status=1
	expect_eq freed "$(collector_sum often freed)" $((often_made - 207)) || status=1
	puppet drop often 1 0 && puppet drop often 4 0 && puppet drop often 3 0 && puppet flush often || status=1
	expect_eq "live in the end" "$(stat_of often live)" 0 || status=1
	faults_off
	puppets_gone often
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
	puppet create traced 0 && puppet make traced 1 5 && puppet litter traced 20 || return 1
	status=0
	[ -d $TRACING/events/ouro/ouro_scan_abort ] || { echo "no ouro_scan_abort"; status=1; }
	: >$TRACING/trace
	tracing_set 1 ouro_scan_begin ouro_scan_end ouro_scan_abort || status=1
	write_to $OURO/traced/collect old || status=1
	puppet litter traced 3 && write_to $OURO/traced/collect young || status=1
	tracing_set 0 ouro_scan_begin ouro_scan_end ouro_scan_abort || status=1
	grep -v '^#' $TRACING/trace | grep traced >"$TMP/trace"
	events=$(sed 's/.*ouro_scan_\([a-z]*\):.*/\1/' "$TMP/trace" | tr '\n' ' ')
	expect_eq events "$events" "begin end begin end " || { cat "$TMP/trace"; status=1; }
	expect_eq "of all, begun" "$(traced_of 1 generation)" old || status=1
	expect_eq "of all, ended" "$(traced_of 2 generation) $(traced_of 2 visited) $(traced_of 2 freed)" \
		"old $(collector_of traced visited | cut -d ' ' -f 2) 40" || status=1
	expect_eq "young, begun" "$(traced_of 3 generation)" young || status=1
	expect_eq "young, ended" "$(traced_of 4 generation) $(traced_of 4 visited) $(traced_of 4 freed)" \
		"young $(collector_last traced visited) 6" || status=1
	expect_eq visited "$(collector_of traced visited)" "$(traced_of 4 visited) 45" || status=1
	expect_eq freed "$(collector_of traced freed)" "6 40" || status=1
	# Each with the time it took.
	expect_eq ns "$(traced_of 2 ns) $(traced_of 4 ns)" "$(collector_of traced ns | awk '{ print $2, $1 }')" || status=1
	puppets_gone traced
	return $status
}

# A field of an event that was kept.
traced_of()	# LINE FIELD
{
	sed -n "$1s/.* $2=\\([^ ]*\\).*/\\1/p" "$TMP/trace"
}

case_collector_events_off()
{
	tracing_ready || return $?
	puppet create silent 0 && puppet litter silent 20 || return 1
	status=0
	: >$TRACING/trace
	write_to $OURO/silent/collect old || status=1
	expect_eq "events that nobody wanted" "$(grep -c ouro_scan $TRACING/trace)" 0 || status=1
	# One of the two alone.
	tracing_set 1 ouro_scan_end || status=1
	write_to $OURO/silent/collect old || status=1
	tracing_set 0 ouro_scan_end || status=1
	write_to $OURO/silent/collect old || status=1
	expect_eq "events that were wanted" "$(grep -c 'ouro_scan_end: heap=silent ' $TRACING/trace)" 1 || status=1
	expect_eq "events in all" "$(grep -c ouro_scan $TRACING/trace)" 1 || status=1
	puppets_gone silent
	return $status
}

# The case that upgrades handles while it is scanned says how often they met.
case_collector_events_abort()
{
	tracing_ready || return $?
	[ "$(online_cpus | wc -l)" -gt 1 ] || { skip "one CPU only"; return 4; }
	module_loaded ouro_test_collect || module_load ouro_test_collect || return 1
	status=0
	: >$TRACING/trace
	tracing_set 1 ouro_scan_abort || status=1
	echo 16384 >$TRACING/buffer_size_kb || status=1
	echo collect.upgraded_plain >$FRAME/run || status=1
	tracing_set 0 ouro_scan_abort || status=1
	head -n 1 $FRAME/result | grep -q '^pass collect.upgraded_plain ' || { cat $FRAME/result; status=1; }
	grep ouro_scan_abort: $TRACING/trace >"$TMP/trace"
	[ -s "$TMP/trace" ] || { echo "no abort was traced"; status=1; }
	expect_eq aborts "$(wc -l <"$TMP/trace")" "$(sed -n 's/.*, aborts: //p' $FRAME/result)" || status=1
	expect_eq heaps "$(traced_of "" heap | sort -u | wc -l)" 1 || status=1
	# Rings of 300, in a heap of a case's name, of which some may be out.
	awk '!/heap=test-[0-9]+ members=[0-9]+ remain=[0-9]+$/ { print; bad = 1 }
		{ split($0, f, "="); if (f[3] + 0 > 300 || f[3] + 0 < f[4] + 0) { print; bad = 1 } }
		END { exit bad }' "$TMP/trace" || status=1
	: >$TRACING/trace
	echo 1408 >$TRACING/buffer_size_kb
	return $status
}
