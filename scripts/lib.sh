# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Shared by the scripts beside it; sourced, never run.

OURO_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
OURO_CACHE=${OURO_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ouro}

# A stray setting of the caller's would change what is built or printed.
unset ARCH CROSS_COMPILE KBUILD_OUTPUT MAKEFLAGS MAKELEVEL MFLAGS GREP_OPTIONS CDPATH
export LC_ALL=C

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "error: $*"; exit 1; }

# run_logged LOG COMMAND...: quiet, shows the end of the log when it fails.
run_logged()
{
	local log=$1
	shift
	if ! "$@" >"$log" 2>&1 </dev/null; then
		say "failed: $*; the end of $log:"
		tail -n 30 "$log" >&2
		return 1
	fi
}

# lock NAME [FD]: held until unlock [FD] or the end; children that outlive us must close the descriptor, 9 if not named.
lock()
{
	local fd=${2:-9}

	mkdir -p "$OURO_CACHE/locks"
	eval "exec $fd>\"\$OURO_CACHE/locks/\$1\""
	if ! flock -n "$fd"; then
		say "$1: waiting for another build"
		flock "$fd"
	fi
}

unlock() { eval "exec ${1:-9}>&-"; }
