"""Bad experiment files: each mistake with its line and column, what was wrong, and what was meant.

In a row `@` marks the place that the complaint has to point at.
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec_samples import ECHO, HTTP, pointed
from zyphos_lab import spec
from zyphos_lab.errors import LabError, SpecError, UsageError

# what stands there, what is put in its place, the message, the hint
SHAPE = [
    ("schema: 1", "schema: @2", "schema 2 is not known: this version reads schema 1", ""),
    ("schema: 1", "schema: @true", "schema true is not known", ""),
    ("schema: 1\n", "@", "the experiment lacks the key `schema`", "`schema: 1`"),
    ("schema: 1\nname: sample\n", "@schema: 1\n", "the experiment lacks the key `name`", ""),
    ("name: sample", "name: @a b", "`a b` is not a name", "letters, digits, `_`, `-` and `.`"),
    ("probes:", "@probs:", "unknown key `probs`", "did you mean `probes`?"),
    ("  connections:", "  @conections:", "unknown key `conections` in `load`", "`connections`?"),
    (
        "socket: {",
        "socket: {@tcp_nodely: true, ",
        "`tcp_nodely` in `load.socket`",
        "`tcp_nodelay`?",
    ),
    (
        "cpus: [0]",
        "@thread: 2",
        "unknown key `thread` in `targets.echo`",
        "did you mean `threads`?",
    ),
    ("connections: 4", "connections: @many", "a whole number, not the text", ""),
    ("connections: 4", 'connections: @"4"', "a whole number, not the text", "`4` without quotes?"),
    ("connections: 4", "connections: @0", "`load.connections` has to be at least 1, not 0", ""),
    ("connections: 4", "connections: @4.5", "`load.connections` has to be a whole number", ""),
    ("connections: 4", "connections: @true", "a whole number, not true", ""),
    ("connections: 4", "connections: 4\n  @connections: 5", "duplicate key", "given in line 8"),
    ("cpus: [1]", "cpus: @1", "`load.cpus` has to be a list, not 1", "did you mean `[1]`?"),
    ("cpus: [1]", "cpus: [1, @x]", "`load.cpus.1` has to be a whole number", ""),
    ("{law: closed}", "@closed", "`load.arrival` has to be a mapping", ""),
    (
        "law: closed",
        "law: @close",
        "`load.arrival.law` cannot be the text",
        "did you mean `closed`?",
    ),
    ("deadline: 1s", "deadline: @1sec", "`sec` is not a unit", "did you mean `1s`?"),
    ("deadline: 1s", "deadline: @5", "`load.deadline`: `5` has no unit", "did you mean `5ms`?"),
    ("deadline: 1s", "deadline: @0s", "`load.deadline` has to be more than 0", ""),
    ("deadline: 1s", "deadline: @[1s]", "a list is not a duration", "write it like `200ms`"),
    (
        "engine: epoll",
        "engine: @epol",
        "one of sequential, thread, pool, select, poll, epoll, coroutine, uring, prefork",
        "did you mean `epoll`?",
    ),
    (
        "{engine: epoll, protocol: echo",
        "{engine: epoll, protocol: @echoo",
        "one of echo",
        "`echo`?",
    ),
    ("  echo: {engine: epoll", "  @echo: {engin: epoll", "is no target", "did you mean `engine`?"),
    ("kind: loopback", "kind: @loop", "`link.kind` cannot be", "did you mean `loopback`?"),
    ("[syscalls]", "[@syscall]", "`probes.0` cannot be", "did you mean `syscalls`?"),
    ("adjacent_pairs", "@adjacent_pair", "`design.order` cannot be", "`adjacent_pairs`?"),
    ("floor: 2%", "floor: @2x", "`2x` is not a fraction", "write it like `1%` or `0.01`"),
    ("floor: 2%", "floor: @200%", "`compare.0.floor` has to be at most 1", ""),
    ("seed: 42", "seed: @-1", "`design.seed` has to be at least 0", ""),
    (
        "{starts: 8, warmup: 200ms, window: 1s",
        "@{starts: 8, window: 200s, interval: 1ms",
        "`interval` is too short: at most 10000",
        "",
    ),
    ("cpus: [0]", "address: @localhost", "is not an IP address", "did you mean `127.0.0.1`?"),
    ("starts: 8", "starts: @0", "`repeat.starts` has to be at least 1", ""),
    ("starts: 2,", "@strts: 2,", "unknown key `strts` in `repeat`", "did you mean `starts`?"),
    ("evidence: false", "@evidense: false", "unknown key `evidense`", "did you mean `evidence`?"),
    ("evidence: false", "@name: x", "a profile cannot change `name`", ""),
]
YAML = [
    ("[1]", "[1\nlaw@: x", "expected ',' or ']'", "begun in line 9"),
    ("name: sample", "name: @*x", "not YAML: found undefined alias", ""),
    ("name: sample", "name: @!!python/x a", "the tag `tag:yaml.org,2002:python/x`", ""),
    ("name: sample", "? @[a]\n: b", "a key has to be plain text", ""),
    ("name: sample", "@<<: {a: b}", "merge keys", ""),
    ("name: sample", "name: @&x [*x]", "contains itself", ""),
    ("name: sample", "name: @\x01", "the character U+0001 is not allowed", ""),
]
FACTORS = [
    ("load.socket.tcp_nodelay", "@load.socket.tcp_nodely", "no key `tcp_nodely`", "`tcp_nodelay`?"),
    ("load.socket.tcp_nodelay", "@laod.socket.x", "`laod` is not one of", "did you mean `load`?"),
    ("load.socket.tcp_nodelay", "@repeat.window", "`repeat` is not one of load, targets", ""),
    ("load.write_pattern", "@load.write_pattern.x", "`load.write_pattern` has no parts", ""),
    ("load.write_pattern", "[load.path, @load.pth]", "has no key `pth`", "did you mean `path`?"),
    ("targets.*.socket", "@targets.ecko.socket", "there is no target `ecko`", "`echo`?"),
    (
        "targets.*.socket.tcp_quickack, values: {delayed: f",
        "target, values: {delayed: @f",
        "no target",
        "known: echo",
    ),
    ("[false, true]", "[false, @yes]", "has to be true or false", "did you mean `true`?"),
    ("[one, two]", "[one, two, @writv]", "one of one, two, writev, cork", "did you mean `writev`?"),
    ("[one, two]", "[one, two, @one]", "has `one` twice", ""),
    ("[one, two]", "@[]", "`factors.write.values` has to have at least 1 entry", ""),
    ("[one, two]", "[one, two, @[3]]", "a list is not a plain value", "text, a number"),
    ("[one, two]", "[one, two, @a b]", "cannot name a cell", "give it a label"),
    ("[one, two]", "@one", "`factors.write.values` has to be a list", "did you mean `[one]`?"),
    (
        "quick: true}",
        "quick: @3}",
        "`targets.echo.socket.tcp_quickack` has to be true or false",
        "",
    ),
    ("exclude: []", "exclude: [{@writ: one}]", "no factor `writ`", "did you mean `write`?"),
    ("exclude: []", "exclude: [{write: @on}]", "no value `on`", "did you mean `one`?"),
    ("exclude: []", "exclude: [{ack: @true}]", "no value `true`", "did you mean `quick`?"),
    ("exclude: []", "exclude: [@{}]", "this would exclude every cell", ""),
    ("exclude: []", "@exclude: [{nodelay: true}, {nodelay: false}]", "no cell is left", ""),
]
QUESTIONS = [
    ("factor: nodelay", "factor: @nodelai", "there is no factor `nodelai`", "`nodelay`?"),
    ("baseline: false", "baseline: @off", "the factor `nodelay` has no value `off`", "known:"),
    ("[latency_ns_p50]", "[@latency_p50]", "unknown metric `latency_p50`", "`latency_ns_p50`?"),
    (
        "[latency_ns_p50]",
        "[@server_tcp_segs_in]",
        "comes from the probe tcp_info",
        "add `tcp_info` to `probes`",
    ),
    ("[latency_ns_p50]", "[@verdict]", "`verdict` is text and cannot be compared", ""),
    (
        "  - id: stall\n    where",
        "  - @id: stall\n    that: 1 < 2\n  - id: b\n    where",
        "`expect.0` lacks the key `control`",
        "",
    ),
    ("control: {nodelay: true}", "control: @{}", "has to have at least 1 entry", ""),
    ("control: {nodelay", "control: {@nodely", "there is no factor `nodely`", "`nodelay`?"),
    (
        "    control: {nodelay: true}",
        "    @control: {nodelay: false}",
        "is the cell itself",
        "differ",
    ),
    ("ack: delayed}", "ack: @delay}", "has no value `delay`", "did you mean `delayed`?"),
    ("<= latency_ns_p50", "<= @latency_ns_p5O", "unknown metric", "did you mean `latency_ns_p50`?"),
    ("that: 38ms <=", "that: 38 @<=", "a bare number and a time", "give the number a unit"),
    (
        "that: 38ms <= latency_ns_p50 <= 48ms",
        'that: "1 < @frogs"',
        "unknown metric `frogs`",
        "docs",
    ),
    ("that: 38ms <= latency_ns_p50", "that: @ratio(rate_ratio)", "needs two cells", "a `compare`"),
    (
        "- id: stall",
        "- {id: stall, control: {ack: quick}, that: 1 < 2}\n  - id: @stall",
        "called",
        "",
    ),
]
TOGETHER = [
    ("{law: closed}", "{law: closed, @rate: 9/s}", "a closed load has no rate", "law: constant"),
    ("{law: closed}", "{law: @poisson}", "law poisson needs a rate", "such as `rate: 10000/s`"),
    ("{law: closed}", "{law: poisson, rate: @10}", "`10` is not a rate", "did you mean `10/s`?"),
    ("law: closed", "law: poisson, rate: 9/s, @think: 1ms", "`think` is for law closed", ""),
    ("connections: 4", "connections: 4\n  @requests: [{}]", "`requests` is for protocol http1", ""),
    ("law: closed", "law: constant, rate: 9/s, @on: 1ms", "`on` is for law on-off", ""),
    ("{law: closed}", "{law: @on-off, rate: 9/s, on: 1s}", "on-off needs `off`", "`off: 100ms`"),
    ("{law: closed}", "{law: @ramp, from: 9/s}", "law ramp needs `to`", "such as `to: 1000/s`"),
    ("{law: closed}", "{law: ramp, from: 9/s, to: 1/s, @rate: 1/s}", "`rate` is for law", ""),
    ("{law: closed}", "{law: @trace}", "law trace needs `file`", "arrivals.txt"),
    (
        "{law: closed}",
        "{law: trace, file: @/nowhere.txt}",
        "/nowhere.txt: No such file or directory",
        "one offset a line",
    ),
    (
        "{law: closed}",
        "{law: @partly-open, rate: 9/s}",
        "law partly-open needs `requests`",
        "such as `requests: 5`",
    ),
    (
        "{law: closed}",
        "{law: partly-open, rate: 9/s, requests: @0.5}",
        "has to be at least 1",
        "",
    ),
    ("connections: 4", "connections: 4\n  pipeline: @2", "two does not go with pipeline 2", "one"),
    (
        "connections: 4",
        "connections: 4\n  pipeline: 2\n  requests_per_connection: @3",
        "does not go with pipeline 2",
        "`pipeline: 1`",
    ),
    ("connections: 4", "connections: 4\n  read_rate: @8", "has no unit", "did you mean `8M"),
    (
        "connections: 4",
        "connections: 4\n  send_call: @zerocopy",
        "does not go with write_pattern",
        "one",
    ),
    ("connections: 4", "connections: 4\n  send_call: @sendto", "cannot be the text", "`send`"),
    ("cpus: [0]", "cpus: [0], backlog: @0", "has to be at least 1", ""),
    ("connections: 4", "connections: 4\n  threads: @5", "5 threads cannot share 4", ""),
    ("connections: 4", "connections: 4\n  @path: /x", "`path` is for protocol http1", ""),
    (
        "connections: 4",
        "connections: 4\n  message_bytes: @65",
        "65 bytes and the target",
        "set both",
    ),
    ("cpus: [1]", "cpus: @[1, 1]", "`load.cpus` names a CPU twice", ""),
    ("epoll, protocol: echo", "thread, protocol: echo, @threads: 2", "a thread per connection", ""),
    ("cpus: [0]", "@app: hello", "`app` is for protocol http1, this one speaks echo", ""),
]
HTTP_ROWS = [
    ("  protocol: http1\n  conn", "  protocol: http1\n  @write_pattern: one\n  conn", "for p", ""),
    ("protocol: http1}", "protocol: @echo}", "the load speaks http1 and the target", ""),
    ("protocol: http1}", "protocol: http1, @message_bytes: 1}", "for protocol echo", ""),
    ("protocol: http1}", "protocol: http1, @delay: 1ms}", "`delay` is for app delay", ""),
    ("protocol: http1}", "protocol: http1, parser: descent, @scan: avx2}", "parser simd", ""),
    ("protocol: http1}", "protocol: http1, parser: table, @scan: avx2}", "parser table", ""),
    ("protocol: http1}", "protocol: http1, @counter: atomic}", "`counter` is for app counter", ""),
    ("{http: /}", "{http: @x}", "`targets.theirs.ready.http` does not fit the pattern", ""),
    ("    ready: {http: /}", "    @ready: {http: /, tcp: true}", "exactly one of", ""),
    ("{http: /}", "{log: @'('}", "`log` is not a regular expression", ""),
    ('"{port}"', '@"{prot}"', "unknown placeholder `{prot}`", "did you mean `{port}`?"),
    ('[server, --port, "{port}"]', "@[server]", "nothing tells the program", "put `{port}` into"),
    ("{http: /}", "{http: /}\n    port: @http", "is not a port", "1 to 65535, or `auto`"),
    ("{http: /}", "{http: /}\n    stop: @SIGSTOP", "cannot be the text", "did you mean"),
    ("{http: /}", "{http: /}\n    files: {@../x: a}", "outside the trial's folder", ""),
    ("{http: /}", "{http: /}\n    env: {A: @1}", "`targets.theirs.env.A` has to be text", ""),
    ("{status: 200}", "{body: hi, body_bytes: @3}", "`check.body` has 2 bytes", ""),
    ("{status: 200}", "{status: @99}", "has to be at least 100", ""),
    ("connections: 8", "body: x\n  @body_bytes: 3", "exclude each other", ""),
    ("ratio(requests_per_second) > 1", "ratio(@request_per_second) > 1", "unknown", "did you mean"),
    ("ratio(requests_per_second) > 1", "@requests_per_second > 1/s", "`ratio(metric)`", ""),
    ("    control: {target: theirs}\n    that: ratio(requests_per_second) > 1",
     "    @control: {target: theirs}\n    that: ratio(requests_per_second) >= 1",
     "the control cannot fail", "use `>` or `<`"),
    ("value: ours", "value: @our", "has no value `our`", "did you mean `ours`?"),
    ("value: ours, baseline: theirs", "value: theirs, baseline: @theirs", "its own baseline", ""),
    ("load:\n", "factors: {@target: {set: load.path, values: [/]}}\nload:\n", "several", ""),
]  # fmt: skip

ROWS = [(ECHO, *row) for row in [*SHAPE, *YAML, *FACTORS, *QUESTIONS, *TOGETHER]]
ROWS += [(HTTP, *row) for row in HTTP_ROWS]


def complaints(text: str, **options) -> tuple:
    with pytest.raises(SpecError) as caught:
        spec.loads(text, "x.yaml", **options)
    return caught.value.complaints


@pytest.mark.parametrize(
    ("base", "old", "new", "message", "hint"), ROWS, ids=[f"{row[2][:40]!r}" for row in ROWS]
)
def test_complaint_points_at_its_place(base, old, new, message, hint):
    text, line, column = pointed(base, old, new)
    found = complaints(text)
    here = [one for one in found if (one.line, one.column) == (line, column)]
    fits = [one for one in here if message in one.message and hint in one.hint]
    assert fits, f"wanted {line}:{column}, found\n" + "\n".join(map(str, found))
    assert bool(hint) == bool(fits[0].hint), fits[0]
    assert all(one.file == "x.yaml" and one.line > 0 for one in found)


def test_every_mistake_is_reported_in_the_order_of_the_file():
    text = ECHO.replace("connections: 4", "connections: x").replace("[one, two]", "[one, tow]")
    text = text.replace("latency_ns_p50]", "latency]").replace("name: sample", "nam: sample")
    found = complaints(text)
    assert [(one.line, one.message.split("`")[1]) for one in found] == [
        (1, "name"),
        (2, "nam"),
        (8, "load.connections"),
        (16, "load.write_pattern"),
        (20, "latency"),
        (26, "write"),
    ]


def test_text_of_the_error_has_one_line_for_each_complaint():
    with pytest.raises(SpecError) as caught:
        spec.loads(ECHO.replace("deadline: 1s", "deadline: 5\n  frogs: 1"), "x.yaml")
    error = caught.value
    assert str(error).splitlines() == [
        "x.yaml:11:13: `load.deadline`: `5` has no unit (did you mean `5ms`?)",
        "x.yaml:12:3: unknown key `frogs` in `load`",
    ]
    assert (error.file, error.line, error.column, error.exit_code) == ("x.yaml", 11, 13, 2)
    assert error.hint == "did you mean `5ms`?"


def test_an_excluded_control_is_a_mistake():
    text, line, column = pointed(ECHO, "    control: {n", "    @control: {n")
    text = text.replace("exclude: []", "exclude: [{nodelay: true, write: two}]")
    found = complaints(text)
    assert [(one.line, one.column) for one in found] == [(line, column)]
    assert "`nodelay=true,write=two,ack=delayed` is excluded" in found[0].message


def test_mistakes_in_a_profile_that_is_not_asked_for_are_found():
    text, line, column = pointed(ECHO, "[one, two, cork]", "[one, two, @kork]")
    assert [(one.line, one.column) for one in complaints(text)] == [(line, column)]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"profile": "quik"}, "--profile quik: there is no profile `quik` (did you mean `quick`?)"),
        ({"sets": ["load.conections=3"]}, "has no key `conections` (did you mean `connections`?)"),
        ({"sets": ["load.connections=x"]}, "`load.connections` has to be a whole number"),
        ({"sets": ["load.connections"]}, "--set load.connections: no `=` (path=value)"),
        ({"sets": ["load.connections=[1"]}, "--set load.connections=[1: not YAML"),
        ({"sets": ["schema=1"]}, "--set schema=1: `schema` is not one of"),
        ({"sets": ["load.write_pattern=two"]}, "the factor `write` sets this in every cell"),
        ({"only": ["writ=one"]}, "--only writ=one: there is no factor `writ`"),
        ({"only": ["write=on"]}, "the factor `write` has no value `on` (did you mean `one`?)"),
        ({"only": ["frogs"]}, "--only frogs: neither `factor=value` nor the id of a cell"),
    ],
)
def test_mistakes_in_options_name_the_option(options, wanted):
    [found] = complaints(ECHO, **options)
    assert wanted in str(found)
    assert found.line == 0


def test_an_excluded_cell_cannot_be_chosen():
    text = ECHO.replace("exclude: []", "exclude: [{write: one, ack: quick}]")
    [found] = complaints(text, only=["write=one,ack=quick"])
    assert "no such cell: it is excluded" in found.message


@pytest.mark.parametrize("text", ["", "- a", "a", "# nothing"])
def test_what_is_no_mapping_is_no_experiment(text):
    [found] = complaints(text)
    assert "an experiment is a mapping" in found.message


def test_too_many_cells_are_refused_before_they_are_made():
    many = list(range(4, 204))
    text = ECHO.replace("factors:\n", f"factors:\n  a: {{set: load.connections, values: {many}}}\n")
    text = text.replace("factors:\n", f"factors:\n  b: {{set: load.pipeline, values: {many}}}\n")
    assert any("320000 cells are more than 10000" in one.message for one in complaints(text))


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        spec.load(tmp_path / "absent.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="not UTF-8"):
        spec.load(tmp_path / "bad.yaml")


@given(st.data())
def test_any_damage_is_an_experiment_or_complaints(data):
    """Pieces of the file deleted or exchanged: never anything but complaints with places."""
    text = ECHO
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = start + data.draw(st.integers(0, 30))
        piece = data.draw(
            st.sampled_from(["", "x", "[", "}", ": ", "\n", "null", "1", "true", "&a", "*a"])
        )
        text = text[:start] + piece + text[end:]
    try:
        spec.loads(text, "x.yaml")
    except LabError as error:
        assert isinstance(error, SpecError)
        last = text.count("\n") + 2
        assert all(0 < one.line <= last and one.column > 0 for one in error.complaints)
        assert not re.search(r"pydantic|Traceback|NoneType", str(error))
