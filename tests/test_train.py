"""The loop against a hand-written one; what a trick may and may not move; resuming; divergence."""

import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from tests.world_ranks import stopped_evaluating
from trickbag.errors import InputError
from trickbag.recipe import Machine, Recipe, apply
from trickbag.rng import Streams
from trickbag.train import Session, Watch, build_session, resolve, train
from trickbag.train.feed import epoch_order, feed
from trickbag.train.loop import train_step

SHIFTED = re.compile(r"downsample\.(\d)")


def session(recipe: Recipe, machine: Machine, seed: int = 1) -> Session:
    return build_session(resolve(recipe, machine), seed, machine)


def weights(run: Session) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in run.model.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def run_steps(run: Session, count: int) -> None:
    run.model.train()
    epoch = 0
    while run.step < count:
        for ids in epoch_order(run, epoch)[: count - run.step]:
            train_step(run, *feed(run, [(epoch, ids)]))
            run.step += 1
        epoch += 1


def test_baseline_is_bit_identical_to_a_plain_loop(small: Recipe, machine: Machine) -> None:
    """A loop written with torch alone: same initial weights and order, 50 steps, the very same bits."""
    recipe = apply(small, {"budget.epochs": 8})
    ours = session(recipe, machine)
    plain = session(recipe, machine).model  # the same initial weights, trained by hand below

    images, labels = ours.resolved.images.train_images, ours.resolved.images.train_labels
    train_ids = ours.resolved.train_ids
    pixels = images[train_ids].double()
    mean = pixels.mean((0, 2, 3), keepdim=True).float()
    sd = pixels.std((0, 2, 3), correction=0, keepdim=True).float()
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4, nesterov=True)
    total = 8 * (len(train_ids) // 32)
    step = 0
    for epoch in range(8):
        order = Streams(1).numpy("order", epoch).permutation(len(train_ids))
        for start in range(0, len(train_ids) - 31, 32):
            if step == 50:
                break
            ids = train_ids[torch.from_numpy(order[start : start + 32])]
            x = (images[ids].float() - mean) / sd
            milestones = sum(step >= round(share * total / 100) for share in (25, 50, 75))
            for group in optimizer.param_groups:
                group["lr"] = 0.05 * 0.1**milestones
            loss = F.cross_entropy(plain(x), labels[ids])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            step += 1

    run_steps(ours, 50)
    assert step == 50
    assert same(weights(ours), dict(plain.state_dict()))


@pytest.mark.parametrize(
    ("patch", "same_weights"),
    [
        ({"batch.mixup": {"alpha": 0.2}}, True),
        ({"loss.label_smoothing": {"smoothing": 0.1}}, True),
        ({"schedule.name": "cosine"}, True),
        ({"optimizer.decay": "weights"}, True),
        ({"sample.flip": {"p": 0.5}}, True),
        ({"precision.dtype": "bf16"}, True),
        ({"model.avg_down": True}, True),
        ({"model.stride_in_3x3": True}, True),
        ({"model.zero_gamma": True}, False),  # its point is another initial gamma
    ],
)
def test_a_trick_moves_only_its_own_stream(
    small: Recipe, machine: Machine, patch: dict[str, object], same_weights: bool
) -> None:
    """Data order always equal; initial weights equal wherever the trick is not about them; training differs."""
    plain, changed = session(small, machine), session(apply(small, patch), machine)
    assert all(torch.equal(epoch_order(plain, e), epoch_order(changed, e)) for e in range(2))
    before = weights(changed)
    if "model.avg_down" in patch:  # its pooling stands first in the shortcut, and has no weights
        before = {SHIFTED.sub(lambda m: f"downsample.{int(m[1]) - 1}", name): w for name, w in before.items()}
    assert same(weights(plain), before) == same_weights
    run_steps(plain, 12)
    run_steps(changed, 12)
    assert not torch.equal(next(plain.model.parameters()), next(changed.model.parameters()))


def test_a_changed_stem_leaves_the_other_initial_weights(small: Recipe, machine: Machine) -> None:
    plain = weights(session(small, machine))
    deep = weights(session(apply(small, {"model.deep_stem": True}), machine))
    shared = [name for name in plain if name in deep and not name.startswith("conv1")]
    assert len(shared) > 20
    assert all(torch.equal(plain[name], deep[name]) for name in shared)


def test_a_replica_is_an_independent_repeat(small: Recipe, machine: Machine) -> None:
    """An A/A arm: same seed, other weights and order; and the same seed twice is the same run."""
    a, b, again = (session(apply(small, {"replica": r}), machine) for r in (0, 1, 0))
    assert not same(weights(a), weights(b))
    assert same(weights(a), weights(again))
    assert not torch.equal(epoch_order(a, 0), epoch_order(b, 0))


def test_resumed_run_is_bit_identical(small: Recipe, machine: Machine, tmp_path: Path) -> None:
    """Stopped after every 7 steps and continued in a fresh session each time."""
    recipe = apply(
        small, {"batch.mixup": {"alpha": 0.2}, "sample.flip": {"p": 0.5}, "budget.evaluate": "every_epoch"}
    )
    straight = session(recipe, machine)
    whole = train(straight)
    status, resumes = "interrupted", -1
    while status == "interrupted":
        piece = session(recipe, machine)
        stop_at = (resumes + 2) * 7
        outcome = train(
            piece, Watch(checkpoint=tmp_path / "c.pt", stop=lambda at=stop_at, p=piece: p.step >= at)
        )
        status, resumes = outcome.status, resumes + 1
    assert resumes >= 2
    assert same(weights(straight), weights(piece))
    assert [row.model_dump(exclude={"images_per_second", "waiting"}) for row in straight.rows] == [
        row.model_dump(exclude={"images_per_second", "waiting"}) for row in piece.rows
    ]
    assert whole.validation is not None
    assert outcome.validation is not None
    assert (whole.validation.top1 == outcome.validation.top1).all()
    assert piece.resumed == resumes
    assert (
        piece.clock.train_steps + resumes + 1 == straight.clock.train_steps + 1
    )  # a first step each is start-up


def test_a_run_that_is_stopped_while_it_evaluates_loses_nothing(tmp_path: Path) -> None:
    """In an average's pass for its statistics, among validation and among test images: no step is done twice."""
    found = stopped_evaluating(tmp_path)
    assert found["statuses"] == [*[("interrupted", step) for step in (10, 10, 20)], ("done", 20)]
    assert found["steps"] == list(range(1, 21))
    assert found["whole"].keys() == found["pieces"].keys()
    assert all(torch.equal(value, found["pieces"][name]) for name, value in found["whole"].items())


def test_every_evaluation_image_once(small: Recipe, machine: Machine) -> None:
    run = session(small, machine)
    outcome = train(run)
    assert outcome.validation is not None
    assert outcome.test is not None
    assert outcome.validation.ids.tolist() == run.resolved.validation_ids.tolist()
    assert len(outcome.test.ids) == len(run.resolved.images.test_labels)
    images = run.store.normalise(run.store.batch(run.resolved.validation_ids)[0])
    with torch.inference_mode():
        guesses = run.model(images).argmax(1)
    expected = (guesses == run.resolved.images.train_labels[run.resolved.validation_ids]).numpy()
    assert (outcome.validation.top1 == expected).all()
    assert (outcome.validation.top5 >= outcome.validation.top1).all()


def test_divergence_is_an_outcome(small: Recipe, machine: Machine) -> None:
    run = session(apply(small, {"optimizer.lr": 1e18}), machine)
    outcome = train(run)
    assert outcome.status == "diverged"
    assert outcome.validation is None
    assert run.rows[-1].loss is None


def test_a_checkpoint_of_another_run_is_refused(small: Recipe, machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    first = session(small, machine)
    train(first, Watch(checkpoint=path, stop=lambda: first.step >= 3))
    with pytest.raises(InputError, match="another run"):
        train(session(small, machine, seed=2), Watch(checkpoint=path))
    path.write_bytes(b"torn")
    with pytest.raises(InputError, match="damaged checkpoint"):
        train(session(small, machine), Watch(checkpoint=path))


def test_checkpoints_come_in_time_however_short_the_epochs(
    small: Recipe, machine: Machine, tmp_path: Path
) -> None:
    """Epochs of a few hundredths of a second, a checkpoint every tenth: one is there before the end."""
    run, path = session(apply(small, {"budget.epochs": 40}), machine), tmp_path / "c.pt"
    seen = []
    train(
        run, Watch(checkpoint=path, checkpoint_seconds=0.1, on_epoch=lambda row: seen.append(path.exists()))
    )
    assert any(seen)


def test_dropout_draws_from_a_stream_of_its_own(small: Recipe, machine: Machine, tmp_path: Path) -> None:
    """A network of the user's own with dropout: the same run twice, whatever was drawn before; replicas differ."""
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\ndef net(num_classes: int, in_channels: int = 3) -> nn.Module:\n"
        "    return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64 * in_channels, num_classes))\n"
    )
    sums = []
    for replica in (0, 0, 1):
        torch.rand(3)
        recipe = apply(small, {"model.name": "net.py:net", "replica": replica})
        run = build_session(resolve(recipe, machine, tmp_path), 1, machine)
        run_steps(run, 5)
        sums.append(run.loss_sum.item())
    assert sums[0] == sums[1] != sums[2]


def test_off_means_absent(small: Recipe, machine: Machine) -> None:
    """The baseline holds no operation at all, and draws nothing but its order."""
    run = session(small, machine)
    assert not run.sample
    assert not run.batch
    assert run.scaler is None
    state = torch.get_rng_state()
    run_steps(run, 3)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("patch", [{"precision.dtype": "bf16"}, {"precision.channels_last": True}])
def test_precision_and_layout_train(small: Recipe, machine: Machine, patch: dict[str, object]) -> None:
    """Learning still happens: far above the 10 % of guessing."""
    outcome = train(session(apply(small, {**patch, "budget.epochs": 6}), machine))
    assert outcome.validation is not None
    assert outcome.validation.accuracy(1) > 60


@pytest.mark.slow
def test_compiled_network_learns_the_same(small: Recipe, machine: Machine) -> None:
    """torch.compile may round differently, but a few steps stay close to the plain network's."""
    plain, compiled = session(small, machine), session(apply(small, {"precision.compile": True}), machine)
    run_steps(plain, 5)
    run_steps(compiled, 5)
    for name, tensor in weights(plain).items():
        torch.testing.assert_close(weights(compiled)[name], tensor, rtol=1e-3, atol=1e-4)
    assert train(compiled).validation is not None


def test_operations_run_in_the_order_of_their_ranks(small: Recipe, machine: Machine) -> None:
    """Whatever the order in the recipe: the crop before the flip; smoothing inside distillation's hard loss."""
    forwards = {"sample.flip": {"p": 1.0}, "sample.pad_crop": {"padding": 1}}
    backwards = dict(reversed(forwards.items()))
    kinds = [
        [type(operation).__name__ for operation in session(apply(small, patch), machine).sample]
        for patch in (forwards, backwards)
    ]
    assert kinds == [["PadCrop", "Flip"]] * 2
