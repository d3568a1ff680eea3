# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Cases about what the kernel log says of a heap that is destroyed with live blocks; sourced, never run.

SHELL_CASES="$SHELL_CASES leak.whole leak.sites leak.blocks leak.nothing leak.many_sites leak.holders leak.objects leak.memory"

# Offsets, and what a compiler adds to names, are not the same on each kernel; handles neither.
leak_plain()
{
	sed -e 's/[0-9a-f]\{1,\}\.[0-9a-f]\{1,\}\.[0-9a-f]\{1,\}\(\.[0-9a-f]\{1,\}\)\{0,1\}:/HANDLE:/' \
		-e 's/\(\.[a-z]*\.[0-9]*\)*+0x[0-9a-f]*\/0x[0-9a-f]* \[ouro_test_puppet\]$//'
}

# The heap goes; what is said of it is in $TMP/leak.
leak_destroy()	# HEAP
{
	leak_number=$((${leak_number:-0} + 1))
	log_say "leak $leak_number"
	puppet destroy "$1" || return 1
	log_sync || return 1
	sed -n -e "/# ouro_test: leak $leak_number\$/,\$p" "$TMP/kmsg" | sed -n "s/^[^ ;]*;ouro: heap $1: //p" |
		leak_plain >"$TMP/leak"
	! shows_address "$TMP/leak" || fail "an address: $(cat "$TMP/leak")"
}

# All of it, in this order.
leak_is()	# LINES on stdin
{
	cat >"$TMP/wanted"
	cmp -s "$TMP/wanted" "$TMP/leak" || { echo "expected (<), said (>):"; diff "$TMP/wanted" "$TMP/leak"; return 1; }
}

leak_lines()	# REGEX
{
	grep -cE "$1" "$TMP/leak"
}

# Without what a case that failed has left.
leak_create()	# HEAP FLAGS
{
	puppets_gone "$1"
	puppet create "$1" "$2"
}

# Three rings, of which two hold a bead and one is held by a name, as is a vector that holds a fan; three pairs of rings
# hold each other.
leak_scene()	# HEAP FLAGS SITES
{
	leak_create "$1" "$2" && write_to "$OURO/$1/sites" "$3" && puppet alloc "$1" 64 10 && puppet make "$1" 0 1 &&
		puppet make "$1" 1 2 && puppet link "$1" 1 0 && puppet make "$1" 1 1 && puppet link "$1" 1 0 && puppet drop "$1" 0 1 &&
		puppet track "$1" 1 1 && puppet make "$1" 4 1 && puppet track "$1" 4 1 && puppet make "$1" 3 1 &&
		puppet link "$1" 4 3 && puppet drop "$1" 3 1 && puppet litter "$1" 3 && puppet flush "$1" || return 1
	leak_bytes=$(stat_of "$1" live_bytes)
	leak_vector=$(awk '$1 == "ouro.vector" { print $7 }' "$OURO/$1/types")
	[ "$leak_bytes" = $((1216 + leak_vector)) ] || fail "$leak_bytes bytes, $leak_vector of the vector"
}

# All that is said of it but who made it, and in debug heaps who asked for it.  To a ring there are several ways.
leak_scene_told()
{
	sed -i -e 's/^\(path: ring .* 1 from outside\): pin 0$/\1/' "$TMP/leak"
	grep -v -e ', made by ' -e ' asked for by ' "$TMP/leak" >"$TMP/rest"
	mv "$TMP/rest" "$TMP/leak"
	leak_is <<-END
	destroyed with 23 live blocks of $leak_bytes bytes
	live: 1 objects of type bead, 112 bytes
	live: 9 objects of type ring, 144 bytes
	live: 1 objects of type ouro.vector, $leak_vector bytes
	live: 1 objects of type fan, 256 bytes
	held: 2 objects, $((leak_vector + 256)) bytes, by references to 1 of type ouro.vector: pin 0
	held: 2 objects, 32 bytes, by references to 2 of type ring
	held: 1 objects, 16 bytes, by references to 1 of type ring: pin 0
	held: 1 objects, 112 bytes, by several of these
	held: 6 objects, 96 bytes, by cycles only
	path: ring HANDLE: ring.next -> bead, 1 from outside
	path: ring HANDLE: ring, 1 from outside
	path: ouro.vector HANDLE: ouro.vector, 1 from outside: pin 0
	path: ouro.vector HANDLE: ouro.vector.element[0] -> fan, 1 from outside: pin 0
	END
}

case_leak_whole()
{
	status=0
	for flags in 0 2 4; do
		leak_scene leak $flags off && leak_destroy leak || return 1
		expect_eq "made by" "$(leak_lines 'made by')" 0 || status=1
		leak_scene_told || { echo "with flags $flags"; status=1; }
	done
	return $status
}

# LIVE BYTES WHAT of lines about who made it, taken together: how many functions that is depends on the compiler.
leak_made()
{
	sed -n 's/^live: \([0-9]*\) \(.*\), \([0-9]*\) bytes, made by \([a-z]\)/\1 \3 \2:\4/p' "$TMP/leak" | awk '
	{ what = $0; sub(/^[^ ]* [^ ]* /, "", what); sub(/:.*/, "", what); live[what] += $1; bytes[what] += $2 }
	END { for (what in live) print live[what], bytes[what], what }' | sort
}

case_leak_sites()
{
	status=0
	for mode in caller stack; do
		leak_scene leak 0 $mode 2>"$TMP/stderr" || {
			grep -q 'not supported' "$TMP/stderr" && continue
			cat "$TMP/stderr"
			return 1
		}
		leak_destroy leak || return 1
		grep -qx 'live: 10 blocks, 640 bytes, made by do_alloc' "$TMP/leak" || { cat "$TMP/leak"; status=1; }
		leak_made >"$TMP/got"
		sort >"$TMP/wanted" <<-END
		1 112 objects of type bead
		1 256 objects of type fan
		1 $leak_vector objects of type ouro.vector
		9 144 objects of type ring
		11 704 blocks
		END
		cmp -s "$TMP/wanted" "$TMP/got" || { diff "$TMP/wanted" "$TMP/got"; echo "with mode $mode"; status=1; }
		# The most bytes first.
		sed -n 's/^live: .*, \([0-9]*\) bytes, made by .*/\1/p' "$TMP/leak" >"$TMP/got"
		sort -rn "$TMP/got" | cmp -s - "$TMP/got" || { cat "$TMP/leak"; echo "not the largest first"; status=1; }
		leak_scene_told || status=1
	done
	return $status
}

# With no object there is nothing to be held; what was there before sites were noted has none.
case_leak_blocks()
{
	leak_create leak 0 && puppet alloc leak 64 5 && puppet alloc leak 20000 1 && leak_destroy leak || return 1
	status=0
	leak_is <<-'END' || status=1
	destroyed with 6 live blocks of 20800 bytes
	END
	leak_create leak 0 && puppet alloc leak 64 5 && write_to $OURO/leak/sites caller && puppet alloc leak 64 7 &&
		puppet lose leak 3 && leak_destroy leak || return 1
	leak_is <<-'END' || status=1
	destroyed with 15 live blocks of 1080 bytes
	live: 7 blocks, 448 bytes, made by do_alloc
	live: 3 blocks, 312 bytes, made by do_lose
	END
	return $status
}

# Nothing is said of a heap that is empty, whatever was there.
case_leak_nothing()
{
	leak_create leak 0 && write_to $OURO/leak/sites caller && puppet alloc leak 64 100 && puppet make leak 1 100 &&
		puppet track leak 1 1 || return 1
	# A name goes with its object, with a report of that; this one has none.
	puppet make leak 0 50 && puppet free leak 0 && puppet drop leak 0 0 && puppet flush leak || return 1
	leak_destroy leak || return 1
	expect_eq "with rings" "$(leak_lines '^destroyed with 100 live blocks of 1600 bytes$')" 1 || return 1
	leak_create leak 0 && puppet alloc leak 64 100 && puppet make leak 4 100 && puppet free leak 0 && puppet drop leak 4 0 &&
		puppet flush leak && leak_destroy leak || return 1
	leak_is </dev/null
}

# Ten of them, and how many more.
case_leak_many_sites()
{
	leak_create leak 0 && write_to $OURO/leak/sites caller && puppet ways leak 0 || return 1
	status=0
	# What is in reserves goes before.
	sites=$(awk '!/^[#\t]/ && $6 !~ /^(\(unknown\)$|way_reserve[+])/' $OURO/leak/sites | wc -l)
	[ "$sites" -gt 20 ] || { echo "$sites sites"; status=1; }
	leak_destroy leak || return 1
	expect_eq "lines of sites" "$(leak_lines '^live: .*, made by ')" 10 || status=1
	expect_eq "the largest" "$(grep -m 1 'made by' "$TMP/leak")" "live: 2 blocks, 40960 bytes, made by way_large" || status=1
	expect_eq more "$(grep 'more sites' "$TMP/leak")" "live: and from $((sites - 10)) more sites" || status=1
	return $status
}

# More than there is room for: these are taken together, and are the most bytes.
case_leak_holders()
{
	status=0
	leak_create leak 0 && puppet make leak 1 12 && puppet track leak 1 12 && leak_destroy leak || return 1
	expect_eq "lines of twelve" "$(leak_lines '^held: 1 objects, 16 bytes, by references to 1 of type ring: pin [0-9]+$')" 10 || status=1
	expect_eq "more of twelve" "$(grep 'more sorts' "$TMP/leak")" "held: and by 2 more sorts of references" || status=1
	leak_create leak 0 && puppet make leak 1 1100 && puppet track leak 1 1100 && leak_destroy leak || return 1
	expect_eq "the first line" "$(grep -m 1 '^held' "$TMP/leak")" \
		"held: 77 objects, 1232 bytes, by references to 77 of type (others)" || status=1
	expect_eq lines "$(leak_lines '^held: 1 objects, 16 bytes, by references to 1 of type ring: pin [0-9]+$')" 9 || status=1
	expect_eq more "$(grep 'more sorts' "$TMP/leak")" "held: and by 1014 more sorts of references" || status=1
	return $status
}

# Of more than a hundred thousand it is not looked for who holds them.
case_leak_objects()
{
	status=0
	for objects in 100000 100001; do
		leak_create leak 0 && write_to $OURO/leak/sites caller && puppet make leak 1 $objects && leak_destroy leak || return 1
		expect_eq types "$(leak_lines "^live: $objects objects of type ring, ${objects%?????}6000[01][06] bytes$")" 1 || status=1
		expect_eq sites "$(leak_lines "^live: $objects objects of type ring, .* made by ")" 1 || status=1
		wanted=$([ $objects = 100000 ] && echo 1 || echo 0)
		expect_eq "$objects: held" "$(leak_lines '^held: ')" "$wanted" || status=1
		expect_eq "$objects: path" "$(leak_lines '^path: ')" "$wanted" || status=1
	done
	return $status
}

# Whatever there is no memory for is left out, and the rest is said.
case_leak_memory()
{
	file=/sys/module/ouro/parameters/fail_nth
	[ -e $file ] || { skip "no failures in this build"; return 4; }
	status=0
	nth=0
	left=0
	: >"$TMP/without"
	while [ $left -eq 0 ] && [ $nth -lt 40 ]; do
		nth=$((nth + 1))
		leak_scene leak 0 caller || return 1
		echo $nth >$file
		leak_destroy leak || status=1
		left=$(cat $file)
		echo 0 >$file
		[ ! -e $OURO/leak ] || { echo "failure $nth: the heap is there"; return 1; }
		expect_eq "failure $nth: types" "$(leak_lines '^live: [0-9]+ objects of type [a-z.]+, [0-9]+ bytes$')" 4 || status=1
		leak_left_out "$left" >>"$TMP/without" || { echo "failure $nth"; status=1; }
	done
	# Each of these was left out at least once, and nothing in the end.
	expect_eq "left out" "$(sort -u "$TMP/without" | tr '\n' ' ')" "held nothing path paths sites " || status=1
	expect_eq "in the end" "$(tail -n 1 "$TMP/without")" nothing || status=1
	return $status
}

# What a report has not; only one thing may be missing, and that is said of who holds it.
leak_left_out()	# LEFT
{
	sites=$(leak_lines ', made by do_alloc$') held=$(leak_lines '^held: [0-9]') paths=$(leak_lines '^path: ')
	none=$(leak_lines '^held: no memory to find out by whom$')
	case $sites:$held:$paths:$none in
	0:5:4:0) echo sites ;;
	1:0:0:1) echo held ;;
	1:5:0:0) echo paths ;;
	1:5:3:0) echo path ;;
	1:5:4:0) echo nothing ;;
	*)	echo "sites $sites, held $held, paths $paths, none $none"
		cat "$TMP/leak" >&2
		return 1 ;;
	esac
}
