"""Good experiment files: what they resolve to."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec_samples import ECHO, HTTP
from zyphos_lab import plan, spec
from zyphos_lab.errors import SpecError
from zyphos_lab.spec import schema, source
from zyphos_lab.spec.models import Arrival
from zyphos_lab.spec.target_models import App, Socket

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "experiments").rglob("*.yaml"))


def ids(experiment: spec.Experiment) -> list[str]:
    return [cell.id for cell in experiment.cells]


def test_cells_are_every_combination_with_everything_set():
    cells = spec.loads(ECHO).cells
    assert len(cells) == 8
    first, last = cells[0], cells[-1]
    assert first.id == "nodelay=false,write=one,ack=delayed"
    assert first.factors == {"nodelay": False, "write": "one", "ack": "delayed"}
    assert first.load.socket == Socket(tcp_nodelay=False, tcp_congestion="cubic")
    assert (last.load.write_pattern, last.load.socket.tcp_nodelay) == ("two", True)
    assert isinstance(last.target, spec.EngineTarget)
    assert last.target.socket.tcp_quickack is True
    assert last.target_name == "echo"


def test_values_carry_their_units_and_defaults():
    experiment = spec.loads(ECHO)
    cell = experiment.cells[0]
    assert cell.load.deadline_ns == 1_000_000_000
    assert (cell.load.message_bytes, cell.load.threads, cell.load.pipeline) == (64, 1, 1)
    assert cell.load.arrival == Arrival()
    assert cell.load.cpus == (1,)
    assert experiment.repeat.warmup_ns == 200_000_000
    assert experiment.compare[0].floor == 0.02
    assert experiment.evidence is True


def test_one_cell_without_factors():
    text = ECHO[: ECHO.index("factors:")] + "probes: []\n"
    [cell] = spec.loads(text).cells
    assert (cell.id, cell.factors) == ("all", {})


def test_several_targets_are_a_factor_unless_one_is_set():
    experiment = spec.loads(HTTP)
    assert ids(experiment) == ["target=ours", "target=theirs"]
    assert [cell.target_name for cell in experiment.cells] == ["ours", "theirs"]
    chosen = "load:\n", "factors: {who: {set: target, values: {a: theirs, b: ours}}}\nload:\n"
    text = HTTP[: HTTP.index("compare:")].replace(*chosen)
    cells = spec.loads(text).cells
    assert [(cell.id, cell.target_name) for cell in cells] == [
        ("who=a", "theirs"),
        ("who=b", "ours"),
    ]


def test_the_three_kinds_of_target():
    more = "  there: {attach: {port: 8080, pid: 1}}\nload:\n"
    cells = spec.loads(HTTP.replace("load:\n", more, 1)).cells
    kinds = [type(cell.target) for cell in cells]
    assert kinds == [spec.EngineTarget, spec.CommandTarget, spec.AttachTarget]
    command = cells[1].target
    assert isinstance(command, spec.CommandTarget)
    assert command.command == ("server", "--port", "{port}")
    assert (command.port, command.stop, command.cwd) == ("auto", "SIGTERM", "{dir}")
    assert command.ready.http == "/"
    assert cells[2].target.attach.port == 8080


def test_exclusions_leave_cells_out():
    text = ECHO.replace(
        "exclude: []", "exclude: [{write: one, ack: quick}, {ack: quick, nodelay: true}]"
    )
    assert ids(spec.loads(text)) == [
        "nodelay=false,write=one,ack=delayed",
        "nodelay=false,write=two,ack=delayed",
        "nodelay=false,write=two,ack=quick",
        "nodelay=true,write=one,ack=delayed",
        "nodelay=true,write=two,ack=delayed",
    ]


def test_contrasts_differ_in_one_factor():
    experiment = spec.loads(ECHO)
    assert len(experiment.contrasts) == 4
    for contrast in experiment.contrasts:
        assert contrast.cell.replace("nodelay=true", "nodelay=false") == contrast.baseline_cell
        assert (contrast.value, contrast.baseline, contrast.family) == ("true", "false", "primary")
    narrow = ECHO.replace("floor: 2%", "where: {write: two, ack: quick}")
    [only] = spec.loads(narrow).contrasts
    assert only.cell == "nodelay=true,write=two,ack=quick"


def test_expectations_name_their_cells_and_controls():
    [stall] = spec.loads(ECHO).expectations
    assert stall.id == "stall"
    [case] = stall.cases
    assert case.cell == "nodelay=false,write=two,ack=delayed"
    assert case.control == "nodelay=true,write=two,ack=delayed"
    assert stall.statement.holds({"latency_ns_p50": 44_000_000}) is True
    [ahead] = spec.loads(HTTP).expectations
    [case] = ahead.cases
    assert (case.cell, case.baseline_cell) == ("target=ours", "target=theirs")
    assert case.control == case.control_baseline == "target=theirs"


def test_profiles_merge_deeply_and_replace_values():
    quick = spec.loads(ECHO, profile="quick")
    assert (quick.repeat.starts, quick.repeat.window_ns) == (2, 200_000_000)
    assert quick.repeat.warmup_ns == 200_000_000
    assert quick.evidence is False
    assert len(spec.loads(ECHO, profile="wide").cells) == 12
    labels = ECHO.replace("{write: {values: [one, two, cork]}}", "{ack: {values: {only: true}}}")
    labels = labels[: labels.index("expect:")] + labels[labels.index("profiles:") :]
    assert len(spec.loads(labels, profile="wide").cells) == 4


def test_set_changes_anything():
    sets = ["load.connections=8", "repeat.window=2s", "factors.write.values=[two, cork]"]
    sets += ["compare.0.floor=5%", "load.arrival={law: poisson, rate: 10/s}"]
    experiment = spec.loads(ECHO.replace(", write: two", ""), sets=sets)
    assert len(experiment.cells) == 8
    assert experiment.cells[0].load.connections == 8
    assert experiment.cells[0].load.arrival.rate_per_second == 10
    assert experiment.repeat.window_ns == 2_000_000_000
    assert experiment.contrasts[0].floor == 0.05
    assert experiment.request.sets == tuple(sets)


def test_only_keeps_cells_contrasts_and_expectations_that_can_run():
    experiment = spec.loads(ECHO, only=["write=two,ack=delayed"])
    assert len(experiment.cells) == 2
    assert len(experiment.contrasts) == 1
    assert experiment.expectations[0].cases[0].control is not None
    lonely = spec.loads(ECHO, only=["nodelay=false,write=two,ack=delayed"])
    assert (len(lonely.cells), len(lonely.contrasts)) == (1, 0)
    assert lonely.expectations[0].cases[0].control is None
    other = spec.loads(ECHO, only=["write=one", "ack=quick"])
    assert len(other.cells) == 6
    assert other.expectations == ()


def test_what_is_missing_may_come_from_a_factor():
    text = ECHO.replace("{law: closed}", "{law: poisson}").replace(
        "factors:\n", "factors:\n  rate: {set: load.arrival.rate, values: [100/s, 2k/s]}\n"
    )
    cells = spec.loads(text).cells
    assert {cell.load.arrival.rate_per_second for cell in cells} == {100, 2_000}
    assert cells[0].id.startswith("rate=100/s,")


def test_a_factor_may_set_a_whole_mapping_by_label():
    laws = "{set: load.arrival, values: {closed: {law: closed}, open: {law: poisson, rate: 9/s}}}"
    cells = spec.loads(ECHO.replace("factors:\n", f"factors:\n  law: {laws}\n")).cells
    assert {(cell.labels["law"], cell.load.arrival.law) for cell in cells} == {
        ("closed", "closed"),
        ("open", "poisson"),
    }


def test_text_and_request_make_the_same_experiment_again():
    first = spec.loads(ECHO, profile="wide", sets=["load.connections=9"], only=["write=cork"])
    request = first.request
    again = spec.loads(request.text, request.file, request.profile, request.sets, request.only)
    assert again.cells == first.cells
    assert first.text == ECHO
    assert json.loads(json.dumps(first.data)) == again.data
    assert first.positions["load", "deadline"].line == 11


def test_resolved_models_dump_to_an_experiment_file():
    experiment = spec.loads(ECHO)
    dumped = experiment.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert dumped["repeat"] == {"starts": 8, "warmup": "200ms", "window": "1s"}
    again = spec.loads(json.dumps(dumped))
    assert again.model_dump() == experiment.model_dump()
    assert again.cells == experiment.cells


def test_words_of_the_native_programs():
    experiment = spec.loads(ECHO)
    cell = experiment.cells[-1]
    assert spec.serve_words(cell.target) == [
        "engine=epoll",
        "protocol=echo",
        "address=127.0.0.1",
        "threads=1",
        "cpus=0",
        "message_bytes=64",
        "port=0",
        "socket.tcp_quickack=true",
    ]
    assert spec.load_words(cell.load, experiment.repeat, address="::1", port=9, seed=7) == [
        "protocol=echo",
        "connections=4",
        "threads=1",
        "cpus=1",
        "pipeline=1",
        "deadline_ns=1000000000",
        "address=::1",
        "port=9",
        "seed=7",
        "arrival.law=closed",
        "arrival.think_ns=0",
        "warmup_ns=200000000",
        "window_ns=1000000000",
        "interval_ns=100000000",
        "message_bytes=64",
        "write_pattern=two",
        "socket.tcp_nodelay=true",
        "socket.tcp_congestion=cubic",
    ]


def test_words_of_an_http_load():
    extra = "  headers: {X-A: b c}\n  body: hi\n  arrival: {law: constant, rate: 12.5/s}\n"
    experiment = spec.loads(HTTP.replace("  connections: 8\n", f"  connections: 8\n{extra}"))
    words = spec.load_words(
        experiment.cells[0].load, experiment.repeat, address="127.0.0.1", port=9, seed=7
    )
    wanted = {"header.X-A=b c", "body=hi", "arrival.rate_per_second=12.5", "method=GET", "path=/"}
    assert wanted <= set(words)
    assert "check.status=200" in words
    assert not [word for word in words if word.startswith(("message_bytes", "arrival.think"))]


LAWS = {
    "{law: closed, think: 2ms}": ["arrival.think_ns=2000000"],
    "{law: on-off, rate: 1k/s, on: 10ms, off: 30ms}": [
        "arrival.rate_per_second=1000",
        "arrival.on_ns=10000000",
        "arrival.off_ns=30000000",
    ],
    "{law: ramp, from: 100/s, to: 1k/s}": [
        "arrival.from_per_second=100",
        "arrival.to_per_second=1000",
    ],
    "{law: partly-open, rate: 50/s, requests: 2.5, think: 1ms}": [
        "arrival.rate_per_second=50",
        "arrival.requests_mean=2.5",
        "arrival.think_ns=1000000",
    ],
}


@pytest.mark.parametrize("law", LAWS)
def test_words_of_the_laws(law):
    experiment = spec.loads(ECHO.replace("{law: closed}", law))
    words = spec.load_words(
        experiment.cells[0].load, experiment.repeat, address="127.0.0.1", port=9, seed=7
    )
    name = law[1:].partition(":")[2].partition(",")[0].strip()
    found = [word for word in words if word.startswith("arrival.")]
    assert found == [f"arrival.law={name}", *LAWS[law]]


def test_a_trace_lies_beside_the_experiment(tmp_path):
    (tmp_path / "arrivals.txt").write_text("0\n5\n3\n")
    path = tmp_path / "x.yaml"
    path.write_text(ECHO.replace("{law: closed}", "{law: trace, file: arrivals.txt}"))
    with pytest.raises(SpecError) as caught:
        spec.load(path)
    assert f"{tmp_path}/arrivals.txt:3: `3` lies before" in str(caught.value)
    (tmp_path / "arrivals.txt").write_text("7\n")
    with pytest.raises(SpecError, match="are at one time: it needs `period`"):
        spec.load(path)
    (tmp_path / "arrivals.txt").write_text("0\n5\n")
    experiment = spec.load(path)
    assert experiment.cells[0].load.arrival.file == str(tmp_path / "arrivals.txt")
    with pytest.raises(SpecError, match="its last offset is 5 ns"):
        spec.load(path, sets=["load.arrival.period=5ns"])


MIX = """# a comment
- {path: /a, weight: 3, headers: {X: y}}
- {path: /b, method: POST, body: hi, check: {status: 201, body: done}}
"""


def with_mix(requests):
    return HTTP.replace("  connections: 8\n", f"  connections: 8\n  requests: {requests}\n")


def test_words_of_a_list_of_requests(tmp_path):
    (tmp_path / "mix.yaml").write_text(MIX)
    path = tmp_path / "x.yaml"
    path.write_text(with_mix("mix.yaml\n  order: weighted"))
    experiment = spec.load(path)
    assert experiment.data["load"]["requests"][1]["method"] == "POST", (
        "the file is not needed again"
    )
    words = spec.load_words(
        experiment.cells[0].load, experiment.repeat, address="127.0.0.1", port=9, seed=7
    )
    listed = [word for word in words if word.startswith("request.")]
    assert listed == [
        "request.0.weight=3",
        "request.0.method=GET",
        "request.0.path=/a",
        "request.0.header.X=y",
        "request.1.weight=1",
        "request.1.method=POST",
        "request.1.path=/b",
        "request.1.body=hi",
        "request.1.check.status=201",
        "request.1.check.body=done",
    ]
    assert "order=weighted" in words
    assert not {"path=/", "method=GET"} & set(words)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- {path: /a, wieght: 3}\n", "mix.yaml:1:14: unknown key `wieght`"),
        ("- path: /a\n- path: b\n", "mix.yaml:2:9: `load.requests.1.path` does not fit"),
        ("- {path: /a, weight: 0}\n", "mix.yaml:1:22: `load.requests.0.weight` has to be more"),
        ("path: /a\n", "mix.yaml:1:1: this file has to be a list of requests"),
        ("- {path: /a\n", "mix.yaml:2:1: not YAML"),
        ("[]\n", "mix.yaml:1:1: `load.requests`: an empty list asks for nothing"),
        (
            '[{"path": "/a", "body": "x", "body_bytes": 3}]',
            "mix.yaml:1:30: `body` and `body_by",
        ),
    ],
)
def test_a_bad_list_of_requests_has_its_place(tmp_path, text, complaint):
    (tmp_path / "mix.yaml").write_text(text)
    path = tmp_path / "x.yaml"
    path.write_text(with_mix("mix.yaml"))
    with pytest.raises(SpecError) as caught:
        spec.load(path)
    assert f"{tmp_path}/{complaint}" in str(caught.value)
    assert "did you mean `weight`?" in str(caught.value) or "wieght" not in text
    assert len(caught.value.complaints) == 1


def test_a_factor_chooses_the_list_of_requests(tmp_path):
    (tmp_path / "a.yaml").write_text("- {path: /a}\n")
    (tmp_path / "b.json").write_text('[{"path": "/b"}, {"path": "/c"}]')
    path = tmp_path / "x.yaml"
    factors = "factors:\n  mix: {set: load.requests, values: [a.yaml, b.json]}\n"
    path.write_text(HTTP + factors)
    cells = spec.load(path).cells
    assert {len(cell.load.requests) for cell in cells} == {1, 2}


def test_what_does_not_go_with_a_list():
    for extra, complaint in (
        ("[{}]\n  path: /x", "`path` belongs to each of `requests`"),
        ("[{weight: 2}]\n  order: sequential", "`weight` is for `order: weighted`"),
    ):
        with pytest.raises(SpecError, match=complaint):
            spec.loads(with_mix(extra))
    with pytest.raises(SpecError, match="there are none"):
        spec.loads(with_mix("null\n  order: weighted"))


def test_mean_rates():
    def mean(**keys):
        return Arrival.model_validate(keys).mean_per_second()

    assert mean(law="closed") is None
    assert mean(law="ramp", **{"from": "100/s", "to": "300/s"}) == 200
    assert mean(law="partly-open", rate="10/s", requests=3) == 30
    assert mean(law="on-off", rate="10/s", on="1s", off="1s") == 10


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_experiments_of_the_lab(path):
    """The default ends within five minutes, the profile `quick` within forty seconds."""
    experiment = spec.load(path)
    assert experiment.name == path.stem
    assert experiment.expectations
    assert all(case.control for one in experiment.expectations for case in one.cases)
    made = plan.make(experiment)
    assert made.estimated_seconds < 300
    assert made.aa_cells
    quick = spec.load(path, profile="quick")
    assert quick.evidence is False
    assert plan.make(quick).estimated_seconds < 40
    assert spec.load(path, profile="full").evidence


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_the_published_schema_accepts_the_experiments(path):
    validator = jsonschema.Draft202012Validator(schema.schema())
    data = source.read(path.read_text(encoding="ascii"), path.name).data
    assert [error.message for error in validator.iter_errors(data)] == []
    data.setdefault("load", {"protocol": "echo"})["deadline"] = 5
    assert not validator.is_valid(data)


def test_the_published_schema_is_current():
    assert schema.FILE.read_text(encoding="ascii") == schema.text(), (
        "run `python -m zyphos_lab.spec.schema`"
    )


def test_scalars_are_read_as_yaml_1_2():
    text = "a: [no, true, 0x10, 0o17, 1_000, 1e3, 2026-01-01, ~, 'x', .inf, -.5]"
    found = source.read(text, "x").data["a"]
    assert found[:4] == ["no", True, 16, 15]
    assert found[4:] == [1000, 1000.0, "2026-01-01", None, "x", float("inf"), -0.5]
    assert list(source.read("{true: 1, 2: 3}", "x").data) == ["true", "2"]
    assert source.read("a: &x {b: 1}\nc: *x", "x").data == {"a": {"b": 1}, "c": {"b": 1}}


def test_names_are_those_of_the_native_code():
    options = (ROOT / "cpp/net/options.h").read_text(encoding="ascii")
    fields = re.findall(r"std::optional<[\w:]+> (\w+) =", options)
    assert list(Socket.model_fields) == fields
    handlers = (ROOT / "cpp/app/handlers.cpp").read_text(encoding="ascii")
    [names] = re.findall(r"handler_names\(\) \{\s*return \{(.*?)\}", handlers)
    assert get_args(App) == tuple(name.strip(' "') for name in names.split(","))


TREES = st.recursive(
    st.integers(0, 9) | st.just("x"),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(st.sampled_from("abc"), TREES, min_size=1, max_size=3)


def merged(under, over):
    if isinstance(under, dict) and isinstance(over, dict) and over:
        return {**under, **{key: merged(under.get(key), value) for key, value in over.items()}}
    return over


@given(MAPPINGS, MAPPINGS)
def test_overlays_merge_and_keep_their_marks(under, over):
    base, overlay = source.read(json.dumps(under), "base"), source.read(json.dumps(over), "over")
    result = base.merged(overlay)
    assert result.data == merged(under, over)
    assert base.data == under
    for path, mark in result.values.items():
        assert (base if mark.file == "base" else overlay).values[path] == mark


def test_errors_and_units_import_nothing_heavy():
    code = "import sys, zyphos_lab, zyphos_lab.errors, zyphos_lab.units; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert not loaded & {"pydantic", "ruamel.yaml", "numpy", "pandas", "click", "rich", "asyncio"}


def test_every_key_stands_in_the_reference():
    text = (ROOT / "docs/experiment.md").read_text(encoding="ascii")
    definitions = schema.schema()["$defs"]
    keys = {key for definition in definitions.values() for key in definition.get("properties", {})}
    keys |= set(schema.schema()["properties"])
    assert len(keys) > 60
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", text)] == []
