"""`python -m benchmarks.chaos [--kills N] [--seed N]`: disturb real studies in every way we know; print a table."""

import argparse
import json
import os
import platform
import random
import shutil
import sys
import tempfile
import time
from collections import deque
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import torch

from benchmarks.chaos import disks
from benchmarks.chaos.processes import until
from benchmarks.chaos.study import evidence, plan_study
from benchmarks.chaos.table import table
from benchmarks.chaos.trial import Hit, Trial
from benchmarks.chaos.victims import at_work

RESULTS = Path(__file__).parents[1] / "results" / "chaos.json"
IN_TURN = ["driver", "worker", "checkpoint writer"]
BESIDE = ["record writer", "driver, SIGTERM", "driver, SIGINT"]


class Chaos:
    """All trials, in the folder `home`."""

    def __init__(self, home: Path, seed: int) -> None:
        """Plan the study and run it undisturbed."""
        self.home, self.moments, self.rows = home, random.Random(seed), list[dict[str, Any]]()
        self.planned = home / "planned"
        plan_study(self.planned)
        trial = Trial(home / "undisturbed", home / "undisturbed.txt")
        shutil.copytree(self.planned, trial.folder)
        command, started = trial.start(), time.perf_counter()
        until(lambda: bool(at_work(command)), pause=0.05)
        self.startup = time.perf_counter() - started
        trial.finish()
        self.expected = evidence(trial.folder)
        seconds = time.perf_counter() - started
        print(f"undisturbed: {seconds:.0f} s, {self.startup:.1f} s of them to the first run", flush=True)

    def trial(self) -> Trial:
        """A new one; its folder is not there yet."""
        name = f"study{len(self.rows) + 1}"
        return Trial(self.home / name / "out", self.home / f"{name}.txt", self.expected)

    def kills(self, victims: deque[str]) -> None:
        """One study, with the first of the victims."""
        trial = self.trial()
        shutil.copytree(self.planned, trial.folder)
        hits = trial.disturb(victims, self.moments, 2 * self.startup)
        trial.finish()
        self.note(trial, hits)

    def full_disk(self) -> None:
        """One study on a disk that fills up, again and again."""
        trial = self.trial()
        self.note(trial, disks.fill(trial, self.planned, self.moments))

    def read_only(self, times: int) -> None:
        """One study on a file system that turns read-only."""
        trial = self.trial()
        self.note(trial, disks.freeze(trial, self.planned, self.moments, times, self.startup))

    def note(self, trial: Trial, hits: list[Hit]) -> None:
        """What became of a trial."""
        records = [json.loads(text) for text in trial.records.values()]
        said = trial.output.read_text()
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
        print(f"{self.rows[-1]}", flush=True)
        if trial.wrong or "Traceback" in said:
            print(said, flush=True)


def main() -> int:
    """Exit code 1 where a study did not come to what the undisturbed one did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="of driver, worker, checkpoint writer in turn")
    parser.add_argument("--beside", type=int, default=6, help="of each: record writer, SIGTERM, SIGINT")
    parser.add_argument("--full", type=int, default=2, help="studies on a disk that fills up")
    parser.add_argument("--read-only", type=int, default=4, help="times that a file system turns read-only")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    started, root = time.perf_counter(), os.geteuid() == 0
    with tempfile.TemporaryDirectory(prefix="chaos-") as home:
        chaos = Chaos(Path(home), asked.seed)
        victims = deque([*islice(cycle(IN_TURN), asked.kills), *BESIDE * asked.beside])
        while victims:
            chaos.kills(victims)
        for _ in range(asked.full * root):
            chaos.full_disk()
        if asked.read_only * root:
            chaos.read_only(asked.read_only)
    about = {
        "seed": asked.seed,
        "torch": torch.__version__,
        "machine": f"{os.cpu_count()} cores, {platform.platform()}",
        "minutes": (time.perf_counter() - started) / 60,
    }
    asked.out.write_text(json.dumps({**about, "studies": chaos.rows}, indent=1) + "\n")
    print(table({**about, "studies": chaos.rows}))
    return int(any(row["wrong"] for row in chaos.rows))


if __name__ == "__main__":
    sys.exit(main())
