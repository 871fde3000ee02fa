"""Several gloo processes that train one run together; `python -m tests.world_ranks FOLDER CASES` writes what each held.

CASES is JSON, as {"2": ["sgd"], "3": ["evaluated"]}: what worlds of two and of three processes do. They are forked from
one process that has imported all that a run needs, which takes longer than most of what they do.
"""

import json
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing

from trickbag.recipe import Machine, Recipe, apply, load_recipe
from trickbag.train import Outcome, Session, Watch, build_session, resolve, save_weights, train
from trickbag.train.evaluation import evaluate_on
from trickbag.train.world import World

# 30 steps on 240 digits; 899 validation images make two batches, so that a third process has none.
BASE = {
    "budget.epochs": 3,
    "budget.batch_size": 24,
    "budget.evaluate": "last_epoch",
    "data.limit": 240,
    "sample.pad_crop": {"padding": 1},
    "sample.flip": {"p": 0.5},
    "model.channels": [8, 16, 16],
}
# Batch norm of few images and SAM enlarge differences of the last digits from step to step: at a gentle rate, less.
RATE, GENTLE_RATE = 0.02, 0.001
VGG = {"name": "vgg11", "width": 0.0625, "stem": "small", "head": "global_pool"}  # without batch norm
PLAIN: dict[str, dict[str, object]] = {
    "sgd": {},
    "mixed in parts": {
        "batch.mixup": {"alpha": 0.2},
        "loss.label_smoothing": {"smoothing": 0.1},
        "step.accumulate": {"parts": 2},
    },
    "sam in parts, averaged and clipped": {
        "step.accumulate": {"parts": 3},
        "step.sam": {"rho": 0.05},
        "step.clip_norm": {"max_norm": 0.5},
        "step.agc": {"clipping": 0.1},
        "step.lookahead": {"k": 5},
        "average.ema": {"decay": 0.9},
    },
}
NORMED: dict[str, dict[str, object]] = {
    "whole batch": {},
    "whole batch in parts": {
        "step.accumulate": {"parts": 2},
        "step.sam": {"rho": 0.05},
        "average.swa": {"start": "50%"},
    },
    "groups in parts": {
        "budget.batch_norm_images": 6,
        "step.accumulate": {"parts": 2},
        "step.sam": {"rho": 0.05},
        "average.swa": {"start": "50%"},
    },
}
BF16 = {
    "budget.epochs": 1,
    "precision.dtype": "bf16",
    "precision.channels_last": True,
    "batch.mixup": {"alpha": 0.2},
}
BROKEN = {
    "budget.batch_norm_images": 4,
    "model.dropout": 0.2,
    "average.swa": {"start": "50%"},
    "budget.epochs": 2,
}
BROKEN_IN_PARTS = BROKEN | {
    "budget.batch_norm_images": 2,
    "step.accumulate": {"parts": 2},
    "step.sam": {"rho": 0.05},
}
# (closed epochs, question) of the stops: within the 10 batches for statistics, before the first one of validation
# images, before that of test images; the last is never reached.
EVALUATIONS = ((0, 4), (0, 10), (2, 0), (9, 0))


def recipe_of(patch: dict[str, object], normed: bool = True) -> Recipe:
    """The small run with a patch on, of a residual network or of one without batch normalisation."""
    base = load_recipe("digits_baseline")
    if normed:
        return apply(base, {**BASE, "optimizer.lr": GENTLE_RATE, **patch})
    rest = {name: value for name, value in BASE.items() if name != "model.channels"}
    plain = base.plain() | {"model": VGG}
    return apply(Recipe.model_validate(plain), {**rest, "optimizer.lr": RATE, **patch})


def recipe_named(name: str) -> Recipe:
    """The recipe of a case."""
    if name in PLAIN:
        return recipe_of(PLAIN[name], normed=False)
    return recipe_of(BF16 if name == "bf16" else NORMED[name])


def session_of(recipe: Recipe, folder: Path) -> Session:
    """A session in the world that this process has joined."""
    machine = Machine(device="cpu", cache=folder / "cache")
    return build_session(resolve(recipe, machine), 1, machine)


def held(run: Session) -> dict[str, torch.Tensor]:
    """All that training has changed: weights, statistics, averages, optimizer state and losses."""
    found = dict(run.model.state_dict())
    if run.average:
        found |= {f"average.{name}": value for name, value in run.average.averaged.state_dict().items()}
    for i, state in enumerate(run.optimizer.state.values()):
        found |= {f"optimizer.{i}.{k}": v for k, v in state.items() if isinstance(v, torch.Tensor)}
    found["losses"] = torch.tensor([row.loss for row in run.rows], dtype=torch.float64)
    return {name: value.detach().clone() for name, value in found.items()}


def trained(recipe: Recipe, folder: Path) -> dict[str, Any]:
    """What a run holds at its end, and its bits."""
    run = session_of(recipe, folder)
    outcome = train(run)
    assert outcome.validation is not None
    return {"held": held(run), "top1": torch.from_numpy(outcome.validation.top1.copy())}


def evaluated(folder: Path) -> dict[str, torch.Tensor]:
    """The bits of the weights in a file, of images in batches of which some processes have none."""
    run = session_of(apply(recipe_of({}), {"predict.flip": {}}), folder)
    run.model.load_state_dict(torch.load(folder / "given.pt", weights_only=True))
    bits = evaluate_on(run, "validation")
    return {name: torch.from_numpy(getattr(bits, name).copy()) for name in ("ids", "top1", "top5")}


Stop = Callable[[], bool]


def broken(recipe: Recipe, folder: Path, stops: Sequence[Callable[[Session], Stop]]) -> dict[str, Any]:
    """The same run undisturbed, and in as many pieces as there are stops, the last process alone being told to."""
    world = World.current()
    whole, path = session_of(recipe, folder), folder / f"checkpoint-{world.size}.pt"
    path.unlink(missing_ok=True) if world.is_rank_zero else None
    ends, statuses, steps = [train(whole)], [], []
    for stop in stops:
        run = session_of(recipe, folder)
        told = stop(run) if world.rank == world.size - 1 else lambda: False
        ends.append(train(run, Watch(path, stop=told, on_step=lambda step, waited: steps.append(step))))
        statuses.append((ends[-1].status, run.step))
    return {
        "whole": held(whole) | bits_of(ends[0]),
        "pieces": held(run) | bits_of(ends[-1]),
        "statuses": statuses,
        "steps": steps,
        "resumed": run.resumed,
        "run": run,
    }


def bits_of(outcome: Outcome) -> dict[str, torch.Tensor]:
    """What the validation and the test images showed."""
    assert outcome.validation is not None
    assert outcome.test is not None
    return {
        f"{part}.{name}": torch.from_numpy(getattr(bits, name).copy())
        for part, bits in (("validation", outcome.validation), ("test", outcome.test))
        for name in ("top1", "top5")
    }


def at_step(step: int) -> Callable[[Session], Stop]:
    """Stop after so many steps."""
    return lambda run: lambda: run.step >= step


def evaluating(epochs: int, question: int) -> Callable[[Session], Stop]:
    """Stop an evaluation that begins once so many epochs are closed, when it asks for that time (from 0)."""

    def stop(run: Session) -> Stop:
        asked = count()
        return lambda: not run.model.training and len(run.rows) == epochs and next(asked) == question

    return stop


def interrupted(folder: Path) -> dict[str, Any]:
    """A run that is stopped between steps; at its end all are asked to keep the weights."""
    found = broken(recipe_of(BROKEN), folder, [at_step(7), at_step(13), at_step(99)])
    world = World.current()
    save_weights(folder / f"kept-{world.size}-{world.rank}.safetensors", found.pop("run"))
    return found


def interrupted_in_parts(folder: Path) -> dict[str, Any]:
    """The same of a recipe with more to it."""
    found = broken(recipe_of(BROKEN_IN_PARTS), folder, [at_step(7), at_step(13), at_step(99)])
    del found["run"]
    return found


def stopped_evaluating(folder: Path) -> dict[str, Any]:
    """A run that is stopped while it evaluates: within the pass for an average's statistics, and after it."""
    recipe = apply(
        recipe_of(BROKEN),
        {"budget.evaluate": "every_epoch", "average.swa.start": "20%", "optimizer.lr": 0.05},
    )
    found = broken(recipe, folder, [evaluating(*at) for at in EVALUATIONS])
    del found["run"]
    return found


OTHER = {each.__name__: each for each in (evaluated, interrupted, interrupted_in_parts, stopped_evaluating)}


def work(rank: int, size: int, folder: Path, names: list[str]) -> None:
    """One process: join, do the cases, write what came of them."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder}/world-{size}",
        rank=rank,
        world_size=size,
        timeout=timedelta(minutes=5),
    )
    found: dict[str, Any] = {}
    for name in names:
        found[name] = OTHER[name](folder) if name in OTHER else trained(recipe_named(name), folder)
    torch.save(found, folder / f"found-{size}-{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    resolve(recipe_of({}), Machine(device="cpu", cache=Path(sys.argv[1]) / "cache"))  # imports what it needs
    for processes, cases in json.loads(sys.argv[2]).items():
        torch.multiprocessing.start_processes(
            work, (int(processes), Path(sys.argv[1]), cases), nprocs=int(processes), start_method="fork"
        )
