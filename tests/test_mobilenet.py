"""MobileNet-V1 against timm's with the same weights, and its activations against torch's functions."""

import math

import pytest
import timm
import torch
from torch import nn
from torch.nn import functional

from trickbag.models import MODELS
from trickbag.models.mobilenet import ACTIVATIONS


@pytest.mark.parametrize("size", [64, 75])
@pytest.mark.parametrize("activation", ["relu6", "relu"])
def test_same_function_as_timms(size, activation):
    """timm's own net has relu6, and takes others; to 1e-5, in evaluation and in training."""
    reference = timm.create_model("mobilenetv1_100", num_classes=7, act_layer=activation)
    generator = torch.Generator().manual_seed(0)
    for values in reference.state_dict().values():
        if values.is_floating_point() and values.ndim == 1:
            values.uniform_(0.5, 1.5, generator=generator)
        elif values.ndim > 1:
            scale = math.sqrt(3 / values[0].numel())
            values.uniform_(-scale, scale, generator=generator)
    ours = MODELS["mobilenet_v1"](7, activation=activation)
    ours.load_state_dict(reference.state_dict())
    x = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    for training in (False, True):
        with torch.no_grad():
            expected = reference.train(training)(x)
            torch.testing.assert_close(ours.train(training)(x), expected, rtol=1e-5, atol=1e-5)
    for key, value in reference.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[key], value, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_torchs(name):
    """One of them after every convolution, and no other."""
    model = MODELS["mobilenet_v1"](10, activation=name, width=0.1)
    layers = [layer for layer in model.modules() if type(layer).__module__.endswith("activation")]
    convs = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    x = torch.linspace(-8, 8, 101)
    assert len(layers) == len(convs) == 27
    assert all(torch.equal(layer(x), getattr(functional, name)(x)) for layer in layers)


def test_small_stem_keeps_the_size():
    """The last maps of a 32x32 image have 2x2 pixels: the four stages of stride 2 alone remain."""
    for stem, side in (("imagenet", 1), ("small", 2)):
        model = MODELS["mobilenet_v1"](10, stem=stem, width=0.1)
        x = torch.zeros(2, 3, 32, 32)
        for name in ("conv_stem", "bn1", "act1", "blocks"):
            x = model.get_submodule(name)(x)
        assert x.shape[-1] == side
