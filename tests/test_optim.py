"""Parameter groups against timm's; optimizers against plain torch.optim.SGD, bit for bit."""

import copy

import pytest
import torch
import torchvision
from timm.optim import param_groups_weight_decay
from torch import nn

from trickbag.models import MODELS
from trickbag.optim import OPTIMIZERS, parameter_groups


def names(model: nn.Module, group: dict) -> list[str]:
    wanted = {id(p) for p in group["params"]}
    return [name for name, p in model.named_parameters() if id(p) in wanted]


@pytest.mark.parametrize("name", ["resnet20", "resnet50"])
def test_groups_are_timms(name):
    model = MODELS[name](10, width=0.25)
    decayed, free = parameter_groups(model, 1e-4, "weights")
    timm_free, timm_decayed = param_groups_weight_decay(model, 1e-4)
    assert names(model, decayed) == names(model, timm_decayed)
    assert names(model, free) == names(model, timm_free)
    assert (decayed["weight_decay"], free["weight_decay"]) == (1e-4, 0.0)


def test_groups_of_a_transformer():
    """Attention projections decay, positions and the class token do not: they are no weights of a layer."""
    model = torchvision.models.VisionTransformer(32, 16, 1, 2, 8, 16, num_classes=3)
    decayed, free = parameter_groups(model, 0.1, "weights")
    assert {"class_token", "encoder.pos_embedding", "conv_proj.bias"} <= set(names(model, free))
    layer = "encoder.layers.encoder_layer_0"
    assert names(model, decayed) == [
        "conv_proj.weight",
        f"{layer}.self_attention.in_proj_weight",
        f"{layer}.self_attention.out_proj.weight",
        f"{layer}.mlp.0.weight",
        f"{layer}.mlp.3.weight",
        "heads.head.weight",
    ]


@pytest.mark.parametrize("decay", ["all", "weights"])
def test_every_parameter_once_in_the_order_of_the_model(decay):
    model = MODELS["resnet20"](10, deep_stem=True, width=0.25)
    model.tied = model.fc  # a shared layer must not be stepped twice
    groups = parameter_groups(model, 1e-4, decay)
    ids = [id(p) for group in groups for p in group["params"]]
    assert sorted(ids) == sorted(id(p) for p in model.parameters())
    order = {id(p): i for i, p in enumerate(model.parameters())}
    assert all(
        [order[id(p)] for p in g["params"]] == sorted(order[id(p)] for p in g["params"]) for g in groups
    )


@pytest.mark.parametrize(
    ("name", "args", "reference"),
    [
        ("sgd", {}, {"momentum": 0.9}),
        ("sgd", {"momentum": 0.5, "dampening": 0.1}, {"momentum": 0.5, "dampening": 0.1}),
        ("nag", {}, {"momentum": 0.9, "nesterov": True}),
    ],
)
def test_bit_identical_to_torch(name, args, reference):
    """Five steps of a small net with changing rates, against torch.optim.SGD as it comes."""
    ours = MODELS["resnet20"](10, width=0.3)
    theirs = copy.deepcopy(ours)
    mine = OPTIMIZERS[name](parameter_groups(ours, 5e-4, "weights"), 0.1, **args)
    plain = torch.optim.SGD(parameter_groups(theirs, 5e-4, "weights"), 0.1, **reference)
    generator = torch.Generator().manual_seed(0)
    for step in range(5):
        x, y = torch.randn(4, 3, 8, 8, generator=generator), torch.arange(4)
        for model, optimizer in ((ours, mine), (theirs, plain)):
            for group in optimizer.param_groups:
                group["lr"] = 0.1 / (step + 1)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
