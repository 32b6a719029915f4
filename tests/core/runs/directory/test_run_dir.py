from pathlib import Path

from core.files import durable
from core.runs.directory.run_dir import LineReader, RunDir


def test_a_line_still_being_written_is_left_for_the_next_look(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    reader = LineReader(path)
    assert reader.read_new() == []

    path.write_text('{"step": 1}\n{"st')
    assert reader.read_new() == [{"step": 1}]

    with path.open("a") as file:
        file.write('ep": 2}\n')
    assert reader.read_new() == [{"step": 2}]
    assert reader.read_new() == []


def test_a_damaged_line_is_left_out_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n\x00\xff garbage\n[1]\n{"step": 2}\n')

    assert LineReader(path).read_new() == [{"step": 1}, {"step": 2}]


def test_a_line_torn_by_a_kill_does_not_swallow_the_next_one(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    run_dir.append_metrics({"step": 1})
    with run_dir.metrics_file.open("a") as file:
        file.write('{"step": 2, "tra')

    run_dir.end_torn_lines()
    run_dir.append_metrics({"step": 3})

    assert run_dir.metrics() == [{"step": 1}, {"step": 3}]


def test_log_tail_of_a_large_log_reads_only_its_end(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    run_dir.log_file.write_text("\n".join(f"line {i}" for i in range(100_000)))

    assert run_dir.log_tail(2) == ["line 99998", "line 99999"]


def test_what_a_kill_left_half_written_is_removed_and_what_is_being_written_stays(tmp_path: Path) -> None:
    left = tmp_path / ".model.0123abcd.part"
    left.mkdir()
    (left / "model.safetensors").write_text("half")

    with durable.written(tmp_path / "predictions.parquet") as aside:
        aside.write_text("rows")
        RunDir(tmp_path).end_torn_lines()

    assert [path.name for path in tmp_path.iterdir()] == ["predictions.parquet"]
