"""The user's own: tricks, models, optimizers, data, schedules and operations from a Python file beside the study."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from trickbag.cli.live import complaints
from trickbag.errors import InputError
from trickbag.lab import freeze, machine_of, run_phases
from trickbag.recipe import Machine, Recipe, apply, load_recipe
from trickbag.records.plan import Plan
from trickbag.run.calibrate import calibrate
from trickbag.run.planned import resolve_planned
from trickbag.run.single import train_recipe
from trickbag.study import Study, load_study, make_plan
from trickbag.train import resolve
from trickbag.tricks import CATALOGUE

LAB = '''"""What one person brings along."""
import numpy as np
import torch
from torch import nn
from trickbag import Card, Trick
from trickbag.data import ImageSet


def images(root, *, count: int = 120):
    """Bright against dark squares."""
    labels = np.arange(count) % 2
    pixels = np.repeat(labels * 100, 64).reshape(-1, 1, 8, 8).astype(np.uint8)
    return ImageSet.of((pixels, labels), (pixels[:10], labels[:10]), ("dark", "bright"))


def net(num_classes, in_channels=3, *, width: int = 4):
    """One convolution."""
    return nn.Sequential(
        nn.Conv2d(in_channels, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(width, num_classes),
    )


class Momentum(torch.optim.SGD):
    """SGD under another name."""

    def __init__(self, groups, lr, *, momentum: float = 0.5):
        super().__init__(groups, lr, momentum=momentum)


def falling(step, total, start=0, *, to: float = 0.5):
    """A straight line from 1 to `to`."""
    return 1 - (1 - to) * step / total


class Darken:
    """Subtracts grey levels, as many for every image."""

    def __init__(self, *, by: int = 1):
        self.by = by

    def __call__(self, x, draws):
        return (x.int() - self.by).clamp(min=0).to(x.dtype)


def louder(context, *, factor: float = 2.0):
    """Multiplies the images."""
    return lambda batch: batch._replace(x=batch.x * factor)


def half(context, inner):
    """Half the loss."""
    return lambda batch: inner(batch) / 2


def frozen(context, model):
    """The first convolution stays as it is."""
    for parameter in model[0].parameters():
        parameter.requires_grad_(False)
    return model


Slow = Trick("slow", {"optimizer.lr": 0.001}, Card(summary="A small rate.", source="mine"))
Wide = Trick(
    "wide", {"optimizer.lr": 0.001}, Card(summary="Wide.", source="mine"), space={"optimizer.lr": (0.01, 100)}
)
Dark = Trick("dark", {"sample.lab.py:Darken.by": 2}, Card(summary="Darker images.", source="mine"))
Loud = Trick(
    "loud", lambda recipe: {"batch": {"lab.py:louder": {"factor": 0.5}}}, Card(summary="Quiet.", source="mine")
)
'''


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "lab.py").write_text(LAB)
    return folder


def study(machine: Machine, **fields: object) -> Study:
    plain = {"name": "s", "baseline": "digits_baseline", "seeds": 2, "margin": 0.5, "factors": ["cosine"]}
    return Study.model_validate({**plain, "machine": machine.model_dump(), **fields})


def plan(machine: Machine, base: Path, *factors: object, **fields: object) -> Plan:
    return make_plan(study(machine, factors=factors, **fields), base)


def own_recipe() -> Recipe:
    """Everything that can be one's own, at once."""
    change: dict[str, Any] = {
        "data.name": "lab.py:images",
        "model.name": "lab.py:net",
        "optimizer.name": "lab.py:Momentum",
        "schedule.name": "lab.py:falling",
        "budget.epochs": 1,
        "budget.batch_size": 20,
        "sample.lab.py:Darken.by": 3,
        "batch": {"lab.py:louder": {}},
        "loss.lab.py:half": {},
        "surgery.lab.py:frozen": {},
    }
    return apply(load_recipe("digits_baseline"), change)


def test_every_kind_of_own_part_trains_and_stands_in_the_recipe_with_all_its_arguments(
    machine: Machine, base: Path
) -> None:
    full = resolve(own_recipe(), machine, base).recipe
    plain = full.plain()
    assert plain["data"]["count"] == 120
    assert plain["model"]["width"] == 4
    assert plain["optimizer"]["momentum"] == 0.5
    assert plain["schedule"]["to"] == 0.5
    assert plain["sample"] == {"lab.py:Darken": {"by": 3}}
    assert plain["batch"] == {"lab.py:louder": {"factor": 2.0}}
    assert plain["loss"] == {"lab.py:half": {}}
    assert plain["surgery"] == {"lab.py:frozen": {}}
    assert train_recipe(own_recipe(), machine=machine, base=base).status == "done"


@pytest.mark.parametrize(
    "path", ["sample.lab.py:Darken.by", "batch.lab.py:louder.factor", "loss.lab.py:half"]
)
def test_own_operations_change_the_training(machine: Machine, base: Path, path: str) -> None:
    """Without the operation, or with other values of it, the loss is another."""
    seam, argument = path.split(".")[0], path.rpartition(".")[2]
    plain = own_recipe().plain()
    if argument in ("by", "factor"):
        next(iter(plain[seam].values()))[argument] = 40
    else:
        plain[seam] = {}
    losses = [
        train_recipe(recipe, machine=machine, base=base).epochs[0].loss
        for recipe in (own_recipe(), Recipe.model_validate(plain))
    ]
    assert losses[0] != losses[1]


def test_own_tricks_as_factor_group_level_inline_and_for_a_teacher(machine: Machine, base: Path) -> None:
    darker = {"trick": "lab.py:Dark", "name": "darker", "set": {"sample.lab.py:Darken.by": 9}}
    made = plan(
        machine,
        base,
        "lab.py:Slow",
        ["lab.py:Dark", "cosine"],
        {"name": "mine", "levels": ["lab.py:Loud", darker]},
        {"name": "both", "tricks": ["lab.py:Slow", "lab.py:Loud"]},
        "distillation",
        teacher={"tricks": ["lab.py:Slow"]},
    )  # fmt: skip
    changes = {arm.name: arm.diff for arm in made.arms}
    assert changes["slow"] == {"optimizer.lr": (0.05, 0.001)}
    assert changes["teacher"]["optimizer.lr"] == (0.05, 0.001)
    assert changes["dark+cosine"]["sample.lab.py:Darken.by"] == (None, 2)
    assert changes["mine=darker"]["sample.lab.py:Darken.by"] == (None, 9)
    assert changes["mine=loud"]["batch.lab.py:louder.factor"] == (None, 0.5)
    assert changes["both"].keys() >= {"optimizer.lr", "batch.lab.py:louder.factor"}


def test_an_arm_is_tuned_where_its_tricks_say_with_as_many_points(machine: Machine, base: Path) -> None:
    """Without a space in the study: the trick's own, else learning rate and weight decay by 0.25 to 4."""
    made = plan(machine, base, "lab.py:Wide", "cosine", tune={"points": 4})
    usual = {"optimizer.lr": (0.25, 4.0), "optimizer.weight_decay": (0.25, 4.0)}
    points = {arm: [a for a in made.arms if a.candidate_of == arm] for arm in ("baseline", "wide", "cosine")}
    assert {arm: len(found) for arm, found in points.items()} == dict.fromkeys(points, 3)
    assert {arm: found[0].ledger.space for arm, found in points.items()} == {
        "baseline": usual, "cosine": usual, "wide": {"optimizer.lr": (0.01, 100.0)},
    }  # fmt: skip
    for point in points["wide"]:
        assert set(point.ledger.chosen) == {"optimizer.lr"}
        assert 0.001 * 0.01 <= point.ledger.chosen["optimizer.lr"] <= 0.001 * 100
    assert any(point.ledger.chosen["optimizer.lr"] > 0.001 * 4 for point in points["wide"])
    same = plan(machine, base, "lab.py:Wide", tune={"points": 4, "space": {"optimizer.lr": (0.5, 2.0)}})
    assert {a.name: a.ledger.space for a in same.arms if a.candidate_of} == {
        f"{arm}@{i}": {"optimizer.lr": (0.5, 2.0)} for arm in ("baseline", "wide") for i in (1, 2, 3)
    }


def test_a_trick_that_names_its_own_strength_is_tuned_in_the_optimizer_too(
    machine: Machine, base: Path
) -> None:
    """The baseline's rate is tuned, so theirs is: SAM, Lookahead and clipping go on top of one optimizer."""
    names = ("sam", "lookahead", "gradient_clipping", "agc")
    made = plan(machine, base, *names, ["sam", "adamw"], tune={"points": 3})
    chosen = {a.candidate_of: set(a.ledger.chosen) for a in made.arms if a.candidate_of}
    for name in names:
        assert chosen[name] == {*CATALOGUE[name].space, "optimizer.lr", "optimizer.weight_decay"}
    found = next(a.ledger.space for a in made.arms if a.candidate_of == "sam+adamw")
    assert found == {**CATALOGUE["sam"].space, **CATALOGUE["adamw"].space}


def test_an_installed_module_of_ones_own(
    machine: Machine, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = base / "ownlab"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "parts.py").write_text(LAB)
    monkeypatch.syspath_prepend(base)
    made = plan(
        machine, base, "ownlab.parts:Slow", {"name": "d", "set": {"sample.ownlab.parts:Darken.by": 5}}
    )
    arm = made.arm("digits", "d")
    assert arm.diff["sample.ownlab.parts:Darken.by"] == (None, 5)
    assert set(arm.recipe["sources"]) == {"ownlab.parts"}
    assert made.arm("digits", "slow").diff == {"optimizer.lr": (0.05, 0.001)}


def test_editing_a_file_changes_what_it_should(machine: Machine, base: Path) -> None:
    """The arm whose recipe names the file is another one; a patch is judged by what it says."""
    before = plan(machine, base, "lab.py:Slow", "lab.py:Dark")
    (base / "lab.py").write_text(LAB + "\n# a remark\n")
    after = plan(machine, base, "lab.py:Slow", "lab.py:Dark")
    marks = [{arm.name: arm.fingerprint for arm in made.arms} for made in (before, after)]
    assert [name for name in marks[0] if marks[0][name] != marks[1][name]] == ["dark"]
    (base / "lab.py").write_text(LAB.replace("0.001", "0.002"))
    assert plan(machine, base, "lab.py:Slow").arm("digits", "slow").diff == {"optimizer.lr": (0.05, 0.002)}


def test_a_study_plans_and_resolves_from_its_folder_alone(machine: Machine, base: Path) -> None:
    """The file is copied, also where only a trick is in it; the study file beside it plans the same again.

    The worked example in examples/ runs as a whole (test_examples.py).
    """
    out = base.parent / "out"
    file = base / "my_study.yaml"
    file.write_text(
        "name: own\nbaseline: digits_baseline\nset: {budget.epochs: 1, data.limit: 64}\n"
        "factors: ['lab.py:Slow', 'lab.py:Dark']\nseeds: 3\nmargin: 30\n"
        f"machine: {{device: cpu, workers: 1, cache: {machine.cache}}}\n"
    )
    first = freeze(str(file), out)
    assert first.arm("digits", "slow").recipe["sources"] == {}
    file.unlink()
    (base / "lab.py").unlink()
    assert (out / "lab.py").read_text() == LAB
    assert make_plan(*load_study(str(out / "study.yaml"))).arms == first.arms
    for arm in first.arms:  # what a worker does first
        resolve_planned(out, first, arm, arm.fingerprint, machine_of(out))


def test_images_are_opened_once_though_the_file_is_named_often(machine: Machine, base: Path) -> None:
    first, again = (resolve(own_recipe(), machine, base).images.train_images for _ in range(2))
    assert first is again
    assert torch.equal(first, again)


@pytest.mark.parametrize(
    ("factor", "message"),
    [
        ("lab.py:Slwo", r"^factors: \S*lab.py: unknown attribute 'Slwo'; did you mean 'Slow'\?$"),
        (
            "lab.py:Darken",
            r"^factors: lab.py:Darken is no trick but of type type; write NAME = Trick\(name, ",
        ),
        ("lob.py:Slow", r"^factors: \S*lob.py: no such file$"),
        (
            "../lab.py:Slow",
            r"^factors: ../lab.py: a file of yours lies beside the study or recipe, or below$",
        ),
        ("nobody.home:Slow", r"^factors: no module 'nobody.home' is installed; install it, or name a file"),
        (
            {"trick": "lab.py:Loud", "set": {"optimizer.lr": 1.0}},
            r"loud depend on the recipe; they cannot be",
        ),
    ],
)
def test_what_is_not_there_is_one_clear_line(
    machine: Machine, base: Path, factor: object, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        plan(machine, base, factor)


FAULT = "    def __call__(self, x, draws):\n"


def test_own_code_that_fails_is_named_with_its_line(machine: Machine, base: Path) -> None:
    """By the plan's price, by the run's record, and once for all of its runs by the command line."""
    broken = LAB.replace(FAULT, f"{FAULT}        1 / 0\n")
    (base / "lab.py").write_text(broken)
    line = broken.splitlines().index("        1 / 0") + 1
    made = plan(machine, base, "lab.py:Dark")
    said = f"ZeroDivisionError: division by zero (lab.py, line {line})"
    with pytest.raises(InputError, match=f"^arm dark fails: {re.escape(said)}$"):
        calibrate(made, machine, base)
    out = base.parent / "out"
    (base / "mine.yaml").write_text(
        "name: own\nbaseline: digits_baseline\nset: {budget.epochs: 1, data.limit: 64}\n"
        "factors: ['lab.py:Dark']\nseeds: 3\nmargin: 30\n"
        f"machine: {{device: cpu, workers: 1, cache: {machine.cache}}}\n"
    )
    freeze(str(base / "mine.yaml"), out)
    records = run_phases(out, machine_of(out)).records.values()
    failed = [record for record in records if record.status == "failed"]
    assert {(record.arm, record.message) for record in failed} == {("dark", said)}
    assert complaints(records) == [f"{len(failed)} failed (dark): {said}"]
