"""When to use which: what the kept runs say of a factor's values, regime by regime."""

from zyphos_lab.choices.model import Arm, Regime, Subject
from zyphos_lab.choices.read import subjects

__all__ = ["Arm", "Regime", "Subject", "subjects"]
