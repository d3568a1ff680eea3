# SPDX-License-Identifier: GPL-2.0
"""The commands."""

import argparse

import gdb

from ouro import heap as h
from ouro.load import load_all
from ouro.memory import Unreadable, flags, forget, warn

SLOTS_SHOWN = 16


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise gdb.GdbError(f"{self.format_usage()}{message}")

    def exit(self, status=0, message=None):
        raise gdb.GdbError(message or "")


class Command(gdb.Command):
    """A command by its name, with its own arguments; help is the class's text."""

    name = ""

    def __init__(self):
        super().__init__(self.name, gdb.COMMAND_DATA)
        self.parser = Parser(prog=self.name, description=self.__doc__, add_help=False)
        self.arguments(self.parser)

    def arguments(self, parser):
        parser.add_argument("heap", metavar="HEAP", help="its name, or its address: 0x...")

    def invoke(self, argument, _from_tty):
        args = self.parser.parse_args(gdb.string_to_argv(argument))
        forget()
        try:
            self.run(args)
        except Unreadable as e:
            warn(str(e))
        except (gdb.error, OSError) as e:
            raise gdb.GdbError(str(e)) from e

    def run(self, args):
        raise NotImplementedError


class Load(Command):
    """ouro-load [--symbols FILE] OURO.KO [MODULE.KO...]: find modules in the dead kernel's memory, and load their symbols.
The files are those that were loaded, built with -g; ouro.ko is the first.  Where the kernel's own are is known from its
vmlinux, or from FILE: its System.map, or what its /proc/kallsyms said to root."""

    name = "ouro-load"

    def arguments(self, parser):
        parser.add_argument("--symbols", metavar="FILE")
        parser.add_argument("files", nargs="+", metavar="KO")

    def run(self, args):
        load_all(args.files, args.symbols)


class Heaps(Command):
    """ouro-heaps: all heaps."""

    name = "ouro-heaps"

    def arguments(self, parser):
        pass

    def run(self, args):
        print("# live: blocks; live_bytes, held (pages), limit (0: none): bytes")
        print(f"# {'name':22} {'live':>10} {'live_bytes':>12} {'held':>12} {'limit':>12} {'arenas':>7} {'failed':>7} "
              f"{'misuse':>7} address")
        for heap in h.heaps():
            try:
                s = h.heap_stat(heap)
                print(f"{h.name_of(heap):24} {s['live']:10} {s['live_bytes']:12} {s['held']:12} {s['limit']:12} "
                      f"{s['arenas']:7} {s['failed']:7} {s['misuse']:7} {heap.address:#x}")
            except Unreadable as e:
                warn(f"heap at {heap.address:#x}: {e}")


class Stat(Command):
    """ouro-stat HEAP: its figures."""

    name = "ouro-stat"

    def run(self, args):
        heap = h.heap_named(args.heap)
        print(f"# heap {h.name_of(heap)}, flags: {' '.join(flags('ouro_heap_flags', heap['flags']))}, "
              f"id {heap['id'] & h.HEAP_ID_MASK:x}{', dying' if heap['dying'] else ''}")
        for name, value in h.heap_stat(heap).items():
            print(f"{name:12} {value:14}")
        found = len(h.arenas(heap))
        if found != heap["narenas"]:
            warn(f"{found} arenas are on the lists")


class Types(Command):
    """ouro-types HEAP: objects by type: as counted, and as found alive in the pools."""

    name = "ouro-types"

    def run(self, args):
        heap = h.heap_named(args.heap)
        print("# size, bytes (of the live): in blocks; found: objects with references, among the pools that were found")
        print(f"# {'name':30} {'size':>7} {'live':>10} {'found':>10} {'peak':>10} {'created':>12} {'destroyed':>12} "
              f"{'bytes':>12} {'pools':>7}")
        for kind in h.kinds(heap):
            try:
                self.show(heap, kind)
            except Unreadable as e:
                warn(f"type at {kind.address:#x}: {e}")

    def show(self, heap, kind):
        classes = list(h.typed_classes(heap, kind))
        s = h.total(classes, ["live", "peak", "allocs", "frees", "bytes", "pools"])
        found = sum(1 for one in classes for pool in h.pools(heap, one) for _ in h.objects(pool))
        size = h.geometry(h.Record("ouro_class", kind["class"]))["size"]
        print(f"{h.type_name(kind):32} {size:7} {s['live']:10} {found:10} {s['peak']:10} {s['allocs']:12} {s['frees']:12} "
              f"{s['bytes']:12} {s['pools']:7}")


class Arenas(Command):
    """ouro-arenas HEAP: which unit of 16 KiB belongs to which pool, an arena a line.
. free  0-9 tenths of the pool's blocks that are out  # all of them  - goes on  ? no pool, though there should be one"""

    name = "ouro-arenas"

    def run(self, args):
        heap = h.heap_named(args.heap)
        print(f"# {'address':18} {'base':18} {'KiB':>5} {'node':>5} map")
        for arena in h.arenas(heap):
            try:
                print(f"{arena.address:#018x} {arena['base']:#018x} {arena['units'] * h.UNIT >> 10:5} {arena['node']:5} "
                      f"{h.arena_map(arena)}")
            except Unreadable as e:
                warn(f"arena at {arena.address:#x}: {e}")


class Blocks(Command):
    """ouro-blocks HEAP [SIZE] [--max N]: blocks by size; with SIZE where the live blocks of that size are."""

    name = "ouro-blocks"

    def arguments(self, parser):
        super().arguments(parser)
        parser.add_argument("size", metavar="SIZE", type=int, nargs="?")
        parser.add_argument("--max", metavar="N", type=int, default=100)

    def run(self, args):
        heap = h.heap_named(args.heap)
        if args.size is None:
            self.summary(heap)
        else:
            self.listing(heap, args.size, args.max)

    def live(self, heap, one):
        free = h.cached(one)
        for pool in h.pools(heap, one):
            for i in h.pool_live(pool, free):
                yield h.object_at(pool, i)

    def summary(self, heap):
        print("# found: out of the pools that were found and in no magazine")
        print(f"# {'size':>5} {'live':>10} {'found':>10} {'magazines':>10} {'depot':>10} {'pools':>8} {'empty':>7} "
              f"{'allocs':>12} {'frees':>12}")
        for one in h.blocks_classes(heap):
            try:
                s = h.class_stat(one)
                if s["allocs"] or s["pools"]:
                    found = sum(1 for _ in self.live(heap, one))
                    print(f"{s['size']:7} {s['live']:10} {found:10} {s['magazines']:10} {s['depot']:10} {s['pools']:8} "
                          f"{s['empty']:7} {s['allocs']:12} {s['frees']:12}")
            except Unreadable as e:
                warn(f"class at {one.address:#x}: {e}")
        large = [one["bytes"] for one in h.larges(heap)]
        if large:
            print(f"# and {len(large)} large blocks of {sum(large)} bytes")

    def listing(self, heap, size, most):
        found = [at for one in h.blocks_classes(heap) if h.geometry(one)["size"] == size for at in self.live(heap, one)]
        found += [one["base"] for one in h.larges(heap) if one["bytes"] == size]
        for at in found[:most]:
            print(f"{at:#x}")
        if len(found) > most:
            print(f"# and {len(found) - most} more")


class Objects(Command):
    """ouro-objects HEAP [TYPE] [--max N]: live objects: handle, address, type, references, and what the slots hold."""

    name = "ouro-objects"

    def arguments(self, parser):
        super().arguments(parser)
        parser.add_argument("type", metavar="TYPE", nargs="?")
        parser.add_argument("--max", metavar="N", type=int, default=100)

    def run(self, args):
        heap = h.heap_named(args.heap)
        kinds = [k for k in h.kinds(heap) if args.type in (None, h.type_name(k))]
        if not kinds and args.type:
            raise gdb.GdbError(f"heap {args.heap} has no type {args.type}; see ouro-types {args.heap}")
        places = h.Places()
        left = args.max
        print("# handle address type refs (and what else the word says); below it slots")
        for kind in kinds:
            left = self.show_kind(heap, kind, places, left)
        if left < 0:
            print(f"# and {-left} more")

    def show_kind(self, heap, kind, places, left):
        for pool in [p for one in h.typed_classes(heap, kind) for p in h.pools(heap, one)]:
            try:
                for index, value in h.objects(pool):
                    if left > 0:
                        self.show(kind, pool, index, value, places)
                    left -= 1
            except Unreadable as e:
                warn(f"pool at {pool.address:#x}: {e}")
        return left

    def show(self, kind, pool, index, value, places):
        at = h.object_at(pool, index)
        more = h.flags_text(value)
        print(f"{h.handle(pool, index)} {at:#x} {h.type_name(kind)} {h.refs_text(value)}{f' ({more})' if more else ''}")
        try:
            shown = 0
            for name, target in h.slots(kind, pool, at):
                shown += 1
                if shown <= SLOTS_SHOWN:
                    print(f"    {name} -> {places.describe(target)}")
            if shown > SLOTS_SHOWN:
                print(f"    and {shown - SLOTS_SHOWN} more")
        except Unreadable as e:
            print(f"    {e}")


for command in (Load, Heaps, Stat, Types, Arenas, Blocks, Objects):
    command()
