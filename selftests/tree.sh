# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Cases about the sample ouro_tree; sourced, never run.

TREE=/sys/kernel/debug/ouro_tree

tree_load()
{
	module_path ouro_tree >/dev/null || { skip "the samples are not here"; return 4; }
	log_say "$1"
	module_load ouro_tree || return 1
}

# Nothing may be alive when the root goes.
tree_unload()
{
	rmmod ouro_tree || return 1
	expect_eq "reports of live objects" "$(log_count 'ouro: heap ouro_tree: destroyed with' "$1")" 0
}

tree_feed()	# LINES on stdin
{
	dd of=$TREE/feed bs=64k conv=notrunc status=none
}

tree_cut()	# PATH: prints how many nodes went
{
	write_to $TREE/cut "$1" && awk '$1 == "nodes" { print $2 }' $TREE/result
}

tree_walk()	# PATH
{
	write_to $TREE/walk "$1" && cat $TREE/walk
}

tree_stat()	# FIELDS...
{
	for field; do
		awk -v f="$field" '$1 == f { printf "%s ", $2 }' $TREE/stat
	done
}

# Each node has a name, and each but the root an entry. Prints how many there are besides the root.
tree_whole()
{
	awk '/^(dirs|files|links)/ { nodes += $2 } $1 == "live" { live = $2 } END {
		print nodes - 1
		exit live != 3 * nodes - 1
	}' $TREE/stat
}

# one and two lead deeper, and hold c; what leads up (up, back; x and y would be a cycle) or sideways does not.
tree_grow()
{
	tree_feed <<-'END'
	d /a
	d a/b/
	d /a/b/c
	f /a/b/c/f
	d e
	l /a/b/c/up -> ../..
	l one -> a/b/c
	l a/b/c/back -> /one
	l two -> ./a/../a/b//c
	l a/x -> ../e
	l e/y -> /a
	l beside -> e
	END
}

tree_has()	# PATH; LINES on stdin
{
	cat >"$TMP/wanted"
	tree_walk "$1" >"$TMP/got" && cmp -s "$TMP/wanted" "$TMP/got" || { echo "walk $1:"; cat "$TMP/got"; return 1; }
}

# Parts are cut off until nothing is left.
tree_goes()
{
	tree_grow || status=1
	expect_eq "dirs, files, links" "$(tree_stat dirs files links)" "5 1 7 " || status=1
	tree_whole >/dev/null || { echo "it is not whole"; status=1; }
	tree_has / <<-'END' || status=1
	d /
	d /a
	d /a/b
	d /a/b/c
	f /a/b/c/f
	l /a/b/c/up -> /a
	l /a/b/c/back -> /one
	l /a/x -> /e
	d /e
	l /e/y -> /a
	l /one -> /a/b/c
	l /two -> /a/b/c
	l /beside -> /e
	END

	expect_eq "gone with a: a, b, x" "$(tree_cut a)" 3 || status=1
	expect_eq "not in the tree" "$(write_to $TREE/walk "" && awk '$1 == "cut" { print $2 }' $TREE/walk)" 4 || status=1
	tree_has e <<-'END' || status=1
	d /e
	l /e/y -> (gone)
	END
	expect_eq "gone with one" "$(tree_cut /one/)" 1 || status=1
	tree_has two <<-'END' || status=1
	l /two -> (cut)/c
	d (cut)/c
	f (cut)/c/f
	l (cut)/c/up -> (gone)
	l (cut)/c/back -> (gone)
	END
	expect_eq "gone with two, the last holder" "$(tree_cut two)" 5 || status=1
	expect_eq "gone with the rest" "$(tree_cut /)" 3 || status=1
	expect_eq "left is the root with its name" "$(tree_stat dirs files links live)" "1 0 0 2 " || status=1
}

# What is held itself is cut off, then the middle of a list.
tree_goes_again()
{
	tree_grow || status=1
	expect_eq "gone with c, which is held" "$(tree_cut a/b/c)" 0 || status=1
	tree_has one <<-'END' || status=1
	l /one -> (cut)/c
	d (cut)/c
	f (cut)/c/f
	l (cut)/c/up -> /a
	l (cut)/c/back -> /one
	END
	expect_eq "gone with e" "$(tree_cut e)" 2 || status=1
	# Memory of what is gone is used again, and nobody takes the new for the old.
	printf 'd /a/z\nd /a/z/z\nf /a/z/z/z\nl /z -> a/z\n' | tree_feed || status=1
	tree_has / <<-'END' || status=1
	d /
	d /a
	d /a/b
	l /a/x -> (gone)
	d /a/z
	d /a/z/z
	f /a/z/z/z
	l /one -> (cut)/c
	l /two -> (cut)/c
	l /beside -> (gone)
	l /z -> /a/z
	END
}

case_sample_tree()
{
	tree_load tree || return
	status=0
	tree_goes
	tree_goes_again
	tree_unload tree || status=1
	return $status
}

# An error, and nothing else, from each of these lines; \0ooo is the byte of that number.
tree_garbage()
{
	long=$(awk 'BEGIN { for (i = 0; i < 256; i++) printf "n" }')
	cat <<-END
	Invalid argument|
	Invalid argument|d
	Invalid argument|d\0040
	Invalid argument|da
	Invalid argument|x z
	Invalid argument|d /
	Invalid argument|d .
	Invalid argument|f a/..
	Invalid argument|f z\0000z
	Invalid argument|\0377\0376\0001
	Invalid argument|l z
	Invalid argument|l -> a
	Invalid argument|l  -> a
	Invalid argument|l z ->\0040
	File exists|d a
	File exists|f /a/b/
	File exists|l one -> a/b/c
	No such file|f z/z
	No such file|l z -> z
	Not a directory|f a/b/c/f/z
	Not a directory|f one/z
	Not a directory|l z -> one/f
	File name too long|d $long
	File name too long|d z/$long
	File name too long|d $long$long$long$long
	File name too long|$long$long$long$long$long$long$long$long$long$long
	END
}

tree_refuses()
{
	refused=0
	tree_garbage >"$TMP/garbage"
	while IFS='|' read -r error line; do
		printf '%b\n' "$line" | expect_error "$error" tree_feed || { echo "fed: $line" | cut -c -80; refused=1; }
	done <"$TMP/garbage"
	for file in cut walk; do
		expect_error 'No such file' write_to $TREE/$file a/z || refused=1
		expect_error 'Not a directory' write_to $TREE/$file one/f || refused=1
		expect_error 'File name too long' write_to $TREE/$file "$long$long$long$long" || refused=1
		printf 'a\0b' | expect_error 'Invalid argument' dd of=$TREE/$file conv=notrunc status=none || refused=1
	done
	expect_error 'Invalid argument' write_to $TREE/cut "" || refused=1
	expect_error 'Invalid argument' write_to $TREE/cut a/.. || refused=1
	return $refused
}

case_sample_tree_refuses()
{
	tree_load refuses || return
	status=0
	tree_grow || status=1
	before=$(tree_stat dirs files links live)
	tree_refuses || status=1
	expect_eq "after garbage" "$(tree_stat dirs files links live)" "$before" || status=1

	# What comes before a line that is refused is there; what comes after is not, and is what was not taken.
	printf 'd e/z\nd e/z\nd e/q\n' | expect_error 'File exists' tree_feed || status=1
	# A line in pieces, another at the end of the file.
	{ printf 'f e/z/pie' && sleep 0.1 && printf 'ces\nf e/z/l' && sleep 0.1 && printf 'ast'; } | cat >$TREE/feed
	tree_has e <<-'END' || status=1
	d /e
	l /e/y -> /a
	d /e/z
	f /e/z/pieces
	f /e/z/last
	END
	# What was to be walked through may be gone when it is.
	tree_cut e >/dev/null || status=1
	expect_error 'No such file' cat $TREE/walk || status=1

	# As deep as it goes, and one step more.
	awk 'BEGIN { for (i = 0; i < 32; i++) print "d " (path = path "/n") }' | tree_feed || status=1
	awk 'BEGIN { for (i = 0; i < 33; i++) path = path "/n"; print "d " path }' |
		expect_error 'File name too long' tree_feed || status=1
	tree_whole >/dev/null || { echo "it is not whole"; status=1; }
	tree_unload refuses || status=1
	return $status
}

# Some hundred nodes of all types, with names of many lengths.
tree_lines()
{
	awk 'BEGIN {
		for (i = 0; i < 40; i++) {
			print "d /d" i
			name = name "nnn"
			for (j = 0; j < 8; j++) printf "f /d%d/%s%d\n", i, name, j
			for (j = 0; j < 2; j++) printf "l /l%s%d -> d%d/%s%d\n", name, j, i, name, j
		}
	}'
}

# Feed the lines after the first DONE, which were fed before, until memory runs out. Prints how many nodes there are,
# which the caller takes for the number of lines that were taken.
tree_starve()	# LINES DONE
{
	tail -n +$(($2 + 1)) "$1" | tree_feed 2>"$TMP/error" ||
		grep -q 'Cannot allocate memory\|Out of memory' "$TMP/error" || { cat "$TMP/error" >&2; return 1; }
	tree_whole
}

# Each node has the path that its line gave it, which its weak handle to its parent has to do with.
tree_holds()	# LINES
{
	cut -d ' ' -f 2 "$1" | sort >"$TMP/wanted"
	tree_walk / | sed 1d | cut -d ' ' -f 2 | sort | cmp - "$TMP/wanted"
}

# Of the allocations that the first nodes of a heap take one fails, and then they can be made.
case_sample_tree_faults()
{
	tree_load faults || return
	status=0
	failures=0
	printf 'd /some.directory\nf /some.directory/some.longer.file\nl /link -> some.directory\n' >"$TMP/lines"
	for nth in 1 2 3 4 5 6 7 8; do
		echo $nth >/sys/module/ouro/parameters/fail_nth
		fed=$(tree_starve "$TMP/lines" 0) || { echo "the failure of $nth was not survived"; status=1; break; }
		echo 0 >/sys/module/ouro/parameters/fail_nth
		[ "$fed" -eq 3 ] || failures=$((failures + 1))
		expect_eq "then" "$(tree_starve "$TMP/lines" "$fed")" 3 || status=1
		tree_holds "$TMP/lines" || status=1
		expect_eq "gone" "$(tree_cut /)" 3 || status=1
		rmmod ouro_tree && module_load ouro_tree || { status=1; break; }
	done
	echo 0 >/sys/module/ouro/parameters/fail_nth
	[ $failures -ge 3 ] || { echo "only $failures failures"; status=1; }
	tree_unload faults || status=1
	return $status
}

# The limit is raised a little each time that memory runs out, and the writer goes on where it was: nothing is lost.
case_sample_tree_limit()
{
	tree_load limit || return
	status=0
	rounds=0
	limit=$(stat_of ouro_tree held)
	tree_lines >"$TMP/lines"
	lines=$(wc -l <"$TMP/lines")
	fed=0
	while [ "$fed" -lt "$lines" ] && [ $rounds -lt 100 ]; do
		echo "$limit" >$OURO/ouro_tree/limit
		fed=$(tree_starve "$TMP/lines" "$fed") || { echo "it is not whole after $fed"; status=1; break; }
		rounds=$((rounds + 1))
		limit=$((limit + 32768))
	done
	[ $rounds -ge 5 ] || { echo "only $rounds rounds"; status=1; }
	tree_holds "$TMP/lines" || status=1
	expect_eq "gone" "$(tree_cut /)" "$lines" || status=1
	tree_unload limit || status=1
	return $status
}
