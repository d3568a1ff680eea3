# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Cases about the files of a heap with very many objects; sourced, never run.
#
# The heap is made by the first of them that runs, and goes with the last.  What is measured is printed; the machine has
# other work, too, so what takes long is measured again before it fails.

# Minutes where the machine is emulated, and what is found there is not true of another: not in the short set.
[ "${OURO_SET:-full}" != full ] ||
	SHELL_CASES="$SHELL_CASES large.constant large.pages large.scans large.interrupted large.mutators"

LARGE_SMALL=10000	# objects of the heap that the large one is compared with

is_checked()	# by the kernel, at each step
{
	[ -e /proc/lockdep ] || grep -qE ' (kasan_report|kcsan_setup_watchpoint|__kcsan_check_access)$' /proc/kallsyms
}

# Ten million where the machine is not emulated; OURO_LARGE says otherwise.
large_count()
{
	if [ -n "${OURO_LARGE:-}" ]; then
		echo "$OURO_LARGE"
	elif is_checked; then
		echo 50000
	elif grep -q 'User Mode Linux' /proc/cpuinfo; then
		echo 10000000
	else
		echo 500000
	fi
}

large_make()
{
	[ ! -e $OURO/large ] || return 0
	puppet create small 0 && puppet create large 0 || return 1
	write_to $OURO/small/sites caller && write_to $OURO/large/sites caller || return 1
	puppet crowd small $LARGE_SMALL && puppet crowd large "$(large_count)"
}

# The heaps go with the last of the cases that run.
large_case()	# NAME
{
	"large_$1"
	large_status=$?
	[ "$(grep '^shell large\.' "$TMP/cases" | tail -n 1)" != "shell large.$1" ] || puppets_gone small large
	return $large_status
}

case_large_constant() { large_case constant; }
case_large_pages() { large_case pages; }
case_large_scans() { large_case scans; }
case_large_interrupted() { large_case interrupted; }
case_large_mutators() { large_case mutators; }

us()	# NS
{
	echo $(($1 / 1000))
}

# Nanoseconds for all, and the longest step: open() or a read().
read_timed()	# FILE [PAGES]
{
	write_to $DEBUG/ouro_puppet/time "$OURO/$1 ${2:-0}" && cut -d ' ' -f 1,2 $DEBUG/ouro_puppet/time
}

# The least of five, of each.
read_least()	# FILE [PAGES]
{
	for try in 1 2 3 4 5; do
		read_timed "$@" || return 1
	done | awk '
		NR == 1 || $1 < all { all = $1 }
		NR == 1 || $2 < longest { longest = $2 }
		END { printf "%.0f %.0f\n", all, longest }'
}

# Far more than it should be: 20 times, and 50 ms.
grossly_more()	# NS THAN_NS
{
	[ "$1" -gt $((20 * $2 + 50000000)) ]
}

# Four times, and a millisecond: an empty step for each of 200000 objects is more.
is_more()	# NS THAN_NS
{
	[ "$1" -gt $((4 * $2 + 1000000)) ]
}

# Whether a file of the large heap takes as long as the small one's, at the third look at the latest.
takes_as_long()	# FILE [PAGES]
{
	for look in 1 2 3; do
		small=$(read_least "small/$1" ${2:-}) && large=$(read_least "large/$1" ${2:-}) || return 1
		is_more "${large% *}" "${small% *}" || break
	done
	printf '%-16s %10s %10s\n' "$1" "$(us "${small% *}")" "$(us "${large% *}")"
	! is_more "${large% *}" "${small% *}" || fail "$1 takes longer"
}

# All heaps' file, before and after there is a large one.
heaps_take_as_long()
{
	[ ! -e $OURO/large ] || return 0
	puppet create small 0 && puppet crowd small $LARGE_SMALL || return 1
	before=$(read_least heaps) || return 1
	puppets_gone small
	large_make || return 1
	for look in 1 2 3; do
		after=$(read_least heaps) || return 1
		is_more "${after% *}" "${before% *}" || break
	done
	printf '%-16s %10s %10s\n' heaps "$(us "${before% *}")" "$(us "${after% *}")"
	! is_more "${after% *}" "${before% *}" || fail "heaps takes longer"
}

# These say as much of a large heap as of a small one, and take no longer.
large_constant()
{
	printf '%-16s %10s %10s us\n' file $LARGE_SMALL "$(large_count)"
	status=0
	heaps_take_as_long || status=1
	large_make || return 1
	for file in stat stat.json classes classes.json types types.json collector collector.json \
		limit threshold mode; do
		[ -e $OURO/large/$file ] || continue
		takes_as_long $file || status=1
	done
	return $status
}

# These are as long as their heap is large; open() and one read() are not, be it the first or a later one.
large_pages()
{
	large_make || return 1
	status=0
	printf '%-16s %10s %10s us, open() and a read()\n' file $LARGE_SMALL "$(large_count)"
	for file in arenas arenas.json objects objects.json graph graph.json; do
		takes_as_long $file 1 || status=1
	done
	printf '%-16s %10s %10s us, the longest read()\n' file $LARGE_SMALL "$(large_count)"
	for file in arenas arenas.json objects objects.json graph graph.json; do
		small=$(read_least small/$file 2000) && large=$(read_least large/$file 2000) || { status=1; continue; }
		printf '%-16s %10s %10s\n' $file "$(us "${small#* }")" "$(us "${large#* }")"
		grossly_more "${large#* }" "${small#* }" && { echo "$file takes longer"; status=1; }
	done
	return $status
}

scan_timed()	# HEAP: the least of two
{
	for try in 1 2; do
		start=$(now_ns)
		write_to "$OURO/$1/collect" old || return 1
		end=$(now_ns)
		echo $((end - start))
	done | sort -n | head -n 1
}

# These look at all objects, as a scan does; sites and growth where it is noted who made them, as it is here.
large_scans()
{
	large_make && write_to $OURO/large/why fan || return 1
	scan=$(scan_timed large) || return 1
	status=0
	printf '%-16s %10s us\n' "a scan" "$(us "$scan")"
	for file in why why.json audit audit.json retained retained.json sites sites.json growth growth.json; do
		took=$(read_timed large/$file) || { status=1; continue; }
		took=${took% *}
		printf '%-16s %10s us, %s hundredths of a scan\n' $file "$(us "$took")" $((100 * took / scan))
		[ "$took" -le $((10 * scan + 100000000)) ] || { echo "$file takes longer"; status=1; }
	done
	return $status
}

# Nanoseconds from a signal to the end of a process that has been at it so long; nothing when it was over before.  Not
# SIGINT, which a shell's background has off.
interrupt_after()	# NS COMMAND...
{
	after=$(awk -v ns="$1" 'BEGIN { printf "%.3f", ns / 1e9 }')
	shift
	"$@" >/dev/null 2>&1 &
	reader=$!
	sleep "$after"
	start=$(now_ns)
	kill -TERM $reader 2>/dev/null
	wait $reader
	reader_status=$?
	end=$(now_ns)
	[ $reader_status -ne 143 ] || echo $((end - start))
}

# The least of what it took to its end, of three, or nothing.
interrupt_least()	# NS COMMAND...
{
	for try in 1 2 3; do
		interrupt_after "$@"
	done 2>/dev/null | sort -n | head -n 1
}

# What has nothing to do with files: on a busy machine its end, too, has to wait for a CPU.
compute()
{
	while :; do :; done
}

# Wherever it is: at four moments of the time that the file takes.  Who goes on to the end of the file takes more than a
# quarter of that time, at the first of these at least.  What one takes that only computes is not the file's.
file_is_interrupted()	# FILE
{
	took=$(read_timed "large/$1" 20000) || return 1
	took=${took% *}
	bound=$((took / 4 + 20000000))
	[ $bound -lt 500000000 ] || bound=500000000
	most=0 over=
	for eighth in 1 3 5 7; do
		ns=$(interrupt_least $((took * eighth / 8)) cat "$OURO/large/$1")
		[ -n "$ns" ] || { over="$over $eighth/8"; continue; }
		ns=$((ns - $(interrupt_least $((took * eighth / 8)) compute)))
		[ "$ns" -le $most ] || most=$ns
	done
	printf '%-16s %10s %10s%s\n' "$1" "$(us "$took")" "$(us $most)" "${over:+ was over before at$over}"
	[ "$over" = " 1/8 3/8 5/8 7/8" ] || interrupted_some=1
	[ $most -le $bound ] || fail "$1 is not interrupted"
}

large_interrupted()
{
	large_make && write_to $OURO/large/why fan || return 1
	status=0
	interrupted_some=
	printf '%-16s %10s %10s us for all, and at most from a signal to the end\n' file "" ""
	for file in why audit retained sites growth arenas.json objects graph; do
		file_is_interrupted $file || status=1
	done
	[ -n "$interrupted_some" ] || echo "nothing was seen: all files were over before"
	return $status
}

# Until SIGTERM, which a read does not outlast; to the process that it names.
reads_on()	# FILE
{
	trap 'kill $page_reader; wait $page_reader; exit 0' TERM
	sh -c 'echo $PPID' >"$TMP/reader"
	while :; do
		cat "$OURO/large/$1" >/dev/null &
		page_reader=$!
		wait $page_reader
	done
}

# "STEPS LONGEST_NS LATE" of a thread on a CPU.
pairs_on()	# CPU
{
	on_cpu "$1" puppet pairs large 1000 && awk '{ print $3, $2, $4 }' $DEBUG/ouro_puppet/pairs
}

pairs_beside()	# FILE CPU
{
	on_cpu 0 reads_on "$1" 2>/dev/null &
	reader=$!
	sleep 0.1
	pairs_on "$2"
	kill "$(cat "$TMP/reader")"
	wait $reader
}

# A thread that allocates and frees, makes and puts, on the CPU beside the reader's; and on the same, where it gets the
# half.  A lock, or a reader that does not let others have the CPU, would stall it for as long as the file takes.
large_mutators()
{
	large_make && write_to $OURO/large/why fan || return 1
	status=0
	other=$(online_cpus | tail -n 1)
	alone=$(pairs_on "$other") || return 1
	set -- $alone
	printf '%-10s %10s %10s %10s   loops, the longest (us), longer than a ms\n' beside loops longest late
	printf '%-10s %10s %10s %10s\n' nothing "$1" "$(us "$2")" "$3"
	alone_longest=$2
	for file in stat arenas.json objects graph sites why audit retained; do
		for cpu in $(echo "$other" 0 | tr ' ' '\n' | sort -u); do
			beside=$(pairs_beside $file "$cpu")
			set -- $beside
			[ $# -eq 3 ] || { echo "$file: no pairs"; status=1; continue; }
			printf '%-10s %10s %10s %10s\n' "$file" "$1" "$(us "$2")" "$3  on CPU $cpu"
			grossly_more "$2" $((alone_longest + 10000000)) && { echo "$file stalls"; status=1; }
		done
	done
	return $status
}
