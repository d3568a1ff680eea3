# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Cases about the JSON twins of the files, with a parser for them; sourced, never run.

SHELL_CASES="$SHELL_CASES debugfs.json debugfs.json_parser debugfs.twins debugfs.pages debugfs.arenas_order debugfs.arenas_race"

# A parser for awk; text is what is left of it.
JSON_PARSER='
function bad(why) {
	if (!failed) print "not JSON, " why ": " substr(text, 1, 60)
	failed = 1
	text = ""
}
function skip() { sub(/^[ \t\n]+/, "", text) }
function take(re) {
	if (!match(text, re)) return 0
	taken = substr(text, 1, RLENGTH)
	text = substr(text, RLENGTH + 1)
	return 1
}
function string() {
	return take("^\"([^\"\\\\[:cntrl:]]|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-f][0-9a-f][0-9a-f][0-9a-f])*\"")
}
function object(path,	key) {
	skip()
	if (take("^}")) return
	do {
		skip()
		if (!string()) return bad("no name of a member")
		key = substr(taken, 2, length(taken) - 2)
		if ((path "." key) in seen) return bad("member " key " twice")
		seen[path "." key] = 1
		skip()
		if (!take("^:")) return bad("no colon")
		value(path "." key)
		skip()
	} while (take("^,"))
	if (!take("^}")) bad("no end of an object")
}
function array(path,	i) {
	skip()
	if (take("^]")) return
	do value(path "." i++); while (take("^,"))
	if (!take("^]")) bad("no end of an array")
}
function value(path) {
	skip()
	if (take("^{")) object(path)
	else if (take("^[[]")) array(path "")
	else if (string()) print path, substr(taken, 2, length(taken) - 2)
	else if (take("^(true|false|null)")) print path, taken
	else if (take("^-?(0|[1-9][0-9]*)")) print path, taken
	else bad("no value")
	skip()
}'

# Each value of a JSON text on stdin, "PATH VALUE" a line: ".classes.0.size 64". Strict: what RFC 8259 does not allow, a
# member twice, a number that is no integer, and anything behind the text, is an error.
json_flat()
{
	awk "$JSON_PARSER"'
	{ text = text $0 "\n" }
	END {
		value("")
		if (text != "") bad("something behind it")
		exit failed
	}'
}

json_rows()	# LIST: from "PATH VALUE" lines the rows of .LIST, their plain values a line
{
	awk -v list="$1" '
	{ n = split($1, part, ".") }
	n == 4 && part[2] == list {
		if (part[3] != row "") { if (row != "") print line; line = ""; row = part[3] }
		line = line (line == "" ? "" : " ") substr($0, length($1) + 2)
	}
	END { if (row != "") print line }'
}

json_heads()	# LIST: the names in the first of its rows
{
	awk -v list="$1" '{ n = split($1, part, ".") } n == 4 && part[2] == list && part[3] == 0 { printf "%s ", part[4] }'
}

json_schema()	# NAME HEAP: of the flat file on stdin; it begins with a schema number, and the name of the heap
{
	awk -v name="$1" -v heap="$2" '
	NR == 1 && !($1 == ".schema" && $2 ~ /^[0-9]+$/) { print name ": no schema number first"; bad = 1 }
	NR == 2 && heap != "" && !($1 == ".heap" && $2 == heap) { print name ": not of heap " heap; bad = 1 }
	END { exit bad || NR < 1 + (heap != "") }'
}

# The parser above: it is no good if it takes everything, or nothing.
case_debugfs_json_parser()
{
	status=0
	for text in '{"schema": 1, "a": [], "b": {}}' '{"a": [1, -2, 0, null, true, "x\"\\\u0001 y"], "b": {"c": [[], {}]}}' '[ ]' '7'; do
		echo "$text" | json_flat >"$TMP/flat" || { cat "$TMP/flat"; echo "refused: $text"; status=1; }
	done
	for text in '' '{' '}' '{"a": 1' '{"a": 1,}' '{"a": 1 "b": 2}' '{"a" 1}' '{a: 1}' '[1, 2' '[1 2]' '[1,]' '[,1]' '{"a": }' '{"a": 1}}' \
		'{"a": 1} {}' '{"a": 1, "a": 2}' '{"a": 01}' '{"a": 1.5}' '{"a": 0x10}' '{"a": "x}' '{"a": "\x"}' '{"a": nul}' '{1: 2}' \
		"{'a': 1}" '{"a": [1}]' "$(printf '{"a": "\001"}')"; do
		echo "$text" | json_flat >/dev/null && { echo "taken: $text"; status=1; }
	done
	expect_eq flat "$(echo '{"a": [5, {"b": "c d"}], "e": null}' | json_flat | tr '\n' ';')" ".a.0 5;.a.1.b c d;.e null;" || status=1
	return $status
}

# Something of everything, and nothing that changes while it is looked at: of a heap with and one without.
json_heaps_begin()
{
	puppet create json 0 && puppet create json.empty 2 && puppet alloc json 64 1000 && puppet alloc json 1000 5 &&
		puppet alloc json 7600 20 && puppet alloc json 50000 2 && puppet make json 0 300 && puppet make json 1 40 &&
		puppet make json 4 3 && puppet litter json 10 && puppet flush json && echo old >$OURO/json/collect &&
		puppet flush json
}

# Every file of a heap that ends so, and the list of heaps: JSON, with a schema number, and no address.
case_debugfs_json()
{
	json_heaps_begin || return 1
	status=0
	find $OURO -name '*.json' >"$TMP/files"
	while read -r file; do
		heap=${file#"$OURO/"}
		heap=${heap%"${file##*/}"}
		cat "$file" >"$TMP/json" || { echo "$file: not readable"; status=1; }
		json_flat <"$TMP/json" >"$TMP/flat" || { echo "$file: $(tail -n 1 "$TMP/flat")"; cat "$TMP/json"; status=1; }
		json_schema "$file" "${heap%/}" <"$TMP/flat" || status=1
		[ -e "${file%.json}" ] || { echo "$file is no twin"; status=1; }
	done <"$TMP/files"
	find $OURO -type f -perm -400 ! -name '*.json' ! -path "$OURO/fail_ouro/*" ! -name misuse >"$TMP/files"
	while read -r file; do
		[ -e "$file.json" ] || { echo "$file has no twin"; status=1; }
	done <"$TMP/files"
	puppets_gone json json.empty
	return $status
}

# Figures of the file's text, "PATH VALUE" a line as json_flat has them.
twin_stat()
{
	awk '!/^#/ { print "." $1, $2 }' $OURO/json/stat
}

twin_collector()
{
	awk '$2 == "heap" && /mode/ { print ".mode " substr($5, 1, length($5) - 1)
		print ".enabled " (/by themselves/ ? "true" : "false")
		print ".scanning " (/scanning$/ ? "true" : "false")
		next }
	/^#/ { single = $3 == "value"; next }
	!single && /^(below|longer )/ { young = young " " $2; old = old " " $3; next }
	!single { print ".young." $1, $2; print ".old." $1, $3; next }
	{ sub(/^last_/, "last."); print "." $1, $2 }
	END {
		n = split(young, y, " "); split(old, o, " ")
		for (i = 1; i <= n; i++) { print ".young.durations." i - 1, y[i]; print ".old.durations." i - 1, o[i] }
	}' $OURO/json/collector
}

twins_agree()	# NAME: lines of the text in $TMP/text are all in $TMP/flat, and the other way round
{
	sort "$TMP/text" >"$TMP/a"
	sort "$2" >"$TMP/b"
	[ -s "$TMP/a" ] || { echo "$1: nothing to compare"; return 1; }
	cmp -s "$TMP/a" "$TMP/b" || { echo "$1: text and JSON differ:"; diff "$TMP/a" "$TMP/b"; return 1; }
}

twin_table()	# FILE LIST COLUMNS-OF-JSON: the text's lines and its heading against the rows of its twin
{
	json_flat <"$OURO/$1.json" >"$TMP/flat" || { tail -n 1 "$TMP/flat"; return 1; }
	expect_eq "members of $1.json" "$(json_heads "$2" <"$TMP/flat")" "$3 " || return 1
	json_rows "$2" <"$TMP/flat" >"$TMP/rows"
	grep -v '^#' "$OURO/$1" | awk -v k="${4:-0}" '{ if (k) $k *= 1024; $1 = $1; print }' >"$TMP/text"
	twins_agree "$1" "$TMP/rows"
}

twin_limit()
{
	awk '{ print ".limit", $1 }' $OURO/json/limit
}

twin_threshold()
{
	awk '{ print ".young", $1; print ".middle", $2; print ".old", $3 }' $OURO/json/threshold
}

twin_mode()
{
	awk 'NR == 1 { print ".mode", $2; next } { n = NR - 2; print ".types." n ".name", $1; print ".types." n ".mode", $2 }' \
		$OURO/json/mode
}

# What a twin says is what the text says, all of it.
case_debugfs_twins()
{
	json_heaps_begin || return 1
	status=0
	twin_table heaps heaps "name live live_bytes held limit arenas failed misuse" || status=1
	twin_table json/classes classes "size live magazines depot pools pool_bytes empty allocs frees" 6 || status=1
	twin_table json/types types "name size live peak created destroyed bytes pools" || status=1
	# The text has a map only; pools are looked at below.
	twin_table json/arenas arenas "bytes node map" 1 || status=1
	expect_eq unit "$(awk '$1 == ".unit" { print $2 }' "$TMP/flat")" 16384 || status=1
	arenas_fit "$TMP/flat" || status=1
	expect_eq "types of pools" "$(awk '$1 ~ /\.type$/ { print $2 }' "$TMP/flat" | sort -u | tr '\n' ' ')" \
		"bead null ouro.vector ring " || status=1
	expect_eq pools "$(grep -c '\.type ' "$TMP/flat")" "$(stat_of json pools)" || status=1

	twin_stat >"$TMP/text"
	json_flat <$OURO/json/stat.json | grep -vE '^\.(schema|heap|flags|classes|types)[. ]' >"$TMP/flat"
	twins_agree stat "$TMP/flat" || status=1
	for list in classes types; do
		json_flat <$OURO/json/stat.json | json_rows $list >"$TMP/text"
		json_flat <$OURO/json/$list.json | json_rows $list >"$TMP/rows"
		twins_agree "$list in stat.json" "$TMP/rows" || status=1
	done

	expect_eq "scans" "$(collector_of json runs)" "0 1" || status=1
	twin_collector >"$TMP/text"
	json_flat <$OURO/json/collector.json | grep -vE '^\.(schema|heap) ' >"$TMP/flat"
	twins_agree collector "$TMP/flat" || status=1
	echo report >$OURO/json/mode
	twin_collector | grep -q '^.mode report$' || { echo "mode: not in the text"; status=1; }
	json_flat <$OURO/json/collector.json | grep -q '^.mode report$' || { echo "mode: not in JSON"; status=1; }
	for file in limit threshold mode; do
		twin_$file >"$TMP/text"
		json_flat <$OURO/json/$file.json | grep -vE '^\.(schema|heap) ' >"$TMP/flat"
		twins_agree $file "$TMP/flat" || status=1
	done
	puppets_gone json json.empty
	return $status
}

# Whether pools lie within their arena, not over each other, and are what its map shows; and no more blocks free than are.
arenas_fit()	# FLAT
{
	awk '
	function check(	i, want, digit) {
		if (map == "") return
		for (i = 0; i < units; i++)
			want = want (i in shown ? shown[i] : ".")
		if (want != map || bytes != units * 16384) { print "map " map ", of " bytes " bytes, by its pools " want; bad = 1 }
	}
	function pool() {
		for (i = 0; i < n; i++) {
			if ((u + i) in shown) { print "pools overlap in " map; bad = 1 }
			shown[u + i] = i ? "-" : free ? int((blocks - free) * 10 / blocks) : "#"
		}
		if (!n || u + n > units || free > blocks || !size || blocks * size > n * 16384) {
			print "a pool with unit " u ", units " n ", size " size ", blocks " blocks ", free " free
			bad = 1
		}
	}
	$1 ~ /^\.arenas\.[0-9]+\.bytes$/ { check(); split("", shown); bytes = $2; map = "" }
	$1 ~ /^\.arenas\.[0-9]+\.map$/ { map = $2; units = length(map) }
	$1 ~ /\.unit$/ { u = $2 }
	$1 ~ /\.units$/ { n = $2 }
	$1 ~ /\.size$/ { size = $2 }
	$1 ~ /\.blocks$/ { blocks = $2 }
	$1 ~ /\.free$/ { free = $2 }
	$1 ~ /\.type$/ { pool() }
	END { check(); exit bad }' "$1"
}

# Files of more than one page: as many arenas, by one unit each because of the limit, and whatever a reader asks for at once.
case_debugfs_pages()
{
	puppet create pages 0 || return 1
	status=0
	most=$([ "$SET" = full ] && echo 400 || echo 100)
	n=0
	while [ "$(stat_of pages arenas)" -lt "$most" ] && [ $n -lt 1000 ]; do
		n=$((n + 1))
		echo $((n * 49152)) >$OURO/pages/limit
		puppet alloc pages 2000 1000 2>/dev/null
	done
	arenas=$(stat_of pages arenas)
	[ "$arenas" -ge "$most" ] || { echo "$arenas arenas"; status=1; }
	for file in arenas arenas.json; do
		cat $OURO/pages/$file >"$TMP/whole" || status=1
		[ "$(wc -c <"$TMP/whole")" -gt 8192 ] || [ $file = arenas ] || { echo "$file: not two pages"; status=1; }
		for bytes in 1 100 4095 4096 65536; do
			[ $bytes -gt 1 ] || [ $file = arenas ] || continue
			dd if=$OURO/pages/$file bs=$bytes 2>/dev/null | cmp "$TMP/whole" - || { echo "$file by $bytes"; status=1; }
		done
		# From the middle on, as who seeks does.
		dd if=$OURO/pages/$file bs=1000 skip=5 2>/dev/null >"$TMP/rest"
		tail -c +5001 "$TMP/whole" | cmp - "$TMP/rest" || { echo "$file from the middle"; status=1; }
	done
	json_flat <"$TMP/whole" >"$TMP/flat" || { tail -n 1 "$TMP/flat"; status=1; }
	expect_eq "arenas in JSON" "$(grep -c '\.bytes ' "$TMP/flat")" "$arenas" || status=1
	expect_eq "arenas in text" "$(grep -vc '^#' $OURO/pages/arenas)" "$arenas" || status=1
	expect_eq "pools in JSON" "$(grep -c '\.type ' "$TMP/flat")" "$(stat_of pages pools)" || status=1
	puppets_gone pages
	return $status
}

blocks_lie()	# HEAP: for each arena with pools of blocks its size, and which units these begin at
{
	json_flat <"$OURO/$1/arenas.json" | awk '
	$1 ~ /^\.arenas\.[0-9]+\.bytes$/ { if (line ~ / /) print line; line = $2 }
	$1 ~ /\.unit$/ { unit = $2 }
	$1 ~ /\.type$/ && $2 == "null" { line = line " " unit }
	END { if (line ~ / /) print line }'
}

# By addresses, not by how full they are: arenas that stay are in the same order when others go and units become free.
case_debugfs_arenas_order()
{
	puppet create order 0 || return 1
	status=0
	for round in 1 2 3 4 5 6; do
		puppet make order 1 3000 && puppet alloc order 1000 $((round * 100)) || status=1
	done
	blocks_lie order >"$TMP/before"
	[ "$(sort -u "$TMP/before" | wc -l)" -ge 5 ] || { cat "$TMP/before"; echo "too few arenas"; status=1; }
	free=$(map_of order | tr -dc . | wc -c)
	puppet drop order 1 0 && puppet flush order && puppet trim order || status=1
	wait_until order_freed $((free + 10)) || { map_of order; echo "no units became free"; status=1; }
	blocks_lie order >"$TMP/after"
	cmp -s "$TMP/before" "$TMP/after" || { paste "$TMP/before" "$TMP/after"; echo "in another order"; status=1; }
	puppets_gone order
	return $status
}

order_freed()	# UNITS
{
	[ "$(map_of order | tr -dc . | wc -c)" -ge "$1" ]
}

# Arenas come and go under the reader, and pools of all kinds in them.
case_debugfs_arenas_race()
{
	puppet create rush 0 || return 1
	status=0
	rounds=$([ "$SET" = full ] && echo 60 || echo 15)
	i=0
	while [ ! -e "$TMP/stop" ]; do
		puppet alloc rush 64 4000 && puppet alloc rush 3000 300 && puppet make rush 1 3000 && puppet alloc rush 7600 60 || break
		puppet free rush 0 && puppet drop rush 1 0 && puppet trim rush || break
	done &
	churner=$!
	some=0
	while [ $i -lt "$rounds" ]; do
		i=$((i + 1))
		cat $OURO/rush/arenas >"$TMP/text" || status=1
		awk '!/^#/ && (NF != 3 || length($3) * 16 != $1 || $3 !~ /^[-#.0-9]+$/) { print; exit 1 }' "$TMP/text" || status=1
		cat $OURO/rush/arenas.json >"$TMP/json" || status=1
		json_flat <"$TMP/json" >"$TMP/flat" || { tail -n 1 "$TMP/flat"; status=1; }
		arenas_fit "$TMP/flat" || status=1
		! grep -q '\.type ' "$TMP/flat" || some=$((some + 1))
	done
	[ $some -gt 0 ] || { echo "no pool was ever seen"; status=1; }
	: >"$TMP/stop"
	wait $churner || { echo "the churner failed"; status=1; }
	rm -f "$TMP/stop"
	expect_eq live "$(stat_of rush live)" 0 || status=1
	puppets_gone rush
	return $status
}
