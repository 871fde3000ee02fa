"""One recipe, one seed, in this process: what `trickbag train` and the Python interface do."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Protocol

import torch

from trickbag.data import held
from trickbag.errors import InputError
from trickbag.recipe import Machine, Recipe
from trickbag.records.plan import PlannedRun
from trickbag.records.run import CHECKPOINT, CORRECT, SEALED, WEIGHTS, EpochRow, RunRecord, read_run
from trickbag.run.finish import close_run, record_of
from trickbag.run.locks import run_lock
from trickbag.train import Resolved, Watch, build_session, resolve, train


class Listener(Protocol):
    """Who is told how training goes."""

    def images(self, held: str) -> None:
        """How many images there are, and how they are held."""

    def begin(self, total_steps: int, parameters: int, device: str) -> None:
        """Training starts, or goes on."""

    def step(self, step: int, waited: float | None) -> None:
        """So many steps are done; the percentage of the epoch so far that was spent waiting for images."""

    def epoch(self, row: EpochRow) -> None:
        """An epoch is done."""


class Silent:
    """Listens and says nothing."""

    def images(self, held: str) -> None:
        """How many images there are, and how they are held."""

    def begin(self, total_steps: int, parameters: int, device: str) -> None:
        """Training starts, or goes on."""

    def step(self, step: int, waited: float | None) -> None:
        """So many steps are done; the percentage of the epoch so far that was spent waiting for images."""

    def epoch(self, row: EpochRow) -> None:
        """An epoch is done."""


def train_recipe(
    recipe: Recipe,
    seed: int = 1,
    machine: Machine | None = None,
    *,
    base: Path = Path(),
    out: Path | None = None,
    listener: Listener | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> RunRecord:
    """Train a recipe with a seed and return its record.

    With `out`, the folder gets what a run of a study leaves behind, an interrupted run is continued from
    its checkpoint, and a finished one is not repeated. Relative paths in the recipe start at `base`.
    Raises InputError where the recipe cannot be trained here or `out` holds another run, and
    KeyboardInterrupt once `stop` has turned true and the state is saved.
    """
    machine, listener = machine or Machine(), listener or Silent()
    resolved = resolve(recipe, machine, base)
    planned = _planned(resolved, seed)
    if out is not None:
        existing = _existing(out, planned)
        if existing is not None:
            return existing
    torch.set_num_threads(machine.threads)
    session = build_session(resolved, seed, machine)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    with run_lock(out) if out else nullcontext():
        parameters = sum(parameter.numel() for parameter in session.model.parameters())
        listener.images(held(resolved.images))
        listener.begin(resolved.total_steps, parameters, str(session.device))
        checkpoint = out / CHECKPOINT if out else None
        watch = Watch(checkpoint, machine.checkpoint_seconds, stop, listener.step, listener.epoch)
        outcome = train(session, watch)
        if outcome.status == "interrupted":
            raise KeyboardInterrupt
        if out is None:
            return record_of(planned, session, outcome, machine)
        return close_run(out, planned, session, outcome, machine, keep_weights=machine.keep != "none")


def _planned(resolved: Resolved, seed: int) -> PlannedRun:
    """A run outside any study."""
    recipe = resolved.recipe
    fingerprint = recipe.fingerprint()
    run_id = f"train-{fingerprint}-s{seed}"
    return PlannedRun(id=run_id, workload=recipe.data.name, arm="train", fingerprint=fingerprint, seed=seed)


def _existing(out: Path, planned: PlannedRun) -> RunRecord | None:
    """The finished run in `out`, where it is this one; InputError where the folder holds anything else."""
    if not out.exists():
        return None
    if not out.is_dir():
        raise InputError(f"{out}: a folder is expected")
    record = read_run(out)
    if record is None:
        known = {CHECKPOINT, CORRECT, SEALED, WEIGHTS}  # hidden: the lock, and what a killed save left
        if others := sorted(p.name for p in out.iterdir() if p.name not in known and p.name[0] != "."):
            raise InputError(f"{out}: holds {others[0]} and no run; choose an empty folder")
    elif (record.fingerprint, record.seed) != (planned.fingerprint, planned.seed):
        raise InputError(f"{out}: holds another run ({record.id}); choose an empty folder")
    return record
