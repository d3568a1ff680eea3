# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Cases about the trace events of heaps (those of scans are in collector.sh), and the programs that read them; sourced,
# never run.

SHELL_CASES="$SHELL_CASES trace.arena trace.pool trace.pool_object trace.limit trace.limit_none trace.leak
	trace.leak_none trace.filter trace.format trace.trace_cmd trace.perf trace.bpftrace"

# By a clock that counts: events of two CPUs are in order however coarse the time is.
trace_begin()	# EVENT...
{
	tracing_ready || return $?
	trace_clock=$(sed 's/.*\[\(.*\)\].*/\1/' $TRACING/trace_clock)
	echo counter >$TRACING/trace_clock && : >$TRACING/trace && tracing_set 1 "$@"
}

# What was told of a heap is in $TMP/trace, one "EVENT FIELD=VALUE..." a line.
trace_end()	# HEAP EVENT...
{
	trace_heap=$1
	shift
	tracing_set 0 "$@"
	sed -n "s/.* ouro_\\([a-z_]*\\): heap=$trace_heap /\\1 /p" $TRACING/trace >"$TMP/trace"
	echo "$trace_clock" >$TRACING/trace_clock
}

# What was told so far must agree with the heap's own figures.
arenas_agree()	# WHAT HEAP
{
	sed -n "s/.* ouro_arena_\\([a-z]*\\): heap=$2 /\\1 /p" $TRACING/trace | tr '=' ' ' | awk '
		$1 == "get" { arenas++; held += $3; gets++ }
		$1 == "put" { arenas--; held -= $3 }
		$7 != arenas || $9 != held || $5 != 0 || $3 % 16384 || !$3 { print "after this: " arenas ", " held ": " $0 }
		END { print arenas + 0, held + 0; if (!gets) print "no arena was had" }' >"$TMP/arenas"
	expect_eq "$1" "$(cat "$TMP/arenas")" "$(stat_of "$2" arenas) $(stat_of "$2" held)"
}

# Each arena that comes or goes, how many there are then, and what is held: there is no large block.
case_trace_arena()
{
	puppet create arena 0 && trace_begin ouro_arena_get ouro_arena_put || return $?
	status=0
	on_cpu 0 puppet alloc arena 8192 100 || status=1
	arenas_agree "after allocating" arena || { cat "$TMP/arenas"; status=1; }
	on_cpu 0 puppet free arena 70 && on_cpu 0 puppet trim arena || status=1
	arenas_agree "after freeing" arena || { cat "$TMP/arenas"; status=1; }
	expect_eq "arenas left" "$(($(stat_of arena arenas) > 0))" 1 || status=1
	on_cpu 0 puppet destroy arena || status=1
	trace_end arena ouro_arena_get ouro_arena_put
	expect_eq "the last" "$(tail -n 1 "$TMP/trace" | sed 's/ bytes=.* arenas/ arenas/')" "arena_put arenas=0 held=0" ||
		status=1
	expect_eq "given back" "$(traced_sum arena_put bytes)" "$(traced_sum arena_get bytes)" || status=1
	puppets_gone arena
	return $status
}

traced_sum()	# EVENT FIELD
{
	sed -n "s/^$1 .*\\b$2=\\([0-9]*\\).*/\\1/p" "$TMP/trace" | awk '{ n += $1 } END { print n + 0 }'
}

# Each pool is somewhere: how many of a class are in a state follows from the events. Prints what is left of
# "SIZE TYPE: EMPTY PARTIAL FULL" and complains of a step from where no pool was.
pools_traced()	# HEAP
{
	sed -n "s/.* ouro_pool: heap=$1 size=\\([^ ]*\\) type=\\([^ ]*\\) from=\\([^ ]*\\) to=/\\1 \\2 \\3 /p" $TRACING/trace |
	awk '
		{ class = $1 " " $2; seen[class] = 1; n[class, $3]--; n[class, $4]++ }
		$3 == $4 || $3 !~ /^(none|empty|partial|full)$/ || $4 !~ /^(none|empty|partial|full)$/ { print "no step: " $0 }
		$3 != "none" && n[class, $3] < 0 { print "from nowhere: " $0 }
		END {
			for (c in seen)
				print c ": " n[c, "empty"] + 0, n[c, "partial"] + 0, n[c, "full"] + 0
		}' | sort -n
}

# The same of one class, and its sum beside it: the pools that there are.
pools_are()	# WHAT HEAP SIZE TYPE EMPTY POOLS
{
	pools_traced "$2" >"$TMP/pools"
	expect_eq "$1, $3 $4: empty ones and all" \
		"$(awk -v c="$3 $4:" 'index($0, c) == 1 { print $3, $3 + $4 + $5 } /no step|from nowhere/' "$TMP/pools")" "$5 $6" ||
		{ cat "$TMP/pools"; return 1; }
}

class_of()	# HEAP SIZE: how many pools are empty, and how many there are
{
	awk -v size="$2" '$1 == size { print $7, $5 }' "$OURO/$1/classes"
}

case_trace_pool()
{
	puppet create pools 0 && trace_begin ouro_pool || return $?
	status=0
	on_cpu 0 puppet alloc pools 64 2000 && on_cpu 0 puppet alloc pools 3000 50 || status=1
	# shellcheck disable=SC2046
	pools_are allocated pools 64 - $(class_of pools 64) || status=1
	# shellcheck disable=SC2046
	pools_are allocated pools 3072 - $(class_of pools 3072) || status=1
	expect_eq "full ones" "$(awk '/^64 -:/ { print ($5 >= 6) }' "$TMP/pools")" 1 || status=1
	on_cpu 0 puppet free pools 1500 || status=1
	# shellcheck disable=SC2046
	pools_are freed pools 64 - $(class_of pools 64) || status=1
	on_cpu 0 puppet trim pools || status=1
	# shellcheck disable=SC2046
	pools_are trimmed pools 64 - $(class_of pools 64) || status=1
	pools_are trimmed pools 3072 - 0 0 || status=1
	on_cpu 0 puppet destroy pools || status=1
	expect_eq "after the end" "$(pools_traced pools)" "64 -: 0 0 0
3072 -: 0 0 0" || status=1
	trace_end pools ouro_pool
	puppets_gone pools
	return $status
}

# By type; and a pool of objects goes a grace period after it became empty, at the latest with its heap.
case_trace_pool_object()
{
	puppet create poolobj 0 && trace_begin ouro_pool || return $?
	status=0
	on_cpu 0 puppet make poolobj 0 1000 && on_cpu 0 puppet make poolobj 2 10 && on_cpu 0 puppet make poolobj 3 10 || status=1
	pools_are made poolobj 112 bead 0 "$(types_of poolobj | awk '$1 == "bead" { print $8 }')" || status=1
	pools_are made poolobj 32 fan 0 1 || status=1
	pools_are made poolobj 256 fan 0 1 || status=1
	on_cpu 0 puppet drop poolobj 0 0 && puppet flush poolobj && on_cpu 0 puppet trim poolobj || status=1
	on_cpu 0 puppet destroy poolobj || status=1
	expect_eq "after the end" "$(pools_traced poolobj)" "32 fan: 0 0 0
112 bead: 0 0 0
256 fan: 0 0 0" || status=1
	trace_end poolobj ouro_pool
	# What was trimmed was empty when it went, the others were not.
	expect_eq "beads' last steps" "$(grep 'type=bead .* to=none' "$TMP/trace" | grep -vc 'from=empty')" 0 || status=1
	expect_eq "fans' last steps" "$(grep -c 'type=fan from=partial to=none' "$TMP/trace")" 2 || status=1
	puppets_gone poolobj
	return $status
}

# A block, a large block and an object: one event each, with what the heap held and the limit.
case_trace_limit()
{
	puppet create limited 0 && trace_begin ouro_limit || return $?
	status=0
	echo 100000 >$OURO/limited/limit
	for what in "alloc limited 64 5000" "alloc limited 200000 1" "make limited 0 5000"; do
		# shellcheck disable=SC2086
		expect_error "Cannot allocate memory" puppet $what || status=1
		stat_of limited held >>"$TMP/held"
	done
	expect_eq "counted" "$(stat_of limited limit_hits)" 3 || status=1
	echo 0 >$OURO/limited/limit
	puppet alloc limited 200000 1 && puppet make limited 0 100 || status=1
	trace_end limited ouro_limit
	expect_eq events "$(cat "$TMP/trace")" "$(awk 'BEGIN { split("64 200000 112", bytes) }
		{ print "limit bytes=" bytes[NR] " held=" $1 " limit=100000" }' "$TMP/held")" || status=1
	rm -f "$TMP/held"
	puppet drop limited 0 0
	puppets_gone limited
	return $status
}

# Refused, and not for the limit: the module's own allocations are made to fail.
case_trace_limit_none()
{
	[ -d $OURO/fail_ouro ] || { skip "no fault injection in this kernel"; return 4; }
	puppet create refused 0 && trace_begin ouro_limit || return $?
	status=0
	echo 100000000 >$OURO/refused/limit
	echo 0 >$OURO/fail_ouro/verbose
	faults 100 1 -1
	expect_error "Cannot allocate memory" puppet alloc refused 64 1 || status=1
	faults_off
	expect_eq failed "$(($(stat_of refused failed) > 0)) $(stat_of refused limit_hits)" "1 0" || status=1
	trace_end refused ouro_limit
	expect_eq events "$(cat "$TMP/trace")" "" || status=1
	puppets_gone refused
	return $status
}

# What is live by class and type, its size and how much it is; a large block has no class.
case_trace_leak()
{
	puppet create leaky 0 && trace_begin ouro_leak || return $?
	status=0
	puppet alloc leaky 64 3 && puppet alloc leaky 1000 2 && puppet alloc leaky 20000 1 || status=1
	puppet make leaky 0 5 && puppet make leaky 2 1 && puppet make leaky 3 2 && puppet litter leaky 4 || status=1
	puppet destroy leaky || status=1
	trace_end leaky ouro_leak
	sort "$TMP/trace" >"$TMP/sorted"
	expect_eq leaks "$(cat "$TMP/sorted")" "leak type=- size=0 count=1 bytes=20480
leak type=- size=1024 count=2 bytes=2048
leak type=- size=64 count=3 bytes=192
leak type=bead size=112 count=5 bytes=560
leak type=fan size=256 count=2 bytes=512
leak type=fan size=32 count=1 bytes=32
leak type=ring size=16 count=8 bytes=128" || status=1
	puppets_gone leaky
	return $status
}

case_trace_leak_none()
{
	puppet create tight 0 && trace_begin ouro_leak || return $?
	status=0
	puppet alloc tight 64 300 && puppet alloc tight 20000 1 && puppet make tight 0 50 || status=1
	puppet free tight 0 && puppet drop tight 0 0 && puppet destroy tight || status=1
	trace_end tight ouro_leak
	expect_eq events "$(cat "$TMP/trace")" "" || status=1
	puppets_gone tight
	return $status
}

# By name, number and state.
case_trace_filter()
{
	tracing_ready || return $?
	puppet create wanted 0 && puppet create other 0 || return 1
	status=0
	echo 'heap == "wanted" && size == 64 && from == 0' >$TRACING/events/ouro/ouro_pool/filter || status=1
	trace_begin ouro_pool || status=1
	for heap in wanted other; do
		puppet alloc $heap 64 10 && puppet alloc $heap 128 10 || status=1
	done
	puppets_gone wanted other
	expect_eq "events in all" "$(grep -c ouro_pool: $TRACING/trace)" 1 || status=1
	trace_end wanted ouro_pool
	expect_eq event "$(cat "$TMP/trace")" "pool size=64 type=- from=none to=partial" || status=1
	echo 0 >$TRACING/events/ouro/ouro_pool/filter
	return $status
}

# No field is a pointer, and what is printed needs no name that only the kernel knows.
case_trace_format()
{
	tracing_ready || return $?
	status=0
	for event in arena_get arena_put leak limit pool scan_abort scan_begin scan_end; do
		format=$TRACING/events/ouro/ouro_$event/format
		grep -q 'field:char heap\[48\];' $format || { echo "$event: no name of a heap"; status=1; }
		! grep 'field:[^;]*[*]' $format || status=1
		! grep '^print fmt:.*%p' $format || status=1
		! grep '^print fmt:.*OURO_' $format || status=1
	done
	expect_eq events "$(find $TRACING/events/ouro -name 'ouro_*' | wc -l)" 8 || status=1
	return $status
}

# ---- programs --------------------------------------------------------------------------------

# Something of everything, but for a scan that gives up.
tool_begin()	# PROGRAM
{
	command -v "$1" >/dev/null || { skip "$1 is not here"; return 4; }
	tracing_ready || return $?
	cat >"$TMP/work" <<-END
		cd $DEBUG
		echo create tool 0 >ouro_puppet/do
		echo alloc tool 64 300 >ouro_puppet/do
		echo litter tool 20 >ouro_puppet/do
		echo old >ouro/tool/collect
		echo 20000 >ouro/tool/limit
		echo alloc tool 200000 1 >ouro_puppet/do 2>/dev/null
		echo destroy tool >ouro_puppet/do
	END
}

# "EVENT FIELDS" of each line of a report; the names of events are at least there.
tool_check()	# FILE
{
	sed -n 's/.*\bouro_\([a-z_]*\): *\(heap=tool .*\)/\1 \2/p' "$1" >"$TMP/told"
	tool_status=0
	for line in "scan_begin heap=tool generation=old tracked=" "scan_end heap=tool generation=old visited=40 freed=40 " \
		"arena_get heap=tool bytes=16384 node=0 arenas=1 held=16384" "arena_put heap=tool bytes=.* arenas=0 held=0" \
		"pool heap=tool size=64 type=- from=none to=partial" "pool heap=tool size=64 type=- from=partial to=full" \
		"pool heap=tool size=16 type=ring from=" "limit heap=tool bytes=200000 held=[0-9]* limit=20000" \
		"leak heap=tool type=- size=64 count=300 bytes=19200"; do
		grep -q "^$line" "$TMP/told" || { echo "not told: $line"; tool_status=1; }
	done
	[ "$tool_status" -eq 0 ] || head -n 60 "$1"
	return $tool_status
}

case_trace_trace_cmd()
{
	tool_begin trace-cmd || return $?
	status=0
	trace-cmd record -q -e ouro -o "$TMP/dat" /bin/sh "$TMP/work" >"$TMP/said" 2>&1 || { cat "$TMP/said"; status=1; }
	trace-cmd report -i "$TMP/dat" >"$TMP/told_by" 2>"$TMP/said" || { cat "$TMP/said"; status=1; }
	tool_check "$TMP/told_by" || status=1
	rm -f "$TMP/dat"
	puppets_gone tool
	return $status
}

case_trace_perf()
{
	tool_begin perf || return $?
	status=0
	perf record -q -a -B -N -e 'ouro:*' -o "$TMP/dat" /bin/sh "$TMP/work" >"$TMP/said" 2>&1 || { cat "$TMP/said"; status=1; }
	perf script -i "$TMP/dat" >"$TMP/told_by" 2>"$TMP/said" || { cat "$TMP/said"; status=1; }
	tool_check "$TMP/told_by" || status=1
	rm -f "$TMP/dat"
	puppets_gone tool
	return $status
}

# It counts in the kernel, by names and numbers.
case_trace_bpftrace()
{
	tool_begin bpftrace || return $?
	status=0
	# The program's, not the shell's.
	# shellcheck disable=SC2016
	bpftrace -e '
		tracepoint:ouro:ouro_arena_get { @got[args->heap] = sum(args->bytes); }
		tracepoint:ouro:ouro_arena_put { @put[args->heap] = sum(args->bytes); }
		tracepoint:ouro:ouro_pool { @pools[args->size, args->from] = count(); }
		tracepoint:ouro:ouro_limit { @limit[args->heap, args->limit] = sum(args->bytes); }
		tracepoint:ouro:ouro_leak { @lost[args->type, args->size] = sum(args->count); }
		tracepoint:ouro:ouro_scan_begin { @begun = count(); }
		tracepoint:ouro:ouro_scan_end { @freed = sum(args->freed); }
		tracepoint:ouro:ouro_scan_abort { @aborted = count(); }' \
		-c "/bin/sh $TMP/work" >"$TMP/told" 2>&1 || status=1
	for line in "@begun: 1" "@freed: 40" "@limit\\[tool, 20000\\]: 200000" "@lost\\[-, 64\\]: 300" "@pools\\[64, 0\\]: 2"; do
		grep -q "^$line\$" "$TMP/told" || { echo "not told: $line"; status=1; }
	done
	got=$(sed -n 's/^@got\[tool\]: //p' "$TMP/told")
	expect_eq "given back" "$(sed -n 's/^@put\[tool\]: //p' "$TMP/told")" "${got:-something}" || status=1
	[ $status -eq 0 ] || cat "$TMP/told"
	puppets_gone tool
	return $status
}
