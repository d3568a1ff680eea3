# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Cases about files and modules; sourced, never run. Each is a function case_NAME; see ktap_run.

SHELL_CASES="debugfs.readable debugfs.few debugfs.headings debugfs.figures debugfs.arenas debugfs.limit debugfs.trim
	debugfs.types debugfs.peak debugfs.containers debugfs.types_race
	debugfs.garbage debugfs.misuse debugfs.races debugfs.fail_ouro
	parameter.fail_nth sample.sessions sample.tree sample.tree_refuses sample.tree_faults sample.tree_limit sample.registry
	sample.cycle sample.cycle_refuses
	module.busy module.scanned module.orphan module.twice usercopy.large
	memcg.charged memcg.plain memcg.outlived hotplug.drains hotplug.disturbed
	shrinker.drop_caches shrinker.counts
	kmemleak.sees kmemleak.follows pages.return"

case_debugfs_readable()
{
	puppet create look 0 && puppet alloc look 64 100 && puppet alloc look 50000 2 && puppet make look 1 10 || return 1
	status=0
	find $OURO -type f -perm -400 >"$TMP/files"
	[ "$(wc -l <"$TMP/files")" -ge 7 ] || status=1
	while read -r file; do
		cat "$file" >"$TMP/content" || { echo "$file: not readable"; status=1; }
		[ -s "$TMP/content" ] || { echo "$file: empty"; status=1; }
		# Only numbers and words: no address of the kernel.
		shows_address "$TMP/content" && { echo "$file: an address"; status=1; }
	done <"$TMP/files"
	for file in heaps misuse look/stat look/classes look/types look/arenas look/limit look/collector look/threshold look/mode; do
		[ -e $OURO/$file ] || { echo "$file is missing"; status=1; }
	done
	[ -e $OURO/look/trim ] || { echo "trim is missing"; status=1; }
	puppets_gone look
	return $status
}

files_of()	# HEAP...: how many files each has
{
	for heap; do
		find "$OURO/$heap" -type f | wc -l
	done | paste -s -d ' '
}

# Heaps beyond so many have few files, and a full directory that goes makes room for another.
case_debugfs_few()
{
	full=/sys/module/ouro/parameters/full_directories
	had=$(cat $full)
	now=$(find $OURO -mindepth 2 -name arenas | wc -l)
	status=0
	echo $((now + 2)) >$full
	puppet create a 0 && puppet create b 0 && puppet create c 0 || status=1
	expect_eq "files of a, b, c" "$(files_of a b c)" "33 33 9" || status=1
	puppet alloc c 64 10 && expect_eq live "$(stat_of c live)" 10 || status=1
	puppet destroy a && puppet create d 0 && puppet create e 0 || status=1
	expect_eq "files of b, c, d, e" "$(files_of b c d e)" "33 9 33 9" || status=1
	echo "$had" >$full
	puppets_gone b c d e
	return $status
}

case_debugfs_headings()
{
	puppet create head 4 && puppet alloc head 64 10 && puppet make head 0 10 || return 1
	status=0
	for file in heaps head/stat head/classes head/types head/arenas head/collector; do
		head -n 1 $OURO/$file | grep -q '^#' || { echo "$file: no heading"; status=1; }
		grep -qE 'bytes|blocks|KiB|pages' $OURO/$file || { echo "$file: no unit"; status=1; }
	done
	head -n 1 $OURO/head/stat | grep -q debug || { echo "stat: does not tell the flags"; status=1; }
	# As many columns in each line as in the heading above it.
	awk '/^#/ { n = NF - 1; next } NF != n { print "heaps: " $0; bad = 1 } END { exit bad }' $OURO/heaps || status=1
	for file in classes types; do
		awk -v f=$file '/^#/ { n = NF - 1; next } NF != n { print f ": " $0; bad = 1 } END { exit bad }' \
			$OURO/head/$file || status=1
	done
	puppets_gone head
	return $status
}

case_debugfs_figures()
{
	puppet create figures 0 && puppet alloc figures 64 1000 && puppet alloc figures 20000 3 || return 1
	status=0
	expect_eq live "$(stat_of figures live)" 1003 || status=1
	expect_eq large "$(stat_of figures large)" 3 || status=1
	expect_eq allocs "$(stat_of figures allocs)" 1003 || status=1
	expect_eq live_bytes "$(stat_of figures live_bytes)" $((64000 + 3 * 20480)) || status=1
	expect_eq classes "$(awk '$1 == 64 { print $2 }' $OURO/figures/classes)" 1000 || status=1
	expect_eq heaps "$(awk '$1 == "figures" { print $2 }' $OURO/heaps)" 1003 || status=1
	[ "$(grep -vc '^#' $OURO/figures/arenas)" = "$(stat_of figures arenas)" ] || { echo "arenas differ"; status=1; }
	puppet free figures 0
	expect_eq frees "$(stat_of figures frees)" 1003 || status=1
	puppets_gone figures
	[ ! -e $OURO/figures ] || { echo "the directory outlived the heap"; status=1; }
	grep -q '^figures ' $OURO/heaps && { echo "the line outlived the heap"; status=1; }
	return $status
}

map_of()	# HEAP: the units of its arenas, one character each
{
	awk '!/^#/ { print $3 }' "$OURO/$1/arenas"
}

# On one CPU the magazines take a known number of blocks out of a pool: 125 of some 254.
case_debugfs_arenas()
{
	puppet create units 0 && on_cpu 0 puppet alloc units 64 100 || return 1
	status=0
	expect_eq "one pool in use" "$(map_of units)" 4 || status=1
	on_cpu 0 puppet alloc units 64 3000 || status=1
	map_of units | grep -q '##' || { map_of units; echo "no full pools"; status=1; }
	puppet alloc units 7600 1 || status=1
	map_of units | grep -q '[0-9]-' || { map_of units; echo "no pool of several units"; status=1; }
	puppet free units 0 && puppet trim units || status=1
	expect_eq "all free" "$(map_of units)" "" || status=1
	puppets_gone units
	return $status
}

case_debugfs_limit()
{
	puppet create limit 0 || return 1
	status=0
	expect_eq "limit of a new heap" "$(cat $OURO/limit/limit)" 0 || status=1
	echo 262144 >$OURO/limit/limit || status=1
	expect_eq limit "$(cat $OURO/limit/limit)" 262144 || status=1
	expect_eq "limit in stat" "$(stat_of limit limit)" 262144 || status=1
	expect_error 'Cannot allocate memory\|Out of memory' puppet alloc limit 1000 1000 || status=1
	[ "$(stat_of limit limit_hits)" -ge 1 ] || { echo "no limit_hits"; status=1; }
	[ "$(stat_of limit held)" -le 262144 ] || { echo "above the limit"; status=1; }
	echo 0x400000 >$OURO/limit/limit || status=1
	expect_eq limit "$(cat $OURO/limit/limit)" 4194304 || status=1
	puppet alloc limit 1000 1000 || { echo "not after the limit was raised"; status=1; }
	puppets_gone limit
	return $status
}

case_debugfs_trim()
{
	puppet create trim 0 || return 1
	status=0
	# Whatever CPU has it in its magazines.
	for cpu in $(online_cpus); do
		on_cpu "$cpu" puppet alloc trim 1000 5000 && on_cpu "$cpu" puppet free trim 0 || status=1
	done
	[ "$(stat_of trim cached)" -gt 0 ] || { echo "nothing was cached"; status=1; }
	echo 1 >$OURO/trim/trim || status=1
	expect_eq "held after trim" "$(stat_of trim held)" 0 || status=1
	expect_eq "cached after trim" "$(stat_of trim cached)" 0 || status=1
	puppets_gone trim
	return $status
}

# Each piece of garbage to each writable file: an error, and nothing changed.
case_debugfs_garbage()
{
	puppet create garbage 0 && puppet alloc garbage 64 100 || return 1
	puppet free garbage 50
	echo 1048576 >$OURO/garbage/limit
	cat $OURO/garbage/stat $OURO/garbage/limit $OURO/garbage/threshold $OURO/garbage/mode >"$TMP/before"
	status=0
	for file in $(find $OURO/garbage -type f -perm -200) /sys/module/ouro/parameters/fail_nth; do
		for text in "" x -1 "1 2" "1x" 0x "12 MiB" 99999999999999999999 0000000000000000000000000000001x \
			"$(printf '\377\376\001')" "%s%n" "$(long_text)"; do
			# One to three numbers are a threshold.
			[ "${file##*/} $text" != "threshold 1 2" ] || continue
			expect_error 'Invalid argument\|out of range\|too large' write_to "$file" "$text" || status=1
		done
	done
	cat $OURO/garbage/stat $OURO/garbage/limit $OURO/garbage/threshold $OURO/garbage/mode >"$TMP/after"
	cmp "$TMP/before" "$TMP/after" || status=1
	expect_eq fail_nth "$(cat /sys/module/ouro/parameters/fail_nth)" 0 || status=1
	find $OURO -type f ! -perm -200 ! -path '*/fail_ouro/*' >"$TMP/files"
	while read -r file; do
		write_to "$file" 1 2>/dev/null && { echo "$file can be written"; status=1; }
	done <"$TMP/files"
	puppets_gone garbage
	return $status
}

case_debugfs_misuse()
{
	before=$(cat $OURO/misuse)
	log_say "misuse $before"
	puppet foreign && puppet foreign || return 1
	expect_eq misuse "$(cat $OURO/misuse)" $((before + 2)) || return 1
	expect_eq reports "$(log_count 'ouro: .*foreign' "misuse $before")" 2
}

# Files are read while their heap comes and goes: what was read to its end is whole.
race_look()
{
	while [ ! -e "$TMP/stop" ]; do
		cat $OURO/heaps $OURO/race/* >/dev/null 2>&1
		for file in $OURO/heaps.json $OURO/race/*.json; do
			cat "$file" >"$TMP/raced" 2>/dev/null || continue
			json_flat <"$TMP/raced" >"$TMP/raced_flat" || { echo "$file: $(tail -n 1 "$TMP/raced_flat")"; return 1; }
			: >"$TMP/whole.${file##*/}"
		done
	done
}

case_debugfs_races()
{
	race_look &
	reader=$!
	status=0
	rounds=$([ "$SET" = full ] && echo 60 || echo 20)
	i=0
	while [ $i -lt "$rounds" ]; do
		puppet create race $((i % 3 * 2)) && puppet alloc race 100 50 && puppet make race 0 50 && puppet destroy race || { status=1; break; }
		i=$((i + 1))
	done
	: >"$TMP/stop"
	wait $reader || status=1
	[ -e "$TMP/whole.heaps.json" ] || { echo "heaps.json was never whole"; status=1; }
	rm -f "$TMP/stop" "$TMP"/whole.*
	return $status
}

# The kernel's way to say how often the module's own allocations fail.
case_debugfs_fail_ouro()
{
	dir=$OURO/fail_ouro
	[ -d $dir ] || { skip "no fault injection in this kernel"; return 4; }
	status=0
	echo 0 >$dir/verbose
	echo -1 >$dir/times
	echo 100 >$dir/probability
	expect_error 'Cannot allocate memory\|Out of memory' puppet create always 0 || status=1
	echo 0 >$dir/probability
	puppet create always 0 || status=1
	echo 100 >$dir/probability
	expect_error 'Cannot allocate memory\|Out of memory' puppet alloc always 64 1 || status=1
	echo 0 >$dir/probability
	puppet alloc always 64 1 || status=1
	puppets_gone always
	return $status
}

case_parameter_fail_nth()
{
	file=/sys/module/ouro/parameters/fail_nth
	status=0
	echo 1 >$file || status=1
	expect_eq fail_nth "$(cat $file)" 1 || status=1
	expect_error 'Cannot allocate memory\|Out of memory' puppet create nth 0 || status=1
	expect_eq fail_nth "$(cat $file)" 0 || status=1
	echo 1000 >$file
	puppet create nth 0 || status=1
	[ "$(cat $file)" -lt 1000 ] || { echo "it does not count"; status=1; }
	[ "$(cat $file)" -gt 0 ] || { echo "it forgot the count"; status=1; }
	echo 0 >$file
	puppets_gone nth
	return $status
}

# The module that README.md shows, and what it says comes of it.
case_sample_sessions()
{
	module_path sessions >/dev/null || { skip "the samples are not here"; return 4; }
	log_say "sessions"
	module_load sessions || return 1
	status=0
	expect_eq live "$(stat_of sessions live)" 750 || status=1
	expect_eq live_bytes "$(stat_of sessions live_bytes)" 90000 || status=1
	expect_eq sizes "$(awk '!/^#/ { printf "%s ", $1 }' $OURO/sessions/classes)" "16 120 224 " || status=1
	rmmod sessions || status=1
	expect_eq reports "$(log_count 'ouro: heap sessions: destroyed with 750 live blocks of 90000 bytes$' sessions)" 1 ||
		status=1
	return $status
}

# A registry written by hand and one with objects and a weak map: each does all that is expected of it.
case_sample_registry()
{
	module_path ouro_registry >/dev/null || { skip "the samples are not here"; return 4; }
	log_say "registry"
	module_load ouro_registry || return 1
	status=0
	cat $DEBUG/ouro_registry/test >"$TMP/verdicts" || status=1
	cat "$TMP/verdicts"
	expect_eq cases "$(awk '!/^#/ && $2 == "pass" && $3 == "pass"' "$TMP/verdicts" | wc -l)" 9 || status=1
	# What was left behind on purpose, and nothing else.
	expect_eq reports "$(log_count 'ouro: heap ouro_registry: destroyed with' registry)" 1 || status=1
	expect_eq types "$(log_count 'heap ouro_registry: live: 1 objects of type ouro_resource,' registry)" 1 || status=1
	cat $DEBUG/ouro_registry/compare >"$TMP/costs" || status=1
	cat "$TMP/costs"
	expect_eq costs "$(awk '!/^#/ && $3 > 0 && $4 > 0' "$TMP/costs" | wc -l)" 5 || status=1
	rmmod ouro_registry || status=1
	[ ! -e $OURO/ouro_registry ] || { echo "a heap was left"; status=1; }
	return $status
}

# With a heap alive the module stays, whoever else has gone.
case_module_busy()
{
	puppet create busy 0 && puppet alloc busy 64 10 || return 1
	status=0
	rmmod ouro 2>"$TMP/stderr" && { echo "ouro.ko went with a heap alive"; status=1; }
	grep -qi 'busy\|in use\|temporarily unavailable' "$TMP/stderr" || { cat "$TMP/stderr"; status=1; }
	expect_eq live "$(stat_of busy live)" 10 || status=1
	puppets_gone busy
	return $status
}

# Nor while a heap is scanned, again and again.
case_module_scanned()
{
	puppet create scanned 0 && puppet make scanned 1 20000 && puppet litter scanned 5000 || return 1
	status=0
	while [ ! -e "$TMP/stop" ]; do
		echo old
	done >$OURO/scanned/collect &
	scanner=$!
	for round in 1 2 3 4 5; do
		# At least one has begun before and one ends after it.
		runs=$(collector_sum scanned runs)
		wait_until scanned_since "$runs" || status=1
		expect_error 'in use\|busy\|temporarily unavailable' rmmod ouro || status=1
		wait_until scanned_since $((runs + 1)) || { echo "round $round"; status=1; }
	done
	: >"$TMP/stop"
	wait $scanner
	rm -f "$TMP/stop"
	expect_rings "that are held" scanned 20000 || status=1
	expect_eq freed "$(collector_sum scanned freed)" 10000 || status=1
	puppets_gone scanned
	return $status
}

scanned_since()	# RUNS
{
	[ "$(collector_sum scanned runs)" -gt "$1" ]
}

# A module that leaves its heap behind is told of, and the heap keeps ouro.ko.
case_module_orphan()
{
	[ -e /proc/lockdep ] && { skip "a lock must not outlive its key"; return 4; }
	log_say "orphan"
	before=$(cat $OURO/misuse)
	module_load ouro_test_orphan && rmmod ouro_test_orphan || return 1
	status=0
	expect_eq reports "$(log_count 'ouro: .*orphan.*left behind' orphan)" 1 || status=1
	expect_eq misuse "$(cat $OURO/misuse)" $((before + 1)) || status=1
	grep -q '^orphan ' $OURO/heaps || { echo "the heap is gone"; status=1; }
	cat $OURO/orphan/stat $OURO/orphan/classes >/dev/null || status=1
	return $status
}

case_module_twice()
{
	expect_error 'File exists' module_load ouro
}

# The user may read a whole block of any size, straight from the heap.
case_usercopy_large()
{
	status=0
	for flags in 0 2 4; do
		puppet create copy $flags || return 1
		for size in 64 1000 4096 8192 20000 300000; do
			puppet alloc copy $size 1 || status=1
			expect_eq "bytes of $size" "$(wc -c <$DEBUG/ouro_puppet/data)" $size || status=1
		done
		puppets_gone copy
	done
	return $status
}
