"""Models of timm and torchvision through the bridge, against the libraries themselves; nothing is fetched.

Where weights would come from the network, a checkpoint written here stands in the library's own cache.
"""

import pickle
from pathlib import Path

import pytest
import safetensors.torch
import timm
import torch
import torchvision.models as tv
from torch import nn

from trickbag.errors import InputError
from trickbag.models import build_model, find_model, input_statistics, origin_of
from trickbag.recipe import Machine, NotApplicable, Recipe, apply
from trickbag.rng import Streams
from trickbag.train import build_session, resolve, save_weights
from trickbag.train.evaluation import evaluated_network

STREAMS = Streams(seed=1)


def perturbed(model: nn.Module) -> nn.Module:
    """The model with weights that no initialisation gives."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    return model


def in_torchs_cache(model: nn.Module, weights, folder: Path, monkeypatch) -> None:
    """Put a model's weights where torchvision keeps those that it has fetched."""
    monkeypatch.setenv("TORCH_HOME", str(folder))
    (folder / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(model.state_dict(), folder / "hub" / "checkpoints" / weights.url.rsplit("/", 1)[1])


def draws(model: nn.Module, size: int) -> bool:
    """Whether a forward pass in training moves torch's generator."""
    with torch.random.fork_rng(), torch.no_grad():
        before = torch.get_rng_state()
        model.train()(torch.zeros(2, 3, size, size))
        return not torch.equal(torch.get_rng_state(), before)


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
        (
            "timm/resnet10t",
            1,
            lambda: timm.create_model("resnet10t", num_classes=7, in_chans=1, zero_init_last=False),
        ),
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
    stored = perturbed(tv.get_model(name))
    in_torchs_cache(stored, tv.get_model_weights(name).DEFAULT, tmp_path, monkeypatch)
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
    snapshot = tmp_path / "models--timm--resnet10t.c3_in1k" / "snapshots" / "0"
    snapshot.mkdir(parents=True)
    (snapshot.parent.parent / "refs").mkdir()
    (snapshot.parent.parent / "refs" / "main").write_text("0")
    stored = perturbed(timm.create_model("resnet10t")).state_dict()
    safetensors.torch.save_file(stored, snapshot / "model.safetensors")
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    model = build_model(find_model("timm/resnet10t"), {"pretrained": True}, 7, 3, STREAMS).state_dict()
    assert all(torch.equal(model[key], value) for key, value in stored.items() if not key.startswith("fc."))
    assert model["fc.weight"].shape == (7, 512)


@pytest.mark.parametrize(
    ("name", "size", "theirs"),
    [
        ("timm/ghostnet_050", 32, lambda: timm.create_model("ghostnet_050")),
        ("timm/rexnet_100", 32, lambda: timm.create_model("rexnet_100")),
        ("timm/fasternet_t1", 32, lambda: timm.create_model("fasternet_t1")),
        ("timm/test_vit_relpos", 160, lambda: timm.create_model("test_vit_relpos")),
        ("torchvision/squeezenet1_1", 32, tv.squeezenet1_1),
        ("torchvision/efficientnet_b0", 32, tv.efficientnet_b0),
        ("torchvision/swin_t", 32, tv.swin_t),
        ("torchvision/googlenet", 32, lambda: tv.googlenet(init_weights=True)),
    ],
)
def test_what_a_library_has_on_by_default_is_off(name, size, theirs):
    """Dropout or drop path of these draws in training; through the bridge nothing does."""
    if name == "timm/test_vit_relpos" and not timm.is_model("test_vit_relpos"):
        pytest.skip("an older timm has no such model")
    assert draws(theirs(), size)
    assert not draws(build_model(find_model(name), {}, 7, 3, STREAMS), size)


def test_rates_reach_inside_timm():
    """The very layers and rates that timm makes."""
    args = {"dropout": 0.3, "drop_path": 0.2}
    ours = build_model(find_model("timm/resnet10t"), args, 7, 3, STREAMS)
    theirs = timm.create_model("resnet10t", num_classes=7, drop_rate=0.3, drop_path_rate=0.2)
    assert str(ours) == str(theirs) != str(timm.create_model("resnet10t", num_classes=7))
    assert ours.drop_rate == 0.3
    assert draws(ours, 32)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("timm/resnet10t", lambda on: timm.create_model("resnet10t", zero_init_last=on)),
        ("timm/regnetx_002", lambda on: timm.create_model("regnetx_002", zero_init_last=on)),
        ("torchvision/resnet18", lambda on: tv.resnet18(zero_init_residual=on)),
    ],
)
def test_zero_gamma_is_off_unless_asked_for(name, theirs):
    """The norms that start at zero are those of the library with its own switch, which timm has on by default."""

    def zeros(model):
        return [
            key for key, value in model.state_dict().items() if key.endswith("weight") and not value.any()
        ]

    for on in (False, True):
        ours = build_model(find_model(name), {"zero_gamma": on}, 7, 3, STREAMS)
        assert zeros(ours) == zeros(theirs(on))
        assert bool(zeros(ours)) == on


def test_rates_reach_inside_torchvision():
    """The same network as torchvision's own arguments make; its deepest block drops at 15/16 of the rate."""
    args = {"dropout": 0.3, "drop_path": 0.15}
    ours = build_model(find_model("torchvision/efficientnet_b0"), args, 7, 3, STREAMS)
    theirs = tv.efficientnet_b0(num_classes=7, dropout=0.3, stochastic_depth_prob=0.16)
    rates = [[layer.p for layer in net.modules() if hasattr(layer, "p")] for net in (ours, theirs)]
    assert rates[0] == pytest.approx(rates[1], abs=1e-12)
    assert max(rates[0][:-1]) == pytest.approx(0.15)
    assert rates[0][-1] == 0.3


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("timm/vgg11", {"drop_path": 0.1}, "model timm/vgg11: has no drop_path; leave it out"),
        ("timm/vgg11", {"zero_gamma": True}, "model timm/vgg11: has no zero_gamma; leave it out"),
        ("torchvision/vgg11", {"zero_gamma": True}, "model torchvision/vgg11: has no zero_gamma"),
        ("torchvision/resnet18", {"dropout": 0.1}, "has no dropout; leave out dropout"),
        ("torchvision/resnet18", {"drop_path": 0.1}, "has no drop path"),
        ("torchvision/resnet18", {"auxiliary": True}, "has no auxiliary head"),
    ],
)
def test_what_cannot_reach_inside_is_not_applicable(name, args, message):
    with pytest.raises(NotApplicable, match=message):
        build_model(find_model(name), args, 7, 3, None)


@pytest.mark.parametrize(("name", "heads"), [("googlenet", 2), ("inception_v3", 1)])
def test_auxiliary_heads_of_torchvision(name, heads):
    """A tuple of logits in training where they are asked for, as torchvision's named tuples; else a tensor."""
    x = torch.empty(2, 3, 299, 299, device="meta")
    plain, with_heads = (
        build_model(find_model(f"torchvision/{name}"), {"auxiliary": on}, 7, 3, None) for on in (False, True)
    )
    assert plain.train()(x).shape == plain.eval()(x).shape == with_heads.eval()(x).shape == (2, 7)
    answer = with_heads.train()(x)
    assert isinstance(answer, tuple)
    assert [tuple(each.shape) for each in answer] == [(2, 7)] * (1 + heads)


def test_statistics_of_the_libraries_weights():
    """On the scale 0..255, from the model cards: ImageNet's, Inception's 0.5, and none without weights."""

    def known(name, channels=3, **args):
        model = build_model(find_model(name), args, 1000, channels, None)
        return origin_of(model), input_statistics(model)

    imagenet = [(0.485 * 255, 0.456 * 255, 0.406 * 255), (0.229 * 255, 0.224 * 255, 0.225 * 255)]
    origin, (mean, sd) = known("torchvision/resnet18", pretrained="IMAGENET1K_V1")
    assert origin.classes == 1000
    assert [tuple(mean.tolist()), tuple(sd.tolist())] == [pytest.approx(each) for each in imagenet]
    origin, (mean, sd) = known("timm/mobilenetv1_100", pretrained=True)
    assert mean.tolist() == sd.tolist() == [127.5] * 3
    origin, (mean, sd) = known("timm/resnet10t", channels=1, pretrained=True)
    assert mean.tolist() == [pytest.approx(sum(imagenet[0]) / 3)]
    assert sd.tolist() == [pytest.approx(sum(imagenet[1]) / 3)]
    assert known("timm/resnet10t") == known("torchvision/resnet18") == (None, None)


def test_googlenets_own_normalisation_is_in_its_statistics(tmp_path, monkeypatch):
    """torchvision's pretrained net on images normalised its way, and ours on (x - 127.5) / 127.5: the same."""
    reference = tv.googlenet(init_weights=False, transform_input=True, aux_logits=True)
    in_torchs_cache(reference, tv.GoogLeNet_Weights.DEFAULT, tmp_path, monkeypatch)
    ours = build_model(find_model("torchvision/googlenet"), {"pretrained": True}, 1000, 3, STREAMS).eval()
    raw = torch.randint(0, 256, (2, 3, 64, 64), generator=torch.Generator().manual_seed(0)).float()
    transforms = tv.GoogLeNet_Weights.DEFAULT.transforms()
    mean, sd = (torch.tensor(v).view(1, 3, 1, 1) for v in (transforms.mean, transforms.std))
    mine = [v.float().view(1, 3, 1, 1) for v in input_statistics(ours)]
    with torch.no_grad():
        expected = reference.eval()((raw / 255 - mean) / sd)
        torch.testing.assert_close(ours((raw - mine[0]) / mine[1]), expected, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def stored():
    """A network of timm with weights that no initialisation gives."""
    return perturbed(timm.create_model("test_resnet"))


@pytest.mark.parametrize("form", ["weights.safetensors", "weights.pth", "nested.pth"])
@pytest.mark.parametrize(("classes", "channels"), [(1000, 3), (7, 3), (7, 1)])
def test_a_file_of_weights_for_timm(form, classes, channels, stored, tmp_path):
    """The same as timm makes of that file: another head is new, one channel gets the sum of three."""
    state = stored.state_dict()
    if form.endswith(".safetensors"):
        safetensors.torch.save_file(state, tmp_path / form)
    else:
        torch.save({"model": state, "epoch": 3} if form == "nested.pth" else state, tmp_path / form)
    ours = build_model(
        find_model("timm/test_resnet", tmp_path), {"pretrained": form}, classes, channels, STREAMS
    ).state_dict()
    overlay = {"file": str(tmp_path / form)}
    theirs = timm.create_model(
        "test_resnet", pretrained=True, pretrained_cfg_overlay=overlay, num_classes=classes, in_chans=channels
    ).state_dict()
    assert list(ours) == list(theirs)
    same = [key for key in ours if torch.equal(ours[key], theirs[key])]
    assert same == [key for key in ours if classes == 1000 or not key.startswith("fc.")]


def test_a_file_of_weights_for_torchvision(tmp_path):
    """All weights but a head of another size, with or without auxiliary heads on either side."""
    reference = tv.googlenet(init_weights=False, aux_logits=True, num_classes=7)
    torch.save(reference.state_dict(), tmp_path / "w.pth")
    find = find_model("torchvision/googlenet", tmp_path)
    for args, classes, fresh in (
        ({}, 7, ()),
        ({"auxiliary": True}, 5, ("fc.", "aux1.fc2.", "aux2.fc2.")),
    ):
        ours = build_model(find, {"pretrained": "w.pth", **args}, classes, 3, STREAMS).state_dict()
        differ = {k for k, v in ours.items() if not torch.equal(v, reference.state_dict()[k])}
        assert differ == {key for key in ours if key.startswith(fresh)}


class Harmful:
    """What a hostile checkpoint would hold."""

    def __reduce__(self):
        return print, ("run",)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.safetensors", "missing.safetensors: no such file"),
        ("../weights.pth", "lies beside the study"),
        ("torn.safetensors", "torn.safetensors cannot be read as weights"),
        ("torn.pth", "torn.pth cannot be read as weights"),
        ("harmful.pth", "harmful.pth cannot be read as weights"),
        ("other.pth", "does not fit: the model has no 'weight'"),
        ("short.pth", "does not fit: it has no 'layer4.0.bn2.bias'"),
        ("shape.pth", "does not fit: 'conv1.0.weight' has shape"),
        ("list.pth", "holds other things than weights"),
        ("a1_in1k", r"a tag stands in the name, timm/test_resnet\.a1_in1k"),
    ],
)
@pytest.mark.parametrize("streams", [None, STREAMS], ids=["checked", "built"])
def test_wrong_weights_are_one_clear_line(name, message, streams, stored, tmp_path, capsys):
    """When arguments are checked as when the network is built; and nothing in a file is run."""
    state = stored.state_dict()
    (tmp_path / "torn.safetensors").write_bytes(b"torn")
    (tmp_path / "torn.pth").write_bytes(b"torn")
    (tmp_path / "harmful.pth").write_bytes(pickle.dumps({"weight": Harmful()}, protocol=2))
    torch.save({"weight": torch.zeros(2)}, tmp_path / "other.pth")
    torch.save({k: v for k, v in state.items() if k != "layer4.0.bn2.bias"}, tmp_path / "short.pth")
    torch.save(state | {"conv1.0.weight": torch.zeros(2, 3, 5, 5)}, tmp_path / "shape.pth")
    torch.save({"weight": [1, 2]}, tmp_path / "list.pth")
    with pytest.raises(InputError, match=message) as caught:
        build_model(find_model("timm/test_resnet", tmp_path), {"pretrained": name}, 7, 3, streams)
    assert "\n" not in str(caught.value)
    assert "run" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("IMAGENET1K_V3", "unknown pretrained weights 'IMAGENET1K_V3'; did you mean 'IMAGENET1K_V"),
        ("IMAGENET1K_FEATURES", "IMAGENET1K_FEATURES has no classifier"),
    ],
)
def test_wrong_tags_of_torchvision(name, message):
    with pytest.raises(InputError, match=message):
        build_model(find_model("torchvision/vgg16"), {"pretrained": name}, 7, 3, None)


def test_weights_that_cannot_be_fetched_are_one_clear_line(tmp_path, monkeypatch):
    """torchvision's download fails as it does without a network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def offline(*args, **kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    with pytest.raises(InputError, match=r"mobilenet_v2: its weights cannot be fetched \(Name or service"):
        build_model(find_model("torchvision/mobilenet_v2"), {"pretrained": True}, 7, 3, STREAMS)


def pretrained_recipe(small: Recipe, file: str) -> Recipe:
    return apply(small, {"model.name": "timm/test_resnet", "model.pretrained": file})


def test_images_are_normalised_as_the_weights_know_them(
    small: Recipe, machine: Machine, stored, tmp_path: Path
) -> None:
    """The library's mean and SD for a file of its own; those it was trained with for a file of trickbag's."""
    safetensors.torch.save_file(stored.state_dict(), tmp_path / "w.safetensors")
    session = build_session(resolve(pretrained_recipe(small, "w.safetensors"), machine, tmp_path), 1, machine)
    config = timm.get_pretrained_cfg("test_resnet")
    assert session.store.mean.item() == pytest.approx(255 * sum(config.mean) / 3)
    assert session.store.sd.item() == pytest.approx(255 * sum(config.std) / 3)
    raw = session.resolved.images.train_images[:2]
    expected = (raw.double() - 255 * sum(config.mean) / 3) / (255 * sum(config.std) / 3)
    torch.testing.assert_close(session.store.normalise(raw).double(), expected, rtol=1e-5, atol=1e-5)

    fresh = build_session(resolve(apply(small, {"model.name": "timm/test_resnet"}), machine), 1, machine)
    save_weights(tmp_path / "own.safetensors", fresh)
    again = build_session(resolve(pretrained_recipe(small, "own.safetensors"), machine, tmp_path), 2, machine)
    assert again.store.mean.item() == pytest.approx(fresh.store.mean.item())
    mine, theirs = again.model.state_dict(), evaluated_network(fresh).state_dict()
    assert all(torch.equal(mine[key], value) for key, value in theirs.items())


def test_another_file_is_another_recipe(small: Recipe, machine: Machine, stored, tmp_path: Path) -> None:
    """The digest of the weights is in the fingerprint; a network that started from them can be a teacher alone."""
    recipe, prints = pretrained_recipe(small, "w.pth"), []
    for shift in (0, 0, 1):
        state = {k: v + shift if v.is_floating_point() else v for k, v in stored.state_dict().items()}
        torch.save(state, tmp_path / "w.pth")
        resolved = resolve(recipe, machine, tmp_path)
        assert list(resolved.recipe.sources) == ["w.pth"]
        prints.append(resolved.recipe.fingerprint())
    assert prints[0] == prints[1] != prints[2]

    save_weights(tmp_path / "teacher.safetensors", build_session(resolved, 1, machine))
    (tmp_path / "w.pth").unlink()
    distilled = apply(small, {"loss.distillation": {"teacher": "teacher.safetensors"}})
    assert build_session(resolve(distilled, machine, tmp_path), 1, machine).loss
