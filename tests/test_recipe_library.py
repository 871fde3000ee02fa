"""Every recipe that comes with trickbag can be trained, not just written down."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from trickbag.recipe import Machine, Recipe, apply, load_recipe, recipe_names
from trickbag.train import Session, build_session, resolve
from trickbag.train.feed import epoch_order, feed
from trickbag.train.loop import train_step


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class folder in ImageNet's layout: two classes, eight noisy pictures each."""
    root, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for part in ("train", "val"):
        for name in ("n01", "n02"):
            (root / part / name).mkdir(parents=True)
            for i in range(8):
                pixels = rng.integers(0, 256, (280, 300, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / part / name / f"{i}.jpeg")
    return root


def steps(recipe: Recipe, machine: Machine, count: int, base: Path = Path()) -> Session:
    """A session after so many steps."""
    run = build_session(resolve(recipe, machine, base), 1, machine)
    run.model.train()
    for ids in epoch_order(run, 0)[:count]:
        train_step(run, *feed(run, [(0, ids)]))
        run.step += 1
    assert torch.isfinite(run.loss_sum)
    return run


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_trains(machine: Machine, photos: Path, name: str) -> None:
    """At full image size, with a fraction of the width and the batch."""
    recipe = apply(load_recipe(name), {"budget.batch_size": 4, "model.width": 0.1})
    if recipe.data.name == "imagenet":
        recipe = apply(recipe, {"data.validation": 0.25})
        machine = machine.model_copy(update={"data_root": photos})
    else:
        recipe = apply(recipe, {"data.name": "digits"})
    run = steps(recipe, machine, 2)
    assert run.step == 2
    assert run.lr(run.resolved.total_steps - 1) < recipe.optimizer.lr
