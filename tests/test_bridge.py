"""Models of timm and torchvision through the bridge, against the libraries themselves; nothing is fetched."""

import pytest
import timm
import torch
import torchvision.models as tv
from torch import nn

from trickbag.errors import InputError
from trickbag.models import build_model, find_model
from trickbag.rng import Streams

STREAMS = Streams(seed=1)


def perturbed(model: nn.Module) -> nn.Module:
    """The model with weights that no initialisation gives."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    return model


def test_torchvision_takes_three_channels():
    with pytest.raises(InputError, match="takes 3 channels, not 1"):
        build_model(find_model("torchvision/resnet18"), {}, 10, 1, None)


@pytest.mark.parametrize(
    "name",
    ["timm/resnet18d", "timm/vit_tiny_patch16_224", "timm/convnext_atto", "timm/resnet18.a1_in1k"]
    + [f"torchvision/{name}" for name in ("vgg11_bn", "inception_v3", "googlenet", "regnet_x_400mf")],
)
def test_bridged_models_can_be_checked_on_meta(name):
    """Nothing is drawn, and not fetched either when weights are asked for; the head has our classes."""
    before = torch.get_rng_state()
    model = build_model(find_model(name), {"pretrained": True}, 7, 3, None)
    assert all(p.is_meta for p in model.parameters())
    assert torch.equal(torch.get_rng_state(), before)
    assert list(model.parameters())[-1].shape == (7,)


@pytest.mark.parametrize(
    ("name", "channels", "theirs"),
    [
        ("timm/resnet10t", 1, lambda: timm.create_model("resnet10t", num_classes=7, in_chans=1)),
        ("torchvision/mobilenet_v2", 3, lambda: tv.mobilenet_v2(num_classes=7)),
    ],
)
def test_bridged_models_start_from_their_own_stream(name, channels, theirs):
    """What the library itself makes after manual_seed(key); torch's global generator is left as it was."""
    torch.manual_seed(99)
    before = torch.get_rng_state()
    ours = build_model(find_model(name), {}, 7, channels, STREAMS)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(STREAMS.key("init"))
    reference = theirs().state_dict()
    assert all(torch.equal(value, reference[key]) for key, value in ours.state_dict().items())
    assert ours.eval()(torch.zeros(1, channels, 64, 64)).shape == (1, 7)


@pytest.mark.parametrize(("name", "classes"), [("mobilenet_v2", 7), ("mobilenet_v2", 1000)])
def test_pretrained_torchvision(name, classes, tmp_path, monkeypatch):
    """Weights come from torch's cache, here a checkpoint written there; a head of another size is new."""
    weights = tv.get_model_weights(name).DEFAULT
    stored = perturbed(tv.get_model(name))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(stored.state_dict(), tmp_path / "hub" / "checkpoints" / weights.url.rsplit("/", 1)[1])
    model = build_model(
        find_model(f"torchvision/{name}"), {"pretrained": True}, classes, 3, STREAMS
    ).state_dict()
    fresh = build_model(find_model(f"torchvision/{name}"), {}, classes, 3, STREAMS).state_dict()
    for key, value in stored.state_dict().items():
        head = key.startswith("classifier") and classes != 1000
        assert torch.equal(model[key], value) != head
    assert model["classifier.1.weight"].shape == fresh["classifier.1.weight"].shape == (classes, 1280)


def test_pretrained_timm(tmp_path, monkeypatch):
    """Weights come from the hub's cache, here a checkpoint written there; a head of another size is new."""
    hub = pytest.importorskip("huggingface_hub")
    safetensors = pytest.importorskip("safetensors.torch")
    snapshot = tmp_path / "models--timm--resnet10t.c3_in1k" / "snapshots" / "0"
    snapshot.mkdir(parents=True)
    (snapshot.parent.parent / "refs").mkdir()
    (snapshot.parent.parent / "refs" / "main").write_text("0")
    stored = perturbed(timm.create_model("resnet10t")).state_dict()
    safetensors.save_file(stored, snapshot / "model.safetensors")
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    model = build_model(find_model("timm/resnet10t"), {"pretrained": True}, 7, 3, STREAMS).state_dict()
    assert all(torch.equal(model[key], value) for key, value in stored.items() if not key.startswith("fc."))
    assert model["fc.weight"].shape == (7, 512)
