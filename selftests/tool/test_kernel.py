# SPDX-License-Identifier: GPL-2.0
"""What the kernel prints: the examples in docs/debugfs.rst, which a test of the module compares with what it does."""

import glob
import json
import os
import re
import shutil

from case import FIXTURE, TOP, Case, Live, load_tool

OBJECT = {"handle": str, "type": str, "bytes": int, "refs": int}
# Of what the tool reads as a stream, and of what it only packs into a snapshot.
OTHERS = {
    "graph": {"objects": [{**OBJECT, "left_out": int, "edges": [{"field": str, "to": str}]}]},
    "objects": {"objects": [{**OBJECT, "site": (str, type(None))}]},
    "limit": {"limit": int},
    "threshold": {"young": int, "middle": int, "old": int},
    "mode": {"mode": str, "types": [{"name": str, "mode": str}]},
}
# Members that the tool has no use for: FILE MEMBER.
IGNORED = {
    "sites sites.site",  # the stack begins with it
}
HEADS = {"schema", "heap"}


def documented():
    """[(file without .json, its path, its data)], in the order of the document."""
    with open(os.path.join(TOP, "docs", "debugfs.rst"), encoding="utf-8") as file:
        lines = file.read().splitlines()
    found, taking = [], None
    for line in lines:
        command = re.match(r"   ouro# (.*)", line)
        if command or not line.startswith("   "):
            name = command and re.fullmatch(r"cat (\S+)\.json", command[1])
            taking = [] if name else None
            if name:
                found.append((name[1], taking))
        elif taking is not None:
            taking.append(line.strip())
    # It breaks lines at any blank, also in strings.
    return [(os.path.basename(path), path, json.loads(" ".join(text))) for path, text in found]


def members(data):
    """Names of all members, with those of what they are in before them: {'types', 'types.name', ...}."""
    if isinstance(data, list):
        return set().union(*map(members, data))
    if isinstance(data, dict):
        below = {f"{name}.{member}" for name, value in data.items() for member in members(value)}
        return set(data) | below
    return set()


def shapes():
    tool = load_tool()
    return {**tool.SHAPES, **OTHERS, "classes": {"classes": [tool.CLASS]}}


class Document(Case):
    """The tool understands all of them."""

    def setUp(self):
        super().setUp()
        self.examples = documented()
        for _, path, data in self.examples:
            self.write(path, data)

    def write(self, path, data):
        path = self.path("ouro", path + ".json")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(data, file)

    def test_there_are_examples_of_each(self):
        self.assertLessEqual(set(load_tool().SHAPES) - {"sample"}, {name for name, _, _ in self.examples})

    def test_every_member_is_known(self):
        known = shapes()
        for name, _, data in self.examples:
            there = {member for member in members(data) - HEADS if f"{name} {member}" not in IGNORED}
            self.assertLessEqual(there, members(known[name]), name)
            self.assertIsNone(load_tool().fits(data, known[name]), name)

    def test_every_file_is_known(self):
        with open(os.path.join(TOP, "docs", "debugfs.rst"), encoding="utf-8") as file:
            listed = re.findall(r"^   -[rw-]{9} (\S+)\.json$", file.read(), re.MULTILINE)
        self.assertGreater(len(listed), 12)
        self.assertLessEqual(set(listed), set(shapes()))

    def test_every_command(self):
        for command in ("list", "stat", "arenas", "graph", "leaks", "growth", "retained", "sites", "audit",
                        "collector"):
            self.good(command, "net", root=self.dir)
            self.json(command, "net", root=self.dir)
        for words in (["top", "--once"], ["top", "net", "--once"], ["arenas", "net", "--svg", self.path("a.svg")],
                      ["diff", self.dir, self.dir], ["list", "--names", "net"]):
            self.good(*words, root=self.dir)
        if shutil.which("dot"):
            self.good("graph", "net", "--svg", self.path("g.svg"), root=self.dir)

    def test_every_example(self):
        """Those of a file of which there are several."""
        for name, path, data in self.examples:
            self.write(path, data)
            if name not in ("heaps", "why", "objects", "classes", "types", "limit", "threshold", "mode"):
                self.good(name, "net", root=self.dir)

    def test_snapshot(self):
        self.good("snapshot", self.path("s.tar.gz"), root=self.dir)
        self.assertEqual(self.good("leaks", root=self.path("s.tar.gz")), self.good("leaks", root=self.dir))

    def test_why(self):
        """The tool finds in graph.json what the kernel finds, but for the names of references."""
        answers = [data for name, _, data in self.examples if name == "why"]
        self.assertEqual({data["unreachable"] for data in answers}, {False, True})
        for data in answers:
            found = self.json("why", "net", data["asked"], root=self.dir)
            self.assertLessEqual(set(data), set(found))
            same = ["unreachable", "immortal", "outside", "length", "left_out", "path"]
            self.assertEqual({name: found[name] for name in same}, {name: data[name] for name in same})


class Asked(Live):
    """The kernel's answers to why, as the tool tells them."""

    def test_answers(self):
        types = next(data for name, _, data in documented() if name == "types")
        self.put("debug/ouro/net/types.json", json.dumps(types))
        for data in (data for name, _, data in documented() if name == "why"):
            self.put("debug/ouro/net/why.json", json.dumps(data))
            out = self.good("why", "net", data["asked"])
            self.assertIn("nothing outside" if data["unreachable"] else "is kept by 1 outside reference (admin)", out)


class Fixture(Case):
    """What the other tests take for the kernel's has the members that the kernel prints."""

    def test_members(self):
        known = shapes()
        printed = {}
        for name, _, data in documented():
            printed.setdefault(name, set()).update(members(data))
        for path in glob.glob(os.path.join(FIXTURE, "ouro", "**", "*.json"), recursive=True):
            name = os.path.basename(path)[:-len(".json")]
            with open(path, encoding="utf-8") as file:
                data = json.load(file)
            self.assertIsNone(load_tool().fits(data, known[name]), path)
            self.assertLessEqual(members(data), printed[name], path)
            if os.sep + "idle" + os.sep not in path:  # it has nothing
                self.assertEqual(members(data), printed[name], path)

    def test_it_has_each_file(self):
        there = {os.path.basename(path)[:-len(".json")] for path in
                 glob.glob(os.path.join(FIXTURE, "ouro", "**", "*.json"), recursive=True)}
        self.assertEqual(there, set(shapes()) - {"sample"})

    def test_it_agrees_with_itself(self):
        """Files that tell of the same objects and blocks tell the same."""
        def load(name):
            with open(os.path.join(FIXTURE, "ouro", "net", name + ".json"), encoding="utf-8") as file:
                return json.load(file)

        def heads(objects):
            return [(item["handle"], item["type"], item["bytes"], item["refs"]) for item in objects]
        stat, objects = load("stat"), load("objects")["objects"]
        self.assertEqual(stat["classes"], load("classes")["classes"])
        self.assertEqual(stat["types"], load("types")["types"])
        self.assertEqual(stat["limit"], load("limit")["limit"])
        self.assertEqual(load("collector")["mode"], load("mode")["mode"])
        self.assertEqual(heads(objects), heads(load("graph")["objects"]))
        for kind in stat["types"]:
            self.assertEqual(kind["live"], sum(item["type"] == kind["name"] for item in objects))
