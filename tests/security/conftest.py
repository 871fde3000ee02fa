"""A study's folder that may come from anyone."""

import shutil
from pathlib import Path

import pytest
from command_line import trickbag
from study_records import IDS, by_seed, complete, freeze, plan_of

HITS = {"baseline": (900, 905, 910), "a": (930, 931, 940), "b": (905, 904, 911)}


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study with test images, its results and its report; never changed."""
    folder = tmp_path_factory.mktemp("finished") / "study"
    plan = freeze(folder, plan_of(["a", "b"], 3, test_images=len(IDS)))
    complete(folder, plan, {("w", name): by_seed(right) for name, right in HITS.items()}, test=True)
    for verb in ("analyze", "report"):
        trickbag(verb, folder)
    return folder


@pytest.fixture
def study(finished: Path, tmp_path: Path) -> Path:
    """A copy, beside which lies something that nobody may touch."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious").write_text("precious")
    return Path(shutil.copytree(finished, tmp_path / "study"))
