#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Run inside the VM: real text goes into the index, kept in an Ouro heap and then with kmalloc.
# usage: demo.sh [TEXT NAME]
# shellcheck disable=SC3043 # busybox has local

HEAP=/sys/kernel/debug/ouro/ouro_index
INDEX=/sys/kernel/debug/ouro_index
OUT=/tmp/demo

say() { printf '\n== %s\n' "$*"; }
step() { printf '   %s\n' "$*"; }
show() { sed 's/^/   | /'; }
die() { echo "demo: error: $*"; exit 1; }

# value FILE NAME: the number behind a name at the start of a line
value() { awk -v name="$2" '$1 == name { print $2; exit }' "$1"; }

load() { insmod /ouro/ouro_index.ko "$@" || die "the sample does not load"; }
lines() { value $INDEX/stat lines; }
kib() { echo $((($1 + 1023) / 1024)); }

# Bytes of all pages of the caches behind kmalloc(GFP_KERNEL), whoever uses them: nothing finer is to be had.
slab_bytes()
{
	awk '/^kmalloc-(rnd-[0-9]+-)?[0-9]+k? / { pages += $6 * $15 } END { printf "%d\n", pages * 4096 }' /proc/slabinfo
}

heap_bytes() { echo $(($(value $HEAP/stat held) + $(value $HEAP/stat metadata))); }

trim()	# BACKEND: give free pages back as far as the allocator can
{
	local cache

	if [ "$1" = ouro ]; then
		echo 1 >$HEAP/trim
	else
		for cache in /sys/kernel/slab/kmalloc-*/shrink; do
			echo 1 >"$cache"
		done
	fi
}

figure()	# BACKEND STEP: note lines, bytes asked for, bytes held
{
	local held

	if [ "$1" = ouro ]; then
		held=$(heap_bytes)
	else
		held=$(($(slab_bytes) - slab_before))
	fi
	echo "$1|$2|$(lines)|$(value $INDEX/stat asked)|$held" >>$OUT/figures
}

add() { cat "$1" >$INDEX/add || die "adding failed"; }
remove() { cat "$1" >$INDEX/remove || die "removing failed"; }

destroy()	# BACKEND: drop all lines
{
	echo 1 >$INDEX/clear || die "clearing failed"
	[ "$1" = ouro ] || trim kmalloc
	figure "$1" "after destroy"
}

measure()	# BACKEND TEXT: two lives of an index
{
	load backend="$1"
	# So that the heap for temporary memory, which both have, is not counted against kmalloc.
	[ "$1" = ouro ] || : >$INDEX/add
	trim kmalloc
	slab_before=$(slab_bytes)
	cp /proc/slabinfo $OUT/slab.before
	figure "$1" "before"

	step "$1: adding every line, removing every second one, adding those again"
	add "$2"
	figure "$1" "all lines added"
	cp /proc/slabinfo $OUT/slab.full
	[ "$1" != ouro ] || cat $HEAP/classes >$OUT/classes
	remove "$2.second"
	figure "$1" "every second line removed"
	trim "$1"
	figure "$1" "  ... and trimmed"
	add "$2.second"
	figure "$1" "those added again"
	destroy "$1"
	value $INDEX/stat cleared >"$OUT/cleared.$1"

	step "$1: adding every line, removing the first half"
	add "$2"
	figure "$1" "all lines added"
	remove "$2.first"
	figure "$1" "first half removed"
	trim "$1"
	figure "$1" "  ... and trimmed"
	destroy "$1"
	rmmod ouro_index
}

table()
{
	awk -F'|' '
	function kib(bytes) { return int((bytes + 1023) / 1024) }
	function over(held, asked) { return asked ? sprintf("%.2f", held / asked) : "-" }
	$1 == "ouro" { n++; step[n] = $2; lines[n] = $3; asked[n] = $4; heap[n] = $5 }
	$1 == "kmalloc" { m++; slab[m] = $5 < 0 ? 0 : $5 }
	END {
		line = "   +---------------------------+---------+-----------+---------------------------+---------------------------+\n"
		printf line
		printf "   | %-25s | %7s | %9s | %25s | %25s |\n", "", "", "asked for", "held by the Ouro heap", "held by kmalloc"
		printf "   | %-25s | %7s | %9s | %9s %7s %7s | %9s %7s %7s |\n", "step", "lines", "KiB", "KiB", "pages", "/asked", "KiB", "pages", "/asked"
		printf line
		for (i = 1; i <= n; i++)
			printf "   | %-25s | %7d | %9d | %9d %7d %7s | %9d %7d %7s |\n", step[i], lines[i], kib(asked[i]),
				kib(heap[i]), (heap[i] + 4095) / 4096, over(heap[i], asked[i]),
				kib(slab[i]), (slab[i] + 4095) / 4096, over(slab[i], asked[i])
		printf line
	}' $OUT/figures
	echo "   A line is two blocks: its text, and a node of a tree.  asked for: the bytes of both.  held: pages of 4 KiB"
	echo "   that nobody else can use meanwhile; for Ouro with all its tables, for kmalloc the growth of the kernel's"
	echo "   kmalloc caches.  /asked: held divided by asked for.  trimmed: free pages given back (kmalloc: caches shrunk)."
	echo "   Dropping all lines took $(cat $OUT/cleared.ouro) microseconds with Ouro (one ouro_heap_destroy())," \
		"$(cat $OUT/cleared.kmalloc) with kmalloc (a kfree() for each block)."
}

classes()
{
	echo "   Per class, all lines added, Ouro:"
	show <$OUT/classes
	echo "   Per class, all lines added, kmalloc (caches that grew):"
	awk '
	FNR == NR { active[$1] = $2; pages[$1] = $6 * $15; next }
	/^kmalloc-(rnd-[0-9]+-)?[0-9]+k? / && $6 * $15 > pages[$1] {
		if (!n++)
			printf "%-20s %10s %10s %10s\n", "cache", "size/B", "blocks", "held/KiB"
		printf "%-20s %10d %10d %10d\n", $1, $4, $2 - active[$1], ($6 * $15 - pages[$1]) * 4
	}' $OUT/slab.before $OUT/slab.full | show
}

compare()	# TEXT NAME
{
	awk 'NR % 2 == 0' "$1" >"$1.second"
	head -n $(($(wc -l <"$1") / 2)) "$1" >"$1.first"
	say "Memory for the $(wc -l <"$1") lines of $2, kept by Ouro and by kmalloc"
	rm -f $OUT/figures
	measure ouro "$1"
	measure kmalloc "$1"
	table
	classes
}

tour()	# TEXT: what a user of the module sees
{
	say "The index at work, its memory in the heap ouro_index"
	load key=3
	step "cat /proc/kallsyms > ouro_index/add"
	cat "$1" >$INDEX/add || die "adding failed"
	step "echo schedule > ouro_index/lookup; cat ouro_index/lookup"
	echo schedule >$INDEX/lookup
	show <$INDEX/lookup
	step "cat ouro_index/stat"
	show <$INDEX/stat
	step "cat ouro/heaps"
	show </sys/kernel/debug/ouro/heaps
	step "cat ouro/ouro_index/stat"
	show <$HEAP/stat
}

limit()	# TEXT: what a caller sees when a heap is full; the index is loaded
{
	local stored total bytes

	total=$(wc -l <"$1")
	bytes=$(($(value $HEAP/stat held) / 2))
	say "A limit of $(kib $bytes) KiB, half of what the lines need"
	echo 1 >$INDEX/clear
	step "echo $bytes > ouro/ouro_index/limit; cat /proc/kallsyms > ouro_index/add"
	echo $bytes >$HEAP/limit || die "the limit is not accepted"
	# shellcheck disable=SC2002 # the message is cat's
	cat "$1" 2>&1 >$INDEX/add | show
	stored=$(lines)
	step "The writer got ENOMEM; the $stored lines before that are in the index:"
	grep -E '^(held|limit|limit_hits|failed) ' $HEAP/stat | show
	[ "$stored" -gt 0 ] || die "the limit left no room at all"
	[ "$stored" -lt "$total" ] || die "the limit did not hold"

	step "echo 0 > ouro/ouro_index/limit (none), and writing on from line $((stored + 1))"
	echo 0 >$HEAP/limit
	tail -n +$((stored + 1)) "$1" >$INDEX/add || die "adding failed"
	step "Now there are $(lines) of $total lines: nothing was lost."
	[ "$(lines)" = "$total" ] || die "lines were lost"
	rmmod ouro_index
}

mkdir -p $OUT
say "Linux $(uname -r): insmod ouro.ko, files below are in /sys/kernel/debug"
insmod /ouro/ouro.ko || die "ouro.ko does not load"
cat /proc/kallsyms >$OUT/kallsyms

tour $OUT/kallsyms
limit $OUT/kallsyms
compare $OUT/kallsyms "/proc/kallsyms"
[ -z "$1" ] || compare "$1" "$2"

rmmod ouro || die "ouro.ko does not unload"
say "Both modules are unloaded, nothing is left.  Powering off."
