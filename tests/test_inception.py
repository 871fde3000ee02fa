"""Inception-V3 against torchvision's with the same weights, with and without the auxiliary head."""

import math

import pytest
import torch
import torchvision.models as tv
from torch import nn

from trickbag.models import MODELS, build_model
from trickbag.rng import Streams


def randomised(model: nn.Module) -> nn.Module:
    """Other than default numbers in every parameter and buffer, in the size of a trained net's."""
    generator = torch.Generator().manual_seed(0)
    for values in model.state_dict().values():
        if values.is_floating_point() and values.ndim == 1:
            values.uniform_(0.5, 1.5, generator=generator)
        elif values.ndim > 1:
            scale = math.sqrt(6 / values[0].numel())
            values.uniform_(-scale, scale, generator=generator)
    return model


@pytest.fixture(scope="module")
def pair():
    """torchvision's net and ours, with the same weights by name."""
    reference = randomised(tv.inception_v3(num_classes=7, init_weights=False, dropout=0.0))
    ours = MODELS["inception_v3"](7, auxiliary=True)
    ours.load_state_dict(reference.state_dict())
    assert list(ours.state_dict()) == list(reference.state_dict())
    return reference, ours


def test_same_function_as_torchvisions(pair):
    """To 1e-5 at 299 pixels: logits in evaluation; logits, auxiliary logits and statistics in training."""
    reference, ours = pair
    x = torch.randn(2, 3, 299, 299, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        answer = ours.eval()(x)
        assert isinstance(answer, torch.Tensor)
        torch.testing.assert_close(answer, reference.eval()(x), rtol=1e-5, atol=1e-5)
        expected, answers = reference.train()(x), ours.train()(x)
    assert isinstance(answers, tuple)
    for mine, theirs in zip(answers, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)
    for key, value in reference.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[key], value, rtol=1e-5, atol=1e-5)


def test_the_head_is_there_only_where_it_is_asked_for():
    """The other initial weights do not notice; without it the output is a tensor in training too."""
    args = {"stem": "small", "width": 0.125}
    plain = build_model(MODELS["inception_v3"], args, 5, 3, Streams(1))
    both = build_model(MODELS["inception_v3"], {**args, "auxiliary": True}, 5, 3, Streams(1))
    mine, theirs = plain.state_dict(), both.state_dict()
    assert {key.partition(".")[0] for key in theirs.keys() - mine.keys()} == {"AuxLogits"}
    assert all(torch.equal(value, theirs[key]) for key, value in mine.items())
    x = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    logits, auxiliary = both(x)
    assert torch.equal(plain(x), logits)
    assert not torch.equal(auxiliary, logits)


def test_sizes_of_the_maps():
    """Szegedy et al. 2016, table 1: 35x35, 17x17 and 8x8 at 299 pixels; in the small form the full size first."""

    def sizes(size, **args):
        model, found = build_model(MODELS["inception_v3"], {"width": 0.125, **args}, 5, 3, None), []
        for name in ("Mixed_5b", "Mixed_6a", "Mixed_7a"):
            model.get_submodule(name).register_forward_hook(lambda _, __, out: found.append(out.shape[-1]))
        model(torch.empty(2, 3, size, size, device="meta"))
        return found

    assert sizes(299) == [35, 17, 8]
    assert sizes(32, stem="small") == [32, 15, 7]
    assert sizes(8, stem="small") == [8, 3, 1]
