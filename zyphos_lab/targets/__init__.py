"""What is measured: our engine, a program that someone named, or a server that already runs.

`make(name, spec, children)` gives a Target; `start()` returns when it is ready and gives a Running.
`present` and `notes` are about programs that this machine may not have.
"""

from zyphos_lab.targets.base import Running, Target
from zyphos_lab.targets.command import authority_of
from zyphos_lab.targets.make import make
from zyphos_lab.targets.missing import notes, packages, present
from zyphos_lab.targets.reference import truth_of

__all__ = ["Running", "Target", "authority_of", "make", "notes", "packages", "present", "truth_of"]
