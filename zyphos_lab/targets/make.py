"""From an entry of the experiment file to a target that can be started."""

from __future__ import annotations

from zyphos_lab.child import Children
from zyphos_lab.spec import AttachTarget as AttachSpec
from zyphos_lab.spec import CommandTarget as CommandSpec
from zyphos_lab.spec import EngineTarget, ReferenceTarget, reference_words, serve_words
from zyphos_lab.spec.cell import AnyTarget
from zyphos_lab.targets.attach import AttachTarget
from zyphos_lab.targets.base import Target
from zyphos_lab.targets.command import CommandOptions, CommandTarget
from zyphos_lab.targets.ours import Ours
from zyphos_lab.targets.reference import ReferenceServer


def make(name: str, spec: AnyTarget, children: Children) -> Target:
    """The target `name`, not yet started. What it will start is noted in `children`."""
    if isinstance(spec, EngineTarget):
        return Ours(name, serve_words(spec), spec.cpus, children)
    if isinstance(spec, ReferenceTarget):
        return ReferenceServer(name, reference_words(spec), spec.cpus, children)
    if isinstance(spec, AttachSpec):
        return AttachTarget(name, spec.attach.address, spec.attach.port, spec.attach.pid)
    return CommandTarget(name, _options(spec), children)


def _options(spec: CommandSpec) -> CommandOptions:
    return CommandOptions(
        argv=spec.command,
        address=spec.address,
        port=0 if spec.port == "auto" else int(spec.port),
        ready_http=spec.ready.http,
        ready_log=spec.ready.log,
        ready_timeout_ns=spec.ready.timeout_ns,
        stop=spec.stop,
        cwd=spec.cwd,
        env=spec.env,
        files=spec.files,
        cpus=spec.cpus,
    )
