# SPDX-License-Identifier: GPL-2.0
"""What writes, and what goes on: beside a directory that is taken for debugfs."""

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tarfile
import time

from case import Live, SECONDS


class LiveCommands(Live):
    """What writes, and what goes wrong with debugfs."""

    def answer(self, **fields):
        """What the kernel is to say to why."""
        self.change(self.path("debug", "ouro"), "net/why.json", **fields)

    def test_why(self):
        self.answer(asked="3.20.1")
        data = self.json("why", "net", "3.20.1")
        self.assertEqual(self.got("net/why"), "3.20.1\n")
        self.assertEqual(data["held_by"], "accept queue")
        self.answer(asked="peer")
        self.assertIn("peer 3.20.1 is kept by 1 outside reference (accept queue) to session 3.1f.12:\n"
                      "  session.peers[0] → peer\n", self.good("why", "net", "peer"))
        self.assertEqual(self.got("net/why"), "peer\n")

    def test_why_of_nothing(self):
        self.answer(found=False, object=None, type=None, outside=0, held_by=None, length=0, path=[])
        self.bad(self.ouro("why", "net", "peer"), "no live object peer in heap net")
        self.bad(self.ouro("why", "net", "peer", "--json"), "no live object peer in heap net")
        self.answer(found=True, unreachable=True)
        self.assertRegex(self.good("why", "net", "peer"), r"\Apeer: nothing outside the heap leads to it\n.*garbage")

    def test_why_of_what_never_dies(self):
        self.answer(immortal=True, outside=0)
        out = self.good("why", "net", "peer")
        self.assertIn("peer 3.20.1 is kept by session 3.1f.12, which never dies (accept queue):\n", out)
        self.answer(held_by=None, length=1, path=[{"handle": "3.20.1", "type": "peer", "field": None}])
        out += self.good("why", "net", "peer")
        self.assertIn("peer 3.20.1 never dies:\n", out)
        self.assertNotIn("outside reference", out)

    def test_why_of_a_long_path(self):
        """Its middle is left out, and that is to be seen."""
        steps = [{"handle": f"3.1.{i:x}", "type": "peer", "field": f"f{i}"} for i in range(128)]
        self.answer(length=1128, left_out=1000, path=steps)
        out = self.good("why", "net", "peer")
        self.assertIn(" peer.f63 → (1000 more) → peer.f64 → ", out)
        self.assertRegex(out, r"\n  3\.1\.3f +peer +f63\n  \(1000 more\)\n  3\.1\.40 +peer +f64\n")

    OTHERS = ("asks = [0]\nbefore = tool.Directory.write\ndef ask(self, heap, file, text):\n"
              "    before(self, heap, file, text)\n    asks[0] += 1\n    import json, os\n"
              "    path = os.path.join(self.path, heap, 'why.json')\n"
              "    data = json.load(open(path, encoding='utf-8'))\n"
              "    data['asked'] = 'peer' if asks[0] > {other} else 'session'\n"
              "    json.dump(data, open(path, 'w', encoding='utf-8'))\n"
              "tool.Directory.write = ask\nimport atexit\n"
              "atexit.register(lambda: open({count!r}, 'w').write(str(asks[0])))")

    def test_why_when_others_ask(self):
        """There is one question for all: the answer to another's is not told."""
        count = self.path("count")
        data = self.json("why", "net", "peer", more=self.OTHERS.format(other=2, count=count))
        self.assertEqual(data["asked"], "peer")
        with open(count, encoding="utf-8") as file:
            self.assertEqual(file.read(), "3")
        self.bad(self.ouro("why", "net", "peer", more=self.OTHERS.format(other=1000, count=count)),
                 "net/why: others ask at the same time: try again")

    def test_why_refused(self):
        for error, said in (("EINVAL", "no live object 3.1.1"), ("EXDEV", "no live object 3.1.1 in heap net"),
                            ("ENOMEM", "could not mark the objects")):
            more = f"def fail(*_): raise OSError(tool.errno.{error}, os.strerror(tool.errno.{error}))\nos.write = fail"
            self.bad(self.ouro("why", "net", "3.1.1", more=more), said)

    def test_graph_is_read_once(self):
        """Another reading would not be like the first: objects come and go."""
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
        self.good("sites", "net", "--set", "stack")
        self.assertEqual(self.got("net/sites"), "stack\n")
        self.good("sites", "net", "--set", "stack", "--every", "100")
        self.assertEqual(self.got("net/sites"), "stack 100\n")
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
        """Ctrl-C after the first output, however much later that is."""
        # In the background of a shell, where Ctrl-C would not be heard, it is heard all the same.
        driver = self.driver("import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)")
        with subprocess.Popen(driver + list(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            first = os.read(process.stdout.fileno(), 1 << 16)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=SECONDS)
        return process.returncode, (first + out).decode(), err.decode()

    def test_interrupts(self):
        status, out, err = self.interrupted("growth", "net", "--watch", "1000")
        self.assertEqual((status, err), (130, ""))
        self.assertIn("since the mark", out)
        self.assertEqual(self.interrupted("top", "-d", "1000")[::2], (130, ""))
        status, out, err = self.interrupted("record", "net", "-", "--interval", "1000")
        self.assertEqual((status, err, len(out.splitlines())), (0, "", 1))

    def test_watch_json(self):
        _, out, _ = self.interrupted("growth", "net", "--watch", "1000", "--json")
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
        for name in ("sites", "limit", "threshold", "mode"):
            self.assertIn(f"ouro/net/{name}.json", names)
        self.assertNotIn("ouro/idle/limit.json", names)
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
