"""Repetitions of a calibration's cases: which count, which are set aside, what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from test_calibrate import calibration, constants, judged, point
from zyphos_lab.calibrate import run, words
from zyphos_lab.calibrate.bench import Disturbance
from zyphos_lab.calibrate.judge import middle


def test_the_middle_repetition_counts_whole() -> None:
    found = middle([judged(point(bias)) for bias in (400_000, 1_000, 30_000)])
    assert found.points[0].bias == 30_000
    assert found.repetitions == 3
    assert middle([judged(point(bias)) for bias in (1_000, 30_000)]).points[0].bias == 30_000


STOLEN = (Disturbance("steal", "the hypervisor took 8 %"),)
DROPS = (Disturbance("socket_drops", "packets were dropped"),)


def test_what_the_machine_disturbed_is_set_aside_whatever_it_says() -> None:
    biases = (400_000, 1_000, 30_000)
    one, other, third = (judged(point(bias)) for bias in biases)
    found = middle([replace(one, disturbed=STOLEN), other, third])
    assert (found.points[0].bias, found.repetitions, found.set_aside) == (30_000, 2, 1)
    found = middle([one, replace(other, disturbed=STOLEN), third])  # a good one no less
    assert (found.points[0].bias, found.repetitions, found.set_aside) == (400_000, 2, 1)
    found = middle([replace(it, disturbed=STOLEN) for it in (one, other, third)])
    assert (found.points[0].bias, found.repetitions, found.set_aside) == (30_000, 3, 0)
    found = middle([replace(it, disturbed=DROPS) for it in (one, other, third)])
    assert (found.repetitions, found.set_aside) == (3, 0)  # those may be the ruler's own


def test_what_was_set_aside_is_made_up_for_and_said() -> None:
    left = [STOLEN, STOLEN, ()]
    found, _ = run._repeated(lambda _: replace(judged(point()), disturbed=left.pop(0)), 1, 9)
    assert not left
    assert (found.repetitions, found.set_aside) == (1, 2)
    left = [STOLEN, (), STOLEN, (), ()]
    full, _ = run._repeated(lambda _: replace(judged(point()), disturbed=left.pop(0)), 3, 9)
    assert (full.repetitions, full.set_aside, left) == (3, 2, [])
    told = list(words.remarks(calibration(found, *constants(0))))
    assert told == [
        "set aside, as the machine disturbed them, and made up for: 2 measurements of 1 of 4 cases"
    ]


@pytest.mark.parametrize(
    ("biases", "least", "spare_s", "off"),
    [
        ([0], 1, 9, False),
        ([90, 10, 20], 1, 9, False),  # the middle one counts
        ([90, 10, 90, 20, 30], 1, 9, False),
        ([90] * 7, 1, 9, True),  # what is the ruler's own comes again
        ([90], 1, 0, True),  # no time for more
        ([0, 90, 0], 3, 9, False),
        ([90, 90, 0, 0, 0], 3, 9, False),
        ([90, 90, 0], 3, 0, True),
    ],
)
def test_what_was_wrong_is_measured_again_while_there_is_time(
    biases: list[int], least: int, spare_s: float, off: bool
) -> None:
    left = list(biases)
    found, _ = run._repeated(lambda _: judged(point(1000 * left.pop(0))), least, spare_s)
    assert not left
    assert (found.off, found.repetitions) == (off, len(biases))


def test_how_often_it_was_measured_is_said() -> None:
    one, *others = constants(0)
    assert not any("again" in text for text in words.remarks(calibration(one, *others)))
    told = list(words.remarks(calibration(replace(one, repetitions=5), *others)))
    assert told == [
        "measured again, as the ruler was off at first: 1 of 3 cases, up to 5 times; "
        "the middle one counts"
    ]
