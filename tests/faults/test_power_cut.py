"""A power cut at any moment: what was not synced is lost, and what was reported as saved is still there."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.datasets.dataset import Dataset
from core.datasets.repairs.steps import parse_step
from core.files import durable
from core.inference import Predictor
from core.runs.directory.run_dir import RunDir
from core.runs.recovery.damaged_files import damage_of_dataset, damage_of_run
from core.runs.store.records import DatasetRecord
from core.runs.worker import worker
from core.training.checkpoint.manager import Checkpoints
from core.training.loop import Loop
from core.workspace.dataset_versions import draft, save
from core.workspace.workspace import Workspace
from tests.faults.forgetful_disk import Recorder, lay_out
from tests.faults.test_write_sites import new_run
from tests.tiny import tiny_dataset, write_tiny_dataset


@pytest.fixture
def _signals_stay_as_they_are() -> Iterator[None]:
    """A worker in this process handles signals; afterwards the handlers are restored."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


def recorded_run(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """A run from its launch to its end, with a checkpoint after each of its two epochs."""
    colours = write_tiny_dataset(tmp_path / "colours", tiny_dataset(32))
    root = tmp_path / "runs"
    root.mkdir()
    recorder = Recorder(root, tmp_path / "recorded")
    monkeypatch.setitem(Loop.__init__.__kwdefaults__, "checkpoint_interval_s", 0.0)
    keep = Checkpoints.save

    def save_and_remark(self: Checkpoints, *arguments: object) -> Path:
        folder = keep(self, *arguments)  # type: ignore[arg-type]
        recorder.remarks.append("checkpoint")
        return folder

    monkeypatch.setattr(Checkpoints, "save", save_and_remark)
    with recorder.watch(monkeypatch):
        run_dir = new_run(root, colours, model)
        recorder.remarks.append("launched")
        assert worker._work(run_dir, colours.folder, finish_now=False, niceness=0) == 0
        recorder.remarks.append("succeeded")
    return recorder


@pytest.mark.training
@pytest.mark.usefixtures("_signals_stay_as_they_are")
def test_a_run_is_whole_or_can_be_resumed_whenever_the_power_is_cut(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = recorded_run(tmp_path, tiny_model, monkeypatch)

    num_sealed = num_resumable = 0
    for number, (tree, remarks) in enumerate(recorder.visible_states()):
        root = lay_out(tree, recorder.out / "contents", tmp_path / "after" / str(number))
        run_dir = RunDir(root / "run")
        what = f"state {number}, after {remarks}"
        if "launched" in remarks:
            assert run_dir.config().training.epochs == 2, what
        assert not run_dir.result_file.exists() or run_dir.result() is not None, what
        is_sealed = run_dir.result() is not None
        if is_sealed:
            assert damage_of_run(run_dir) == {}, what
            num_sealed += 1
        can_resume = Checkpoints(run_dir.checkpoints).latest() is not None
        num_resumable += can_resume
        if "checkpoint" in remarks:
            assert is_sealed or can_resume, what
        if "succeeded" in remarks:
            assert is_sealed, what

    assert min(num_sealed, num_resumable) > 5
    assert len(Predictor.load(run_dir.model, device="cpu").predict(["the sky is blue"])) == 1
    files = run_dir.result()["files"]  # type: ignore[index]
    assert {"config.yaml", "predictions.parquet", "model/config.json", "model/model.safetensors", "model/tokenizer.json"} <= set(
        files
    )


def test_what_a_recorder_sees_of_a_careless_writer_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk model itself: a file that is renamed without a sync is seen empty under its name, one that is synced is not."""
    root = tmp_path / "root"
    root.mkdir()
    recorder = Recorder(root, tmp_path / "recorded")
    with recorder.watch(monkeypatch):
        (root / "careless.part").write_text("content")
        (root / "careless.part").rename(root / "careless")
        durable.write_text(root / "careful", "content")
        recorder.remarks.append("written")

    def seen(name: str, remark: tuple[str, ...]) -> set[str | None]:
        contents = recorder.out / "contents"
        return {
            (contents / tree[name]).read_text() if tree.get(name) else None  # type: ignore[operator]
            for tree, remarks in recorder.states
            if remarks == remark
        }

    assert seen("careless", ()) == {None, "", "content"}
    assert seen("careful", ()) == {None, "content"}
    assert seen("careful", ("written",)) == {"content"}


@pytest.fixture
def entered(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[], DatasetRecord]], Recorder]:
    """Record what happens among the data sets of a workspace; what follows the remark is after the database has it."""

    def record(write: Callable[[], DatasetRecord]) -> Recorder:
        recorder = Recorder(workspace.settings.datasets_folder, tmp_path / "recorded")
        enter = workspace.store.add_dataset

        def remark_and_enter(line: DatasetRecord) -> DatasetRecord:
            recorder.remarks.append(line.id)  # the database syncs its own file when it commits
            return enter(line)

        monkeypatch.setattr(workspace.store, "add_dataset", remark_and_enter)
        with recorder.watch(monkeypatch):
            write()
        return recorder

    return record


def check_data_sets(recorder: Recorder, folder: Path) -> None:
    """What has its name is complete, and what the database lists is there."""
    num_there = 0
    for number, (tree, remarks) in enumerate(recorder.visible_states()):
        root = lay_out(tree, recorder.out / "contents", folder / str(number))
        for dataset in (path for path in root.iterdir() if not path.name.startswith(".") and any(path.iterdir())):
            assert damage_of_dataset(dataset) == {}, f"state {number}"
            num_there += 1
        for dataset_id in remarks:
            assert damage_of_dataset(root / dataset_id) == {}, f"state {number}"
    assert num_there > 3


def test_an_imported_data_set_is_whole_whenever_the_power_is_cut(
    workspace: Workspace, entered: Callable[..., Recorder], tmp_path: Path
) -> None:
    from core.datasets.importing.prepare import guess_plan, prepare
    from core.datasets.readers.read_table import read_table

    file = tmp_path / "colours.csv"
    tiny_dataset().drop(columns=["id", "record"]).to_csv(file, index=False)
    table = read_table(file)

    recorder = entered(lambda: workspace.save_dataset(prepare({"main": table}, guess_plan(table)), "colours"))

    check_data_sets(recorder, tmp_path / "after")


def test_a_repaired_version_is_whole_whenever_the_power_is_cut(
    workspace: Workspace, entered: Callable[..., Recorder], tmp_path: Path
) -> None:
    colours = _with_a_data_set(workspace)
    made = draft(workspace, colours.id, [parse_step("merge_labels:mapping=green->verdant")])

    recorder = entered(lambda: save(workspace, made))

    check_data_sets(recorder, tmp_path / "after")


def _with_a_data_set(workspace: Workspace) -> Dataset:
    from datetime import UTC, datetime

    dataset_id = "20260102-000000-bbbbb"
    dataset = write_tiny_dataset(workspace.settings.datasets_folder / dataset_id, tiny_dataset())
    workspace.store.add_dataset(
        DatasetRecord(
            id=dataset_id,
            name="colours",
            task=dataset.task,
            num_examples=sum(dataset.num_examples.values()),
            num_labels=len(dataset.labels),
            content_hash=dataset.content_hash,
            created_at=datetime.now(UTC),
        )
    )
    return dataset
