"""The asking side of zyphos-ipc as the load of a trial. Its other side is the target, which is told
the same number, and nothing else: who asks brings the channel.
"""

from __future__ import annotations

from zyphos_lab.child import Children
from zyphos_lab.load import LoadRun
from zyphos_lab.spec import ipc_words
from zyphos_lab.spec.models import Load, Repeat
from zyphos_lab.targets import Running


class IpcRun(LoadRun):
    """See LoadRun."""

    def __init__(self, load: Load, repeat: Repeat, running: Running, children: Children) -> None:
        words = ipc_words(load, repeat, port=running.port)
        super().__init__(words, load.cpus, children, running.check, tool="zyphos-ipc")
