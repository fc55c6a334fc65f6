"""Our fetcher as the load of a trial: zyphos-fetch at the client's end, and the small name server
that it asks, zyphos-dns, at the server's end.

The name server knows the URL's host alone, as the target's address; it is started and ended with
the load and shares the target's CPUs. The fetcher trusts the authority of the target's certificate
and no other.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from zyphos_lab.child import Child, Children
from zyphos_lab.errors import LoadError
from zyphos_lab.links.base import Ends
from zyphos_lab.load import LoadRun
from zyphos_lab.rulers.base import place_of
from zyphos_lab.spec import fetch_words
from zyphos_lab.spec.models import Load, Repeat
from zyphos_lab.targets import Running, authority_of
from zyphos_lab.targets.listening import ListeningTarget, RunningProgram

SECOND_NS = 1_000_000_000
PORT = "{port}"


class NameServer(ListeningTarget):
    """`words` are zyphos-dns's."""

    def start(self) -> RunningNameServer:
        child: Child = self._launched("zyphos-dns", [])
        return RunningNameServer(self, child).until_ready()


class RunningNameServer(RunningProgram):
    """It counts nothing."""

    def board(self) -> dict[str, int] | str:
        return "a name server has no board"


class FetchRun(LoadRun):
    """See LoadRun. Raises TargetError where the name server does not start."""

    def __init__(
        self,
        load: Load,
        repeat: Repeat,
        running: Running,
        seed: int,
        children: Children,
        ends: Ends,
    ) -> None:
        if load.fetch is None:
            raise LoadError("load: nothing to fetch")
        address = place_of(load, running, ends)
        url = urlsplit(load.fetch.url.replace(PORT, str(running.port)))
        words = [
            f"address={address}",
            "port=0",
            f"record.{url.hostname}={address}",
            f"ttl_s={load.fetch.resolver.ttl_ns // SECOND_NS}",
            f"delay_ns={load.fetch.resolver.delay_ns}",
        ]
        cpus = sorted(os.sched_getaffinity(running.pids()[0]))
        self._names = NameServer("name server", words, cpus, children.plain, ends.server).start()

        def watch() -> None:
            running.check()
            self._names.check()

        own = fetch_words(load, repeat, url, seed=seed)
        own += [f"resolver.address={self._names.address}", f"resolver.port={self._names.port}"]
        own += ["ipv6=true"] if ":" in address else []
        authority = authority_of(running)
        if load.fetch.secure:
            own.append(f"authority={authority or ''}")
        try:
            super().__init__(own, load.cpus, children, watch, ends.client, "zyphos-fetch")
        except BaseException:
            self._names.stop()
            raise

    def stop(self) -> bool:
        killed = super().stop()
        return self._names.stop() or killed
