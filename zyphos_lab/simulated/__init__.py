"""Pure code paths: timed when run plainly, counted exactly by a simulated machine (callgrind).

callgrind.py knows valgrind, program.py knows zyphos-code, trial.py makes a trial's columns of both.
"""

from zyphos_lab.simulated.callgrind import missing
from zyphos_lab.simulated.trial import columns, notes, seconds

__all__ = ["columns", "missing", "notes", "seconds"]
