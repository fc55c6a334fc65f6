"""Experiment files that the tests of spec and plan start from, and a way to point into them."""

ECHO = """\
schema: 1
name: sample
question: What does it cost?
targets:
  echo: {engine: epoll, protocol: echo, cpus: [0]}
load:
  protocol: echo
  connections: 4
  cpus: [1]
  arrival: {law: closed}
  deadline: 1s
  socket: {tcp_congestion: cubic}
link: {kind: loopback}
factors:
  nodelay: {set: load.socket.tcp_nodelay, values: [false, true]}
  write: {set: load.write_pattern, values: [one, two]}
  ack: {set: targets.*.socket.tcp_quickack, values: {delayed: false, quick: true}}
exclude: []
compare:
  - {factor: nodelay, baseline: false, metrics: [latency_ns_p50], floor: 2%}
repeat: {starts: 8, warmup: 200ms, window: 1s}
design: {order: adjacent_pairs, seed: 42, aa: {cells: 1}}
probes: [syscalls]
expect:
  - id: stall
    where: {nodelay: false, write: two, ack: delayed}
    control: {nodelay: true}
    that: 38ms <= latency_ns_p50 <= 48ms
profiles:
  quick: {evidence: false, repeat: {starts: 2, window: 200ms}}
  wide: {factors: {write: {values: [one, two, cork]}}}
"""

HTTP = """\
schema: 1
name: sample
question: Which is faster?
targets:
  ours: {engine: epoll, protocol: http1}
  theirs:
    command: [server, --port, "{port}"]
    ready: {http: /}
load:
  protocol: http1
  connections: 8
  check: {status: 200}
compare:
  - {factor: target, baseline: theirs, metrics: [requests_per_second]}
expect:
  - id: ahead
    compare: {factor: target, value: ours, baseline: theirs}
    control: {target: theirs}
    that: ratio(requests_per_second) > 1
"""


def pointed(base: str, old: str, new: str) -> tuple[str, int, int]:
    """`base` with `new` for `old`, and line and column of the `@` in `new`, which is dropped."""
    assert base.count(old) == 1, f"{old!r} stands {base.count(old)} times in the sample"
    assert new.count("@") == 1
    text = base.replace(old, new)
    before = text[: text.index("@")]
    return text.replace("@", ""), before.count("\n") + 1, len(before) - before.rfind("\n")
