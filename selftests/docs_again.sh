#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Print docs/debugfs.rst with its examples taken anew, in a guest whose modules are not loaded yet:
#   scripts/vm 6.1 --quiet -- 'sh /selftests/docs_again.sh' >build/debugfs.rst && cp build/debugfs.rst docs/
here=$(cd "$(dirname "$0")" && pwd)
OURO=/sys/kernel/debug/ouro
. "$here/docs.sh"

insmod /ouro/ouro.ko && insmod /ouro/ouro_test_exhibit.ko || exit 1
docs_replay "$here/../docs/debugfs.rst"
