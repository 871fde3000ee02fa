"""What the networks cost: against timm, torchvision and their papers, and every one of them golden."""

import json
from pathlib import Path

import pytest
import timm
import torch
import torchvision.models as tv
from torch import nn

from trickbag.models import MODELS, build_model, count_parameters, find_model, multiply_adds

GOLDEN = json.loads((Path(__file__).parent / "golden" / "models.json").read_text(encoding="utf-8"))
TIMM = {  # ours, its arguments: timm's name
    ("seresnet50", ""): "seresnet50",
    ("ecaresnet50d", ""): "ecaresnet50d",
    ("skresnet18", ""): "skresnet18",
    ("skresnet50", ""): "skresnet50",
    ("resnext50_32x4d", ""): "resnext50_32x4d",
    ("resnext50_32x4d", "se"): "seresnext50_32x4d",
    ("wide_resnet50_2", ""): "wide_resnet50_2",
    ("resnet_rs50", ""): "resnetrs50",
    ("preact_resnet18", ""): "resnetv2_18",
    ("preact_resnet50", ""): "resnetv2_50",
}


def shapes(model: nn.Module) -> list[tuple[int, ...]]:
    """Of all parameters, but for dimensions of size 1: timm's pre-activation nets classify by a convolution."""
    return [tuple(n for n in p.shape if n > 1) for p in model.parameters()]


@pytest.mark.parametrize(("name", "attention"), TIMM)
def test_cost_of_timms_twin(name: str, attention: str) -> None:
    """The shapes of all parameters, and the multiply-adds of timm's net under the same counter."""
    args = {"attention": attention} if attention else {}
    ours = build_model(MODELS[name], args, 1000, 3, None)
    with torch.device("meta"):
        theirs = timm.create_model(TIMM[name, attention])
    assert sorted(shapes(ours)) == sorted(shapes(theirs))
    assert count_parameters(ours) == count_parameters(theirs)
    assert multiply_adds(ours, (1, 3, 224, 224)) == multiply_adds(theirs, (1, 3, 224, 224))


@pytest.mark.parametrize("name", ["resnext50_32x4d", "wide_resnet50_2"])
def test_cost_as_torchvision_states_it(name: str) -> None:
    """The cards of torchvision's weights."""
    card = tv.get_model_weights(name).DEFAULT.meta
    model = build_model(MODELS[name], {}, 1000, 3, None)
    assert count_parameters(model) == card["num_params"]
    assert multiply_adds(model, (1, 3, 224, 224)) / 1e9 == pytest.approx(card["_ops"], abs=0.001)


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("resnext29_8x64d", 34.4),  # Xie et al. 2017, table 7
        ("wide_resnet16_8", 11.0),  # Zagoruyko and Komodakis 2016, tables 4 and 5
        ("wide_resnet28_10", 36.5),
    ],
)
def test_published_parameters_of_cifar_nets(name: str, millions: float) -> None:
    model = build_model(MODELS[name], {}, 10, 3, None)
    assert count_parameters(model) / 1e6 == pytest.approx(millions, abs=0.05)


def test_every_model_is_golden_in_both_sizes() -> None:
    assert set(GOLDEN) == set(MODELS) - {"resnet"}, "tests/golden/models.json has a row for each model"
    assert all({"224", "32"} <= set(sizes) for sizes in GOLDEN.values())


@pytest.mark.parametrize("name", GOLDEN)
def test_cost_is_golden(name: str) -> None:
    """A change of what a network is shows here. 1,000 classes at 224 pixels, 10 at 32; RGB; image size: row.

    Written by this program; the tests above and those of each family hold the numbers against others'. A row
    for a new network begins with its arguments and zeros: the failure shows the numbers.
    """
    for size, row in GOLDEN[name].items():
        model = build_model(find_model(name), row["arguments"], 10 if size == "32" else 1000, 3, None)
        assert {
            "arguments": row["arguments"],
            "parameters": count_parameters(model),
            "multiply_adds": multiply_adds(model, (1, 3, int(size), int(size))),
        } == row
