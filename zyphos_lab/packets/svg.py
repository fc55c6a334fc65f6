"""A ladder as one SVG: client left, server right, time down.

The same ladder always gives the same bytes. It stands alone and inside a page, in light and dark,
from 360 pixels on; it has no script and no outside resource. Pure functions.

Time: one scale for the whole picture, at which a lifeline is solid. Packets that would lie closer
than their words need are moved apart (dotted lifeline), long pauses are cut (zigzag, with their
length and cause). The arrows' slope only shows which way time goes: at one point of capture nobody
knows how long a packet travels.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from statistics import median

from zyphos_lab.packets import marks as m
from zyphos_lab.packets.ladder import Ladder, Row
from zyphos_lab.packets.text import moment
from zyphos_lab.units import format_duration

WIDTH, CLIENT, SERVER = 520, 98, 430
TOP, ROW, SLOPE = 30, 46, 6
GAP_MOST = 3 * ROW  # a longer pause is cut
CUT = 74  # what is left of it
CHARACTERS = 43  # between the lifelines, at the size of the words
LINE = 14

OF_TCP = {"nagle", "delayed_ack", "rto", "window", "probe"}  # kinds of pauses
TROUBLE = {m.RETRANSMISSION, m.FAST_RETRANSMISSION, m.RESET, m.ZERO_WINDOW}
NOTABLE = {m.DELAYED_ACK, m.DUPLICATE_ACK, m.PROBE, m.WINDOW_UPDATE}

STYLE = """
.zl{--zp:#fff;--zi:#1c2024;--zs:#5c6570;--zl:#8d97a3;--zc:#1f5fbf;--zv:#1a7a4c;--zb:#b42318;
--zn:#8a5a00;--zk:#fdf0d1;font:12.5px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",
sans-serif;background:var(--zp)}
@media(prefers-color-scheme:dark){.zl{--zp:#14171b;--zi:#e4e7eb;--zs:#9aa4b0;--zl:#6b7682;
--zc:#79b0ff;--zv:#5fd38d;--zb:#ff8a7d;--zn:#f0c35a;--zk:#3b2f10}}
.zl text{fill:var(--zi)}.zl .s,.zl .d,.zl .t{fill:var(--zs)}.zl .d,.zl .t{font-size:11px}
.zl .st{font-size:10px}.zl .h{font-weight:600}.zl .life{stroke:var(--zl);stroke-width:1.5}
.zl .near{stroke-dasharray:1.5 4}.zl .cut{stroke:var(--zn);fill:none;stroke-width:1.5}
.zl .c{stroke:var(--zc)}.zl .v{stroke:var(--zv)}.zl .b{stroke:var(--zb)}.zl .n{stroke:var(--zn)}
.zl .c.f{fill:var(--zc)}.zl .v.f{fill:var(--zv)}.zl .b.f{fill:var(--zb)}.zl .n.f{fill:var(--zn)}
.zl text.bad{fill:var(--zb)}.zl text.note{fill:var(--zn)}.zl text{stroke:none}
.zl .why{fill:var(--zk)}.zl .halo{paint-order:stroke;stroke:var(--zp);stroke-width:3px}
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands: `y` of its arrow's beginning; `before` says how the time above it is
    drawn: near (moved apart), true (to scale), cut, or '' for the first.
    """

    y: float
    before: str


def svg(ladder: Ladder) -> str:
    """The picture as text. Cost: linear in its rows."""
    scale = _scale(ladder)
    head, top = _head(ladder, scale)
    why = _why(ladder, scale)
    places, bottom = _places(ladder, scale, top, why)
    parts = [*head, *_lifelines(places, top, bottom, why, _louds(ladder))]
    for row, place in zip(ladder.rows, places, strict=True):
        parts += _row(row, place)
    if ladder.left_out_after:
        parts.append(_text(WIDTH / 2, bottom - 4, _left_out(ladder.left_out_after), "s", "middle"))
    height = round(bottom + 14)
    label = escape(" ".join(ladder.title.split()) or ladder.heading, quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="zl" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-label="{label}">\n'
        f"<style>{STYLE}</style>\n"
        f'<rect width="{WIDTH}" height="{height}" fill="var(--zp)"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _left_out(count: int) -> str:
    return f"{count} packet{'s' if count > 1 else ''} not drawn"


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'


def _scale(ladder: Ladder) -> float:
    """Pixels per nanosecond: the median gap gets the room of a row."""
    gaps = [later - earlier for earlier, later in _gaps(ladder)]
    return ROW / max(1, median(gaps)) if gaps else 0.0


def _gaps(ladder: Ladder) -> list[tuple[int, int]]:
    times = [row.segment.since_ns for row in ladder.rows]
    return list(pairwise(times))


def _head(ladder: Ladder, scale: float) -> tuple[list[str], float]:
    """Title, the two ends, the scale; and where the ladder begins."""
    lines = [part for line in ladder.title.splitlines() for part in textwrap.wrap(line, 64)]
    parts = [_text(12, 22 + 17 * i, line, "h") for i, line in enumerate(lines)]
    y = 22 + 17 * len(lines)
    if scale:
        unit = format_duration(round(ROW / scale))
        words = f"Solid lines: {unit} per row. Dotted: packets moved apart. Zigzag: a pause, cut."
        parts.append(_text(12, y, words, "d"))
        y += 24
    if ladder.kernel.transitions:
        error = format_duration(ladder.kernel.error_ns)
        words = f"Under a state: when the kernel entered it, from the packet on (within {error})."
        parts.append(_text(12, y - 8, words, "d"))
        y += LINE
    client, server = ladder.connection.client, ladder.connection.server
    for x, name, end in ((CLIENT, "client", client), (SERVER, "server", server)):
        parts += [
            _text(x, y, name, "h", "middle"),
            _text(x, y + LINE, f"port {end[1]}", "d", "middle"),
        ]
    return parts, y + LINE + 8


def _places(
    ladder: Ladder, scale: float, top: float, why: list[list[str]]
) -> tuple[list[Place], float]:
    """Every row's place, and where the lifelines end."""
    places: list[Place] = []
    y, before_ns = top + TOP, None
    for row in ladder.rows:
        how = ""
        if before_ns is not None:
            wanted = (row.segment.since_ns - before_ns) * scale
            step, how = _step(wanted, why[len(places) - 1])
            y += step
        if row.left_out:
            y += LINE + 6
        places.append(Place(round(y, 1), how))
        before_ns = row.segment.since_ns
    return places, round(y + (58 if ladder.left_out_after else 30), 1)


def _step(wanted: float, words: list[str]) -> tuple[float, str]:
    """Pixels to the next row and how they are drawn."""
    room = CUT + LINE * len(words) if words else ROW
    if wanted > GAP_MOST:
        return max(room, CUT), "cut"
    return (room, "near") if wanted < room * 0.98 else (max(room, wanted), "true")


def _why(ladder: Ladder, scale: float) -> list[list[str]]:
    """For each row the words about the pause behind it: length and cause of those that have one,
    the length of any other that is cut.
    """
    left_out = {row.segment.since_ns for row in ladder.rows if row.left_out}
    found: list[list[str]] = []
    for row, (earlier, later) in zip(ladder.rows, [*_gaps(ladder), (0, 0)], strict=True):
        words = ""
        if row.pause is not None:
            words = ": ".join(filter(None, (format_duration(row.pause.length_ns), row.pause.cause)))
        elif (later - earlier) * scale > GAP_MOST and later not in left_out:
            words = format_duration(later - earlier)
        found.append(textwrap.wrap(words, CHARACTERS))
    return found


def _louds(ladder: Ladder) -> list[bool]:
    """For each row whether the pause behind it is TCP's doing, and no mere want of data."""
    return [row.pause is not None and row.pause.kind in OF_TCP for row in ladder.rows]


def _lifelines(
    places: list[Place], top: float, bottom: float, why: list[list[str]], louds: list[bool]
) -> Iterator[str]:
    edges = [top, *(place.y for place in places), bottom]
    how = ["true", *(place.before for place in places[1:]), "true"]
    for x in (CLIENT, SERVER):
        for index, kind in enumerate(how):
            above, below = edges[index], edges[index + 1]
            if kind == "cut":
                yield from _zigzag(x, above, below)
            else:
                near = " near" if kind == "near" else ""
                yield f'<path class="life{near}" d="M{x} {above:g}V{below:g}"/>'
    for words, loud, (place, following) in zip(why, louds, pairwise(places), strict=False):
        yield from _cause(words, loud, place, following)


def _zigzag(x: int, above: float, below: float) -> Iterator[str]:
    middle = (above + below) / 2 + SLOPE / 2
    yield f'<path class="life" d="M{x} {above:g}V{middle - 8:g}M{x} {middle + 8:g}V{below:g}"/>'
    yield (f'<path class="cut" d="M{x} {middle - 8:g}l5 2.7l-10 5.3l10 5.3l-5 2.7"/>')


def _cause(lines: list[str], loud: bool, place: Place, following: Place) -> Iterator[str]:
    """The words of a pause, in the middle of the room between two arrows; loud in a box."""
    if not lines:
        return
    # Above the next arrow stand its own words.
    middle = (place.y + SLOPE + 16 + following.y - 20) / 2
    first = middle - LINE * (len(lines) - 1) / 2 + 4
    x, width = CLIENT + 12, SERVER - CLIENT - 24
    height = LINE * len(lines) + 6
    if loud:
        box = f'x="{x}" y="{first - LINE:g}" width="{width}" height="{height}"'
        yield f'<rect class="why" {box} rx="4"/>'
    for index, line in enumerate(lines):
        yield _text(WIDTH / 2, first + LINE * index, line, "note h" if loud else "s", "middle")


def _row(row: Row, place: Place) -> Iterator[str]:
    one, y = row.segment, place.y
    kind = "b" if row.mark in TROUBLE else "n" if row.mark in NOTABLE else ""
    kind = kind or ("c" if one.from_client else "v")
    if row.left_out:
        yield _text(WIDTH / 2, y - 26, _left_out(row.left_out), "s halo", "middle")
    yield _arrow(one.from_client, y, kind)
    words = f"{row.title} ({row.mark})" if row.mark else row.title
    tone = {"b": "bad", "n": "note"}.get(kind, "")
    yield _text(WIDTH / 2, y - 4, words[: CHARACTERS + 6], f"halo {tone}", "middle")
    yield _text(WIDTH / 2, y + SLOPE + 12, row.detail, "d halo", "middle")
    yield _text(4, y + 4, f"{moment(one.since_ns)} ms", "t")
    starts, ends = y, y + SLOPE
    sides = (starts, ends) if one.from_client else (ends, starts)
    yield from _state(CLIENT - 8, sides[0] + 16, "end", (row.client, row.client_kernel))
    yield from _state(SERVER + 8, sides[1] + 4, "start", (row.server, row.server_kernel))


def _state(x: int, y: float, anchor: str, words: tuple[str, str]) -> Iterator[str]:
    """The state that an end has entered, and under it when the kernel did."""
    if words[0]:
        yield _text(x, y, words[0], "st", anchor)
    if words[1]:
        yield _text(x, y + 11, words[1], "st s", anchor)


def _arrow(from_client: bool, y: float, kind: str) -> str:
    start, end, back = (CLIENT, SERVER, -9) if from_client else (SERVER, CLIENT, 9)
    tip = y + SLOPE
    return (
        f'<path class="{kind}" stroke-width="1.6" d="M{start} {y:g}L{end} {tip:g}"/>'
        f'<path class="{kind} f" d="M{end} {tip:g}l{back} -4.5v8z"/>'
    )
