# SPDX-License-Identifier: GPL-2.0
"""What each command says of the fixture."""

import json
import os

from case import Case


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

    def test_sites_of_which_there_are_more(self):
        root = self.copy()
        self.change(root, "net/sites.json", every=100, others={"live": 7, "bytes": 2048})
        out = self.good("sites", "net", root=root)
        self.assertIn("sites are tracked by: stack, of one allocation in 100\n", out)
        self.assertIn("at other sites: 7 blocks, 2.0 KiB\nnot tracked: 40 blocks, 5.0 KiB\n", out)

    def test_audit(self):
        out = self.good("audit", "net")
        self.assertRegex(out, r"a use after free to come\n.*\n +3\.20\.4\.7 +peer +2 +3 +0 +- +peer_add")
        self.assertRegex(out, r"leaked, a put too few\n.*\n +3\.1f\.16 +session +2 +1 +0 +- +-\n")
        self.assertRegex(out, r"OFFSET +OBJECTS +TO\n +session +24 +3 +peer\n")
        self.assertRegex(out, r"outside the heap:\n.*\n +session +3 +3 +1\n")
        self.assertEqual(self.json("audit", "net")["skipped"], 0)

    def test_audit_tells_all(self):
        """What is beyond the lists, who holds an object, and what the kernel is not sure of."""
        root = self.copy()
        suspect = {"handle": "3.1f.16", "type": "session", "refs": 4, "edges": 1, "pins": 2, "held_by": "backlog",
                   "site": None}
        self.change(root, "net/audit.json", high=[suspect], low_more=40, high_more=7, skipped=2, unchecked=3,
                    blind=True, pins_lost=True)
        for command in ("audit", "leaks"):
            out = self.good(command, "net", root=root)
            self.assertIn("heap net: 41 too low, 8 too high, 1 not traversed; 9 objects counted\n", out)
            self.assertRegex(out, r"3\.20\.4\.7 .*\n  and 40 more\n")
            self.assertRegex(out, r"PINS +HELD BY +SITE\n +3\.1f\.16 +session +4 +1 +2 +backlog +-\n  and 7 more\n")
            for words in ("2 pools left out: what is referred to", "3 more objects looked wrong", "audit once more",
                          "names of outside references were lost"):
                self.assertIn(words, out)
        out = self.good("audit", "net")
        for words in ("left out", "more", "lost"):
            self.assertNotIn(words, out.replace("more references counted than", ""))

    def test_leaks(self):
        out = self.good("leaks")
        self.assertIn("heap net: 1 too low, 1 too high, 1 not traversed; 9 objects counted\n", out)
        self.assertRegex(out, r"live, by type:\n.*\n +session +5 +320 B\n +peer +4 +192 B\n")
        self.assertIn("net_accept+0x41/0x120", out)
        self.assertIn("\n  not tracked: 40 blocks, 5.0 KiB\n", out)
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

    def test_retained_by_too_many(self):
        """What is beyond the kernel's list is one holder without a type."""
        root = self.copy()
        self.change(root, "net/retained.json", skipped=1, holders=[
            {"type": None, "pin": None, "roots": 9, "objects": 30, "bytes": 2048}])
        out = self.good("retained", "net", root=root)
        self.assertRegex(out, r"\n\(others\) +- +9 +30 +2\.0 KiB\n")
        self.assertIn("1 pool left out: what is referred to from there looks held from outside\n", out)

    def test_growth(self):
        out = self.good("growth", "net")
        self.assertIn("in the 2 min since the mark", out)
        self.assertRegex(out, r"\+3 +\+192 B +5 +320 B +session\n +-1 +-48 B +4 +192 B +peer\n")
        self.assertRegex(out, r"CLASS\n +\+1 +\+16\.0 KiB +1 +16\.0 KiB +large blocks\n"
                              r" +\+8 +\+1\.0 KiB +40 +5\.0 KiB +128 B\n")
        self.assertRegex(out, r"TYPE +SITE\n +\+3 +\+192 B +5 +320 B +session +net_accept\+0x41")
        self.assertEqual(self.json("growth", "net")["marked_s"], 125)

    def test_growth_of_nothing(self):
        root = self.copy()
        still = {"live": 1, "bytes": 8, "live_growth": 0, "bytes_growth": 0}
        self.change(root, "net/growth.json", types=[], classes=[{"size": 8, **still}], sites=[])
        self.assertRegex(self.good("growth", "net", root=root),
                         r"no growth by type\nno growth by class\nno growth by site\n")

    def test_growth_without_sites(self):
        """Nothing is known of them, which is not that nothing grew."""
        root = self.copy()
        self.change(root, "net/growth.json", sites=[], sites_noted=False, sites_marked=False)
        out = self.good("growth", "net", root=root)
        self.assertIn("sites are not tracked: ouro sites net --set caller, then ouro growth net --mark\n", out)
        self.assertNotIn("no growth", out)
        self.change(root, "net/growth.json", sites_noted=True)
        self.assertIn("sites are tracked since after the mark only\n", self.good("growth", "net", root=root))
        self.change(root, "net/growth.json", marked_s=None)
        out = self.good("growth", "net", root=root)
        self.assertIn("nothing was marked, so since it was created\n", out)
        self.assertNotIn("after the mark", out)

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

    def test_why_of_what_never_dies(self):
        """References from outside are not counted there."""
        root = self.copy()
        self.change(root, "net/graph.json", objects=[
            {"handle": "3.1.1", "type": "session", "bytes": 64, "refs": -1, "left_out": 0,
             "edges": [{"field": "next", "to": "3.1.2"}]},
            {"handle": "3.1.2", "type": "peer", "bytes": 64, "refs": 1, "left_out": 0, "edges": []}])
        data = self.json("why", "net", "peer", root=root)
        self.assertEqual([step["handle"] for step in data["path"]], ["3.1.1", "3.1.2"])
        self.assertEqual((data["immortal"], data["outside"], data["unreachable"]), (True, 0, False))
        self.assertIn("peer 3.1.2 is kept by session 3.1.1, which never dies:\n",
                      self.good("why", "net", "peer", root=root))
        self.assertIn("never dies", self.good("graph", "net", root=root))

    def test_why_where_references_are_left_out(self):
        """An object that one of them leads to looks like one that is kept from outside."""
        root = self.copy()
        table = {"handle": "3.1.1", "type": "session", "bytes": 64, "refs": 2, "left_out": 1500, "edges": []}
        entry = {"handle": "3.1.2", "type": "peer", "bytes": 64, "refs": 1, "left_out": 0, "edges": []}
        cycle = {"handle": "3.1.3", "type": "peer", "bytes": 64, "refs": 1, "left_out": 0,
                 "edges": [{"field": "self", "to": "3.1.3"}]}
        self.change(root, "net/graph.json", objects=[table, entry, cycle])
        done = self.ouro("why", "net", "3.1.2", root=root)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr, "ouro: net/graph.json lacks 1500 references of objects with very many, and "
                                      "what these refer to may look kept from outside\n")
        done = self.ouro("why", "net", "3.1.2", "--json", root=root)
        self.assertEqual(json.loads(done.stdout)["edges_missing"], 1500)
        self.assertIn("nothing outside", self.good("why", "net", "3.1.3", root=root))  # that is sure
        self.assertIn("+1500 references not drawn", self.good("graph", "net", root=root))
        self.change(root, "net/graph.json", objects=[{**table, "left_out": "many"}])
        self.bad(self.ouro("graph", "net", root=root), "is no object")

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
