"""One table of properties over all optimizers: groups, decay, checkpoints, changing rates."""

import copy
from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import nn

from trickbag.errors import InputError
from trickbag.models import MODELS
from trickbag.optim import DECAY, OPTIMIZERS, build_optimizer
from trickbag.recipe import Machine, Recipe, apply
from trickbag.train import resolve
from trickbag.tricks import CATALOGUE as TRICKS
from trickbag.tricks import GROUPS

NAMES = list(OPTIMIZERS)
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


FOREACH = ["rmsprop", "adam", "adamw", "adagrad", "adadelta", "lion", "adan"]


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


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"optimizer.momentum": 1.0}, "optimizer.momentum: input should be less than 1, found 1.0"),
        (
            {"optimizer.name": "adamw", "optimizer.betas": [0.9, 1.0]},
            "optimizer.betas.1: input should be less",
        ),
        ({"optimizer.name": "adamw", "optimizer.eps": 0}, "optimizer.eps: input should be greater than 0"),
        ({"optimizer.name": "muon", "optimizer.hidden": []}, "optimizer: unknown argument 'hidden'"),
        ({"optimizer.name": "adamv"}, "optimizer.name: unknown optimizer 'adamv'; did you mean 'adam"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(
    small: Recipe, machine: Machine, patch: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError) as error:
        resolve(apply(small, patch), machine)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", GROUPS["optimizers"])
def test_a_trick_says_what_its_decay_is_and_where_to_look(name: str) -> None:
    """In the words of the table that the tests hold against the optimizer; ranges are round the patch's values."""
    trick = TRICKS[name]
    assert not callable(trick.patch)
    assert trick.patch["optimizer.name"] == name
    words = {"l2": "L2", "decoupled": "decoupled", "layerwise": "added to the layer's"}
    assert words[DECAY[name]] in trick.card.follows
    assert not any(
        word in trick.card.follows for kind, word in words.items() if kind not in (DECAY[name], "l2")
    )
    assert all(0 < low < 1 < high for low, high in trick.space.values())
    assert {"optimizer.lr", "optimizer.weight_decay"} == trick.space.keys()
    if DECAY[name] == "decoupled":  # an SGD-sized value would be none
        assert trick.patch["optimizer.weight_decay"] >= 0.02
