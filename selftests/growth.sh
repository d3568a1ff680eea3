# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Cases about what a heap has more of than when it was marked; sourced, never run.

SHELL_CASES="$SHELL_CASES growth.types growth.classes growth.sites growth.stacks growth.unmarked growth.modes growth.json
	growth.bad growth.memory growth.fault growth.races"

mark()	# HEAP
{
	write_to "$OURO/$1/mark" 1
}

# +LIVE +BYTES LIVE BYTES NAME of each row, in order.
grown()	# HEAP type|class|site
{
	awk -v w="$2" '!/^#/ && $1 == w { print $2, $3, $4, $5, (w == "type" ? $6 : $7) }' "$OURO/$1/growth"
}

grown_is()	# HEAP WHAT ROW...
{
	grown_heap=$1
	grown_what=$2
	shift 2
	for row in "$@"; do
		echo "$row"
	done >"$TMP/wanted"
	grown "$grown_heap" "$grown_what" | sed 's/+0x[^ ]*$//' >"$TMP/got"
	cmp -s "$TMP/wanted" "$TMP/got" || { echo "$grown_what:"; cat "$TMP/got"; fail "expected:
$(cat "$TMP/wanted")"; }
}

# The leak is first, though there are more of others; what went is last; what stayed is not there.
case_growth_types()
{
	puppet create grow 0 && puppet make grow 0 5000 && puppet make grow 1 300 && puppet make grow 4 7 || return 1
	status=0
	mark grow || status=1
	grown_is grow type || status=1
	puppet make grow 1 700 && puppet drop grow 0 100 && puppet flush grow && puppet make grow 3 10 || status=1
	grown_is grow type "+700 +11200 1000 16000 ring" "+10 +2560 10 2560 fan" "-100 -11200 4900 548800 bead" || status=1
	mark grow || status=1
	grown_is grow type || status=1
	puppet drop grow 1 0 && puppet flush grow || status=1
	grown_is grow type "-1000 -16000 0 0 ring" || status=1
	for shape in 0 3 4; do
		puppet drop grow $shape 0
	done
	puppets_gone grow
	return $status
}

case_growth_classes()
{
	puppet create grow 0 && puppet alloc grow 64 100 && puppet alloc grow 20000 1 || return 1
	status=0
	mark grow && puppet alloc grow 1024 10 && puppet alloc grow 64 17 && puppet alloc grow 50000 2 || status=1
	grown_is grow class "+2 +106496 3 126976 large" "+10 +10240 10 10240 1024" "+17 +1088 117 7488 64" || status=1
	puppet free grow 2 && puppet free grow 17 || status=1
	grown_is grow class "+10 +10240 10 10240 1024" || status=1
	puppets_gone grow
	return $status
}

# Of two sites with blocks of one size, the one that leaks.
case_growth_sites()
{
	puppet create grow 0 && write_to $OURO/grow/sites caller || return 1
	status=0
	puppet alloc grow 100 500 && puppet lose grow 10 && mark grow || status=1
	grown_is grow site || status=1
	puppet lose grow 60 && puppet alloc grow 100 20 && puppet free grow 0 && puppet alloc grow 100 510 && puppet make grow 1 3 || status=1
	grown_is grow site "+60 +6240 70 7280 do_lose" "+10 +1040 510 53040 do_alloc" "$(grown grow site | sed -n '3s/+0x.*//p')" ||
		status=1
	expect_eq "the objects'" "$(grown grow site | sed -n 3p | cut -d ' ' -f 1-4)" "+3 +48 3 48" || status=1
	grown_is grow class "+70 +7280 580 60320 104" || status=1
	puppet free grow 0 || status=1
	expect_eq "the one that frees" "$(grown grow site | sed 's/+0x[^ ]*$//' | tail -n 1)" "-500 -52000 0 0 do_alloc" || status=1
	puppet drop grow 1 0
	puppets_gone grow
	return $status
}

# Sites that differ by their stacks are one.
case_growth_stacks()
{
	puppet create grow 0 || return 1
	stacks_ready grow || { ret=$?; puppets_gone grow; return $ret; }
	status=0
	puppet alloc grow 100 5 && puppet hide grow || status=1
	expect_eq stacks "$(grep -c 'do_alloc' $OURO/grow/sites)" 4 || { cat $OURO/grow/sites; status=1; }
	mark grow && puppet alloc grow 100 3 || status=1
	expect_eq grown "$(grown grow site | sed 's/+0x[^ ]*$//')" "+3 +312 9 936 do_alloc" || status=1
	puppet free grow 3 && puppet unhide grow || status=1
	puppets_gone grow
	return $status
}

# Whether the time that is said may be right, when the mark came between these; to a second, of the kernel's ticks.
marked_since()	# SECONDS SECONDS
{
	least=$(now_s)
	said=$(sed -n '1s/^# heap grow, marked \([0-9]*\) seconds ago.*/\1/p' $OURO/grow/growth)
	most=$(now_s)
	[ "${said:--1}" -ge $((least - $2 - 1)) ] && [ "$said" -le $((most - $1 + 1)) ] ||
		fail "marked '$said' seconds ago, from $((least - $2)) to $((most - $1)) are right: $(head -n 1 $OURO/grow/growth)"
}

# Before there is a mark, since the beginning.
case_growth_unmarked()
{
	puppet create grow 0 && puppet alloc grow 64 100 && puppet make grow 0 10 || return 1
	status=0
	grep -q '^# heap grow, not marked' $OURO/grow/growth || { head -n 2 $OURO/grow/growth; status=1; }
	grep -q '^# sites: not noted' $OURO/grow/growth || status=1
	grown_is grow type "+10 +1120 10 1120 bead" || status=1
	grown_is grow class "+100 +6400 100 6400 64" || status=1
	before=$(now_s)
	mark grow || status=1
	after=$(now_s)
	marked_since "$before" "$after" || status=1
	sleep 3
	marked_since "$before" "$after" || status=1
	# No scan was made for it.
	expect_eq scans "$(collector_of grow runs)" "0 0" || status=1
	puppet drop grow 0 0
	puppets_gone grow
	return $status
}

# Sites that were forgotten since the mark count from nothing, and it says so.
case_growth_modes()
{
	puppet create grow 0 && write_to $OURO/grow/sites caller && puppet alloc grow 64 100 && mark grow || return 1
	status=0
	puppet alloc grow 64 5 || status=1
	grown_is grow site "+5 +320 105 6720 do_alloc" || status=1
	grep '^# sites' $OURO/grow/growth && status=1
	write_to $OURO/grow/sites caller && puppet alloc grow 64 7 || status=1
	grep -q '^# sites: noted since after the mark' $OURO/grow/growth || status=1
	grown_is grow site "+7 +448 7 448 do_alloc" || status=1
	grown_is grow class "+12 +768 112 7168 64" || status=1
	write_to $OURO/grow/sites off || status=1
	grep -q '^# sites: not noted' $OURO/grow/growth || status=1
	grown_is grow site || status=1
	mark grow && write_to $OURO/grow/sites caller && puppet alloc grow 64 3 || status=1
	grown_is grow site "+3 +192 3 192 do_alloc" || status=1
	puppets_gone grow
	return $status
}

case_growth_json()
{
	puppet create grow 0 && write_to $OURO/grow/sites caller && puppet alloc grow 64 100 && puppet make grow 1 50 || return 1
	status=0
	json_flat <$OURO/grow/growth.json >"$TMP/flat" || { tail -n 1 "$TMP/flat"; status=1; }
	expect_eq "not marked" "$(sed -n 's/^\.marked_s //p' "$TMP/flat")" null || status=1
	mark grow && puppet alloc grow 64 9 && puppet alloc grow 20000 1 && puppet drop grow 1 20 && puppet flush grow || status=1
	json_flat <$OURO/grow/growth.json >"$TMP/flat" || { tail -n 1 "$TMP/flat"; status=1; }
	json_schema growth.json grow <"$TMP/flat" || status=1
	expect_eq marked "$(awk '$1 ~ /^\.(sites_noted|sites_marked)$/ { printf "%s ", $2 }' "$TMP/flat")" "true true " || status=1
	expect_eq type "$(json_rows types <"$TMP/flat")" "ring 30 480 -20 -320" || status=1
	expect_eq classes "$(json_rows classes <"$TMP/flat" | tr '\n' ';')" "0 1 20480 1 20480;64 109 6976 9 576;" || status=1
	expect_eq sites "$(json_rows sites <"$TMP/flat" | sed 's/+0x[^ ]* / /; s/\[[a-z_]*\] //; s/^[a-z_]* //' | tr '\n' ';')" \
		"null 110 27456 10 21056;ring 30 480 -20 -320;" || status=1
	puppet drop grow 1 0
	puppets_gone grow
	return $status
}

case_growth_bad()
{
	puppet create grow 0 || return 1
	status=0
	refuses $OURO/grow/mark "" x 0 2 -1 "1 1" 18446744073709551616 "$(printf '\377\376\001')" "$(long_text)" || status=1
	grep -q '^# heap grow, not marked' $OURO/grow/growth || { echo "it is marked"; status=1; }
	cat $OURO/grow/mark >/dev/null 2>&1 && { echo "mark can be read"; status=1; }
	write_to $OURO/grow/growth 1 2>/dev/null && { echo "growth can be written"; status=1; }
	puppets_gone grow
	return $status
}

# A mark is the heap's metadata, until the next one.
case_growth_memory()
{
	puppet create grow 0 && puppet alloc grow 64 10 || return 1
	status=0
	before=$(stat_of grow metadata)
	mark grow || status=1
	marked=$(stat_of grow metadata)
	[ "$marked" -gt "$before" ] || { echo "metadata: $before, then $marked"; status=1; }
	for i in $(seq 20); do
		mark grow && cat $OURO/grow/growth $OURO/grow/growth.json >/dev/null || status=1
	done
	expect_eq "metadata in the end" "$(stat_of grow metadata)" "$marked" || status=1
	puppets_gone grow
	return $status
}

# Without memory the mark is the one before.
case_growth_fault()
{
	file=/sys/module/ouro/parameters/fail_nth
	[ -e $file ] || { skip "no failures in this build"; return 4; }
	puppet create grow 0 && puppet alloc grow 64 10 && mark grow && puppet alloc grow 64 5 || return 1
	status=0
	for nth in 1 2; do
		echo $nth >$file
		expect_error 'Cannot allocate memory\|Out of memory' mark grow || status=1
		expect_eq "failure $nth was" "$(cat $file)" 0 || status=1
	done
	before=$(stat_of grow metadata)
	for nth in 1 2 3; do
		echo $nth >$file
		expect_error 'Cannot allocate memory\|Out of memory' cat $OURO/grow/growth || status=1
		expect_eq "failure $nth was" "$(cat $file)" 0 || status=1
	done
	echo 0 >$file
	expect_eq metadata "$(stat_of grow metadata)" "$before" || status=1
	grown_is grow class "+5 +320 15 960 64" || status=1
	puppets_gone grow
	return $status
}

# Marks and readers at once, while heaps come and go.
case_growth_races()
{
	rm -f "$TMP/seen"
	workers=
	for worker in 1 2; do
		while [ ! -e "$TMP/stop" ]; do
			[ -d $OURO/grow ] && echo 1 >$OURO/grow/mark
			cat $OURO/grow/growth >/dev/null && : >"$TMP/seen"
			cat $OURO/grow/growth.json >"$TMP/raced.$worker" || continue
			json_flat <"$TMP/raced.$worker" >/dev/null || cp "$TMP/raced.$worker" "$TMP/bad"
		done 2>/dev/null &
		workers="$workers $!"
	done
	status=0
	i=0
	rounds=$([ "$SET" = full ] && echo 60 || echo 20)
	while [ $i -lt "$rounds" ] || { [ ! -e "$TMP/seen" ] && [ $i -lt 3000 ]; }; do
		puppet create grow 0 && write_to $OURO/grow/sites caller && puppet alloc grow 64 100 && puppet make grow 1 50 &&
			write_to $OURO/grow/sites off && puppet alloc grow 30000 3 && puppet destroy grow || { status=1; break; }
		i=$((i + 1))
	done
	: >"$TMP/stop"
	# They are words.
	# shellcheck disable=SC2086
	wait $workers
	rm -f "$TMP/stop"
	[ ! -e "$TMP/bad" ] || { cat "$TMP/bad"; rm "$TMP/bad"; status=1; }
	[ -e "$TMP/seen" ] || { echo "growth was never read"; status=1; }
	return $status
}
