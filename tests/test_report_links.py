"""What the method paragraph says of a link, from the columns of its trials."""

import json

import pandas as pd

from zyphos_lab.report import link_text, trust


def frame(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(list(rows))


def test_the_kinds_are_those_of_the_trials_and_else_of_the_file() -> None:
    plain: dict[str, object] = {"experiment": {}}
    asked: dict[str, object] = {"experiment": {"link": {"kind": "veth"}}}
    both = frame({"link_kind": "tun"}, {"link_kind": "loopback"}, {"link_kind": "tun"})
    assert link_text.kinds(plain, frame({"cell": "all"})) == ["loopback"]
    assert link_text.kinds(asked, frame({"cell": "all"})) == ["veth"]
    assert link_text.kinds(asked, both) == ["tun", "loopback"]
    assert link_text.threat(plain, frame({"link_kind": "loopback"})).startswith("Loopback only")
    assert "in one kernel" in link_text.threat(plain, both)


def test_nothing_is_said_of_loopback() -> None:
    assert list(link_text.sentences(frame({"cell": "all"}))) == []
    assert list(link_text.sentences(frame({"cell": "all", "link_kind": "loopback"}))) == []


def test_links_are_described_and_their_error_is_stated() -> None:
    tun = {
        "link_kind": "tun",
        "link_mtu_bytes": 1400,
        "link_hops": 2,
        "link_forward_delay_ns": 5e6,
        "link_backward_delay_ns": 5e6,
        "link_forward_rate_bits_per_second": 50e6,
        "link_forward_loss_ratio": 0.01,
        "link_backward_loss_ratio": 0.0,
    }
    late = {f"link_{way}_late_ns_{name}": 4000.0 for way in ("forward", "backward")
            for name in ("mean", "p99")}  # fmt: skip
    late["link_backward_late_ns_p99"] = 90_000.0
    near = {"cell": "way=near", "link_kind": "veth", "link_mtu_bytes": 1500, "link_hops": 0}
    found = frame({"cell": "way=far", **tun, **late}, {"cell": "way=far", **tun, **late}, near)
    said = list(link_text.sentences(found))
    far = (
        "tun, delay 5.00 ms each way, rate 50.0Mbit/s forward, loss 1.00 % forward, MTU 1400, "
        "2 routers (way=far)"
    )
    assert far in said[0]
    assert "; veth (way=near)." in said[0]
    assert "within 4.00 us on average and 90.0 us at p99" in said[1]


def test_many_links_are_counted() -> None:
    rows = [
        {"cell": f"mtu={mtu}", "link_kind": "veth", "link_mtu_bytes": mtu}
        for mtu in range(600, 1600, 100)
    ]
    [said] = link_text.sentences(frame(*rows))
    assert said.endswith("veth, MTU 900 (mtu=900); 6 more.")


def test_cells_that_the_machine_cannot_make_are_left_out_unless_there_are_no_others() -> None:
    missing = json.dumps([{"code": "link_missing", "severity": "INVALID", "message": "no netem"}])
    far = {"cell": "far", "verdict": "INVALID", "reasons": missing}
    near = {"cell": "near", "verdict": "VALID", "reasons": "[]"}
    assert trust._unusable(frame(far, near), {}) == []
    [remark] = trust._unusable(frame(far, far), {})
    assert remark.code == "cell_without_valid_trial"
