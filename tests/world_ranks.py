"""Several gloo processes that train one run together; `python -m tests.world_ranks FOLDER CASES` writes what each held.

CASES is JSON, as {"2": ["sgd"], "3": ["basics"]}: what worlds of two and of three processes do. They are forked from
one process that has imported torch, which takes longer than all they do.
"""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing

from trickbag.recipe import Machine, Recipe, apply, load_recipe
from trickbag.train import Session, Watch, build_session, resolve, save_weights, train
from trickbag.train.loop import evaluate_on

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
    **NORMED["groups in parts"],
    "budget.batch_norm_images": 2,
    "model.dropout": 0.2,
    "budget.epochs": 2,
}


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


def interrupted(folder: Path, rank: int, size: int) -> dict[str, Any]:
    """The same run undisturbed, and stopped by its last process alone at two moments."""
    recipe, path = recipe_of(BROKEN), folder / f"checkpoint-{size}.pt"
    whole = session_of(recipe, folder)
    train(whole)
    statuses = []
    for at in (7, 13, 99):
        run = session_of(recipe, folder)
        watch = Watch(path, stop=lambda run=run, at=at: rank == size - 1 and run.step >= at)
        statuses.append((train(run, watch).status, run.step))
    save_weights(folder / f"kept-{size}-{rank}.safetensors", run)
    return {"whole": held(whole), "pieces": held(run), "statuses": statuses, "resumed": run.resumed}


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
        if name == "basics":
            found |= {"evaluated": evaluated(folder), "interrupted": interrupted(folder, rank, size)}
        else:
            found[name] = trained(recipe_named(name), folder)
    torch.save(found, folder / f"found-{size}-{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    for processes, cases in json.loads(sys.argv[2]).items():
        torch.multiprocessing.start_processes(
            work, (int(processes), Path(sys.argv[1]), cases), nprocs=int(processes), start_method="fork"
        )
