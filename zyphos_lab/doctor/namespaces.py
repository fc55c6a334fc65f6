"""Whether a network namespace can be made here, and what works inside one (a netem queue).

Tried for real, in a child process that takes its namespace with it when it ends.
Source: unshare(2), rtnetlink(7), <linux/pkt_sched.h>.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
RTM_NEWQDISC = 36
NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE = 1, 4, 0x200, 0x400
TCA_KIND, TCA_OPTIONS, TC_H_ROOT = 1, 2, 0xFFFFFFFF
LOOPBACK_INDEX = 1  # in every fresh namespace

_libc = ctypes.CDLL(None, use_errno=True)


def trial() -> tuple[int, int | None]:
    """(errno of unshare, errno of adding netem in it or None where that could not be tried).

    Without the right to make one directly, a user namespace of its own is tried as well.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, struct.pack("=ii", *_inside()))
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as answers:
        answer = answers.read()
    os.waitpid(child, 0)
    made, netem = struct.unpack("=ii", answer)
    return made, None if made else netem


def _inside() -> tuple[int, int]:
    if _libc.unshare(CLONE_NEWNET) and _libc.unshare(CLONE_NEWUSER | CLONE_NEWNET):
        return ctypes.get_errno(), 0
    return 0, _add_netem()


def _add_netem() -> int:
    """Errno of `tc qdisc add dev lo root netem limit 1000`: ENOENT without netem, 0 for done."""
    kind = struct.pack("=HH6s2x", 4 + 6, TCA_KIND, b"netem\0")
    options = struct.pack("=HH6I", 4 + 24, TCA_OPTIONS, 0, 1000, 0, 0, 0, 0)  # struct tc_netem_qopt
    link = struct.pack("=BxxxiIII", socket.AF_UNSPEC, LOOPBACK_INDEX, 0, TC_H_ROOT, 0)
    body = link + kind + options
    flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_EXCL | NLM_F_CREATE
    header = struct.pack("=IHHII", 16 + len(body), RTM_NEWQDISC, flags, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.send(header + body)
        answer = netlink.recv(4096)
    error: int = struct.unpack_from("=i", answer, 16)[0]  # NLMSG_ERROR: minus the errno, 0 for done
    return -error


def reason(error: int) -> str:
    """An errno as text."""
    return f"{os.strerror(error)} ({errno.errorcode.get(error, error)})"
