"""Kernel settings of a network namespace: written and read in the one that the thread is in.

What belongs to the whole machine the kernel does not let a namespace change (EACCES, EPERM, or the
name is not there). Source: sysctl(7), Documentation/networking/ip-sysctl.rst.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from zyphos_lab.errors import LinkError

FOLDER = Path("/proc/sys")
CONGESTION = "net.ipv4.tcp_congestion_control"
WHY = {
    errno.ENOENT: "no such setting in a network namespace",
    errno.EACCES: "it belongs to the whole machine",
    errno.EINVAL: "the kernel does not take this value",
}


def write(settings: Mapping[str, object]) -> None:
    """Writes them in their order; LinkError with the first that the kernel refuses."""
    for name, value in settings.items():
        try:
            _file(name).write_text(f"{text_of(value)}\n", encoding="utf-8")
        except OSError as error:
            why = WHY.get(error.errno or 0, os.strerror(error.errno or 0).lower())
            raise LinkError(f"sysctl {name}={text_of(value)}: {why}", _hint(name)) from None


def read(name: str) -> str | None:
    """As the kernel prints it, tabs as spaces; None where it cannot be read."""
    try:
        return " ".join(_file(name).read_text(encoding="utf-8").split())
    except OSError:
        return None


def text_of(value: object) -> str:
    """A value of the experiment file as the kernel reads it: switches are 1 and 0."""
    return str(int(value)) if isinstance(value, bool) else str(value)


def _file(name: str) -> Path:
    return FOLDER / name.replace(".", "/")


def _hint(name: str) -> str:
    if name != CONGESTION:
        return ""
    allowed = "net.ipv4.tcp_allowed_congestion_control"
    return f"a namespace has only what {allowed} lists; or set `socket.tcp_congestion`"
