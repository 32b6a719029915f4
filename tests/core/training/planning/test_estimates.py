"""Estimates of time and memory before a run: only where they can be known."""

import dataclasses
import json
import time
from pathlib import Path

import pytest

from core.datasets.dataset import Dataset
from core.machine import devices
from core.models.hub import describe
from core.models.sizes import ModelSizes, sizes_of
from core.training.planning import machine_pace as pace_module
from core.training.planning.estimates import Surroundings, memory_in_words, read_lengths
from core.training.planning.machine_pace import FILE, FRESH_S, LONG, SHORT, Pace, keep_pace, known_pace
from core.training.planning.run_plan import new_run_config, plan
from core.training.planning.workload import Workload, flops_of_token
from tests.tiny import tiny_entities_dataset, write_tiny_dataset

HERE = devices.machine()
PRECISION = "bfloat16" if devices.cpu_has_bfloat16() else "float32"
MEASURED = Pace(
    processor=HERE.processor,
    cores=HERE.cores,
    threads=0,
    precision=PRECISION,
    short_flops=1e11,
    long_flops=2e11,
    moved_per_s=1e8,
    measured_at=time.time(),
)
SIZES = ModelSizes(
    num_parameters=118_000_000,
    num_embedding=96_000_000,
    num_layers=12,
    hidden_size=384,
    intermediate_size=1536,
    num_heads=12,
    keeps_scores=False,
)
WORK = Workload(
    sizes=SIZES,
    lengths=[20] * 50,
    num_train=10_000,
    num_read=10_000,
    num_texts=12_000,
    epochs=6,
    steps=1800,
    num_trained=21_000_000,
    num_layers_back=12,
    num_learning=21_000_000,
)


@pytest.fixture
def names(tmp_path: Path) -> Dataset:
    return write_tiny_dataset(tmp_path / "names", tiny_entities_dataset(), "token_classification")


def test_without_a_measurement_of_this_machine_no_time_is_said(colours: Dataset, tmp_path: Path) -> None:
    config, _ = new_run_config(colours, hub_folder=tmp_path)
    info = describe("bundled", tmp_path)

    assert plan(config, colours, info).estimated_s is None
    assert plan(config, colours, info, Surroundings(home=tmp_path)).estimated_s is None
    keep_pace(tmp_path, MEASURED)
    foreseen = plan(config, colours, info, Surroundings(home=tmp_path)).estimated_s
    assert foreseen is not None
    assert foreseen > 0


@pytest.mark.parametrize(
    "changed", [{"processor": "another"}, {"cores": 999}, {"threads": 3}, {"measured_at": time.time() - FRESH_S - 1}]
)
def test_what_was_measured_elsewhere_or_long_ago_is_not_used(tmp_path: Path, changed: dict[str, object]) -> None:
    keep_pace(tmp_path, dataclasses.replace(MEASURED, **changed))  # type: ignore[arg-type]

    assert known_pace(tmp_path, HERE, threads=0, precision=PRECISION) is None


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"layout": 1, "paces": {"float32": {}}}', '{"layout": 1, "paces": 3}', "[" * 100_000, '{"layout": 99}'],
)
def test_a_damaged_measurement_is_none_and_is_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    assert known_pace(tmp_path, HERE, threads=0, precision=PRECISION) is None

    keep_pace(tmp_path, MEASURED)

    assert known_pace(tmp_path, HERE, threads=0, precision=PRECISION) == MEASURED


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 0.0, -1.0, "fast", None])
def test_a_pace_that_is_no_speed_is_not_used(tmp_path: Path, number: object) -> None:
    pace = {**dataclasses.asdict(MEASURED), "short_flops": number}
    (tmp_path / FILE).write_text(json.dumps({"layout": pace_module.LAYOUT, "paces": {PRECISION: pace}}))

    assert known_pace(tmp_path, HERE, threads=0, precision=PRECISION) is None


def test_measurements_of_two_precisions_stand_beside_each_other(tmp_path: Path) -> None:
    other = dataclasses.replace(MEASURED, precision="other")
    keep_pace(tmp_path, MEASURED)
    keep_pace(tmp_path, other)

    assert known_pace(tmp_path, HERE, threads=0, precision=PRECISION) == MEASURED
    assert known_pace(tmp_path, HERE, threads=0, precision="other") == other


def test_a_length_between_the_measured_ones_has_a_pace_between_theirs() -> None:
    assert MEASURED.flops(1) == MEASURED.flops(SHORT) == pytest.approx(1e11)
    assert MEASURED.flops(LONG) == MEASURED.flops(10 * LONG) == pytest.approx(2e11)
    assert MEASURED.flops(64) == pytest.approx(2**0.5 * 1e11)


def test_word_vectors_take_no_time_and_what_computes_does() -> None:
    few = dataclasses.replace(SIZES, num_parameters=23_000_000, num_embedding=1_000_000)
    wide = dataclasses.replace(SIZES, num_parameters=140_000_000)

    assert dataclasses.replace(WORK, sizes=few).seconds(MEASURED) == pytest.approx(WORK.seconds(MEASURED))
    assert dataclasses.replace(WORK, sizes=wide).seconds(MEASURED) > 1.2 * WORK.seconds(MEASURED)


def test_long_texts_count_as_they_are_and_not_as_padding() -> None:
    mixed = dataclasses.replace(WORK, lengths=[20] * 49 + [512])
    long = dataclasses.replace(WORK, lengths=[512] * 50)

    assert mixed.seconds(MEASURED) < WORK.seconds(MEASURED) + 0.03 * long.seconds(MEASURED)


def test_layers_that_do_not_learn_cost_their_way_there_alone() -> None:
    same = {"in_layer": 1_000_000, "num_layers": 6, "hidden": 384, "length": 16}
    whole = flops_of_token(num_layers_back=6, num_learning=6_000_000, **same)
    read = flops_of_token(num_layers_back=0, num_learning=0, **same)

    assert whole == pytest.approx(3 * read)
    assert read < flops_of_token(num_layers_back=2, num_learning=2_000_000, **same) < 0.6 * whole


def test_a_frozen_encoder_reads_each_text_once() -> None:
    frozen = dataclasses.replace(WORK, is_read_once=True, num_trained=0, num_layers_back=0, num_learning=0, epochs=40)

    assert frozen.seconds(MEASURED) < WORK.seconds(MEASURED) / 3


def test_long_texts_for_entities_are_read_in_windows_and_others_are_cut() -> None:
    assert read_lengths([10, 100], 50, "text") == [10, 50]
    windowed = read_lengths([10, 100], 50, "token")
    assert windowed[0] == 10
    assert max(windowed) == 50
    assert sum(windowed[1:]) > 100


def test_memory_is_said_of_how_much_there_is(colours: Dataset, tmp_path: Path) -> None:
    config, _ = new_run_config(colours, hub_folder=tmp_path)
    foreseen = plan(config, colours, describe("bundled", tmp_path), Surroundings(max_memory_mib=5 * 1024))

    assert foreseen.total_mib == 5 * 1024
    assert foreseen.memory_mib is not None
    assert 600 < foreseen.memory_mib < 3000
    assert memory_in_words(foreseen.memory_mib, 5 * 1024).endswith("of 5 GiB")


def test_too_little_memory_is_said_before_the_launch(colours: Dataset, tmp_path: Path) -> None:
    config, _ = new_run_config(colours, hub_folder=tmp_path)
    foreseen = plan(config, colours, describe("bundled", tmp_path), Surroundings(max_memory_mib=512))

    assert any("more than is free now" in note for note in foreseen.notes)


def test_sizes_are_read_off_the_bundled_model_and_a_tiny_one(tiny_model: Path, tmp_path: Path) -> None:
    folder = describe("bundled", tmp_path).folder
    assert folder is not None
    bundled, tiny = sizes_of(folder), sizes_of(tiny_model)

    assert bundled is not None
    assert 10.6e6 < bundled.num_computing < 10.9e6
    assert (bundled.num_layers, bundled.hidden_size, bundled.num_heads, bundled.keeps_scores) == (6, 384, 12, False)
    assert tiny is not None
    assert (tiny.num_layers, tiny.hidden_size) == (2, 32)


@pytest.mark.parametrize("config", ["", "[]", "{}", '{"hidden_size": "wide", "num_hidden_layers": 2}', "[" * 50_000])
def test_a_model_whose_files_do_not_tell_has_no_sizes(tmp_path: Path, config: str) -> None:
    (tmp_path / "config.json").write_text(config)

    assert sizes_of(tmp_path) is None
    assert sizes_of(tmp_path / "nowhere") is None
