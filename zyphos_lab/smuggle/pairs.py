"""A technique through a front end to the server behind it: who reads what, and who suffers.

One connection sends the technique and stays; another, the victim's, then asks for /victim. Between
front end and server a tap keeps what passes, so that what the server read is known whatever becomes
of its answers. Requests that it read and nobody was answered for were smuggled; a victim that does
not get its own answer was hit.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from zyphos_lab.smuggle.answers import Answer, answers
from zyphos_lab.smuggle.reading import End, said
from zyphos_lab.smuggle.talk import Talk, last_request
from zyphos_lab.smuggle.tap import Tap
from zyphos_lab.smuggle.technique import HOST

VICTIM_TARGET = "/victim"
# Behind the last answer so long nothing more has to come before the victim asks.
QUIET_S = 0.05

Verdict = Literal["agree", "refused", "refused_behind", "no_answer", "smuggled", "hit"]
EXPLOITABLE: tuple[Verdict, ...] = ("smuggled", "hit")


@dataclass(frozen=True, slots=True)
class Passing:
    """What came of one technique. `asked`: all that the front end sent on, by connection."""

    verdict: Verdict
    front: tuple[Answer, ...]  # what the attacker was answered
    back: tuple[Answer, ...]  # what the server answered, to whomever
    victim: tuple[Answer, ...]
    end: End  # of the attacker's connection
    asked: tuple[bytes, ...]

    @property
    def exploitable(self) -> bool:
        return self.verdict in EXPLOITABLE

    @property
    def refused(self) -> bool:
        return self.verdict in ("refused", "refused_behind")

    def sign(self) -> str:
        """What the server behind read, without the victim's; `-`: nothing came there."""
        own = [one for one in self.back if one.target != VICTIM_TARGET]
        return said(own, "closed").rstrip("|") if own else "-"


def passing(
    front: tuple[str, int], tap: Tap, data: bytes, patience_s: float, host: str = HOST
) -> Passing:
    """Sends `data` to the front end, whose server is behind `tap`. OSError where it has gone."""
    tap.fresh()
    with Talk(*front) as attacker:
        attacker.say(data)
        attacker.listen(patience_s, enough=1)
        attacker.listen(QUIET_S)
        with Talk(*front) as victim:
            victim.say(last_request(VICTIM_TARGET, host))
            victim.listen(patience_s, enough=1)
            # Its answers may still be under way: an attacker who was answered smuggled nothing.
            if not _hit(victim) and _unanswered(attacker, victim, tap):
                attacker.listen(patience_s)
            return _judged(attacker, victim, tap)


def _hit(victim: Talk) -> bool:
    """Whether it got something else than its own answer, or nothing."""
    return [one.target for one in answers(victim.heard)] != [VICTIM_TARGET]


def _behind(tap: Tap) -> list[Answer]:
    return [one for _, answered in tap.passed() for one in answers(answered)]


def _unanswered(attacker: Talk, victim: Talk, tap: Tap) -> Counter[str]:
    """Requests that the server read and neither was answered for."""
    read = Counter(one.read for one in _behind(tap) if one.read)
    for talk in (attacker, victim):
        read -= Counter(one.read for one in answers(talk.heard) if one.read)
    return read


def _judged(attacker: Talk, victim: Talk, tap: Tap) -> Passing:
    front, hurt = answers(attacker.heard), answers(victim.heard)
    back = _behind(tap)
    verdict: Verdict = _of_what_arrived(attacker, back)
    if _unanswered(attacker, victim, tap):
        verdict = "smuggled"
    if _hit(victim):
        verdict = "hit"
    end: End = "closed" if attacker.closed else "open"
    asked = tuple(one for one, _ in tap.passed())
    return Passing(verdict, tuple(front), tuple(back), tuple(hurt), end, asked)


def _of_what_arrived(attacker: Talk, back: list[Answer]) -> Verdict:
    """Of a technique that hurt nobody."""
    own = [one for one in back if one.target != VICTIM_TARGET]
    if any(one.read for one in own):
        return "agree"
    if own:
        return "refused_behind"
    return "refused" if attacker.heard or attacker.closed else "no_answer"
