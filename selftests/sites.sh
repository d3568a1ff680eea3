# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Cases about who allocated what is live; sourced, never run.

SHELL_CASES="$SHELL_CASES sites.counts sites.objects sites.unknown sites.large sites.bad sites.stack sites.switch sites.json
	sites.destroyed sites.unloaded sites.ways sites.ways_checked sites.contexts sites.fault sites.many sites.ages"

# LIVE BYTES of all sites whose function matches.
site_of()	# HEAP REGEX
{
	awk -v f="^($2)[+]" '!/^[#\t]/ && $6 ~ f { live += $1; bytes += $2 } END { print live + 0, bytes + 0 }' "$OURO/$1/sites"
}

# LIVE BYTES of what has no site.
site_unknown()	# HEAP
{
	awk '!/^[#\t]/ && $6 == "(unknown)" { print $1, $2 }' "$OURO/$1/sites"
}

# LIVE BYTES of a type's, of all sites.
site_type()	# HEAP TYPE
{
	awk -v t="$2" '!/^[#\t]/ && $5 == t { live += $1; bytes += $2 } END { print live + 0, bytes + 0 }' "$OURO/$1/sites"
}

# The rows are all there is.
sites_complete()	# HEAP
{
	expect_eq "sum of sites" "$(awk '!/^[#\t]/ { live += $1; bytes += $2 } END { print live + 0, bytes + 0 }' $OURO/$1/sites)" \
		"$(stat_of "$1" live) $(stat_of "$1" live_bytes)"
}

sites_mode()	# HEAP
{
	sed -n '1s/.*, mode \([a-z]*\).*/\1/p' "$OURO/$1/sites"
}

# Who, how many, how large; and no more when it is freed. The largest come first.
case_sites_counts()
{
	status=0
	for flags in 0 2 4; do
		puppet create sites $flags || return 1
		write_to $OURO/sites/sites caller || status=1
		expect_eq mode "$(sites_mode sites)" caller || status=1
		puppet alloc sites 64 2000 && puppet alloc sites 5000 30 && puppet lose sites 70 || status=1
		expect_eq "do_alloc, $flags" "$(site_of sites do_alloc)" "2030 $((2000 * 64 + 30 * 5120))" || status=1
		expect_eq "do_lose, $flags" "$(site_of sites do_lose)" "70 $((70 * 104))" || status=1
		expect_eq unknown "$(site_unknown sites)" "0 0" || status=1
		sites_complete sites || status=1
		awk '!/^[#\t]/ && $6 != "(unknown)" { if (NR > 4 && $2 > last) exit 1; last = $2 }' $OURO/sites/sites ||
			{ cat $OURO/sites/sites; echo "not the largest first"; status=1; }
		puppet free sites 30 && puppet free sites 500 || status=1
		expect_eq "after frees, $flags" "$(site_of sites do_alloc)" "1500 $((1500 * 64))" || status=1
		puppet free sites 0 || status=1
		expect_eq "all freed, $flags" "$(site_of sites do_alloc)" "0 0" || status=1
		puppet alloc sites 64 100 || status=1
		expect_eq "once more, $flags" "$(site_of sites do_alloc)" "100 6400" || status=1
		sites_complete sites || status=1
		puppets_gone sites
	done
	return $status
}

case_sites_objects()
{
	puppet create sites 0 || return 1
	status=0
	write_to $OURO/sites/sites caller || status=1
	puppet make sites 0 300 && puppet make sites 1 500 && puppet make sites 3 7 && puppet make sites 4 3 || status=1
	expect_eq bead "$(site_type sites bead)" "300 33600" || status=1
	expect_eq ring "$(site_type sites ring)" "500 8000" || status=1
	expect_eq fan "$(site_type sites fan)" "7 1792" || status=1
	# A lock in it is larger on PREEMPT_RT.
	vector=$(awk '$1 == "ouro.vector" { print $2 }' $OURO/sites/types)
	expect_eq ouro.vector "$(site_type sites ouro.vector)" "3 $((3 * vector))" || status=1
	expect_eq "objects that the puppet made" "$(site_of sites 'puppet_make|make_.*')" "810 $((43392 + 3 * vector))" ||
		status=1
	sites_complete sites || status=1
	puppet drop sites 1 499 && puppet drop sites 0 0 && puppet flush sites || status=1
	expect_eq "ring, but one" "$(site_type sites ring)" "1 16" || status=1
	expect_eq "no bead" "$(site_type sites bead)" "0 0" || status=1
	puppets_gone sites
	return $status
}

# What was there before, and what is forgotten.
case_sites_unknown()
{
	puppet create sites 0 && puppet alloc sites 64 100 && puppet make sites 1 10 || return 1
	status=0
	expect_eq off "$(sites_mode sites) $(site_unknown sites)" "off 110 6560" || status=1
	write_to $OURO/sites/sites caller || status=1
	expect_eq "from before" "$(site_unknown sites)" "110 6560" || status=1
	puppet alloc sites 64 50 || status=1
	expect_eq "from now on" "$(site_of sites do_alloc) $(site_unknown sites)" "50 3200 110 6560" || status=1
	write_to $OURO/sites/sites caller || status=1
	expect_eq "forgotten" "$(site_of sites do_alloc) $(site_unknown sites)" "0 0 160 9760" || status=1
	puppet alloc sites 64 5 && write_to $OURO/sites/sites off && puppet alloc sites 64 5 || status=1
	expect_eq "off again" "$(sites_mode sites) $(site_of sites do_alloc) $(site_unknown sites)" "off 0 0 170 10400" || status=1
	# Another heap has its sites noted meanwhile.
	puppet create other 0 && write_to $OURO/other/sites caller && puppet alloc sites 64 7 && puppet alloc other 64 3 || status=1
	expect_eq "of another heap" "$(site_of sites do_alloc) $(site_of other do_alloc)" "0 0 3 192" || status=1
	write_to $OURO/sites/sites caller || status=1
	expect_eq "nothing by then" "$(site_of sites do_alloc)" "0 0" || status=1
	puppets_gone sites other
	return $status
}

case_sites_large()
{
	puppet create sites 0 && puppet alloc sites 20000 2 || return 1
	status=0
	write_to $OURO/sites/sites caller && puppet alloc sites 50000 300 || status=1
	expect_eq large "$(site_of sites do_alloc) $(site_unknown sites)" "300 $((300 * 53248)) 2 40960" || status=1
	sites_complete sites || status=1
	puppet free sites 299 || status=1
	expect_eq "large, but one" "$(site_of sites do_alloc)" "1 53248" || status=1
	write_to $OURO/sites/sites off && write_to $OURO/sites/sites caller || status=1
	expect_eq "large, forgotten" "$(site_of sites do_alloc)" "0 0" || status=1
	puppets_gone sites
	return $status
}

case_sites_bad()
{
	puppet create sites 0 || return 1
	status=0
	write_to $OURO/sites/sites caller || status=1
	for text in "" x 1 "caller 1" "off 0" "stack 0" "stack x" "stack 1 2" "stack -1" "stack 4294967296" Caller \
		"callers" "$(printf '\377\376\001')" "%s%n" "$(long_text)"; do
		expect_error 'Invalid argument\|out of range\|too large' write_to $OURO/sites/sites "$text" || status=1
	done
	expect_eq mode "$(sites_mode sites)" caller || status=1
	puppets_gone sites
	return $status
}

# Status 4 where the kernel saves no stacks.
stacks_ready()	# HEAP
{
	write_to "$OURO/$1/sites" stack 2>"$TMP/stderr" && return 0
	grep -q 'not supported' "$TMP/stderr" || { cat "$TMP/stderr"; return 1; }
	skip "no stacks in this kernel"
	return 4
}

# Frames below a site, of which the first is the site itself.
case_sites_stack()
{
	puppet create sites 0 || return 1
	stacks_ready sites || { ret=$?; puppets_gone sites; return $ret; }
	status=0
	puppet alloc sites 64 50 && puppet lose sites 10 && puppet make sites 1 20 || status=1
	expect_eq "with a stack" "$(site_of sites do_alloc) $(site_of sites do_lose) $(site_type sites ring)" \
		"50 3200 10 1040 20 320" || status=1
	for frame in do_alloc do_lose 'puppet_make' do_write vfs_write; do
		grep -q "^	$frame+" $OURO/sites/sites || { echo "no frame of $frame"; status=1; }
	done
	awk '/^\t/ { if (site != "" && $1 != site) { print $1 " is not " site; bad = 1 } site = ""; next } { site = $6 } END { exit bad }' \
		$OURO/sites/sites || { cat $OURO/sites/sites; status=1; }
	shows_address $OURO/sites/sites && { echo "an address"; status=1; }
	sites_complete sites || status=1
	# One of four has frames; all have a site.
	write_to $OURO/sites/sites "stack 4" || status=1
	grep -q '^# .*mode stack, of one allocation in 4' $OURO/sites/sites || { head -n 1 $OURO/sites/sites; status=1; }
	puppet free sites 0 && puppet alloc sites 64 400 || status=1
	expect_eq sampled "$(site_of sites do_alloc)" "400 25600" || status=1
	expect_eq "with frames" "$(awk '!/^#/ && !/^\t/ { live = $1; next } /^\tdo_alloc/ { sum += live } END { print sum }' $OURO/sites/sites)" \
		100 || status=1
	# Callers have no frames.
	write_to $OURO/sites/sites caller && puppet alloc sites 64 1 || status=1
	grep '^	' $OURO/sites/sites && { echo "a frame"; status=1; }
	puppets_gone sites
	return $status
}

# The mode changes while others allocate, and free: what comes after it is right.
case_sites_switch()
{
	puppet create sites 0 && puppet create busy 0 || return 1
	status=0
	stack=stack
	stacks_ready sites >/dev/null || stack=caller
	while [ ! -e "$TMP/stop" ]; do
		puppet alloc busy 64 300 && puppet alloc busy 30000 5 && puppet make busy 1 100 && puppet free busy 0 &&
			puppet drop busy 1 0 || echo failed >>"$TMP/bad"
	done &
	user=$!
	while [ ! -e "$TMP/stop" ]; do
		cat $OURO/busy/sites $OURO/busy/sites.json >"$TMP/looked" || echo unread >>"$TMP/bad"
	done &
	reader=$!
	for round in $(seq "$([ "$SET" = full ] && echo 40 || echo 15)"); do
		for mode in caller $stack off "$stack" caller off; do
			write_to $OURO/busy/sites "$mode" || status=1
		done
	done
	: >"$TMP/stop"
	wait $user $reader
	rm -f "$TMP/stop"
	[ ! -e "$TMP/bad" ] || { sort "$TMP/bad" | uniq -c; rm "$TMP/bad"; status=1; }
	write_to $OURO/busy/sites caller && puppet alloc busy 64 10 && puppet make busy 1 5 || status=1
	expect_eq "in the end" "$(site_of busy do_alloc) $(site_type busy ring)" "10 640 5 80" || status=1
	sites_complete busy || status=1
	puppet drop busy 1 0
	puppets_gone sites busy
	return $status
}

# The same in JSON.
case_sites_json()
{
	puppet create sites 0 && puppet alloc sites 64 3 || return 1
	status=0
	write_to $OURO/sites/sites caller && puppet alloc sites 64 20 && puppet make sites 1 5 || status=1
	json_flat <$OURO/sites/sites.json >"$TMP/flat" || { tail -n 1 "$TMP/flat"; status=1; }
	json_schema sites.json sites <"$TMP/flat" || status=1
	expect_eq mode "$(sed -n 's/^\.mode //p' "$TMP/flat")" caller || status=1
	expect_eq untracked "$(awk '/^\.untracked/ { printf "%s ", $2 }' "$TMP/flat")" "3 192 " || status=1
	awk '/^\.sites\.[0-9]*\.(live|bytes|type|site) / { print $2 }' "$TMP/flat" >"$TMP/rows"
	awk '!/^[#\t]/ && $6 != "(unknown)" { print $1 "\n" $2 "\n" ($5 == "-" ? "null" : $5) "\n" $6 }' $OURO/sites/sites >"$TMP/text"
	expect_eq rows "$(wc -l <"$TMP/rows")" 8 || status=1
	cmp -s "$TMP/rows" "$TMP/text" || { cat "$TMP/rows" "$TMP/text"; echo "they differ"; status=1; }
	puppet drop sites 1 0
	puppets_gone sites
	return $status
}

# A heap goes while its sites are noted; the next one has none.
case_sites_destroyed()
{
	status=0
	for round in $(seq 10); do
		puppet create sites $((round % 3 * 2)) || return 1
		expect_eq "mode of a new heap" "$(sites_mode sites)" off || status=1
		write_to $OURO/sites/sites caller && puppet alloc sites 64 $((round * 100)) && puppet make sites 0 50 || status=1
		expect_eq "round $round" "$(site_of sites do_alloc)" "$((round * 100)) $((round * 6400))" || status=1
		puppet destroy sites || status=1
	done
	return $status
}

# Names of a module that is gone are not asked for, and its addresses not shown.
case_sites_unloaded()
{
	module_path ouro_test_site_guest >/dev/null || { skip "the guest is not here"; return 4; }
	puppet create guest 0 || return 1
	status=0
	write_to $OURO/guest/sites caller && module_load ouro_test_site_guest || status=1
	expect_eq "while it is there" "$(site_of guest guest_alloc)" "5 320" || status=1
	rmmod ouro_test_site_guest || status=1
	for file in sites sites.json growth growth.json; do
		cat $OURO/guest/$file >"$TMP/gone" || status=1
		grep -q guest_alloc "$TMP/gone" && { echo "$file: a name that is gone"; status=1; }
		grep -qE '0x[0-9a-f]{8}|[^0-9a-f][0-9a-f]{12}' "$TMP/gone" && { cat "$TMP/gone"; echo "$file: an address"; status=1; }
	done
	expect_eq "with no name" "$(awk '$6 == "(unknown)" { live += $1 } END { print live }' $OURO/guest/sites)" 5 || status=1
	sites_complete guest || status=1
	puppets_gone guest
	return $status
}

# Functions by which each way has so many live blocks.
WAYS="constant:2 variable:2 zalloc:2 array:2 apart:2 apart_constant:2 bulk:6 bulk_constant:6 new:2 new_zeroed:2 new_array:2 memdup:2 strdup:2 moved:2 realloc:2 region:2"
WAYS_IN_TASKS="node:2 large:2 vector:2 list:2 map:2 weak_map:2 reserve:10 store:2"

ways_noted()	# HEAP WAY:COUNT...
{
	heap=$1
	ways_status=0
	shift
	for way in "$@"; do
		expect_eq "way_${way%:*}" "$(site_of $heap "way_${way%:*}" | cut -d ' ' -f 1)" "${way#*:}" || ways_status=1
	done
	return $ways_status
}

ways_of()	# FLAGS
{
	puppet create ways "$1" && write_to $OURO/ways/sites caller && puppet ways ways 0 || return 1
	ways_failed=0
	# They are words.
	# shellcheck disable=SC2086
	ways_noted ways $WAYS $WAYS_IN_TASKS || ways_failed=1
	sites_complete ways || ways_failed=1
	expect_eq unknown "$(site_unknown ways)" "0 0" || ways_failed=1
	[ $ways_failed -eq 0 ] || cat $OURO/ways/sites
	puppets_gone ways
	return $ways_failed
}

case_sites_ways()
{
	ways_of 0
}

case_sites_ways_checked()
{
	status=0
	for flags in 2 4 6; do
		ways_of $flags || { echo "with flags $flags"; status=1; }
	done
	return $status
}

# From interrupts, and what one interrupts; in NMI notes are made where there are some.
case_sites_contexts()
{
	status=0
	for context in 1 2 3 4 5 6 7; do
		puppet create ways 0 && write_to $OURO/ways/sites caller || return 1
		if puppet ways ways $context 2>"$TMP/stderr"; then
			[ $context -eq 7 ] || uname -v | grep -q PREEMPT_RT ||
				ways_noted ways $WAYS || { echo "in context $context"; cat $OURO/ways/sites; status=1; }
			sites_complete ways || status=1
		else
			grep -q 'not supported' "$TMP/stderr" || { cat "$TMP/stderr"; echo "in context $context"; status=1; }
		fi
		puppets_gone ways
	done
	return $status
}

# Whatever fails, a block is there, by its site or without.
case_sites_fault()
{
	file=/sys/module/ouro/parameters/fail_nth
	[ -e $file ] || { skip "no failures in this build"; return 4; }
	status=0
	for nth in 1 2 3 4 5 6 8 12; do
		puppet create sites 0 && puppet make sites 1 1 && puppet alloc sites 64 1 || return 1
		echo $nth >$file
		write_to $OURO/sites/sites caller 2>/dev/null
		puppet alloc sites 64 600 2>/dev/null
		puppet make sites 1 2000 2>/dev/null
		echo 0 >$file
		sites_complete sites || { echo "failure $nth"; cat $OURO/sites/sites; status=1; }
		expect_eq mode "$(sites_mode sites)" caller || status=1
		# The table itself.
		echo 1 >$file
		expect_error 'Cannot allocate memory\|Out of memory' cat $OURO/sites/sites || status=1
		echo 0 >$file
		puppets_gone sites
	done
	return $status
}

# Of many blocks, and of pools with their headers apart.
case_sites_many()
{
	puppet create sites 0 || return 1
	status=0
	write_to $OURO/sites/sites caller || status=1
	for size in 16 24 64 1000 3000 8192; do
		puppet alloc sites $size 3000 || status=1
	done
	expect_eq many "$(site_of sites do_alloc)" "18000 $(stat_of sites live_bytes)" || status=1
	expect_eq unknown "$(site_unknown sites)" "0 0" || status=1
	puppet free sites 0 && puppet trim sites || status=1
	expect_eq none "$(site_of sites do_alloc)" "0 0" || status=1
	puppets_gone sites
	return $status
}

# OLDEST NEWEST of the one site in the twin, and in the text.
ages_of()	# HEAP
{
	json_flat <"$OURO/$1/sites.json" >"$TMP/flat" || { tail -n 1 "$TMP/flat"; return 1; }
	expect_eq "sites of $1" "$(grep -c '^\.sites\.[0-9]*\.live ' "$TMP/flat")" 1 || return 1
	awk '$1 == ".sites.0.oldest_s" { oldest = $2 } $1 == ".sites.0.newest_s" { print oldest, $2 }' "$TMP/flat"
	awk '!/^[#\t]/ && $6 != "(unknown)" { print $3, $4 }' "$OURO/$1/sites"
}

# Of small blocks and large ones, by their callers and by stacks: the oldest from before a pause, the newest from behind.
case_sites_ages()
{
	status=0
	heaps=
	puppet create age.1 0 && stacks_ready age.1 >/dev/null && modes="caller stack" || modes=caller
	puppet destroy age.1
	begin=$(now_s)
	for mode in $modes; do
		for size in 64 50000; do
			heaps="$heaps age.$mode.$size"
			puppet create age.$mode.$size 0 && write_to $OURO/age.$mode.$size/sites $mode &&
				puppet alloc age.$mode.$size $size 1 || status=1
		done
	done
	middle=$(now_s)
	sleep 3
	for heap in $heaps; do
		again=$(now_s)
		puppet alloc "$heap" "${heap##*.}" 1 || status=1
		ages=$(ages_of "$heap") || status=1
		end=$(now_s)
		for age in $(echo "$ages" | tr ' ' ,); do
			oldest=${age%,*} newest=${age#*,}
			# By the kernel's ticks, of which some may be missing, and whole seconds.
			[ "$oldest" -ge 2 ] && [ "$oldest" -ge $((again - middle - 1)) ] && [ "$oldest" -le $((end - begin + 1)) ] &&
				[ "$newest" -le $((end - again + 1)) ] && [ "$newest" -lt "$oldest" ] ||
				{ echo "$heap: from $oldest to $newest seconds ago"; status=1; }
		done
		expect_eq "$heap: lines" "$(echo "$ages" | wc -l)" 2 || status=1
	done
	# They are words.
	# shellcheck disable=SC2086
	puppets_gone $heaps
	return $status
}
