"""``python -m core doctor``."""

from collections.abc import Callable
from typing import Any

import pytest

from core.settings import Settings

Command = Callable[..., tuple[int, dict[str, Any]]]


@pytest.mark.usefixtures("workspace")
def test_doctor_reports_on_machine_and_workspace(command: Command) -> None:
    code, value = command("doctor")

    assert (code, value["problems"]) == (0, [])
    assert value["versions"]["torch"]
    assert value["model"]["hash_agrees"]
    assert value["workspace"]["num_datasets"] == 1
    assert value["workspace"]["disk_free_mib"] > 0


def test_doctor_finds_fault_with_a_workspace_that_cannot_be_used(command: Command, settings: Settings) -> None:
    settings.home.write_text("in the way")

    code, value = command("doctor")

    assert (code, value["ok"]) == (1, False)
    assert "cannot be written to" in value["problems"][0]
