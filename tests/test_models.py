"""The ResNets against torchvision's and timm's with the same weights; published costs; initial weights."""

import inspect
import math
import re
import typing

import numpy as np
import pytest
import timm
import torch
import torchvision.models as tv
from random_weights import randomised
from torch import nn

from trickbag.errors import InputError
from trickbag.models import MODELS, build_model, count_parameters, find_model, initialise, multiply_adds
from trickbag.models.resnet import Residual
from trickbag.rng import Streams

B = {"stride_in_3x3": True}
C = {**B, "deep_stem": True}
D = {**C, "avg_down": True}
STREAMS = Streams(seed=1)


@pytest.mark.parametrize(
    ("name", "args", "theirs"),
    [
        ("resnet18", {}, lambda: tv.resnet18(num_classes=7)),
        ("resnet34", {}, lambda: tv.resnet34(num_classes=7)),
        ("resnet50", B, lambda: tv.resnet50(num_classes=7)),
        (
            "resnet18",
            {"deep_stem": True, "avg_down": True},
            lambda: timm.create_model("resnet18d", num_classes=7),
        ),
        ("resnet50", C, lambda: timm.create_model("resnet50c", num_classes=7)),
        ("resnet50", D, lambda: timm.create_model("resnet50d", num_classes=7)),
    ],
    ids=["tv-resnet18", "tv-resnet34", "tv-resnet50", "timm-resnet18d", "timm-resnet50c", "timm-resnet50d"],
)
def test_same_function_as_theirs(name, args, theirs):
    """Weights are exchanged by name; outputs and running statistics agree, in evaluation and in training."""
    reference = randomised(theirs())
    with torch.device("meta"):
        ours = MODELS[name](7, **args)
    copied = {key: value.clone() for key, value in reference.state_dict().items()}
    ours.load_state_dict(copied, assign=True)
    for size in (64, 43):  # an odd size tells ceil from floor in the pooled shortcut
        x = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
        for training in (False, True):
            with torch.no_grad():
                torch.testing.assert_close(
                    ours.train(training)(x), reference.train(training)(x), rtol=1e-5, atol=1e-5
                )
    for name, values in reference.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("args", "giga"), [({}, 3.86), (B, 4.09), (C, 4.33), (D, 4.33)])
def test_cost_of_the_tweaks(args, giga):
    """He et al. 2018, table 5: 25 M parameters; 3.8, 4.1, 4.3 and 4.3 G, here with one more decimal."""
    model = build_model(MODELS["resnet50"], args, 1000, 3, None)
    assert multiply_adds(model, (1, 3, 224, 224)) / 1e9 == pytest.approx(giga, abs=0.02)
    assert count_parameters(model) / 1e6 == pytest.approx(25, abs=0.6)


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
def test_cost_as_torchvision_states_it(depth):
    """Its weights' cards give the parameters exactly and the multiply-adds of its own nets, which have B."""
    card = tv.get_model_weights(f"resnet{depth}").DEFAULT.meta
    model = build_model(MODELS[f"resnet{depth}"], B if depth >= 50 else {}, 1000, 3, None)
    assert count_parameters(model) == card["num_params"]
    assert multiply_adds(model, (2, 3, 224, 224)) / 2e9 == pytest.approx(card["_ops"], abs=0.001)


@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)])
def test_cifar_parameters(depth, millions):
    """He et al. 2015, table 6, where shortcuts have none: our two projections come on top."""
    projections = (16 * 32 + 2 * 32) + (32 * 64 + 2 * 64)
    count = count_parameters(build_model(MODELS[f"resnet{depth}"], {}, 10, 3, None)) - projections
    assert count / 1e6 == pytest.approx(millions, abs=0.0051 if depth < 110 else 0.051)


def test_resnet20_layer_by_layer():
    """Every parameter and multiply-add of ResNet-20 at 32 x 32, summed by hand."""
    conv = [(3, 16, 9, 32)] + [(16, 16, 9, 32)] * 6
    conv += [(16, 32, 9, 16), (16, 32, 1, 16)] + [(32, 32, 9, 16)] * 5
    conv += [(32, 64, 9, 8), (32, 64, 1, 8)] + [(64, 64, 9, 8)] * 5
    parameters = sum(i * o * area + 2 * o for i, o, area, _ in conv) + 64 * 10 + 10
    model = build_model(MODELS["resnet20"], {}, 10, 3, None)
    assert count_parameters(model) == parameters
    assert multiply_adds(model, (1, 3, 32, 32)) == sum(i * o * area * n * n for i, o, area, n in conv) + 640


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnet20"])
@pytest.mark.parametrize("size", [8, 32, 97])
def test_input_sizes(name, size):
    """All tweaks, one channel, small to odd: forward and backward are finite and reach every parameter."""
    tweaks = {"deep_stem": True, "avg_down": True, "width": 0.25, **(B if name == "resnet50" else {})}
    model = build_model(MODELS[name], tweaks, 5, 1, STREAMS)
    outputs = model(torch.randn(2, 1, size, size, generator=torch.Generator().manual_seed(0)))
    assert outputs.shape == (2, 5)
    outputs.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_stems():
    """Sizes and channels before the first stage; C keeps the ratio of channels in the small stem."""

    def stem(name, **args):
        model = build_model(MODELS[name], args, 10, 3, STREAMS)
        convs = [layer for layer in model.conv1.modules() if isinstance(layer, nn.Conv2d)]
        before = nn.Sequential(*list(model.children())[: list(model._modules).index("layer1")])
        size = before(torch.zeros(1, 3, 32, 32)).shape[-1]
        return (
            [c.out_channels for c in convs],
            [c.kernel_size[0] for c in convs],
            [c.stride[0] for c in convs],
            size,
        )

    assert stem("resnet18") == ([64], [7], [2], 8)
    assert stem("resnet18", deep_stem=True) == ([32, 32, 64], [3, 3, 3], [2, 1, 1], 8)
    assert stem("resnet18", stem="small") == ([64], [3], [1], 32)
    assert stem("resnet20") == ([16], [3], [1], 32)
    assert stem("resnet20", deep_stem=True) == ([8, 8, 16], [3, 3, 3], [1, 1, 1], 32)
    assert stem("resnet20", stem="imagenet", width=0.5) == ([8], [7], [2], 8)


def test_width_scales_every_channel_count():
    def channels(name, width):
        model = build_model(MODELS[name], {"width": width, "deep_stem": True}, 10, 3, None)
        return [layer.out_channels for layer in model.modules() if isinstance(layer, nn.Conv2d)]

    for name in ("resnet20", "resnet50"):
        assert channels(name, 0.5) == [c // 2 for c in channels(name, 1.0)]
        assert channels(name, 2.0) == [c * 2 for c in channels(name, 1.0)]
    assert channels("resnet20", 0.3) == [round(c * 0.3) for c in channels("resnet20", 1.0)]
    assert set(channels("resnet20", 0.001)) == {1}
    assert set(channels("resnet50", 0.001)) == {1, 4}


@pytest.mark.parametrize(("name", "args"), [("resnet20", {}), ("resnet50", D)])
def test_zero_gamma_makes_every_block_identity(name, args):
    """He et al. 2018, section 3.1: "all residual blocks just return their inputs", but for the relu."""
    model = build_model(MODELS[name], {"zero_gamma": True, "width": 0.25, **args}, 10, 3, STREAMS)
    blocks = [block for block in model.modules() if isinstance(block, Residual)]
    assert len(blocks) == (9 if name == "resnet20" else 16)
    for block in blocks:
        x = torch.randn(2, block.conv1.in_channels, 8, 8, generator=torch.Generator().manual_seed(0))
        shortcut = x if block.downsample is None else block.downsample(x)
        assert torch.equal(block(x), shortcut.relu())
    plain = dict(build_model(MODELS[name], {"width": 0.25, **args}, 10, 3, STREAMS).named_parameters())
    changed = [key for key, value in model.named_parameters() if not torch.equal(value, plain[key])]
    assert changed == [
        key for key in plain if key.endswith("bn2.weight" if name == "resnet20" else "bn3.weight")
    ]


def test_xavier():
    """U(-a, a), a = sqrt(6 / (d_in + d_out)): bound and variance a²/3 as torch states them; biases 0."""
    model = build_model(MODELS["resnet18"], {"init": "xavier", "deep_stem": True}, 100, 3, STREAMS)
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            area = layer.weight[0, 0].numel()
            bound = math.sqrt(6 / (area * sum(layer.weight.shape[:2])))
            values, n = layer.weight.detach().numpy().astype(np.float64), layer.weight.numel()
            assert bound * (1 - 20 / n) < np.abs(values).max() <= bound * (1 + 1e-6)
            assert values.var() == pytest.approx(bound**2 / 3, rel=5 / math.sqrt(n))
    assert model.fc.bias.eq(0).all()


def test_kaiming():
    """The standard deviations of torchvision's ResNets: sqrt(2 / fan_out), in the head 1 / sqrt(3 fan_in)."""
    model = build_model(MODELS["resnet18"], {}, 100, 3, STREAMS)
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            fan_out = layer.weight.shape[0] * layer.weight[0, 0].numel()
            std = math.sqrt(2 / fan_out) if isinstance(layer, nn.Conv2d) else 1 / math.sqrt(3 * 512)
            values = layer.weight.detach().double()
            assert values.std().item() == pytest.approx(std, rel=5 / math.sqrt(values.numel()))
            assert abs(values.mean().item()) < 5 * std / math.sqrt(values.numel())
    assert 0.8 < model.fc.bias.abs().max() * math.sqrt(512) <= 1


@pytest.mark.parametrize("init", ["kaiming", "xavier"])
def test_tweaks_leave_other_layers_weights_alone(init):
    """B changes no weight; C and D only what has another shape; the shortcut of D keeps its projection."""
    plain = build_model(MODELS["resnet50"], {"init": init, "width": 0.25}, 10, 3, STREAMS).state_dict()

    def tweaked(**args):
        return build_model(
            MODELS["resnet50"], {"init": init, "width": 0.25, **args}, 10, 3, STREAMS
        ).state_dict()

    b, c, pooled = tweaked(**B), tweaked(**C), tweaked(avg_down=True)
    before = {"downsample.2": "downsample.1", "downsample.1": "downsample.0"}  # the pooling takes place 0
    d = {re.sub(r"downsample\.\d", lambda m: before[m[0]], key): value for key, value in pooled.items()}
    assert list(b) == list(d) == list(plain)
    assert all(torch.equal(b[key], plain[key]) for key in plain)
    assert all(torch.equal(c[key], plain[key]) for key in plain if key != "conv1.weight")
    assert all(torch.equal(d[key], plain[key]) for key in plain)


def test_initial_weights_are_a_pure_function_of_seed_replica_and_name():
    def build(streams):
        return build_model(MODELS["resnet20"], {"width": 0.5}, 10, 3, streams)

    first, again = build(Streams(1)).state_dict(), build(Streams(1))
    assert all(torch.equal(first[key], value) for key, value in again.state_dict().items())
    again(torch.randn(2, 3, 8, 8))  # moves the running statistics
    nn.init.ones_(again.fc.weight)
    torch.manual_seed(3)
    initialise(again.to(memory_format=torch.channels_last), Streams(1))
    assert all(torch.equal(first[key], value) for key, value in again.state_dict().items())
    for other in (Streams(2), Streams(1, replica=1)):
        changed = build(other).state_dict()
        assert not any(torch.equal(first[key], changed[key]) for key in first if first[key].ndim > 1)
    weights = [value.flatten()[:50] for value in first.values() if value.ndim == 4]
    assert len({tuple(value.tolist()) for value in weights}) == len(
        weights
    )  # no two layers share their draws


def test_signatures_say_what_a_recipe_may_set():
    """Types are written out; plain nets differ from `resnet` in their shape only, published ones say in what else."""
    general = inspect.signature(MODELS["resnet"]).parameters
    for name, factory in MODELS.items():
        if "resnet" not in name:
            continue
        parameters, hints = inspect.signature(factory).parameters, typing.get_type_hints(factory)
        assert factory.__name__ == name
        assert factory.__doc__
        assert list(parameters)[:2] == ["num_classes", "in_channels"]
        for key, parameter in list(parameters.items())[2:]:
            assert parameter.kind is parameter.KEYWORD_ONLY
            assert hints[key] == general[key].annotation
            if re.fullmatch(r"resnet\d*", name) and key not in ("block", "layers", "channels", "stem"):
                assert parameter.default == general[key].default
        assert set(general) - set(parameters) <= {"block", "layers", "channels"}


def test_general_resnet():
    """`resnet` with the shape of a preset is that preset."""
    shape = {"block": "bottleneck", "layers": (3, 4, 6, 3), "channels": (64, 128, 256, 512)}
    general = build_model(MODELS["resnet"], {**shape, **D}, 10, 3, None)
    preset = build_model(MODELS["resnet50"], D, 10, 3, None)
    assert str(general) == str(preset)
    tiny = build_model(
        MODELS["resnet"], {"block": "basic", "layers": (1, 1), "channels": (4, 8)}, 2, 1, STREAMS
    )
    assert tiny(torch.zeros(1, 1, 16, 16)).shape == (1, 2)


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("resnet18", B, "a basic block has no 1x1 conv to move the stride from"),
        ("resnet18", {"width": 0.0}, "width 0 must be a number above 0"),
        ("resnet", {"block": "basic", "layers": (1, 2), "channels": (8,)}, "equally many counts"),
        ("resnet", {"block": "basic", "layers": (), "channels": ()}, "equally many counts"),
        ("resnet50", {"avg_dow": True}, "unknown argument 'avg_dow'; did you mean 'avg_down'"),
        (
            "timm/resnet18",
            {"width": 0.5},
            "unknown argument 'width'; known: drop_path, dropout, pretrained, zero_gamma",
        ),
        ("torchvision/resnet18", {"width": 0.5}, "unknown argument 'width'; known: auxiliary, drop_path"),
        ("timm/botnet50ts_256", {"pretrained": True}, "timm has no weights for it"),
        ("timm/resnet51d", {}, "unknown timm model 'resnet51d'; did you mean 'resnet5"),
        ("timm/resnet18.no_such_tag", {}, "unknown timm model"),
        ("torchvision/resnet51", {}, "unknown torchvision model 'resnet51'; did you mean 'resnet5"),
        ("torchvision/fcn_resnet50", {}, "unknown torchvision model"),
        ("resnet51", {}, "unknown model 'resnet51'; did you mean 'resnet5"),
    ],
)
def test_wrong_input(name, args, message):
    with pytest.raises(InputError, match=message):
        build_model(find_model(name), args, 10, 3, None)


def test_user_factories_are_built_from_the_stream_too():
    """A plain function of the user's own, with arguments; torch's layers initialise themselves."""

    def mine(num_classes: int, in_channels: int = 3, *, hidden: int = 4) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(in_channels * 4, hidden), nn.Linear(hidden, num_classes))

    first, second = (build_model(mine, {"hidden": 5}, 2, 1, STREAMS).state_dict() for _ in range(2))
    assert first["1.weight"].shape == (5, 4)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert build_model(mine, {"hidden": 5}, 2, 1, None)[1].weight.is_meta


def test_channels_last_and_autocast():
    """The same function in another memory format, and close in bfloat16."""
    model = build_model(MODELS["resnet20"], {"deep_stem": True, "avg_down": True}, 10, 3, STREAMS)
    x = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        plain = model(x)
        torch.testing.assert_close(
            model.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last)),
            plain,
            rtol=1e-4,
            atol=1e-4,
        )
        with torch.autocast("cpu", torch.bfloat16):
            low = model(x)
    assert low.dtype == torch.bfloat16
    torch.testing.assert_close(low.float(), plain, rtol=0.1, atol=0.1)
