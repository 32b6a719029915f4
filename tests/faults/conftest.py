"""Everything here breaks something on purpose."""

import pytest

from tests.core.conftest import (  # noqa: F401  (fixtures)
    add_dataset,
    fake_worker,
    keep_scheduler,
    launcher_with,
    open_workspace,
    run_config,
    settings,
    step_until_ended,
    wait_until,
    workspace,
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever lies in this folder is run as its own line of ``make test``."""
    for item in items:
        if "tests/faults" in item.path.as_posix():
            item.add_marker(pytest.mark.faults)
