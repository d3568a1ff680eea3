#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Run inside a VM, with ouro.ko and ouro_peers.ko loaded: faults are planted, and found; ouro_peers.ko goes in the end.
# docs/debugging.rst quotes all of it.

cd /sys/kernel/debug || exit 1

see() { printf '$ %s\n' "$*"; sh -c "$*" || exit 1; }
happen() { see "echo $1 >ouro_peers/do"; }

see 'echo caller >ouro/ouro_peers/sites'
happen build

echo; echo "== nothing is wrong"
see cat ouro/ouro_peers/audit

echo; echo "== a leak"
happen leak
see cat ouro/ouro_peers/audit
happen mend

echo; echo "== a lost put"
happen lose
happen drop
happen collect
see 'echo session >ouro/ouro_peers/why'
see cat ouro/ouro_peers/why
see cat ouro/ouro_peers/retained
happen mend
happen collect

echo; echo "== an early put"
happen build
happen early
see cat ouro/ouro_peers/audit
happen mend

echo; echo "== a wrong traverse"
happen probe
see cat ouro/ouro_peers/audit
happen mend

echo; echo "== what is left in the end"
happen lose
happen forget
see rmmod ouro_peers
see "dmesg | grep -o 'heap ouro_peers: .*'"
