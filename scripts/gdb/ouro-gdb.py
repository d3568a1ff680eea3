# SPDX-License-Identifier: GPL-2.0
"""Ouro's heaps in a dead kernel's memory: "source" this in gdb, then "apropos ouro-".  See docs/crash.rst."""

import os
import sys

import gdb

if not hasattr(gdb, "Command"):
    raise gdb.GdbError("gdb was built without Python")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import ouro.command  # noqa: E402 pylint: disable=unused-import,wrong-import-position
