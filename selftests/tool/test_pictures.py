# SPDX-License-Identifier: GPL-2.0
"""What is drawn: objects, arenas, memory over time."""

import json
import os
import re
import shutil
import unittest

from case import Case, load_tool


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
        for which, count in (("young", 2), ("old", 1)):
            lines = re.findall(rf'<line x1="(.+)" y1="(.+)" x2="(.+)" y2="(.+)" stroke="{tool.SERIES[which]}"', text)
            lines = [tuple(map(float, line)) for line in lines]
            upright = [line for line in lines if line[0] == line[2]]
            self.assertEqual(len(upright), count)  # the other one is the legend's
            for _, top, _, bottom in upright:  # from the highest line of the grid to the axis
                self.assertEqual((top, bottom), (tool.Plot.TOP, tool.Plot.HEIGHT - tool.Plot.BOTTOM))
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
