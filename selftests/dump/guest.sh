# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# What a guest does before it dies: known heaps, and what debugfs says of them last; see test.

DEBUG=/sys/kernel/debug
OURO=$DEBUG/ouro
. /selftests/puppet.sh
. /selftests/tree.sh

show()	# FILE: what begins with @ does not come through
{
	echo "== $1"
	cat "$1"
	echo
}

set -e
insmod /ouro/ouro.ko
insmod /ouro/ouro_test.ko
insmod /ouro/ouro_test_puppet.ko
insmod /ouro/ouro_tree.ko

puppet create mixed 0
puppet make mixed 0 1000
puppet make mixed 1 300
puppet make mixed 3 7
puppet make mixed 4 5
puppet make mixed 8 2
puppet litter mixed 50
puppet drop mixed 0 137
puppet flush mixed
puppet create plain 0
puppet alloc plain 100 555
puppet alloc plain 20000 3
puppet alloc plain 3000 44
puppet free plain 11
puppet create hard 2
puppet alloc hard 64 77
puppet make hard 2 9
puppet create checked 4
puppet alloc checked 640 123
puppet create empty 0
tree_grow

echo "== symbols"
# Slow where the kernel checks itself, and not needed there.
[ -z "$WITH_SYMBOLS" ] ||
	grep -E ' (modules|__per_cpu_offset|__cpu_possible_mask|nr_cpu_ids|nr_node_ids)$' /proc/kallsyms
show $OURO/heaps
for heap in $OURO/*/; do
	show "$heap/stat.json"
	show "$heap/arenas"
done
echo "== end"
echo c >/proc/sysrq-trigger
sleep 600
