"""One recipe, one seed, in this process: what `trickbag train` and the Python interface do."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import torch

from trickbag.data import held
from trickbag.errors import InputError
from trickbag.recipe import Machine, Recipe
from trickbag.records.plan import PlannedRun
from trickbag.records.progress import EpochRow
from trickbag.records.run import CHECKPOINT, CORRECT, SEALED, WEIGHTS, RunRecord, read_run
from trickbag.run.distributed.devices import shares
from trickbag.run.distributed.team import ReportedElsewhereError, Team
from trickbag.run.finish import close_run, record_of
from trickbag.run.locks import LOCK, study_lock
from trickbag.train import Resolved, Watch, build_session, resolve, train


class Listener(Protocol):
    """Who is told how training goes."""

    def images(self, held: str) -> None:
        """How many images there are, and how they are held."""

    def shares(self, words: str) -> None:
        """How every batch is shared out, where it is."""

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

    def shares(self, words: str) -> None:
        """How every batch is shared out, where it is."""

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
    Under torchrun this process is one of several that train together; the first of them writes and is heard.
    Raises InputError where the recipe cannot be trained here, `out` holds another run or another process trains in it,
    and KeyboardInterrupt once `stop` has turned true and the state is saved; of several processes RanksLostError where
    others do not answer, and ReportedElsewhereError in those for which the first one speaks.
    """
    machine = machine or Machine()
    team = Team.here(machine)
    with ExitStack() as lock:

        def prepared() -> tuple[Resolved, PlannedRun, RunRecord | None]:
            resolved = resolve(recipe, team.own(machine), base)
            planned = _planned(resolved, seed)
            return resolved, planned, _begin(out, planned, lock) if out and team.rank == 0 else None

        resolved, planned, existing = team.on_all_ranks("images", prepared)
        if team.exchanged("finished", "yes" if existing else "")[0]:
            if existing is None:
                raise ReportedElsewhereError(0)
            return existing
        own = team.own(machine)
        listener = listener if listener and team.rank == 0 else Silent()
        torch.set_num_threads(own.threads)
        with team.at_work(own):
            return _trained(resolved, planned, own, out, listener, team.stop(stop))


def _trained(
    resolved: Resolved,
    planned: PlannedRun,
    machine: Machine,
    out: Path | None,
    listener: Listener,
    stop: Callable[[], bool],
) -> RunRecord:
    """Train in this process, which may be one of several: the first of them writes the folder."""
    session = build_session(resolved, planned.seed, machine)
    parameters = sum(parameter.numel() for parameter in session.model.parameters())
    listener.images(held(resolved.images))
    if words := shares(resolved.recipe, machine.devices, session.model):
        listener.shares(words)
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


def _begin(out: Path, planned: PlannedRun, lock: ExitStack) -> RunRecord | None:
    """Hold the folder, unless it has the finished run, which is returned; InputError where another process holds it."""
    existing = _existing(out, planned)
    if existing is None:
        if not out.exists():
            lock.callback(_remove_unused, out)
        out.mkdir(parents=True, exist_ok=True)
        lock.enter_context(study_lock(out))
        existing = _existing(out, planned)  # another process may have finished it meanwhile
    return existing


def _remove_unused(out: Path) -> None:
    """Remove a folder that nothing but the lock was written into, as where the network cannot be built."""
    if [path.name for path in out.iterdir()] == [LOCK]:
        (out / LOCK).unlink()
        out.rmdir()


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
