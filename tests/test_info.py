"""`trickbag data info`: numbers against numpy and PIL, and a contact sheet of exactly what a run feeds its network."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from trickbag.cli import contact_sheet
from trickbag.cli.main import app
from trickbag.recipe import Machine, Recipe, apply
from trickbag.train import appearances, build_session, epoch_order, resolve, train, typical_images


def run(*words: str | Path, code: int = 0) -> str:
    """What the command prints; on stderr for wrong input."""
    done = CliRunner().invoke(app, ["data", "info", *map(str, words)])
    assert done.exit_code == code, done.output
    return done.stderr if code == 2 else done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of random images of several sizes: 6 cats, 2 dogs; one cat to test with."""
    rng, root = np.random.default_rng(0), tmp_path_factory.mktemp("folder")
    sizes = [(40, 30), (40, 30), (40, 30), (20, 50), (64, 48), (33, 35)]
    for home, chosen in (("train/cat", sizes), ("train/dog", sizes[:2]), ("test/cat", sizes[5:])):
        (root / home).mkdir(parents=True)
        for i, (width, height) in enumerate(chosen):
            pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / home / f"{i}.{'JPG' if i == 1 else 'png'}")
    return root


def size_of(path: Path) -> tuple[int, int]:
    """Width and height by PIL."""
    with Image.open(path) as image:
        return image.size


def test_numbers_of_a_folder(folder: Path, tmp_path: Path) -> None:
    words = ("folder", "resize=30", "--root", folder, f"machine.cache={tmp_path}")
    shown = json.loads(run(*words, "--json"))
    files = sorted((folder / "train").glob("*/*"))
    assert shown["classes"] == ["cat", "dog"]
    assert (shown["train"]["counts"], shown["test"]["counts"]) == ([6, 2], [1, 0])
    assert shown["imbalance"] == 3
    assert shown["train"]["bytes"] == sum(path.stat().st_size for path in files)
    assert shown["train"]["endings"] == {".png": 6, ".jpg": 2}
    sizes = np.array([size_of(path) for path in files])
    assert shown["train"]["sizes"] == {
        "smallest": sizes.min(0).tolist(),
        "median": np.median(sizes, axis=0).tolist(),
        "largest": sizes.max(0).tolist(),
        "common": [40, 30],
        "share": 5 / 8,
    }
    assert shown["train"]["decoded"] == 8 * 3 * 30 * 30
    assert shown["picture"] is None
    printed = run(*words)
    assert "20 … 64, median 40" in printed
    assert "40×30 (62%)" in printed
    assert "imbalance: 3.00" in printed
    assert "decoded, 30×30" in printed


def test_mean_and_sd_are_those_of_the_pixels(tmp_path: Path) -> None:
    """Images of the one size that they have: nothing is resized, so numpy has the very same pixels."""
    rng, values = np.random.default_rng(1), []
    for name in ("a", "b"):
        (tmp_path / "x" / name).mkdir(parents=True)
        for i in range(3):
            values.append(rng.integers(0, 200, (12, 16, 3), dtype=np.uint8))
            Image.fromarray(values[-1]).save(tmp_path / "x" / name / f"{i}.png")
    words = ("folder", "--root", tmp_path / "x", f"machine.cache={tmp_path / 'cache'}")
    shown = json.loads(run(*words, "--json"))
    np.testing.assert_allclose(shown["mean"], np.mean(values, axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(shown["sd"], np.std(values, axis=(0, 1, 2)), rtol=1e-12)
    mean = np.mean(values, axis=(0, 1, 2)) / 255
    assert ", ".join(f"{value:.4f}" for value in mean) in run(*words)


def test_a_bad_file_leaves_the_rest_of_the_numbers(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "x" / name).mkdir(parents=True)
        for i in range(2):
            Image.new("RGB", (9, 9)).save(tmp_path / "x" / name / f"{i}.png")
    (tmp_path / "x" / "b" / "1.png").write_text("none")
    printed = run("folder", "--root", tmp_path / "x", f"machine.cache={tmp_path / 'cache'}")
    assert "no mean and standard deviation: " in printed
    assert "b/1.png: the image cannot be read" in printed


@pytest.mark.parametrize(
    "patch",
    [
        {"sample.pad_crop": {"padding": 2}, "sample.trivial_augment": {}},
        {"sample.pad_crop": {"padding": 2}, "batch.mixup": {"alpha": 1.0}},
        {"order.repeated_augmentation": {"repeats": 3}, "sample.random_erasing": {"p": 0.5}},
    ],
)
def test_what_is_shown_is_what_the_network_sees(small: Recipe, machine: Machine, patch: dict) -> None:
    """Against the inputs of the network itself, in a real run with the same seed."""
    recipe = apply(small, {"budget.epochs": 3, **patch})
    resolved = resolve(recipe, machine)
    session = build_session(resolved, 1, machine)
    order = torch.cat([epoch_order(session, epoch) for epoch in range(3)])
    inputs = []
    session.model.register_forward_pre_hook(
        lambda model, given: inputs.append(given[0].clone()) if model.training else None
    )
    train(session)
    assert len(inputs) == len(order)
    looking = build_session(resolved, 1, machine)
    ids = typical_images(looking, 4)
    assert len(ids) == len(set(ids)) == 4
    for i, row in zip(ids, appearances(looking, ids, 2), strict=True):
        places = ((order % 2**40) == i).nonzero().tolist()[:2]  # copies of an image have numbers beyond 2^40
        assert len(row) == len(places) > 0
        for look, (step, place) in zip(row, places, strict=True):
            x = inputs[step][place] * looking.store.sd[0] + looking.store.mean[0]
            assert (x - look.pixels).abs().max() <= 0.51  # rounded to whole grey levels
            assert look.epoch == step // resolved.steps_per_epoch
            assert look.shares.sum() == pytest.approx(1)


def find(sheet: np.ndarray, tile: np.ndarray) -> bool:
    """Whether a picture has this part somewhere in its first column of images."""
    height, width = tile.shape[:2]
    column = sheet[:, contact_sheet.MARGIN : contact_sheet.MARGIN + width]
    return any(np.array_equal(column[y : y + height], tile) for y in range(len(column) - height + 1))


def test_contact_sheet_of_a_recipe_and_tricks(small: Recipe, machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(small.yaml())
    out = tmp_path / "sheet.png"
    words = ("digits", tmp_path / "mine.yaml", f"machine.cache={machine.cache}", "--out", out)
    assert f"contact sheet: {out}" in run(*words)
    with Image.open(out) as image:
        alone = np.asarray(image)
        assert image.format == "PNG"
        assert "digits" in image.text["Description"]
    session = build_session(resolve(small, machine), 1, machine)
    side = contact_sheet.TILE // 8
    for i in typical_images(session, 5):
        plain = session.resolved.images.train_images[i, 0].numpy()
        assert find(alone, np.kron(plain, np.ones((side, side), np.uint8))[:, :, None].repeat(3, 2))
    shown = json.loads(run(*words, "--tricks", "mixup,cutmix+random_erasing", "--json"))
    assert shown["picture"] == str(out)
    with Image.open(out) as image:
        assert image.width == alone.shape[1]
        assert image.height > alone.shape[0]


def test_the_picture_has_a_name_of_its_own(
    small: Recipe, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yml").write_text(small.yaml())
    run("digits", "mine.yml", f"machine.cache={machine.cache}", "sample.flip={p: 0.5}")
    assert [path.name for path in tmp_path.glob("*.png")] == ["digits_mine.png"]


def test_tiles_keep_shape_and_pixels() -> None:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (32, 20, 3), dtype=np.uint8)
    times = contact_sheet.TILE // 32
    whole = np.kron(small, np.ones((times, times, 1), np.uint8))
    assert np.array_equal(np.asarray(contact_sheet.fitted(small)), whole)
    large = rng.integers(0, 256, (100, 400, 1), dtype=np.uint8)
    assert contact_sheet.fitted(large).size == (contact_sheet.TILE, contact_sheet.TILE // 4)
    assert contact_sheet.fitted(np.zeros((1, 5000, 3), np.uint8)).size == (contact_sheet.TILE, 1)


def test_a_data_set_smaller_than_the_batch_is_shown(small: Recipe, machine: Machine, tmp_path: Path) -> None:
    """Nothing is trained, so that a batch is never full is no reason to refuse."""
    (tmp_path / "mine.yaml").write_text(apply(small, {"data.limit": 40, "budget.batch_size": 64}).yaml())
    words = (
        "digits",
        tmp_path / "mine.yaml",
        f"machine.cache={machine.cache}",
        "--out",
        tmp_path / "sheet.png",
    )
    run(*words)
    assert size_of(tmp_path / "sheet.png")[0] > 3 * contact_sheet.TILE  # plain, and two epochs


def test_a_caption_of_two_lines_has_room_for_both() -> None:
    def height(caption: str) -> int:
        tile = contact_sheet.Tile(np.zeros((8, 8, 3), np.uint8), caption)
        return contact_sheet.draw_sheet("", "", [contact_sheet.Block("", "", [""], [[tile]])]).height

    line = height("60% sunflower") - height("")
    assert line > contact_sheet.SMALL
    assert height("60% sunflower\n40% daisy") == height("") + 2 * line


@pytest.mark.parametrize("text", ["crème brûlée · 12 …", "猫", "x" * 500, "", "a\nb"])
def test_any_text_can_be_drawn(text: str) -> None:
    tile = contact_sheet.Tile(np.zeros((8, 8, 3), np.uint8), text)
    blank = contact_sheet.Tile(None)
    sheet = contact_sheet.draw_sheet(
        text, text, [contact_sheet.Block(text, text, [text, text], [[tile, blank]])]
    )
    assert sheet.width == 2 * (contact_sheet.MARGIN + contact_sheet.TILE) + contact_sheet.GAP


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("digitz",), "did you mean 'digits'?"),
        (("digits", "digits_bseline"), "unknown recipe 'digits_bseline'; did you mean 'digits_baseline'?"),
        (("digits", "digits_baseline", "other"), "'other': one recipe at most"),
        (("digits", "--out", "x.png"), "name a RECIPE"),
        (("digits", "digits_baseline", "--out", "x.jpg"), "ends in .png"),
        (("digits", "digits_baseline", "--out", "nowhere/x.png"), "there is no folder nowhere"),
        (("digits", "digits_baseline", "--tricks", "cosine"), "cosine: changes no image"),
        (("digits", "digits_baseline", "--tricks", "mixxup"), "did you mean 'mixup'?"),
        (("digits", "digits_baseline", "sample.flop={}"), "did you mean 'flip'?"),
        (("digits", "digits_baseline", "budgt.epochs=3"), "did you mean 'budget'?"),
        (("folder", "--root", "nowhere"), "nowhere is not a folder"),
    ],
)
def test_wrong_input_is_one_line(
    words: tuple[str, ...], message: str, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = run(*words, f"machine.cache={machine.cache}", code=2)
    assert message in line
    assert line.count("\n") == 1
    assert not list(tmp_path.iterdir())
