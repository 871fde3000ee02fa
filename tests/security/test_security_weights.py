"""Checkpoints and teachers' weights may come from anyone: they bring no code along."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from hostile import OWN_CODE, Touch
from safetensors.torch import save_file

from trickbag.errors import InputError
from trickbag.recipe import Machine, Recipe, apply
from trickbag.train import build_session, resolve
from trickbag.train.checkpoint import load_checkpoint


def hostile_weights(kind: str, path: Path, marker: Path) -> None:
    """A file of weights that would make another file where it were unpickled, or asks for code."""
    match kind:
        case "pickle":
            path.write_bytes(pickle.dumps({"version": 2, "model": Touch(marker)}))
        case "torch":
            torch.save({"version": 2, "model": Touch(marker)}, path)
        case "list":
            torch.save([1, 2], path)
        case "strange":
            torch.save({"version": 2, "fingerprint": "?", "seed": 1}, path)


@pytest.mark.parametrize("kind", ["pickle", "torch", "list", "strange"])
def test_a_hostile_checkpoint_is_one_line_and_runs_nothing(
    small: Recipe, machine: Machine, tmp_path: Path, kind: str
) -> None:
    hostile_weights(kind, tmp_path / "checkpoint.pt", tmp_path / "ran")
    session = build_session(resolve(small, machine), 1, machine)
    with pytest.raises(InputError, match=r"checkpoint.*remove it to start afresh") as caught:
        load_checkpoint(session, tmp_path / "checkpoint.pt")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


ABOUT = {
    "model": '{"name": "resnet"}', "classes": json.dumps([str(i) for i in range(10)]), "in_channels": "1",
    "mean": "[1.0]", "sd": "[1.0]",
}  # fmt: skip


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"model": '{"name": "hostile.py:Net"}'}, "asks for code, hostile.py:Net"),
        ({"model": '{"name": "os:system"}'}, "asks for code, os:system"),
        ({"model": '{"name": "resnet", "width": "wide"}'}, "does not fit what it says of itself"),
        ({"model": "[" * 9000}, "does not fit what it says of itself"),
        ({"classes": "{"}, "does not fit what it says of itself"),
        ({"in_channels": "many"}, "does not fit what it says of itself"),
        ({}, "does not fit what it says of itself"),
    ],
)
def test_a_teacher_from_a_file_brings_no_code_along(
    small: Recipe, machine: Machine, tmp_path: Path, about: dict[str, str], message: str
) -> None:
    """safetensors holds no code, but trickbag's own notes in it say how to build the network."""
    (tmp_path / "hostile.py").write_text(OWN_CODE.format(str(tmp_path / "ran")))
    save_file({"w": torch.zeros(2)}, tmp_path / "t.safetensors", metadata=ABOUT | about)
    recipe = apply(small, {"loss.distillation": {"teacher": "t.safetensors"}})
    with pytest.raises(InputError, match=message) as caught:
        build_session(resolve(recipe, machine, tmp_path), 1, machine)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("teacher", ["../t.safetensors", "/t.safetensors", "runs/../../t.safetensors"])
def test_a_teacher_lies_beside_the_study(
    small: Recipe, machine: Machine, tmp_path: Path, teacher: str
) -> None:
    recipe = apply(small, {"loss.distillation": {"teacher": teacher}})
    with pytest.raises(InputError, match="lies beside the study"):
        build_session(resolve(recipe, machine, tmp_path), 1, machine)
