"""A worker that does no work: it writes what a real one would, or misbehaves in the way its first argument names.

Usage: fake_worker.py BEHAVIOUR RUN_FOLDER --dataset DATASET_FOLDER [--finish]
       fake_worker.py BEHAVIOUR --wait
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

behaviour, told = sys.argv[1], sys.argv[2:]
if told == ["--wait"]:
    if behaviour == "cannot-wait":
        sys.exit(9)
    line = sys.stdin.readline()
    told = json.loads(line)["arguments"] if line else sys.exit(0)
run_folder = Path(told[0])

SCORES = {"precision": 0.5, "recall": 0.5, "f1": 0.5}
SPLIT = {"num_examples": 4, "loss": 0.1, "accuracy": 0.75, "macro": SCORES, "micro": SCORES, "weighted": SCORES, "labels": []}
RESULT = {"task": "single_label", "splits": {"test": SPLIT, "validation": SPLIT}, "training": {"steps": 4, "epochs": 1}}


def say(state: str, message: str = "", **facts: object) -> None:
    started = {"clock_s": clock_s()} if state == "running" else {}
    append("events.jsonl", {"kind": "state", "state": state, "message": message, "pid": os.getpid(), **started, **facts})


def clock_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.time()


def append(name: str, value: dict) -> None:
    with (run_folder / name).open("a") as file:
        file.write(json.dumps(value) + "\n")


def end(state: str, message: str, code: int) -> NoReturn:
    say(state, message)
    sys.exit(code)


def wait_for_signals(*, deaf_to: tuple[int, ...] = ()) -> NoReturn:
    heard: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN if number in deaf_to else lambda number, _: heard.append(number))
    say("running", "Training.")
    while not heard:
        time.sleep(0.01)
    if heard[0] == signal.SIGINT:
        end("cancelled", "Stopped after step 3.", 130)
    end("interrupted", "The machine asked.", 143)


def succeed() -> NoReturn:
    say("running", "Training.")
    append("events.jsonl", {"kind": "plan", "message": "", "total_steps": 4, "epochs": 1})
    for step in range(1, 5):
        values = {"step": step, "epoch": step / 4, "time_s": step / 10, "train/loss": 1 / step, "train/examples_per_s": 40.0}
        append("metrics.jsonl", values)
    append("metrics.jsonl", {"step": 4, "epoch": 1.0, "time_s": 0.5, "validation/loss": 0.2, "validation/macro_f1": 0.5})
    append("events.jsonl", {"kind": "info", "message": "Stopped early."})
    (run_folder / "result.json").write_text(json.dumps(RESULT))
    end("succeeded", "Done.", 0)


if behaviour in ("succeed", "cannot-wait"):
    succeed()
elif behaviour == "succeed-when-told":
    (run_folder / "begun").touch()
    while not (run_folder / "go").exists():
        time.sleep(0.01)
    succeed()
elif behaviour == "fail":
    say("running")
    end("failed", "The rows of the data set have changed.", 1)
elif behaviour == "boast":
    say("running")
    end("succeeded", "Done.", 0)
elif behaviour == "break-at-once":
    print("first line")
    print("ModuleNotFoundError: No module named 'torch'")
    sys.exit(1)
elif behaviour == "find-another":
    print("Another worker is already running this run.")
    sys.exit(75)
elif behaviour == "die":
    say("running")
    sys.exit(3)
elif behaviour == "die-of-memory":
    # As many times as the file says: the system's count of such kills is higher now than when this worker began.
    deaths = int((run_folder / "deaths").read_text())
    if deaths == 0:
        succeed()
    (run_folder / "deaths").write_text(str(deaths - 1))
    say("running", oom_kills={"machine": -1, "group": None})
    os.kill(os.getpid(), signal.SIGKILL)
elif behaviour == "obey":
    wait_for_signals()
elif behaviour == "deaf":
    wait_for_signals(deaf_to=(signal.SIGINT,))
elif behaviour == "stone":
    wait_for_signals(deaf_to=(signal.SIGINT, signal.SIGTERM))
elif behaviour == "show-surroundings":
    (run_folder / "surroundings.json").write_text(
        json.dumps({"environment": dict(os.environ), "arguments": told, "folder": str(Path.cwd()), "session": os.getsid(0)})
    )
    succeed()
else:
    sys.exit(f"unknown behaviour {behaviour}")
