"""The worked example in examples/ runs as it stands, at a tiny budget, and its parts do what they say."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from trickbag import analyze_study, conduct
from trickbag.lab import machine_of, run_phases
from trickbag.recipe import Machine
from trickbag.rng import Streams

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture(scope="module")
def lab() -> ModuleType:
    spec = importlib.util.spec_from_file_location("my_lab", EXAMPLES / "my_lab.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_study_runs_from_its_folder_and_is_continued_there(
    machine: Machine, tmp_path: Path
) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    shutil.copytree(EXAMPLES, home, ignore=shutil.ignore_patterns("__pycache__"))
    tiny = ["budget.epochs=1", "data.limit=96", "model.width=4", "seeds=3", "margin=20"]
    where = [f"machine.cache={machine.cache}", "machine.device=cpu", "machine.workers=1"]
    results = conduct(str(home / "my_study.yaml"), out, [*tiny, *where])
    assert [arm.name for arm in results.arms] == [
        "signum", "shift", "signum+shift", "shift_far", "label_smoothing",
    ]  # fmt: skip
    assert all(arm.seeds == 3 and not arm.failed for arm in results.arms)
    assert results.runs_done == results.runs_planned == 18
    shutil.rmtree(home)
    undone = next((out / "runs").glob("shift-*"))
    shutil.rmtree(undone)
    run_phases(out, machine_of(out))  # from the folder alone
    assert analyze_study(out).arms[1].accuracy == results.arms[1].accuracy


def test_signum_takes_steps_of_equal_size(lab: ModuleType) -> None:
    """By hand: momentum .1 g after the first step, its sign times lr; before it, decay by lr x weight_decay."""
    p = torch.nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
    optimizer = lab.Signum([{"params": [p], "weight_decay": 0.5}], 0.1)
    p.grad = torch.tensor([5.0, 0.001, -7.0])
    optimizer.step()
    assert p.tolist() == pytest.approx([0.95 - 0.1, -1.9 - 0.1, 2.85 + 0.1])


def test_shift_moves_each_image_as_numpy_rolls_it(lab: ModuleType) -> None:
    x = torch.arange(2 * 64, dtype=torch.uint8).view(2, 1, 8, 8)
    draws = Streams(3).images(0, torch.tensor([4, 9]))
    moves = draws.integers("shift", 3, 2) - 1
    found = lab.Shift(pixels=1)(x, draws)
    for image, (down, right), moved in zip(x.numpy(), moves.tolist(), found.numpy(), strict=True):
        assert np.array_equal(moved, np.roll(image, (down, right), (1, 2)))


def test_parity_is_scikit_learns_digits(lab: ModuleType) -> None:
    bunch, images = load_digits(), lab.parity(None)
    labels = torch.cat([images.train_labels, images.test_labels])
    assert labels.tolist() == [digit % 2 for digit in bunch.target]
    assert len(images.test_labels) == 360
