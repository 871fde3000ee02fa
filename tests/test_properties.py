"""One table of properties over the whole catalogue of tricks: a new trick adds a row, not a test.

`TRICKBAG_RECORD=1` in the environment writes the loss curves of tricks that have none yet.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

from trickbag.recipe import Machine, Recipe, Trick, apply, compose, diff, leaves, load_recipe, thaw
from trickbag.train import (
    CATALOGUE as ENTRIES,
)
from trickbag.train import (
    Session,
    build_session,
    load_checkpoint,
    resolve,
    save_checkpoint,
    save_weights,
)
from trickbag.train.feed import epoch_order, feed
from trickbag.train.loop import train_step
from trickbag.tricks import CATALOGUE, GROUPS

LOSSES = Path(__file__).parent / "golden" / "losses.json"
BASE = {
    "model.channels": [8, 16, 16],
    "budget.epochs": 8,
    "budget.batch_size": 16,
    "data.limit": 96,  # six steps an epoch
    "optimizer.weight_decay": 0.01,
}


@dataclass(frozen=True)
class Row:
    """Where a trick stands if not on the small bottleneck ResNet of the digits, and what it may move."""

    ground: dict[str, object] = field(default_factory=dict)  # changes of the baseline
    other_weights: bool = False  # its point is other initial weights
    same_start: bool = False  # the first steps are meant to be those of the baseline
    steps: int = 7  # of a resumed run; more where what the trick keeps shows later
    quick: bool = True  # to trace


INCEPTION = {"model.name": "inception_v3", "model.width": 0.0625, "model.stem": "small"}
ROWS: dict[str, Row] = {
    "zero_gamma": Row(other_weights=True),
    "long_schedule": Row(same_start=True),
    **dict.fromkeys(("warmup_stable_decay", "reduce_on_plateau", "constant_rate"), Row(same_start=True)),
    "lookahead": Row(same_start=True, steps=10),  # it moves the weights after five steps, and after ten
    "auxiliary_loss": Row(ground=INCEPTION, quick=False),
}


def row(name: str) -> Row:
    """The trick's row: most need nothing said."""
    return ROWS.get(name, Row())


def company(name: str) -> list[Trick]:
    """A trick with what it requires."""
    return [*(CATALOGUE[other] for other in CATALOGUE[name].card.requires), CATALOGUE[name]]


def ground_of(name: str) -> Recipe:
    """The baseline that a trick is switched on in."""
    return apply(apply(load_recipe("digits_baseline"), BASE), row(name).ground)


@pytest.fixture(scope="session")
def teacher(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of an untrained teacher."""
    path = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    recipe = apply(load_recipe("digits_baseline"), BASE)
    save_weights(path, build_session(resolve(recipe, machine), 2, machine))
    return path


def on(name: str, teacher: Path) -> Recipe:
    """The baseline with a trick on."""
    recipe = compose(ground_of(name), company(name))
    if "distillation" in recipe.loss:
        recipe = apply(recipe, {"loss.distillation.teacher": teacher.name})
    return recipe


def session(recipe: Recipe, machine: Machine, base: Path = Path()) -> Session:
    run = build_session(resolve(recipe, machine, base), 1, machine)
    run.model.train()
    return run


def advance(run: Session, steps: int) -> None:
    """Do the next steps."""
    per_epoch = run.resolved.steps_per_epoch
    for step in range(run.step, run.step + steps):
        epoch, position = divmod(step, per_epoch)
        train_step(run, *feed(run, [(epoch, epoch_order(run, epoch)[position])]))
        run.step += 1


def weights(run: Session) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in run.model.state_dict().items()}


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@cache
def plain(ground: str, machine: Machine) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Weights of a baseline before its first step and after two, before any trick was on in this process."""
    run = session(Recipe.model_validate_json(ground), machine)
    before = weights(run)
    advance(run, 2)
    return before, weights(run)


def evaluation_images(run: Session) -> Tensor:
    ids = run.resolved.validation_ids[:50]
    return torch.cat([run.store.normalise(x) for x, _ in run.store.evaluation_batches(ids, 20)])


@pytest.mark.parametrize("name", CATALOGUE)
def test_card_is_complete(name: str) -> None:
    card = CATALOGUE[name].card
    for text in (card.summary, card.follows, card.hurts, card.cost):
        assert text.endswith(".")
    for text in (card.summary, card.source, card.follows, card.hurts, card.cost, card.needs):
        assert "  " not in text
        assert "\n" not in text
    assert len(card.summary) > 60
    assert len(card.hurts) > 60
    assert any(character.isdigit() for character in card.source), "a year"
    assert card.claims
    assert {*card.requires, *card.conflicts} <= set(CATALOGUE)
    assert all(name in group for group in card.suggests)


@pytest.mark.parametrize("name", CATALOGUE)
def test_patch_is_plain_data_that_changes_something(name: str) -> None:
    ground = ground_of(name)
    patch = thaw(CATALOGUE[name].patch_on(compose(ground, company(name)[:-1])))
    assert json.loads(json.dumps(patch)) == patch
    changed = compose(ground, company(name))
    assert diff(ground, changed)
    assert Recipe.model_validate_json(changed.model_dump_json()) == changed


@pytest.mark.parametrize("name", CATALOGUE)
def test_only_its_own_streams_move(name: str, machine: Machine, teacher: Path) -> None:
    """Order, evaluation images and untouched initial weights stay; off again, the baseline has its very bits."""
    before, after = plain(ground_of(name).model_dump_json(), machine)
    baseline, changed = session(ground_of(name), machine), session(on(name, teacher), machine, teacher.parent)
    touched = {path.partition(".")[0] for path in diff(baseline.recipe, changed.recipe)}
    if not touched & {"order", "budget"}:
        assert all(torch.equal(epoch_order(baseline, e), epoch_order(changed, e)) for e in range(2))
    assert torch.equal(evaluation_images(baseline), evaluation_images(changed))
    if not row(name).other_weights:
        mine = weights(changed)
        shared = [key for key in before if key in mine and mine[key].shape == before[key].shape]
        assert shared
        assert all(torch.equal(before[key], mine[key]) for key in shared)
    advance(changed, 2)
    advance(baseline, 2)
    assert equal(weights(baseline), after)


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_resumed_run_has_the_same_bits(name: str, machine: Machine, teacher: Path, tmp_path: Path) -> None:
    recipe, file = on(name, teacher), tmp_path / "checkpoint.pt"
    whole, broken, again = (session(recipe, machine, teacher.parent) for _ in range(3))
    advance(whole, row(name).steps)
    advance(broken, 5)
    save_checkpoint(broken, file)
    load_checkpoint(again, file)
    advance(again, row(name).steps - 5)
    assert equal(weights(again), weights(whole))
    if whole.average:
        mine, theirs = (run.average.averaged.state_dict() for run in (again, whole) if run.average)
        assert equal(mine, theirs)


@pytest.mark.parametrize("name", CATALOGUE)
def test_low_precision_and_channels_last(name: str, machine: Machine, teacher: Path) -> None:
    patch = {"precision.channels_last": True, "budget.batch_size": 4}
    if name not in ("low_precision", "large_batch", "linear_scaling"):
        patch["precision.dtype"] = "bf16"
    recipe = on(name, teacher) if "precision.dtype" not in patch else apply(on(name, teacher), patch)
    run = session(recipe, machine, teacher.parent)
    advance(run, 1)
    assert torch.isfinite(run.loss_sum)
    assert all(p.isfinite().all() and p.dtype == torch.float32 for p in run.model.parameters())


def curve(run: Session, steps: int) -> list[float]:
    """The losses of the first steps in float64."""
    model = run.model.double()
    run.forward = lambda x: model(x.double())
    for tensor in run.update.state.values():
        tensor.data = tensor.data.double()
    if run.average:
        run.average.averaged.double()
    losses = []
    for _ in range(steps):
        before = run.loss_sum.item()
        run.loss_sum = run.loss_sum.double()
        advance(run, 1)
        losses.append(run.loss_sum.item() - before)
    return losses


@pytest.mark.parametrize("name", ["baseline", *CATALOGUE])
def test_loss_curve(name: str, machine: Machine, teacher: Path) -> None:
    """Five steps in float64, as they were when the trick was last checked by its own tests."""
    tricks = [] if name == "baseline" else [name]
    recipe = on(name, teacher) if tricks else ground_of(name)
    recipe = apply(recipe, {"precision.dtype": "fp32"})
    found, stored = curve(session(recipe, machine, teacher.parent), 5), json.loads(LOSSES.read_text())
    if os.environ.get("TRICKBAG_RECORD") and name not in stored:
        stored[name] = found
        LOSSES.write_text(json.dumps(dict(sorted(stored.items())), indent=1) + "\n")
    assert found == pytest.approx(stored[name], rel=1e-6)
    if tricks and name not in EVALUATION_ALONE and not row(name).same_start:
        assert found != pytest.approx(stored["baseline"], rel=1e-9)


EVALUATION_ALONE = {
    name
    for name in CATALOGUE
    if any(
        path.partition(".")[0] in ("average", "predict", "precision")
        for path, _ in leaves(thaw(CATALOGUE[name].patch_on(ground_of(name))))
    )
}


@pytest.mark.parametrize("name", [name for name in CATALOGUE if row(name).same_start])
def test_what_begins_as_the_baseline_differs_later(name: str, machine: Machine, teacher: Path) -> None:
    """In the rates of the steps to come, in how many they are, or in the weights after the fifth step."""
    baseline, changed = session(ground_of(name), machine), session(on(name, teacher), machine)
    total = baseline.resolved.total_steps
    rates = [[run.lr(step) for step in range(total)] for run in (baseline, changed)]
    if rates[0] == rates[1] and changed.resolved.total_steps == total:
        advance(baseline, 6)
        advance(changed, 6)
        assert not equal(weights(baseline), weights(changed))


def architecture_tricks() -> Sequence[str]:
    """Those that change the network."""
    return [
        name
        for name in CATALOGUE
        if any(
            path.startswith("model.")
            for path in diff(ground_of(name), compose(ground_of(name), company(name)))
        )
    ]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if row(n).quick else pytest.mark.slow) for n in architecture_tricks()]
)
def test_the_network_compiles_in_one_graph(name: str, machine: Machine, teacher: Path) -> None:
    """Traced whole and run by the eager backend: the same loss."""
    torch.compiler.reset()
    run, traced = (session(on(name, teacher), machine, teacher.parent) for _ in range(2))
    traced.forward = torch.compile(traced.model, backend="eager", fullgraph=True)
    advance(run, 1)
    advance(traced, 1)
    assert traced.loss_sum.item() == pytest.approx(run.loss_sum.item(), rel=1e-5)


def test_every_operation_belongs_to_a_trick(machine: Machine) -> None:
    """What can be switched on has a card: no operation, optimizer or schedule without one."""
    named = {
        path
        for name in CATALOGUE
        for path in [
            f"{a}.{b}"
            for a, b, *_ in (
                [*path.split("."), ""] for path, _ in leaves(compose(ground_of(name), company(name)).plain())
            )
        ]
    }
    basic = {
        "sample.random_resized_crop",
        "sample.pad_crop",
        "sample.flip",
        "sample.color_jitter",
        "sample.pca_lighting",
    }
    for seam in ("order", "sample", "batch", "loss", "step", "average", "predict"):
        assert {f"{seam}.{name}" for name in ENTRIES[seam]} - basic <= named
    for kind, default in (("optimizer", {"sgd", "nag"}), ("schedule", {"step", "step_every"})):
        used = {getattr(compose(ground_of(n), company(n)), kind).name for n in CATALOGUE}
        assert set(ENTRIES[kind]) - default <= used
    assert sum(map(len, GROUPS.values())) == len(CATALOGUE)  # no name stands in two groups
