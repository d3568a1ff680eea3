# SPDX-License-Identifier: GPL-2.0
"""Heaps, their arenas, pools, blocks and objects."""

import bisect

import gdb

from ouro.load import symbol
from ouro.memory import BITS_PER_LONG, Record, Unreadable, bits, each, each_single, layout, read, text, warn, word

# Macros leave nothing in the debugging information.
UNIT = 1 << 14  # OURO_UNIT
UNITS_MOST = 64  # OURO_ARENA_UNITS
COUNT_DEAD = 1 << 26
COUNT_MASK = (1 << 28) - 1
COUNT_SATURATED = 1 << 27
ARRAY_APART = 1 << 31  # OURO_TYPE_ARRAY_APART
HEAP_ID_MASK = (1 << 20) - 1  # OURO_WEAK_HEAP_BITS
WORD_FLAGS = {28: "to be finalized", 29: "claimed", 30: "frozen", 31: "dead"}  # OURO_WORD_*

SLOTS_MOST = 4096  # of a table, where that is not damaged
SPAN_MOST = 1 << 20  # slots of an array that are looked at


# ---- the machine ---------------------------------------------------------------------------------

def cpus():
    """Where the variables of each possible CPU are."""
    offsets = symbol("__per_cpu_offset", 0)
    if not offsets:
        return [0]
    mask = symbol("__cpu_possible_mask", 0)
    count = symbol("nr_cpu_ids", 0)
    count = int.from_bytes(read(count, 4), "little") if count else BITS_PER_LONG
    possible = bits(mask, count) if mask else (1 << count) - 1
    return [word(offsets + i * 8) for i in range(count) if possible >> i & 1]


def nodes():
    count = symbol("nr_node_ids", 0)
    return min(int.from_bytes(read(count, 4), "little"), 1024) if count else 1


# ---- heaps ---------------------------------------------------------------------------------------

def heaps():
    return each(symbol("ouro_heaps"), "ouro_heap", "link", "the list of heaps")


def name_of(heap):
    return text(heap.at("name"))


def heap_named(name):
    if name.startswith("0x"):
        return Record("ouro_heap", int(name, 16))
    there = []
    for heap in heaps():
        there.append(name_of(heap))
        if there[-1] == name:
            return heap
    raise gdb.GdbError(f"no heap {name}; there are: {' '.join(there) or 'none'}")


def blocks_classes(heap):
    """The classes of blocks."""
    if heap["body"]:
        yield from Record("ouro_body", heap["body"])["class"]


def typed_classes(heap, kind=None):
    """The classes of objects, of a type."""
    what = f"heap {name_of(heap)}: the list of classes"
    for one in each_single(heap["typed"]["first"], "ouro_class", "link", what):
        if kind is None or one["kind"] == kind.address:
            yield one


def kinds(heap):
    return each(heap.at("kinds"), "ouro_kind", "link", f"heap {name_of(heap)}: the list of types")


def type_name(kind):
    try:
        return text(Record("ouro_type", kind["type"])["name"])
    except Unreadable as e:
        return str(e)


def larges(heap):
    return each(heap.at("larges"), "ouro_large", "link", f"heap {name_of(heap)}: the list of large blocks")


# ---- what is counted -----------------------------------------------------------------------------

def geometry(one):
    return Record("ouro_geometry", one["geo"])


def fronts(one):
    return [Record("ouro_front", (one["fronts"] + offset) % (1 << 64)) for offset in cpus()]


def depots(one):
    return [Record("ouro_depot", one["depot"] + i * layout("ouro_depot").size) for i in range(nodes())]


def main_rounds(front, rounds):
    """Blocks in the main magazine; both marks have the same bit for a front that is entered."""
    if not front["main"]:
        return 0
    return rounds - min((front["limit"] - (front["top"] | front["limit"] & 1)) % (1 << 64) // 8, rounds)


def class_stat(one):
    """As ouro_stat_class() counts."""
    stat = {"live": one["direct"], "magazines": 0, "depot": 0, "frees": one["direct_frees"]}
    rounds = geometry(one)["rounds"]
    for front in fronts(one):
        here = front["spared"] + main_rounds(front, rounds)
        stat["magazines"] += here
        stat["live"] += front["loaded"] - here
        stat["frees"] += front["frees"]
    for depot in depots(one):
        stat["depot"] += depot["nfull"] * rounds
    stat["live"], stat["frees"] = max(stat["live"], 0), max(stat["frees"], 0)
    stat["allocs"] = stat["frees"] + stat["live"]
    stat["pools"], stat["empty"], stat["peak"] = one["npools"], one["nempty"], one["peak"]
    stat["size"] = geometry(one)["size"]
    stat["bytes"] = stat["live"] * stat["size"]
    return stat


def total(classes, names):
    """The sums over classes; one that cannot be read is left out and told of."""
    sums = dict.fromkeys(names, 0)
    for one in classes:
        try:
            stat = class_stat(one)
        except Unreadable as e:
            warn(f"class at {one.address:#x}: {e}")
            continue
        for name in names:
            sums[name] += stat[name]
    return sums


def all_classes(heap):
    yield from blocks_classes(heap)
    yield from typed_classes(heap)


def heap_stat(heap):
    """As ouro_heap_stat() counts."""
    stat = total(all_classes(heap), ["live", "bytes", "magazines", "depot", "allocs", "frees", "pools"])
    large, allocs = heap["nlarge"], heap["large_allocs"]
    front = layout("ouro_front").size
    tables = len(layout_array("ouro_body", "class")) if heap["body"] else 0
    tables += sum(1 for _ in typed_classes(heap))
    return {
        "live": stat["live"] + large,
        "live_bytes": stat["bytes"] + heap["large_bytes"],
        "cached": stat["magazines"] + stat["depot"],
        "allocs": stat["allocs"] + allocs,
        "frees": stat["frees"] + max(allocs - large, 0),
        "held": heap["held"],
        "peak": max(heap["peak"], heap["held"]),
        "limit": heap["limit"],
        "metadata": heap.layout.size + heap["metadata"] + len(cpus()) * tables * front,
        "arenas": heap["narenas"],
        "pools": stat["pools"],
        "large": large,
        "limit_hits": heap["limit_hits"],
        "failed": heap["failed"],
        "misuse": heap["misuse"],
    }


def layout_array(tag, field):
    """A field that is an array, for its length."""
    return layout(tag).fields[field][1](0)


# ---- arenas and pools ----------------------------------------------------------------------------

def arenas(heap):
    """By address, as far as the lists hold together."""
    found = []
    for bucket in range(len(layout_array("ouro_heap", "arenas"))):
        what = f"heap {name_of(heap)}: the list of arenas {bucket}"
        try:
            found += [(a["base"], a) for a in each(heap["arenas"][bucket].address, "ouro_arena", "link", what)]
        except Unreadable as e:
            warn(f"{what}: {e}")
    return [arena for _, arena in sorted(found, key=lambda pair: pair[0])]


def units(arena):
    count = arena["units"]
    if count > UNITS_MOST:
        warn(f"arena at {arena.address:#x}: {count} units; the first {UNITS_MOST} are looked at")
    return min(count, UNITS_MOST)


def pool_over(arena, unit):
    """The pool over a unit: None for a free one, False where there should be a pool and is something else."""
    at = arena["pool"][unit]
    if not at:
        return None
    pool = Record("ouro_pool", at)
    try:
        if pool["arena"] == arena.address and pool["heap"] == arena["heap"] and pool["blocks"] >= pool["free"]:
            return pool
        warn(f"arena at {arena.address:#x}, unit {unit}: no pool is at {at:#x}")
    except Unreadable as e:
        warn(f"arena at {arena.address:#x}, unit {unit}: the pool: {e}")
    return False


def arena_pools(arena):
    last = None
    for unit in range(units(arena)):
        at = arena["pool"][unit]
        if at and at != last:
            pool = pool_over(arena, unit)
            if pool:
                yield pool
        last = at


def pools(heap, one=None):
    """Of a class, or all."""
    for arena in arenas(heap):
        for pool in arena_pools(arena):
            if one is None or pool["class"] == one.address:
                yield pool


def unit_char(arena, unit, last):
    """As in the file arenas."""
    at = arena["pool"][unit]
    if not at:
        return "."
    if at == last:
        return "-"
    pool = pool_over(arena, unit)
    if not pool:
        return "?"
    blocks, free = pool["blocks"], pool["free"]
    if not blocks:
        return "?"
    return str((blocks - free) * 10 // blocks) if free else "#"


def arena_map(arena):
    line, last = "", None
    for unit in range(units(arena)):
        line += unit_char(arena, unit, last)
        last = arena["pool"][unit]
    return line


# ---- blocks --------------------------------------------------------------------------------------

def magazine_blocks(at, rounds):
    return [word(Record("ouro_magazine", at).at("block") + i * 8) for i in range(rounds)]


def cached(one):
    """The free blocks of a class that are in magazines."""
    found, rounds = set(), geometry(one)["rounds"]
    for front in fronts(one):
        found.update(magazine_blocks(front["main"], main_rounds(front, rounds)))
        if front["spare"]:
            found.update(magazine_blocks(front["spare"], min(front["spared"], rounds)))
    for depot in depots(one):
        full = each_single(depot["full"], "ouro_magazine", "next", f"depot at {depot.address:#x}")
        for magazine in full:
            found.update(magazine_blocks(magazine.address, rounds))
    return found


def pool_live(pool, free):
    """The blocks that somebody has: neither in the pool nor in a magazine."""
    count, size, first = pool["blocks"], pool["size"], pool["first"]
    gone = bits(pool["map"], count) | bits(pool["remote"], count)
    return [i for i in range(count) if not gone >> i & 1 and first + i * size not in free]


# ---- objects -------------------------------------------------------------------------------------

def object_at(pool, index):
    return pool["first"] + index * pool["size"]


def references(value):
    """What an object's word says; None: it is no live object."""
    count = value & COUNT_MASK
    return count - COUNT_DEAD if count > COUNT_DEAD else None


def objects(pool):
    """The live objects in a pool: number and word."""
    for i in range(pool["blocks"]):
        value = word(object_at(pool, i))
        if references(value) is not None:
            yield i, value


def refs_text(value):
    if value & COUNT_MASK >= COUNT_SATURATED:
        return "saturated"
    return str(references(value))


def flags_text(value):
    return ", ".join(name for bit, name in WORD_FLAGS.items() if value >> bit & 1)


def handle(pool, index):
    """As people see it: heap, pool and block, and the generation where there are weak handles."""
    own = Record("ouro_objects", pool["objects"])
    heap = Record("ouro_heap", pool["heap"])
    name = f"{heap['id'] & HEAP_ID_MASK:x}.{own['number']:x}.{index:x}"
    if own["weaks"]:
        weaks = Record("ouro_weaks", own["weaks"])
        if weaks["pool"] == pool.address:
            name += f".{weaks['cell'][index]['generation']:x}"
    return name


def slots(kind, pool, at):
    """The fields of an object that hold references: name and what it refers to, for an array only what is set."""
    described = Record("ouro_type", kind["type"])
    count, size = min(described["nslots"], SLOTS_MOST), layout("ouro_slot_desc").size
    for i in range(count):
        field = Record("ouro_slot_desc", described["slots"] + i * size)
        yield text(field["name"]), word(at + field["offset"])
    if not described["array"]:
        return
    start, count = at + described["array"], (pool["size"] - described["array"]) // 8
    if described["flags"] & ARRAY_APART:
        apart = Record("ouro_array", word(start))
        if not apart.address:
            return
        start, count = apart.at("slot"), min(apart["capacity"], apart["used"])
    name = text(described["array_name"])
    for i in range(min(count, SPAN_MOST)):
        target = word(start + i * 8)
        if target:
            yield f"{name}[{i}]", target


class Places:
    """From an address to the object there, in whatever heap."""

    def __init__(self):
        self.arenas = sorted(((a["base"], a) for heap in heaps() for a in arenas(heap)), key=lambda pair: pair[0])
        self.bases = [base for base, _ in self.arenas]

    def pool(self, at):
        i = bisect.bisect_right(self.bases, at) - 1
        if i < 0:
            return None
        base, arena = self.arenas[i]
        unit = (at - base) // UNIT
        return pool_over(arena, unit) or None if unit < min(arena["units"], UNITS_MOST) else None

    def describe(self, at):
        """Whose reference it is, in words."""
        if not at:
            return "NULL"
        try:
            pool = self.pool(at)
            if not pool or not pool["objects"] or at < pool["first"] or (at - pool["first"]) % pool["size"]:
                return f"{at:#x}: no object"
            index = (at - pool["first"]) // pool["size"]
            kind = Record("ouro_kind", Record("ouro_class", pool["class"])["kind"])
            dead = "" if references(word(at)) is not None else ", which is dead"
            return f"{handle(pool, index)} {type_name(kind)}{dead}"
        except Unreadable as e:
            return str(e)
