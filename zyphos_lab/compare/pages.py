"""A table of comparisons as Markdown for a pull request, and as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterator

from zyphos_lab.compare import words
from zyphos_lab.compare.model import Block, Table
from zyphos_lab.stats import differs


def markdown(table: Table) -> str:
    """GitHub's flavour; what stands against the numbers comes before them."""
    parts = [f"### {_escaped(table.what)}"]
    parts.append("\n".join(f"- {_escaped(line)}" for line in _facts(table)))
    parts += [f"> {_escaped(remark.message)}" for remark in table.warnings]
    parts.append(f"**{_escaped(words.summary(table).strip())}**")
    for gate in table.gates:
        lines = [f"**{gate.outcome}** `{gate.text}`"]
        lines += [f"- {_escaped(line)}" for line in words.gate_lines(gate)]
        parts.append("\n".join(lines))
    parts += [f"#### {_escaped(words.title(block))}\n\n{_grid(block)}" for block in table.blocks]
    parts += _lists(table)
    return "\n\n".join(part for part in parts if part) + f"\n\n<sub>{words.legend(table)}</sub>\n"


def _facts(table: Table) -> Iterator[str]:
    if table.paired:
        yield words.side_line("run", table.a)
        return
    yield words.side_line("a", table.a)
    yield words.side_line("b", table.b)
    for subject, lines in words.difference_lines(table):
        yield f"{subject}: " + ("; ".join(lines) if lines else "nothing differs")


def _grid(block: Block) -> str:
    head = ["cell", _escaped(block.a), _escaped(block.b), "delta", "95 %", "p", "n", "verdict"]
    rows = [head, ["---", *["---:"] * 6, "---"]]
    for line in block.lines:
        verdict = _escaped(words.verdict_text(line))
        strong = differs(line.comparison)
        sides = [words.side_text(side, block.unit) for side in (line.a, line.b)]
        change = words.delta_text(line), words.interval_text(line), words.p_text(line)
        cells = [line.label, *sides, *change, line.n]
        rows.append([*map(_escaped, cells), f"**{verdict}**" if strong else verdict])
    if block.geomean is not None:
        rows.append(["*geomean*", *words.geomean_texts(block), "", "", "", "*not tested*"])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _lists(table: Table) -> Iterator[str]:
    refused = [f"{one.cell}: {one.reason}" for one in table.refused]
    for title, lines in (
        ("Why no verdict", words.undecided_lines(table)),
        ("Not compared", refused),
    ):
        if lines:
            items = "\n".join(f"- {_escaped(line)}" for line in lines)
            yield f"<details><summary>{title}</summary>\n\n{items}\n\n</details>"


def _escaped(text: str) -> str:
    """Plain text within a table: no markup, no tag, no strike-through."""
    for character in "\\|<>*_`~[]":
        text = text.replace(character, f"\\{character}")
    return text


def html(table: Table) -> str:
    """One page without scripts or external resources, in the style of the report."""
    from zyphos_lab.report.rendering import TEMPLATES, rendered

    return rendered(
        TEMPLATES / "compare.html.j2",
        table=table,
        words=words,
        differs=differs,
    )
