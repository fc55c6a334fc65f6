"""The experiment file's `link`: what is read, what it means in each direction, and each mistake."""

from pathlib import Path

import pytest

from zyphos_lab import spec
from zyphos_lab.errors import SpecError
from zyphos_lab.spec import Link, load_files

BASE = """\
schema: 1
name: sample
question: What lies between?
targets: {echo: {engine: epoll, protocol: echo}}
load: {protocol: echo, connections: 2}
"""
ATTACH = BASE.replace("{engine: epoll, protocol: echo}", "{@attach: {port: 80, pid: 1}}")
BOUND = BASE.replace("protocol: echo}}", "protocol: echo, @address: 127.0.0.1}}")


def link(text: str) -> Link:
    [cell] = spec.loads(f"{BASE}link: {text}\n").cells
    return cell.link


# the link (with `@` where the complaint has to point), the message, the hint
MISTAKES = [
    ("{@delay: 1ms}", "`delay` is not for a link of kind loopback", "`kind: veth` has"),
    ("{@sysctl: {both: {net.core.somaxconn: 1}}}", "`sysctl` is not for a link of", "veth"),
    ("{kind: veth, @loss: 1%}", "`loss` is not for a link of kind veth", "`kind: tun`"),
    ("{kind: veth, @forward: {delay: 1ms}}", "`forward` is not for a link of kind veth", ""),
    ("{kind: tun, @offloads: true}", "`offloads` is not for a link of kind tun", ""),
    ("{kind: netem, delay: 1ms, backward: {@path_mtu: 600}}", "`path_mtu` is not for a link", ""),
    ("{kind: @tunnel}", "`link.kind` cannot be the text", "did you mean `tun`?"),
    ("{kind: tun, @dely: 1ms}", "unknown key `dely` in `link`", "did you mean `delay`?"),
    ("{kind: tun, delay: @10}", "`link.delay`: `10` has no unit", "did you mean `10ms`?"),
    ("{kind: tun, loss: @150%}", "has to be at most 1", ""),
    ("{kind: tun, rate: @50Mbps}", "`Mbps` is not a unit of a bit rate", "`50Mbit/s`?"),
    ("{kind: tun, rate: @50}", "`50` has no unit", "did you mean `50Mbit/s`?"),
    ("{kind: tun, rate: 1Mbit/s, queue: @0}", "`link.queue` has to be at least 1", ""),
    ("{kind: tun, @queue: 10}", "`queue` means nothing without `rate` (forward)", ""),
    ("{kind: tun, forward: {@jitter: 1ms}}", "`jitter` means nothing without `delay`", ""),
    ("{kind: tun, delay: 1ms, forward: {jitter: @2ms}}", "`jitter` is more than `delay`", ""),
    ("{kind: tun, delay: 1ms, @jitter_law: normal}", "means nothing without `jitter`", ""),
    ("{kind: tun, mtu: @100}", "`link.mtu` has to be at least 576, not 100", ""),
    ("{kind: veth, hops: @9}", "`link.hops` has to be at most 8, not 9", ""),
    ("{@nat: {}}", "`nat` is not for a link of kind loopback", "`kind: veth`"),
    ("{kind: veth, hops: @0, nat: {}}", "`nat` is done by a router", "`hops: 1`"),
    ("{kind: veth, nat: {tcp_timeout: @500ms}}", "has to be whole seconds", "counts in seconds"),
    ("{kind: veth, nat: {unknown: @reset}}", "`link.nat.unknown` cannot be the text", "map"),
    ("{kind: veth, hops: 1, routers: {@mtu: 1400}}", "wires between routers", "`hops: 2`"),
    ("{kind: veth, @routers: {icmp: drop}}", "there are no routers", "`hops: 2`"),
    ("{kind: veth, hops: 2, routers: {icmp: @silent}}", "`link.routers.icmp` cannot be", "drop"),
    ("{kind: tun, loss: {law: @burst}}", "`link.loss.law` cannot be the text", ""),
    ("{kind: tun, @loss: {law: gilbert-elliott, p: 1%}}", "needs `p` and `r`", "p: 1%, r: 30%"),
    ("{kind: tun, loss: {share: 1%, @p: 1%}}", "`p` is for law gilbert-elliott", ""),
    ("{kind: tun, @loss: {law: index}}", "law index needs `indices`", "[3, 7]"),
    ("{kind: netem, @loss: {law: index, indices: [3]}}", "no packet by its index", "tun"),
    ("{kind: tun, @aqm: codel}", "`aqm` means nothing without `rate` (forward)", ""),
    ("{kind: tun, rate: 1Mbit/s, @codel_target: 5ms}", "nothing without `aqm: codel`", ""),
    ("{kind: tun, rate: 1Mbit/s, aqm: codel, @pie_burst: 0s}", "without `aqm: pie`", ""),
    ("{kind: tun, rate: 1Mbit/s, aqm: red, red_max: @5}", "`red_min` is 5, `red_max` 5", ""),
    ("{kind: tun, rate: 1Mbit/s, aqm: red, red_min: @50}", "`red_min` is 50, `red_max` 15", ""),
    ("{kind: tun, rate: 1Mbit/s, aqm: @blue}", "`link.aqm` cannot be the text", ""),
    ("{kind: tun, rate: 1Mbit/s, aqm: red, red_weight: @0}", "`link.red_weight` has to be", ""),
    ("{@family: ipv6}", "`family` is not for a link of kind loopback", "`kind: veth`"),
    ("{kind: veth, family: @ipv5}", "`link.family` cannot be the text", ""),
    ("{kind: veth, family: ipv6, mtu: @1000}", "an IPv6 link has an MTU of 1280 or more", ""),
    ("{kind: tun, family: ipv6, hops: 2, routers: {mtu: @600}}", "1280 or more, not 600", ""),
    ("{kind: veth, @tx_queue: 10}", "`tx_queue` is not for a link of kind veth", "`kind: tun`"),
    ("{kind: veth, nat: {forward: [{port: @0}]}}", "has to be at least 1, not 0", ""),
    ("{kind: veth, nat: {forward: [{port: 9}, {port: @9, to: 8}]}}", "is forwarded twice", ""),
    ("{kind: veth, nat: {hides: @server}}", "nobody reaches a hidden server", "port: 8080"),
    (
        "{kind: veth, nat: {hides: server, forward: [{port: 9, to: @8}]}}",
        "same on both sides",
        "leave `to` out",
    ),
    ("{kind: netem, rate: 1Mbit/s, @aqm: codel}", "`aqm` is not for a link of kind netem", "tun"),
    ("{kind: tun, corrupt: @2}", "`link.corrupt` has to be at most 1, not 2", ""),
    ("{kind: tun, trace: @nowhere.trace}", "there is no file nowhere.trace", ""),
    ("{kind: veth, sysctl: {server: {@kernel.pid_max: 9}}}", "no setting of a network", "net."),
    ("{kind: veth, sysctl: {@servr: {net.core.somaxconn: 9}}}", "unknown key `servr`", "server"),
    ("{kind: veth, sysctl: {both: {net.core.somaxconn: @[1]}}}", "is not a plain value", ""),
]


def complaint(text: str) -> tuple[str, tuple[int, int]]:
    """The first complaint about `text` without its `@`, and where that stood."""
    before = text.partition("@")[0]
    place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
    with pytest.raises(SpecError) as caught:
        spec.loads(text.replace("@", ""), "x.yaml")
    assert (caught.value.line, caught.value.column) == place, str(caught.value)
    return str(caught.value), place


def test_only_a_nat_can_forget() -> None:
    step = "disturb: [{at: 1ms, link: @rebind}]\n"
    said, _ = complaint(f"{BASE}link: {{kind: veth}}\n{step}")
    assert "`link: rebind` needs a NAT that forgets" in said
    spec.loads(f"{BASE}link: {{kind: veth, nat: {{}}}}\n{step.replace('@', '')}")


def test_attacks_know_no_ipv6() -> None:
    step = "disturb: [{at: 0s, @attack: syn_flood, rate: 9/s, for: 1ms}]\n"
    said, _ = complaint(f"{BASE}link: {{kind: veth, family: ipv6}}\n{step}")
    assert "`attack` forges IPv4 packets" in said and "`family: ipv4`" in said


@pytest.mark.parametrize(("text", "message", "hint"), MISTAKES)
def test_a_mistake_is_said_where_it_stands(text: str, message: str, hint: str) -> None:
    said, _ = complaint(f"{BASE}link: {text}\n")
    assert message in said
    assert hint in said


def test_what_a_target_cannot_have_behind_a_link() -> None:
    assert "already runs cannot be put behind" in complaint(f"{ATTACH}link: {{kind: veth}}\n")[0]
    assert "the server's address is the link's" in complaint(f"{BOUND}link: {{kind: veth}}\n")[0]
    spec.loads(BOUND.replace("@", ""))
    spec.loads(ATTACH.replace("@", ""))


def test_a_direction_takes_the_place_of_the_common_keys() -> None:
    found = link("{kind: tun, delay: 5ms, loss: 1%, rate: 8Mbit/s, forward: {loss: 0, delay: 1ms}}")
    forward, backward = found.shaping("forward"), found.shaping("backward")
    assert (forward.delay_ns, backward.delay_ns) == (1_000_000, 5_000_000)
    assert forward.rate_bits_per_second == backward.rate_bits_per_second == 8_000_000
    assert forward.loss is not None and backward.loss is not None
    assert (forward.loss.expected, backward.loss.expected) == (0.0, 0.01)
    assert (forward.lossy, backward.lossy, found.spoils) == (False, True, True)


def test_bursts_lose_what_two_states_lose_in_the_long_run() -> None:
    found = link("{kind: tun, loss: {law: gilbert-elliott, p: 1%, r: 24%, good: 0, bad: 50%}}")
    assert found.loss is not None and found.loss.expected == pytest.approx(0.02)
    one = link("{kind: tun, loss: {law: index, indices: [1, 7]}}")
    assert one.loss is not None and one.loss.expected is None and one.spoils


def test_a_trace_is_looked_for_beside_the_experiment(tmp_path: Path) -> None:
    (tmp_path / "x.trace").write_text("1\n2\n")
    file = tmp_path / "x.yaml"
    file.write_text(f"{BASE}link: {{kind: tun, backward: {{trace: x.trace, aqm: codel}}}}\n")
    [cell] = spec.load(file).cells
    assert cell.link.shaping("backward").trace == str(tmp_path / "x.trace")
    assert cell.link.shaping("forward").trace is None
    assert list(load_files.digests([cell])) == [str(tmp_path / "x.trace")]
    file.write_text(f"{BASE}link: {{kind: tun, rate: 1Mbit/s, trace: x.trace}}\n")
    with pytest.raises(SpecError, match="it takes the place of `rate`"):
        spec.load(file)


def test_one_side_s_settings_take_the_place_of_both_s() -> None:
    text = "{both: {net.core.somaxconn: 9, net.ipv4.tcp_sack: 0}, server: {net.core.somaxconn: 5}}"
    found = link(f"{{kind: veth, sysctl: {text}}}").sysctl
    assert found.of("server") == {"net.core.somaxconn": 5, "net.ipv4.tcp_sack": 0}
    assert found.of("client") == {"net.core.somaxconn": 9, "net.ipv4.tcp_sack": 0}


def test_a_setting_s_name_is_one_step_of_a_path_dots_and_all() -> None:
    factor = "{set: link.sysctl.server.net.ipv4.tcp_sack, values: [0, 1]}"
    text = f"{BASE}link: {{kind: veth}}\nfactors: {{sack: {factor}}}\n"
    cells = spec.loads(text, sets=["link.sysctl.both.net.core.somaxconn=7"]).cells
    assert [cell.link.sysctl.server for cell in cells] == [
        {"net.ipv4.tcp_sack": 0},
        {"net.ipv4.tcp_sack": 1},
    ]
    assert all(cell.link.sysctl.both == {"net.core.somaxconn": 7} for cell in cells)
    with pytest.raises(SpecError, match="has no key `srver`"):
        spec.loads(text, sets=["link.sysctl.srver.net.core.somaxconn=7"])


def test_a_file_s_name_is_one_step_of_a_path_too() -> None:
    target = '{command: [x, "{port}"], files: {a.conf: "1"}}'
    text = BASE.replace("{engine: epoll, protocol: echo}", target)
    [cell] = spec.loads(text, sets=["targets.echo.files.a.conf=two"]).cells
    assert cell.target.files == {"a.conf": "two"}  # type: ignore[union-attr]


def test_a_resolved_experiment_is_an_experiment_file_again() -> None:
    first = spec.loads(f"{BASE}link: {{kind: tun, delay: 5ms, rate: 1500kbit/s, loss: 2%}}\n")
    dumped = first.link.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    assert dumped["rate"] == "1500kbit/s"
    assert Link.model_validate(dumped) == first.link
