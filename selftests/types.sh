# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Cases about what a heap tells of its objects by type; sourced, never run.

types_of()	# HEAP: one line a type, NAME SIZE LIVE PEAK CREATED DESTROYED BYTES POOLS
{
	awk '!/^#/ { print $1, $2, $3, $4, $5, $6, $7, $8 }' "$OURO/$1/types"
}

# The same out of stat.json, whose names of fields are left for types_agree() to look at.
types_json()	# HEAP
{
	sed -n 's/.*"types": \[\(.*\)\].*/\1/p' "$OURO/$1/stat.json" | sed 's/}, {/}\n{/g' |
		sed -n 's/^{"name": "\(.*\)", "size": \(.*\), "live": \(.*\), "peak": \(.*\), "created": \(.*\), "destroyed": \(.*\), "bytes": \(.*\), "pools": \(.*\)}$/\1 \2 \3 \4 \5 \6 \7 \8/p'
}

types_agree()	# HEAP: text and JSON, and the sum of the types is that of the heap
{
	types_of "$1" >"$TMP/text"
	types_json "$1" >"$TMP/json"
	cmp -s "$TMP/text" "$TMP/json" || { echo "JSON differs:"; cat "$TMP/text" "$TMP/json"; return 1; }
	sums=$(awk '{ live += $3; made += $5; gone += $6; bytes += $7; pools += $8 }
		END { print live + 0, made + 0, gone + 0, bytes + 0, pools + 0 }' "$TMP/text")
	stat=$(for field in live allocs frees live_bytes pools; do stat_of "$1" $field; done | tr '\n' ' ')
	expect_eq "sums of $1" "$sums " "$stat"
}

# LIVE CREATED DESTROYED BYTES of a type, and the size of its blocks before them.
type_is()	# HEAP TYPE SIZE LIVE CREATED DESTROYED BYTES
{
	expect_eq "$2" "$(types_of "$1" | awk -v t="$2" '$1 == t { print $2, $3, $5, $6, $7 }')" "$3 $4 $5 $6 $7"
}

type_peak()	# HEAP TYPE
{
	types_of "$1" | awk -v t="$2" '$1 == t { print $4 }'
}

# Two types and an array of two sizes. Dead objects are counted, and not forgotten with their memory.
case_debugfs_types()
{
	puppet create types 0 || return 1
	status=0
	expect_eq "types of a heap without" "$(types_of types)" "" || status=1
	grep -q '"types": \[\]' $OURO/types/stat.json || { echo "JSON tells of types"; status=1; }
	puppet make types 0 3000 && puppet make types 1 500 && puppet make types 2 40 && puppet make types 3 7 || status=1
	type_is types bead 112 3000 3000 0 336000 || status=1
	type_is types ring 16 500 500 0 8000 || status=1
	type_is types fan 16 47 47 0 $((40 * 32 + 7 * 256)) || status=1
	types_agree types || status=1
	puppet drop types 0 1200 && puppet drop types 3 5 || status=1
	type_is types bead 112 1800 3000 1200 201600 || status=1
	type_is types ring 16 500 500 0 8000 || status=1
	type_is types fan 16 42 47 5 $((40 * 32 + 2 * 256)) || status=1
	types_agree types || status=1
	puppet drop types 0 0 && puppet drop types 1 0 && puppet drop types 2 0 && puppet drop types 3 0 || status=1
	puppet trim types
	type_is types bead 112 0 3000 3000 0 || status=1
	type_is types ring 16 0 500 500 0 || status=1
	type_is types fan 16 0 47 47 0 || status=1
	expect_eq "pools left" "$(types_of types | awk '{ print $8 }' | tr '\n' ' ')" "0 0 0 " || status=1
	expect_eq "order of types" "$(types_of types | awk '{ print $1 }' | tr '\n' ' ')" "bead ring fan " || status=1
	types_agree types || status=1
	puppets_gone types
	return $status
}

# On one CPU: what is out of the pools is live, or in its magazines.
case_debugfs_peak()
{
	puppet create peak 0 && on_cpu 0 puppet make peak 0 3000 || return 1
	status=0
	most=$(type_peak peak bead)
	expect_eq peak "$most" $((3000 + $(stat_of peak cached))) || status=1
	on_cpu 0 puppet drop peak 0 2000 && puppet trim peak || status=1
	expect_eq "peak after objects went" "$(type_peak peak bead)" "$most" || status=1
	on_cpu 0 puppet make peak 0 1000 || status=1
	expect_eq "peak below the highest" "$(type_peak peak bead)" "$most" || status=1
	on_cpu 0 puppet make peak 0 3000 || status=1
	expect_eq "next peak" "$(type_peak peak bead)" $((5000 + $(stat_of peak cached))) || status=1
	expect_eq "peak of another type" "$(type_peak peak ring)" "" || status=1
	puppets_gone peak
	return $status
}

# Containers are types of the module's own, and are there from the first of each on.
case_debugfs_containers()
{
	puppet create boxes 0 || return 1
	status=0
	shape=4
	for type in ouro.vector ouro.list ouro.map ouro.weak_map; do
		expect_eq "$type before the first" "$(types_of boxes | grep -c "^$type ")" 0 || status=1
		puppet make boxes $shape $((10 * shape)) && puppet drop boxes $shape $shape && puppet flush boxes || status=1
		expect_eq $type "$(types_of boxes | awk -v t=$type '$1 == t { print $3, $5, $6, $7 / $2 }')" \
			"$((9 * shape)) $((10 * shape)) $shape $((9 * shape))" || status=1
		shape=$((shape + 1))
	done
	puppet make boxes 0 1 || status=1
	expect_eq types "$(types_of boxes | wc -l)" 5 || status=1
	types_of boxes >"$TMP/text"
	types_json boxes | cmp -s "$TMP/text" - || { types_json boxes; echo "JSON differs"; status=1; }
	puppets_gone boxes
	return $status
}

# Read FILE until there is STOP, while objects come and go; what can be seen wrong in one reading, and in two in a row.
types_look()	# FILE STOP
{
	awk -v file="$1" -v stop="$2" 'BEGIN {
		do {
			lines = 0
			while ((getline line <file) > 0) {
				if (line ~ /^#/)
					continue
				n = split(line, f, " ")
				lines++
				if (n != 8 || f[3] > f[5] + 0 || f[6] > f[5] + 0 || f[7] != f[2] * f[3] ||
				    length(f[3] f[4] f[5] f[6]) > 40 || f[6] < gone[f[1]] + 0 || f[4] < peak[f[1]] + 0)
					bad = line
				gone[f[1]] = f[6] + 0
				peak[f[1]] = f[4] + 0
			}
			close(file)
			if (lines != 2)
				bad = lines " lines"
			stopped = (getline line <stop) >= 0
			close(stop)
		} while (!stopped && !bad)
		if (bad)
			print "seen: " bad
		exit bad != ""
	}'
}

# One CPU makes what the other drops: each of them alone has counts that do not fit.
case_debugfs_types_race()
{
	puppet create churn 0 && puppet make churn 0 1 && puppet make churn 1 1 || return 1
	rounds=$([ "$SET" = full ] && echo 500 || echo 50)
	made=$((1 + 200 * rounds))
	types_look $OURO/churn/types "$TMP/stop" &
	reader=$!
	on_cpu "$(online_cpus | tail -n 1)" churn_drop &
	dropper=$!
	status=0
	on_cpu 0 churn_make $rounds || status=1
	: >"$TMP/stop"
	wait $reader || status=1
	wait $dropper || status=1
	rm -f "$TMP/stop"
	puppet drop churn 0 0 && puppet drop churn 1 0 || status=1
	expect_eq "all came and went" "$(types_of churn | awk '{ print $3, $5, $6 }' | tr '\n' ',')" \
		"0 $made $made,0 $made $made," || status=1
	puppets_gone churn
	return $status
}

# Each line is a write of its own.
churn_make()	# TIMES
{
	for round in $(seq "$1"); do
		[ -n "$round" ] && echo "make churn 0 200" && echo "make churn 1 200"
	done >$DEBUG/ouro_puppet/do
}

churn_drop()
{
	while [ ! -e "$TMP/stop" ]; do
		echo "drop churn 0 0" && echo "drop churn 1 100"
	done >$DEBUG/ouro_puppet/do
}
