"""Settings of network interfaces: packet size, queue discipline, what the kernel spares itself.

The loopback interface, the cards by name, or all of a network namespace, without addresses.
Sources: ioctls (netdevice(7), <linux/ethtool.h> for offloads), which are of the namespace that the
thread is in; rtnetlink for the queue discipline (rtnetlink(7)); of cards sysfs, which shows the
namespace that it was mounted in. No rights are needed.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct
from pathlib import Path
from typing import Any

SIOCETHTOOL = 0x8946
SIOCGIFMTU, SIOCGIFTXQLEN = 0x8921, 0x8942
INTERFACES_MAX = 8  # of a namespace: a fingerprint, not an inventory
OFFLOADS = {
    "rx_checksum": 0x14,  # ETHTOOL_GRXCSUM
    "tx_checksum": 0x16,  # ETHTOOL_GTXCSUM
    "scatter_gather": 0x18,  # ETHTOOL_GSG
    "tso": 0x1E,  # ETHTOOL_GTSO
    "gso": 0x23,  # ETHTOOL_GGSO
    "gro": 0x2B,  # ETHTOOL_GGRO
}
# What the kernel spares itself by packets larger than the wire's. ETHTOOL_S... is one above the G.
LARGE_PACKETS = ("tso", "gso", "gro")
CLASS = Path("/sys/class/net")

RTM_GETQDISC, NLM_F_REQUEST, NLM_F_DUMP, NLMSG_ERROR, NLMSG_DONE = 38, 0x1, 0x300, 2, 3
TC_H_ROOT = 0xFFFFFFFF
TCA_KIND = 1
HEADER = struct.Struct("=LHHLL")  # nlmsghdr: length, type, flags, sequence, port
TCMSG = struct.Struct("=BxxxiLLL")  # tcmsg: family, interface, handle, parent, info
ATTRIBUTE = struct.Struct("=HH")  # rtattr: length, type


def facts(interface: str = "lo") -> dict[str, Any]:
    """MTU, transmit queue, queue discipline and offloads; None for what cannot be read.

    Of an interface of the network namespace that the thread is in.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        return {
            "mtu_bytes": _asked(asking, interface, SIOCGIFMTU),
            "transmit_queue_packets": _asked(asking, interface, SIOCGIFTXQLEN),
            "qdisc": root_qdiscs().get(interface),
            **{name: offload(asking, interface, code) for name, code in OFFLOADS.items()},
        }


def of_namespace() -> dict[str, dict[str, Any]]:
    """The interfaces of the thread's network namespace but lo, by name: `facts` of the first."""
    names = sorted(name for _, name in socket.if_nameindex() if name != "lo")
    return {name: facts(name) for name in names[:INTERFACES_MAX]}


def cards() -> dict[str, dict[str, Any]]:
    """The interfaces with a device behind them, by name: settings, driver, speed, queues."""
    try:
        names = sorted(path.name for path in CLASS.iterdir() if (path / "device").exists())
    except OSError:
        return {}
    return {name: facts(name) | _device(name) for name in names}


def _device(interface: str) -> dict[str, Any]:
    folder = CLASS / interface
    driver = folder / "device" / "driver"
    queues = list((folder / "queues").glob("rx-*"))
    speed = _number(interface, "speed")
    return {
        "driver": driver.resolve().name if driver.exists() else None,
        "speed_megabits": speed if speed is not None and speed > 0 else None,  # -1: it has none
        "receive_queues": len(queues) or None,
    }


def _number(interface: str, name: str) -> int | None:
    try:
        return int((CLASS / interface / name).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _asked(asking: socket.socket, interface: str, request: int) -> int | None:
    """A number of struct ifreq."""
    try:
        answer = fcntl.ioctl(asking, request, struct.pack("16s24x", interface.encode()))
    except OSError:
        return None
    value: int = struct.unpack_from("=i", answer, 16)[0]
    return value


def offload(asking: socket.socket, interface: str, code: int) -> bool | None:
    """One ethtool_value {u32 command; u32 data}, to which the request points."""
    value = (ctypes.c_uint32 * 2)(code, 0)
    request = struct.pack("16sP16x", interface.encode(), ctypes.addressof(value))
    try:
        fcntl.ioctl(asking, SIOCETHTOOL, request)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.ENODEV, errno.EPERM, errno.EINVAL):
            return None
        raise
    return bool(value[1])


def set_offloads(interface: str, on: bool) -> None:
    """Segmentation and its undoing, of an interface in this thread's network namespace.

    OSError where the kernel refuses (it needs CAP_NET_ADMIN).
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for name in LARGE_PACKETS:
            value = (ctypes.c_uint32 * 2)(OFFLOADS[name] + 1, int(on))
            request = struct.pack("16sP16x", interface.encode(), ctypes.addressof(value))
            fcntl.ioctl(asking, SIOCETHTOOL, request)


def root_qdiscs() -> dict[str, str]:
    """Each interface's own queue discipline; empty where the kernel does not tell."""
    try:
        names = dict(socket.if_nameindex())
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as asking:
            length = HEADER.size + TCMSG.size
            flags = NLM_F_REQUEST | NLM_F_DUMP
            asking.send(HEADER.pack(length, RTM_GETQDISC, flags, 1, 0) + TCMSG.pack(0, 0, 0, 0, 0))
            return {names[index]: kind for index, kind in _answers(asking) if index in names}
    except OSError:
        return {}


def _answers(asking: socket.socket) -> list[tuple[int, str]]:
    """(interface, kind) of every root in a dump of queue disciplines."""
    found: list[tuple[int, str]] = []
    while True:
        data = asking.recv(1 << 16)
        while len(data) >= HEADER.size:
            length, kind, *_ = HEADER.unpack_from(data)
            if kind == NLMSG_ERROR:
                raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
            if kind == NLMSG_DONE:
                return found
            _, index, _, parent, _ = TCMSG.unpack_from(data, HEADER.size)
            if parent == TC_H_ROOT:
                found.append((index, _kind(data[HEADER.size + TCMSG.size : length])))
            data = data[(length + 3) & ~3 :]


def _kind(attributes: bytes) -> str:
    """The text of TCA_KIND among a message's attributes."""
    while len(attributes) >= ATTRIBUTE.size:
        length, kind = ATTRIBUTE.unpack_from(attributes)
        if kind == TCA_KIND:
            return attributes[ATTRIBUTE.size : length].rstrip(b"\0").decode("ascii")
        attributes = attributes[max(ATTRIBUTE.size, (length + 3) & ~3) :]
    return ""
