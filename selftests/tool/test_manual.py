# SPDX-License-Identifier: GPL-2.0
"""Completion and the man page know all that there is."""

import json
import os
import re
import shutil
import unittest

from case import FIXTURE, HERE, TOOL, TOP, Case, Live, load_tool


def manual():
    with open(os.path.join(TOP, "docs", "ouro.8"), encoding="utf-8") as file:
        return file.read().replace("\\-", "-")


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


class Costs(Live):
    """What the kernel has to do for a command is what the man page says."""

    def opened(self, *words):
        path = self.path("opened")
        more = (f"before = tool.Directory.open_file\ndef note(self, path):\n"
                f"    open({path!r}, 'a').write(os.path.basename(path).split('.')[0] + '\\n')\n"
                "    return before(self, path)\n"
                "tool.Directory.open_file = note")
        with open(path, "w", encoding="utf-8"):
            pass
        self.good(*words, more=more)
        with open(path, encoding="utf-8") as file:
            return set(file.read().split())

    def test_costs(self):
        text = re.search(r"\nReading costs .*?\n\.SH", manual(), re.DOTALL)[0]
        counts, looks = text.split("count or mark every object")
        heap = [[name, "net"] for name in ("stat", "growth", "retained", "sites", "audit", "collector", "arenas",
                                           "graph")]
        for words in (["list"], ["top", "--once"], ["why", "net", "peer"], ["leaks"], ["snapshot", self.path("s")],
                      ["snapshot", "--quick", self.path("q")], *heap):
            opened = self.opened(*words)
            command = words[0]
            told = bool(re.search(rf"^\.BR? {command}\b", counts, re.MULTILINE)) and "--quick" not in words
            self.assertEqual(bool(opened & {"why", "audit", "retained"}), told, command)
            if opened & {"graph", "objects"} and command != "snapshot":
                self.assertRegex(looks, rf"\n\.BR? {command}\b")


class Manual(Case):
    """The man page tells of everything."""

    def test_it_names_all(self):
        text = manual()
        for command in re.findall(r"^    ([a-z]+)  ", self.good("--help"), re.MULTILINE):
            self.assertRegex(text, rf"\n\.B\w* {command}\b")
            for option in re.findall(r"--[a-z]+", self.good(command, "--help").split("options:")[1]):
                self.assertTrue(option in text or option in ("--sort", "--delay"), f"{command} {option}")

    def test_fields(self):
        """Of the JSON that is printed: those of a file of the module, or of the command alone."""
        text = re.search(r"\n\.B --json\n(.*?)\n\.TP\n", manual(), re.DOTALL)[1]
        of_files, own = text.split("Others have fields of their own:")
        for command in ("stat", "arenas", "why", "audit", "retained", "sites", "growth", "collector"):
            self.assertRegex(of_files, rf"\b{command}\b")
            words = ["peer"] if command == "why" else []
            with open(os.path.join(FIXTURE, "ouro", "net", command + ".json"), encoding="utf-8") as file:
                fields = set(json.load(file)) | {"command"}
            more = {"edges_missing"} if command == "why" else set()
            self.assertEqual(set(self.json(command, "net", *words)), fields | more, command)
        for words in (["list"], ["list", "--names"], ["top"], ["leaks"], ["graph", "net"], ["diff", FIXTURE, FIXTURE]):
            self.assertRegex(own, rf"\.BR? {words[0]}\b")
            for field in set(self.json(*words)) - {"schema", "command"}:
                self.assertRegex(own, rf"\b{field}\b", words[0])

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_it_is_clean(self):
        done = self.command("mandoc", "-Tlint", os.path.join(TOP, "docs", "ouro.8"))
        self.assertEqual(done.stdout, "")
