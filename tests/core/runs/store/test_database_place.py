"""Where a workspace keeps its database, whatever the folder is called."""

from pathlib import Path

import pytest

from core.config.settings import Settings
from core.runs.store.engine import url_of
from core.runs.store.watched_file import file_of
from core.workspace.workspace import Workspace

NAMES = ["plain", "a?b", "100%", "%41", "a b&mode=memory", "a#b", "ключ-фон", "a;b", "a:b@c", "?", "%00"]


@pytest.mark.parametrize("name", NAMES)
def test_the_database_lies_in_the_workspace_whatever_its_folder_is_called(tmp_path: Path, name: str) -> None:
    settings = Settings.from_environment({"TUNEBOARD_HOME": str(tmp_path / name / "home")})

    workspace = Workspace(settings)
    workspace.close()

    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / "home" / "tuneboard.db").is_file()
    assert file_of(url_of(settings)) == tmp_path / name / "home" / "tuneboard.db"


@pytest.mark.parametrize(("one", "other"), [("a?b", "a?c"), ("%41", "A"), ("a#1", "a#2")])
def test_two_workspaces_never_share_a_database(tmp_path: Path, one: str, other: str) -> None:
    names = {}
    for name in (one, other):
        workspace = Workspace(Settings.from_environment({"TUNEBOARD_HOME": str(tmp_path / name)}))
        workspace.store.order.pause(name == one)
        workspace.close()
    for name in (one, other):
        workspace = Workspace(Settings.from_environment({"TUNEBOARD_HOME": str(tmp_path / name)}))
        names[name] = workspace.store.order.switches().paused
        workspace.close()

    assert names == {one: True, other: False}


def test_a_database_that_is_set_is_used_as_it_is(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    settings = Settings.from_environment({"TUNEBOARD_HOME": str(tmp_path / "home"), "TUNEBOARD_DATABASE_URL": url})

    Workspace(settings).close()

    assert (tmp_path / "elsewhere.db").is_file()
    assert not settings.database_file.exists()
