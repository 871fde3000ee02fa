"""What VGG, Inception-V3 and MobileNet-V1 share: costs, both image sizes, dropout, width, signatures."""

import inspect
import json
import math
import typing
from pathlib import Path

import pytest
import timm
import torch
import torchvision.models as tv
from torch import nn

from trickbag.errors import InputError
from trickbag.models import MODELS, build_model, count_parameters, find_model
from trickbag.rng import Streams

GOLDEN = json.loads((Path(__file__).parent / "golden" / "models.json").read_text())
NETS = [f"vgg{depth}{bn}" for bn in ("", "_bn") for depth in (11, 13, 16, 19)] + [
    "inception_v3",
    "mobilenet_v1",
]
SMALL_NETS = ["vgg16", "vgg16_bn", "inception_v3", "mobilenet_v1"]
STREAMS = Streams(seed=1)
HEADS = {"inception_v3": {"auxiliary": True}}


def side(name: str) -> int:
    return 299 if name == "inception_v3" else 224


@pytest.mark.parametrize("name", NETS[:-1])
def test_cost_as_torchvision_states_it(name):
    """Its weights' cards give parameters (Inception-V3's with the auxiliary head) and multiply-adds."""
    card = tv.get_model_weights(name).DEFAULT.meta
    model = build_model(MODELS[name], HEADS.get(name, {}), 1000, 3, None)
    assert count_parameters(model) == card["num_params"]
    assert GOLDEN[name][str(side(name))]["multiply_adds"] / 1e9 == pytest.approx(card["_ops"], abs=0.001)


def test_cost_of_mobilenet_as_published():
    """Howard et al. 2017, table 4: 569 million multiply-adds, 4.2 million parameters; timm's exact count."""
    golden = GOLDEN["mobilenet_v1"]["224"]
    assert round(golden["multiply_adds"] / 1e6) == 569
    assert round(golden["parameters"] / 1e6, 1) == 4.2
    with torch.device("meta"):
        assert golden["parameters"] == count_parameters(timm.create_model("mobilenetv1_100"))


@pytest.mark.parametrize("name", SMALL_NETS)
@pytest.mark.parametrize("size", [8, 15, 32])
def test_small_images(name, size):
    """One channel, down to 8 pixels, odd sizes too: forward and backward reach every parameter."""
    args = {"stem": "small", "width": 0.125, **HEADS.get(name, {})}
    model = build_model(MODELS[name], args, 5, 1, STREAMS)
    answer = model(torch.randn(2, 1, size, size, generator=torch.Generator().manual_seed(0)))
    outputs = answer if isinstance(answer, tuple) else (answer,)
    assert [tuple(each.shape) for each in outputs] == [(2, 5)] * len(outputs)
    sum(each.square().sum() for each in outputs).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("name", SMALL_NETS)
def test_stems_begin_with_the_same_weights(name):
    """The forms differ in strides, padding and pooling alone (VGG's classifier sees other maps)."""
    big, small = (
        build_model(MODELS[name], {"stem": stem, "width": 0.125}, 5, 3, STREAMS).state_dict()
        for stem in ("imagenet", "small")
    )
    assert list(big) == list(small)
    other = [key for key in big if not torch.equal(big[key], small[key])]
    assert other == (["classifier.0.weight", "classifier.0.bias"] if name.startswith("vgg") else [])


@pytest.mark.parametrize("name", SMALL_NETS)
def test_dropout_is_absent_unless_asked_for(name):
    """Without it training draws nothing; with it the initial weights are the same, and torch's own layer drops."""
    args = {"stem": "small", "width": 0.125}
    plain, dropping = (build_model(MODELS[name], {**args, "dropout": p}, 5, 3, STREAMS) for p in (0.0, 0.5))
    x = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    state = torch.get_rng_state()
    plain(x)
    assert torch.equal(torch.get_rng_state(), state)
    assert (plain.draws, dropping.draws) == (False, True)
    assert not [layer for layer in plain.modules() if isinstance(layer, nn.Dropout)]
    rates = [layer.p for layer in dropping.modules() if isinstance(layer, nn.Dropout)]
    assert rates == [0.5] * (2 if name.startswith("vgg") else 1)
    after = dropping.state_dict()
    fresh = build_model(MODELS[name], args, 5, 3, STREAMS).state_dict()
    assert all(torch.equal(value, after[key]) for key, value in fresh.items())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert not torch.equal(dropping(x), dropping(x))
    assert torch.equal(dropping.eval()(x), dropping(x))


@pytest.mark.parametrize("name", SMALL_NETS)
def test_width_scales_every_channel_count(name):
    def channels(width):
        model = build_model(MODELS[name], {"width": width, **HEADS.get(name, {})}, 10, 3, None)
        return [layer.out_channels for layer in model.modules() if isinstance(layer, nn.Conv2d)]

    assert channels(0.5) == [count // 2 for count in channels(1.0)]
    assert channels(0.3) == [round(count * 0.3) for count in channels(1.0)]
    assert set(channels(0.001)) == {1}


@pytest.mark.parametrize("name", NETS)
def test_signatures_say_what_a_recipe_may_set(name):
    """Types are written out, every trick is off, and the usual form is the one for ImageNet."""
    factory = MODELS[name]
    parameters, hints = inspect.signature(factory).parameters, typing.get_type_hints(factory)
    assert factory.__name__ == name
    assert factory.__doc__
    assert list(parameters)[:2] == ["num_classes", "in_channels"]
    settable = dict(list(parameters.items())[2:])
    assert all(p.kind is p.KEYWORD_ONLY and key in hints for key, p in settable.items())
    assert {"width": 1.0, "stem": "imagenet", "dropout": 0.0, "init": "kaiming"}.items() <= {
        key: p.default for key, p in settable.items()
    }.items()
    assert all(p.default is False for key, p in settable.items() if hints[key] is bool)


@pytest.mark.parametrize("name", SMALL_NETS)
@pytest.mark.parametrize("init", ["kaiming", "xavier"])
def test_initial_weights(name, init):
    """Standard deviations as torch's documentation of the two rules states them; biases of convolutions 0."""
    model = build_model(MODELS[name], {"init": init, "stem": "small", "width": 0.5}, 10, 3, STREAMS)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            area = layer.weight[0, 0].numel()
            fan_out, fan_in = (count * area for count in layer.weight.shape[:2])
            std = math.sqrt(2 / fan_out) if init == "kaiming" else math.sqrt(2 / (fan_in + fan_out))
            spread = layer.weight.detach().double().std().item()
            assert spread == pytest.approx(std, rel=5 / math.sqrt(layer.weight.numel()))
            assert layer.bias is None or layer.bias.eq(0).all()


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("vgg16", {"width": 0.0}, "vgg: width must be a number above 0, found 0"),
        ("inception_v3", {"dropout": 1.0}, "inception_v3: dropout must be a rate from 0"),
        ("mobilenet_v1", {"width": -1.0}, "mobilenet_v1: width must be"),
        ("vgg16", {"auxiliary": True}, "unknown argument 'auxiliary'"),
        ("vgg16_bm", {}, "unknown model 'vgg16_bm'; did you mean 'vgg16_bn'"),
    ],
)
def test_wrong_input(name, args, message):
    with pytest.raises(InputError, match=message):
        build_model(find_model(name), args, 10, 3, None)
