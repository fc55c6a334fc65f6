"""A runner that is killed amid an attack, a black hole, a NAT's rebinding: the next start of any
run leaves nothing of it. On the real kernel, whole runs."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from linking import needs
from test_links_runs import END_SECONDS
from zyphos_lab import blackhole, netns, proc
from zyphos_lab.errors import LinkError
from zyphos_lab.links.interface import Counters

pytestmark = [pytest.mark.native, pytest.mark.core]

HEAD = """
schema: 1
name: NAME
question: What is left when the runner dies?
targets: {echo: {engine: epoll, protocol: echo}}
load: {protocol: echo, connections: 2, deadline: 5s}
repeat: {starts: 1, warmup: 0s, window: 60s}
"""
FLOOD = "{at: 0s, attack: syn_flood, rate: 5000/s, for: 50s"
DISTURBED = {
    "flood": f"link: {{kind: veth}}\ndisturb: [{FLOOD}}}]\n",
    "filtered": f"link: {{kind: veth}}\ndisturb: [{FLOOD}, filter: xdp}}]\n",
    "dark": "link: {kind: tun}\ndisturb: [{at: 0s, link: blackhole, for: 50s}]\n",
    "rebind": "link: {kind: veth, nat: {}}\ndisturb: [{at: 100ms, link: rebind}]\n",
}
PLAIN = HEAD.replace("60s", "100ms") + "link: {kind: veth}\n"
FLOODED_PACKETS = 2000
# Without bpftool no build has the filter; with it, the filtered flood is a flood as well.
NOT_HERE = "flood" if shutil.which("bpftool") else "filtered"


@dataclass(frozen=True, slots=True)
class Scene:
    """What a killed runner had."""

    runner: int
    processes: dict[int, int]  # pid: when it started
    xdp: int | None = None  # id of its filter

    def namespace(self, role: str) -> str:
        [path] = netns.FOLDER.glob(f"zy-{self.runner}-*-{role}")
        return str(path)

    def left(self) -> list[str]:
        """What is still there of it."""
        found = [path.name for path in netns.FOLDER.glob(f"zy-{self.runner}-*")]
        for pid, started in self.processes.items():
            one = proc.process(pid)
            if one is not None and one.state != "Z" and one.start_ticks == started:
                found.append(f"process {one.pid}")
        return found


def command(name: str) -> list[str]:
    words = [sys.executable, "-m", "zyphos_lab.cli", "run", f"{name}.yaml"]
    return [*words, "--no-notebook", "--no-report"]


def flooded(scene: Scene) -> bool:
    with netns.entered(scene.namespace("client")):
        sent = Counters("zy0")
    try:
        return sent.read().sent["packets"] > FLOODED_PACKETS
    finally:
        sent.close()


def filter_of(scene: Scene) -> int | None:
    """Id of the XDP program at the server's end."""
    said = blackhole.ip_in(scene.namespace("server"), ("-json", "link", "show", "dev", "zy0"))
    [interface] = [one for one in json.loads(said) if one]
    found: int | None = interface.get("xdp", {}).get("prog", {}).get("id")
    return found


def filtered(scene: Scene) -> bool:
    return filter_of(scene) is not None and flooded(scene)


def dark(scene: Scene) -> bool:
    return not blackhole.is_light(scene.namespace("server"))


def rebound(scene: Scene) -> bool:
    """The server has reset a stranger."""
    with netns.entered(scene.namespace("client")):
        lines = Path("/proc/thread-self/net/snmp").read_text().splitlines()
    names, values = (line.split() for line in lines if line.startswith("Tcp:"))
    return int(values[names.index("EstabResets")]) > 0


UNDER_WAY: dict[str, Callable[[Scene], bool]] = {
    "flood": flooded,
    "filtered": filtered,
    "dark": dark,
    "rebind": rebound,
}


def under_way(name: str, runner: int) -> bool:
    """Not while namespaces or interfaces are still to come."""
    try:
        return UNDER_WAY[name](Scene(runner, {}))
    except (OSError, ValueError, LinkError):
        return False


def killed(folder: Path, name: str) -> Scene:
    """Starts a run, waits until it is disturbed, kills its runner."""
    (folder / f"{name}.yaml").write_text(HEAD.replace("NAME", name) + DISTURBED[name])
    pipe = subprocess.PIPE
    with subprocess.Popen(command(name), cwd=folder, stdout=pipe, stderr=pipe) as runner:
        deadline = time.monotonic() + END_SECONDS
        try:
            while not under_way(name, runner.pid):
                if runner.poll() is not None:
                    raise AssertionError(runner.communicate())
                assert time.monotonic() < deadline, f"{name} did not begin"
                time.sleep(0.01)
            tree = [proc.process(pid) for pid in proc.tree([runner.pid])]
            xdp = filter_of(Scene(runner.pid, {}))
        finally:
            runner.kill()
            runner.communicate()
    processes = {one.pid: one.start_ticks for one in tree if one is not None}
    scene = Scene(runner.pid, processes, xdp)
    assert runner.pid in processes and len(processes) >= 4, name  # server, load, disturber
    assert [path for path in scene.left() if path.startswith("zy-")], name
    return scene


def is_loaded(program: int) -> bool:
    said = subprocess.run(["bpftool", "prog", "show", "id", str(program)], capture_output=True)
    return said.returncode == 0


def rules() -> str:
    """nftables of the namespace that the test itself is in."""
    return subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True).stdout


@needs("tun")
@needs("nftables")
def test_nothing_is_left_of_a_disturbed_run(tmp_path: Path) -> None:
    interfaces, mine = socket.if_nameindex(), rules()
    # Each start sweeps what the one before it left, the last one is not disturbed.
    scenes = {name: killed(tmp_path, name) for name in DISTURBED if name != NOT_HERE}
    (tmp_path / "plain.yaml").write_text(PLAIN.replace("NAME", "plain"))
    started = subprocess.run(
        command("plain"), cwd=tmp_path, capture_output=True, timeout=END_SECONDS
    )
    assert started.returncode in (0, 5), started.stderr
    assert {name: scene.left() for name, scene in scenes.items()} == {name: [] for name in scenes}
    assert socket.if_nameindex() == interfaces
    assert rules() == mine
    if "filtered" in scenes:
        xdp = scenes["filtered"].xdp
        assert xdp is not None and not is_loaded(xdp)
