#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of the tool scripts/ouro on a copy of a heap, and on a directory that it takes for the live one.

usage: python3 selftests/tool/test.py [-v] [CASE...], or with --ktap, for scripts/check
"""

import glob
import importlib.machinery
import importlib.util
import io
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
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

    def change(self, root, path, **fields):
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


class Commands(Case):
    """What each says of the fixture."""

    def test_list(self):
        out = self.good("list")
        self.assertRegex(out, r"net +61 +17\.5 KiB +2\.0 MiB +8\.0 MiB +2 +0 +0\n")
        self.assertRegex(out, r"idle +0 +0 B")
        heaps = self.json("list")["heaps"]
        self.assertEqual([(heap["name"], heap["live"]) for heap in heaps], [("net", 61), ("idle", 0)])
        self.assertEqual(self.good("list", "--names"), "idle\nnet\n")
        self.assertEqual(self.good("list", "--names", "net"), "session\npeer\n")
        self.assertEqual([heap["name"] for heap in self.json("list", "idle")["heaps"]], ["idle"])

    def test_list_of_an_older_module(self):
        root = self.copy()
        os.unlink(os.path.join(root, "heaps.json"))
        self.assertEqual({heap["name"]: heap["held"] for heap in self.json("list", root=root)["heaps"]},
                         {"net": 2097152, "idle": 0})

    def test_stat(self):
        out = self.good("stat", "net")
        self.assertRegex(out, r"flags: collect\n")
        self.assertRegex(out, r"limit +8\.0 MiB")
        self.assertRegex(out, r"1024 B +12 +12\.0 KiB +4 +2 +2 +1 +90 +78\n")
        self.assertRegex(out, r"session +64 +5 +320 B +9 +25 +20 +1\n")
        self.assertEqual(self.json("stat", "net")["held"], 2097152)
        self.assertIn("no types", self.good("stat", "idle"))

    def test_top(self):
        rows = self.good("top", "--once").splitlines()
        self.assertEqual([row.split()[0] for row in rows[2:]], ["net", "idle"])
        rows = self.good("top", "--once", "-s", "name").splitlines()
        self.assertEqual([row.split()[0] for row in rows[2:]], ["idle", "net"])
        rows = self.json("top", "net", "-s", "live")["rows"]
        self.assertEqual([row["live"] for row in rows], [40, 12, 5, 4])

    def test_collector(self):
        out = self.good("collector", "net")
        self.assertRegex(out, r"runs +14 +5\n")
        self.assertRegex(out, r"total time +203\.0 us +72\.5 us\n")
        self.assertRegex(out, r"below 10 us +3 +3 +#+\n")
        self.assertEqual(self.json("collector", "net")["last"]["freed"], 2)

    def test_sites(self):
        out = self.good("sites", "net")
        self.assertLess(out.index("net_buffer"), out.index("net_accept"))
        self.assertRegex(out, r"5 +320 B +4 s to 1 min +session +net_accept\+0x41/0x120 \[net\]\n +net_listen")
        self.assertIn("not tracked: 40 blocks, 5.0 KiB", out)
        self.assertEqual(len(self.json("sites", "net")["sites"]), 3)

    def test_audit(self):
        out = self.good("audit", "net")
        self.assertRegex(out, r"a use after free to come\n.*\n +3\.20\.4\.7 +peer +2 +3 +0 +peer_add")
        self.assertRegex(out, r"leaked, a put too few\n.*\n +3\.1f\.16 +session +2 +1 +0 +-\n")
        self.assertRegex(out, r"session +24 +3\n")
        self.assertRegex(out, r"outside the heap:\n.*\n +session +3 +3\n")
        self.assertEqual(self.json("audit", "net")["skipped"], 1)

    def test_leaks(self):
        out = self.good("leaks")
        self.assertIn("heap net: 1 too low, 1 too high, 1 not traversed; 9 objects counted, 1 skipped\n", out)
        self.assertRegex(out, r"live, by type:\n.*\n +session +5 +320 B\n +peer +4 +192 B\n")
        self.assertIn("net_accept+0x41/0x120", out)
        self.assertEqual(out, self.good("leaks", "net"))
        self.assertEqual([leaks["heap"] for leaks in self.json("leaks")["heaps"]], ["net"])

    def test_leaks_without_sites(self):
        root = self.copy()
        self.change(root, "net/sites.json", mode="off", sites=[])
        self.assertIn("ouro sites net --set caller", self.good("leaks", "net", root=root))

    def test_retained(self):
        out = self.good("retained", "net")
        self.assertRegex(out, r"session +- +2 +3 +192 B\nsession +accept queue +1 +3 +160 B\n\(shared\) .* 48 B\n")
        self.assertEqual(self.json("retained", "net")["unreachable"], {"objects": 2, "bytes": 112})

    def test_growth(self):
        out = self.good("growth", "net")
        self.assertIn("in the 2 min since the mark", out)
        self.assertRegex(out, r"\+3 +\+192 B +5 +320 B +session\n +-1 +-48 B +4 +192 B +peer\n")
        self.assertRegex(out, r"\+8 +\+1\.0 KiB +40 +5\.0 KiB +128 B\n")
        self.assertNotIn("1024 B", out)
        self.assertEqual(self.json("growth", "net")["marked_s"], 125)

    def test_arenas(self):
        out = self.good("arenas", "net")
        self.assertRegex(out, r"0 +1\.0 MiB +0 +23 % +7 % +0031---\.0---#-\.{6}#5\.{42}\n")
        self.assertEqual(len(self.json("arenas", "net")["arenas"][0]["pools"]), 8)

    def test_why(self):
        """In a copy it is computed, not taken from why.json."""
        self.assertIn("session.peers[0] → peer\n", self.good("why", "net", "3.20.4"))
        data = self.json("why", "net", "3.20.2")
        self.assertEqual([(step["handle"], step["field"]) for step in data["path"]],
                         [("3.1f.12", "peers[1]"), ("3.20.2", None)])
        self.assertEqual((data["object"], data["type"], data["outside"]), ("3.20.2", "peer", 1))
        self.assertEqual(self.json("why", "net", "3.20.4.7")["object"], "3.20.4.7")

    def test_why_of_a_type(self):
        self.assertEqual(len(self.json("why", "net", "peer")["path"]), 2)
        self.assertEqual([step["handle"] for step in self.json("why", "net", "session")["path"]], ["3.1f.12"])

    def test_why_of_garbage(self):
        self.assertIn("nothing outside the heap leads to it", self.good("why", "net", "3.20.3"))
        data = self.json("why", "net", "3.20.3")
        self.assertEqual((data["path"], data["unreachable"]), ([], True))

    def test_why_in_ascii(self):
        out = self.good("why", "net", "3.20.4", env=dict(os.environ, PYTHONIOENCODING="ascii"))
        self.assertIn("session.peers[0] -> peer\n", out)


class Graphs(Case):
    """DOT and pictures of objects."""

    def test_dot(self):
        out = self.good("graph", "net")
        self.assertIn('"3.1f.12" -> "3.20.2" [label=" peers[1] ", color="#', out)
        self.assertIn('"3.1f.14" -> "3.1f.15" [label=" next "];', out)
        self.assertIn('"3.20.4.7" [label="peer\\n3.20.4.7\\n48 B, 2 refs"', out)
        done = self.command("dot", "-Tplain", input=out, stdin=None) if shutil.which("dot") else None
        self.assertFalse(done and (done.returncode or done.stderr), done)

    def test_cycles(self):
        cycles = self.json("graph", "net")["cycles"]
        self.assertEqual(sorted(map(sorted, cycles)),
                         [["3.1f.12", "3.20.1", "3.20.2"], ["3.1f.13", "3.20.3"], ["3.1f.16"]])

    def test_from(self):
        def handles(*words):
            return [item["handle"] for item in self.json("graph", "net", *words)["objects"]]
        self.assertEqual(sorted(handles("--from", "3.1f.14")), ["3.1f.14", "3.1f.15", "3.20.4.7"])
        self.assertEqual(handles("--from", "3.1f.14", "--depth", "0"), ["3.1f.14"])
        self.assertEqual(handles("--from", "3.20.3", "--depth", "1"), ["3.20.3", "3.1f.13"])
        self.assertEqual(handles("--from", "3.20.4"), ["3.20.4.7"])

    def test_type(self):
        objects = self.json("graph", "net", "--type", "peer", "--depth", "0")["objects"]
        self.assertEqual({item["type"] for item in objects}, {"peer"})
        self.assertEqual(len(objects), 4)
        self.assertEqual(len(self.json("graph", "net", "--type", "peer")["objects"]), 6)

    def test_cut_off(self):
        root = self.generated()
        done = self.ouro("graph", "big", "--max", "30", root=root)
        self.assertEqual((done.returncode, done.stderr), (0, "ouro: cut off at 30 objects of 3000; choose by --from, "
                                                             "--type, --depth, or more by --max\n"))
        self.assertIn("cut off at 30 objects of 3000", done.stdout)
        self.assertIn("+1 reference not drawn", done.stdout)
        data = json.loads(self.ouro("graph", "big", "--json", "--max", "30", root=root).stdout)
        self.assertEqual((len(data["objects"]), len(data["cycles"]), data["cut"]), (30, 10, True))
        self.assertFalse(self.json("graph", "big", "--max", "3000", root=root)["cut"])

    def test_reads_no_more_than_needed(self):
        """What is behind the chunk that held enough may be anything."""
        root = self.generated(30000)
        path = os.path.join(root, "ouro", "big", "graph.json")
        os.truncate(path, os.path.getsize(path) - 1000)
        self.assertEqual(self.ouro("graph", "big", "--max", "9", root=root).returncode, 0)
        self.bad(self.ouro("graph", "big", "--max", "90000", root=root), "big/graph.json: damaged")

    def test_deep(self):
        """A thousand steps, without recursion."""
        root = self.generated()
        path = self.json("why", "big", "4.b.b5", root=root)["path"]
        self.assertEqual(path[-1]["handle"], "4.b.b5")
        data = self.json("graph", "big", "--max", "3000", root=root)
        self.assertEqual(len(data["cycles"]), 1000)

    @unittest.skipUnless(shutil.which("dot"), "graphviz is not installed")
    def test_svg(self):
        self.good("graph", "net", "--svg", self.path("net.svg"))
        words = " ".join(self.svg(self.path("net.svg")))
        for word in ("Heap net: 9 objects and 10 references", "3.20.4.7", "peers[1]", "cycle of 3", "refers to itself"):
            self.assertIn(word, words)

    @unittest.skipUnless(shutil.which("dot"), "graphviz is not installed")
    def test_svg_escapes(self):
        root = self.copy()
        nasty = 'a"b<c>&\\n\x1b{|}'
        self.change(root, "net/graph.json", objects=[
            {"handle": "3.1.1", "type": nasty, "bytes": 1, "refs": 1, "edges": [{"field": nasty, "to": "3.1.1"}]}])
        self.good("graph", "net", "--svg", self.path("net.svg"), root=root)
        self.assertIn('a"b<c>&\\n?{|}', " ".join(self.svg(self.path("net.svg"))))

    @unittest.skipUnless(shutil.which("dot"), "graphviz is not installed")
    def test_svg_cut_off(self):
        self.ouro("graph", "big", "--max", "12", "--svg", self.path("big.svg"), root=self.generated())
        self.assertIn("cut off at 12 objects of 3000", " ".join(self.svg(self.path("big.svg"))))

    def test_no_graphviz(self):
        self.bad(self.ouro("graph", "net", "--svg", self.path("x.svg"), env={"PATH": self.dir}),
                 "install the package graphviz")
        self.assertFalse(os.path.exists(self.path("x.svg")))

    def test_components(self):
        """By comparing with what reaches each other, on graphs of all kinds of density."""
        tool = load_tool()
        for seed in range(60):
            edges = {i: [(i * 7 + k * k * 3 + seed) % 12 for k in range(seed % 4)] for i in range(12)}
            reach = {i: self.reached(i, edges) for i in edges}
            expected = {frozenset([i] + [j for j in reach[i] if i in reach[j]]) for i in edges}
            self.assertEqual({frozenset(part) for part in tool.components(edges)}, expected)

    @staticmethod
    def reached(start, edges):
        seen, todo = set(), [start]
        while todo:
            new = [i for i in edges[todo.pop()] if i not in seen]
            seen.update(new)
            todo += new
        return seen


class Pictures(Case):
    """Maps of arenas and plots."""

    def test_arenas(self):
        self.good("arenas", "net", "--svg", self.path("a.svg"))
        words = self.svg(self.path("a.svg"))
        for word in ("place in the arena (KiB)", "session", "route <v6>", "blocks of no type", "0: 1.0 MiB, node 0"):
            self.assertIn(word, words)
        with open(self.path("a.svg"), encoding="utf-8") as file:
            self.assertIn("<title>session: 134 of 254 blocks of 64 B</title>", file.read())
        self.good("arenas", "idle", "--svg", self.path("b.svg"))
        self.assertIn("no arenas: the heap holds no pages", self.svg(self.path("b.svg")))

    def test_arenas_cut_off(self):
        root = self.copy()
        arena = {"bytes": 1 << 20, "node": 0, "map": "." * 64, "pools": []}
        self.change(root, "net/arenas.json", arenas=[arena] * 70)
        done = self.ouro("arenas", "net", "--svg", self.path("a.svg"), root=root)
        self.assertEqual(done.stderr, "ouro: cut off: 64 of 70 arenas are drawn\n")
        self.assertIn("cut off: 64 of 70 arenas are drawn", self.svg(self.path("a.svg")))

    def samples(self, rows, end="\n"):
        base = {"schema": 1, "heap": "net", "live": 1, "live_bytes": 1 << 20, "held": 2 << 20, "limit": 0, "young": 0,
                "old": 0}
        with open(self.path("s.jsonl"), "w", encoding="utf-8") as file:
            file.write("\n".join(json.dumps({**base, "t": 1000 + i, **row}) for i, row in enumerate(rows)) + end)
        return self.path("s.jsonl")

    def test_plot(self):
        path = self.samples([{}, {"young": 2}, {"young": 2, "old": 1}, {"young": 3, "old": 1, "limit": 3 << 20}])
        self.good("plot", "--from", path, "--svg", self.path("p.svg"), root=None)
        words = self.svg(self.path("p.svg"))
        for word in ("Heap net: memory over time", "memory (MiB)", "held in pages, at last 2.0 MiB",
                     "young collections: 3", "old collections: 1", "limit, 3.0 MiB"):
            self.assertIn(word, words)
        self.assertTrue(any(re.fullmatch(r"time since .* \(s\)", word) for word in words))
        with open(self.path("p.svg"), encoding="utf-8") as file:
            text = file.read()
        tool = load_tool()
        self.assertEqual(text.count(f'stroke="{tool.SERIES["young"]}"'), 2 + 1)  # and one in the legend
        self.assertEqual(text.count(f'stroke="{tool.SERIES["old"]}"'), 1 + 1)

    def test_plot_of_nothing(self):
        self.good("plot", "--from", self.samples([{"live_bytes": 0, "held": 0}] * 2), "--svg", self.path("p.svg"))
        self.assertIn("memory (bytes)", self.svg(self.path("p.svg")))
        self.bad(self.ouro("plot", "--from", self.samples([{}]), "--svg", self.path("q.svg")), "1 sample: a line needs")
        self.assertFalse(os.path.exists(self.path("q.svg")))

    def test_plot_of_bad_samples(self):
        def plot(path):
            return self.ouro("plot", "--from", path, "--svg", self.path("p.svg"))
        self.bad(plot(self.samples([{}, {"held": "x"}])), "s.jsonl:2: not what it should be")
        self.bad(plot(self.samples([{}, {"heap": "b"}])), "more than one heap")
        self.bad(plot(self.samples([{}, {"t": 1}])), "not in the order of time")
        self.bad(plot(self.samples([{}, {}], '\n{"schema"\n')), "s.jsonl:3: damaged")
        self.bad(plot(self.path("none")), "none: No such file")

    def test_plot_of_a_cut_off_record(self):
        done = self.ouro("plot", "--from", self.samples([{}, {}], '\n{"sch'), "--svg", self.path("p.svg"))
        self.assertEqual(done.returncode, 0)
        self.assertIn("s.jsonl:3: the last line is not whole", done.stderr)

    def test_plot_over_a_picture(self):
        """One that fails leaves the old one."""
        with open(self.path("p.svg"), "w", encoding="utf-8") as file:
            file.write("old")
        self.bad(self.ouro("plot", "--from", self.samples([{}]), "--svg", self.path("p.svg")), "1 sample")
        self.bad(self.ouro("arenas", "net", "--svg", self.path("no", "p.svg")), "No such file")
        with open(self.path("p.svg"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "old")


class Archives(Case):
    """Snapshots, other archives, and what differs."""

    def snapshot(self, name="s.tar.gz", words=()):
        self.good("snapshot", self.path(name), *words)
        return self.path(name)

    def test_snapshot(self):
        path = self.snapshot()
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with tarfile.open(path, "r:gz") as tar:
            names = set(tar.getnames())
        there = glob.glob(os.path.join(FIXTURE, "ouro", "**", "*.json"), recursive=True)
        self.assertEqual(names, {os.path.relpath(name, FIXTURE) for name in there} | {"ouro/snapshot.json"})
        for words in (["stat", "net"], ["why", "net", "3.20.4"], ["graph", "net"], ["leaks"]):
            self.assertEqual(self.good(*words, root=path), self.good(*words))
        self.assertEqual(os.listdir(self.dir), ["s.tar.gz"])

    def test_quick(self):
        path = self.snapshot("s.tar", ["--quick"])
        with tarfile.open(path, "r:") as tar:
            names = tar.getnames()
        self.assertIn("ouro/net/sites.json", names)
        self.assertFalse([name for name in names if re.search("graph|audit|why|retained|objects", name)])
        self.bad(self.ouro("graph", "net", root=path), "no net/graph.json in")

    def test_to_stdout(self):
        done = subprocess.run([sys.executable, TOOL, "--root", FIXTURE, "snapshot", "-"], capture_output=True,
                              timeout=SECONDS, check=True)
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
            self.assertIn("ouro/net/graph.json", tar.getnames())

    def test_other_archives(self):
        for name, mode, top in (("a.tar", "w", "."), ("b.tgz", "w:gz", "ouro"), ("c.tar.xz", "w:xz", "sys/ouro")):
            with tarfile.open(self.path(name), mode) as tar:
                tar.add(os.path.join(FIXTURE, "ouro"), top)
            self.assertEqual(self.good("list", root=self.path(name)), self.good("list"))

    def test_the_directory_itself(self):
        self.assertEqual(self.good("list", root=os.path.join(FIXTURE, "ouro")), self.good("list"))

    def test_damaged(self):
        path = self.snapshot()
        os.truncate(path, os.path.getsize(path) // 2)
        self.bad(self.ouro("stat", "net", root=path), "s.tar.gz: damaged")
        with open(self.path("x"), "w", encoding="utf-8") as file:
            file.write("no archive")
        self.bad(self.ouro("list", root=self.path("x")), "x: damaged")
        self.bad(self.ouro("list", root=self.path("none")), "none: No such file")
        with tarfile.open(self.path("e.tar"), "w") as tar:
            tar.add(self.path("x"), "x")
        self.bad(self.ouro("list", root=self.path("e.tar")), "no heaps in it")
        self.bad(self.ouro("list", root=self.dir), "no heaps in it")

    def test_snapshot_that_cannot_be_written(self):
        self.bad(self.ouro("snapshot", self.path("no", "s.tar.gz")), "No such file")

    def test_diff(self):
        root = self.copy()
        with open(os.path.join(root, "net", "stat.json"), encoding="utf-8") as file:
            stat = json.load(file)
        stat["types"][0].update(live=15, bytes=960)
        stat["classes"][0]["live"] -= 1
        stat["live_bytes"] += 512
        self.change(root, "net/stat.json", **stat)
        shutil.rmtree(os.path.join(root, "idle"))
        shutil.copytree(os.path.join(root, "net"), os.path.join(root, "more"))
        self.change(root, "net/sites.json", sites=[])
        data = self.json("diff", self.snapshot(), root)
        heaps = {heap["name"]: heap for heap in data["heaps"]}
        self.assertEqual({name: heap["state"] for name, heap in heaps.items()},
                         {"net": "both", "idle": "gone", "more": "new"})
        self.assertEqual(heaps["net"]["bytes_growth"], 512)
        self.assertEqual(heaps["net"]["types"],
                         [{"name": "session", "live": 15, "bytes": 960, "live_growth": 10, "bytes_growth": 640}])
        self.assertEqual([(row["name"], row["bytes_growth"]) for row in heaps["net"]["classes"]], [(128, -128)])
        self.assertEqual(sum(row["live_growth"] for row in heaps["net"]["sites"]), -21)
        out = self.good("diff", self.snapshot(), root)
        self.assertRegex(out, r"heap net, by type:\n.*\n +\+10 +\+640 B +15 +960 B +session\n")
        self.assertRegex(out, r"idle \(gone\)")

    def test_diff_of_the_same(self):
        self.assertEqual(len(self.good("diff", FIXTURE, FIXTURE).splitlines()), 3)


class Errors(Case):
    """One line, and a status."""

    def test_usage(self):
        for words, said in ((["fly"], "invalid choice"), ([], "required"), (["stat"], "required"),
                            (["top", "--once", "-s", "colour"], "no column 'colour'; there are: name,"),
                            (["sites", "net", "--set", "all"], "invalid choice"), (["top", "-d", "x"], "not a number"),
                            (["graph", "net", "--max", "0"], "not a whole number"), (["plot", "net"], "required"),
                            (["graph", "net", "--depth", "-1"], "argument --depth"),
                            (["plot", "--svg", "x"], "either"),
                            (["plot", "net", "--from", "y", "--svg", "x"], "either")):
            self.bad(self.ouro(*words), said, 2)

    def test_no_heap(self):
        for command in ("stat", "arenas", "graph", "growth", "retained", "sites", "audit", "collector", "leaks", "top",
                        "list"):
            self.bad(self.ouro(command, "x"), "no heap 'x'; there are: idle, net")
        self.bad(self.ouro("why", "x", "session"), "no heap 'x'")
        self.bad(self.ouro("stat", ".."), "no heap '..'")

    def test_no_file(self):
        self.bad(self.ouro("audit", "idle"), "no idle/audit.json in")

    def test_handles(self):
        self.bad(self.ouro("graph", "net", "--from", "3.zz"), "bad handle '3.zz'")
        self.bad(self.ouro("graph", "net", "--from", "3.1.1"), "no object 3.1.1 in heap net")
        self.bad(self.ouro("why", "net", "3.1.1"), "no live object 3.1.1")
        self.bad(self.ouro("why", "net", "x.y"), "neither a handle such as 3.1f.12 nor a type of heap net; its types: "
                                                 "session, peer")
        self.bad(self.ouro("graph", "net", "--type", "x"), "no type 'x' in heap net; there are: session, peer")

    def test_a_copy_stays(self):
        for words in (["sites", "net", "--set", "off"], ["growth", "net", "--mark"], ["growth", "net", "--watch", "1"],
                      ["record", "net", self.path("r")], ["plot", "net", "--svg", self.path("p")]):
            self.bad(self.ouro(*words), "is a copy, in which nothing changes")
        self.assertEqual(os.listdir(self.dir), [])

    def test_damaged_json(self):
        root = self.copy()
        path = os.path.join(root, "net", "stat.json")
        for text, said in (("", "damaged"), ("{", "damaged"), ("[1]", "not an object"),
                           ('{"schema": 1}', "has no 'flags'"), ('{"schema": 2}', "its schema is 2"),
                           ("[" * 100000, "damaged"), ("\xff", "damaged")):
            with open(path, "w", encoding="latin-1") as file:
                file.write(text)
            self.bad(self.ouro("stat", "net", root=root), said)

    def test_wrong_fields(self):
        root = self.copy()
        self.change(root, "net/arenas.json", unit="x")
        self.bad(self.ouro("arenas", "net", root=root), "'unit' is \"x\"")
        self.change(root, "net/arenas.json", unit=0)
        self.bad(self.ouro("arenas", "net", "--svg", self.path("a"), root=root), "cannot be drawn")

    def test_damaged_graph(self):
        root = self.copy()
        for text, said in (("", "damaged"), ('{"schema": 1}', "no 'objects'"), ('{"objects": [}', "damaged"),
                           ('{"objects": [{}]}', "is no object"), ('{"objects": [] x', "damaged"),
                           ('{"schema": 2, "objects": []}', "its schema is 2"),
                           ('{"objects": [{"handle": "a', "damaged"),
                           ('{"objects": [1 2]}', "damaged"), ('{"objects": ' + "[" * 100000, "damaged")):
            with open(os.path.join(root, "net", "graph.json"), "w", encoding="utf-8") as file:
                file.write(text)
            self.bad(self.ouro("graph", "net", root=root), said)

    def test_no_address(self):
        """Should a file hold one, it is not shown."""
        root = self.copy()
        site = {"live": 1, "bytes": 8, "oldest_s": 1, "newest_s": 1, "type": None,
                "stack": ["0xffffffffc0123456", "ffff888012345678", "fn+0x12/0x345 [mod]"]}
        self.change(root, "net/sites.json", sites=[site])
        for out in (self.good("sites", "net", root=root), self.good("sites", "net", "--json", root=root)):
            self.assertNotIn("ffff", out)
            self.assertIn("(address)", out)
            self.assertIn("fn+0x12/0x345 [mod]", out)

    def test_no_control_characters(self):
        root = self.copy()
        site = {"live": 1, "bytes": 8, "oldest_s": 1, "newest_s": 1, "type": "\x1b[2J", "stack": []}
        self.change(root, "net/sites.json", sites=[site])
        self.assertNotIn("\x1b", self.good("sites", "net", root=root))

    def test_broken_pipe(self):
        # Where Python does not buffer, what a pipe did not take is lost without a word.
        env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        with subprocess.Popen([sys.executable, TOOL, "--root", self.generated(), "graph", "big", "--max", "3000"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as process:
            process.stdout.read(10)
            process.stdout.close()
            self.assertEqual(process.stderr.read(), b"")
            self.assertEqual(process.wait(SECONDS), 141)

    def test_full_disk(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([sys.executable, TOOL, "--root", FIXTURE, "list"], stdout=full, text=True,
                                  stderr=subprocess.PIPE, timeout=SECONDS, check=False)
        self.assertEqual((done.returncode, done.stderr), (1, "ouro: stdout: No space left on device\n"))


class Streams(Case):
    """Reading in chunks, wherever they end."""

    def test_every_chunk_size(self):
        tool = load_tool()
        objects = [{"handle": f"1.2.{i:x}", "n": -1.5e3 * i, "s": 'é"\\,]}', "b": [True, None, {}]} for i in range(20)]
        for indent in (None, 1):
            text = json.dumps({"schema": 1, "number": 12345, "objects": objects, "after": 67}, indent=indent,
                              ensure_ascii=False).encode()
            for size in list(range(1, 40)) + [1000]:
                tool.CHUNK = size
                stream = tool.Stream(io.BytesIO(text), "x")
                self.assertEqual(list(stream.items("objects")), objects)
                self.assertEqual(stream.head, {"schema": 1, "number": 12345, "after": 67})

    def test_every_truncation(self):
        tool = load_tool()
        text = json.dumps({"schema": 1, "objects": [{"a": "b"}, {"a": 12}], "after": True}).encode()
        for length in range(len(text)):
            for size in (3, 1000):
                tool.CHUNK = size
                with self.assertRaises(tool.Error):
                    list(tool.Stream(io.BytesIO(text[:length]), "x").items("objects"))


class LiveCommands(Live):
    """What writes, and what goes wrong with debugfs."""

    def test_why(self):
        data = self.json("why", "net", "3.20.1")
        self.assertEqual(self.got("net/why"), "3.20.1\n")
        self.assertEqual(data["pins"], ["accept queue"])
        self.assertIn("is kept by 1 outside reference (accept queue) to session 3.1f.12:\n  session.peers[0] → peer\n",
                      self.good("why", "net", "peer"))
        self.assertEqual(self.got("net/why"), "peer\n")

    def test_why_refused(self):
        for error, said in (("EINVAL", "no live object 3.1.1"), ("ENOMEM", "could not mark the objects")):
            more = f"def fail(*_): raise OSError(tool.errno.{error}, os.strerror(tool.errno.{error}))\nos.write = fail"
            self.bad(self.ouro("why", "net", "3.1.1", more=more), said)

    def test_graph_is_read_once(self):
        """Each reading would cost the kernel a count."""
        more = ("opened = []\nbefore = tool.Directory.open_file\ndef count(self, path):\n"
                "    opened.append(path); return before(self, path)\n"
                "tool.Directory.open_file = count\n"
                "tool.warn = lambda text: None\nimport atexit\n"
                "atexit.register(lambda: sys.stderr.write(str(opened.count('net/graph.json'))))")
        done = self.ouro("graph", "net", "--from", "3.1f.14", "--json", more=more)
        self.assertEqual((len(json.loads(done.stdout)["objects"]), done.stderr), (3, "1"))

    def test_mark_and_sites(self):
        self.good("growth", "net", "--mark")
        self.assertEqual(self.got("net/mark"), "1\n")
        self.good("sites", "net", "--set", "caller")
        self.assertEqual(self.got("net/sites"), "caller\n")
        self.bad(self.ouro("sites", "idle", "--set", "off"), "no idle/sites: the module is older than this tool")
        self.bad(self.ouro("growth", "x", "--mark"), "no heap 'x'")
        self.bad(self.ouro("audit", "idle"), "no idle/audit.json: the module is older than this tool")

    def test_record_and_plot(self):
        path = self.path("r.jsonl")
        self.assertIn("3 samples in", self.good("record", "net", path, "--seconds", "0.2", "--interval", "0.1"))
        with open(path, encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        self.assertEqual([(row["held"], row["young"]) for row in rows], [(2097152, 14)] * 3)
        self.good("plot", "--from", path, "--svg", self.path("p.svg"))
        self.svg(self.path("p.svg"))
        self.good("plot", "net", "--seconds", "0.2", "--interval", "0.1", "--svg", self.path("q.svg"))
        self.svg(self.path("q.svg"))
        self.assertEqual(len(self.good("record", "net", "-", "--seconds", "0.1", "--interval", "0.1").splitlines()), 2)
        self.bad(self.ouro("record", "x", self.path("no")), "no heap 'x'")
        self.assertFalse(os.path.exists(self.path("no")))

    def interrupted(self, *words):
        """Ctrl-C after the first output."""
        with subprocess.Popen(self.driver() + list(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            first = os.read(process.stdout.fileno(), 1 << 16)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=SECONDS)
        return process.returncode, (first + out).decode(), err.decode()

    def test_interrupts(self):
        status, out, err = self.interrupted("growth", "net", "--watch", "30")
        self.assertEqual((status, err), (130, ""))
        self.assertIn("since the mark", out)
        self.assertEqual(self.interrupted("top", "-d", "30")[::2], (130, ""))
        status, out, err = self.interrupted("record", "net", "-")
        self.assertEqual((status, err, len(out.splitlines())), (0, "", 1))

    def test_watch_json(self):
        _, out, _ = self.interrupted("growth", "net", "--watch", "30", "--json")
        self.assertEqual([json.loads(line)["command"] for line in out.splitlines()], ["growth"])

    def test_snapshot(self):
        self.put("debug/ouro/net/trim", "")
        os.chmod(self.path("debug/ouro/net/trim"), 0o200)
        more = ("before = tool.Directory.open_file\ndef fail(self, path):\n"
                "    if path == 'net/audit.json': raise tool.Error(path + ': no')\n"
                "    return before(self, path)\ntool.Directory.open_file = fail")
        done = self.ouro("snapshot", self.path("s.tar.gz"), more=more)
        self.assertEqual((done.returncode, done.stderr), (0, "ouro: left out: net/audit.json: no\n"))
        with tarfile.open(self.path("s.tar.gz")) as tar:
            names = tar.getnames()
        self.assertIn("ouro/net/sites.json", names)
        self.assertNotIn("ouro/net/audit.json", names)
        self.assertNotIn("ouro/net/trim", names)

    def test_not_mounted(self):
        self.put("mounts", "proc /proc proc rw 0 0\n")
        self.bad(self.ouro("list"), "debugfs is not mounted: mount -t debugfs none " + self.path("debug"))

    def test_not_loaded(self):
        shutil.rmtree(self.path("debug", "ouro"))
        self.bad(self.ouro("list"), "there is no " + self.path("debug", "ouro"))
        os.rmdir(self.path("module"))
        self.bad(self.ouro("list"), "the module is not loaded: modprobe ouro")

    def test_no_permission(self):
        more = ("def fail(*_): raise PermissionError(13, 'Permission denied')\n"
                "os.listdir = fail\nos.geteuid = lambda: 1000")
        self.bad(self.ouro("list", more=more), "no permission to read " + self.path("debug") + ": run as root")
        more = ("import builtins\ndef fail(*_): raise PermissionError(13, 'Permission denied')\n"
                "builtins.open, before = fail, open\ntool.debugfs_is_mounted = lambda: True\nos.geteuid = lambda: 1000")
        self.bad(self.ouro("stat", "net", more=more), "net/stat.json: no permission: run as root")

    def test_no_heaps(self):
        for heap in ("net", "idle"):
            shutil.rmtree(self.path("debug", "ouro", heap))
        self.bad(self.ouro("stat", "net"), "no heap 'net'; there is none")

    def test_top_on_a_terminal(self):
        pid, fd = pty.fork()
        if not pid:
            os.environ.update(COLUMNS="100", LINES="20")
            os.execv(sys.executable, self.driver() + ["top", "-d", "30"])
        out = self.until(fd, "", "net ")
        self.assertIn("sorted by held", out)
        self.assertIn("keys: q quits", out)
        os.write(fd, b"n")
        out = self.until(fd, "", "sorted by name")
        out = self.until(fd, out, "net ")
        self.assertLess(out.index("idle "), out.index("net "))
        os.write(fd, b"q")
        self.until(fd, "", "\x1b[?1049l")
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        os.close(fd)

    def until(self, fd, out, words):
        end = time.monotonic() + SECONDS
        while words not in out:
            self.assertTrue(select.select([fd], [], [], max(0, end - time.monotonic()))[0], f"no {words!r} in {out!r}")
            out += os.read(fd, 4096).decode()
        return out


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
        self.assertEqual(self.offers("diff", "a", os.path.join(HERE, "tes")), [os.path.join(HERE, "test.py")])

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


class Ktap(unittest.TestResult):
    """A line for each case, and below it what went wrong."""

    def line(self, case, word, remark="", notes=""):
        names = case.id().replace("__main__.", "")
        print(f"{word} {self.testsRun} {names}{remark}", *notes.splitlines(), sep="\n# ", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.line(test, "ok")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line(test, "ok", f" # SKIP {reason}")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.line(test, "not ok", "", self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.line(test, "not ok", "", self.errors[-1][1])


def main_ktap():
    cases = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    print(f"1..{cases.countTestCases()}", flush=True)
    result = Ktap()
    cases.run(result)
    print(f"# verdict: {'pass' if result.wasSuccessful() else 'fail'}")
    return not result.wasSuccessful()


if __name__ == "__main__":
    if sys.argv[1:] == ["--ktap"]:
        sys.exit(main_ktap())
    unittest.main()
