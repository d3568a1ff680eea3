# SPDX-License-Identifier: GPL-2.0
"""What scripts/bench prints: for each lane and kernel a line of facts and a table, then what is to be known of both."""


def heading(facts):
    return (f"{facts['lane']}: {facts['kernel']}, {facts['how']}{', counted' if facts['counted'] else ''}, "
            f"CPUs {facts['cpus']} ({facts['cpu']}), preemption {facts['preemption']}, "
            f"mitigations {facts['mitigations']}, init_on_alloc {facts['init_on_alloc']}, "
            f"init_on_free {facts['init_on_free']}, slab {facts['slab'] or 'plain'}, clock {facts['clock']}")


def number(value):
    return f"{value:.0f}" if value >= 1000 else f"{value:.1f}" if value >= 100 else f"{value:.2f}"


def quotient(value):
    return "-" if value is None else f"{value:.3f}" if value < 1 else f"{value:.2f}"


def limit(bound):
    return f"{bound:.0f}" if bound >= 1000 else f"{bound:.3g}"


HEAD = ("case", "unit", "ouro", "least", "peer", "least", "", "ratio", "95 %", "goal", "reached")
TO_THE_RIGHT = (2, 3, 4, 5, 7)


def cells(line):
    least = list(map(number, line["least"])) if line["least"] else ["", ""]
    return (line["case"], line["unit"], number(line["ouro"]), least[0], number(line["peer"]), least[1],
            line["peer_name"], quotient(line["ratio"]), " - ".join(map(quotient, line["interval"] or ())),
            ", ".join(f"{what} {comparison} {limit(bound)}" for what, comparison, bound in line["goals"]),
            {None: "", True: "yes", False: "NO"}[line["reached"]])


def show_table(lines):
    table = [HEAD, *map(cells, lines)]
    widths = [max(len(line[i]) for line in table) for i in range(len(HEAD))]
    for line in table:
        print("  ".join(f"{cell:>{width}}" if i in TO_THE_RIGHT else f"{cell:<{width}}"
                        for i, (cell, width) in enumerate(zip(line, widths))).rstrip())


# Below the tables: of all lanes, and of those of which one was measured.
NOTES = {
    "": """\
  ratio: ouro / peer, less is better; "times" and "loops/us" are throughput, more is better; "-": one of them is no more
  than what else went on.  A goal is of the median, and nothing is forgiven.
  ouro, peer: medians of rounds in which the sides took turns, at least 7, but of what is held there is one, of what
  waits one, of ten million objects three, and CPython's one; least: of the best round; 95 %: the interval that the
  median of the rounds' ratios is in.  docs/performance.rst has more of this, and the numbers of the cases.""",
    "instructions time": """\
  pair: one block allocated and freed; batch: 4096 allocated, then freed, per block.
  bulk: before, all pages are given back, 4096 blocks allocated one by one and freed, in that order or shuffled; then the
  mean of 128 turns, before each of which one block more was taken away.
  mempool: asks slab first and never comes to its reserve here; Ouro's reserve is what is measured on the other side.
  take, clear: a plain store of the pointer fills the slot again, on both sides; weak handle: the peer's name is an index.""",
    "instructions time memory": """\
  trace: what a kernel did while scripts/trace recorded it, in that order, zeroed where it was; per operation, an
  allocation or a free; a byte of each block is written.  Its peak: where most bytes are live.""",
    "instructions": """\
  instr: the loop's own {loop} instructions are included unless the line says "less loop".""",
    "time remote": """\
  remote free: what all CPUs do for a block together; what one waits for another is not counted.""",
    "time": """\
  time: user-mode Linux has no cmpxchg of two words, so slab's slow paths take a lock there that they do not take on x86.
  refcount: a last refcount_dec_and_test() has an LFENCE in user-mode Linux, some 9 ns, that it does not have on x86.
  vector, map: in user-mode Linux interrupts off and on cost some 500 ns, and an smp_rmb() is an LFENCE; on x86 neither is so.
  create + destroy: most of a heap's is its files in debugfs; kmem_cache_destroy() waits for RCU.
  larson: 1000 blocks of 10 to 500 bytes on each CPU; mstress: 4096, of 8 to 1024 bytes, few of up to 16 KiB, an eighth
  of which comes by an array that all CPUs free from; xmalloc: 8 to 2048 bytes, in batches of 4096; cache-scratch: 8 bytes, written 100 times.
  no reader: another CPU reads all counters of the heap, through the file (some 40,000 times a second, where it does
  not pause) or by the call (150,000 times); each takes the allocating CPU's cache line away, a quarter of a us.""",
    "memory": """\
  held: pages of the heap; no longer free: what the whole system has less, free pages kept by CPUs counted as free.
  mix: what is left of the 1.06 M blocks when any were freed, on one CPU; churned: any block is freed, then the next
  allocated of those that are not there, ten times as many as there were at first; trimmed: by ouro_heap_trim(), and
  slab's caches for kmalloc shrunk through sysfs.""",
    "idle-1 idle-2 idle-4": """\
  no debugfs: as booted with debugfs=off; idle heaps are ten thousand, those with one live block a thousand.""",
    "collector": """\
  scan: objects of 64 bytes with two slots, two random edges each, and a vector that holds them all; CPython: objects
  with two __slots__ and a list.  Live: all held; dead: the vector was put, what is then in or behind a cycle is left.
  In rings, a tree or one ring: objects in the order of their making, of which vector and list have the first of each;
  the last leaf of the tree refers to its top, so all of it is garbage that hangs on a cycle.
  Of the rounds of several boots, each followed by CPython's turn, which are not compared one by one.
  mutator: get, put, store, new, put in objects at random on one CPU; scans back to back on the other.""",
    "waits": """\
  longest wait: of a thread of highest priority for the CPU that scans, less the mean of an idle CPU; preemptible: as
  with preempt=full, where it is the longest stretch with preemption off; voluntary: as the distribution boots.""",
}


def show(facts, lines):
    for fact in facts:
        print(heading(fact))
        show_table([line for line in lines if (line["lane"], line["target"]) == (fact["lane"], fact["target"])])
        print()
    loop = next((f"{fact['loop']:.0f}" for fact in facts if "loop" in fact), "few")
    for name, note in NOTES.items():
        if not name or {fact["lane"] for fact in facts}.intersection(name.split()):
            print(note.replace("{loop}", loop))
    goals = [line["reached"] for line in lines if line["goals"]]
    print(f"  {goals.count(True)} of {len(goals)} goals reached.")
