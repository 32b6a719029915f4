"""All repairs, by name."""

from core.datasets.repairs import corrections, entities, labels, rows, splits, texts
from core.datasets.repairs.repair import Repair
from core.errors import DatasetError
from core.text_format import short

REPAIRS: dict[str, Repair] = {
    repair.name: repair for module in (texts, labels, rows, splits, entities, corrections) for repair in module.REPAIRS
}


def get_repair(name: str) -> Repair:
    """The repair of this name.

    Raises:
        DatasetError: there is none.
    """
    try:
        return REPAIRS[name]
    except KeyError:
        raise DatasetError(f"Unknown repair {short(name)}. Available repairs: {', '.join(sorted(REPAIRS))}.") from None
