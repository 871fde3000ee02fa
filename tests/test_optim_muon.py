"""Muon against timm's and torch's, bit for bit, and against a singular value decomposition; Kron's random draws."""

import copy
from functools import partial

import pytest
import timm.optim
import torch
import torchvision
from torch import Tensor, nn

from trickbag.models import MODELS
from trickbag.optim import OPTIMIZERS, build_optimizer, hidden_weights, orthogonalise, output_layers

reference = pytest.importorskip("timm.optim.muon", reason="timm 1.0.20 has no Muon yet")


def gradients(model: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for p in model.parameters():
        p.grad = torch.randn(p.shape, generator=generator, dtype=p.dtype)


def in_its_own_type(monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype) -> None:
    """timm's iteration without its bfloat16."""
    plain = reference.zeropower_via_newtonschulz
    monkeypatch.setattr(reference, "zeropower_via_newtonschulz", partial(plain, dtype=dtype))


@pytest.mark.parametrize("shape", [(16, 144), (144, 16), (32, 32), (16, 8)])
def test_orthogonalise_is_timms(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    theirs = reference.zeropower_via_newtonschulz(
        matrix, 5, reference._COEFFICIENTS["original"], dtype=torch.float32
    )
    assert torch.equal(orthogonalise(matrix), theirs)


@pytest.mark.parametrize("shape", [(6, 40), (40, 6)])
def test_orthogonalise_keeps_the_singular_vectors(shape: tuple[int, int]) -> None:
    """Against torch.linalg.svd: same vectors, values between 0.7 and 1.2 (Jordan's write-up)."""
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    u, _, vt = torch.linalg.svd(matrix, full_matrices=False)
    core = u.mT @ orthogonalise(matrix) @ vt.mT
    values = core.diagonal()
    assert torch.allclose(core, torch.diag(values), atol=1e-9)
    assert 0.65 < values.min() < values.max() < 1.25
    assert torch.equal(orthogonalise(torch.zeros(3, 4)), torch.zeros(3, 4))


@pytest.mark.parametrize(("ours", "theirs"), [("adamw", "match_rms_adamw"), ("jordan", "original")])
def test_bit_identical_to_timm(monkeypatch: pytest.MonkeyPatch, ours: str, theirs: str) -> None:
    """Twenty steps on a ResNet-20, with changing rates; timm's AdamW half is torch's, eps and betas told."""
    in_its_own_type(monkeypatch, torch.float32)
    mine = MODELS["resnet20"](10, width=0.5)
    other = copy.deepcopy(mine)
    ids = {id(p) for p in hidden_weights(other)}
    hidden = [p for p in other.parameters() if id(p) in ids]
    rest = [p for p in other.parameters() if id(p) not in ids]
    optimizer = build_optimizer(OPTIMIZERS["muon"], mine, 0.02, weight_decay=0.1, scale=ours)
    matrices = timm.optim.Muon(
        hidden, 0.02, weight_decay=0.1, nesterov=True, ns_coefficients="original", adjust_lr_fn=theirs
    )
    vectors = torch.optim.AdamW(rest, 0.02, weight_decay=0.1, betas=(0.9, 0.95), eps=1e-8)
    for step in range(20):
        for each in (optimizer, matrices, vectors):
            for group in each.param_groups:
                group["lr"] = 0.02 / (step + 1)
        gradients(mine, step)
        gradients(other, step)
        for each in (optimizer, matrices, vectors):
            each.step()
    for p, q in zip(mine.parameters(), other.parameters(), strict=True):
        assert torch.equal(p, q)


def test_follows_jordans_equations_in_float64() -> None:
    """His write-up, Algorithm 2, and NewtonSchulz5; with exponential averaging, which the scale undoes."""
    layers = nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 6), nn.Linear(6, 3)).double()
    (hidden,) = hidden_weights(layers)
    optimizer = build_optimizer(OPTIMIZERS["muon"], layers, 0.02, weight_decay=0.1, scale="jordan")
    w, b = hidden.detach().clone(), torch.zeros(6, 4, dtype=torch.float64)
    for step in range(3):
        gradients(layers, step)
        g = hidden.grad.clone()
        optimizer.step()
        b = 0.95 * b + g
        x = g + 0.95 * b  # Nesterov; any multiple has the same polar factor
        x = (x / x.norm()).T  # more rows than columns
        for _ in range(5):
            s = x @ x.T
            x = 3.4445 * x + (-4.7750 * s + 2.0315 * s @ s) @ x
        w = w - 0.02 * (0.1 * w + (6 / 4) ** 0.5 * x.T)
        assert torch.allclose(hidden, w, rtol=1e-9, atol=1e-12)


def named(model: nn.Module, parameters: list[nn.Parameter]) -> list[str]:
    wanted = {id(p) for p in parameters}
    return [name for name, p in model.named_parameters() if id(p) in wanted]


def test_hidden_weights_of_a_resnet_are_all_filters_but_the_first() -> None:
    """Jordan's README: for a ConvNet, all convolutional filters except the first one."""
    model = MODELS["resnet50"](10, width=0.125)
    filters = [name for name, p in model.named_parameters() if p.ndim == 4]
    assert named(model, hidden_weights(model)) == filters[1:]
    assert output_layers(model) == [model.fc]


def test_hidden_weights_of_other_networks() -> None:
    with torch.device("meta"):
        vgg = torchvision.models.vgg11_bn(num_classes=7, init_weights=False)
    filters = [name for name, p in vgg.named_parameters() if p.ndim == 4]
    assert named(vgg, hidden_weights(vgg)) == [*filters[1:], "classifier.0.weight", "classifier.3.weight"]
    vit = torchvision.models.VisionTransformer(32, 16, 1, 2, 8, 16, num_classes=3)
    layer = "encoder.layers.encoder_layer_0"
    assert named(vit, hidden_weights(vit)) == [
        f"{layer}.self_attention.in_proj_weight",
        f"{layer}.self_attention.out_proj.weight",
        f"{layer}.mlp.0.weight",
        f"{layer}.mlp.3.weight",
    ]
    mobile = torchvision.models.mobilenet_v2(num_classes=7, width_mult=0.1)
    depthwise = {n for n, p in mobile.named_parameters() if p.ndim == 4 and p.shape[1] == 1}
    assert depthwise
    assert not depthwise & set(named(mobile, hidden_weights(mobile)))


def test_auxiliary_classifiers_are_output_layers_too() -> None:
    with torch.device("meta"):
        model = torchvision.models.googlenet(num_classes=7, aux_logits=True, init_weights=False)
    assert output_layers(model) == [model.aux1.fc2, model.aux2.fc2, model.fc]


def test_a_scale_for_adamws_rate() -> None:
    """`adamw_scale` is timm's `fallback_lr_scale`: the bias moves by it, the matrix does not."""

    def after(scale: float) -> tuple[Tensor, Tensor]:
        layers = nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 6), nn.Linear(6, 3))
        for p in layers.parameters():
            nn.init.constant_(p, 0.5)
        optimizer = build_optimizer(OPTIMIZERS["muon"], layers, 0.01, adamw_scale=scale)
        gradients(layers, 0)
        optimizer.step()
        return layers[1].weight.detach(), (layers[0].bias - 0.5).detach()

    (matrix, moved), (same, less) = after(1.0), after(0.25)
    assert torch.equal(matrix, same)
    assert torch.allclose(less, 0.25 * moved, rtol=1e-5)
