"""What a run under way leaves for whoever watches: where it was taken up, and a line per epoch."""

import errno
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from trickbag.recipe.schema import Frozen
from trickbag.records.files import FORMAT, read_record, read_text, write_record, writing

PROGRESS, STARTED = "progress.jsonl", "started.json"


class EpochRow(Frozen):
    """One line of a run's history; accuracies in percent, None where the epoch was not evaluated."""

    epoch: int
    step: int
    loss: float | None  # mean over the epoch; None where it is not finite
    lr: float
    images_per_second: float | None  # None: the epoch was all start-up
    top1: float | None = None
    top5: float | None = None
    waiting: float | None = None  # percent of the epoch's training time, spent waiting for images


def _time(written: str) -> str:
    """A time as it stands in a file; ValueError where it is none."""
    datetime.fromisoformat(written)
    return written


class Started(Frozen):
    """started.json, of a run under way: where it was last taken up, and when."""

    format: int = FORMAT
    engine: str
    host: str
    process: int | None = None  # on that host
    job: str = ""  # what the engine calls it, as a SLURM job's number
    written: Annotated[str, AfterValidator(_time)]  # ISO 8601, UTC


def write_started(folder: Path, started: Started) -> None:
    """Note where a run is taken up, for whoever watches."""
    write_record(folder / STARTED, started)


def read_started(folder: Path) -> Started | None:
    """Where a run was last taken up, or None."""
    return read_record(Started, folder / STARTED) if (folder / STARTED).exists() else None


def append_progress(folder: Path, row: EpochRow) -> None:
    """Note a finished epoch, for whoever watches: all of its line, or DiskError and nothing of it."""
    path, line = folder / PROGRESS, (json.dumps(row.model_dump()) + "\n").encode()
    with writing(path), path.open("ab", buffering=0) as file:
        whole = file.tell()
        try:
            if file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            file.truncate(whole)
            raise


def read_progress(folder: Path) -> list[EpochRow]:
    """The epochs that a run under way has finished (a torn last line is left out)."""
    rows = dict[int, EpochRow]()
    try:
        lines = read_text(folder / PROGRESS).splitlines()
    except (OSError, ValueError):
        return []
    for line in lines:
        try:
            row = EpochRow.model_validate_json(line)
        except ValueError:
            continue
        rows[row.epoch] = row
    return [rows[epoch] for epoch in sorted(rows)]
