"""A cell: one combination of the factors' values, as the runner uses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zyphos_lab.spec.fields import Value
from zyphos_lab.spec.link_models import Link
from zyphos_lab.spec.models import Disturbance, Load
from zyphos_lab.spec.target_models import (
    AttachTarget,
    CodeTarget,
    CommandTarget,
    EngineTarget,
    ReferenceTarget,
)

ServerTarget = EngineTarget | CommandTarget | AttachTarget | ReferenceTarget
AnyTarget = ServerTarget | CodeTarget
PLAIN_ID = "all"  # id of the one cell of an experiment without factors


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell with everything set. `id` is `nodelay=false,write=two`; safe to share between
    threads.

    `factors` holds the declared values (of labelled ones the label), `labels` the same as text.
    `load` is models.NO_LOAD where the target takes none.
    """

    id: str
    factors: Mapping[str, Value]
    labels: Mapping[str, str]
    target_name: str
    target: AnyTarget
    load: Load
    link: Link
    disturb: tuple[Disturbance, ...] = ()


def id_of(labels: Mapping[str, str]) -> str:
    """Id of the cell with these labels, in the order of the factors."""
    return ",".join(f"{name}={label}" for name, label in labels.items()) or PLAIN_ID
