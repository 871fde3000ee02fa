"""One table of properties over all optimizers: groups, decay, checkpoints, changing rates."""

import copy
from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import nn

from trickbag.models import MODELS
from trickbag.optim import OPTIMIZERS, build_optimizer

NAMES = [name for name in OPTIMIZERS if name != "kron"]  # compiles its parts: see test_optim_muon
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "resnet20": lambda: MODELS["resnet20"](10),
    "resnet50": lambda: MODELS["resnet50"](10, width=0.125),
    "vgg11_bn": lambda: torchvision.models.vgg11_bn(num_classes=10, init_weights=False),
    "vit": lambda: torchvision.models.VisionTransformer(32, 16, 2, 2, 8, 16, num_classes=3),
}


@pytest.fixture(scope="module", params=NETWORKS)
def network(request: pytest.FixtureRequest) -> nn.Module:
    """On the meta device: shapes alone matter here."""
    with torch.device("meta"):
        return NETWORKS[request.param]()


@pytest.mark.parametrize("decay", ["all", "weights"])
@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_in_exactly_one_group(network: nn.Module, name: str, decay: str) -> None:
    """And biases and norms (what is no matrix) have no weight decay where the recipe says so."""
    optimizer = build_optimizer(OPTIMIZERS[name], network, 0.1, weight_decay=0.25, decay=decay)
    ids = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(ids) == sorted(id(p) for p in network.parameters())
    for group in optimizer.param_groups:
        assert group["weight_decay"] in (0.0, 0.25)
        for p in group["params"]:
            if decay == "all":
                assert group["weight_decay"] == 0.25
            elif p.ndim < 2:
                assert group["weight_decay"] == 0
    filters = {id(p) for p in network.parameters() if p.ndim == 4}
    decayed = {id(p) for group in optimizer.param_groups for p in group["params"] if group["weight_decay"]}
    assert filters <= decayed


def advance(model: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> None:
    """Steps with the rate that the loop sets in each, on gradients that follow from the step."""
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        for group in optimizer.param_groups:
            group["lr"] = 0.01 / (step + 1)
        for p in model.parameters():
            p.grad = torch.randn(p.shape, generator=generator)
        optimizer.step()


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_state_continues_bit_for_bit(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Through a file read with weights_only, as a checkpoint is."""

    def build(model: nn.Module) -> torch.optim.Optimizer:
        return build_optimizer(OPTIMIZERS[name], model, 0.01, weight_decay=0.1, decay="weights")

    straight = MODELS["resnet20"](10, width=0.25)
    halted = copy.deepcopy(straight)
    advance(straight, build(straight), range(6))
    first = build(halted)
    advance(halted, first, range(3))
    path = tmp_path_factory.mktemp("state") / "optimizer.pt"
    torch.save(first.state_dict(), path)
    second = build(halted)
    second.load_state_dict(torch.load(path, weights_only=True))
    advance(halted, second, range(3, 6))
    assert all(torch.equal(p, q) for p, q in zip(straight.parameters(), halted.parameters(), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_moves_at_rate_zero(name: str) -> None:
    """The first step of a warmup; NAG and the others must take the rate from the group."""
    model = MODELS["resnet20"](10, width=0.25)
    before = copy.deepcopy(model.state_dict())
    optimizer = build_optimizer(OPTIMIZERS[name], model, 0.01, weight_decay=0.1)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


FOREACH = ["rmsprop", "adam", "adamw", "adagrad", "adadelta", "adamax", "lion", "adan"]


@pytest.mark.parametrize("name", FOREACH)
def test_foreach_gives_the_bits_of_the_loop(name: str) -> None:
    """Against the same optimizer, as torch and timm run it by default on a CPU."""
    ours = MODELS["resnet20"](10, width=0.25)
    theirs = copy.deepcopy(ours)
    many = build_optimizer(OPTIMIZERS[name], ours, 0.01, weight_decay=0.1)
    plain = build_optimizer(OPTIMIZERS[name], theirs, 0.01, weight_decay=0.1)
    for group in plain.param_groups:
        assert group["foreach"] is True
        group["foreach"] = False
    advance(ours, many, range(6))
    advance(theirs, plain, range(6))
    assert all(torch.equal(p, q) for p, q in zip(ours.parameters(), theirs.parameters(), strict=True))
