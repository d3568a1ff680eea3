# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The names in /sys, as the sample ouro_tree takes them; sourced, never run.

# One line for each, directories before what is in them, links when everything is there.
names_in_sys()
{
	find /sys -xdev -type d | sed 's/^/d /'
	find /sys -xdev -type f | sed 's/^/f /'
	# "... 9 Nov 21 19:01 /sys/PATH -> TARGET"
	find /sys -xdev -type l -exec ls -ld {} + | sed 's,^[^/]* /sys/,l /sys/,'
}
