"""Kind veth: two network namespaces joined by a veth pair. Nothing is shaped."""

from __future__ import annotations

from zyphos_lab.links.namespaced import Namespaced


class Veth(Namespaced):
    """See links.base.Link."""
