"""Batch-norm statistics over groups of a batch, against torch's own batch norm on each group alone."""

import copy
from importlib import import_module

import pytest
import torch
from torch import Tensor, nn

from tests.world_ranks import recipe_of
from trickbag.errors import InputError
from trickbag.optim import statistics_kept
from trickbag.recipe import Machine
from trickbag.train import build_session, resolve
from trickbag.train.batch_norm import group_statistics, synchronise_statistics
from trickbag.train.feed import epoch_order, feed
from trickbag.train.loop import train_step
from trickbag.train.world import World


def layers() -> dict[str, nn.Module]:
    """Layers of torch and of timm, without momentum and without statistics of their own too."""
    timm = import_module("timm.layers")
    return {
        "torch": nn.BatchNorm2d(5),
        "timm": timm.BatchNormAct2d(5, act_layer=nn.SiLU),
        "cumulative": nn.BatchNorm2d(5, momentum=None),
        "no statistics": nn.BatchNorm2d(5, track_running_stats=False),
        "not affine": nn.BatchNorm2d(5, affine=False),
        "one dimension": nn.BatchNorm1d(5),
    }


def images(layer: nn.Module, seed: int) -> Tensor:
    """Twelve images, or rows for a layer of one dimension."""
    x = 3 + 2 * torch.randn(12, 5, 4, 3, generator=torch.Generator().manual_seed(seed))
    return x[..., 0, 0] if isinstance(layer, nn.BatchNorm1d) else x


@pytest.mark.parametrize("name", layers())
def test_groups_are_normalised_alone_and_counted_together(name: str) -> None:
    """Expected: torch's layer on each group; running statistics, the mean of what each group alone would leave."""
    plain = layers()[name]
    for value in plain.parameters():
        nn.init.normal_(value, generator=torch.Generator().manual_seed(7))
    grouped = copy.deepcopy(plain)
    group_statistics(grouped, groups=3)
    assert list(grouped.state_dict()) == list(plain.state_dict())
    for seed in range(3):
        x = images(plain, seed)
        copies = [copy.deepcopy(plain) for _ in range(3)]
        expected = torch.cat([one(part) for one, part in zip(copies, x.split(4), strict=True)])
        assert torch.equal(grouped(x), expected)
        for key, value in plain.named_buffers():
            ends = torch.stack([one.state_dict()[key] for one in copies])
            value.copy_(ends.float().mean(0))
            torch.testing.assert_close(grouped.state_dict()[key], value)
    x = images(plain, 9)
    torch.testing.assert_close(grouped.eval()(x), plain.eval()(x))
    assert copy.deepcopy(grouped).groups == 3  # type: ignore[attr-defined]


def test_statistics_that_are_kept_stay() -> None:
    layer = nn.BatchNorm2d(5)
    group_statistics(layer, groups=3)
    before = {key: value.clone() for key, value in layer.state_dict().items()}
    with statistics_kept(layer):
        layer(images(layer, 0))
    assert all(torch.equal(value, before[key]) for key, value in layer.state_dict().items())


def test_groups_compile_in_one_graph() -> None:
    torch.compiler.reset()
    plain = nn.Sequential(nn.Conv2d(5, 5, 1), layers()["timm"])
    group_statistics(plain, groups=3)
    traced = copy.deepcopy(plain)
    compiled = torch.compile(traced, backend="eager", fullgraph=True)
    for seed in range(2):
        torch.testing.assert_close(compiled(images(plain, seed)), plain(images(plain, seed)))
    assert all(torch.equal(value, plain.state_dict()[key]) for key, value in traced.state_dict().items())


def test_one_group_is_the_whole_batch(machine: Machine) -> None:
    """A recipe whose groups are as large as its batch trains like one without: the very bits."""
    weights = []
    for patch in ({}, {"budget.batch_norm_images": 24}, {"budget.batch_norm_images": 8}):
        run = build_session(resolve(recipe_of(patch), machine), 1, machine)
        run.model.train()
        for ids in epoch_order(run, 0)[:2]:
            train_step(run, *feed(run, [(0, ids)]))
            run.step += 1
        weights.append(run.model.state_dict())
    whole, same, other = weights
    assert all(torch.equal(whole[key], same[key]) for key in whole)
    assert not torch.equal(whole["bn1.running_var"], other["bn1.running_var"])


class Own(nn.BatchNorm2d):
    """A layer that normalises in a way of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.abs())


def test_a_layer_of_ones_own_is_not_synchronised_behind_ones_back() -> None:
    with pytest.raises(InputError, match=r"its layer 1 \(Own\) cannot be synchronised.*batch_norm_images"):
        synchronise_statistics(nn.Sequential(nn.ReLU(), Own(3)), World(0, 2), torch.device("cpu"))


def test_a_synchronised_layer_is_torchs_own_in_a_world_of_one() -> None:
    """Its statistics are then those of torch's layer, gradients included; in evaluation it is that layer."""
    for name, plain in layers().items():
        if name == "no statistics":
            continue
        synchronised = copy.deepcopy(plain)
        synchronise_statistics(synchronised, World(), torch.device("cpu"))
        mine, theirs = (images(plain, 1).requires_grad_() for _ in range(2))
        for x, layer in ((mine, synchronised), (theirs, plain)):
            layer(x).square().sum().backward()
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-4)
        for key, value in plain.state_dict().items():
            torch.testing.assert_close(synchronised.state_dict()[key], value)
        x = images(plain, 2)
        torch.testing.assert_close(synchronised.eval()(x), plain.eval()(x))
