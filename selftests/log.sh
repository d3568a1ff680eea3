# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The kernel log: kept from the start of the run, and searched; sourced, never run.

# What a kernel says when something is wrong. Reports of misuse, "ouro: ...", do not match.
LOG_TROUBLE='WARNING:|BUG:|KASAN:|KCSAN:|UBSAN:|INFO: lockdep|INFO: trying to register|INFO: task .* blocked'
LOG_TROUBLE="$LOG_TROUBLE|possible recursive|possible circular|possible irq lock|inconsistent lock state"
LOG_TROUBLE="$LOG_TROUBLE|suspicious RCU|bad unlock balance|refcount_t:|ODEBUG:|Oops|general protection"
LOG_TROUBLE="$LOG_TROUBLE|unreferenced object|new suspected memory leaks|[Kk]ernel panic|soft lockup"
LOG_TROUBLE="$LOG_TROUBLE|rcu.*stall|Bad page state|(add|del) corruption|sleeping function called"
LOG_TROUBLE="$LOG_TROUBLE|Memory exposure|Memory overwrite|already present!|page allocation failure"

# Races of the kernel with itself, seen on 7.2, with nothing of ours near: between an hrtimer that wakes a sleeper and the
# sleeper's look at whether it did; between the tick and an idle CPU's look at whether there was one.
LOG_KERNELS_OWN='BUG: KCSAN: data-race in (hrtimer_wakeup / schedule_hrtimeout_range_clock'
LOG_KERNELS_OWN="$LOG_KERNELS_OWN|tick_nohz_handler / tick_nohz_idle_got_tick)\$"

log_say()	# TEXT
{
	echo "# ouro_test: $*" >/dev/kmsg
}

# The kernel's buffer may be small, so a reader takes each record as it comes. Read from where it was
# left, the file goes on even after records were lost; log_check sees that by their numbers.
log_open()
{
	: >"$TMP/kmsg"
	while :; do
		cat <&5 2>/dev/null
		sleep 0.1
	done 5</dev/kmsg >>"$TMP/kmsg" &
	log_reader=$!
	log_say "begin $$"
	log_sync
}

log_close()
{
	kill $log_reader
	wait $log_reader 2>/dev/null
}

# Until all that was written so far is in the file: at most ten seconds.
log_sync()
{
	log_mark=$((${log_mark:-0} + 1))
	log_say "mark $$.$log_mark"
	for try in $(seq 100); do
		grep -q "# ouro_test: mark $$\.$log_mark\$" "$TMP/kmsg" && return 0
		sleep 0.1
	done
	fail "the reader of the kernel log hangs after $try tries"
}

# Between these two the kernel is meant to complain in certain words.  The console has both lines, too, around the
# complaint and whenever that comes: who looks for complaints there has to know them.
log_expect_begin()	# REGEX
{
	log_say "expected from here: $1"
}

log_expect_end()
{
	log_say "expected to here"
}

# The kernel stops to look at locks with the first trouble it has, which may have been before the log began.
log_lockdep()
{
	! grep -q '^ *debug_locks: *0$' /proc/lockdep_stats 2>/dev/null ||
		fail "lockdep is off: something was wrong, maybe at boot"
}

# Each trouble with the case that ran before it.
log_check()
{
	log_lockdep || return 1
	log_sync || return 1
	sed -n "/# ouro_test: begin $$\$/,\$p" "$TMP/kmsg" | awk -v trouble="$LOG_TROUBLE" -v own="$LOG_KERNELS_OWN" '
	/^ / { next }
	{
		n = split($0, head, /[,;]/)
		if (n > 2 && last && head[2] != last + 1) { print head[2] - last - 1 " records lost"; bad = 1 }
		if (n > 2) last = head[2]
		sub(/^[^;]*;/, "")
	}
	/# ouro_test: expected from here/ { known = $0; sub(/.* expected from here: /, "", known); next }
	/# ouro_test: expected to here/ { known = "" }
	/# ouro_test: start / { name = $NF }
	$0 ~ trouble && $0 !~ own && !(known && $0 ~ known) { print name ": " $0; bad = 1 }
	END { exit bad }'
}

log_count()	# REGEX TEXT: matching lines after the line that log_say TEXT wrote
{
	log_sync
	sed -n "/# ouro_test: $2\$/,\$p" "$TMP/kmsg" | grep -cE "$1"
}
