"""A run's folder: run.json, which says how the run ended, and what else lies beside it."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from trickbag.errors import InputError
from trickbag.recipe.schema import Frozen
from trickbag.records.files import FORMAT, first_problem, read_bytes, read_record, write_record
from trickbag.records.progress import PROGRESS, STARTED, EpochRow
from trickbag.records.temporary import sweep

Status = Literal["done", "diverged", "out_of_memory", "died", "failed"]
RUN, CORRECT, SEALED = "run.json", "correct.npz", "test.sealed.npz"
WEIGHTS, CHECKPOINT = "weights.safetensors", "checkpoint.pt"


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


def read_ending(folder: Path | str) -> Ending | None:
    """How a run ended, or None where it has not; InputError where run.json is damaged.

    For many runs give the folder as a string: pathlib takes as long as the file.
    """
    path = f"{folder}/{RUN}"
    try:
        return Ending.model_validate_json(read_bytes(path))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise InputError(f"{path}: damaged: {first_problem(error)}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: damaged: {error}") from None
