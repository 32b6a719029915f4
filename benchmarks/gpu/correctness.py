"""Parts that check whether runs on the GPU have the same results as on the CPU."""

from __future__ import annotations

import math
import signal
from typing import Any

from benchmarks.gpu.bench import Bench, ListRecorder, WorkerRun, check

CPU_SCORES = {
    "support_tickets": ("accuracy", 0.9000),
    "product_reviews": ("micro.f1", 0.8987),
    "news_entities": ("entities.micro.f1", 0.7826),
}
"""Scores of the Automatic recipe on the CPU with seed 0, from benchmarks/RESULTS.md."""

TOLERANCE = 2e-3
"""Largest relative difference of losses between a resumed and an uninterrupted run, without deterministic kernels."""

FEW_STEPS = 12


def samples(bench: Bench) -> None:
    """Three runs at once on one GPU, one per task, with Automatic: scores within two standard errors of the CPU's."""
    runs = {name: bench.run(name, bench.dataset(name)) for name in CPU_SCORES}
    for run in runs.values():
        run.start()
    misses = []
    for name, run in runs.items():
        result, facts = run.finish(), run.facts()
        check(facts["device"] == bench.device, f"{name} was trained on {facts['device']}.")
        path, on_cpu = CPU_SCORES[name]
        test = result["splits"]["test"]
        score = _dig(test, path)
        error = math.sqrt(on_cpu * (1 - on_cpu) / max(1, _num_judged(test)))
        answer = {
            "metric": path,
            "score": score,
            "score_on_cpu": on_cpu,
            "standard_error": round(error, 4),
            "training": result["training"],
            "calibration": result.get("calibration"),
            **facts,
        }
        bench.note(name, answer)
        if abs(score - on_cpu) > 2 * error:
            misses.append(f"{name} {score:.4f}, on the CPU {on_cpu:.4f}, standard error {error:.4f}")
        if not bench.is_rehearsal:
            check(facts["gpu_memory_mib"] > 0, f"{name} did not say how much GPU memory it takes.")
    check(bench.is_rehearsal or not misses, f"Other scores than on the CPU: {'; '.join(misses)}.")
    bench.note("runs_at_once", len(runs))


def same_on_cpu(bench: Bench) -> None:
    """A model trained on the GPU gives the same predictions on the CPU."""
    from core.inference import Predictor

    for name in CPU_SCORES:
        folder = bench.work / "runs" / name / "model"
        check(folder.is_dir(), f"There is no model of {name}: its run did not succeed.")
        texts = bench.dataset(name).examples("test")["text"].tolist()
        on_device, on_cpu = (Predictor.load(folder, device).predict(texts) for device in (bench.device, "cpu"))
        differing = sum(_answer(one) != _answer(other) for one, other in zip(on_device, on_cpu, strict=True))
        furthest = max(
            (abs(p - q) for one, other in zip(on_device, on_cpu, strict=True) for p, q in _probabilities(one, other)), default=0.0
        )
        bench.note(name, {"texts": len(texts), "differing": differing, "furthest_probability": furthest})
    check(
        all(answer["differing"] == 0 and answer["furthest_probability"] < 5e-3 for answer in bench.notes.values()),
        f"Other answers on the CPU: {bench.notes}",
    )


def precisions(bench: Bench) -> None:
    """float32, bfloat16 and float16 give the same scores within two standard errors; Automatic uses the native one."""
    import torch

    dataset = bench.dataset("support_tickets")
    answers = bench.notes
    names = ("float32", "bfloat16") if bench.is_rehearsal else ("float32", "bfloat16", "float16", "automatic")
    for precision in names:
        recorder = ListRecorder()
        result = _train(bench, f"precision-{precision}", dataset, recorder, precision=precision, epochs=bench.size(4, 1))
        test = result["splits"]["test"]
        answer = {
            "accuracy": test["accuracy"],
            "loss": test["loss"],
            "precision": recorder.plan()["precision"],
            "duration_s": result["training"]["duration_s"],
            "warnings": recorder.said("warning"),
        }
        bench.note(precision, answer)
        check(precision in {"automatic", answers[precision]["precision"]}, f"Asked for {precision}: {answers[precision]}")
    base = answers["float32"]["accuracy"]
    error = math.sqrt(max(base * (1 - base), 0.01) / len(dataset.examples("test")))
    check(
        all(abs(answer["accuracy"] - base) <= 2 * error for answer in answers.values()), f"Precisions differ in score: {answers}"
    )
    if not bench.is_rehearsal:
        is_native = torch.cuda.get_device_capability() >= (8, 0)
        check(
            (answers["automatic"]["precision"] == "bfloat16") == is_native, f"Automatic took {answers['automatic']['precision']}."
        )


def resuming(bench: Bench) -> None:
    """A stopped and resumed run has the losses and weights of an uninterrupted one, exactly if deterministic."""
    dataset = bench.dataset("support_tickets")
    ways = [("float32", True)]
    if not bench.is_rehearsal:
        ways += [("bfloat16", True), ("bfloat16", False), ("float16", True)]
    for precision, deterministic in ways:
        values = {"precision": precision, "deterministic": deterministic, "epochs": 1}
        name = f"resume-{precision}-{'exact' if deterministic else 'usual'}"
        whole, stopped, resumed = ListRecorder(), ListRecorder(stop_after=FEW_STEPS), ListRecorder()
        _train(bench, f"{name}-whole", dataset, whole, **values)
        check(_train(bench, name, dataset, stopped, **values) == {}, "The run did not stop when asked to.")
        _train(bench, name, dataset, resumed, **values)
        check(any("step" in said for said in resumed.said("resume")), "The run did not resume from its checkpoint.")
        losses, weights = _furthest(_losses(whole), _losses(resumed)), _furthest_weights(bench, f"{name}-whole", name)
        bench.note(name, {"losses": losses, "weights": weights})
    exact = all(max(answer.values()) == 0.0 for name, answer in bench.notes.items() if name.endswith("exact"))
    near = all(answer["losses"] <= TOLERANCE for answer in bench.notes.values())
    check(exact and near, f"Resumed runs differ: {bench.notes}")


def killed(bench: Bench) -> None:
    """A run that is stopped, resumed, killed and resumed again succeeds, from its checkpoint."""
    from benchmarks.contenders import automatic_run

    texts, labels = bench.texts(16, bench.size(4_000, 300))
    workplace = bench.work / "killed"
    config, dataset = automatic_run(
        texts, labels, len(texts), bench.model("bundled"), workplace, device=bench.device, epochs=bench.size(3, 6)
    )
    from core.runs.directory.run_dir import RunDir

    run = WorkerRun(RunDir(bench.work / "runs" / "killed"), dataset.folder, config.model.model, bench.work)
    run.run_dir.create(config)
    run.start()
    run.wait_for("its first figures", lambda: run.num_lines() >= 1)
    stopped = run.send(signal.SIGTERM)
    check(stopped == 143, f"A worker told to stop ended with {stopped}: {run.last_words()}")
    before = run.num_lines()
    run.start()
    run.wait_for("figures after the first resume", lambda: run.num_lines() > before)
    run.send(signal.SIGKILL)
    check(not run.run_dir.result_file.exists(), "The run was over before it could be killed.")
    run.start()
    result = run.finish()
    resumed = [event for event in run.run_dir.events() if event["kind"] == "resume"]
    check(len(resumed) == 2, f"Resumed {len(resumed)} times from a checkpoint, expected 2.")
    bench.note("resumed_at", [event["step"] for event in resumed])
    bench.note("run", {"steps": result["training"]["steps"], **run.facts()})


def out_of_memory(bench: Bench) -> None:
    """A batch far too large for the GPU is divided until it fits, and the run succeeds."""
    from benchmarks.contenders import automatic_run, train_here

    rows, length = bench.size(4096, 64), bench.size(500, 40)
    texts, labels = bench.texts(length, rows)
    recorder = ListRecorder()
    config, dataset = automatic_run(
        texts,
        labels,
        rows,
        bench.model("base"),
        bench.work / "out-of-memory",
        device=bench.device,
        batch_size=rows,
        trainable="everything",
        layer_decay=1.0,
        head="linear",
        word_evidence=False,
    )
    result = train_here(config, dataset, bench.work / "out-of-memory", recorder)
    warnings = recorder.said("warning")
    bench.note("asked", {"batch_size": rows, "tokens": length})
    bench.note("said", warnings)
    bench.note("run", {"steps": result["training"]["steps"], **_gpu_memory(bench)})
    divided = [sentence for sentence in warnings if "Out of memory with" in sentence]
    check(bench.is_rehearsal or bool(divided), f"Memory did not run out; the batch should be larger. Said: {warnings}")


def _train(bench: Bench, name: str, dataset: Any, recorder: ListRecorder, **values: Any) -> dict[str, Any]:
    from benchmarks.contenders import train_here

    folder = bench.work / "here" / name
    folder.mkdir(parents=True, exist_ok=True)
    return train_here(bench.config(dataset, **values), dataset, folder, recorder)


def _losses(recorder: ListRecorder) -> dict[int, float]:
    """Validation loss after each epoch, and the mean training loss over it."""
    return {int(line["epoch"]): line["validation/loss"] for line in recorder.lines if "validation/loss" in line}


def _furthest(one: dict[int, float], other: dict[int, float]) -> float:
    """Largest relative difference over common epochs."""
    common = one.keys() & other.keys()
    check(bool(common), "The two runs have no epoch in common.")
    return max(abs(one[epoch] - other[epoch]) / abs(one[epoch]) for epoch in common)


def _furthest_weights(bench: Bench, one: str, other: str) -> float:
    from safetensors.torch import load_file

    first, second = (load_file(bench.work / "here" / name / "model" / "model.safetensors") for name in (one, other))
    return max(float((first[key].float() - second[key].float()).abs().max()) for key in first)


def _gpu_memory(bench: Bench) -> dict[str, float]:
    import torch

    return {} if bench.is_rehearsal else {"gpu_memory_mib": torch.cuda.max_memory_allocated() / 2**20}


def _dig(value: Any, path: str) -> float:
    for key in path.split("."):
        value = value[key]
    return float(value)


def _num_judged(test: dict[str, Any]) -> int:
    """Number of texts, label decisions or entities that the score is computed from."""
    rows = test.get("labels") or test.get("entities", {}).get("types") or []
    return int(sum(row.get("support", 0) for row in rows)) or int(test.get("num_examples", 0)) or 80


def _answer(result: dict[str, Any]) -> Any:
    if "entities" in result:
        return [(entity["start"], entity["end"], entity["type"]) for entity in result["entities"]]
    return result.get("label", result.get("labels"))


def _probabilities(one: dict[str, Any], other: dict[str, Any]) -> list[tuple[float, float]]:
    left, right = (result.get("probabilities") or {} for result in (one, other))
    if isinstance(left, dict) and isinstance(right, dict):
        return [(float(left[key]), float(right[key])) for key in left.keys() & right.keys()]
    return []
