"""Of two runs that measured other people's programs: which versions these were."""

from __future__ import annotations

from pathlib import Path

from test_compare import P99, side
from zyphos_lab.compare.between import compare_runs


def test_another_version_of_a_package_that_was_measured_is_said(tmp_path: Path) -> None:
    a = side(tmp_path, 1, manifest={"packages": {"nginx": "1.22.1", "h2o": "2.2.5"}})
    b = side(tmp_path, 2, manifest={"packages": {"nginx": "1.26.0", "wrk": "4.1.0"}})
    table = compare_runs(a, b, P99)
    found = [(one.subject, one.name, one.a, one.b) for one in table.differences]
    assert found == [("machine", "packages.nginx", "1.22.1", "1.26.0")]
    assert "packages.nginx" in table.warnings[1].message
    before = side(tmp_path, 3)  # of a lab that did not record them
    assert not compare_runs(a, before, P99).differences
