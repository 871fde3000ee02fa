"""The VGG nets against torchvision's with the same weights."""

import math

import pytest
import torch
import torchvision.models as tv
from torch import nn
from torch.nn import functional

from trickbag.models import MODELS, build_model, count_parameters

NAMES = [f"vgg{depth}{bn}" for bn in ("", "_bn") for depth in (11, 13, 16, 19)]


def filled(state: dict[str, torch.Tensor], seed: int) -> dict[str, torch.Tensor]:
    """Other than default numbers of those shapes, in the size of a trained net's."""
    generator, values = torch.Generator().manual_seed(seed), {}
    for name, like in state.items():
        if not like.is_floating_point():
            values[name] = torch.zeros(like.shape, dtype=like.dtype)
        elif like.ndim == 1:
            values[name] = torch.empty(like.shape).uniform_(0.5, 1.5, generator=generator)
        else:
            scale = math.sqrt(2 / like[0].numel())
            values[name] = torch.empty(like.shape).uniform_(-scale, scale, generator=generator)
    return values


@pytest.fixture(scope="module")
def classifier():
    """Weights of the classifier, which all have: 119 million numbers, drawn once."""
    with torch.device("meta"):
        reference = tv.vgg11(num_classes=7)
    return filled({f"classifier.{k}": v for k, v in reference.classifier.state_dict().items()}, 1)


@pytest.mark.parametrize("name", NAMES)
def test_same_function_as_torchvisions(name, classifier):
    """Weights by name; outputs and running statistics agree to 1e-5, in evaluation and in training."""
    with torch.device("meta"):
        reference, ours = tv.get_model(name, num_classes=7, dropout=0.0), MODELS[name](7)
    state = filled(reference.features.state_dict(), 2)
    for model in (reference, ours):
        mine = {f"features.{key}": value.clone() for key, value in state.items()}
        model.load_state_dict(mine | classifier, assign=True)
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    for training in (False, True):
        with torch.no_grad():
            expected = reference.train(training)(x)
            torch.testing.assert_close(ours.train(training)(x), expected, rtol=1e-5, atol=1e-5)
    for key, value in reference.features.state_dict().items():
        torch.testing.assert_close(ours.features.state_dict()[key], value, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "maps"), [(32, [16, 8, 4, 2, 1]), (8, [4, 2, 2, 2, 1]), (15, [8, 4, 2, 2, 1]), (1, [1] * 5)]
)
def test_poolings_of_the_small_form_round_up_and_stop_at_two_pixels(size, maps):
    model, seen = MODELS["vgg11"](10, stem="small", width=0.125), []
    x = torch.zeros(1, 3, size, size)
    for layer in model.features:
        x = layer(x)
        if isinstance(layer, nn.MaxPool2d):
            seen.append(x.shape[-1])
    assert seen == maps


def test_poolings_that_pool_are_torchs():
    x = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    pool = next(
        m for m in MODELS["vgg11"](10, stem="small", width=0.1).modules() if isinstance(m, nn.MaxPool2d)
    )
    assert torch.equal(pool(x), functional.max_pool2d(x, 2, ceil_mode=True))
    assert torch.equal(pool(x[:, :, :2]), x[:, :, :2])


@pytest.mark.parametrize(
    ("head", "stem", "count"),
    [
        ("global_pool", "small", 512 * 10 + 10),
        ("global_pool", "imagenet", 512 * 10 + 10),
        ("classifier", "small", (512 + 1) * 4096 + 4097 * 4096 + 4097 * 10),
        ("classifier", "imagenet", (512 * 49 + 1) * 4096 + 4097 * 4096 + 4097 * 10),
    ],
)
def test_heads_by_hand(head, stem, count):
    """Weights and biases of the linear layers, on 13 convolutions of VGG-16 (column D) with normalisation."""
    convs = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256)]
    convs += [(256, 512)] + [(512, 512)] * 5
    features = sum(9 * before * after + after + 2 * after for before, after in convs)
    model = build_model(MODELS["vgg16_bn"], {"head": head, "stem": stem}, 10, 3, None)
    assert count_parameters(model) == features + count
    assert model(torch.empty(2, 3, 32, 32, device="meta")).shape == (2, 10)
