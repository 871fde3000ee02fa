"""`python -m benchmarks.chaos [--kills N] [--seed N]`: disturb real studies in every way we know; print a table."""

import argparse
import json
import os
import platform
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import deque
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import torch

from benchmarks.chaos import disks
from benchmarks.chaos.processes import HANGS, until
from benchmarks.chaos.study import evidence, plan_study
from benchmarks.chaos.table import table
from benchmarks.chaos.trial import Hit, Trial
from benchmarks.chaos.victims import at_work

RESULTS = Path(__file__).parents[1] / "results" / "chaos.json"
IN_TURN = ["driver", "worker", "checkpoint writer"]
BESIDE = ["record writer", "driver, SIGTERM", "driver, SIGINT"]
FRUITLESS = 5  # studies in a row without a hit, after which no more are begun


class Chaos:
    """All trials, in the folder `home`; what they come to is in the file `out` after each."""

    def __init__(self, home: Path, out: Path, seed: int) -> None:
        """Plan the study and run it undisturbed."""
        self.home, self.out, self.seed, self.began = home, out, seed, time.perf_counter()
        self.moments, self.rows = random.Random(seed), list[dict[str, Any]]()
        self.not_hit = list[str]()  # victims that nobody could hit
        self.planned = home / "planned"
        plan_study(self.planned)
        trial = Trial(home / "undisturbed", home / "undisturbed.txt")
        shutil.copytree(self.planned, trial.folder)
        command, started = trial.start(), time.perf_counter()
        until(lambda: bool(at_work(command)) or not command.alive(), HANGS, pause=0.05)
        self.startup = time.perf_counter() - started
        trial.finish()
        if trial.wrong:
            raise SystemExit(f"left alone, the study goes wrong: {trial.wrong}\n{trial.output.read_text()}")
        self.expected = evidence(trial.folder)
        seconds = time.perf_counter() - started
        print(f"undisturbed: {seconds:.0f} s, {self.startup:.1f} s of them to the first run", flush=True)

    def trial(self) -> Trial:
        """A new one; its folder is not there yet."""
        name = f"study{len(self.rows) + 1}"
        return Trial(self.home / name / "out", self.home / f"{name}.txt", self.expected)

    def kills(self, victims: deque[str]) -> None:
        """One study after the other, until all victims are hit or the next one cannot be."""
        fruitless = 0
        while victims and fruitless < FRUITLESS:
            trial, hits = self.trial(), list[Hit]()
            with trial.watched():
                shutil.copytree(self.planned, trial.folder)
                trial.disturb(hits, victims, self.moments, 2 * self.startup)
                trial.finish()
            fruitless = 0 if hits else fruitless + 1
            self.not_hit = list(victims) if fruitless == FRUITLESS else []
            self.note(trial, hits)

    def full_disk(self) -> None:
        """One study on a disk that fills up, again and again."""
        trial, hits = self.trial(), list[Hit]()
        with trial.watched():
            disks.fill(trial, hits, self.planned, self.moments)
        self.note(trial, hits)

    def read_only(self, times: int) -> None:
        """One study on a file system that turns read-only."""
        trial, hits = self.trial(), list[Hit]()
        with trial.watched():
            disks.freeze(trial, hits, self.planned, self.moments, times, self.startup)
        self.note(trial, hits)

    def note(self, trial: Trial, hits: list[Hit]) -> None:
        """What became of a trial."""
        records = [json.loads(text) for text in trial.records.values()]
        said = trial.said()
        self.rows.append(
            {
                "hits": hits,
                "commands": len(trial.commands),
                "runs": len(records),
                "resumed": sum(record["resumed"] for record in records),
                "tracebacks": said.count("Traceback"),
                "wrong": trial.wrong,
            }
        )
        self.out.write_text(json.dumps(self.found(), indent=1) + "\n")
        print(f"{self.rows[-1]}", flush=True)
        if trial.wrong:
            print(said, flush=True)

    def found(self) -> dict[str, Any]:
        """What all trials so far came to, and where."""
        return {
            "seed": self.seed,
            "torch": torch.__version__,
            "machine": f"{os.cpu_count()} cores, {platform.platform()}",
            "minutes": (time.perf_counter() - self.began) / 60,
            "not_hit": self.not_hit,
            "studies": self.rows,
        }


def main() -> int:
    """Exit code 1 where a study did not come to what the undisturbed one did, or a victim could not be hit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="of driver, worker, checkpoint writer in turn")
    parser.add_argument("--beside", type=int, default=6, help="of each: record writer, SIGTERM, SIGINT")
    parser.add_argument("--full", type=int, default=2, help="studies on a disk that fills up")
    parser.add_argument("--read-only", type=int, default=4, help="times that a file system turns read-only")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # or the commands ignore it as a background job does
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory(prefix="chaos-") as home:
        chaos = Chaos(Path(home), asked.out, asked.seed)
        chaos.kills(deque([*islice(cycle(IN_TURN), asked.kills), *BESIDE * asked.beside]))
        for _ in range(asked.full * root):
            chaos.full_disk()
        if asked.read_only * root:
            chaos.read_only(asked.read_only)
    print(table(chaos.found()))
    return int(bool(chaos.not_hit) or any(row["wrong"] for row in chaos.rows))


if __name__ == "__main__":
    sys.exit(main())
