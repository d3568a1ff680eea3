# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Results in KTAP; sourced, never run. The plan comes first, each planned case gives one line.

ktap_count=0
ktap_failed=0
ktap_skipped=0

ktap_plan()	# NUMBER
{
	echo "KTAP version 1"
	echo "1..$1"
}

# By the shell itself, as all that is done for each case: where a kernel is emulated, and checks itself, a process takes
# longer than most cases.
ktap_note()	# LINES on stdin
{
	while IFS= read -r ktap_line || [ -n "$ktap_line" ]; do
		printf '# %s\n' "$ktap_line"
	done
}

ktap_result()	# pass|fail|skip NAME [REMARK]
{
	ktap_count=$((ktap_count + 1))
	case $1 in
	pass)	echo "ok $ktap_count $2${3:+ # $3}" ;;
	skip)	ktap_skipped=$((ktap_skipped + 1))
		echo "ok $ktap_count $2 # SKIP $3" ;;
	*)	ktap_failed=$((ktap_failed + 1))
		echo "not ok $ktap_count $2${3:+ # $3}" ;;
	esac
}

# In hundredths of a second.
ktap_clock()
{
	read -r ktap_up ktap_idle </proc/uptime
	ktap_now=${ktap_up%.*}${ktap_up#*.}
}

# Run a function as a case: 0 passes, 4 skips, all else fails. What it prints becomes a remark below.
ktap_run()	# NAME FUNCTION [ARGUMENTS...]
{
	ktap_name=$1
	shift
	ktap_clock
	ktap_began=$ktap_now
	"$@" >"$TMP/case" 2>&1
	ktap_status=$?
	ktap_clock
	case $ktap_status in
	0)	ktap_result pass "$ktap_name" "$((ktap_now - ktap_began))0 ms" ;;
	4)	ktap_result skip "$ktap_name" "$(cat "$TMP/case")" ;;
	*)	ktap_result fail "$ktap_name" ;;
	esac
	[ "$ktap_status" -eq 4 ] || ktap_note <"$TMP/case"
}

# For use in such functions: say why and come back with the status.
skip()	# REASON
{
	echo "$*"
	return 4
}

fail()	# REASON
{
	echo "$*"
	return 1
}
