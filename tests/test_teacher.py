"""Distillation's teacher: a network trained here and kept, or a pretrained one; anything else is one clear line."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from trickbag.errors import InputError
from trickbag.models.pretrained import Origin
from trickbag.recipe import Machine, Recipe, apply
from trickbag.run.single import train_recipe
from trickbag.train import Session, build_session, resolve
from trickbag.train.seams import Batch

FIELD = "loss.distillation.teacher"


def student(small: Recipe, machine: Machine, base: Path, **args: object) -> Session:
    recipe = apply(small, {"loss.distillation": args})
    return build_session(resolve(recipe, machine, base), 1, machine)


@pytest.fixture
def teacher(small: Recipe, machine: Machine, tmp_path: Path) -> Path:
    """The folder of a trained teacher."""
    train_recipe(small, 3, machine.model_copy(update={"keep": "all"}), out=tmp_path / "teacher")
    return tmp_path


def test_the_loss_is_the_equation_with_the_teachers_own_logits(
    small: Recipe, machine: Machine, teacher: Path
) -> None:
    """h hard + (1 - h) T² soft, He et al. (2018) eq. 6 as released, in float64 with the teacher built by hand."""
    run = student(
        small, machine, teacher, teacher="teacher/weights.safetensors", temperature=4.0, hard_weight=0.3
    )
    ids = run.resolved.train_ids[:32]
    x, y = run.store.normalise(run.store.batch(ids)[0]), run.store.batch(ids)[1]
    by_hand = build_session(resolve(small, machine), 3, machine)
    by_hand.model.load_state_dict(load_file(teacher / "teacher" / "weights.safetensors"))
    r, z = by_hand.model.eval()(x).double(), run.model.eval()(x).double()
    soft = -(torch.softmax(r / 4, 1) * torch.log_softmax(z / 4, 1)).sum(1).mean() * 16
    hard = -torch.log_softmax(z, 1)[torch.arange(32), y].mean()
    loss = run.loss(Batch(x, y, 0, run.model(x)))
    assert loss.item() == pytest.approx((0.3 * hard + 0.7 * soft).item(), rel=1e-5)


def test_no_gradient_reaches_the_teacher_and_it_stays_as_it_is(
    small: Recipe, machine: Machine, teacher: Path
) -> None:
    spec = "teacher/weights.safetensors"
    recipe = apply(small, {"loss.distillation": {"teacher": spec}})
    before = (teacher / spec).read_bytes()
    record = train_recipe(recipe, 1, machine, base=teacher)
    assert record.status == "done"
    assert record.recipe["sources"].keys() == {spec}
    assert (teacher / spec).read_bytes() == before


def test_a_pretrained_teacher_sees_images_normalised_its_own_way(
    small: Recipe, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """timm's network on images normalised by hand with its own mean and SD equals the teacher on the student's."""
    network = timm.create_model("test_resnet.r160_in1k", num_classes=10, in_chans=1).eval()
    network.origin = Origin(mean=(127.5,), sd=(63.75,), classes=10)
    monkeypatch.setattr("trickbag.train.teacher.build_model", lambda *args, **kwargs: network)
    run = student(
        small, machine, Path(), teacher="timm/test_resnet.r160_in1k", temperature=1.0, hard_weight=0.0
    )
    raw, y = run.store.batch(run.resolved.train_ids[:8])
    with torch.no_grad():
        expected = network((raw.float() / 255 - 0.5) / 0.25)
        loss = run.loss(Batch(run.store.normalise(raw), y, 0, expected))
    entropy = -(torch.softmax(expected, 1) * torch.log_softmax(expected, 1)).sum(1).mean()
    assert loss.item() == pytest.approx(entropy.item(), rel=1e-4)
    network.origin = network.origin._replace(classes=1000)
    with pytest.raises(InputError, match="knows 1000 classes, not 10"):
        student(small, machine, Path(), teacher="timm/test_resnet.r160_in1k")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("study", "the study has no teacher"),
        ("resnet56", "unknown teacher 'resnet56'"),
        ("missing.safetensors", "missing.safetensors: cannot be read"),
        ("torn.safetensors", "torn.safetensors cannot be read"),
        ("foreign.safetensors", "was not written by trickbag"),
        ("timm/resnet9999", "unknown timm model 'resnet9999'"),
    ],
)
def test_wrong_teachers_are_one_clear_line(
    small: Recipe, machine: Machine, tmp_path: Path, spec: str, message: str
) -> None:
    (tmp_path / "torn.safetensors").write_bytes(b"torn")
    save_file({"w": torch.zeros(2)}, tmp_path / "foreign.safetensors")
    with pytest.raises(InputError, match=message) as caught:
        student(small, machine, tmp_path, teacher=spec)
    assert "\n" not in str(caught.value)
