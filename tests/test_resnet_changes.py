"""What the changes of a ResNet do and leave alone: initial weights, drawing, small images, impossible input."""

import math
import re
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from timm.layers import BlurPool2d, DropBlock2d, DropPath
from torch import Tensor, nn

from trickbag.errors import InputError
from trickbag.models import MODELS, build_model
from trickbag.models.resnet import Residual, ResNet
from trickbag.rng import Streams

STREAMS = Streams(seed=1)
DIGITS = {"block": "bottleneck", "layers": (1, 1, 1), "channels": (16, 32, 64), "stem": "small"}
CHANGES: Mapping[str, Mapping[str, Any]] = {
    "preact": {"preact": True},
    "groups": {"groups": 32, "base_width": 4},
    "wide": {"wide": 2.0},
    "se": {"attention": "se"},
    "eca": {"attention": "eca"},
    "sk": {"attention": "sk"},
    "blur_pool": {"blur_pool": True},
    "drop_path": {"drop_path": 0.5},
    "drop_block": {"drop_block": 0.3},
    "dropout": {"dropout": 0.5},
    "stem_pool": {"replace_stem_pool": True, "stem": "imagenet"},
}
DRAWING = ("drop_path", "drop_block", "dropout")


def digits(**args: Any) -> ResNet:
    """The digits baseline's bottleneck network."""
    model = build_model(MODELS["resnet"], {**DIGITS, **args}, 10, 3, STREAMS)
    assert isinstance(model, ResNet)
    return model


def images(count: int = 8, size: int = 8) -> Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_leaves_the_other_layers_weights_alone(change: str) -> None:
    """What is in both networks, in the same shape, begins with the same numbers."""
    plain, changed = digits().state_dict(), digits(**CHANGES[change]).state_dict()
    if change == "preact":  # normalisations move; all of them begin with gamma 1 and beta 0
        plain, changed = ({k: v for k, v in d.items() if v.ndim > 1} for d in (plain, changed))
    both = [key for key in plain if key in changed and plain[key].shape == changed[key].shape]
    assert all(torch.equal(plain[key], changed[key]) for key in both)
    inner = r"layer\d\.0\.(conv[123]|bn[12])\.(?!num)"
    replaced = {"groups": inner, "wide": inner, "sk": r"layer\d\.0\.(conv|bn)2\.", "stem_pool": r"conv1\."}
    pattern = replaced.get(change, "nothing")
    assert [key for key in plain if key not in both] == [key for key in plain if re.match(pattern, key)]


@pytest.mark.parametrize(
    ("name", "change"),
    [("digits", change) for change in CHANGES]
    + [("resnet20", change) for change in CHANGES if change != "groups"],
)
def test_small_images_train(name: str, change: str) -> None:
    """8 x 8 images and odd 33 x 33: finite gradients reach every parameter."""
    args = {**({} if name == "resnet20" else DIGITS), **CHANGES[change]}
    model = build_model(MODELS["resnet20" if name == "resnet20" else "resnet"], args, 10, 3, STREAMS)
    for size in (8, 33) if change != "stem_pool" else (33,):
        model.zero_grad()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            outputs = model(images(size=size))
        assert outputs.shape == (8, 10)
        outputs.square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("change", CHANGES)
def test_only_what_says_so_draws(change: str) -> None:
    """torch's generator moves in training where `draws` says so, and never in evaluation."""
    model, x = digits(**CHANGES[change]), images(size=33)
    assert model.draws == (change in DRAWING)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        before = torch.get_rng_state()
        model.train()(x)
        assert torch.equal(torch.get_rng_state(), before) != model.draws
        torch.manual_seed(0)
        first, again = model.eval()(x), model(x)
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)


@pytest.mark.parametrize("change", DRAWING)
def test_drops_are_off_in_evaluation(change: str) -> None:
    """The weights are those of the plain network, and so are the outputs."""
    x = images()
    with torch.no_grad():
        assert torch.equal(digits(**CHANGES[change]).eval()(x), digits().eval()(x))


def test_rates_of_drop_path() -> None:
    """timm's rule, `rate * block / (blocks - 1)`: in a ResNet-20's nine blocks 0, 0.1, …, 0.8; 0 is no layer."""
    model = build_model(MODELS["resnet20"], {"drop_path": 0.8}, 10, 3, STREAMS)
    blocks = [block for block in model.modules() if isinstance(block, Residual)]
    assert blocks[0].drop_path is None
    rates = [block.drop_path.drop_prob for block in blocks[1:] if isinstance(block.drop_path, DropPath)]
    assert rates == pytest.approx([0.1 * i for i in range(1, 9)])


@pytest.mark.parametrize("preact", [False, True])
def test_a_dropped_residual_leaves_the_shortcut(preact: bool) -> None:
    """Each image's block is its shortcut, or the shortcut and residual / (1 - p) (Huang et al. 2016, figure 2)."""
    model = digits(drop_path=0.5, preact=preact, layers=(2, 2, 2))
    block = model.get_submodule("layer3.1")
    assert isinstance(block, Residual)
    assert isinstance(block.drop_path, DropPath)
    x = torch.rand(64, 256, 4, 4, generator=torch.Generator().manual_seed(0))  # positive, as after a relu
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        out = block.train()(x)
        whole = block.residual(nn.functional.relu(block.get_submodule("bn1")(x)) if preact else x)
    doubled = x + 2 * whole if preact else (x + 2 * whole).relu()
    dropped = torch.isclose(out, x, atol=1e-5).flatten(1).all(1)
    kept = torch.isclose(out, doubled, atol=1e-4).flatten(1).all(1)
    assert (dropped ^ kept).all()
    assert 20 < dropped.sum() < 44  # binomial(64, 1/2), ±3 standard deviations


def test_places_of_drop_block() -> None:
    """timm's ResNets: 5x5 squares at a quarter of the rate in the last stage but one, 3x3 in the last."""
    large = build_model(MODELS["resnet50"], {"drop_block": 0.2}, 10, 3, None)
    for model, before in ((large, 2), (digits(drop_block=0.2), 1)):
        found = {
            name: (layer.block_size, layer.gamma_scale, layer.drop_prob)
            for name, layer in model.named_modules()
            if isinstance(layer, DropBlock2d)
        }
        assert {name.split(".")[0]: value for name, value in found.items()} == {
            f"layer{before + 1}": (5, 0.25, 0.2),
            f"layer{before + 2}": (3, 1.0, 0.2),
        }


def test_places_of_the_blur() -> None:
    """Where the stride is: after the first convolution of a plain bottleneck, after the second with B."""

    def places(**args: Any) -> list[str]:
        model = build_model(MODELS["resnet50"], {"blur_pool": True, **args}, 10, 3, None)
        strided = [n for n, m in model.named_modules() if isinstance(m, nn.Conv2d) and m.stride != (1, 1)]
        assert strided == ["conv1"] + [f"layer{i}.0.downsample.0" for i in (2, 3, 4)]
        return [name for name, layer in model.named_modules() if isinstance(layer, BlurPool2d)]

    assert places() == ["maxpool.1"] + [f"layer{i}.0.act1.1" for i in (2, 3, 4)]
    assert places(stride_in_3x3=True) == ["maxpool.1"] + [f"layer{i}.0.act2.1" for i in (2, 3, 4)]


def test_wide_and_grouped_channels() -> None:
    """WRN-16-8 (Zagoruyko and Komodakis 2016, table 1); the inside of ResNeXt-50 (Xie et al. 2017, table 1)."""
    wide = build_model(MODELS["wide_resnet16_8"], {}, 10, 3, None)
    names = ("conv1", "layer1.0.conv1", "layer2.0.conv1", "layer3.1.conv2")
    assert [wide.get_submodule(name).weight.shape[0] for name in names] == [16, 128, 256, 512]
    grouped = build_model(MODELS["resnext50_32x4d"], {}, 10, 3, None)
    convs = [grouped.get_submodule(f"layer{i}.0.conv2") for i in range(1, 5)]
    assert [conv.weight.shape[:2] for conv in convs] == [(n, n // 32) for n in (128, 256, 512, 1024)]


def test_initial_weights_of_eca() -> None:
    """A one-dimensional convolution begins as torch's own: uniform on ±1 / sqrt(kernel)."""
    values = []
    for seed in range(20):
        model = build_model(MODELS["resnet"], {**DIGITS, "attention": "eca"}, 10, 3, Streams(seed))
        values += [m.weight.flatten() for m in model.modules() if isinstance(m, nn.Conv1d)]
    drawn = torch.cat([v for v in values if v.numel() == 3]).detach()
    assert drawn.abs().max() <= 1 / math.sqrt(3)
    assert drawn.std().item() == pytest.approx(1 / 3, rel=0.15)  # of uniform ±a: a / sqrt(3)


@pytest.mark.parametrize("change", ["preact", "eca", "sk", "blur_pool"])
def test_channels_last_and_autocast(change: str) -> None:
    """The same function in another memory format, and close in bfloat16."""
    model, x = digits(**CHANGES[change]), images(size=16)
    with torch.no_grad():
        plain = model(x)
        last = model.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
        torch.testing.assert_close(last, plain, rtol=1e-4, atol=1e-4)
        with torch.autocast("cpu", torch.bfloat16):
            low = model(x)
    assert low.dtype == torch.bfloat16
    torch.testing.assert_close(low.float(), plain, rtol=0.1, atol=0.1 * plain.abs().max().item())


def test_compiled_whole() -> None:
    """All that goes together traces as one graph, without a break, and computes the same (no code is generated)."""
    for args in ({"attention": "se", "preact": True, "blur_pool": True}, {"attention": "sk", "groups": 4}):
        model, x = digits(**args), images()
        with torch.no_grad():
            expected = model.eval()(x)
            compiled = torch.compile(model, backend="eager", fullgraph=True)(x)
        torch.testing.assert_close(compiled, expected)


BASIC = {"block": "basic", "layers": (1, 1), "channels": (8, 16)}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({**BASIC, "groups": 4}, "groups and base_width need bottleneck blocks; a basic block can be made wide"),
        ({**BASIC, "base_width": 4}, "groups and base_width need bottleneck blocks"),
        ({**BASIC, "attention": "sk", "channels": (7, 16), "stem": "small"}, "half of the channels, and a block has 7"),
        ({**DIGITS, "attention": "cbam"}, "resnet: unknown attention 'cbam'; known: eca, none, se, sk"),
        ({**DIGITS, "stem": "tiny"}, "resnet: unknown stem 'tiny'"),
        ({**DIGITS, "block": "bottlenek"}, "resnet: unknown block 'bottlenek'; did you mean 'bottleneck'"),
        ({**DIGITS, "groups": 0}, "groups 0 must be a number above 0"),
        ({**DIGITS, "wide": -1.0}, "wide -1 must be a number above 0"),
        ({**DIGITS, "se_ratio": 0.25}, "se_ratio needs attention se, and attention is none"),
        ({**DIGITS, "preact": True, "zero_gamma": True}, "zero_gamma and preact exclude each other: .* ends in a conv"),
        ({**DIGITS, "preact": True, "attention": "sk"}, "attention sk and preact exclude each other"),
        ({**DIGITS, "replace_stem_pool": True}, "replace_stem_pool needs the imagenet stem"),
        ({**DIGITS, "replace_stem_pool": True, "stem": "imagenet", "preact": True}, "replace_stem_pool and preact"),
        ({**DIGITS, "layers": (2,), "channels": (8,), "blur_pool": True}, "blur_pool finds nothing that subsamples"),
        ({**DIGITS, "layers": (1,), "channels": (8,), "drop_path": 0.1}, "drop_path never drops the first block"),
        ({**DIGITS, "drop_path": 1.0}, "drop_path 1 must be a probability from 0 to below 1"),
        ({**DIGITS, "drop_block": -0.1}, "drop_block -0.1 must be a probability"),
        ({**DIGITS, "dropout": math.nan}, "dropout nan must be a probability"),
    ],
)  # fmt: skip
def test_wrong_input(args: Mapping[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        build_model(MODELS["resnet"], args, 10, 3, None)
    assert "\n" not in str(caught.value)
