# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The kernel log: what is wrong in it; sourced, never run.

# What a kernel says when something is wrong. Reports of misuse, "ouro: ...", do not match.
LOG_TROUBLE='WARNING:|BUG:|KASAN:|KCSAN:|UBSAN:|INFO: lockdep|INFO: trying to register|INFO: task .* blocked'
LOG_TROUBLE="$LOG_TROUBLE|possible recursive|possible circular|possible irq lock|inconsistent lock state"
LOG_TROUBLE="$LOG_TROUBLE|suspicious RCU|bad unlock balance|refcount_t:|ODEBUG:|Oops|general protection"
LOG_TROUBLE="$LOG_TROUBLE|unreferenced object|new suspected memory leaks|[Kk]ernel panic|soft lockup"
LOG_TROUBLE="$LOG_TROUBLE|rcu.*stall|Bad page state|(add|del) corruption|sleeping function called"
LOG_TROUBLE="$LOG_TROUBLE|Memory exposure|Memory overwrite|already present!|page allocation failure"

log_say()	# TEXT
{
	echo "# ouro_test: $*" >/dev/kmsg
}

log_open()
{
	log_say "begin $$"
}

# Between these two the kernel is meant to complain.
log_expect_begin() { log_say "expected from here"; }
log_expect_end() { log_say "expected to here"; }

log_since_begin()
{
	dmesg | sed -n "/# ouro_test: begin $$\$/,\$p"
}

log_check()
{
	log_since_begin >"$TMP/log"
	grep -q "# ouro_test: begin" "$TMP/log" || fail "the log lost its beginning: log_buf_len is too small" || return 1
	sed '/# ouro_test: expected from here/,/# ouro_test: expected to here/d' "$TMP/log" |
		grep -E "$LOG_TROUBLE" && return 1
	return 0
}

log_count()	# REGEX SINCE: matching lines after the line that log_say SINCE wrote
{
	dmesg | sed -n "/# ouro_test: $2\$/,\$p" | grep -cE "$1"
}
