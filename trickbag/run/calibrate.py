"""How long the runs of a plan will take, from a few steps of every recipe; nothing is written."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import cycle, repeat
from pathlib import Path
from time import perf_counter

import torch

from trickbag.errors import InputError
from trickbag.recipe import Machine, Recipe, leaves, validate
from trickbag.records.plan import Arm, Plan
from trickbag.run.driver import with_loaders
from trickbag.train import Fed, Session, build_session, epoch_order, feed, own_place, resolve, train_step

WARM_UP = 2  # steps; the first ones allocate memory and choose kernels
LEAST, MOST = 3, 50  # steps that are timed
SECONDS = 0.4  # after which timing one recipe ends
FORWARD = 1 / 3  # of a training step is its forward pass; backward costs twice as much

Seconds = Mapping[tuple[str, str], float]  # (workload, arm) -> seconds of one run
Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class _Cost:
    """What a run of a recipe takes."""

    seconds: float
    per_image: float  # seconds of training per image
    images: int  # seen in training


def calibrate(plan: Plan, machine: Machine, base: Path, tell: Tell = lambda done, total: None) -> Seconds:
    """Seconds that a run of each arm will take on this machine with nothing beside it.

    Every distinct recipe is built and timed for a fraction of a second; `tell` hears how many are done. A student is
    timed without its teacher, whose forward passes are added. Images are streamed by as many threads as a run will
    have beside the others. Compilation is not in it.
    """
    machine = with_loaders(machine, len(plan.runs))
    torch.set_num_threads(machine.threads)
    known, found = dict[str, _Cost](), dict[tuple[str, str], float]()
    for done, arm in enumerate(plan.arms):
        tell(done, len(plan.arms))
        if arm.fingerprint not in known:
            known[arm.fingerprint] = _time_arm(arm, machine, base)
        found[arm.workload, arm.name] = known[arm.fingerprint].seconds
    teachers = {arm.workload: known[arm.fingerprint].per_image for arm in plan.arms if arm.role == "teacher"}
    for arm in plan.arms:
        if _distils(arm):
            listening = FORWARD * teachers.get(arm.workload, 0.0) * known[arm.fingerprint].images
            found[arm.workload, arm.name] += listening
    return found


def _time_arm(arm: Arm, machine: Machine, base: Path) -> _Cost:
    """The cost of an arm's run; InputError where the user's own code fails in it."""
    try:
        return _time(_without_teacher(arm), machine, base)
    except InputError:
        raise
    except Exception as error:
        place = own_place(error, arm.recipe["sources"])
        if not place:
            raise
        said = " ".join(str(error).split())
        raise InputError(f"arm {arm.name} fails: {type(error).__name__}: {said}{place}") from error


def _time(recipe: Recipe, machine: Machine, base: Path) -> _Cost:
    """The cost of a run of the recipe, its evaluations in it."""
    resolved = resolve(recipe, machine, base)
    started = perf_counter()
    session = build_session(resolved, 0, machine)
    with closing(feed(session, zip(repeat(0), cycle(epoch_order(session, 0))))) as images:
        _steps(session, images, WARM_UP, 0.0)
        startup = perf_counter() - started
        per_step = _steps(session, images, LEAST, SECONDS)
    per_image = per_step / recipe.budget.batch_size
    evaluations = recipe.budget.epochs if recipe.budget.evaluate == "every_epoch" else 1
    evaluated = evaluations * len(resolved.validation_ids) + len(resolved.images.test_labels)
    seconds = startup + resolved.total_steps * per_step + FORWARD * per_image * evaluated
    return _Cost(seconds, per_image, resolved.total_steps * recipe.budget.batch_size)


def _steps(session: Session, images: Iterator[Fed], least: int, seconds: float) -> float:
    """Train on the next images for some steps; mean seconds per step."""
    started, count = session.clock.now(), 0
    while count < least or (count < MOST and session.clock.now() - started < seconds):
        train_step(session, next(images))
        count += 1
    return (session.clock.now() - started) / count


def _distils(arm: Arm) -> bool:
    """Whether the arm needs a teacher that is still to be trained."""
    return any(str(value).startswith("runs/") for _, value in leaves(arm.recipe))


def _without_teacher(arm: Arm) -> Recipe:
    """The arm's recipe; a student's without what its teacher says, whose weights are not there yet."""
    plain = dict(arm.recipe)
    if _distils(arm):
        plain["loss"] = {name: args for name, args in plain["loss"].items() if name != "distillation"}
    return validate(Recipe, plain)
