"""docs/strictness.md: the rules by which our server refuses, from the table that it has of them."""

from __future__ import annotations

from zyphos_lab.smuggle.technique import all_techniques

HEAD = """# Strictness

Written by `make docs` from the table in `cpp/protocol/http1/rule.cpp` and the techniques of
`zyphos-lab smuggle`.

`strictness: strict` (the default) refuses what two readers could read differently: the answer is
400 (417 for an expectation, 501 for a transfer coding, 505 for a version), the connection ends, so
that the bytes behind are never read as a request, and the server's counter `refused_<rule>` says
why. `strictness: lenient` puts up with what common servers do, as far as the clause allows it and
no framing depends on it: the head is then written anew as a strict parser has it and read by that,
so both modes have the same parsers, and a head that strict takes costs lenient nothing. Bodies are
read alike in both.

| rule | clause | refused | lenient | techniques |
|---|---|---|---|---|
"""


def page() -> str:
    """The page as it should be. ImportError where the native module is not built."""
    from zyphos_lab._core import http1_rules

    return HEAD + "".join(_row(*rule) for rule in http1_rules())


def _row(name: str, clause: str, refuses: str, lenient: str) -> str:
    techniques = [f"`{one.name}`" for one in all_techniques() if one.rule == name]
    shown = ", ".join(techniques[:4]) + (f" and {len(techniques) - 4} more" * (len(techniques) > 4))
    return f"| `{name}` | {clause} | {refuses} | {lenient or 'refused'} | {shown} |\n"
