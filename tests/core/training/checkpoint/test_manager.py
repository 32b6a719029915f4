import json
from pathlib import Path

import pytest

from core.training.checkpoint.manager import Checkpoints


def save(checkpoints: Checkpoints, step: int) -> Path:
    return checkpoints.save(step, lambda folder: (folder / "weights").write_text(f"weights at {step}") and None, {"step": step})


def test_latest_is_the_newest_whole_one(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 9)
    folder = save(checkpoints, 10)

    assert checkpoints.latest() == (folder, {"step": 10})


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "manifest"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path: Path, damage: str) -> None:
    checkpoints = Checkpoints(tmp_path)
    good, bad = save(checkpoints, 1), save(checkpoints, 2)
    if damage == "flip":
        (bad / "weights").write_text("weights at 3")
    elif damage == "truncate":
        (bad / "weights").write_text("w")
    elif damage == "remove":
        (bad / "weights").unlink()
    else:
        (bad / "manifest.json").write_text("{")

    assert checkpoints.latest() == (good, {"step": 1})


def test_a_failure_while_writing_leaves_the_earlier_checkpoint_and_nothing_under_the_new_name(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    good = save(checkpoints, 1)

    def fail(folder: Path) -> None:
        (folder / "weights").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        checkpoints.save(2, fail, {})

    assert checkpoints.latest() == (good, {"step": 1})
    assert not (tmp_path / "step-00000002").exists()


def test_two_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2, 3, 4):
        save(checkpoints, step)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000003", "step-00000004"]


def test_no_checkpoint_yet(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "none").latest() is None


def test_what_cannot_be_read_is_set_aside_with_the_reason(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    old, damaged = save(checkpoints, 1), save(checkpoints, 2)
    manifest = json.loads((old / "manifest.json").read_text())
    del manifest["layout"]  # as the first version wrote it
    (old / "manifest.json").write_text(json.dumps(manifest))
    (damaged / "weights").write_text("w")

    reasons = checkpoints.set_unreadable_aside()

    assert list(reasons) == ["step-00000001", "step-00000002"]
    assert "another version of Tuneboard" in reasons["step-00000001"]
    assert reasons["step-00000002"] == "is damaged"
    assert checkpoints.latest() is None
    assert (tmp_path / ".damaged-step-00000001" / "weights").read_text() == "weights at 1"


@pytest.mark.parametrize(("layout", "is_read"), [(2, False), (3, True), (4, True), (5, False)])
def test_checkpoints_of_the_version_before_are_gone_on_from_and_no_others(tmp_path: Path, layout: int, is_read: bool) -> None:
    checkpoints = Checkpoints(tmp_path)
    manifest = save(checkpoints, 1) / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "layout": layout}))

    assert (checkpoints.latest() is not None) == is_read
    assert bool(checkpoints.set_unreadable_aside()) != is_read


@pytest.mark.parametrize("content", ["[]", "null", '{"files": []}', '{"layout": 2, "files": null}', "\u0000"])
def test_a_manifest_of_any_content_is_only_passed_over(tmp_path: Path, content: str) -> None:
    checkpoints = Checkpoints(tmp_path)
    (save(checkpoints, 1) / "manifest.json").write_text(content)

    assert checkpoints.latest() is None
    assert list(checkpoints.set_unreadable_aside()) == ["step-00000001"]
