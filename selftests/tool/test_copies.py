# SPDX-License-Identifier: GPL-2.0
"""Copies of the directory, and what goes wrong with them."""

import glob
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile

from case import Case, FIXTURE, SECONDS, TOOL, load_tool


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
                            (["sites", "net", "--every", "9"], "--every goes with --set stack"),
                            (["sites", "net", "--set", "caller", "--every", "9"], "--every goes with --set stack"),
                            (["sites", "net", "--set", "stack", "--every", "0"], "not a whole number"),
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
