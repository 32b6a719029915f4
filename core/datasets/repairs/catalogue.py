"""Every repair there is, by name."""

from core.datasets.repairs import corrections, labels, regrouping, rows, tags, texts
from core.datasets.repairs.base import Repair
from core.errors import DatasetError
from core.tasks.columns.cells import short

REPAIRS: dict[str, Repair] = {
    repair.name: repair for module in (texts, labels, rows, regrouping, tags, corrections) for repair in module.REPAIRS
}


def get_repair(name: str) -> Repair:
    """The repair of this name.

    Raises:
        DatasetError: there is none.
    """
    try:
        return REPAIRS[name]
    except KeyError:
        raise DatasetError(f"There is no repair {short(name)}. There are {', '.join(sorted(REPAIRS))}.") from None
