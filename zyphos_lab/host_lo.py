"""The loopback interface's settings: size of its packets and what the kernel spares itself on it.

Source: sysfs, and the ethtool ioctl for offloads (<linux/ethtool.h>); needs no rights.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import socket
import struct
from pathlib import Path
from typing import Any

SIOCETHTOOL = 0x8946
OFFLOADS = {
    "rx_checksum": 0x14,  # ETHTOOL_GRXCSUM
    "tx_checksum": 0x16,  # ETHTOOL_GTXCSUM
    "scatter_gather": 0x18,  # ETHTOOL_GSG
    "tso": 0x1E,  # ETHTOOL_GTSO
    "gso": 0x23,  # ETHTOOL_GGSO
    "gro": 0x2B,  # ETHTOOL_GGRO
}


def facts(interface: str = "lo") -> dict[str, Any]:
    """MTU, transmit queue length and offloads; None for what cannot be read."""
    found: dict[str, Any] = {
        "mtu_bytes": _number(interface, "mtu"),
        "transmit_queue_packets": _number(interface, "tx_queue_len"),
    }
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        found.update({name: _offload(asking, interface, code) for name, code in OFFLOADS.items()})
    return found


def _number(interface: str, name: str) -> int | None:
    try:
        return int(Path(f"/sys/class/net/{interface}/{name}").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _offload(asking: socket.socket, interface: str, code: int) -> bool | None:
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
