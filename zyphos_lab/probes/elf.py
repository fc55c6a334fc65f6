"""Which functions an ELF file has: elf(5), 64-bit and little-endian. Knows no process."""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator

HEADER = struct.Struct("<16x2HI3QI6H")
SECTION = struct.Struct("<2I4Q2I2Q")
SYMBOL = struct.Struct("<IBBHQQ")
SYMBOL_TABLES = (2, 11)  # SHT_SYMTAB, SHT_DYNSYM
FUNCTIONS = (2, 10)  # STT_FUNC, STT_GNU_IFUNC


def defines(path: str, function: str) -> bool:
    """Whether the file has code of that name. False for what cannot be read or is no such file."""
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if data[:6] != b"\x7fELF\x02\x01":
                return False
            return any(_has(*table, function) for table in _tables(data))
    except (OSError, ValueError, struct.error, IndexError):
        return False


def _tables(data: mmap.mmap) -> Iterator[tuple[bytes, bytes]]:
    """(symbols, their names) of each symbol table."""
    fields = HEADER.unpack_from(data)
    offset, size, count = fields[5], fields[10], fields[11]
    sections = [SECTION.unpack_from(data, offset + at * size) for at in range(count)]
    for _, kind, _, _, start, length, link, *_ in sections:
        if kind in SYMBOL_TABLES:
            names = sections[link]
            yield data[start : start + length], data[names[4] : names[4] + names[5]]


def _has(symbols: bytes, names: bytes, function: str) -> bool:
    """A name may be the end of another's: the linker merges them."""
    places = {found.start() for found in re.finditer(re.escape(function.encode() + b"\0"), names)}
    if not places:
        return False
    whole = len(symbols) // SYMBOL.size * SYMBOL.size
    return any(
        name in places and section != 0 and info & 15 in FUNCTIONS
        for name, info, _, section, _, _ in SYMBOL.iter_unpack(symbols[:whole])
    )
