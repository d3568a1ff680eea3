# SPDX-License-Identifier: GPL-2.0
"""Where the kernel was, and where it had put its modules."""

import os
import struct

import gdb

from ouro.memory import Record, Unreadable, each, forget, layouts, read, text, warn, word

SECTIONS_MOST = 4096
SHF_ALLOC = 2
BUILD_ID = ".note.gnu.build-id"

# Of the kernel, as a file said; what gdb knows itself is asked of it.
symbols = {}


def read_symbols(path):
    """A System.map, or what /proc/kallsyms said: address, letter, name."""
    symbols.clear()
    with open(path, encoding="ascii", errors="replace") as f:
        for line in f:
            words = line.split()
            # Those of modules have a fourth word.
            if len(words) == 3:
                symbols.setdefault(words[2], int(words[0], 16))
    if not symbols.get("modules"):
        raise gdb.GdbError(f"{path}: no address of \"modules\" in it; only root sees addresses in /proc/kallsyms")


def symbol(name, default=None):
    """The address of one of the kernel's."""
    if name in symbols:
        return symbols[name]
    try:
        return int(gdb.parse_and_eval(f"(unsigned long)&{name}"))
    except gdb.error:
        if default is None:
            what = "ouro-load ouro.ko" if name.startswith("ouro") else "give gdb its vmlinux, or ouro-load --symbols"
            raise gdb.GdbError(f"{name} is not known: {what}") from None
        return default


# ---- the file ------------------------------------------------------------------------------------

def sections(path):
    """Of an ELF file: what is loaded, name to bytes of it."""
    found = {}
    with open(path, "rb") as f:
        data = f.read()
    if data[:6] != b"\x7fELF\x02\x01":
        raise gdb.GdbError(f"{path}: not a module of a 64-bit little-endian machine")
    start, size, count, names = struct.unpack_from("<Q10xHHH", data, 0x28)
    headers = [struct.unpack_from("<IIQQQQ", data, start + i * size) for i in range(count)]
    for name, _, flags, _, offset, length in headers:
        if flags & SHF_ALLOC:
            at = headers[names][4] + name
            found[data[at:data.index(b"\0", at)].decode()] = data[offset:offset + length]
    return found


# ---- the dead ------------------------------------------------------------------------------------

def module_named(name):
    there = []
    for module in each(symbol("modules"), "module", "list", "the list of modules"):
        there.append(text(module.at("name")))
        if there[-1] == name:
            return module
    raise gdb.GdbError(f"no module {name} was loaded; there were: {' '.join(there) or 'none'}")


def places(module):
    """Section to address.

    The kernel keeps them for /sys/module/NAME/sections, in a struct that begins with the group of these files.  Its
    own type is private to the kernel; until 6.13 the address lies behind the file's attribute, and in that since.
    """
    found = {}
    if "sect_attrs" not in module or not module["sect_attrs"]:
        raise gdb.GdbError("the kernel has kept no addresses of sections (CONFIG_SYSFS, CONFIG_KALLSYMS)")
    files = Record("attribute_group", module["sect_attrs"])["bin_attrs"]
    for i in range(SECTIONS_MOST):
        file = word(files + i * 8)
        if not file:
            break
        attribute = Record("bin_attribute", file)
        name = text(attribute["attr"]["name"])
        found[name] = attribute["private"] or word(file + attribute.layout.size)
    return found


def check_build(path, there, where):
    """That the file is what was loaded, as far as both can tell."""
    wanted = there.get(BUILD_ID)
    try:
        loaded = wanted and where.get(BUILD_ID) and read(where[BUILD_ID], len(wanted))
    except Unreadable:
        loaded = None
    if not loaded:
        warn(f"{path}: whether it is the module that was loaded cannot be said")
    elif loaded != wanted:
        raise gdb.GdbError(f"{path}: not the module that was loaded: their build ids differ")


def add_symbols(path, where=None):
    options = "".join(f" -s {name} {at:#x}" for name, at in (where or {}).items())
    gdb.execute(f"add-symbol-file {path}{options}", to_string=True)


def drop_symbols(path):
    try:
        gdb.execute(f"remove-symbol-file {path}", to_string=True)
    except gdb.error:
        pass
    layouts.clear()


def load(path):
    path = os.path.abspath(path)
    name = os.path.basename(path).split(".")[0].replace("-", "_")
    there = sections(path)
    where = places(module_named(name))
    check_build(path, there, where)
    # What belongs to the beginning is gone, and something else may be there.
    where = {s: at for s, at in where.items() if s in there and not s.startswith(".init")}
    drop_symbols(path)
    add_symbols(path, where)
    print(f"{name}: .text at {where.get('.text', 0):#x}, {len(where)} sections")


def load_all(paths, symbol_file=None):
    """Those modules' symbols; the first is ouro.ko, whose types tell what a module looks like."""
    forget()
    if symbol_file:
        read_symbols(symbol_file)
    first = os.path.abspath(paths[0])
    drop_symbols(first)
    add_symbols(first)
    done = 0
    try:
        for path in paths:
            load(path)
            done += 1
    except Unreadable as e:
        raise gdb.GdbError(f"the list of modules does not hold together: {e}") from e
    finally:
        if not done:
            drop_symbols(first)
