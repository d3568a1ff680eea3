# SPDX-License-Identifier: GPL-2.0
"""Memory of the dead by the types of its debugging information: where a field lies is never written down here.

Any of it may be damaged: what cannot be read is an Unreadable for whoever asks, a list that does not hold together is
told of and left, and nothing goes on for ever.
"""

import gdb

PAGE = 4096
PAGES_KEPT = 16384
LONGEST = 1 << 22  # entries of a list
BITS_PER_LONG = 64


class Unreadable(Exception):
    def __init__(self, address):
        super().__init__(f"<unreadable: {address:#x}>")


def warn(text):
    print(f"! {text}")


# ---- bytes ---------------------------------------------------------------------------------------

pages = {}


def forget():
    """A machine that lives goes on meanwhile."""
    pages.clear()


def page_at(address):
    page = pages.get(address)
    if page is None:
        if len(pages) >= PAGES_KEPT:
            pages.clear()
        try:
            page = bytes(gdb.selected_inferior().read_memory(address, PAGE))
        except (gdb.error, OverflowError):
            page = b""
        pages[address] = page
    return page


def read(address, length):
    """That many bytes.  By pages, because gdb looks for each address among all the pieces of a dump."""
    data = b""
    while len(data) < length:
        offset = (address + len(data)) % PAGE
        piece = page_at(address + len(data) - offset)[offset:offset + length - len(data)]
        if not piece or address < 0:
            raise Unreadable(address)
        data += piece
    return data


def word(address):
    return int.from_bytes(read(address, 8), "little")


def bits(address, count):
    """A bitmap as one number."""
    longs = -(-count // BITS_PER_LONG)
    return int.from_bytes(read(address, longs * 8), "little") & ((1 << count) - 1)


def text(address, most=256):
    """A string that ends with NUL, fit to be printed."""
    data = b""
    try:
        while len(data) < most and b"\0" not in data:
            data += read(address + len(data), min(most, PAGE - (address + len(data)) % PAGE))
    except Unreadable as e:
        if not data:
            return str(e)
    name = data.split(b"\0")[0].decode("ascii", "backslashreplace")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in name)


# ---- types ---------------------------------------------------------------------------------------

layouts = {}


class Layout:
    """Where the fields of a struct are: name, offset, and how to read them."""

    def __init__(self, found):
        self.size = found.sizeof
        self.fields = {}
        self.add(found, 0)

    def add(self, found, offset):
        for field in found.fields():
            if not hasattr(field, "bitpos"):
                continue
            at = offset + field.bitpos // 8
            if field.name:
                self.fields[field.name] = at, reader(field.type)
            else:
                self.add(field.type.strip_typedefs(), at)


def layout_of(found):
    if found.tag is None:
        return Layout(found)
    if found.tag not in layouts:
        if not found.fields():
            found = gdb.lookup_type(f"struct {found.tag}")
        layouts[found.tag] = Layout(found)
    return layouts[found.tag]


def layout(tag):
    if tag not in layouts:
        try:
            layouts[tag] = layout_of(gdb.lookup_type(f"struct {tag}").strip_typedefs())
        except gdb.error as e:
            raise gdb.GdbError(f"struct {tag} is not known: ouro-load an ouro.ko that was built with -g") from e
    return layouts[tag]


def reader(found):
    """A function from an address to the value there."""
    found = found.strip_typedefs()
    if found.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
        fields = layout_of(found)
        if list(fields.fields) == ["counter"]:
            return fields.fields["counter"][1]
        return lambda address: Record(fields, address)
    if found.code == gdb.TYPE_CODE_ARRAY:
        element = found.target()
        get, size = reader(element), element.sizeof
        count = found.sizeof // size if size else 0
        return lambda address: Array(get, size, address, count)
    size = found.sizeof
    signed = found.code in (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_CHAR) and int(gdb.Value(-1).cast(found)) < 0
    return lambda address: int.from_bytes(read(address, size), "little", signed=signed)


class Array:
    def __init__(self, get, size, address, count):
        self.get, self.size, self.address, self.count = get, size, address, count

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        # One of flexible length has no bound but what its owner says.
        if i < 0 or self.count and i >= self.count:
            raise IndexError(i)
        return self.get(self.address + i * self.size)


class Record:
    """A struct at an address."""

    def __init__(self, kind, address):
        self.layout = layout(kind) if isinstance(kind, str) else kind
        self.address = address

    def __getitem__(self, name):
        offset, get = self.layout.fields[name]
        return get(self.address + offset)

    def __contains__(self, name):
        return name in self.layout.fields

    def at(self, name):
        return self.address + self.layout.fields[name][0]


def constant(name):
    """Of an enum."""
    return int(gdb.parse_and_eval(name))


def flags(tag, value):
    """The names of an enum's bits."""
    fields = gdb.lookup_type(f"enum {tag}").fields()
    return [f.name.rsplit("_", 1)[-1].lower() for f in fields if value & f.enumval] or ["none"]


# ---- lists ---------------------------------------------------------------------------------------

class Path:
    """What was seen on the way along a list."""

    def __init__(self, what):
        self.what = what
        self.seen = set()

    def goes_on(self, at, before):
        if at in self.seen or len(self.seen) >= LONGEST:
            warn(f"{self.what}: a circle: {before:#x} leads back to {at:#x}")
            return False
        self.seen.add(at)
        return True

    def broken(self, at, before):
        warn(f"{self.what}: broken: {before:#x} leads to {at:#x}, which cannot be read")


def each(head, kind, member, what):
    """The records on a list_head's list."""
    offset = layout(kind).fields[member][0]
    path, before, at = Path(what), head, head
    while True:
        try:
            before, at = at, Record("list_head", at)["next"]
            if at == head:
                return
            back = Record("list_head", at)["prev"]
        except Unreadable:
            path.broken(at, before)
            return
        if not path.goes_on(at, before):
            return
        if back != before:
            warn(f"{what}: broken: before {at:#x} is {back:#x}, not {before:#x}")
        yield Record(kind, at - offset)


def each_single(first, kind, member, what):
    """The records on a list that ends with NULL, by the field that leads to the next."""
    offset = layout(kind).fields[member][0]
    path, before, at = Path(what), 0, first
    while at and path.goes_on(at, before):
        try:
            before, following = at, word(at)
        except Unreadable:
            path.broken(at, before)
            return
        yield Record(kind, at - offset)
        at = following
