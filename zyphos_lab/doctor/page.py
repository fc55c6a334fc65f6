"""docs/doctor.md: where the doctor's figures come from. Written by `make docs`."""

from __future__ import annotations

from zyphos_lab.doctor.contrasts import CONTRASTS, NONE

HEAD = """# What settings cost

Written by `make docs` from `zyphos_lab/doctor/contrasts.py`.

`zyphos-lab doctor` says of each setting what it was measured to cost, or that it was not. Nothing
in it is general knowledge: each figure is a comparison of one experiment, with its interval and
verdict, read from `answer.json` of the newest run:

```
local ports: measured: requests_done 3.16x [3.13, 3.19], higher with 55,001 ports instead of 1,000
  for 4 s of new connections (tuning 20261121T220433Z-c5dd, this machine)
```

Runs are looked for in `results/` of the working folder, then in the lab's own reference results.
Rehearsals (`--profile quick`), unfinished and INVALID runs do not count; of a DEGRADED one the line
says so. This machine's newest run comes first; where there is none, or where it could not decide,
the newest from elsewhere is told with what tells that machine from this one: processor, CPUs,
memory and hypervisor (`another machine: ...`), or the kernel alone (`this machine under another
kernel: ...`). The record has no serial number: two machines that are alike in all of these are not
told apart. `--json` has the same as numbers (`measured`, `not_measured`).

What a contrast tells is the cost under its own load, on its own link. It is no forecast for another
one; `zyphos-lab init` writes the experiment that is.

| setting | what is held against what | measured by |
|---|---|---|
"""
NO = """
## Not measured, and why

| setting | reason |
|---|---|
"""


def page() -> str:
    """docs/doctor.md as it should be."""
    rows = dict.fromkeys(
        f"| `{id}` | with {one.words} | `{one.command}` |\n"
        for id, every in CONTRASTS.items()
        for one in every
    )
    reasons = (f"| `{id}` | {reason} |\n" for id, reason in NONE.items())
    return HEAD + "".join(rows) + NO + "".join(reasons)
