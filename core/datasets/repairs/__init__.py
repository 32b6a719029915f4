"""Repairs of a data set: each changes a copy of the rows; the changes are counted by comparison.

One module for each kind: texts, labels, rows, splits, entities, corrections of single rows. A new repair is a function from a
``RepairInput`` to an ``Outcome`` and a ``Repair`` in the module's ``REPAIRS``; pages and command line find it there.
"""

from core.datasets.repairs.available import REPAIRS, get_repair
from core.datasets.repairs.repair import Parameter, Repair, RepairResult
from core.datasets.repairs.steps import RepairStep, StepDone, parse_step

__all__ = ["REPAIRS", "Parameter", "Repair", "RepairResult", "RepairStep", "StepDone", "get_repair", "parse_step"]
