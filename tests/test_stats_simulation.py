"""A small run of the proof: the real plan's order, the real compare(), promises that must hold."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import kurtosis

from zyphos_lab.stats.simulation import __main__ as program
from zyphos_lab.stats.simulation.checks import Finding, promises
from zyphos_lab.stats.simulation.counterexamples import counterexamples
from zyphos_lab.stats.simulation.designs import designs
from zyphos_lab.stats.simulation.noise import BY_NAME, MODELS
from zyphos_lab.stats.simulation.page import markdown, record, sentence
from zyphos_lab.stats.simulation.runs import METRIC, Runs

SEED = 20261121


def silent(what: str, done: int, total: int) -> None: ...


@pytest.fixture(scope="module")
def kept() -> dict[str, Finding]:
    print("seed", SEED)
    found = [*promises(40, 6, SEED, silent), *designs(60, SEED, silent)]
    return {f"{finding.group}: {finding.case}": finding for finding in found}


def test_every_promise_is_kept(kept: dict[str, Finding]) -> None:
    """Some 30 promises at once on few runs: 3.5 standard errors, one chance in a hundred."""
    broken = {name: f.share for name, f in kept.items() if f.holds_within(3.5) is False}
    assert broken == {}
    assert sum(f.holds is True for f in kept.values()) >= 25
    groups = {f.group for f in kept.values()}
    wanted = {"false alarms", "families", "coverage", "power", "two steps", "change points"}
    assert groups == wanted


def test_power_grows_with_the_blocks(kept: dict[str, Finding]) -> None:
    powers = [kept[f"power: 5.0 %, n = {n}"].share for n in (8, 12, 16)]
    assert powers == sorted(powers)
    assert powers[0] > 0.5


def test_other_methods_fail_as_method_md_says() -> None:
    found = {f.case: f.share for f in counterexamples(400, SEED, silent)}
    assert 0.2 <= found["pooled requests, 200 per start"] <= 0.4
    assert 0.65 <= found["sequential arms, noise 3 %"] <= 0.95
    assert found["power of Holm"] == 0.0
    assert found["power of maxT"] >= 0.98
    assert 0.78 <= found["percentile bootstrap, n = 6"] <= 0.90
    assert 0.15 <= found["peeking"] <= 0.30


def test_the_simulated_run_has_the_real_plans_order_and_the_effect_put_in() -> None:
    quiet = Runs(BY_NAME["ordinary"], contrasts=3)
    frame = quiet.frame(1, np.log([1.0, 1.1, 1.2]))
    again = quiet.frame(1, np.log([1.0, 1.1, 1.2]))
    assert frame.equals(again)
    assert not frame["cell"].equals(quiet.frame(2)["cell"])
    neighbours = frame["factor_connections"].to_numpy().reshape(-1, 2)
    assert (neighbours[:, 0] == neighbours[:, 1]).all(), "arms of a contrast stand together"
    found = quiet.compare(1, np.log([1.0, 10.0, 100.0]))
    ratios = {dict(c.conditions)["connections"]: c.ratio for c in found}
    assert ratios == pytest.approx({"1": 1.0, "2": 10.0, "3": 100.0}, rel=0.1)
    assert set(frame["verdict"]) == {"VALID"} and (frame[METRIC] > 0).all()


def beyond(limit: float, shown: dict[str, float]) -> set[str]:
    print(shown)
    return {name for name, value in shown.items() if value > limit}


def test_noise_is_what_its_name_says() -> None:
    blocks = np.repeat(np.arange(500), 2)
    logs = {model.name: model.logs(np.random.default_rng(1), blocks) for model in MODELS}
    neighbours = {name: float(np.corrcoef(x[1:], x[:-1])[0, 1]) for name, x in logs.items()}
    assert beyond(0.4, neighbours) >= {"autocorrelated", "everything"}
    assert abs(neighbours["ordinary"]) < 0.1
    rises = {name: float(x[500:].mean() - x[:500].mean()) for name, x in logs.items()}
    assert beyond(0.03, rises) == {"drift", "everything"}
    assert beyond(3, {name: float(kurtosis(x)) for name, x in logs.items()}) == {
        "outlier",
        "heavy_tails",
    }
    assert logs["outlier"].max() > 0.5


ALARM = "p of 5 % or less: t"
ELSEWHERE = "a difference where there is none: s"


def finding(**more: Any) -> Finding:
    return replace(Finding("false alarms", "ordinary", ALARM, 100, 0.05), **more)


def test_a_promise_is_judged_with_two_standard_errors() -> None:
    assert finding(share=0.09, at_most=0.05).holds is True
    assert finding(share=0.10, at_most=0.05).holds is False
    assert finding(share=0.90, at_least=0.95).holds is False
    assert finding(share=0.92, at_least=0.95).holds is True
    assert finding().holds is None


def test_the_page_says_what_is_broken() -> None:
    findings = [
        finding(share=0.2, at_most=0.05),
        finding(text=ELSEWHERE, share=0.9),
    ]
    page = markdown(findings, 1, "python -m x")
    assert "20 % of runs at worst, where 5 % were promised" in sentence(findings)
    assert "1 of the promises below are NOT kept" in page
    assert "| p of 5 % or less: t | 100 | 20 % +- 2.2 | at most 5 % | **no** |" in page
    assert record(findings, 1)["holds"] is False


def test_the_program_writes_its_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = [
        finding(share=0.04, at_most=0.05),
        finding(text=ELSEWHERE, share=0.3),
    ]
    monkeypatch.setattr(program, "promises", lambda *_: few)
    for name in ("designs", "counterexamples"):
        monkeypatch.setattr(program, name, lambda *_: [])
    done = CliRunner().invoke(program.main, ["--json", "--write", str(tmp_path)])
    assert done.exit_code == 0
    data = json.loads(done.output)
    assert data == json.loads((tmp_path / "statistics.json").read_text())
    assert data["holds"] is True and data["findings"][0]["share"] == 0.04
    assert (tmp_path / "README.md").read_text().startswith("# Do the statistics keep")
