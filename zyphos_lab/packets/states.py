"""The states of both TCP ends, derived from the packets of a connection (RFC 9293, 3.3.2).

They are what the capture lets one conclude: a packet counts as arrived where it was captured, so
what was lost behind that point changes a state here that it did not change there. The names are the
kernel's (include/net/tcp_states.h). Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zyphos_lab.packets.connections import Segment
from zyphos_lab.packets.decode import ACK, FIN, RST, SYN

CLOSE, LISTEN, ESTABLISHED = "CLOSE", "LISTEN", "ESTABLISHED"

# (state, what it sends) and (state, what it receives) -> the next state.
SENDS = {
    (CLOSE, "SYN"): "SYN_SENT",
    (LISTEN, "SYN"): "SYN_RECV",
    (ESTABLISHED, "FIN"): "FIN_WAIT1",
    ("SYN_RECV", "FIN"): "FIN_WAIT1",
    ("CLOSE_WAIT", "FIN"): "LAST_ACK",
}
RECEIVES = {
    (LISTEN, "SYN"): "SYN_RECV",
    ("SYN_SENT", "SYN ACK"): ESTABLISHED,
    ("SYN_SENT", "SYN"): "SYN_RECV",
    ("SYN_RECV", "ACK"): ESTABLISHED,
    (ESTABLISHED, "FIN"): "CLOSE_WAIT",
    ("FIN_WAIT1", "FIN"): "CLOSING",
    ("FIN_WAIT2", "FIN"): "TIME_WAIT",
    ("FIN_WAIT1", "our FIN acknowledged"): "FIN_WAIT2",
    ("CLOSING", "our FIN acknowledged"): "TIME_WAIT",
    ("LAST_ACK", "our FIN acknowledged"): CLOSE,
}


@dataclass(frozen=True, slots=True)
class States:
    """Both ends' states once segment `index` was sent and has arrived."""

    client: str
    server: str


class _End:
    def __init__(self, state: str) -> None:
        self.state = state
        self._fin_end: int | None = None  # the sequence number behind our FIN

    def sends(self, one: Segment) -> None:
        if one.has(RST):
            self.state = CLOSE
            return
        if one.has(FIN):
            self._fin_end = one.end
        for flag, name in ((SYN, "SYN"), (FIN, "FIN")):
            if one.has(flag):
                self.state = SENDS.get((self.state, name), self.state)

    def receives(self, one: Segment) -> None:
        if one.has(RST):
            self.state = CLOSE
            return
        for event in self._events(one):
            self.state = RECEIVES.get((self.state, event), self.state)

    def _events(self, one: Segment) -> list[str]:
        found = []
        if one.has(SYN):
            found.append("SYN ACK" if one.has(ACK) else "SYN")
        elif one.has(ACK):
            found.append("ACK")
        if self._fin_end is not None and one.has(ACK) and one.ack >= self._fin_end:
            found.append("our FIN acknowledged")
        return [*found, "FIN"] if one.has(FIN) else found


def states(segments: Sequence[Segment]) -> list[States]:
    """One entry per segment. A connection whose SYN was not captured begins as established."""
    begun = bool(segments) and segments[0].has(SYN) and not segments[0].has(ACK)
    client = _End(CLOSE if begun else ESTABLISHED)
    server = _End(LISTEN if begun else ESTABLISHED)
    found = []
    for one in segments:
        own, other = (client, server) if one.from_client else (server, client)
        own.sends(one)
        other.receives(one)
        found.append(States(client.state, server.state))
    return found
