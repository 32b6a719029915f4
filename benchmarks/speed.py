"""Speed of the training loop compared with other common training loops.

Every contender fine-tunes the same model on the same rows, each in a process of its own with its usual environment. They run one
after the other, in several rounds, so that load on the machine does not affect only one of them. Rates count only steps, after a
short warm-up.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

from benchmarks.quality import ROOT, app
from core.machine.devices import machine

CONTENDERS = {
    "a": "tutorial loop: padded to 128, float32, batch 16",
    "b": "transformers.Trainer, its defaults: batch 8, float32",
    "c": "transformers.Trainer, tuned: bfloat16, grouped by length, fused AdamW, batch 32",
    "ours": "Tuneboard, Automatic recipe",
}


@app.command()
def speed(
    data: Annotated[Path, typer.Option(help="CSV file with texts and labels.")] = ROOT / "data" / "support_tickets.csv",
    model: Annotated[str, typer.Option(help="Model reference, or base for a BERT-base with random weights.")] = "bundled",
    rows: Annotated[int, typer.Option(help="Rows per contender; ours uses the recipe for the whole file.")] = 3200,
    rounds: Annotated[int, typer.Option(help="Rounds in which every contender runs once.")] = 2,
    only: Annotated[list[str] | None, typer.Option(help="Contenders to measure: a, b, c or ours; repeatable.")] = None,
) -> None:
    """Measure examples/s of each contender, and ours as a share of the machine's matrix-product rate."""
    names = [name for name in CONTENDERS if not only or name in only]
    rates: dict[str, list[float]] = {name: [] for name in names}
    peaks, facts = [], {}
    for _ in range(rounds):
        peaks.append(_in_process("peak", data, model, rows)["flops"])
        for name in names:
            facts[name] = _in_process(name, data, model, rows)
            rates[name].append(facts[name]["rows_per_s"])
            typer.echo(f"{name}: {rates[name][-1]:.1f} examples/s", err=True)
    typer.echo("| | examples/s, median (each round) | ours is faster by | memory, MiB |")
    typer.echo("|---|---|---|---|")
    for name in names:
        each = ", ".join(f"{rate:.0f}" for rate in rates[name])
        ratio = f"{median(rates['ours']) / median(rates[name]):.1f}" if "ours" in rates else ""
        typer.echo(f"| {CONTENDERS[name]} | {median(rates[name]):.0f} ({each}) | {ratio} | {facts[name]['memory_mib']:.0f} |")
    if "ours" in rates:
        flops = facts["ours"]["flops_per_row"] * median(rates["ours"])
        typer.echo(
            f"\nMatrix products in {machine().precision}: {median(peaks) / 1e9:,.0f} GFLOP/s at best. "
            f"Ours computes {flops / 1e9:,.0f} GFLOP/s of model arithmetic ({facts['ours']['tokens_per_row']:.1f} tokens a row): "
            f"{flops / median(peaks):.0%} of it."
        )


def _in_process(name: str, data: Path, model: str, rows: int) -> dict[str, Any]:
    from core.config.settings import Settings
    from core.runs.scheduler.worker_env import worker_environment

    environment = dict(os.environ)
    if name == "ours":
        environment = worker_environment(Settings.from_environment(), model)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.contenders", name, str(data), model, str(rows), folder]
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
