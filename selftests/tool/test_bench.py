# SPDX-License-Identifier: GPL-2.0
"""What scripts/bench makes of rounds, draws, and what scripts/bench-compare says of two of its files."""

import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import random
import re
import sys
import types
from xml.etree import ElementTree

from case import Case, TOP

sys.path.insert(0, os.path.join(TOP, "scripts"))
import bench_figures  # pylint: disable=wrong-import-position
import bench_rows  # pylint: disable=wrong-import-position
import bench_table  # pylint: disable=wrong-import-position

LINE = {"case": "1 pair 64, ouro_free", "lane": "instructions", "kernel": "6.1.0-1-amd64", "unit": "instr",
        "ouro": 50.0, "peer": 200.0, "peer_name": "kmem_cache", "ratio": 0.25, "target": "6.1", "interval": None,
        "goals": [["ratio", "<=", 0.25]], "reached": True}
TIME = dict(LINE, case="2 pair 64, ouro_free", lane="time", kernel="7.2.1", unit="ns", target="um",
            interval=[0.24, 0.26])


def load_bench():
    loader = importlib.machinery.SourceFileLoader("ouro_bench", os.path.join(TOP, "scripts", "bench"))
    bench = importlib.util.module_from_spec(importlib.util.spec_from_loader("ouro_bench", loader))
    loader.exec_module(bench)
    return bench


# What a guest prints, of one case.
GUEST = """\
kernel 7.2.13
about preemption full (dynamic)
about init_on_alloc 0
about init_on_free 1
about slab hardened random
vulnerability meltdown Mitigation: PTI
about command_line root=/dev/sda mitigations=auto
about cpus 2
about cpu A B
about clock tsc
result free 5000 20000 0 0
samples free 0 6000 5000 4000 5000 5000 5000 7000
samples free 1 20000 20000 20000 20000 20000 20000 20000
end
"""


class Lanes(Case):
    """What runs where, and what is told of it."""

    def setUp(self):
        super().setUp()
        self.bench = load_bench()

    def test_answer(self):
        answer = self.bench.Answer(GUEST)
        self.assertTrue(answer.ended)
        facts = self.bench.about("time", "host", answer)
        self.assertEqual(
            {key: facts[key] for key in ("kernel", "cpus", "cpu", "preemption", "mitigations", "init_on_free", "slab",
                                         "clock", "command_line")},
            {"kernel": "7.2.13", "cpus": 2, "cpu": "A B", "preemption": "full (dynamic)", "mitigations": "on",
             "init_on_free": 1, "slab": "hardened random", "clock": "tsc", "command_line": "mitigations=auto"})
        self.bench.LANES["time"] = self.bench.LANES["time"]._replace(rows=[bench_rows.TIME[0]])
        lines = list(self.bench.lines_of("time", "host", answer))
        self.assertEqual(lines, [dict(
            TIME, kernel="7.2.13", target="host", ouro=5.0, peer=20.0, rounds=7, least=[4.0, 20.0],
            interval=[0.2, 0.35], goals=[["ratio", "<=", 0.5]])])
        with contextlib.redirect_stdout(io.StringIO()) as out:
            self.bench.show([facts], lines)
        self.assertRegex(out.getvalue(), r"\Atime: 7\.2\.13, this machine, CPUs 2 \(A B\), "
                         r"preemption full \(dynamic\), mitigations on, init_on_alloc 0, init_on_free 1, slab hardened random, clock tsc\n")
        self.assertRegex(out.getvalue(), r"(?m)^2 pair 64, ouro_free .* 0\.250 +0\.200 - 0\.350 +ratio <= 0\.5 +yes$")
        self.assertIn("1 of 1 goals reached.", out.getvalue())

    def test_boots(self):
        """Rounds of several boots are one set; a least number stays the least."""
        more = GUEST.replace("free 0 6000", "free 0 1000").replace("free 5000 20000", "free 5000 10000")
        whole = self.bench.merge([self.bench.Answer(GUEST), self.bench.Answer(more)])
        self.assertEqual([len(rounds) for rounds in whole.samples["free"].values()], [14, 14])
        self.assertEqual(min(whole.samples["free"][0]), 1000)
        self.assertEqual(whole.results["free"][1], 10000)

    def test_error(self):
        with self.assertRaisesRegex(SystemExit, "in the guest: no module"):
            self.bench.Answer("kernel 1\nerror no module\n")

    def test_plan(self):
        self.bench.has_kvm = lambda kernel: False
        with contextlib.redirect_stderr(io.StringIO()) as err:
            self.assertEqual(self.bench.plan(["instructions", "time"], ["6.1", "um"])[-1], ("time", "um"))
            with self.assertRaisesRegex(SystemExit, "nothing to measure on um"):
                self.bench.plan(["instructions"], ["um"])
        self.assertIn("instructions is not measured on um", err.getvalue())

    def test_lanes(self):
        """Lines of a lane are told apart as scripts/bench-compare does it, and notes are of lanes that there are."""
        for name, lane in self.bench.LANES.items():
            rows = lane.rows("6.1.0") if callable(lane.rows) else lane.rows
            keys = [(row.number, row.case, row.unit, row.peer_name) for row in rows]
            self.assertEqual(len(keys), len(set(keys)), name)
        self.assertLessEqual({name for names in bench_table.NOTES for name in names.split()}, set(self.bench.LANES))

    def test_numbers(self):
        """What is asked depends on the slab."""
        for release, number, bound in (("6.1.0-1-amd64", 1, 0.25), ("6.12.9", 1, 0.25), ("6.18.1", 2, 0.33),
                                       ("7.2.1", 2, 0.33)):
            row = bench_rows.instruction_rows(release)[0]
            self.assertEqual((row.number, self.bench.goals_of(row)[0].bound), (number, bound))


class Figures(Case):
    """Two figures, their least, and an interval."""

    def answer(self, **cases):
        """Each case: the samples of its sides, in thousandths."""
        results = {name: [bench_figures.median(samples) for samples in sides] for name, sides in cases.items()}
        samples = {name: dict(enumerate(sides)) for name, sides in cases.items()}
        return types.SimpleNamespace(results=results, samples=samples, taken={}, cpus=2)

    def test_interval(self):
        self.assertIsNone(bench_figures.interval([1, 2, 3, 4, 5]))
        self.assertEqual(bench_figures.interval([6, 1, 5, 2, 4, 3]), (1, 6))
        self.assertEqual(bench_figures.interval(list(range(1, 10))), (2, 8))
        self.assertEqual(bench_figures.interval(list(range(1, 102))), (41, 61))

    def test_interval_covers(self):
        """The median that samples are drawn around is inside as often as it should be, and not always."""
        draw = random.Random(1).expovariate
        inside = 0
        for _ in range(2000):
            low, high = bench_figures.interval([draw(1) for _ in range(31)])
            inside += low <= 0.6931 <= high
        self.assertTrue(0.95 <= inside / 2000 <= 0.985, inside)

    def test_turns(self):
        """What disturbs both sides of a round leaves their ratio alone."""
        noise = [1000, 9000, 2000, 5000, 4000, 3000, 8000]
        row = bench_rows.Row("x", "ns", "y", bench_rows.sides("pair"), None)
        figures = bench_figures.Figures(row, self.answer(pair=[noise, [4 * ns for ns in noise]]), True)
        self.assertEqual((figures.ouro, figures.peer, figures.ratio, figures.rounds), (4.0, 16.0, 0.25, 7))
        self.assertEqual((figures.least, figures.interval), ((1.0, 4.0), (0.25, 0.25)))

    def test_no_turns(self):
        """Of two cases each side has an interval of its own."""
        row = bench_rows.Row("x", "ns", "y", bench_rows.against("one", "other"), None)
        answer = self.answer(one=[list(range(1000, 10000, 1000))], other=[list(range(20000, 29000, 1000))])
        self.assertEqual(bench_figures.Figures(row, answer, True).interval, (1 / 28, 9 / 20))
        self.assertIsNone(bench_figures.Figures(row, answer, False).interval)

    def test_units(self):
        """There is no least throughput of one side and least time of the other, and memory is no time."""
        for unit, has_interval in (("times", True), ("KiB", False)):
            row = bench_rows.Row("x", unit, "y", bench_rows.sides("pair"), None)
            figures = bench_figures.Figures(row, self.answer(pair=[[1] * 7, [2] * 7]), True)
            self.assertIsNone(figures.least)
            self.assertEqual(figures.interval is not None, has_interval)

    def test_goals(self):
        row = bench_rows.Row("x", "ns", "y", bench_rows.sides("pair"), None)
        figures = bench_figures.Figures(row, self.answer(pair=[[250] * 7, [1000] * 7]), True)
        self.assertTrue(figures.judge(bench_rows.ratio(0.25)))
        self.assertFalse(figures.judge(bench_rows.ratio(0.24)))
        self.assertFalse(figures.judge(bench_rows.at_least(0.3)))
        self.assertTrue(figures.judge(bench_rows.below(0.26)))
        self.assertFalse(figures.judge(bench_rows.below(0.25)))


class Files(Case):
    """bench.json, and what is made of it."""

    def file(self, name, *lines):
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as f:
            json.dump(lines, f)
        return path

    def script(self, name, *words):
        return self.command(sys.executable, os.path.join(TOP, "scripts", name), *words)

    def compare(self, old, new):
        return self.script("bench-compare", self.file("old", *old), self.file("new", *new))

    def test_same(self):
        done = self.compare([LINE, TIME], [LINE, TIME])
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("instructions on 6.1 (6.1.0-1-amd64)\n", done.stdout)
        self.assertRegex(done.stdout,
                         r"(?m)^  1 pair 64, ouro_free +kmem_cache +instr( +50.00){2} +\+0.0 % .* \+0.0 %$")
        self.assertRegex(done.stdout, r"(?m)^  2 pair 64, ouro_free .* noise$")

    def test_counted(self):
        for ouro, code, word in ((50.5, 0, None), (50.6, 1, "WORSE"), (49.5, 0, None), (49.4, 0, "better")):
            done = self.compare([LINE], [dict(LINE, ouro=ouro)])
            self.assertEqual(done.returncode, code, ouro)
            self.assertEqual([w for w in ("WORSE", "better") if w in done.stdout], [word] if word else [])

    def test_time(self):
        """Is no reason to fail; what lies outside both intervals is told from what does not."""
        for interval, word in (([0.25, 0.3], "noise"), ([0.27, 0.3], "changed")):
            done = self.compare([TIME], [dict(TIME, ouro=90, interval=interval)])
            self.assertEqual(done.returncode, 0)
            self.assertRegex(done.stdout, fr"(?m) {word}$")

    def test_one_only(self):
        """Cases that one file lacks; another release of a kernel, and of the peer, is the same case, with a number or not."""
        old = [dict(LINE, peer_name="CPython 3.11.2"), dict(LINE, case="gone")]
        new = [dict(LINE, peer_name="CPython 3.11.9", kernel="6.1.0-9-amd64", case=re.sub(r"^1 ", "", LINE["case"])),
               dict(LINE, case="come")]
        done = self.compare(old, new)
        self.assertEqual(done.returncode, 1)
        self.assertIn("1 counted figures are not there any more.", done.stdout)
        self.assertIn("(6.1.0-1-amd64, then 6.1.0-9-amd64)", done.stdout)
        self.assertIn("only in the old one: instructions on 6.1: gone", done.stdout)
        self.assertIn("only in the new one: instructions on 6.1: come", done.stdout)
        self.assertNotIn("pair 64, ouro_free, beside", done.stdout)

    def test_other_lane(self):
        """What was not measured again is not lost."""
        done = self.compare([LINE, TIME], [TIME])
        self.assertEqual(done.returncode, 0)
        done = self.compare([LINE], [TIME])
        self.assertEqual((done.returncode, done.stderr), (2, "bench-compare: error: the two have nothing in common\n"))

    def test_extremes(self):
        """The longest of waits, seen once, is not judged."""
        self.assertEqual(self.compare([dict(LINE, lane="waits")], [dict(LINE, lane="waits", ouro=99)]).returncode, 0)

    def test_nothing(self):
        """Figures and ratios of nothing."""
        for old, new, code, word in ((0, 1, 1, "+inf"), (0, 0, 0, "+0.0"), (-2, -3, 0, "-50.0")):
            done = self.compare([dict(LINE, ouro=old)], [dict(LINE, ouro=new)])
            self.assertEqual(done.returncode, code)
            self.assertIn(f"{word} %", done.stdout)
        self.assertEqual(self.compare([dict(LINE, ratio=None)], [LINE]).returncode, 0)
        row = bench_rows.Row("x", "KiB", "y", lambda lane: (-1, 0), (bench_rows.ratio(1), bench_rows.below(1)))
        figures = bench_figures.Figures(row, types.SimpleNamespace(results={}, samples={}, taken={}, cpus=2), False)
        self.assertIsNone(figures.ratio)
        self.assertFalse(any(map(figures.judge, row.goal)))
        done = self.script("bench-plot", self.file("b.json", dict(LINE, ratio=None)), self.dir)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_per_cpu(self):
        """From the least and the most of CPUs."""
        idle = dict(LINE, case=bench_rows.IN_USE, unit="bytes")
        lines = [dict(idle, lane="idle-1", ouro=100.0, peer=10.0), dict(idle, lane="idle-4", ouro=700.0, peer=40.0),
                 dict(idle, lane="idle-2", ouro=0.0, peer=0.0)]
        (line,) = load_bench().per_cpu_lines(lines)
        self.assertEqual((line["lane"], line["ouro"], line["peer"], line["ratio"]), ("idle-4", 200.0, 10.0, 20.0))
        self.assertEqual(list(load_bench().per_cpu_lines(lines[:1])), [])

    def test_bad(self):
        good = self.file("good", LINE)
        cases = [("missing", None, "No such file"), ("text", "x", "no JSON"), ("object", "{}", "not an array"),
                 ("numbers", "[1]", "not an array of objects"), ("foreign", '[{"case": "x"}]', "without lane"),
                 ("words", json.dumps([dict(LINE, ratio="x")]), "without ratio"),
                 ("nan", json.dumps([dict(LINE, ouro=float("nan"))]), "without ouro"),
                 ("twice", json.dumps([LINE, LINE]), "two lines"),
                 ("target", json.dumps([dict(LINE, target=[])]), "without target"),
                 ("half", json.dumps([dict(LINE, interval=[1])]), "an interval")]
        for name, text, words in cases:
            if text is not None:
                with open(self.path(name), "w", encoding="utf-8") as f:
                    f.write(text)
            for pair in ((good, self.path(name)), (self.path(name), good)):
                done = self.script("bench-compare", *pair)
                self.assertEqual((done.returncode, done.stdout), (2, ""), name)
                self.assertRegex(done.stderr, r"\Abench-compare: error: [^\n]*\n\Z")
                self.assertIn(words, done.stderr)
        self.assertEqual(self.script("bench-compare", good).returncode, 2)

    def test_make(self):
        """Both ways to name the files."""
        old, new = self.file("old", LINE), self.file("new", dict(LINE, ouro=99))
        for words in ([f"A={old}", f"B={new}"], [old, new]):
            done = self.command("make", "-s", "-C", TOP, "bench-compare", *words)
            self.assertIn("1 counted figures got worse", done.stdout)
            self.assertEqual(done.returncode, 2)

    def test_plots(self):
        """One of all ratios of a lane and kernel, and one for each series of lines that say how many in their names."""
        bulk = [dict(LINE, case=f"bulk of {n}, per block", ouro=10.0 + n, ratio=n / 9) for n in (1, 2, 16)]
        scans = [dict(TIME, lane="collector", case=f"scan of {size} live objects, each") for size in ("10 k", "1 M")]
        memory = dict(LINE, lane="memory", unit="KiB")
        mix = [dict(memory, case="9 mix, half left, held", ouro=3.0, peer=2.0, ratio=1.5, peer_name="live, asked for"),
               dict(memory, case="mix, half left, held + metadata", peer=5.0, peer_name="kmalloc, slab")]
        done = self.script("bench-plot", self.file("b.json", LINE, *bulk, *scans, *mix), self.dir)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        made = {name for name in os.listdir(self.dir) if name.endswith(".svg")}
        self.assertEqual(made, {"ratios-instructions-6.1.svg", "ratios-collector-um.svg", "bulk-instructions-6.1.svg",
                                "scans-live-collector-um.svg", "ratios-memory-6.1.svg", "steps-memory-6.1.svg"})
        steps = [text.text for text in ElementTree.parse(self.path("steps-memory-6.1.svg")).iterfind(".//{*}text")]
        for name, figure in (("mix, half left : Ouro", "1.5"), ("mix, half left : kmalloc, slab", "2.5")):
            self.assertEqual(steps[steps.index(name) + 1], figure)
        words = "".join(ElementTree.parse(self.path("ratios-instructions-6.1.svg")).getroot().itertext())
        for line in (LINE, *bulk):
            self.assertIn(line["case"], words)
        curves = ElementTree.parse(self.path("bulk-instructions-6.1.svg")).findall(".//{*}polyline")
        self.assertEqual([len(curve.get("points").split()) for curve in curves], [3, 3])
