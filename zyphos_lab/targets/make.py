"""From an entry of the experiment file to a target that can be started."""

from __future__ import annotations

import re

from zyphos_lab import native
from zyphos_lab.child import Children
from zyphos_lab.links.base import HERE, Ends
from zyphos_lab.spec import AttachTarget as AttachSpec
from zyphos_lab.spec import CommandTarget as CommandSpec
from zyphos_lab.spec import EngineTarget, ReferenceTarget, reference_words, serve_words
from zyphos_lab.spec.cell import ServerTarget
from zyphos_lab.spec.families import ANY
from zyphos_lab.targets import missing
from zyphos_lab.targets.attach import AttachTarget
from zyphos_lab.targets.base import Target
from zyphos_lab.targets.command import CommandOptions, CommandTarget
from zyphos_lab.targets.ours import Ours
from zyphos_lab.targets.reference import ReferenceServer

EVERYWHERE = "::"
PROGRAM = re.compile(r"zyphos-[a-z]+")


def make(name: str, spec: ServerTarget, children: Children, ends: Ends = HERE) -> Target:
    """The target `name`, not yet started. What it will start is noted in `children`.

    `ends`: of the link; its server's end says where the target runs and what it binds.
    """
    inside = ends.server
    if isinstance(spec, AttachSpec):
        target = AttachTarget(name, spec.attach.address, spec.attach.port, spec.attach.pid)
        if inside is not None:
            raise target.error("a server that already runs cannot be behind a link of its own")
        return target
    if isinstance(spec, EngineTarget | ReferenceTarget) and spec.family == "dual":
        spec = spec.model_copy(update={"address": EVERYWHERE})
    elif ends.server_address is not None:
        spec = spec.model_copy(update={"address": ends.server_address})
    if isinstance(spec, EngineTarget):
        words = [*serve_words(spec, ends.port), *_device(spec, ends)]
        return Ours(name, words, spec.cpus, children, inside)
    if isinstance(spec, ReferenceTarget):
        words = [*reference_words(spec, ends.port), *_device(spec, ends)]
        return ReferenceServer(name, words, spec.cpus, children, inside)
    return CommandTarget(name, _options(spec, ends.port), children, inside)


def _device(spec: EngineTarget | ReferenceTarget, ends: Ends) -> list[str]:
    """Who binds all addresses of this machine itself is not to be reached from outside."""
    return ["device=lo"] if spec.address in ANY and ends.server is None else []


def _program(word: str) -> str:
    """The lab's own programs are found by their name; LabError when one was not built."""
    return native.program(word) if PROGRAM.fullmatch(word) else word


def _options(spec: CommandSpec, free_port: int) -> CommandOptions:
    return CommandOptions(
        # A shell starts some of them.
        argv=(missing.path_of(spec.command[0]), *map(_program, spec.command[1:])),
        address=spec.address,
        port=free_port if spec.port == "auto" else int(spec.port),
        ready_http=spec.ready.http,
        ready_log=spec.ready.log,
        ready_timeout_ns=spec.ready.timeout_ns,
        stop=spec.stop,
        cwd=spec.cwd,
        env=spec.env,
        files=spec.files,
        file_bytes=spec.file_bytes,
        certificate=spec.certificate,
        cpus=spec.cpus,
    )
