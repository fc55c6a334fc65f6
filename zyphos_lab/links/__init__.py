"""What lies between client and server. Put up before the target, taken down after it."""

from zyphos_lab.links.base import Link
from zyphos_lab.links.loopback import Loopback

KINDS = {"loopback": Loopback}


def make(kind: str) -> Link:
    """The link of this kind, not yet up."""
    return KINDS[kind]()


__all__ = ["KINDS", "Link", "Loopback", "make"]
