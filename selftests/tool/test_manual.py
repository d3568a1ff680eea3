# SPDX-License-Identifier: GPL-2.0
"""Completion and the man page know all that there is."""

import os
import re
import shutil
import unittest

from case import Case, FIXTURE, HERE, TOOL, TOP, load_tool


class Completion(Case):
    """What bash would offer."""

    def offers(self, *words):
        script = ('. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ouro; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        completion = os.path.join(TOP, "scripts", "ouro-completion.bash")
        done = self.command("bash", "-c", script, "bash", completion, TOOL, *words)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()

    def test_commands(self):
        """All that the tool has, and no others."""
        there = re.findall(r"^    ([a-z]+)  ", self.good("--help"), re.MULTILINE)
        self.assertGreater(len(there), 10)
        self.assertEqual(sorted(self.offers("")), sorted(there))
        self.assertEqual(self.offers("gr"), ["growth", "graph"])

    def test_options(self):
        for command in self.offers(""):
            there = re.findall(r"--[a-z]+", self.good(command, "--help").split("options:")[1])
            self.assertEqual(set(self.offers(command, "--")), set(there), command)

    def test_heaps_and_types(self):
        self.assertEqual(self.offers("--root", FIXTURE, "stat", ""), ["idle", "net"])
        self.assertEqual(self.offers("--root", "=", FIXTURE, "stat", "n"), ["net"])
        self.assertEqual(self.offers("--root", FIXTURE, "why", "net", "s"), ["session"])
        self.assertEqual(self.offers("--root", FIXTURE, "graph", "net", "--type", ""), ["session", "peer"])
        self.assertEqual(self.offers("sites", "net", "--set", ""), ["off", "caller", "stack"])
        self.assertEqual(self.offers("--root", "/nowhere", "stat", ""), [])

    def test_files(self):
        self.assertEqual(self.offers("diff", os.path.join(HERE, "fix")), [FIXTURE + "/"])
        self.assertEqual(self.offers("diff", "a", os.path.join(HERE, "cas")), [os.path.join(HERE, "case.py")])

    def test_columns(self):
        tool = load_tool()
        self.assertEqual(self.offers("top", "-s", ""), [column.name for column in tool.HEAP_COLUMNS])
        self.assertEqual(self.offers("top", "net", "-s", ""), [column.name for column in tool.TYPE_COLUMNS])


class Manual(Case):
    """The man page tells of everything."""

    def test_it_names_all(self):
        with open(os.path.join(TOP, "docs", "ouro.8"), encoding="utf-8") as file:
            text = file.read().replace("\\-", "-")
        for command in re.findall(r"^    ([a-z]+)  ", self.good("--help"), re.MULTILINE):
            self.assertRegex(text, rf"\n\.B\w* {command}\b")
            for option in re.findall(r"--[a-z]+", self.good(command, "--help").split("options:")[1]):
                self.assertTrue(option in text or option in ("--sort", "--delay"), f"{command} {option}")

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_it_is_clean(self):
        done = self.command("mandoc", "-Tlint", os.path.join(TOP, "docs", "ouro.8"))
        self.assertEqual(done.stdout, "")
