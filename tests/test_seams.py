"""The seams order, loss, step, average and predict, each against what it is said to compute."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from trickbag.averaging import Ema, Swa
from trickbag.errors import InputError
from trickbag.losses import binary_cross_entropy
from trickbag.recipe import Machine, Recipe, apply, load_recipe
from trickbag.rng import Streams, images_of, numbered
from trickbag.train import Session, Watch, build_session, resolve, save_weights, train
from trickbag.train.evaluation import evaluated_network
from trickbag.train.feed import epoch_order, feed, training_batch
from trickbag.train.loop import loss_of, train_step
from trickbag.train.operations.batch import resized_side
from trickbag.train.resolve import check_company


def session(recipe: Recipe, machine: Machine) -> Session:
    return build_session(resolve(recipe, machine), 1, machine)


def run_steps(run: Session, count: int) -> None:
    run_steps_from(run, 0, count)


def run_steps_from(run: Session, first: int, count: int) -> None:
    """Steps of the first epoch."""
    run.model.train()
    for ids in epoch_order(run, 0)[first : first + count]:
        train_step(run, *feed(run, [(0, ids)]))
        run.step += 1


def test_copies_of_an_image_are_numbered_in_order() -> None:
    ids = torch.tensor([7, 3, 7, 7, 0, 3])
    named = numbered(ids)
    assert torch.equal(images_of(named), ids)
    assert (named >> 40).tolist() == [0, 0, 1, 2, 0, 1]


def test_repeated_augmentation(small: Recipe, machine: Machine) -> None:
    """Three copies side by side, with draws of their own; as many steps; the first copies draw as before."""
    plain = session(apply(small, {"sample.flip": {}}), machine)
    changed = session(
        apply(small, {"sample.flip": {}, "order.repeated_augmentation": {"repeats": 3}}), machine
    )
    before, after = epoch_order(plain, 0), epoch_order(changed, 0)
    assert before.shape == after.shape
    assert torch.equal(images_of(after).flatten()[::3], before.flatten()[: (before.numel() + 2) // 3])
    copies = after.flatten()[: after.numel() // 3 * 3].view(-1, 3)
    assert (images_of(copies) == images_of(copies[:, :1])).all()
    draws = Streams(1).images(0, copies.flatten()).uniform("flip").view(-1, 3)
    assert len(torch.unique(draws)) > 0.99 * draws.numel()
    batch = training_batch(changed, *feed(changed, [(0, after[0])]))
    assert torch.equal(batch.y, changed.store.labels[images_of(after[0])])


def test_binary_cross_entropy_is_torchs() -> None:
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    y = torch.tensor([0, 3, 1, 1, 2])
    expected = F.binary_cross_entropy_with_logits(logits, F.one_hot(y, 4).float()) * 4
    torch.testing.assert_close(binary_cross_entropy(logits, y), expected)
    torch.testing.assert_close(binary_cross_entropy(logits, F.one_hot(y, 4).float()), expected)


class TwoHeads(nn.Module):
    """Logits, and in training those of an auxiliary head."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.main, self.side = nn.Linear(inputs, classes), nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        x = x.flatten(1)
        return (self.main(x), self.side(x)) if self.training else self.main(x)


def two_heads(num_classes: int, in_channels: int = 1) -> nn.Module:
    """A model of one's own, for the tests."""
    return TwoHeads(in_channels * 64, num_classes)


def test_auxiliary_heads_add_their_weighted_loss(small: Recipe, machine: Machine, tmp_path) -> None:
    (tmp_path / "mine.py").write_text("from tests.test_seams import two_heads\n")
    patch = {"model.name": "mine.py:two_heads", "loss.auxiliary": {"weight": 0.3}, "loss.label_smoothing": {}}
    recipe = apply(small, patch)
    run = build_session(resolve(recipe, machine, tmp_path), 1, machine)
    batch = training_batch(run, *feed(run, [(0, epoch_order(run, 0)[0])]))
    logits, side = run.model(batch.x)
    losses = [F.cross_entropy(each, batch.y, label_smoothing=0.1) for each in (logits, side)]
    torch.testing.assert_close(loss_of(run, batch), losses[0] + 0.3 * losses[1])


def test_an_auxiliary_loss_needs_a_head(small: Recipe, machine: Machine) -> None:
    with pytest.raises(InputError, match="model resnet has no auxiliary head"):
        resolve(apply(small, {"loss.auxiliary": {}}), machine)


def test_accumulated_gradients_are_those_of_the_whole_batch(small: Recipe, machine: Machine) -> None:
    """On a network in evaluation mode, so that batch normalisation does not see the parts."""
    gradients = []
    for parts in (1, 3):  # 32 images in 3 unequal parts
        run = session(apply(small, {"step.accumulate": {"parts": parts}}), machine)
        run.model.eval()
        batch = training_batch(run, *feed(run, [(0, epoch_order(run, 0)[0])]))
        loss = run.update.backward(lambda b, run=run: loss_of(run, b), batch)
        gradients.append([loss, *(p.grad for p in run.model.parameters())])
    for whole, parted in zip(*gradients, strict=True):
        torch.testing.assert_close(whole, parted, rtol=1e-4, atol=1e-6)


def test_gradients_are_clipped_to_their_norm(small: Recipe, machine: Machine) -> None:
    """At momentum 0 and no decay, the step is lr times the clipped gradient: its norm is lr * max_norm."""
    patch = {"step.clip_norm": {"max_norm": 0.01}, "optimizer.name": "sgd", "optimizer.momentum": 0.0}
    run = session(apply(small, {**patch, "optimizer.weight_decay": 0.0}), machine)
    before = [p.detach().clone() for p in run.model.parameters()]
    run_steps(run, 1)
    moved = torch.cat(
        [(p.detach() - b).flatten() for p, b in zip(run.model.parameters(), before, strict=True)]
    )
    assert moved.norm().item() == pytest.approx(0.05 * 0.01, rel=1e-3)


def test_sam_takes_the_gradient_of_the_worst_point_nearby(small: Recipe, machine: Machine) -> None:
    """Foret et al. 2020, algorithm 1, by hand; weights and batch-norm statistics are those of the first pass."""
    run = session(apply(small, {"step.sam": {"rho": 0.1}}), machine)
    plain = session(small, machine)
    batch = training_batch(run, *feed(run, [(0, epoch_order(run, 0)[0])]))
    run.model.train()
    plain.model.train()
    loss = run.update.backward(lambda b: loss_of(run, b), batch)

    first = plain.update.backward(lambda b: loss_of(plain, b), batch)
    assert torch.equal(loss, first)
    parameters = list(plain.model.parameters())
    norm = torch.cat([p.grad.flatten() for p in parameters]).norm()
    statistics = [b.clone() for b in plain.model.buffers()]
    with torch.no_grad():
        for p in parameters:
            p.add_(0.1 * p.grad / norm)
            p.grad = None
    plain.update.backward(lambda b: loss_of(plain, b), batch)
    start = session(small, machine)
    for mine, theirs, before in zip(
        run.model.parameters(), parameters, start.model.parameters(), strict=True
    ):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-6)
        assert torch.equal(mine, before)
    assert all(torch.equal(a, b) for a, b in zip(run.model.buffers(), statistics, strict=True))


def test_sam_and_a_loss_scale_exclude_each_other() -> None:
    recipe = apply(load_recipe("digits_baseline"), {"step.sam": {}, "precision.dtype": "fp16"})
    with pytest.raises(InputError, match=r"step\.sam: its two passes cannot share a loss scale"):
        check_company(recipe)


def test_lookahead_steps_back_every_k_steps_and_at_the_end(small: Recipe, machine: Machine) -> None:
    """Zhang et al. 2019, algorithm 1, with plain SGD as the inner optimizer, which has no state of its own."""
    patch = {"optimizer.name": "sgd", "optimizer.momentum": 0.0, "optimizer.weight_decay": 0.0}
    ours = session(apply(small, {**patch, "step.lookahead": {"k": 5, "alpha": 0.25}}), machine)
    theirs = session(apply(small, patch), machine)
    slow = [p.detach().clone() for p in theirs.model.parameters()]
    for round_ in range(2):
        run_steps_from(ours, 5 * round_, 5)
        run_steps_from(theirs, 5 * round_, 5)
        with torch.no_grad():
            for s, p in zip(slow, theirs.model.parameters(), strict=True):
                s.add_(0.25 * (p - s))
                p.copy_(s)
        for mine, expected in zip(ours.model.parameters(), slow, strict=True):
            torch.testing.assert_close(mine.detach(), expected, rtol=1e-5, atol=1e-7)
    last = ours.resolved.total_steps - 1
    assert (last + 1) % 5  # not the end of a round of five
    before = [p.detach().clone() for p in ours.model.parameters()]
    with torch.no_grad():
        for p in ours.model.parameters():
            p.add_(1.0)
    ours.update.after[0](last)
    for mine, expected in zip(ours.model.parameters(), before, strict=True):
        torch.testing.assert_close(mine.detach(), expected + 0.25)


def test_ema_is_torchs_with_a_warmed_up_decay() -> None:
    model, generator = nn.Linear(3, 2), torch.Generator().manual_seed(0)
    average, expected = Ema(model, 0.9), copy.deepcopy(model)
    for step in range(200):
        with torch.no_grad():
            for p in model.parameters():
                p.add_(torch.randn(p.shape, generator=generator))
            decay = min(0.9, (1 + step) / (10 + step))
            for mine, live in zip(expected.parameters(), model.parameters(), strict=True):
                mine.copy_(decay * mine + (1 - decay) * live if step else live)
        average.update(model, step)
    for mine, theirs in zip(average.network([]).parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_swa_is_the_mean_of_the_cycle_ends_with_fresh_statistics() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    average, seen = Swa(model, start=4, every=3), []
    batches = [torch.randn(8, 3, generator=torch.Generator().manual_seed(i)) for i in range(3)]
    assert average.network(batches) is None
    for step in range(12):
        with torch.no_grad():
            model[0].weight.add_(1.0)
        average.update(model, step)
        if step in (6, 9):  # steps done: 7 and 10, which are 4 + 3 and 4 + 6
            seen.append(model[0].weight.detach().clone())
    network = average.network(batches)
    torch.testing.assert_close(network[0].weight, (seen[0] + seen[1]) / 2)
    inputs = torch.cat([network[0](x) for x in batches])
    torch.testing.assert_close(network[1].running_mean, inputs.mean(0))
    assert not network.training


@pytest.mark.parametrize("name", ["ema", "swa"])
def test_an_average_is_evaluated_kept_and_resumed(small: Recipe, machine: Machine, tmp_path, name) -> None:
    """Live weights and draws stay those of a run without it; a resumed run ends with the same bits."""
    recipe = apply(small, {f"average.{name}": {"start": "0st"} if name == "swa" else {"decay": 0.9}})
    plain, whole = session(small, machine), session(recipe, machine)
    ends = [train(run) for run in (plain, whole)]
    assert all(
        torch.equal(a, b)
        for a, b in zip(plain.model.state_dict().values(), whole.model.state_dict().values(), strict=True)
    )
    assert plain.rows[-1].loss == whole.rows[-1].loss
    network = evaluated_network(whole)
    assert network is not whole.model
    assert not torch.equal(next(network.parameters()), next(whole.model.parameters()))

    broken, file = session(recipe, machine), tmp_path / "checkpoint.pt"
    stop_at = broken.resolved.steps_per_epoch + 2
    assert train(broken, Watch(file, 0.0, stop=lambda: broken.step == stop_at)).status == "interrupted"
    again = session(recipe, machine)
    end = train(again, Watch(file))
    assert np.array_equal(end.validation.top1, ends[1].validation.top1)
    for a, b in zip(evaluated_network(again).parameters(), network.parameters(), strict=True):
        assert torch.equal(a, b)


def test_two_averages_are_refused(small: Recipe, machine: Machine) -> None:
    with pytest.raises(InputError, match="average: ema and swa exclude each other"):
        resolve(apply(small, {"average.ema": {}, "average.swa": {}}), machine)


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        (
            {"batch.mixup": {}, "batch.cutmix": {}},
            "batch: mixup and cutmix exclude each other; name one of them",
        ),
        (
            {"sample.augmix": {}, "sample.auto_augment": {}},
            "sample: augmix and auto_augment exclude each other",
        ),
        ({"loss.label_smoothing": {"smoothing": 0}}, r"smoothing: input should be greater than 0"),
        ({"step.lookahead": {"alpha": 0}}, r"alpha: input should be greater than 0"),
        (
            {"schedule.name": "step", "schedule.milestones": "1ep,2ep"},
            r"schedule.milestones: a list is expected, written \[1ep,2ep\], found '1ep,2ep'",
        ),
    ],
)
def test_what_excludes_each_other_or_does_nothing_is_refused(
    small: Recipe, machine: Machine, patch: dict, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        resolve(apply(small, patch), machine)


def test_an_average_that_never_begins_is_refused(small: Recipe, machine: Machine) -> None:
    with pytest.raises(InputError, match=r"average\.swa: from step .* nothing is averaged"):
        session(apply(small, {"average.swa": {"start": "100%"}}), machine)


def test_durations_stand_in_the_resolved_recipe_as_written(small: Recipe, machine: Machine) -> None:
    full = resolve(apply(small, {"average.swa": {"start": "50%"}}), machine).recipe
    assert full.plain()["average"] == {"swa": {"start": "50%", "every": None}}
    assert resolve(full, machine).recipe == full


def test_predictions_of_mirrored_and_enlarged_images(small: Recipe, machine: Machine) -> None:
    run = session(apply(small, {"predict.flip": {}, "predict.resize": {"scale": 1.5}}), machine)
    model, x = run.model.eval(), torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    large = F.interpolate(x, (12, 12), mode="bilinear", antialias=True)
    with torch.no_grad():
        expected = (model(large) + model(large.flip(3))) / 2
        torch.testing.assert_close(run.predict(model)(x), expected, rtol=1e-4, atol=1e-5)


def test_training_images_grow(small: Recipe, machine: Machine) -> None:
    """Half the side at first, all of it from four fifths on, in multiples of four; labels stay."""
    run = session(apply(small, {"budget.epochs": 10, "batch.progressive_resizing": {"multiple": 2}}), machine)
    ids, total = epoch_order(run, 0)[0], run.resolved.total_steps
    sides = []
    for step in (0, total // 2, round(0.8 * total), total - 1):
        run.step = step
        batch = run.batch[0](training_batch(run, *feed(run, [(0, ids)])))
        sides.append(batch.x.shape[-1])
        assert torch.equal(batch.y, run.store.labels[ids])
    assert sides == [4, 6, 8, 8]
    assert [resized_side(224, s, 32) for s in (0.5, 0.6, 1.0)] == [128, 128, 224]  # 112 / 32 = 3.5 -> 4


def test_images_too_small_for_a_network_are_refused(small: Recipe, machine: Machine) -> None:
    patch = {"model.name": "torchvision/vgg11", "data.limit": 400}
    with pytest.raises(InputError, match="model torchvision/vgg11: takes 3 channels"):
        resolve(apply(small, patch), machine)
    with pytest.raises(InputError, match="model timm/vgg11: cannot take images of 8x8 pixels: "):
        resolve(apply(small, {**patch, "model.name": "timm/vgg11"}), machine)


INCEPTION = {"model": {"name": "inception_v3", "stem": "small", "width": 0.05}}  # 7 pixels are its smallest


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({**INCEPTION, "batch.progressive_resizing": {"start": 0.5}}, "cannot take images of 4x4 pixels"),
        ({**INCEPTION, "predict.resize": {"scale": 0.5}}, "cannot take images of 4x4 pixels"),
        ({"batch.progressive_resizing": {"multiple": 0}}, r"batch.progressive_resizing.multiple: "),
        ({"step.accumulate": {"parts": 33}}, "step.accumulate.parts: 33 parts of a batch of 32 images"),
    ],
)
def test_what_would_end_a_run_is_refused_before_it(
    small: Recipe, machine: Machine, patch: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        resolve(apply(small, patch), machine)


DROPPING = """
from torch import nn


def dropping(context, model):
    model.set_submodule("flatten", nn.Sequential(nn.Flatten(), nn.Dropout(0.5)))
    return model
"""


def test_what_surgery_lets_draw_draws_from_the_runs_stream(small: Recipe, machine: Machine, tmp_path) -> None:
    """Dropout in a network that has none by itself: torch's global state makes no difference."""
    (tmp_path / "mine.py").write_text(DROPPING)
    recipe, losses = apply(small, {"surgery.mine.py:dropping": {}}), []
    for state in (1, 2):
        run = build_session(resolve(recipe, machine, tmp_path), 1, machine)
        torch.manual_seed(state)
        run_steps(run, 2)
        losses.append(run.loss_sum.item())
    assert losses[0] == losses[1]


def test_the_weights_that_are_kept_are_those_that_were_evaluated(
    small: Recipe, machine: Machine, tmp_path
) -> None:
    """In low precision too: batch-norm statistics of the average are estimated in the precision of the run."""
    patch = {"average.swa": {"start": "0st"}, "precision.dtype": "bf16", "budget.epochs": 1}
    run = session(apply(small, patch), machine)
    train(run)
    save_weights(tmp_path / "kept.safetensors", run)
    kept = load_file(tmp_path / "kept.safetensors")
    with run.autocast:
        evaluated = evaluated_network(run).state_dict()
    assert all(torch.equal(kept[name], value) for name, value in evaluated.items())


def test_weights_are_averaged_at_the_ends_of_epochs(small: Recipe, machine: Machine) -> None:
    """Three quarters of six epochs are four and a half: the mean is of the weights after the fifth and the sixth."""
    run = session(apply(small, {"budget.epochs": 6, "average.swa": {"start": "75%"}}), machine)
    seen = []
    watch = Watch(on_epoch=lambda row: seen.append(next(run.model.parameters()).detach().clone()))
    assert train(run, watch).status == "done"
    found = next(evaluated_network(run).parameters())
    torch.testing.assert_close(found, (seen[4] + seen[5]) / 2)


def test_a_step_of_sam_has_two_passes_with_the_same_draws(small: Recipe, machine: Machine) -> None:
    """Foret et al. 2020, equations 2 and 3, on a network with dropout; batch norm follows the first pass alone."""
    patch = {"optimizer.name": "sgd", "optimizer.momentum": 0.0, "optimizer.weight_decay": 0.0}
    patch |= {"model.dropout": 0.5, "step.sam": {"rho": 0.1}}
    run, other = (session(apply(small, patch), machine) for _ in range(2))
    run_steps(run, 1)
    model, batch = other.model.train(), training_batch(other, *feed(other, [(0, epoch_order(other, 0)[0])]))
    parameters = list(model.parameters())
    start = [p.detach().clone() for p in parameters]
    first = torch.autograd.grad(loss_of(other, batch), parameters)
    statistics = copy.deepcopy(dict(model.named_buffers()))
    norm = torch.cat([g.flatten() for g in first]).norm()
    with torch.no_grad():
        for p, g in zip(parameters, first, strict=True):
            p.add_(g, alpha=0.1 / norm.item())
    second = torch.autograd.grad(loss_of(other, batch), parameters)
    for p, w, g in zip(run.model.parameters(), start, second, strict=True):
        torch.testing.assert_close(p.detach(), w - other.lr(0) * g, rtol=1e-4, atol=1e-6)
    assert all(torch.equal(value, statistics[name]) for name, value in run.model.named_buffers())
