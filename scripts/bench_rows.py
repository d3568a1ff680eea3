# SPDX-License-Identifier: GPL-2.0
"""The lines of scripts/bench's table: from what guests and CPython said to two figures and a goal."""

import collections
import re

# A line of the table. get(lane) gives Ouro's figure and its peer's; a line of two cases reads Ouro's first. goal is
# None, one Goal or several; number is what the case has in docs/performance.rst's list of goals, if it is there.
Row = collections.namedtuple("Row", "case unit peer_name get goal number", defaults=(None,))

# What is compared ("ouro" or "ratio") how with which bound.
Goal = collections.namedtuple("Goal", "what comparison bound")


def ratio(bound):
    return Goal("ratio", "<=", bound)


def below(bound):
    return Goal("ratio", "<", bound)


def cost(bound):
    return Goal("ouro", "<=", bound)


def at_least(bound):
    return Goal("ratio", ">=", bound)


def sides(name, first=0, second=1):
    """Figures of a case, which come in thousandths of a nanosecond."""
    return lambda lane: (lane.results[name][first] / 1000, lane.results[name][second] / 1000)


def scaled(get, factor):
    return lambda lane: tuple(value * factor for value in get(lane))


def without_loop(name):
    """The same, less what the loop around it costs."""
    def get(lane):
        loop = lane.results["loop"][0]
        return tuple((value - loop) / 1000 for value in lane.results[name][:2])
    return get


def against(name, other):
    """Ouro's side of one case beside the only side of another."""
    return lambda lane: (lane.results[name][0] / 1000, lane.results[other][0] / 1000)


def speedup(name):
    """How much more all CPUs do than one: sides are Ouro and its peer on one CPU, then on all."""
    def get(lane):
        ouro1, peer1, ouro, peer = lane.results[name]
        return lane.cpus * ouro1 / ouro, lane.cpus * peer1 / peer
    return get


def efficiency(name):
    """The same for each CPU."""
    return lambda lane: tuple(value / lane.cpus for value in speedup(name)(lane))


def speedup_against(name, loop):
    """Ouro's part of that, beside a loop that does nothing: what the machine's CPUs are worth together."""
    def get(lane):
        ouro = speedup(name)(lane)[0]
        loop1, loop_all = lane.results[loop][:2]
        return ouro, lane.cpus * loop1 / loop_all
    return get


def without_walk(name):
    """Figures of a replayed trace, less what going through it costs."""
    def get(lane):
        ouro, peer, walk = lane.results[name][:3]
        return (ouro - walk) / 1000, (peer - walk) / 1000
    return get


def mutator(name):
    """Million loops a second while another CPU scans or reads, and without."""
    def get(lane):
        alone = 1e6 / lane.results[name][3]
        return alone * lane.results[name][0] / 1000, alone
    return get


# ---- what is measured ---------------------------------------------------------------------------

def kib(value):
    return value / 1024


MIX_BLOCKS, MIX_ASKED, MIX_HELD, MIX_METADATA = range(4)


def mix(*parts):
    return lambda lane: kib(sum(lane.results["mix-ouro"][i] for i in parts))


def at_peak(*parts):
    return lambda lane: kib(sum(lane.results["trace-ouro"][i] for i in parts))


def taken(what, name):
    """Bytes that went when something was taken and nothing else changed: what is free, or in slab."""
    return lambda lane: lane.taken[name][what]


def pair_of(ouro, peer):
    return lambda lane: (ouro(lane), peer(lane))


def each_of_many(name, peer):
    return lambda lane: (lane.taken[name]["free"] / lane.results[name][0],
                         lane.taken[peer]["free"] / lane.results[peer][0])


def said(name, peer, which):
    """Two numbers that the guest knows."""
    return lambda lane: (lane.results[name][which], lane.results[peer][which])


CACHE = "kmem_cache"
BY_HAND = "kmem_cache, refcount"


def object_rows(unit, get_put, number=None):
    """Objects beside a refcount_t, pointers and an xarray in blocks of a kmem_cache; containers beside theirs."""
    return [
        Row("object, get + put", unit, "refcount inc+dec", sides("get-put"), ratio(get_put), number),
        Row("object of 64, new + put", unit, BY_HAND, sides("new-leaf"), ratio(0.5), 11),
        Row("object with 2 NULL slots, new + put", unit, BY_HAND, sides("new-node"), ratio(0.5)),
        Row("object with a child, new + put of both", unit, BY_HAND, sides("new-parent"), ratio(0.5)),
        Row("object in a pool with weak handles, new + put", unit, BY_HAND, sides("new-named"), None),
        Row("slot, take", unit, "refcount inc", sides("take"), ratio(2.5)),
        Row("slot, store", unit, "inc, xchg, dec", sides("store"), None),
        Row("slot, load + put", unit, "inc_not_zero+dec", sides("load"), None),
        Row("slot, swap", unit, "xchg", sides("swap"), None),
        Row("slot, get + clear", unit, "inc, xchg, dec", sides("clear"), None),
        Row("weak handle, get + put", unit, "xarray, inc+dec", sides("weak"), None),
        Row("vector, append, 4096 of them", unit, "xarray", sides("append"), ratio(1.2)),
        Row("vector, append, 4096 of them", unit, "xarray, irq", sides("append", 0, 2), ratio(1.2)),
        Row("map of 4096, peek", unit, "rhashtable", sides("map-peek"), ratio(1.2)),
        Row("map of 4096, load + put", unit, "rhashtable, inc+dec", sides("map-load"), ratio(1.2)),
        Row("map, store, 4096 of them", unit, "rhashtable, " + CACHE, sides("map-store"), None),
    ]


def version_of(release):
    return tuple(map(int, re.match(r"(\d+)\.(\d+)", release).groups()))


def has_sheaves(release):
    """Whether slab keeps free objects for each CPU in arrays, too."""
    return version_of(release) >= (6, 18)


def pair_rows(release):
    """Less is asked beside a slab that has sheaves."""
    number, bound = (2, 0.33) if has_sheaves(release) else (1, 0.25)
    return [
        Row("pair 64, ouro_free", "instr", CACHE, sides("free"), (ratio(bound), cost(60)), number),
        Row("pair 64, ouro_free_sized", "instr", CACHE, sides("free-sized"), cost(50)),
        Row("pair 64, _nopreempt", "instr", CACHE, sides("nopreempt"),
            (ratio(0.2), cost(45)) if version_of(release) == (6, 1) else cost(45), 3),
        Row("pair 64, hardened heap", "instr", CACHE, sides("hardened"),
            *((ratio(0.5), 1) if number == 1 else (None,))),
    ]


BULKS = (1, 2, 4, 8, 16, 32, 64, 128, 250)


def bulk_rows(unit):
    """So many blocks at once, where those at hand were freed in the order of allocation, or in another."""
    return [Row(f"bulk of {count}, per block, {order}", unit, CACHE + " bulk", sides(f"bulk-{count}{suffix}"),
                *((ratio(0.3), 4) if count == 16 else (None,)))
            for order, suffix in (("in order", ""), ("shuffled", "-shuffled")) for count in BULKS]


def instruction_rows(release):
    return pair_rows(release) + INSTRUCTIONS


INSTRUCTIONS = [
    Row("pair 64, ouro_free, less loop", "instr", CACHE, without_loop("free"), None),
    Row("pair 64, ouro_free_sized, less loop", "instr", CACHE, without_loop("free-sized"), None),
    Row("pair 64, _nopreempt, less loop", "instr", CACHE, without_loop("nopreempt"), None),
    Row("pair 64, ouro_free", "instr", "kmalloc", sides("free-kmalloc"), None),
    Row("pair 64, ouro_free", "instr", "refcount inc+dec", against("free", "refcount"), None),
    Row("pair 64, zalloc", "instr", CACHE, sides("zalloc"), None),
    Row("pair 64, debug heap", "instr", "debug kmem_cache", sides("debug"), None),
    Row("pair 16", "instr", CACHE, sides("free-16"), None),
    Row("pair 256", "instr", CACHE, sides("free-256"), None),
    Row("pair 1024", "instr", CACHE, sides("free-1024"), None),
    Row("pair 1024, ouro_free_sized", "instr", CACHE, sides("free-sized-1024"), None),
    Row("pair 4096", "instr", CACHE, sides("free-4096"), None),
    Row("batch of 4096", "instr", CACHE, sides("batch"), ratio(0.4)),
    Row("batch of 4096", "instr", "kmalloc", sides("batch-kmalloc"), None),
    Row("batch of 4096, free_sized", "instr", CACHE, sides("batch-sized"), None),
    Row("batch of 4096, freed last first", "instr", CACHE, sides("lifo"), None),
    Row("batch of 4096, freed shuffled", "instr", CACHE, sides("shuffled"), None),
    *bulk_rows("instr"),
    Row("random sizes, replace one", "instr", "kmalloc", sides("replace"), None),
    Row("region, per piece of 24", "instr", "kmalloc", sides("region"), None),
    Row("reserve pair", "instr", "mempool", sides("reserve"), None),
    Row("heap, create + destroy", "k instr", CACHE, scaled(sides("life"), 1e-3), None),
    Row("heap, create + pair + destroy", "k instr", CACHE, scaled(sides("life-used"), 1e-3), None),
    Row("1.06 M live blocks, destroy", "M instr", "kfree each", scaled(sides("destroy"), 1e-6), ratio(0.02), 15),
    Row("pair 64, sites by caller", "instr", "sites off", against("sites-caller", "sites-off"), ratio(1.25)),
    Row("pair 64, sites by one stack of 64", "instr", "sites off", against("sites-stack-64", "sites-off"), None),
    Row("pair 64, sites by stack", "instr", "sites off", against("sites-stack", "sites-off"), None),
    Row("trace of a VM's kmalloc, replayed", "instr", "kmalloc", sides("replay"), None),
    Row("trace of a VM's kmalloc, less the walk", "instr", "kmalloc", without_walk("replay"), None),
    *object_rows("instr", 1.3),
]

def unless_sheaves(release, rows):
    """Numbers 2 and 5 are of a slab with sheaves: without them there is neither number nor goal."""
    return rows if has_sheaves(release) else [row._replace(goal=None, number=None) if row.number in (2, 5) else row
                                              for row in rows]


def time_rows(release):
    return unless_sheaves(release, TIME)


def remote_rows(release):
    return unless_sheaves(release, REMOTE)


TIME = [
    Row("pair 64, ouro_free", "ns", CACHE, sides("free"), ratio(0.5), 2),
    Row("pair 64, ouro_free_sized", "ns", CACHE, sides("free-sized"), None),
    Row("pair 64, _nopreempt", "ns", CACHE, sides("nopreempt"), None),
    Row("pair 64, ouro_free", "ns", "kmalloc", sides("free-kmalloc"), None),
    Row("pair 64, ouro_free", "ns", "refcount inc+dec", against("free", "refcount"), None),
    Row("pair 64, hardened heap", "ns", CACHE, sides("hardened"), None),
    Row("batch of 4096", "ns", CACHE, sides("batch"), ratio(0.6)),
    Row("batch of 4096, freed last first", "ns", CACHE, sides("lifo"), None),
    Row("batch of 4096, freed shuffled", "ns", CACHE, sides("shuffled"), None),
    *bulk_rows("ns"),
    Row("random sizes, replace one", "ns", "kmalloc", sides("replace"), None),
    Row("region, per piece of 24", "ns", "kmalloc", sides("region"), None),
    Row("reserve pair", "ns", "mempool", sides("reserve"), None),
    Row("pair 64, all CPUs at once", "ns", CACHE, sides("cpus-free", 2, 3), None),
    Row("pair 64, all CPUs over one", "times", CACHE, speedup("cpus-free"), at_least(1)),
    Row("pair 64, all CPUs over one", "times", "empty loop", speedup_against("cpus-free", "cpus-loop"), None),
    Row("batch of 4096, all CPUs at once", "ns", CACHE, sides("cpus-batch", 2, 3), None),
    Row("batch of 4096, all CPUs over one", "times", CACHE, speedup("cpus-batch"), at_least(1)),
    Row("larson: replace one, arrays change CPUs", "ns", "kmalloc", sides("larson"), ratio(1 / 1.3), 6),
    Row("mstress: replace one, some go to other CPUs", "ns", "kmalloc", sides("mstress"), ratio(1 / 1.3), 6),
    Row("xmalloc: half of the CPUs allocate batches, half free them", "ns", "kmalloc", sides("xmalloc"), ratio(0.8), 5),
    Row("cache-scratch, all CPUs over one, for each", "times", "kmalloc", efficiency("scratch"),
        Goal("ouro", ">=", 0.95), 7),
    Row("trace of a VM's kmalloc, replayed", "ns", "kmalloc", sides("replay"), ratio(1 / 1.3), 6),
    Row("trace of a VM's kmalloc, less the walk", "ns", "kmalloc", without_walk("replay"), None),
    Row("trace of a VM's kmalloc, all CPUs at once", "ns", "kmalloc", sides("cpus-replay"), None),
    Row("remote free: CPU 0 allocates, then 1 frees", "ns", CACHE, sides("hand"), ratio(0.8), 5),
    Row("remote free: CPU 0 allocates while 1 frees", "ns", CACHE, sides("pass"), ratio(0.8), 5),
    Row("heap, create + destroy", "us", CACHE, scaled(sides("life"), 1e-3), None),
    Row("heap, create + pair + destroy", "us", CACHE, scaled(sides("life-used"), 1e-3), None),
    Row("1.06 M blocks, fill", "ms", "kmalloc", scaled(sides("fill"), 1e-6), None),
    Row("1.06 M live blocks, destroy", "ms", "kfree each", scaled(sides("destroy"), 1e-6), ratio(0.02), 15),
    Row("pair 64, sites by caller", "ns", "sites off", against("sites-caller", "sites-off"), ratio(1.25)),
    Row("pair 64, stat read beside it without a pause", "loops/us", "no reader", mutator("observe-stat"),
        at_least(0.99)),
    Row("pair 64, stat read beside it 1000 times a second", "loops/us", "no reader", mutator("observe-stat-1k"),
        at_least(0.99)),
    Row("pair 64, ouro_heap_stat() without a pause", "loops/us", "no reader", mutator("observe-call"), None),
    Row("pair 64, ouro_heap_stat() 10,000 times a second", "loops/us", "no reader", mutator("observe-call-10k"), None),
    Row("pair 64, audits of 100 k objects beside it", "loops/us", "no reader", mutator("observe-audit"), None),
    *object_rows("ns", 1.02, 10),
]

REMOTE = [
    Row("remote free: CPU 0 allocates while all others free", "ns", CACHE, sides("pass-all"), ratio(0.8), 5),
]


def mix_rows(what, state, of_live=None, of_peer=None):
    """What became of the mix: pages held against what was asked for the blocks still live, and against slab's."""
    ours, theirs = f"mix-ouro-{state}", f"mix-kmalloc-{state}"

    def held(*parts):
        return lambda lane: kib(sum(lane.results[ours][i] for i in parts))

    def slab(lane):
        return kib(lane.taken[theirs]["slab"])

    def asked_for(goal):
        return (goal, 9) if goal else (None,)

    return [
        Row(f"mix, {what}, held", "KiB", "live, asked for", pair_of(held(MIX_HELD), held(MIX_ASKED)),
            *asked_for(of_live)),
        Row(f"mix, {what}, held + metadata", "KiB", "kmalloc, slab", pair_of(held(MIX_HELD, MIX_METADATA), slab),
            *asked_for(of_peer)),
        Row(f"mix, {what}, no longer free", "KiB", "kmalloc",
            scaled(pair_of(taken("free", ours), taken("free", theirs)), 1 / 1024), None),
    ]


IN_USE = "idle heap, one live block, no debugfs"


def idle_rows(cpus):
    """Of a lane without debugfs."""
    return [
        Row("idle heap, never used, no debugfs", "bytes", CACHE, each_of_many("heaps-10k", "caches-10k"),
            cost(8192 + 64 * cpus), 16),
        Row(IN_USE, "bytes", CACHE, each_of_many("heaps-used", "caches-used"), None),
    ]


MEMORY = [
    Row("1.06 M blocks, held", "KiB", "asked for", pair_of(mix(MIX_HELD), mix(MIX_ASKED)), ratio(1.06), 8),
    Row("1.06 M blocks, held + metadata", "KiB", "asked for",
        pair_of(mix(MIX_HELD, MIX_METADATA), mix(MIX_ASKED)), ratio(1.06)),
    Row("1.06 M blocks, held + metadata", "KiB", "kmalloc, slab",
        pair_of(mix(MIX_HELD, MIX_METADATA), lambda lane: kib(lane.taken["mix-kmalloc"]["slab"])), ratio(0.92), 8),
    Row("1.06 M blocks, no longer free", "KiB", "asked for",
        pair_of(lambda lane: kib(lane.taken["mix-ouro"]["free"]), mix(MIX_ASKED)), ratio(1.06)),
    Row("1.06 M blocks, no longer free", "KiB", "kmalloc",
        scaled(pair_of(taken("free", "mix-ouro"), taken("free", "mix-kmalloc")), 1 / 1024), ratio(0.92)),
    Row("trace at its peak, held", "KiB", "asked for", pair_of(at_peak(MIX_HELD), at_peak(MIX_ASKED)), None),
    Row("trace at its peak, held + metadata", "KiB", "asked for",
        pair_of(at_peak(MIX_HELD, MIX_METADATA), at_peak(MIX_ASKED)), None),
    Row("trace at its peak, no longer free", "KiB", "kmalloc",
        scaled(pair_of(taken("free", "trace-ouro"), taken("free", "trace-kmalloc")), 1 / 1024), None),
    *mix_rows("half left", "half"),
    *mix_rows("half left, churned", "churned", of_live=ratio(1.15), of_peer=below(1)),
    *mix_rows("a tenth left", "tenth"),
    *mix_rows("a tenth left, trimmed", "trimmed", of_peer=ratio(1)),
    Row("10,000 idle heaps", "MB", CACHE, scaled(pair_of(taken("free", "heaps-10k"), taken("free", "caches-10k")), 1e-6),
        cost(200), 16),
    Row("idle heap, never used", "bytes", CACHE, each_of_many("heaps", "caches"), None),
    Row("idle heap, one live block", "bytes", CACHE, each_of_many("heaps-used", "caches-used"), None),
    Row("object, header", "bytes", "refcount_t", said("objects", "plains", 1), cost(8)),
    Row("a million objects of 64, no longer free, each", "bytes", CACHE, each_of_many("objects", "plains"), None),
]


# ---- the collector ------------------------------------------------------------------------------

# Graphs of so many objects are scanned, alive and dead.
SIZES = ("10k", "100k", "1m", "10m")
MEDIAN, LEAST, PEAK, ALLOWED = range(4)  # of a scan


def beside_cpython(name):
    return lambda lane: (lane.results[name][MEDIAN] / 1000, lane.results[f"cpython-{name}"][MEDIAN] / 1000)


def memory_of(name):
    """What the notes of a scan took, and what they may take."""
    return lambda lane: (kib(lane.results[name][PEAK]), kib(lane.results[name][ALLOWED]))


def young(name):
    """Microseconds of a scan over many old ones, and over none."""
    return lambda lane: (lane.results[name][0] / 100, lane.results[name][2] / 100)


def growth(small, large):
    """What each object takes in a large graph beside a small one."""
    return lambda lane: (lane.results[large][MEDIAN] / 1000, lane.results[small][MEDIAN] / 1000)


def wait(name, idle):
    """The longest wait for a CPU that scans, and for one that is idle, each less the mean one of that."""
    return lambda lane: (lane.results[name][0] - lane.results[idle][1], lane.results[idle][0] - lane.results[idle][1])


def wait_rows(mode, suffix):
    idle = "wait-idle" + suffix
    return [Row(f"longest wait, {what}, {mode}", "instr", "idle CPU", wait(name + suffix, idle), cost(50_000))
            for name, what in (("wait-live", "1 M live"), ("wait-garbage", "1 M garbage"),
                               ("wait-vector", "live vector of 1 M"), ("wait-dead-vector", "dead vector of 1 M"))]


SHAPES = {"rings": "in rings of ten", "tree": "in a tree", "chain": "in one ring"}


def shape_row(shape, name, size):
    what, freed = {"live": ("live", ""), "garbage": ("dead", " freed")}[name]
    return Row(f"scan of {size[:-1]} {size[-1].replace('m', 'M')} {what} objects {SHAPES[shape]}, each{freed}", "ns",
               "{peer}", beside_cpython(f"{name}-{shape}-{size}"), None)


COLLECTOR = [
    Row("scan of 1 M live objects, each", "ns", "{peer}", beside_cpython("live-1m"), (cost(40), ratio(0.25)), 12),
    Row("scan of 1 M dead objects, each freed", "ns", "{peer}", beside_cpython("garbage-1m"),
        (cost(100), ratio(0.3)), 13),
    *(Row(f"scan of {size[:-1]} {size[-1].replace('m', 'M')} {what}", "ns", "{peer}",
          beside_cpython(f"{name}-{size}"), None)
      for name, what in (("live", "live objects, each"), ("garbage", "dead objects, each freed"))
      for size in SIZES if size != "1m"),
    *(shape_row(shape, name, size) for shape in SHAPES for name in ("live", "garbage") for size in SIZES),
    Row("live, each of 10 M over each of 10 k", "ns", "10 k", growth("live-10k", "live-10m"), None),
    Row("dead, each of 10 M over each of 10 k", "ns", "10 k", growth("garbage-10k", "garbage-10m"), None),
    Row("mutator of 4096 of 1 M, scans beside it", "loops/us", "no scans", mutator("mutate"),
        at_least(0.95), 14),
    Row("mutator of all of 1 M, scans beside it", "loops/us", "no scans", mutator("mutate-all"), None),
    Row("scan of 10 k young over 10 M old", "us", "over none", young("young"), ratio(1.2)),
    Row("  held by a vector beside the old ones'", "us", "over none", young("young-vector"), None),
    Row("memory of a scan, 1 M live", "KiB", "4 B a candidate", memory_of("live-1m"), ratio(1)),
    Row("memory of a scan, 1 M dead", "KiB", "and 16 a dead, 8 an edge", memory_of("garbage-1m"), ratio(1)),
    Row("memory of a scan, 10 M dead", "KiB", "and 16 a dead, 8 an edge", memory_of("garbage-10m"), None),
]

WAITS = [
    *wait_rows("voluntary", ""),
    *wait_rows("preemptible", "-full"),
]
