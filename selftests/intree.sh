#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Show the tests at work as a target of the kernel's own selftests: copies them into a kernel tree and runs
#   make -C tools/testing/selftests TARGETS=ouro run_tests
# inside user-mode Linux, which sees the host's files. KTAP on stdout. OURO_ONLY and OURO_SUITES choose, as for
# run.sh.
# usage: selftests/intree.sh; STRESS=seconds lengthens the stress tests
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(dirname "$here")

# A kernel tree of links, with directories of its own where something is added or built.
tree_make()	# DIR
{
	local tests=tools/testing/selftests

	mkdir -p "$1"
	ln -s "$KSRC"/* "$1/"
	rm "$1/tools"
	mkdir -p "$1/$tests"
	ln -s "$KSRC/tools/scripts" "$1/tools/"
	cp -r "$KSRC/$tests/kselftest" "$KSRC/$tests/Makefile" "$KSRC/$tests/lib.mk" "$1/$tests/"
	cp -r "$here" "$1/$tests/ouro"
}

# The Ouro tree is built in, so it is a copy, too.
ouro_make()	# DIR
{
	mkdir -p "$1"
	cp -r "$top/Kbuild" "$top/include" "$top/module" "$1/"
	mkdir "$1/selftests"
	cp -r "$here/kmod" "$1/selftests/"
	find "$1" -name '*.o' -delete
}

# What user-mode Linux runs once the host's files are mounted.
guest_command()	# DIR
{
	cat <<-END
	mkdir -p /host && mount -t hostfs -o / none /host || exit 1
	for dir in proc sys dev; do mount --rbind /\$dir /host/\$dir; done
	exec chroot /host /bin/sh -c 'cd $1/linux && TMPDIR=$1/tmp PATH=\$PATH:/usr/local/bin:/usr/bin:/usr/sbin \
		OURO_ONLY="${OURO_ONLY:-*}" OURO_SUITES="${OURO_SUITES:-}" OURO_SET=short make -s -C tools/testing/selftests TARGETS=ouro \
		OURO_TOP=$1/ouro KDIR=$KDIR ARCH=$KARCH run_tests'
	END
}

main()
{
	local tmp status=0

	eval "$("$top/scripts/kernel" um)"
	eval "$("$top/scripts/kernel" src)"
	tmp=$(mktemp -d)
	# shellcheck disable=SC2064
	trap "rm -rf '$tmp'" EXIT
	mkdir "$tmp/tmp"
	tree_make "$tmp/linux"
	ouro_make "$tmp/ouro"
	make -s -j"$(nproc)" -C "$tmp/linux/tools/testing/selftests" TARGETS=ouro "OURO_TOP=$tmp/ouro" "KDIR=$KDIR" \
		"ARCH=$KARCH" all >"$tmp/log" 2>&1 || { cat "$tmp/log"; exit 1; }
	# The cases that are stress take six and a half times as long, all in all.
	"$top/scripts/vm" um --no-build --quiet --timeout $((700 + 8 * ${STRESS:-0})) -- "$(guest_command "$tmp")" \
		>"$tmp/out" || status=$?
	cat "$tmp/out"
	grep -q '^ok 1 selftests: ouro: run.sh$' "$tmp/out" && [[ $status = 0 ]]
}

main
