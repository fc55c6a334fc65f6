"""Bytes on the wire by layer as bars, one per cell: an SVG of the ladder's kind. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

WIDTH, LEFT, BAR, STEP, TOP = 560, 12, 16, 44, 46
SPACE = WIDTH - 2 * LEFT
COLOURS = {
    "link": "#8d97a3",
    "ip": "#5b8def",
    "tcp": "#2bb3a3",
    "tcp_options": "#d9a03f",
    "tls_handshake": "#7a5bd0",
    "tls_records": "#e0705c",
    "payload": "#c2549d",
}
SHORT = {"link": "Ethernet", "ip": "IP", "tcp": "TCP", "tcp_options": "options",
         "tls_handshake": "TLS handshake", "tls_records": "TLS records",
         "payload": "payload"}  # fmt: skip
STYLE = """
.zb{--zp:#fff;--zi:#1c2024;--zs:#5c6570;font:12.5px system-ui,-apple-system,"Segoe UI",Roboto,
"DejaVu Sans",sans-serif}
@media(prefers-color-scheme:dark){.zb{--zp:#14171b;--zi:#e4e7eb;--zs:#9aa4b0}}
.zb text{fill:var(--zi)}.zb .s{fill:var(--zs);font-size:11px}
"""


def bars(cells: Sequence[tuple[str, Mapping[str, float]]], what: str) -> str:
    """One bar per (label, bytes by layer), all on one scale; `what` the bytes are of. Layers that
    no bar has are not named; those
    that are less than a pixel wide are left out of a bar, not of the words under it.
    """
    most = max((sum(sizes.values()) for _, sizes in cells), default=0.0) or 1.0
    height = TOP + STEP * len(cells) + 4
    parts = [*_legend(what, [name for name in COLOURS if any(name in one for _, one in cells)])]
    for index, (label, sizes) in enumerate(cells):
        parts += _bar(label, sizes, TOP + STEP * index, most)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="zb" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-label="{escape(what, quote=True)}">\n'
        f'<style>{STYLE}</style>\n<rect width="{WIDTH}" height="{height}" fill="var(--zp)"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _legend(what: str, names: Sequence[str]) -> Iterator[str]:
    yield f'<text x="{LEFT}" y="15">{escape(what)}</text>'
    x = LEFT
    for name in names:
        yield f'<rect x="{x}" y="24" width="10" height="10" fill="{COLOURS[name]}"/>'
        yield f'<text x="{x + 14}" y="33" class="s">{SHORT[name]}</text>'
        x += 30 + 7 * len(SHORT[name])


def _bar(label: str, sizes: Mapping[str, float], y: int, most: float) -> Iterator[str]:
    x = float(LEFT)
    for name in COLOURS:
        width = SPACE * sizes.get(name, 0.0) / most
        if width >= 1:
            yield (
                f'<rect x="{x:.1f}" y="{y + 14}" width="{width:.1f}" height="{BAR}" '
                f'fill="{COLOURS[name]}"/>'
            )
        x += width
    total = sum(sizes.values())
    share = f", payload {sizes['payload'] / total:.1%}" if total else ""
    yield f'<text x="{LEFT}" y="{y + 9}" class="s">{escape(label)}: {total:.4g} B{share}</text>'
