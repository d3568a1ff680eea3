# SPDX-License-Identifier: GPL-2.0
"""What all tests of the tool begin with: a copy of a heap, and a directory that it takes for the live one."""

import importlib.machinery
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from xml.etree import ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
TOOL = os.path.join(TOP, "scripts", "ouro")
FIXTURE = os.path.join(HERE, "fixture")
SECONDS = 60  # more than any command takes

# The tool with what it takes for debugfs elsewhere; then whatever a test wants to be different.
DRIVER = """
import importlib.machinery, importlib.util, os, sys
loader = importlib.machinery.SourceFileLoader("ouro_tool", {tool!r})
tool = importlib.util.module_from_spec(importlib.util.spec_from_loader("ouro_tool", loader))
sys.dont_write_bytecode = True
loader.exec_module(tool)
tool.DEBUGFS, tool.MOUNTS, tool.MODULE = {debugfs!r}, {mounts!r}, {module!r}
{more}
sys.exit(tool.main())
"""


def load_tool():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("ouro_tool", TOOL)
    tool = importlib.util.module_from_spec(importlib.util.spec_from_loader("ouro_tool", loader))
    loader.exec_module(tool)
    return tool


class Case(unittest.TestCase):
    """Runs the tool, and has a directory for what it writes."""

    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def command(self, *words, **options):
        options = {"stdin": subprocess.DEVNULL, "timeout": SECONDS, "env": dict(os.environ, PYTHONIOENCODING="utf-8"),
                   **options}
        return subprocess.run(words, capture_output=True, text=True, encoding="utf-8", check=False, **options)

    def ouro(self, *words, root=FIXTURE, **options):
        return self.command(sys.executable, TOOL, *(("--root", root) if root else ()), *words, **options)

    def good(self, *words, **options):
        done = self.ouro(*words, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def json(self, *words, **options):
        data = json.loads(self.good(*words, "--json", **options))
        self.assertEqual((data["schema"], list(data)[0]), (1, "schema"))
        return data

    def bad(self, done, words, status=1):
        """One line that says WORDS."""
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertRegex(done.stderr, r"\Aouro: [^\n]*\n\Z")
        self.assertIn(words, done.stderr)
        self.assertEqual(done.stdout, "")

    def svg(self, path):
        """Its words."""
        tree = ElementTree.parse(path).getroot()
        self.assertEqual(tree.tag, "{http://www.w3.org/2000/svg}svg")
        words = [node.text or "" for node in tree.iter("{http://www.w3.org/2000/svg}text")]
        self.assertTrue(words)
        return words

    def copy(self):
        """A copy of the fixture that may be changed; returns its ouro directory."""
        shutil.copytree(FIXTURE, self.path("copy"))
        return self.path("copy", "ouro")

    def change(self, root, path, /, **fields):
        with open(os.path.join(root, path), encoding="utf-8") as file:
            data = {**json.load(file), **fields}
        with open(os.path.join(root, path), "w", encoding="utf-8") as file:
            json.dump(data, file)

    def generated(self, count=3000):
        """A heap 'big': rings of three, each tied to the next one."""
        heap = self.path("big", "ouro", "big")
        os.makedirs(heap)
        with open(os.path.join(FIXTURE, "ouro", "net", "stat.json"), encoding="utf-8") as file:
            stat = json.load(file)
        stat["types"] = [{**stat["types"][0], "name": "ring", "live": count}]
        with open(os.path.join(heap, "stat.json"), "w", encoding="utf-8") as file:
            json.dump({**stat, "heap": "big"}, file)

        def handle(i):
            return f"4.{i >> 8:x}.{i & 255:x}"
        objects = [{"handle": handle(i), "type": "ring", "bytes": 64, "refs": 2 if i % 3 == 0 else 1, "edges":
                    [{"field": "next", "to": handle(i - i % 3 + (i + 1) % 3)}] +
                    ([{"field": "down", "to": handle(i + 3)}] if i % 3 == 0 and i + 3 < count else [])}
                   for i in range(count)]
        with open(os.path.join(heap, "graph.json"), "w", encoding="utf-8") as file:
            json.dump({"schema": 1, "heap": "big", "objects": objects}, file)
        return self.path("big")


class Live(Case):
    """The same beside a directory that is taken for debugfs."""

    def setUp(self):
        super().setUp()
        shutil.copytree(os.path.join(FIXTURE, "ouro"), self.path("debug", "ouro"))
        for file in ("why", "mark", "sites"):
            self.put(f"debug/ouro/net/{file}", "")
        self.put("mounts", f"none {self.path('debug')} debugfs rw 0 0\n")
        os.mkdir(self.path("module"))

    def put(self, path, text):
        with open(self.path(path), "w", encoding="utf-8") as file:
            file.write(text)

    def got(self, path):
        with open(self.path("debug", "ouro", path), encoding="utf-8") as file:
            return file.read()

    def driver(self, more=""):
        return [sys.executable, "-c", DRIVER.format(tool=TOOL, debugfs=self.path("debug"), mounts=self.path("mounts"),
                                                    module=self.path("module"), more=more)]

    def ouro(self, *words, root=None, more="", **options):
        assert root is None
        return self.command(*self.driver(more), *words, **options)
