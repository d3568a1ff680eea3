# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The examples in docs/debugfs.rst against what the kernel prints now; sourced, never run.
#
# An example is a block of code in which lines with a prompt are commands, run one after the other in
# /sys/kernel/debug/ouro; what is between them is what they print.  docs_again.sh takes all of them anew.

DOCS_PROMPT="ouro# "

# JSON is broken into lines, for people.
docs_run()	# COMMAND
{
	case $1 in
	*.json)	sh -c "cd $OURO && $1" 2>&1 | fold -s -w 110 ;;
	*)	sh -c "cd $OURO && $1" 2>&1 ;;
	esac | sed -e 's/ *$//' -e 's/^/   /'
}

# The document, with what its commands print now in place of what it says.
docs_replay()	# FILE
{
	docs_block=
	while IFS= read -r docs_line; do
		case $docs_block:$docs_line in
		*:".. code-block:: console")
			docs_block=1
			printf '%s\n' "$docs_line" ;;
		1:"   $DOCS_PROMPT"*)
			printf '%s\n' "$docs_line"
			docs_run "${docs_line#"   $DOCS_PROMPT"}" ;;
		1:"   "*) ;;
		1: | :*)
			printf '%s\n' "$docs_line" ;;
		*)	docs_block=
			printf '%s\n' "$docs_line" ;;
		esac
	done <"$1"
}

# A line of what a file prints: as a row of that file, as JSON, and as any.
DOCS_LINES='
function hide(n,	i, at, rest) {	# the field n, with the blanks before it; the last one first
	rest = line
	at = 0
	for (i = 1; i <= n && match(rest, /^ *[^ ]+/); i++) {
		if (i == n) {
			line = substr(line, 1, at) shade(RLENGTH) substr(line, at + RLENGTH + 1)
			return
		}
		at += RLENGTH
		rest = substr(rest, RLENGTH + 1)
	}
}
function shade(n,	s) { while (n-- > 0) s = s "~"; return s }
function row(	n) {
	n = split(line, word, " ")
	if (file == "heaps" && word[1] !~ /^#/) { hide(6); hide(4) }
	else if (file == "stat" && word[1] ~ /^(cached|held|peak|metadata|arenas|pools)$/) hide(2)
	else if (file == "classes" && word[1] !~ /^#/) { hide(5); hide(4); hide(3) }
	else if (file == "types" && word[1] !~ /^#/) { hide(8); hide(4) }
	else if (file == "arenas" && word[1] !~ /^#/ && line ~ /^ +[0-9]+ +[0-9]+ [-.#0-9]+$/) line = "an arena"
	else if (file == "collector" && word[1] ~ /^(ns|longest_ns|below_.*|longer)$/) { hide(3); hide(2) }
	else if (file == "collector" && word[1] ~ /^(tracked|live|peak_bytes|last_ns)$/) hide(2)
	else if (file == "sites" && word[1] ~ /^[0-9]+$/ && word[3] != "-") { hide(4); hide(3) }
}
function json() {
	gsub(/ /, "", line)
	gsub(/"(cached|held|peak|metadata|arenas|pools|magazines|depot|ns|longest_ns|peak_bytes|tracked|oldest_s|newest_s|marked_s)":[0-9]+/, "&=", line)
	gsub(/:[0-9]+=/, ":~", line)
	gsub(/"durations":\[[0-9,]*\]/, "\"durations\":~", line)
	if (file == "collector") sub(/"live":[0-9]+/, "\"live\":~", line)
	if (file == "arenas") { gsub(/"(bytes|node|unit|units|size|blocks|free)":[0-9]+/, "~", line)
		gsub(/"map":"[-.#0-9]+"/, "~", line); gsub(/"type":("[a-z]+"|null)/, "type", line) }
	gsub(/\{/, "\n{", line)
	gsub(/\}\]/, "}\n]", line)
	gsub(/,\n/, "\n", line)
}
function any() {
	gsub(/[0-9a-f]+\.[0-9a-f]+\.[0-9a-f]+(\.[0-9a-f]+)?/, "H.P.B", line)
	gsub(/H\.P\.B *H/, "H.P.B H", line)
	gsub(/\+0x[0-9a-f]+\/0x[0-9a-f]+/, "+0x/0x", line)
	gsub(/\.(isra|constprop|part)\.[0-9]+/, "", line)
	gsub(/[0-9]+ seconds/, "~ seconds", line)
}'

# What is no word of ours, or not the same on each kernel, gives way to its shape: handles, places in functions, times,
# what the heap keeps in pages and magazines.  A number has the width of its column.  Objects come by their addresses, so
# the order of their rows is none.  The rest stays as it is.
docs_shape()
{
	awk -v prompt="   $DOCS_PROMPT" "$DOCS_LINES"'
	function flush(	i, n, part, cmd) {
		if (!count) return
		if (is_json) {
			line = text; json(); any(); n = split(line, part, "\n")
		} else {
			n = 0
			for (i = 1; i <= count; i++) { line = lines[i]; row(); any(); gsub(/H\.P\.B +/, "H.P.B ", line); part[++n] = line }
		}
		cmd = file ~ /^(objects|graph|audit)$/ ? "sort" : file == "arenas" ? "sort -u" : "cat"
		for (i = 1; i <= n; i++) print part[i] | cmd
		close(cmd)
		count = 0
		text = ""
	}
	index($0, prompt) == 1 {
		flush()
		print
		fflush()
		file = ""
		if (match($0, /(heaps|stat|classes|types|arenas|objects|graph|sites|collector|why|audit|retained|growth)(\.json)?$/))
			file = substr($0, RSTART, RLENGTH)
		is_json = sub(/\.json$/, "", file)
		next
	}
	/^   [^ ]/ || /^   / { lines[++count] = substr($0, 4); text = text substr($0, 4); next }
	{ flush(); print; fflush() }
	END { flush() }' | tr -d '\t'
}

# When all modules are unloaded: the document begins with no other heap and no misuse.
case_end_docs()
{
	[ "$SET" != brief ] || { skip "not in this set"; return 4; }
	docs_file=$here/../docs/debugfs.rst
	[ -e "$docs_file" ] || { skip "docs/debugfs.rst is not here"; return 4; }
	module_load ouro && module_load ouro_test_exhibit || return 1
	status=0
	docs_replay "$docs_file" >"$TMP/now"
	rmmod ouro_test_exhibit ouro || status=1
	! shows_address "$TMP/now" || { echo "there is an address"; status=1; }
	! shows_address "$docs_file" || { echo "there is an address in the document"; status=1; }
	docs_shape <"$docs_file" >"$TMP/a"
	docs_shape <"$TMP/now" >"$TMP/b"
	[ "$(grep -c "^   $DOCS_PROMPT" "$TMP/a")" -gt 40 ] || { echo "too few examples"; status=1; }
	cmp -s "$TMP/a" "$TMP/b" || { echo "docs/debugfs.rst (<) is not what the kernel prints (>):"; diff "$TMP/a" "$TMP/b"; status=1; }
	return $status
}
