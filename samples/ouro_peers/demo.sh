#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Run inside a VM, with ouro.ko and ouro_peers.ko loaded: faults are planted, and found. docs/debugging.rst quotes this.

DO=/sys/kernel/debug/ouro_peers/do
cd /sys/kernel/debug/ouro/ouro_peers || exit 1

happen() { printf '$ echo %s >ouro_peers/do\n' "$1"; echo "$1" >$DO || exit 1; }
see() { printf '$ %s\n' "$*"; sh -c "$*" || exit 1; }

echo caller >sites	# who makes an object is noted from now on
happen build
see cat audit
see 'echo ouro.vector >why; cat why'

echo; echo "== a leak"
happen leak
see cat audit
happen mend

echo; echo "== a lost put"
happen lose
happen drop
happen collect
see 'echo session >why; cat why'
see cat retained
happen mend
happen collect

echo; echo "== an early put"
happen build
happen early
see cat audit
happen mend

echo; echo "== a wrong traverse"
happen probe
see cat audit
happen mend
happen drop
happen collect
see cat audit
