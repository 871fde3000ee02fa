"""A run's folder: run.json, the bits of every evaluation image, and the progress of a run under way."""

import errno
import json
import os
from datetime import datetime
from math import prod
from pathlib import Path
from typing import Annotated, Any, Literal
from zipfile import ZIP_STORED, ZipFile

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from trickbag.errors import InputError
from trickbag.recipe.schema import Frozen
from trickbag.records.files import (
    FORMAT,
    first_problem,
    read_bytes,
    read_record,
    read_text,
    write_record,
    write_whole,
    writing,
)  # fmt: skip
from trickbag.records.temporary import sweep

Status = Literal["done", "diverged", "out_of_memory", "died", "failed"]
RUN, CORRECT, SEALED = "run.json", "correct.npz", "test.sealed.npz"
WEIGHTS, CHECKPOINT, PROGRESS = "weights.safetensors", "checkpoint.pt", "progress.jsonl"
STARTED = "started.json"


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


class Timings(Frozen):
    """Seconds; training excludes evaluation, compilation and start-up."""

    train_seconds: float
    train_steps: int  # steps inside train_seconds
    startup_seconds: float  # building, first step and compilation
    evaluate_seconds: float
    wait_seconds: float = 0.0  # of train_seconds, spent waiting for images


class ClassAccuracy(Frozen):
    """Validation top-1 accuracy within one class; None where it has no validation images."""

    name: str
    images: int  # validation images
    top1: float | None  # percent


class RunRecord(Frozen):
    """run.json: everything about a run that ended, however it ended."""

    format: int = FORMAT
    id: str
    arm: str
    workload: str
    fingerprint: str
    seed: int
    status: Status
    message: str = ""
    recipe: dict[str, Any]
    machine: dict[str, Any]
    provenance: dict[str, Any]
    epochs: tuple[EpochRow, ...] = ()
    top1: float | None = None  # validation accuracy at the last step, percent
    top5: float | None = None
    balanced: float | None = None  # percent, mean of the classes' accuracies; imbalanced data sets only
    class_accuracy: tuple[ClassAccuracy, ...] = ()  # in the order of the classes; likewise
    validation_images: int = 0
    parameters: int = 0
    timings: Timings | None = None
    resumed: int = 0  # how often it was continued from a checkpoint


class Ending(BaseModel):
    """What `status` needs of run.json; ten thousand of them are read within a second."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    format: Literal[1]
    id: str
    arm: str
    workload: str
    status: Status
    message: str = ""
    top1: float | None = None
    timings: Timings | None = None

    @property
    def seconds(self) -> float:
        """Wall time of the run."""
        t = self.timings
        return t.train_seconds + t.startup_seconds + t.evaluate_seconds if t else 0.0


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


def write_run(folder: Path, record: RunRecord) -> None:
    """Write run.json; its presence means that the run has ended."""
    write_record(folder / RUN, record)


def tidy(folder: Path) -> None:
    """Remove from the folder of a run that has ended what only a run under way needs, and what killed writers left."""
    for name in (CHECKPOINT, PROGRESS, STARTED):
        (folder / name).unlink(missing_ok=True)
    sweep(folder, RUN, CORRECT, SEALED, WEIGHTS, CHECKPOINT, STARTED)


def read_run(folder: Path) -> RunRecord | None:
    """The record of a run that has ended, or None."""
    return read_record(RunRecord, folder / RUN) if (folder / RUN).exists() else None


def read_ending(folder: Path) -> Ending | None:
    """How a run ended, or None where it has not; InputError where run.json is damaged."""
    path = os.path.join(folder, RUN)  # pathlib would take as long as the file
    try:
        return Ending.model_validate_json(read_bytes(path))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise InputError(f"{path}: damaged: {first_problem(error)}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: damaged: {error}") from None


def write_bits(path: Path, ids: NDArray[np.int64], top1: NDArray[np.bool_], top5: NDArray[np.bool_]) -> None:
    """Write one top-1 and one top-5 bit per evaluation image, with the image ids."""
    packed1, packed5 = np.packbits(top1), np.packbits(top5)
    write_whole(path, lambda temporary: np.savez(temporary, ids=ids, top1=packed1, top5=packed5))


def read_bits(path: Path) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Image ids, top-1 bits and top-5 bits; InputError where the file is missing, damaged or none of ours."""
    try:
        _check_archive(path)
        with np.load(path, allow_pickle=False) as file:
            ids = file["ids"]
            top1, top5 = (_unpacked(file[key], ids) for key in ("top1", "top5"))
    except Exception as error:  # a damaged or hostile file may raise anything
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(f"{path}: the bits of this run cannot be read: {reason}") from None
    return ids, top1, top5


def _check_archive(path: Path) -> None:
    """ValueError where the file holds anything but uncompressed arrays, whose size its own size bounds."""
    if path.exists() and not path.is_file():
        raise ValueError("a regular file is expected")
    with ZipFile(path) as archive:
        for member in archive.infolist():
            if member.compress_type != ZIP_STORED or member.file_size > path.stat().st_size:
                raise ValueError(f"{member.filename!r} is compressed, which trickbag never writes")
            with archive.open(member) as file:
                if np.lib.format.read_magic(file) != (1, 0):
                    raise ValueError(f"{member.filename!r} is no array that trickbag writes")
                shape, _, kind = np.lib.format.read_array_header_1_0(file)
                if prod(shape) * kind.itemsize != member.file_size - file.tell():
                    raise ValueError(f"{member.filename!r} has another size than it says")


def _unpacked(packed: NDArray[np.uint8], ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """A bit per image; ValueError where there are not as many."""
    if ids.dtype != np.int64 or packed.dtype != np.uint8 or ids.ndim != 1 or len(packed) != -(-len(ids) // 8):
        raise ValueError("a bit is expected for every image id")
    return np.unpackbits(packed, count=len(ids)).astype(bool)


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
