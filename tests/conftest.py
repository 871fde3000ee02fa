"""What several test files need: the folder of real images beside the project, and a small quick recipe."""

import os
from pathlib import Path

import pytest
import torch

from trickbag.recipe import Machine, Recipe, apply, load_recipe
from trickbag.run import holder


def pytest_configure() -> None:
    torch.set_num_threads(1)
    holder.SETTLE = 0.0  # no other host writes to the folders of these tests


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real CIFAR-10 and ImageNet images beside the project; tests that need them skip where they are missing."""
    root = Path(os.environ.get("TRICKBAG_SHARED", Path(__file__).parent.parent.parent / "shared")) / "data"
    if not root.exists():
        pytest.skip("no folder of real images beside the project (../shared/data)")
    return root


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """This machine's CPU, with a cache of the tests' own; one worker, which costs more to start than runs here do."""
    return Machine(device="cpu", cache=tmp_path_factory.mktemp("cache"), workers=1)


@pytest.fixture
def small() -> Recipe:
    """The digits baseline, smaller still: a run takes a second."""
    return apply(
        load_recipe("digits_baseline"),
        {
            "model.channels": [8, 16, 16],
            "budget.epochs": 2,
            "budget.evaluate": "last_epoch",
            "data.limit": 400,
        },
    )
