"""The experiment file: read, checked, resolved into cells. docs/experiment.md is its reference."""

from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.experiment import Experiment, Request, load, loads
from zyphos_lab.spec.link_models import Link
from zyphos_lab.spec.models import Load
from zyphos_lab.spec.references import Case, Contrast, Expectation
from zyphos_lab.spec.statement import Statement
from zyphos_lab.spec.target_models import (
    AttachTarget,
    CommandTarget,
    EngineTarget,
    ReferenceTarget,
    Socket,
)
from zyphos_lab.spec.words import (
    datagram_words,
    fetch_words,
    ipc_words,
    load_words,
    reference_words,
    serve_words,
)

__all__ = [
    "AttachTarget",
    "Case",
    "Cell",
    "CommandTarget",
    "Contrast",
    "EngineTarget",
    "Expectation",
    "Experiment",
    "Link",
    "Load",
    "ReferenceTarget",
    "Request",
    "Socket",
    "Statement",
    "datagram_words",
    "fetch_words",
    "ipc_words",
    "load",
    "load_words",
    "loads",
    "reference_words",
    "serve_words",
]
