"""The asking side of zyphos-datagram as the load of a trial, at the client's end."""

from __future__ import annotations

from zyphos_lab.child import Children
from zyphos_lab.links.base import Ends
from zyphos_lab.load import LoadRun
from zyphos_lab.rulers.base import place_of
from zyphos_lab.spec import datagram_words
from zyphos_lab.spec.models import Load, Repeat
from zyphos_lab.targets import Running


class DatagramRun(LoadRun):
    """See LoadRun."""

    def __init__(
        self, load: Load, repeat: Repeat, running: Running, children: Children, ends: Ends
    ) -> None:
        address = place_of(load, running, ends)
        words = datagram_words(load, repeat, address=address, port=running.port)
        tool = "zyphos-datagram"
        super().__init__(words, load.cpus, children, running.check, ends.client, tool)
