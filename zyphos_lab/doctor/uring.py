"""What this kernel's io_uring can do, found by asking it: system calls, no version numbers.

Source: io_uring_setup(2), io_uring_register(2), <linux/io_uring.h>.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import struct

# The same numbers on every architecture: system calls from 424 on are common to all.
SETUP, REGISTER = 425, 427

SQPOLL, COOP_TASKRUN = 1 << 1, 1 << 8
SINGLE_ISSUER, DEFER_TASKRUN = 1 << 12, 1 << 13
REGISTER_PROBE, REGISTER_PBUF_RING = 8, 22
OPERATIONS = {"accept": 13, "send": 26, "recv": 27, "sendmsg_zc": 48, "send_zc": 47, "socket": 45}
OP_SUPPORTED = 1

_libc = ctypes.CDLL(None, use_errno=True)


def abilities() -> tuple[list[str], str]:
    """(what works, reason why nothing does): one of the two is empty."""
    plain = _setup(0)
    if isinstance(plain, int):
        return [], f"io_uring_setup: {os.strerror(plain)} (errno {plain})"
    found = []
    for name, flags in (
        ("defer_taskrun", SINGLE_ISSUER | DEFER_TASKRUN),
        ("coop_taskrun", COOP_TASKRUN),
        ("sqpoll", SQPOLL),
    ):
        ring = _setup(flags)
        if not isinstance(ring, int):
            found.append(name)
            ring.close()
    if _buffer_ring(plain):
        found.append("buffer_rings")
    supported = _operations(plain)
    found += [name for name, code in OPERATIONS.items() if code in supported]
    plain.close()
    return found, ""


class _Ring:
    """An io_uring's descriptor."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def close(self) -> None:
        os.close(self.descriptor)


def _setup(flags: int) -> _Ring | int:
    """A ring of two entries with these flags, or the errno."""
    parameters = ctypes.create_string_buffer(struct.pack("=3I", 0, 0, flags), 120)
    descriptor = _libc.syscall(SETUP, 2, parameters)
    return _Ring(descriptor) if descriptor >= 0 else ctypes.get_errno()


def _register(ring: _Ring, operation: int, argument: object, count: int) -> int:
    """0 or the errno."""
    done = _libc.syscall(REGISTER, ring.descriptor, operation, argument, count)
    return 0 if done >= 0 else ctypes.get_errno()


def _buffer_ring(ring: _Ring) -> bool:
    """Whether a provided-buffer ring can be registered: struct io_uring_buf_reg."""
    with mmap.mmap(-1, mmap.PAGESIZE) as memory:
        address = ctypes.addressof(page := ctypes.c_char.from_buffer(memory))
        argument = ctypes.create_string_buffer(struct.pack("=QIHH3Q", address, 4, 0, 0, 0, 0, 0))
        error = _register(ring, REGISTER_PBUF_RING, argument, 1)
        del page
    return error == 0


def _operations(ring: _Ring) -> set[int]:
    """Codes of supported operations: struct io_uring_probe, 16 bytes, and 8 bytes for each."""
    answer = ctypes.create_string_buffer(16 + 256 * 8)
    if _register(ring, REGISTER_PROBE, answer, 256) == errno.EINVAL:
        return set()
    entries = struct.iter_unpack("=BBHI", answer.raw[16:])
    return {code for code, _, flags, _ in entries if flags & OP_SUPPORTED}
