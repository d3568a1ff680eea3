# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Heaps on strings (see kmod/puppet.c) and their figures; sourced, never run.

# Not by echo: which error there was is not what every shell's says.
write_to()	# FILE TEXT
{
	printf '%s\n' "$2" | dd of="$1" bs=64k conv=notrunc status=none
}

puppet()	# COMMAND...
{
	write_to $DEBUG/ouro_puppet/do "$*"
}

stat_of()	# HEAP FIELD
{
	awk -v f="$2" '$1 == f { print $2 }' "$OURO/$1/stat"
}

# A clock that nobody sets.
now_ns()
{
	cat $DEBUG/ouro_puppet/now
}

now_s()
{
	echo $(($(now_ns) / 1000000000))
}

# Whatever a case that failed has left.
puppets_gone()
{
	for heap in "$@"; do
		puppet free "$heap" 0 2>/dev/null
		puppet destroy "$heap" 2>/dev/null
	done
	return 0
}

expect_eq()	# WHAT GOT WANTED
{
	[ "$2" = "$3" ] || fail "$1: $2, expected $3"
}

expect_error()	# TEXT COMMAND...: it fails with the text of that error
{
	text=$1
	shift
	if "$@" 2>"$TMP/stderr"; then
		fail "$*: succeeded"
	else
		grep -q "$text" "$TMP/stderr" || fail "$*: $(cat "$TMP/stderr"), expected $text"
	fi
}

# Longer than anything that is right.
long_text()
{
	awk 'BEGIN { for (i = 0; i < 300; i++) printf "o" }'
}

# Whether there is something that looks like an address of the kernel.
shows_address()	# FILE
{
	grep -qE '(^|[^0-9a-f])ffff[0-9a-f]{12}' "$1"
}

# Free memory, with what CPUs keep in their lists.
free_kib()
{
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^MemFree:/ { n += $2 } $1 == "count:" { n += $2 * 4 } END { print n }' /proc/meminfo /proc/zoneinfo
}

# Whether so much is free again: what waits for RCU, and dentries do, comes a little later.
free_reaches()	# KIB
{
	for free_try in 1 2 3 4 5 6 7 8 9 10; do
		[ "$(free_kib)" -lt "$1" ] || return 0
		sleep 0.2
	done
	return 1
}

# KiB that may be missing after a while; KASAN keeps what was freed for long.
free_slack()
{
	if grep -q ' kasan_report$' /proc/kallsyms; then echo 6144; else echo 2048; fi
}
